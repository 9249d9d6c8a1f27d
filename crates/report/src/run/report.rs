//! The data of a report.

use std::collections::BTreeMap;

use model::{Amount, Asset, InstrumentId, Liquidity, Price, Quantity, Side, Symbol, Timestamp};
use serde::{Deserialize, Serialize};

use super::activity::{ActivityFigures, OrderCounts};
use super::exposure::ExposureFigures;
use super::halt::{Ending, Halt};
use super::identity::RunIdentity;
use super::markers::FillMarks;
use crate::latency::LatencyHistogram;
use crate::metrics::compat::CompatFigures;
use crate::metrics::{
    ClosedTrade, EquityHistory, Figure, PerformanceFigures, SampleRule, TradeFigures, TradeMethod,
};
use crate::series::Series;

/// Most fills and most closed trades that are listed one by one: the latest.
pub const MAX_LISTED: usize = 200;

/// All there is to say about a run. Money is in `currency`, fractions are not percent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunReport {
    /// What was run.
    pub identity: RunIdentity,
    /// Currency of equity, fees and profit.
    pub currency: Asset,
    /// Whether figures were held back when the sample is too small.
    pub sample_rule: SampleRule,
    /// Market events that were processed.
    pub events: u64,
    /// What kept it from trading to its end; empty for a run that was not stopped.
    #[serde(default)]
    pub halts: Vec<Halt>,
    /// What was under way at its end, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ending: Option<Ending>,
    /// Orders of all strategies.
    pub counts: OrderCounts,
    /// Denials by risk rule.
    pub denials: BTreeMap<String, u64>,
    /// Rejects by the venue's code.
    pub rejects: BTreeMap<i32, u64>,
    /// Sums over all fills.
    pub activity: ActivityFigures,
    /// Equity of the account.
    pub equity: EquityHistory,
    /// When that and the strategies' was looked at.
    #[serde(default)]
    pub marking: Marking,
    /// Figures of that equity.
    pub performance: PerformanceFigures,
    /// Figures of all closed trades.
    pub trades: TradeFigures,
    /// The same figures as other tools define them.
    pub compat: Vec<CompatFigures>,
    /// Mean of the symbols' returns from first to last price: equal parts bought and held.
    pub buy_and_hold: Figure,
    /// How much was at stake.
    pub exposure: ExposureFigures,
    /// One entry per strategy, in config order.
    pub strategies: Vec<StrategyReport>,
    /// One entry per symbol that had a price, an order or a fill.
    pub symbols: Vec<SymbolReport>,
    /// Latencies by stage; the first one is the headline.
    pub latency: Vec<LatencyStage>,
    /// The net result under other assumptions of cost and latency.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub cost_scenarios: Vec<CostScenario>,
    /// The latest fills, at most [`MAX_LISTED`].
    pub latest_fills: Vec<ListedFill>,
    /// The latest closed trades, at most [`MAX_LISTED`].
    pub latest_trades: Vec<ClosedTrade>,
}

/// When equity was looked at: what lies between two looks is in no drawdown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Marking {
    /// After every event that moved it, as the risk rule does.
    #[default]
    EveryEvent,
    /// From time to time, while the run went on.
    EverySample,
}

impl Marking {
    /// In two words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EveryEvent => "every event",
            Self::EverySample => "every sample",
        }
    }
}

/// What one strategy did.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StrategyReport {
    /// Its configured id.
    pub name: String,
    /// Its kind, for example `ema_cross`.
    pub kind: String,
    /// What counts as one trade.
    pub trade_method: TradeMethod,
    /// Its parameters, those that are not set left out: name and value.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub parameters: Vec<(String, String)>,
    /// Its allocated capital.
    pub capital: Amount,
    /// Profit of closed trades and of what is held, at the last price.
    pub profit: Amount,
    /// Orders.
    pub counts: OrderCounts,
    /// Sums over fills.
    pub activity: ActivityFigures,
    /// Closed trades.
    pub trades: TradeFigures,
    /// Share of the run's time with a position.
    pub time_in_market: Figure,
    /// What it holds at the end.
    pub positions: Vec<PositionFigures>,
    /// Its equity, if recorded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub equity: Option<EquityHistory>,
    /// Figures of its equity, if recorded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub performance: Option<PerformanceFigures>,
}

/// What happened with one symbol.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SymbolReport {
    /// Its number in the run, which closed trades refer to.
    pub instrument: InstrumentId,
    /// Its name.
    pub symbol: Symbol,
    /// What prices are in.
    pub quote: Asset,
    /// Profit of closed trades and of what is held, at the last price.
    pub profit: Amount,
    /// Orders.
    pub counts: OrderCounts,
    /// Sums over fills.
    pub activity: ActivityFigures,
    /// Closed trades of all strategies.
    pub trades: TradeFigures,
    /// Share of the run's time with a position.
    pub time_in_market: Figure,
    /// Last price over first price, less one.
    pub buy_and_hold: Figure,
    /// The price along the run.
    pub prices: Series,
    /// Our fills.
    pub marks: FillMarks,
}

/// A position at the end of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PositionFigures {
    /// What is held.
    pub symbol: Symbol,
    /// Base quantity after fees, dust included.
    pub quantity: Quantity,
    /// What it cost, fees included.
    pub cost: Amount,
    /// What it is worth at the last price; `None` if none was seen.
    pub value: Option<Amount>,
}

/// Latency of one stage, for example `tick to order`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LatencyStage {
    /// From where to where.
    pub name: String,
    /// All that were measured.
    pub histogram: LatencyHistogram,
}

/// The same run with other costs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CostScenario {
    /// What was changed, for example `costs × 2`.
    pub name: String,
    /// End equity less start equity.
    pub net_profit: Amount,
    /// The same as a fraction of start equity.
    pub total_return: Figure,
    /// What kept it from trading to its end.
    #[serde(default)]
    pub halts: Vec<Halt>,
}

/// A fill in the list of the latest ones.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ListedFill {
    /// The venue's time.
    pub at: Timestamp,
    /// Place of the strategy in [`RunReport::strategies`].
    pub strategy: usize,
    /// What was traded.
    pub symbol: Symbol,
    /// Our side.
    pub side: Side,
    /// Execution price.
    pub price: Price,
    /// Base quantity.
    pub quantity: Quantity,
    /// Fee as it was paid.
    pub fee: Amount,
    /// What it was paid in.
    pub fee_asset: Asset,
    /// Maker or taker.
    pub liquidity: Liquidity,
}

impl RunReport {
    /// End equity less start equity.
    #[must_use]
    pub fn net_profit(&self) -> Amount {
        self.equity.end - self.equity.start
    }

    /// The report as JSON, its machine-readable form.
    ///
    /// # Panics
    /// Never: every map key is a string or a number, and every float is finite.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a report holds nothing that JSON can't")
    }
}
