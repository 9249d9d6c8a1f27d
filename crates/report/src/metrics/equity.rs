//! Equity samples at any instants, and what is kept of them.

use model::{Amount, Timestamp};
use serde::{Deserialize, Serialize};

use super::{DrawdownSummary, DrawdownTracker};
use crate::calendar::Civil;
use crate::series::Series;

const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// The last equity of a UTC day.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct DailyClose {
    /// Midnight at which the day begins.
    pub day: Timestamp,
    /// Equity at the last sample before the next midnight.
    pub equity: f64,
}

/// Return of one calendar month.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct MonthlyReturn {
    /// Year.
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// As a fraction.
    pub fraction: f64,
}

/// Daily UTC closes. A sample at midnight sharp belongs to the day that begins; a day without a
/// sample keeps the close before it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DailyCloses(Vec<DailyClose>);

impl DailyCloses {
    /// Takes the next sample; samples come in order of time.
    pub fn push(&mut self, at: Timestamp, equity: f64) {
        let day = at.utc_day();
        if let Some(last) = self.0.last_mut() {
            if day <= last.day {
                last.equity = equity;
                return;
            }
            let kept = *last;
            let mut missing = kept.day.as_nanos() + NANOS_PER_DAY;
            while missing < day.as_nanos() {
                self.0.push(DailyClose { day: Timestamp::from_nanos(missing), ..kept });
                missing += NANOS_PER_DAY;
            }
        }
        self.0.push(DailyClose { day, equity });
    }

    /// The closes in order.
    #[must_use]
    pub fn as_slice(&self) -> &[DailyClose] {
        &self.0
    }

    /// `close / previous close − 1`, one fewer than there are closes. `None` when a return would
    /// be relative to a close that is not positive.
    #[must_use]
    pub fn returns(&self) -> Option<Vec<f64>> {
        self.0
            .windows(2)
            .map(|pair| (pair[0].equity > 0.0).then(|| pair[1].equity / pair[0].equity - 1.0))
            .collect()
    }

    /// Return of each calendar month, the first one counted from `start` equity.
    #[must_use]
    pub fn monthly_returns(&self, start: f64) -> Vec<MonthlyReturn> {
        let mut months: Vec<MonthlyReturn> = Vec::new();
        let (mut base, mut previous) = (start, start);
        for close in &self.0 {
            let Civil { year, month, .. } = Civil::of(close.day);
            if months.last().is_none_or(|last| (last.year, last.month) != (year, month)) {
                base = previous;
                months.push(MonthlyReturn { year, month, fraction: 0.0 });
            }
            if let Some(last) = months.last_mut()
                && base > 0.0
            {
                last.fraction = close.equity / base - 1.0;
            }
            previous = close.equity;
        }
        months
    }
}

/// What a run keeps of its equity: start, end and peak exactly, daily closes, falls as
/// equity was marked, and a curve of bounded size.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct EquityHistory {
    /// Instant of the first sample.
    pub start_at: Timestamp,
    /// Equity at it, the first peak.
    pub start: Amount,
    /// Instant of the last sample.
    pub end_at: Timestamp,
    /// Equity at it.
    pub end: Amount,
    /// Highest equity of all samples.
    pub peak: Amount,
    /// When it was first reached.
    pub peak_at: Timestamp,
    /// Lowest equity of all samples.
    pub low: Amount,
    /// Number of samples.
    pub samples: u64,
    /// Daily UTC closes.
    pub daily: DailyCloses,
    /// Falls of the daily closes, the starting equity being the first peak.
    pub daily_drawdown: DrawdownSummary,
    /// Falls seen at every sample: what happens within a day shows here.
    pub marked_drawdown: DrawdownSummary,
    /// The curve.
    pub curve: Series,
    /// The fall below the peak along the curve, as a fraction, zero or negative.
    pub underwater: Series,
}

/// Takes equity samples in order of time.
#[derive(Clone, Debug)]
pub struct EquityTracker {
    history: EquityHistory,
    marked: DrawdownTracker,
    last_equity: f64,
}

impl EquityTracker {
    /// Starts with the first sample.
    #[must_use]
    pub fn new(at: Timestamp, start: Amount) -> Self {
        let history = EquityHistory {
            start_at: at,
            start,
            end_at: at,
            end: start,
            peak: start,
            peak_at: at,
            low: start,
            samples: 0,
            daily: DailyCloses::default(),
            daily_drawdown: DrawdownSummary::default(),
            marked_drawdown: DrawdownSummary::default(),
            curve: Series::new(),
            underwater: Series::new(),
        };
        let mut tracker = Self { history, marked: DrawdownTracker::new(), last_equity: f64::NAN };
        tracker.push(at, start);
        tracker
    }

    /// Takes the next sample. An instant before the last one counts as the last one: a stepped
    /// clock must not lose a sample.
    pub fn push(&mut self, at: Timestamp, equity: Amount) {
        let history = &mut self.history;
        let at = at.max(history.end_at);
        history.end_at = at;
        history.samples += 1;
        if equity != history.end || self.last_equity.is_nan() {
            history.end = equity;
            self.last_equity = equity.to_f64();
        }
        if equity > history.peak {
            (history.peak, history.peak_at) = (equity, at);
        } else if equity < history.low {
            history.low = equity;
        }
        let fall = self.marked.push(at, self.last_equity);
        history.daily.push(at, self.last_equity);
        history.curve.push(at, self.last_equity);
        history.underwater.push(at, 0.0 - fall);
    }

    /// Equity at the last sample.
    #[must_use]
    pub const fn last(&self) -> Amount {
        self.history.end
    }

    /// What was seen.
    #[must_use]
    pub fn finish(mut self) -> EquityHistory {
        let mut daily = DrawdownTracker::new();
        daily.push(self.history.start_at, self.history.start.to_f64());
        for close in self.history.daily.as_slice() {
            // A day closes at its end, the last one where the run ends.
            let closed_at =
                Timestamp::from_nanos(close.day.as_nanos().saturating_add(NANOS_PER_DAY));
            daily.push(closed_at.min(self.history.end_at), close.equity);
        }
        self.history.daily_drawdown = daily.summary();
        self.history.marked_drawdown = self.marked.summary();
        self.history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closes(samples: &[(i64, f64)]) -> DailyCloses {
        let mut closes = DailyCloses::default();
        for &(hours, equity) in samples {
            closes.push(Timestamp::from_secs(hours * 3_600), equity);
        }
        closes
    }

    #[test]
    fn the_last_sample_of_a_day_is_its_close() {
        #[track_caller]
        fn check(samples: &[(i64, f64)], expected: &[f64]) {
            let closes = closes(samples);
            let equity: Vec<f64> = closes.as_slice().iter().map(|close| close.equity).collect();
            assert_eq!(equity, expected, "{samples:?}");
        }
        check(&[], &[]);
        check(&[(1, 10.0), (2, 11.0), (23, 12.0)], &[12.0]);
        check(&[(23, 12.0), (24, 13.0)], &[12.0, 13.0]);
        check(&[(5, 10.0), (80, 20.0)], &[10.0, 10.0, 10.0, 20.0]);
    }

    #[test]
    fn returns_count_from_close_to_close() {
        let closes = closes(&[(0, 100.0), (24, 110.0), (72, 99.0)]);
        let returns = closes.returns().unwrap();
        assert_eq!(returns.len(), 3);
        assert!((returns[0] - 0.1).abs() < 1e-12);
        assert_eq!(returns[1], 0.0);
        assert!((returns[2] + 0.1).abs() < 1e-12);
    }

    #[test]
    fn a_return_on_nothing_is_none() {
        assert_eq!(closes(&[(0, 100.0), (24, 0.0), (48, 5.0)]).returns(), None);
        assert!(closes(&[(0, 100.0), (24, 0.0)]).returns().is_some());
    }

    #[test]
    fn months_start_where_the_last_one_ended() {
        // 1970: January has 31 days, February 28.
        let closes = closes(&[(0, 100.0), (30 * 24, 120.0), (31 * 24, 108.0), (60 * 24, 162.0)]);
        let months = closes.monthly_returns(80.0);
        let got: Vec<(u32, i64)> = months
            .iter()
            .map(|month| (month.month, (month.fraction * 1e6).round() as i64))
            .collect();
        assert_eq!(got, [(1, 500_000), (2, -100_000), (3, 500_000)]);
    }

    #[test]
    fn falls_within_a_day_show_in_the_marked_drawdown_only() {
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        let mut tracker = EquityTracker::new(Timestamp::from_secs(0), amount("100"));
        tracker.push(Timestamp::from_secs(60), amount("80"));
        tracker.push(Timestamp::from_secs(120), amount("125"));
        tracker.push(Timestamp::from_secs(100), amount("120"));
        let history = tracker.finish();
        assert_eq!(history.end_at, Timestamp::from_secs(120), "time never runs back");
        assert_eq!((history.peak, history.low), (amount("125"), amount("80")));
        assert!((history.marked_drawdown.max_depth() - 0.2).abs() < 1e-12);
        assert_eq!(history.daily_drawdown.max_depth(), 0.0);
    }

    #[test]
    fn the_starting_equity_is_the_first_peak() {
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        let mut tracker = EquityTracker::new(Timestamp::from_secs(10), amount("100"));
        tracker.push(Timestamp::from_secs(20), amount("75"));
        let daily = tracker.finish().daily_drawdown;
        assert!((daily.max_depth() - 0.25).abs() < 1e-12);
        assert_eq!(daily.longest_ns, 10_000_000_000, "from the start to the end of the run");
    }
}
