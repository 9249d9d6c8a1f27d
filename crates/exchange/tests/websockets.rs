//! Streams and the WebSocket API over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

mod common;

use common::{Ws, best, config, get, http, place, sign_ed25519, start, venue_ms};
use serde_json::{Value, json};
use tickwright_exchange::{ExchangeConfig, Speed};

#[tokio::test]
async fn market_streams_flow_in_the_documented_shapes() {
    let handle = start(config()).await;
    let mut raw = Ws::open(&handle, "/ws/btcusdt@trade").await;
    let trade = raw.json().await;
    assert_eq!((&trade["e"], &trade["s"]), (&"trade".into(), &"BTCUSDT".into()));
    let mut ws = Ws::open(
        &handle,
        "/stream?streams=btcusdt%40bookTicker/btcusdt@depth@100ms/btcusdt@aggTrade/btcusdt@kline_1s",
    )
    .await;
    for stream in
        ["btcusdt@bookTicker", "btcusdt@depth@100ms", "btcusdt@aggTrade", "btcusdt@kline_1s"]
    {
        let frame = ws.find(|frame| frame["stream"] == stream).await;
        assert!(frame["data"].is_object(), "{frame}");
    }
}

#[tokio::test]
async fn a_local_book_from_diffs_equals_the_venues() {
    let handle = start(config()).await;
    let mut ws = Ws::open(&handle, "/ws/btcusdt@depth@100ms").await;
    let first = ws.json().await;
    let snapshot = get(&handle, "/api/v3/depth?symbol=BTCUSDT&limit=5000").await.ok();
    let mut id = snapshot["lastUpdateId"].as_i64().unwrap();
    assert!(id >= first["U"].as_i64().unwrap());
    let mut bids = std::collections::BTreeMap::new();
    let apply = |book: &mut std::collections::BTreeMap<String, String>, levels: &Value| {
        for level in levels.as_array().unwrap() {
            let (price, quantity) = (level[0].as_str().unwrap(), level[1].as_str().unwrap());
            if quantity == "0.00000000" {
                book.remove(price);
            } else {
                book.insert(price.to_owned(), quantity.to_owned());
            }
        }
    };
    apply(&mut bids, &snapshot["bids"]);
    let mut applied = 0;
    while applied < 10 {
        let diff = ws.json().await;
        let (from, to) = (diff["U"].as_i64().unwrap(), diff["u"].as_i64().unwrap());
        if to <= id {
            continue;
        }
        assert!(from <= id + 1, "gap: {from} after {id}");
        apply(&mut bids, &diff["b"]);
        id = to;
        applied += 1;
    }
    loop {
        let now = get(&handle, "/api/v3/depth?symbol=BTCUSDT&limit=5000").await.ok();
        let until = now["lastUpdateId"].as_i64().unwrap();
        while id < until {
            let diff = ws.json().await;
            apply(&mut bids, &diff["b"]);
            id = diff["u"].as_i64().unwrap();
        }
        if id == until {
            let theirs: std::collections::BTreeMap<String, String> = now["bids"]
                .as_array()
                .unwrap()
                .iter()
                .map(|level| (level[0].as_str().unwrap().into(), level[1].as_str().unwrap().into()))
                .collect();
            assert_eq!(bids, theirs);
            break;
        }
    }
}

#[tokio::test]
async fn streams_are_subscribed_listed_and_unsubscribed() {
    let handle = start(config()).await;
    let mut ws = Ws::open(&handle, "/ws").await;
    ws.send(r#"{"method":"SUBSCRIBE","params":["btcusdt@bookTicker","x@y"],"id":1}"#).await;
    assert_eq!(ws.find(|frame| frame["id"] == 1).await, json!({"result": null, "id": 1}));
    ws.send(r#"{"method":"LIST_SUBSCRIPTIONS","id":"two"}"#).await;
    let list = ws.find(|frame| frame["id"] == "two").await;
    assert_eq!(list["result"], json!(["btcusdt@bookTicker", "x@y"]));
    ws.send(r#"{"method":"NOPE","id":3}"#).await;
    let error = ws.find(|frame| frame["id"] == 3).await;
    assert_eq!(error["error"]["code"], 2);
    ws.send(r#"{"method":"SET_PROPERTY","params":["combined",true],"id":4}"#).await;
    ws.find(|frame| frame["id"] == 4).await;
    ws.find(|frame| frame["stream"] == "btcusdt@bookTicker").await;
}

#[tokio::test]
async fn more_than_five_messages_a_second_end_the_connection() {
    let handle = start(config()).await;
    let mut ws = Ws::open(&handle, "/ws").await;
    for id in 0..8 {
        ws.send(format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}"#)).await;
    }
    let mut answers = 0;
    while ws.text().await.is_some() {
        answers += 1;
    }
    assert_eq!(answers, 5);
}

#[tokio::test]
async fn a_session_trades_and_hears_of_it() {
    let handle = start(config()).await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    let credentials = handle.credentials.clone();
    let at = venue_ms(&handle).await;
    let logon = ws.call("session.logon", sign_ed25519(&credentials, json!({}), at)).await;
    assert_eq!(logon["status"], 200, "{logon}");
    let subscribed = ws.call("userDataStream.subscribe", json!({})).await;
    assert_eq!(subscribed["result"]["subscriptionId"], 0);
    let again = ws.call("userDataStream.subscribe", json!({})).await;
    assert_eq!(again["error"]["code"], -2035);
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = json!({
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
        "quantity": "0.01", "price": format!("{:.2}", bid * 0.99), "timestamp": at,
        "newClientOrderId": "abc",
    });
    let placed = ws.call("order.place", order).await;
    assert_eq!(placed["result"]["status"], "NEW", "{placed}");
    assert_eq!(placed["rateLimits"][0]["rateLimitType"], "ORDERS");
    let report = ws.json().await;
    assert_eq!((&report["subscriptionId"], &report["event"]["x"]), (&0.into(), &"NEW".into()));
    let position = ws.json().await;
    assert_eq!(position["event"]["e"], "outboundAccountPosition", "{position}");
    let cancel = json!({"symbol": "BTCUSDT", "origClientOrderId": "abc", "timestamp": at});
    let canceled = ws.call("order.cancel", cancel).await;
    assert_eq!(canceled["result"]["status"], "CANCELED", "{canceled}");
    let report = ws.json().await;
    assert_eq!((&report["event"]["x"], &report["event"]["C"]), (&"CANCELED".into(), &"abc".into()));
    // An order by REST is heard of, too, step by step.
    place(&handle, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.2").await.ok();
    ws.find(|frame| frame["event"]["x"] == "NEW").await;
    let mut executed = 0.0;
    loop {
        let trade = ws.json().await["event"].clone();
        assert_eq!(trade["x"], "TRADE", "{trade}");
        executed += trade["l"].as_str().unwrap().parse::<f64>().unwrap();
        if trade["X"] == "FILLED" {
            break;
        }
        assert_eq!(trade["X"], "PARTIALLY_FILLED");
    }
    assert!((executed - 0.2).abs() < 1e-9);
    let position = ws.json().await;
    assert_eq!(position["event"]["B"].as_array().unwrap().len(), 2, "{position}");
    http(&handle, "POST", "/control/deposit?asset=USDT&amount=5", &[], "").await.ok();
    let update = ws.json().await;
    assert_eq!(
        (&update["event"]["e"], &update["event"]["d"]),
        (&"balanceUpdate".into(), &"5.00000000".into())
    );
}

#[tokio::test]
async fn the_websocket_api_answers_and_refuses() {
    let handle = start(config()).await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    ws.send(r#"{"id":7,"method":"v3/time"}"#).await;
    let time = ws.json().await;
    assert_eq!((&time["id"], &time["status"]), (&7.into(), &200.into()));
    assert_eq!(time["rateLimits"][0]["rateLimitType"], "REQUEST_WEIGHT");
    ws.send(r#"{"id":null,"method":"ping","params":{"returnRateLimits":false}}"#).await;
    assert_eq!(ws.json().await, json!({"id": null, "status": 200, "result": {}}));
    let depth = ws.call("depth", json!({"symbol": "BTCUSDT", "limit": 5})).await;
    assert_eq!(depth["result"]["bids"].as_array().unwrap().len(), 5);
    assert_eq!(ws.call("nope", json!({})).await["status"], 400);
    let order = json!({"symbol": "BTCUSDT", "timestamp": 1});
    assert_eq!(ws.call("order.status", order).await["error"]["code"], -1102);
    let at = venue_ms(&handle).await;
    let mut params = sign_ed25519(&handle.credentials, json!({}), at);
    params["recvWindow"] = 6_000.into();
    let refused = ws.call("userDataStream.subscribe.signature", params).await;
    assert_eq!((&refused["status"], &refused["error"]["code"]), (&400.into(), &(-1022).into()));
    let status = ws.call("session.status", json!({})).await;
    assert_eq!(status["result"]["apiKey"], Value::Null);
}

#[tokio::test]
async fn faults_are_injected_by_the_control_path() {
    let handle = start(config()).await;
    let control = async |command: &str| {
        let answer = http(&handle, "POST", &format!("/control/{command}"), &[], "").await;
        assert_eq!(answer.status, 200, "{command}: {}", answer.body);
    };
    // A gap in the changes of a book.
    let mut depth = Ws::open(&handle, "/ws/btcusdt@depth@100ms").await;
    let before = depth.json().await;
    control("frames?fault=skip&matching=depth").await;
    let mut last = before["u"].as_i64().unwrap();
    loop {
        let diff = depth.json().await;
        let is_gap = diff["U"].as_i64().unwrap() > last + 1;
        last = diff["u"].as_i64().unwrap();
        if is_gap {
            break;
        }
    }
    control("frames?fault=garble&matching=depth").await;
    while serde_json::from_str::<Value>(&depth.text().await.unwrap()).is_ok() {}
    // An answer that is lost after the order was accepted.
    control("fail?point=after&status=0&matching=order").await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price={:.2}&newClientOrderId=lost",
        bid * 0.98
    );
    assert_eq!(place(&handle, &order).await.status, 0, "no answer at all");
    let query = "symbol=BTCUSDT&origClientOrderId=lost";
    common::signed(&handle, "GET", "/api/v3/order", query).await.ok();
    control("fail?point=before&status=503").await;
    assert_eq!(get(&handle, "/api/v3/ping").await.status, 503);
    control("halt?symbol=BTCUSDT&status=HALT").await;
    place(&handle, &order.replace("lost", "late")).await.refused(400, -1013, "Market is closed.");
    // Silence, then the cut.
    control("silence?on=true").await;
    while tokio::time::timeout(std::time::Duration::from_millis(600), depth.text()).await.is_ok() {}
    control("drop_websockets").await;
    assert_eq!(depth.text().await, None);
    let unknown = http(&handle, "POST", "/control/nonsense", &[], "").await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn the_clock_is_announced_and_runs_at_its_speed() {
    let handle = start(ExchangeConfig { speed: Speed::parse("20").unwrap(), ..config() }).await;
    let clock = get(&handle, "/control/clock").await.ok();
    assert_eq!(clock["speed"], 20);
    let before = venue_ms(&handle).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let passed = venue_ms(&handle).await - before;
    assert!((10_000..14_000).contains(&passed), "{passed} ms in half a second");
    http(&handle, "POST", "/control/pause", &[], "").await.ok();
    let paused = venue_ms(&handle).await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(venue_ms(&handle).await, paused);
}

#[tokio::test]
async fn one_symbol_s_answers_can_be_held_back_or_fail() {
    let handle = start(config()).await;
    let control = async |command: &str| {
        http(&handle, "POST", &format!("/control/{command}"), &[], "").await.ok();
    };
    let of = |symbol: &str| format!("/api/v3/depth?symbol={symbol}&limit=5");
    let (bitcoin, ether) = (of("BTCUSDT"), of("ETHUSDT"));
    control("delay?ms=60000&matching=ETHUSDT").await;
    let held = tokio::time::timeout(std::time::Duration::from_millis(300), get(&handle, &ether));
    assert!(held.await.is_err(), "it was answered");
    get(&handle, &bitcoin).await.ok();
    control("clear").await;
    control("fail?point=before&status=503&count=3&matching=ETHUSDT").await;
    get(&handle, &bitcoin).await.ok();
    assert_eq!(get(&handle, &ether).await.status, 503);
    let mut api = Ws::open(&handle, "/ws-api/v3").await;
    let mut of = async |symbol: &str| {
        api.call("depth", json!({"symbol": symbol, "limit": 5})).await["status"].clone()
    };
    assert_eq!((of("BTCUSDT").await, of("ETHUSDT").await), (json!(200), json!(503)));
    // Names of parameters don't count.
    control("clear").await;
    control("fail?point=before&status=503&matching=symbol").await;
    get(&handle, &ether).await.ok();
}

#[tokio::test]
async fn requests_are_answered_while_streams_are_silent() {
    let handle = start(config()).await;
    let mut api = Ws::open(&handle, "/ws-api/v3").await;
    http(&handle, "POST", "/control/silence?on=true", &[], "").await.ok();
    assert_eq!(api.call("ping", json!({})).await["status"], 200);
}
