//! What once told this exchange apart from the venue, over real sockets: each held as the venue's
//! documents have it.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

mod common;

use std::time::Duration;

use common::{Answer, Ws, best, config, get, http, place, sign_ed25519, signed, start, venue_ms};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tickwright_exchange::limits::LimitsConfig;
use tickwright_exchange::{ExchangeConfig, ExchangeHandle, MarketConfig};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

async fn control(handle: &ExchangeHandle, command: &str) {
    http(handle, "POST", &format!("/control/{command}"), &[], "").await.ok();
}

/// A market whose flow is all but asleep.
fn quiet() -> ExchangeConfig {
    let mut config = config();
    if let MarketConfig::Synthetic(market) = &mut config.market {
        for symbol in &mut market.symbols {
            symbol.activity = 1e-3;
        }
    }
    config
}

/// A connection that hears the account.
async fn listen(handle: &ExchangeHandle) -> Ws {
    let mut ws = Ws::open(handle, "/ws-api/v3").await;
    let params = sign_ed25519(&handle.credentials, json!({}), venue_ms(handle).await);
    let answer = ws.call("userDataStream.subscribe.signature", params).await;
    assert_eq!(answer["status"], 200, "{answer}");
    ws
}

/// The next events of an account: kind, execution type, order status, reason of a refusal.
async fn events(ws: &mut Ws, count: usize) -> Vec<String> {
    let mut names = Vec::new();
    while names.len() < count {
        let frame = ws.json().await;
        let event = &frame["event"];
        let words = ["e", "x", "X", "r"].map(|name| event[name].as_str().unwrap_or(""));
        names.push(match words {
            ["executionReport", x, status, reason] => format!("{x} {status} {reason}"),
            [kind, ..] => kind.to_owned(),
        });
    }
    names
}

/// Nothing more is told of the account.
async fn is_silent(ws: &mut Ws) {
    let more = tokio::time::timeout(Duration::from_millis(400), ws.text()).await;
    assert!(more.is_err(), "{more:?}");
}

fn limit(side: &str, quantity: &str, price: f64) -> String {
    format!(
        "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price:.2}"
    )
}

async fn status_of(handle: &ExchangeHandle, order: &Value) -> Value {
    let params = format!("symbol=BTCUSDT&orderId={}", order["orderId"]);
    signed(handle, "GET", "/api/v3/order", &params).await.ok()["status"].clone()
}

#[tokio::test]
async fn a_close_is_answered_with_a_close() {
    let handle = start(config()).await;
    for path in ["/ws", "/ws/btcusdt@depth@100ms", "/stream?streams=btcusdt@trade", "/ws-api/v3"] {
        let mut ws = Ws::open(&handle, path).await;
        let good_bye = CloseFrame { code: CloseCode::Normal, reason: "good-bye".into() };
        ws.0.send(Message::Close(Some(good_bye.clone()))).await.unwrap();
        let end = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                match ws.0.next().await {
                    Some(Ok(Message::Close(frame))) => return frame,
                    Some(Ok(_)) => {}
                    other => panic!("{path}: {other:?} instead of a close"),
                }
            }
        });
        assert_eq!(end.await.unwrap(), Some(good_bye), "{path}");
        assert!(ws.0.next().await.is_none(), "{path}: the server lets go");
    }
}

#[tokio::test]
async fn what_can_t_be_read_is_refused_by_its_code() {
    let handle = start(config()).await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    ws.send(format!(r#"{{"id":"{}","method":"ping"}}"#, "x".repeat(70_000))).await;
    let end = tokio::time::timeout(Duration::from_secs(20), ws.0.next()).await.unwrap();
    let Some(Ok(Message::Close(Some(frame)))) = end else { panic!("{end:?}") };
    assert_eq!(frame.code, CloseCode::Size);
}

#[tokio::test]
async fn replacing_past_the_order_limit_is_as_the_documents_table_has_it() {
    let limits = LimitsConfig { orders_per_10_secs: 4, ..LimitsConfig::default() };
    let handle = start(ExchangeConfig { limits, ..config() }).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = limit("BUY", "0.001", bid * 0.9);
    // Time stands still: the window does not end meanwhile.
    control(&handle, "pause").await;
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(place(&handle, &order).await.ok());
    }
    let mut check = async |label: &str, params: &str, known: bool, expected: Value| {
        let target = if known { open[0]["orderId"].clone() } else { json!(987_654_321) };
        let params = format!("{order}&{params}&cancelOrderId={target}");
        let answer = signed(&handle, "POST", "/api/v3/order/cancelReplace", &params).await;
        let body = answer.json();
        let data = &body["data"];
        let of = |response: &Value| response["code"].as_i64().or(response["orderId"].as_i64());
        let got = json!([
            answer.status,
            body["code"],
            data["cancelResult"],
            data["newOrderResult"],
            of(&data["newOrderResponse"]),
        ]);
        assert_eq!(got, expected, "{label}: {body}");
        let is_limited = answer.status == 429;
        assert_eq!(answer.header("retry-after").is_some(), is_limited, "{label}");
        let is_canceled = data["cancelResult"] == "SUCCESS";
        let status = if is_canceled { "CANCELED" } else { "NEW" };
        assert_eq!(status_of(&handle, &open[0]).await, status, "{label}");
        if is_canceled {
            open.remove(0);
        }
    };
    let (stop, allow) = ("cancelReplaceMode=STOP_ON_FAILURE", "cancelReplaceMode=ALLOW_FAILURE");
    let only = "orderRateLimitExceededMode=CANCEL_ONLY";
    let nothing = json!([429, -1015, null, null, null]);
    check("default", stop, true, nothing.clone()).await;
    let explicit = format!("{allow}&orderRateLimitExceededMode=DO_NOTHING");
    check("do nothing", &explicit, true, nothing).await;
    let strict = format!("{stop}&{only}");
    let half = json!([429, -2021, "SUCCESS", "FAILURE", -1015]);
    check("stop, canceled", &strict, true, half).await;
    let none = json!([429, -2022, "FAILURE", "NOT_ATTEMPTED", null]);
    check("stop, unknown", &strict, false, none).await;
    let lenient = format!("{allow}&{only}");
    let half = json!([409, -2021, "SUCCESS", "FAILURE", -1015]);
    check("allow, canceled", &lenient, true, half).await;
    let both = json!([400, -2022, "FAILURE", "FAILURE", -1015]);
    check("allow, unknown", &lenient, false, both).await;
    let bad = format!("{stop}&orderRateLimitExceededMode=MAYBE");
    check("no such mode", &bad, false, json!([400, -1130, null, null, null])).await;
}

#[tokio::test]
async fn rolling_windows_open_with_a_minute() {
    let handle = start(config()).await;
    for (window, millis) in
        [("1m", 60_000), ("15m", 900_000), ("1h", 3_600_000), ("1d", 86_400_000)]
    {
        let path = format!("/api/v3/ticker?symbol=BTCUSDT&windowSize={window}");
        let ticker = get(&handle, &path).await.ok();
        let [open, close] = ["openTime", "closeTime"].map(|name| ticker[name].as_i64().unwrap());
        assert_eq!(open % 60_000, 0, "{window}");
        assert!((0..60_000).contains(&(close - open - millis)), "{window}: {ticker}");
        // All of the first minute counts.
        let path = format!("/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime={open}&limit=1");
        let first = get(&handle, &path).await.ok();
        assert_eq!(first[0][1], ticker["openPrice"], "{window}");
    }
    let mut ws = Ws::open(&handle, "/ws/btcusdt@ticker_1h").await;
    let ticker = ws.json().await;
    let [open, close] = ["O", "C"].map(|name| ticker[name].as_i64().unwrap());
    assert_eq!(open % 60_000, 0, "{ticker}");
    assert!((0..60_000).contains(&(close - open - 3_600_000)), "{ticker}");
}

#[tokio::test]
async fn trades_that_are_not_there_are_refused_and_not_passed_over() {
    let handle = start(config()).await;
    let day = get(&handle, "/api/v3/ticker/24hr?symbol=BTCUSDT").await.ok();
    // It counts trades of before the tape begins.
    let path = format!("/api/v3/historicalTrades?symbol=BTCUSDT&fromId={}", day["firstId"]);
    get(&handle, &path).await.refused(400, -1130, "Data sent for parameter 'fromId' is not valid.");
    for path in ["historicalTrades", "aggTrades"] {
        let path = format!("/api/v3/{path}?symbol=BTCUSDT&fromId=0&limit=2");
        assert_eq!(get(&handle, &path).await.ok().as_array().unwrap().len(), 2, "{path}");
    }
}

#[tokio::test]
async fn a_new_order_that_the_engine_refuses_after_the_cancel_is_reported() {
    let handle = start(quiet()).await;
    let (bid, ask) = best(&handle, "BTCUSDT").await;
    let last = get(&handle, "/api/v3/ticker/price?symbol=BTCUSDT").await.ok();
    let last: f64 = last["price"].as_str().unwrap().parse().unwrap();
    let far = limit("BUY", "0.001", bid * 0.9);
    let mut ws = listen(&handle).await;
    let taker = format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.001&price={:.2}&newClientOrderId=late",
        ask * 1.01
    );
    let stop = format!(
        "symbol=BTCUSDT&side=SELL&type=STOP_LOSS&quantity=0.001&stopPrice={:.2}",
        last * 1.01
    );
    for (label, order, reason) in [
        ("would take", taker, "WOULD_MATCH_IMMEDIATELY"),
        ("no balance", limit("BUY", "100", bid * 0.9), "INSUFFICIENT_BALANCES"),
        ("would trigger", stop, "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY"),
    ] {
        let open = place(&handle, &far).await.ok();
        assert_eq!(
            events(&mut ws, 2).await,
            ["NEW NEW NONE", "outboundAccountPosition"],
            "{label}"
        );
        let params =
            format!("{order}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={}", open["orderId"]);
        let answer = signed(&handle, "POST", "/api/v3/order/cancelReplace", &params).await;
        answer.refused(409, -2021, "partially failed");
        let expected = ["CANCELED CANCELED NONE", "outboundAccountPosition"];
        assert_eq!(events(&mut ws, 2).await, expected, "{label}");
        let report = ws.json().await["event"].clone();
        let got = ["x", "X", "r", "z", "n", "C"].map(|name| report[name].as_str().unwrap());
        assert_eq!(got, ["REJECTED", "REJECTED", reason, "0.00000000", "0", ""], "{label}");
        assert_eq!(
            (&report["w"], &report["t"], report.get("W")),
            (&json!(false), &json!(-1), None)
        );
        if label == "would take" {
            assert_eq!(report["c"], "late");
        }
    }
    // Neither a refused order by itself nor one beside a failed cancel is reported.
    let params = format!(
        "{}&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=987654321",
        limit("BUY", "100", bid * 0.9)
    );
    signed(&handle, "POST", "/api/v3/order/cancelReplace", &params).await.refused(400, -2022, "");
    place(&handle, &limit("BUY", "100", bid * 0.9)).await.refused(400, -2010, "balance");
    is_silent(&mut ws).await;
}

async fn used_weight(handle: &ExchangeHandle) -> i64 {
    let answer = get(handle, "/api/v3/ping").await;
    answer.header("x-mbx-used-weight-1m").unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_amendment_that_leaves_nothing_ends_the_order() {
    let handle = start(quiet()).await;
    let (bid, ask) = best(&handle, "BTCUSDT").await;
    let price = (bid + ask) / 2.0;
    let amend = async |params: &str| -> Answer {
        let params = format!("symbol=BTCUSDT&{params}");
        signed(&handle, "PUT", "/api/v3/order/amend/keepPriority", &params).await
    };
    for (label, new) in [("as much", "0.01"), ("less", "0.005")] {
        let order = place(&handle, &limit("SELL", "0.03", price)).await.ok();
        let bought = place(&handle, &limit("BUY", "0.01", price)).await.ok();
        assert_eq!(bought["status"], "FILLED", "{label}: {bought}");
        let mut ws = listen(&handle).await;
        // One that goes on weighs as it stands in the table.
        let id = &order["orderId"];
        control(&handle, "pause").await;
        let before = used_weight(&handle).await;
        amend(&format!("orderId={id}&newQty=0.02")).await.ok();
        // The ping, and the clock that signing asks for.
        assert_eq!(used_weight(&handle).await - before, 4 + 2, "{label}");
        let before = used_weight(&handle).await;
        let ended = amend(&format!("orderId={id}&newQty={new}")).await.ok();
        assert_eq!(used_weight(&handle).await - before, 2, "{label}");
        control(&handle, "resume").await;
        let amended = ["status", "qty", "executedQty"].map(|name| &ended["amendedOrder"][name]);
        assert_eq!(amended, ["EXPIRED", "0.01000000", "0.01000000"], "{label}");
        let expected = [
            "REPLACED PARTIALLY_FILLED NONE",
            "outboundAccountPosition",
            "REPLACED PARTIALLY_FILLED NONE",
            "EXPIRED EXPIRED NONE",
            "outboundAccountPosition",
        ];
        assert_eq!(events(&mut ws, 5).await, expected, "{label}");
        let account = signed(&handle, "GET", "/api/v3/account", "").await.ok();
        let balances = account["balances"].as_array().unwrap();
        let bitcoin = balances.iter().find(|balance| balance["asset"] == "BTC").unwrap();
        assert_eq!(bitcoin["locked"], "0.00000000", "{label}");
        amend(&format!("orderId={id}&newQty=0.001")).await.refused(400, -2038, "Unknown order");
    }
}

#[tokio::test]
async fn an_amendment_to_a_name_that_is_taken_is_an_amendment_refused() {
    let handle = start(config()).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let far = limit("BUY", "0.002", bid * 0.9);
    place(&handle, &format!("{far}&newClientOrderId=taken")).await.ok();
    let order = place(&handle, &format!("{far}&newClientOrderId=own")).await.ok();
    let amend = async |name: &str| -> Answer {
        let id = &order["orderId"];
        let params = format!("symbol=BTCUSDT&orderId={id}&newQty=0.001&newClientOrderId={name}");
        signed(&handle, "PUT", "/api/v3/order/amend/keepPriority", &params).await
    };
    amend("taken").await.refused(400, -2038, "Duplicate order sent.");
    assert_eq!(amend("own").await.ok()["amendedOrder"]["clientOrderId"], "own");
}

#[tokio::test]
async fn a_session_whose_key_is_gone_is_over() {
    let handle = start(config()).await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    let credentials = handle.credentials.clone();
    let at = venue_ms(&handle).await;
    ws.call("session.logon", sign_ed25519(&credentials, json!({}), at)).await;
    ws.call("userDataStream.subscribe", json!({})).await;
    control(&handle, &format!("revoke_key?api_key={}", credentials.ed25519_api_key)).await;
    let request = json!({"id": "own", "method": "account.status", "params": {"timestamp": at}});
    ws.send(request.to_string()).await;
    let refusal = json!({
        "id": null, "status": 401,
        "error": {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
    });
    assert_eq!(ws.json().await, refusal);
    let ended = ws.json().await;
    assert_eq!(ended["event"]["e"], "eventStreamTerminated", "{ended}");
    let status = ws.call("session.status", json!({})).await;
    assert_eq!(status["result"]["apiKey"], Value::Null);
    // A key that is sent along is refused under the request's own id.
    let refused = ws.call("account.status", sign_ed25519(&credentials, json!({}), at)).await;
    assert_eq!(
        (&refused["id"], &refused["error"]["code"]),
        (&json!("account.status"), &json!(-2015))
    );
}

#[tokio::test]
async fn keys_that_sign_otherwise_do_not_log_on() {
    let handle = start(config()).await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    let (credentials, at) = (&handle.credentials, venue_ms(&handle).await);
    let payload = format!("apiKey={}&timestamp={at}", credentials.api_key);
    let signature = credentials.sign_hmac(&payload);
    let params = json!({"apiKey": credentials.api_key, "timestamp": at, "signature": signature});
    let refused = ws.call("session.logon", params).await;
    let error = json!({"code": -4056, "msg": "HMAC_SHA256 API key is not supported."});
    assert_eq!((&refused["status"], &refused["error"]), (&json!(400), &error));
}

#[tokio::test]
async fn legs_that_would_not_rest_show_no_part() {
    let handle = start(config()).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let (above, below) = (bid * 1.02, bid * 0.98);
    let check = async |path: &str, params: String, code: i64, words: &str| {
        let path = format!("/api/v3/{path}");
        signed(&handle, "POST", &path, &params).await.refused(400, code, words);
    };
    let pair = format!(
        "symbol=BTCUSDT&side=SELL&quantity=0.01&aboveType=LIMIT_MAKER&abovePrice={above:.2}\
         &belowType=STOP_LOSS_LIMIT&belowStopPrice={below:.2}&belowPrice={below:.2}\
         &belowIcebergQty=0.001&belowTimeInForce"
    );
    let words = "Parameter 'belowIcebergQty' is not supported if 'belowTimeInForce' is not GTC.";
    for time in ["IOC", "FOK"] {
        check("orderList/oco", format!("{pair}={time}"), -1160, words).await;
    }
    signed(&handle, "POST", "/api/v3/orderList/oco", &format!("{pair}=GTC")).await.ok();
    let old = format!(
        "symbol=BTCUSDT&side=SELL&quantity=0.01&price={above:.2}&stopPrice={below:.2}\
         &stopLimitPrice={below:.2}&stopLimitTimeInForce=IOC&stopIcebergQty=0.001"
    );
    let words = "'stopIcebergQty' is not supported if 'stopLimitTimeInForce' is not GTC.";
    check("order/oco", old, -1160, words).await;
}

#[tokio::test]
async fn a_list_tells_its_balances_once() {
    let handle = start(config()).await;
    let (bid, ask) = best(&handle, "BTCUSDT").await;
    let mut ws = listen(&handle).await;
    let pair = format!(
        "symbol=BTCUSDT&side=SELL&quantity=0.01&aboveType=LIMIT_MAKER&abovePrice={:.2}\
         &belowType=STOP_LOSS&belowStopPrice={:.2}",
        bid * 1.02,
        bid * 0.98
    );
    let list = signed(&handle, "POST", "/api/v3/orderList/oco", &pair).await.ok();
    let (new, balances) = ("NEW NEW NONE", "outboundAccountPosition");
    assert_eq!(events(&mut ws, 4).await, ["listStatus", new, new, balances]);
    let cancel = format!("symbol=BTCUSDT&orderListId={}", list["orderListId"]);
    signed(&handle, "DELETE", "/api/v3/orderList", &cancel).await.ok();
    let canceled = "CANCELED CANCELED NONE";
    assert_eq!(events(&mut ws, 4).await, [canceled, canceled, "listStatus", balances]);
    // A working order that fills at once, and what it sets off.
    let triple = format!(
        "symbol=BTCUSDT&workingType=LIMIT&workingSide=BUY&workingPrice={:.2}&workingQuantity=0.001\
         &workingTimeInForce=GTC&pendingSide=SELL&pendingQuantity=0.0009\
         &pendingAboveType=LIMIT_MAKER&pendingAbovePrice={:.2}\
         &pendingBelowType=STOP_LOSS&pendingBelowStopPrice={:.2}",
        ask * 1.005,
        bid * 1.02,
        bid * 0.98
    );
    signed(&handle, "POST", "/api/v3/orderList/otoco", &triple).await.ok();
    let mut told = events(&mut ws, 1).await;
    while told.last().is_some_and(|last| last != balances) {
        told.extend(events(&mut ws, 1).await);
    }
    assert_eq!(told[0], "listStatus", "{told:?}");
    is_silent(&mut ws).await;
}

#[tokio::test]
async fn ids_that_the_venue_makes_up_are_22_letters_and_digits() {
    let handle = start(config()).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let order = place(&handle, &limit("BUY", "0.001", bid * 0.9)).await.ok();
        let id = order["clientOrderId"].as_str().unwrap().to_owned();
        assert!(id.len() == 22 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        ids.insert(id);
    }
    assert_eq!(ids.len(), 20);
    let shared = ids.iter().zip(ids.iter().skip(1)).filter(|(one, other)| one[..3] == other[..3]);
    assert!(shared.count() < 5, "they don't begin alike: {ids:?}");
}

#[tokio::test]
async fn control_messages_without_their_list_are_refused() {
    let handle = start(config()).await;
    let mut ws = Ws::open(&handle, "/ws").await;
    let mut check = async |label: &str, text: &str, words: &str| {
        ws.send(text).await;
        let answer = ws.find(|frame| frame["id"] == 4).await;
        let error = json!({"code": 2, "msg": words});
        assert_eq!(answer["error"], error, "{label}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    };
    let missing = r#"{"method":"SUBSCRIBE","id":4}"#;
    let words = "Invalid request: missing field `params` at line 1 column 29";
    check("nothing", missing, words).await;
    let text = r#"{"method":"SUBSCRIBE","params":"x","id":4}"#;
    let words =
        "Invalid request: invalid type: string \"x\", expected a sequence at line 1 column 42";
    check("a text", text, words).await;
    let number = r#"{"method":"UNSUBSCRIBE","params":7,"id":4}"#;
    let words =
        "Invalid request: invalid type: integer `7`, expected a sequence at line 1 column 42";
    check("a number", number, words).await;
    let names = r#"{"method":"SUBSCRIBE","params":[7],"id":4}"#;
    check("no names", names, "Invalid request: stream name must be a string").await;
}

#[tokio::test]
async fn an_order_gives_room_back_with_its_first_fill_alone() {
    let handle = start(quiet()).await;
    let (bid, ask) = best(&handle, "BTCUSDT").await;
    // Time stands still: the window does not end meanwhile.
    control(&handle, "pause").await;
    let counted = async || {
        let limits = signed(&handle, "GET", "/api/v3/rateLimit/order", "").await.ok();
        limits[0]["count"].as_i64().unwrap()
    };
    for _ in 0..10 {
        place(&handle, &limit("BUY", "0.001", bid * 0.9)).await.ok();
    }
    let price = (bid + ask) / 2.0;
    place(&handle, &limit("SELL", "0.03", price)).await.ok();
    assert_eq!(counted().await, 11);
    for (label, expected) in [("maker's first", 11 + 1 - 5 - 1), ("maker's second", 6 + 1 - 1)] {
        let bought = place(&handle, &limit("BUY", "0.01", price)).await.ok();
        assert_eq!(bought["status"], "FILLED", "{label}");
        assert_eq!(counted().await, expected, "{label}");
    }
}
