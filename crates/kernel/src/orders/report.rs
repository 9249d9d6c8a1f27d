//! What the venue says of orders: answers, reports, fills. Facts are believed; what contradicts
//! the lifecycle halts the instrument.

use model::{
    ClientOrderId, Fill, FillKey, OrderEventKind, OrderId, OrderStatus, Quantity, RejectReason,
    Timestamp,
};

use super::lifecycle::{Step, Verdict, verdict};
use super::machine::{ExecutionEffect, ExecutionMachine};
use super::order::AwaitedFills;
use crate::journal::{Durability, Record};
use crate::venue::{OrderSnapshot, VenueAction, VenueEvent};

impl ExecutionMachine {
    pub(super) fn on_venue(
        &mut self,
        now: Timestamp,
        event: VenueEvent,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        match event {
            VenueEvent::Connected => self.start_reconcile(now, effects),
            VenueEvent::Disconnected { reason } => self.on_disconnected(reason, effects),
            VenueEvent::Sent { client_order_id, signed_at } => {
                self.on_sent(client_order_id, signed_at, effects);
            }
            VenueEvent::NotSent { client_order_id, reason: _ } => {
                self.on_never_left(now, client_order_id, effects);
            }
            VenueEvent::SubmitRejected { client_order_id, reason } => {
                self.on_submit_rejected(now, client_order_id, reason, effects);
            }
            VenueEvent::SubmitUnknown { client_order_id, reason: _ } => {
                self.on_answer_lost(now, client_order_id, effects);
            }
            VenueEvent::CancelRejected { client_order_id, reason } => {
                self.on_cancel_rejected(now, client_order_id, reason, effects);
            }
            VenueEvent::CancelUnknown { client_order_id, reason: _ } => {
                self.on_cancel_unknown(now, client_order_id);
            }
            VenueEvent::OrderChanged(snapshot) => self.on_snapshot(now, &snapshot, effects),
            VenueEvent::Filled { client_order_id, fill } => {
                let id = self.by_client_id.get(&client_order_id).copied();
                self.on_fill(now, id, fill, effects);
            }
            VenueEvent::OrderFound(snapshot) => self.on_order_found(now, &snapshot, effects),
            VenueEvent::OrderNotFound { client_order_id } => {
                self.on_order_not_found(now, client_order_id, effects);
            }
            VenueEvent::BalancesChanged { balances, event_at } => {
                let complete = false;
                effects.push(ExecutionEffect::BalancesRead { balances, complete, event_at });
            }
            VenueEvent::BalanceMoved { asset, delta, event_at: _ } => {
                let reason = "reported by the venue".to_owned();
                let record = Record::ExternalFlow { asset, delta, reason, at: now };
                self.persist(record, Durability::Committed, effects);
                effects.push(ExecutionEffect::BalanceMoved { asset, delta });
            }
            VenueEvent::AccountRead { balances, event_at } => {
                let complete = true;
                effects.push(ExecutionEffect::BalancesRead { balances, complete, event_at });
                self.on_account_read(now, effects);
            }
            VenueEvent::OpenOrdersRead { orders } => {
                self.on_open_orders_read(now, &orders, effects);
            }
            VenueEvent::TradesRead { instrument, fills, more } => {
                self.on_trades_read(now, instrument, fills, more, effects);
            }
            VenueEvent::OrderTradesRead { venue_order, fills } => {
                self.on_order_trades_read(now, venue_order, fills, effects);
            }
            VenueEvent::ReadFailed { action, reason: _ } => {
                self.on_read_failed(now, &action, effects);
            }
        }
    }

    fn on_sent(
        &mut self,
        client_order_id: ClientOrderId,
        signed_at: Timestamp,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(id) = self.by_client_id.get(&client_order_id).copied() else { return };
        if let Some(order) = self.orders.get_mut(&id) {
            order.signed_at = Some(signed_at);
        }
        self.persist(Record::OrderSent { order: id, signed_at }, Durability::Lazy, effects);
    }

    fn on_never_left(
        &mut self,
        now: Timestamp,
        client_order_id: ClientOrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(id) = self.by_client_id.get(&client_order_id).copied() else { return };
        if self.advance(id, Step::NeverLeft, effects) {
            self.tell(now, id, OrderEventKind::Absent, effects);
            self.after_end(now, id, effects);
        }
    }

    fn on_submit_rejected(
        &mut self,
        now: Timestamp,
        client_order_id: ClientOrderId,
        reason: RejectReason,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(id) = self.by_client_id.get(&client_order_id).copied() else { return };
        if self.advance(id, Step::Rejected, effects) {
            self.tell(now, id, OrderEventKind::Rejected { reason }, effects);
            self.after_end(now, id, effects);
        }
    }

    fn on_cancel_rejected(
        &mut self,
        now: Timestamp,
        client_order_id: ClientOrderId,
        reason: RejectReason,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(id) = self.by_client_id.get(&client_order_id).copied() else { return };
        let Some(order) = self.orders.get_mut(&id) else { return };
        if order.status.is_final() {
            // The order ended while the cancel was under way: the expected race.
            return;
        }
        order.cancel = None;
        order.inquiry.ask_at = Some(now);
        self.tell(now, id, OrderEventKind::CancelRejected { reason }, effects);
        self.ask_due(now, effects);
    }

    fn on_cancel_unknown(&mut self, now: Timestamp, client_order_id: ClientOrderId) {
        let Some(id) = self.by_client_id.get(&client_order_id) else { return };
        let Some(order) = self.orders.get_mut(id) else { return };
        if let Some(cancel) = order.cancel.as_mut() {
            // Still wanted: sent again if the answer to the question is that it still works.
            cancel.sent = false;
            order.inquiry.ask_at = Some(now);
        }
    }

    /// Applies a step by the table. True if the state changed.
    pub(super) fn advance(
        &mut self,
        id: OrderId,
        step: Step,
        effects: &mut Vec<ExecutionEffect>,
    ) -> bool {
        let Some(order) = self.orders.get(&id) else { return false };
        match verdict(order.status, step) {
            Verdict::Becomes(status) => {
                self.set_status(id, status);
                true
            }
            Verdict::Stays => false,
            Verdict::Impossible => {
                let instrument = order.intent.new.instrument;
                let reason = format!("order {id} is {} and met {step:?}", order.status.name());
                self.halt_instrument(instrument, reason, effects);
                false
            }
        }
    }

    /// Books an execution, once. `id` is `None` when the order is not known by its name; the
    /// venue's number may still tell.
    pub(super) fn on_fill(
        &mut self,
        now: Timestamp,
        id: Option<OrderId>,
        fill: Fill,
        effects: &mut Vec<ExecutionEffect>,
    ) -> bool {
        let by_number = (fill.key.instrument, fill.key.venue_order);
        let known = id.or_else(|| self.by_venue_id.get(&by_number).copied());
        let Some(id) = known else {
            return self.on_external_fill(fill, effects);
        };
        let Some(order) = self.orders.get_mut(&id) else { return false };
        if order.fills.contains(&fill.key) {
            return false;
        }
        order.fills.push(fill.key);
        order.executed += fill.quantity;
        let cumulative_quantity = order.executed;
        let (instrument, quantity) = (order.intent.new.instrument, order.quantity());
        self.learn_venue_order(id, fill.key);
        let complete = quantity == Some(cumulative_quantity);
        if quantity.is_some_and(|quantity| cumulative_quantity > quantity) {
            let reason = format!("order {id} executed {cumulative_quantity}, more than was asked");
            self.halt_instrument(instrument, reason, effects);
        }
        let step = if complete { Step::FullyFilled } else { Step::PartlyFilled };
        let was_final = self.orders.get(&id).is_some_and(|order| order.status.is_final());
        self.advance(id, step, effects);
        self.tell(now, id, OrderEventKind::Filled { fill, cumulative_quantity, complete }, effects);
        if complete && !was_final {
            self.after_end(now, id, effects);
        } else {
            self.apply_awaited(now, id, effects);
            self.send_cancel(id, effects);
        }
        true
    }

    fn on_external_fill(&mut self, fill: Fill, effects: &mut Vec<ExecutionEffect>) -> bool {
        let is_news =
            fill.event_at >= self.identity.opened_at && !self.old_fills.contains(&fill.key);
        if is_news {
            self.old_fills.push_back(fill.key);
            self.forget_old();
            self.persist(Record::ExternalFill { fill }, Durability::Committed, effects);
            effects.push(ExecutionEffect::ExternalFilled { fill });
        }
        is_news
    }

    fn learn_venue_order(&mut self, id: OrderId, key: FillKey) {
        if let Some(order) = self.orders.get_mut(&id)
            && order.venue_order.is_none()
        {
            order.venue_order = Some(key.venue_order);
            self.by_venue_id.insert((key.instrument, key.venue_order), id);
        }
    }

    /// The venue describes an order. If it counts more executions than we have, they are fetched
    /// before an end is believed.
    pub(super) fn on_snapshot(
        &mut self,
        now: Timestamp,
        snapshot: &OrderSnapshot,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(id) = self.by_client_id.get(&snapshot.client_order_id).copied() else { return };
        let Some(order) = self.orders.get_mut(&id) else { return };
        let first_seen = order.venue_order.is_none();
        order.inquiry = super::order::Inquiry::default();
        if first_seen {
            order.venue_order = Some(snapshot.venue_order);
            self.by_venue_id.insert((snapshot.instrument, snapshot.venue_order), id);
        }
        if snapshot.executed_quantity > order.executed {
            let awaited = AwaitedFills {
                snapshot: snapshot.clone(),
                deadline: now.after(self.policy.missing_fills_deadline),
                ask_at: now.after(self.policy.query_spacing),
            };
            order.awaited = Some(awaited);
            self.tell_accepted(now, id, first_seen, snapshot, effects);
            return;
        }
        self.apply_snapshot(now, id, first_seen, snapshot, effects);
    }

    fn tell_accepted(
        &mut self,
        now: Timestamp,
        id: OrderId,
        first_seen: bool,
        snapshot: &OrderSnapshot,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        if first_seen && snapshot.status != OrderStatus::Rejected {
            let step = match snapshot.status {
                OrderStatus::PendingNew => Step::Held,
                OrderStatus::Intended
                | OrderStatus::Submitted
                | OrderStatus::Accepted
                | OrderStatus::PartiallyFilled
                | OrderStatus::Filled
                | OrderStatus::Canceled
                | OrderStatus::Expired
                | OrderStatus::ExpiredInMatch
                | OrderStatus::Rejected
                | OrderStatus::Unknown
                | OrderStatus::Absent => Step::Accepted,
            };
            self.advance(id, step, effects);
            let venue_order = snapshot.venue_order;
            self.tell(now, id, OrderEventKind::Accepted { venue_order }, effects);
        }
        self.send_cancel(id, effects);
    }

    fn apply_snapshot(
        &mut self,
        now: Timestamp,
        id: OrderId,
        first_seen: bool,
        snapshot: &OrderSnapshot,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let already = self.orders.get(&id).is_some_and(|order| order.status == snapshot.status);
        match snapshot.status {
            OrderStatus::Accepted | OrderStatus::PendingNew | OrderStatus::PartiallyFilled => {
                self.tell_accepted(now, id, first_seen, snapshot, effects);
                self.tell_trigger(now, id, snapshot, effects);
            }
            OrderStatus::Filled => {
                // By base quantity the last fill has completed it; by quote amount only the
                // venue knows when it is enough.
                if !already && self.advance(id, Step::FullyFilled, effects) {
                    self.tell(now, id, OrderEventKind::Completed, effects);
                    self.after_end(now, id, effects);
                }
            }
            OrderStatus::Canceled => {
                if !already && self.advance(id, Step::Canceled, effects) {
                    let reason = self.orders.get(&id).map(Self::cancel_reason);
                    let reason = reason.expect("the order was advanced just above");
                    self.tell(now, id, OrderEventKind::Canceled { reason }, effects);
                    self.after_end(now, id, effects);
                }
            }
            OrderStatus::Expired | OrderStatus::ExpiredInMatch => {
                let in_match = snapshot.status == OrderStatus::ExpiredInMatch;
                let step = if in_match { Step::ExpiredInMatch } else { Step::Expired };
                if !already && self.advance(id, step, effects) {
                    let reason = snapshot.reason.clone();
                    self.tell(now, id, OrderEventKind::Expired { reason, in_match }, effects);
                    self.after_end(now, id, effects);
                }
            }
            OrderStatus::Rejected => {
                if !already && self.advance(id, Step::Rejected, effects) {
                    let reason = RejectReason { code: 0, message: snapshot.reason.clone() };
                    self.tell(now, id, OrderEventKind::Rejected { reason }, effects);
                    self.after_end(now, id, effects);
                }
            }
            OrderStatus::Intended
            | OrderStatus::Submitted
            | OrderStatus::Unknown
            | OrderStatus::Absent => {
                unreachable!("these are our own beliefs; a venue never reports them")
            }
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
        let Some(order) = self.orders.get_mut(&id) else { return };
        let is_stop = order.intent.new.kind.stop_price().is_some();
        let works = snapshot.status != OrderStatus::PendingNew && snapshot.is_working;
        if is_stop && works && !order.triggered {
            order.triggered = true;
            self.tell(now, id, OrderEventKind::Triggered, effects);
        }
    }

    /// An end that waited for fills goes through once they are all there.
    fn apply_awaited(&mut self, now: Timestamp, id: OrderId, effects: &mut Vec<ExecutionEffect>) {
        let Some(order) = self.orders.get_mut(&id) else { return };
        let complete = order
            .awaited
            .as_ref()
            .is_some_and(|awaited| awaited.snapshot.executed_quantity <= order.executed);
        if complete && let Some(awaited) = order.awaited.take() {
            self.apply_snapshot(now, id, false, &awaited.snapshot, effects);
        }
    }

    /// What follows the end of an order: its replacement, and in time its forgetting.
    pub(super) fn after_end(
        &mut self,
        now: Timestamp,
        id: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        if let Some(new) = self.orders.get_mut(&id).and_then(|order| order.replaced_by.take()) {
            self.continue_replacement(now, id, new, effects);
        }
        self.forget_old();
    }

    pub(super) fn executed(&self, id: OrderId) -> Quantity {
        self.orders.get(&id).map_or(Quantity::ZERO, |order| order.executed)
    }

    pub(super) fn ask_for_order_trades(&self, id: OrderId, effects: &mut Vec<ExecutionEffect>) {
        if let Some(order) = self.orders.get(&id)
            && let Some(venue_order) = order.venue_order
        {
            let instrument = order.intent.new.instrument;
            Self::command(VenueAction::ReadOrderTrades { instrument, venue_order }, effects);
        }
    }
}
