//! Rate limits.

use futures_util::StreamExt;
use serde_json::json;
use tickwright_exchange::ExchangeConfig;
use tickwright_exchange::limits::LimitsConfig;
use tokio_tungstenite::tungstenite::Message;

use crate::common::{Ws, best, get, http, place, signed, start, venue_ms};
use crate::{has_names, px, small};

/// Waits for a moment that is not near the end of a minute, where counts start again.
async fn early_in_a_minute(handle: &tickwright_exchange::ExchangeHandle) {
    while venue_ms(handle).await % 60_000 > 50_000 {
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
}

#[tokio::test]
async fn rate_limit_429_retry_after() {
    let handle = start(small()).await;
    early_in_a_minute(&handle).await;
    let heavy = "/api/v3/depth?symbol=BTCUSDT&limit=5000";
    let mut refused = None;
    for _ in 0..30 {
        let answer = get(&handle, heavy).await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("6000 of weight are 24 such requests");
    refused.refused(429, -1003, "Too much request weight used; current limit is 6000");
    let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
    let left = 60 - (wall_ms() / 1_000) % 60;
    assert!((1..=60).contains(&wait) && (wait - left).abs() <= 2, "{wait} s, {left} s are left");
    assert!(refused.header("x-mbx-used-weight-1m").is_some());
}

/// The wall's milliseconds: the exchange runs at its pace.
fn wall_ms() -> i64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

#[tokio::test]
async fn who_keeps_on_is_banned() {
    let limits =
        LimitsConfig { weight_per_minute: 120, refusals_before_ban: 3, ..LimitsConfig::default() };
    let handle = start(ExchangeConfig { limits, ..small() }).await;
    early_in_a_minute(&handle).await;
    let heavy = "/api/v3/depth?symbol=BTCUSDT&limit=1000";
    let mut seen = Vec::new();
    for _ in 0..7 {
        let answer = get(&handle, heavy).await;
        if answer.status == 418 {
            answer.refused(418, -1003, "Way too much request weight used; IP banned until ");
            let wait: i64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((110..=121).contains(&wait), "{wait}");
        }
        seen.push(answer.status);
    }
    assert_eq!(seen, [200, 200, 429, 429, 429, 418, 418]);
    assert_eq!(get(&handle, "/api/v3/ping").await.status, 418);
}

#[tokio::test]
async fn a_refusal_counts_and_holds_until_the_window_ends() {
    let limits = LimitsConfig { weight_per_minute: 120, ..LimitsConfig::default() };
    let handle = start(ExchangeConfig { limits, ..small() }).await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    early_in_a_minute(&handle).await;
    let heavy = "/api/v3/depth?symbol=BTCUSDT&limit=1000";
    while get(&handle, heavy).await.status == 200 {}
    let refused = get(&handle, "/api/v3/ping").await;
    refused.refused(429, -1003, "Too much request weight used; current limit is 120");
    let used: i64 = refused.header("x-mbx-used-weight-1m").unwrap().parse().unwrap();
    assert!(used > 120, "{used}");
    let refused = ws.call("ping", json!({})).await;
    assert_eq!((&refused["status"], &refused["error"]["code"]), (&json!(429), &json!(-1003)));
    let data = &refused["error"]["data"];
    let (now, until) = (data["serverTime"].as_i64().unwrap(), data["retryAfter"].as_i64().unwrap());
    assert!((1..=60_000).contains(&(until - now)), "{refused}");
    assert_eq!(refused["rateLimits"][0]["count"], used + 1);
}

#[tokio::test]
async fn a_ban_is_told_on_an_open_websocket_and_ends_it() {
    let limits =
        LimitsConfig { weight_per_minute: 120, refusals_before_ban: 2, ..LimitsConfig::default() };
    let handle = start(ExchangeConfig { limits, ..small() }).await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    early_in_a_minute(&handle).await;
    let heavy = "/api/v3/depth?symbol=BTCUSDT&limit=1000";
    while get(&handle, heavy).await.status != 418 {}
    let banned = ws.call("ping", json!({})).await;
    has_names(&banned, "id status error rateLimits");
    assert_eq!((&banned["status"], &banned["error"]["code"]), (&json!(418), &json!(-1003)));
    let data = &banned["error"]["data"];
    let (now, until) = (data["serverTime"].as_i64().unwrap(), data["retryAfter"].as_i64().unwrap());
    assert!((100_000..=121_000).contains(&(until - now)), "{banned}");
    let words = banned["error"]["msg"].as_str().unwrap();
    assert!(words.starts_with("Way too much request weight used; IP banned until "), "{words}");
    let last = tokio::time::timeout(std::time::Duration::from_secs(10), ws.0.next()).await;
    match last.unwrap() {
        Some(Ok(Message::Close(Some(frame)))) => {
            assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1008, "IP banned"));
        }
        other => panic!("{other:?}"),
    }
    // Nor is a new one let in.
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let headers = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", key),
    ];
    let refused = http(&handle, "GET", "/ws-api/v3", &headers, "").await;
    refused.refused(418, -1003, "Way too much request weight used");
    assert!(refused.header("retry-after").is_some());
}

#[tokio::test]
async fn too_many_orders_are_refused() {
    let limits = LimitsConfig { orders_per_10_secs: 3, ..LimitsConfig::default() };
    let handle = start(ExchangeConfig { limits, ..small() }).await;
    while venue_ms(&handle).await % 10_000 > 5_000 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price={}",
        px(bid * 0.97)
    );
    for count in 1..=3 {
        let placed = place(&handle, &order).await;
        assert_eq!(placed.header("x-mbx-order-count-10s"), Some(count.to_string().as_str()));
        placed.ok();
    }
    let refused = place(&handle, &order).await;
    refused.refused(429, -1015, "Too many new orders; current limit is 3 orders per 10 SECOND.");
    assert!(refused.header("retry-after").is_some());
    let counts = signed(&handle, "GET", "/api/v3/rateLimit/order", "").await.ok();
    assert_eq!((&counts[0]["count"], &counts[1]["count"]), (&3.into(), &3.into()));
}
