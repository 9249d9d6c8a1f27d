//! Finding and taking back orders.

use model::{ClientOrderId, Symbol, Timestamp};

use super::Exchange;
use super::settle::{Cause, key_of};
use crate::api::error::ApiError;
use crate::orders::{Order, OrderBook, Status};

/// How a client names an order: at least one of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderRef {
    /// The venue's number.
    pub id: Option<i64>,
    /// The client's name.
    pub client_id: Option<ClientOrderId>,
}

/// Condition of a cancel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CancelRestriction {
    /// Only if nothing is executed.
    OnlyNew,
    /// Only if something is executed.
    OnlyPartiallyFilled,
}

/// A cancel as a client wants it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CancelOrder {
    /// The order's symbol.
    pub symbol: Symbol,
    /// Which order.
    pub order: OrderRef,
    /// The client's name for the cancel itself; one is made up if there is none.
    pub cancel_id: Option<ClientOrderId>,
    /// Condition.
    pub restriction: Option<CancelRestriction>,
}

/// Why an order was not found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotFound {
    /// There is none.
    Unknown,
    /// Number and name are not those of one order.
    Mismatch,
}

impl OrderRef {
    /// The order that a client means, among some.
    ///
    /// # Errors
    /// See [`NotFound`].
    pub fn find_in(self, orders: &OrderBook, symbol: Symbol) -> Result<&Order, NotFound> {
        let found = match (self.id, &self.client_id) {
            (Some(id), client_id) => {
                let found = orders.get(id).filter(|found| found.symbol == symbol);
                let found = found.ok_or(NotFound::Unknown)?;
                if client_id.is_some_and(|client_id| client_id != found.client_id) {
                    return Err(NotFound::Mismatch);
                }
                Some(found)
            }
            (None, Some(client_id)) => orders.by_client_id(symbol, client_id),
            (None, None) => None,
        };
        found.ok_or(NotFound::Unknown)
    }
}

impl Exchange {
    /// The order that a client names.
    ///
    /// # Errors
    /// See [`NotFound`].
    pub fn find_order(
        &self,
        account: u32,
        symbol: Symbol,
        order: OrderRef,
    ) -> Result<&Order, NotFound> {
        order.find_in(&self.account(account).orders, symbol)
    }

    /// Takes an order back. Returns the order as it ended, and the name of the cancel.
    ///
    /// # Errors
    /// -2011.
    pub fn cancel(
        &mut self,
        account: u32,
        request: &CancelOrder,
        now: Timestamp,
    ) -> Result<(Order, ClientOrderId), ApiError> {
        let order = self
            .find_order(account, request.symbol, request.order)
            .ok()
            .filter(|order| order.status.is_open())
            .ok_or_else(ApiError::unknown_order)?;
        let is_met = match request.restriction {
            None => true,
            Some(CancelRestriction::OnlyNew) => order.status == Status::New,
            Some(CancelRestriction::OnlyPartiallyFilled) => order.status == Status::PartiallyFilled,
        };
        if !is_met {
            return Err(ApiError::cancel_restricted());
        }
        let id = order.id;
        let cancel_id = request.cancel_id.unwrap_or_else(|| self.generated_id());
        Ok((self.cancel_open(account, id, cancel_id, now), cancel_id))
    }

    /// Takes back all open orders of a symbol.
    ///
    /// # Errors
    /// -2011 when there is none.
    pub fn cancel_all(
        &mut self,
        account: u32,
        symbol: Symbol,
        now: Timestamp,
    ) -> Result<Vec<(Order, ClientOrderId)>, ApiError> {
        self.market_of(symbol)?;
        let orders = &self.account(account).orders;
        let ids: Vec<i64> =
            orders.open().filter(|order| order.symbol == symbol).map(|order| order.id).collect();
        if ids.is_empty() {
            return Err(ApiError::unknown_order());
        }
        let cancel_id = self.generated_id();
        Ok(ids
            .into_iter()
            .map(|id| (self.cancel_open(account, id, cancel_id, now), cancel_id))
            .collect())
    }

    /// Takes back an open order, and with it the list that it is a leg of. An order that ended
    /// with its list before its turn came is left as it is.
    pub(super) fn cancel_open(
        &mut self,
        account: u32,
        id: i64,
        cancel_id: ClientOrderId,
        now: Timestamp,
    ) -> Order {
        let order = self.account(account).orders.get(id).expect("found among the open orders");
        let working = match order.status {
            // It waits for another order: the matcher holds that one.
            Status::PendingNew => self.working_order_of(order),
            Status::New | Status::PartiallyFilled => Some(order.clone()),
            Status::Filled | Status::Canceled | Status::Expired | Status::ExpiredInMatch => None,
        };
        if let Some(order) = working {
            self.cancel_in_matcher(&order, key_of(order.id), now, Cause::Cancel(cancel_id));
        }
        self.account(account).orders.get(id).expect("closed orders are kept").clone()
    }

    fn working_order_of(&self, order: &Order) -> Option<Order> {
        let orders = &self.account(order.account).orders;
        let list = orders.list(order.list_id?)?;
        orders.get(list.working?).filter(|working| working.status.is_open()).cloned()
    }
}
