//! A strict scanner for the three messages that make up most of the traffic.
//!
//! It accepts exactly the layout that the venue writes today: known keys in a known order, no
//! blanks, no escapes, plain numbers. Every method gives `None` on anything else, and the caller
//! then leaves the message to serde: the scanner is fast or it stands aside, it never differs.

use model::{Level, Price, Quantity};

/// What is left of a message.
pub(super) struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Whether these bytes come next.
    #[inline]
    pub(super) fn is_next(&self, expected: &[u8]) -> bool {
        self.rest.starts_with(expected)
    }

    /// Exactly these bytes.
    #[inline]
    pub(super) fn literal(&mut self, expected: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(expected)?;
        Some(())
    }

    /// Between one and `most` digits; at most 18, so that nothing wraps.
    #[inline]
    fn digits(&mut self, most: usize) -> Option<(i64, usize)> {
        let mut value = 0;
        let mut count = 0;
        if let Some(eight) = self.rest.first_chunk().copied().and_then(eight_digits) {
            value = eight;
            count = 8;
        }
        for &byte in &self.rest[count..] {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            if count == most {
                return None;
            }
            value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
            count += 1;
        }
        self.rest = &self.rest[count..];
        (count > 0).then_some((value, count))
    }

    /// A non-negative integer as JSON writes it, up to 18 digits.
    #[inline]
    pub(super) fn integer(&mut self) -> Option<i64> {
        let first = self.rest.first().copied();
        let (value, count) = self.digits(18)?;
        // JSON allows no leading zero.
        (count == 1 || first != Some(b'0')).then_some(value)
    }

    /// `digits.digits` in units of 10⁻⁸, up to the closing quote, which is consumed. Numbers past
    /// ten whole digits or eight decimals are left to serde.
    #[inline]
    fn units(&mut self) -> Option<i64> {
        const UNITS: [i64; 9] =
            [100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
        let (whole, _) = self.digits(10)?;
        self.literal(b".")?;
        let (fraction, decimals) = self.digits(8)?;
        self.literal(b"\"")?;
        // Below 10¹⁰ whole units: below 10¹⁸, so that nothing wraps.
        Some(whole.wrapping_mul(UNITS[0]).wrapping_add(fraction.wrapping_mul(UNITS[decimals])))
    }

    #[inline]
    pub(super) fn price(&mut self) -> Option<Price> {
        self.units().map(Price::from_units)
    }

    #[inline]
    pub(super) fn quantity(&mut self) -> Option<Quantity> {
        self.units().map(Quantity::from_units)
    }

    /// Printable ASCII without escapes, up to the closing quote, which is consumed.
    #[inline]
    pub(super) fn text(&mut self) -> Option<&'a str> {
        let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
        let end = self.rest.iter().position(|&byte| !is_plain(byte))?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.literal(b"\"")?;
        std::str::from_utf8(text).ok()
    }

    /// `[["price","quantity"],…]`.
    pub(super) fn levels(&mut self) -> Option<Vec<Level>> {
        self.literal(b"[")?;
        let mut levels = Vec::new();
        if self.literal(b"]").is_some() {
            return Some(levels);
        }
        // An entry is about 32 bytes: room for a usual update without growing on the way.
        levels.reserve((self.rest.len() / 32).min(64));
        loop {
            self.literal(b"[\"")?;
            let price = self.price()?;
            self.literal(b",\"")?;
            let quantity = self.quantity()?;
            self.literal(b"]")?;
            levels.push(Level { price, quantity });
            if self.literal(b"]").is_some() {
                return Some(levels);
            }
            self.literal(b",")?;
        }
    }

    #[inline]
    pub(super) fn boolean(&mut self) -> Option<bool> {
        if self.literal(b"true").is_some() {
            return Some(true);
        }
        self.literal(b"false")?;
        Some(false)
    }
}

/// The value of eight digits, all at once: neighbours are joined to pairs, pairs to fours, fours
/// to eight. `None` when one of the bytes is no digit.
#[inline]
fn eight_digits(bytes: [u8; 8]) -> Option<i64> {
    let word = u64::from_le_bytes(bytes);
    let digits = word ^ 0x3030_3030_3030_3030;
    // A byte above 9 has a high nibble, or gets one when 6 is added.
    let above = (digits | digits.wrapping_add(0x0606_0606_0606_0606)) & 0xf0f0_f0f0_f0f0_f0f0;
    if above != 0 {
        return None;
    }
    let pairs = (digits.wrapping_mul(10 * 0x100 + 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100 * 0x1_0000 + 1) >> 16) & 0x0000_ffff_0000_ffff;
    let eight = (fours.wrapping_mul(10_000 * 0x1_0000_0000 + 1) >> 32) & 0xffff_ffff;
    i64::try_from(eight).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_digits_are_read_like_one_by_one() {
        let mut value: i64 = 7;
        for _ in 0..20_000 {
            value = (value * 6_364_136_223 + 1_442_695).rem_euclid(100_000_000);
            let text: [u8; 8] = format!("{value:08}").into_bytes().try_into().unwrap();
            assert_eq!(eight_digits(text), Some(value));
            for place in 0..8 {
                for wrong in [b'/', b':', b'.', b'"', 0, 0x3f, 0xff, b'a'] {
                    let mut text = text;
                    text[place] = wrong;
                    assert_eq!(eight_digits(text), None);
                }
            }
        }
    }
}
