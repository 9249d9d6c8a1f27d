//! What the operator allows, and the same made ready for comparing.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Amount, Asset, StrategyId};
use rust_decimal::Decimal;

use super::state::TradingState;
use crate::mutation::Mutation;
use crate::portfolio::{Margins, PortfolioConfig, Rate, Value};
use crate::protection::ProtectionPolicy;

/// Limits of the whole account, or of one strategy. What is `None` is not limited. Amounts are in
/// the engine's currency.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RiskLimits {
    /// The largest single entry.
    pub max_order_notional: Option<Amount>,
    /// The largest position in one symbol, open buys included.
    pub max_position_notional: Option<Amount>,
    /// The largest sum of all positions, open buys included.
    pub max_total_notional: Option<Amount>,
    /// The most orders that may be open at once, protective ones not counted against it.
    pub max_open_orders: Option<u32>,
    /// The most orders in any ten seconds.
    pub max_orders_per_10s: Option<u32>,
    /// How far through the market a price may be, in basis points.
    pub price_collar_bps: Option<Decimal>,
    /// Entries are denied when the symbol's market data is older than this.
    pub stale_after: Option<Duration>,
    /// The loss since the start of the UTC day beyond which entries end.
    pub daily_loss: Option<Amount>,
    /// The fall from the peak beyond which trading ends.
    pub max_drawdown: Option<Amount>,
}

/// One strategy's allocation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StrategyRisk {
    /// What it may have in positions and open buys, in the engine's currency; profit adds to it,
    /// losses take from it.
    pub capital: Amount,
    /// Its own limits, beside those of the account.
    pub limits: RiskLimits,
    /// How its positions are protected at the venue; `None`: only as it does so itself.
    pub protection: Option<ProtectionPolicy>,
}

/// Everything that the gate goes by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RiskConfig {
    /// The currency of every limit, of capital and of profit.
    pub currency: Asset,
    /// Limits of the whole account.
    pub limits: RiskLimits,
    /// Strategies with their capital. One that is not here has none, and can only sell.
    pub strategies: BTreeMap<StrategyId, StrategyRisk>,
    /// The fee that a buy reserves on top of its price, as a fraction: the account's dearest.
    pub fee_rate: Decimal,
    /// How far an order without a limit price may run, in basis points: reserved on top.
    pub slippage_bps: Decimal,
    /// The trading state that the account's daily loss leads to.
    pub on_daily_loss: TradingState,
    /// The trading state that the account's drawdown leads to.
    pub on_drawdown: TradingState,
    /// How often the equity curves get a point.
    pub sample_every: Duration,
    /// How long after the start losses are not judged while a held position has no price yet.
    pub mark_grace: Duration,
    /// Whether an approval says what every rule compared. `false` only where no intent is written
    /// down, as in a backtest.
    pub explains_approvals: bool,
    /// A mistake, in tests of the tests.
    pub mutation: Option<Mutation>,
}

impl RiskConfig {
    /// Without limits and strategies; a reserve of 0.1 % for fees and 0.5 % for slippage.
    #[must_use]
    pub fn new(currency: Asset) -> Self {
        Self {
            currency,
            limits: RiskLimits::default(),
            strategies: BTreeMap::new(),
            fee_rate: Decimal::new(1, 3),
            slippage_bps: Decimal::from(50),
            on_daily_loss: TradingState::ReduceOnly,
            on_drawdown: TradingState::Halted,
            sample_every: Duration::from_secs(60),
            mark_grace: Duration::from_secs(60),
            explains_approvals: true,
            mutation: None,
        }
    }

    pub(super) fn protection(&self) -> BTreeMap<StrategyId, ProtectionPolicy> {
        let protected = self.strategies.iter();
        protected.filter_map(|(id, strategy)| Some((*id, strategy.protection?))).collect()
    }

    pub(super) fn portfolio(&self) -> PortfolioConfig {
        let capital = self.strategies.iter().map(|(id, strategy)| (*id, strategy.capital));
        PortfolioConfig {
            currency: self.currency,
            capital: capital.collect(),
            margins: Margins {
                fee: Rate::from_fraction(self.fee_rate),
                slippage: Rate::from_bps(self.slippage_bps),
            },
        }
    }
}

/// [`RiskLimits`] as the rules compare with them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "the fields of RiskLimits")]
pub struct Limits {
    pub max_order_notional: Option<Value>,
    pub max_position_notional: Option<Value>,
    pub max_total_notional: Option<Value>,
    pub max_open_orders: Option<u32>,
    pub max_orders_per_10s: Option<u32>,
    pub price_collar: Option<Rate>,
    pub price_collar_bps: Option<Decimal>,
    pub stale_after: Option<Duration>,
    pub daily_loss: Option<Value>,
    pub max_drawdown: Option<Value>,
}

impl From<&RiskLimits> for Limits {
    fn from(limits: &RiskLimits) -> Self {
        Self {
            max_order_notional: limits.max_order_notional.map(Value::floor),
            max_position_notional: limits.max_position_notional.map(Value::floor),
            max_total_notional: limits.max_total_notional.map(Value::floor),
            max_open_orders: limits.max_open_orders,
            max_orders_per_10s: limits.max_orders_per_10s,
            price_collar: limits.price_collar_bps.map(Rate::from_bps),
            price_collar_bps: limits.price_collar_bps,
            stale_after: limits.stale_after,
            daily_loss: limits.daily_loss.map(Value::floor),
            max_drawdown: limits.max_drawdown.map(Value::floor),
        }
    }
}
