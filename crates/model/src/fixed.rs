//! Fixed-point prices and quantities with eight decimals.
//!
//! The venue itself counts in units of 10⁻⁸, so every price and quantity it can send is exact
//! here, and an addition or comparison is one machine instruction.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::DecimalText;

const SCALE: u32 = 8;
const ONE: i64 = 100_000_000;

/// Why a text or a number is no valid price or quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FixedError {
    /// The text is empty or holds something other than an optional sign, digits and one point.
    #[error("not a decimal number")]
    Malformed,
    /// More than eight decimals, of which one past the eighth is not zero.
    #[error("more than eight decimals")]
    TooPrecise,
    /// The value does not fit in 64 bits at eight decimals (about ±92 billion).
    #[error("out of range")]
    OutOfRange,
}

/// Reads `-?digits[.digits]` into units of 10⁻⁸ without allocating.
fn parse_units(text: &[u8]) -> Result<i64, FixedError> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut units: i64 = 0;
    let mut decimals: Option<u32> = None;
    let mut seen_digit = false;
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                seen_digit = true;
                if let Some(count) = decimals.as_mut() {
                    if *count == SCALE {
                        if byte == b'0' {
                            continue;
                        }
                        return Err(FixedError::TooPrecise);
                    }
                    *count += 1;
                }
                units = units
                    .checked_mul(10)
                    .and_then(|shifted| shifted.checked_add(i64::from(byte - b'0')))
                    .ok_or(FixedError::OutOfRange)?;
            }
            b'.' if decimals.is_none() => decimals = Some(0),
            _ => return Err(FixedError::Malformed),
        }
    }
    if !seen_digit {
        return Err(FixedError::Malformed);
    }
    let missing = SCALE - decimals.unwrap_or(0);
    let units = units.checked_mul(10_i64.pow(missing)).ok_or(FixedError::OutOfRange)?;
    Ok(if negative { -units } else { units })
}

/// Units of 10⁻⁸ as text with all eight decimals, as the venue writes them.
fn units_text(units: i64) -> DecimalText {
    let (magnitude, one) = (units.unsigned_abs(), ONE.unsigned_abs());
    DecimalText::new(units < 0, magnitude / one, magnitude % one, SCALE as usize)
}

fn write_units(units: i64, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let text = units_text(units);
    let text = text.as_str();
    match out.precision() {
        Some(0) => out.write_str(&text[..text.len() - SCALE as usize - 1]),
        Some(decimals) if decimals < SCALE as usize => {
            out.write_str(&text[..text.len() - SCALE as usize + decimals])
        }
        Some(_) | None => out.write_str(text),
    }
}

/// Reads a text in place: order books are thousands of these, so nothing is allocated.
struct UnitsVisitor;

impl Visitor<'_> for UnitsVisitor {
    type Value = i64;
    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a decimal number in a string")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<i64, E> {
        parse_units(text.as_bytes()).map_err(E::custom)
    }
}

macro_rules! fixed {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(i64);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);
            /// The largest value that fits.
            pub const MAX: Self = Self(i64::MAX);
            /// One whole unit.
            pub const ONE: Self = Self(ONE);

            /// From a count of 10⁻⁸ units.
            #[must_use]
            pub const fn from_units(units: i64) -> Self {
                Self(units)
            }

            /// The count of 10⁻⁸ units.
            #[must_use]
            pub const fn units(self) -> i64 {
                self.0
            }

            /// Reads a decimal text such as `61837.63000000`.
            ///
            /// # Errors
            /// See [`FixedError`].
            pub fn parse(text: &[u8]) -> Result<Self, FixedError> {
                parse_units(text).map(Self)
            }

            /// From an exact decimal.
            ///
            /// # Errors
            /// [`FixedError::TooPrecise`] past eight decimals, [`FixedError::OutOfRange`] past 64 bits.
            pub fn from_decimal(value: Decimal) -> Result<Self, FixedError> {
                let value = if value.scale() > SCALE { value.normalize() } else { value };
                if value.scale() > SCALE {
                    return Err(FixedError::TooPrecise);
                }
                let shift = 10_i128.pow(SCALE - value.scale());
                value
                    .mantissa()
                    .checked_mul(shift)
                    .and_then(|units| i64::try_from(units).ok())
                    .map(Self)
                    .ok_or(FixedError::OutOfRange)
            }

            /// The nearest value to a float, for parameters and indicators only, never for money.
            /// `None` when it is not finite or out of range.
            #[must_use]
            pub fn from_f64_rounded(value: f64) -> Option<Self> {
                let units = (value * ONE as f64).round();
                (units.is_finite() && units.abs() < i64::MAX as f64).then_some(Self(units as i64))
            }

            /// As an exact decimal.
            #[must_use]
            pub fn to_decimal(self) -> Decimal {
                Decimal::from_i128_with_scale(i128::from(self.0), SCALE)
            }

            /// As text without zeros at its end: where more decimals than an asset has are refused,
            /// zeros included.
            #[must_use]
            pub fn to_plain_string(self) -> String {
                let text = units_text(self.0);
                text.as_str().trim_end_matches('0').trim_end_matches('.').to_owned()
            }

            /// As a float, for indicators only, never for money.
            #[must_use]
            pub fn to_f64(self) -> f64 {
                self.0 as f64 / ONE as f64
            }

            /// Sum, or `None` on overflow.
            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(units) => Some(Self(units)),
                    None => None,
                }
            }

            /// Difference, or `None` on overflow.
            #[must_use]
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(units) => Some(Self(units)),
                    None => None,
                }
            }

            /// Difference, never below zero.
            #[must_use]
            pub const fn saturating_sub_to_zero(self, other: Self) -> Self {
                if self.0 > other.0 { Self(self.0 - other.0) } else { Self(0) }
            }

            /// Whether the value is zero.
            #[must_use]
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }

            /// Whether the value is above zero.
            #[must_use]
            pub const fn is_positive(self) -> bool {
                self.0 > 0
            }

            /// The largest multiple of `step` not above the value; the value itself when `step`
            /// is zero, which is how the venue switches a filter off.
            #[must_use]
            pub const fn floor_to(self, step: Self) -> Self {
                if step.0 <= 0 { self } else { Self(self.0 - self.0.rem_euclid(step.0)) }
            }

            /// The smallest multiple of `step` not below the value; the value itself when `step`
            /// is zero. Saturates at the last multiple that fits.
            #[must_use]
            pub const fn ceil_to(self, step: Self) -> Self {
                let floor = self.floor_to(step);
                if floor.0 == self.0 {
                    return self;
                }
                match floor.0.checked_add(step.0) {
                    Some(units) => Self(units),
                    None => floor,
                }
            }

            /// Whether the value is a multiple of `step` (always, when `step` is zero).
            #[must_use]
            pub const fn is_multiple_of(self, step: Self) -> bool {
                step.0 <= 0 || self.0 % step.0 == 0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_units(self.0, out)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_units(self.0, out)
            }
        }

        impl FromStr for $name {
            type Err = FixedError;
            fn from_str(text: &str) -> Result<Self, FixedError> {
                Self::parse(text.as_bytes())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(units_text(self.0).as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(UnitsVisitor).map(Self)
            }
        }

        impl std::ops::Add for $name {
            type Output = Self;
            /// Panics on overflow: use `checked_add` on what came from outside.
            fn add(self, other: Self) -> Self {
                self.checked_add(other).expect("sums of validated values stay in range")
            }
        }

        impl std::ops::Sub for $name {
            type Output = Self;
            /// Panics on overflow: use `checked_sub` on what came from outside.
            fn sub(self, other: Self) -> Self {
                self.checked_sub(other).expect("differences of validated values stay in range")
            }
        }

        impl std::ops::AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }

        impl std::ops::SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                *self = *self - other;
            }
        }

        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
                values.fold(Self::ZERO, |total, value| total + value)
            }
        }
    };
}

fixed! {
    /// A price: quote asset per one unit of base asset, exact to 10⁻⁸.
    Price
}

fixed! {
    /// A quantity of the base asset, exact to 10⁻⁸. Signed, so that positions fit.
    Quantity
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_units() {
        #[track_caller]
        fn check(text: &str, expected: Result<i64, FixedError>) {
            assert_eq!(Price::parse(text.as_bytes()).map(Price::units), expected, "{text}");
        }
        check("61837.63000000", Ok(6_183_763_000_000));
        check("0.00000001", Ok(1));
        check("-1.5", Ok(-150_000_000));
        check("7", Ok(700_000_000));
        check(".5", Ok(50_000_000));
        check("5.", Ok(500_000_000));
        check("0.000000010000", Ok(1));
        check("0.000000001", Err(FixedError::TooPrecise));
        check("92233720368.54775807", Ok(i64::MAX));
        check("92233720368.54775808", Err(FixedError::OutOfRange));
        check("", Err(FixedError::Malformed));
        check("-", Err(FixedError::Malformed));
        check(".", Err(FixedError::Malformed));
        check("1e5", Err(FixedError::Malformed));
        check("1.2.3", Err(FixedError::Malformed));
        check("NaN", Err(FixedError::Malformed));
    }

    #[test]
    fn printing_and_reading_are_inverse() {
        let mut units: i64 = 1;
        for _ in 0..62 {
            for value in [units, -units, units - 1] {
                let price = Price::from_units(value);
                assert_eq!(price.to_string().parse(), Ok(price));
                assert_eq!(Price::from_decimal(price.to_decimal()), Ok(price));
            }
            units *= 2;
        }
    }

    #[test]
    fn texts_have_as_many_decimals_as_asked_for() {
        #[track_caller]
        fn check(units: i64, all: &str, two: &str, none: &str, plain: &str) {
            let price = Price::from_units(units);
            assert_eq!(price.to_string(), all);
            assert_eq!(format!("{price:.2}"), two);
            assert_eq!(format!("{price:.0}"), none);
            assert_eq!(price.to_plain_string(), plain);
            assert_eq!(serde_json::to_string(&price).unwrap(), format!("\"{all}\""));
        }
        check(0, "0.00000000", "0.00", "0", "0");
        check(1, "0.00000001", "0.00", "0", "0.00000001");
        check(-50_000_000, "-0.50000000", "-0.50", "-0", "-0.5");
        check(100_000_000, "1.00000000", "1.00", "1", "1");
        check(6_183_763_000_000, "61837.63000000", "61837.63", "61837", "61837.63");
        check(2_000_000_000, "20.00000000", "20.00", "20", "20");
        let most = "92233720368.54775807";
        check(i64::MAX, most, "92233720368.54", "92233720368", most);
        let least = "-92233720368.54775808";
        check(i64::MIN, least, "-92233720368.54", "-92233720368", least);
    }

    #[test]
    fn rounding_to_a_step() {
        #[track_caller]
        fn check(value: &str, step: &str, floor: &str, ceil: &str) {
            let parse = |text: &str| text.parse::<Quantity>().unwrap();
            assert_eq!(parse(value).floor_to(parse(step)), parse(floor));
            assert_eq!(parse(value).ceil_to(parse(step)), parse(ceil));
        }
        check("1.2345", "0.01", "1.23", "1.24");
        check("1.23", "0.01", "1.23", "1.23");
        check("1.23", "0", "1.23", "1.23");
        check("-1.235", "0.01", "-1.24", "-1.23");
    }
}
