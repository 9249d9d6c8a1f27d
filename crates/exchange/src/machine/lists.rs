//! Order lists: placing them, and what the fate of one order does to the others.

use matching::OrderKey;
use model::{Amount, ClientOrderId, OrderKind, OrderQuantity, Side, Symbol, Timestamp};

use super::place::{PlaceOrder, priced};
use super::settle::{Cause, key_of, lock_for, lock_of};
use super::{Exchange, ExecutionType, Output, Record, UserEvent, paid_asset};
use crate::api::error::ApiError;
use crate::lists::{Contingency, OrderList};
use crate::orders::{Order, Status};

/// A list as a client wants it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlaceList {
    /// The symbol of all its orders.
    pub symbol: Symbol,
    /// The client's name for it; one is made up if there is none.
    pub client_id: Option<ClientOrderId>,
    /// The order that must fill before the legs are placed; without one they are placed at once.
    pub working: Option<PlaceOrder>,
    /// One order, or two of which one cancels the other.
    pub legs: Vec<PlaceOrder>,
}

/// How a client names a list: at least one of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListRef {
    /// The venue's number.
    pub id: Option<i64>,
    /// The client's name.
    pub client_id: Option<ClientOrderId>,
}

impl Exchange {
    /// Places a list. Returns it with its orders as they are now.
    ///
    /// # Errors
    /// As for single orders; then nothing has changed.
    pub fn place_list(
        &mut self,
        account: u32,
        request: &PlaceList,
        now: Timestamp,
    ) -> Result<(OrderList, Vec<Order>), ApiError> {
        self.check_list(account, request, now)?;
        let instrument = self.market_of(request.symbol)?.instrument().id;
        let client_id = request.client_id.unwrap_or_else(|| self.generated_id());
        let list_id = self.next_list_id;
        self.next_list_id += 1;
        let mut orders = Vec::with_capacity(3);
        for order in request.working.iter().chain(&request.legs) {
            let client_id = order.client_id.unwrap_or_else(|| self.generated_id());
            let id = self.next_order_id;
            self.next_order_id += 1;
            let mut order = self.new_order(account, instrument, id, client_id, order, now);
            order.status = Status::PendingNew;
            order.working_at = None;
            order.locked = Amount::ZERO;
            order.list_id = Some(list_id);
            orders.push(id);
            self.account_mut(account).orders.insert(order);
        }
        let list = OrderList {
            id: list_id,
            account,
            symbol: request.symbol,
            contingency: match request.working {
                None => Contingency::OneCancelsOther,
                Some(_) => Contingency::OneTriggersOther,
            },
            client_id,
            working: request.working.as_ref().map(|_| orders[0]),
            orders,
            is_done: false,
            updated_at: now,
        };
        // Its orders are one operation: balances are told once, after all of it.
        self.operation.is_part = true;
        self.publish_list(list.clone(), false, now);
        match list.working {
            Some(working) => {
                for leg in list.legs() {
                    self.report_step(now, account, leg, ExecutionType::New, None);
                }
                self.activate(account, &[working], now);
            }
            None => self.activate(account, &list.orders, now),
        }
        self.operation.is_part = false;
        self.report_positions(now);
        Ok(self.list_with_orders(account, list_id))
    }

    fn list_with_orders(&self, account: u32, id: i64) -> (OrderList, Vec<Order>) {
        let orders = &self.account(account).orders;
        let list = orders.list(id).expect("lists are kept longer than they are open").clone();
        let of_list = list.orders.iter().filter_map(|id| orders.get(*id)).cloned().collect();
        (list, of_list)
    }

    fn check_list(
        &self,
        account: u32,
        request: &PlaceList,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let features = self.market_of(request.symbol)?.instrument().features;
        if request.working.is_some() && !features.oto {
            let words = "OTO orders are not supported for this symbol.";
            return Err(ApiError::order_rejected(words));
        }
        if request.legs.len() > 1 && !features.oco {
            return Err(ApiError::order_rejected("OCO orders are not supported for this symbol"));
        }
        for order in request.working.iter().chain(&request.legs) {
            self.check_filters(order, now)?;
            self.check_client_id(account, order)?;
        }
        let orders: Vec<&PlaceOrder> = request.working.iter().chain(&request.legs).collect();
        let is_repeated = |(place, order): (usize, &&PlaceOrder)| {
            let id = order.client_id;
            id.is_some() && orders[..place].iter().any(|earlier| earlier.client_id == id)
        };
        if orders.iter().enumerate().any(is_repeated) {
            return Err(ApiError::duplicate_order());
        }
        let lists = self.account(account).orders.lists_from(i64::MIN);
        let open_lists = lists.filter(|list| !list.is_done);
        if request.client_id.is_some_and(|id| open_lists.clone().any(|list| list.client_id == id)) {
            return Err(ApiError::duplicate_order());
        }
        let open = open_lists.filter(|list| list.symbol == request.symbol).count();
        if open >= crate::symbols::MOST_ORDER_LISTS {
            return Err(ApiError::filter("MAX_NUM_ORDER_LISTS"));
        }
        let market = self.market_of(request.symbol)?;
        let instrument = market.instrument();
        let free = |side| self.account(account).balance(paid_asset(instrument, side)).free;
        if let Some(working) = &request.working {
            return self.check(account, working, now);
        }
        let last = market.matcher.last_price();
        for leg in &request.legs {
            let stop = leg.kind.stop_price();
            let price = stop.or(leg.kind.limit_price());
            let is_above = price > last;
            // A trailing leg without a stop is on neither side yet.
            let has_price = stop.is_none_or(|stop| !stop.is_zero());
            if has_price && last.is_some() && (price == last || is_above != is_above_leg(leg)) {
                return Err(ApiError::bad_price_relation());
            }
            self.check_match(account, leg, now)?;
        }
        let need = request
            .legs
            .iter()
            .map(|leg| lock_of_leg(leg, instrument, last))
            .max()
            .unwrap_or(Amount::ZERO);
        let side = request.legs.first().map_or(Side::Buy, |leg| leg.side);
        if need > free(side) { Err(ApiError::insufficient_balance()) } else { Ok(()) }
    }

    pub(super) fn publish_list(&mut self, list: OrderList, is_update: bool, now: Timestamp) {
        let account = list.account;
        let orders = &self.account(account).orders;
        let ids = list.orders.iter().filter_map(|id| orders.get(*id));
        let orders = ids.map(|order| (order.id, order.client_id)).collect();
        self.records.push(Record::List(list.clone()));
        let event = UserEvent::List { list: list.clone(), orders, is_update, at: now };
        self.outputs.push(Output::User { account, event });
        self.account_mut(account).orders.insert_list(list);
    }

    /// Puts legs on the market. Two of them share what the greater one needs.
    fn activate(&mut self, account: u32, legs: &[i64], now: Timestamp) {
        let needs: Vec<Amount> = legs
            .iter()
            .filter_map(|id| self.account(account).orders.get(*id))
            .map(|order| lock_of(order, order.remaining()))
            .collect();
        let holder = (0..needs.len()).max_by_key(|place| needs[*place]).unwrap_or(0);
        for (place, id) in legs.iter().enumerate() {
            let need = if place == holder { needs[place] } else { Amount::ZERO };
            self.activate_leg(account, *id, need, now);
        }
    }

    fn activate_leg(&mut self, account: u32, id: i64, need: Amount, now: Timestamp) {
        let Some(order) = self.account(account).orders.get(id).cloned() else { return };
        if order.status != Status::PendingNew {
            return;
        }
        let asset = paid_asset(self.instruments.get(order.instrument), order.side);
        if need > self.account(account).balance(asset).free {
            return self.end_pending(account, id, Status::Expired, Some("REJECTED"), None, now);
        }
        let owner = self.account_mut(account);
        owner.lock(asset, need, now);
        owner.orders.update(id, |order| {
            order.status = Status::New;
            order.working_at = order.kind.stop_price().is_none().then_some(now);
            order.locked = need;
            order.updated_at = now;
        });
        let submission = self.submission(&order, OrderQuantity::Base(order.quantity), now);
        if self.submit(now, &submission).is_err() {
            self.account_mut(account).lock(asset, -need, now);
            self.end_pending(account, id, Status::Expired, Some("REJECTED"), None, now);
        }
    }

    /// Ends an order that the matcher does not hold.
    fn end_pending(
        &mut self,
        account: u32,
        id: i64,
        status: Status,
        reason: Option<&str>,
        cancel_id: Option<ClientOrderId>,
        now: Timestamp,
    ) {
        self.account_mut(account).orders.update(id, |order| {
            order.status = status;
            order.expiry_reason = reason.map(str::to_owned);
            order.locked = Amount::ZERO;
            order.updated_at = now;
        });
        let kind = match status {
            Status::Canceled => ExecutionType::Canceled,
            Status::PendingNew
            | Status::New
            | Status::PartiallyFilled
            | Status::Filled
            | Status::Expired
            | Status::ExpiredInMatch => ExecutionType::Expired,
        };
        self.report_step(now, account, id, kind, cancel_id);
        self.touch_list(account, id);
    }

    /// Notes that the list of an order has to be looked at.
    pub(super) fn touch_list(&mut self, account: u32, order: i64) {
        if let Some(list) = self.account(account).orders.get(order).and_then(|order| order.list_id)
        {
            self.touched_lists.insert((account, list));
        }
    }

    /// Lets lists follow what happened to their orders.
    pub(super) fn run_lists(&mut self, now: Timestamp, cause: Cause) {
        while let Some((account, list)) = self.touched_lists.pop_first() {
            self.run_list(account, list, now, cause);
        }
    }

    fn run_list(&mut self, account: u32, id: i64, now: Timestamp, cause: Cause) {
        let (list, orders) = self.list_with_orders(account, id);
        if list.is_done {
            return;
        }
        let working = orders.iter().find(|order| Some(order.id) == list.working);
        let pending: Vec<i64> = orders
            .iter()
            .filter(|order| order.status == Status::PendingNew && Some(order.id) != list.working)
            .map(|order| order.id)
            .collect();
        if let Some(working) = working.filter(|_| !pending.is_empty()) {
            self.follow_working(account, working.status, &pending, now, cause);
        } else if pending.is_empty() {
            self.follow_leg(account, &list, now, cause);
        }
        let (mut list, orders) = self.list_with_orders(account, id);
        if !list.is_done && orders.iter().all(|order| !order.status.is_open()) {
            list.is_done = true;
            list.updated_at = now;
            self.publish_list(list, false, now);
        }
    }

    /// What the working order's state means for the legs that wait for it.
    fn follow_working(
        &mut self,
        account: u32,
        status: Status,
        pending: &[i64],
        now: Timestamp,
        cause: Cause,
    ) {
        match status {
            Status::PendingNew | Status::New | Status::PartiallyFilled => {}
            Status::Filled => self.activate(account, pending, now),
            Status::Canceled => {
                for id in pending {
                    self.end_pending(account, *id, Status::Canceled, None, cause.cancel_id(), now);
                }
            }
            Status::Expired | Status::ExpiredInMatch => {
                let reason = Some("OTO_PHASE_ONE_EXPIRED");
                for id in pending {
                    self.end_pending(account, *id, Status::Expired, reason, None, now);
                }
            }
        }
    }

    /// Of two legs, one that started ends the other.
    fn follow_leg(&mut self, account: u32, list: &OrderList, now: Timestamp, cause: Cause) {
        let orders = &self.account(account).orders;
        let legs: Vec<Order> = list.legs().filter_map(|id| orders.get(id)).cloned().collect();
        let Some(started) = legs.iter().find(|leg| has_started(leg)).filter(|_| legs.len() > 1)
        else {
            return;
        };
        let cause = match started.status {
            Status::Canceled => cause,
            Status::PendingNew
            | Status::New
            | Status::PartiallyFilled
            | Status::Filled
            | Status::Expired
            | Status::ExpiredInMatch => Cause::List,
        };
        for other in legs.iter().filter(|leg| leg.id != started.id && leg.status.is_open()) {
            self.cancel_in_matcher(other, key_of(other.id), now, cause);
        }
        self.hold_for(account, started.id, now);
    }

    pub(super) fn cancel_in_matcher(
        &mut self,
        order: &Order,
        key: OrderKey,
        now: Timestamp,
        cause: Cause,
    ) {
        let mut events = std::mem::take(&mut self.scratch);
        self.markets[usize::from(order.instrument.0)]
            .matcher
            .cancel(now, key, &mut events)
            .expect("the matcher holds every open order that is placed");
        self.settle(now, order.instrument, &mut events, cause);
        self.scratch = events;
    }

    /// Locks what an order needs that its list's other leg held before.
    fn hold_for(&mut self, account: u32, id: i64, now: Timestamp) {
        let missing = self.account_mut(account).orders.update(id, |order| {
            let need = lock_of(order, order.remaining());
            let missing = need - order.locked;
            if missing.is_positive() {
                order.locked = need;
            }
            (order.instrument, order.side, missing)
        });
        if let Some((instrument, side, missing)) = missing.filter(|missing| missing.2.is_positive())
        {
            let asset = paid_asset(self.instruments.get(instrument), side);
            self.account_mut(account).lock(asset, missing, now);
        }
    }

    /// Takes back all orders of a list.
    ///
    /// # Errors
    /// -2011.
    pub fn cancel_list(
        &mut self,
        account: u32,
        symbol: Symbol,
        list: ListRef,
        cancel_id: Option<ClientOrderId>,
        now: Timestamp,
    ) -> Result<(i64, ClientOrderId), ApiError> {
        let list = self
            .account(account)
            .orders
            .find_list(list.id, list.client_id)
            .filter(|list| list.symbol == symbol && !list.is_done)
            .ok_or_else(ApiError::unknown_order)?;
        let (id, orders) = (list.id, list.orders.clone());
        let open = orders
            .into_iter()
            .find(|id| {
                let order = self.account(account).orders.get(*id);
                order.is_some_and(|order| order.status.is_open())
            })
            .ok_or_else(ApiError::unknown_order)?;
        let cancel_id = cancel_id.unwrap_or_else(|| self.generated_id());
        self.cancel_open(account, open, cancel_id, now);
        Ok((id, cancel_id))
    }
}

fn lock_of_leg(
    order: &PlaceOrder,
    instrument: &model::Instrument,
    last: Option<model::Price>,
) -> Amount {
    let kind = priced(order, instrument, last).kind;
    match order.quantity {
        OrderQuantity::Base(quantity) => lock_for(&kind, order.side, quantity, None),
        OrderQuantity::Quote(amount) => amount,
    }
}

/// Whether a leg lies above the market: a sell's target, a buy's stop.
const fn is_above_leg(order: &PlaceOrder) -> bool {
    let is_stop =
        matches!(order.kind, OrderKind::StopLoss { .. } | OrderKind::StopLossLimit { .. });
    is_stop == matches!(order.side, Side::Buy)
}

/// Whether a leg has begun to do what it is for, or has ended.
fn has_started(order: &Order) -> bool {
    let is_fired = order.kind.stop_price().is_some() && !order.is_waiting();
    order.executed.is_positive() || is_fired || !order.status.is_open()
}
