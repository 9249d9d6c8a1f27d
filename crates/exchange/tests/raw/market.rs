//! Public REST.

use serde_json::{Value, json};

use crate::common::{get, http, venue_ms};
use crate::{exchange, has_eight_decimals, has_names, number};

#[tokio::test]
async fn ping() {
    let handle = exchange().await;
    let answer = get(&handle, "/api/v3/ping").await;
    assert!(answer.header("content-type").unwrap().starts_with("application/json"));
    assert_eq!(answer.ok(), json!({}));
}

#[tokio::test]
async fn time() {
    let handle = exchange().await;
    let wall = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let answer = get(&handle, "/api/v3/time").await.ok();
    has_names(&answer, "serverTime");
    let away = answer["serverTime"].as_i64().unwrap() - i64::try_from(wall).unwrap();
    assert!((-100..5_000).contains(&away), "{away} ms from the wall");
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body_and_other_methods_are_refused() {
    let handle = exchange().await;
    let head = http(&handle, "HEAD", "/api/v3/ping", &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    http(&handle, "POST", "/api/v3/ping", &[], "").await.refused(405, -1020, "not supported");
}

#[tokio::test]
async fn time_microsecond_header() {
    let handle = exchange().await;
    for (value, digits) in
        [("MICROSECOND", 16), ("microsecond", 16), ("MILLISECOND", 13), ("millisecond", 13)]
    {
        let headers = [("X-MBX-TIME-UNIT", value)];
        let time = http(&handle, "GET", "/api/v3/time", &headers, "").await.ok();
        assert_eq!(time["serverTime"].to_string().len(), digits, "{value}");
    }
    let headers = [("X-MBX-TIME-UNIT", "MICROSECOND")];
    for target in ["trades?symbol=BTCUSDT", "klines?symbol=BTCUSDT&interval=1m"] {
        let rows = http(&handle, "GET", &format!("/api/v3/{target}"), &headers, "").await.ok();
        let at = if rows[0].is_array() { &rows[0][0] } else { &rows[0]["time"] };
        assert_eq!(at.to_string().len(), 16, "{target}");
    }
}

#[tokio::test]
async fn time_unit_invalid__1194() {
    let handle = exchange().await;
    let answer = http(&handle, "GET", "/api/v3/time", &[("X-MBX-TIME-UNIT", "NANO")], "").await;
    assert_eq!(answer.status, 400);
    let words = "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.";
    assert_eq!(answer.json(), json!({"code": -1194, "msg": words}));
}

#[tokio::test]
async fn used_weight_header() {
    let handle = exchange().await;
    let used = async |target: &str| -> i64 {
        let answer = get(&handle, target).await;
        answer.header("x-mbx-used-weight-1m").unwrap().parse().unwrap()
    };
    // Not across a minute, where the count starts again.
    while venue_ms(&handle).await % 60_000 > 57_000 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let mut before = used("/api/v3/ping").await;
    for (target, weight) in [
        ("ping", 1),
        ("exchangeInfo", 20),
        ("depth?symbol=BTCUSDT", 5),
        ("depth?symbol=BTCUSDT&limit=500", 25),
        ("depth?symbol=BTCUSDT&limit=1000", 50),
        ("depth?symbol=BTCUSDT&limit=5000", 250),
        ("trades?symbol=BTCUSDT", 25),
        ("aggTrades?symbol=BTCUSDT", 4),
        ("klines?symbol=BTCUSDT&interval=1m", 2),
        ("avgPrice?symbol=BTCUSDT", 2),
        ("ticker/24hr?symbol=BTCUSDT", 2),
        ("ticker/24hr", 80),
        ("ticker/price?symbol=BTCUSDT", 2),
        ("ticker/price", 4),
        ("ticker/bookTicker", 4),
        ("ticker?symbol=BTCUSDT", 4),
        ("ticker/tradingDay?symbols=[%22BTCUSDT%22,%22ETHUSDT%22]", 8),
        ("depth?symbol=NOPE", 5),
    ] {
        let after = used(&format!("/api/v3/{target}")).await;
        assert_eq!(after - before, weight, "{target}");
        before = after;
    }
}

#[tokio::test]
async fn exchangeInfo() {
    let handle = exchange().await;
    let info = get(&handle, "/api/v3/exchangeInfo").await.ok();
    assert_eq!(info["timezone"], "UTC");
    assert_eq!(info["exchangeFilters"], json!([]));
    let limits = info["rateLimits"].as_array().unwrap();
    let kinds: Vec<&str> =
        limits.iter().map(|limit| limit["rateLimitType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["REQUEST_WEIGHT", "ORDERS", "ORDERS", "RAW_REQUESTS"]);
    let symbol = &info["symbols"][0];
    has_names(
        symbol,
        "symbol status baseAsset baseAssetPrecision quoteAsset quotePrecision quoteAssetPrecision \
         baseCommissionPrecision quoteCommissionPrecision orderTypes icebergAllowed ocoAllowed \
         otoAllowed opoAllowed quoteOrderQtyMarketAllowed allowTrailingStop cancelReplaceAllowed \
         amendAllowed pegInstructionsAllowed isSpotTradingAllowed isMarginTradingAllowed filters \
         permissions permissionSets defaultSelfTradePreventionMode allowedSelfTradePreventionModes",
    );
    assert_eq!(symbol["symbol"], "BTCUSDT");
    assert_eq!((&symbol["baseAsset"], &symbol["quoteAsset"]), (&json!("BTC"), &json!("USDT")));
    assert_eq!(symbol["status"], "TRADING");
    assert_eq!(symbol["permissionSets"], json!([["SPOT"]]));
    for flag in ["ocoAllowed", "otoAllowed", "amendAllowed"] {
        assert_eq!(symbol[flag], true, "{flag}");
    }
    let filters: Vec<&str> = symbol["filters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|filter| filter["filterType"].as_str().unwrap())
        .collect();
    for name in ["PRICE_FILTER", "LOT_SIZE", "PERCENT_PRICE_BY_SIDE", "NOTIONAL", "MAX_NUM_ORDERS"]
    {
        assert!(filters.contains(&name), "{filters:?}");
    }
    let short = get(&handle, "/api/v3/exchangeInfo?showPermissionSets=false").await.ok();
    assert_eq!(short["symbols"][0].get("permissionSets"), None);
}

#[tokio::test]
async fn exchangeInfo_symbols_param() {
    let handle = exchange().await;
    let names = |info: &Value| -> Vec<String> {
        let symbols = info["symbols"].as_array().unwrap();
        symbols.iter().map(|symbol| symbol["symbol"].as_str().unwrap().to_owned()).collect()
    };
    for list in [
        "[%22ETHUSDT%22,%22BTCUSDT%22]",
        "%5B%22ETHUSDT%22%2C%22BTCUSDT%22%5D",
        r#"["ETHUSDT","BTCUSDT"]"#,
    ] {
        let info = get(&handle, &format!("/api/v3/exchangeInfo?symbols={list}")).await.ok();
        let mut found = names(&info);
        found.sort_unstable();
        assert_eq!(found, ["BTCUSDT", "ETHUSDT"]);
    }
    let info = get(&handle, "/api/v3/exchangeInfo?symbol=ETHUSDT").await.ok();
    assert_eq!(names(&info), ["ETHUSDT"]);
    let both = "/api/v3/exchangeInfo?symbol=ETHUSDT&symbols=[%22ETHUSDT%22]";
    get(&handle, both).await.refused(400, -1128, "Combination of optional parameters invalid.");
    get(&handle, "/api/v3/exchangeInfo?symbols=[%22NOPE%22]").await.refused(
        400,
        -1121,
        "Invalid symbol.",
    );
}

#[tokio::test]
async fn unknown_symbol__1121() {
    let handle = exchange().await;
    for target in [
        "depth?symbol=NOPE",
        "trades?symbol=NOPE",
        "aggTrades?symbol=NOPE",
        "klines?symbol=NOPE&interval=1m",
        "avgPrice?symbol=NOPE",
        "ticker/24hr?symbol=NOPE",
        "ticker/price?symbol=NOPE",
        "ticker/bookTicker?symbol=NOPE",
        "ticker?symbol=NOPE",
        "ticker/tradingDay?symbol=NOPE",
        "exchangeInfo?symbol=NOPE",
    ] {
        let answer = get(&handle, &format!("/api/v3/{target}")).await;
        assert_eq!(answer.status, 400, "{target}");
        assert_eq!(answer.json(), json!({"code": -1121, "msg": "Invalid symbol."}), "{target}");
    }
}

#[tokio::test]
async fn missing_param__1102() {
    let handle = exchange().await;
    for (target, name) in [
        ("depth", "symbol"),
        ("trades", "symbol"),
        ("klines?interval=1m", "symbol"),
        ("klines?symbol=BTCUSDT", "interval"),
        ("avgPrice", "symbol"),
    ] {
        let answer = get(&handle, &format!("/api/v3/{target}")).await;
        let words =
            format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed.");
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json(), json!({"code": -1102, "msg": words}), "{target}");
    }
}

#[tokio::test]
async fn bad_interval__1120() {
    let handle = exchange().await;
    for interval in ["7m", "1H", "1D", "60", "x"] {
        let target = format!("/api/v3/klines?symbol=BTCUSDT&interval={interval}");
        let answer = get(&handle, &target).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json(), json!({"code": -1120, "msg": "Invalid interval."}), "{interval}");
    }
}

#[tokio::test]
async fn unknown_path_404() {
    let handle = exchange().await;
    for target in ["/api/v3/nothing", "/api/v1/ping", "/nothing", "/"] {
        assert_eq!(get(&handle, target).await.status, 404, "{target}");
    }
}

#[tokio::test]
async fn depth_shape_sorted() {
    let handle = exchange().await;
    for limit in [5, 10, 100, 5_000] {
        let target = format!("/api/v3/depth?symbol=BTCUSDT&limit={limit}");
        let depth = get(&handle, &target).await.ok();
        has_names(&depth, "lastUpdateId bids asks");
        assert!(depth["lastUpdateId"].as_i64().unwrap() > 0);
        let prices = |side: &str| -> Vec<f64> {
            let levels = depth[side].as_array().unwrap();
            assert!(!levels.is_empty() && levels.len() <= limit);
            let price = |level: &Value| {
                assert_eq!(level.as_array().unwrap().len(), 2);
                has_eight_decimals(&level[0]);
                has_eight_decimals(&level[1]);
                assert!(number(&level[1]) > 0.0);
                number(&level[0])
            };
            levels.iter().map(price).collect()
        };
        let (bids, asks) = (prices("bids"), prices("asks"));
        assert!(bids.windows(2).all(|pair| pair[0] > pair[1]), "{bids:?}");
        assert!(asks.windows(2).all(|pair| pair[0] < pair[1]), "{asks:?}");
        assert!(bids[0] < asks[0]);
    }
    let default = get(&handle, "/api/v3/depth?symbol=BTCUSDT").await.ok();
    assert!(default["bids"].as_array().unwrap().len() <= 100);
    // More than there is to have is no error.
    get(&handle, "/api/v3/depth?symbol=BTCUSDT&limit=9000").await.ok();
}

#[tokio::test]
async fn trades_shape() {
    let handle = exchange().await;
    let trades = get(&handle, "/api/v3/trades?symbol=BTCUSDT&limit=50").await.ok();
    let trades = trades.as_array().unwrap();
    assert_eq!(trades.len(), 50);
    for trade in trades {
        has_names(trade, "id price qty quoteQty time isBuyerMaker isBestMatch");
        has_eight_decimals(&trade["price"]);
        let quote = number(&trade["price"]) * number(&trade["qty"]);
        assert!((quote - number(&trade["quoteQty"])).abs() < 1e-6, "{trade}");
        assert!(trade["isBuyerMaker"].is_boolean());
    }
    let ids: Vec<i64> = trades.iter().map(|trade| trade["id"].as_i64().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "{ids:?}");
    let target = format!("/api/v3/historicalTrades?symbol=BTCUSDT&fromId={}&limit=3", ids[10]);
    let older = get(&handle, &target).await.ok();
    assert_eq!(older.as_array().unwrap().as_slice(), &trades[10..13]);
}

#[tokio::test]
async fn aggTrades_shape() {
    let handle = exchange().await;
    let trades = get(&handle, "/api/v3/aggTrades?symbol=BTCUSDT&limit=50").await.ok();
    let trades = trades.as_array().unwrap();
    assert_eq!(trades.len(), 50);
    for pair in trades.windows(2) {
        has_names(&pair[0], "a p q f l T m M");
        assert_eq!(pair[1]["a"].as_i64().unwrap(), pair[0]["a"].as_i64().unwrap() + 1);
        assert_eq!(pair[1]["f"].as_i64().unwrap(), pair[0]["l"].as_i64().unwrap() + 1);
        assert!(pair[1]["T"].as_i64() >= pair[0]["T"].as_i64());
    }
    let first = trades[0]["a"].as_i64().unwrap();
    let target = format!("/api/v3/aggTrades?symbol=BTCUSDT&fromId={first}&limit=2");
    assert_eq!(get(&handle, &target).await.ok().as_array().unwrap().as_slice(), &trades[..2]);
    let at = trades[5]["T"].as_i64().unwrap();
    let target = format!("/api/v3/aggTrades?symbol=BTCUSDT&startTime={at}&endTime={at}");
    let within = get(&handle, &target).await.ok();
    assert!(within.as_array().unwrap().iter().all(|trade| trade["T"] == at), "{within}");
    assert!(within.as_array().unwrap().contains(&trades[5]));
}

#[tokio::test]
async fn klines_shape() {
    let handle = exchange().await;
    let klines = get(&handle, "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=5").await.ok();
    let klines = klines.as_array().unwrap();
    assert_eq!(klines.len(), 5);
    for kline in klines {
        let row = kline.as_array().unwrap();
        assert_eq!(row.len(), 12);
        let open_at = row[0].as_i64().unwrap();
        assert_eq!((open_at % 60_000, row[6].as_i64().unwrap() - open_at), (0, 59_999));
        let [open, high, low, close] = [1, 2, 3, 4].map(|column: usize| number(&row[column]));
        assert!(low <= open.min(close) && open.max(close) <= high, "{kline}");
        assert!(row[8].is_i64() && row[11] == "0");
        assert!(number(&row[9]) <= number(&row[5]) && number(&row[10]) <= number(&row[7]));
    }
    let opens: Vec<i64> = klines.iter().map(|kline| kline[0].as_i64().unwrap()).collect();
    assert!(opens.windows(2).all(|pair| pair[1] - pair[0] == 60_000), "{opens:?}");
    let target = format!(
        "/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime={}&endTime={}",
        opens[1], opens[2]
    );
    let within = get(&handle, &target).await.ok();
    assert_eq!(within.as_array().unwrap().as_slice(), &klines[1..3]);
    for interval in ["1s", "3m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", "1M"] {
        let target = format!("/api/v3/klines?symbol=BTCUSDT&interval={interval}&limit=2");
        assert!(!get(&handle, &target).await.ok().as_array().unwrap().is_empty(), "{interval}");
    }
}

#[tokio::test]
async fn ticker_price_and_book() {
    let handle = exchange().await;
    let price = get(&handle, "/api/v3/ticker/price?symbol=BTCUSDT").await.ok();
    has_names(&price, "symbol price");
    let book = get(&handle, "/api/v3/ticker/bookTicker?symbol=BTCUSDT").await.ok();
    has_names(&book, "symbol bidPrice bidQty askPrice askQty");
    let (bid, ask) = (number(&book["bidPrice"]), number(&book["askPrice"]));
    assert!(bid < ask);
    assert!((number(&price["price"]) / bid - 1.0).abs() < 0.01);
    for path in ["price", "bookTicker"] {
        let all = get(&handle, &format!("/api/v3/ticker/{path}")).await.ok();
        assert_eq!(all.as_array().unwrap().len(), 2);
        let target = format!("/api/v3/ticker/{path}?symbols=%5B%22ETHUSDT%22%5D");
        let some = get(&handle, &target).await.ok();
        assert_eq!(some[0]["symbol"], "ETHUSDT");
    }
}

#[tokio::test]
async fn ticker_24hr() {
    let handle = exchange().await;
    let mini = "symbol openPrice highPrice lowPrice lastPrice volume quoteVolume openTime \
                closeTime firstId lastId count";
    let plain = format!("{mini} priceChange priceChangePercent weightedAvgPrice");
    let full = format!("{plain} prevClosePrice lastQty bidPrice bidQty askPrice askQty");
    let ticker = get(&handle, "/api/v3/ticker/24hr?symbol=BTCUSDT").await.ok();
    has_names(&ticker, &full);
    let change = number(&ticker["lastPrice"]) - number(&ticker["openPrice"]);
    assert!((change - number(&ticker["priceChange"])).abs() < 1e-6);
    let percent = 100.0 * change / number(&ticker["openPrice"]);
    assert!((percent - number(&ticker["priceChangePercent"])).abs() < 1e-3);
    let average = number(&ticker["quoteVolume"]) / number(&ticker["volume"]);
    assert!((average - number(&ticker["weightedAvgPrice"])).abs() < 1e-4);
    let span = ticker["closeTime"].as_i64().unwrap() - ticker["openTime"].as_i64().unwrap();
    assert_eq!(span, 86_400_000);
    let ids = ticker["lastId"].as_i64().unwrap() - ticker["firstId"].as_i64().unwrap() + 1;
    assert_eq!(ids, ticker["count"].as_i64().unwrap());
    let short = get(&handle, "/api/v3/ticker/24hr?symbol=BTCUSDT&type=MINI").await.ok();
    has_names(&short, mini);
    for target in ["ticker?symbol=BTCUSDT&windowSize=30m", "ticker/tradingDay?symbol=BTCUSDT"] {
        has_names(&get(&handle, &format!("/api/v3/{target}")).await.ok(), &plain);
    }
    let all = get(&handle, "/api/v3/ticker/24hr").await.ok();
    assert_eq!(all.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn avgPrice() {
    let handle = exchange().await;
    let average = get(&handle, "/api/v3/avgPrice?symbol=BTCUSDT").await.ok();
    has_names(&average, "mins price closeTime");
    assert_eq!(average["mins"], 5);
    let last = get(&handle, "/api/v3/ticker/price?symbol=BTCUSDT").await.ok();
    assert!((number(&average["price"]) / number(&last["price"]) - 1.0).abs() < 0.02);
}
