//! The whole exchangeInfo of the real venue, and one that a later venue might send.

use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use model::{InstrumentStatus, VenueId};
use tickwright_binance::decode::ExchangeInfo;

fn venue() -> VenueId {
    "test".parse().expect("a venue id")
}

#[test]
fn the_recorded_answer_is_read_whole() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/cryptofeed_binance_spot_exchangeInfo.txt.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("SKIPPED: no recording {}", path.display());
        return;
    };
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let line = text.lines().find(|line| line.contains("\"symbols\"")).unwrap();
    let info = ExchangeInfo::read(line.split_once(": ").unwrap().1.as_bytes(), venue()).unwrap();
    assert_eq!(info.skipped, []);
    assert_eq!(info.symbols.len(), line.matches("\"baseAssetPrecision\"").count());
    assert_eq!(info.rate_limits.len(), 4);
    let bitcoin = &info.symbol("BTCUSDT").unwrap().instrument;
    assert_eq!(bitcoin.status, InstrumentStatus::Trading);
    assert_eq!(bitcoin.filters.price.tick, "0.01".parse().unwrap());
    assert_eq!(bitcoin.filters.lot_size.step, "0.00001".parse().unwrap());
    assert_eq!(bitcoin.filters.notional.unwrap().min, "10".parse().unwrap());
    assert_eq!(bitcoin.filters.percent_price.unwrap().bid_up, "5".parse().unwrap());
    assert_eq!(bitcoin.filters.max_open_orders, Some(200));
    assert_eq!(bitcoin.filters.max_open_stop_orders, Some(5));
    assert_eq!(bitcoin.filters.max_iceberg_parts, Some(10));
}

#[test]
fn what_is_new_is_passed_over_and_what_is_broken_is_named() {
    let body = r#"{"timezone":"UTC","serverTime":1565246363776,"rateLimits":[
        {"rateLimitType":"DREAMS","interval":"FORTNIGHT","intervalNum":1,"limit":5},
        {},
        {"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000}],
        "exchangeFilters":[{"filterType":"NEW"}],"symbols":[
        {"symbol":"币USDT","status":"SLEEPING","baseAsset":"币","baseAssetPrecision":8,
         "quoteAsset":"USDT","quoteAssetPrecision":8,"orderTypes":["LIMIT","HOLOGRAM"],
         "isSpotTradingAllowed":true,"news":{"deep":[1]},"filters":[
           {"filterType":"HOLOGRAM_FILTER","limit":"x"},
           {"filterType":"MAX_ASSET","asset":"JPY","limit":"1000000.00000000"},
           {"filterType":"LOT_SIZE","minQty":"1.00","maxQty":"99999999999999.00","stepSize":"1.00"},
           {"filterType":"NOTIONAL","minNotional":"5","applyMinToMarket":false,
            "maxNotional":"9000000","applyMaxToMarket":true,"avgPriceMins":5}]},
        {"symbol":"BROKEN","status":"TRADING"},
        {"symbol":"ODD","status":"TRADING","baseAsset":"ODD","baseAssetPrecision":8,
         "quoteAsset":"USDT","quoteAssetPrecision":8,
         "filters":[{"filterType":"PRICE_FILTER","tickSize":"one"}]}]}"#;
    let info = ExchangeInfo::read(body.as_bytes(), venue()).unwrap();
    assert_eq!(info.rate_limits.len(), 2);
    let skipped: Vec<&str> = info.skipped.iter().map(|skipped| skipped.symbol.as_str()).collect();
    assert_eq!(skipped, ["BROKEN", "ODD"]);
    let symbol = info.symbol("币USDT").unwrap();
    assert_eq!(symbol.instrument.status, InstrumentStatus::Halted);
    assert_eq!(symbol.instrument.filters.lot_size.max, model::Quantity::MAX);
    let notional = symbol.instrument.filters.notional.unwrap();
    assert!(!notional.min_applies_to_market && notional.max_applies_to_market);
}

#[test]
fn what_is_no_exchange_info_is_an_error() {
    for body in ["", "{}", "[]", "<html>", "{\"serverTime\":1,\"rateLimits\":[],\"symbols\":{}}"] {
        assert!(ExchangeInfo::read(body.as_bytes(), venue()).is_err(), "{body}");
    }
}
