//! Replacements: the new order goes out only once the old one is known to be gone, and only if
//! the old one has not executed more than the gate knew when it approved the new one. Else
//! quantity and limits that were right for one order would be traded twice.

use model::{CancelReason, OrderId, OrderStatus, Quantity, Timestamp};

use super::machine::ExecutionMachine;
use super::messages::ExecutionEffect;
use super::order::Replacement;
use crate::messages::OrderRequest;

impl ExecutionMachine {
    pub(super) fn replace(
        &mut self,
        now: Timestamp,
        old: OrderId,
        executed: Option<Quantity>,
        request: OrderRequest,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let new = self.intend(request, Some(old), effects);
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

    /// An order is gone: what was to follow it does, or is given up.
    pub(super) fn after_end(
        &mut self,
        now: Timestamp,
        id: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
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
            order.status != OrderStatus::Filled
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
