//! Order lists and cancel-and-replace over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

mod common;

use common::{Ws, best, config, get, place, sign_ed25519, signed, start, venue_ms};
use serde_json::{Value, json};
use tickwright_exchange::ExchangeHandle;

async fn oco(handle: &ExchangeHandle, params: &str) -> common::Answer {
    signed(handle, "POST", "/api/v3/orderList/oco", params).await
}

async fn state_of(handle: &ExchangeHandle, id: &Value) -> String {
    let query = format!("symbol=BTCUSDT&orderId={id}");
    let order = signed(handle, "GET", "/api/v3/order", &query).await.ok();
    order["status"].as_str().unwrap().to_owned()
}

fn sell_pair(bid: f64) -> String {
    let (above, below) = (bid * 1.02, bid * 0.98);
    format!(
        "symbol=BTCUSDT&side=SELL&quantity=0.01&aboveType=LIMIT_MAKER&abovePrice={above:.2}\
         &belowType=STOP_LOSS_LIMIT&belowStopPrice={below:.2}&belowPrice={below:.2}&belowTimeInForce=GTC"
    )
}

#[tokio::test]
async fn a_pair_is_placed_queried_and_canceled() {
    let handle = start(config()).await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    let at = venue_ms(&handle).await;
    ws.call("userDataStream.subscribe.signature", sign_ed25519(&handle.credentials, json!({}), at))
        .await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let list = oco(&handle, &sell_pair(bid)).await.ok();
    assert_eq!(
        (&list["contingencyType"], &list["listStatusType"]),
        (&"OCO".into(), &"EXEC_STARTED".into())
    );
    let reports = list["orderReports"].as_array().unwrap();
    let kinds: Vec<_> = reports.iter().map(|report| report["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]);
    assert_eq!(reports[0]["workingTime"], -1);
    let status = ws.find(|frame| frame["event"]["e"] == "listStatus").await;
    assert_eq!(
        (&status["event"]["c"], &status["event"]["l"]),
        (&"OCO".into(), &"EXEC_STARTED".into())
    );
    // Both legs hold together what one of them needs.
    let account = signed(&handle, "GET", "/api/v3/account", "").await.ok();
    let bitcoin = account["balances"]
        .as_array()
        .unwrap()
        .iter()
        .find(|b| b["asset"] == "BTC")
        .unwrap()
        .clone();
    assert_eq!(bitcoin["locked"], "0.01000000");
    let id = &list["orderListId"];
    let query =
        signed(&handle, "GET", "/api/v3/orderList", &format!("orderListId={id}")).await.ok();
    assert_eq!(query["listOrderStatus"], "EXECUTING");
    assert_eq!(
        signed(&handle, "GET", "/api/v3/openOrderList", "").await.ok().as_array().unwrap().len(),
        1
    );
    // One leg's cancel is the list's.
    let leg = format!("symbol=BTCUSDT&orderId={}", reports[1]["orderId"]);
    let canceled = signed(&handle, "DELETE", "/api/v3/order", &leg).await.ok();
    assert_eq!(
        (&canceled["listOrderStatus"], canceled["orderReports"].as_array().unwrap().len()),
        (&"ALL_DONE".into(), 2)
    );
    assert_eq!(state_of(&handle, &reports[0]["orderId"]).await, "CANCELED");
    let status = ws.find(|frame| frame["event"]["e"] == "listStatus").await;
    assert_eq!(status["event"]["L"], "ALL_DONE");
    let account = signed(&handle, "GET", "/api/v3/account", "").await.ok();
    let bitcoin = account["balances"]
        .as_array()
        .unwrap()
        .iter()
        .find(|b| b["asset"] == "BTC")
        .unwrap()
        .clone();
    assert_eq!(bitcoin["locked"], "0.00000000");
    let gone = format!("symbol=BTCUSDT&orderListId={id}");
    signed(&handle, "DELETE", "/api/v3/orderList", &gone).await.refused(
        400,
        -2011,
        "Unknown order sent.",
    );
    // By the list's own name, and with everything else.
    let named = oco(&handle, &(sell_pair(bid) + "&listClientOrderId=pair")).await.ok();
    let canceled =
        signed(&handle, "DELETE", "/api/v3/orderList", "symbol=BTCUSDT&listClientOrderId=pair")
            .await
            .ok();
    assert_eq!(canceled["orderListId"], named["orderListId"]);
    oco(&handle, &sell_pair(bid)).await.ok();
    let all = signed(&handle, "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT").await.ok();
    assert_eq!(all.as_array().unwrap().len(), 1, "the list once: {all}");
}

#[tokio::test]
async fn pairs_are_refused_in_the_venues_words() {
    let handle = start(config()).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let (above, below) = (format!("{:.2}", bid * 1.02), format!("{:.2}", bid * 0.98));
    let base = "symbol=BTCUSDT&quantity=0.01";
    let limit = |place: &str, price: &str| format!("&{place}Type=LIMIT_MAKER&{place}Price={price}");
    let stop =
        |place: &str, price: &str| format!("&{place}Type=STOP_LOSS&{place}StopPrice={price}");
    let target =
        |place: &str, price: &str| format!("&{place}Type=TAKE_PROFIT&{place}StopPrice={price}");
    let cases = [
        ("SELL", limit("above", &above), limit("below", &below), -1168),
        ("BUY", limit("above", &above), stop("below", &below), -1165),
        ("SELL", stop("above", &above), limit("below", &below), -1197),
        ("BUY", target("above", &above), stop("below", &below), -1198),
        ("SELL", limit("above", &below), stop("below", &above), -2010),
        ("SELL", format!("&aboveType=LIMIT&abovePrice={above}"), stop("below", &below), -1158),
    ];
    for (side, first, second, code) in cases {
        let params = format!("{base}&side={side}{first}{second}");
        oco(&handle, &params).await.refused(400, code, "");
    }
    let poor = sell_pair(bid).replace("quantity=0.01", "quantity=50");
    oco(&handle, &poor).await.refused(400, -2010, "insufficient balance");
    let twice = format!("{}&aboveClientOrderId=one&belowClientOrderId=one", sell_pair(bid));
    oco(&handle, &twice).await.refused(400, -2010, "Duplicate order sent.");
    assert_eq!(signed(&handle, "GET", "/api/v3/openOrders", "").await.ok(), json!([]));
}

#[tokio::test]
async fn a_pair_waits_for_its_working_order() {
    let handle = start(config()).await;
    let (bid, ask) = best(&handle, "BTCUSDT").await;
    let pending = format!(
        "&pendingSide=SELL&pendingQuantity=0.01&pendingAboveType=LIMIT_MAKER&pendingAbovePrice={:.2}\
         &pendingBelowType=STOP_LOSS&pendingBelowStopPrice={:.2}",
        bid * 1.05,
        bid * 0.95
    );
    let working = |price: f64| {
        format!(
            "symbol=BTCUSDT&workingType=LIMIT&workingSide=BUY&workingQuantity=0.01&workingTimeInForce=GTC&workingPrice={price:.2}{pending}"
        )
    };
    let path = "/api/v3/orderList/otoco";
    let list = signed(&handle, "POST", path, &working(bid * 0.98)).await.ok();
    assert_eq!(list["contingencyType"], "OTO");
    let states: Vec<_> = list["orderReports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|report| report["status"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["NEW", "PENDING_NEW", "PENDING_NEW"]);
    let id = |place: usize| list["orders"][place]["orderId"].clone();
    let leg = format!("symbol=BTCUSDT&orderId={}", id(1));
    signed(&handle, "DELETE", "/api/v3/order", &leg).await.ok();
    for place in 0..3 {
        assert_eq!(state_of(&handle, &id(place)).await, "CANCELED");
    }
    // A working order that fills at once puts its legs on the market.
    let filled = signed(&handle, "POST", path, &working(ask * 1.01)).await.ok();
    let id = |place: usize| filled["orders"][place]["orderId"].clone();
    assert_eq!(state_of(&handle, &id(0)).await, "FILLED");
    assert_eq!(
        (state_of(&handle, &id(1)).await.as_str(), state_of(&handle, &id(2)).await.as_str()),
        ("NEW", "NEW")
    );
    // A single order behind a working one that expires with it.
    let single = format!(
        "symbol=BTCUSDT&workingType=LIMIT&workingSide=BUY&workingQuantity=0.01&workingTimeInForce=IOC&workingPrice={:.2}\
         &pendingType=MARKET&pendingSide=SELL&pendingQuantity=0.01",
        bid * 0.98
    );
    let expired = signed(&handle, "POST", "/api/v3/orderList/oto", &single).await.ok();
    assert_eq!(state_of(&handle, &expired["orders"][0]["orderId"]).await, "EXPIRED");
    let second = format!("symbol=BTCUSDT&orderId={}", expired["orders"][1]["orderId"]);
    let second = signed(&handle, "GET", "/api/v3/order", &second).await.ok();
    assert_eq!(
        (&second["status"], &second["expiryReason"]),
        (&"EXPIRED".into(), &"OTO_PHASE_ONE_EXPIRED".into())
    );
}

#[tokio::test]
async fn orders_are_replaced_in_both_modes() {
    let handle = start(config()).await;
    let (bid, ask) = best(&handle, "BTCUSDT").await;
    let low = format!("{:.2}", bid * 0.98);
    let order =
        format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price={low}");
    let replace = async |mode: &str, cancel: &str, order: &str| {
        let params = format!("{order}&cancelReplaceMode={mode}&{cancel}");
        signed(&handle, "POST", "/api/v3/order/cancelReplace", &params).await
    };
    let first = place(&handle, &order).await.ok();
    let cancel = format!("cancelOrderId={}", first["orderId"]);
    let both = replace("STOP_ON_FAILURE", &cancel, &order).await.ok();
    assert_eq!(
        (&both["cancelResult"], &both["newOrderResult"]),
        (&"SUCCESS".into(), &"SUCCESS".into())
    );
    assert_eq!(both["newOrderResponse"]["fills"], json!([]));
    let stopped = replace("STOP_ON_FAILURE", &cancel, &order).await;
    stopped.refused(400, -2022, "Order cancel-replace failed.");
    assert_eq!(stopped.json()["data"]["newOrderResult"], "NOT_ATTEMPTED");
    assert_eq!(stopped.json()["data"]["cancelResponse"]["code"], -2011);
    let half = replace("ALLOW_FAILURE", &cancel, &order).await;
    half.refused(409, -2021, "Order cancel-replace partially failed.");
    assert_eq!(half.json()["data"]["newOrderResponse"]["status"], "NEW");
    let taking = order
        .replace("LIMIT&timeInForce=GTC", "LIMIT_MAKER")
        .replace(&low, &format!("{:.2}", ask * 1.01));
    let neither = replace("ALLOW_FAILURE", &cancel, &taking).await;
    neither.refused(400, -2022, "");
    assert_eq!(neither.json()["data"]["newOrderResponse"]["code"], -2010);
    replace("STOP_ON_FAILURE", "x=1", &order).await.refused(400, -1102, "cancelOrigClientOrderId");
    assert!(get(&handle, "/api/v3/ping").await.status == 200);
}

#[tokio::test]
async fn an_order_is_made_smaller_and_keeps_its_number() {
    let handle = start(config()).await;
    let mut ws = Ws::open(&handle, "/ws-api/v3").await;
    let at = venue_ms(&handle).await;
    ws.call("userDataStream.subscribe.signature", sign_ed25519(&handle.credentials, json!({}), at))
        .await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price={:.2}&newClientOrderId=big",
        bid * 0.98
    );
    let placed = place(&handle, &order).await.ok();
    let amend = async |params: &str| {
        signed(
            &handle,
            "PUT",
            "/api/v3/order/amend/keepPriority",
            &format!("symbol=BTCUSDT&{params}"),
        )
        .await
    };
    let id = format!("orderId={}", placed["orderId"]);
    let amended = amend(&format!("{id}&newQty=0.004&newClientOrderId=small")).await.ok();
    assert_eq!(
        (&amended["amendedOrder"]["qty"], &amended["amendedOrder"]["origClientOrderId"]),
        (&"0.00400000".into(), &"big".into())
    );
    let report = ws.find(|frame| frame["event"]["x"] == "REPLACED").await;
    assert_eq!(
        (&report["event"]["c"], &report["event"]["C"], &report["event"]["q"]),
        (&"small".into(), &"big".into(), &"0.00400000".into())
    );
    assert_eq!(amended["executionId"], report["event"]["I"]);
    let found = signed(&handle, "GET", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=small")
        .await
        .ok();
    assert_eq!(found["orderId"], placed["orderId"]);
    amend(&format!("{id}&newQty=0.02")).await.refused(400, -2038, "quantity increase");
    amend(&format!("{id}&newQty=0.004")).await.refused(400, -2038, "change no state");
    amend("orderId=99&newQty=0.004").await.refused(400, -2038, "Unknown order sent.");
    amend(&format!("{id}&newQty=0.00001")).await.refused(400, -1013, "NOTIONAL");
    let history =
        signed(&handle, "GET", "/api/v3/order/amendments", &format!("symbol=BTCUSDT&{id}"))
            .await
            .ok();
    assert_eq!(
        (history.as_array().unwrap().len(), &history[0]["newQty"]),
        (1, &"0.00400000".into())
    );
}
