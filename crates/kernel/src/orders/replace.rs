//! Replacements: the new order goes out only once the old one is known to be gone, and only if
//! the old one has not executed more than the gate knew when it approved the new one. Else
//! quantity and limits that were right for one order would be traded twice.

use model::{CancelReason, OrderId, OrderStatus, Quantity, Timestamp};

use super::machine::ExecutionMachine;
use super::messages::ExecutionEffect;
use super::order::{PendingCancel, Replacement};
use super::submit::Relation;
use crate::messages::OrderRequest;
use crate::venue::VenueAction;

impl ExecutionMachine {
    pub(super) fn replace(
        &mut self,
        now: Timestamp,
        old: OrderId,
        executed: Option<Quantity>,
        request: OrderRequest,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let new = self.intend(request, Relation::replacing(old), effects);
        let Some(order) = self.orders.get(&old) else {
            // Forgotten long ago: what it executed cannot be told.
            self.end_unsent(now, new, CancelReason::Engine, effects);
            return;
        };
        let replacement = Replacement { order: new, executed };
        if order.status.is_final() {
            self.follow(now, old, replacement, effects);
        } else if order.status == OrderStatus::Intended {
            self.take_place_of_unsent(now, old, new, effects);
        } else {
            let executed = executed.unwrap_or(order.executed);
            self.abandon_replacement(now, old, effects);
            if let Some(order) = self.order_mut(old) {
                order.replaced_by = Some(Replacement { order: new, executed: Some(executed) });
            }
            self.cancel(now, old, CancelReason::Replaced, effects);
        }
    }

    /// The old order has not left. If it waits for an older one to be gone, the new one does from
    /// now on; if it waits for the journal only, the new one goes instead.
    fn take_place_of_unsent(
        &mut self,
        now: Timestamp,
        old: OrderId,
        new: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let older = self.orders.get(&old).and_then(|order| order.replaces);
        let awaited = older
            .and_then(|older| self.order_mut(older))
            .and_then(|older| older.replaced_by.as_mut())
            .filter(|replacement| replacement.order == old);
        let waits = awaited.map(|replacement| replacement.order = new).is_some();
        self.end_unsent(now, old, CancelReason::Replaced, effects);
        if !waits {
            self.submit_when_durable(now, new, effects);
        }
    }

    /// The new order leaves with the cancel of the old one in one request: the venue places it
    /// only if the old one goes, and has not traded. Where the old one can't be named so, it goes
    /// the long way round.
    pub(super) fn release_in_place_of(
        &mut self,
        now: Timestamp,
        old: OrderId,
        new: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(order) = self.order_mut(new) else { return };
        let (name, wanted) = (order.client_order_id, order.new);
        let Some(found) = self.order_mut(old) else {
            self.end_unsent(now, new, CancelReason::Engine, effects);
            return;
        };
        let is_working = matches!(found.status, OrderStatus::PendingNew | OrderStatus::Accepted);
        if is_working && found.executed.is_zero() && found.cancel.is_none() {
            let reason = CancelReason::Replaced;
            let cancel = PendingCancel { reason, sent_at: Some(now), in_replace: true };
            found.cancel = Some(cancel);
            let old = found.client_order_id;
            let action = VenueAction::CancelReplace { old, client_order_id: name, new: wanted };
            Self::command(action, effects);
            self.handed_over(now, new, effects);
            return;
        }
        let is_gone = found.status.is_final();
        let replacement = Replacement { order: new, executed: Some(Quantity::ZERO) };
        if let Some(order) = self.order_mut(new) {
            order.cancels_old = false;
        }
        if is_gone {
            self.follow(now, old, replacement, effects);
            return;
        }
        self.abandon_replacement(now, old, effects);
        if let Some(order) = self.order_mut(old) {
            order.replaced_by = Some(replacement);
        }
        self.cancel(now, old, CancelReason::Replaced, effects);
    }

    /// The order that was to come instead never did: its cancel of the old one is void, and one
    /// that was wanted meanwhile, for its own sake, is still to be sent.
    fn void_cancel_in_replace(
        &mut self,
        now: Timestamp,
        id: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let order = self.orders.get(&id).filter(|order| order.cancels_old);
        let Some(old_id) = order.and_then(|order| order.replaces) else { return };
        let Some(old) = self.order_mut(old_id).filter(|old| !old.status.is_final()) else { return };
        old.cancel = old.cancel.filter(|cancel| !cancel.in_replace);
        if let Some(cancel) = &mut old.cancel {
            cancel.sent_at = None;
            self.send_cancel(now, old_id, effects);
        }
    }

    /// An order is gone: what was to follow it does, or is given up.
    pub(super) fn after_end(
        &mut self,
        now: Timestamp,
        id: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        self.void_cancel_in_replace(now, id, effects);
        if let Some(replacement) = self.order_mut(id).and_then(|order| order.replaced_by.take()) {
            self.follow(now, id, replacement, effects);
        }
    }

    fn follow(
        &mut self,
        now: Timestamp,
        old: OrderId,
        replacement: Replacement,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let as_approved = self.orders.get(&old).is_some_and(|order| {
            // A leg that expired did so because the other one has begun to trade.
            let is_outdone = order.other_leg.is_some() && order.status == OrderStatus::Expired;
            order.status != OrderStatus::Filled
                && !is_outdone
                && replacement.executed.is_none_or(|executed| order.executed <= executed)
        });
        if as_approved {
            self.submit_when_durable(now, replacement.order, effects);
        } else {
            self.end_unsent(now, replacement.order, CancelReason::Engine, effects);
        }
    }

    /// The old order stays, or another takes its place: what was to follow it never will.
    pub(super) fn abandon_replacement(
        &mut self,
        now: Timestamp,
        old: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        if let Some(replacement) = self.order_mut(old).and_then(|order| order.replaced_by.take()) {
            self.end_unsent(now, replacement.order, CancelReason::Engine, effects);
        }
    }
}
