//! Money on the hot path.

use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use model::{Amount, DecimalText, Price, Quantity};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Decimals of a [`Value`]: what the product of a price and a quantity has.
const SCALE: u32 = 16;
const ONE_QUANTITY: i128 = 100_000_000;
const ONE_RATE: i128 = 100_000_000;

/// Powers of ten up to that of a [`Value`].
const POWERS: [i128; SCALE as usize + 1] = {
    let mut powers = [1; SCALE as usize + 1];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// Quotient and remainder of a division by 10⁸, rounded down. A division of 128 bits is a call and
/// a loop; by a divisor that fits in 32 bits it is schoolbook division in three steps.
const fn split(value: i128) -> (i128, i128) {
    const DIVISOR: u64 = 100_000_000;
    let magnitude = value.unsigned_abs();
    let high = (magnitude >> 64) as u64;
    let low = magnitude as u64;
    let upper = ((high % DIVISOR) << 32) | (low >> 32);
    let lower = ((upper % DIVISOR) << 32) | (low & 0xFFFF_FFFF);
    let low_quotient = ((upper / DIVISOR) << 32) | (lower / DIVISOR);
    let quotient = ((high / DIVISOR) as i128) << 64 | low_quotient as i128;
    let rest = (lower % DIVISOR) as i128;
    if value >= 0 {
        (quotient, rest)
    } else if rest == 0 {
        (-quotient, 0)
    } else {
        (-quotient - 1, DIVISOR as i128 - rest)
    }
}

/// An amount of money as a count of 10⁻¹⁶: the product of a price and a quantity is exact, and
/// judging an intent or a new price costs a few machine instructions.
///
/// Sums saturate, far above any account (10²² units): a saturated value lies beyond every limit,
/// so that an absurd order is denied and not let through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Value(i128);

impl Value {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// More than anything.
    pub const MAX: Self = Self(i128::MAX);

    /// `price × quantity`, exact.
    #[must_use]
    pub const fn notional(price: Price, quantity: Quantity) -> Self {
        // Two 63-bit magnitudes: the product always fits in 127 bits.
        Self(price.units() as i128 * quantity.units() as i128)
    }

    /// So much of a base asset.
    #[must_use]
    pub const fn of_quantity(quantity: Quantity) -> Self {
        Self(quantity.units() as i128 * ONE_QUANTITY)
    }

    /// A count, or milliseconds.
    #[must_use]
    pub const fn whole(count: u64) -> Self {
        Self(count as i128 * ONE_QUANTITY * ONE_QUANTITY)
    }

    /// A price.
    #[must_use]
    pub const fn of_price(price: Price) -> Self {
        Self(price.units() as i128 * ONE_QUANTITY)
    }

    /// The largest value not above an amount.
    #[must_use]
    #[inline]
    pub fn floor(amount: Amount) -> Self {
        let value = amount.to_decimal();
        let parts = value.unpack();
        if parts.hi == 0 && parts.scale <= SCALE {
            // 64 bits times 10¹⁶, which has 54.
            let magnitude = i128::from(u64::from(parts.mid) << 32 | u64::from(parts.lo));
            let scaled = magnitude * POWERS[(SCALE - parts.scale) as usize];
            return Self(if parts.negative { -scaled } else { scaled });
        }
        Self::floor_long(value)
    }

    #[cold]
    fn floor_long(value: Decimal) -> Self {
        let (mantissa, scale) = (value.mantissa(), value.scale());
        if scale <= SCALE {
            return Self(mantissa.saturating_mul(POWERS[(SCALE - scale) as usize]));
        }
        Self(mantissa.div_euclid(10_i128.pow(scale - SCALE)))
    }

    /// The smallest value not below an amount.
    #[must_use]
    pub fn ceil(amount: Amount) -> Self {
        -Self::floor(-amount)
    }

    /// As an amount; past 28 digits the last ones are cut off.
    #[must_use]
    pub fn to_amount(self) -> Amount {
        let (mut units, mut scale) = (self.0, SCALE);
        loop {
            if let Ok(exact) = Decimal::try_from_i128_with_scale(units, scale) {
                return Amount::new(exact.normalize());
            }
            if scale == 0 {
                let bound = if units < 0 { Decimal::MIN } else { Decimal::MAX };
                return Amount::new(bound);
            }
            units /= 10;
            scale -= 1;
        }
    }

    /// `self × rate`, rounded up.
    #[must_use]
    pub const fn times_up(self, rate: Rate) -> Self {
        let (whole, part) = split(self.0);
        // A part is below 10⁸ and a rate at most 64 bits: no overflow.
        let (part_up, _) = split(part * rate.0 + (ONE_RATE - 1));
        Self(whole.saturating_mul(rate.0).saturating_add(part_up))
    }

    /// This much of a base asset in its quote asset, rounded down.
    #[must_use]
    pub const fn times_price(self, price: Price) -> Self {
        let price = price.units() as i128;
        let (whole, part) = split(self.0);
        let (part, _) = split(part * price);
        Self(whole.saturating_mul(price).saturating_add(part))
    }

    /// This much of a quote asset in its base asset, rounded down; `None` at a price of zero.
    #[must_use]
    pub const fn over_price(self, price: Price) -> Option<Self> {
        if price.units() <= 0 {
            return None;
        }
        Some(Self(self.0.saturating_mul(ONE_QUANTITY).div_euclid(price.units() as i128)))
    }

    /// Whether the value is above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Whether the value is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The value, or zero if it is below.
    #[must_use]
    pub const fn or_zero(self) -> Self {
        if self.0 < 0 { Self(0) } else { self }
    }
}

/// As the amount is written: a dozen of these are in each intent, for which an order waits, so a
/// value that fits in 64 bits a side of its point, as nearly all do, takes no decimal.
impl serde::Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match plain_text(*self) {
            Some(text) => serializer.serialize_str(text.as_str()),
            None => self.to_amount().serialize(serializer),
        }
    }
}

/// Without zeros at its end; `None` for what is too large to be written with all its digits:
/// twelve before the point leave sixteen of the 28 that an amount carries.
fn plain_text(Value(units): Value) -> Option<DecimalText> {
    const ONE: u128 = 10_u128.pow(SCALE);
    const WHOLE_DIGITS: u32 = 12;
    let magnitude = units.unsigned_abs();
    if magnitude >= ONE * 10_u128.pow(WHOLE_DIGITS) {
        return None;
    }
    let (whole, mut fraction) = ((magnitude / ONE) as u64, (magnitude % ONE) as u64);
    if fraction == 0 {
        return Some(DecimalText::new(units < 0, whole, 0, 0));
    }
    let mut decimals = SCALE;
    for step in [8, 4, 2, 1] {
        let power = 10_u64.pow(step);
        if fraction.is_multiple_of(power) {
            fraction /= power;
            decimals -= step;
        }
    }
    Some(DecimalText::new(units < 0, whole, fraction, decimals as usize))
}

impl<'de> serde::Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Amount::deserialize(deserializer).map(Self::floor)
    }
}

impl Add for Value {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Value {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Value {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl AddAssign for Value {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Value {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl std::iter::Sum for Value {
    fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
        values.fold(Self::ZERO, |total, value| total + value)
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_amount().fmt(out)
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_amount().fmt(out)
    }
}

/// A fraction such as a fee rate or a collar, as a count of 10⁻⁸.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Rate(i128);

impl Rate {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A hundredth of a percent.
    pub const ONE_BPS: Self = Self(ONE_RATE / 10_000);

    /// From a fraction (`0.001` is a tenth of a percent), rounded up; zero if it is below.
    #[must_use]
    pub fn from_fraction(fraction: Decimal) -> Self {
        let parts = (fraction * Decimal::from(100_000_000_u32)).ceil().to_i128();
        Self(parts.unwrap_or(i128::from(i64::MAX)).clamp(0, i128::from(i64::MAX)))
    }

    /// From basis points: hundredths of a percent.
    #[must_use]
    pub fn from_bps(bps: Decimal) -> Self {
        Self::from_fraction(bps / Decimal::from(10_000_u32))
    }

    /// A price moved up by the rate, rounded down; at most the largest price.
    #[must_use]
    pub fn above(self, price: Price) -> Price {
        let moved = i128::from(price.units()).saturating_mul(ONE_RATE.saturating_add(self.0));
        let (units, _) = split(moved);
        i64::try_from(units).map_or(Price::MAX, Price::from_units)
    }

    /// A price moved down by the rate, rounded up; at least zero.
    #[must_use]
    pub fn below(self, price: Price) -> Price {
        let kept = (ONE_RATE - self.0).max(0);
        let moved = i128::from(price.units()).saturating_mul(kept).saturating_add(ONE_RATE - 1);
        i64::try_from(split(moved).0).map_or(Price::MAX, Price::from_units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn conversions_round_as_they_say() {
        #[track_caller]
        fn check(text: &str, floor: &str, ceil: &str) {
            assert_eq!(Value::floor(amount(text)).to_amount(), amount(floor));
            assert_eq!(Value::ceil(amount(text)).to_amount(), amount(ceil));
        }
        check("0", "0", "0");
        check("12.5", "12.5", "12.5");
        check("-12.5", "-12.5", "-12.5");
        check("0.00000000000000001", "0", "0.0000000000000001");
        check("-0.00000000000000001", "-0.0000000000000001", "0");
    }

    #[test]
    fn values_are_written_as_amounts_are() {
        #[track_caller]
        fn check(units: i128) {
            let value = Value(units);
            let (text, oracle) =
                (serde_json::to_string(&value), serde_json::to_string(&value.to_amount()));
            assert_eq!(text.unwrap(), oracle.unwrap());
        }
        for power in 0..38 {
            let around = 10_i128.pow(power);
            for units in [around - 1, around, around + 1, 7 * around, 123_456_789 * (around >> 30)]
            {
                check(units);
                check(-units);
            }
        }
        let mut units: i128 = 1;
        for step in 1..4_000_i128 {
            units = units.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
            check(units >> (step % 100));
        }
        check(i128::MAX);
        check(i128::MIN);
    }

    #[test]
    fn rates_and_prices() {
        let value = Value::floor(amount("1000"));
        let fee = value.times_up(Rate::from_fraction("0.001".parse().unwrap()));
        assert_eq!(fee.to_amount(), amount("1"));
        let price: Price = "50".parse().unwrap();
        assert_eq!(value.times_price(price).to_amount(), amount("50000"));
        assert_eq!(value.over_price(price).unwrap().to_amount(), amount("20"));
        assert_eq!(value.over_price(Price::ZERO), None);
        let collar = Rate::from_bps("200".parse().unwrap());
        assert_eq!(collar.above(price), "51".parse().unwrap());
        assert_eq!(collar.below(price), "49".parse().unwrap());
    }

    #[test]
    fn splitting_is_division_rounded_down() {
        let mut value: i128 = 1;
        for _ in 0..127 {
            for near in [value - 1, value, value + 1, value - 100_000_000, value / 3 * 2] {
                for value in [near, -near] {
                    let expected = (value.div_euclid(ONE_RATE), value.rem_euclid(ONE_RATE));
                    assert_eq!(split(value), expected, "{value}");
                }
            }
            value = value.saturating_mul(2);
        }
        assert_eq!(split(i128::MIN).0, i128::MIN.div_euclid(ONE_RATE));
    }

    #[test]
    fn absurd_values_saturate() {
        let most = Value::notional(Price::MAX, Quantity::MAX);
        let beyond = most + most + most;
        assert_eq!(beyond, Value::MAX);
        assert!(beyond.to_amount() > amount("1000000000000000000000"));
        assert!(most.times_up(Rate::from_bps("10000".parse().unwrap())) >= most);
    }
}
