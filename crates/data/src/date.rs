//! Dates and times of day in UTC.

use model::Timestamp;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar, after Howard Hinnant's
/// "chrono-compatible low-level date algorithms", `days_from_civil`.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The days of a month.
#[must_use]
pub const fn days_in_month(year: i64, month: i64) -> i64 {
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_from_civil(next_year, next, 1) - days_from_civil(year, month, 1)
}

/// Midnight of a date; `None` for one that no calendar has.
#[must_use]
pub const fn midnight(year: i64, month: i64, day: i64) -> Option<Timestamp> {
    let is_year = year >= 1678 && year <= 2261;
    if !is_year || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    Some(Timestamp::from_secs(days_from_civil(year, month, day) * 86_400))
}

/// Reads `2024-08-08`, `2024-08-08T23:54`, `2024-08-08 23:54:13.937Z` and the like, in UTC.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00")).unwrap_or(text);
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let number = |part: &str, digits: usize| -> Option<i64> {
        let is_number = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse().ok()).flatten()
    };
    let mut parts = date.split('-');
    let mut next = |digits| number(parts.next()?, digits);
    let midnight = midnight(next(4)?, next(2)?, next(2)?)?;
    if parts.next().is_some() {
        return None;
    }
    let Some(time) = time else { return Some(midnight) };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = time.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |second| number(second, 2))?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 || fraction.len() > 9 {
        return None;
    }
    let nanos = number(&format!("{fraction:0<9}"), 9)?;
    let secs = hour * 3_600 + minute * 60 + second;
    Some(Timestamp::from_nanos(midnight.as_nanos() + secs * NANOS_PER_SECOND + nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_they_are_printed() {
        for day in (-100_000..100_000).step_by(37) {
            let instant = Timestamp::from_secs(day * 86_400 + 3_723);
            assert_eq!(parse(&instant.to_string()), Some(instant));
        }
    }

    #[test]
    fn dates_have_forms() {
        #[track_caller]
        fn check(text: &str, expected: Option<&str>) {
            let found = parse(text).map(|instant| instant.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
        check("2024-02-29", Some("2024-02-29T00:00:00.000000Z"));
        check("2024-08-08T23:54", Some("2024-08-08T23:54:00.000000Z"));
        check("2024-08-08 23:54:13.5+00:00", Some("2024-08-08T23:54:13.500000Z"));
        for wrong in ["2023-02-29", "2024-13-01", "2024-8-8", "24-08-08", "2024-08-08T24:00", ""] {
            check(wrong, None);
        }
        check("2024-08-08T1:00", None);
        check("2024-08-08-01", None);
    }
}
