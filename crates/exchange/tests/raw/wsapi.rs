//! The WebSocket API.

use serde_json::{Value, json};
use tickwright_exchange::ExchangeHandle;

use crate::common::{Ws, best, get, sign_ed25519, venue_ms};
use crate::{exchange, has_names, px};

/// Adds the HMAC key, the time and the signature.
pub async fn sign(handle: &ExchangeHandle, mut params: Value) -> Value {
    params["apiKey"] = handle.credentials.api_key.clone().into();
    params["timestamp"] = venue_ms(handle).await.into();
    // serde_json's map is sorted by name.
    let pairs: Vec<String> = params
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}={text}")
        })
        .collect();
    params["signature"] = handle.credentials.sign_hmac(&pairs.join("&")).into();
    params
}

#[tokio::test]
async fn wsapi_ping_time() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    let ping = ws.call("ping", json!({})).await;
    has_names(&ping, "id status result rateLimits");
    assert_eq!((&ping["status"], &ping["result"]), (&json!(200), &json!({})));
    has_names(&ping["rateLimits"][0], "rateLimitType interval intervalNum limit count");
    assert_eq!(ping["rateLimits"][0]["limit"], 6_000);
    let time = ws.call("time", json!({})).await;
    assert_eq!(time["result"]["serverTime"].to_string().len(), 13);
    let mut ws = Ws::open(&handle, "/ws-api/v3?timeUnit=MICROSECOND&returnRateLimits=false").await;
    let time = ws.call("time", json!({})).await;
    has_names(&time, "id status result");
    assert_eq!(time["result"]["serverTime"].to_string().len(), 16);
}

#[tokio::test]
async fn wsapi_ids_echoed() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    for id in [json!(7), json!("seven"), json!(null), json!("0b1c"), json!(-1), json!(1_u64 << 60)]
    {
        ws.send(json!({"id": id, "method": "ping"}).to_string()).await;
        assert_eq!(ws.json().await["id"], id);
        ws.send(json!({"id": id, "method": "depth", "params": {"symbol": "NOPE"}}).to_string())
            .await;
        let refused = ws.json().await;
        assert_eq!((&refused["id"], &refused["status"]), (&id, &json!(400)));
        assert_eq!(refused["error"], json!({"code": -1121, "msg": "Invalid symbol."}));
    }
}

#[tokio::test]
async fn wsapi_v3_prefix_and_unknown_method() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    assert_eq!(ws.call("v3/ping", json!({})).await["status"], 200);
    for method in ["nope", "v2/ping", "userDataStream.start"] {
        let refused = ws.call(method, json!({})).await;
        assert_eq!(refused["status"], 400, "{refused}");
        assert!(refused["error"]["code"].as_i64().unwrap() < 0, "{refused}");
    }
    ws.send("not json").await;
    assert_eq!(ws.json().await["error"]["code"], -1135);
    for no_method in [json!({"id": 5}), json!({"id": 5, "method": 7})] {
        ws.send(no_method.to_string()).await;
        let refused = ws.json().await;
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(5), &json!(-1135)));
    }
    for id in [json!(1.5), json!([1]), json!({}), json!(true)] {
        ws.send(json!({"id": id, "method": "ping"}).to_string()).await;
        let refused = ws.json().await;
        assert_eq!((&refused["id"], &refused["status"]), (&Value::Null, &json!(400)), "{id}");
        assert_eq!(refused["error"]["code"], -1100);
    }
}

#[tokio::test]
async fn what_must_be_signed_needs_a_key_or_a_session() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    let words = "Mandatory parameter 'apiKey' was not sent, was empty/null, or malformed.";
    for method in ["account.status", "session.logon", "userDataStream.subscribe.signature"] {
        let refused = ws.call(method, json!({"timestamp": venue_ms(&handle).await})).await;
        assert_eq!(refused["error"], json!({"code": -1102, "msg": words}), "{method}");
    }
}

#[tokio::test]
async fn wsapi_depth() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    let answer = ws.call("depth", json!({"symbol": "BTCUSDT", "limit": 10})).await;
    has_names(&answer["result"], "lastUpdateId bids asks");
    assert_eq!(answer["result"]["bids"].as_array().unwrap().len(), 10);
    // The same book as by REST, at the same id.
    for _ in 0..20 {
        let answer = ws.call("depth", json!({"symbol": "BTCUSDT", "limit": 10})).await;
        let rest = get(&handle, "/api/v3/depth?symbol=BTCUSDT&limit=10").await.ok();
        if rest["lastUpdateId"] == answer["result"]["lastUpdateId"] {
            return assert_eq!(rest, answer["result"]);
        }
    }
    panic!("twenty pairs of reads and never the same id");
}

#[tokio::test]
async fn wsapi_order_place_status_cancel() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    // Numbers as they stand in the JSON, and a flag that is signed, too.
    let order = json!({
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
        "quantity": 0.01, "price": px(bid * 0.98), "newClientOrderId": "by-ws",
        "returnRateLimits": false,
    });
    let placed = ws.call("order.place", sign(&handle, order).await).await;
    has_names(&placed, "id status result");
    assert_eq!((&placed["status"], &placed["result"]["status"]), (&json!(200), &json!("NEW")));
    assert_eq!(placed["result"]["origQty"], "0.01000000");
    let which = json!({"symbol": "BTCUSDT", "origClientOrderId": "by-ws"});
    let status = ws.call("order.status", sign(&handle, which.clone()).await).await;
    assert_eq!(status["result"]["orderId"], placed["result"]["orderId"]);
    let canceled = ws.call("order.cancel", sign(&handle, which.clone()).await).await;
    assert_eq!(canceled["result"]["status"], "CANCELED");
    assert_eq!(canceled["result"]["origClientOrderId"], "by-ws");
    let again = ws.call("order.cancel", sign(&handle, which).await).await;
    assert_eq!(again["error"], json!({"code": -2011, "msg": "Unknown order sent."}));
    let kinds = canceled["rateLimits"].as_array().unwrap();
    assert!(kinds.iter().any(|limit| limit["rateLimitType"] == "REQUEST_WEIGHT"));
}

#[tokio::test]
async fn wsapi_bad_signature__1022() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    let mut params = sign(&handle, json!({})).await;
    params["signature"] = "0".repeat(64).into();
    let refused = ws.call("account.status", params).await;
    assert_eq!(refused["status"], 400);
    let words = "Signature for this request is not valid.";
    assert_eq!(refused["error"], json!({"code": -1022, "msg": words}));
    let right = sign(&handle, json!({})).await;
    assert_eq!(ws.call("account.status", right).await["status"], 200);
}

#[tokio::test]
async fn wsapi_session_logon_ed25519() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    let names = "apiKey authorizedSince connectedSince returnRateLimits serverTime userDataStream";
    let status = ws.call("session.status", json!({})).await["result"].clone();
    has_names(&status, names);
    assert_eq!((&status["apiKey"], &status["authorizedSince"]), (&json!(null), &json!(null)));
    // HMAC keys can't log on.
    let refused = ws.call("session.logon", sign(&handle, json!({})).await).await;
    assert_eq!(refused["status"], 400, "{refused}");
    let at = venue_ms(&handle).await;
    let logon = ws.call("session.logon", sign_ed25519(&handle.credentials, json!({}), at)).await;
    has_names(&logon["result"], names);
    assert_eq!(logon["result"]["apiKey"], handle.credentials.ed25519_api_key);
    // From now on the time is enough.
    let account = ws.call("account.status", json!({"timestamp": at})).await;
    assert_eq!(account["status"], 200, "{account}");
    assert_eq!(ws.call("account.status", json!({})).await["error"]["code"], -1102);
    // An explicit key and signature outrank the session.
    let explicit = ws.call("account.status", sign(&handle, json!({})).await).await;
    assert_eq!(explicit["status"], 200);
    let logout = ws.call("session.logout", json!({})).await;
    assert_eq!(logout["result"]["apiKey"], json!(null));
    assert_ne!(ws.call("account.status", json!({"timestamp": at})).await["status"], 200);
    // A revoked key is told without an id.
    let at = venue_ms(&handle).await;
    ws.call("session.logon", sign_ed25519(&handle.credentials, json!({}), at)).await;
    let revoke = format!("/control/revoke_key?api_key={}", handle.credentials.ed25519_api_key);
    crate::common::http(&handle, "POST", &revoke, &[], "").await.ok();
    ws.send(json!({"id": 1, "method": "account.status", "params": {"timestamp": at}}).to_string())
        .await;
    let told = ws.json().await;
    assert_eq!((&told["status"], &told["error"]["code"]), (&json!(401), &json!(-2015)));
}
