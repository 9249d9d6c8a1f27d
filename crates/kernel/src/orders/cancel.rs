//! Taking orders back.

use model::{CancelReason, OrderEventKind, OrderId, OrderStatus, RejectReason, Timestamp};

use super::machine::ExecutionMachine;
use super::messages::ExecutionEffect;
use super::order::{Order, PendingCancel};
use crate::journal::{Durability, Record};
use crate::messages::CancelScope;
use crate::venue::VenueAction;

impl ExecutionMachine {
    /// Decides to take an order back. One that has not left is simply not sent; one whose answer
    /// is awaited is cancelled when it comes.
    pub(super) fn cancel(
        &mut self,
        now: Timestamp,
        id: OrderId,
        reason: CancelReason,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(order) = self.order_mut(id) else { return };
        if order.status == OrderStatus::Intended {
            self.end_unsent(now, id, reason, effects);
            return;
        }
        if order.status.is_final() {
            return;
        }
        let is_new = order.cancel.is_none_or(|pending| pending.in_replace);
        let fresh = PendingCancel { reason, sent_at: None, in_replace: false };
        let pending = order.cancel.get_or_insert(fresh);
        pending.in_replace = false;
        if reason == CancelReason::Engine {
            // The engine insists where a strategy is told of a refusal.
            pending.reason = reason;
        }
        if is_new {
            let record = Record::CancelIntended { order: id, reason, at: now };
            self.persist(record, Durability::Lazy, effects);
        }
        self.send_cancel(now, id, effects);
    }

    pub(super) fn cancel_all(
        &mut self,
        now: Timestamp,
        scope: CancelScope,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let meant: Vec<OrderId> = self
            .working
            .iter()
            .filter_map(|id| self.orders.get(id))
            .filter(|order| scope.includes(order.strategy, order.new.role))
            .map(|order| order.id)
            .collect();
        for id in meant {
            self.cancel(now, id, CancelReason::Engine, effects);
        }
    }

    /// Sends a cancel that was decided, as soon as there is something to cancel. Of a pair each
    /// order has its own, although the venue takes both back with the first: an order whose cancel
    /// waited for the answer to another one's would wait for ever if that failed.
    pub(super) fn send_cancel(
        &mut self,
        now: Timestamp,
        id: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(order) = self.order_mut(id) else { return };
        let is_due = |cancel: &&mut PendingCancel| cancel.sent_at.is_none() && !cancel.in_replace;
        let Some(cancel) = order.cancel.as_mut().filter(is_due) else { return };
        if order.status.is_working() {
            cancel.sent_at = Some(now);
            let instrument = order.new.instrument;
            let client_order_id = order.client_order_id;
            Self::command(VenueAction::Cancel { instrument, client_order_id }, effects);
        }
    }

    /// The venue refused: mostly because the order has ended meanwhile, so it is asked. What a
    /// strategy wanted is given up and told; what the engine wanted is wanted still.
    pub(super) fn on_cancel_rejected(
        &mut self,
        now: Timestamp,
        id: OrderId,
        reason: RejectReason,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let next_query_at = self.policy.next_query_at(now);
        let Some(order) = self.order_mut(id) else { return };
        if order.status.is_final() {
            return;
        }
        if let Some(cancel) = order.cancel.as_mut().filter(|c| c.reason == CancelReason::Engine) {
            cancel.sent_at = None;
            order.inquiry.ask_at = Some(next_query_at);
            return;
        }
        order.cancel = None;
        order.inquiry.ask_at = Some(now);
        self.tell(now, id, OrderEventKind::CancelRejected { reason }, effects);
        self.abandon_replacement(now, id, effects);
    }

    /// The answer to a cancel is lost. It is still wanted: sent again if the answer to the
    /// question is that the order still works.
    pub(super) fn on_cancel_unknown(&mut self, now: Timestamp, id: OrderId) {
        let Some(order) = self.order_mut(id) else { return };
        if order.status.is_final() {
            return;
        }
        if let Some(cancel) = order.cancel.as_mut() {
            cancel.sent_at = None;
            order.inquiry.ask_at = Some(now);
        }
    }

    fn other_leg(&self, id: OrderId) -> Option<&Order> {
        self.orders.get(&self.orders.get(&id)?.other_leg?)
    }

    /// Who wanted the end of an order; the end of a leg is that of its pair.
    pub(super) fn cancel_reason(&self, id: OrderId) -> CancelReason {
        let own = self.orders.get(&id).and_then(|order| order.cancel);
        let cancel = own.or_else(|| self.other_leg(id)?.cancel);
        cancel.map_or(CancelReason::Venue, |cancel| cancel.reason)
    }
}
