//! From an approved request to a command on its way.

use model::{
    CancelReason, ClientOrderId, OrderEventKind, OrderId, OrderQuantity, OrderStatus, Timestamp,
};

use super::machine::ExecutionMachine;
use super::messages::ExecutionEffect;
use super::order::Order;
use crate::journal::{Durability, IntentRecord, Persisted, Record};
use crate::messages::{ExecutionRequest, OrderRequest};
use crate::venue::{OrderLeg, OrderPair, VenueAction};

/// How an order stands to another one.
#[derive(Clone, Copy, Default)]
pub(super) struct Relation {
    pub replaces: Option<OrderId>,
    pub cancels_old: bool,
    pub other_leg: Option<OrderId>,
}

impl Relation {
    pub(super) fn replacing(old: OrderId) -> Self {
        Self { replaces: Some(old), ..Self::default() }
    }

    fn leg_beside(other: OrderId) -> Self {
        Self { other_leg: Some(other), ..Self::default() }
    }
}

fn intent_of(
    request: OrderRequest,
    client_order_id: ClientOrderId,
    Relation { replaces, other_leg, .. }: Relation,
) -> IntentRecord {
    IntentRecord {
        order: request.order,
        client_order_id,
        strategy: request.strategy,
        new: request.new,
        replaces,
        other_leg,
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
                let id = self.intend(approved.into_inner(), Relation::default(), effects);
                self.submit_when_durable(now, id, effects);
            }
            ExecutionRequest::Cancel { order, reason } => {
                self.cancel(now, order, reason, effects);
            }
            ExecutionRequest::Replace { old, old_executed, new } => {
                self.replace(now, old, old_executed, new.into_inner(), effects);
            }
            ExecutionRequest::SubmitPair(pair) => {
                let (stop, target) = (pair.stop.into_inner(), pair.target.into_inner());
                let relations =
                    (Relation::leg_beside(target.order), Relation::leg_beside(stop.order));
                self.intend(stop, relations.0, effects);
                // The journal keeps the order: when the second is durable, the first is.
                let id = self.intend(target, relations.1, effects);
                self.submit_when_durable(now, id, effects);
            }
            ExecutionRequest::CancelReplace { old, new } => {
                let relation = Relation { cancels_old: true, ..Relation::replacing(old) };
                let id = self.intend(new.into_inner(), relation, effects);
                self.submit_when_durable(now, id, effects);
            }
            ExecutionRequest::CancelAll { scope } => self.cancel_all(now, scope, effects),
        }
    }

    /// Takes an order in and has it written down.
    pub(super) fn intend(
        &mut self,
        request: OrderRequest,
        relation: Relation,
        effects: &mut Vec<ExecutionEffect>,
    ) -> OrderId {
        let id = request.order;
        let client_order_id = id.to_client_order_id(self.identity.instance, request.new.role);
        let OrderRequest { strategy, correlation, new, .. } = request;
        let mut order = Order::new(id, client_order_id, strategy, correlation, new);
        (order.replaces, order.other_leg) = (relation.replaces, relation.other_leg);
        order.cancels_old = relation.cancels_old;
        self.reconcile.note_activity(new.instrument);
        order.intent_sequence = self.persist_with(Durability::Committed, effects, || {
            Record::OrderIntended(Box::new(intent_of(request, client_order_id, relation)))
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
        match (order.other_leg, order.replaces.filter(|_| order.cancels_old)) {
            (Some(stop), _) => self.release_pair(now, stop, id, effects),
            (None, Some(old)) => self.release_in_place_of(now, old, id, effects),
            (None, None) => {
                Self::command(VenueAction::Submit { client_order_id, new }, effects);
                self.handed_over(now, id, effects);
            }
        }
    }

    /// Both orders of a pair leave, or neither does.
    fn release_pair(
        &mut self,
        now: Timestamp,
        stop: OrderId,
        target: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let leg = |id: OrderId| {
            let order = self.orders.get(&id).filter(|o| o.status == OrderStatus::Intended)?;
            Some(OrderLeg { client_order_id: order.client_order_id, new: order.new })
        };
        let (Some(stop_leg), Some(target_leg)) = (leg(stop), leg(target)) else {
            self.end_unsent(now, target, CancelReason::Engine, effects);
            return;
        };
        let pair = OrderPair { stop: stop_leg, target: target_leg };
        Self::command(VenueAction::SubmitPair(Box::new(pair)), effects);
        self.handed_over(now, stop, effects);
        self.handed_over(now, target, effects);
    }

    /// Notes and tells that the command that places an order went to the venue.
    pub(super) fn handed_over(
        &mut self,
        now: Timestamp,
        id: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        self.set_status(id, OrderStatus::Submitted);
        let order = self.order_mut(id).expect("orders leave that are kept");
        order.handed_over_at = Some(now);
        let new = order.new;
        let quantity = match new.quantity {
            OrderQuantity::Base(quantity) => Some(quantity),
            OrderQuantity::Quote(_) => None,
        };
        let price = new.kind.limit_price();
        self.tell(now, id, OrderEventKind::Submitted { quantity, price }, effects);
    }

    /// Ends an order of which no byte has left, and none will; of a pair, both.
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
        let other_leg = self.orders.get(&id).and_then(|order| order.other_leg);
        self.set_status(id, OrderStatus::Canceled);
        self.tell(now, id, OrderEventKind::Canceled { reason }, effects);
        if let Some(other_leg) = other_leg {
            self.end_unsent(now, other_leg, reason, effects);
        }
    }
}
