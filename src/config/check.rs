//! Checks one value against its kind, from TOML or from a text, and puts it into canonical form.

use std::net::IpAddr;
use std::ops::Range;

use config::{Value, ValueKind};
use model::{Amount, Asset, Interval, Price, Quantity, Symbol};
use rust_decimal::Decimal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key::{Key, Kind, Presence};
use super::suggest::closest;

/// What is wrong with a value; a list or a table may have several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where in the TOML text, when it comes from one.
    pub span: Option<Range<usize>>,
    /// The path below the key that was checked, such as `[1].symbol`; empty for the key itself.
    pub below: String,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Problem {
    fn new(problem: impl Into<String>) -> Self {
        Self { span: None, below: String::new(), problem: problem.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn at(mut self, span: &Range<usize>, below: &str) -> Self {
        self.span.get_or_insert_with(|| span.clone());
        self.below = format!("{below}{}", self.below);
        self
    }
}

type Checked = Result<ValueKind, Vec<Problem>>;

/// Checks a value of a TOML file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check_toml(kind: Kind, value: &Spanned<DeValue<'_>>) -> Checked {
    let span = value.span();
    let placed = |problem: Problem| vec![problem.at(&span, "")];
    match (kind, value.get_ref()) {
        (Kind::List(item), DeValue::Array(items)) => {
            check_items(items.iter(), &span, |item_value| check_toml(*item, item_value))
        }
        (Kind::Tables(keys), DeValue::Array(items)) => check_items(items.iter(), &span, |item| {
            let DeValue::Table(table) = item.get_ref() else {
                return Err(vec![Problem::new(mismatch(kind, item.get_ref()))]);
            };
            check_table(keys, table, &item.span())
        }),
        (Kind::Boolean, DeValue::Boolean(value)) => Ok(ValueKind::Boolean(*value)),
        (Kind::Integer { .. } | Kind::Milliseconds { .. }, DeValue::Integer(value)) => {
            let parsed = i64::from_str_radix(value.as_str(), value.radix()).ok();
            parsed.and_then(|number| integer(kind, number)).ok_or_else(|| {
                placed(Problem::new(format!("expected {}, found {value}", kind.expected())))
            })
        }
        (Kind::Number { .. } | Kind::Speed, DeValue::Integer(number)) => {
            // Hexadecimal stays as it is written, and is refused.
            check_text(kind, &number.to_string()).map_err(placed)
        }
        (Kind::Number { .. } | Kind::Speed, DeValue::Float(number)) => {
            check_text(kind, number.as_str()).map_err(placed)
        }
        (_, DeValue::String(text)) if !is_bare(kind) => check_text(kind, text).map_err(placed),
        (_, other) => {
            let mut problem = Problem::new(mismatch(kind, other));
            problem.help = hint(kind, other);
            Err(placed(problem))
        }
    }
}

/// How a value of the wrong type would be written right.
fn hint(kind: Kind, value: &DeValue<'_>) -> Option<String> {
    match (bare(value), value.as_str()) {
        (Some(number), _) if kind.is_decimal() => {
            Some(format!("a bare number may lose digits: write \"{number}\""))
        }
        (None, Some(text)) if matches!(kind, Kind::List(_)) => {
            Some(format!("in brackets: [\"{text}\"]"))
        }
        (None, Some(text)) if is_bare(kind) && check_text(kind, text).is_ok() => {
            Some(format!("without quotes: {text}"))
        }
        (Some(_) | None, _) => None,
    }
}

/// Kinds that stand without quotes in a file.
const fn is_bare(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Boolean
            | Kind::Integer { .. }
            | Kind::Milliseconds { .. }
            | Kind::Number { .. }
            | Kind::List(_)
            | Kind::Tables(_)
    )
}

fn bare<'v>(value: &'v DeValue<'_>) -> Option<&'v str> {
    match value {
        DeValue::Integer(number) => Some(number.as_str()),
        DeValue::Float(number) => Some(number.as_str()),
        DeValue::String(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => None,
    }
}

fn mismatch(kind: Kind, value: &DeValue<'_>) -> String {
    let found = match value {
        DeValue::String(text) => format!("the text \"{text}\""),
        DeValue::Integer(number) => format!("the bare number {number}"),
        DeValue::Float(number) => format!("the bare number {number}"),
        DeValue::Boolean(value) => format!("{value}"),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    };
    format!("expected {}, found {found}", kind.expected())
}

/// Checks each item, and that the list is neither empty nor repeats a text.
fn check_items<'a, T: 'a>(
    items: impl Iterator<Item = &'a Spanned<T>>,
    span: &Range<usize>,
    check: impl Fn(&Spanned<T>) -> Checked,
) -> Checked {
    let mut values: Vec<Value> = Vec::new();
    let mut problems = Vec::new();
    for (index, item) in items.enumerate() {
        let below = format!("[{index}]");
        match check(item) {
            Ok(kind) if values.iter().any(|earlier| earlier.kind == kind) => {
                problems.push(Problem::new("repeats an earlier item").at(&item.span(), &below));
            }
            Ok(kind) => values.push(Value::new(None, kind)),
            Err(below_problems) => problems
                .extend(below_problems.into_iter().map(|problem| problem.at(&item.span(), &below))),
        }
    }
    if problems.is_empty() && values.is_empty() {
        problems.push(Problem::new("expected at least one item, found none").at(span, ""));
    }
    if problems.is_empty() { Ok(ValueKind::Array(values)) } else { Err(problems) }
}

/// Checks one table of an array of tables: unknown keys, missing keys, values, defaults.
fn check_table(keys: &[Key], table: &DeTable<'_>, span: &Range<usize>) -> Checked {
    let mut values = config::Map::new();
    let mut problems = Vec::new();
    for (name, value) in table {
        let below = format!(".{}", name.get_ref());
        match keys.iter().find(|key| key.path == *name.get_ref()) {
            Some(key) => match check_toml(key.kind, value) {
                Ok(kind) => {
                    values.insert(key.path.to_string(), Value::new(None, kind));
                }
                Err(found) => {
                    problems.extend(found.into_iter().map(|found| found.at(&value.span(), &below)));
                }
            },
            None => {
                let mut problem = Problem::new("unknown key");
                problem.help = closest(name.get_ref(), keys.iter().map(|key| key.path.as_ref()));
                problems.push(problem.at(&name.span(), &below));
            }
        }
    }
    for key in keys.iter().filter(|key| !table.contains_key(key.path.as_ref())) {
        match key.presence {
            Presence::Required => problems.push(
                Problem::new(format!("missing; expected {}", key.kind.expected()))
                    .at(span, &format!(".{}", key.path)),
            ),
            Presence::Optional => {}
            Presence::Default(text) => {
                values.insert(key.path.to_string(), Value::new(None, default(key.kind, text)));
            }
        }
    }
    if problems.is_empty() { Ok(ValueKind::Table(values)) } else { Err(problems) }
}

/// The checked value of a default of our own table.
///
/// # Panics
/// When the table's default is not of the key's own kind, which a test rules out.
#[must_use]
pub fn default(kind: Kind, text: &str) -> ValueKind {
    let value = DeValue::parse(text).expect("defaults in the key tables are TOML values");
    check_toml(kind, &value).expect("defaults in the key tables are of their key's kind")
}

/// Checks a text from the environment or a flag. A list is separated by commas, or TOML.
///
/// # Errors
/// What is wrong with it; the first thing, for a list.
pub fn check_text(kind: Kind, text: &str) -> Result<ValueKind, Problem> {
    let refuse = || Problem::new(format!("expected {}, found \"{text}\"", kind.expected()));
    match kind {
        Kind::Boolean => text.parse().map(ValueKind::Boolean).map_err(|_| refuse()),
        Kind::Integer { .. } | Kind::Milliseconds { .. } => {
            text.parse().ok().and_then(|number| integer(kind, number)).ok_or_else(refuse)
        }
        Kind::Number { min, max } => {
            let number =
                text.parse().ok().filter(|n: &f64| n.is_finite() && *n >= min && *n <= max);
            number.map(ValueKind::Float).ok_or_else(refuse)
        }
        Kind::List(_) | Kind::Tables(_) if text.trim_start().starts_with('[') => {
            let value = DeValue::parse(text).map_err(|error| Problem::new(error.message()))?;
            check_toml(kind, &value).map_err(|problems| {
                problems.into_iter().next().expect("an error carries at least one problem")
            })
        }
        Kind::List(item) => {
            let items = text.split(',').map(|item| Spanned::new(0..0, item.trim().to_owned()));
            let items: Vec<_> = items.collect();
            check_items(items.iter(), &(0..0), |part| {
                check_text(*item, part.get_ref()).map_err(|problem| vec![problem])
            })
            .map_err(|problems| {
                problems.into_iter().next().expect("an error carries at least one problem")
            })
        }
        Kind::Tables(_) => Err(refuse().help("here a TOML value: [{key = \"value\"}]")),
        Kind::Url(_) => url(kind, text),
        Kind::Text
        | Kind::Name
        | Kind::Choice(_)
        | Kind::Speed
        | Kind::Money
        | Kind::Price
        | Kind::Quantity
        | Kind::Rate
        | Kind::Balance
        | Kind::Path
        | Kind::Address
        | Kind::Asset
        | Kind::Symbol
        | Kind::Variable
        | Kind::Interval => canonical_text(kind, text).map(ValueKind::String).ok_or_else(|| {
            let problem = refuse();
            match suggestion(kind, text) {
                Some(better) => problem.help(format!("did you mean \"{better}\"?")),
                None => problem,
            }
        }),
    }
}

fn integer(kind: Kind, number: i64) -> Option<ValueKind> {
    let (Kind::Integer { min, max } | Kind::Milliseconds { min, max }) = kind else {
        return None;
    };
    (min..=max).contains(&number).then_some(ValueKind::I64(number))
}

/// A URL is not repeated in the error: a webhook's address is a secret.
fn url(kind: Kind, text: &str) -> Result<ValueKind, Problem> {
    let Kind::Url(schemes) = kind else {
        return Err(Problem::new("not a URL key"));
    };
    let refuse = |why: &str| Problem::new(format!("expected {}; {why}", kind.expected()));
    let parsed = url::Url::parse(text).map_err(|error| refuse(&error.to_string()))?;
    if !schemes.contains(&parsed.scheme()) {
        return Err(refuse(&format!("found {}://", parsed.scheme())));
    }
    if parsed.host_str().is_none() {
        return Err(refuse("it has no host"));
    }
    Ok(ValueKind::String(text.trim_end_matches('/').to_owned()))
}

/// The canonical form of a text of this kind; `None` when it is not of the kind.
fn canonical_text(kind: Kind, text: &str) -> Option<String> {
    let positive = |amount: &Amount| amount.is_positive();
    let own = text.to_owned();
    match kind {
        Kind::Text | Kind::Path => (!text.trim().is_empty()).then_some(own),
        Kind::Name => is_name(text).then_some(own),
        Kind::Choice(words) => words.contains(&text).then_some(own),
        Kind::Speed if text == "max" => Some(own),
        Kind::Speed => {
            let speed = text.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed > 0.0);
            speed.map(|speed| speed.to_string())
        }
        Kind::Money => text.parse().ok().filter(positive).map(|amount| amount.to_string()),
        Kind::Price => {
            let price = text.parse().ok().filter(|price: &Price| price.is_positive());
            price.map(|price| price.to_decimal().normalize().to_string())
        }
        Kind::Quantity => {
            let quantity = text.parse().ok().filter(|quantity: &Quantity| quantity.is_positive());
            quantity.map(|quantity| quantity.to_decimal().normalize().to_string())
        }
        Kind::Rate => {
            let rate = Decimal::from_str_exact(text).ok()?;
            let fits = rate >= Decimal::new(-1, 2) && rate <= Decimal::new(1, 1);
            fits.then(|| rate.normalize().to_string())
        }
        Kind::Balance => {
            let (amount, asset) = text.split_once(' ')?;
            let amount: Amount =
                amount.parse().ok().filter(|amount: &Amount| !amount.is_negative())?;
            let asset = canonical_text(Kind::Asset, asset)?;
            Some(format!("{amount} {asset}"))
        }
        Kind::Address => text.parse().ok().map(|address: IpAddr| address.to_string()),
        Kind::Asset => (is_capitals(text) && Asset::new(text).is_ok()).then_some(own),
        Kind::Symbol => (is_capitals(text) && Symbol::new(text).is_ok()).then_some(own),
        Kind::Variable => {
            let letters = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            (letters && !text.is_empty() && !text.as_bytes()[0].is_ascii_digit()).then_some(own)
        }
        Kind::Interval => text.parse().ok().map(|interval: Interval| interval.to_string()),
        Kind::Boolean
        | Kind::Integer { .. }
        | Kind::Milliseconds { .. }
        | Kind::Number { .. }
        | Kind::Url(_)
        | Kind::List(_)
        | Kind::Tables(_) => None,
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    (1..=32).contains(&text.len())
        && text.bytes().all(allowed)
        && text.as_bytes()[0].is_ascii_alphanumeric()
}

/// The venue's spelling: ASCII letters are capitals; letters of other scripts exist.
fn is_capitals(text: &str) -> bool {
    let allowed =
        |c: char| c.is_ascii_uppercase() || (c.is_alphanumeric() && !c.is_ascii_lowercase());
    (1..=20).contains(&text.chars().count()) && text.chars().all(allowed)
}

/// A valid text that the author probably meant.
fn suggestion(kind: Kind, text: &str) -> Option<String> {
    match kind {
        Kind::Choice(words) => super::suggest::best(text, words.iter().copied()).map(str::to_owned),
        Kind::Symbol | Kind::Asset => {
            let kept = text.chars().filter(|c| c.is_alphanumeric());
            let better: String = kept.collect::<String>().to_ascii_uppercase();
            canonical_text(kind, &better)
        }
        Kind::Name => {
            let better = text.trim().to_ascii_lowercase().replace([' ', '.'], "_");
            canonical_text(kind, &better)
        }
        Kind::Money | Kind::Price | Kind::Quantity | Kind::Rate => {
            canonical_text(kind, &text.replace(['_', ','], ""))
        }
        Kind::Text
        | Kind::Boolean
        | Kind::Integer { .. }
        | Kind::Milliseconds { .. }
        | Kind::Number { .. }
        | Kind::Speed
        | Kind::Balance
        | Kind::Path
        | Kind::Url(_)
        | Kind::Address
        | Kind::Variable
        | Kind::Interval
        | Kind::List(_)
        | Kind::Tables(_) => None,
    }
}
