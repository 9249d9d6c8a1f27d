//! What a run tells whoever watches it.

use model::{Amount, Asset, Fill, FillKey, InstrumentId, OrderEvent, StrategyId, Timestamp};

use crate::messages::SubmitIntent;
use crate::orders::ReconcileSummary;
use crate::portfolio::ClosedTrade;
use crate::risk::TradingState;
use crate::strategy::HostError;

/// Something worth noting, in the order that it happened. Quiet events leave none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CascadeOutput {
    /// A strategy wants something: on its way to the gate.
    Intended(SubmitIntent),
    /// Something happened to an order; denials among it.
    Order {
        /// Whose.
        strategy: StrategyId,
        /// What.
        event: Box<OrderEvent>,
        /// What a fee in a third asset was worth in the quote asset; zero otherwise.
        fee_in_quote: Amount,
    },
    /// A strategy's own words.
    Note {
        /// Whose.
        strategy: StrategyId,
        /// What.
        text: String,
    },
    /// A strategy failed: it is quarantined and gets nothing more.
    StrategyFailed {
        /// Which.
        strategy: StrategyId,
        /// Why.
        error: HostError,
    },
    /// The trading state is another one.
    StateChanged {
        /// What it was.
        from: TradingState,
        /// What it is.
        to: TradingState,
        /// The rule that tripped, or who asked.
        rule: &'static str,
        /// Why, in words.
        reason: String,
    },
    /// A loss limit was passed.
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
    /// A point of an equity curve.
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
    /// A fee in a third asset could not be valued.
    FeeUnvalued {
        /// Of which fill.
        key: FillKey,
        /// How much.
        fee: Amount,
        /// Of what.
        asset: Asset,
    },
    /// A lot, or a part of one, was closed.
    TradeClosed(ClosedTrade),
    /// Something impossible happened: no more orders on this instrument.
    InstrumentHalted {
        /// Which.
        instrument: InstrumentId,
        /// What happened.
        reason: String,
    },
    /// The venue and we agree.
    Reconciled {
        /// What was found.
        summary: ReconcileSummary,
    },
    /// Reports may be missing: no new orders.
    Detached {
        /// Why, in words.
        reason: String,
    },
    /// Money came or went that is no trade of ours.
    BalanceMoved {
        /// Which asset.
        asset: Asset,
        /// Positive in, negative out.
        delta: Amount,
    },
    /// A fill of the account that belongs to no order of ours.
    ExternalFilled {
        /// The execution.
        fill: Fill,
    },
}
