//! What a rule sees.

use model::{DenialReason, Instrument, NewOrder, OrderId, Price, Side, StrategyId, Timestamp};

use super::limits::Limits;
use super::rate::OrderRate;
use super::state::TradingState;
use crate::portfolio::{Cost, EquityTrack, MarketPrices, Portfolio, ScopeTally, Tally, Value};

/// The order in question, rounded to the venue's steps.
#[derive(Clone, Copy, Debug)]
pub struct OrderRequestView<'a> {
    /// Whose.
    pub strategy: StrategyId,
    /// Its identity.
    pub order: OrderId,
    /// Whether the engine itself wants it, to protect a position or to close it on an operator's
    /// word: what stops a strategy does not stop that.
    pub by_engine: bool,
    /// When what made the strategy act was received.
    pub caused_at: Timestamp,
    /// The order that it replaces, if any: its reservation counts as released.
    pub replaces: Option<OrderId>,
    /// What to place.
    pub new: &'a NewOrder,
    /// What it trades.
    pub instrument: &'a Instrument,
    /// The worst price expected: its limit, or the market's with slippage; `None` without any.
    pub price: Option<Price>,
    /// What it takes from the account at that price.
    pub cost: Cost,
    /// Its notional in the engine's currency; `None` when a price for that is missing.
    pub notional: Option<Value>,
    /// Notional and fee of a buy in the engine's currency; `None` when a price is missing.
    pub spending: Option<Value>,
}

impl OrderRequestView<'_> {
    /// Whether it enlarges what is at stake. On spot every buy does and no sell does, whatever
    /// its role says.
    #[must_use]
    pub const fn is_entry(&self) -> bool {
        matches!(self.new.side, Side::Buy)
    }
}

/// Limits and figures of the account, or of the order's strategy.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// `account` or `strategy`, for a denial's words.
    pub name: &'static str,
    /// What is allowed.
    pub limits: &'a Limits,
    /// Equity and losses.
    pub equity: &'a EquityTrack,
    /// Open orders.
    pub tally: &'a ScopeTally,
    /// Orders sent lately.
    pub rate: &'a OrderRate,
    /// Worth of its position in the order's instrument, in the engine's currency. For the
    /// account with what others bought.
    pub holding_here: Value,
    /// Worth of all its positions, likewise.
    pub holdings: Value,
    /// Whether its daily loss was passed today.
    pub is_daily_loss_tripped: bool,
    /// Whether its drawdown was passed.
    pub is_drawdown_tripped: bool,
}

/// The world as the gate knows it, for judging one order.
#[derive(Clone, Copy, Debug)]
pub struct RiskView<'a> {
    /// When.
    pub now: Timestamp,
    /// What is allowed at all.
    pub state: TradingState,
    /// The whole account.
    pub account: Scope<'a>,
    /// The order's strategy.
    pub strategy: Scope<'a>,
    /// Positions, balances, marks.
    pub portfolio: &'a Portfolio,
    /// Open orders, seen from this one.
    pub tally: &'a Tally,
    /// Prices of the order's instrument.
    pub market: &'a MarketPrices,
    /// Whether the feed says that a stream of the instrument is silent.
    pub is_stream_stale: bool,
    /// Whether execution stopped the instrument.
    pub is_instrument_halted: bool,
    /// Whether orders can go out at all.
    pub is_execution_live: bool,
    /// Whether the strategy is in quarantine.
    pub is_quarantined: bool,
}

impl<'a> RiskView<'a> {
    /// Both scopes, the account's first.
    #[must_use]
    pub const fn scopes(&self) -> [&Scope<'a>; 2] {
        [&self.account, &self.strategy]
    }

    /// The price that the order would meet: the ask for a buy, the bid for a sell, the mark where
    /// no quotes come.
    #[must_use]
    pub const fn touch(&self, side: Side) -> Option<Price> {
        touch(self.market, side)
    }

    /// An amount with the engine's currency, for a denial.
    #[must_use]
    pub fn money(&self, value: Value) -> String {
        format!("{value} {}", self.portfolio.currency())
    }
}

pub(super) const fn touch(market: &MarketPrices, side: Side) -> Option<Price> {
    let best = match side {
        Side::Buy => market.ask,
        Side::Sell => market.bid,
    };
    match best {
        Some(price) => Some(price),
        None => market.mark,
    }
}

/// A denial; the gate adds the rule's name.
#[must_use]
pub fn denial(
    detail: impl Into<String>,
    limit: impl Into<String>,
    actual: impl Into<String>,
) -> DenialReason {
    DenialReason {
        rule: String::new(),
        detail: detail.into(),
        limit: limit.into(),
        actual: actual.into(),
    }
}
