//! Executions: each is booked once, to the order that it belongs to, whatever was believed of
//! that order before. Fills outrank belief.

use model::{
    Asset, CancelReason, ClientOrderId, Fill, InstrumentId, OrderEventKind, OrderId, OrderStatus,
    Quantity, Side, Timestamp, VenueOrderId,
};

use super::balances::Unexplained;
use super::lifecycle::Step;
use super::machine::ExecutionMachine;
use super::messages::ExecutionEffect;
use crate::journal::{Durability, Record};

impl ExecutionMachine {
    /// An execution from the user data stream or from an answer, which names its order.
    pub(super) fn on_named_fill(
        &mut self,
        now: Timestamp,
        client_order_id: &ClientOrderId,
        fill: &Fill,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let by_number = || self.by_venue_id.get(fill.key.instrument, fill.key.venue_order);
        match self.named(client_order_id).or_else(by_number) {
            Some(id) => drop(self.on_fill(now, id, *fill, effects)),
            None => self.on_strange_fill(now, client_order_id, *fill, effects),
        }
    }

    /// An execution from a read, which gives only the venue's number of its order.
    pub(super) fn on_unnamed_fill(
        &mut self,
        now: Timestamp,
        fill: Fill,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        if let Some(id) = self.by_venue_id.get(fill.key.instrument, fill.key.venue_order) {
            if self.on_fill(now, id, fill, effects) {
                self.reconcile.summary.fills_adopted += 1;
            }
        } else if self.is_news(&fill) {
            self.unclaimed.add(now, fill);
        }
    }

    /// Books an execution to an order. False if it was booked before.
    pub(super) fn on_fill(
        &mut self,
        now: Timestamp,
        id: OrderId,
        fill: Fill,
        effects: &mut Vec<ExecutionEffect>,
    ) -> bool {
        if !self.book(&fill) {
            return false;
        }
        self.reconcile.note_activity(fill.key.instrument);
        self.learn_number(now, id, fill.key.instrument, fill.key.venue_order, effects);
        let Some(order) = self.order_mut(id) else { return false };
        let before = order.status;
        order.executed = order.executed.checked_add(fill.quantity).unwrap_or(Quantity::MAX);
        let cumulative_quantity = order.executed;
        let asked = order.quantity();
        if asked.is_some_and(|asked| cumulative_quantity > asked) {
            let reason = format!("order {id} executed {cumulative_quantity}, more than was asked");
            self.doubt(now, id, reason, effects);
        }
        let complete = asked.is_some_and(|asked| cumulative_quantity >= asked);
        let step = if complete { Step::FullyFilled } else { Step::PartlyFilled };
        self.advance(now, id, step, effects);
        self.tell(now, id, OrderEventKind::Filled { fill, cumulative_quantity, complete }, effects);
        self.after_fill(now, id, before, effects);
        true
    }

    fn after_fill(
        &mut self,
        now: Timestamp,
        id: OrderId,
        before: OrderStatus,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(order) = self.orders.get(&id) else { return };
        if order.status.is_final() && !before.is_final() {
            self.after_end(now, id, effects);
            return;
        }
        self.apply_awaited(now, id, effects);
        if before == OrderStatus::Absent {
            self.cancel_revived(now, id, effects);
        }
        self.send_cancel(now, id, effects);
    }

    /// An order that everybody was told never arrived, and that is there after all, is not wanted
    /// any more: whoever placed it has gone on without it. What it filled is booked.
    pub(super) fn cancel_revived(
        &mut self,
        now: Timestamp,
        id: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        self.cancel(now, id, CancelReason::Engine, effects);
        if let Some(order) = self.order_mut(id).filter(|order| !order.status.is_final()) {
            order.inquiry.ask_at = Some(now);
        }
    }

    pub(super) fn on_external_fill(&mut self, fill: Fill, effects: &mut Vec<ExecutionEffect>) {
        let is_older_than_ledger = fill.event_at < self.identity.opened_at;
        if is_older_than_ledger || !self.book(&fill) {
            return;
        }
        self.persist(Record::ExternalFill { fill }, Durability::Committed, effects);
        effects.push(ExecutionEffect::ExternalFilled { fill });
        if fill.side == Side::Sell {
            let asset = self.instruments.get(fill.key.instrument).base;
            self.question(asset, effects);
        }
    }

    /// Some of an asset left the account, and is booked: whether strategies hold more than is left
    /// is for the gate to say.
    pub(super) fn question(&self, asset: Asset, effects: &mut Vec<ExecutionEffect>) {
        let Some(balances) = &self.balances else { return };
        let left = balances.expected(asset);
        effects.push(ExecutionEffect::BalanceDiffers(Unexplained {
            asset,
            ledger: left,
            account: left,
        }));
    }

    /// The venue's number of an order becomes known. It never changes: two numbers mean that the
    /// venue has two orders under one name.
    pub(super) fn learn_number(
        &mut self,
        now: Timestamp,
        id: OrderId,
        instrument: InstrumentId,
        number: VenueOrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(order) = self.order_mut(id) else { return };
        match order.venue_order {
            None => {
                order.venue_order = Some(number);
                self.by_venue_id.insert(instrument, number, id);
            }
            Some(known) if known != number => {
                let reason = format!("the venue has two orders {id}: {known} and {number}");
                self.doubt(now, id, reason, effects);
            }
            Some(_) => {}
        }
    }
}
