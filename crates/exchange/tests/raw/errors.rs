//! Who asks and how, and refusals with their codes and exact words.

use serde_json::{Value, json};
use tickwright_exchange::ExchangeHandle;

use crate::common::{Answer, best, get, http, place, signed, venue_ms};
use crate::{exchange, has_names, number, px};

/// `GET /api/v3/account` with a payload signed by the HMAC key.
async fn account_with(handle: &ExchangeHandle, payload: &str) -> Answer {
    let credentials = &handle.credentials;
    let signature = credentials.sign_hmac(payload);
    let target = format!("/api/v3/account?{payload}&signature={signature}");
    http(handle, "GET", &target, &[("X-MBX-APIKEY", &credentials.api_key)], "").await
}

/// Asserts status, code and the whole text.
#[track_caller]
fn is_exactly(answer: &Answer, status: u16, code: i64, msg: &str) {
    assert_eq!((answer.status, answer.json()), (status, json!({"code": code, "msg": msg})));
    assert!(answer.header("content-type").unwrap().starts_with("application/json"));
}

const OUTSIDE: &str = "Timestamp for this request is outside of the recvWindow.";
const AHEAD: &str = "Timestamp for this request was 1000ms ahead of the server's time.";
const BAD_SIGNATURE: &str = "Signature for this request is not valid.";

#[tokio::test]
async fn account() {
    let handle = exchange().await;
    let account = signed(&handle, "GET", "/api/v3/account", "").await.ok();
    has_names(
        &account,
        "makerCommission takerCommission buyerCommission sellerCommission commissionRates canTrade \
         canWithdraw canDeposit brokered requireSelfTradePrevention preventSor updateTime \
         accountType balances permissions uid",
    );
    has_names(&account["commissionRates"], "maker taker buyer seller");
    assert_eq!((&account["accountType"], &account["canTrade"]), (&json!("SPOT"), &json!(true)));
    for balance in account["balances"].as_array().unwrap() {
        has_names(balance, "asset free locked");
    }
    let free = |asset: &str| {
        let balances = account["balances"].as_array().unwrap();
        number(&balances.iter().find(|balance| balance["asset"] == asset).unwrap()["free"])
    };
    assert_eq!(free("USDT"), 100_000.0);
    assert!(free("BTC") > 0.1 && free("ETH") > 1.0);
}

#[tokio::test]
async fn account_omitZeroBalances() {
    let handle = exchange().await;
    let count = async |params: &str| -> (usize, usize) {
        let account = signed(&handle, "GET", "/api/v3/account", params).await.ok();
        let balances = account["balances"].as_array().unwrap().clone();
        let is_zero =
            |balance: &&Value| number(&balance["free"]) + number(&balance["locked"]) == 0.0;
        (balances.len(), balances.iter().filter(is_zero).count())
    };
    let ((all, zeros), (some, none)) = (count("").await, count("omitZeroBalances=true").await);
    assert_eq!((all - zeros, none), (some, 0));
    assert!(zeros > 0, "an account lists assets that it has none of");
    assert_eq!(count("omitZeroBalances=false").await, (all, zeros));
}

#[tokio::test]
async fn bad_signature__1022() {
    let handle = exchange().await;
    let at = venue_ms(&handle).await;
    for signature in ["0".repeat(64), "zz".to_owned(), "abc%2B%2F%3D".to_owned()] {
        let target = format!("/api/v3/account?timestamp={at}&signature={signature}");
        let headers = [("X-MBX-APIKEY", handle.credentials.api_key.as_str())];
        let answer = http(&handle, "GET", &target, &headers, "").await;
        is_exactly(&answer, 400, -1022, BAD_SIGNATURE);
    }
    // Signed, then changed.
    let signature = handle.credentials.sign_hmac(&format!("timestamp={at}"));
    let target = format!("/api/v3/account?timestamp={}&signature={signature}", at + 1);
    let headers = [("X-MBX-APIKEY", handle.credentials.api_key.as_str())];
    let answer = http(&handle, "GET", &target, &headers, "").await;
    is_exactly(&answer, 400, -1022, BAD_SIGNATURE);
}

#[tokio::test]
async fn hmac_signature_case_insensitive() {
    let handle = exchange().await;
    let payload = format!("timestamp={}", venue_ms(&handle).await);
    let signature = handle.credentials.sign_hmac(&payload).to_uppercase();
    let target = format!("/api/v3/account?{payload}&signature={signature}");
    let headers = [("X-MBX-APIKEY", handle.credentials.api_key.as_str())];
    http(&handle, "GET", &target, &headers, "").await.ok();
}

#[tokio::test]
async fn stale_timestamp__1021() {
    let handle = exchange().await;
    let at = venue_ms(&handle).await;
    for stale in [at - 5_500, at - 60_000, 1_400_000_000_000] {
        let answer = account_with(&handle, &format!("timestamp={stale}")).await;
        is_exactly(&answer, 400, -1021, OUTSIDE);
    }
    account_with(&handle, &format!("timestamp={}", at - 2_000)).await.ok();
}

#[tokio::test]
async fn future_timestamp__1021() {
    let handle = exchange().await;
    let at = venue_ms(&handle).await;
    for ahead in [5_000, 60_000] {
        let answer = account_with(&handle, &format!("timestamp={}", at + ahead)).await;
        is_exactly(&answer, 400, -1021, AHEAD);
    }
    account_with(&handle, &format!("timestamp={}", at + 500)).await.ok();
}

#[tokio::test]
async fn recvWindow_stretches() {
    let handle = exchange().await;
    let at = venue_ms(&handle).await - 8_000;
    is_exactly(&account_with(&handle, &format!("timestamp={at}")).await, 400, -1021, OUTSIDE);
    account_with(&handle, &format!("timestamp={at}&recvWindow=20000")).await.ok();
    let late = venue_ms(&handle).await - 2_000;
    let narrow = account_with(&handle, &format!("timestamp={late}&recvWindow=500")).await;
    is_exactly(&narrow, 400, -1021, OUTSIDE);
}

#[tokio::test]
async fn recvWindow_fractional() {
    let handle = exchange().await;
    let at = venue_ms(&handle).await;
    account_with(&handle, &format!("timestamp={at}&recvWindow=5000.123")).await.ok();
    let finer = account_with(&handle, &format!("timestamp={at}&recvWindow=5000.1234")).await;
    assert_eq!((finer.status, &finer.json()["code"]), (400, &json!(-1100)));
}

#[tokio::test]
async fn recvWindow_over_60000() {
    let handle = exchange().await;
    let at = venue_ms(&handle).await;
    account_with(&handle, &format!("timestamp={at}&recvWindow=60000")).await.ok();
    let answer = account_with(&handle, &format!("timestamp={at}&recvWindow=60001")).await;
    is_exactly(&answer, 400, -1131, "recvWindow must be less than 60000.");
}

#[tokio::test]
async fn timestamp_in_microseconds() {
    let handle = exchange().await;
    let at = venue_ms(&handle).await * 1_000;
    account_with(&handle, &format!("timestamp={at}")).await.ok();
    let stale = account_with(&handle, &format!("timestamp={}", at - 6_000_000)).await;
    is_exactly(&stale, 400, -1021, OUTSIDE);
}

#[tokio::test]
async fn no_api_key_header() {
    let handle = exchange().await;
    let payload = format!("timestamp={}", venue_ms(&handle).await);
    let signature = handle.credentials.sign_hmac(&payload);
    let answer = get(&handle, &format!("/api/v3/account?{payload}&signature={signature}")).await;
    is_exactly(&answer, 401, -2014, "API-key format invalid.");
}

#[tokio::test]
async fn wrong_api_key__2015() {
    let handle = exchange().await;
    let payload = format!("timestamp={}", venue_ms(&handle).await);
    let signature = handle.credentials.sign_hmac(&payload);
    let target = format!("/api/v3/account?{payload}&signature={signature}");
    let key = &handle.credentials.api_key;
    for wrong in ["A".repeat(64), key.to_lowercase().replace('a', "b"), format!("{key}x")] {
        let answer = http(&handle, "GET", &target, &[("X-MBX-APIKEY", &wrong)], "").await;
        is_exactly(&answer, 401, -2015, "Invalid API-key, IP, or permissions for action.");
    }
    let answer = http(&handle, "GET", &target, &[("X-MBX-APIKEY", "not a key!")], "").await;
    is_exactly(&answer, 401, -2014, "API-key format invalid.");
}

/// Sends a request with its parts as they are.
async fn post(handle: &ExchangeHandle, query: &str, body: &str) -> Answer {
    let headers = [
        ("X-MBX-APIKEY", handle.credentials.api_key.as_str()),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let target = if query.is_empty() {
        "/api/v3/order/test".to_owned()
    } else {
        format!("/api/v3/order/test?{query}")
    };
    http(handle, "POST", &target, &headers, body).await
}

const MARKET: &str = "symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=50";

#[tokio::test]
async fn params_in_body() {
    let handle = exchange().await;
    let body = format!("{MARKET}&timestamp={}", venue_ms(&handle).await);
    let signature = handle.credentials.sign_hmac(&body);
    assert_eq!(post(&handle, "", &format!("{body}&signature={signature}")).await.ok(), json!({}));
    // A DELETE with a body, as some clients send it.
    let body = format!("symbol=BTCUSDT&orderId=1&timestamp={}", venue_ms(&handle).await);
    let body = format!("{body}&signature={}", handle.credentials.sign_hmac(&body));
    let headers = [("X-MBX-APIKEY", handle.credentials.api_key.as_str())];
    let answer = http(&handle, "DELETE", "/api/v3/order", &headers, &body).await;
    is_exactly(&answer, 400, -2011, "Unknown order sent.");
}

#[tokio::test]
async fn params_mixed_query_and_body() {
    let handle = exchange().await;
    let at = venue_ms(&handle).await;
    let (query, body) =
        ("symbol=BTCUSDT&side=BUY", format!("type=MARKET&quoteOrderQty=50&timestamp={at}"));
    // Joined without anything between them.
    let signature = handle.credentials.sign_hmac(&format!("{query}{body}"));
    assert_eq!(
        post(&handle, query, &format!("{body}&signature={signature}")).await.ok(),
        json!({})
    );
    let in_query = format!("{query}&signature={signature}");
    assert_eq!(post(&handle, &in_query, &body).await.ok(), json!({}));
    let joined = handle.credentials.sign_hmac(&format!("{query}&{body}"));
    let answer = post(&handle, query, &format!("{body}&signature={joined}")).await;
    is_exactly(&answer, 400, -1022, BAD_SIGNATURE);
    // The query's value wins.
    let twice = format!("symbol=NOPE&{body}");
    let signature = handle.credentials.sign_hmac(&format!("{query}{twice}"));
    post(&handle, query, &format!("{twice}&signature={signature}")).await.ok();
}

#[tokio::test]
async fn percent_encoding_before_signing() {
    let handle = exchange().await;
    let at = venue_ms(&handle).await;
    let encoded = format!("{MARKET}&newClientOrderId=a%3Ab%2Fc&timestamp={at}");
    let signature = handle.credentials.sign_hmac(&encoded);
    post(&handle, "", &format!("{encoded}&signature={signature}")).await.ok();
    // The raw text signed, the encoded one sent.
    let raw = encoded.replace("%3A", ":").replace("%2F", "/");
    let signature = handle.credentials.sign_hmac(&raw);
    let answer = post(&handle, "", &format!("{encoded}&signature={signature}")).await;
    is_exactly(&answer, 400, -1022, BAD_SIGNATURE);
    // A symbol beyond ASCII is signed as it is encoded, and only then unknown.
    let encoded = format!("symbol=%EF%BC%91%EF%BC%92&orderId=1&timestamp={at}");
    let signature = handle.credentials.sign_hmac(&encoded);
    let headers = [("X-MBX-APIKEY", handle.credentials.api_key.as_str())];
    let target = format!("/api/v3/order?{encoded}&signature={signature}");
    let answer = http(&handle, "GET", &target, &headers, "").await;
    is_exactly(&answer, 400, -1121, "Invalid symbol.");
}

#[tokio::test]
async fn listenKey_is_gone() {
    let handle = exchange().await;
    let headers = [("X-MBX-APIKEY", handle.credentials.api_key.as_str())];
    for method in ["POST", "PUT", "DELETE"] {
        let answer = http(&handle, method, "/api/v3/userDataStream", &headers, "").await;
        assert_eq!(answer.status, 410, "{method}");
        assert!(answer.json().get("listenKey").is_none());
    }
}

#[tokio::test]
async fn order_test_endpoint() {
    let handle = exchange().await;
    let test = async |params: &str| signed(&handle, "POST", "/api/v3/order/test", params).await;
    assert_eq!(test(MARKET).await.ok(), json!({}));
    let rates = test(&format!("{MARKET}&computeCommissionRates=true")).await.ok();
    has_names(
        &rates,
        "standardCommissionForOrder specialCommissionForOrder taxCommissionForOrder discount",
    );
    has_names(&rates["standardCommissionForOrder"], "maker taker");
    has_names(&rates["discount"], "enabledForAccount enabledForSymbol discountAsset discount");
    test("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=0.001")
        .await
        .refused(400, -1013, "Filter failure: PRICE_FILTER");
    // Nothing was placed.
    assert_eq!(signed(&handle, "GET", "/api/v3/allOrders", "symbol=BTCUSDT").await.ok(), json!([]));
}

/// Orders that are refused, with the whole text.
async fn refused(cases: &[(String, i64, &str)]) {
    let handle = exchange().await;
    for (params, code, msg) in cases {
        is_exactly(&place(&handle, params).await, 400, *code, msg);
    }
}

fn limit(quantity: &str, price: &str) -> String {
    format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}")
}

#[tokio::test]
async fn filter_LOT_SIZE__1013() {
    let words = "Filter failure: LOT_SIZE";
    refused(&[
        (limit("0.010001", "60000"), -1013, words),
        (limit("0.000001", "60000"), -1013, words),
    ])
    .await;
}

#[tokio::test]
async fn filter_LOT_SIZE_max__1013() {
    let words = "Filter failure: LOT_SIZE";
    refused(&[(limit("9001", "60000"), -1013, words), (limit("1000000", "60000"), -1013, words)])
        .await;
}

#[tokio::test]
async fn filter_PRICE_FILTER__1013() {
    let words = "Filter failure: PRICE_FILTER";
    refused(&[
        (limit("0.01", "60000.001"), -1013, words),
        (limit("0.01", "1000000.01"), -1013, words),
        (limit("0.01", "0.001"), -1013, words),
    ])
    .await;
}

#[tokio::test]
async fn filter_NOTIONAL__1013() {
    refused(&[(limit("0.00001", "60000"), -1013, "Filter failure: NOTIONAL")]).await;
}

#[tokio::test]
async fn filter_PERCENT_PRICE__1013() {
    let words = "Filter failure: PERCENT_PRICE_BY_SIDE";
    refused(&[
        (limit("0.01", "1000"), -1013, words),
        (limit("0.01", "900000"), -1013, words),
        (limit("0.01", "1000").replace("BUY", "SELL"), -1013, words),
    ])
    .await;
}

#[tokio::test]
async fn too_much_precision__1111() {
    refused(&[
        (limit("0.01", "60000.123456789"), -1111, "Parameter 'price' has too much precision."),
        (limit("0.010000001", "60000"), -1111, "Parameter 'quantity' has too much precision."),
    ])
    .await;
}

#[tokio::test]
async fn insufficient_balance__2010() {
    let words = "Account has insufficient balance for requested action.";
    refused(&[
        (limit("5", "60000"), -2010, words),
        ("symbol=BTCUSDT&side=SELL&type=MARKET&quantity=50".to_owned(), -2010, words),
        ("symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=200000".to_owned(), -2010, words),
    ])
    .await;
}

#[tokio::test]
async fn duplicate_client_order_id__2010() {
    let handle = exchange().await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = format!("{}&newClientOrderId=twin", limit("0.01", &px(bid * 0.97)));
    place(&handle, &order).await.ok();
    is_exactly(&place(&handle, &order).await, 400, -2010, "Duplicate order sent.");
}

#[tokio::test]
async fn query_unknown_order__2013() {
    let handle = exchange().await;
    for id in ["orderId=99999999", "origClientOrderId=nobody"] {
        let params = format!("symbol=BTCUSDT&{id}");
        let answer = signed(&handle, "GET", "/api/v3/order", &params).await;
        is_exactly(&answer, 400, -2013, "Order does not exist.");
    }
}

#[tokio::test]
async fn cancel_unknown_order__2011() {
    let handle = exchange().await;
    for id in ["orderId=99999999", "origClientOrderId=nobody"] {
        let params = format!("symbol=BTCUSDT&{id}");
        let answer = signed(&handle, "DELETE", "/api/v3/order", &params).await;
        is_exactly(&answer, 400, -2011, "Unknown order sent.");
    }
    let answer = signed(&handle, "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT").await;
    is_exactly(&answer, 400, -2011, "Unknown order sent.");
}

#[tokio::test]
async fn query_without_id__1102() {
    let handle = exchange().await;
    let words = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!";
    for method in ["GET", "DELETE"] {
        let answer = signed(&handle, method, "/api/v3/order", "symbol=BTCUSDT").await;
        is_exactly(&answer, 400, -1102, words);
    }
}

#[tokio::test]
async fn bad_side__1117() {
    let order = limit("0.01", "60000");
    refused(&[
        (order.replace("BUY", "HOLD"), -1117, "Invalid side."),
        (order.replace("BUY", "buy"), -1117, "Invalid side."),
    ])
    .await;
}

#[tokio::test]
async fn bad_type__1116() {
    let order = limit("0.01", "60000");
    refused(&[
        (order.replace("LIMIT", "NOPE"), -1116, "Invalid orderType."),
        (order.replace("LIMIT", "limit"), -1116, "Invalid orderType."),
    ])
    .await;
}

#[tokio::test]
async fn limit_without_price__1102() {
    let missing = |name: &str| {
        format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    };
    let base = "symbol=BTCUSDT&side=BUY&type=LIMIT";
    refused(&[
        (format!("{base}&timeInForce=GTC&quantity=0.01"), -1102, &missing("price")),
        (format!("{base}&timeInForce=GTC&price=60000"), -1102, &missing("quantity")),
        (format!("{base}&quantity=0.01&price=60000"), -1102, &missing("timeInForce")),
        ("side=BUY&type=LIMIT".to_owned(), -1102, &missing("symbol")),
    ])
    .await;
}

#[tokio::test]
async fn market_with_price__1106() {
    let base = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01";
    refused(&[
        (format!("{base}&price=60000"), -1106, "Parameter 'price' sent when not required."),
        (
            format!("{base}&timeInForce=GTC"),
            -1106,
            "Parameter 'timeInForce' sent when not required.",
        ),
    ])
    .await;
}
