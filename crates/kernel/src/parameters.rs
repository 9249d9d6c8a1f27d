//! Parameters of a strategy: declared once, checked where they enter, read by name.
//!
//! A strategy declares a table of [`ParameterKey`]s. The same table checks a config file, fills in
//! defaults, writes the documentation and serves a parameter sweep. What does not belong here:
//! files and their lines (the root package adds those to every error).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use model::{Amount, Interval, Price, Quantity};

/// What a parameter may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParameterKind {
    /// A whole number in `min..=max`.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A number in `min..=max` that is no money: a factor, a threshold in basis points.
    Float {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// A price above zero.
    Price,
    /// A base quantity above zero.
    Quantity,
    /// Money above zero.
    Amount,
    /// Whole milliseconds in `min..=max`; the name ends in `_ms`.
    Milliseconds {
        /// Shortest.
        min: u64,
        /// Longest.
        max: u64,
    },
    /// A bar interval such as `1m`.
    Interval,
    /// Yes or no.
    Boolean,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// What holds when the file does not name the parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterDefault {
    /// Nothing: it must be given.
    Required,
    /// It stays unset, which the documentation explains.
    Unset,
    /// This text, of the parameter's own kind.
    Value(&'static str),
}

/// One row of a strategy's parameter table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParameterKey {
    /// Name, with the unit last: `fall_bps`, `requote_ms`.
    pub name: &'static str,
    /// What it may hold.
    pub kind: ParameterKind,
    /// What holds when it is not given.
    pub default: ParameterDefault,
    /// One sentence for the operator.
    pub doc: &'static str,
}

/// The parameter table of one kind of strategy.
#[derive(Debug, Clone, Copy)]
pub struct ParameterSet {
    /// The strategy's kind as files name it.
    pub kind: &'static str,
    /// Its parameters.
    pub keys: &'static [ParameterKey],
    /// What the table can't say, such as `fast` below `slow`.
    pub check: fn(&Parameters) -> Result<(), ParameterError>,
}

/// A parameter that can't be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parameter `{name}`: {problem}")]
pub struct ParameterError {
    /// The parameter.
    pub name: String,
    /// What is wrong and what was expected.
    pub problem: String,
}

impl ParameterError {
    /// An error about the parameter `name`.
    #[must_use]
    pub fn new(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { name: name.into(), problem: problem.into() }
    }
}

/// A checked value.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterValue {
    /// See [`ParameterKind::Integer`].
    Integer(i64),
    /// See [`ParameterKind::Float`].
    Float(f64),
    /// See [`ParameterKind::Price`].
    Price(Price),
    /// See [`ParameterKind::Quantity`].
    Quantity(Quantity),
    /// See [`ParameterKind::Amount`].
    Amount(Amount),
    /// See [`ParameterKind::Milliseconds`].
    Duration(Duration),
    /// See [`ParameterKind::Interval`].
    Interval(Interval),
    /// See [`ParameterKind::Boolean`].
    Boolean(bool),
    /// See [`ParameterKind::Choice`].
    Choice(&'static str),
}

/// As it is written in a file, without quotes.
impl fmt::Display for ParameterValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(out),
            Self::Float(value) => value.fmt(out),
            Self::Price(value) => value.fmt(out),
            Self::Quantity(value) => value.fmt(out),
            Self::Amount(value) => value.fmt(out),
            Self::Duration(value) => value.as_millis().fmt(out),
            Self::Interval(value) => out.write_str(value.name()),
            Self::Boolean(value) => value.fmt(out),
            Self::Choice(value) => out.write_str(value),
        }
    }
}

impl ParameterKind {
    /// What the kind accepts, for an error or a page.
    #[must_use]
    pub fn expected(self) -> String {
        match self {
            Self::Integer { min, max: i64::MAX } => format!("a whole number from {min}"),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Float { min, max } if max == f64::INFINITY => format!("a number from {min}"),
            Self::Float { min, max } => format!("a number from {min} to {max}"),
            Self::Price => "a price above 0".to_owned(),
            Self::Quantity => "a quantity above 0".to_owned(),
            Self::Amount => "an amount of money above 0".to_owned(),
            Self::Milliseconds { min, max } => format!("whole milliseconds from {min} to {max}"),
            Self::Interval => "a bar interval such as 1s, 1m or 1h".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
        }
    }

    /// Reads and checks a text. `None` when it is not what the kind expects.
    fn parse(self, text: &str) -> Option<ParameterValue> {
        match self {
            Self::Integer { min, max } => {
                let value = text.parse().ok().filter(|value| (min..=max).contains(value));
                value.map(ParameterValue::Integer)
            }
            Self::Float { min, max } => {
                let value: f64 = text.parse().ok()?;
                let fits = value.is_finite() && value >= min && value <= max;
                fits.then_some(ParameterValue::Float(value))
            }
            Self::Price => text
                .parse()
                .ok()
                .filter(|price: &Price| price.is_positive())
                .map(ParameterValue::Price),
            Self::Quantity => {
                let value = text.parse().ok().filter(|quantity: &Quantity| quantity.is_positive());
                value.map(ParameterValue::Quantity)
            }
            Self::Amount => {
                let value = text.parse().ok().filter(|amount: &Amount| amount.is_positive());
                value.map(ParameterValue::Amount)
            }
            Self::Milliseconds { min, max } => {
                let value = text.parse().ok().filter(|value| (min..=max).contains(value));
                value.map(|millis| ParameterValue::Duration(Duration::from_millis(millis)))
            }
            Self::Interval => text.parse().ok().map(ParameterValue::Interval),
            Self::Boolean => text.parse().ok().map(ParameterValue::Boolean),
            Self::Choice(words) => {
                words.iter().find(|word| **word == text).map(|word| ParameterValue::Choice(word))
            }
        }
    }
}

/// Checked values of a strategy's parameters.
///
/// The readers panic on a name or a kind that the strategy's own table does not declare: that is
/// a bug of the strategy, which its first test meets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters {
    values: BTreeMap<&'static str, Option<ParameterValue>>,
}

macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident $optional:ident $variant:ident -> $type:ty;)*) => {$(
        $(#[$doc])*
        ///
        /// # Panics
        /// When the table does not declare it as such with a default or as required.
        #[must_use]
        pub fn $name(&self, name: &str) -> $type {
            self.$optional(name).unwrap_or_else(|| panic!("parameter `{name}` may be unset"))
        }

        $(#[$doc])*
        /// `None` when it is unset.
        ///
        /// # Panics
        /// When the table does not declare it as such.
        #[must_use]
        pub fn $optional(&self, name: &str) -> Option<$type> {
            self.value(name).map(|value| {
                let ParameterValue::$variant(value) = value else {
                    panic!("parameter `{name}` is declared as {value:?}");
                };
                *value
            })
        }
    )*};
}

impl Parameters {
    /// Checks `given` texts against a table and fills in the defaults.
    ///
    /// # Errors
    /// Every parameter that is unknown, malformed, out of range or missing.
    pub fn new(
        keys: &'static [ParameterKey],
        given: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<ParameterError>> {
        let mut errors: Vec<ParameterError> = given
            .keys()
            .filter(|name| !keys.iter().any(|key| key.name == **name))
            .map(|name| ParameterError::new(name, "no such parameter"))
            .collect();
        let mut values = BTreeMap::new();
        for key in keys {
            let text = match (given.get(key.name), key.default) {
                (Some(text), _) => Some(text.as_str()),
                (None, ParameterDefault::Value(text)) => Some(text),
                (None, ParameterDefault::Unset) => None,
                (None, ParameterDefault::Required) => {
                    errors.push(ParameterError::new(
                        key.name,
                        format!("missing; expected {}", key.kind.expected()),
                    ));
                    continue;
                }
            };
            let value = text.map(|text| key.kind.parse(text).ok_or(text)).transpose();
            match value {
                Ok(value) => {
                    values.insert(key.name, value);
                }
                Err(text) => errors.push(ParameterError::new(
                    key.name,
                    format!("`{text}` is not {}", key.kind.expected()),
                )),
            }
        }
        if errors.is_empty() { Ok(Self { values }) } else { Err(errors) }
    }

    fn value(&self, name: &str) -> Option<&ParameterValue> {
        self.values
            .get(name)
            .unwrap_or_else(|| panic!("parameter `{name}` is not in the strategy's table"))
            .as_ref()
    }

    /// Every name and value, in order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Option<&ParameterValue>)> {
        self.values.iter().map(|(name, value)| (*name, value.as_ref()))
    }

    /// Those that are set, in order of names: name and value, as a report names them.
    #[must_use]
    pub fn in_words(&self) -> Vec<(String, String)> {
        let words = |(name, value): (&str, Option<&ParameterValue>)| {
            Some((name.to_owned(), value?.to_string()))
        };
        self.iter().filter_map(words).collect()
    }

    readers! {
        /// A whole number.
        integer integer_if_set Integer -> i64;
        /// A number that is no money.
        float float_if_set Float -> f64;
        /// A price.
        price price_if_set Price -> Price;
        /// A base quantity.
        quantity quantity_if_set Quantity -> Quantity;
        /// Money.
        amount amount_if_set Amount -> Amount;
        /// A duration.
        duration duration_if_set Duration -> Duration;
        /// A bar interval.
        interval interval_if_set Interval -> Interval;
        /// Yes or no.
        boolean boolean_if_set Boolean -> bool;
        /// One of the declared words.
        choice choice_if_set Choice -> &'static str;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static KEYS: &[ParameterKey] = &[
        ParameterKey {
            name: "fast",
            kind: ParameterKind::Integer { min: 1, max: 500 },
            default: ParameterDefault::Value("12"),
            doc: "Length of the fast average.",
        },
        ParameterKey {
            name: "spread_bps",
            kind: ParameterKind::Float { min: 0.0, max: 1_000.0 },
            default: ParameterDefault::Required,
            doc: "Half the quoted spread.",
        },
        ParameterKey {
            name: "order_notional",
            kind: ParameterKind::Amount,
            default: ParameterDefault::Unset,
            doc: "Money per order.",
        },
        ParameterKey {
            name: "source",
            kind: ParameterKind::Choice(&["trades", "bars"]),
            default: ParameterDefault::Value("bars"),
            doc: "What the averages follow.",
        },
    ];

    fn read(given: &[(&str, &str)]) -> Result<Parameters, Vec<ParameterError>> {
        let given = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Parameters::new(KEYS, &given.collect())
    }

    #[test]
    fn defaults_fill_what_is_not_given() {
        let parameters = read(&[("spread_bps", "2.5"), ("order_notional", "250.00")]).unwrap();
        assert_eq!(parameters.integer("fast"), 12);
        assert!((parameters.float("spread_bps") - 2.5).abs() < 1e-12);
        assert_eq!(parameters.amount_if_set("order_notional"), Some("250".parse().unwrap()));
        assert_eq!(parameters.choice("source"), "bars");
        assert_eq!(read(&[("spread_bps", "1")]).unwrap().amount_if_set("order_notional"), None);
    }

    #[test]
    fn what_is_set_is_told_in_words() {
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let parameters = read(&[("spread_bps", "2.5")]).unwrap();
        let expected = [set("fast", "12"), set("source", "bars"), set("spread_bps", "2.5")];
        assert_eq!(parameters.in_words(), expected, "what is not set is left out");
    }

    #[test]
    fn every_error_is_reported() {
        #[track_caller]
        fn check(given: &[(&str, &str)], expected: &[&str]) {
            let errors = read(given).unwrap_err();
            assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        }
        check(&[], &["parameter `spread_bps`: missing; expected a number from 0 to 1000"]);
        check(
            &[("fastt", "1"), ("fast", "0"), ("spread_bps", "NaN"), ("order_notional", "0")],
            &[
                "parameter `fastt`: no such parameter",
                "parameter `fast`: `0` is not a whole number from 1 to 500",
                "parameter `spread_bps`: `NaN` is not a number from 0 to 1000",
                "parameter `order_notional`: `0` is not an amount of money above 0",
            ],
        );
        check(
            &[("spread_bps", "1"), ("source", "ticks")],
            &["parameter `source`: `ticks` is not one of trades, bars"],
        );
    }
}
