//! What few orders have: icebergs, trailing stops, self-trade prevention; over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

mod common;

use common::{Ws, best, config, get, http, place, sign_ed25519, signed, start, venue_ms};
use serde_json::{Value, json};
use tickwright_exchange::{ExchangeConfig, ExchangeHandle};

async fn query(handle: &ExchangeHandle, order: &Value) -> Value {
    let params = format!("symbol=BTCUSDT&orderId={}", order["orderId"]);
    signed(handle, "GET", "/api/v3/order", &params).await.ok()
}

/// A connection that hears the account.
async fn listen(handle: &ExchangeHandle) -> Ws {
    let mut ws = Ws::open(handle, "/ws-api/v3").await;
    let params = sign_ed25519(&handle.credentials, json!({}), venue_ms(handle).await);
    let answer = ws.call("userDataStream.subscribe.signature", params).await;
    assert_eq!(answer["status"], 200, "{answer}");
    ws
}

/// A symbol that nobody else trades, for prices of our own making: its flow is all but asleep.
fn quiet() -> ExchangeConfig {
    let mut config = config();
    if let tickwright_exchange::MarketConfig::Synthetic(market) = &mut config.market {
        for symbol in &mut market.symbols {
            symbol.activity = 1e-3;
        }
    }
    config
}

/// Prices inside the spread, of which there are at least two.
async fn inside(handle: &ExchangeHandle) -> (f64, f64) {
    let (bid, ask) = best(handle, "BTCUSDT").await;
    let third = ((ask - bid) / 3.0 * 100.0).floor() / 100.0;
    assert!(third >= 0.01, "{bid} {ask}");
    (bid + third, bid + 2.0 * third)
}

fn limit(side: &str, quantity: &str, price: f64) -> String {
    format!(
        "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price:.2}"
    )
}

/// How much the book shows at a price, at this moment.
async fn shown(handle: &ExchangeHandle, side: &str, price: f64) -> String {
    let depth = get(handle, "/api/v3/depth?symbol=BTCUSDT&limit=5000").await.ok();
    let price = format!("{price:.8}");
    let levels = depth[side].as_array().unwrap();
    let level = levels.iter().find(|level| level[0] == price.as_str());
    level.map_or("0".to_owned(), |level| level[1].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_iceberg_shows_its_part() {
    let handle = start(quiet()).await;
    let mut ws = listen(&handle).await;
    let (price, _) = inside(&handle).await;
    let params = format!("{}&icebergQty=0.01", limit("BUY", "0.035", price));
    let order = place(&handle, &params).await.ok();
    assert_eq!((&order["status"], &order["icebergQty"]), (&json!("NEW"), &json!("0.01000000")));
    assert_eq!(shown(&handle, "bids", price).await, "0.01000000");
    let report = ws.find(|frame| frame["event"]["x"] == "NEW").await;
    assert_eq!(report["event"]["F"], "0.01000000");
    // The whole can be had; what is left shows as the next part.
    let sold = place(&handle, &limit("SELL", "0.022", price).replace("GTC", "IOC")).await.ok();
    assert_eq!(sold["status"], "FILLED");
    let quantities: Vec<&Value> =
        sold["fills"].as_array().unwrap().iter().map(|fill| &fill["qty"]).collect();
    assert_eq!(quantities, ["0.01000000", "0.01000000", "0.00200000"]);
    assert_eq!(shown(&handle, "bids", price).await, "0.00800000");
    let queried = query(&handle, &order).await;
    assert_eq!([&queried["icebergQty"], &queried["executedQty"]], ["0.01000000", "0.02200000"]);
    for (params, code, words) in [
        (format!("{}&icebergQty=0.000001", limit("BUY", "1", price)), -1013, "LOT_SIZE"),
        (format!("{}&icebergQty=0.0001", limit("BUY", "1", price)), -1013, "ICEBERG_PARTS"),
        (
            format!("{}&icebergQty=0.01", limit("BUY", "0.1", price).replace("GTC", "IOC")),
            -1106,
            "'icebergQty'",
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.1&icebergQty=0.01".to_owned(),
            -1106,
            "'icebergQty'",
        ),
    ] {
        place(&handle, &params).await.refused(400, code, words);
    }
}

/// Makes a price the last one: a trade with ourselves.
async fn print(handle: &ExchangeHandle, price: f64) {
    place(handle, &limit("SELL", "0.001", price)).await.ok();
    let bought = place(handle, &limit("BUY", "0.001", price)).await.ok();
    assert_eq!(bought["status"], "FILLED", "{bought}");
}

#[tokio::test]
async fn a_trailing_stop_follows_and_fires() {
    let handle = start(quiet()).await;
    // Room to move: everything between is swept.
    let (bid, ask) = best(&handle, "BTCUSDT").await;
    let sweep = limit("BUY", "1.2", ask * 1.003).replace("GTC", "IOC");
    place(&handle, &sweep).await.ok();
    let params = "symbol=BTCUSDT&side=SELL&type=STOP_LOSS&quantity=0.01&trailingDelta=10\
                  &newOrderRespType=RESULT";
    let order = place(&handle, params).await.ok();
    assert_eq!((&order["trailingDelta"], &order["workingTime"]), (&json!(10), &json!(-1)));
    assert_eq!(order.get("stopPrice"), None);
    assert_eq!(query(&handle, &order).await.get("trailingTime"), None);
    let (low, high) = inside(&handle).await;
    print(&handle, low).await;
    let following = query(&handle, &order).await;
    assert!(following["trailingTime"].is_i64(), "{following}");
    assert_eq!((&following["status"], &following["isWorking"]), (&json!("NEW"), &json!(false)));
    print(&handle, high).await;
    // Down through the book by more than a tenth of a percent.
    let sweep = limit("SELL", "0.3", bid * 0.997).replace("GTC", "IOC");
    place(&handle, &sweep).await.ok();
    let fired = query(&handle, &order).await;
    assert_eq!(fired["status"], "FILLED", "{fired}");
    for (params, code, words) in [
        (params.replace("=10", "=5"), -1013, "Filter failure: TRAILING_DELTA"),
        (params.replace("=10", "=2001"), -1013, "Filter failure: TRAILING_DELTA"),
        (format!("{}&trailingDelta=50", limit("BUY", "0.1", bid)), -1106, "'trailingDelta'"),
        (params.replace("&trailingDelta=10", ""), -1102, "Param 'stopPrice' or 'trailingDelta'"),
    ] {
        place(&handle, &params).await.refused(400, code, words);
    }
}

/// What a prevention leaves: statuses of taker and maker, what was prevented of each, and
/// whether each was told.
async fn prevent(mode: &str) -> Value {
    let handle = start(quiet()).await;
    let mut ws = listen(&handle).await;
    let (price, _) = inside(&handle).await;
    let maker = place(&handle, &limit("BUY", "0.02", price)).await.ok();
    let params = format!("{}&selfTradePreventionMode={mode}", limit("SELL", "0.005", price));
    let taker = place(&handle, &params).await.ok();
    assert_eq!(taker["selfTradePreventionMode"], mode);
    let prevented = &taker["preventedMatches"][0];
    assert_eq!(
        (&prevented["makerOrderId"], &prevented["price"]),
        (&maker["orderId"], &maker["price"])
    );
    let params = format!("symbol=BTCUSDT&orderId={}", taker["orderId"]);
    let listed = signed(&handle, "GET", "/api/v3/myPreventedMatches", &params).await.ok();
    assert_eq!(listed[0]["preventedMatchId"], prevented["preventedMatchId"]);
    assert_eq!(listed[0]["selfTradePreventionMode"], mode);
    let (taker, maker) = (query(&handle, &taker).await, query(&handle, &maker).await);
    let mut told = Vec::new();
    // The taker's NEW, what was prevented, and what became of it; then balances.
    ws.find(|frame| frame["event"]["i"] == taker["orderId"]).await;
    loop {
        let event = ws.json().await["event"].clone();
        if event["x"] != "TRADE_PREVENTION" {
            break;
        }
        assert_eq!(event["pL"], maker["price"]);
        assert_eq!(event["pl"], "0.00500000");
        let is_taker = event["i"] == taker["orderId"];
        let other = if is_taker { &maker } else { &taker };
        assert_eq!(event["U"], other["orderId"]);
        told.push(json!([if is_taker { "taker" } else { "maker" }, event["X"], event["B"]]));
    }
    let account = signed(&handle, "GET", "/api/v3/account", "").await.ok();
    let btc = account["balances"].as_array().unwrap().iter().find(|b| b["asset"] == "BTC").unwrap();
    json!({
        "taker": [taker["status"], taker.get("preventedQuantity")],
        "maker": [maker["status"], maker.get("preventedQuantity")],
        "told": told,
        "locked BTC": btc["locked"],
    })
}

#[tokio::test]
async fn self_trade_prevention_is_told_in_full() {
    let (gone, none) = ("EXPIRED_IN_MATCH", Value::Null);
    let (whole, less) = ("0.02000000", "0.00500000");
    assert_eq!(
        prevent("EXPIRE_TAKER").await,
        json!({
            "taker": [gone, less], "maker": ["NEW", none],
            "told": [["taker", gone, less]], "locked BTC": "0.00000000",
        })
    );
    assert_eq!(
        prevent("EXPIRE_MAKER").await,
        json!({
            "taker": ["NEW", none], "maker": [gone, whole],
            "told": [["maker", gone, whole]], "locked BTC": "0.00500000",
        })
    );
    assert_eq!(
        prevent("EXPIRE_BOTH").await,
        json!({
            "taker": [gone, less], "maker": [gone, whole],
            "told": [["maker", gone, whole], ["taker", gone, less]], "locked BTC": "0.00000000",
        })
    );
    assert_eq!(
        prevent("DECREMENT").await,
        json!({
            "taker": [gone, less], "maker": ["NEW", less],
            "told": [["maker", "NEW", less], ["taker", gone, less]], "locked BTC": "0.00000000",
        })
    );
    let handle = start(config()).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    for (mode, code, words) in [
        ("TRANSFER", -1013, "This symbol does not allow the specified self-trade prevention mode."),
        ("NOPE", -1130, "Data sent for parameter 'selfTradePreventionMode' is not valid."),
    ] {
        let params = format!("{}&selfTradePreventionMode={mode}", limit("BUY", "0.01", bid * 0.98));
        place(&handle, &params).await.refused(400, code, words);
    }
}

#[tokio::test]
async fn what_is_left_out_is_refused_in_words() {
    let handle = start(config()).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = limit("BUY", "0.01", bid * 0.98);
    for (path, params, status, code) in [
        ("order", format!("{order}&pegPriceType=PRIMARY_PEG"), 400, -2010),
        ("sor/order", order.clone(), 400, -1020),
        ("orderList/opo", order.clone(), 400, -2010),
    ] {
        let answer = signed(&handle, "POST", &format!("/api/v3/{path}"), &params).await;
        let body = answer.json();
        assert_eq!((answer.status, &body["code"]), (status, &json!(code)), "{path}: {body}");
        assert!(!body["msg"].as_str().unwrap().is_empty());
    }
    for path in ["myAllocations", "historicalBlockTrades"] {
        let target = format!("/api/v3/{path}");
        let answer = if path == "myAllocations" {
            signed(&handle, "GET", &target, "symbol=BTCUSDT").await
        } else {
            http(&handle, "GET", &format!("{target}?symbol=BTCUSDT"), &[], "").await
        };
        assert_eq!(answer.ok(), json!([]), "{path}");
    }
}
