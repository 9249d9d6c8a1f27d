//! Equity over time, folded to what the rules on daily loss and drawdown need.

use model::{Amount, Timestamp};
use serde::{Deserialize, Serialize};

/// Marks of one equity curve, in the engine's currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EquityMarks {
    /// The first sample ever.
    pub first: Amount,
    /// The newest sample.
    pub last: Amount,
    /// When it was taken.
    pub last_at: Timestamp,
    /// The capital that was allocated then.
    pub capital: Amount,
    /// The highest sample since losses count: drawdown counts from it. Like `day_start` it moves
    /// with a change of capital, which is neither profit nor loss.
    pub peak: Amount,
    /// Midnight UTC before the newest sample.
    pub day: Timestamp,
    /// The first sample of that day, or the first since losses count if that is later.
    pub day_start: Amount,
    /// Whether losses count from the next sample on: an operator has let trading go on.
    is_rebased: bool,
}

impl EquityMarks {
    pub(super) fn new(equity: Amount, capital: Amount, at: Timestamp) -> Self {
        Self {
            first: equity,
            last: equity,
            last_at: at,
            capital,
            peak: equity,
            day: at.utc_day(),
            day_start: equity,
            is_rebased: false,
        }
    }

    /// Whether losses count from the next sample on, so that peak and start of day are past.
    #[must_use]
    pub const fn is_rebased(&self) -> bool {
        self.is_rebased
    }

    /// Losses count from the next sample on.
    pub(super) const fn rebase(&mut self) {
        self.is_rebased = true;
    }

    pub(super) fn sample(&mut self, equity: Amount, capital: Amount, at: Timestamp) {
        if std::mem::take(&mut self.is_rebased) {
            (self.peak, self.day_start) = (equity, equity);
        } else {
            let moved = capital - self.capital;
            self.peak += moved;
            self.day_start += moved;
        }
        self.capital = capital;
        // A clock that went back opens no new day: the loss of a day is never forgotten early.
        if at.utc_day() > self.day {
            self.day = at.utc_day();
            self.day_start = equity;
        }
        self.last = equity;
        self.last_at = at;
        self.peak = self.peak.max(equity);
    }

    /// The first sample of the UTC day that holds `now`; `None` when there is none yet, so that
    /// the next sample will be it.
    #[must_use]
    pub fn day_start_on(&self, now: Timestamp) -> Option<Amount> {
        (self.day >= now.utc_day()).then_some(self.day_start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPITAL: Amount = Amount::ONE;

    #[test]
    fn a_day_starts_with_its_first_sample_and_the_peak_stays() {
        const HOUR: i64 = 3_600;
        #[track_caller]
        fn check(samples: &[(i64, &str)], peak: &str, day_start: &str, next_day: bool) {
            let mut samples = samples.iter().map(|(hour, equity)| {
                (Timestamp::from_secs(hour * HOUR), equity.parse::<Amount>().unwrap())
            });
            let (at, equity) = samples.next().unwrap();
            let mut marks = EquityMarks::new(equity, CAPITAL, at);
            samples.for_each(|(at, equity)| marks.sample(equity, CAPITAL, at));
            assert_eq!((marks.peak, marks.first), (peak.parse().unwrap(), equity));
            let now = marks.last_at.utc_day().after(std::time::Duration::from_secs(if next_day {
                86_400
            } else {
                0
            }));
            let expected = (!next_day).then(|| day_start.parse().unwrap());
            assert_eq!(marks.day_start_on(now), expected);
        }
        check(&[(5, "100")], "100", "100", false);
        check(&[(5, "100"), (6, "120"), (7, "90")], "120", "100", false);
        check(&[(5, "100"), (6, "120"), (25, "90"), (26, "95")], "120", "90", false);
        check(&[(5, "100"), (25, "90"), (23, "80"), (26, "70")], "100", "90", false);
        check(&[(5, "100"), (25, "90")], "100", "90", true);
    }

    #[test]
    fn capital_is_no_profit_and_losses_count_from_where_trading_went_on() {
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        let at = Timestamp::from_secs;
        let mut marks = EquityMarks::new(amount("100"), amount("100"), at(1));
        marks.sample(amount("90"), amount("100"), at(2));
        marks.sample(amount("190"), amount("200"), at(3));
        assert_eq!((marks.peak, marks.day_start), (amount("200"), amount("200")));
        marks.rebase();
        marks.sample(amount("150"), amount("200"), at(4));
        assert_eq!((marks.peak, marks.day_start), (amount("150"), amount("150")));
        marks.sample(amount("140"), amount("200"), at(5));
        assert_eq!((marks.peak, marks.day_start), (amount("150"), amount("150")));
    }
}
