//! Finding out: lost answers, questions about single orders, missing fills.

use model::{Fill, OrderEventKind, OrderId, OrderStatus, Timestamp, VenueOrderId};

use super::lifecycle::Step;
use super::machine::ExecutionMachine;
use super::messages::ExecutionEffect;
use super::order::Due;
use crate::mutation::Mutation;
use crate::venue::{OrderSnapshot, VenueAction};

impl ExecutionMachine {
    /// The answer to a submit will not come: the venue is asked.
    pub(super) fn on_answer_lost(
        &mut self,
        now: Timestamp,
        id: OrderId,
        reason: String,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        if self.policy.mutation == Some(Mutation::ResendOnError) {
            self.resend(now, id, effects);
            return;
        }
        if self.advance(now, id, Step::AnswerLost, effects) {
            if let Some(order) = self.order_mut(id) {
                // It was signed before now, if nobody has told when.
                order.signed_at.get_or_insert(now);
                order.inquiry.ask_at = Some(now);
            }
            self.tell(now, id, OrderEventKind::OutcomeUnknown { reason }, effects);
        }
    }

    /// What must never be done: see [`Mutation::ResendOnError`].
    fn resend(&mut self, now: Timestamp, id: OrderId, effects: &mut Vec<ExecutionEffect>) {
        let Some(order) = self.order_mut(id).filter(|o| o.status == OrderStatus::Submitted) else {
            return;
        };
        order.handed_over_at = Some(now);
        let (client_order_id, new) = (order.client_order_id, order.new);
        Self::command(VenueAction::Submit { client_order_id, new }, effects);
    }

    /// Does what is due about one order, and moves its deadline past `now`.
    pub(super) fn tend_order(
        &mut self,
        now: Timestamp,
        id: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let policy = self.policy;
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let Some(order) = self.order_mut(id) else { return };
        if is_due(order.answer_due_at(&policy)) {
            self.on_answer_lost(now, id, "no answer in time".to_owned(), effects);
        }
        if self.orders.get(&id).is_some_and(|order| is_due(order.cancel_due_at(&policy))) {
            self.on_cancel_unknown(now, id);
        }
        if !self.reconcile.is_attached() {
            return;
        }
        let is_due = |due: Option<Due>| due.is_some_and(|due| due.at <= now);
        if self.orders.get(&id).is_some_and(|order| is_due(order.inquiry_due_at(&policy))) {
            self.ask(now, id, effects);
        }
        if self.orders.get(&id).is_some_and(|order| is_due(order.fills_due_at(&policy))) {
            self.chase_fills(now, id, effects);
        }
    }

    fn take_budget(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        self.budget.take(now, self.policy.query_spacing, self.policy.queries_per_spacing)
    }

    /// Asks about an order, or puts it off until there is budget.
    fn ask(&mut self, now: Timestamp, id: OrderId, effects: &mut Vec<ExecutionEffect>) {
        let permit = self.take_budget(now);
        let Some(order) = self.order_mut(id) else { return };
        match permit {
            Ok(()) => {
                order.inquiry.asked_at = Some(now);
                let instrument = order.new.instrument;
                let client_order_id = order.client_order_id;
                Self::command(VenueAction::QueryOrder { instrument, client_order_id }, effects);
            }
            Err(later) => order.deferred_until = later,
        }
    }

    /// Fills that the venue counts but has not shown are asked for again and again.
    fn chase_fills(&mut self, now: Timestamp, id: OrderId, effects: &mut Vec<ExecutionEffect>) {
        let permit = self.take_budget(now);
        let next = self.policy.next_query_at(now);
        let Some(order) = self.order_mut(id) else { return };
        let (instrument, venue_order) = (order.new.instrument, order.venue_order);
        let Some(awaited) = order.awaited.as_mut() else { return };
        if let Err(later) = permit {
            order.deferred_until = later;
            return;
        }
        awaited.ask_at = next;
        if let Some(venue_order) = venue_order {
            awaited.asked_at = Some(now);
            Self::command(VenueAction::ReadOrderTrades { instrument, venue_order }, effects);
        }
    }

    /// The trades of an order: if fills that the venue counts are still not among them, and it was
    /// asked past the deadline, it contradicts itself and the instrument is halted.
    pub(super) fn on_order_trades_read(
        &mut self,
        now: Timestamp,
        venue_order: VenueOrderId,
        fills: &[Fill],
        effects: &mut Vec<ExecutionEffect>,
    ) {
        for fill in fills {
            self.on_unnamed_fill(now, *fill, effects);
        }
        let next = self.policy.next_query_at(now);
        for id in self.awaiting_trades(venue_order) {
            let Some(order) = self.order_mut(id) else { continue };
            let instrument = order.new.instrument;
            let Some(awaited) = order.awaited.as_mut() else { continue };
            awaited.ask_at = next;
            let deadline = awaited.deadline;
            if awaited.asked_at.take().is_some_and(|asked_at| asked_at >= deadline) {
                let reason = format!("the venue counts fills of order {id} that it does not show");
                self.halt_instrument(instrument, reason, effects);
            }
        }
    }

    /// The question about an order's trades failed: asked again later.
    pub(super) fn on_order_trades_failed(&mut self, now: Timestamp, venue_order: VenueOrderId) {
        let next = self.policy.next_query_at(now);
        for id in self.awaiting_trades(venue_order) {
            if let Some(awaited) = self.order_mut(id).and_then(|order| order.awaited.as_mut()) {
                (awaited.asked_at, awaited.ask_at) = (None, next);
            }
        }
    }

    /// Orders of this number whose trades were asked for: one, unless two symbols count alike.
    fn awaiting_trades(&self, venue_order: VenueOrderId) -> Vec<OrderId> {
        let is_meant = |order: &&super::order::Order| {
            let awaited = order.awaited.as_ref().filter(|awaited| awaited.asked_at.is_some());
            order.venue_order == Some(venue_order) && awaited.is_some()
        };
        self.orders.values().filter(is_meant).map(|order| order.id).collect()
    }

    pub(super) fn on_order_found(
        &mut self,
        now: Timestamp,
        snapshot: &OrderSnapshot,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let number = (snapshot.instrument, snapshot.venue_order);
        let Some(id) = self.named(&snapshot.client_order_id) else {
            self.assign(now, number, &snapshot.client_order_id, effects);
            return;
        };
        if let Some(order) = self.order_mut(id) {
            order.inquiry.asked_at = None;
        }
        self.on_snapshot(now, snapshot, effects);
        // An answer to a question is no news of the moment: its fills should be there already.
        if let Some(awaited) = self.order_mut(id).and_then(|order| order.awaited.as_mut()) {
            awaited.ask_at = awaited.ask_at.min(now);
        }
    }

    /// A question about an order failed: asked again later, while it is open.
    pub(super) fn on_query_failed(&mut self, now: Timestamp, id: OrderId) {
        let next = self.policy.next_query_at(now);
        let Some(order) = self.order_mut(id) else { return };
        order.inquiry.asked_at = None;
        if order.inquiry.ask_at.is_some() && order.status != OrderStatus::Intended {
            order.inquiry.ask_at = Some(next);
        }
    }
}
