//! User data streams.

use serde_json::{Value, json};
use tickwright_exchange::ExchangeHandle;

use crate::common::{Ws, best, place, sign_ed25519, signed, venue_ms};
use crate::wsapi::sign;
use crate::{exchange, has_names, number, px};

/// A connection with a subscription by the HMAC key.
async fn listen(handle: &ExchangeHandle) -> Ws {
    let mut ws = Ws::open(handle, "/ws-api/v3").await;
    let params = sign(handle, json!({})).await;
    let answer = ws.call("userDataStream.subscribe.signature", params).await;
    assert_eq!(answer["result"], json!({"subscriptionId": 0}), "{answer}");
    ws
}

/// The next event of the subscription.
async fn event(ws: &mut Ws) -> Value {
    let frame = ws.json().await;
    has_names(&frame, "subscriptionId event");
    assert_eq!(frame["subscriptionId"], 0);
    frame["event"].clone()
}

const REPORT: &str = "e E s c S o f q p P F g C x X r i l z L n N T t I w m M O Z Y Q V";

#[track_caller]
fn is_report(event: &Value, extra: &str, kind: &str, status: &str) {
    has_names(event, &format!("{REPORT} {extra}"));
    assert_eq!(
        [&event["e"], &event["x"], &event["X"]],
        ["executionReport", kind, status],
        "{event}"
    );
}

fn limit(quantity: &str, price: f64) -> String {
    let price = px(price);
    format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}")
}

#[tokio::test]
async fn uds_subscribe_list_unsubscribe() {
    let handle = exchange().await;
    let mut ws = listen(&handle).await;
    let list = ws.call("session.subscriptions", json!({})).await;
    assert_eq!(list["result"], json!([{"subscriptionId": 0}]));
    let again = sign(&handle, json!({})).await;
    let again = ws.call("userDataStream.subscribe.signature", again).await;
    assert_eq!((&again["status"], &again["error"]["code"]), (&json!(400), &json!(-2035)));
    ws.send(r#"{"id":1,"method":"userDataStream.unsubscribe","params":{"subscriptionId":0}}"#)
        .await;
    let (mut answer, mut terminated) = (None, None);
    while answer.is_none() || terminated.is_none() {
        let frame = ws.json().await;
        if frame["id"] == 1 { answer = Some(frame) } else { terminated = Some(frame) }
    }
    assert_eq!(answer.unwrap()["result"], json!({}));
    let terminated = terminated.unwrap();
    assert_eq!(terminated["subscriptionId"], 0);
    has_names(&terminated["event"], "e E");
    assert_eq!(terminated["event"]["e"], "eventStreamTerminated");
    assert_eq!(ws.call("session.subscriptions", json!({})).await["result"], json!([]));
    let none = ws.call("userDataStream.unsubscribe", json!({"subscriptionId": 0})).await;
    assert_eq!(none["error"]["code"], -2036);
    // A second subscription of the connection has the next number; a session's ends with it.
    let at = venue_ms(&handle).await;
    ws.call("session.logon", sign_ed25519(&handle.credentials, json!({}), at)).await;
    let second = ws.call("userDataStream.subscribe", json!({})).await;
    assert_eq!(second["result"], json!({"subscriptionId": 1}));
    ws.send(r#"{"id":2,"method":"session.logout"}"#).await;
    ws.find(|frame| frame["event"]["e"] == "eventStreamTerminated").await;
}

#[tokio::test]
async fn uds_new_and_cancel() {
    let handle = exchange().await;
    let mut ws = listen(&handle).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = format!("{}&newClientOrderId=born", limit("0.01", bid * 0.98));
    let order = place(&handle, &order).await.ok();
    let new = event(&mut ws).await;
    is_report(&new, "W", "NEW", "NEW");
    assert_eq!((&new["i"], &new["c"], &new["C"]), (&order["orderId"], &json!("born"), &json!("")));
    assert_eq!([&new["p"], &new["q"]], [&order["price"], &order["origQty"]]);
    assert_eq!((&new["t"], &new["N"], &new["n"]), (&json!(-1), &json!(null), &json!("0")));
    assert_eq!(
        (&new["w"], &new["m"], &new["g"], &new["r"]),
        (&json!(true), &json!(false), &json!(-1), &json!("NONE"))
    );
    assert_eq!(event(&mut ws).await["e"], "outboundAccountPosition");
    let params = "symbol=BTCUSDT&origClientOrderId=born&newClientOrderId=gone";
    signed(&handle, "DELETE", "/api/v3/order", params).await.ok();
    let canceled = event(&mut ws).await;
    is_report(&canceled, "W", "CANCELED", "CANCELED");
    assert_eq!([&canceled["c"], &canceled["C"]], ["gone", "born"]);
    assert!(canceled["I"].as_i64() > new["I"].as_i64());
    assert_eq!(event(&mut ws).await["e"], "outboundAccountPosition");
}

#[tokio::test]
async fn uds_outboundAccountPosition() {
    let handle = exchange().await;
    let mut ws = listen(&handle).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let price = (bid * 0.98 * 100.0).round() / 100.0;
    place(&handle, &limit("0.01", price)).await.ok();
    let position = ws.find(|frame| frame["event"]["e"] == "outboundAccountPosition").await;
    let position = &position["event"];
    has_names(position, "e E u B");
    let balances = position["B"].as_array().unwrap();
    assert_eq!(balances.len(), 1);
    has_names(&balances[0], "a f l");
    assert_eq!(balances[0]["a"], "USDT");
    assert!((number(&balances[0]["l"]) - price * 0.01).abs() < 1e-6);
    assert!((number(&balances[0]["f"]) + number(&balances[0]["l"]) - 100_000.0).abs() < 1e-6);
    let account = signed(&handle, "GET", "/api/v3/account", "").await.ok();
    let usdt = account["balances"]
        .as_array()
        .unwrap()
        .iter()
        .find(|b| b["asset"] == "USDT")
        .unwrap()
        .clone();
    assert_eq!([&usdt["free"], &usdt["locked"]], [&balances[0]["f"], &balances[0]["l"]]);
}

#[tokio::test]
async fn uds_market_fill_trade_reports() {
    let handle = exchange().await;
    let mut ws = listen(&handle).await;
    let order = place(&handle, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.3").await.ok();
    let new = event(&mut ws).await;
    is_report(&new, "W", "NEW", "NEW");
    assert_eq!([&new["o"], &new["p"]], ["MARKET", "0.00000000"]);
    let fills = order["fills"].as_array().unwrap();
    let (mut done, mut quote) = (0.0, 0.0);
    for (place, fill) in fills.iter().enumerate() {
        let trade = event(&mut ws).await;
        let is_last = place + 1 == fills.len();
        is_report(&trade, "W", "TRADE", if is_last { "FILLED" } else { "PARTIALLY_FILLED" });
        assert_eq!(
            [&trade["L"], &trade["l"], &trade["n"], &trade["N"], &trade["t"]],
            [
                &fill["price"],
                &fill["qty"],
                &fill["commission"],
                &fill["commissionAsset"],
                &fill["tradeId"]
            ]
        );
        done += number(&trade["l"]);
        quote += number(&trade["Y"]);
        assert!((number(&trade["z"]) - done).abs() < 1e-9);
        assert!((number(&trade["Z"]) - quote).abs() < 1e-6);
        assert_eq!(
            (&trade["m"], &trade["w"], &trade["M"]),
            (&json!(false), &json!(false), &json!(true))
        );
    }
    let position = event(&mut ws).await;
    let assets: Vec<&Value> = position["B"].as_array().unwrap().iter().map(|b| &b["a"]).collect();
    assert_eq!(assets, ["BTC", "USDT"]);
}

#[tokio::test]
async fn uds_partial_fill() {
    let handle = exchange().await;
    let mut ws = listen(&handle).await;
    // A buy inside the spread, which a market sell of ours takes a part of.
    let mut resting = None;
    for _ in 0..50 {
        let (bid, ask) = best(&handle, "BTCUSDT").await;
        if ask - bid < 0.05 {
            continue;
        }
        let order = place(&handle, &limit("0.02", bid + 0.02)).await.ok();
        if order["status"] == "NEW" {
            resting = Some(order);
            break;
        }
    }
    let resting = resting.expect("the spread is wide at times");
    let sell = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.005";
    place(&handle, sell).await.ok();
    let is_ours =
        |frame: &Value| frame["event"]["x"] == "TRADE" && frame["event"]["i"] == resting["orderId"];
    let trade = ws.find(is_ours).await["event"].clone();
    is_report(&trade, "W", "TRADE", "PARTIALLY_FILLED");
    assert!(number(&trade["l"]) > 0.0 && number(&trade["z"]) < 0.02);
    assert_eq!(
        (&trade["m"], &trade["w"], &trade["L"]),
        (&json!(true), &json!(true), &resting["price"])
    );
    let params = format!("symbol=BTCUSDT&orderId={}", resting["orderId"]);
    let queried = signed(&handle, "GET", "/api/v3/order", &params).await.ok();
    assert!(number(&queried["executedQty"]) > 0.0);
    let order = signed(&handle, "DELETE", "/api/v3/order", &params).await.ok();
    assert_eq!(order["status"], "CANCELED");
    let canceled = ws.find(|frame| frame["event"]["x"] == "CANCELED").await;
    assert_eq!(canceled["event"]["z"], order["executedQty"]);
}

#[tokio::test]
async fn uds_oco_listStatus() {
    let handle = exchange().await;
    let mut ws = listen(&handle).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let params = format!(
        "symbol=BTCUSDT&side=SELL&quantity=0.01&aboveType=LIMIT_MAKER&abovePrice={}\
         &belowType=STOP_LOSS_LIMIT&belowStopPrice={}&belowPrice={}&belowTimeInForce=GTC",
        px(bid * 1.03),
        px(bid * 0.97),
        px(bid * 0.965)
    );
    let list = signed(&handle, "POST", "/api/v3/orderList/oco", &params).await.ok();
    let status = ws.find(|frame| frame["event"]["e"] == "listStatus").await["event"].clone();
    has_names(&status, "e E s g c l L r C T O");
    assert_eq!(
        [&status["c"], &status["l"], &status["L"], &status["r"]],
        ["OCO", "EXEC_STARTED", "EXECUTING", "NONE"]
    );
    assert_eq!((&status["g"], &status["C"]), (&list["orderListId"], &list["listClientOrderId"]));
    let members = status["O"].as_array().unwrap();
    assert_eq!(members.len(), 2);
    has_names(&members[0], "s i c");
    for _ in 0..2 {
        let report = ws.find(|frame| frame["event"]["e"] == "executionReport").await;
        assert_eq!(
            (&report["event"]["x"], &report["event"]["g"]),
            (&json!("NEW"), &list["orderListId"])
        );
    }
    let params = format!("symbol=BTCUSDT&orderListId={}", list["orderListId"]);
    signed(&handle, "DELETE", "/api/v3/orderList", &params).await.ok();
    for _ in 0..2 {
        let report = ws.find(|frame| frame["event"]["e"] == "executionReport").await;
        assert_eq!(report["event"]["x"], "CANCELED");
    }
    let done = ws.find(|frame| frame["event"]["e"] == "listStatus").await["event"].clone();
    assert_eq!([&done["l"], &done["L"]], ["ALL_DONE", "ALL_DONE"]);
}

#[tokio::test]
async fn uds_amend_REPLACED() {
    let handle = exchange().await;
    let mut ws = listen(&handle).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = place(&handle, &limit("0.02", bid * 0.98)).await.ok();
    let params =
        format!("symbol=BTCUSDT&orderId={}&newQty=0.01&newClientOrderId=less", order["orderId"]);
    signed(&handle, "PUT", "/api/v3/order/amend/keepPriority", &params).await.ok();
    let replaced = ws.find(|frame| frame["event"]["x"] == "REPLACED").await["event"].clone();
    is_report(&replaced, "W", "REPLACED", "NEW");
    assert_eq!([&replaced["c"], &replaced["C"]], [&json!("less"), &order["clientOrderId"]]);
    assert_eq!(replaced["q"], "0.01000000");
    let position = event(&mut ws).await;
    assert_eq!(position["e"], "outboundAccountPosition");
}
