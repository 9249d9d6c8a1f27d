//! JSON objects whose members stand as they are written, in the venue's order: the maps of
//! `serde_json` are sorted.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// An object, as text. [`object`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Object(String);

impl Object {
    /// `{}`
    #[must_use]
    pub fn new() -> Self {
        Self("{}".to_owned())
    }

    /// The same with one member more, at the end.
    #[must_use]
    pub fn with(mut self, name: &str, value: &impl Serialize) -> Self {
        let value = serde_json::to_string(value).expect("answers are plain data");
        self.0.pop();
        let comma = if self.0.len() > 1 { "," } else { "" };
        self.0.extend([comma, "\"", name, "\":", &value, "}"]);
        self
    }
}

impl Default for Object {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: &RawValue = serde_json::from_str(&self.0).expect("it was written as JSON");
        text.serialize(serializer)
    }
}

/// `object! { "name": value, … }`: an [`Object`].
macro_rules! object {
    ($($name:literal: $value:expr),* $(,)?) => {
        $crate::api::ordered::Object::new()$(.with($name, &$value))*
    };
}
pub(crate) use object;

#[cfg(test)]
mod tests {
    #[test]
    fn members_stand_as_they_are_written() {
        let inner = object! { "b": 1, "a": [2, 3] };
        let outer = object! { "z": "x\"y", "m": inner, "a": None::<u32> };
        let text = r#"{"z":"x\"y","m":{"b":1,"a":[2,3]},"a":null}"#;
        assert_eq!(outer.to_string(), text);
        assert_eq!(serde_json::to_string(&[&outer]).unwrap(), format!("[{text}]"));
        assert_eq!(object! {}.to_string(), "{}");
    }
}
