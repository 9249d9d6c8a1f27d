//! Orders and trades as answers show them.
//!
//! `cummulativeQuoteQty` is spelt as the venue spells it.

use model::{Amount, Asset, ClientOrderId, Price, Quantity, Symbol, TradeId};
use serde::{Serialize, Serializer};

use crate::api::TimeUnit;
use crate::orders::{MyTrade, Order, PreventedMatch, side_name};

/// An amount with eight decimals, as all money on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Eight(pub Amount);

impl Serialize for Eight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.8}", self.0.to_decimal()))
    }
}

/// The shortest answer to a new order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ack {
    symbol: Symbol,
    order_id: i64,
    order_list_id: i64,
    client_order_id: ClientOrderId,
    transact_time: i64,
}

impl Ack {
    /// For an order that was just placed.
    #[must_use]
    pub fn of(order: &Order, unit: TimeUnit) -> Self {
        Self {
            symbol: order.symbol,
            order_id: order.id,
            order_list_id: order.list_number(),
            client_order_id: order.client_id,
            transact_time: unit.of(order.updated_at),
        }
    }
}

/// What every longer answer says of an order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    price: Price,
    orig_qty: Quantity,
    executed_qty: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    orig_quote_order_qty: Option<Eight>,
    cummulative_quote_qty: Eight,
    status: &'static str,
    time_in_force: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    side: &'static str,
}

impl Facts {
    fn of(order: &Order) -> Self {
        Self {
            price: order.price(),
            orig_qty: order.quantity,
            executed_qty: order.executed,
            orig_quote_order_qty: Some(Eight(order.quote_wanted)),
            cummulative_quote_qty: Eight(order.quote_executed),
            status: order.status.name(),
            time_in_force: order.time_in_force_name(),
            kind: order.type_name(),
            side: side_name(order.side),
        }
    }
}

/// Fields that only some orders have.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Extras {
    #[serde(skip_serializing_if = "Option::is_none")]
    trailing_delta: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trailing_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy_type: Option<i64>,
    self_trade_prevention_mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    prevented_match_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prevented_quantity: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry_reason: Option<String>,
}

impl Extras {
    fn of(order: &Order, unit: TimeUnit) -> Self {
        Self {
            trailing_delta: order.trailing_delta,
            trailing_time: order.trailing_at.map(|at| unit.of(at)),
            strategy_id: order.strategy_id,
            strategy_type: order.strategy_type,
            self_trade_prevention_mode: order.prevention.venue_name(),
            prevented_match_id: order.prevented_match,
            prevented_quantity: order.prevented_match.map(|_| order.prevented),
            expiry_reason: order.expiry_reason.clone(),
        }
    }
}

fn is_zero(quantity: &Quantity) -> bool {
    quantity.is_zero()
}

/// When the order began to work; -1 while it waits for its stop.
fn working_time(order: &Order, unit: TimeUnit) -> i64 {
    order.working_at.map_or(-1, |at| unit.of(at))
}

/// An execution in a FULL answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Fill {
    price: Price,
    qty: Quantity,
    commission: Eight,
    commission_asset: Asset,
    trade_id: TradeId,
}

/// The RESULT and FULL answers to a new order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewOrderAnswer {
    #[serde(flatten)]
    ack: Ack,
    #[serde(flatten)]
    facts: Facts,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_price: Option<Price>,
    working_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iceberg_qty: Option<Quantity>,
    #[serde(flatten)]
    extras: Extras,
    #[serde(skip_serializing_if = "Option::is_none")]
    fills: Option<Vec<Fill>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    prevented_matches: Vec<PreventedMatchAnswer>,
}

/// A prevented match in a FULL answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PreventedMatchAnswer {
    prevented_match_id: i64,
    maker_symbol: Symbol,
    maker_order_id: i64,
    price: Price,
    #[serde(skip_serializing_if = "is_zero")]
    taker_prevented_quantity: Quantity,
    #[serde(skip_serializing_if = "is_zero")]
    maker_prevented_quantity: Quantity,
}

impl NewOrderAnswer {
    /// RESULT without `trades`, FULL with them.
    #[must_use]
    pub fn of(order: &Order, trades: Option<&[MyTrade]>, unit: TimeUnit) -> Self {
        let fill = |trade: &MyTrade| Fill {
            price: trade.price,
            qty: trade.quantity,
            commission: Eight(trade.fee),
            commission_asset: trade.fee_asset,
            trade_id: trade.id,
        };
        Self {
            ack: Ack::of(order, unit),
            facts: Facts::of(order),
            stop_price: order.stop_price(),
            working_time: working_time(order, unit),
            iceberg_qty: order.iceberg,
            extras: Extras::of(order, unit),
            fills: trades.map(|trades| trades.iter().map(fill).collect()),
            prevented_matches: Vec::new(),
        }
    }

    /// The same, with the matches that self-trade prevention prevented.
    #[must_use]
    pub fn with_prevented(mut self, prevented: &[PreventedMatch]) -> Self {
        let answer = |prevented: &PreventedMatch| PreventedMatchAnswer {
            prevented_match_id: prevented.id,
            maker_symbol: prevented.symbol,
            maker_order_id: prevented.maker,
            price: prevented.price,
            taker_prevented_quantity: prevented.taker_quantity,
            maker_prevented_quantity: prevented.maker_quantity,
        };
        self.prevented_matches = prevented.iter().map(answer).collect();
        self
    }
}

/// The answer to a cancel.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelAnswer {
    symbol: Symbol,
    orig_client_order_id: ClientOrderId,
    order_id: i64,
    order_list_id: i64,
    client_order_id: ClientOrderId,
    transact_time: i64,
    #[serde(flatten)]
    facts: Facts,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_price: Option<Price>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iceberg_qty: Option<Quantity>,
    #[serde(flatten)]
    extras: Extras,
}

impl CancelAnswer {
    /// For an order that was just canceled.
    #[must_use]
    pub fn of(order: &Order, cancel_id: ClientOrderId, unit: TimeUnit) -> Self {
        Self {
            symbol: order.symbol,
            orig_client_order_id: order.client_id,
            order_id: order.id,
            order_list_id: order.list_number(),
            client_order_id: cancel_id,
            transact_time: unit.of(order.updated_at),
            facts: Facts::of(order),
            stop_price: order.stop_price(),
            iceberg_qty: order.iceberg,
            extras: Extras::of(order, unit),
        }
    }
}

/// An order in answers to queries.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderAnswer {
    symbol: Symbol,
    order_id: i64,
    order_list_id: i64,
    client_order_id: ClientOrderId,
    #[serde(flatten)]
    facts: Facts,
    stop_price: Price,
    iceberg_qty: Quantity,
    time: i64,
    update_time: i64,
    is_working: bool,
    /// Stands here in queries, and among the facts elsewhere.
    orig_quote_order_qty: Eight,
    working_time: i64,
    #[serde(flatten)]
    extras: Extras,
}

impl OrderAnswer {
    /// The order as it is.
    #[must_use]
    pub fn of(order: &Order, unit: TimeUnit) -> Self {
        Self {
            symbol: order.symbol,
            order_id: order.id,
            order_list_id: order.list_number(),
            client_order_id: order.client_id,
            facts: Facts { orig_quote_order_qty: None, ..Facts::of(order) },
            stop_price: order.stop_price().unwrap_or(Price::ZERO),
            iceberg_qty: order.iceberg.unwrap_or(Quantity::ZERO),
            time: unit.of(order.created_at),
            update_time: unit.of(order.updated_at),
            is_working: !order.is_waiting(),
            orig_quote_order_qty: Eight(order.quote_wanted),
            working_time: working_time(order, unit),
            extras: Extras::of(order, unit),
        }
    }
}

/// A trade in myTrades.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TradeAnswer {
    symbol: Symbol,
    id: TradeId,
    order_id: i64,
    order_list_id: i64,
    price: Price,
    qty: Quantity,
    quote_qty: Eight,
    commission: Eight,
    commission_asset: Asset,
    time: i64,
    is_buyer: bool,
    is_maker: bool,
    is_best_match: bool,
}

impl TradeAnswer {
    /// The trade; `list` is the number of the order's list, -1 without one.
    #[must_use]
    pub fn of(trade: &MyTrade, list: i64, unit: TimeUnit) -> Self {
        Self {
            symbol: trade.symbol,
            id: trade.id,
            order_id: trade.order,
            order_list_id: list,
            price: trade.price,
            qty: trade.quantity,
            quote_qty: Eight(trade.quote),
            commission: Eight(trade.fee),
            commission_asset: trade.fee_asset,
            time: unit.of(trade.at),
            is_buyer: trade.side == model::Side::Buy,
            is_maker: trade.is_maker,
            is_best_match: true,
        }
    }
}
