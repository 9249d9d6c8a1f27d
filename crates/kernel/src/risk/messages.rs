//! What the risk machine is given and what it wants done.

use std::sync::Arc;
use std::time::Duration;

use model::{
    Amount, Asset, Fill, FillKey, InstrumentId, Instruments, MarketEvent, OrderEvent, Quantity,
    StrategyId, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::state::TradingState;
use crate::ledger::BalanceDifference;
use crate::messages::{ExecutionRequest, SubmitIntent};
use crate::orders::Unexplained;
use crate::portfolio::{ClosedTrade, RestoredPortfolio};
use crate::protection::Closed;
use crate::venue::Balance;

/// Who asks for a trading state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// A person. May do anything.
    Operator,
    /// The engine itself: a full mailbox, a reconcile that does not add up. May only make the
    /// state stricter.
    Engine,
}

impl Authority {
    /// Stable lower-case name for the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Engine => "engine",
        }
    }
}

/// What the risk machine is given.
#[derive(PartialEq, Eq, Debug)]
pub enum RiskInput<'a> {
    /// Something happened on a market.
    Market {
        /// Its place in the feed's sequence.
        sequence: u64,
        /// What.
        event: &'a MarketEvent,
    },
    /// A strategy wants something.
    Intent(SubmitIntent),
    /// Something happened to an order of ours. Each fill comes once: execution sees to that.
    Order {
        /// Whose order.
        strategy: StrategyId,
        /// What.
        event: Box<OrderEvent>,
    },
    /// Balances as the venue counts them.
    Balances {
        /// Free and locked by asset.
        balances: &'a [Balance],
        /// Whether these are all, or only those that changed.
        is_complete: bool,
        /// The venue's time.
        event_at: Timestamp,
    },
    /// Money came or went that is no trade of ours.
    ExternalFlow {
        /// Which asset.
        asset: Asset,
        /// Positive in, negative out.
        delta: Amount,
    },
    /// The account does not hold what was booked of an asset.
    BalanceDiffers(Unexplained),
    /// A fill of the account that belongs to no order of ours.
    ExternalFill(&'a Fill),
    /// Change the trading state.
    SetState {
        /// To this.
        state: TradingState,
        /// Who asks.
        by: Authority,
        /// Why, in words.
        reason: String,
    },
    /// A stream of an instrument fell silent past its limit, or speaks again.
    StreamHealth {
        /// Whose.
        instrument: InstrumentId,
        /// Whether it is silent now.
        is_stale: bool,
    },
    /// Execution stopped an instrument because something impossible happened, or an operator let
    /// it go on.
    InstrumentHealth {
        /// Which.
        instrument: InstrumentId,
        /// Whether it is halted now.
        is_halted: bool,
    },
    /// Orders can go out: the venue and we agree. Or they cannot: reports may be missing.
    ExecutionHealth {
        /// Whether they can. False until first told.
        is_live: bool,
    },
    /// A strategy was quarantined: its entries are cancelled, its intents denied.
    StrategyQuarantined {
        /// Which.
        strategy: StrategyId,
    },
    /// An operator lets a strategy trade on, after a quarantine or after a loss limit of its own:
    /// its losses count from now.
    StrategyReleased {
        /// Which.
        strategy: StrategyId,
    },
    /// An operator wants every position of a strategy, or of all, closed. Trading is at least
    /// reduced to exits first, or the strategies would buy again.
    Flatten {
        /// Whose; `None` for all.
        strategy: Option<StrategyId>,
        /// How far below the best bid of now it may sell, in basis points.
        max_slippage_bps: u32,
    },
    /// The venue's table of instruments was read again: ids and assets stay, filters and status
    /// may have changed.
    InstrumentsRefreshed(Arc<Instruments>),
    /// The instant of [`super::RiskMachine::wake_at`] has come.
    Wake,
}

/// What the risk machine wants done.
#[derive(PartialEq, Eq, Debug)]
pub enum RiskEffect {
    /// For the execution machine.
    Execute(ExecutionRequest),
    /// For the strategy host: something happened to an order of its own, a denial by the gate
    /// among it. Portfolio and reservations already know.
    TellStrategy {
        /// Whose order.
        strategy: StrategyId,
        /// What.
        event: Box<OrderEvent>,
        /// For a fill whose fee was paid in a third asset, what that was worth in the quote
        /// asset; zero otherwise.
        fee_in_quote: Amount,
    },
    /// Write down and log: the trading state is another one.
    StateChanged {
        /// What it was.
        from: TradingState,
        /// What it is.
        to: TradingState,
        /// The rule that tripped, or `operator` or `engine`.
        rule: &'static str,
        /// Why, in words.
        reason: String,
    },
    /// Log: a loss limit was passed. For the account a change of state follows, unless the state
    /// is as strict already; a strategy's entries are cancelled and denied.
    RuleTripped {
        /// Which rule.
        rule: &'static str,
        /// Whose limit; `None` for the account's.
        strategy: Option<StrategyId>,
        /// The limit.
        limit: Amount,
        /// What it came to.
        actual: Amount,
    },
    /// Write down: a point of an equity curve. The peak between two regular points is among them,
    /// so that drawdown is measured from the same peak after a restart.
    EquitySampled {
        /// Whose; `None` for all strategies together.
        strategy: Option<StrategyId>,
        /// In the engine's currency.
        equity: Amount,
        /// The capital allocated.
        capital: Amount,
        /// When it was so.
        at: Timestamp,
    },
    /// Write down: what a fee in a third asset was worth in the quote asset.
    FeeValued {
        /// Which fill.
        key: FillKey,
        /// Worth in the quote asset.
        in_quote: Amount,
    },
    /// Log: a fee in a third asset could not be valued and was booked as nothing. It is valued
    /// with the first price that is known for it, if one ever is.
    FeeUnvalued {
        /// Which fill.
        key: FillKey,
        /// How much.
        fee: Amount,
        /// Of what.
        asset: Asset,
    },
    /// Log: the account does not hold what was booked. When that halts, the change of state
    /// follows.
    BalanceDiffers(BalanceDifference),
    /// For reports: a lot, or a part of one, was closed.
    TradeClosed(ClosedTrade),
    /// Log: something about the protection of a position, or about closing it.
    Protection(ProtectionNews),
}

/// What happened to the protection of a position.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProtectionNews {
    /// Something sellable had no protective order at the venue for a time, and has one again or
    /// is gone.
    Restored {
        /// Whose.
        strategy: StrategyId,
        /// In what.
        instrument: InstrumentId,
        /// How much at most.
        quantity: Quantity,
        /// For how long.
        unprotected: Duration,
    },
    /// A protective or closing order was denied, refused or ended unasked.
    Refused {
        /// Whose.
        strategy: StrategyId,
        /// In what.
        instrument: InstrumentId,
        /// Why, in words.
        reason: String,
        /// When the next is tried.
        retry_at: Timestamp,
    },
    /// A position was closed on an operator's word, as far as it could be.
    Closed {
        /// Whose.
        strategy: StrategyId,
        /// In what.
        instrument: InstrumentId,
        /// How it ended.
        closed: Closed,
    },
}

/// What the gate continues from after a restart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RestoredRisk {
    /// This start: part of the id of every order that the engine itself places.
    pub epoch: u32,
    /// The trading state: only an operator makes it less strict.
    pub state: TradingState,
    /// Strategies in quarantine.
    pub quarantined: Vec<StrategyId>,
    /// Positions, orders, balances, equity.
    pub portfolio: RestoredPortfolio,
}
