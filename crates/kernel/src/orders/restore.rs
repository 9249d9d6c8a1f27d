//! From the ledger to where execution goes on.

use std::collections::BTreeMap;

use model::{
    Amount, Asset, CancelReason, FillKey, InstrumentId, OrderStatus, Quantity, Timestamp,
    VenueOrderId,
};

use super::machine::ExecutionMachine;
use super::order::{Order, PendingCancel};
use crate::journal::IntentRecord;
use crate::ledger::{FillKeys, Ledger, LedgerOrder};
use crate::risk::TradingState;

/// An order read back from the journal: one that was not final when the process ended, or a
/// tombstone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestoredOrder {
    /// As it was decided.
    pub intent: IntentRecord,
    /// The last state written down.
    pub status: OrderStatus,
    /// The venue's number, if it was ever acknowledged.
    pub venue_order: Option<VenueOrderId>,
    /// When it was signed, if that was written down.
    pub signed_at: Option<Timestamp>,
    /// Executed so far.
    pub executed: Quantity,
    /// Its fills.
    pub fills: Vec<FillKey>,
    /// A cancel that was decided: sent again if the order still works.
    pub cancel: Option<CancelReason>,
    /// Whether the trigger of a stop was told.
    pub triggered: bool,
}

impl From<&LedgerOrder> for RestoredOrder {
    fn from(order: &LedgerOrder) -> Self {
        Self {
            intent: order.intent.clone(),
            status: order.status,
            venue_order: order.venue_order,
            signed_at: order.signed_at,
            executed: order.executed,
            fills: order.fills.clone(),
            cancel: order.cancel,
            triggered: order.triggered,
        }
    }
}

/// What execution continues from after a restart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RestoredExecution {
    /// Orders of which more is to be expected, and tombstones.
    pub orders: Vec<RestoredOrder>,
    /// Fills that are booked, external ones among them.
    pub fills: BTreeMap<InstrumentId, FillKeys>,
    /// What was allowed last.
    pub trading: TradingState,
    /// What the account should hold; `None` where nobody compares.
    pub balances: Option<BTreeMap<Asset, Amount>>,
    /// The venue's time of the newest fill, deposit or withdrawal that is booked: an account read as
    /// of before it lags.
    pub newest_booking_at: Timestamp,
}

impl From<&Ledger> for RestoredExecution {
    fn from(ledger: &Ledger) -> Self {
        let instruments = (0..).map(InstrumentId).take(ledger.instruments().len());
        let fills = instruments.filter_map(|id| Some((id, ledger.fill_keys(id)?.clone())));
        Self {
            orders: ledger.tombstones().chain(ledger.open_orders()).map(Into::into).collect(),
            fills: fills.collect(),
            trading: ledger.trading_state().state,
            balances: ledger.opened_at().map(|_| ledger.balances().clone()),
            newest_booking_at: ledger.newest_booking_at(),
        }
    }
}

impl ExecutionMachine {
    /// Whatever the journal says, the venue may have gone on without us. An order that was not
    /// acknowledged is unknown: the absence of a record of its sending proves nothing.
    pub(super) fn restore(&mut self, restored: RestoredOrder, now: Timestamp) {
        for key in &restored.fills {
            self.remember_fill(key);
        }
        let mut order = Order::of_intent(&restored.intent);
        order.venue_order = restored.venue_order;
        order.signed_at = Some(restored.signed_at.unwrap_or(now));
        order.executed = restored.executed;
        order.triggered = restored.triggered;
        order.cancel = restored.cancel.map(|reason| PendingCancel {
            reason,
            sent_at: None,
            in_replace: false,
        });
        order.status = restored.status.after_restart();
        self.insert(order);
    }
}
