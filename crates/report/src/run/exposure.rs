//! How much was at stake, and for how long.

use model::{Amount, Timestamp};
use serde::{Deserialize, Serialize};

use crate::metrics::Figure;
use crate::series::Series;

/// Time spent with a position.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TimeInMarket {
    open_books: u32,
    since: Option<Timestamp>,
    total_ns: i64,
}

impl TimeInMarket {
    /// A book (one symbol of one strategy) was opened or became flat.
    pub(super) fn change(&mut self, at: Timestamp, opened: bool) {
        self.open_books =
            if opened { self.open_books + 1 } else { self.open_books.saturating_sub(1) };
        match (self.open_books, self.since) {
            (0, Some(since)) => {
                self.total_ns += at.nanos_since(since).max(0);
                self.since = None;
            }
            (1.., None) => self.since = Some(at),
            (0, None) | (1.., Some(_)) => {}
        }
    }

    /// Time in market as a fraction of the run.
    pub(super) fn fraction(&self, start_at: Timestamp, end_at: Timestamp) -> Figure {
        let open_ns = self.since.map_or(0, |since| end_at.nanos_since(since).max(0));
        let run_ns = end_at.nanos_since(start_at).max(0);
        let fraction = (self.total_ns + open_ns) as f64 / run_ns as f64;
        Figure::finite(fraction, "the run has no duration")
    }
}

/// Position value as a fraction of equity, over time.
#[derive(Clone, Debug, Default)]
pub(super) struct ExposureTracker {
    curve: Series,
    last: Option<(Timestamp, f64)>,
    /// Fraction × nanoseconds.
    area: f64,
    covered_ns: f64,
    highest: f64,
}

impl ExposureTracker {
    pub(super) fn push(&mut self, at: Timestamp, exposure: Amount, equity: Amount) {
        let fraction = exposure.to_f64() / equity.to_f64();
        if !fraction.is_finite() {
            return;
        }
        self.close_until(at);
        self.last = Some((at, fraction));
        self.highest = self.highest.max(fraction);
        self.curve.push(at, fraction);
    }

    fn close_until(&mut self, at: Timestamp) {
        if let Some((since, fraction)) = self.last {
            let duration_ns = at.nanos_since(since).max(0) as f64;
            self.area += fraction * duration_ns;
            self.covered_ns += duration_ns;
        }
    }

    pub(super) fn figures(mut self, in_market: Figure, end_at: Timestamp) -> ExposureFigures {
        self.close_until(end_at);
        let known = !self.curve.buckets().is_empty();
        let reason = "exposure was not recorded";
        ExposureFigures {
            time_in_market: in_market,
            average: Figure::finite(self.area / self.covered_ns, reason),
            highest: Figure::or_reason(known.then_some(self.highest), reason),
            curve: self.curve,
        }
    }
}

/// How much was at stake. Fractions of equity.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ExposureFigures {
    /// Share of the run's time with any position.
    pub time_in_market: Figure,
    /// Time-weighted mean of position value over equity.
    pub average: Figure,
    /// Highest position value over equity.
    pub highest: Figure,
    /// Position value over equity along the run.
    pub curve: Series,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(number: i64) -> Timestamp {
        Timestamp::from_secs(number)
    }

    #[test]
    fn overlapping_positions_count_once() {
        let mut time = TimeInMarket::default();
        for (at, opened) in [(10, true), (20, true), (30, false), (40, false), (90, true)] {
            time.change(second(at), opened);
        }
        assert_eq!(time.fraction(second(0), second(100)), Figure::Value(0.4));
        assert_eq!(TimeInMarket::default().fraction(second(0), second(9)), Figure::Value(0.0));
        assert!(time.fraction(second(0), second(0)).reason().is_some());
    }

    #[test]
    fn exposure_is_weighted_by_time() {
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        let mut tracker = ExposureTracker::default();
        tracker.push(second(0), amount("50"), amount("100"));
        tracker.push(second(30), amount("0"), amount("100"));
        tracker.push(second(50), amount("0"), amount("0"));
        let figures = tracker.figures(Figure::Value(0.3), second(100));
        assert_eq!(figures.average, Figure::Value(0.15));
        assert_eq!(figures.highest, Figure::Value(0.5));
    }
}
