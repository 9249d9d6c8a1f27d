//! The parameters of a request, the same for REST and the WebSocket API.
//!
//! Values are the literal texts that were sent: a number of a WebSocket request keeps its
//! spelling (`1e-05`, `0.10`), because the signature is over that spelling. Every read is
//! counted, so that a request with a parameter that nobody read is refused before it does
//! anything ([`Params::finish`]).

use std::cell::Cell;

use model::{Price, Quantity, Symbol, Timestamp};
use percent_encoding::percent_decode_str;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::error::ApiError;

/// Parameters that belong to security and framing, not to the endpoint.
const COMMON: [&str; 5] = ["apiKey", "recvWindow", "returnRateLimits", "signature", "timestamp"];

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    value: String,
    /// A value of JSON that is no text, and may be written as JSON allows: `1e-05`, `["A", "B"]`.
    is_json: bool,
    is_read: Cell<bool>,
}

/// The parameters of one request.
#[derive(Clone, Debug, Default)]
pub struct Params {
    entries: Vec<Entry>,
    is_signed: bool,
}

/// Whether a text is digits, so many at most, with or without so many decimals.
#[must_use]
pub fn is_plain_decimal(text: &str, most_digits: usize, most_decimals: usize) -> bool {
    let are_digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    match text.split_once('.') {
        None => are_digits(text, most_digits),
        Some((whole, decimals)) => {
            are_digits(whole, most_digits) && are_digits(decimals, most_decimals)
        }
    }
}

/// A decimal as sent, with what its spelling says of its precision.
fn decimal(entry: &Entry) -> Result<Decimal, ApiError> {
    let text = entry.value.as_str();
    let parsed = if is_plain_decimal(text, 20, 20) {
        text.parse::<Decimal>().ok()
    } else if entry.is_json {
        Decimal::from_scientific(text).or_else(|_| text.parse()).ok()
    } else {
        None
    };
    match parsed {
        Some(value) if !value.is_sign_negative() => Ok(value.normalize()),
        Some(_) | None => {
            let legal = r"^([0-9]{1,20})(\.[0-9]{1,20})?$";
            Err(ApiError::illegal_characters(&entry.name, legal))
        }
    }
}

impl Params {
    /// From a query string and a form body, both as received. A name sent in both counts once,
    /// with the query's value.
    ///
    /// # Errors
    /// -1101 for a name sent twice within one of them.
    pub fn from_query_and_body(query: &str, body: &str) -> Result<Self, ApiError> {
        let mut params = Self::default();
        params.add_pairs(query, true)?;
        let in_query = params.entries.len();
        for pair in body.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = split_pair(pair)?;
            let sent = params.entries.iter().position(|entry| entry.name == name);
            match sent {
                Some(place) if place < in_query => {}
                Some(_) => return Err(ApiError::duplicate_parameter()),
                None => params.push(name, value),
            }
        }
        Ok(params)
    }

    fn add_pairs(&mut self, text: &str, refuse_duplicates: bool) -> Result<(), ApiError> {
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = split_pair(pair)?;
            if refuse_duplicates && self.entries.iter().any(|entry| entry.name == name) {
                return Err(ApiError::duplicate_parameter());
            }
            self.push(name, value);
        }
        Ok(())
    }

    /// From the `params` object of a WebSocket request. Strings are unescaped; numbers, booleans
    /// and arrays keep their literal text; `null` counts as not sent.
    ///
    /// # Errors
    /// -1135 if it is not an object, -1101 for a name sent twice.
    pub fn from_json(object: Option<&RawValue>) -> Result<Self, ApiError> {
        let mut params = Self::default();
        let Some(object) = object else { return Ok(params) };
        let pairs: RawPairs =
            serde_json::from_str(object.get()).map_err(|_| ApiError::invalid_json())?;
        for (name, value) in pairs.0 {
            let text = value.get();
            if text == "null" {
                continue;
            }
            let is_json = !text.starts_with('"');
            let value = if is_json {
                text.to_owned()
            } else {
                serde_json::from_str(text).map_err(|_| ApiError::invalid_json())?
            };
            if params.entries.iter().any(|entry| entry.name == name) {
                return Err(ApiError::duplicate_parameter());
            }
            params.push(name, value);
            if let Some(entry) = params.entries.last_mut() {
                entry.is_json = is_json;
            }
        }
        Ok(params)
    }

    fn push(&mut self, name: String, value: String) {
        self.entries.push(Entry { name, value, is_json: false, is_read: Cell::new(false) });
    }

    /// What a WebSocket request signs: every parameter but `signature`, sorted by name, joined
    /// without any encoding.
    #[must_use]
    pub fn sorted_payload(&self) -> String {
        let mut pairs: Vec<(&str, &str)> = self
            .entries
            .iter()
            .filter(|entry| entry.name != "signature")
            .map(|entry| (entry.name.as_str(), entry.value.as_str()))
            .collect();
        pairs.sort_unstable();
        let pairs: Vec<String> =
            pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }

    /// Marks the request as signed, which decides the words of [`Self::finish`].
    pub fn mark_signed(&mut self) {
        self.is_signed = true;
    }

    /// Whether a value contains a text, without counting it as read. What belongs to security and
    /// framing is left out.
    #[must_use]
    pub fn says(&self, part: &str) -> bool {
        let own = self.entries.iter().filter(|entry| !COMMON.contains(&entry.name.as_str()));
        own.map(|entry| entry.value.as_str()).any(|value| value.contains(part))
    }

    /// Value as sent, without counting it as read.
    #[must_use]
    pub fn peek(&self, name: &str) -> Option<&str> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| entry.value.as_str())
    }

    /// An optional text.
    ///
    /// # Errors
    /// -1105 if it was sent empty.
    pub fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        Ok(self.entry(name)?.map(|entry| entry.value.as_str()))
    }

    fn entry(&self, name: &str) -> Result<Option<&Entry>, ApiError> {
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else {
            return Ok(None);
        };
        entry.is_read.set(true);
        if entry.value.is_empty() { Err(ApiError::empty(name)) } else { Ok(Some(entry)) }
    }

    /// A mandatory text.
    ///
    /// # Errors
    /// -1102 if it is missing, -1105 if it was sent empty.
    pub fn required_text(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name)?.ok_or_else(|| ApiError::mandatory(name))
    }

    /// An optional whole number.
    ///
    /// # Errors
    /// -1100 for other characters, -1108 past 64 bits.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        if !text.bytes().all(|byte| byte.is_ascii_digit()) || text.len() > 20 {
            return Err(ApiError::illegal_characters(name, "^[0-9]{1,20}$"));
        }
        text.parse().map(Some).map_err(|_| ApiError::overflow(name))
    }

    /// An optional `true` or `false`.
    ///
    /// # Errors
    /// -1130 for anything else.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.text(name)? {
            None => Ok(None),
            Some("true" | "TRUE" | "True") => Ok(Some(true)),
            Some("false" | "FALSE" | "False") => Ok(Some(false)),
            Some(_) => Err(ApiError::invalid_parameter(name)),
        }
    }

    /// An optional quantity of the base asset.
    ///
    /// # Errors
    /// -1100, or -1111 past eight decimals.
    pub fn quantity(&self, name: &str) -> Result<Option<Quantity>, ApiError> {
        let Some(entry) = self.entry(name)? else { return Ok(None) };
        let value = decimal(entry)?;
        Quantity::from_decimal(value).map(Some).map_err(|error| precision(name, error))
    }

    /// An optional price.
    ///
    /// # Errors
    /// -1100, or -1111 past eight decimals.
    pub fn price(&self, name: &str) -> Result<Option<Price>, ApiError> {
        let Some(entry) = self.entry(name)? else { return Ok(None) };
        let value = decimal(entry)?;
        Price::from_decimal(value).map(Some).map_err(|error| precision(name, error))
    }

    /// An optional instant, in milliseconds or microseconds by its size. Out of range is clamped
    /// by whoever looks things up.
    ///
    /// # Errors
    /// -1100 for anything but digits.
    pub fn instant(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        Ok(self.integer(name)?.map(instant))
    }

    /// The mandatory `symbol`, in the spelling sent.
    ///
    /// # Errors
    /// -1102 if missing, -1100 for characters that no symbol has, -1121 if it can't be a symbol.
    pub fn symbol(&self) -> Result<Symbol, ApiError> {
        legal_symbol(self.required_text("symbol")?)
    }

    /// The optional `symbol`.
    ///
    /// # Errors
    /// -1100 for characters that no symbol has, -1121 if it can't be a symbol.
    pub fn optional_symbol(&self) -> Result<Option<Symbol>, ApiError> {
        self.text("symbol")?.map(legal_symbol).transpose()
    }

    /// The optional `symbols`: a JSON array of names.
    ///
    /// # Errors
    /// -1100 if it is no such array, -1121 for a bad name, -1151 for a name twice.
    pub fn symbols(&self) -> Result<Option<Vec<Symbol>>, ApiError> {
        let Some(entry) = self.entry("symbols")? else { return Ok(None) };
        let (text, is_json) = (entry.value.as_str(), entry.is_json);
        let legal = r#"^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}){0,1}\]$"#;
        let names: Vec<String> = serde_json::from_str(text)
            .ok()
            .filter(|names: &Vec<String>| {
                (is_json || !text.contains(char::is_whitespace))
                    && names.iter().all(|name| is_legal_symbol(name))
            })
            .ok_or_else(|| ApiError::illegal_characters("symbols", legal))?;
        let mut symbols = Vec::with_capacity(names.len());
        for name in names {
            let symbol = parse_symbol(&name)?;
            if symbols.contains(&symbol) {
                return Err(ApiError::duplicate_symbols());
            }
            symbols.push(symbol);
        }
        if symbols.is_empty() {
            return Err(ApiError::illegal_characters("symbols", legal));
        }
        Ok(Some(symbols))
    }

    /// The optional `symbolStatus`.
    ///
    /// # Errors
    /// -1122 for a status that can't be asked for.
    pub fn symbol_status(&self) -> Result<Option<&str>, ApiError> {
        match self.text("symbolStatus")? {
            Some(status) if !["TRADING", "HALT", "BREAK", "CANCEL_ONLY"].contains(&status) => {
                Err(ApiError::bad_symbol_status())
            }
            status => Ok(status),
        }
    }

    /// An optional row count, cut to `max`.
    ///
    /// # Errors
    /// -1100 for anything but digits, -1130 for zero.
    pub fn limit(&self, default: usize, max: usize) -> Result<usize, ApiError> {
        match self.integer("limit")? {
            None => Ok(default),
            Some(0) => Err(ApiError::invalid_parameter("limit")),
            Some(limit) => Ok(usize::try_from(limit).unwrap_or(max).min(max)),
        }
    }

    /// Refuses the request if something was sent that the endpoint does not know.
    ///
    /// # Errors
    /// -1104 for a signed request, -1101 for another.
    pub fn finish(&self) -> Result<(), ApiError> {
        let sent = self.entries.len();
        let read = self
            .entries
            .iter()
            .filter(|entry| {
                let is_common = self.is_signed && COMMON.contains(&entry.name.as_str());
                entry.is_read.get() || is_common
            })
            .count();
        if read == sent {
            Ok(())
        } else if self.is_signed {
            Err(ApiError::unread_parameters(read, sent))
        } else {
            Err(ApiError::too_many_parameters(read, sent))
        }
    }
}

/// An instant of the wire in either unit: microseconds have 16 digits until the year 2286.
#[must_use]
pub fn instant(value: i64) -> Timestamp {
    const SMALLEST_IN_MICROS: i64 = 100_000_000_000_000;
    if value >= SMALLEST_IN_MICROS {
        Timestamp::from_micros(value)
    } else {
        Timestamp::from_millis(value)
    }
}

fn parse_symbol(text: &str) -> Result<Symbol, ApiError> {
    Symbol::new(text).map_err(|_| ApiError::bad_symbol())
}

/// Names outside of ASCII are legal, too: the venue lists some.
fn is_legal_symbol(text: &str) -> bool {
    let is_legal = |letter: char| {
        !letter.is_ascii()
            || letter.is_ascii_uppercase()
            || letter.is_ascii_digit()
            || "-_.".contains(letter)
    };
    (1..=50).contains(&text.chars().count()) && text.chars().all(is_legal)
}

fn legal_symbol(text: &str) -> Result<Symbol, ApiError> {
    if !is_legal_symbol(text) {
        return Err(ApiError::illegal_characters("symbol", r"^[\w\-._&&[^a-z]]{1,50}$"));
    }
    parse_symbol(text)
}

fn precision(name: &str, error: model::FixedError) -> ApiError {
    match error {
        model::FixedError::TooPrecise => ApiError::too_precise(name),
        model::FixedError::OutOfRange => ApiError::overflow(name),
        model::FixedError::Malformed => ApiError::mandatory(name),
    }
}

/// Splits and decodes `name=value`; `+` is a space, as forms have it.
fn split_pair(pair: &str) -> Result<(String, String), ApiError> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| ApiError::illegal_characters(name, "UTF-8"))
    };
    Ok((decode(name)?, decode(value)?))
}

/// An object's members in order, with their raw values and with duplicates kept.
struct RawPairs(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for RawPairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = RawPairs;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<RawPairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry::<String, Box<RawValue>>()? {
                    pairs.push(pair);
                }
                Ok(RawPairs(pairs))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Params {
        Params::from_json(Some(&serde_json::from_str::<Box<RawValue>>(text).unwrap())).unwrap()
    }

    #[test]
    fn query_and_body_are_merged_and_decoded() {
        let params =
            Params::from_query_and_body("symbol=BTC%55SDT&a=1", "symbol=ETHUSDT&b=x%20y+z")
                .unwrap();
        assert_eq!(params.required_text("symbol").unwrap(), "BTCUSDT");
        assert_eq!(params.required_text("b").unwrap(), "x y z");
        assert_eq!(
            Params::from_query_and_body("a=1&a=2", "").unwrap_err(),
            ApiError::duplicate_parameter()
        );
    }

    #[test]
    fn websocket_parameters_keep_their_literal_text() {
        let params = json(
            r#"{"quantity":1e-05,"symbols":["A","B"],"price":"0.10","returnRateLimits":false,"x":null,"symbol":"\uff11"}"#,
        );
        assert_eq!(
            params.sorted_payload(),
            "price=0.10&quantity=1e-05&returnRateLimits=false&symbol=１&symbols=[\"A\",\"B\"]"
        );
        assert_eq!(params.quantity("quantity").unwrap(), Some("0.00001".parse().unwrap()));
        // How JSON is written says nothing; within a text it does.
        let spaced = |text: &str| json(text).symbols().map(|names| names.map(|names| names.len()));
        assert_eq!(spaced(r#"{"symbols":["A", "B"]}"#), Ok(Some(2)));
        assert_eq!(spaced(r#"{"symbols":"[\"A\", \"B\"]"}"#).unwrap_err().code, -1100);
        let quantity = |text: &str| json(text).quantity("q").map_err(|error| error.code);
        for number in ["0.001", "1e-3", "1E-3", "0.1e-2"] {
            assert_eq!(
                quantity(&format!(r#"{{"q":{number}}}"#)),
                Ok(Some("0.001".parse().unwrap()))
            );
        }
        assert_eq!(quantity(r#"{"q":"1e-3"}"#), Err(-1100), "text is read as REST reads it");
        assert_eq!(quantity(r#"{"q":-1}"#), Err(-1100));
    }

    #[test]
    fn values_that_are_refused() {
        #[track_caller]
        fn check(query: &str, read: fn(&Params) -> Result<(), ApiError>, code: i32, words: &str) {
            let params = Params::from_query_and_body(query, "").unwrap();
            let error = read(&params).unwrap_err();
            assert_eq!(error.code, code, "{query}");
            assert!(error.msg.contains(words), "{}", error.msg);
        }
        check("", |params| params.symbol().map(drop), -1102, "'symbol'");
        check("symbol=", |params| params.symbol().map(drop), -1105, "'symbol'");
        let symbol = |params: &Params| params.symbol().map(drop);
        let legal = r"parameter 'symbol'; legal range is '^[\w\-._&&[^a-z]]{1,50}$'.";
        let too_long = "A".repeat(51);
        for illegal in ["A%20B", "btcusdt", "BTC/USDT", too_long.as_str()] {
            check(&format!("symbol={illegal}"), symbol, -1100, legal);
        }
        for written in ["1e-3", "1E-3", "%2B0.001", "1.", ".001", "0x1", "1_0", "%201"] {
            let legal = r"parameter 'q'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'.";
            check(&format!("q={written}"), |params| params.quantity("q").map(drop), -1100, legal);
            check(&format!("q={written}"), |params| params.price("q").map(drop), -1100, legal);
        }
        check("q=abc", |params| params.quantity("q").map(drop), -1100, "'q'");
        check("q=-1", |params| params.quantity("q").map(drop), -1100, "'q'");
        check("q=0.123456789", |params| params.quantity("q").map(drop), -1111, "precision");
        check("q=1.5", |params| params.integer("q").map(drop), -1100, "'q'");
        check("q=99999999999999999999", |params| params.integer("q").map(drop), -1108, "'q'");
        check("q=maybe", |params| params.boolean("q").map(drop), -1130, "'q'");
        let symbols = |params: &Params| params.symbols().map(drop);
        for illegal in ["[%22btcusdt%22]", "[%22A%22,%20%22B%22]", "[%22%22]", "[1]"] {
            check(&format!("symbols={illegal}"), symbols, -1100, "'symbols'");
        }
        check("symbols=BTC", |params| params.symbols().map(drop), -1100, "symbols");
        check(
            "symbols=[%22A%22,%22A%22]",
            |params| params.symbols().map(drop),
            -1151,
            "multiple times",
        );
        check("foo=1", Params::finish, -1101, "expected '0' and received '1'");
        check("timestamp=1", Params::finish, -1101, "expected '0' and received '1'");
    }

    #[test]
    fn an_instant_may_be_in_either_unit() {
        let millis = instant(1_723_161_253_937);
        assert_eq!(millis, instant(1_723_161_253_937_000));
    }
}
