//! What is written down, and how it is asked for. The SQLite journal and its simulated twin
//! implement [`Journal`]; the execution machine asks for a [`Persist`] and waits for its number.

use model::{
    Amount, Asset, CancelReason, ClientOrderId, CorrelationId, Fill, InstanceId, InstrumentId,
    NewOrder, OrderEvent, OrderId, Quantity, StrategyId, Symbol, Timestamp, TradeId, VenueId,
    VenueOrderId,
};
use serde::{Deserialize, Serialize};

use crate::ledger::LedgerError;
use crate::messages::Cause;
use crate::risk::{RiskCheck, TradingState};

/// An order as it was decided: written before its first byte leaves, read back after a crash as
/// an order of unknown outcome, never as an approved one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IntentRecord {
    /// Identity.
    pub order: OrderId,
    /// Its name on the wire.
    pub client_order_id: ClientOrderId,
    /// Whose. Strategy numbers are the ledger's and stay over restarts.
    pub strategy: StrategyId,
    /// What to place, already rounded.
    pub new: NewOrder,
    /// The order that must be gone first, for a replacement.
    pub replaces: Option<OrderId>,
    /// The other order of a pair, of which one cancels the other. Absent in journals of builds
    /// that placed none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_leg: Option<OrderId>,
    /// The event that made the strategy act, by value.
    pub cause: Cause,
    /// The chain of events that it belongs to.
    pub correlation: CorrelationId,
    /// When the causing event was received.
    pub caused_at: Timestamp,
    /// When the strategy decided; the epoch in journals of builds that did not write it down.
    #[serde(default)]
    pub decided_at: Timestamp,
    /// When the gate approved it.
    pub approved_at: Timestamp,
    /// The feed's sequence that the gate judged on.
    pub judged_on_sequence: u64,
    /// What the gate compared; empty in journals of builds that did not write it down.
    #[serde(default)]
    pub checks: Vec<RiskCheck>,
}

/// One line of the journal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// The engine started. Synced at every durability level.
    EpochStarted {
        /// `max(last + 1, unix seconds)`.
        epoch: u32,
        /// The installation.
        instance: InstanceId,
        /// The ledger's venue identity.
        venue: VenueId,
        /// Hash of the whole configuration.
        config_hash: String,
        /// When.
        at: Timestamp,
    },
    /// An instrument got its number in this ledger, for ever.
    InstrumentRegistered {
        /// The number.
        instrument: InstrumentId,
        /// Its name.
        symbol: Symbol,
        /// What its quantities count.
        base: Asset,
        /// What its prices count.
        quote: Asset,
    },
    /// A strategy got its number in this ledger, for ever.
    StrategyRegistered {
        /// The number.
        strategy: StrategyId,
        /// Its name, as its file says.
        name: String,
    },
    /// Balances when the ledger was opened.
    BalancesOpened {
        /// Free and locked together, by asset.
        balances: Vec<(Asset, Amount)>,
        /// When.
        at: Timestamp,
    },
    /// An order was decided. Nothing of it was sent before this was durable.
    OrderIntended(Box<IntentRecord>),
    /// An order was signed and handed to the connection; its fence counts from here.
    OrderSent {
        /// Which.
        order: OrderId,
        /// The venue's time in the signature.
        signed_at: Timestamp,
    },
    /// A cancel was decided.
    CancelIntended {
        /// Which order.
        order: OrderId,
        /// Who asked.
        reason: CancelReason,
        /// When.
        at: Timestamp,
    },
    /// Something happened to an order; fills among them.
    OrderChanged {
        /// Whose.
        strategy: StrategyId,
        /// What.
        event: OrderEvent,
    },
    /// What a fee in a third asset was worth in the quote asset when it was paid.
    FeeValued {
        /// Which fill.
        key: model::FillKey,
        /// In the quote asset of the instrument.
        in_quote: Amount,
    },
    /// A fill of the account that is no strategy's: a manual trade.
    ExternalFill {
        /// The execution.
        fill: Fill,
    },
    /// A deposit, withdrawal or adjustment: outside profit.
    ExternalFlow {
        /// Which asset.
        asset: Asset,
        /// Positive in, negative out.
        delta: Amount,
        /// Why, in words.
        reason: String,
        /// Lots of a strategy that went with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lots: Option<WrittenOff>,
        /// When.
        at: Timestamp,
    },
    /// The trading state changed. Synced at every durability level.
    TradingStateChanged {
        /// The new state.
        state: TradingState,
        /// Why, in words.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// A strategy was quarantined or released.
    QuarantineChanged {
        /// Which.
        strategy: StrategyId,
        /// Whether it is quarantined now.
        quarantined: bool,
        /// Why, in words.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// What a strategy wants to find again.
    StrategySnapshot {
        /// Which.
        strategy: StrategyId,
        /// Its own words.
        state: serde_json::Value,
        /// When.
        at: Timestamp,
    },
    /// Equity of the allocated capital, for curves and for the rules on losses.
    EquitySampled {
        /// `None` for the whole engine.
        strategy: Option<StrategyId>,
        /// In the engine's currency.
        equity: Amount,
        /// The capital that was allocated then: equity less capital is profit.
        capital: Amount,
        /// When.
        at: Timestamp,
    },
}

/// Lots that a strategy counts on and that are not there any more: somebody else has sold or withdrawn
/// them. They leave its position at their cost, so that no profit and no loss is made of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WrittenOff {
    /// Whose.
    pub strategy: StrategyId,
    /// In what.
    pub instrument: InstrumentId,
    /// How much of the base asset.
    pub quantity: Quantity,
}

/// When a record must be on the disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// With the next commit, whenever that is: nothing waits for it.
    Lazy,
    /// Before [`Persisted`] is told, at the level that the config chose.
    Committed,
    /// Before [`Persisted`] is told, synced to the disk whatever the config says.
    Synced,
}

/// A request to write, in the order of `sequence`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Persist {
    /// Counts up from 1 for each run.
    pub sequence: u64,
    /// What to write.
    pub record: Record,
    /// When it must be on the disk.
    pub durability: Durability,
}

/// Everything up to a sequence is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Persisted {
    /// The last sequence that is.
    pub sequence: u64,
}

/// The last trade known of an instrument: where `myTrades` goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownTrade {
    /// Of what.
    pub instrument: InstrumentId,
    /// The venue's order.
    pub venue_order: VenueOrderId,
    /// The venue's trade.
    pub trade: TradeId,
}

/// A journal failed. It is never tried again in place: the process ends and replays.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Reading or writing failed.
    #[error("journal input or output failed: {0}")]
    Io(String),
    /// A record in the middle cannot be read: only inspection is possible.
    #[error("journal is corrupt at record {number}: {reason}")]
    Corrupt {
        /// The record's number, from 1.
        number: u64,
        /// Why.
        reason: String,
    },
    /// A record contradicts the ledger, such as a fill of an instrument that was never registered:
    /// a bug. It was not written, since no replay could ever get past it.
    #[error("record refused: {0}")]
    Refused(#[from] LedgerError),
    /// The journal was written by a newer build.
    #[error("journal has schema {found}, this build knows up to {known}")]
    TooNew {
        /// Schema found.
        found: u32,
        /// Newest schema known.
        known: u32,
    },
}

/// A durable, ordered list of records.
pub trait Journal {
    /// Writes records in order and makes them durable at the strictest level among them.
    ///
    /// # Errors
    /// See [`JournalError`]. The journal must not be used afterwards.
    fn append(&mut self, batch: &[Persist]) -> Result<(), JournalError>;

    /// Hands every record to `each`, oldest first, with its number.
    ///
    /// # Errors
    /// See [`JournalError`].
    fn replay(&mut self, each: &mut dyn FnMut(u64, Record)) -> Result<(), JournalError>;

    /// Does what should not happen on the order path, such as a snapshot of the ledger, a little at
    /// a time. Called when nothing waits. True when there is more to do at once.
    ///
    /// # Errors
    /// See [`JournalError`]. The journal must not be used afterwards.
    fn maintain(&mut self) -> Result<bool, JournalError> {
        Ok(false)
    }

    /// What an order's own turn can write, if the journal has such a part: for the records that
    /// follow the last one written, with sequences from 1.
    ///
    /// # Errors
    /// See [`JournalError`].
    fn ahead(&mut self) -> Result<Option<Box<dyn JournalAhead>>, JournalError> {
        Ok(None)
    }
}

/// The part of a journal that makes a record durable at once, before the journal itself has it.
/// It takes every record that the journal will get, in the same order.
pub trait JournalAhead: Send + std::fmt::Debug {
    /// Takes a record. True when it is durable, and all before it; false when only the journal
    /// can say so.
    ///
    /// # Errors
    /// See [`JournalError`]. Nothing may be written afterwards, to the journal neither.
    fn write(&mut self, persist: &Persist) -> Result<bool, JournalError>;
}
