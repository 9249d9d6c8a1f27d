//! What clients that nobody here wrote ask of the venue by plain REST and websocket, one test for
//! each question, over real sockets. Values, codes and exact texts are those of the venue.

#![allow(non_snake_case, reason = "the tests are named as the questions are, in the venue's words")]
#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

#[path = "../common/mod.rs"]
mod common;

mod errors;
mod limits;
mod market;
mod streams;
mod trading;
mod user_data;
mod wsapi;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tickwright_exchange::{
    ExchangeConfig, ExchangeHandle, MarketConfig, SymbolConfig, SyntheticConfig,
};

/// An exchange with two symbols and a short history.
async fn exchange() -> ExchangeHandle {
    common::start(small()).await
}

fn small() -> ExchangeConfig {
    let market = SyntheticConfig {
        seed: 11,
        symbols: ["BTCUSDT", "ETHUSDT"].map(|name| SymbolConfig::named(name).unwrap()).to_vec(),
        history: Duration::from_secs(600),
        ..SyntheticConfig::default()
    };
    ExchangeConfig { market: MarketConfig::Synthetic(market), ..ExchangeConfig::default() }
}

/// The number that a field's text holds.
#[track_caller]
fn number(value: &Value) -> f64 {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no text"));
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

/// A price with the tick of BTCUSDT.
fn px(price: f64) -> String {
    format!("{price:.2}")
}

/// Asserts that an object has exactly these names.
#[track_caller]
fn has_names(value: &Value, names: &str) {
    let object = value.as_object().unwrap_or_else(|| panic!("{value} is no object"));
    let mut expected: Vec<&str> = names.split_whitespace().collect();
    let mut actual: Vec<&str> = object.keys().map(String::as_str).collect();
    expected.sort_unstable();
    actual.sort_unstable();
    assert_eq!(actual, expected, "{value}");
}

/// Asserts that a text has eight decimals, as all amounts on the wire.
#[track_caller]
fn has_eight_decimals(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no text"));
    assert_eq!(text.split_once('.').map(|(_, decimals)| decimals.len()), Some(8), "{text}");
}

/// The list of questions, if it is there, and the tests of this folder.
#[test]
fn every_question_has_a_test() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("../shared/BINANCE-CHECKS.md");
    let Ok(list) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: {} is not there", path.display());
        return;
    };
    let line = list.lines().find(|line| line.starts_with("**raw**")).unwrap();
    let names: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
    assert_eq!(names.len(), 106);
    let sources = [
        include_str!("errors.rs"),
        include_str!("limits.rs"),
        include_str!("market.rs"),
        include_str!("streams.rs"),
        include_str!("trading.rs"),
        include_str!("user_data.rs"),
        include_str!("wsapi.rs"),
    ]
    .concat();
    let missing: Vec<&str> = names
        .into_iter()
        .filter(|name| !sources.contains(&format!("async fn {}()", name.replace('-', "_"))))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What the questions take for granted of an exchange that is started without any setting.
#[tokio::test]
async fn the_default_market_is_rich_and_lively() {
    let handle = common::start(ExchangeConfig::default()).await;
    let account = common::signed(&handle, "GET", "/api/v3/account", "").await.ok();
    let free = |asset: &str| -> f64 {
        let balances = account["balances"].as_array().unwrap();
        number(&balances.iter().find(|balance| balance["asset"] == asset).unwrap()["free"])
    };
    assert_eq!(free("USDT"), 100_000.0);
    let info = common::get(&handle, "/api/v3/exchangeInfo").await.ok();
    let limit = |kind: &str, interval: &str| {
        let limits = info["rateLimits"].as_array().unwrap();
        let line = limits
            .iter()
            .find(|line| line["rateLimitType"] == kind && line["interval"] == interval)
            .unwrap();
        line["limit"].as_i64().unwrap()
    };
    assert!(limit("ORDERS", "SECOND") >= 100);
    assert_eq!(limit("REQUEST_WEIGHT", "MINUTE"), 6_000);
    let symbols = info["symbols"].as_array().unwrap();
    let streams: Vec<String> = symbols
        .iter()
        .map(|symbol| {
            assert!(free(symbol["baseAsset"].as_str().unwrap()) > 0.0);
            format!("{}@trade", symbol["symbol"].as_str().unwrap().to_lowercase())
        })
        .collect();
    // A trade a second or more of each symbol, and a spread of more than two ticks.
    let mut ws = common::Ws::open(&handle, &format!("/ws/{}", streams.join("/"))).await;
    let mut counts = std::collections::BTreeMap::new();
    let mut wide = std::collections::BTreeSet::new();
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    while tokio::time::Instant::now() < end {
        if let Ok(trade) = tokio::time::timeout(Duration::from_millis(500), ws.json()).await {
            *counts.entry(trade["s"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
        let books = common::get(&handle, "/api/v3/ticker/bookTicker").await.ok();
        for (book, symbol) in books.as_array().unwrap().iter().zip(symbols) {
            let tick = number(&symbol["filters"][0]["tickSize"]);
            if number(&book["askPrice"]) - number(&book["bidPrice"]) > 2.5 * tick {
                wide.insert(book["symbol"].as_str().unwrap().to_owned());
            }
        }
    }
    assert_eq!(wide.len(), symbols.len(), "{wide:?}");
    assert_eq!(counts.len(), symbols.len(), "{counts:?}");
    assert!(counts.values().all(|count| (4..60).contains(count)), "{counts:?}");
}
