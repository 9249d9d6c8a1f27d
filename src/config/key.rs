//! Rows of the key tables: the one description of every setting. It checks files, environment and
//! flags, supplies the defaults and writes docs/CONFIG.md.

use std::borrow::Cow;

use kernel::parameters::{ParameterDefault, ParameterKey, ParameterKind};

/// What a setting may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Any text but the empty one.
    Text,
    /// A name that files, logs and client order ids can carry.
    Name,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Yes or no.
    Boolean,
    /// A whole number in `min..=max`.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// Whole milliseconds in `min..=max`; the key ends in `_ms`.
    Milliseconds {
        /// Shortest.
        min: i64,
        /// Longest.
        max: i64,
    },
    /// A number in `min..=max` that is no money.
    Number {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// A number above zero, or `"max"`.
    Speed,
    /// Money above zero, quoted.
    Money,
    /// A price above zero, quoted.
    Price,
    /// A base quantity above zero, quoted.
    Quantity,
    /// A fee rate in `-0.01..=0.1`, quoted: 0.001 is 10 basis points.
    Rate,
    /// An amount and its asset in one text: `"100000 USDT"`.
    Balance,
    /// A file or directory; relative to the working directory.
    Path,
    /// A URL with one of these schemes.
    Url(&'static [&'static str]),
    /// An IP address.
    Address,
    /// An asset such as `USDT`.
    Asset,
    /// A trading pair such as `BTCUSDT`.
    Symbol,
    /// The name of an environment variable.
    Variable,
    /// A bar interval such as `1m`.
    Interval,
    /// One or more, without repetition.
    List(&'static Kind),
    /// One or more tables, `[[path]]`, each with these keys.
    Tables(&'static [Key]),
}

/// What holds when nobody makes the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Nothing: it must be made.
    Required,
    /// Nothing, and that is fine: the doc line says what follows.
    Optional,
    /// This TOML value.
    Default(&'static str),
}

/// One setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The path, `section.key`.
    pub path: Cow<'static, str>,
    /// What it may hold.
    pub kind: Kind,
    /// What holds otherwise.
    pub presence: Presence,
    /// One or two sentences for the operator.
    pub doc: &'static str,
}

impl Key {
    /// A row of a constant table.
    #[must_use]
    pub const fn new(
        path: &'static str,
        kind: Kind,
        presence: Presence,
        doc: &'static str,
    ) -> Self {
        Self { path: Cow::Borrowed(path), kind, presence, doc }
    }

    /// The row for a strategy's parameter.
    #[must_use]
    pub fn of_parameter(parameter: &ParameterKey) -> Self {
        let kind = match parameter.kind {
            ParameterKind::Integer { min, max } => Kind::Integer { min, max },
            ParameterKind::Float { min, max } => Kind::Number { min, max },
            ParameterKind::Price => Kind::Price,
            ParameterKind::Quantity => Kind::Quantity,
            ParameterKind::Amount => Kind::Money,
            ParameterKind::Milliseconds { min, max } => Kind::Milliseconds {
                min: i64::try_from(min).unwrap_or(i64::MAX),
                max: i64::try_from(max).unwrap_or(i64::MAX),
            },
            ParameterKind::Interval => Kind::Interval,
            ParameterKind::Boolean => Kind::Boolean,
            ParameterKind::Choice(words) => Kind::Choice(words),
        };
        // A default is left to `Parameters::new`, which fills it in from the strategy's own table.
        let presence = match parameter.default {
            ParameterDefault::Required => Presence::Required,
            ParameterDefault::Unset | ParameterDefault::Value(_) => Presence::Optional,
        };
        let path = Cow::Owned(format!("parameters.{}", parameter.name));
        Self { path, kind, presence, doc: parameter.doc }
    }
}

impl Kind {
    /// What the kind accepts, for an error or a page.
    #[must_use]
    pub fn expected(self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Name => "a name of up to 32 characters from a-z, 0-9, _ and -".to_owned(),
            Self::Choice(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("one of {}", words.join(", "))
            }
            Self::Boolean => "true or false".to_owned(),
            Self::Integer { min, max: i64::MAX } => format!("a whole number from {min}"),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Milliseconds { min, max } => {
                format!("milliseconds, a whole number from {min} to {max}")
            }
            Self::Number { min, max } if max == f64::INFINITY => format!("a number from {min}"),
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::Speed => "a number above 0, or \"max\"".to_owned(),
            Self::Money => "money above 0, a quoted decimal such as \"250.00\"".to_owned(),
            Self::Price => "a price above 0, a quoted decimal such as \"61837.63\"".to_owned(),
            Self::Quantity => "a quantity above 0, a quoted decimal such as \"0.005\"".to_owned(),
            Self::Rate => {
                "a fee rate from -0.01 to 0.1, a quoted decimal such as \"0.001\"".to_owned()
            }
            Self::Balance => "an amount and its asset, such as \"100000 USDT\"".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Url(schemes) => {
                format!("a URL that starts with {}", schemes.join(":// or ") + "://")
            }
            Self::Address => "an IP address such as \"127.0.0.1\"".to_owned(),
            Self::Asset => "an asset in capitals, such as \"USDT\"".to_owned(),
            Self::Symbol => {
                "a symbol in capitals without separator, such as \"BTCUSDT\"".to_owned()
            }
            Self::Variable => "the name of an environment variable".to_owned(),
            Self::Interval => "a bar interval such as \"1s\", \"1m\" or \"1h\"".to_owned(),
            Self::List(item) => format!("a list, each {}", item.expected()),
            Self::Tables(_) => "one or more tables".to_owned(),
        }
    }

    /// Whether the value is exact and so must be quoted.
    #[must_use]
    pub const fn is_decimal(self) -> bool {
        matches!(self, Self::Money | Self::Price | Self::Quantity | Self::Rate | Self::Balance)
    }
}
