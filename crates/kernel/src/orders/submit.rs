//! From an approved request to a command on its way: submits, cancels, replacements.

use model::{CancelReason, OrderEventKind, OrderId, OrderQuantity, OrderStatus, Timestamp};

use super::machine::{ExecutionEffect, ExecutionMachine};
use super::order::{Order, PendingCancel};
use crate::journal::{Durability, IntentRecord, Persisted, Record};
use crate::messages::{CancelScope, ExecutionRequest, OrderRequest};
use crate::venue::VenueAction;

impl ExecutionMachine {
    pub(super) fn on_request(
        &mut self,
        now: Timestamp,
        request: ExecutionRequest,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        match request {
            ExecutionRequest::Submit(approved) => {
                let id = self.intend(approved.into_inner(), None, effects);
                self.submit_when_durable(now, id, effects);
            }
            ExecutionRequest::Cancel { order, reason } => {
                self.cancel(now, order, reason, effects);
            }
            ExecutionRequest::Replace { old, old_executed: _, new } => {
                self.replace(now, old, new.into_inner(), effects);
            }
            ExecutionRequest::CancelAll { scope } => self.cancel_all(now, scope, effects),
        }
    }

    fn intend(
        &mut self,
        request: OrderRequest,
        replaces: Option<OrderId>,
        effects: &mut Vec<ExecutionEffect>,
    ) -> OrderId {
        let id = request.order;
        let client_order_id = id.to_client_order_id(self.identity.instance, request.new.role);
        let intent = IntentRecord {
            order: id,
            client_order_id,
            strategy: request.strategy,
            new: request.new,
            replaces,
            cause: request.cause,
            correlation: request.correlation,
            caused_at: request.caused_at,
            approved_at: request.approved_at,
            judged_on_sequence: request.judged_on_sequence,
        };
        self.insert(Order::new(intent.clone()));
        let record = Record::OrderIntended(Box::new(intent));
        let sequence = self.persist(record, Durability::Committed, effects);
        let order = self.orders.get_mut(&id).expect("inserted just above");
        order.intent_sequence = sequence;
        id
    }

    /// Sends an order as soon as its intent is durable, which it may be already.
    fn submit_when_durable(
        &mut self,
        now: Timestamp,
        id: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(order) = self.orders.get(&id) else { return };
        self.waiting.insert(order.intent_sequence, id);
        self.release_durable(now, effects);
    }

    pub(super) fn on_persisted(
        &mut self,
        now: Timestamp,
        persisted: Persisted,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        self.durable_sequence = self.durable_sequence.max(persisted.sequence);
        self.release_durable(now, effects);
    }

    fn release_durable(&mut self, now: Timestamp, effects: &mut Vec<ExecutionEffect>) {
        while let Some(entry) = self.waiting.first_entry()
            && *entry.key() <= self.durable_sequence
        {
            let id = entry.remove();
            self.release(now, id, effects);
        }
    }

    /// The last look before the wire: a submit leaves only if it is still wanted, the gate is
    /// open, the venue is reconciled and the instrument is not halted.
    fn release(&mut self, now: Timestamp, id: OrderId, effects: &mut Vec<ExecutionEffect>) {
        let live = self.is_live() && self.gate_open;
        let Some(order) = self.orders.get_mut(&id) else { return };
        if order.status != OrderStatus::Intended {
            return;
        }
        let halted = self.halted.contains(&order.intent.new.instrument);
        if order.cancel.is_some() || !live || halted {
            let reason = order.cancel.map_or(CancelReason::Engine, |cancel| cancel.reason);
            self.set_status(id, OrderStatus::Canceled);
            self.tell(now, id, OrderEventKind::Canceled { reason }, effects);
            self.forget_old();
            return;
        }
        order.status = OrderStatus::Submitted;
        order.handed_over_at = Some(now);
        let new = order.intent.new;
        let client_order_id = order.intent.client_order_id;
        Self::command(VenueAction::Submit { client_order_id, new }, effects);
        let quantity = match new.quantity {
            OrderQuantity::Base(quantity) => Some(quantity),
            OrderQuantity::Quote(_) => None,
        };
        let price = new.kind.limit_price();
        self.tell(now, id, OrderEventKind::Submitted { quantity, price }, effects);
    }

    pub(super) fn cancel(
        &mut self,
        now: Timestamp,
        id: OrderId,
        reason: CancelReason,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(order) = self.orders.get_mut(&id) else { return };
        if order.status.is_final() || order.cancel.is_some_and(|cancel| cancel.sent) {
            return;
        }
        if order.cancel.is_none() {
            order.cancel = Some(PendingCancel { reason, sent: false });
            let record = Record::CancelIntended { order: id, reason, at: now };
            self.persist(record, Durability::Lazy, effects);
        }
        self.send_cancel(id, effects);
    }

    /// Sends a cancel that was decided, as soon as there is something to cancel: an order that
    /// has not left yet is simply not sent, one whose answer is awaited is cancelled when it
    /// comes.
    pub(super) fn send_cancel(&mut self, id: OrderId, effects: &mut Vec<ExecutionEffect>) {
        let Some(order) = self.orders.get_mut(&id) else { return };
        let Some(cancel) = order.cancel.as_mut().filter(|cancel| !cancel.sent) else { return };
        match order.status {
            OrderStatus::PendingNew | OrderStatus::Accepted | OrderStatus::PartiallyFilled => {
                cancel.sent = true;
                let instrument = order.intent.new.instrument;
                let client_order_id = order.intent.client_order_id;
                Self::command(VenueAction::Cancel { instrument, client_order_id }, effects);
            }
            OrderStatus::Intended
            | OrderStatus::Submitted
            | OrderStatus::Unknown
            | OrderStatus::Filled
            | OrderStatus::Canceled
            | OrderStatus::Expired
            | OrderStatus::ExpiredInMatch
            | OrderStatus::Rejected
            | OrderStatus::Absent => {}
        }
    }

    fn replace(
        &mut self,
        now: Timestamp,
        old: OrderId,
        request: OrderRequest,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let id = self.intend(request, Some(old), effects);
        match self.orders.get_mut(&old) {
            Some(order) if !order.status.is_final() => {
                order.replaced_by = Some(id);
                self.cancel(now, old, CancelReason::Replaced, effects);
            }
            Some(_) | None => self.continue_replacement(now, old, id, effects),
        }
    }

    /// The old order is gone: the new one follows, unless the old one filled after all.
    pub(super) fn continue_replacement(
        &mut self,
        now: Timestamp,
        old: OrderId,
        new: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let old_filled =
            self.orders.get(&old).is_none_or(|order| order.status == OrderStatus::Filled);
        if !old_filled {
            self.submit_when_durable(now, new, effects);
            return;
        }
        let still_intended =
            self.orders.get(&new).is_some_and(|order| order.status == OrderStatus::Intended);
        if still_intended {
            self.set_status(new, OrderStatus::Canceled);
            let kind = OrderEventKind::Canceled { reason: CancelReason::Replaced };
            self.tell(now, new, kind, effects);
        }
    }

    fn cancel_all(
        &mut self,
        now: Timestamp,
        scope: CancelScope,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let meant: Vec<OrderId> = self
            .working
            .iter()
            .filter_map(|id| self.orders.get(id))
            .filter(|order| scope.includes(order.intent.strategy, order.intent.new.role))
            .map(|order| order.intent.order)
            .collect();
        for id in meant {
            self.cancel(now, id, CancelReason::Engine, effects);
        }
    }
}
