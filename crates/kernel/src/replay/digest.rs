//! Fingerprints of effects and states.

use std::fmt::{self, Debug, Write};

use serde::{Deserialize, Serialize};

use super::masked::masked;

/// A fingerprint of a value's debug form: FNV-1a with 64 bits (Fowler, Noll, Vo). It tells values
/// apart that differ by accident, not by intent. The debug form has every field of every effect,
/// and is as stable as the build.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(u64);

impl Digest {
    /// Of a value.
    #[must_use]
    pub fn of(value: &(impl Debug + ?Sized)) -> Self {
        let mut hash = Fnv(0xCBF2_9CE4_8422_2325);
        write!(hash, "{value:?}").expect("hashing takes everything");
        Self(hash.0)
    }

    /// Of a value but for what some of its fields hold: see [`masked`].
    #[must_use]
    pub fn of_masked(value: &(impl Debug + ?Sized), fields: &[&str]) -> Self {
        if fields.is_empty() {
            return Self::of(value);
        }
        let mut hash = Fnv(0xCBF2_9CE4_8422_2325);
        let text = format!("{value:?}");
        hash.write_str(&masked(&text, fields)).expect("hashing takes everything");
        Self(hash.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

struct Fnv(u64);

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_values_come_out() {
        // From the authors' test vectors.
        #[track_caller]
        fn check(text: &str, expected: u64) {
            struct Plain<'a>(&'a str);
            impl Debug for Plain<'_> {
                fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                    out.write_str(self.0)
                }
            }
            assert_eq!(Digest::of(&Plain(text)), Digest(expected));
        }
        check("", 0xCBF2_9CE4_8422_2325);
        check("a", 0xAF63_DC4C_8601_EC8C);
        check("foobar", 0x8594_4171_F739_67E8);
    }
}
