//! Placing orders.

use matching::{Owner, Reject, Submission, Trailing};
use model::{
    Amount, ClientOrderId, Features, InstrumentId, InstrumentStatus, NewOrder, OrderKind,
    OrderQuantity, Price, Quantity, Side, Symbol, Timestamp, TradeId,
};

use super::settle::{key_of, lock_for, lock_of};
use super::{Exchange, paid_asset};
use crate::api::error::ApiError;
use crate::orders::{MyTrade, Order, PreventedMatch, SelfTradePrevention, Status};

/// An order as a client wants it, complete and well formed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlaceOrder {
    /// What is traded.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Kind, with its prices.
    pub kind: OrderKind,
    /// How much.
    pub quantity: OrderQuantity,
    /// The client's name for it; one is made up if there is none.
    pub client_id: Option<ClientOrderId>,
    /// Self-trade prevention asked for.
    pub prevention: SelfTradePrevention,
    /// The part that shows.
    pub iceberg: Option<Quantity>,
    /// How far the market must come back to set it off, in hundredths of a percent.
    pub trailing_delta: Option<u32>,
    /// The client's number for the strategy.
    pub strategy_id: Option<i64>,
    /// The client's kind of strategy.
    pub strategy_type: Option<i64>,
}

/// What became of an order at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placed {
    /// The order as it is now.
    pub order: Order,
    /// Its executions so far.
    pub trades: Vec<MyTrade>,
    /// Executions that self-trade prevention kept it from, as a taker.
    pub prevented: Vec<PreventedMatch>,
}

impl Exchange {
    /// Places an order.
    ///
    /// # Errors
    /// The venue's refusals: filters (-1013), balance, duplicate id and the matching engine's
    /// words (-2010). Nothing has changed then.
    pub fn place(
        &mut self,
        account: u32,
        request: &PlaceOrder,
        now: Timestamp,
    ) -> Result<Placed, ApiError> {
        self.check(account, request, now)?;
        let instrument = self.market_of(request.symbol)?.instrument().id;
        let id = self.next_order_id;
        let client_id = request.client_id.unwrap_or_else(|| self.generated_id());
        let order = self.new_order(account, instrument, id, client_id, request, now);
        let submission = self.submission(&order, request.quantity, now);
        self.open(&order, now);
        let last_trade = self.market(instrument).matcher.last_trade_id();
        let first_prevented = self.next_prevented_id;
        self.next_order_id += 1;
        if let Err(reject) = self.submit(now, &submission) {
            self.next_order_id -= 1;
            self.withdraw(&order, now);
            return Err(refusal(&reject));
        }
        let orders = &self.account(account).orders;
        let order = orders.get(id).expect("it was just placed").clone();
        let trades = orders
            .trades_from(request.symbol, TradeId(last_trade + 1))
            .filter(|trade| trade.order == id)
            .cloned()
            .collect();
        let prevented = orders.prevented_from(first_prevented);
        let prevented = prevented.filter(|prevented| prevented.taker == id).cloned().collect();
        Ok(Placed { order, trades, prevented })
    }

    /// Everything that can be checked without placing: what order/test does.
    ///
    /// # Errors
    /// See [`Self::place`].
    pub fn check(
        &self,
        account: u32,
        request: &PlaceOrder,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        self.check_filters(request, now)?;
        self.check_client_id(account, request)?;
        let market = self.market_of(request.symbol)?;
        let instrument = market.instrument();
        let order = priced(request, instrument, market.matcher.last_price());
        let free = self.account(account).balance(paid_asset(instrument, request.side)).free;
        if self.cost(&order) > free {
            return Err(ApiError::insufficient_balance());
        }
        Ok(())
    }

    /// What concerns the order and its symbol alone.
    ///
    /// # Errors
    /// -1121, -2010 when the symbol takes no orders, or none of this kind, -1013.
    pub fn check_filters(&self, request: &PlaceOrder, now: Timestamp) -> Result<(), ApiError> {
        let market = self.market_of(request.symbol)?;
        let instrument = market.instrument();
        if instrument.status != InstrumentStatus::Trading {
            return Err(ApiError::market_closed());
        }
        check_features(request, &instrument.features)?;
        let order = priced(request, instrument, market.matcher.last_price());
        let reference = market.reference_price(now, reference_mins(instrument));
        instrument
            .check(&order, reference)
            .map_err(|violation| ApiError::filter(violation.filter_name()))?;
        check_iceberg(request, instrument)?;
        check_trailing(request)
    }

    /// An id may be used again once the order that had it has ended.
    pub(super) fn check_client_id(
        &self,
        account: u32,
        request: &PlaceOrder,
    ) -> Result<(), ApiError> {
        let Some(id) = &request.client_id else { return Ok(()) };
        let earlier = self.account(account).orders.by_client_id(request.symbol, id);
        let is_taken = earlier.is_some_and(|order| order.status.is_open());
        if is_taken { Err(ApiError::duplicate_order()) } else { Ok(()) }
    }

    /// What the matcher would refuse.
    pub(super) fn check_match(
        &self,
        account: u32,
        request: &PlaceOrder,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let market = self.market_of(request.symbol)?;
        let instrument = market.instrument().id;
        let id = self.next_order_id;
        let name = ClientOrderId::new("check").expect("a plain name");
        let order = self.new_order(account, instrument, id, name, request, now);
        let submission = self.submission(&order, request.quantity, now);
        market.matcher.check(&submission).map_err(|reject| refusal(&reject))
    }

    /// What an order needs of its paying asset now.
    fn cost(&self, order: &NewOrder) -> Amount {
        let market = self.market(order.instrument);
        match (order.kind, order.quantity) {
            (OrderKind::Market, quantity) => {
                let preview = market.matcher.preview(order.side, None, quantity);
                match (order.side, quantity) {
                    (Side::Buy, OrderQuantity::Quote(amount)) => amount,
                    (Side::Buy, OrderQuantity::Base(_)) => preview.notional,
                    (Side::Sell, OrderQuantity::Base(quantity)) => quantity.into(),
                    (Side::Sell, OrderQuantity::Quote(_)) => preview.quantity.into(),
                }
            }
            (kind, OrderQuantity::Base(quantity)) => lock_for(&kind, order.side, quantity, None),
            (_, OrderQuantity::Quote(amount)) => amount,
        }
    }

    pub(super) fn submission(
        &self,
        order: &Order,
        quantity: OrderQuantity,
        now: Timestamp,
    ) -> Submission {
        let market = self.market(order.instrument);
        let instrument = market.instrument();
        let held = self.account(order.account).balance(instrument.base);
        let held = (held.free + held.locked).truncated(8).to_decimal();
        Submission {
            key: key_of(order.id),
            owner: Owner(order.account),
            order: NewOrder::new(order.instrument, order.side, order.kind, quantity),
            held: Quantity::from_decimal(held).unwrap_or(Quantity::MAX),
            reference: market.reference_price(now, reference_mins(instrument)),
            budget: Some(lock_of(order, order.remaining())),
            prevention: order.prevention,
            iceberg: order.iceberg,
            trailing: order.trailing_delta.map(|delta_bips| Trailing { delta_bips }),
        }
    }

    /// Enters an order into the books with its lock, before matching sees it.
    fn open(&mut self, order: &Order, now: Timestamp) {
        let asset = paid_asset(self.instruments.get(order.instrument), order.side);
        let account = self.account_mut(order.account);
        if !order.locked.is_zero() {
            account.lock(asset, order.locked, now);
        }
        account.orders.insert(order.clone());
    }

    /// Undoes [`Self::open`] for an order that matching refused.
    fn withdraw(&mut self, order: &Order, now: Timestamp) {
        let asset = paid_asset(self.instruments.get(order.instrument), order.side);
        let account = self.account_mut(order.account);
        if !order.locked.is_zero() {
            account.lock(asset, -order.locked, now);
        }
        account.orders.forget(order.id);
        account.take_touched();
    }
}

impl Exchange {
    /// An order as it comes in.
    pub(super) fn new_order(
        &self,
        account: u32,
        instrument: InstrumentId,
        id: i64,
        client_id: ClientOrderId,
        request: &PlaceOrder,
        now: Timestamp,
    ) -> Order {
        let has_stop = request.kind.stop_price().is_some_and(|stop| !stop.is_zero());
        let last = self.market(instrument).matcher.last_price();
        let lock_price = last.filter(|_| request.trailing_delta.is_some() && !has_stop);
        let order = unlocked_order(account, instrument, id, client_id, request, now);
        let order = Order { lock_price, ..order };
        Order { locked: lock_of(&order, order.quantity), ..order }
    }
}

fn unlocked_order(
    account: u32,
    instrument: InstrumentId,
    id: i64,
    client_id: ClientOrderId,
    request: &PlaceOrder,
    now: Timestamp,
) -> Order {
    let (quantity, quote_wanted) = match request.quantity {
        OrderQuantity::Base(quantity) => (quantity, Amount::ZERO),
        OrderQuantity::Quote(amount) => (Quantity::ZERO, amount),
    };
    Order {
        id,
        account,
        instrument,
        symbol: request.symbol,
        client_id,
        side: request.side,
        kind: request.kind,
        quantity,
        quote_wanted,
        executed: Quantity::ZERO,
        quote_executed: Amount::ZERO,
        status: Status::New,
        created_at: now,
        updated_at: now,
        working_at: request.kind.stop_price().is_none().then_some(now),
        prevention: request.prevention,
        strategy_id: request.strategy_id,
        strategy_type: request.strategy_type,
        expiry_reason: None,
        locked: Amount::ZERO,
        lock_price: None,
        iceberg: request.iceberg,
        trailing_delta: request.trailing_delta,
        trailing_at: None,
        prevented: Quantity::ZERO,
        prevented_match: None,
        list_id: None,
        amendments: Vec::new(),
    }
}

/// The order as filters and balances see it: a trailing stop without a price is where the market
/// is now.
pub(super) fn priced(
    request: &PlaceOrder,
    instrument: &model::Instrument,
    last: Option<Price>,
) -> NewOrder {
    let now = last.unwrap_or_default().floor_to(instrument.filters.price.tick);
    let kind = request.kind.or_stop_at(now);
    NewOrder::new(instrument.id, request.side, kind, request.quantity)
}

/// What the symbol does not take at all.
fn check_features(request: &PlaceOrder, features: &Features) -> Result<(), ApiError> {
    let is_by_quote = matches!(request.quantity, OrderQuantity::Quote(_));
    let words = match request.kind {
        OrderKind::Limit { .. } => "Limit orders are not supported for this symbol.",
        OrderKind::LimitMaker { .. } => "Limit maker orders are not supported for this symbol.",
        OrderKind::Market => "Market orders are not supported for this symbol.",
        OrderKind::StopLoss { .. } => "Stop loss orders are not supported for this symbol.",
        OrderKind::StopLossLimit { .. } => {
            "Stop loss limit orders are not supported for this symbol."
        }
        OrderKind::TakeProfit { .. } => "Take profit orders are not supported for this symbol.",
        OrderKind::TakeProfitLimit { .. } => {
            "Take profit limit orders are not supported for this symbol."
        }
    };
    let asked = [
        (!features.order_types.holds(&request.kind), words),
        (
            is_by_quote && !features.quote_quantity,
            "Quote order qty market orders are not support for this symbol.",
        ),
        (
            request.iceberg.is_some() && !features.iceberg,
            "Iceberg orders are not supported for this symbol.",
        ),
        (
            request.trailing_delta.is_some() && !features.trailing_stop,
            "Trailing stop orders are not supported for this symbol.",
        ),
    ];
    match asked.into_iter().find(|(is_refused, _)| *is_refused) {
        Some((_, words)) => Err(ApiError::order_rejected(words)),
        None => Ok(()),
    }
}

/// LOT_SIZE and ICEBERG_PARTS for the part that shows.
fn check_iceberg(request: &PlaceOrder, instrument: &model::Instrument) -> Result<(), ApiError> {
    let (Some(part), OrderQuantity::Base(quantity)) = (request.iceberg, request.quantity) else {
        return Ok(());
    };
    if part > quantity {
        return Err(ApiError::order_rejected("IcebergQty exceeds QTY."));
    }
    let lot = instrument.filters.lot_size;
    if part < lot.min || (!lot.max.is_zero() && part > lot.max) || !part.is_multiple_of(lot.step) {
        return Err(ApiError::filter("LOT_SIZE"));
    }
    let parts = (quantity.units() + part.units() - 1) / part.units();
    match instrument.filters.max_iceberg_parts {
        Some(limit) if parts > i64::from(limit) => Err(ApiError::filter("ICEBERG_PARTS")),
        Some(_) | None => Ok(()),
    }
}

/// TRAILING_DELTA, which is the same for all symbols and both directions here.
fn check_trailing(request: &PlaceOrder) -> Result<(), ApiError> {
    let is_within = |delta| crate::symbols::TRAILING_DELTAS.contains(&delta);
    match request.trailing_delta {
        Some(delta) if !is_within(delta) => Err(ApiError::filter("TRAILING_DELTA")),
        Some(_) | None => Ok(()),
    }
}

/// Minutes that the reference price of the filters averages.
pub(super) fn reference_mins(instrument: &model::Instrument) -> u32 {
    let filters = &instrument.filters;
    let percent = filters.percent_price.map(|filter| filter.average_mins);
    percent.or(filters.notional.map(|filter| filter.average_mins)).unwrap_or(0)
}

/// The venue's words for a refusal of matching.
fn refusal(reject: &Reject) -> ApiError {
    match reject {
        Reject::DuplicateKey(key) => unreachable!("order ids count up: {key:?}"),
        Reject::NotTrading(_) => ApiError::market_closed(),
        Reject::Filter(violation) => ApiError::filter(violation.filter_name()),
        Reject::TooManyOpenOrders { .. } => ApiError::filter("MAX_NUM_ORDERS"),
        Reject::TooManyStopOrders { .. } => ApiError::filter("MAX_NUM_ALGO_ORDERS"),
        Reject::PositionTooLarge { .. } => ApiError::filter("MAX_POSITION"),
        Reject::QuoteAmountNotAllowed => ApiError::unsupported_combination(),
        Reject::WouldMatchImmediately { .. } => ApiError::would_take(),
        Reject::WouldTriggerImmediately { .. } => ApiError::would_trigger(),
    }
}
