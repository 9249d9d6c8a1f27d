//! From an approved request to a command on its way.

use model::{
    CancelReason, ClientOrderId, OrderEventKind, OrderId, OrderQuantity, OrderStatus, Timestamp,
};

use super::machine::ExecutionMachine;
use super::messages::ExecutionEffect;
use super::order::Order;
use crate::journal::{Durability, IntentRecord, Persisted, Record};
use crate::messages::{ExecutionRequest, OrderRequest};
use crate::venue::VenueAction;

fn intent_of(
    request: OrderRequest,
    client_order_id: ClientOrderId,
    replaces: Option<OrderId>,
) -> IntentRecord {
    IntentRecord {
        order: request.order,
        client_order_id,
        strategy: request.strategy,
        new: request.new,
        replaces,
        cause: request.cause,
        correlation: request.correlation,
        caused_at: request.caused_at,
        decided_at: request.decided_at,
        approved_at: request.approved_at,
        judged_on_sequence: request.judged_on_sequence,
        checks: request.checks,
    }
}

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
            ExecutionRequest::Replace { old, old_executed, new } => {
                self.replace(now, old, old_executed, new.into_inner(), effects);
            }
            ExecutionRequest::CancelAll { scope } => self.cancel_all(now, scope, effects),
        }
    }

    /// Takes an order in and has it written down.
    pub(super) fn intend(
        &mut self,
        request: OrderRequest,
        replaces: Option<OrderId>,
        effects: &mut Vec<ExecutionEffect>,
    ) -> OrderId {
        let id = request.order;
        let client_order_id = id.to_client_order_id(self.identity.instance, request.new.role);
        let OrderRequest { strategy, correlation, new, .. } = request;
        let mut order = Order::new(id, client_order_id, strategy, correlation, new);
        order.replaces = replaces;
        self.reconcile.note_activity(new.instrument);
        order.intent_sequence = self.persist_with(Durability::Committed, effects, || {
            Record::OrderIntended(Box::new(intent_of(request, client_order_id, replaces)))
        });
        self.insert(order);
        id
    }

    /// Sends an order as soon as its intent is durable, which it may be already.
    pub(super) fn submit_when_durable(
        &mut self,
        now: Timestamp,
        id: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(order) = self.orders.get(&id) else { return };
        if order.intent_sequence <= self.durable_sequence && self.waiting.is_empty() {
            self.release(now, id, effects);
            return;
        }
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
        let Some(order) = self.orders.get(&id) else { return };
        if order.status != OrderStatus::Intended {
            return;
        }
        let halted = self.halted.contains(&order.new.instrument);
        if halted || !self.may_leave(id, order.new.role) || !self.is_live() {
            self.end_unsent(now, id, CancelReason::Engine, effects);
            return;
        }
        let (new, client_order_id) = (order.new, order.client_order_id);
        self.set_status(id, OrderStatus::Submitted);
        if let Some(order) = self.order_mut(id) {
            order.handed_over_at = Some(now);
        }
        Self::command(VenueAction::Submit { client_order_id, new }, effects);
        let quantity = match new.quantity {
            OrderQuantity::Base(quantity) => Some(quantity),
            OrderQuantity::Quote(_) => None,
        };
        let price = new.kind.limit_price();
        self.tell(now, id, OrderEventKind::Submitted { quantity, price }, effects);
    }

    /// Ends an order of which no byte has left, and none will.
    pub(super) fn end_unsent(
        &mut self,
        now: Timestamp,
        id: OrderId,
        reason: CancelReason,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        if self.orders.get(&id).is_none_or(|order| order.status != OrderStatus::Intended) {
            return;
        }
        self.set_status(id, OrderStatus::Canceled);
        self.tell(now, id, OrderEventKind::Canceled { reason }, effects);
    }
}
