//! What execution knows of one order.

use model::{CancelReason, FillKey, OrderQuantity, OrderStatus, Quantity, Timestamp, VenueOrderId};

use crate::journal::IntentRecord;
use crate::venue::OrderSnapshot;

/// What is being found out about an order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Inquiry {
    /// When to ask next; `None` when no question is open.
    pub ask_at: Option<Timestamp>,
    /// "No such order" answers past the fence, in a row.
    pub not_found: u8,
    /// Past the fence and not among the open orders.
    pub not_open: bool,
    /// Past the fence and no trade of it.
    pub no_trades: bool,
}

/// An end that the venue told before all of the order's fills have come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct AwaitedFills {
    /// What the venue said.
    pub snapshot: OrderSnapshot,
    /// When waiting ends and the instrument is halted.
    pub deadline: Timestamp,
    /// When to ask for the trades next.
    pub ask_at: Timestamp,
}

/// A cancel that was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PendingCancel {
    /// Who asked.
    pub reason: CancelReason,
    /// Whether it was handed to the venue.
    pub sent: bool,
}

/// One order of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Order {
    pub intent: IntentRecord,
    /// The journal's sequence of the intent; 0 for an order read back from it.
    pub intent_sequence: u64,
    pub status: OrderStatus,
    pub venue_order: Option<VenueOrderId>,
    /// When it was signed; for an order found in the journal without that, when we started.
    pub signed_at: Option<Timestamp>,
    /// When it was handed over, to notice an answer that does not come.
    pub handed_over_at: Option<Timestamp>,
    pub executed: Quantity,
    pub fills: Vec<FillKey>,
    pub cancel: Option<PendingCancel>,
    pub inquiry: Inquiry,
    pub awaited: Option<AwaitedFills>,
    /// The order that waits for this one to be gone.
    pub replaced_by: Option<model::OrderId>,
    /// Whether the trigger of a stop has been told.
    pub triggered: bool,
}

impl Order {
    pub fn new(intent: IntentRecord) -> Self {
        Self {
            intent,
            intent_sequence: 0,
            status: OrderStatus::Intended,
            venue_order: None,
            signed_at: None,
            handed_over_at: None,
            executed: Quantity::ZERO,
            fills: Vec::new(),
            cancel: None,
            inquiry: Inquiry::default(),
            awaited: None,
            replaced_by: None,
            triggered: false,
        }
    }

    /// Base quantity asked for; `None` for an order by quote amount.
    pub const fn quantity(&self) -> Option<Quantity> {
        match self.intent.new.quantity {
            OrderQuantity::Base(quantity) => Some(quantity),
            OrderQuantity::Quote(_) => None,
        }
    }

    /// Whether the venue has ever acknowledged it.
    pub const fn is_acknowledged(&self) -> bool {
        self.venue_order.is_some()
    }
}
