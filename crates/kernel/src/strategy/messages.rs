//! What a strategy's host is given, what it passes on, and what it is built with.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    Amount, CorrelationId, InstrumentId, Instruments, MarketEvent, OrderEvent, StrategyId,
};

use super::StrategyError;
use super::view::OpenOrder;
use crate::messages::SubmitIntent;
use crate::portfolio::{Position, PositionError};

/// What a strategy host is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostInput {
    /// A past event, oldest first. What was delivered already is skipped, so that a history can
    /// be fetched and delivered again.
    WarmUp(MarketEvent),
    /// That was all of the history: the live events that came meanwhile follow it. Ask
    /// [`super::StrategyHost::history_gap`] before.
    HistoryComplete,
    /// Reconcile is done: orders are possible from now on.
    Start,
    /// A live event, with its place in the feed's sequence.
    Market {
        /// Counts every event that the feed published.
        sequence: u64,
        /// The event.
        event: MarketEvent,
        /// The chain of events that begins with it.
        correlation: CorrelationId,
    },
    /// Something happened to one of its orders.
    Order {
        /// What.
        event: OrderEvent,
        /// What a fee in a third asset was worth in the quote asset; zero otherwise.
        fee_in_quote: Amount,
    },
    /// The instant of [`super::StrategyHost::wake_at`] has come.
    Wake,
    /// Orders are impossible until [`HostInput::Resume`]: the engine is not reconciled.
    Pause,
    /// Orders are possible again.
    Resume,
    /// The venue has changed filters or states of instruments: this is the table from now on.
    InstrumentsRefreshed(Arc<Instruments>),
    /// The engine stops in good order.
    Stop,
}

impl HostInput {
    /// Stable lower-case name for logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::WarmUp(_) => "warm_up",
            Self::HistoryComplete => "history_complete",
            Self::Start => "start",
            Self::Market { .. } => "market",
            Self::Order { .. } => "order",
            Self::Wake => "timer",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::InstrumentsRefreshed(_) => "instruments",
            Self::Stop => "stop",
        }
    }
}

/// What a host passes on after a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostOutput {
    /// To the risk gate.
    Intent(SubmitIntent),
    /// To the log.
    Note(String),
}

/// Why a host can't go on: it is to be thrown away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The strategy's own error.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    /// The strategy asked for too much at one event: it goes to quarantine.
    #[error("asked for more than {limit} things at one event")]
    Flooded {
        /// As many as are allowed.
        limit: usize,
    },
    /// A fill leaves the range of a position.
    #[error("fill can't be booked: {0}")]
    Fill(#[from] PositionError),
}

/// What a host is built with.
#[derive(Clone, Debug)]
pub struct HostSetup {
    /// The strategy's number in the ledger.
    pub strategy: StrategyId,
    /// This boot.
    pub epoch: u32,
    /// The last order number used in this boot; greater than 0 for a host built after a failure.
    pub last_number: u32,
    /// Every instrument of the run.
    pub instruments: Arc<Instruments>,
    /// Those that it trades.
    pub traded: Vec<InstrumentId>,
    /// Its capital, in the engine's currency.
    pub capital: Amount,
    /// Its positions, from the ledger.
    pub positions: BTreeMap<InstrumentId, Position>,
    /// Its open orders, from the ledger.
    pub open_orders: Vec<OpenOrder>,
    /// How many things it may ask for at one event.
    pub effects_per_step: usize,
}
