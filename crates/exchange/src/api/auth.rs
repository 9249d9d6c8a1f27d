//! Who asks, and whether the signature and the timestamp hold.

use std::time::Duration;

use model::Timestamp;
use rust_decimal::Decimal;

use super::error::ApiError;
use super::params::{Params, instant, is_plain_decimal};
use crate::keys;
use crate::machine::Exchange;

/// What an endpoint asks of its caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    /// Nothing.
    None,
    /// A signed request with a key that may trade.
    Trade,
    /// A signed request with any key.
    UserData,
}

/// Default of `recvWindow`, its maximum, and how far ahead a timestamp may be.
const RECV_WINDOW: Duration = Duration::from_millis(5_000);
const MAX_RECV_WINDOW: Decimal = Decimal::from_parts(60_000, 0, 0, false, 0);
const AHEAD: Duration = Duration::from_secs(1);
/// 2017-01-01: earlier timestamps are refused whatever the window.
const FIRST_TIMESTAMP: Timestamp = Timestamp::from_secs(1_483_228_800);

/// How a caller says who it is.
#[derive(Clone, Copy, Debug)]
pub enum Credential<'a> {
    /// A key and a signature over a payload.
    Signed {
        /// The key's name, if one was sent.
        api_key: Option<&'a str>,
        /// What was signed.
        payload: &'a str,
    },
    /// Nothing, on a connection where the key is a parameter.
    Missing,
    /// A logged-on session.
    Session {
        /// The key's name.
        api_key: &'a str,
    },
}

/// Checks a caller. Returns its account.
///
/// # Errors
/// -1102, -2014, -1131, -1021, -2015, -1022, in this order.
pub fn authorize(
    exchange: &Exchange,
    security: Security,
    credential: Credential<'_>,
    params: &Params,
    now: Timestamp,
) -> Result<u32, ApiError> {
    let (api_key, payload) = match credential {
        Credential::Signed { api_key, payload } => (api_key.unwrap_or(""), Some(payload)),
        Credential::Session { api_key } => (api_key, None),
        Credential::Missing => return Err(ApiError::mandatory("apiKey")),
    };
    if !keys::is_well_formed(api_key) {
        return Err(ApiError::bad_key_format());
    }
    let timestamp = params.integer("timestamp")?.ok_or_else(|| ApiError::mandatory("timestamp"))?;
    let signature = match payload {
        Some(_) => Some(params.required_text("signature")?),
        None => None,
    };
    check_time(instant(timestamp), recv_window(params)?, now)?;
    let (key, account) = exchange.key(api_key).ok_or_else(ApiError::key_rejected)?;
    if let (Some(payload), Some(signature)) = (payload, signature)
        && !key.verifies(payload, signature)
    {
        return Err(ApiError::bad_signature());
    }
    match security {
        Security::Trade if !key.permissions.trade => Err(ApiError::key_rejected()),
        Security::Trade | Security::UserData | Security::None => Ok(account),
    }
}

/// The venue looks at the clock once more before it hands a request to the matching engine.
///
/// # Errors
/// -1021; the request has been counted by then.
pub fn check_at_engine(params: &Params, now: Timestamp) -> Result<(), ApiError> {
    let sent_at = params.integer("timestamp")?.map_or(now, instant);
    if now.since(sent_at) > recv_window(params)? {
        return Err(ApiError::outside_recv_window_at_engine());
    }
    Ok(())
}

fn recv_window(params: &Params) -> Result<Duration, ApiError> {
    let Some(text) = params.text("recvWindow")? else { return Ok(RECV_WINDOW) };
    let legal = r"^([0-9]{1,5}|[0-9]{1,5}\.[0-9]{1,3})$";
    let window = Some(text)
        .filter(|text| is_plain_decimal(text, 5, 3))
        .and_then(|text| text.parse::<Decimal>().ok())
        .ok_or_else(|| ApiError::illegal_characters("recvWindow", legal))?;
    if window > MAX_RECV_WINDOW {
        return Err(ApiError::recv_window_too_large());
    }
    let micros = (window * Decimal::ONE_THOUSAND).trunc();
    Ok(Duration::from_micros(u64::try_from(micros).expect("60 s at most, not negative")))
}

fn check_time(timestamp: Timestamp, window: Duration, now: Timestamp) -> Result<(), ApiError> {
    if timestamp >= now.after(AHEAD) {
        return Err(ApiError::ahead_of_server());
    }
    if timestamp < FIRST_TIMESTAMP || now.since(timestamp) > window {
        return Err(ApiError::outside_recv_window());
    }
    Ok(())
}

/// What a REST request signs: query and body as received, without the signature, joined without
/// a separator.
#[must_use]
pub fn rest_payload(query: &str, body: &str) -> String {
    let mut payload = String::with_capacity(query.len() + body.len());
    for part in [query, body] {
        let start = payload.len();
        for pair in part.split('&').filter(|pair| !pair.starts_with("signature=")) {
            if payload.len() > start {
                payload.push('&');
            }
            payload.push_str(pair);
        }
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_is_query_and_body_without_the_signature() {
        #[track_caller]
        fn check(query: &str, body: &str, expected: &str) {
            assert_eq!(rest_payload(query, body), expected);
        }
        check("a=1&b=2&signature=xyz", "", "a=1&b=2");
        check("signature=xyz&a=1", "", "a=1");
        check("a=1&b=2", "c=3&signature=xyz", "a=1&b=2c=3");
        check("", "a=1&signature=xyz&b=2", "a=1&b=2");
        check("a=%EF%BC%91", "", "a=%EF%BC%91");
    }

    #[test]
    fn timestamps_hold_within_the_window() {
        #[track_caller]
        fn check(offset_ms: i64, code: Option<&str>) {
            let now = Timestamp::from_secs(1_800_000_000);
            let timestamp = Timestamp::from_millis(now.as_millis() + offset_ms);
            let result = check_time(timestamp, RECV_WINDOW, now);
            match code {
                None => assert_eq!(result, Ok(()), "{offset_ms}"),
                Some(words) => assert!(result.unwrap_err().msg.contains(words), "{offset_ms}"),
            }
        }
        check(0, None);
        check(-5_000, None);
        check(-5_001, Some("outside of the recvWindow"));
        check(999, None);
        check(1_000, Some("ahead of the server"));
        check(-1_799_999_999_000, Some("outside of the recvWindow"));
    }

    #[test]
    fn receive_windows_may_have_three_decimals_and_sixty_seconds() {
        #[track_caller]
        fn check(text: &str, expected: Result<Duration, i32>) {
            let params = Params::from_query_and_body(&format!("recvWindow={text}"), "").unwrap();
            assert_eq!(recv_window(&params).map_err(|error| error.code), expected, "{text}");
        }
        check("5000", Ok(Duration::from_secs(5)));
        check("0.5", Ok(Duration::from_micros(500)));
        check("6000.346", Ok(Duration::from_micros(6_000_346)));
        check("60000", Ok(Duration::from_secs(60)));
        check("60000.001", Err(-1131));
        check("1.2345", Err(-1100));
        check("-1", Err(-1100));
        check("5e3", Err(-1100));
        check("%2B5000", Err(-1100));
    }

    #[test]
    fn a_request_that_aged_on_its_way_to_the_engine_counts_and_is_refused() {
        let sent_at = Timestamp::from_secs(1_800_000_000);
        let text = format!("recvWindow=2000&timestamp={}", sent_at.as_millis());
        let params = Params::from_query_and_body(&text, "").unwrap();
        let check = |millis| check_at_engine(&params, sent_at.after(Duration::from_millis(millis)));
        assert_eq!(check(2_000), Ok(()));
        let refusal = check(2_001).unwrap_err();
        assert_eq!((refusal.code, refusal.counts_as_orders), (-1021, true));
    }
}
