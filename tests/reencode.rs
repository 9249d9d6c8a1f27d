//! The venue's documented payloads, read by the engine's client and written again by the simulated
//! exchange, are the same JSON: the two have no mapping code in common.
#![allow(clippy::unwrap_used, reason = "a test stops where its input is not as expected")]

use std::path::PathBuf;

use binance::decode::{
    AggTrade, BookTicker, CancelReplaceReply, CanceledReply, DepthSnapshot, DepthUpdateEvent,
    LegReply, MyTrade, OrderReply, StreamEvent, TradeEvent, UserEvent as Told, WsApiFrame,
    decode_stream, decode_ws_api, parse, venue_instant,
};
use binance::{ExecutionType as Step, OrderType, WireOrderStatus, WireTimeInForce};
use exchange::accounts::Balance;
use exchange::api::TimeUnit;
use exchange::api::handlers::market::depth_json;
use exchange::api::handlers::render::{
    Ack, CancelAnswer, NewOrderAnswer, OrderAnswer, TradeAnswer,
};
use exchange::lists::{Contingency, OrderList};
use exchange::machine::{Exchange, ExecutionReport, ExecutionType, Output, UserEvent};
use exchange::market::tape::{AggregateTrade, Print};
use exchange::market::{BestQuote, BookSnapshot, DepthDiff};
use exchange::orders::{self, Order};
use exchange::streams::{payload, user};
use exchange::{ExchangeConfig, SymbolConfig, SyntheticConfig};
use model::{
    Amount, Asset, ClientOrderId, InstrumentId, Level, OrderKind, Price, Quantity, Side, Symbol,
    TimeInForce, Timestamp, TradeId,
};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Value, json};

const UNIT: TimeUnit = TimeUnit::Millisecond;

fn document(name: &str) -> Option<Value> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/golden/docs");
    let path = folder.join(format!("{name}.json"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert!(!folder.exists(), "no {}", path.display());
        eprintln!("SKIPPED: no documented payloads at {}", folder.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// Where two values differ. Numbers in strings are compared as numbers: the documents write as
/// many decimals as they like.
fn differences(at: &str, documented: &Value, ours: &Value, out: &mut Vec<String>) {
    match (documented, ours) {
        (Value::Object(documented), Value::Object(ours)) => {
            for (name, value) in documented {
                match ours.get(name) {
                    Some(mine) => differences(&format!("{at}.{name}"), value, mine, out),
                    None => out.push(format!("{at}.{name} is missing")),
                }
            }
            for name in ours.keys().filter(|name| !documented.contains_key(*name)) {
                out.push(format!("{at}.{name} is not documented"));
            }
        }
        (Value::Array(documented), Value::Array(ours)) if documented.len() == ours.len() => {
            for (place, (value, mine)) in documented.iter().zip(ours).enumerate() {
                differences(&format!("{at}[{place}]"), value, mine, out);
            }
        }
        (Value::String(documented), Value::String(ours)) => {
            let number = |text: &str| text.parse::<Decimal>().ok();
            let is_same = match (number(documented), number(ours)) {
                (Some(documented), Some(ours)) => documented == ours,
                _ => documented == ours,
            };
            if !is_same {
                out.push(format!("{at}: {documented} became {ours}"));
            }
        }
        (documented, ours) if documented == ours => {}
        (documented, ours) => out.push(format!("{at}: {documented} became {ours}")),
    }
}

#[track_caller]
fn check(name: &str, documented: &Value, ours: &impl Serialize, known: &[&str]) {
    let mut found = Vec::new();
    differences("", documented, &serde_json::to_value(ours).unwrap(), &mut found);
    assert_eq!(found, known, "{name}");
}

fn client_id(text: &str) -> ClientOrderId {
    ClientOrderId::new(text).unwrap()
}

fn kind(
    order_type: OrderType,
    time_in_force: Option<WireTimeInForce>,
    price: Price,
    stop_price: Price,
) -> OrderKind {
    let time_in_force = match time_in_force.unwrap_or(WireTimeInForce::GoodTilCanceled) {
        WireTimeInForce::GoodTilCanceled | WireTimeInForce::Unknown => TimeInForce::GoodTilCanceled,
        WireTimeInForce::ImmediateOrCancel => TimeInForce::ImmediateOrCancel,
        WireTimeInForce::FillOrKill => TimeInForce::FillOrKill,
    };
    match order_type {
        OrderType::Market | OrderType::Unknown => OrderKind::Market,
        OrderType::Limit => OrderKind::Limit { price, time_in_force },
        OrderType::LimitMaker => OrderKind::LimitMaker { price },
        OrderType::StopLoss => OrderKind::StopLoss { stop_price },
        OrderType::StopLossLimit => OrderKind::StopLossLimit { stop_price, price, time_in_force },
        OrderType::TakeProfit => OrderKind::TakeProfit { stop_price },
        OrderType::TakeProfitLimit => {
            OrderKind::TakeProfitLimit { stop_price, price, time_in_force }
        }
    }
}

/// The exchange's order, by what the client read of it.
fn order_of(reply: &OrderReply<'_>) -> Order {
    let at = reply.transact_time.or(reply.time);
    let kind = kind(
        reply.order_type.unwrap_or(OrderType::Unknown),
        reply.time_in_force,
        reply.price.unwrap_or_default(),
        reply.stop_price.unwrap_or_default(),
    );
    let working = reply.working_time.filter(|time| *time >= 0).map(venue_instant);
    serde_json::from_value(json!({
        "id": reply.order_id,
        "account": 1,
        "symbol": reply.symbol,
        "client_id": reply.own_client_order_id(),
        "side": reply.side.and_then(|side| side.to_side()).unwrap_or(Side::Buy),
        "kind": kind,
        "quantity": reply.orig_qty.unwrap_or_default(),
        "quote_wanted": reply.orig_quote_order_qty.unwrap_or(Amount::ZERO),
        "executed": reply.executed_qty.unwrap_or_default(),
        "quote_executed": reply.cummulative_quote_qty.unwrap_or(Amount::ZERO),
        "status": reply.status.map_or("NEW", |status| status.as_str()),
        "created_at": at,
        "updated_at": reply.update_time.or(at),
        "working_at": working,
        "prevention": reply.self_trade_prevention_mode.map_or("NONE", |mode| mode.as_str()),
        "expiry_reason": reply.expiry_reason,
        "locked": Amount::ZERO,
        "list_id": Some(reply.order_list_id).filter(|id| *id >= 0),
    }))
    .unwrap()
}

fn fills_of(reply: &OrderReply<'_>, order: &Order) -> Vec<orders::MyTrade> {
    let fill = |fill: &binance::decode::ReplyFill<'_>| orders::MyTrade {
        account: 1,
        symbol: order.symbol,
        id: TradeId(fill.trade_id),
        order: order.id,
        side: order.side,
        price: fill.price,
        quantity: fill.qty,
        quote: Amount::ZERO,
        fee: fill.commission,
        fee_asset: Asset::new(&fill.commission_asset).unwrap(),
        is_maker: false,
        at: order.updated_at,
    };
    reply.fills.iter().map(fill).collect()
}

/// The value at a JSON pointer of a document, and the order that the client reads there.
fn with_order(name: &str, pointer: &str, test: impl FnOnce(&Value, &OrderReply<'_>, Order)) {
    let Some(document) = document(name) else { return };
    let value = document.pointer(pointer).unwrap();
    let text = value.to_string();
    let reply: OrderReply<'_> = parse("order", text.as_bytes()).unwrap();
    let order = order_of(&reply);
    test(value, &reply, order);
}

#[test]
fn answers_to_new_orders() {
    for (name, pointer, known) in [
        ("rest-api__new-order__01", "", &[][..]),
        ("rest-api__new-order__02", "", &[]),
        ("rest-api__new-order__03", "", &[]),
        ("web-socket-api__place-new-order__02", "/result", &[]),
        ("web-socket-api__place-new-order__03", "/result", &[]),
        // The sample is older than the field.
        (
            "web-socket-api__place-new-order__04",
            "/result",
            &[".selfTradePreventionMode is not documented"],
        ),
        ("web-socket-api__response-format__01", "/result", &[]),
        ("web-socket-api__unfilled-order-count__01", "/result", &[]),
        // The page is older than the field.
        (
            "faqs-market-orders-faq__market-orders__01",
            "",
            &[".expiryReason is not documented", ".origQuoteOrderQty is not documented"][..],
        ),
    ] {
        with_order(name, pointer, |value, reply, mut order| {
            if reply.status.is_none() {
                return check(name, value, &Ack::of(&order, UNIT), known);
            }
            if reply.status == Some(WireOrderStatus::Expired) {
                order.expiry_reason = Some("INSUFFICIENT_LIQUIDITY".to_owned());
            }
            let fills = fills_of(reply, &order);
            let fills = value.get("fills").map(|_| &fills[..]);
            check(name, value, &NewOrderAnswer::of(&order, fills, UNIT), known);
        });
    }
}

/// What only some orders have, and our client leaves alone.
fn add_rare_fields(order: &mut Order, document: &Value) {
    let integer = |name: &str| document.get(name).and_then(Value::as_i64);
    order.strategy_id = integer("strategyId");
    order.strategy_type = integer("strategyType");
    order.trailing_delta = integer("trailingDelta").and_then(|delta| u32::try_from(delta).ok());
    order.trailing_at = integer("trailingTime").map(venue_instant);
    order.prevented_match = integer("preventedMatchId");
    if let Some(prevented) = document.get("preventedQuantity").and_then(Value::as_str) {
        order.prevented = prevented.parse().unwrap();
    }
}

#[test]
fn answers_to_queries_and_cancels() {
    for (name, pointer) in [
        ("rest-api__query-order__01", ""),
        ("rest-api__all-orders__01", "/0"),
        ("rest-api__current-open-orders__01", "/0"),
        ("web-socket-api__query-order__02", "/result"),
        ("web-socket-api__current-open-orders__02", "/result/0"),
        ("web-socket-api__account-order-history__02", "/result/0"),
        ("faqs-stp-faq__stp-examples__01", ""),
        ("faqs-stp-faq__stp-examples__08", ""),
        ("faqs-stp-faq__stp-examples__17", ""),
    ] {
        with_order(name, pointer, |value, _, mut order| {
            add_rare_fields(&mut order, value);
            check(name, value, &OrderAnswer::of(&order, UNIT), &[]);
        });
    }
    let all = "rest-api__cancel-all-open-orders-on-a-symbol__01";
    for (name, pointer, known) in [
        ("rest-api__cancel-order__01", "", &[][..]),
        // Samples of the WebSocket API have stop and iceberg of limit orders that have neither.
        (
            "web-socket-api__cancel-order__02",
            "/result",
            &[".icebergQty is missing", ".stopPrice is missing"],
        ),
        (all, "/0", &[]),
        // Neither has this one an iceberg.
        (all, "/2/orderReports/0", &[".icebergQty is missing"]),
        (
            "web-socket-api__cancel-open-orders__02",
            "/result/0",
            &[".icebergQty is missing", ".stopPrice is missing"],
        ),
        ("rest-api__cancel-order-list__01", "/orderReports/0", &[]),
    ] {
        with_order(name, pointer, |value, reply, mut order| {
            add_rare_fields(&mut order, value);
            let cancel = client_id(&reply.client_order_id);
            check(name, value, &CancelAnswer::of(&order, cancel, UNIT), known);
        });
    }
}

#[test]
fn answers_to_replacements() {
    for (name, pointer, known) in [
        ("rest-api__cancel-an-existing-order-and-send-a-new-order__01", "", &[][..]),
        // The sample is older than the field.
        (
            "web-socket-api__cancel-and-replace-order__02",
            "/result",
            &[".workingTime is not documented"][..],
        ),
    ] {
        let Some(document) = document(name) else { return };
        let value = document.pointer(pointer).unwrap();
        let text = value.to_string();
        let reply = CancelReplaceReply::read(text.as_bytes()).unwrap();
        let (LegReply::Done(canceled), LegReply::Done(placed)) = (reply.cancel, reply.new_order)
        else {
            panic!("{name}: both were done");
        };
        let CanceledReply::Order(canceled) = *canceled else {
            panic!("{name}: an order was canceled, no list");
        };
        let cancel = client_id(&canceled.client_order_id);
        let answer = CancelAnswer::of(&order_of(&canceled), cancel, UNIT);
        check(name, &value["cancelResponse"], &answer, &[]);
        let order = order_of(&placed);
        let fills = fills_of(&placed, &order);
        let fills = value["newOrderResponse"].get("fills").map(|_| &fills[..]);
        let answer = NewOrderAnswer::of(&order, fills, UNIT);
        check(name, &value["newOrderResponse"], &answer, known);
    }
}

#[test]
fn own_trades() {
    for (name, pointer) in [
        ("rest-api__account-trade-list__01", "/0"),
        ("web-socket-api__account-trade-history__02", "/result/0"),
    ] {
        let Some(document) = document(name) else { return };
        let value = document.pointer(pointer).unwrap();
        let text = value.to_string();
        let read: MyTrade<'_> = parse("trade", text.as_bytes()).unwrap();
        let trade = orders::MyTrade {
            account: 1,
            symbol: Symbol::new(&read.symbol).unwrap(),
            id: TradeId(read.id),
            order: read.order_id,
            side: if read.is_buyer { Side::Buy } else { Side::Sell },
            price: read.price,
            quantity: read.qty,
            quote: value["quoteQty"].as_str().unwrap().parse().unwrap(),
            fee: read.commission,
            fee_asset: Asset::new(&read.commission_asset).unwrap(),
            is_maker: read.is_maker,
            at: read.time,
        };
        let list = value["orderListId"].as_i64().unwrap();
        check(name, value, &TradeAnswer::of(&trade, list, UNIT), &[]);
    }
}

fn milliseconds(value: &Value) -> Timestamp {
    venue_instant(value.as_i64().unwrap())
}

/// The exchange's report, by what the client read; of what the client leaves out (when the order
/// came, the report's number) by the document.
fn report_of(read: &binance::decode::ExecutionReport<'_>, document: &Value) -> ExecutionReport {
    let symbol = Symbol::new(&read.symbol).unwrap();
    let side = read.side.to_side().unwrap();
    let order: Order = serde_json::from_value(json!({
        "id": read.order_id,
        "account": 1,
        "symbol": symbol,
        "client_id": read.own_client_order_id(),
        "side": side,
        "kind": kind(read.order_type, Some(read.time_in_force), read.price, read.stop_price),
        "quantity": read.quantity,
        "quote_wanted": Amount::ZERO,
        "executed": read.cumulative_quantity,
        "quote_executed": read.cumulative_quote,
        "status": read.status.as_str(),
        "created_at": milliseconds(&document["O"]),
        "updated_at": read.transacted_at,
        "working_at": read.working_at,
        "prevention": read.self_trade_prevention.map_or("NONE", |mode| mode.as_str()),
        "locked": Amount::ZERO,
        "list_id": Some(read.order_list_id).filter(|id| *id >= 0),
    }))
    .unwrap();
    let fill = read.fill(InstrumentId(0)).unwrap();
    let trade = fill.map(|fill| orders::MyTrade {
        account: 1,
        symbol,
        id: fill.key.trade,
        order: read.order_id,
        side,
        price: fill.price,
        quantity: fill.quantity,
        quote: document["Y"].as_str().unwrap().parse().unwrap(),
        fee: fill.fee,
        fee_asset: fill.fee_asset,
        is_maker: read.is_maker,
        at: fill.event_at,
    });
    ExecutionReport {
        order,
        kind: match read.execution_type {
            Step::New => ExecutionType::New,
            Step::Trade => ExecutionType::Trade,
            Step::Expired => ExecutionType::Expired,
            Step::Canceled => ExecutionType::Canceled,
            Step::Replaced => ExecutionType::Replaced,
            Step::Rejected | Step::TradePrevention | Step::Unknown => panic!("{document}"),
        },
        reject_reason: "NONE",
        trade,
        cancel_id: None,
        earlier_id: None,
        prevention: None,
        execution_id: document["I"].as_i64().unwrap(),
        at: read.transacted_at,
    }
}

/// The exchange's event, by what the client read.
fn event_of(told: &Told<'_>, document: &Value) -> UserEvent {
    match told {
        Told::Execution(read) => UserEvent::Execution(Box::new(report_of(read, document))),
        Told::Position(read) => UserEvent::Position {
            balances: read
                .balances
                .iter()
                .map(|row| {
                    let balance = Balance { free: row.free, locked: row.locked };
                    (Asset::new(&row.asset).unwrap(), balance)
                })
                .collect(),
            at: read.updated_at,
        },
        Told::Balance(read) => UserEvent::BalanceUpdate {
            asset: Asset::new(&read.asset).unwrap(),
            delta: read.delta,
            at: read.cleared_at,
        },
        Told::List(read) => UserEvent::List {
            is_update: false,
            list: OrderList {
                id: read.order_list_id,
                account: 1,
                symbol: Symbol::new(&read.symbol).unwrap(),
                contingency: Contingency::OneCancelsOther,
                client_id: client_id(&read.list_client_order_id),
                orders: read.orders.iter().map(|order| order.order_id).collect(),
                working: None,
                is_done: false,
                updated_at: read.transacted_at,
            },
            orders: read
                .orders
                .iter()
                .map(|order| (order.order_id, client_id(&order.client_order_id)))
                .collect(),
            at: read.transacted_at,
        },
        Told::ExternalLock(_)
        | Told::StreamTerminated { .. }
        | Told::ServerShutdown { .. }
        | Told::Other { .. } => panic!("{document}"),
    }
}

/// The exchange sends what happened at once: its events are made when they happened.
fn made_at_once(document: &mut Value) {
    for name in ["T", "u"] {
        if document.get(name).is_some() {
            document["E"] = document[name].clone();
        }
    }
}

#[test]
fn events_of_the_account() {
    for (name, known) in [
        // Only some orders have `v`, which the documents don't explain.
        ("user-data-stream__order-update__01", &[".event.v is missing"][..]),
        ("user-data-stream__account-update__01", &[]),
        ("user-data-stream__balance-update__01", &[]),
        ("user-data-stream__order-reject-reason__01", &[]),
        ("web-socket-api__event-format__01", &[]),
    ] {
        let Some(mut document) = document(name) else { return };
        made_at_once(&mut document["event"]);
        let text = document.to_string();
        let WsApiFrame::Event(read) = decode_ws_api(text.as_bytes()).unwrap() else {
            panic!("{name} is no event");
        };
        let event = user::event(&event_of(&read.event, &document["event"]), UNIT);
        let wrapped = user::wrap(u32::try_from(read.subscription.unwrap()).unwrap(), &event);
        let ours: Value = serde_json::from_str(&wrapped).unwrap();
        check(name, &document, &ours, known);
    }
    for number in 2..=6 {
        let name = format!("faqs-market-orders-faq__market-orders__0{number}");
        let Some(mut document) = document(&name) else { return };
        made_at_once(&mut document);
        let text = document.to_string();
        let read = Told::read(text.as_bytes()).unwrap();
        let ours = user::event(&event_of(&read, &document), UNIT);
        let ours: Value = serde_json::from_str(&ours).unwrap();
        check(&name, &document, &ours, &[]);
    }
}

fn venue(symbol: &str) -> Exchange {
    let market = SyntheticConfig {
        symbols: vec![SymbolConfig::named(symbol).unwrap()],
        history: std::time::Duration::from_secs(60),
        book_history: std::time::Duration::from_secs(10),
        ..SyntheticConfig::default()
    };
    let now = Timestamp::from_millis(1_795_000_000_000);
    Exchange::synthetic(&ExchangeConfig::default(), &market, now, 0)
}

/// What the exchange makes of a frame.
fn output_of(event: &StreamEvent<'_>) -> Output {
    const INSTRUMENT: InstrumentId = InstrumentId(0);
    match event {
        StreamEvent::Trade(TradeEvent {
            id, price, quantity, traded_at, buyer_is_maker, ..
        }) => {
            let (id, price, quantity, at) = (TradeId(*id), *price, *quantity, *traded_at);
            let aggressor = if *buyer_is_maker { Side::Sell } else { Side::Buy };
            Output::Trade {
                instrument: INSTRUMENT,
                print: Print { id, price, quantity, aggressor, at },
            }
        }
        StreamEvent::AggTrade(read) => {
            Output::Aggregate { instrument: INSTRUMENT, trade: aggregate_of(read) }
        }
        StreamEvent::BookTicker(read) => {
            Output::Quote { instrument: INSTRUMENT, quote: quote_of(read) }
        }
        StreamEvent::Depth(read) => Output::Depth {
            instrument: INSTRUMENT,
            is_fast: true,
            diff: diff_of(read),
            at: read.event_at,
        },
        StreamEvent::Kline(_)
        | StreamEvent::PartialDepth(_)
        | StreamEvent::ServerShutdown { .. }
        | StreamEvent::Answer { .. }
        | StreamEvent::Refusal { .. }
        | StreamEvent::Other { .. } => panic!("{event:?}"),
    }
}

fn aggregate_of(read: &AggTrade<'_>) -> AggregateTrade {
    AggregateTrade {
        id: read.id,
        price: read.price,
        quantity: read.quantity,
        first: TradeId(read.first_trade_id),
        last: TradeId(read.last_trade_id),
        aggressor: if read.buyer_is_maker { Side::Sell } else { Side::Buy },
        at: read.traded_at,
    }
}

fn quote_of(read: &BookTicker<'_>) -> BestQuote {
    let level = |price, quantity| Level { price, quantity };
    BestQuote {
        update_id: read.update_id,
        bid: level(read.bid_price, read.bid_quantity),
        ask: level(read.ask_price, read.ask_quantity),
    }
}

fn diff_of(read: &DepthUpdateEvent<'_>) -> DepthDiff {
    DepthDiff {
        first_update_id: read.first_update_id,
        last_update_id: read.last_update_id,
        bids: read.bids.clone(),
        asks: read.asks.clone(),
    }
}

#[test]
fn events_of_the_market() {
    for (topic, symbol) in [
        ("trade-streams", "BNBBTC"),
        ("aggregate-trade-streams", "BNBBTC"),
        ("diff-depth-stream", "BNBBTC"),
        ("individual-symbol-book-ticker-streams", "BNBUSDT"),
    ] {
        let name = format!("web-socket-streams__{topic}__01");
        let Some(document) = document(&name) else { return };
        let text = document.to_string();
        let output = output_of(&decode_stream(text.as_bytes()).unwrap().event);
        let ours = payload::event(&venue(symbol), &output, UNIT).unwrap();
        check(&name, &document, &serde_json::from_str::<Value>(&ours).unwrap(), &[]);
    }
}

#[test]
fn books() {
    for (name, pointer) in [
        ("rest-api__order-book__01", ""),
        ("web-socket-api__order-book__02", "/result"),
        ("web-socket-streams__partial-book-depth-streams__01", ""),
    ] {
        let Some(document) = document(name) else { return };
        let value = document.pointer(pointer).unwrap();
        let text = value.to_string();
        let read: DepthSnapshot = parse("depth", text.as_bytes()).unwrap();
        let DepthSnapshot { last_update_id: update_id, bids, asks } = read;
        let ours = depth_json(&BookSnapshot { update_id, bids, asks });
        check(name, value, &serde_json::from_str::<Value>(&ours).unwrap(), &[]);
    }
}

/// A quantity that the documents leave out is none.
#[test]
fn an_order_that_says_nothing_has_no_quantity() {
    let reply: OrderReply<'_> =
        parse("order", br#"{"symbol":"A","orderId":1,"clientOrderId":"a","transactTime":1}"#)
            .unwrap();
    assert_eq!(order_of(&reply).quantity, Quantity::ZERO);
}
