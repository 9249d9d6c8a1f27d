//! When "no such order" is believed: never before the fence, and past it only after several
//! spaced answers, an open-orders list without it and no trade of it, all asked for past the
//! fence.

use model::{ClientOrderId, OrderEventKind, OrderId, Timestamp};

use super::lifecycle::Step;
use super::machine::ExecutionMachine;
use super::messages::ExecutionEffect;
use super::order::Order;
use super::reads::Read;

/// Why an order is absent that was sent.
const NEVER_ARRIVED: &str = "asked past the fence: it never arrived";

impl ExecutionMachine {
    /// "No such order."
    pub(super) fn on_order_not_found(
        &mut self,
        now: Timestamp,
        client_order_id: &ClientOrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(id) = self.named(client_order_id) else { return };
        self.reconcile.answered_query(id);
        let next = self.policy.next_query_at(now);
        let Some(order) = self.order_mut(id) else { return };
        let asked_at = order.inquiry.asked_at.take();
        if order.status.is_final() {
            return;
        }
        order.inquiry.ask_at = Some(next);
        if order.is_acknowledged() {
            self.on_acknowledged_not_found(now, id, effects);
        } else if let Some(asked_at) = asked_at {
            self.weigh_absence(now, id, asked_at);
        }
    }

    /// The venue had the order: either the read lags, or something is very wrong.
    fn on_acknowledged_not_found(
        &mut self,
        now: Timestamp,
        id: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let patience = self.policy.contradiction_deadline;
        let Some(order) = self.order_mut(id) else { return };
        let since = *order.inquiry.contradicted_since.get_or_insert(now);
        let instrument = order.new.instrument;
        if since.after(patience) <= now {
            let reason = format!("order {id} was acknowledged, but the venue does not find it");
            self.halt_instrument(instrument, reason, effects);
        }
    }

    fn weigh_absence(&mut self, now: Timestamp, id: OrderId, asked_at: Timestamp) {
        let fence = self.policy.fence();
        let confirmations = self.policy.absent_confirmations;
        let Some(order) = self.order_mut(id) else { return };
        if !is_past_fence(order, fence, asked_at) {
            return;
        }
        order.inquiry.not_found = order.inquiry.not_found.saturating_add(1);
        let instrument = order.new.instrument;
        if order.inquiry.not_found >= confirmations {
            self.want_read(now, Read::OpenOrders);
            self.want_read(now, Read::Trades(instrument));
        }
    }

    /// The open orders, asked for at an instant, were read.
    pub(super) fn on_open_orders_proof(
        &mut self,
        now: Timestamp,
        asked_at: Timestamp,
        is_open: impl Fn(&Order) -> bool,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let proof = |order: &mut Order| order.inquiry.not_open = !is_open(order);
        self.prove_absence(now, asked_at, proof, effects);
    }

    /// The trades of an instrument, asked for at an instant, were read to the end, and each is
    /// booked or known not to be of an order in doubt.
    pub(super) fn on_trades_proof(
        &mut self,
        now: Timestamp,
        asked_at: Timestamp,
        instrument: model::InstrumentId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        if self.unclaimed.is_any_on(instrument) {
            return;
        }
        let proof =
            |order: &mut Order| order.inquiry.no_trades |= order.new.instrument == instrument;
        self.prove_absence(now, asked_at, proof, effects);
    }

    fn prove_absence(
        &mut self,
        now: Timestamp,
        asked_at: Timestamp,
        proof: impl Fn(&mut Order),
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let (fence, confirmations) = (self.policy.fence(), self.policy.absent_confirmations);
        let mut absent: Vec<OrderId> = Vec::new();
        for id in self.working.iter() {
            let Some(order) = self.orders.get_mut(id) else { continue };
            let in_doubt = order.inquiry.ask_at.is_some()
                && !order.is_acknowledged()
                && order.inquiry.not_found >= confirmations;
            if !in_doubt || !is_past_fence(order, fence, asked_at) {
                continue;
            }
            proof(order);
            if order.inquiry.not_open && order.inquiry.no_trades {
                absent.push(*id);
            }
        }
        for id in absent {
            let kind = OrderEventKind::Absent { reason: NEVER_ARRIVED.to_owned() };
            self.end_with(now, id, Step::ConfirmedAbsent, kind, effects);
        }
    }
}

/// Whether the venue could not accept the order any more when something was asked.
fn is_past_fence(order: &Order, fence: std::time::Duration, asked_at: Timestamp) -> bool {
    order.signed_at.is_some_and(|signed_at| signed_at.after(fence) <= asked_at)
}
