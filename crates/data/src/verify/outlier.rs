//! Prices that stand alone.
//!
//! The Hampel identifier (Davies and Gather, "The identification of multiple outliers", 1993): of a
//! window of 61 logarithmic prices the middle one is an outlier when it is further from their
//! median than ten times 1.4826 times the median absolute deviation. So that a quiet market does
//! not make an outlier of every step, it must also be 2 % away.

use std::collections::VecDeque;

use model::Timestamp;

use super::finding::{Defect, Findings};

/// Values on each side.
const SIDE: usize = 30;
const WINDOW: usize = 2 * SIDE + 1;
/// Makes the median absolute deviation of normal values their standard deviation.
const NORMAL: f64 = 1.482_6;
const DEVIATIONS: f64 = 10.0;
/// ln 1.02.
const LEAST: f64 = 0.019_802_627_296_179_71;

/// Looks at each price once those around it are known. The first and last 30 are not judged.
pub struct Hampel {
    window: VecDeque<(Timestamp, f64)>,
    sorted: Vec<f64>,
}

impl Hampel {
    pub fn new() -> Self {
        Self { window: VecDeque::with_capacity(WINDOW + 1), sorted: Vec::with_capacity(WINDOW) }
    }

    /// Takes the next price; one that is not above zero is passed over.
    pub fn push(&mut self, at: Timestamp, price: f64, findings: &mut Findings) {
        if price > 0.0 {
            self.window.push_back((at, price.ln()));
        }
        if self.window.len() > WINDOW {
            self.window.pop_front();
        }
        if self.window.len() == WINDOW {
            self.judge(findings);
        }
    }

    /// Ends: nothing is judged with half a window.
    pub fn finish(self, _: &mut Findings) {
        drop(self);
    }

    fn judge(&mut self, findings: &mut Findings) {
        let values = self.window.iter().map(|(_, value)| *value);
        let (low, high) = values
            .clone()
            .fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        // Nothing is 2 % from the median where everything lies within 2 %.
        if high - low < LEAST {
            return;
        }
        let median = median(&mut self.sorted, values.clone());
        let deviation =
            NORMAL * self::median(&mut self.sorted, values.map(|value| (value - median).abs()));
        let (at, value) = self.window[SIDE];
        let distance = (value - median).abs();
        if distance > LEAST && distance > DEVIATIONS * deviation {
            let percent = ((value - median).exp() - 1.0) * 100.0;
            let detail = format!("{percent:+.1} % from the median of the 61 around it");
            findings.add(Defect::Outlier, at, at, 1, &detail);
        }
    }
}

fn median(sorted: &mut Vec<f64>, values: impl Iterator<Item = f64>) -> f64 {
    sorted.clear();
    sorted.extend(values);
    let middle = sorted.len() / 2;
    *sorted.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(prices: impl Iterator<Item = f64>, expected: &[i64]) {
        let (mut hampel, mut findings) = (Hampel::new(), Findings::default());
        for (second, price) in prices.enumerate() {
            let at = Timestamp::from_secs(i64::try_from(second).unwrap());
            hampel.push(at, price, &mut findings);
        }
        hampel.finish(&mut findings);
        findings.close();
        let found: Vec<i64> = findings.findings.iter().map(|one| one.from.as_secs()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_price_that_stands_alone_is_found_and_a_crash_is_not() {
        let calm = |n: i32| 100.0 + f64::from(n % 7) * 0.01;
        check((0..200).map(calm), &[]);
        check((0..200).map(|n| if n == 100 { 110.0 } else { calm(n) }), &[100]);
        check((0..200).map(|n| if n == 100 { 101.5 } else { calm(n) }), &[]);
        // Twenty percent lower from there on: half of the window goes with it.
        check((0..200).map(|n| if n >= 100 { 0.8 * calm(n) } else { calm(n) }), &[]);
        // Not judged: too near to an end.
        check((0..200).map(|n| if n == 10 { 110.0 } else { calm(n) }), &[]);
    }
}
