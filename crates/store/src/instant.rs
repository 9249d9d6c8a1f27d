//! Unix times as data files write them.

use model::Timestamp;

/// Reads a unix time in seconds (a fraction allowed), milliseconds, microseconds or nanoseconds.
/// Whole numbers are told apart by their size: up to eleven digits are seconds (till the year
/// 5138), up to fourteen milliseconds, up to seventeen microseconds.
#[must_use]
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain {
        let number: i64 = text.parse().ok()?;
        let unit = match text.trim_start_matches('0').len() {
            ..=11 => Timestamp::from_secs,
            12..=14 => Timestamp::from_millis,
            15..=17 => Timestamp::from_micros,
            18.. => Timestamp::from_nanos,
        };
        return Some(unit(number));
    }
    let (secs, fraction) = text.split_once('.')?;
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if secs.is_empty() || fraction.is_empty() || !is_number(secs) || !is_number(fraction) {
        return None;
    }
    let secs: i64 = secs.parse().ok()?;
    let nanos: i64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    secs.checked_mul(1_000_000_000)?.checked_add(nanos).map(Timestamp::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_told_by_their_digits() {
        #[track_caller]
        fn check(text: &str, nanos: Option<i64>) {
            assert_eq!(parse_instant(text).map(Timestamp::as_nanos), nanos, "{text}");
        }
        check("1723161253", Some(1_723_161_253_000_000_000));
        check("1723161253937", Some(1_723_161_253_937_000_000));
        check("1723161253937085", Some(1_723_161_253_937_085_000));
        check("1723161253937085768", Some(1_723_161_253_937_085_768));
        check("1502942400000", Some(1_502_942_400_000_000_000));
        check("1633998512.0633569", Some(1_633_998_512_063_356_900));
        check("1633998512.0633569123", Some(1_633_998_512_063_356_912));
        check("1633998512.3", Some(1_633_998_512_300_000_000));
        for text in ["", ".", "1.", ".5", "-1", "1e9", "1633998512.06x", "99999999999999999999"] {
            check(text, None);
        }
    }
}
