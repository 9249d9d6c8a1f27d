//! The shapes of answers: which keys, and what kind of value each holds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What two lists of answers differ in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Differences {
    /// What a client that knows the expected shape would stumble over.
    pub broken: Vec<String>,
    /// What it would pass over.
    pub new: Vec<String>,
}

/// Keys that tell the kinds of elements of one list apart.
const KINDS: [&str; 2] = ["filterType", "rateLimitType"];

/// Everything that was seen at one path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Seen {
    kinds: BTreeSet<&'static str>,
    times: usize,
}

/// Compares the answers of equal labels, key by key.
#[must_use]
pub fn compare(expected: &[(String, Value)], found: &[(String, Value)]) -> Differences {
    let mut differences = Differences::default();
    for (label, expected) in by_label(expected) {
        let found = by_label(found).remove(label).unwrap_or_default();
        if !found.is_empty() {
            compare_one(label, &expected, &found, &mut differences);
        }
    }
    differences
}

fn by_label(answers: &[(String, Value)]) -> BTreeMap<&str, Vec<&Value>> {
    let mut by_label: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for (label, value) in answers {
        by_label.entry(label).or_default().push(value);
    }
    by_label
}

fn compare_one(label: &str, expected: &[&Value], found: &[&Value], differences: &mut Differences) {
    let (expected, found) = (shape(expected), shape(found));
    for (path, wanted) in &expected {
        let parent = parent(path);
        match found.get(path) {
            Some(seen) if !agree(wanted, seen) => differences.broken.push(format!(
                "{label}: {} is {}, expected {}",
                if path.is_empty() { "the answer" } else { path },
                words(seen),
                words(wanted)
            )),
            Some(_) => {}
            // Expected wherever its object is; an object that never came lacks nothing.
            // Nor does a list that was empty.
            None if path.ends_with(']') => {}
            None => {
                let whole = expected.get(parent).map_or(1, |seen| seen.times);
                let is_there = found.contains_key(parent);
                if is_there && wanted.times >= whole {
                    differences.broken.push(format!("{label}: {path} is missing"));
                }
            }
        }
    }
    for path in found.keys() {
        let is_below_new = !expected.contains_key(parent(path));
        // A list that was empty here says nothing of what it may hold.
        let elements = format!("{}[", parent(path));
        let is_unseen =
            path.ends_with(']') && !expected.keys().any(|known| known.starts_with(&elements));
        if !expected.contains_key(path) && !is_below_new && !is_unseen {
            differences.new.push(format!("{label}: {path} is new"));
        }
    }
}

/// The object that holds a key, or the list that holds an element.
fn parent(path: &str) -> &str {
    let end = if path.ends_with(']') { path.rfind('[') } else { path.rfind('.') };
    end.map_or("", |at| &path[..at])
}

/// Whatever may be null says nothing of its kind while it is.
fn agree(expected: &Seen, found: &Seen) -> bool {
    let of = |seen: &Seen| -> BTreeSet<&'static str> {
        seen.kinds.iter().copied().filter(|kind| *kind != "null").collect()
    };
    let (expected, found) = (of(expected), of(found));
    expected.is_empty() || found.is_subset(&expected)
}

fn words(seen: &Seen) -> String {
    seen.kinds.iter().copied().collect::<Vec<_>>().join(" or ")
}

fn shape(values: &[&Value]) -> BTreeMap<String, Seen> {
    let mut shape = BTreeMap::new();
    for value in values {
        add("", value, &mut shape);
    }
    shape
}

fn add(path: &str, value: &Value, shape: &mut BTreeMap<String, Seen>) {
    let seen = shape.entry(path.to_owned()).or_default();
    seen.kinds.insert(kind(value));
    seen.times += 1;
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let separator = if path.is_empty() { "" } else { "." };
                add(&format!("{path}{separator}{key}"), value, shape);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                let named = KINDS.iter().find_map(|key| element.get(key)?.as_str());
                add(&format!("{path}[{}]", named.unwrap_or("")), element, shape);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number with decimals",
        Value::Number(_) => "a whole number",
        Value::String(text) if is_decimal(text) => "a decimal in quotes",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn is_decimal(text: &str) -> bool {
    text.contains('.') && text.parse::<rust_decimal::Decimal>().is_ok()
}

#[cfg(test)]
mod tests {
    use std::slice;

    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(expected: &[Value], found: &[Value], broken: &[&str], new: &[&str]) {
        let label = |values: &[Value]| -> Vec<(String, Value)> {
            values.iter().map(|value| ("a".to_owned(), value.clone())).collect()
        };
        let differences = compare(&label(expected), &label(found));
        assert_eq!(differences.broken, broken);
        assert_eq!(differences.new, new);
    }

    #[test]
    fn what_a_client_would_stumble_over() {
        let order = json!({"orderId": 1, "price": "1.00", "fills": []});
        check(slice::from_ref(&order), slice::from_ref(&order), &[], &[]);
        check(
            slice::from_ref(&order),
            &[json!({"orderId": "1", "price": 1.5, "fills": [], "more": {"x": 1}})],
            &[
                "a: orderId is a text, expected a whole number",
                "a: price is a number with decimals, expected a decimal in quotes",
            ],
            &["a: more is new"],
        );
        check(&[order], &[json!({"orderId": 7, "fills": []})], &["a: price is missing"], &[]);
    }

    #[test]
    fn what_is_not_always_there_may_be_missing() {
        let both = [json!({"a": 1, "b": null}), json!({"b": 2})];
        check(&both, &[json!({"b": 3})], &[], &[]);
        check(&both, &[json!({"a": 3})], &["a: b is missing"], &[]);
        // An empty list shows nothing of its elements.
        let filled = [json!({"fills": [{"qty": "1.0"}]})];
        check(&filled, &[json!({"fills": []})], &[], &[]);
        check(&[json!({"fills": []})], &filled, &[], &[]);
        check(&filled, &[json!({"fills": [{}]})], &["a: fills[].qty is missing"], &[]);
    }

    #[test]
    fn elements_of_several_kinds_are_compared_with_their_own() {
        let filters = json!([
            {"filterType": "LOT_SIZE", "stepSize": "0.1"},
            {"filterType": "PRICE_FILTER", "tickSize": "0.1"},
        ]);
        check(slice::from_ref(&filters), slice::from_ref(&filters), &[], &[]);
        let less = json!([{"filterType": "LOT_SIZE"}, {"filterType": "NEW", "x": 1}]);
        check(&[filters], &[less], &["a: [LOT_SIZE].stepSize is missing"], &["a: [NEW] is new"]);
    }
}
