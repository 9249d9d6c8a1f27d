//! A strict scanner for the two messages that make up most of the traffic.
//!
//! It accepts exactly the layout that the venue writes today: known keys in a known order, no
//! blanks, no escapes, plain numbers. Every method gives `None` on anything else, and the caller
//! then leaves the message to serde: the scanner is fast or it stands aside, it never differs.

use model::{Price, Quantity};

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

    /// Between one and `most` digits.
    #[inline]
    fn digits(&mut self, most: usize) -> Option<(i64, usize)> {
        let mut value = 0_i64;
        let mut count = 0;
        for &byte in self.rest {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            if count == most {
                return None;
            }
            // At most 18 digits: below 10¹⁸, which fits.
            value = value * 10 + i64::from(digit);
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
        // Below 10¹⁰ whole units: below 10¹⁸, which fits.
        Some(whole * UNITS[0] + fraction * UNITS[decimals])
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
        let end = memchr::memchr(b'"', self.rest)?;
        let text = &self.rest[..end];
        if text.iter().any(|&byte| !(b' '..=b'~').contains(&byte) || byte == b'\\') {
            return None;
        }
        self.rest = &self.rest[end + 1..];
        std::str::from_utf8(text).ok()
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
