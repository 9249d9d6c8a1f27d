//! Placing, querying and canceling orders.

use std::time::Duration;

use model::{Amount, ClientOrderId, OrderKind, OrderQuantity, Price, Quantity, Side, TimeInForce};
use rust_decimal::Decimal;
use serde_json::json;

use super::json;
use super::render::{Ack, CancelAnswer, NewOrderAnswer, OrderAnswer};
use crate::api::Request;
use crate::api::error::ApiError;
use crate::api::params::Params;
use crate::machine::{CancelOrder, CancelRestriction, Exchange, NotFound, OrderRef, PlaceOrder};
use crate::orders::{Order, SelfTradePrevention};
use crate::symbols::eight;

/// How much of a new order is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Detail {
    Ack,
    Result,
    Full,
}

fn client_id(params: &Params, name: &str) -> Result<Option<ClientOrderId>, ApiError> {
    let legal = "^[a-zA-Z0-9-_.:/]{1,36}$";
    let Some(text) = params.text(name)? else { return Ok(None) };
    let is_legal = text.len() <= 36
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte));
    if !is_legal {
        return Err(ApiError::illegal_characters(name, legal));
    }
    ClientOrderId::new(text).map(Some).map_err(|_| ApiError::illegal_characters(name, legal))
}

fn side(params: &Params) -> Result<Side, ApiError> {
    match params.required_text("side")? {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(ApiError::bad_side()),
    }
}

fn time_in_force(params: &Params) -> Result<Option<TimeInForce>, ApiError> {
    match params.text("timeInForce")? {
        None => Ok(None),
        Some("GTC") => Ok(Some(TimeInForce::GoodTilCanceled)),
        Some("IOC") => Ok(Some(TimeInForce::ImmediateOrCancel)),
        Some("FOK") => Ok(Some(TimeInForce::FillOrKill)),
        Some(_) => Err(ApiError::bad_time_in_force()),
    }
}

/// The numbers of a new order as sent.
struct Numbers {
    quantity: Option<Quantity>,
    quote: Option<Price>,
    price: Option<Price>,
    stop_price: Option<Price>,
    time_in_force: Option<TimeInForce>,
}

impl Numbers {
    fn read(params: &Params) -> Result<Self, ApiError> {
        let time_in_force = time_in_force(params)?;
        let numbers = Self {
            quantity: params.quantity("quantity")?,
            // An amount of the quote asset has as many decimals as a price.
            quote: params.price("quoteOrderQty")?,
            price: params.price("price")?,
            stop_price: params.price("stopPrice")?,
            time_in_force,
        };
        if numbers.quantity.is_some_and(Quantity::is_zero) {
            return Err(ApiError::invalid_message("Invalid quantity."));
        }
        if numbers.quote.is_some_and(Price::is_zero) {
            return Err(ApiError::invalid_message("Invalid quote order quantity."));
        }
        if numbers.price.is_some_and(Price::is_zero) {
            return Err(ApiError::invalid_message("Invalid price."));
        }
        if numbers.stop_price.is_some_and(Price::is_zero) {
            return Err(ApiError::invalid_message("Invalid stopPrice."));
        }
        Ok(numbers)
    }

    /// Refuses what the kind does not have.
    fn refuse(&self, names: &[&str]) -> Result<(), ApiError> {
        for name in names {
            let is_sent = match *name {
                "quoteOrderQty" => self.quote.is_some(),
                "price" => self.price.is_some(),
                "stopPrice" => self.stop_price.is_some(),
                "timeInForce" => self.time_in_force.is_some(),
                _ => false,
            };
            if is_sent {
                return Err(ApiError::not_required(name));
            }
        }
        Ok(())
    }

    fn price(&self) -> Result<Price, ApiError> {
        self.price.ok_or_else(|| ApiError::mandatory("price"))
    }

    fn time_in_force(&self) -> Result<TimeInForce, ApiError> {
        self.time_in_force.ok_or_else(|| ApiError::mandatory("timeInForce"))
    }

    fn quantity(&self) -> Result<OrderQuantity, ApiError> {
        let quantity = self.quantity.ok_or_else(|| ApiError::mandatory("quantity"))?;
        Ok(OrderQuantity::Base(quantity))
    }

    fn stop_price(&self) -> Result<Price, ApiError> {
        self.stop_price.ok_or_else(|| ApiError::either("stopPrice", "trailingDelta"))
    }

    fn market_quantity(&self) -> Result<OrderQuantity, ApiError> {
        match (self.quantity, self.quote) {
            (Some(quantity), None) => Ok(OrderQuantity::Base(quantity)),
            (None, Some(quote)) => Ok(OrderQuantity::Quote(Amount::new(quote.to_decimal()))),
            (Some(_), Some(_)) => Err(ApiError::bad_combination()),
            (None, None) => Err(ApiError::either("quantity", "quoteOrderQty")),
        }
    }

    fn kind(&self, name: &str) -> Result<(OrderKind, OrderQuantity), ApiError> {
        match name {
            "MARKET" => {
                self.refuse(&["price", "timeInForce", "stopPrice"])?;
                return Ok((OrderKind::Market, self.market_quantity()?));
            }
            "LIMIT" | "LIMIT_MAKER" => self.refuse(&["quoteOrderQty", "stopPrice"])?,
            _ => self.refuse(&["quoteOrderQty"])?,
        }
        let kind = match name {
            "LIMIT" => {
                let time_in_force = self.time_in_force()?;
                OrderKind::Limit { price: self.price()?, time_in_force }
            }
            "LIMIT_MAKER" => {
                self.refuse(&["timeInForce"])?;
                OrderKind::LimitMaker { price: self.price()? }
            }
            "STOP_LOSS" | "TAKE_PROFIT" => {
                self.refuse(&["price", "timeInForce"])?;
                let stop_price = self.stop_price()?;
                if name == "STOP_LOSS" {
                    OrderKind::StopLoss { stop_price }
                } else {
                    OrderKind::TakeProfit { stop_price }
                }
            }
            "STOP_LOSS_LIMIT" | "TAKE_PROFIT_LIMIT" => {
                let time_in_force = self.time_in_force()?;
                let (price, stop_price) = (self.price()?, self.stop_price()?);
                if name == "STOP_LOSS_LIMIT" {
                    OrderKind::StopLossLimit { stop_price, price, time_in_force }
                } else {
                    OrderKind::TakeProfitLimit { stop_price, price, time_in_force }
                }
            }
            _ => return Err(ApiError::bad_order_type()),
        };
        Ok((kind, self.quantity()?))
    }
}

/// Options that this exchange leaves out: they are refused, not ignored.
const LEFT_OUT: [&str; 5] =
    ["icebergQty", "trailingDelta", "pegPriceType", "pegOffsetType", "pegOffsetValue"];

fn read_order(exchange: &Exchange, params: &Params) -> Result<(PlaceOrder, Detail), ApiError> {
    let symbol = params.symbol()?;
    exchange.market_of(symbol)?;
    let side = side(params)?;
    let type_name = params.required_text("type")?;
    let numbers = Numbers::read(params)?;
    for name in LEFT_OUT {
        if params.text(name)?.is_some() {
            return Err(ApiError::unsupported());
        }
    }
    let (kind, quantity) = numbers.kind(type_name)?;
    let strategy_type = params.integer("strategyType")?;
    if strategy_type.is_some_and(|number| number < 1_000_000) {
        return Err(ApiError::strategy_type_too_small());
    }
    let prevention = match params.text("selfTradePreventionMode")? {
        None | Some("NONE") => SelfTradePrevention::None,
        Some(_) => {
            return Err(ApiError::invalid_message(
                "This symbol does not allow the specified self-trade prevention mode.",
            ));
        }
    };
    let detail = match params.text("newOrderRespType")? {
        None if matches!(kind, OrderKind::Market | OrderKind::Limit { .. }) => Detail::Full,
        None | Some("ACK") => Detail::Ack,
        Some("RESULT") => Detail::Result,
        Some("FULL") => Detail::Full,
        Some(_) => return Err(ApiError::invalid_parameter("newOrderRespType")),
    };
    let order = PlaceOrder {
        symbol,
        side,
        kind,
        quantity,
        client_id: client_id(params, "newClientOrderId")?,
        prevention,
        strategy_id: params.integer("strategyId")?,
        strategy_type,
    };
    Ok((order, detail))
}

/// `POST /api/v3/order`
pub fn place(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let (order, detail) = read_order(exchange, request.params)?;
    request.params.finish()?;
    let placed = exchange.place(request.account, &order, request.now)?;
    let unit = request.unit;
    Ok(match detail {
        Detail::Ack => json(&Ack::of(&placed.order, unit)),
        Detail::Result => json(&NewOrderAnswer::of(&placed.order, None, unit)),
        Detail::Full => json(&NewOrderAnswer::of(&placed.order, Some(&placed.trades), unit)),
    })
}

/// Weight of order/test.
pub fn test_weight(params: &Params) -> u32 {
    if params.peek("computeCommissionRates") == Some("true") { 20 } else { 1 }
}

/// `POST /api/v3/order/test`
pub fn test(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let (order, _) = read_order(exchange, request.params)?;
    let with_rates = request.params.boolean("computeCommissionRates")?.unwrap_or(false);
    request.params.finish()?;
    exchange.check(request.account, &order, request.now)?;
    if !with_rates {
        return Ok("{}".to_owned());
    }
    let fees = exchange.fees();
    let none = json!({"maker": eight(Decimal::ZERO), "taker": eight(Decimal::ZERO)});
    Ok(json(&json!({
        "standardCommissionForOrder": {"maker": eight(fees.maker), "taker": eight(fees.taker)},
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": {
            "enabledForAccount": false,
            "enabledForSymbol": false,
            "discountAsset": "BNB",
            "discount": eight(Decimal::new(75, 2)),
        },
    })))
}

fn order_ref(params: &Params) -> Result<OrderRef, ApiError> {
    let order = OrderRef {
        id: params.integer("orderId")?,
        client_id: client_id(params, "origClientOrderId")?,
    };
    if order.id.is_none() && order.client_id.is_none() {
        return Err(ApiError::either("origClientOrderId", "orderId"));
    }
    Ok(order)
}

/// `GET /api/v3/order`
pub fn query(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let symbol = request.params.symbol()?;
    exchange.market_of(symbol)?;
    let order = order_ref(request.params)?;
    request.params.finish()?;
    match exchange.find_order(request.account, symbol, order) {
        Ok(order) => Ok(json(&OrderAnswer::of(order, request.unit))),
        Err(NotFound::Unknown) => Err(ApiError::no_such_order()),
        Err(NotFound::Mismatch) => Err(ApiError::id_pair_mismatch()),
    }
}

/// `DELETE /api/v3/order`
pub fn cancel(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    exchange.market_of(symbol)?;
    let order = order_ref(params)?;
    let cancel_id = client_id(params, "newClientOrderId")?;
    let restriction = match params.text("cancelRestrictions")? {
        None => None,
        Some("ONLY_NEW") => Some(CancelRestriction::OnlyNew),
        Some("ONLY_PARTIALLY_FILLED") => Some(CancelRestriction::OnlyPartiallyFilled),
        Some(_) => return Err(ApiError::bad_cancel_restrictions()),
    };
    params.finish()?;
    let request_cancel = CancelOrder { symbol, order, cancel_id, restriction };
    let (order, cancel_id) = exchange.cancel(request.account, &request_cancel, request.now)?;
    Ok(json(&CancelAnswer::of(&order, cancel_id, request.unit)))
}

/// `DELETE /api/v3/openOrders`
pub fn cancel_all(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let symbol = request.params.symbol()?;
    request.params.finish()?;
    let canceled = exchange.cancel_all(request.account, symbol, request.now)?;
    let answers: Vec<_> = canceled
        .iter()
        .map(|(order, cancel_id)| CancelAnswer::of(order, *cancel_id, request.unit))
        .collect();
    Ok(json(&answers))
}

/// Weight of openOrders.
pub fn open_weight(params: &Params) -> u32 {
    if params.peek("symbol").is_some() { 6 } else { 80 }
}

/// `GET /api/v3/openOrders`
pub fn open(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let symbol = request.params.optional_symbol()?;
    request.params.finish()?;
    if let Some(symbol) = symbol {
        exchange.market_of(symbol)?;
    }
    let orders: Vec<_> = exchange
        .account(request.account)
        .orders
        .open()
        .filter(|order| symbol.is_none_or(|symbol| order.symbol == symbol))
        .map(|order| OrderAnswer::of(order, request.unit))
        .collect();
    Ok(json(&orders))
}

/// `GET /api/v3/allOrders`
pub fn all(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    let from_id = params.integer("orderId")?;
    let (from, to) = (params.instant("startTime")?, params.instant("endTime")?);
    let limit = params.limit(500, 1_000)?;
    params.finish()?;
    if let (Some(from), Some(to)) = (from, to)
        && to.since(from) > Duration::from_secs(24 * 3_600)
    {
        return Err(ApiError::more_than_hours(24));
    }
    exchange.market_of(symbol)?;
    let is_wanted = |order: &&Order| {
        from.is_none_or(|from| order.created_at.as_micros() >= from.as_micros())
            && to.is_none_or(|to| order.created_at.as_millis() <= to.as_millis())
    };
    let orders = &exchange.account(request.account).orders;
    let all = orders.all_from(symbol, from_id.unwrap_or(i64::MIN)).filter(is_wanted);
    let wanted: Vec<&Order> = if from_id.is_some() || from.is_some() {
        all.take(limit).collect()
    } else {
        let mut newest: Vec<_> = all.rev().take(limit).collect();
        newest.reverse();
        newest
    };
    let answers: Vec<_> =
        wanted.into_iter().map(|order| OrderAnswer::of(order, request.unit)).collect();
    Ok(json(&answers))
}
