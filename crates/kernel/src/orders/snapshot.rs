//! Descriptions of orders by the venue, in reports, answers and lists.

use model::{OrderEventKind, OrderId, OrderStatus, RejectReason, Timestamp};

use super::lifecycle::Step;
use super::machine::ExecutionMachine;
use super::messages::ExecutionEffect;
use super::order::{AwaitedFills, Order};
use crate::venue::OrderSnapshot;

impl ExecutionMachine {
    /// The venue describes an order. If it counts more executions than we have, they are fetched
    /// before anything else of it is believed.
    pub(super) fn on_snapshot(
        &mut self,
        now: Timestamp,
        snapshot: &OrderSnapshot,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(id) = self.named(&snapshot.client_order_id) else { return };
        if snapshot.status == OrderStatus::Unknown {
            self.on_unclear(now, id, snapshot, effects);
            return;
        }
        if self.unclaimed.is_empty()
            && self.orders.get(&id).is_some_and(|order| has_ended_so(order, snapshot))
        {
            return;
        }
        let Some(order) = self.order_mut(id) else { return };
        let was_absent = order.status == OrderStatus::Absent;
        order.inquiry.found();
        self.reconcile.answered_query(id);
        self.reconcile.note_activity(snapshot.instrument);
        self.learn_number(now, id, snapshot.instrument, snapshot.venue_order, effects);
        self.acknowledge(now, id, snapshot, effects);
        self.claim(now, id, effects);
        if self.orders.get(&id).is_some_and(|order| snapshot.executed_quantity > order.executed) {
            self.await_fills(now, id, snapshot);
        } else {
            self.apply_snapshot(now, id, snapshot, effects);
        }
        if was_absent {
            self.cancel_revived(now, id, effects);
        }
        self.send_cancel(now, id, effects);
    }

    /// The venue has the order, in a state that nobody here knows: what it may cost stays reserved,
    /// what it counts as executed is fetched, and it is asked again until it says something known.
    fn on_unclear(
        &mut self,
        now: Timestamp,
        id: OrderId,
        snapshot: &OrderSnapshot,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        if self.orders.get(&id).is_none_or(|order| order.status.is_final()) {
            return;
        }
        self.reconcile.answered_query(id);
        self.learn_number(now, id, snapshot.instrument, snapshot.venue_order, effects);
        let reason = format!("in a state that this build does not know: {}", snapshot.reason);
        self.on_answer_lost(now, id, reason, effects);
        if self.orders.get(&id).is_some_and(|order| snapshot.executed_quantity > order.executed) {
            self.await_fills(now, id, snapshot);
        }
        let next = self.policy.next_query_at(now);
        if let Some(order) = self.order_mut(id) {
            order.inquiry.found();
            order.inquiry.ask_at = Some(next);
        }
    }

    /// Whatever the venue says of an order, except that it refused it, it has the order.
    fn acknowledge(
        &mut self,
        now: Timestamp,
        id: OrderId,
        snapshot: &OrderSnapshot,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(order) = self.orders.get(&id) else { return };
        let Some(step) = acknowledgement(order, snapshot) else { return };
        let before = order.status;
        let changed = self.advance(now, id, step, effects);
        let is_news = match before {
            OrderStatus::Intended
            | OrderStatus::Submitted
            | OrderStatus::Unknown
            | OrderStatus::Absent => changed,
            OrderStatus::PendingNew
            | OrderStatus::Accepted
            | OrderStatus::PartiallyFilled
            | OrderStatus::Filled
            | OrderStatus::Canceled
            | OrderStatus::Expired
            | OrderStatus::ExpiredInMatch
            | OrderStatus::Rejected => false,
        };
        if is_news {
            let venue_order = snapshot.venue_order;
            self.tell(now, id, OrderEventKind::Accepted { venue_order }, effects);
        }
    }

    /// Keeps what the venue said until the fills that it counts are there. Waiting goes on from
    /// when it began, however often the venue repeats itself.
    fn await_fills(&mut self, now: Timestamp, id: OrderId, snapshot: &OrderSnapshot) {
        let deadline = now.after(self.policy.contradiction_deadline);
        let ask_at = self.policy.next_query_at(now);
        let Some(order) = self.order_mut(id) else { return };
        match &mut order.awaited {
            Some(awaited) => {
                if says_more(snapshot, &awaited.snapshot) {
                    awaited.snapshot = snapshot.clone();
                }
            }
            None => {
                let snapshot = snapshot.clone();
                let awaited = AwaitedFills { snapshot, deadline, ask_at, asked_at: None };
                order.awaited = Some(Box::new(awaited));
            }
        }
    }

    /// A fill came: what waited for it goes through once all are there, else waiting begins anew.
    pub(super) fn apply_awaited(
        &mut self,
        now: Timestamp,
        id: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let deadline = now.after(self.policy.contradiction_deadline);
        let Some(order) = self.order_mut(id) else { return };
        let executed = order.executed;
        let Some(awaited) = order.awaited.as_mut() else { return };
        if awaited.snapshot.executed_quantity > executed {
            awaited.deadline = deadline;
        } else if let Some(awaited) = order.awaited.take() {
            self.apply_snapshot(now, id, &awaited.snapshot, effects);
        }
    }

    fn apply_snapshot(
        &mut self,
        now: Timestamp,
        id: OrderId,
        snapshot: &OrderSnapshot,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        if self.orders.get(&id).is_none_or(|order| order.status == snapshot.status) {
            self.tell_trigger(now, id, snapshot, effects);
            return;
        }
        match snapshot.status {
            OrderStatus::Accepted | OrderStatus::PendingNew | OrderStatus::PartiallyFilled => {
                self.tell_trigger(now, id, snapshot, effects);
            }
            OrderStatus::Filled => {
                // By base quantity the last fill has completed it; by quote amount only the
                // venue knows when it is enough.
                let kind = OrderEventKind::Completed;
                self.end_with(now, id, Step::FullyFilled, kind, effects);
            }
            OrderStatus::Canceled => {
                let reason = self.cancel_reason(id);
                let kind = OrderEventKind::Canceled { reason };
                self.end_with(now, id, Step::Canceled, kind, effects);
            }
            OrderStatus::Expired | OrderStatus::ExpiredInMatch => {
                let in_match = snapshot.status == OrderStatus::ExpiredInMatch;
                let step = if in_match { Step::ExpiredInMatch } else { Step::Expired };
                let reason = snapshot.reason.clone();
                let kind = OrderEventKind::Expired { reason, in_match };
                self.end_with(now, id, step, kind, effects);
            }
            OrderStatus::Rejected => {
                let reason = RejectReason { code: 0, message: snapshot.reason.clone() };
                let kind = OrderEventKind::Rejected { reason };
                self.end_with(now, id, Step::Rejected, kind, effects);
            }
            // These are our own beliefs: a venue that says so has said nothing.
            OrderStatus::Intended
            | OrderStatus::Submitted
            | OrderStatus::Unknown
            | OrderStatus::Absent => {}
        }
    }

    /// A stop that starts to work tells so once.
    fn tell_trigger(
        &mut self,
        now: Timestamp,
        id: OrderId,
        snapshot: &OrderSnapshot,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(order) = self.order_mut(id) else { return };
        let is_stop = order.new.kind.stop_price().is_some();
        let works = snapshot.status != OrderStatus::PendingNew && snapshot.is_working;
        if is_stop && works && !order.triggered && !order.status.is_final() {
            order.triggered = true;
            self.tell(now, id, OrderEventKind::Triggered, effects);
        }
    }
}

/// Whether an order is known to have ended just as described, as after its last fill.
fn has_ended_so(order: &Order, snapshot: &OrderSnapshot) -> bool {
    snapshot.status == OrderStatus::Filled
        && order.status == snapshot.status
        && order.executed == snapshot.executed_quantity
        && order.venue_order == Some(snapshot.venue_order)
}

/// The step of the lifecycle that a description stands for at least; `None` if it does not say
/// that the venue has the order.
fn acknowledgement(order: &Order, snapshot: &OrderSnapshot) -> Option<Step> {
    let waits = order.new.kind.stop_price().is_some() && !snapshot.is_working && !order.triggered;
    match snapshot.status {
        OrderStatus::PendingNew => Some(Step::Held),
        OrderStatus::Accepted if waits => Some(Step::Held),
        OrderStatus::Accepted
        | OrderStatus::PartiallyFilled
        | OrderStatus::Filled
        | OrderStatus::Canceled
        | OrderStatus::Expired
        | OrderStatus::ExpiredInMatch => Some(Step::Accepted),
        OrderStatus::Intended
        | OrderStatus::Submitted
        | OrderStatus::Rejected
        | OrderStatus::Unknown
        | OrderStatus::Absent => None,
    }
}

/// Whether a description is of a later state than another of the same order: reads lag, and an
/// old answer must not hide an end that was told already.
fn says_more(new: &OrderSnapshot, known: &OrderSnapshot) -> bool {
    let rank = |snapshot: &OrderSnapshot| (snapshot.executed_quantity, snapshot.status.is_final());
    rank(new) > rank(known)
}
