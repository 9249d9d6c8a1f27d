//! Finding out: lost answers, missing fills, and the fence before "no such order" is believed.

use model::{ClientOrderId, Fill, OrderEventKind, OrderId, OrderStatus, Timestamp, VenueOrderId};

use super::lifecycle::Step;
use super::machine::{ExecutionEffect, ExecutionMachine};
use super::order::Order;
use crate::venue::{OrderSnapshot, VenueAction};

impl ExecutionMachine {
    /// When an order that was handed over counts as unanswered.
    pub(super) fn answer_due_at(&self, order: &Order) -> Option<Timestamp> {
        let awaits = order.status == OrderStatus::Submitted;
        order.handed_over_at.filter(|_| awaits).map(|at| at.after(self.policy.answer_timeout))
    }

    pub(super) fn on_answer_lost(
        &mut self,
        now: Timestamp,
        client_order_id: ClientOrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(id) = self.by_client_id.get(&client_order_id).copied() else { return };
        if self.advance(id, Step::AnswerLost, effects) {
            if let Some(order) = self.orders.get_mut(&id) {
                order.inquiry.ask_at = Some(now);
            }
            self.tell(now, id, OrderEventKind::OutcomeUnknown, effects);
            self.ask_due(now, effects);
        }
    }

    pub(super) fn on_wake(&mut self, now: Timestamp, effects: &mut Vec<ExecutionEffect>) {
        let unanswered: Vec<ClientOrderId> = self
            .working
            .iter()
            .filter_map(|id| self.orders.get(id))
            .filter(|order| self.answer_due_at(order).is_some_and(|due| due <= now))
            .map(|order| order.intent.client_order_id)
            .collect();
        for client_order_id in unanswered {
            self.on_answer_lost(now, client_order_id, effects);
        }
        self.ask_due(now, effects);
        self.chase_missing_fills(now, effects);
        self.reconcile_if_due(now, effects);
    }

    /// Asks every question that is due, and sets when to ask again.
    pub(super) fn ask_due(&mut self, now: Timestamp, effects: &mut Vec<ExecutionEffect>) {
        let spacing = self.policy.query_spacing;
        for id in &self.working {
            let Some(order) = self.orders.get_mut(id) else { continue };
            if order.inquiry.ask_at.is_some_and(|at| at <= now) {
                order.inquiry.ask_at = Some(now.after(spacing));
                let instrument = order.intent.new.instrument;
                let client_order_id = order.intent.client_order_id;
                Self::command(VenueAction::QueryOrder { instrument, client_order_id }, effects);
            }
        }
    }

    pub(super) fn on_order_found(
        &mut self,
        now: Timestamp,
        snapshot: &OrderSnapshot,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        self.reconcile.answered_query(&snapshot.client_order_id);
        self.on_snapshot(now, snapshot, effects);
        let id = self.by_client_id.get(&snapshot.client_order_id).copied();
        if let Some(id) = id
            && snapshot.executed_quantity > self.executed(id)
        {
            self.ask_for_order_trades(id, effects);
        }
        self.continue_reconcile(now, effects);
    }

    /// "No such order": means nothing before the fence, and past it only together with two
    /// other proofs.
    pub(super) fn on_order_not_found(
        &mut self,
        now: Timestamp,
        client_order_id: ClientOrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        self.reconcile.answered_query(&client_order_id);
        if let Some(id) = self.by_client_id.get(&client_order_id).copied() {
            self.weigh_absence(now, id, effects);
        }
        self.continue_reconcile(now, effects);
    }

    fn weigh_absence(&mut self, now: Timestamp, id: OrderId, effects: &mut Vec<ExecutionEffect>) {
        let (fence, spacing) = (self.policy.fence(), self.policy.query_spacing);
        let confirmations = self.policy.absent_confirmations;
        let Some(order) = self.orders.get_mut(&id) else { return };
        if order.status.is_final() {
            return;
        }
        let instrument = order.intent.new.instrument;
        if order.is_acknowledged() {
            let reason = format!("order {id} was acknowledged, but the venue does not find it");
            order.inquiry.ask_at = Some(now.after(spacing));
            order.inquiry.not_found = order.inquiry.not_found.saturating_add(1);
            if order.inquiry.not_found >= confirmations {
                self.halt_instrument(instrument, reason, effects);
            }
            return;
        }
        order.inquiry.ask_at = Some(now.after(spacing));
        if now < order.signed_at.unwrap_or(now).after(fence) {
            return;
        }
        order.inquiry.not_found = order.inquiry.not_found.saturating_add(1);
        if order.inquiry.not_found >= confirmations {
            Self::command(VenueAction::ReadOpenOrders, effects);
            Self::command(VenueAction::ReadTrades { instrument, from: None }, effects);
        }
    }

    /// The open orders or the latest trades were read: for orders past the fence that is a proof.
    /// `found_open` tells whether an order is among the open ones.
    pub(super) fn prove_absence(
        &mut self,
        now: Timestamp,
        proof: impl Fn(&mut Order),
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let confirmations = self.policy.absent_confirmations;
        let mut absent = Vec::new();
        for id in &self.working {
            let Some(order) = self.orders.get_mut(id) else { continue };
            if order.inquiry.not_found < confirmations || order.is_acknowledged() {
                continue;
            }
            proof(order);
            if order.inquiry.not_open && order.inquiry.no_trades {
                absent.push(*id);
            }
        }
        for id in absent {
            if self.advance(id, Step::ConfirmedAbsent, effects) {
                self.tell(now, id, OrderEventKind::Absent, effects);
                self.after_end(now, id, effects);
            }
        }
    }

    pub(super) fn on_order_trades_read(
        &mut self,
        now: Timestamp,
        venue_order: VenueOrderId,
        fills: Vec<Fill>,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        for fill in fills {
            debug_assert_eq!(fill.key.venue_order, venue_order, "the venue answered for another");
            if self.on_fill(now, None, fill, effects) {
                self.reconcile.summary.fills_adopted += 1;
            }
        }
        self.continue_reconcile(now, effects);
    }

    /// Fills that the venue counts but has not shown are asked for again, up to a deadline.
    fn chase_missing_fills(&mut self, now: Timestamp, effects: &mut Vec<ExecutionEffect>) {
        let spacing = self.policy.query_spacing;
        let mut ask = Vec::new();
        let mut late = Vec::new();
        for id in &self.working {
            let Some(order) = self.orders.get_mut(id) else { continue };
            let Some(awaited) = order.awaited.as_mut().filter(|a| a.ask_at <= now) else {
                continue;
            };
            awaited.ask_at = now.after(spacing);
            if awaited.deadline <= now {
                late.push((*id, order.intent.new.instrument));
            }
            ask.push(*id);
        }
        for id in ask {
            self.ask_for_order_trades(id, effects);
        }
        for (id, instrument) in late {
            let reason = format!("the venue counts fills of order {id} that it does not show");
            self.halt_instrument(instrument, reason, effects);
        }
    }
}
