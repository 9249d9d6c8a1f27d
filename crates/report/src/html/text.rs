//! Text that cannot become markup.

use std::fmt::{self, Display, Write};

/// Writes into a page under construction. Writing to a string cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {{
        use std::fmt::Write as _;
        write!($out, $($arg)*).expect("writing to a String never fails")
    }};
}
pub(super) use put;

/// Shows a value with everything escaped that HTML could take for markup. Control characters,
/// and those that turn the direction of the text around them, become visible placeholders.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaper(out), "{}", self.0)
    }
}

struct Escaper<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaper<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.write_str("&amp;")?,
                '<' => self.0.write_str("&lt;")?,
                '>' => self.0.write_str("&gt;")?,
                '"' => self.0.write_str("&quot;")?,
                '\'' => self.0.write_str("&#39;")?,
                '\n' | '\t' => self.0.write_char(' ')?,
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    self.0.write_char('\u{fffd}')?;
                }
                other if other.is_control() => self.0.write_char('\u{fffd}')?,
                other => self.0.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A number with a real minus sign, as it looks best in a table.
pub(super) fn minus(text: &str) -> String {
    text.replace('-', "\u{2212}")
}

/// Class of a value: above, below or at zero.
pub(super) fn sign_class(value: f64) -> &'static str {
    if value > 0.0 {
        "up"
    } else if value < 0.0 {
        "down"
    } else {
        "flat"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_markup() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(Escaped(text).to_string(), expected);
        }
        check("ema_cross", "ema_cross");
        check("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
        check("a&b \"c\"", "a&amp;b &quot;c&quot;");
        check("币安人生USDT", "币安人生USDT");
        check("one\ntwo\0three", "one two\u{fffd}three");
        check("abc\u{202e}def", "abc\u{fffd}def");
    }
}
