//! Equity of allocated capital: of one strategy, or of all together.

use model::{Amount, Timestamp};

use super::value::Value;

/// Equity and what losses are measured from, in the engine's currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EquityTrack {
    /// Allocated capital.
    pub(super) capital: Value,
    /// Everything that fills brought less everything that they cost, fees included.
    pub(super) cash: Value,
    /// What positions are worth now.
    pub(super) holdings: Value,
    day_base: Option<(Timestamp, Value)>,
    peak: Option<(Timestamp, Value)>,
    sampled_peak: Option<Value>,
}

impl EquityTrack {
    pub(super) fn new(capital: Value) -> Self {
        Self { capital, ..Self::default() }
    }

    /// Continues after a restart: the equity that the day's loss is measured from, if it is of
    /// this day, and the peak.
    pub(super) fn restore(&mut self, day_base: Option<(Timestamp, Amount)>, peak: Option<Amount>) {
        self.day_base = day_base.map(|(at, equity)| (at.utc_day(), Value::floor(equity)));
        self.peak = peak.map(|peak| (Timestamp::EPOCH, Value::floor(peak)));
        self.sampled_peak = self.peak.map(|(_, peak)| peak);
    }

    /// Allocated capital.
    #[must_use]
    pub const fn capital(&self) -> Value {
        self.capital
    }

    /// Capital that is in no position: capital + everything sold − everything bought.
    #[must_use]
    pub fn free_capital(&self) -> Value {
        self.capital + self.cash
    }

    /// What positions are worth now.
    #[must_use]
    pub const fn holdings(&self) -> Value {
        self.holdings
    }

    /// Capital + realised profit + unrealised profit.
    #[must_use]
    pub fn equity(&self) -> Value {
        self.capital + self.cash + self.holdings
    }

    /// What was lost since the start of the UTC day; below zero for a gain.
    #[must_use]
    pub fn daily_loss(&self) -> Value {
        self.day_base.map_or(Value::ZERO, |(_, base)| base - self.equity())
    }

    /// How far equity lies below its peak.
    #[must_use]
    pub fn drawdown(&self) -> Value {
        self.peak.map_or(Value::ZERO, |(_, peak)| (peak - self.equity()).or_zero())
    }

    /// The highest equity since the start or the last rebase.
    #[must_use]
    pub fn peak(&self) -> Value {
        self.peak.map_or(self.equity(), |(_, peak)| peak)
    }

    /// Takes note of the equity of now, within a day that has begun.
    pub(super) fn raise_peak(&mut self, now: Timestamp) {
        let equity = self.equity();
        if self.peak.is_none_or(|(_, peak)| equity > peak) {
            self.peak = Some((now, equity));
        }
    }

    /// Takes note of the equity of now, and begins the UTC day with it if none of it was noted
    /// yet. Tells whether it did.
    pub(super) fn open_day(&mut self, now: Timestamp) -> bool {
        self.raise_peak(now);
        let day = now.utc_day();
        if self.day_base.is_some_and(|(base_day, _)| base_day >= day) {
            return false;
        }
        self.day_base = Some((day, self.equity()));
        true
    }

    /// Measures losses from the equity of now on.
    pub(super) fn rebase(&mut self, now: Timestamp) {
        let equity = self.equity();
        self.day_base = Some((now.utc_day(), equity));
        self.peak = Some((now, equity));
        self.sampled_peak = None;
    }

    /// The points of the equity curve that are due: a peak since the last call, and now. With
    /// these the peak survives a restart.
    pub(super) fn sample(&mut self, now: Timestamp) -> [Option<(Timestamp, Value)>; 2] {
        let equity = self.equity();
        let peak = self.peak.filter(|(at, peak)| {
            *at < now && *peak > equity && self.sampled_peak.is_none_or(|sampled| *peak > sampled)
        });
        self.sampled_peak = self.sampled_peak.max(self.peak.map(|(_, peak)| peak));
        [peak, Some((now, equity))]
    }
}
