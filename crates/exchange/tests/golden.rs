//! Answers and events have the documented shapes: the same names, and the same kinds of values.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

mod common;

use std::path::PathBuf;

use common::{Answer, Ws, best, config, get, place, sign_ed25519, signed, start, venue_ms};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

/// The names of an object in the order in which they stand, with what is below them; of an array,
/// the first element's.
#[derive(Default)]
struct Names(Vec<(String, Self)>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Order;
        impl<'de> Visitor<'de> for Order {
            type Value = Names;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("JSON")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    names.push(entry);
                }
                Ok(Names(names))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let first = list.next_element()?;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(first.unwrap_or_default())
            }
            fn visit_bool<E>(self, _: bool) -> Result<Names, E> {
                Ok(Names::default())
            }
            fn visit_i64<E>(self, _: i64) -> Result<Names, E> {
                Ok(Names::default())
            }
            fn visit_u64<E>(self, _: u64) -> Result<Names, E> {
                Ok(Names::default())
            }
            fn visit_f64<E>(self, _: f64) -> Result<Names, E> {
                Ok(Names::default())
            }
            fn visit_str<E>(self, _: &str) -> Result<Names, E> {
                Ok(Names::default())
            }
            fn visit_unit<E>(self) -> Result<Names, E> {
                Ok(Names::default())
            }
        }
        deserializer.deserialize_any(Order)
    }
}

/// Where the names that both have stand in another order.
fn misplaced(at: &str, documented: &Names, ours: &Names, out: &mut Vec<String>) {
    let names = |of: &Names, others: &Names| -> Vec<String> {
        let is_shared = |name: &&String| others.0.iter().any(|(other, _)| other == *name);
        of.0.iter().map(|(name, _)| name).filter(is_shared).cloned().collect()
    };
    let (wanted, found) = (names(documented, ours), names(ours, documented));
    if wanted != found {
        out.push(format!("{at}: {wanted:?} is documented, {found:?} is ours"));
    }
    for (name, below) in &documented.0 {
        if let Some((_, mine)) = ours.0.iter().find(|(other, _)| other == name) {
            misplaced(&format!("{at}.{name}"), below, mine, out);
        }
    }
}

/// Samples in which an order's names stand otherwise than in those of the sister requests
/// (openOrders and allOrders, and the new order).
const OTHERWISE: [&str; 2] =
    ["rest-api__query-order__01", "rest-api__cancel-an-existing-order-and-send-a-new-order__01"];

/// Checks names, kinds of values, and the order in which the names stand.
#[track_caller]
fn check_text(name: &str, answer: &Answer, known: &[&str]) {
    check(name, &answer.json(), known);
    let Some(documented) = golden_text(name).filter(|_| !OTHERWISE.contains(&name)) else { return };
    let (documented, ours) =
        (serde_json::from_str(&documented).unwrap(), serde_json::from_str(&answer.body).unwrap());
    let mut found = Vec::new();
    misplaced("", &documented, &ours, &mut found);
    assert!(found.is_empty(), "{name}: {found:#?}");
}

/// A documented payload, if the documents are there.
fn golden(name: &str) -> Option<Value> {
    golden_text(name).map(|text| serde_json::from_str(&text).unwrap())
}

fn golden_text(name: &str) -> Option<String> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/docs");
    let path = directory.join(format!("{name}.json"));
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    }
    Some(std::fs::read_to_string(path).unwrap())
}

/// Differences between a documented value and ours: names missing or added, other kinds.
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
        (Value::Array(documented), Value::Array(ours)) => {
            if let (Some(documented), Some(ours)) = (documented.first(), ours.first()) {
                differences(&format!("{at}[]"), documented, ours, out);
            }
        }
        (documented, ours) => {
            let kind = std::mem::discriminant(documented) == std::mem::discriminant(ours);
            if !kind && !documented.is_null() && !ours.is_null() {
                out.push(format!("{at}: {documented} is documented, {ours} is ours"));
            }
        }
    }
}

#[track_caller]
fn check(name: &str, ours: &Value, known: &[&str]) {
    let Some(documented) = golden(name) else { return };
    let mut found = Vec::new();
    differences("", &documented, ours, &mut found);
    assert_eq!(found, known, "{name}: {ours}");
}

#[tokio::test]
async fn rest_answers_have_the_documented_shapes() {
    let handle = start(config()).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let public = [
        ("rest-api__test-connectivity__01", "ping"),
        ("rest-api__check-server-time__01", "time"),
        ("rest-api__order-book__01", "depth?symbol=BTCUSDT"),
        ("rest-api__recent-trades-list__01", "trades?symbol=BTCUSDT"),
        ("rest-api__compressed-aggregate-trades-list__01", "aggTrades?symbol=BTCUSDT"),
        ("rest-api__kline-candlestick-data__01", "klines?symbol=BTCUSDT&interval=1m"),
        ("rest-api__current-average-price__01", "avgPrice?symbol=BTCUSDT"),
        ("rest-api__24hr-ticker-price-change-statistics__01", "ticker/24hr?symbol=BTCUSDT"),
        ("rest-api__24hr-ticker-price-change-statistics__02", "ticker/24hr"),
        (
            "rest-api__24hr-ticker-price-change-statistics__03",
            "ticker/24hr?symbol=BTCUSDT&type=MINI",
        ),
        (
            "rest-api__rolling-window-price-change-statistics__01",
            "ticker?symbol=BTCUSDT&windowSize=4h",
        ),
        ("rest-api__rolling-window-price-change-statistics__02", "ticker?symbols=[%22BTCUSDT%22]"),
        ("rest-api__trading-day-ticker__01", "ticker/tradingDay?symbol=BTCUSDT"),
        ("rest-api__trading-day-ticker__03", "ticker/tradingDay?symbol=BTCUSDT&type=MINI"),
        ("rest-api__symbol-price-ticker__01", "ticker/price?symbol=BTCUSDT"),
        ("rest-api__symbol-price-ticker__02", "ticker/price"),
        ("rest-api__symbol-order-book-ticker__01", "ticker/bookTicker?symbol=BTCUSDT"),
        ("rest-api__symbol-order-book-ticker__02", "ticker/bookTicker"),
    ];
    for (name, target) in public {
        check_text(name, &get(&handle, &format!("/api/v3/{target}")).await, &[]);
    }
    let answer = get(&handle, "/api/v3/exchangeInfo").await;
    let info = answer.ok();
    let known = [
        ".rateLimits[].interval is not documented",
        ".rateLimits[].intervalNum is not documented",
        ".rateLimits[].limit is not documented",
        ".rateLimits[].rateLimitType is not documented",
        ".sors is missing",
    ];
    check_text("rest-api__exchange-information__01", &answer, &known);
    let filters = info["symbols"][0]["filters"].as_array().unwrap();
    for (file, name) in [
        ("filters__price-filter__01", "PRICE_FILTER"),
        ("filters__lot-size__01", "LOT_SIZE"),
        ("filters__market-lot-size__01", "MARKET_LOT_SIZE"),
        ("filters__percent-price-by-side__01", "PERCENT_PRICE_BY_SIDE"),
        ("filters__notional__01", "NOTIONAL"),
        ("filters__iceberg-parts__01", "ICEBERG_PARTS"),
        ("filters__trailing-delta__01", "TRAILING_DELTA"),
        ("filters__max-num-orders__01", "MAX_NUM_ORDERS"),
        ("filters__max-num-order-lists__01", "MAX_NUM_ORDER_LISTS"),
        ("filters__max-num-algo-orders__01", "MAX_NUM_ALGO_ORDERS"),
        ("filters__max-num-order-amends__01", "MAX_NUM_ORDER_AMENDS"),
    ] {
        let filter = filters.iter().find(|filter| filter["filterType"] == name).unwrap();
        check(file, filter, &[]);
    }
    let market = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.01";
    check_text("rest-api__new-order__03", &place(&handle, market).await, &[]);
    let result = format!("{market}&newOrderRespType=RESULT");
    check_text("rest-api__new-order__02", &place(&handle, &result).await, &[]);
    let ack = format!("{market}&newOrderRespType=ACK");
    check_text("rest-api__new-order__01", &place(&handle, &ack).await, &[]);
    let limit = format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price={:.2}&newClientOrderId=g",
        bid * 0.98
    );
    place(&handle, &limit).await.ok();
    let private = [
        ("rest-api__query-order__01", "order", "symbol=BTCUSDT&origClientOrderId=g"),
        ("rest-api__current-open-orders__01", "openOrders", ""),
        ("rest-api__all-orders__01", "allOrders", "symbol=BTCUSDT"),
        ("rest-api__account-trade-list__01", "myTrades", "symbol=BTCUSDT"),
        ("rest-api__account-information__01", "account", ""),
        ("rest-api__query-commission-rates__01", "account/commission", "symbol=BTCUSDT"),
        ("rest-api__query-unfilled-order-count__01", "rateLimit/order", ""),
    ];
    for (name, path, params) in private {
        check_text(name, &signed(&handle, "GET", &format!("/api/v3/{path}"), params).await, &[]);
    }
    let cancel = "symbol=BTCUSDT&origClientOrderId=g";
    let canceled = signed(&handle, "DELETE", "/api/v3/order", cancel).await;
    check_text("rest-api__cancel-order__01", &canceled, &[]);
    let rates = format!("{limit}&computeCommissionRates=true");
    let test = signed(&handle, "POST", "/api/v3/order/test", &rates).await;
    check_text("rest-api__test-new-order__02", &test, &[]);
}

#[tokio::test]
async fn prevented_matches_have_the_documented_shapes() {
    let handle = start(config()).await;
    // A buy of ours that rests, and a sale that would meet it.
    let meet = async |mode: &str| -> Option<(Value, Value)> {
        let (bid, ask) = best(&handle, "BTCUSDT").await;
        let price = format!("{:.2}", bid + (ask - bid) / 2.0);
        let limit = format!("symbol=BTCUSDT&type=LIMIT&timeInForce=GTC&price={price}");
        let bought = place(&handle, &format!("{limit}&side=BUY&quantity=0.01")).await.ok();
        let params = format!("{limit}&side=SELL&quantity=0.002&selfTradePreventionMode={mode}");
        let sold = place(&handle, &params).await.ok();
        signed(&handle, "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT").await;
        sold.get("preventedMatches").is_some().then_some((bought, sold))
    };
    let prevent = async |mode: &str| {
        // Somebody may come in between.
        for _ in 0..20 {
            if let Some(pair) = meet(mode).await {
                return pair;
            }
        }
        panic!("our orders never met")
    };
    let (maker, taker) = prevent("EXPIRE_MAKER").await;
    let params = format!("symbol=BTCUSDT&orderId={}", taker["orderId"]);
    let listed = signed(&handle, "GET", "/api/v3/myPreventedMatches", &params).await;
    check_text("rest-api__query-prevented-matches__01", &listed, &[]);
    // Fields that came after these samples were written.
    let newer = [
        ".preventedMatches[].makerSymbol is not documented",
        ".origQuoteOrderQty is not documented",
    ];
    check("faqs-stp-faq__stp-examples__06", &taker, &newer);
    let params = format!("symbol=BTCUSDT&orderId={}", maker["orderId"]);
    let queried = signed(&handle, "GET", "/api/v3/order", &params).await.ok();
    check("faqs-stp-faq__stp-examples__03", &queried, &[]);
    let (_, taker) = prevent("EXPIRE_BOTH").await;
    let known =
        [newer[0], ".tradeGroupId is missing", newer[1], ".preventedMatchId is not documented"];
    check("faqs-stp-faq__stp-examples__12", &taker, &known);
    let (_, taker) = prevent("DECREMENT").await;
    let params = format!("symbol=BTCUSDT&orderId={}", taker["orderId"]);
    let queried = signed(&handle, "GET", "/api/v3/order", &params).await.ok();
    check("faqs-stp-faq__stp-examples__18", &queried, &[]);
}

#[tokio::test]
async fn stream_events_have_the_documented_shapes() {
    let handle = start(config()).await;
    let events = [
        ("aggregate-trade-streams__01", "btcusdt@aggTrade"),
        ("trade-streams__01", "btcusdt@trade"),
        ("diff-depth-stream__01", "btcusdt@depth@100ms"),
        ("individual-symbol-book-ticker-streams__01", "btcusdt@bookTicker"),
        ("individual-symbol-mini-ticker-stream__01", "btcusdt@miniTicker"),
        ("individual-symbol-ticker-streams__01", "btcusdt@ticker"),
        ("individual-symbol-rolling-window-statistics-streams__01", "btcusdt@ticker_1h"),
        ("average-price__01", "btcusdt@avgPrice"),
        ("partial-book-depth-streams__01", "btcusdt@depth5@100ms"),
        ("kline-candlestick-streams-for-utc__01", "btcusdt@kline_1m"),
        ("kline-candlestick-streams-with-timezone-offset__01", "btcusdt@kline_1h@+08:00"),
    ];
    let names: Vec<&str> = events.iter().map(|(_, stream)| *stream).collect();
    let target = format!("/stream?streams={}", names.join("/").replace('+', "%2B"));
    let mut ws = Ws::open(&handle, &target).await;
    let mut seen = std::collections::BTreeMap::new();
    while seen.len() < events.len() {
        let frame = ws.json().await;
        seen.entry(frame["stream"].as_str().unwrap().to_owned()).or_insert(frame["data"].clone());
    }
    for (name, stream) in events {
        check(&format!("web-socket-streams__{name}"), &seen[stream], &[]);
    }
}

#[tokio::test]
async fn the_websocket_api_has_the_documented_shapes() {
    let handle = start(config()).await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    let at = venue_ms(&handle).await;
    let logon = ws.call("session.logon", sign_ed25519(&handle.credentials, json!({}), at)).await;
    check("web-socket-api__log-in-with-api-key__02", &logon, &[".rateLimits is not documented"]);
    let subscribed = ws.call("userDataStream.subscribe", json!({})).await;
    let known = [".rateLimits is not documented"];
    check("web-socket-api__subscribe-to-user-data-stream__02", &subscribed, &known);
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = json!({
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
        "quantity": "0.01", "price": format!("{:.2}", bid * 0.99), "timestamp": at,
        "newOrderRespType": "RESULT",
    });
    check("web-socket-api__place-new-order__03", &ws.call("order.place", order).await, &[]);
    let report = ws.json().await;
    let known = [".event.v is missing"];
    check("user-data-stream__order-update__01", &report, &known);
    check("user-data-stream__account-update__01", &ws.json().await, &[]);
    let refused = ws.call("order.place", json!({"symbol": "BTCUSDT", "timestamp": at})).await;
    check("web-socket-api__response-format__02", &refused, &[]);
    check("web-socket-api__check-server-time__02", &ws.call("time", json!({})).await, &[]);
    let unsubscribed = ws.call("userDataStream.unsubscribe", json!({})).await;
    let known = [".rateLimits is not documented"];
    check("web-socket-api__unsubscribe-from-user-data-stream__02", &unsubscribed, &known);
    let logout = ws.call("session.logout", json!({})).await;
    check("web-socket-api__log-out-of-the-session__02", &logout, &known);
}

#[tokio::test]
async fn lists_and_replacements_have_the_documented_shapes() {
    let handle = start(config()).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let limit = format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price={:.2}&newClientOrderId=g",
        bid * 0.98
    );
    let pair = format!(
        "symbol=BTCUSDT&side=SELL&quantity=0.01&aboveType=LIMIT_MAKER&abovePrice={:.2}\
         &belowType=STOP_LOSS_LIMIT&belowStopPrice={1:.2}&belowPrice={1:.2}&belowTimeInForce=GTC\
         &belowIcebergQty=0.005",
        bid * 1.02,
        bid * 0.98
    );
    let placed = signed(&handle, "POST", "/api/v3/orderList/oco", &pair).await;
    check_text("rest-api__new-order-list-oco__01", &placed, &[]);
    let list = placed.ok();
    let named = format!("orderListId={}", list["orderListId"]);
    let queried = signed(&handle, "GET", "/api/v3/orderList", &named).await;
    check_text("rest-api__query-order-list__01", &queried, &[]);
    let cancel = format!("symbol=BTCUSDT&{named}");
    let canceled = signed(&handle, "DELETE", "/api/v3/orderList", &cancel).await;
    // The sample's orders are no icebergs.
    let known = [".orderReports[].icebergQty is not documented"];
    check_text("rest-api__cancel-order-list__01", &canceled, &known);
    place(&handle, &limit).await.ok();
    let replace = limit.replace(
        "&newClientOrderId=g",
        "&cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=g",
    );
    let replaced = signed(&handle, "POST", "/api/v3/order/cancelReplace", &replace).await;
    check_text("rest-api__cancel-an-existing-order-and-send-a-new-order__01", &replaced, &[]);
    let failed = signed(&handle, "POST", "/api/v3/order/cancelReplace", &replace).await;
    check_text("rest-api__cancel-an-existing-order-and-send-a-new-order__02", &failed, &[]);
    place(&handle, &limit.replace("=g", "=h")).await.ok();
    let amend = "symbol=BTCUSDT&origClientOrderId=h&newQty=0.005";
    let answer = signed(&handle, "PUT", "/api/v3/order/amend/keepPriority", amend).await;
    check_text("rest-api__order-amend-keep-priority__01", &answer, &[]);
    let amended = answer.ok();
    let history = format!("symbol=BTCUSDT&orderId={}", amended["amendedOrder"]["orderId"]);
    let history = signed(&handle, "GET", "/api/v3/order/amendments", &history).await;
    check_text("rest-api__query-order-amendments__01", &history, &[]);
}
