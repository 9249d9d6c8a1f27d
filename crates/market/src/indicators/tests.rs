use std::num::NonZeroUsize;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::*;

fn n(length: usize) -> NonZeroUsize {
    NonZeroUsize::new(length).unwrap()
}

/// A walk around 60,000 with jumps, some of them a hundredfold.
fn walk(seed: u64) -> Vec<f64> {
    let mut random = Pcg64::seed_from_u64(seed);
    let mut price = 60_000.0;
    (0..3_000)
        .map(|_| {
            let scale = if random.random_bool(0.01) { 0.2 } else { 0.001 };
            price *= 1.0 + scale * (random.random::<f64>() - 0.5);
            price
        })
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

fn naive_ema(values: &[f64], length: usize) -> Vec<f64> {
    let alpha = 2.0 / (length as f64 + 1.0);
    let mut averages = vec![values[0]];
    for value in &values[1..] {
        let last = averages[averages.len() - 1];
        averages.push(alpha * value + (1.0 - alpha) * last);
    }
    averages
}

/// Compares an indicator with one computed afresh from all values so far: nothing before the
/// warm-up, and the same from then on, to ten digits of the `scale` that the indicator works at.
#[track_caller]
fn check(
    (name, scale): (&str, f64),
    warm_up: usize,
    mut push: impl FnMut(f64) -> Option<f64>,
    naive: impl Fn(&[f64]) -> f64,
) {
    let values = walk(0);
    for index in 0..values.len() {
        let actual = push(values[index]);
        assert_eq!(actual.is_some(), index + 1 >= warm_up, "{name} at {index}");
        if let Some(actual) = actual {
            let expected = naive(&values[..=index]);
            let error = (actual - expected).abs() / scale;
            assert!(error < 1e-10, "{name} at {index}: {actual} for {expected}");
        }
    }
}

#[test]
fn they_agree_with_naive_ones() {
    let last = |values: &[f64], count: usize| values[values.len() - count..].to_vec();
    for length in [1, 2, 7, 30] {
        let mut sma = Sma::new(n(length));
        check(
            ("sma", 60_000.0),
            sma.warm_up(),
            |x| sma.push(x),
            |values| mean(&last(values, length)),
        );
        let mut ema = Ema::new(n(length));
        check(
            ("ema", 60_000.0),
            ema.warm_up(),
            |x| ema.push(x),
            |values| naive_ema(values, length)[values.len() - 1],
        );
        let mut roc = Roc::new(n(length));
        check(
            ("roc", 1.0),
            roc.warm_up(),
            |x| roc.push(x),
            |values| values[values.len() - 1] / values[values.len() - 1 - length] - 1.0,
        );
    }
    for length in [2, 7, 30] {
        let mut spread = StandardDeviation::new(n(length));
        check(
            ("deviation", 60_000.0),
            spread.warm_up(),
            |x| spread.push(x),
            |values| deviation(&last(values, length)),
        );
        let mut volatility = Volatility::new(n(length));
        check(
            ("volatility", 1.0),
            volatility.warm_up(),
            |x| volatility.push(x),
            |values| {
                let prices = last(values, length + 1);
                deviation(
                    &prices.windows(2).map(|pair| (pair[1] / pair[0]).ln()).collect::<Vec<_>>(),
                )
            },
        );
    }
}

#[test]
fn macd_agrees_with_a_naive_one() {
    let values = walk(9);
    let (fast, slow) = (naive_ema(&values, 12), naive_ema(&values, 26));
    let lines: Vec<f64> = fast.iter().zip(&slow).map(|(fast, slow)| fast - slow).collect();
    let signals = naive_ema(&lines, 9);
    let mut macd = Macd::new(n(12), n(26), n(9));
    for (index, value) in values.iter().enumerate() {
        let Some(actual) = macd.push(*value) else {
            assert!(index + 1 < macd.warm_up());
            continue;
        };
        assert!(index + 1 >= 34);
        assert!((actual.macd - lines[index]).abs() < 1e-6);
        assert!((actual.histogram() - (lines[index] - signals[index])).abs() < 1e-6);
    }
}

#[test]
fn a_flat_price_has_no_volatility_and_no_change() {
    let (mut volatility, mut roc) = (Volatility::new(n(3)), Roc::new(n(2)));
    for _ in 0..20 {
        volatility.push(61_837.63);
        roc.push(61_837.63);
    }
    assert_eq!((volatility.value(), roc.value()), (Some(0.0), Some(0.0)));
    assert_eq!(volatility.push(0.0), Some(0.0));
}

#[test]
fn what_is_stored_goes_on_as_before() {
    let values = walk(3);
    let mut original = Sma::new(n(5));
    values[..100].iter().for_each(|value| _ = original.push(*value));
    let text = serde_json::to_string(&original).unwrap();
    let mut restored: Sma = serde_json::from_str(&text).unwrap();
    for value in &values[100..] {
        assert_eq!(restored.push(*value), original.push(*value));
    }
}
