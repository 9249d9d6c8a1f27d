//! What we read off a URL. It is kept byte for byte as given ([`Uri`] normalises nothing): a signed
//! query must go out exactly as it was signed.

use hyper::http::Uri;

use crate::{ConnectError, Target};

/// Whether the stream is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Security {
    Plain,
    Tls,
}

/// Scheme and authority of a URL, understood.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    pub(crate) security: Security,
    pub(crate) target: Target,
}

impl Origin {
    /// Of an `http` or `https` URL.
    pub(crate) fn of_http(uri: &Uri) -> Result<Self, ConnectError> {
        Self::of(uri, "http", "https")
    }

    /// Of a `ws` or `wss` URL.
    pub(crate) fn of_websocket(uri: &Uri) -> Result<Self, ConnectError> {
        Self::of(uri, "ws", "wss")
    }

    fn of(uri: &Uri, plain: &str, secure: &str) -> Result<Self, ConnectError> {
        let unusable = |reason: String| ConnectError::InvalidUrl { reason };
        let security = match uri.scheme_str() {
            Some(scheme) if scheme == plain => Security::Plain,
            Some(scheme) if scheme == secure => Security::Tls,
            Some(other) => {
                return Err(unusable(format!("scheme {other}, expected {plain} or {secure}")));
            }
            None => return Err(unusable(format!("no scheme, expected {plain} or {secure}"))),
        };
        let authority = uri.authority().ok_or_else(|| unusable("no host".to_owned()))?;
        if authority.as_str().contains('@') {
            return Err(unusable("user names and passwords do not belong in a URL".to_owned()));
        }
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(unusable("no host".to_owned()));
        }
        let written_port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        let port = match (authority.port_u16(), security) {
            (Some(0), _) => return Err(unusable("port 0".to_owned())),
            (Some(port), _) => port,
            (None, _) if !written_port.is_empty() => {
                return Err(unusable(format!("port {written_port:?}")));
            }
            (None, Security::Plain) => 80,
            (None, Security::Tls) => 443,
        };
        Ok(Self { security, target: Target { host: host.to_owned(), port } })
    }
}

/// Reads a URL's text. What is not ASCII is refused, not encoded: the caller has signed something.
pub(crate) fn parse(text: &str) -> Result<Uri, ConnectError> {
    let unusable = |reason: String| ConnectError::InvalidUrl { reason };
    if !text.is_ascii() {
        return Err(unusable("it is not percent-encoded".to_owned()));
    }
    text.parse::<Uri>().map_err(|error| unusable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(label: &str, url: &str, expected: Result<(Security, &str, u16), &str>) {
        let origin = parse(url).and_then(|uri| Origin::of_http(&uri));
        match (origin, expected) {
            (Ok(origin), Ok((security, host, port))) => {
                let target = Target { host: host.to_owned(), port };
                assert_eq!(origin, Origin { security, target }, "{label}");
            }
            (Err(error), Err(part)) => {
                assert!(error.to_string().contains(part), "{label}: {error}");
            }
            (origin, expected) => panic!("{label}: {origin:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn origins_of_urls() {
        use Security::{Plain, Tls};
        check("default port", "http://a.b/x?y=1", Ok((Plain, "a.b", 80)));
        check("default TLS port", "https://a.b", Ok((Tls, "a.b", 443)));
        check("written port", "https://a.b:8443/", Ok((Tls, "a.b", 8443)));
        check("IPv6", "http://[::1]:81/", Ok((Plain, "::1", 81)));
        check("IPv6, default port", "http://[::1]/", Ok((Plain, "::1", 80)));
        check("another scheme", "ftp://a.b/", Err("scheme ftp"));
        check("websocket scheme", "wss://a.b/", Err("scheme wss"));
        check("no scheme", "/api/v3/time", Err("no scheme"));
        check("user info", "http://key:secret@a.b/", Err("user names"));
        check("port too large", "http://a.b:70000/", Err("port"));
        check("port 0", "http://a.b:0/", Err("port 0"));
        check("a space", "http://a.b/x y", Err("invalid"));
        check("not ASCII", "http://a.b/币", Err("percent-encoded"));
        check("empty", "", Err("empty"));
    }

    #[test]
    fn a_query_is_kept_byte_for_byte() {
        let uri = parse("http://a.b/api?symbol=%E5%B8%81USDT&x=a%2fb&list=[%22A%22]").unwrap();
        assert_eq!(uri.query(), Some("symbol=%E5%B8%81USDT&x=a%2fb&list=[%22A%22]"));
    }
}
