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

/// Reads an instant: `2024-08-08`, `2024-08-08T23:54:14`, the same with a fraction, in UTC or with
/// its offset (`Z`, `+02:00`), or a unix time in milliseconds.
///
/// # Errors
/// A sentence for the user.
pub fn instant(text: &str) -> Result<model::Timestamp, String> {
    let refuse = || "expected a UTC date such as 2024-08-08 or 2024-08-08T23:54:14".to_owned();
    if text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() > 8 {
        return text.parse().map(model::Timestamp::from_millis).map_err(|_| refuse());
    }
    let (date, time, ahead) = match text.split_once(['T', ' ']) {
        Some((date, time)) => {
            let (time, ahead) = offset_of(time).ok_or_else(refuse)?;
            (date, time, ahead)
        }
        None => (text, "00:00:00", 0),
    };
    let days = days_of(date).ok_or_else(refuse)?;
    let nanos = nanos_of(time).ok_or_else(refuse)?;
    Ok(model::Timestamp::from_nanos(days * 86_400_000_000_000 + nanos - ahead))
}

/// A time without its offset, and how many nanoseconds the offset is ahead of UTC.
fn offset_of(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some((time, 0));
    }
    let Some(at) = time.find(['+', '-']) else { return Some((time, 0)) };
    let (hours, minutes) = time[at + 1..].split_once(':')?;
    let two = |text: &str| {
        let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|_| is_two)
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    let ahead = (hours * 60 + minutes) * 60_000_000_000;
    Some((&time[..at], if time[at..].starts_with('-') { -ahead } else { ahead }))
}

/// Reads the name of a report's file.
///
/// # Errors
/// A sentence for the user.
pub fn report_file(text: &str) -> Result<std::path::PathBuf, String> {
    let path = std::path::PathBuf::from(text);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "htm" | "json") => Ok(path),
        Some(_) | None => Err("expected a name that ends in .html or .json".to_owned()),
    }
}

/// Days since the epoch of `year-month-day`, after Howard Hinnant's "chrono-compatible low-level
/// date algorithms", `days_from_civil`.
fn days_of(date: &str) -> Option<i64> {
    let mut parts = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(is_leap),
        _ => 31,
    };
    let fits = (1970..2262).contains(&year) && (1..=12).contains(&month);
    if parts.next().is_some() || !fits || !(1..=length).contains(&day) {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(year / 400 * 146_097 + day_of_era - 719_468)
}

/// Nanoseconds since midnight of `hour:minute[:second[.fraction]]`.
fn nanos_of(time: &str) -> Option<i64> {
    let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = whole.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    let fits = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    if parts.next().is_some() || !fits || fraction.len() > 9 {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<9}").parse().ok()?;
    Some((hour * 3_600 + minute * 60 + second) * 1_000_000_000 + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_utc() {
        #[track_caller]
        fn check(text: &str, expected: Option<&str>) {
            let actual = instant(text).ok().map(|instant| instant.to_string());
            assert_eq!(actual.as_deref(), expected, "{text}");
        }
        check("2024-08-08", Some("2024-08-08T00:00:00.000000Z"));
        check("1970-01-01", Some("1970-01-01T00:00:00.000000Z"));
        check("2024-02-29T23:59:59.5Z", Some("2024-02-29T23:59:59.500000Z"));
        check("2000-03-01 07:30", Some("2000-03-01T07:30:00.000000Z"));
        check("2024-01-01T02:00:00+02:00", Some("2024-01-01T00:00:00.000000Z"));
        check("2023-12-31 20:30:00.5-03:30", Some("2024-01-01T00:00:00.500000Z"));
        check("1723161253937", Some("2024-08-08T23:54:13.937000Z"));
        for wrong in [
            "",
            "2023-02-29",
            "2024-13-01",
            "2024-1",
            "2024-01-01T25:00",
            "tomorrow",
            "-5",
            "2024-01-01T00:00+2",
            "2024-01-01T00:00+15:00",
        ] {
            check(wrong, None);
        }
    }

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
