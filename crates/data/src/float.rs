//! Exact numbers as floats: for statistics and pictures only.

/// A mantissa as a float, for statistics and pictures only.
#[must_use]
pub fn float(mantissa: i64, exponent: i8) -> f64 {
    // One division or multiplication by an exact power rounds once.
    let power = 10_f64.powi(i32::from(exponent.unsigned_abs()));
    if exponent < 0 { mantissa as f64 / power } else { mantissa as f64 * power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_the_nearest() {
        assert_eq!(float(6_183_763_000_000, -8), 61_837.63);
        assert_eq!(float(12, 3), 12_000.0);
    }
}
