//! A request and its response.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use hyper::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// One HTTP request.
///
/// Its `Debug` form leaves out the query, the headers' values and the body: they may hold keys and
/// signatures.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// An `http` or `https` URL. It goes out byte for byte as given, so its path and query must be
    /// percent-encoded.
    pub url: String,
    /// Headers besides `Host` and `Content-Length`, which are set for you.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
    /// For all of it, from waiting for a free connection to the last byte of the response's body;
    /// the client's default if `None`.
    pub timeout: Option<Duration>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: None,
        }
    }

    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::GET, url)
    }

    /// With this header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With this body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// With this much time for all of it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.split_once('?').map_or(self.url.as_str(), |(path, _)| path);
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &url)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_bytes", &self.body.len())
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// A whole HTTP response. Any status is a response, not an error.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let request = Request::get("https://a.b/api?apiKey=hidden1&signature=hidden2")
            .header(HeaderName::from_static("x-key"), HeaderValue::from_static("hidden3"))
            .body("hidden4");
        let shown = format!("{request:?}");
        assert!(shown.contains("https://a.b/api") && shown.contains("x-key"), "{shown}");
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
