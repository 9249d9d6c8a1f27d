//! Values that must not stand in a recording.

use std::borrow::Cow;

/// What stands in their place.
const MASK: &str = "***";

/// A text without the values of some fields, in JSON, in a query, in a list of headers, and in the
/// debug form of any of these. A name counts between quotation marks, and where `=` follows it.
#[must_use]
pub(super) fn masked<'a>(text: &'a str, fields: &[&str]) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(text);
    for field in fields {
        let mut from = 0;
        while let Some((start, end)) = value_of(&text, field, from) {
            text.to_mut().replace_range(start..end, MASK);
            from = start + MASK.len();
        }
    }
    text
}

/// Where the next value of a field stands.
fn value_of(text: &str, field: &str, mut from: usize) -> Option<(usize, usize)> {
    loop {
        let before = from + text[from..].find(field)?;
        from = before + field.len();
        let rest = &text[from..];
        let value = match rest.strip_prefix('=') {
            Some(value) => Some((value, value.find(['\\', '"', '&']))),
            None if text[..before].ends_with('"') => quoted(rest),
            None => None,
        };
        if let Some((value, length)) = value {
            let start = text.len() - value.len();
            return Some((start, start + length.unwrap_or(value.len())));
        }
    }
}

/// What follows the quotation mark that opens a value, after the one that closes its name, and how
/// long the value is; `None` for one that does not end.
fn quoted(rest: &str) -> Option<(&str, Option<usize>)> {
    let mark = |text| str::strip_prefix(str::strip_prefix(text, '\\').unwrap_or(text), '"');
    let opening = mark(rest)?.trim_start_matches([':', ',', ' ']);
    let value = mark(opening)?;
    // As many backslashes as stand before the mark that opens it stand before the one that closes
    // it; a mark of the value's own has more.
    let depth = usize::from(opening.starts_with('\\'));
    let mut backslashes = 0;
    for (place, byte) in value.bytes().enumerate() {
        match byte {
            b'\\' => backslashes += 1,
            b'"' if backslashes % (2 * (depth + 1)) == depth => {
                return Some((value, Some(place - depth)));
            }
            _ => backslashes = 0,
        }
    }
    Some((value, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_hidden_and_nothing_else() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(masked(text, &["apiKey", "signature", "x-mbx-apikey"]), expected);
        }
        check("", "");
        check(r#"{"symbol":"BTCUSDT"}"#, r#"{"symbol":"BTCUSDT"}"#);
        check(
            r#"{"apiKey":"abc","a":1,"signature":"x/y+z=="}"#,
            r#"{"apiKey":"***","a":1,"signature":"***"}"#,
        );
        check(r#"{\"apiKey\":\"abc\",\"a\":1}"#, r#"{\"apiKey\":\"***\",\"a\":1}"#);
        // What is escaped in a value belongs to it.
        check(r#"{"apiKey":"ab\/c\"d&e","a":1}"#, r#"{"apiKey":"***","a":1}"#);
        check(r#"{"apiKey":"abc\\","a":1}"#, r#"{"apiKey":"***","a":1}"#);
        check(r#"{\"apiKey\":\"ab\\/c\\\"d\",\"a\":1}"#, r#"{\"apiKey\":\"***\",\"a\":1}"#);
        check(r#"{\"apiKey\":\"ab\\\\\",\"a\":1}"#, r#"{\"apiKey\":\"***\",\"a\":1}"#);
        check(r#"{"apiKey":"cut off"#, r#"{"apiKey":"***"#);
        check(r#"{"apiKey": "abc"}"#, r#"{"apiKey": "***"}"#);
        check("?a=1&signature=ab%2Bc&b=2", "?a=1&signature=***&b=2");
        check("?a=1&signature=abc", "?a=1&signature=***");
        check(
            r#"[("x-mbx-apikey", "abc"), ("b", "c")]"#,
            r#"[("x-mbx-apikey", "***"), ("b", "c")]"#,
        );
        check("two: signature=a&signature=b", "two: signature=***&signature=***");
        check(r#"{"method":"a.signature","b":"c"}"#, r#"{"method":"a.signature","b":"c"}"#);
        check(r#"{"apiKey":null,"b":"c"}"#, r#"{"apiKey":null,"b":"c"}"#);
        check(r#"{"apiKey":"","b":"c"}"#, r#"{"apiKey":"***","b":"c"}"#);
        // Words of the venue about a field stay.
        let words = "Mandatory parameter 'signature' was not sent: signature for nothing";
        check(words, words);
        check("signature", "signature");
    }
}
