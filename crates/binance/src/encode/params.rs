//! Parameters of a request, in the three notations that the venue wants.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986 is encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    /// A JSON string that needs no escapes and is always the same.
    Word(&'static str),
    /// A JSON string.
    Text(String),
    /// A JSON number.
    Integer(i64),
    /// A JSON boolean or array, as it stands.
    Plain(String),
}

impl Value {
    /// Hands the value out as text.
    fn with_text<T>(&self, take: impl FnOnce(&str) -> T) -> T {
        match self {
            Self::Word(text) => take(text),
            Self::Text(text) | Self::Plain(text) => take(text),
            Self::Integer(number) => take(itoa::Buffer::new().format(*number)),
        }
    }
}

/// Named parameters of one request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params {
    entries: Vec<(&'static str, Value)>,
}

impl Params {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// None yet, with room for as many as an order has.
    pub(super) fn of_order() -> Self {
        Self { entries: Vec::with_capacity(16) }
    }

    /// Adds a text or a decimal number, which the venue takes as text.
    #[must_use]
    pub fn text(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.entries.push((name, Value::Text(value.into())));
        self
    }

    /// Adds one of the venue's own words.
    #[must_use]
    pub fn word(mut self, name: &'static str, value: &'static str) -> Self {
        self.entries.push((name, Value::Word(value)));
        self
    }

    /// Adds an integer.
    #[must_use]
    pub fn integer(mut self, name: &'static str, value: i64) -> Self {
        self.entries.push((name, Value::Integer(value)));
        self
    }

    /// Adds a boolean.
    #[must_use]
    pub fn flag(mut self, name: &'static str, value: bool) -> Self {
        self.entries.push((name, Value::Plain(value.to_string())));
        self
    }

    /// Adds a list of texts.
    #[must_use]
    pub fn list(mut self, name: &'static str, values: &[&str]) -> Self {
        let json = serde_json::to_string(values).expect("strings always serialise");
        self.entries.push((name, Value::Plain(json)));
        self
    }

    /// Takes a parameter out.
    pub fn remove(&mut self, name: &str) {
        self.entries.retain(|(key, _)| *key != name);
    }

    /// The value of a parameter that is a text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.entries.iter().find(|(key, _)| *key == name)?;
        match value {
            Value::Word(text) => Some(text),
            Value::Text(text) => Some(text),
            Value::Integer(_) | Value::Plain(_) => None,
        }
    }

    /// `a=1&b=2`, percent-encoded, in the order of adding: what a REST request sends and signs.
    #[must_use]
    pub fn to_query(&self) -> String {
        let mut query = String::with_capacity(256);
        for (name, value) in &self.entries {
            let separator = if query.is_empty() { "" } else { "&" };
            value.with_text(|value| {
                let value = utf8_percent_encode(value, RESERVED);
                write!(query, "{separator}{name}={value}").expect("writing to a String can't fail");
            });
        }
        query
    }

    /// `a=1&b=2` of these and what a request adds to them, sorted by name and not encoded: what a
    /// WebSocket API request signs.
    pub(super) fn to_sorted_payload(&self, added: &Self) -> String {
        let mut sorted: Vec<_> = self.entries.iter().chain(&added.entries).collect();
        sorted.sort_by_key(|(name, _)| *name);
        let mut payload = String::with_capacity(256);
        for (name, value) in sorted {
            let separator = if payload.is_empty() { "" } else { "&" };
            value.with_text(|value| {
                write!(payload, "{separator}{name}={value}")
                    .expect("writing to a String can't fail");
            });
        }
        payload
    }

    /// `{"a":"1","b":2}` of these and what a request adds to them: what a WebSocket API request
    /// sends. The literal text of numbers is the one that was signed.
    pub(super) fn write_json(&self, added: &Self, out: &mut String) {
        out.push('{');
        for (index, (name, value)) in self.entries.iter().chain(&added.entries).enumerate() {
            out.push_str(if index == 0 { "\"" } else { ",\"" });
            out.push_str(name);
            out.push_str("\":");
            match value {
                Value::Word(word) => {
                    out.push('"');
                    out.push_str(word);
                    out.push('"');
                }
                Value::Text(text) => write_json_text(text, out),
                Value::Integer(_) | Value::Plain(_) => value.with_text(|text| out.push_str(text)),
            }
        }
        out.push('}');
    }
}

/// A JSON string. What an order consists of needs no escapes.
fn write_json_text(text: &str, out: &mut String) {
    let needs_escape = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    if text.bytes().any(needs_escape) {
        out.push_str(&serde_json::to_string(text).expect("strings always serialise"));
    } else {
        out.push('"');
        out.push_str(text);
        out.push('"');
    }
}

/// The bytes of a text that must not be taken for syntax, encoded for a query.
pub(super) fn encode_value(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_notation_is_as_documented() {
        let params = Params::new()
            .text("symbol", "１２")
            .text("side", "a b&c=d")
            .integer("recvWindow", 5_000)
            .flag("omitZeroBalances", true)
            .list("symbols", &["A\"", "B"]);
        assert_eq!(
            params.to_query(),
            "symbol=%EF%BC%91%EF%BC%92&side=a%20b%26c%3Dd&recvWindow=5000\
             &omitZeroBalances=true&symbols=%5B%22A%5C%22%22%2C%22B%22%5D"
        );
        assert_eq!(
            params.to_sorted_payload(&Params::new()),
            "omitZeroBalances=true&recvWindow=5000&side=a b&c=d&symbol=１２&symbols=[\"A\\\"\",\"B\"]"
        );
        let mut json = String::new();
        params.text("note", "a\"\\\n").write_json(&Params::new().word("b", "c"), &mut json);
        assert_eq!(
            json,
            "{\"symbol\":\"１２\",\"side\":\"a b&c=d\",\"recvWindow\":5000,\
             \"omitZeroBalances\":true,\"symbols\":[\"A\\\"\",\"B\"],\"note\":\"a\\\"\\\\\\n\",\"b\":\"c\"}"
        );
    }
}
