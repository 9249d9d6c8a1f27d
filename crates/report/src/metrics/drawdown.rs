//! Falls of equity below its last peak.

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// One fall from a peak and, if it came, the return to it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Drawdown {
    /// Largest fall as a fraction of the peak: 0.25 is a quarter lost.
    pub depth: f64,
    /// The last instant at the peak.
    pub peak_at: Timestamp,
    /// The instant of the lowest equity.
    pub trough_at: Timestamp,
    /// The instant at which the peak was reached again, if it was.
    pub recovered_at: Option<Timestamp>,
}

/// All falls of one equity curve.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct DrawdownSummary {
    /// How many falls, an unfinished one included.
    pub count: u64,
    /// The deepest.
    pub deepest: Option<Drawdown>,
    /// Mean depth of all falls, as a fraction; 0 without one.
    pub average_depth: f64,
    /// From the last instant at a peak to the recovery, or to the end: the longest.
    pub longest_ns: i64,
    /// The same, the mean of all; 0 without a fall.
    pub average_duration_ns: i64,
    /// The fall at the end, as a fraction of the peak; 0 at a peak.
    pub current_depth: f64,
}

impl DrawdownSummary {
    /// Depth of the deepest fall; 0 without one.
    #[must_use]
    pub fn max_depth(&self) -> f64 {
        self.deepest.map_or(0.0, |drawdown| drawdown.depth)
    }
}

/// Follows an equity curve sample by sample, in constant memory. The first sample is the first
/// peak.
#[derive(Clone, Debug, Default)]
pub struct DrawdownTracker {
    peak: Option<(Timestamp, f64)>,
    /// Lowest sample since the peak, if equity is below it.
    trough: Option<(Timestamp, f64)>,
    last: (Timestamp, f64),
    finished: DrawdownSummary,
    depth_sum: f64,
    duration_sum_ns: i128,
}

impl DrawdownTracker {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next sample and returns the fall at it, as a fraction of the peak.
    pub fn push(&mut self, at: Timestamp, equity: f64) -> f64 {
        self.last = (at, equity);
        let Some((_, peak)) = self.peak else {
            self.peak = Some((at, equity));
            return 0.0;
        };
        if equity >= peak {
            if let Some(fall) = self.current_fall(Some(at)) {
                self.finish_fall(fall, at);
                self.trough = None;
            }
            self.peak = Some((at, equity));
            return 0.0;
        }
        if self.trough.is_none_or(|(_, lowest)| equity < lowest) {
            self.trough = Some((at, equity));
        }
        depth(peak, equity)
    }

    /// What was seen up to the last sample.
    #[must_use]
    pub fn summary(&self) -> DrawdownSummary {
        let mut whole = self.clone();
        if let Some(fall) = whole.current_fall(None) {
            let (last_at, last_equity) = whole.last;
            whole.finish_fall(fall, last_at);
            whole.finished.current_depth =
                whole.peak.map_or(0.0, |(_, peak)| depth(peak, last_equity));
        }
        let mut summary = whole.finished;
        if summary.count > 0 {
            summary.average_depth = whole.depth_sum / summary.count as f64;
            let average = whole.duration_sum_ns / i128::from(summary.count);
            summary.average_duration_ns = i64::try_from(average).unwrap_or(i64::MAX);
        }
        summary
    }

    fn current_fall(&self, recovered_at: Option<Timestamp>) -> Option<Drawdown> {
        let ((peak_at, peak), (trough_at, lowest)) = (self.peak?, self.trough?);
        Some(Drawdown { depth: depth(peak, lowest), peak_at, trough_at, recovered_at })
    }

    fn finish_fall(&mut self, fall: Drawdown, until: Timestamp) {
        let duration_ns = until.nanos_since(fall.peak_at);
        self.finished.count += 1;
        self.depth_sum += fall.depth;
        self.duration_sum_ns += i128::from(duration_ns);
        self.finished.longest_ns = self.finished.longest_ns.max(duration_ns);
        if self.finished.deepest.is_none_or(|deepest| fall.depth > deepest.depth) {
            self.finished.deepest = Some(fall);
        }
    }
}

/// The fall from `peak` to `equity` as a fraction of the peak; 0 when the peak is not positive,
/// as a fraction of nothing says nothing.
fn depth(peak: f64, equity: f64) -> f64 {
    if peak > 0.0 { (peak - equity) / peak } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(equity: &[f64]) -> DrawdownSummary {
        let mut tracker = DrawdownTracker::new();
        for (second, &value) in (0..).zip(equity) {
            tracker.push(Timestamp::from_secs(second), value);
        }
        tracker.summary()
    }

    #[test]
    fn falls_are_counted_timed_and_ranked() {
        #[track_caller]
        fn check(equity: &[f64], count: u64, deepest: f64, average: f64, longest_s: i64) {
            let summary = track(equity);
            assert_eq!(summary.count, count, "{equity:?}");
            assert!((summary.max_depth() - deepest).abs() < 1e-12, "{equity:?}");
            assert!((summary.average_depth - average).abs() < 1e-12, "{equity:?}");
            assert_eq!(summary.longest_ns, longest_s * 1_000_000_000, "{equity:?}");
        }
        check(&[], 0, 0.0, 0.0, 0);
        check(&[100.0], 0, 0.0, 0.0, 0);
        check(&[100.0, 101.0, 102.0], 0, 0.0, 0.0, 0);
        check(&[100.0, 90.0], 1, 0.1, 0.1, 1);
        check(&[100.0, 90.0, 95.0, 100.0, 80.0, 100.0], 2, 0.2, 0.15, 3);
        check(&[100.0, 100.0, 100.0, 50.0, 75.0], 1, 0.5, 0.5, 2);
        check(&[0.0, -5.0, 3.0], 1, 0.0, 0.0, 2);
    }

    #[test]
    fn the_deepest_fall_is_dated() {
        let summary = track(&[100.0, 110.0, 110.0, 99.0, 104.5, 110.0, 108.9]);
        let deepest = summary.deepest.unwrap();
        assert_eq!(deepest.peak_at, Timestamp::from_secs(2));
        assert_eq!(deepest.trough_at, Timestamp::from_secs(3));
        assert_eq!(deepest.recovered_at, Some(Timestamp::from_secs(5)));
        assert!((summary.current_depth - 0.01).abs() < 1e-12);
    }
}
