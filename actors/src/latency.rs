//! Histograms of time, small enough to keep for ever: buckets grow by an eighth of an octave, so
//! that a quantile is right to about six per cent.

use std::time::Duration;

use serde::Serialize;

const STEPS_PER_OCTAVE: usize = 8;
const OCTAVES: usize = 40;

/// A histogram of durations from a nanosecond to a quarter of an hour.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; STEPS_PER_OCTAVE * OCTAVES], total: 0, max: Duration::ZERO }
    }
}

/// What is shown of a histogram, in microseconds.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Quantiles {
    /// How many were measured.
    pub count: u64,
    /// Half are below.
    pub p50_us: f64,
    /// Nine in ten are below.
    pub p90_us: f64,
    /// Ninety-nine in a hundred are below.
    pub p99_us: f64,
    /// The longest.
    pub max_us: f64,
}

fn bucket_of(nanos: u64) -> usize {
    let nanos = nanos.max(1);
    let octave = usize::try_from(nanos.ilog2()).expect("below 64");
    // Where within its octave, in eighths.
    let step = if octave < 3 { 0 } else { ((nanos >> (octave - 3)) & 7) as usize };
    (octave * STEPS_PER_OCTAVE + step).min(STEPS_PER_OCTAVE * OCTAVES - 1)
}

/// The upper bound of a bucket, in nanoseconds.
fn upper_bound(bucket: usize) -> f64 {
    let (octave, step) = (bucket / STEPS_PER_OCTAVE, bucket % STEPS_PER_OCTAVE);
    2_f64.powi(i32::try_from(octave).expect("below 64")) * (1.0 + (step + 1) as f64 / 8.0)
}

impl Histogram {
    /// Counts a duration.
    pub fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket_of(nanos)] += 1;
        self.total += 1;
        self.max = self.max.max(duration);
    }

    /// How many were counted.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.total
    }

    /// The duration below which a fraction of all lies, in microseconds; 0 when empty.
    #[must_use]
    pub fn quantile_us(&self, fraction: f64) -> f64 {
        let wanted = (self.total as f64 * fraction).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                let bound_us = upper_bound(bucket) / 1_000.0;
                return bound_us.min(self.max.as_nanos() as f64 / 1_000.0);
            }
        }
        0.0
    }

    /// The usual quantiles.
    #[must_use]
    pub fn quantiles(&self) -> Quantiles {
        Quantiles {
            count: self.total,
            p50_us: self.quantile_us(0.5),
            p90_us: self.quantile_us(0.9),
            p99_us: self.quantile_us(0.99),
            max_us: self.max.as_nanos() as f64 / 1_000.0,
        }
    }

    /// Non-empty buckets as (upper bound in microseconds, count), for a chart.
    #[must_use]
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(bucket, count)| (upper_bound(bucket) / 1_000.0, *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_an_eighth() {
        let mut histogram = Histogram::default();
        for micros in 1..=10_000 {
            histogram.record(Duration::from_micros(micros));
        }
        #[track_caller]
        fn check(actual: f64, exact: f64) {
            assert!((actual / exact - 1.0).abs() < 0.125, "{actual} is not about {exact}");
        }
        let quantiles = histogram.quantiles();
        check(quantiles.p50_us, 5_000.0);
        check(quantiles.p90_us, 9_000.0);
        check(quantiles.p99_us, 9_900.0);
        assert_eq!(quantiles.max_us, 10_000.0);
        assert_eq!(histogram.buckets().iter().map(|(_, count)| count).sum::<u64>(), 10_000);
        assert_eq!(Histogram::default().quantile_us(0.5), 0.0);
    }
}
