//! Making orders smaller without losing their place in the queue.

use model::{
    Amount, ClientOrderId, NewOrder, OrderKind, OrderQuantity, Quantity, Symbol, TimeInForce,
    Timestamp,
};

use super::place::reference_mins;
use super::settle::{Cause, key_of, lock_of};
use super::{Exchange, ExecutionType, OrderRef, paid_asset};
use crate::api::error::ApiError;
use crate::orders::{Amendment, Order, Status};

/// Amendments that an order may have.
const MOST_AMENDMENTS: usize = 10;

/// An amendment as a client wants it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AmendOrder {
    /// The order's symbol.
    pub symbol: Symbol,
    /// Which order.
    pub order: OrderRef,
    /// The order's name from now on; one is made up if there is none.
    pub new_client_id: Option<ClientOrderId>,
    /// Its quantity from now on.
    pub quantity: Quantity,
}

impl Exchange {
    /// Makes an order smaller; one that has executed as much already expires. Two legs of which one cancels the other are amended together.
    /// Returns the order and the amendment.
    ///
    /// # Errors
    /// -2038, -2013 and filters; then nothing has changed.
    pub fn amend(
        &mut self,
        account: u32,
        request: &AmendOrder,
        now: Timestamp,
    ) -> Result<(Order, Amendment), ApiError> {
        let order = self
            .find_order(account, request.symbol, request.order)
            .ok()
            .filter(|order| order.status.is_open())
            .ok_or_else(|| ApiError::amend_rejected("Unknown order sent."))?
            .clone();
        self.check_amendment(&order, request, now)?;
        let new_id = request.new_client_id.unwrap_or_else(|| self.generated_id());
        if new_id != order.client_id {
            let taken = self.account(account).orders.by_client_id(request.symbol, &new_id);
            if taken.is_some_and(|order| order.status.is_open()) {
                return Err(ApiError::amend_rejected("Duplicate order sent."));
            }
        }
        // An order never has less than it has executed.
        let quantity = request.quantity.max(order.executed + order.prevented);
        for id in self.amended_with(&order) {
            let name = if id == order.id { Some(new_id) } else { None };
            self.amend_one(account, id, quantity, name, now);
        }
        if let Some(list) = order.list_id
            && new_id != order.client_id
            && let Some(list) = self.account(account).orders.list(list).cloned()
        {
            self.publish_list(list, true, now);
        }
        self.report_positions(now);
        let orders = &self.account(account).orders;
        let order = orders.get(order.id).expect("it was just amended").clone();
        let amendment = *order.amendments.last().expect("it was just amended");
        Ok((order, amendment))
    }

    fn check_amendment(
        &self,
        order: &Order,
        request: &AmendOrder,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        if !self.market(order.instrument).instrument().features.amend {
            let words = "Order amend is not supported for this symbol.";
            return Err(ApiError::amend_rejected(words));
        }
        if request.quantity > order.quantity {
            let words = "Order amend (quantity increase) is not supported.";
            return Err(ApiError::amend_rejected(words));
        }
        if request.quantity == order.quantity {
            let words = "The requested action would change no state; rejecting";
            return Err(ApiError::amend_rejected(words));
        }
        if order.amendments.len() >= MOST_AMENDMENTS {
            return Err(ApiError::amend_rejected("Filter failure: MAX_NUM_ORDER_AMENDS"));
        }
        let market = self.market(order.instrument);
        let instrument = market.instrument();
        let quantity = OrderQuantity::Base(request.quantity);
        let mut kind = order.kind;
        if order.stop_price().is_none() {
            // A trailing order without a stop: its limit alone is judged.
            kind = order.kind.limit_price().map_or(OrderKind::Market, |price| OrderKind::Limit {
                price,
                time_in_force: TimeInForce::GoodTilCanceled,
            });
        }
        let wanted = NewOrder::new(instrument.id, order.side, kind, quantity);
        let reference = market.reference_price(now, reference_mins(instrument));
        instrument
            .check(&wanted, reference)
            .map_err(|violation| ApiError::filter(violation.filter_name()))
    }

    /// The order, and the other leg of its pair.
    fn amended_with(&self, order: &Order) -> Vec<i64> {
        let list = order.list_id.and_then(|id| self.account(order.account).orders.list(id));
        match list {
            Some(list) if list.working != Some(order.id) => list.legs().collect(),
            Some(_) | None => vec![order.id],
        }
    }

    fn amend_one(
        &mut self,
        account: u32,
        id: i64,
        quantity: Quantity,
        new_id: Option<ClientOrderId>,
        now: Timestamp,
    ) {
        let Some(order) = self.account(account).orders.get(id).cloned() else { return };
        if !order.status.is_open() {
            return;
        }
        let execution_id = self.next_execution_id;
        let is_pair = self.amended_with(&order).len() > 1;
        let left = quantity.saturating_sub_to_zero(order.executed + order.prevented);
        let need = lock_of(&order, left);
        let freed = if is_pair { Amount::ZERO } else { order.locked - need };
        let freed = if freed.is_negative() { Amount::ZERO } else { freed };
        let name = new_id.unwrap_or(order.client_id);
        let amendment = Amendment {
            execution_id,
            from_id: order.client_id,
            to_id: name,
            from: order.quantity,
            to: quantity,
            at: now,
        };
        let owner = self.account_mut(account);
        owner.orders.rename(id, name);
        owner.orders.update(id, |order| {
            order.quantity = quantity;
            order.locked -= freed;
            order.updated_at = now;
            order.amendments.push(amendment);
        });
        let asset = paid_asset(self.instruments.get(order.instrument), order.side);
        if !freed.is_zero() {
            self.account_mut(account).lock(asset, -freed, now);
        }
        self.report_replaced(now, account, id, order.client_id, ExecutionType::Replaced);
        if order.status == Status::PendingNew {
            return;
        }
        if left.is_zero() {
            // Nothing of it is left: the amendment ends it.
            self.cancel_in_matcher(&order, key_of(id), now, Cause::Amendment);
        } else {
            let mut events = std::mem::take(&mut self.scratch);
            self.markets[usize::from(order.instrument.0)]
                .matcher
                .shrink(now, key_of(id), order.quantity - quantity, &mut events)
                .expect("open, and something is left");
            self.settle(now, order.instrument, &mut events, Cause::Market);
            self.scratch = events;
        }
    }
}
