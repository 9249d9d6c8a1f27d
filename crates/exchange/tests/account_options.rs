//! What accounts, keys and connections can have besides the usual: fees in BNB, RSA keys, a
//! database that lags, limits on lists and connections.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

mod common;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use common::{Ws, best, config, get, http, place, sign_ed25519, signed, start, venue_ms};
use serde_json::{Value, json};
use tickwright_exchange::limits::LimitsConfig;
use tickwright_exchange::{ExchangeConfig, ExchangeHandle};

async fn control(handle: &ExchangeHandle, command: &str) {
    http(handle, "POST", &format!("/control/{command}"), &[], "").await.ok();
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

async fn free(handle: &ExchangeHandle, asset: &str) -> f64 {
    let account = signed(handle, "GET", "/api/v3/account", "").await.ok();
    let balances = account["balances"].as_array().unwrap();
    number(&balances.iter().find(|balance| balance["asset"] == asset).unwrap()["free"])
}

#[tokio::test]
async fn fees_in_bnb_are_discounted() {
    let handle = start(config()).await;
    control(&handle, "bnb_fees?on=true").await;
    let commission =
        signed(&handle, "GET", "/api/v3/account/commission", "symbol=BTCUSDT").await.ok();
    let discount = &commission["discount"];
    assert_eq!(
        (&discount["enabledForAccount"], &discount["discountAsset"], &discount["discount"]),
        (&json!(true), &json!("BNB"), &json!("0.75000000"))
    );
    let before = (free(&handle, "BNB").await, free(&handle, "BTC").await);
    let prices = async |symbol: &str| {
        let price = get(&handle, &format!("/api/v3/ticker/price?symbol={symbol}")).await.ok();
        number(&price["price"])
    };
    let bnb = prices("BNBUSDT").await;
    let order = place(&handle, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.02").await.ok();
    let fills = order["fills"].as_array().unwrap();
    assert!(fills.iter().all(|fill| fill["commissionAsset"] == "BNB"), "{order}");
    let paid: f64 = fills.iter().map(|fill| number(&fill["commission"])).sum();
    let due = number(&order["cummulativeQuoteQty"]) * 0.001 * 0.75 / bnb;
    assert!((paid / due - 1.0).abs() < 0.01, "{paid} of {due}");
    let after = (free(&handle, "BNB").await, free(&handle, "BTC").await);
    assert!((before.0 - after.0 - paid).abs() < 1e-9);
    assert!((after.1 - before.1 - 0.02).abs() < 1e-9, "the base asset is whole");
    let params = format!("symbol=BTCUSDT&orderId={}", order["orderId"]);
    let trades = signed(&handle, "GET", "/api/v3/myTrades", &params).await.ok();
    assert_eq!(trades[0]["commissionAsset"], "BNB");
    // Without enough of it the received asset pays.
    let rest = free(&handle, "BNB").await;
    control(&handle, &format!("deposit?asset=BNB&amount=-{rest:.8}")).await;
    let order = place(&handle, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.02").await.ok();
    assert_eq!(order["fills"][0]["commissionAsset"], "BTC");
}

#[tokio::test]
async fn rsa_keys_sign() {
    let handle = start(config()).await;
    let name = "rsa0123456789012345678901234567890123456789012345678901234567890";
    let public = include_str!("data/rsa_public_key.pem");
    let target = format!("/control/add_key?api_key={name}");
    http(&handle, "POST", &target, &[], public).await.ok();
    let pem = include_str!("data/rsa_private_key.pem");
    let encoded: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let key = ring::signature::RsaKeyPair::from_pkcs8(&BASE64.decode(encoded).unwrap()).unwrap();
    let sign = |payload: &str| {
        let mut signature = vec![0; key.public().modulus_len()];
        let (padding, random) =
            (&ring::signature::RSA_PKCS1_SHA256, ring::rand::SystemRandom::new());
        key.sign(padding, &random, payload.as_bytes(), &mut signature).unwrap();
        let signature = BASE64.encode(signature);
        percent_encoding::utf8_percent_encode(&signature, percent_encoding::NON_ALPHANUMERIC)
            .to_string()
    };
    let at = venue_ms(&handle).await;
    let ask = async |payload: &str, signature: &str| {
        let target = format!("/api/v3/account?{payload}&signature={signature}");
        http(&handle, "GET", &target, &[("X-MBX-APIKEY", name)], "").await
    };
    let payload = format!("timestamp={at}");
    ask(&payload, &sign(&payload)).await.ok();
    let other = format!("timestamp={}", at + 1);
    ask(&other, &sign(&payload)).await.refused(400, -1022, "Signature");
    ask(&payload, &sign(&payload).to_lowercase()).await.refused(400, -1022, "Signature");
    let refused = http(&handle, "POST", &target, &[], "no key").await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn the_database_may_lag() {
    let handle = start(config()).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price={:.2}",
        bid * 0.98
    );
    let first = place(&handle, &order).await.ok();
    control(&handle, "database_lag?ms=1500").await;
    let second = place(&handle, &order).await.ok();
    let params = format!("symbol=BTCUSDT&orderId={}", first["orderId"]);
    signed(&handle, "DELETE", "/api/v3/order", &params).await.ok();
    let all = async || -> Vec<Value> {
        let all = signed(&handle, "GET", "/api/v3/allOrders", "symbol=BTCUSDT").await.ok();
        all.as_array().unwrap().iter().map(|order| order["status"].clone()).collect()
    };
    // Memory knows, the database does not yet.
    assert_eq!(all().await, ["NEW"]);
    let open = signed(&handle, "GET", "/api/v3/openOrders", "symbol=BTCUSDT").await.ok();
    assert_eq!(open[0]["orderId"], second["orderId"]);
    let queried = signed(&handle, "GET", "/api/v3/order", &params).await.ok();
    assert_eq!(queried["status"], "CANCELED");
    tokio::time::sleep(Duration::from_millis(1_700)).await;
    assert_eq!(all().await, ["CANCELED", "NEW"]);
    control(&handle, "clear").await;
    place(&handle, &order).await.ok();
    assert_eq!(all().await.len(), 3);
}

#[tokio::test]
async fn the_memory_may_lag() {
    let handle = start(config()).await;
    let (_, ask) = best(&handle, "BTCUSDT").await;
    let order = |price: f64| {
        format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price={price:.2}")
    };
    let lag = Duration::from_millis(1_500);
    control(&handle, "memory_lag?ms=1500").await;
    let filled = place(&handle, &order(ask * 1.01)).await.ok();
    assert_eq!(filled["status"], "FILLED");
    let rests = place(&handle, &order(ask * 0.98)).await.ok();
    let params = format!("symbol=BTCUSDT&orderId={}", rests["orderId"]);
    let open = async || signed(&handle, "GET", "/api/v3/openOrders", "symbol=BTCUSDT").await.ok();
    let trades = async || signed(&handle, "GET", "/api/v3/myTrades", "symbol=BTCUSDT").await.ok();
    signed(&handle, "GET", "/api/v3/order", &params).await.refused(400, -2013, "not exist");
    assert_eq!((open().await, trades().await), (json!([]), json!([])));
    // Cancels are no reads.
    tokio::time::sleep(lag + Duration::from_millis(200)).await;
    assert_eq!(open().await[0]["orderId"], rests["orderId"]);
    assert_eq!(trades().await[0]["orderId"], filled["orderId"]);
    signed(&handle, "DELETE", "/api/v3/order", &params).await.ok();
    let queried = signed(&handle, "GET", "/api/v3/order", &params).await.ok();
    assert_eq!(queried["status"], "NEW");
    control(&handle, "clear").await;
    let queried = signed(&handle, "GET", "/api/v3/order", &params).await.ok();
    assert_eq!(queried["status"], "CANCELED");
}

#[tokio::test]
async fn connections_are_limited() {
    let limits = LimitsConfig { connections_per_5_mins: 3, ..LimitsConfig::default() };
    let handle = start(ExchangeConfig { limits, ..config() }).await;
    while venue_ms(&handle).await % 300_000 > 295_000 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for _ in 0..3 {
        Ws::open(&handle, "/ws/btcusdt@trade").await;
    }
    let headers = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let refused = http(&handle, "GET", "/ws/btcusdt@trade", &headers, "").await;
    refused.refused(429, -1003, "current limit is 3 connection attempts per 5 MINUTE");
    assert!(refused.header("retry-after").is_some());
}

#[tokio::test]
async fn order_lists_are_limited() {
    let handle = start(config()).await;
    let (bid, ask) = best(&handle, "BTCUSDT").await;
    let list = format!(
        "symbol=BTCUSDT&workingType=LIMIT&workingSide=BUY&workingPrice={:.2}&workingQuantity=0.001\
         &workingTimeInForce=GTC&pendingType=LIMIT&pendingSide=SELL&pendingPrice={:.2}\
         &pendingQuantity=0.001&pendingTimeInForce=GTC",
        bid * 0.98,
        ask * 1.02
    );
    for _ in 0..20 {
        signed(&handle, "POST", "/api/v3/orderList/oto", &list).await.ok();
    }
    let refused = signed(&handle, "POST", "/api/v3/orderList/oto", &list).await;
    refused.refused(400, -1013, "Filter failure: MAX_NUM_ORDER_LISTS");
}

#[tokio::test]
async fn a_shutdown_is_announced_in_each_form() {
    let handle = start(config()).await;
    let mut raw = Ws::open(&handle, "/ws").await;
    let mut combined = Ws::open(&handle, "/stream").await;
    let mut api = Ws::open(&handle, "/ws-api/v3").await;
    let params = sign_ed25519(&handle.credentials, json!({}), venue_ms(&handle).await);
    api.call("userDataStream.subscribe.signature", params).await;
    for ws in [&mut raw, &mut combined] {
        ws.send(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#).await;
        ws.json().await;
    }
    control(&handle, "server_shutdown").await;
    let event = raw.json().await;
    assert_eq!(event["e"], "serverShutdown");
    let wrapped = combined.json().await;
    assert_eq!(
        (&wrapped["stream"], &wrapped["data"]["e"]),
        (&json!("!serverShutdown"), &json!("serverShutdown"))
    );
    let told = api.json().await;
    assert_eq!((&told["event"]["e"], told.get("subscriptionId")), (&json!("serverShutdown"), None));
    for ws in [&mut raw, &mut combined, &mut api] {
        assert_eq!(ws.text().await, None, "closed after the notice");
    }
}
