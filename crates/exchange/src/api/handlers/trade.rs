//! Placing, querying, replacing and canceling orders.

use std::time::Duration;

use model::Timestamp;
use rust_decimal::Decimal;

use super::account::LONGEST_PERIOD;
use super::json;
use super::lists;
use super::read::{Detail, client_id, order_ref, read_detail, read_order, read_restriction};
use super::render::{Ack, CancelAnswer, NewOrderAnswer, OrderAnswer};
use crate::api::error::ApiError;
use crate::api::ordered::object;
use crate::api::params::Params;
use crate::api::{Request, TimeUnit};
use crate::machine::{CancelOrder, Exchange, NotFound, PlaceOrder, Placed};
use crate::orders::Order;
use crate::symbols::eight;

/// `POST /api/v3/order`
pub fn place(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let order = read_order(exchange, request.params)?;
    let detail = read_detail(request.params, &order.kind)?;
    request.params.finish()?;
    let placed = exchange.place(request.account, &order, request.now)?;
    Ok(placed_json(&placed, detail, request.unit))
}

fn placed_json(placed: &Placed, detail: Detail, unit: TimeUnit) -> String {
    match detail {
        Detail::Ack => json(&Ack::of(&placed.order, unit)),
        Detail::Result => json(&NewOrderAnswer::of(&placed.order, None, unit)),
        Detail::Full => {
            let answer = NewOrderAnswer::of(&placed.order, Some(&placed.trades), unit);
            json(&answer.with_prevented(&placed.prevented))
        }
    }
}

/// A cancel and a new order as they are wanted.
struct Replace {
    stops_on_failure: bool,
    /// Whether the cancel is wanted though the account may place no more orders for now.
    cancels_past_limit: bool,
    order: PlaceOrder,
    detail: Detail,
    cancel: CancelOrder,
}

fn read_replace(exchange: &Exchange, params: &Params) -> Result<Replace, ApiError> {
    let stops_on_failure = match params.required_text("cancelReplaceMode")? {
        "STOP_ON_FAILURE" => true,
        "ALLOW_FAILURE" => false,
        _ => return Err(ApiError::invalid_parameter("cancelReplaceMode")),
    };
    let cancels_past_limit = match params.text("orderRateLimitExceededMode")? {
        None | Some("DO_NOTHING") => false,
        Some("CANCEL_ONLY") => true,
        Some(_) => return Err(ApiError::invalid_parameter("orderRateLimitExceededMode")),
    };
    let order = read_order(exchange, params)?;
    let detail = read_detail(params, &order.kind)?;
    let cancel = CancelOrder {
        symbol: order.symbol,
        order: order_ref(params, "cancelOrderId", "cancelOrigClientOrderId")?,
        cancel_id: client_id(params, "cancelNewClientOrderId")?,
        restriction: read_restriction(params)?,
    };
    params.finish()?;
    if !exchange.market_of(order.symbol)?.instrument().features.cancel_replace {
        let words = "Order cancel-replace is not supported for this symbol.";
        return Err(ApiError::order_rejected(words));
    }
    Ok(Replace { stops_on_failure, cancels_past_limit, order, detail, cancel })
}

/// Both answers of a cancelReplace; without a second one the new order was not tried.
fn replace_data(
    canceled: &Result<String, ApiError>,
    placed: Option<&Result<String, ApiError>>,
) -> String {
    let word = |result: &Result<String, ApiError>| match result {
        Ok(_) => "SUCCESS",
        Err(_) => "FAILURE",
    };
    let text = |result: &Result<String, ApiError>| match result {
        Ok(text) => text.clone(),
        Err(error) => error.to_json(),
    };
    format!(
        r#"{{"cancelResult":"{}","newOrderResult":"{}","cancelResponse":{},"newOrderResponse":{}}}"#,
        word(canceled),
        placed.map_or("NOT_ATTEMPTED", word),
        text(canceled),
        placed.map_or_else(|| "null".to_owned(), text),
    )
}

fn cancel_first(
    exchange: &mut Exchange,
    request: &Request<'_>,
    cancel: &CancelOrder,
) -> Result<String, ApiError> {
    let (order, id) = exchange.cancel(request.account, cancel, request.now)?;
    Ok(canceled_json(exchange, &order, id, request.unit))
}

/// `POST /api/v3/order/cancelReplace`
pub fn replace(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let Replace { stops_on_failure, order, detail, cancel, .. } =
        read_replace(exchange, request.params)?;
    // Filters come before either leg is tried.
    exchange.check_filters(&order, request.now)?;
    let canceled = cancel_first(exchange, request, &cancel);
    let placed = (canceled.is_ok() || !stops_on_failure).then(|| {
        let placed = exchange.place(request.account, &order, request.now);
        if let (Ok(_), Err(error)) = (&canceled, &placed) {
            exchange.report_rejection(request.account, &order, error, request.now);
        }
        placed.map(|placed| placed_json(&placed, detail, request.unit))
    });
    let data = replace_data(&canceled, placed.as_ref());
    match (canceled, placed) {
        (Ok(_), Some(Ok(_))) => Ok(data),
        (Err(_), Some(Err(_))) => Err(ApiError::replace_failed(data)),
        // An order that was not tried counts all the same.
        (Err(_), None) => {
            Err(ApiError { counts_as_orders: true, ..ApiError::replace_failed(data) })
        }
        (Ok(_), Some(Err(_)) | None) | (Err(_), Some(Ok(_))) => {
            Err(ApiError::replace_half_failed(data))
        }
    }
}

/// cancelReplace of an account that may place no more orders for now: nothing is done, or the
/// cancel alone. `refusal` is what becomes of the new order.
pub fn replace_past_limit(
    exchange: &mut Exchange,
    request: &Request<'_>,
    refusal: ApiError,
) -> ApiError {
    let Replace { stops_on_failure, cancels_past_limit, cancel, .. } =
        match read_replace(exchange, request.params) {
            Ok(wanted) => wanted,
            Err(error) => return error,
        };
    if !cancels_past_limit {
        return refusal;
    }
    let retry_after_secs = refusal.retry_after_secs;
    let canceled = cancel_first(exchange, request, &cancel);
    let placed = (canceled.is_ok() || !stops_on_failure).then_some(Err(refusal));
    let data = replace_data(&canceled, placed.as_ref());
    let error = match canceled {
        Ok(_) => ApiError::replace_half_failed(data),
        Err(_) => ApiError::replace_failed(data),
    };
    // The documents' table: with STOP_ON_FAILURE the limit outranks how far the request came.
    match stops_on_failure {
        true => ApiError { status: 429, retry_after_secs, ..error },
        false => error,
    }
}

/// The answer to a cancel: of the order, or of the whole list that it is a leg of.
fn canceled_json(
    exchange: &Exchange,
    order: &Order,
    cancel_id: model::ClientOrderId,
    unit: TimeUnit,
) -> String {
    match order.list_id.and_then(|list| exchange.account(order.account).orders.list(list)) {
        Some(list) => json(&lists::canceled(exchange, list, cancel_id, unit)),
        None => json(&CancelAnswer::of(order, cancel_id, unit)),
    }
}

/// Weight of order/test.
pub fn test_weight(params: &Params) -> u32 {
    if params.peek("computeCommissionRates") == Some("true") { 20 } else { 1 }
}

/// `POST /api/v3/order/test`
pub fn test(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let order = read_order(exchange, request.params)?;
    read_detail(request.params, &order.kind)?;
    let with_rates = request.params.boolean("computeCommissionRates")?.unwrap_or(false);
    request.params.finish()?;
    exchange.check(request.account, &order, request.now)?;
    if !with_rates {
        return Ok("{}".to_owned());
    }
    let fees = exchange.fees();
    let none = object! {"maker": eight(Decimal::ZERO), "taker": eight(Decimal::ZERO)};
    Ok(json(&object! {
        "standardCommissionForOrder": object! {"maker": eight(fees.maker), "taker": eight(fees.taker)},
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": super::account::discount(exchange, request),
    }))
}

/// `GET /api/v3/order`
pub fn query(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let symbol = request.params.symbol()?;
    exchange.market_of(symbol)?;
    let order = order_ref(request.params, "orderId", "origClientOrderId")?;
    request.params.finish()?;
    match order.find_in(exchange.memory(request.account, request.now), symbol) {
        Ok(order) if is_archived(order, request.now) => Err(ApiError::archived()),
        Ok(order) => Ok(json(&OrderAnswer::of(order, request.unit))),
        Err(NotFound::Unknown) => Err(ApiError::no_such_order()),
        Err(NotFound::Mismatch) => Err(ApiError::id_pair_mismatch()),
    }
}

/// Orders that ended without a trade are put away after 90 days.
fn is_archived(order: &Order, now: Timestamp) -> bool {
    const KEPT: Duration = Duration::from_secs(90 * 86_400);
    !order.status.is_open() && order.executed.is_zero() && now.since(order.updated_at) > KEPT
}

/// `DELETE /api/v3/order`
pub fn cancel(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    exchange.market_of(symbol)?;
    let order = order_ref(params, "orderId", "origClientOrderId")?;
    let cancel_id = client_id(params, "newClientOrderId")?;
    let restriction = read_restriction(params)?;
    params.finish()?;
    let request_cancel = CancelOrder { symbol, order, cancel_id, restriction };
    let (order, cancel_id) = exchange.cancel(request.account, &request_cancel, request.now)?;
    Ok(canceled_json(exchange, &order, cancel_id, request.unit))
}

/// `DELETE /api/v3/openOrders`
pub fn cancel_all(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let symbol = request.params.symbol()?;
    request.params.finish()?;
    let canceled = exchange.cancel_all(request.account, symbol, request.now)?;
    let mut answers: Vec<String> = Vec::with_capacity(canceled.len());
    for (order, cancel_id) in &canceled {
        let answer = canceled_json(exchange, order, *cancel_id, request.unit);
        // Each list once, however many legs it has.
        if !answers.contains(&answer) {
            answers.push(answer);
        }
    }
    Ok(format!("[{}]", answers.join(",")))
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
        .memory(request.account, request.now)
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
        && to.since(from) > LONGEST_PERIOD
    {
        return Err(ApiError::more_than_hours(24));
    }
    exchange.market_of(symbol)?;
    let is_wanted = |order: &&Order| {
        from.is_none_or(|from| order.created_at.as_micros() >= from.as_micros())
            && to.is_none_or(|to| order.created_at.as_millis() <= to.as_millis())
    };
    let orders = exchange.database(request.account, request.now);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::{Amount, Asset, OrderKind, OrderQuantity, Side, Symbol, TimeInForce};

    use super::*;
    use crate::machine::{DEFAULT_ACCOUNT, OrderRef};
    use crate::orders::SelfTradePrevention;
    use crate::{ExchangeConfig, SyntheticConfig};

    #[test]
    fn an_order_that_ended_unfilled_90_days_ago_is_archived() {
        let now = Timestamp::from_secs(1_800_000_000);
        let market =
            SyntheticConfig { history: Duration::from_secs(60), ..SyntheticConfig::default() };
        let mut exchange = Exchange::synthetic(&ExchangeConfig::default(), &market, now, 1);
        let cash = (Asset::new("USDT").unwrap(), Amount::new(Decimal::from(1_000)));
        exchange.open_account(DEFAULT_ACCOUNT, [], &BTreeMap::from([cash]));
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let last = exchange.market_of(symbol).unwrap().matcher.last_price().unwrap();
        let price = model::Price::from_units(last.units() * 9 / 10);
        let price = price.floor_to(model::Price::from_units(100_000_000));
        let order = PlaceOrder {
            symbol,
            side: Side::Buy,
            kind: OrderKind::Limit { price, time_in_force: TimeInForce::GoodTilCanceled },
            quantity: OrderQuantity::Base("0.001".parse().unwrap()),
            client_id: None,
            prevention: SelfTradePrevention::None,
            iceberg: None,
            trailing_delta: None,
            strategy_id: None,
            strategy_type: None,
        };
        let id = exchange.place(DEFAULT_ACCOUNT, &order, now).unwrap().order.id;
        let answer = |exchange: &mut Exchange, now: Timestamp| {
            let text = format!("symbol=BTCUSDT&orderId={id}");
            let params = Params::from_query_and_body(&text, "").unwrap();
            let (account, unit) = (DEFAULT_ACCOUNT, TimeUnit::Millisecond);
            let has_ended = std::cell::Cell::new(false);
            let key = "";
            query(
                exchange,
                &Request { params: &params, account, key, now, unit, has_ended: &has_ended },
            )
        };
        let later = |days: u64| now.after(Duration::from_secs(days * 86_400 + 1));
        answer(&mut exchange, later(91)).unwrap();
        let order = OrderRef { id: Some(id), client_id: None };
        let cancel = CancelOrder { symbol, order, cancel_id: None, restriction: None };
        exchange.cancel(DEFAULT_ACCOUNT, &cancel, now).unwrap();
        answer(&mut exchange, later(89)).unwrap();
        assert_eq!(answer(&mut exchange, later(90)).unwrap_err(), ApiError::archived());
    }
}
