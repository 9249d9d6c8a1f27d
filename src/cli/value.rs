//! Values that several commands take.

use std::time::Duration;

use crate::config::Endpoint;

/// Reads `250ms`, `2s` or `1m`.
///
/// # Errors
/// A sentence for the user.
pub fn duration(text: &str) -> Result<Duration, String> {
    let refuse = || "expected a number and its unit, such as 250ms, 2s or 1m".to_owned();
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
    let number: u64 = text[..unit_at].parse().map_err(|_| refuse())?;
    let millis = match &text[unit_at..] {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        _ => None,
    };
    millis.map(Duration::from_millis).ok_or_else(refuse)
}

/// The same, above zero.
///
/// # Errors
/// A sentence for the user.
pub fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("expected more than 0".to_owned()),
        duration => Ok(duration),
    }
}

/// An exchange by name or by address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointArg {
    /// One that the configuration knows too.
    Named(Endpoint),
    /// A REST base without a slash at its end.
    Url(String),
}

/// Reads an exchange's name or URL.
///
/// # Errors
/// A sentence for the user.
pub fn endpoint(text: &str) -> Result<EndpointArg, String> {
    if text.contains("://") {
        let url = url::Url::parse(text).map_err(|error| error.to_string())?;
        return match url.scheme() {
            "http" | "https" => Ok(EndpointArg::Url(text.trim_end_matches('/').to_owned())),
            other => Err(format!("expected http:// or https://, found {other}://")),
        };
    }
    let named = match text {
        "sim" => Endpoint::Sim,
        "binance-live" => Endpoint::BinanceLive,
        "binance-testnet" => Endpoint::BinanceTestnet,
        "binance-demo" => Endpoint::BinanceDemo,
        _ => {
            let names = "sim, binance-live, binance-testnet, binance-demo or a URL";
            return Err(format!("expected {names}"));
        }
    };
    Ok(EndpointArg::Named(named))
}

/// Reads a symbol in the venue's spelling; small letters are forgiven.
///
/// # Errors
/// A sentence for the user.
pub fn symbol(text: &str) -> Result<model::Symbol, String> {
    model::Symbol::new(&text.to_ascii_uppercase()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        #[track_caller]
        fn check(text: &str, expected: Option<u64>) {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_millis), "{text}");
        }
        check("250ms", Some(250));
        check("2s", Some(2_000));
        check("1m", Some(60_000));
        check("0s", Some(0));
        for wrong in ["", "5", "s", "-1s", "1.5s", "1h", "99999999999999999999s", "1 s"] {
            check(wrong, None);
        }
        assert!(positive_duration("0ms").is_err());
    }

    #[test]
    fn endpoints_are_names_or_urls() {
        #[track_caller]
        fn check(text: &str, expected: Option<EndpointArg>) {
            assert_eq!(endpoint(text).ok(), expected, "{text}");
        }
        check("sim", Some(EndpointArg::Named(Endpoint::Sim)));
        check("binance-demo", Some(EndpointArg::Named(Endpoint::BinanceDemo)));
        let url = "http://127.0.0.1:8081";
        check(&format!("{url}/"), Some(EndpointArg::Url(url.to_owned())));
        check("ws://127.0.0.1:8081", None);
        check("custom", None);
        check("binance", None);
    }
}
