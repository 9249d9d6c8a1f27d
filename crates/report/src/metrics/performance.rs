//! The figures of an equity history under our convention.

use serde::{Deserialize, Serialize};

use super::equity::EquityHistory;
use super::figure::{Figure, SampleRule};
use super::returns;

/// Name of the convention, printed in every report.
pub const CONVENTION: &str = "daily-utc-365";
/// Periods of a year under the convention.
pub const PERIODS_PER_YEAR: f64 = 365.0;

/// Figures of returns and falls. Fractions, not percent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PerformanceFigures {
    /// Always [`CONVENTION`].
    pub convention: String,
    /// Number of daily returns, one fewer than daily closes.
    pub daily_returns: usize,
    /// End equity over start equity, less one.
    pub total_return: Figure,
    /// Compound annual growth rate, `Π(1 + r)^(365 / n) − 1`.
    pub cagr: Figure,
    /// Deviation of the daily returns, times √365.
    pub annual_volatility: Figure,
    /// `mean(r) / sd(r) · √365`.
    pub sharpe: Figure,
    /// `mean(r) / √(Σ min(r, 0)² / n) · √365`.
    pub sortino: Figure,
    /// CAGR over maximum drawdown.
    pub calmar: Figure,
    /// Deepest fall of the daily closes below their peak, as a positive fraction.
    pub max_drawdown: Figure,
    /// Mean depth of the falls of the daily closes.
    pub average_drawdown: Figure,
    /// Deepest fall as equity was marked: see [`crate::run::Marking`].
    pub max_drawdown_marked: Figure,
    /// Best daily return.
    pub best_day: Figure,
    /// Worst daily return.
    pub worst_day: Figure,
}

impl PerformanceFigures {
    /// Of a history. Annualised figures need [`super::MIN_DAILY_RETURNS`] unless forced.
    #[must_use]
    pub fn of(history: &EquityHistory, rule: SampleRule) -> Self {
        let returns = history.daily.returns();
        let daily = returns.as_deref().unwrap_or_default();
        let gap = if returns.is_some() { None } else { Some("equity was not positive") };
        let annual = |value: Option<f64>, reason: &str| {
            rule.daily(daily.len(), || Figure::or_reason(value, gap.unwrap_or(reason)))
        };
        let depth = history.daily_drawdown.max_depth();
        let cagr = returns::cagr(daily, PERIODS_PER_YEAR);
        let start = history.start.to_f64();
        let deviation = returns::sample_variance(daily).map(f64::sqrt);
        let needs_returns = gap.unwrap_or("no daily return");
        Self {
            convention: CONVENTION.to_owned(),
            daily_returns: daily.len(),
            total_return: Figure::finite(
                if start > 0.0 { history.end.to_f64() / start - 1.0 } else { f64::NAN },
                "the starting equity is not positive",
            ),
            cagr: annual(cagr, "no daily return"),
            annual_volatility: annual(
                deviation.map(|deviation| deviation * PERIODS_PER_YEAR.sqrt()),
                "fewer than two daily returns",
            ),
            sharpe: annual(returns::sharpe(daily, PERIODS_PER_YEAR), "returns do not vary"),
            sortino: annual(returns::sortino(daily, PERIODS_PER_YEAR), "no negative daily return"),
            calmar: annual(cagr.map(|cagr| cagr / depth), "no drawdown"),
            max_drawdown: Figure::Value(depth),
            average_drawdown: Figure::Value(history.daily_drawdown.average_depth),
            max_drawdown_marked: Figure::Value(history.marked_drawdown.max_depth()),
            best_day: Figure::or_reason(daily.iter().copied().reduce(f64::max), needs_returns),
            worst_day: Figure::or_reason(daily.iter().copied().reduce(f64::min), needs_returns),
        }
    }
}
