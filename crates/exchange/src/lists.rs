//! Order lists: orders that depend on each other.

use model::{ClientOrderId, Symbol, Timestamp};
use serde::{Deserialize, Serialize};

/// How the orders of a list depend on each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Contingency {
    /// One cancels the other.
    #[serde(rename = "OCO")]
    OneCancelsOther,
    /// One triggers the other, or a pair of which one cancels the other.
    #[serde(rename = "OTO")]
    OneTriggersOther,
}

impl Contingency {
    /// The venue's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneCancelsOther => "OCO",
            Self::OneTriggersOther => "OTO",
        }
    }
}

/// An order list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OrderList {
    /// The venue's number.
    pub id: i64,
    /// Whose.
    pub account: u32,
    /// The symbol of all its orders.
    pub symbol: Symbol,
    /// How its orders depend on each other.
    pub contingency: Contingency,
    /// The client's name for it.
    pub client_id: ClientOrderId,
    /// All its orders, in the venue's order.
    pub orders: Vec<i64>,
    /// The order that must fill before the others are placed.
    pub working: Option<i64>,
    /// Whether all its orders have ended.
    pub is_done: bool,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl OrderList {
    /// The venue's name of what happened last.
    #[must_use]
    pub const fn status_type(&self) -> &'static str {
        if self.is_done { "ALL_DONE" } else { "EXEC_STARTED" }
    }

    /// The venue's name of its state.
    #[must_use]
    pub const fn order_status(&self) -> &'static str {
        if self.is_done { "ALL_DONE" } else { "EXECUTING" }
    }

    /// The orders of which one cancels the other: all but the working one.
    pub fn legs(&self) -> impl Iterator<Item = i64> + '_ {
        self.orders.iter().copied().filter(|id| Some(*id) != self.working)
    }
}
