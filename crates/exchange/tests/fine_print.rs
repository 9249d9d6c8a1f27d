//! What the documents say besides the usual: second looks at the clock, archived orders, symbols
//! by status, reference prices, the forms of a list's answer.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

mod common;

use std::time::Duration;

use common::{Answer, Ws, best, config, get, http, place, signed, start, venue_ms};
use serde_json::{Value, json};
use tickwright_exchange::ExchangeHandle;

async fn control(handle: &ExchangeHandle, command: &str) {
    http(handle, "POST", &format!("/control/{command}"), &[], "").await.ok();
}

async fn far_below(handle: &ExchangeHandle) -> String {
    let (bid, _) = best(handle, "BTCUSDT").await;
    format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price={:.2}",
        bid * 0.9
    )
}

/// Orders counted in the current ten seconds.
async fn counted(handle: &ExchangeHandle) -> i64 {
    let limits = signed(handle, "GET", "/api/v3/rateLimit/order", "").await.ok();
    limits[0]["count"].as_i64().unwrap()
}

/// Waits for the first second of a window of ten, so that a count is not begun anew meanwhile.
async fn early_in_the_window(handle: &ExchangeHandle) {
    while venue_ms(handle).await % 10_000 > 3_000 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_request_that_grew_old_on_its_way_to_the_engine_is_refused_and_counted() {
    let handle = start(config()).await;
    let order = far_below(&handle).await;
    early_in_the_window(&handle).await;
    control(&handle, "delay?ms=800&matching=/api/v3/order").await;
    let late = place(&handle, &format!("{order}&recvWindow=300")).await;
    late.refused(400, -1021, "Timestamp for this request is outside of the recvWindow.");
    control(&handle, "clear").await;
    assert_eq!(counted(&handle).await, 1);
    let open = signed(&handle, "GET", "/api/v3/openOrders", "symbol=BTCUSDT").await.ok();
    assert_eq!(open, json!([]));
    // Reads don't go to the engine: they are looked at once.
    control(&handle, "delay?ms=800&matching=openOrders").await;
    let params = "symbol=BTCUSDT&recvWindow=300";
    signed(&handle, "GET", "/api/v3/openOrders", params).await.ok();
}

#[tokio::test]
async fn a_replacement_that_was_not_tried_counts_and_one_that_was_refused_does_not() {
    let handle = start(config()).await;
    let order = far_below(&handle).await;
    early_in_the_window(&handle).await;
    let replace = |mode: &str, more: &str| {
        format!("{order}{more}&cancelReplaceMode={mode}&cancelOrderId=987654321")
    };
    let path = "/api/v3/order/cancelReplace";
    let answer = signed(&handle, "POST", path, &replace("STOP_ON_FAILURE", "")).await;
    answer.refused(400, -2022, "Order cancel-replace failed.");
    let data = &answer.json()["data"];
    assert_eq!(
        (&data["newOrderResult"], &data["newOrderResponse"]),
        (&json!("NOT_ATTEMPTED"), &Value::Null)
    );
    assert_eq!(counted(&handle).await, 1);
    place(&handle, &order.replace("0.001", "0.0000001")).await.refused(400, -1013, "LOT_SIZE");
    assert_eq!(counted(&handle).await, 1);
}

#[tokio::test]
async fn symbols_are_told_apart_by_their_status() {
    let handle = start(config()).await;
    control(&handle, "halt?symbol=ETHUSDT&status=HALT").await;
    let one = "symbol=ETHUSDT&symbolStatus=TRADING";
    for path in ["depth", "ticker/price", "ticker/bookTicker", "ticker/24hr", "ticker"] {
        let answer = get(&handle, &format!("/api/v3/{path}?{one}")).await;
        answer.refused(400, -1220, "The symbol's status does not match");
        get(&handle, &format!("/api/v3/{path}?{}", one.replace("TRADING", "HALT"))).await.ok();
        let answer = get(&handle, &format!("/api/v3/{path}?{}", one.replace("TRADING", "X"))).await;
        answer.refused(400, -1122, "Invalid symbolStatus.");
    }
    let names = |answer: Answer| -> Vec<String> {
        let list = answer.ok();
        let name = |ticker: &Value| ticker["symbol"].as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(name).collect()
    };
    let halted = get(&handle, "/api/v3/ticker/price?symbolStatus=HALT").await;
    assert_eq!(names(halted), ["ETHUSDT"]);
    let trading = names(get(&handle, "/api/v3/ticker/price?symbolStatus=TRADING").await);
    assert!(trading.contains(&"BTCUSDT".to_owned()) && !trading.contains(&"ETHUSDT".to_owned()));
    let margin = get(&handle, "/api/v3/exchangeInfo?permissions=MARGIN").await.ok();
    assert_eq!(margin["symbols"], json!([]));
}

#[tokio::test]
async fn filters_measure_by_the_reference_price_once_there_is_one() {
    let handle = start(config()).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let path = "/api/v3/referencePrice?symbol=BTCUSDT";
    let calculation = "/api/v3/referencePrice/calculation?symbol=BTCUSDT";
    for path in [path, calculation] {
        get(&handle, path).await.refused(400, -2043, "This symbol doesn't have a reference price.");
    }
    let order = far_below(&handle).await;
    place(&handle, &order).await.ok();
    // Ten times the market: everything near the market is now outside of the bounds.
    let price = format!("{:.2}", bid * 10.0);
    control(&handle, &format!("reference_price?symbol=BTCUSDT&price={price}")).await;
    place(&handle, &order).await.refused(400, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE");
    let answer = get(&handle, path).await.ok();
    assert_eq!(answer["referencePrice"], format!("{price}000000"));
    assert_eq!(get(&handle, calculation).await.ok()["calculationType"], "EXTERNAL");
    let mut ws = Ws::open(&handle, "/ws/btcusdt@referencePrice").await;
    let event = ws.json().await;
    assert_eq!((&event["e"], &event["s"]), (&json!("referencePrice"), &json!("BTCUSDT")));
    assert_eq!((&event["r"], &event["t"]), (&answer["referencePrice"], &answer["timestamp"]));
    control(&handle, "reference_price?symbol=BTCUSDT").await;
    assert_eq!(get(&handle, path).await.ok()["referencePrice"], Value::Null);
    let gone = ws.find(|event| event["r"].is_null()).await;
    assert_eq!(gone["e"], "referencePrice");
    place(&handle, &order).await.ok();
}

#[tokio::test]
async fn a_list_is_answered_as_long_as_it_is_asked_for() {
    let handle = start(config()).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let pair = format!(
        "symbol=BTCUSDT&side=SELL&quantity=0.01&aboveType=LIMIT_MAKER&abovePrice={:.2}\
         &belowType=STOP_LOSS&belowStopPrice={:.2}",
        bid * 1.02,
        bid * 0.98
    );
    let oco = async |more: &str| {
        signed(&handle, "POST", "/api/v3/orderList/oco", &format!("{pair}{more}")).await
    };
    let short = oco("&newOrderRespType=ACK&listClientOrderId=mine").await.ok();
    assert!(short["orderReports"][0].get("status").is_none(), "{short}");
    assert!(short["orderReports"][0]["transactTime"].is_i64(), "{short}");
    assert!(oco("").await.ok()["orderReports"][0].get("fills").is_none());
    assert_eq!(oco("&newOrderRespType=FULL").await.ok()["orderReports"][1]["fills"], json!([]));
    oco("&newOrderRespType=LONG").await.refused(400, -1130, "'newOrderRespType'");
    oco("&listClientOrderId=mine").await.refused(400, -2010, "Duplicate order sent.");
    let cancel = "symbol=BTCUSDT&listClientOrderId=mine";
    signed(&handle, "DELETE", "/api/v3/orderList", cancel).await.ok();
    oco("&listClientOrderId=mine").await.ok();
    let params = "startTime=1700000000000&endTime=1700086400001";
    let all = signed(&handle, "GET", "/api/v3/allOrderList", params).await;
    all.refused(400, -1127, "More than 24 hours");
}

#[tokio::test]
async fn what_waits_for_a_working_order_is_shown_waiting_even_if_that_filled_at_once() {
    let handle = start(config()).await;
    let (_, ask) = best(&handle, "BTCUSDT").await;
    let params = format!(
        "symbol=BTCUSDT&newOrderRespType=FULL\
         &workingType=LIMIT&workingSide=BUY&workingTimeInForce=GTC&workingQuantity=0.001\
         &workingPrice={:.2}&pendingType=LIMIT_MAKER&pendingSide=SELL&pendingQuantity=0.001\
         &pendingPrice={:.2}",
        ask * 1.01,
        ask * 1.05,
    );
    let list = signed(&handle, "POST", "/api/v3/orderList/oto", &params).await.ok();
    let [working, pending] = [&list["orderReports"][0], &list["orderReports"][1]];
    assert_eq!(working["status"], "FILLED", "{list}");
    assert!(!working["fills"].as_array().unwrap().is_empty());
    assert_eq!((&pending["status"], &pending["workingTime"]), (&json!("PENDING_NEW"), &json!(-1)));
    let query = format!("symbol=BTCUSDT&orderId={}", pending["orderId"]);
    let now = signed(&handle, "GET", "/api/v3/order", &query).await.ok();
    assert_eq!(now["status"], "NEW");
}

#[tokio::test]
async fn an_iceberg_shows_less_than_it_is() {
    let handle = start(config()).await;
    let order = format!("{}&icebergQty=0.002", far_below(&handle).await);
    place(&handle, &order).await.refused(400, -2010, "IcebergQty exceeds QTY.");
}

#[tokio::test]
async fn execution_rules_weigh_by_symbol() {
    let handle = start(config()).await;
    let weight = async |query: &str| -> i64 {
        let used = async || -> i64 {
            let answer = get(&handle, "/api/v3/ping").await;
            answer.header("x-mbx-used-weight-1m").unwrap().parse().unwrap()
        };
        let before = used().await;
        get(&handle, &format!("/api/v3/executionRules{query}")).await.ok();
        used().await - before - 1
    };
    while venue_ms(&handle).await % 60_000 > 50_000 {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(weight("?symbol=BTCUSDT").await, 2);
    assert_eq!(weight("?symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D").await, 4);
    assert_eq!(weight("").await, 40);
}
