//! Replays of real captures, byte for byte.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

mod common;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use common::{Ws, get, place, start};
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt;
use tickwright_exchange::{ExchangeConfig, MarketConfig, ReplayConfig, Speed};
use tokio_tungstenite::tungstenite::Message;

/// A file of the shared recordings, if they are there.
fn recording(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there", path.display());
    None
}

fn lines(path: &PathBuf) -> impl Iterator<Item = String> {
    let file = std::fs::File::open(path).unwrap();
    BufReader::new(MultiGzDecoder::new(file)).lines().map(Result::unwrap)
}

fn replay(files: Vec<PathBuf>, speed: Speed, start_after_streams: usize) -> ExchangeConfig {
    let market = MarketConfig::Replay(ReplayConfig { files, start_after_streams, lockstep: false });
    ExchangeConfig { market, speed, ..ExchangeConfig::default() }
}

/// All texts until the connection closes, and the reason of the close.
async fn read_all(ws: &mut Ws) -> (Vec<String>, String) {
    let mut texts = Vec::new();
    loop {
        match ws.0.next().await {
            Some(Ok(Message::Text(text))) => texts.push(text.to_string()),
            Some(Ok(Message::Close(Some(frame)))) => return (texts, frame.reason.to_string()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return (texts, String::new()),
        }
    }
}

async fn check_capture(name: &str, symbol: &str, frames: usize) {
    let Some(path) = recording(name) else { return };
    let handle = start(replay(vec![path.clone()], Speed::Max, 3)).await;
    let lower = symbol.to_lowercase();
    let mut ws = Ws::open(
        &handle,
        &format!("/stream?streams={lower}@trade/{lower}@bookTicker/{lower}@depth@100ms"),
    )
    .await;
    let first = ws.text().await.unwrap();
    let depth = get(&handle, &format!("/api/v3/depth?symbol={symbol}&limit=5000")).await;
    let (rest, reason) = read_all(&mut ws).await;
    assert_eq!(reason, format!("replay finished: {frames} frames"));
    let mut recorded = Vec::new();
    let mut snapshot = None;
    for line in lines(&path) {
        let (_, json) = line.split_once(' ').unwrap();
        if json.starts_with(r#"{"stream""#) {
            recorded.push(json.to_owned());
        } else {
            snapshot = Some(json.to_owned());
        }
    }
    assert_eq!(Some(depth.body), snapshot, "the recorded book, as it was recorded");
    assert_eq!(recorded.len(), frames);
    let received: Vec<String> = std::iter::once(first).chain(rest).collect();
    assert!(received == recorded, "byte for byte, in order");
}

#[tokio::test]
async fn the_bitcoin_capture_arrives_whole() {
    check_capture("ws_binance_spot_BTCUSDT_20240808.gz", "BTCUSDT", 41_248).await;
}

#[tokio::test]
async fn the_ether_capture_arrives_whole() {
    check_capture("ws_binance_spot_ETHUSDT_20240808.gz", "ETHUSDT", 33_617).await;
}

#[tokio::test]
async fn a_replay_is_traded_on_and_shows_nothing_of_it() {
    let Some(path) = recording("ws_binance_spot_BTCUSDT_20240808.gz") else { return };
    let handle = start(replay(vec![path], Speed::parse("20").unwrap(), 1)).await;
    let mut ws = Ws::open(&handle, "/ws/btcusdt@trade").await;
    let trade = ws.json().await;
    assert_eq!(trade["t"], 3_735_683_259_i64);
    let order = place(&handle, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.5").await.ok();
    assert_eq!(order["status"], "FILLED", "{order}");
    let ours = order["fills"][0]["tradeId"].as_i64().unwrap();
    assert!(ours > 1_000_000_000_000, "far from recorded ids: {ours}");
    let trades = get(&handle, "/api/v3/trades?symbol=BTCUSDT").await.ok();
    assert!(trades.as_array().unwrap().iter().all(|trade| trade["id"].as_i64() < Some(ours)));
    // A stream that was not recorded but can be made from what was, and one that can't.
    ws.send(r#"{"method":"SUBSCRIBE","params":["btcusdt@kline_1s"],"id":1}"#).await;
    ws.find(|frame| frame["e"] == "kline").await;
    ws.send(r#"{"method":"SUBSCRIBE","params":["btcusdt@depth5"],"id":2}"#).await;
    ws.find(|frame| frame["bids"].is_array()).await;
}

#[tokio::test]
async fn captures_of_the_other_format_are_read_too() {
    let Some(stream) = recording("cryptofeed_binance_spot_ws.txt.gz") else { return };
    let Some(rest) = recording("cryptofeed_binance_spot_rest_depth.txt.gz") else { return };
    let handle = start(replay(vec![stream.clone(), rest], Speed::Max, 1)).await;
    let depth = get(&handle, "/api/v3/depth?symbol=NKNUSDT&limit=1000").await.ok();
    assert_eq!(depth["lastUpdateId"], 499_869_752_i64);
    get(&handle, "/api/v3/depth?symbol=RUNEEUR&limit=1000").await.ok();
    get(&handle, "/api/v3/depth?symbol=BLZETH&limit=1000").await.ok();
    get(&handle, "/api/v3/depth?symbol=LRCBTC&limit=1000").await.ok();
    let names: std::collections::BTreeSet<String> = lines(&stream)
        .filter_map(|line| line.split_once(": ").map(|(_, json)| json.to_owned()))
        .filter_map(|json| serde_json::from_str::<serde_json::Value>(&json).ok())
        .filter_map(|frame| frame["stream"].as_str().map(str::to_owned))
        .collect();
    let names: Vec<String> = names.into_iter().collect();
    let mut ws = Ws::open(&handle, &format!("/stream?streams={}", names.join("/"))).await;
    let (frames, reason) = read_all(&mut ws).await;
    assert_eq!((frames.len(), reason.as_str()), (265, "replay finished: 265 frames"));
}

#[tokio::test]
async fn streams_that_can_not_be_served_are_refused_by_name() {
    let Some(path) = recording("cryptofeed_binance_spot_ws.txt.gz") else { return };
    let handle = start(replay(vec![path], Speed::Max, 9)).await;
    let mut ws = Ws::open(&handle, "/ws").await;
    ws.send(r#"{"method":"SUBSCRIBE","params":["nknusdt@trade"],"id":1}"#).await;
    let refusal = ws.json().await;
    assert_eq!(
        refusal["error"]["msg"],
        "Invalid request: stream nknusdt@trade was not recorded and can't be derived"
    );
}

#[tokio::test]
async fn archived_trades_are_streamed_too() {
    let Some(path) = recording("BTCUSDC-aggTrades-2025-10-04.zip") else { return };
    let handle = start(replay(vec![path], Speed::Max, 1)).await;
    let mut ws = Ws::open(&handle, "/ws/btcusdc@aggTrade").await;
    let mut count = 0;
    let mut base = model::Quantity::ZERO;
    let reason = loop {
        match ws.0.next().await {
            Some(Ok(Message::Text(text))) => {
                let trade: serde_json::Value = serde_json::from_str(&text).unwrap();
                base += trade["q"].as_str().unwrap().parse().unwrap();
                count += 1;
            }
            Some(Ok(Message::Close(Some(frame)))) => break frame.reason.to_string(),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => panic!("the end is announced"),
        }
    };
    assert_eq!((count, reason.as_str()), (140_489, "replay finished: 140489 trades"));
    assert_eq!(base, "1987.53046".parse().unwrap());
}

#[tokio::test]
async fn archived_klines_come_out_as_they_went_in() {
    let Some(path) = recording("kl1m_BTCUSDT_2024-07-26_2024-08-25.csv.gz") else { return };
    let handle = start(replay(vec![path.clone()], Speed::Max, 1)).await;
    let mut ws = Ws::open(&handle, "/ws/btcusdt@kline_1m").await;
    let mut rows =
        lines(&path).filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
    let mut compared = 0;
    while compared < 500 {
        let kline = ws.find(|frame| frame["k"]["x"] == true).await["k"].clone();
        let row = rows.next().unwrap();
        let cells: Vec<&str> = row.split(',').collect();
        let open_at = cells[0].split('.').next().unwrap().parse::<i64>().unwrap();
        assert_eq!(kline["t"], open_at, "{row}");
        for (name, cell) in ["o", "h", "l", "c", "v"].iter().zip(&cells[1..]) {
            let number = |text: &str| text.parse::<f64>().unwrap();
            assert_eq!(number(kline[*name].as_str().unwrap()), number(cell), "{name} of {row}");
        }
        compared += 1;
    }
}

#[tokio::test]
async fn in_step_a_frame_comes_for_each_advance() {
    let Some(path) = recording("ws_binance_spot_BTCUSDT_20240808.gz") else { return };
    let market = MarketConfig::Replay(ReplayConfig {
        files: vec![path],
        start_after_streams: 1,
        lockstep: true,
    });
    let config = ExchangeConfig { market, speed: Speed::Max, ..ExchangeConfig::default() };
    let handle = start(config).await;
    let mut ws =
        Ws::open(&handle, "/stream?streams=btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@100ms")
            .await;
    get(&handle, "/api/v3/depth?symbol=BTCUSDT&limit=1000").await.ok();
    for frames in [1, 3] {
        common::http(&handle, "POST", &format!("/control/advance?frames={frames}"), &[], "")
            .await
            .ok();
        for _ in 0..frames {
            ws.json().await;
        }
        let more = tokio::time::timeout(std::time::Duration::from_millis(100), ws.text()).await;
        assert!(more.is_err(), "nothing more without an advance");
    }
    // Four frames were sent: venue time is the receive time of the fourth.
    let clock = get(&handle, "/control/clock").await.ok();
    assert_eq!(clock["venue_at_ns"], 1_723_161_254_087_896_568_i64);
    assert_eq!(clock["speed"], "max");
}
