//! What the venue says: each fact to the function that knows what it means.

use model::{ClientOrderId, OrderEventKind, OrderId, RejectReason, Timestamp};

use super::lifecycle::Step;
use super::machine::ExecutionMachine;
use super::messages::ExecutionEffect;
use crate::journal::{Durability, Record};
use crate::venue::VenueEvent;

impl ExecutionMachine {
    pub(super) fn on_venue(
        &mut self,
        now: Timestamp,
        event: &mut VenueEvent,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        match event {
            VenueEvent::Connected => self.start_reconcile(now, effects),
            VenueEvent::Disconnected { reason } => self.on_disconnected(reason.clone(), effects),
            VenueEvent::Sent { client_order_id, signed_at } => {
                self.on_sent(client_order_id, *signed_at, effects);
            }
            VenueEvent::NotSent { client_order_id, reason } => {
                let kind = OrderEventKind::Absent { reason: format!("not sent: {reason}") };
                self.end(now, client_order_id, Step::NeverLeft, kind, effects);
            }
            VenueEvent::SubmitRejected { client_order_id, reason } => {
                let kind = OrderEventKind::Rejected { reason: reason.clone() };
                self.end(now, client_order_id, Step::Rejected, kind, effects);
            }
            VenueEvent::SubmitUnknown { client_order_id, reason } => {
                self.on_submit_unknown(now, client_order_id, reason.clone(), effects);
            }
            VenueEvent::CancelRejected { client_order_id, reason } => {
                self.on_named_cancel_rejected(now, client_order_id, reason.clone(), effects);
            }
            VenueEvent::CancelUnknown { client_order_id, reason: _ } => {
                if let Some(id) = self.named(client_order_id) {
                    self.on_cancel_unknown(now, id);
                }
            }
            VenueEvent::OrderChanged(snapshot) => self.on_snapshot(now, snapshot, effects),
            VenueEvent::Filled { client_order_id, fill } => {
                self.on_named_fill(now, client_order_id, fill, effects);
            }
            VenueEvent::OrderFound(snapshot) => self.on_order_found(now, snapshot, effects),
            VenueEvent::OrderNotFound { client_order_id } => {
                self.on_order_not_found(now, client_order_id, effects);
            }
            account @ (VenueEvent::BalancesChanged { .. }
            | VenueEvent::BalanceMoved { .. }
            | VenueEvent::AccountRead { .. }) => self.on_account(now, account, effects),
            VenueEvent::OpenOrdersRead { orders, elsewhere } => {
                self.on_open_orders_read(now, orders, elsewhere, effects);
            }
            VenueEvent::TradesRead { instrument, fills, more } => {
                self.on_trades_read(now, *instrument, fills, *more, effects);
            }
            VenueEvent::OrderTradesRead { venue_order, fills } => {
                self.on_order_trades_read(now, *venue_order, fills, effects);
            }
            VenueEvent::ReadFailed { action, reason: _ } => self.on_read_failed(now, action),
            // What comes of it is told in other events: this one is for whoever looks after it.
            VenueEvent::Impeded(_) => {}
        }
    }

    fn on_account(
        &mut self,
        now: Timestamp,
        event: &mut VenueEvent,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        match event {
            VenueEvent::BalancesChanged { balances, event_at } => {
                let (balances, event_at) = (std::mem::take(balances), *event_at);
                let complete = false;
                effects.push(ExecutionEffect::BalancesRead { balances, complete, event_at });
            }
            VenueEvent::BalanceMoved { asset, delta, event_at } => {
                let (asset, delta) = (*asset, *delta);
                if let Some(expected) = &mut self.balances {
                    expected.flow(asset, delta, *event_at);
                }
                let reason = "reported by the venue".to_owned();
                let record = Record::ExternalFlow { asset, delta, reason, lots: None, at: now };
                self.persist(record, Durability::Committed, effects);
                effects.push(ExecutionEffect::BalanceMoved { asset, delta });
                if delta.is_negative() {
                    self.question(asset, effects);
                }
            }
            VenueEvent::AccountRead { balances, event_at } => {
                let (balances, event_at) = (std::mem::take(balances), *event_at);
                if let Some(expected) = &mut self.balances {
                    expected.on_read(&balances, &self.instruments, event_at);
                }
                let complete = true;
                effects.push(ExecutionEffect::BalancesRead { balances, complete, event_at });
                self.reads.answered(super::reads::Read::Account);
            }
            VenueEvent::Connected
            | VenueEvent::Disconnected { .. }
            | VenueEvent::Sent { .. }
            | VenueEvent::NotSent { .. }
            | VenueEvent::SubmitRejected { .. }
            | VenueEvent::SubmitUnknown { .. }
            | VenueEvent::CancelRejected { .. }
            | VenueEvent::CancelUnknown { .. }
            | VenueEvent::OrderChanged(_)
            | VenueEvent::Filled { .. }
            | VenueEvent::OrderFound(_)
            | VenueEvent::OrderNotFound { .. }
            | VenueEvent::OpenOrdersRead { .. }
            | VenueEvent::TradesRead { .. }
            | VenueEvent::OrderTradesRead { .. }
            | VenueEvent::ReadFailed { .. }
            | VenueEvent::Impeded(_) => unreachable!("only news of the account come here"),
        }
    }

    /// The fence counts from the signature: what was asked before it says nothing any more.
    fn on_sent(
        &mut self,
        client_order_id: &ClientOrderId,
        signed_at: Timestamp,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(id) = self.named(client_order_id) else { return };
        if let Some(order) = self.order_mut(id) {
            order.signed_at = Some(signed_at);
            order.inquiry.void_absence();
        }
        self.persist(Record::OrderSent { order: id, signed_at }, Durability::Lazy, effects);
    }

    fn on_submit_unknown(
        &mut self,
        now: Timestamp,
        client_order_id: &ClientOrderId,
        reason: String,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(id) = self.named(client_order_id) else { return };
        self.on_answer_lost(now, id, reason, effects);
    }

    fn on_named_cancel_rejected(
        &mut self,
        now: Timestamp,
        client_order_id: &ClientOrderId,
        reason: RejectReason,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(id) = self.named(client_order_id) else { return };
        self.on_cancel_rejected(now, id, reason, effects);
    }

    /// The venue told the end of an order: if the table lets it, risk and strategy hear of it.
    fn end(
        &mut self,
        now: Timestamp,
        client_order_id: &ClientOrderId,
        step: Step,
        kind: OrderEventKind,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        if let Some(id) = self.named(client_order_id) {
            self.end_with(now, id, step, kind, effects);
        }
    }

    /// Moves an order to its end, tells it, and lets follow what waited for it. True if it did.
    pub(super) fn end_with(
        &mut self,
        now: Timestamp,
        id: OrderId,
        step: Step,
        kind: OrderEventKind,
        effects: &mut Vec<ExecutionEffect>,
    ) -> bool {
        let ended = self.advance(now, id, step, effects);
        if ended {
            self.tell(now, id, kind, effects);
            self.after_end(now, id, effects);
        }
        ended
    }
}
