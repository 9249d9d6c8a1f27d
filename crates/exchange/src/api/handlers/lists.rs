//! Order lists: OCO, OTO, OTOCO.

use model::{ClientOrderId, OrderKind, OrderQuantity, Side, Symbol};
use serde::Serialize;

use super::account::LONGEST_PERIOD;
use super::json;
use super::read::{Detail, Leg, client_id, read_list_detail, read_prevention, side};
use super::render::{Ack, CancelAnswer, NewOrderAnswer};
use crate::api::error::ApiError;
use crate::api::params::Params;
use crate::api::{Request, TimeUnit};
use crate::lists::OrderList;
use crate::machine::{Exchange, ListRef, PlaceList, PlaceOrder};
use crate::orders::{Order, OrderBook, Status};

/// An order of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    symbol: Symbol,
    order_id: i64,
    client_order_id: ClientOrderId,
}

/// A list, with or without what became of its orders.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListAnswer<R> {
    order_list_id: i64,
    contingency_type: &'static str,
    list_status_type: &'static str,
    list_order_status: &'static str,
    list_client_order_id: ClientOrderId,
    transaction_time: i64,
    symbol: Symbol,
    orders: Vec<Member>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    order_reports: Vec<R>,
}

fn answer<R>(
    book: &OrderBook,
    list: &OrderList,
    unit: TimeUnit,
    report: impl Fn(&Order) -> Option<R>,
) -> ListAnswer<R> {
    let orders: Vec<&Order> = list.orders.iter().filter_map(|id| book.get(*id)).collect();
    let member = |order: &&Order| Member {
        symbol: order.symbol,
        order_id: order.id,
        client_order_id: order.client_id,
    };
    ListAnswer {
        order_list_id: list.id,
        contingency_type: list.contingency.name(),
        list_status_type: list.status_type(),
        list_order_status: list.order_status(),
        list_client_order_id: list.client_id,
        transaction_time: unit.of(list.updated_at),
        symbol: list.symbol,
        orders: orders.iter().map(member).collect(),
        order_reports: orders.into_iter().filter_map(report).collect(),
    }
}

/// The answer to the cancel of a list.
#[must_use]
pub fn canceled(
    exchange: &Exchange,
    list: &OrderList,
    cancel_id: ClientOrderId,
    unit: TimeUnit,
) -> ListAnswer<CancelAnswer> {
    let book = &exchange.account(list.account).orders;
    answer(book, list, unit, |order| Some(CancelAnswer::of(order, cancel_id, unit)))
}

/// Which leg of a pair.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Above,
    Below,
}

/// Whether a kind may stand at a place of a pair.
fn check_place(kind: &OrderKind, side: Side, place: Place) -> Result<(), ApiError> {
    let code = match (kind, side, place) {
        (OrderKind::LimitMaker { .. }, Side::Buy, Place::Above) => -1165,
        (OrderKind::LimitMaker { .. }, Side::Sell, Place::Below) => -1166,
        (OrderKind::StopLoss { .. } | OrderKind::StopLossLimit { .. }, Side::Buy, Place::Below) => {
            -1196
        }
        (
            OrderKind::StopLoss { .. } | OrderKind::StopLossLimit { .. },
            Side::Sell,
            Place::Above,
        ) => -1197,
        (
            OrderKind::TakeProfit { .. } | OrderKind::TakeProfitLimit { .. },
            Side::Buy,
            Place::Above,
        ) => -1198,
        (
            OrderKind::TakeProfit { .. } | OrderKind::TakeProfitLimit { .. },
            Side::Sell,
            Place::Below,
        ) => -1199,
        (OrderKind::Market | OrderKind::Limit { .. }, _, _) => -1158,
        (
            OrderKind::LimitMaker { .. }
            | OrderKind::StopLoss { .. }
            | OrderKind::StopLossLimit { .. }
            | OrderKind::TakeProfit { .. }
            | OrderKind::TakeProfitLimit { .. },
            _,
            _,
        ) => return Ok(()),
    };
    Err(ApiError::bad_pair(code))
}

fn read_leg(
    params: &Params,
    symbol: Symbol,
    side: Side,
    prefix: &'static str,
    quantity: &'static str,
) -> Result<PlaceOrder, ApiError> {
    let leg = Leg { params, prefix, quantity };
    let (kind, quantity) = leg.kind()?;
    let (strategy_id, strategy_type) = leg.strategy()?;
    Ok(PlaceOrder {
        symbol,
        side,
        kind,
        quantity,
        client_id: leg.client_id()?,
        iceberg: leg.iceberg(&kind)?,
        trailing_delta: leg.trailing_delta(&kind)?,
        prevention: read_prevention(params)?,
        strategy_id,
        strategy_type,
    })
}

/// Two legs of which one cancels the other; the contingent one stands first, as the venue has it.
fn read_pair(
    params: &Params,
    symbol: Symbol,
    side: Side,
    prefixes: [&'static str; 2],
    quantity: &'static str,
) -> Result<Vec<PlaceOrder>, ApiError> {
    // A kind that no pair takes is refused before what else the leg lacks.
    for prefix in prefixes {
        if matches!(params.peek(&format!("{prefix}Type")), Some("LIMIT" | "MARKET")) {
            return Err(ApiError::bad_pair(-1158));
        }
    }
    let above = read_leg(params, symbol, side, prefixes[0], quantity)?;
    let below = read_leg(params, symbol, side, prefixes[1], quantity)?;
    let is_limit = |order: &PlaceOrder| matches!(order.kind, OrderKind::LimitMaker { .. });
    if is_limit(&above) && is_limit(&below) {
        return Err(ApiError::bad_pair(-1168));
    }
    check_place(&above.kind, side, Place::Above)?;
    check_place(&below.kind, side, Place::Below)?;
    Ok(if is_limit(&above) { vec![below, above] } else { vec![above, below] })
}

/// An order of a list as the answer to its placement shows it: legs that wait for a working order
/// wait still, even if that was filled at once.
fn as_placed(list: &OrderList, order: &Order) -> Order {
    if list.working.is_none_or(|working| working == order.id) {
        return order.clone();
    }
    Order {
        status: Status::PendingNew,
        working_at: None,
        updated_at: order.created_at,
        ..order.clone()
    }
}

fn place(
    exchange: &mut Exchange,
    request: &Request<'_>,
    list: &PlaceList,
) -> Result<String, ApiError> {
    let detail = read_list_detail(request.params)?;
    request.params.finish()?;
    let (list, _) = exchange.place_list(request.account, list, request.now)?;
    let unit = request.unit;
    let book = &exchange.account(request.account).orders;
    let report = |order: &Order| {
        let order = as_placed(&list, order);
        let trades: Option<Vec<_>> =
            (detail == Detail::Full).then(|| book.trades_of(&order).cloned().collect());
        Some(NewOrderAnswer::of(&order, trades.as_deref(), unit))
    };
    Ok(match detail {
        Detail::Ack => json(&answer(book, &list, unit, |order| Some(Ack::of(order, unit)))),
        Detail::Result | Detail::Full => json(&answer(book, &list, unit, report)),
    })
}

/// `POST /api/v3/orderList/oco`
pub fn oco(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    exchange.market_of(symbol)?;
    let side = side(params, "side")?;
    let list = PlaceList {
        symbol,
        client_id: client_id(params, "listClientOrderId")?,
        working: None,
        legs: read_pair(params, symbol, side, ["above", "below"], "quantity")?,
    };
    place(exchange, request, &list)
}

/// `POST /api/v3/order/oco`, deprecated: a limit maker and a stop by older names.
pub fn old_oco(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    exchange.market_of(symbol)?;
    let side = side(params, "side")?;
    let quantity = params.quantity("quantity")?.ok_or_else(|| ApiError::mandatory("quantity"))?;
    let price = params.price("price")?.ok_or_else(|| ApiError::mandatory("price"))?;
    let stop_price = params.price("stopPrice")?.ok_or_else(|| ApiError::mandatory("stopPrice"))?;
    let stop_limit = params.price("stopLimitPrice")?;
    let time_in_force = match (params.text("stopLimitTimeInForce")?, stop_limit) {
        (None, None) => None,
        (Some("GTC"), Some(_)) => Some(model::TimeInForce::GoodTilCanceled),
        (Some("IOC"), Some(_)) => Some(model::TimeInForce::ImmediateOrCancel),
        (Some("FOK"), Some(_)) => Some(model::TimeInForce::FillOrKill),
        (None, Some(_)) => {
            return Err(ApiError::recommended_combination("stopLimitTimeInForce"));
        }
        (Some(_), _) => return Err(ApiError::bad_time_in_force()),
    };
    let stop = match (stop_limit, time_in_force) {
        (Some(price), Some(time_in_force)) => {
            OrderKind::StopLossLimit { stop_price, price, time_in_force }
        }
        (_, _) => OrderKind::StopLoss { stop_price },
    };
    let stop_iceberg = params.quantity("stopIcebergQty")?.filter(|part| part.is_positive());
    if stop_iceberg.is_some() && time_in_force != Some(model::TimeInForce::GoodTilCanceled) {
        return Err(ApiError::iceberg_not_resting("stopIcebergQty", "stopLimitTimeInForce"));
    }
    let prevention = read_prevention(params)?;
    let leg = |kind, client_id, iceberg| PlaceOrder {
        symbol,
        side,
        kind,
        quantity: OrderQuantity::Base(quantity),
        client_id,
        iceberg,
        trailing_delta: None,
        prevention,
        strategy_id: None,
        strategy_type: None,
    };
    let legs = vec![
        leg(stop, client_id(params, "stopClientOrderId")?, stop_iceberg),
        leg(
            OrderKind::LimitMaker { price },
            client_id(params, "limitClientOrderId")?,
            params.quantity("limitIcebergQty")?,
        ),
    ];
    let name = client_id(params, "listClientOrderId")?;
    let list = PlaceList { symbol, client_id: name, working: None, legs };
    place(exchange, request, &list)
}

fn read_working(params: &Params, symbol: Symbol) -> Result<PlaceOrder, ApiError> {
    let side = side(params, "workingSide")?;
    let working = read_leg(params, symbol, side, "working", "workingQuantity")?;
    match working.kind {
        OrderKind::Limit { .. } | OrderKind::LimitMaker { .. } => Ok(working),
        OrderKind::Market
        | OrderKind::StopLoss { .. }
        | OrderKind::StopLossLimit { .. }
        | OrderKind::TakeProfit { .. }
        | OrderKind::TakeProfitLimit { .. } => Err(ApiError::bad_order_type()),
    }
}

/// `POST /api/v3/orderList/oto`
pub fn oto(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    exchange.market_of(symbol)?;
    let working = read_working(params, symbol)?;
    let side = side(params, "pendingSide")?;
    let list = PlaceList {
        symbol,
        client_id: client_id(params, "listClientOrderId")?,
        working: Some(working),
        legs: vec![read_leg(params, symbol, side, "pending", "pendingQuantity")?],
    };
    place(exchange, request, &list)
}

/// `POST /api/v3/orderList/otoco`
pub fn otoco(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    exchange.market_of(symbol)?;
    let working = read_working(params, symbol)?;
    let side = side(params, "pendingSide")?;
    let prefixes = ["pendingAbove", "pendingBelow"];
    let list = PlaceList {
        symbol,
        client_id: client_id(params, "listClientOrderId")?,
        working: Some(working),
        legs: read_pair(params, symbol, side, prefixes, "pendingQuantity")?,
    };
    place(exchange, request, &list)
}

/// `DELETE /api/v3/orderList`
pub fn cancel(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    exchange.market_of(symbol)?;
    let list = ListRef {
        id: params.integer("orderListId")?,
        client_id: client_id(params, "listClientOrderId")?,
    };
    let cancel_id = client_id(params, "newClientOrderId")?;
    params.finish()?;
    if list.id.is_none() && list.client_id.is_none() {
        return Err(ApiError::either("orderListId", "listClientOrderId"));
    }
    let account = request.account;
    let (id, cancel_id) = exchange.cancel_list(account, symbol, list, cancel_id, request.now)?;
    let list = exchange.account(account).orders.list(id).ok_or_else(ApiError::unknown_order)?;
    Ok(json(&canceled(exchange, list, cancel_id, request.unit)))
}

fn plain(book: &OrderBook, list: &OrderList, unit: TimeUnit) -> ListAnswer<()> {
    answer(book, list, unit, |_| None)
}

/// `GET /api/v3/orderList`
pub fn query(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let list = ListRef {
        id: params.integer("orderListId")?,
        client_id: client_id(params, "origClientOrderId")?,
    };
    params.finish()?;
    if list.id.is_none() && list.client_id.is_none() {
        return Err(ApiError::either("orderListId", "origClientOrderId"));
    }
    let book = exchange.database(request.account, request.now);
    let list = book.find_list(list.id, list.client_id).ok_or_else(ApiError::no_such_list)?;
    Ok(json(&plain(book, list, request.unit)))
}

/// `GET /api/v3/openOrderList`
pub fn open(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    request.params.finish()?;
    let book = &exchange.account(request.account).orders;
    let lists: Vec<_> = book
        .lists_from(i64::MIN)
        .filter(|list| !list.is_done)
        .map(|list| plain(book, list, request.unit))
        .collect();
    Ok(json(&lists))
}

/// `GET /api/v3/allOrderList`
pub fn all(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let from_id = params.integer("fromId")?;
    let (from, to) = (params.instant("startTime")?, params.instant("endTime")?);
    let limit = params.limit(500, 1_000)?;
    params.finish()?;
    if from_id.is_some() && (from.is_some() || to.is_some()) {
        return Err(ApiError::bad_combination());
    }
    if let (Some(from), Some(to)) = (from, to)
        && to.since(from) > LONGEST_PERIOD
    {
        return Err(ApiError::more_than_hours(24));
    }
    let book = exchange.database(request.account, request.now);
    let wanted = book
        .lists_from(from_id.unwrap_or(i64::MIN))
        .filter(|list| from.is_none_or(|from| list.updated_at >= from))
        .filter(|list| to.is_none_or(|to| list.updated_at.as_millis() <= to.as_millis()));
    let lists: Vec<&OrderList> = if from_id.is_some() || from.is_some() {
        wanted.take(limit).collect()
    } else {
        let mut newest: Vec<_> = wanted.rev().take(limit).collect();
        newest.reverse();
        newest
    };
    let answers: Vec<_> = lists.into_iter().map(|list| plain(book, list, request.unit)).collect();
    Ok(json(&answers))
}
