//! The same events over real websockets through the engine, and from files through the backtest:
//! the same intents, decisions, orders and fills.
#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tickwright::config::{Config, Sources, load_for_backtest};
use tickwright::parity::{Counts, Parity, Setting};

/// What `tickwright parity` is documented with: strategies that trade often enough to be compared,
/// and in parts.
fn config() -> Config {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/parity/engine.toml");
    let sources = Sources::Files { engine: Some(engine) };
    load_for_backtest(&sources, &[], tickwright::STRATEGIES)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Runs both, and shows where they part.
fn run(recording: PathBuf) -> Parity {
    let symbol = "BTCUSDT".parse().unwrap();
    let setting = Setting::new(config(), vec![recording], Some(symbol));
    let parity = actix::System::new().block_on(setting.run(tickwright::STRATEGIES));
    let parity = parity.unwrap_or_else(|failure| panic!("{failure}"));
    if let Some(difference) = parity.difference() {
        let mut shown = format!("alike for {} events; engine:\n", difference.alike);
        for line in &difference.over_sockets {
            writeln!(shown, "  {} {}", line.at, line.text).unwrap();
        }
        shown.push_str("backtest:\n");
        for line in &difference.over_files {
            writeln!(shown, "  {} {}", line.at, line.text).unwrap();
        }
        panic!("{shown}");
    }
    parity
}

/// A recording that is there, or a loud word that it is not.
fn recording(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there", path.display());
    None
}

#[test]
fn a_real_capture_is_traded_alike() {
    let Some(recording) = recording("ws_binance_spot_BTCUSDT_20240808.gz") else { return };
    let counts = run(recording).counts();
    println!("{counts:?}");
    let Counts { orders, cancels, partial_fills, fills, .. } = counts;
    assert!(orders >= 200 && cancels > 0 && partial_fills > 0 && fills > 50, "{counts:?}");
}

/// A capture of trades and best prices made on the spot: a walk of prices, with a thin top of the
/// book, so that orders fill in parts.
fn made_up(path: &Path) {
    let mut text = String::new();
    let (mut at_ns, mut mid, mut random) = (1_700_000_000_000_000_000_i64, 6_000_000_i64, 1_u64);
    let mut trade = 0_u64;
    let mut draw = |below: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for number in 1..=6_000_i64 {
        at_ns += 1_000_000 + i64::try_from(draw(60_000_000)).unwrap();
        let at_ms = at_ns / 1_000_000 - 3;
        let price = |cents: i64| format!("{}.{:02}000000", cents / 100, cents % 100);
        let quantity = |units: u64| format!("{}.{:05}000", units / 100_000, units % 100_000);
        mid += i64::try_from(draw(401)).unwrap() - 200;
        let spread = 1 + i64::try_from(draw(100)).unwrap();
        let (bid, ask) = (mid - spread, mid + spread);
        if draw(3) == 0 {
            trade += 1;
            let is_buyer_maker = draw(2) == 0;
            let traded = if is_buyer_maker { bid } else { ask };
            writeln!(
                text,
                r#"{at_ns} {{"stream":"btcusdt@trade","data":{{"e":"trade","E":{at_ms},"s":"BTCUSDT","t":{trade},"p":"{}","q":"{}","T":{at_ms},"m":{is_buyer_maker},"M":true}}}}"#,
                price(traded),
                quantity(1 + draw(30_000)),
            )
            .unwrap();
        } else {
            writeln!(
                text,
                r#"{at_ns} {{"stream":"btcusdt@bookTicker","data":{{"u":{number},"s":"BTCUSDT","b":"{}","B":"{}","a":"{}","A":"{}"}}}}"#,
                price(bid),
                quantity(1 + draw(40_000)),
                price(ask),
                quantity(1 + draw(40_000)),
            )
            .unwrap();
        }
    }
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_capture_that_is_made_up_is_traded_alike() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ws_made_up_BTCUSDT.txt");
    made_up(&path);
    let counts = run(path).counts();
    println!("{counts:?}");
    let Counts { orders, cancels, partial_fills, .. } = counts;
    assert!(orders >= 100 && cancels > 0 && partial_fills > 0, "{counts:?}");
}
