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

/// Numbers as they look best in a page: a real tidy sign, and no line break between a number and
/// its unit. Hyphens in dates and names stay.
pub(super) fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut previous = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied().unwrap_or(' ');
        out.push(match character {
            '-' if !previous.is_alphanumeric() && next.is_ascii_digit() => '\u{2212}',
            ' ' if previous.is_ascii_digit() && (next.is_alphabetic() || next == '%') => '\u{a0}',
            other => other,
        });
        previous = character;
    }
    out
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
    fn numbers_are_tidied_and_names_are_not() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(tidy(text), expected);
        }
        check("-1,665.93", "\u{2212}1,665.93");
        check("longest -5 min 44 s", "longest \u{2212}5\u{a0}min 44\u{a0}s");
        check("+1.00 (-3.00 %)", "+1.00 (\u{2212}3.00\u{a0}%)");
        check("2023-08-01 00:10:13", "2023-08-01 00:10:13");
        check("ema_cross-1", "ema_cross-1");
    }

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
