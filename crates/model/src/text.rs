//! Decimal numbers as text, in place: each intent and each record of the journal holds dozens, and
//! an order waits for them.

/// Twice the digits of the largest 64-bit number, a point and a sign.
const BYTES: usize = 42;

/// A decimal number as a sign, digits, a point and digits.
#[derive(Debug)]
pub struct DecimalText {
    bytes: [u8; BYTES],
    first: usize,
}

impl DecimalText {
    /// `whole` and `fraction` of a magnitude, the latter as a count of 10⁻ᵈᵉᶜⁱᵐᵃˡˢ, of which there
    /// are at most twenty. Without decimals there is no point.
    #[must_use]
    pub fn new(is_negative: bool, whole: u64, fraction: u64, decimals: usize) -> Self {
        let mut text = Self { bytes: [b'0'; BYTES], first: BYTES };
        if decimals > 0 {
            text.push_digits(fraction, decimals);
            text.push(b'.');
        }
        text.push_digits(whole, 1);
        if is_negative {
            text.push(b'-');
        }
        text
    }

    fn push(&mut self, byte: u8) {
        self.first -= 1;
        self.bytes[self.first] = byte;
    }

    /// The digits of a number, zeros before it up to a width.
    fn push_digits(&mut self, mut number: u64, width: usize) {
        let last = self.first - width;
        while number > 0 {
            self.push(b'0' + (number % 10) as u8);
            number /= 10;
        }
        // The bytes before are zeros already.
        self.first = self.first.min(last);
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[self.first..]).expect("digits, a point and a sign")
    }
}
