//! What a symbol allows: filters and flags of exchangeInfo, changed while the exchange runs, and
//! what becomes of requests that go against them; over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

mod common;

use common::{Answer, best, config, get, http, place, signed, start};
use serde_json::{Value, json};
use tickwright_exchange::{ExchangeHandle, FLAGS, ORDER_TYPES};

async fn change(handle: &ExchangeHandle, rules: &str) -> Answer {
    let target = format!("/control/rules?symbol=BTCUSDT&{rules}");
    http(handle, "POST", &target, &[], "").await
}

async fn info(handle: &ExchangeHandle) -> Value {
    let info = get(handle, "/api/v3/exchangeInfo?symbol=BTCUSDT").await.ok();
    info["symbols"][0].clone()
}

fn filter<'a>(info: &'a Value, name: &str) -> &'a Value {
    let filters = info["filters"].as_array().unwrap();
    filters.iter().find(|filter| filter["filterType"] == name).unwrap()
}

#[tokio::test]
async fn filters_that_change_are_shown_and_hold() {
    let handle = start(config()).await;
    let (bid, _) = best(&handle, "BTCUSDT").await;
    let order = |price: f64, quantity: &str| {
        format!(
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price:.2}"
        )
    };
    let price = (bid * 0.9).floor();
    place(&handle, &order(price + 0.01, "0.00011")).await.ok();
    change(&handle, "tickSize=0.5&stepSize=0.001&minQty=0.002&minNotional=500").await.ok();
    let shown = info(&handle).await;
    assert_eq!(filter(&shown, "PRICE_FILTER")["tickSize"], "0.50000000");
    let lot = filter(&shown, "LOT_SIZE");
    assert_eq!([&lot["stepSize"], &lot["minQty"]], ["0.00100000", "0.00200000"]);
    assert_eq!(filter(&shown, "NOTIONAL")["minNotional"], "500.00000000");
    let refused = [
        (order(price + 0.01, "0.02"), "PRICE_FILTER"),
        (order(price, "0.0201"), "LOT_SIZE"),
        (order(price, "0.001"), "LOT_SIZE"),
        (order(price, "0.002"), "NOTIONAL"),
    ];
    for (params, name) in refused {
        place(&handle, &params).await.refused(400, -1013, &format!("Filter failure: {name}"));
    }
    place(&handle, &order(price + 0.5, "0.02")).await.ok();
    for wrong in ["tickSize=0", "tickSize=x", "stepSize=-1", "ocoAllowed=yes", "tick=1"] {
        assert_eq!(change(&handle, wrong).await.status, 400, "{wrong}");
    }
    let nowhere = http(&handle, "POST", "/control/rules?symbol=NOPE", &[], "").await;
    assert_eq!(nowhere.status, 404);
}

#[tokio::test]
async fn a_flag_that_is_off_is_shown_and_holds() {
    let handle = start(config()).await;
    let (bid, ask) = best(&handle, "BTCUSDT").await;
    let (low, high) = ((bid * 0.9).floor(), (ask * 1.1).floor());
    let limit =
        format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price={low}");
    let resting = place(&handle, &limit).await.ok();
    let id = &resting["orderId"];
    let pair = format!(
        "symbol=BTCUSDT&side=SELL&quantity=0.01&aboveType=LIMIT_MAKER&abovePrice={high}\
         &belowType=STOP_LOSS&belowStopPrice={low}"
    );
    let chain = format!(
        "symbol=BTCUSDT&workingType=LIMIT&workingTimeInForce=GTC&workingSide=BUY\
         &workingPrice={low}&workingQuantity=0.01&pendingType=MARKET&pendingSide=SELL\
         &pendingQuantity=0.01"
    );
    let requests = [
        ("ocoAllowed", "POST", "orderList/oco", pair, -2010, "OCO orders are not supported"),
        ("otoAllowed", "POST", "orderList/oto", chain, -2010, "OTO orders are not supported"),
        (
            "amendAllowed",
            "PUT",
            "order/amend/keepPriority",
            format!("symbol=BTCUSDT&orderId={id}&newQty=0.005"),
            -2038,
            "Order amend is not supported for this symbol.",
        ),
        (
            "icebergAllowed",
            "POST",
            "order",
            format!("{limit}&icebergQty=0.005"),
            -2010,
            "Iceberg orders are not supported for this symbol.",
        ),
        (
            "allowTrailingStop",
            "POST",
            "order",
            "symbol=BTCUSDT&side=SELL&type=STOP_LOSS&quantity=0.01&trailingDelta=100".to_owned(),
            -2010,
            "Trailing stop orders are not supported for this symbol.",
        ),
        (
            "quoteOrderQtyMarketAllowed",
            "POST",
            "order",
            "symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=100".to_owned(),
            -2010,
            "Quote order qty market orders are not support for this symbol.",
        ),
        (
            "cancelReplaceAllowed",
            "POST",
            "order/cancelReplace",
            format!("{limit}&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={id}"),
            -2010,
            "Order cancel-replace is not supported for this symbol.",
        ),
    ];
    assert!(FLAGS.iter().all(|flag| requests.iter().any(|request| request.0 == *flag)));
    for (flag, method, path, params, code, words) in &requests {
        change(&handle, &format!("{flag}=false")).await.ok();
        let shown = info(&handle).await;
        let off: Vec<_> = FLAGS.iter().filter(|flag| shown[**flag] == json!(false)).collect();
        assert_eq!(off, [flag]);
        let path = format!("/api/v3/{path}");
        signed(&handle, method, &path, params).await.refused(400, *code, words);
        change(&handle, &format!("{flag}=true")).await.ok();
    }
    // Each is taken again: nothing of that was the request's own fault. The last ends the order.
    for (flag, method, path, params, _, _) in &requests {
        let answer = signed(&handle, method, &format!("/api/v3/{path}"), params).await;
        assert_eq!(answer.status, 200, "{flag}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_kind_of_order_that_is_not_listed_is_refused_by_its_name() {
    let handle = start(config()).await;
    let (bid, ask) = best(&handle, "BTCUSDT").await;
    let (low, high) = ((bid * 0.9).floor(), (ask * 1.1).floor());
    let order = |rest: &str| format!("symbol=BTCUSDT&side=SELL&quantity=0.01&type={rest}");
    let stop = format!("&stopPrice={low}");
    let target = format!("&stopPrice={high}");
    let limit = format!("&price={high}&timeInForce=GTC");
    let requests = [
        ("LIMIT", order(&format!("LIMIT{limit}")), "Limit orders"),
        ("LIMIT_MAKER", order(&format!("LIMIT_MAKER&price={high}")), "Limit maker orders"),
        ("MARKET", order("MARKET"), "Market orders"),
        ("STOP_LOSS", order(&format!("STOP_LOSS{stop}")), "Stop loss orders"),
        (
            "STOP_LOSS_LIMIT",
            order(&format!("STOP_LOSS_LIMIT{stop}{limit}")),
            "Stop loss limit orders",
        ),
        ("TAKE_PROFIT", order(&format!("TAKE_PROFIT{target}")), "Take profit orders"),
        (
            "TAKE_PROFIT_LIMIT",
            order(&format!("TAKE_PROFIT_LIMIT{target}{limit}")),
            "Take profit limit orders",
        ),
    ];
    assert_eq!(requests.each_ref().map(|(kind, ..)| *kind), ORDER_TYPES);
    for (kind, params, words) in &requests {
        let others: Vec<_> = ORDER_TYPES.into_iter().filter(|other| other != kind).collect();
        change(&handle, &format!("orderTypes={}", others.join(","))).await.ok();
        assert_eq!(info(&handle).await["orderTypes"], json!(others));
        let words = format!("{words} are not supported for this symbol.");
        place(&handle, params).await.refused(400, -2010, &words);
        change(&handle, &format!("orderTypes={}", ORDER_TYPES.join(","))).await.ok();
        let answer = place(&handle, params).await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.body);
    }
    let odd = change(&handle, "orderTypes=LIMIT,TELEPORT").await;
    assert_eq!(odd.status, 400, "{}", odd.body);
}
