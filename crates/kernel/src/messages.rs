//! The messages between strategy, risk and execution. Commands are imperative, events past tense.

use std::sync::Arc;

use model::{CorrelationId, MarketEvent, NewOrder, OrderId, Quantity, StrategyId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::risk::{Approved, RiskCheck};

/// What made a strategy act: kept by value with every order, so that it can be explained for
/// ever after.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Cause {
    /// A market event, with its place in the feed's sequence.
    Market {
        /// Counts every event that the feed published.
        sequence: u64,
        /// The event itself. Shared: it goes with the intent through gate and execution, and what
        /// is handed on there should be small.
        event: Arc<MarketEvent>,
    },
    /// Something that happened to one of the strategy's orders.
    Order {
        /// Which order.
        order: OrderId,
    },
    /// A timer of the strategy.
    Timer {
        /// The strategy's name for it.
        timer: u32,
    },
    /// The strategy started, or stops.
    Lifecycle,
    /// The engine itself: shutdown, halt, quarantine, an operator's command.
    Engine,
}

/// What a strategy wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Intent {
    /// Place a new order under an id that the strategy host has given it.
    Submit {
        /// Its identity.
        order: OrderId,
        /// What to place.
        new: NewOrder,
    },
    /// Take an order back.
    Cancel {
        /// Which.
        order: OrderId,
    },
    /// Take an order back and place another in its stead: the new one goes out only once the old
    /// one is known to be gone, and only if nothing of the old one filled meanwhile; else it is
    /// cancelled, for the strategy to decide afresh.
    Replace {
        /// The order to take back.
        old: OrderId,
        /// Identity of the new one.
        order: OrderId,
        /// What to place.
        new: NewOrder,
    },
}

impl Intent {
    /// The order that it places, or takes back.
    #[must_use]
    pub const fn order(&self) -> OrderId {
        match self {
            Self::Submit { order, .. } | Self::Cancel { order } | Self::Replace { order, .. } => {
                *order
            }
        }
    }

    /// What it places, if it does, and the order that goes for it.
    #[must_use]
    pub const fn places(&self) -> Option<(&NewOrder, Option<OrderId>)> {
        match self {
            Self::Submit { new, .. } => Some((new, None)),
            Self::Replace { new, old, .. } => Some((new, Some(*old))),
            Self::Cancel { .. } => None,
        }
    }
}

/// A strategy's intent on its way to the risk gate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubmitIntent {
    /// Whose.
    pub strategy: StrategyId,
    /// What it wants.
    pub intent: Intent,
    /// Why.
    pub cause: Cause,
    /// The chain of events that it belongs to.
    pub correlation: CorrelationId,
    /// When the causing event was received: the start of tick-to-order time.
    pub caused_at: Timestamp,
    /// When the strategy decided.
    pub decided_at: Timestamp,
}

/// An order that the gate let through: the only thing an order can be made from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderRequest {
    /// Its identity.
    pub order: OrderId,
    /// Whose.
    pub strategy: StrategyId,
    /// What to place, prices and quantity already rounded to the venue's steps.
    pub new: NewOrder,
    /// Why.
    pub cause: Cause,
    /// The chain of events that it belongs to.
    pub correlation: CorrelationId,
    /// When the causing event was received.
    pub caused_at: Timestamp,
    /// When the strategy decided.
    pub decided_at: Timestamp,
    /// When the gate approved it.
    pub approved_at: Timestamp,
    /// The feed's sequence that the gate judged on.
    pub judged_on_sequence: u64,
    /// What the gate compared.
    pub checks: Vec<RiskCheck>,
}

/// Two orders that the gate let through for the same lots.
#[derive(PartialEq, Eq, Debug)]
pub struct ApprovedPair {
    /// The one that limits a loss.
    pub stop: Approved<OrderRequest>,
    /// The one that takes a profit.
    pub target: Approved<OrderRequest>,
}

/// What execution is asked to do. Cancels need no approval: less is always allowed.
#[derive(PartialEq, Eq, Debug)]
pub enum ExecutionRequest {
    /// Place an approved order.
    Submit(Approved<OrderRequest>),
    /// Take an order back.
    Cancel {
        /// Which.
        order: OrderId,
        /// Who asks.
        reason: model::CancelReason,
    },
    /// Take an order back, then place an approved one.
    Replace {
        /// The order to take back.
        old: OrderId,
        /// What the gate knew to be executed of it when it approved the new one; `None` when it
        /// knew it to be gone. If more has filled since, the approval does not hold.
        old_executed: Option<Quantity>,
        /// What to place once it is gone.
        new: Approved<OrderRequest>,
    },
    /// Place two approved orders for the same lots, of which one cancels the other.
    SubmitPair(Box<ApprovedPair>),
    /// Take an order back that has traded nothing, and place an approved one, in one request.
    CancelReplace {
        /// The order to take back.
        old: OrderId,
        /// What to place; only if the old one is gone with nothing of it filled.
        new: Approved<OrderRequest>,
    },
    /// Take back every working order that the scope names.
    CancelAll {
        /// Which orders.
        scope: CancelScope,
    },
}

impl ExecutionRequest {
    /// The orders that it places.
    pub fn approved(&self) -> impl Iterator<Item = &OrderRequest> {
        let (first, second) = match self {
            Self::Submit(new) | Self::Replace { new, .. } | Self::CancelReplace { new, .. } => {
                (Some(new), None)
            }
            Self::SubmitPair(pair) => (Some(&pair.stop), Some(&pair.target)),
            Self::Cancel { .. } | Self::CancelAll { .. } => (None, None),
        };
        first.into_iter().chain(second).map(Approved::get)
    }
}

/// Which orders a mass cancel concerns. Only ever orders of our own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelScope {
    /// Entries of one strategy, or of all.
    Entries(Option<StrategyId>),
    /// Entries and exits, but not protective orders, of one strategy or of all.
    EntriesAndExits(Option<StrategyId>),
    /// Everything of one strategy, or of all.
    Everything(Option<StrategyId>),
}

impl CancelScope {
    /// Whether an order of a strategy in a role is meant.
    #[must_use]
    pub fn includes(self, strategy: StrategyId, role: model::Role) -> bool {
        use model::Role::{Entry, Exit, Protective};
        let (owner, roles_match) = match (self, role) {
            (Self::Entries(owner), Entry) => (owner, true),
            (Self::Entries(owner), Exit | Protective) => (owner, false),
            (Self::EntriesAndExits(owner), Entry | Exit) => (owner, true),
            (Self::EntriesAndExits(owner), Protective) => (owner, false),
            (Self::Everything(owner), Entry | Exit | Protective) => (owner, true),
        };
        roles_match && owner.is_none_or(|owner| owner == strategy)
    }
}
