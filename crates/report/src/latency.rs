//! Durations in a histogram of bounded size and bounded relative error.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bits below the leading one that tell buckets apart: 32 buckets in each doubling, so that a
/// quantile is off by less than 1/32 (3.2 %), and no more than about 1,900 buckets in all.
const SUB_BUCKET_BITS: u32 = 5;

/// Counts durations in logarithmic buckets. Quantiles are upper bounds of their bucket: never
/// better than the truth.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LatencyHistogram {
    /// Count by bucket.
    counts: BTreeMap<u32, u64>,
    count: u64,
    sum_ns: u128,
    min_ns: u64,
    max_ns: u64,
}

/// One bucket of a histogram: `from_ns ≤ duration < until_ns`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LatencyBucket {
    /// Inclusive.
    pub from_ns: u64,
    /// Exclusive.
    pub until_ns: u64,
    /// Durations in it.
    pub count: u64,
}

impl LatencyHistogram {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        *self.counts.entry(bucket(ns)).or_default() += 1;
        self.min_ns = if self.count == 0 { ns } else { self.min_ns.min(ns) };
        self.max_ns = self.max_ns.max(ns);
        self.count += 1;
        self.sum_ns += u128::from(ns);
    }

    /// Adds what another histogram counted.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        for (&bucket, count) in &other.counts {
            *self.counts.entry(bucket).or_default() += count;
        }
        self.min_ns = if self.count == 0 { other.min_ns } else { self.min_ns.min(other.min_ns) };
        self.max_ns = self.max_ns.max(other.max_ns);
        self.count += other.count;
        self.sum_ns += other.sum_ns;
    }

    /// How many durations were counted.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The shortest, exactly.
    #[must_use]
    pub const fn min_ns(&self) -> u64 {
        self.min_ns
    }

    /// The longest, exactly.
    #[must_use]
    pub const fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// Mean, exactly; 0 without any.
    #[must_use]
    pub fn mean_ns(&self) -> u64 {
        let mean = self.sum_ns.checked_div(u128::from(self.count)).unwrap_or(0);
        u64::try_from(mean).unwrap_or(u64::MAX)
    }

    /// The duration that a fraction `quantile` (0 to 1) of all did not exceed; `None` without any.
    #[must_use]
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let rank = (quantile.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (&bucket, count) in &self.counts {
            seen += count;
            if seen >= rank {
                let top = upper_bound(bucket).saturating_sub(1);
                return Some(top.clamp(self.min_ns, self.max_ns));
            }
        }
        Some(self.max_ns)
    }

    /// The buckets that are not empty, shortest first.
    pub fn buckets(&self) -> impl Iterator<Item = LatencyBucket> + '_ {
        self.counts.iter().map(|(&bucket, &count)| LatencyBucket {
            from_ns: lower_bound(bucket),
            until_ns: upper_bound(bucket),
            count,
        })
    }
}

/// Small values have a bucket each; above, the leading one and the bits after it number it.
const fn bucket(ns: u64) -> u32 {
    if ns < 1 << SUB_BUCKET_BITS {
        return ns as u32;
    }
    let doubling = u64::BITS - 1 - ns.leading_zeros() - SUB_BUCKET_BITS;
    ((doubling + 1) << SUB_BUCKET_BITS) + ((ns >> doubling) as u32 - (1 << SUB_BUCKET_BITS))
}

const fn lower_bound(bucket: u32) -> u64 {
    if bucket < 1 << SUB_BUCKET_BITS {
        return bucket as u64;
    }
    let doubling = (bucket >> SUB_BUCKET_BITS) - 1;
    let leading = (bucket & ((1 << SUB_BUCKET_BITS) - 1)) + (1 << SUB_BUCKET_BITS);
    (leading as u64) << doubling
}

const fn upper_bound(bucket: u32) -> u64 {
    let last = ((u64::BITS - SUB_BUCKET_BITS + 1) << SUB_BUCKET_BITS) - 1;
    if bucket >= last { u64::MAX } else { lower_bound(bucket + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_what_they_say() {
        let mut values = vec![0, 1, 31, 32, 33, 63, 64, 65, 1_000, u64::MAX - 1, u64::MAX];
        values.extend((0..64).map(|bit| 1_u64 << bit));
        values.extend((1..64).map(|bit| (1_u64 << bit) - 1));
        for ns in values {
            let (low, high) = (lower_bound(bucket(ns)), upper_bound(bucket(ns)));
            assert!(low <= ns && (ns < high || high == u64::MAX), "{low} <= {ns} < {high}");
            assert!((high - low) as f64 <= (low as f64 / 32.0).max(1.0) + 1.0, "{low} to {high}");
        }
    }

    #[test]
    fn quantiles_agree_with_the_sorted_list() {
        let mut histogram = LatencyHistogram::new();
        let mut sorted: Vec<u64> = (1..=10_000).map(|n: u64| n * n % 777_777).collect();
        for &ns in &sorted {
            histogram.record(Duration::from_nanos(ns));
        }
        sorted.sort_unstable();
        for (quantile, rank) in
            [(0.0, 0), (0.5, 4_999), (0.99, 9_899), (0.999, 9_989), (1.0, 9_999)]
        {
            let (got, exact) = (histogram.quantile_ns(quantile).unwrap(), sorted[rank]);
            assert!(got >= exact && got as f64 <= exact as f64 * 1.033 + 1.0, "{got} for {exact}");
        }
        assert_eq!(histogram.max_ns(), *sorted.last().unwrap());
        assert_eq!(histogram.mean_ns(), sorted.iter().sum::<u64>() / 10_000);
        assert_eq!(LatencyHistogram::new().quantile_ns(0.5), None);
    }

    #[test]
    fn merging_is_counting_together() {
        let (mut first, mut second, mut both) = Default::default();
        let fill = |histogram: &mut LatencyHistogram, from: u64| {
            for ns in from..from + 500 {
                histogram.record(Duration::from_nanos(ns * 97));
            }
        };
        fill(&mut first, 10);
        fill(&mut second, 3_000);
        fill(&mut both, 10);
        fill(&mut both, 3_000);
        first.merge(&second);
        first.merge(&LatencyHistogram::new());
        assert_eq!(first, both);
    }
}
