//! order/amend/keepPriority and its history.

use model::{ClientOrderId, Price, Quantity, Symbol};
use serde::Serialize;

use super::json;
use super::read::{client_id, order_ref};
use super::render::Eight;
use crate::api::Request;
use crate::api::error::ApiError;
use crate::api::ordered::{Object, object};
use crate::machine::{AmendOrder, Exchange};
use crate::orders::{Order, Status, side_name};
use crate::symbols::eight;

/// An amended order. `cumulativeQuoteQty` is spelt correctly here, as the venue does.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Amended {
    symbol: Symbol,
    order_id: i64,
    order_list_id: i64,
    orig_client_order_id: ClientOrderId,
    client_order_id: ClientOrderId,
    price: Price,
    qty: Quantity,
    executed_qty: Quantity,
    prevented_qty: Quantity,
    quote_order_qty: Eight,
    cumulative_quote_qty: Eight,
    status: &'static str,
    time_in_force: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    side: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_price: Option<Price>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_time: Option<i64>,
    self_trade_prevention_mode: &'static str,
}

impl Amended {
    fn of(order: &Order, earlier_id: ClientOrderId, request: &Request<'_>) -> Self {
        let working_time = order.working_at.map_or(-1, |at| request.unit.of(at));
        Self {
            symbol: order.symbol,
            order_id: order.id,
            order_list_id: order.list_number(),
            orig_client_order_id: earlier_id,
            client_order_id: order.client_id,
            price: order.price(),
            qty: order.quantity,
            executed_qty: order.executed,
            prevented_qty: order.prevented,
            quote_order_qty: Eight(order.quote_wanted),
            cumulative_quote_qty: Eight(order.quote_executed),
            status: order.status.name(),
            time_in_force: order.time_in_force_name(),
            kind: order.type_name(),
            side: side_name(order.side),
            stop_price: order.stop_price(),
            working_time: (order.status != Status::PendingNew).then_some(working_time),
            self_trade_prevention_mode: order.prevention.venue_name(),
        }
    }
}

/// `PUT /api/v3/order/amend/keepPriority`
pub fn amend(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    exchange.market_of(symbol)?;
    let quantity = params.quantity("newQty")?.ok_or_else(|| ApiError::mandatory("newQty"))?;
    let wanted = AmendOrder {
        symbol,
        order: order_ref(params, "orderId", "origClientOrderId")?,
        new_client_id: client_id(params, "newClientOrderId")?,
        quantity,
    };
    params.finish()?;
    if !quantity.is_positive() {
        return Err(ApiError::invalid_message("Invalid quantity."));
    }
    let (order, amendment) = exchange.amend(request.account, &wanted, request.now)?;
    request.has_ended.set(!order.status.is_open());
    let mut answer = object! {
        "transactTime": request.unit.of(amendment.at),
        "executionId": amendment.execution_id,
        "amendedOrder": Amended::of(&order, amendment.from_id, request),
    };
    let orders = &exchange.account(request.account).orders;
    if let Some(list) = order.list_id.and_then(|list| orders.list(list)) {
        let members: Vec<Object> = list
            .orders
            .iter()
            .filter_map(|id| orders.get(*id))
            .map(|order| {
                object! {
                    "symbol": order.symbol,
                    "orderId": order.id,
                    "clientOrderId": order.client_id,
                }
            })
            .collect();
        let status = object! {
            "orderListId": list.id,
            "contingencyType": list.contingency.name(),
            "listOrderStatus": list.order_status(),
            "listClientOrderId": list.client_id,
            "symbol": list.symbol,
            "orders": members,
        };
        answer = answer.with("listStatus", &status);
    }
    Ok(answer.to_string())
}

/// `GET /api/v3/order/amendments`
pub fn history(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    exchange.market_of(symbol)?;
    let id = params.integer("orderId")?.ok_or_else(|| ApiError::mandatory("orderId"))?;
    let from = params.integer("fromExecutionId")?.unwrap_or(i64::MIN);
    let limit = params.limit(500, 1_000)?;
    params.finish()?;
    let order = exchange.account(request.account).orders.get(id);
    let amendments: Vec<Object> = order
        .filter(|order| order.symbol == symbol)
        .map_or(&[][..], |order| &order.amendments)
        .iter()
        .filter(|amendment| amendment.execution_id >= from)
        .take(limit)
        .map(|amendment| {
            object! {
                "symbol": symbol,
                "orderId": id,
                "executionId": amendment.execution_id,
                "origClientOrderId": amendment.from_id,
                "newClientOrderId": amendment.to_id,
                "origQty": eight(amendment.from.to_decimal()),
                "newQty": eight(amendment.to.to_decimal()),
                "time": request.unit.of(amendment.at),
            }
        })
        .collect();
    Ok(json(&amendments))
}
