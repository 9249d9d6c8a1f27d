//! Amounts of money: balances, notionals, fees, profit.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use crate::{Price, Quantity};

/// Why an amount could not be computed or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The result needs more than the 28 digits that a decimal carries.
    #[error("amount out of range")]
    OutOfRange,
    /// Not a plain decimal number.
    #[error("not a decimal amount")]
    Malformed,
}

/// An exact amount of one asset, which the context names. Serialised as a string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amount(Decimal);

impl Amount {
    /// Zero.
    pub const ZERO: Self = Self(Decimal::ZERO);
    /// One.
    pub const ONE: Self = Self(Decimal::ONE);

    /// From a decimal.
    #[must_use]
    pub const fn new(value: Decimal) -> Self {
        Self(value)
    }

    /// From a count of units of 10⁻ˢᶜᵃˡᵉ, such as the sum of products of prices and quantities
    /// (scale 16). Past 28 digits the last decimals are cut; past that it saturates.
    #[must_use]
    pub fn from_units(units: i128, scale: u32) -> Self {
        let (mut units, mut scale) = trimmed(units, scale);
        if let Ok(short) = i64::try_from(units)
            && scale <= Decimal::MAX_SCALE
        {
            return Self(Decimal::new(short, scale));
        }
        loop {
            if let Ok(exact) = Decimal::try_from_i128_with_scale(units, scale) {
                return Self(exact);
            }
            if scale == 0 {
                return Self(if units < 0 { Decimal::MIN } else { Decimal::MAX });
            }
            units /= 10;
            scale -= 1;
        }
    }

    /// As a decimal.
    #[must_use]
    pub const fn to_decimal(self) -> Decimal {
        self.0
    }

    /// As a float, for figures and charts only, never for money.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        use rust_decimal::prelude::ToPrimitive;
        self.0.to_f64().unwrap_or(f64::NAN)
    }

    /// `price × quantity`, exact whenever 28 digits suffice, as they do for every order that a
    /// venue can hold; beyond that the last digits are rounded half to even.
    ///
    /// # Errors
    /// [`AmountError::OutOfRange`] when even the whole part does not fit.
    pub fn notional(price: Price, quantity: Quantity) -> Result<Self, AmountError> {
        let product = i128::from(price.units()) * i128::from(quantity.units());
        let (units, scale) = trimmed(product, 16);
        if let Ok(short) = i64::try_from(units) {
            return Ok(Self(Decimal::new(short, scale)));
        }
        if let Ok(exact) = Decimal::try_from_i128_with_scale(units, scale) {
            return Ok(Self(exact));
        }
        price
            .to_decimal()
            .checked_mul(quantity.to_decimal())
            .map(Self)
            .ok_or(AmountError::OutOfRange)
    }

    /// Sum.
    ///
    /// # Errors
    /// [`AmountError::OutOfRange`].
    #[inline]
    pub fn checked_add(self, other: Self) -> Result<Self, AmountError> {
        match short_sum(self.0, other.0) {
            Some(sum) => Ok(Self(sum)),
            None => self.long_sum(other),
        }
    }

    #[inline(never)]
    fn long_sum(self, other: Self) -> Result<Self, AmountError> {
        if self.is_zero() {
            return Ok(other);
        }
        if other.is_zero() {
            return Ok(self);
        }
        self.0.checked_add(other.0).map(Self).ok_or(AmountError::OutOfRange)
    }

    /// Product with a plain factor, such as a fee rate.
    ///
    /// # Errors
    /// [`AmountError::OutOfRange`].
    pub fn checked_mul(self, factor: Decimal) -> Result<Self, AmountError> {
        self.0
            .checked_mul(factor)
            .map(|product| Self::from_units(product.mantissa(), product.scale()))
            .ok_or(AmountError::OutOfRange)
    }

    /// Cut to `decimals` places towards zero, as the venue books commissions and quote amounts.
    #[must_use]
    pub fn truncated(self, decimals: u32) -> Self {
        Self(self.0.round_dp_with_strategy(decimals, RoundingStrategy::ToZero))
    }

    /// Absolute value.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// Whether the amount is below zero.
    #[must_use]
    #[inline]
    pub fn is_negative(self) -> bool {
        self.0.is_sign_negative() && !self.0.is_zero()
    }

    /// Whether the amount is zero.
    #[must_use]
    #[inline]
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// Whether the amount is above zero.
    #[must_use]
    #[inline]
    pub fn is_positive(self) -> bool {
        self.0.is_sign_positive() && !self.0.is_zero()
    }
}

/// The sum, as a decimal's own addition gives it, where machine words hold all of it: nearly always
/// in an account's books, which are moved some twenty times with every order. `None` where they do
/// not. A zero leaves the other as it is: its own scale counts for nothing.
#[inline]
fn short_sum(left: Decimal, right: Decimal) -> Option<Decimal> {
    const POWERS: [i64; 9] =
        [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
    let (first, first_scale) = short(left)?;
    let (second, second_scale) = short(right)?;
    if first == 0 {
        return Some(right);
    }
    if second == 0 {
        return Some(left);
    }
    let (sum, scale) = if first_scale == second_scale {
        (first.checked_add(second)?, first_scale)
    } else {
        let power = *POWERS.get(first_scale.abs_diff(second_scale) as usize)?;
        if first_scale < second_scale {
            (first.checked_mul(power)?.checked_add(second)?, second_scale)
        } else {
            (second.checked_mul(power)?.checked_add(first)?, first_scale)
        }
    };
    Some(Decimal::new(sum, scale))
}

/// A decimal as a count of units and their scale, if 64 bits hold it.
#[inline]
fn short(value: Decimal) -> Option<(i64, u32)> {
    let parts = value.unpack();
    let magnitude = u64::from(parts.mid) << 32 | u64::from(parts.lo);
    if parts.hi != 0 {
        return None;
    }
    let units = i64::try_from(magnitude).ok()?;
    Some((if parts.negative { -units } else { units }, parts.scale))
}

/// The same number without zeros at its end: what `Decimal::normalize` gives, in a few divisions
/// instead of one a digit. Orders are booked by the million in a backtest.
fn trimmed(units: i128, scale: u32) -> (i128, u32) {
    if units == 0 {
        return (0, 0);
    }
    let Ok(mut short) = i64::try_from(units) else {
        let (mut units, mut scale) = (units, scale);
        while scale > 0 && units % 10 == 0 {
            (units, scale) = (units / 10, scale - 1);
        }
        return (units, scale);
    };
    let mut scale = scale;
    while cut::<8>(&mut short, &mut scale) {}
    cut::<4>(&mut short, &mut scale);
    cut::<2>(&mut short, &mut scale);
    cut::<1>(&mut short, &mut scale);
    (i128::from(short), scale)
}

/// Drops so many zeros from the end, if they are there. The number is not zero. What ends in n
/// zeros has n factors of two: most others are told by that alone.
#[inline]
fn cut<const DIGITS: u32>(units: &mut i64, scale: &mut u32) -> bool {
    let power = const { 10_i64.pow(DIGITS) };
    let ends_so = *scale >= DIGITS && units.trailing_zeros() >= DIGITS && *units % power == 0;
    if ends_so {
        (*units, *scale) = (*units / power, *scale - DIGITS);
    }
    ends_so
}

impl From<Quantity> for Amount {
    fn from(quantity: Quantity) -> Self {
        Self(quantity.to_decimal())
    }
}

impl FromStr for Amount {
    type Err = AmountError;
    fn from_str(text: &str) -> Result<Self, AmountError> {
        Decimal::from_str_exact(text).map(Self).map_err(|_| AmountError::Malformed)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match out.precision() {
            Some(decimals) => write!(out, "{:.*}", decimals, self.0),
            None => write!(out, "{}", self.0.normalize()),
        }
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Add for Amount {
    type Output = Self;
    /// Panics past 28 digits: amounts that an account can hold never reach it.
    #[inline]
    fn add(self, other: Self) -> Self {
        self.checked_add(other).expect("account amounts fit in 28 digits")
    }
}

impl Sub for Amount {
    type Output = Self;
    /// Panics past 28 digits: amounts that an account can hold never reach it.
    #[inline]
    fn sub(self, other: Self) -> Self {
        self + (-other)
    }
}

impl Neg for Amount {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        // Nothing has no sign.
        if self.0.is_zero() { Self(Decimal::ZERO) } else { Self(-self.0) }
    }
}

impl AddAssign for Amount {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Amount {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
        values.fold(Self::ZERO, |total, value| total + value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notional_is_exact() {
        #[track_caller]
        fn check(price: &str, quantity: &str, expected: &str) {
            let notional = Amount::notional(price.parse().unwrap(), quantity.parse().unwrap());
            assert_eq!(notional.unwrap(), expected.parse().unwrap());
        }
        check("61837.63", "0.01", "618.3763");
        check("0.00000001", "0.00000001", "0.0000000000000001");
        check("100000", "9000", "900000000");
        check("0.00001234", "9000000000", "111060");
    }

    #[test]
    fn a_notional_past_28_digits_keeps_its_whole_part() {
        let notional =
            Amount::notional(Price::from_units(1_234_567_890_123_456_789), Quantity::MAX);
        assert!(notional.unwrap() > "1000000000000000000000".parse().unwrap());
    }

    #[test]
    fn units_become_amounts() {
        #[track_caller]
        fn check(units: i128, scale: u32, expected: &str) {
            assert_eq!(Amount::from_units(units, scale).to_string(), expected);
        }
        check(12_300, 4, "1.23");
        check(-1, 16, "-0.0000000000000001");
        check(10_i128.pow(37) + 5, 16, "1000000000000000000000");
        check(i128::MAX, 0, &Decimal::MAX.to_string());
    }

    #[test]
    fn zeros_at_the_end_go_as_a_decimal_drops_them() {
        #[track_caller]
        fn check(units: i128, scale: u32) {
            let decimal = Decimal::from_i128_with_scale(units, scale).normalize();
            let (short, rest) = trimmed(units, scale);
            assert_eq!((short, rest), (decimal.mantissa(), decimal.scale()), "{units} e-{scale}");
        }
        for scale in 0..=28 {
            let mut units: i128 = 1;
            for _ in 0..28 {
                for units in [units, -units, 7 * units, 0, units + 1] {
                    check(units.clamp(-(10_i128.pow(28)), 10_i128.pow(28)), scale);
                }
                units *= 10;
            }
        }
    }

    #[test]
    fn a_short_sum_is_the_decimal_s_own() {
        let mut numbers = Vec::new();
        let mut seed: u64 = 1;
        for bits in (1..=64).chain(1..=64) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            let units = i128::from(seed >> (64 - bits));
            let scale = (seed >> 7) as u32 % 17;
            numbers.push(Decimal::from_i128_with_scale(units, scale));
            numbers.push(Decimal::from_i128_with_scale(-units, scale));
        }
        numbers.extend([Decimal::ZERO, Decimal::new(0, 5), Decimal::MAX, Decimal::MIN]);
        let mut short = 0_usize;
        for left in &numbers {
            for right in &numbers {
                let is_moved = !left.is_zero() && !right.is_zero();
                short += usize::from(is_moved && short_sum(*left, *right).is_some());
                let parts = |sum: Decimal| (sum.mantissa(), sum.scale(), sum.is_sign_negative());
                let sum = Amount(*left).checked_add(Amount(*right)).ok();
                let expected = left.checked_add(*right);
                assert_eq!(sum.map(|sum| parts(sum.0)), expected.map(parts), "{left} + {right}");
            }
        }
        assert!(short > 10_000, "{short}");
    }

    #[test]
    fn truncation_goes_towards_zero() {
        assert_eq!("1.999999999".parse::<Amount>().unwrap().truncated(8).to_string(), "1.99999999");
        assert_eq!(
            "-1.999999999".parse::<Amount>().unwrap().truncated(8).to_string(),
            "-1.99999999"
        );
    }
}
