//! How evenly records lie in time: three scores between 0 and 1, 1 being even.
//!
//! Of n records at t₁ ≤ … ≤ tₙ, with gaps gᵢ = tᵢ₊₁ − tᵢ of mean μ and standard deviation σ:
//!
//! | score | formula | source |
//! |---|---|---|
//! | linear | 1 − max\|(i − 1)/(n − 1) − (tᵢ − t₁)/(tₙ − t₁)\| | the Kolmogorov–Smirnov distance of the records from a straight line, as the star discrepancy of a sequence: Niederreiter, "Random Number Generation and Quasi-Monte Carlo Methods", 1992, theorem 2.6 |
//! | continuity | Σ min(gᵢ, e) / Σ gᵢ | the share of time that lies within the expected distance e after a record; 1 less the share of outages |
//! | exponential | μ / (μ + σ) = (1 − B)/2 | the burstiness B = (σ − μ)/(σ + μ) of Goh and Barabási, "Burstiness and memory in complex systems", EPL 81, 2008: 1 for equal gaps, ½ for exponential ones (as of a Poisson process), towards 0 for bursts |
//!
//! Fewer than three records have no score.

use model::Timestamp;
use serde::Serialize;

/// The scores of one series.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Evenness {
    /// How near the records are to a straight line.
    pub linear: Option<f64>,
    /// How much of the time is covered.
    pub continuity: Option<f64>,
    /// How equal the gaps are.
    pub exponential: Option<f64>,
}

/// Computes the scores in one pass over records in the order of time.
#[derive(Clone, Debug)]
pub struct EvennessScores {
    first_at: Timestamp,
    span_ns: f64,
    count: u64,
    expected_ns: f64,
    seen: u64,
    previous: Option<Timestamp>,
    discrepancy: f64,
    covered_ns: f64,
    mean_ns: f64,
    squares: f64,
}

impl EvennessScores {
    /// Of `count` records from `first_at` to `last_at`, expected this many nanoseconds apart.
    #[must_use]
    pub fn new(first_at: Timestamp, last_at: Timestamp, count: u64, expected_ns: i64) -> Self {
        Self {
            first_at,
            span_ns: last_at.nanos_since(first_at) as f64,
            count,
            expected_ns: expected_ns as f64,
            seen: 0,
            previous: None,
            discrepancy: 0.0,
            covered_ns: 0.0,
            mean_ns: 0.0,
            squares: 0.0,
        }
    }

    /// Takes the next record.
    pub fn push(&mut self, at: Timestamp) {
        if self.count > 1 && self.span_ns > 0.0 {
            let line = self.seen as f64 / (self.count - 1) as f64;
            let place = at.nanos_since(self.first_at) as f64 / self.span_ns;
            self.discrepancy = self.discrepancy.max((line - place).abs());
        }
        self.seen += 1;
        if let Some(previous) = self.previous.replace(at) {
            let gap = at.nanos_since(previous).max(0) as f64;
            self.covered_ns += gap.min(self.expected_ns);
            // Welford.
            let delta = gap - self.mean_ns;
            self.mean_ns += delta / (self.seen - 1) as f64;
            self.squares += delta * (gap - self.mean_ns);
        }
    }

    /// The scores.
    #[must_use]
    pub fn scores(&self) -> Evenness {
        if self.seen < 3 || self.span_ns <= 0.0 {
            return Evenness::default();
        }
        let deviation = (self.squares / (self.seen - 1) as f64).max(0.0).sqrt();
        Evenness {
            linear: Some(1.0 - self.discrepancy.min(1.0)),
            continuity: Some(self.covered_ns / self.span_ns),
            exponential: Some(self.mean_ns / (self.mean_ns + deviation)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, SeedableRng as _};

    use super::*;

    fn scores(instants: &[f64], expected_s: i64) -> [f64; 3] {
        let at = |seconds: f64| Timestamp::from_nanos((seconds * 1e9) as i64);
        let (first, last) = (at(instants[0]), at(instants[instants.len() - 1]));
        let count = instants.len() as u64;
        let mut scores = EvennessScores::new(first, last, count, expected_s * 1_000_000_000);
        instants.iter().for_each(|seconds| scores.push(at(*seconds)));
        let Evenness { linear, continuity, exponential } = scores.scores();
        [linear, continuity, exponential].map(Option::unwrap)
    }

    #[track_caller]
    fn check(instants: &[f64], expected: [f64; 3], tolerance: f64) {
        for (found, expected) in scores(instants, 1).iter().zip(expected) {
            assert!((found - expected).abs() <= tolerance, "{found} for {expected}");
        }
    }

    #[test]
    fn even_records_have_ones() {
        let even: Vec<f64> = (0..1_000).map(f64::from).collect();
        check(&even, [1.0, 1.0, 1.0], 1e-9);
    }

    #[test]
    fn an_outage_shows_in_each() {
        // By hand: gaps 1, 1, 8, 1, 1 of twelve seconds; mean 2.4, deviation 2.8.
        let outage = [0.0, 1.0, 2.0, 10.0, 11.0, 12.0];
        check(&outage, [1.0 - (10.0 / 12.0 - 0.6), 5.0 / 12.0, 2.4 / 5.2], 1e-9);
    }

    #[test]
    fn exponential_gaps_have_a_half() {
        let mut random = rand_pcg::Pcg64::seed_from_u64(3);
        let mut at = 0.0;
        let poisson: Vec<f64> = (0..200_000)
            .map(|_| {
                at -= (1.0 - random.random::<f64>()).ln();
                at
            })
            .collect();
        // Of exponential gaps of mean 1 the share within 1 is 1 − 1/e.
        check(&poisson, [1.0, 1.0 - (-1.0_f64).exp(), 0.5], 0.01);
    }
}
