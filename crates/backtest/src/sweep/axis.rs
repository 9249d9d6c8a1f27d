//! The settings to try.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rust_decimal::Decimal;

/// Most points of a grid, and most draws.
pub const MAX_POINTS: usize = 100_000;

/// One setting with the values that it is to have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Axis {
    /// The setting's name, as it was given.
    pub name: String,
    /// Its values as texts, each once, in the order given.
    pub values: Vec<String>,
}

/// Why a text names no values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AxisError {
    /// Not `name=values`.
    #[error("`{0}`: expected name=value,value,… or name=first..last or name=first..last:step")]
    Malformed(String),
    /// A range that is none.
    #[error("`{0}`: expected first..last:step with last not below first and a step above zero")]
    Range(String),
    /// Too many of them.
    #[error("`{0}`: more than {MAX_POINTS} values")]
    TooMany(String),
}

impl Axis {
    /// Reads `name=5,10,20`, `name=5..50` (steps of one) or `name=0.5..2:0.25`; lists and ranges may
    /// be mixed.
    ///
    /// # Errors
    /// See [`AxisError`].
    pub fn parse(text: &str) -> Result<Self, AxisError> {
        let malformed = || AxisError::Malformed(text.to_owned());
        let (name, list) = text.split_once('=').ok_or_else(malformed)?;
        let name = name.trim();
        if name.is_empty() || list.trim().is_empty() {
            return Err(malformed());
        }
        let mut values: Vec<String> = Vec::new();
        for part in list.split(',').map(str::trim) {
            if part.is_empty() {
                return Err(malformed());
            }
            let Some((first, rest)) = part.split_once("..") else {
                values.push(part.to_owned());
                continue;
            };
            add_range(part, first, rest, &mut values)?;
        }
        let mut unique: Vec<String> = Vec::with_capacity(values.len());
        let mut seen = std::collections::BTreeSet::new();
        for value in values {
            if seen.insert(value.clone()) {
                unique.push(value);
            }
        }
        Ok(Self { name: name.to_owned(), values: unique })
    }
}

fn add_range(
    part: &str,
    first: &str,
    rest: &str,
    values: &mut Vec<String>,
) -> Result<(), AxisError> {
    let bad = || AxisError::Range(part.to_owned());
    let number = |text: &str| text.trim().parse::<Decimal>().map_err(|_| bad());
    let (last, step) = match rest.split_once(':') {
        Some((last, step)) => (number(last)?, number(step)?),
        None => (number(rest)?, Decimal::ONE),
    };
    let mut value = number(first)?;
    if step <= Decimal::ZERO || last < value {
        return Err(bad());
    }
    while value <= last {
        if values.len() == MAX_POINTS {
            return Err(AxisError::TooMany(part.to_owned()));
        }
        values.push(value.normalize().to_string());
        value = value.checked_add(step).ok_or_else(bad)?;
    }
    Ok(())
}

/// Every combination of values, the last axis fastest; `None` if there are more than
/// [`MAX_POINTS`].
#[must_use]
pub fn grid(axes: &[Axis]) -> Option<Vec<Vec<String>>> {
    let count =
        axes.iter().try_fold(1_usize, |count, axis| count.checked_mul(axis.values.len()))?;
    if count > MAX_POINTS {
        return None;
    }
    let mut points = vec![Vec::with_capacity(axes.len())];
    for axis in axes {
        points = points
            .into_iter()
            .flat_map(|point| {
                axis.values.iter().map(move |value| {
                    let mut point: Vec<String> = point.clone();
                    point.push(value.clone());
                    point
                })
            })
            .collect();
    }
    Some(points)
}

/// So many different combinations drawn from a seed, in the order drawn; all of them, in the
/// grid's order, when there are no more than that.
#[must_use]
pub fn draws(axes: &[Axis], count: usize, seed: u64) -> Vec<Vec<String>> {
    let count = count.min(MAX_POINTS);
    if let Some(all) = grid(axes).filter(|all| all.len() <= count) {
        return all;
    }
    let mut random = Pcg64::seed_from_u64(seed);
    let mut drawn = std::collections::BTreeSet::new();
    let mut points = Vec::with_capacity(count);
    // There are more combinations than draws: a new one always comes.
    while points.len() < count {
        let pick = |axis: &Axis| axis.values[random.random_range(0..axis.values.len())].clone();
        let point: Vec<String> = axes.iter().map(pick).collect();
        if drawn.insert(point.clone()) {
            points.push(point);
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_become_values() {
        #[track_caller]
        fn check(text: &str, expected: Option<&[&str]>) {
            let values = Axis::parse(text).ok().map(|axis| axis.values);
            let expected = expected.map(|values| values.iter().map(ToString::to_string).collect());
            assert_eq!(values, expected, "{text}");
        }
        check("fast=5,10,20", Some(&["5", "10", "20"]));
        check("fast=5..8", Some(&["5", "6", "7", "8"]));
        check("fast = 5 .. 20 : 10 , 7", Some(&["5", "15", "7"]));
        check("x=0.5..1:0.25", Some(&["0.5", "0.75", "1"]));
        check("source=trades,bars,trades", Some(&["trades", "bars"]));
        check("fast", None);
        check("=1", None);
        check("fast=", None);
        check("fast=1,,2", None);
        check("fast=5..1", None);
        check("fast=1..5:0", None);
        check("fast=a..b", None);
        check("fast=0..1000000000", None);
    }

    #[test]
    fn a_grid_is_every_combination() {
        let axes = [Axis::parse("a=1,2").unwrap(), Axis::parse("b=x,y,z").unwrap()];
        let shown: Vec<String> = grid(&axes).unwrap().iter().map(|point| point.concat()).collect();
        assert_eq!(shown, ["1x", "1y", "1z", "2x", "2y", "2z"]);
        let wide = [Axis::parse("a=1..1000").unwrap(), Axis::parse("b=1..1000").unwrap()];
        assert_eq!(grid(&wide), None);
        assert_eq!(grid(&[]).unwrap(), [Vec::<String>::new()]);
    }

    #[test]
    fn draws_differ_and_repeat_with_their_seed() {
        let axes = [Axis::parse("a=1..1000").unwrap(), Axis::parse("b=1..1000").unwrap()];
        let drawn = draws(&axes, 500, 7);
        assert_eq!(drawn, draws(&axes, 500, 7));
        assert_ne!(drawn, draws(&axes, 500, 8));
        let unique: std::collections::BTreeSet<_> = drawn.iter().collect();
        assert_eq!(unique.len(), 500);
        let few = [Axis::parse("a=1,2").unwrap()];
        assert_eq!(draws(&few, 9, 7), grid(&few).unwrap());
    }
}
