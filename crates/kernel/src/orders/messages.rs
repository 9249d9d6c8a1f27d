//! What the execution machine is given and what it wants done.

use model::{Amount, Asset, Fill, InstanceId, InstrumentId, OrderEvent, StrategyId, Timestamp};

use super::balances::Unexplained;
use super::command::VenueCommand;
use crate::journal::{Durability, Persist, Persisted, Record};
use crate::messages::ExecutionRequest;
use crate::risk::TradingState;
use crate::venue::{Balance, VenueEvent};

/// What the execution machine is given.
#[derive(PartialEq, Eq, Debug)]
pub enum ExecutionInput {
    /// Do this.
    Request(ExecutionRequest),
    /// The venue said something.
    Venue(VenueEvent),
    /// Records are durable.
    Persisted(Persisted),
    /// Another machine has something to write down; the order of records is execution's.
    Write {
        /// What.
        record: Record,
        /// When it must be on the disk.
        durability: Durability,
    },
    /// Open or close the last gate before the wire: while closed, no submit of a strategy leaves.
    SetGate {
        /// Whether submits may leave.
        open: bool,
    },
    /// The trading state is this one: the last gate before the wire goes by it, whatever the risk
    /// gate let pass before.
    SetTrading(TradingState),
    /// The instant of [`super::ExecutionMachine::wake_at`] has come.
    Wake,
}

/// What the execution machine wants done.
#[derive(PartialEq, Eq, Debug)]
pub enum ExecutionEffect {
    /// Write this; answered by [`ExecutionInput::Persisted`].
    Persist(Persist),
    /// Hand this to the venue.
    Command(VenueCommand),
    /// Tell risk, which tells the strategy.
    Tell {
        /// Whose order.
        strategy: StrategyId,
        /// What happened. On its way it changes hands often: the hands pass a pointer.
        event: Box<OrderEvent>,
    },
    /// Balances as the venue counts them.
    BalancesRead {
        /// Free and locked by asset.
        balances: Vec<Balance>,
        /// Whether these are all, or only those that changed.
        complete: bool,
        /// The venue's time.
        event_at: Timestamp,
    },
    /// Money came or went that is no trade of ours.
    BalanceMoved {
        /// Which asset.
        asset: Asset,
        /// Positive in, negative out.
        delta: Amount,
    },
    /// The account does not hold what was booked, and did not for several looks.
    BalanceDiffers(Unexplained),
    /// A fill of the account that belongs to no order of ours.
    ExternalFilled {
        /// The execution.
        fill: Fill,
    },
    /// Somebody else trades with this product on the account, or another ledger of ours has left
    /// orders there: an operator decides. Told once for each installation.
    StrangersFound {
        /// Other installations with open orders.
        instances: Vec<InstanceId>,
        /// Open exits and protective orders of this installation from before this ledger.
        left_alone: u32,
    },
    /// Something impossible: no more orders on this instrument until an operator has looked.
    InstrumentHalted {
        /// Which.
        instrument: InstrumentId,
        /// What happened, for a person.
        reason: String,
    },
    /// The venue and we agree: orders can go out. Comes after each reconcile, the light one of
    /// every minute among them.
    Reconciled {
        /// What was found.
        summary: ReconcileSummary,
    },
    /// Reports may be missing: no new orders until the next `Reconciled`.
    Detached {
        /// Why, in words for the log.
        reason: String,
    },
}

/// What a reconcile found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReconcileSummary {
    /// Orders of ours that were asked about.
    pub orders_queried: u32,
    /// Fills of our orders that we had missed.
    pub fills_adopted: u32,
    /// Open orders of ours that the journal did not know: cancelled.
    pub strays_cancelled: u32,
    /// Open exits and protective orders of ours from before this ledger was opened: never touched.
    pub strays_left: u32,
    /// Open orders of the account that are not ours: counted, never touched.
    pub foreign_orders: u32,
    /// Open orders of this product but of another installation.
    pub other_instances: u32,
}

/// Who we are to the venue and the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExecutionIdentity {
    /// The installation, part of every client order id.
    pub instance: InstanceId,
    /// When the ledger was opened: older trades of the account are not its business.
    pub opened_at: Timestamp,
}
