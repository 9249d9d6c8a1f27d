//! Orders by REST.

use serde_json::{Value, json};
use tickwright_exchange::ExchangeHandle;

use crate::common::{best, place, signed};
use crate::{exchange, has_names, number, px};

const ORDER: &str = "/api/v3/order";

fn limit(side: &str, quantity: &str, price: f64) -> String {
    let price = px(price);
    format!(
        "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}"
    )
}

async fn query(handle: &ExchangeHandle, order: &Value) -> Value {
    let params = format!("symbol=BTCUSDT&orderId={}", order["orderId"]);
    signed(handle, "GET", ORDER, &params).await.ok()
}

async fn balance(handle: &ExchangeHandle, asset: &str) -> (f64, f64) {
    let account = signed(handle, "GET", "/api/v3/account", "").await.ok();
    let balances = account["balances"].as_array().unwrap();
    let balance = balances.iter().find(|balance| balance["asset"] == asset).unwrap();
    (number(&balance["free"]), number(&balance["locked"]))
}

const FULL: &str = "symbol orderId orderListId clientOrderId transactTime price origQty executedQty \
    origQuoteOrderQty cummulativeQuoteQty status timeInForce type side workingTime \
    selfTradePreventionMode fills";

const QUERY: &str = "symbol orderId orderListId clientOrderId price origQty executedQty \
    origQuoteOrderQty cummulativeQuoteQty status timeInForce type side stopPrice icebergQty time \
    updateTime isWorking workingTime selfTradePreventionMode";

#[tokio::test]
async fn limit_order_full_response_and_lifecycle() {
    let handle = exchange().await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let price = (bid * 0.98 * 100.0).round() / 100.0;
    let order = place(&handle, &limit("BUY", "0.01", price)).await.ok();
    has_names(&order, FULL);
    assert_eq!(order["price"], format!("{price:.8}"));
    assert_eq!(
        (&order["status"], &order["fills"], &order["orderListId"]),
        (&json!("NEW"), &json!([]), &json!(-1))
    );
    assert_eq!(order["workingTime"], order["transactTime"]);
    let (_, locked) = balance(&handle, "USDT").await;
    assert!((locked - price * 0.01).abs() < 1e-6);
    let queried = query(&handle, &order).await;
    has_names(&queried, QUERY);
    assert_eq!(
        (&queried["isWorking"], &queried["stopPrice"]),
        (&json!(true), &json!("0.00000000"))
    );
    let open = signed(&handle, "GET", "/api/v3/openOrders", "symbol=BTCUSDT").await.ok();
    assert_eq!(open, json!([queried]));
    let params = format!("symbol=BTCUSDT&orderId={}&newClientOrderId=bye", order["orderId"]);
    let canceled = signed(&handle, "DELETE", ORDER, &params).await.ok();
    assert_eq!(canceled["status"], "CANCELED");
    assert_eq!(
        (&canceled["origClientOrderId"], &canceled["clientOrderId"]),
        (&order["clientOrderId"], &json!("bye"))
    );
    assert_eq!(query(&handle, &order).await["status"], "CANCELED");
    assert_eq!(signed(&handle, "GET", "/api/v3/openOrders", "").await.ok(), json!([]));
    assert_eq!(balance(&handle, "USDT").await, (100_000.0, 0.0));
    let all = signed(&handle, "GET", "/api/v3/allOrders", "symbol=BTCUSDT").await.ok();
    assert_eq!(all[0]["orderId"], order["orderId"]);
}

#[tokio::test]
async fn resp_type_ACK_RESULT() {
    let handle = exchange().await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = limit("BUY", "0.01", bid * 0.98);
    let ack = place(&handle, &format!("{order}&newOrderRespType=ACK")).await.ok();
    has_names(&ack, "symbol orderId orderListId clientOrderId transactTime");
    let result = place(&handle, &format!("{order}&newOrderRespType=RESULT")).await.ok();
    has_names(&result, FULL.trim_end_matches("fills").trim_end());
    let full = place(&handle, &format!("{order}&newOrderRespType=FULL")).await.ok();
    has_names(&full, FULL);
}

#[tokio::test]
async fn market_order_fills_and_myTrades() {
    let handle = exchange().await;
    let before = (balance(&handle, "BTC").await.0, balance(&handle, "USDT").await.0);
    let order = place(&handle, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.05").await.ok();
    has_names(&order, FULL);
    assert_eq!((&order["status"], &order["price"]), (&json!("FILLED"), &json!("0.00000000")));
    assert_eq!(order["executedQty"], "0.05000000");
    let fills = order["fills"].as_array().unwrap();
    let (mut quantity, mut quote, mut fee) = (0.0, 0.0, 0.0);
    for fill in fills {
        has_names(fill, "price qty commission commissionAsset tradeId");
        assert_eq!(fill["commissionAsset"], "BTC");
        assert!((number(&fill["commission"]) - number(&fill["qty"]) * 0.001).abs() < 2e-8);
        quantity += number(&fill["qty"]);
        quote += number(&fill["price"]) * number(&fill["qty"]);
        fee += number(&fill["commission"]);
    }
    assert!((quantity - 0.05).abs() < 1e-9);
    assert!((quote - number(&order["cummulativeQuoteQty"])).abs() < 1e-4);
    let after = (balance(&handle, "BTC").await.0, balance(&handle, "USDT").await.0);
    assert!((after.0 - before.0 - (0.05 - fee)).abs() < 1e-7);
    assert!((before.1 - after.1 - quote).abs() < 1e-4);
    let params = format!("symbol=BTCUSDT&orderId={}", order["orderId"]);
    let trades = signed(&handle, "GET", "/api/v3/myTrades", &params).await.ok();
    let trades = trades.as_array().unwrap();
    assert_eq!(trades.len(), fills.len());
    for (trade, fill) in trades.iter().zip(fills) {
        has_names(
            trade,
            "symbol id orderId orderListId price qty quoteQty commission commissionAsset time \
             isBuyer isMaker isBestMatch",
        );
        assert_eq!(
            [&trade["id"], &trade["price"], &trade["qty"], &trade["commission"]],
            [&fill["tradeId"], &fill["price"], &fill["qty"], &fill["commission"]]
        );
        assert_eq!((&trade["isBuyer"], &trade["isMaker"]), (&json!(true), &json!(false)));
    }
}

#[tokio::test]
async fn market_quoteOrderQty() {
    let handle = exchange().await;
    for side in ["BUY", "SELL"] {
        let params = format!("symbol=BTCUSDT&side={side}&type=MARKET&quoteOrderQty=500");
        let order = place(&handle, &params).await.ok();
        assert_eq!(
            (&order["status"], &order["origQuoteOrderQty"]),
            (&json!("FILLED"), &json!("500.00000000"))
        );
        let spent = number(&order["cummulativeQuoteQty"]);
        // As much as whole steps allow.
        assert!(spent <= 500.0 && spent > 500.0 - 1.3, "{spent}");
        assert_eq!(order["executedQty"], order["origQty"]);
    }
}

#[tokio::test]
async fn limit_maker_would_take__2010() {
    let handle = exchange().await;
    let (bid, ask) = best(&handle, "BTCUSDT").await;
    let order = |price: f64| {
        let price = px(price);
        format!("symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.01&price={price}")
    };
    let answer = place(&handle, &order(ask * 1.01)).await;
    assert_eq!(
        (answer.status, answer.json()),
        (400, json!({"code": -2010, "msg": "Order would immediately match and take."}))
    );
    let rests =
        place(&handle, &format!("{}&newOrderRespType=RESULT", order(bid * 0.98))).await.ok();
    assert_eq!(rests["status"], "NEW");
}

async fn expires(time_in_force: &str, reason: &str) {
    let handle = exchange().await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = limit("BUY", "0.01", bid * 0.98).replace("GTC", time_in_force);
    let order = place(&handle, &order).await.ok();
    assert_eq!(
        [&order["status"], &order["executedQty"], &order["timeInForce"], &order["expiryReason"]],
        ["EXPIRED", "0.00000000", time_in_force, reason]
    );
    let queried = query(&handle, &order).await;
    assert_eq!((&queried["status"], &queried["expiryReason"]), (&json!("EXPIRED"), &json!(reason)));
    assert_eq!(balance(&handle, "USDT").await, (100_000.0, 0.0));
}

#[tokio::test]
async fn ioc_expires_unfilled() {
    expires("IOC", "UNFILLED_IOC_QUANTITY_EXPIRED").await;
}

#[tokio::test]
async fn fok_expires_unfilled() {
    expires("FOK", "UNFILLED_FOK_ORDER_EXPIRED").await;
    // More than there is to have, within reach.
    let handle = exchange().await;
    let (_, ask) = best(&handle, "BTCUSDT").await;
    let order = limit("BUY", "1.5", ask + 0.01).replace("GTC", "FOK");
    let order = place(&handle, &order).await.ok();
    assert_eq!((&order["status"], &order["fills"]), (&json!("EXPIRED"), &json!([])));
}

fn stop(side: &str, stop: f64, price: f64) -> String {
    let (stop, price) = (px(stop), px(price));
    format!(
        "symbol=BTCUSDT&side={side}&type=STOP_LOSS_LIMIT&timeInForce=GTC&quantity=0.01\
         &stopPrice={stop}&price={price}"
    )
}

#[tokio::test]
async fn stop_loss_limit_rests() {
    let handle = exchange().await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = place(&handle, &stop("SELL", bid * 0.97, bid * 0.965)).await.ok();
    let queried = query(&handle, &order).await;
    assert_eq!([&queried["status"], &queried["type"]], ["NEW", "STOP_LOSS_LIMIT"]);
    assert_eq!((&queried["isWorking"], &queried["workingTime"]), (&json!(false), &json!(-1)));
    assert!((number(&queried["stopPrice"]) - bid * 0.97).abs() < 0.01);
    let (_, locked) = balance(&handle, "BTC").await;
    assert!((locked - 0.01).abs() < 1e-9);
    let params = format!("symbol=BTCUSDT&orderId={}", order["orderId"]);
    let canceled = signed(&handle, "DELETE", ORDER, &params).await.ok();
    assert_eq!(
        (&canceled["status"], &canceled["stopPrice"]),
        (&json!("CANCELED"), &queried["stopPrice"])
    );
}

#[tokio::test]
async fn stop_default_response_is_ACK() {
    let handle = exchange().await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = place(&handle, &stop("SELL", bid * 0.97, bid * 0.965)).await.ok();
    has_names(&order, "symbol orderId orderListId clientOrderId transactTime");
    let full = format!("{}&newOrderRespType=FULL", stop("SELL", bid * 0.97, bid * 0.965));
    let full = place(&handle, &full).await.ok();
    assert_eq!(
        (&full["status"], &full["workingTime"], &full["fills"]),
        (&json!("NEW"), &json!(-1), &json!([]))
    );
}

#[tokio::test]
async fn stop_would_trigger__2010() {
    let handle = exchange().await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    for params in [stop("SELL", bid * 1.02, bid), stop("BUY", bid * 0.98, bid)] {
        let answer = place(&handle, &params).await;
        assert_eq!(
            (answer.status, answer.json()),
            (400, json!({"code": -2010, "msg": "Order would trigger immediately."}))
        );
    }
}

async fn oco(handle: &ExchangeHandle) -> Value {
    let (bid, _) = best(handle, "BTCUSDT").await;
    let params = format!(
        "symbol=BTCUSDT&side=SELL&quantity=0.01&aboveType=LIMIT_MAKER&abovePrice={}\
         &belowType=STOP_LOSS_LIMIT&belowStopPrice={}&belowPrice={}&belowTimeInForce=GTC",
        px(bid * 1.03),
        px(bid * 0.97),
        px(bid * 0.965)
    );
    signed(handle, "POST", "/api/v3/orderList/oco", &params).await.ok()
}

const LIST: &str = "orderListId contingencyType listStatusType listOrderStatus listClientOrderId \
    transactionTime symbol orders";

#[tokio::test]
async fn oco_place_query_cancel() {
    let handle = exchange().await;
    let list = oco(&handle).await;
    has_names(&list, &format!("{LIST} orderReports"));
    assert_eq!(
        [&list["contingencyType"], &list["listStatusType"], &list["listOrderStatus"]],
        ["OCO", "EXEC_STARTED", "EXECUTING"]
    );
    let types: Vec<&Value> =
        list["orderReports"].as_array().unwrap().iter().map(|report| &report["type"]).collect();
    assert_eq!(types, ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]);
    for report in list["orderReports"].as_array().unwrap() {
        assert_eq!(
            (&report["status"], &report["orderListId"]),
            (&json!("NEW"), &list["orderListId"])
        );
    }
    let id = format!("orderListId={}", list["orderListId"]);
    let queried = signed(&handle, "GET", "/api/v3/orderList", &id).await.ok();
    has_names(&queried, LIST);
    assert_eq!(queried["orders"], list["orders"]);
    let open = signed(&handle, "GET", "/api/v3/openOrderList", "").await.ok();
    assert_eq!(open, json!([queried]));
    // Both legs share what they need.
    assert!((balance(&handle, "BTC").await.1 - 0.01).abs() < 1e-9);
    let params = format!("symbol=BTCUSDT&{id}");
    let canceled = signed(&handle, "DELETE", "/api/v3/orderList", &params).await.ok();
    assert_eq!(
        [&canceled["listStatusType"], &canceled["listOrderStatus"]],
        ["ALL_DONE", "ALL_DONE"]
    );
    let reports = canceled["orderReports"].as_array().unwrap();
    assert!(reports.len() == 2 && reports.iter().all(|report| report["status"] == "CANCELED"));
    assert_eq!(signed(&handle, "GET", "/api/v3/openOrderList", "").await.ok(), json!([]));
    assert_eq!(balance(&handle, "BTC").await.1, 0.0);
    let again = signed(&handle, "DELETE", "/api/v3/orderList", &params).await;
    again.refused(400, -2011, "Unknown order sent.");
    let all = signed(&handle, "GET", "/api/v3/allOrderList", "").await.ok();
    assert_eq!(all[0]["listOrderStatus"], "ALL_DONE");
}

#[tokio::test]
async fn oco_leg_cancel_cancels_list() {
    let handle = exchange().await;
    let list = oco(&handle).await;
    let params = format!("symbol=BTCUSDT&orderId={}", list["orders"][1]["orderId"]);
    signed(&handle, "DELETE", ORDER, &params).await.ok();
    for order in list["orders"].as_array().unwrap() {
        assert_eq!(query(&handle, order).await["status"], "CANCELED");
    }
    let id = format!("orderListId={}", list["orderListId"]);
    let list = signed(&handle, "GET", "/api/v3/orderList", &id).await.ok();
    assert_eq!(list["listOrderStatus"], "ALL_DONE");
}

#[tokio::test]
async fn oto_pending_new() {
    let handle = exchange().await;
    let (bid, ask) = best(&handle, "BTCUSDT").await;
    let oto = |working: f64| {
        format!(
            "symbol=BTCUSDT&workingType=LIMIT&workingSide=BUY&workingPrice={}&workingQuantity=0.01\
             &workingTimeInForce=GTC&pendingType=LIMIT&pendingSide=SELL&pendingPrice={}\
             &pendingQuantity=0.01&pendingTimeInForce=GTC",
            px(working),
            px(ask * 1.03)
        )
    };
    let list = signed(&handle, "POST", "/api/v3/orderList/oto", &oto(bid * 0.98)).await.ok();
    assert_eq!(list["contingencyType"], "OTO");
    let reports = &list["orderReports"];
    assert_eq!([&reports[0]["status"], &reports[1]["status"]], ["NEW", "PENDING_NEW"]);
    assert_eq!(reports[1]["workingTime"], -1);
    let pending = query(&handle, &list["orders"][1]).await;
    assert_eq!((&pending["status"], &pending["isWorking"]), (&json!("PENDING_NEW"), &json!(false)));
    let params = format!("symbol=BTCUSDT&orderListId={}", list["orderListId"]);
    signed(&handle, "DELETE", "/api/v3/orderList", &params).await.ok();
    // Once the working order is filled, the pending one works.
    let list = signed(&handle, "POST", "/api/v3/orderList/oto", &oto(ask * 1.01)).await.ok();
    assert_eq!(query(&handle, &list["orders"][0]).await["status"], "FILLED");
    assert_eq!(query(&handle, &list["orders"][1]).await["status"], "NEW");
}

async fn replace(handle: &ExchangeHandle, params: &str) -> crate::common::Answer {
    signed(handle, "POST", "/api/v3/order/cancelReplace", params).await
}

#[tokio::test]
async fn cancelReplace_success() {
    let handle = exchange().await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = place(&handle, &limit("BUY", "0.01", bid * 0.97)).await.ok();
    let params = format!(
        "{}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={}",
        limit("BUY", "0.01", bid * 0.98),
        order["orderId"]
    );
    let replaced = replace(&handle, &params).await.ok();
    has_names(&replaced, "cancelResult newOrderResult cancelResponse newOrderResponse");
    assert_eq!([&replaced["cancelResult"], &replaced["newOrderResult"]], ["SUCCESS", "SUCCESS"]);
    assert_eq!(replaced["cancelResponse"]["orderId"], order["orderId"]);
    assert_eq!(replaced["newOrderResponse"]["status"], "NEW");
    assert_eq!(query(&handle, &order).await["status"], "CANCELED");
}

#[tokio::test]
async fn cancelReplace_failure__2022() {
    let handle = exchange().await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let new = limit("BUY", "0.01", bid * 0.98);
    let unknown = json!({"code": -2011, "msg": "Unknown order sent."});
    let answer =
        replace(&handle, &format!("{new}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId=999"))
            .await;
    assert_eq!(
        (answer.status, answer.json()),
        (
            400,
            json!({
                "code": -2022, "msg": "Order cancel-replace failed.",
                "data": {
                    "cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED",
                    "cancelResponse": unknown, "newOrderResponse": null,
                },
            })
        )
    );
    let answer =
        replace(&handle, &format!("{new}&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=999")).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["code"]), (409, &json!(-2021)));
    assert_eq!(body["msg"], "Order cancel-replace partially failed.");
    assert_eq!(
        [&body["data"]["cancelResult"], &body["data"]["newOrderResult"]],
        ["FAILURE", "SUCCESS"]
    );
    let order = body["data"]["newOrderResponse"]["orderId"].clone();
    let dear = limit("BUY", "9", bid * 0.98);
    let params = format!("{dear}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={order}");
    let answer = replace(&handle, &params).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["code"]), (409, &json!(-2021)));
    assert_eq!(
        [&body["data"]["cancelResult"], &body["data"]["newOrderResult"]],
        ["SUCCESS", "FAILURE"]
    );
    assert_eq!(body["data"]["newOrderResponse"]["code"], -2010);
    let params = format!("{dear}&cancelReplaceMode=ALLOW_FAILURE&cancelOrderId=999");
    replace(&handle, &params).await.refused(400, -2022, "Order cancel-replace failed.");
}

#[tokio::test]
async fn amend_keep_priority() {
    let handle = exchange().await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = place(&handle, &limit("BUY", "0.02", bid * 0.98)).await.ok();
    let amend = async |quantity: &str| {
        let params = format!("symbol=BTCUSDT&orderId={}&newQty={quantity}", order["orderId"]);
        signed(&handle, "PUT", "/api/v3/order/amend/keepPriority", &params).await
    };
    let amended = amend("0.01").await.ok();
    has_names(&amended, "transactTime executionId amendedOrder");
    let now = &amended["amendedOrder"];
    assert_eq!((&now["qty"], &now["status"]), (&json!("0.01000000"), &json!("NEW")));
    assert_eq!(now["cumulativeQuoteQty"], "0.00000000");
    assert_eq!(now["origClientOrderId"], order["clientOrderId"]);
    assert_ne!(now["clientOrderId"], order["clientOrderId"]);
    assert_eq!(query(&handle, &order).await["origQty"], "0.01000000");
    assert!((balance(&handle, "USDT").await.1 - bid * 0.98 * 0.01).abs() < 0.01);
    for quantity in ["0.01", "0.03"] {
        let refused = amend(quantity).await;
        assert_eq!((refused.status, &refused.json()["code"]), (400, &json!(-2038)), "{quantity}");
    }
    let params = format!("symbol=BTCUSDT&orderId={}", order["orderId"]);
    let history = signed(&handle, "GET", "/api/v3/order/amendments", &params).await.ok();
    assert_eq!(
        (&history[0]["origQty"], &history[0]["newQty"]),
        (&json!("0.02000000"), &json!("0.01000000"))
    );
}

#[tokio::test]
async fn cancel_all_open() {
    let handle = exchange().await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    for percent in [0.97, 0.98] {
        place(&handle, &limit("BUY", "0.01", bid * percent)).await.ok();
    }
    let list = oco(&handle).await;
    let canceled = signed(&handle, "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT").await.ok();
    let canceled = canceled.as_array().unwrap();
    assert_eq!(canceled.len(), 3);
    assert!(canceled[..2].iter().all(|order| order["status"] == "CANCELED"));
    assert_eq!(canceled[2]["orderListId"], list["orderListId"]);
    assert_eq!(canceled[2]["orderReports"].as_array().unwrap().len(), 2);
    assert_eq!(signed(&handle, "GET", "/api/v3/openOrders", "").await.ok(), json!([]));
}

#[tokio::test]
async fn client_order_id_reusable_after_close() {
    let handle = exchange().await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = format!("{}&newClientOrderId=again", limit("BUY", "0.01", bid * 0.98));
    let first = place(&handle, &order).await.ok();
    signed(&handle, "DELETE", ORDER, "symbol=BTCUSDT&origClientOrderId=again").await.ok();
    let second = place(&handle, &order).await.ok();
    assert_ne!(first["orderId"], second["orderId"]);
    let queried =
        signed(&handle, "GET", ORDER, "symbol=BTCUSDT&origClientOrderId=again").await.ok();
    assert_eq!(queried["orderId"], second["orderId"]);
    // Both ids must be those of one order.
    let pair = format!("symbol=BTCUSDT&orderId={}&origClientOrderId=other", second["orderId"]);
    signed(&handle, "GET", ORDER, &pair).await.refused(
        400,
        -2039,
        "Client order ID is not correct for this order ID.",
    );
}

#[tokio::test]
async fn order_count_headers() {
    let handle = exchange().await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = limit("BUY", "0.01", bid * 0.98);
    while crate::common::venue_ms(&handle).await % 10_000 > 6_000 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    for count in ["1", "2"] {
        let placed = place(&handle, &order).await;
        assert_eq!(placed.header("x-mbx-order-count-10s"), Some(count));
        assert_eq!(placed.header("x-mbx-order-count-1d"), Some(count));
        placed.ok();
    }
    let list = format!(
        "symbol=BTCUSDT&side=SELL&quantity=0.01&aboveType=LIMIT_MAKER&abovePrice={}\
         &belowType=STOP_LOSS&belowStopPrice={}",
        px(bid * 1.03),
        px(bid * 0.97)
    );
    let list = signed(&handle, "POST", "/api/v3/orderList/oco", &list).await;
    assert_eq!(list.header("x-mbx-order-count-10s"), Some("4"), "{}", list.body);
}
