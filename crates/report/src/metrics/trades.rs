//! Closed trades and their figures.

use model::{Amount, InstrumentId, Quantity, Side, StrategyId, Timestamp};
use serde::{Deserialize, Serialize};

use super::figure::{Figure, SampleRule};
use super::returns::divisor;

/// What counts as one trade.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TradeMethod {
    /// From flat to flat of one symbol and strategy.
    #[default]
    FlatToFlat,
    /// Each entry order is a lot; exits close the oldest lot first. For strategies that are
    /// rarely flat, such as grids and market makers.
    FifoLots,
}

impl TradeMethod {
    /// In words, for tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FlatToFlat => "flat to flat",
            Self::FifoLots => "FIFO lots",
        }
    }
}

/// A trade from entry to exit, partial fills merged. Money is in the currency of the report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClosedTrade {
    /// Who traded.
    pub strategy: StrategyId,
    /// What was traded.
    pub instrument: InstrumentId,
    /// Side of the entry.
    pub side: Side,
    /// First fill.
    pub opened_at: Timestamp,
    /// Last fill.
    pub closed_at: Timestamp,
    /// Base quantity entered.
    pub quantity: Quantity,
    /// Notional of the entries.
    #[serde(rename = "entry_notional", alias = "entry")]
    pub entry: Amount,
    /// Notional of the exits.
    #[serde(rename = "exit_notional", alias = "exit")]
    pub exit: Amount,
    /// What is left of it after fees.
    pub profit: Amount,
    /// Fees of entries and exits.
    pub fees: Amount,
}

impl ClosedTrade {
    /// Profit as a fraction of the entry notional; 0 without any.
    #[must_use]
    pub fn return_fraction(&self) -> f64 {
        if self.entry.is_zero() { 0.0 } else { self.profit.to_f64() / self.entry.to_f64() }
    }

    /// From the first fill to the last.
    #[must_use]
    pub fn duration_ns(&self) -> i64 {
        self.closed_at.nanos_since(self.opened_at)
    }
}

/// Count, mean and spread of numbers seen one by one, after Welford.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Spread {
    pub(super) count: u64,
    mean: f64,
    squares: f64,
}

impl Spread {
    fn push(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    /// Deviation of a sample, divided by n − 1; `None` when it is zero or undefined.
    pub(super) fn sample_deviation(&self) -> Option<f64> {
        self.deviation(self.count.checked_sub(1)?)
    }

    /// Deviation of a population, divided by n; `None` when it is zero or undefined.
    pub(super) fn population_deviation(&self) -> Option<f64> {
        self.deviation(self.count)
    }

    fn deviation(&self, divided_by: u64) -> Option<f64> {
        if divided_by == 0 {
            return None;
        }
        // Relative to the mean, as profits have no natural size.
        let deviation = (self.squares / divided_by as f64).sqrt();
        divisor(deviation / self.mean.abs().max(1.0)).map(|_| deviation)
    }
}

/// Consecutive trades of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Run {
    now: u64,
    longest: u64,
}

impl Run {
    fn step(&mut self, goes_on: bool) {
        self.now = if goes_on { self.now + 1 } else { 0 };
        self.longest = self.longest.max(self.now);
    }
}

/// Largest fall of the sum of closed profits, counted from a start of zero.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct ClosedProfitFall {
    peak: f64,
    /// Largest fall in money, and the peak it fell from.
    pub(super) largest: f64,
    pub(super) largest_from: f64,
}

impl ClosedProfitFall {
    fn step(&mut self, profit_so_far: f64) {
        self.peak = self.peak.max(profit_so_far);
        let fall = self.peak - profit_so_far;
        if fall > self.largest {
            (self.largest, self.largest_from) = (fall, self.peak);
        }
    }
}

/// Sums up closed trades one by one, in constant memory.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TradeStats {
    methods: Vec<TradeMethod>,
    winners: u64,
    losers: u64,
    gross_profit: Amount,
    gross_loss: Amount,
    pub(super) profits: Spread,
    pub(super) losing_profits: Spread,
    pub(super) closed_fall: ClosedProfitFall,
    best: Option<ClosedTrade>,
    worst: Option<ClosedTrade>,
    return_sum: f64,
    duration_sum_ns: i128,
    longest_ns: i64,
    winning_run: Run,
    losing_run: Run,
}

impl TradeStats {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next trade, in order of closing.
    pub fn push(&mut self, method: TradeMethod, trade: &ClosedTrade) {
        if !self.methods.contains(&method) {
            self.methods.push(method);
            self.methods.sort_unstable();
        }
        let profit = trade.profit.to_f64();
        self.profits.push(profit);
        if trade.profit.is_positive() {
            self.winners += 1;
            self.gross_profit += trade.profit;
        } else if trade.profit.is_negative() {
            self.losers += 1;
            self.gross_loss += trade.profit.abs();
            self.losing_profits.push(profit);
        }
        self.winning_run.step(trade.profit.is_positive());
        self.losing_run.step(trade.profit.is_negative());
        self.closed_fall.step((self.gross_profit - self.gross_loss).to_f64());
        self.return_sum += trade.return_fraction();
        self.duration_sum_ns += i128::from(trade.duration_ns());
        self.longest_ns = self.longest_ns.max(trade.duration_ns());
        if self.best.is_none_or(|best| trade.profit > best.profit) {
            self.best = Some(*trade);
        }
        if self.worst.is_none_or(|worst| trade.profit < worst.profit) {
            self.worst = Some(*trade);
        }
    }

    /// How many trades were seen.
    #[must_use]
    pub const fn closed(&self) -> u64 {
        self.profits.count
    }

    /// Sum of all profits and losses.
    #[must_use]
    pub fn net_profit(&self) -> Amount {
        self.gross_profit - self.gross_loss
    }

    /// Mean profit of a trade.
    pub(super) fn mean_profit(&self) -> Option<f64> {
        (self.closed() > 0).then(|| self.net_profit().to_f64() / self.closed() as f64)
    }

    /// Winners' profit over losers' loss.
    pub(super) fn profit_factor(&self) -> Figure {
        let ratio = self.gross_profit.to_f64() / self.gross_loss.to_f64();
        Figure::finite(ratio, "no losing trade")
    }

    /// System quality number: `√n · mean / sd` of the profits.
    pub(super) fn sqn(&self) -> Figure {
        let sqn = self
            .mean_profit()
            .zip(self.profits.sample_deviation())
            .map(|(mean, deviation)| (self.closed() as f64).sqrt() * mean / deviation);
        Figure::or_reason(sqn, "profits do not vary")
    }

    /// The figures.
    #[must_use]
    pub fn figures(&self, rule: SampleRule) -> TradeFigures {
        let closed = self.closed();
        let count = usize::try_from(closed).unwrap_or(usize::MAX);
        let share = |part: f64| Figure::finite(part / closed as f64, "no closed trade");
        TradeFigures {
            methods: self.methods.clone(),
            closed,
            winners: self.winners,
            losers: self.losers,
            net_profit: self.net_profit(),
            gross_profit: self.gross_profit,
            gross_loss: self.gross_loss,
            win_rate: rule.trades(count, || share(self.winners as f64)),
            profit_factor: rule.trades(count, || self.profit_factor()),
            expectancy: rule
                .trades(count, || Figure::or_reason(self.mean_profit(), "no closed trade")),
            sqn: rule.trades(count, || self.sqn()),
            average_return: share(self.return_sum),
            best: self.best,
            worst: self.worst,
            average_duration_ns: i64::try_from(self.duration_sum_ns / i128::from(closed.max(1)))
                .unwrap_or(i64::MAX),
            longest_ns: self.longest_ns,
            longest_winning_run: self.winning_run.longest,
            longest_losing_run: self.losing_run.longest,
        }
    }
}

/// Figures of closed trades. Money is in the currency of the report.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TradeFigures {
    /// What counts as one trade; two entries where strategies differ.
    pub methods: Vec<TradeMethod>,
    /// Closed trades.
    pub closed: u64,
    /// With a profit.
    pub winners: u64,
    /// With a loss.
    pub losers: u64,
    /// Sum of all.
    pub net_profit: Amount,
    /// Sum of the winners.
    pub gross_profit: Amount,
    /// Sum of the losers, as a positive amount.
    pub gross_loss: Amount,
    /// Winners over closed trades, as a fraction.
    pub win_rate: Figure,
    /// Gross profit over gross loss.
    pub profit_factor: Figure,
    /// Mean profit of a closed trade.
    pub expectancy: Figure,
    /// System quality number, `√n · mean(profit) / sd(profit)`.
    pub sqn: Figure,
    /// Mean of profit over entry notional, as a fraction.
    pub average_return: Figure,
    /// Largest profit.
    pub best: Option<ClosedTrade>,
    /// Largest loss, or smallest profit.
    pub worst: Option<ClosedTrade>,
    /// Mean time from first to last fill; 0 without a trade.
    pub average_duration_ns: i64,
    /// Longest time from first to last fill.
    pub longest_ns: i64,
    /// Most winners in a row; a trade of exactly zero ends a run.
    pub longest_winning_run: u64,
    /// Most losers in a row.
    pub longest_losing_run: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(profit: i64) -> ClosedTrade {
        let amount = |value: i64| value.to_string().parse::<Amount>().unwrap();
        ClosedTrade {
            strategy: StrategyId(0),
            instrument: InstrumentId(0),
            side: Side::Buy,
            opened_at: Timestamp::from_secs(0),
            closed_at: Timestamp::from_secs(profit.abs()),
            quantity: Quantity::ONE,
            entry: amount(100),
            exit: amount(100 + profit),
            profit: amount(profit),
            fees: Amount::ZERO,
        }
    }

    fn figures(profits: &[i64], rule: SampleRule) -> TradeFigures {
        let mut stats = TradeStats::new();
        for &profit in profits {
            stats.push(TradeMethod::FlatToFlat, &trade(profit));
        }
        stats.figures(rule)
    }

    #[test]
    fn runs_end_at_the_other_sign_and_at_zero() {
        #[track_caller]
        fn check(profits: &[i64], winning: u64, losing: u64) {
            let figures = figures(profits, SampleRule::Forced);
            let runs = (figures.longest_winning_run, figures.longest_losing_run);
            assert_eq!(runs, (winning, losing), "{profits:?}");
        }
        check(&[], 0, 0);
        check(&[1, 2, -1, 3], 2, 1);
        check(&[1, 0, 1, -1, -2, 0, -3], 1, 2);
    }

    #[test]
    fn small_samples_give_reasons() {
        let figures = figures(&[1; 19], SampleRule::Enforced);
        assert_eq!(figures.win_rate.reason(), Some("19 closed trades, 20 needed"));
        assert_eq!(figures.sqn.reason(), Some("19 closed trades, 20 needed"));
        let average = figures.average_return.value().expect("a plain fact is always given");
        assert!((average - 0.01).abs() < 1e-12);
    }

    #[test]
    fn figures_that_divide_by_nothing_give_reasons() {
        let none = figures(&[], SampleRule::Forced);
        assert_eq!(none.win_rate.reason(), Some("no closed trade"));
        assert_eq!(none.expectancy.reason(), Some("no closed trade"));
        let winners = figures(&[3; 25], SampleRule::Enforced);
        assert_eq!(winners.profit_factor.reason(), Some("no losing trade"));
        assert_eq!(winners.sqn.reason(), Some("profits do not vary"));
        assert_eq!(winners.win_rate, Figure::Value(1.0));
    }

    #[test]
    fn best_worst_and_durations() {
        let figures = figures(&[5, -8, 20, -1], SampleRule::Forced);
        assert_eq!(figures.best.unwrap().profit, trade(20).profit);
        assert_eq!(figures.worst.unwrap().profit, trade(-8).profit);
        assert_eq!(figures.longest_ns, 20_000_000_000);
        assert_eq!(figures.average_duration_ns, 8_500_000_000);
    }
}
