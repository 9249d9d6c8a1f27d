//! The summary of a run as one JSON object, for scripts. The whole report is
//! [`RunReport::to_json`]; this is what one looks at first, under names that stay.

use model::{Amount, Timestamp};
use serde::{Deserialize, Serialize};

use crate::latency::LatencyHistogram;
use crate::metrics::Figure;
use crate::run::{RunReport, StrategyReport};

/// The summary. Money is in the run's currency and written as strings, so that it stays exact;
/// figures are numbers or `{"not_available": reason}`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// `demo`, `sim`, `paper`, `live` or `backtest`.
    pub mode: String,
    /// Currency of all money here.
    pub currency: String,
    /// First sample of equity.
    pub start_at: String,
    /// Last sample of equity.
    pub end_at: String,
    /// Market events.
    pub events: u64,
    /// Orders handed to the venue.
    pub orders: u64,
    /// Executions.
    pub fills: u64,
    /// Executions that left a rest of their order working.
    pub partial_fills: u64,
    /// Orders taken back.
    pub canceled: u64,
    /// Intents refused by our risk gate.
    pub denied: u64,
    /// Orders refused by the venue.
    pub rejected: u64,
    /// Fees paid.
    pub fees: Amount,
    /// Equity at the start.
    pub equity_start: Amount,
    /// Equity at the end.
    pub equity_end: Amount,
    /// The difference.
    pub net_profit: Amount,
    /// The same as a fraction.
    pub total_return: Figure,
    /// Deepest fall below a peak as equity was marked, as a fraction.
    pub max_drawdown: Figure,
    /// Sharpe ratio under `convention`.
    pub sharpe: Figure,
    /// Convention of the figures.
    pub convention: String,
    /// Closed trades.
    pub trades: u64,
    /// Latency of the headline stage.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tick_to_order_us: Option<LatencyQuantiles>,
    /// Hash of the market data: of the files, or of the flow of a synthetic market.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub flow_hash: Option<String>,
    /// One entry per strategy.
    pub strategies: Vec<StrategySummary>,
    /// Warnings about the result.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
    /// Where the HTML report is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub report: Option<String>,
}

/// Quantiles in microseconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct LatencyQuantiles {
    /// Median.
    pub p50: f64,
    /// 99 % are no longer.
    pub p99: f64,
}

impl LatencyQuantiles {
    /// Of a histogram; `None` when it is empty.
    #[must_use]
    pub fn of(histogram: &LatencyHistogram) -> Option<Self> {
        let us = |quantile| histogram.quantile_ns(quantile).map(|ns| ns as f64 / 1e3);
        Some(Self { p50: us(0.5)?, p99: us(0.99)? })
    }
}

/// One strategy in the summary.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StrategySummary {
    /// Its configured id.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Profit, what is held at the last price included.
    pub profit: Amount,
    /// Orders handed to the venue.
    pub orders: u64,
    /// Executions.
    pub fills: u64,
    /// Closed trades.
    pub trades: u64,
    /// Intents refused by our risk gate.
    pub denied: u64,
    /// Orders refused by the venue.
    pub rejected: u64,
}

impl StrategySummary {
    fn of(strategy: &StrategyReport) -> Self {
        Self {
            name: strategy.name.clone(),
            kind: strategy.kind.clone(),
            profit: strategy.profit,
            orders: strategy.counts.orders,
            fills: strategy.counts.fills,
            trades: strategy.trades.closed,
            denied: strategy.counts.denied,
            rejected: strategy.counts.rejected,
        }
    }
}

impl Summary {
    /// Of a report; `path` is where its HTML was written, if it was.
    #[must_use]
    pub fn of(report: &RunReport, path: Option<&str>) -> Self {
        let text = |at: Timestamp| at.to_string();
        Self {
            mode: report.identity.mode.clone(),
            currency: report.currency.to_string(),
            start_at: text(report.equity.start_at),
            end_at: text(report.equity.end_at),
            events: report.events,
            orders: report.counts.orders,
            fills: report.counts.fills,
            partial_fills: report.counts.partial_fills,
            canceled: report.counts.canceled,
            denied: report.counts.denied,
            rejected: report.counts.rejected,
            fees: report.activity.fees,
            equity_start: report.equity.start,
            equity_end: report.equity.end,
            net_profit: report.net_profit(),
            total_return: report.performance.total_return.clone(),
            max_drawdown: report.performance.max_drawdown_marked.clone(),
            sharpe: report.performance.sharpe.clone(),
            convention: report.performance.convention.clone(),
            trades: report.trades.closed,
            tick_to_order_us: (report.latency.first())
                .and_then(|stage| LatencyQuantiles::of(&stage.histogram)),
            flow_hash: report.identity.data_hash.clone(),
            strategies: report.strategies.iter().map(StrategySummary::of).collect(),
            warnings: report.identity.warnings.clone(),
            report: path.map(str::to_owned),
        }
    }

    /// As one line of JSON.
    ///
    /// # Panics
    /// Never: every map key is a string, and every float is finite.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a summary holds nothing that JSON can't")
    }
}
