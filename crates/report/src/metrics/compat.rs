//! The same run as other tools would put it, for comparing. Only figures that the golden vector
//! covers are given; the others are absent.

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::equity::{DailyClose, EquityHistory};
use super::figure::{Figure, SampleRule};
use super::returns::{self, divisor, downside_deviation, mean, sample_variance};
use super::trades::TradeStats;

/// One tool's figures of the run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CompatFigures {
    /// Name and version of the tool.
    pub tool: String,
    /// Its convention in a few words.
    pub convention: String,
    /// Sharpe ratio.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sharpe: Option<Figure>,
    /// Sortino ratio.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sortino: Option<Figure>,
    /// Compound annual growth rate, as a fraction.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cagr: Option<Figure>,
    /// Maximum drawdown, as a fraction.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_drawdown: Option<Figure>,
    /// Calmar ratio.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub calmar: Option<Figure>,
    /// Gross profit over gross loss.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profit_factor: Option<Figure>,
    /// Mean profit of a closed trade.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expectancy: Option<Figure>,
    /// System quality number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sqn: Option<Figure>,
}

impl CompatFigures {
    fn new(tool: &str, convention: &str) -> Self {
        Self {
            tool: tool.to_owned(),
            convention: convention.to_owned(),
            sharpe: None,
            sortino: None,
            cagr: None,
            max_drawdown: None,
            calmar: None,
            profit_factor: None,
            expectancy: None,
            sqn: None,
        }
    }
}

/// What the tools' formulas are fed with.
struct Sample<'a> {
    closes: &'a [DailyClose],
    returns: Vec<f64>,
    max_drawdown: f64,
    start: f64,
    trades: &'a TradeStats,
    rule: SampleRule,
}

impl Sample<'_> {
    fn daily(&self, value: Option<f64>) -> Option<Figure> {
        Some(self.rule.daily(self.returns.len(), || {
            Figure::or_reason(value, "not defined for these returns")
        }))
    }

    fn by_trade(&self, figure: impl FnOnce() -> Figure) -> Option<Figure> {
        let closed = usize::try_from(self.trades.closed()).unwrap_or(usize::MAX);
        Some(self.rule.trades(closed, figure))
    }

    /// Figures of closed trades that are annualised need both samples.
    fn by_trade_annualised(&self, value: Option<f64>) -> Option<Figure> {
        self.by_trade(|| {
            self.rule.daily(self.returns.len(), || {
                Figure::or_reason(value, "not defined for these trades")
            })
        })
    }
}

/// The figures of all tools that we compare with.
#[must_use]
pub fn compat_figures(
    history: &EquityHistory,
    trades: &TradeStats,
    rule: SampleRule,
) -> Vec<CompatFigures> {
    let sample = Sample {
        closes: history.daily.as_slice(),
        returns: history.daily.returns().unwrap_or_default(),
        max_drawdown: history.daily_drawdown.max_depth(),
        start: history.start.to_f64(),
        trades,
        rule,
    };
    vec![
        backtesting_py(&sample),
        freqtrade(&sample),
        nautilus_trader(&sample),
        jesse(&sample),
        lean(&sample),
    ]
}

/// 1970-01-01 was a Thursday.
fn is_weekend(day: Timestamp) -> bool {
    matches!((day.as_secs().div_euclid(86_400) + 4).rem_euclid(7), 0 | 6)
}

/// Geometric mean of the returns, annualised; the volatility of the compounded year beneath the
/// Sharpe ratio; Calmar from the annual return. A year has 365 days if bars fall on weekends.
fn backtesting_py(sample: &Sample<'_>) -> CompatFigures {
    let weekends = sample.closes.iter().any(|close| is_weekend(close.day));
    let periods = if weekends { 365.0 } else { 252.0 };
    let count = sample.returns.len() as f64;
    let growth: f64 = sample.returns.iter().map(|r| 1.0 + r).product();
    let factor = growth.powf(1.0 / count);
    let annual_return = (growth > 0.0).then(|| factor.powf(periods) - 1.0);
    let volatility = sample_variance(&sample.returns).and_then(|variance| {
        let squared = factor.powi(2);
        divisor(((variance + squared).powf(periods) - squared.powf(periods)).sqrt())
    });
    let downside = downside_deviation(&sample.returns).map(|d| d * periods.sqrt());
    let years =
        sample.closes.first().zip(sample.closes.last()).map(|(first, last)| {
            last.day.nanos_since(first.day) as f64 / (365.25 * 86_400.0 * 1e9)
        });
    let ratio = |divisor: Option<f64>| annual_return.zip(divisor).map(|(over, by)| over / by);
    let mut figures = CompatFigures::new(
        "backtesting.py 0.6.6",
        "geometric mean, volatility of the compounded year",
    );
    figures.sharpe = sample.daily(ratio(volatility));
    figures.sortino = sample.daily(ratio(downside));
    figures.cagr = sample.daily(years.map(|years| growth.powf(1.0 / years) - 1.0));
    figures.max_drawdown = Some(Figure::Value(sample.max_drawdown));
    figures.calmar = sample.daily(ratio(divisor(sample.max_drawdown)));
    figures.profit_factor = sample.by_trade(|| sample.trades.profit_factor());
    figures.sqn = sample.by_trade(|| sample.trades.sqn());
    figures
}

/// From closed trades alone: the mean profit of a day as a fraction of the starting balance, over
/// the population deviation of the profits of trades. The drawdown is that of the closed profits,
/// the largest in money; the starting balance counts as the first peak.
fn freqtrade(sample: &Sample<'_>) -> CompatFigures {
    let trades = sample.trades;
    let days = (sample.returns.len() as f64).max(1.0);
    let net = trades.net_profit().to_f64();
    let daily = net / sample.start / days;
    let fall = &trades.closed_fall;
    let drawdown = fall.largest / (sample.start + fall.largest_from);
    let over = |deviation: Option<f64>| {
        deviation.map(|deviation| daily / (deviation / sample.start) * 365_f64.sqrt())
    };
    let mut figures =
        CompatFigures::new("freqtrade 2024.10", "closed trades only, spread of profits per trade");
    figures.sharpe = sample.by_trade_annualised(over(trades.profits.population_deviation()));
    figures.sortino =
        sample.by_trade_annualised(over(trades.losing_profits.population_deviation()));
    figures.cagr = sample.daily(Some((1.0 + net / sample.start).powf(365.0 / days) - 1.0));
    figures.max_drawdown = Some(Figure::finite(drawdown, "no starting balance"));
    figures.calmar = sample.by_trade_annualised(
        divisor(drawdown).map(|drawdown| 100.0 * daily / drawdown * 365_f64.sqrt()),
    );
    figures.profit_factor = sample.by_trade(|| trades.profit_factor());
    figures.expectancy =
        sample.by_trade(|| Figure::or_reason(trades.mean_profit(), "no closed trade"));
    figures
}

/// Our formulas with 252 periods a year.
fn nautilus_trader(sample: &Sample<'_>) -> CompatFigures {
    let cagr = returns::cagr(&sample.returns, 252.0);
    let mut figures =
        CompatFigures::new("NautilusTrader 1.231", "as ours, with 252 periods a year");
    figures.sharpe = sample.daily(returns::sharpe(&sample.returns, 252.0));
    figures.sortino = sample.daily(returns::sortino(&sample.returns, 252.0));
    figures.cagr = sample.daily(cagr);
    figures.max_drawdown = Some(Figure::Value(sample.max_drawdown));
    figures.calmar = sample.daily(ratio(cagr, sample.max_drawdown));
    figures
}

/// Our formulas, but the mean of the squared negative returns beneath the Sortino ratio divides
/// by n + 1.
fn jesse(sample: &Sample<'_>) -> CompatFigures {
    let cagr = returns::cagr(&sample.returns, 365.0);
    let count = sample.returns.len() as f64;
    let downside = divisor((returns::downside_squares(&sample.returns) / (count + 1.0)).sqrt());
    let sortino = mean(&sample.returns).zip(downside).map(|(mean, by)| mean / by * 365_f64.sqrt());
    let mut figures =
        CompatFigures::new("jesse 3.0.7", "as ours, downside of Sortino divided by n + 1");
    figures.sharpe = sample.daily(returns::sharpe(&sample.returns, 365.0));
    figures.sortino = sample.daily(sortino);
    figures.cagr = sample.daily(cagr);
    figures.max_drawdown = Some(Figure::Value(sample.max_drawdown));
    figures.calmar = sample.daily(ratio(cagr, sample.max_drawdown));
    figures
}

/// The mean return, compounded over a year, over the annualised deviation; for Sortino the
/// deviation of the negative returns about their own mean.
fn lean(sample: &Sample<'_>) -> CompatFigures {
    let annual = mean(&sample.returns).map(|mean| (1.0 + mean).powf(365.0) - 1.0);
    let negative: Vec<f64> = sample.returns.iter().copied().filter(|r| *r < 0.0).collect();
    let over = |variance: Option<f64>| {
        let deviation = variance.and_then(|variance| divisor((variance * 365.0).sqrt()));
        annual.zip(deviation).map(|(annual, deviation)| annual / deviation)
    };
    let mut figures =
        CompatFigures::new("QuantConnect Lean", "compounded mean, 365 periods, risk-free rate 0");
    figures.sharpe = sample.daily(over(sample_variance(&sample.returns)));
    figures.sortino = sample.daily(over(sample_variance(&negative)));
    figures.cagr = sample.daily(returns::cagr(&sample.returns, 365.0));
    figures
}

fn ratio(over: Option<f64>, by: f64) -> Option<f64> {
    over.zip(divisor(by)).map(|(over, by)| over / by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekends_are_saturday_and_sunday() {
        #[track_caller]
        fn check(days_since_epoch: i64, expected: bool) {
            assert_eq!(is_weekend(Timestamp::from_secs(days_since_epoch * 86_400)), expected);
        }
        check(0, false); // Thursday 1970-01-01
        check(1, false);
        check(2, true);
        check(3, true);
        check(4, false);
        check(19_728, true); // Saturday 2024-01-06
        check(-1, false); // Wednesday
    }
}
