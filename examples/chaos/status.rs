//! What the events of an order come to, and how the exchange spells it.

use model::{OrderEventKind, OrderStatus};

/// How the exchange spells an order's state; `-` for what it does not know.
pub const fn spelled(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Accepted => "NEW",
        OrderStatus::PendingNew => "PENDING_NEW",
        OrderStatus::PartiallyFilled => "PARTIALLY_FILLED",
        OrderStatus::Filled => "FILLED",
        OrderStatus::Canceled => "CANCELED",
        OrderStatus::Expired => "EXPIRED",
        OrderStatus::ExpiredInMatch => "EXPIRED_IN_MATCH",
        OrderStatus::Rejected => "REJECTED",
        OrderStatus::Intended
        | OrderStatus::Submitted
        | OrderStatus::Unknown
        | OrderStatus::Absent => "-",
    }
}

/// An order's state after an event, as its events alone tell it: apart from the ledger, so that the
/// two can disagree.
pub const fn after(status: OrderStatus, kind: &OrderEventKind) -> OrderStatus {
    match kind {
        OrderEventKind::Submitted { .. } => OrderStatus::Submitted,
        OrderEventKind::Accepted { .. } if matches!(status, OrderStatus::PartiallyFilled) => status,
        OrderEventKind::Accepted { .. } => OrderStatus::Accepted,
        OrderEventKind::Filled { complete: true, .. } | OrderEventKind::Completed => {
            OrderStatus::Filled
        }
        OrderEventKind::Filled { .. } => OrderStatus::PartiallyFilled,
        OrderEventKind::Canceled { .. } => OrderStatus::Canceled,
        OrderEventKind::Expired { in_match: false, .. } => OrderStatus::Expired,
        OrderEventKind::Expired { in_match: true, .. } => OrderStatus::ExpiredInMatch,
        OrderEventKind::Rejected { .. } => OrderStatus::Rejected,
        OrderEventKind::OutcomeUnknown { .. } => OrderStatus::Unknown,
        OrderEventKind::Absent { .. } => OrderStatus::Absent,
        OrderEventKind::Denied { .. }
        | OrderEventKind::Triggered
        | OrderEventKind::CancelRejected { .. } => status,
    }
}
