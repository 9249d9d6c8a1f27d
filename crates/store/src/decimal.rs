//! Decimal texts as mantissas of a given exponent, exactly or not at all.

/// Why a text has no mantissa of the wanted exponent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecimalError {
    /// No decimal number.
    #[error("not a decimal number")]
    Malformed,
    /// It has more decimals than fit.
    #[error("more decimals than fit")]
    TooPrecise,
    /// It does not fit in as many bits as there are.
    #[error("too large")]
    TooLarge,
}

/// Reads `-?digits[.digits][e±digits]` as a whole number of tens to the `exponent`.
///
/// # Errors
/// See [`DecimalError`].
pub fn mantissa(text: &str, exponent: i8) -> Result<i64, DecimalError> {
    i64::try_from(wide_mantissa(text, exponent)?).map_err(|_| DecimalError::TooLarge)
}

/// The same in 128 bits, for sums and for money of many decimals.
///
/// # Errors
/// See [`DecimalError`].
pub fn wide_mantissa(text: &str, exponent: i8) -> Result<i128, DecimalError> {
    let bytes = text.as_bytes();
    let (is_negative, mut rest) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    let (mut value, mut decimals, mut is_fraction) = (0_i128, 0_i32, false);
    while let [byte, tail @ ..] = rest {
        match byte {
            b'0'..=b'9' => {
                // Longer texts are noise of some program.
                let longer =
                    value.checked_mul(10).and_then(|v| v.checked_add((byte - b'0').into()));
                value = longer.ok_or(DecimalError::TooPrecise)?;
                decimals += i32::from(is_fraction);
                rest = tail;
            }
            b'.' if !is_fraction => {
                is_fraction = true;
                rest = tail;
            }
            b'e' | b'E' => break,
            _ => return Err(DecimalError::Malformed),
        }
    }
    let is_number = bytes.iter().any(u8::is_ascii_digit);
    if !is_number || bytes.first().is_none_or(|first| matches!(first, b'e' | b'E')) {
        return Err(DecimalError::Malformed);
    }
    let ten_power = match rest {
        [] => 0,
        [_, power @ ..] => std::str::from_utf8(power)
            .ok()
            .and_then(|power| power.parse::<i32>().ok())
            .filter(|power| power.abs() < 100)
            .ok_or(DecimalError::Malformed)?,
    };
    let shift = ten_power - decimals - i32::from(exponent);
    let value = if value == 0 { 0 } else { shifted(value, shift)? };
    Ok(if is_negative { -value } else { value })
}

fn shifted(mut value: i128, shift: i32) -> Result<i128, DecimalError> {
    for _ in shift..0 {
        if value % 10 != 0 {
            return Err(DecimalError::TooPrecise);
        }
        value /= 10;
    }
    for _ in 0..shift {
        value = value.checked_mul(10).ok_or(DecimalError::TooLarge)?;
    }
    Ok(value)
}

/// A mantissa as a text without an exponent, without zeros at its end.
#[must_use]
pub fn text(mantissa: i64, exponent: i8) -> String {
    wide_text(mantissa.into(), exponent)
}

/// The same of 128 bits.
#[must_use]
pub fn wide_text(mantissa: i128, exponent: i8) -> String {
    let decimals = usize::from(exponent.min(0).unsigned_abs());
    let zeros = "0".repeat(usize::from(exponent.max(0).unsigned_abs()));
    let digits = format!("{:0width$}{zeros}", mantissa.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let sign = if mantissa < 0 { "-" } else { "" };
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_mantissas_exactly_or_not_at_all() {
        #[track_caller]
        fn check(given: &str, exponent: i8, expected: Result<i64, DecimalError>) {
            assert_eq!(mantissa(given, exponent), expected, "{given} at {exponent}");
        }
        use DecimalError::{Malformed, TooLarge, TooPrecise};
        check("61837.63000000", -8, Ok(6_183_763_000_000));
        check("61837.63000000", -2, Ok(6_183_763));
        check("61837.63", -1, Err(TooPrecise));
        check("0.00000000000", 3, Ok(0));
        check("12000", 3, Ok(12));
        check("1e-05", -8, Ok(1_000));
        check("1.5E3", 0, Ok(1_500));
        check("-7", -2, Ok(-700));
        check("92233720368.54775807", -8, Ok(i64::MAX));
        check("92233720368.54775808", -8, Err(TooLarge));
        check("922337203685.4775808", -8, Err(TooLarge));
        check("922337203685.4775808", -4, Err(TooPrecise));
        check("00000000000000000000000000000000000000000001", 0, Ok(1));
        check("1000000000000000000000000000000000000001", 0, Err(TooPrecise));
        for wrong in ["", "-", ".", "e5", "1e", "1e+", "1.2.3", "NaN", "+1", "1 ", "1,2", "1e999"] {
            check(wrong, -8, Err(Malformed));
        }
    }

    #[test]
    fn mantissas_become_the_shortest_texts() {
        #[track_caller]
        fn check(mantissa: i64, exponent: i8, expected: &str) {
            assert_eq!(text(mantissa, exponent), expected);
            assert_eq!(super::mantissa(expected, exponent), Ok(mantissa));
        }
        check(6_183_763_000_000, -8, "61837.63");
        check(-1, -8, "-0.00000001");
        check(0, -8, "0");
        check(12, 3, "12000");
        check(700, -2, "7");
        let sum = i128::from(i64::MAX) * 1_000;
        assert_eq!(wide_text(sum, -8), "92233720368547.75807");
        assert_eq!(wide_mantissa("92233720368547.75807", -8), Ok(sum));
        assert_eq!(wide_mantissa("-92233720368547.75807", -8), Ok(-sum));
    }
}
