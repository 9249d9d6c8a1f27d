//! What the journal knows of one order.

use model::{
    CancelReason, FillKey, OrderEventKind, OrderStatus, Quantity, Timestamp, VenueOrderId,
};
use serde::{Deserialize, Serialize};

use crate::journal::IntentRecord;

/// One order as its records tell it. After a crash it is an order of unknown outcome whatever
/// the status says: what the venue did since is not in the journal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LedgerOrder {
    /// What was decided.
    pub intent: IntentRecord,
    /// The last that was heard.
    pub status: OrderStatus,
    /// The venue's time in the signature, if that was written down before the end. Its absence
    /// does not prove that nothing was sent.
    pub signed_at: Option<Timestamp>,
    /// The venue's number, once acknowledged.
    pub venue_order: Option<VenueOrderId>,
    /// Sum of the fills.
    pub executed: Quantity,
    /// The fills, in order of arrival.
    pub fills: Vec<FillKey>,
    /// A cancel that was decided and not refused.
    pub cancel: Option<CancelReason>,
    /// Whether the trigger of a stop or target was told.
    pub triggered: bool,
    /// When the last record of it was made.
    pub changed_at: Timestamp,
}

impl LedgerOrder {
    pub(super) fn new(intent: IntentRecord) -> Self {
        let changed_at = intent.approved_at;
        Self {
            intent,
            status: OrderStatus::Intended,
            signed_at: None,
            venue_order: None,
            executed: Quantity::ZERO,
            fills: Vec::new(),
            cancel: None,
            triggered: false,
            changed_at,
        }
    }

    pub(super) fn sent(&mut self, signed_at: Timestamp) {
        self.signed_at = Some(signed_at);
        if self.status == OrderStatus::Intended {
            self.status = OrderStatus::Submitted;
        }
    }

    /// Takes over what an event says beside the status; fills are added before.
    pub(super) fn change(&mut self, kind: &OrderEventKind, received_at: Timestamp) {
        match kind {
            OrderEventKind::Accepted { venue_order } => self.venue_order = Some(*venue_order),
            OrderEventKind::Filled { fill, .. } => self.venue_order = Some(fill.key.venue_order),
            OrderEventKind::Triggered => self.triggered = true,
            OrderEventKind::CancelRejected { .. } => self.cancel = None,
            OrderEventKind::Denied { .. }
            | OrderEventKind::Submitted { .. }
            | OrderEventKind::Completed
            | OrderEventKind::Canceled { .. }
            | OrderEventKind::Expired { .. }
            | OrderEventKind::Rejected { .. }
            | OrderEventKind::OutcomeUnknown { .. }
            | OrderEventKind::Absent { .. } => {}
        }
        self.status = self.status_after(kind);
        self.changed_at = received_at;
    }

    fn status_after(&self, kind: &OrderEventKind) -> OrderStatus {
        match kind {
            OrderEventKind::Submitted { .. } if self.status == OrderStatus::Intended => {
                OrderStatus::Submitted
            }
            OrderEventKind::Denied { .. }
            | OrderEventKind::Submitted { .. }
            | OrderEventKind::CancelRejected { .. } => self.status,
            OrderEventKind::Filled { complete: true, .. } | OrderEventKind::Completed => {
                OrderStatus::Filled
            }
            OrderEventKind::Accepted { .. }
            | OrderEventKind::Triggered
            | OrderEventKind::Filled { complete: false, .. } => self.status_on_venue(),
            OrderEventKind::Canceled { .. } => OrderStatus::Canceled,
            OrderEventKind::Expired { in_match: false, .. } => OrderStatus::Expired,
            OrderEventKind::Expired { in_match: true, .. } => OrderStatus::ExpiredInMatch,
            OrderEventKind::Rejected { .. } => OrderStatus::Rejected,
            OrderEventKind::OutcomeUnknown { .. } => OrderStatus::Unknown,
            OrderEventKind::Absent { .. } => OrderStatus::Absent,
        }
    }

    /// Fills may come before the acceptance, so the status follows from all that is known.
    fn status_on_venue(&self) -> OrderStatus {
        if self.executed.is_positive() {
            OrderStatus::PartiallyFilled
        } else if self.intent.new.kind.stop_price().is_some() && !self.triggered {
            OrderStatus::PendingNew
        } else {
            OrderStatus::Accepted
        }
    }
}
