//! A time series of bounded size for charts.
//!
//! Samples fall into buckets of equal width that keep first, lowest, highest and last value.
//! Past the bound the width doubles and neighbours merge, so that a year of ticks takes no more
//! room than a minute of them and every spike stays visible.

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// Most buckets that a series holds.
pub const MAX_BUCKETS: usize = 2_048;

const FIRST_WIDTH_NS: i64 = 1_000_000;

/// What happened within one bucket. In JSON: `[at, open, min, max, close]`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(into = "(Timestamp, f64, f64, f64, f64)", from = "(Timestamp, f64, f64, f64, f64)")]
pub struct Bucket {
    /// Instant of the first sample.
    pub at: Timestamp,
    /// First value.
    pub open: f64,
    /// Lowest value.
    pub min: f64,
    /// Highest value.
    pub max: f64,
    /// Last value.
    pub close: f64,
}

impl From<(Timestamp, f64, f64, f64, f64)> for Bucket {
    fn from((at, open, min, max, close): (Timestamp, f64, f64, f64, f64)) -> Self {
        Self { at, open, min, max, close }
    }
}

impl From<Bucket> for (Timestamp, f64, f64, f64, f64) {
    fn from(bucket: Bucket) -> Self {
        (bucket.at, bucket.open, bucket.min, bucket.max, bucket.close)
    }
}

impl Bucket {
    fn absorb(&mut self, later: &Self) {
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.close = later.close;
    }
}

/// Values over time, at most [`MAX_BUCKETS`] of them. Buckets without a sample are absent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "StoredSeries", into = "StoredSeries")]
pub struct Series {
    width_ns: i64,
    buckets: Vec<Bucket>,
    /// Where the last bucket ends, so that most samples cost no division.
    open_until_ns: i64,
}

#[derive(Serialize, Deserialize)]
struct StoredSeries {
    width_ns: i64,
    buckets: Vec<Bucket>,
}

impl From<StoredSeries> for Series {
    fn from(stored: StoredSeries) -> Self {
        let width_ns = stored.width_ns.max(1);
        let open_until_ns = stored.buckets.last().map_or(i64::MIN, |last| end(last.at, width_ns));
        Self { width_ns, buckets: stored.buckets, open_until_ns }
    }
}

impl From<Series> for StoredSeries {
    fn from(series: Series) -> Self {
        Self { width_ns: series.width_ns, buckets: series.buckets }
    }
}

impl Default for Series {
    fn default() -> Self {
        Self { width_ns: FIRST_WIDTH_NS, buckets: Vec::new(), open_until_ns: i64::MIN }
    }
}

impl Series {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next sample; an instant before the last bucket counts into it. Values that are
    /// not finite are left out, as no chart can show them.
    pub fn push(&mut self, at: Timestamp, value: f64) {
        if !value.is_finite() {
            return;
        }
        let sample = Bucket { at, open: value, min: value, max: value, close: value };
        if at.as_nanos() < self.open_until_ns
            && let Some(last) = self.buckets.last_mut()
        {
            last.absorb(&sample);
            return;
        }
        self.buckets.push(sample);
        // One doubling may merge nothing, when samples lie further apart than that.
        while self.buckets.len() > MAX_BUCKETS && self.width_ns < i64::MAX / 2 {
            self.width_ns *= 2;
            self.buckets = self.merged(self.width_ns);
        }
        self.open_until_ns = end(at, self.width_ns);
    }

    /// The buckets in order of time.
    #[must_use]
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// The last value, if any.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        self.buckets.last().map(|bucket| bucket.close)
    }

    /// At most `limit` buckets (one at least) that cover the same samples.
    #[must_use]
    pub fn coarsened(&self, limit: usize) -> Vec<Bucket> {
        let mut width_ns = self.width_ns;
        let mut buckets = self.buckets.clone();
        while buckets.len() > limit.max(1) && width_ns < i64::MAX / 2 {
            width_ns *= 2;
            buckets = self.merged(width_ns);
        }
        buckets
    }

    fn merged(&self, width_ns: i64) -> Vec<Bucket> {
        let mut merged: Vec<Bucket> = Vec::with_capacity(MAX_BUCKETS);
        for bucket in &self.buckets {
            match merged.last_mut() {
                Some(last) if index(last.at, width_ns) == index(bucket.at, width_ns) => {
                    last.absorb(bucket);
                }
                Some(_) | None => merged.push(*bucket),
            }
        }
        merged
    }
}

const fn end(at: Timestamp, width_ns: i64) -> i64 {
    (index(at, width_ns) + 1).saturating_mul(width_ns)
}

const fn index(at: Timestamp, width_ns: i64) -> i64 {
    at.as_nanos().div_euclid(width_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A walk with a spike, from a small congruential generator.
    fn walk(samples: i64) -> Vec<(Timestamp, f64)> {
        let mut state: u64 = 7;
        let mut value = 100.0;
        (0..samples)
            .map(|step| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Steps of 1/1024, so that values survive JSON to the last bit.
                value += f64::from((state >> 54) as u32) / 1_024.0 - 0.5;
                let spike = if step == samples / 3 { 1_000.0 } else { 0.0 };
                (Timestamp::from_millis(step * 700), value + spike)
            })
            .collect()
    }

    #[test]
    fn a_series_stays_small_and_keeps_its_extremes() {
        #[track_caller]
        fn check(samples: i64) {
            let walk = walk(samples);
            let mut series = Series::new();
            for &(at, value) in &walk {
                series.push(at, value);
            }
            let fold = |pick: fn(f64, f64) -> f64, of: fn(&Bucket) -> f64| {
                series.buckets().iter().map(of).reduce(pick)
            };
            assert!(series.buckets().len() <= MAX_BUCKETS);
            assert!(samples < 5_000 || series.buckets().len() > MAX_BUCKETS / 4);
            assert_eq!(fold(f64::max, |b| b.max), walk.iter().map(|s| s.1).reduce(f64::max));
            assert_eq!(fold(f64::min, |b| b.min), walk.iter().map(|s| s.1).reduce(f64::min));
            assert_eq!(series.last(), walk.last().map(|s| s.1));
            assert!(series.buckets().is_sorted_by_key(|bucket| bucket.at));
        }
        check(0);
        check(1);
        check(2_048);
        check(2_049);
        check(100_000);
    }

    #[test]
    fn merging_early_or_late_is_the_same() {
        let mut series = Series::new();
        for (at, value) in walk(2_000) {
            series.push(at, value);
        }
        let coarse = series.coarsened(300);
        assert!(coarse.len() <= 300 && coarse.len() > 100);
        assert_eq!(coarse[0].open, series.buckets()[0].open);
        assert_eq!(coarse.last().unwrap().close, series.last().unwrap());
        assert_eq!(series.coarsened(0).len(), 1);
    }

    #[test]
    fn a_stored_series_goes_on_where_it_stopped() {
        let (mut whole, mut first) = (Series::new(), Series::new());
        let walk = walk(9_000);
        for &(at, value) in &walk[..4_000] {
            first.push(at, value);
        }
        let text = serde_json::to_string(&first).unwrap();
        let mut resumed: Series = serde_json::from_str(&text).unwrap();
        assert!(resumed == first);
        for &(at, value) in &walk[4_000..] {
            resumed.push(at, value);
        }
        for &(at, value) in &walk {
            whole.push(at, value);
        }
        assert!(resumed == whole);
    }
}
