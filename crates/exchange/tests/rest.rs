//! REST over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

mod common;

use common::{best, config, get, http, place, signed, start, venue_ms};
use serde_json::Value;

#[tokio::test]
async fn public_endpoints_answer() {
    let handle = start(config()).await;
    assert_eq!(get(&handle, "/api/v3/ping").await.ok(), serde_json::json!({}));
    let info = get(&handle, "/api/v3/exchangeInfo?symbol=BTCUSDT").await.ok();
    assert_eq!(info["symbols"][0]["symbol"], "BTCUSDT");
    let depth = get(&handle, "/api/v3/depth?symbol=BTCUSDT&limit=5000").await.ok();
    assert!(depth["bids"].as_array().unwrap().len() > 20, "{depth}");
    let klines = get(&handle, "/api/v3/klines?symbol=ETHUSDT&interval=1m&limit=20").await.ok();
    assert_eq!(klines.as_array().unwrap().len(), 20);
    let trades = get(&handle, "/api/v3/trades?symbol=SOLUSDT&limit=10").await.ok();
    let ids: Vec<i64> =
        trades.as_array().unwrap().iter().map(|trade| trade["id"].as_i64().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "{ids:?}");
    let aggregates = get(&handle, "/api/v3/aggTrades?symbol=SOLUSDT&limit=10").await.ok();
    assert_eq!(aggregates.as_array().unwrap().len(), 10);
    assert!(get(&handle, "/api/v3/ticker/24hr").await.ok().as_array().unwrap().len() == 4);
    get(&handle, "/api/v3/avgPrice?symbol=BTCUSDT").await.ok();
    let micros =
        http(&handle, "GET", "/api/v3/time", &[("X-MBX-TIME-UNIT", "MICROSECOND")], "").await;
    assert!(micros.ok()["serverTime"].as_i64().unwrap() > 1_000_000_000_000_000);
    assert!(micros.header("x-mbx-used-weight-1m").is_some());
    get(&handle, "/api/v3/nothing").await.refused(404, -1099, "");
    get(&handle, "/api/v3/depth").await.refused(400, -1102, "'symbol'");
    get(&handle, "/api/v3/depth?symbol=NOPE").await.refused(400, -1121, "Invalid symbol.");
    get(&handle, "/api/v3/klines?symbol=BTCUSDT&interval=7m").await.refused(400, -1120, "");
    get(&handle, "/api/v3/ping?x=1").await.refused(400, -1101, "expected '0' and received '1'");
    let bad = http(&handle, "GET", "/api/v3/time", &[("X-MBX-TIME-UNIT", "SECOND")], "").await;
    bad.refused(400, -1194, "MICROSECOND");
    http(&handle, "POST", "/api/v3/userDataStream", &[], "").await.refused(410, -1125, "listenKey");
}

#[tokio::test]
async fn signatures_keys_and_timestamps_are_checked() {
    let handle = start(config()).await;
    let credentials = handle.credentials.clone();
    let key = credentials.api_key.as_str();
    let at = venue_ms(&handle).await;
    let ask = async |payload: String, key: &str, signature: &str| {
        let target = format!("/api/v3/account?{payload}&signature={signature}");
        http(&handle, "GET", &target, &[("X-MBX-APIKEY", key)], "").await
    };
    let payload = format!("timestamp={at}");
    let signature = credentials.sign_hmac(&payload);
    ask(payload.clone(), key, &signature).await.ok();
    ask(payload.clone(), key, &signature.to_uppercase()).await.ok();
    ask(payload.clone(), key, &"0".repeat(64)).await.refused(400, -1022, "Signature");
    ask(payload.clone(), &"x".repeat(64), &signature).await.refused(401, -2015, "Invalid API-key");
    ask(payload.clone(), "short", &signature).await.refused(401, -2014, "format");
    get(&handle, &format!("/api/v3/account?{payload}")).await.refused(401, -2014, "format");
    let old = format!("timestamp={}", at - 6_000);
    ask(old.clone(), key, &credentials.sign_hmac(&old)).await.refused(400, -1021, "outside");
    let stretched = format!("timestamp={}&recvWindow=20000.5", at - 6_000);
    ask(stretched.clone(), key, &credentials.sign_hmac(&stretched)).await.ok();
    let ahead = format!("timestamp={}", at + 5_000);
    ask(ahead.clone(), key, &credentials.sign_hmac(&ahead)).await.refused(400, -1021, "ahead");
    let unread = format!("timestamp={at}&foo=1");
    let answer = ask(unread.clone(), key, &credentials.sign_hmac(&unread)).await;
    answer.refused(400, -1104, "read '2' parameter(s) but was sent '3'");
    // Ed25519, percent-encoded, in a body.
    let body = format!("timestamp={at}&symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=50");
    let signature = credentials.sign_ed25519(&body).unwrap();
    let encoded =
        percent_encoding::utf8_percent_encode(&signature, percent_encoding::NON_ALPHANUMERIC);
    let body = format!("{body}&signature={encoded}");
    let headers = [("X-MBX-APIKEY", credentials.ed25519_api_key.as_str())];
    http(&handle, "POST", "/api/v3/order/test", &headers, &body).await.ok();
}

#[tokio::test]
async fn an_order_lives_from_placing_to_cancel() {
    let handle = start(config()).await;
    let (bid, ask) = best(&handle, "BTCUSDT").await;
    let low = format!("{:.2}", bid * 0.98);
    let params = format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price={low}&newClientOrderId=mine-1"
    );
    let placed = place(&handle, &params).await;
    assert_eq!(placed.header("x-mbx-order-count-10s"), Some("1"));
    let order = placed.ok();
    assert_eq!((&order["status"], &order["fills"]), (&"NEW".into(), &serde_json::json!([])));
    place(&handle, &params).await.refused(400, -2010, "Duplicate order sent.");
    let account = signed(&handle, "GET", "/api/v3/account", "omitZeroBalances=true").await.ok();
    let usdt = |account: &Value, field: &str| -> f64 {
        let balances = account["balances"].as_array().unwrap();
        let usdt = balances.iter().find(|balance| balance["asset"] == "USDT").unwrap();
        usdt[field].as_str().unwrap().parse().unwrap()
    };
    assert!((usdt(&account, "locked") - bid * 0.98 * 0.01).abs() < 0.01, "{account}");
    let open = signed(&handle, "GET", "/api/v3/openOrders", "symbol=BTCUSDT").await.ok();
    assert_eq!(open[0]["clientOrderId"], "mine-1");
    let query = "symbol=BTCUSDT&origClientOrderId=mine-1";
    let canceled = signed(&handle, "DELETE", "/api/v3/order", query).await.ok();
    assert_eq!(
        (&canceled["status"], &canceled["origClientOrderId"]),
        (&"CANCELED".into(), &"mine-1".into())
    );
    signed(&handle, "DELETE", "/api/v3/order", query).await.refused(
        400,
        -2011,
        "Unknown order sent.",
    );
    let queried = signed(&handle, "GET", "/api/v3/order", query).await.ok();
    assert_eq!(queried["status"], "CANCELED");
    let account = signed(&handle, "GET", "/api/v3/account", "").await.ok();
    assert_eq!((usdt(&account, "locked"), usdt(&account, "free")), (0.0, 100_000.0));
    // The id may be used again; this time it takes.
    let high = format!("{:.2}", ask * 1.01);
    let params = params.replace(&low, &high);
    let filled = place(&handle, &params).await.ok();
    assert_eq!(filled["status"], "FILLED");
    let fills = filled["fills"].as_array().unwrap();
    assert!(!fills.is_empty() && fills[0]["commissionAsset"] == "BTC");
    let order_id = filled["orderId"].as_i64().unwrap();
    let trades =
        signed(&handle, "GET", "/api/v3/myTrades", &format!("symbol=BTCUSDT&orderId={order_id}"))
            .await
            .ok();
    assert_eq!(trades.as_array().unwrap().len(), fills.len());
    let all = signed(&handle, "GET", "/api/v3/allOrders", "symbol=BTCUSDT").await.ok();
    assert_eq!(all.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn orders_are_refused_in_the_venues_words() {
    let handle = start(config()).await;
    let (bid, ask) = best(&handle, "BTCUSDT").await;
    let order = "symbol=BTCUSDT&side=BUY&quantity=0.01";
    let limit = format!("{order}&type=LIMIT&timeInForce=GTC");
    let (low, high) = (format!("{:.2}", bid * 0.98), format!("{:.2}", ask * 1.02));
    let cases = [
        (format!("{limit}&price=1"), -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        (format!("{limit}&price={low}1"), -1013, "Filter failure: PRICE_FILTER"),
        (format!("{limit}&price=0.123456789"), -1111, "Parameter 'price' has too much precision."),
        (format!("{limit}&price=x"), -1100, "'price'"),
        (limit.clone(), -1102, "'price'"),
        (
            format!("{order}&type=MARKET&price=1"),
            -1106,
            "Parameter 'price' sent when not required.",
        ),
        (format!("{order}&type=NOPE"), -1116, "Invalid orderType."),
        (order.replace("BUY", "HOLD") + "&type=MARKET", -1117, "Invalid side."),
        (format!("{order}&type=LIMIT&timeInForce=GTX&price={low}"), -1115, "Invalid timeInForce."),
        (
            format!("{order}&type=LIMIT_MAKER&price={high}"),
            -2010,
            "Order would immediately match and take.",
        ),
        (
            format!("{order}&type=STOP_LOSS&stopPrice={low}"),
            -2010,
            "Order would trigger immediately.",
        ),
        (
            format!("symbol=BTCUSDT&side=BUY&quantity=5&type=LIMIT&timeInForce=GTC&price={low}"),
            -2010,
            "Account has insufficient balance for requested action.",
        ),
        ("symbol=BTCUSDT&side=BUY&quantity=0.000001&type=MARKET".to_owned(), -1013, "LOT_SIZE"),
        ("symbol=BTCUSDT&side=BUY&quoteOrderQty=1&type=MARKET".to_owned(), -1013, "NOTIONAL"),
        ("symbol=BTCUSDT&side=BUY&type=MARKET".to_owned(), -1102, "both were empty/null!"),
    ];
    for (params, code, words) in cases {
        let answer = place(&handle, &params).await;
        eprintln!("{params}");
        answer.refused(400, code, words);
    }
    signed(&handle, "GET", "/api/v3/order", "symbol=BTCUSDT").await.refused(400, -1102, "orderId");
    signed(&handle, "GET", "/api/v3/order", "symbol=BTCUSDT&orderId=99")
        .await
        .refused(400, -2013, "");
    signed(&handle, "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT").await.refused(400, -2011, "");
}

#[tokio::test]
async fn stops_wait_and_immediate_orders_expire() {
    let handle = start(config()).await;
    let (bid, ask) = best(&handle, "BTCUSDT").await;
    let (low, high) = (format!("{:.2}", bid * 0.98), format!("{:.2}", ask * 1.02));
    let base = "symbol=BTCUSDT&side=BUY&quantity=0.01";
    let stop = place(
        &handle,
        &format!("{base}&type=STOP_LOSS_LIMIT&timeInForce=GTC&price={high}&stopPrice={high}"),
    )
    .await
    .ok();
    assert_eq!(stop.as_object().unwrap().len(), 5, "stops answer ACK by default: {stop}");
    let id = stop["orderId"].as_i64().unwrap();
    let query = format!("symbol=BTCUSDT&orderId={id}");
    let waiting = signed(&handle, "GET", "/api/v3/order", &query).await.ok();
    assert_eq!((&waiting["isWorking"], &waiting["workingTime"]), (&false.into(), &(-1).into()));
    for (time_in_force, reason) in
        [("IOC", "UNFILLED_IOC_QUANTITY_EXPIRED"), ("FOK", "UNFILLED_FOK_ORDER_EXPIRED")]
    {
        let params = format!("{base}&type=LIMIT&timeInForce={time_in_force}&price={low}");
        let expired = place(&handle, &params).await.ok();
        assert_eq!(expired["status"], "EXPIRED");
        assert_eq!(expired["expiryReason"], reason);
    }
    let canceled = signed(&handle, "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT").await.ok();
    assert_eq!(canceled.as_array().unwrap().len(), 1);
    let market = place(&handle, "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.05").await.ok();
    assert_eq!(market["status"], "FILLED");
    let quote = place(&handle, "symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=500").await.ok();
    let spent: f64 = quote["cummulativeQuoteQty"].as_str().unwrap().parse().unwrap();
    assert!(spent <= 500.0 && spent > 498.0, "{quote}");
}

#[tokio::test]
async fn too_much_weight_is_refused_with_a_time_to_retry() {
    let handle = start(config()).await;
    let mut refused = None;
    for _ in 0..30 {
        let answer = get(&handle, "/api/v3/depth?symbol=BTCUSDT&limit=5000").await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("30 × 250 is more than 6000");
    refused.refused(429, -1003, "Too much request weight used; current limit is 6000");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
}

#[tokio::test]
async fn what_is_left_out_is_refused_or_empty() {
    let handle = start(config()).await;
    for path in ["executionRules", "historicalBlockTrades?symbol=BTCUSDT"] {
        get(&handle, &format!("/api/v3/{path}")).await.ok();
    }
    get(&handle, "/api/v3/referencePrice?symbol=BTCUSDT").await.refused(
        400,
        -2043,
        "reference price",
    );
    get(&handle, "/api/v3/ticker?symbol=BTCUSDT&windowSize=8d").await.refused(
        400,
        -1130,
        "windowSize",
    );
    for path in ["myFilters", "myAllocations"] {
        signed(&handle, "GET", &format!("/api/v3/{path}"), "symbol=BTCUSDT").await.ok();
    }
    let rights = signed(&handle, "GET", "/sapi/v1/account/apiRestrictions", "").await.ok();
    assert_eq!(
        (&rights["enableSpotAndMarginTrading"], &rights["enableWithdrawals"]),
        (&true.into(), &false.into())
    );
    signed(&handle, "POST", "/api/v3/sor/order", "").await.refused(400, -1020, "not supported");
    signed(&handle, "POST", "/api/v3/orderList/opo", "").await.refused(400, -2010, "OPO");
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price={:.2}",
        bid * 0.98
    );
    let pegged = format!("{order}&pegPriceType=PRIMARY_PEG");
    place(&handle, &pegged).await.refused(400, -2010, "Pegged orders are not supported");
    let matches = signed(&handle, "GET", "/api/v3/myPreventedMatches", "symbol=BTCUSDT").await;
    matches.refused(400, -1102, "Param 'preventedMatchId' or 'orderId' must be sent");
}
