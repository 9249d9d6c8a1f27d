//! Reads captures of raw combined streams: `<receive time, ns> <JSON>` lines.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use model::{DepthUpdate, InstrumentId, Level, Quote, Side, Timestamp, Trade, TradeId};
use serde_json::Value;

/// What a line of a capture says.
#[allow(dead_code, reason = "each of the programs that include this reads what it needs")]
pub enum Line {
    Trade(Trade),
    Quote(Quote),
    Depth(DepthUpdate),
}

/// The lines of a capture; `None`, with a loud word, when it is not there.
pub fn capture(name: &str) -> Option<Vec<Line>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("SKIPPED: no recording at {}", path.display());
        return None;
    };
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    Some(lines.map(|line| read(&line.expect("the capture is readable"))).collect())
}

fn read(line: &str) -> Line {
    let (received_at, json) = line.split_once(' ').expect("a time, then JSON");
    let received_at = Timestamp::from_nanos(received_at.parse().expect("nanoseconds"));
    let json: Value = serde_json::from_str(json).expect("JSON");
    let Some(stream) = json["stream"].as_str() else { return snapshot(&json, received_at) };
    let data = &json["data"];
    match stream.split('@').nth(1) {
        Some("trade") => Line::Trade(trade(data, received_at)),
        Some("bookTicker") => Line::Quote(quote(data, received_at)),
        Some("depth") => Line::Depth(diff(data, received_at)),
        other => panic!("stream {other:?}"),
    }
}

fn number<T: std::str::FromStr>(value: &Value) -> T {
    let text = value.as_str().expect("numbers are quoted");
    text.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

fn levels(value: &Value) -> Vec<Level> {
    let level = |pair: &Value| Level { price: number(&pair[0]), quantity: number(&pair[1]) };
    value.as_array().expect("levels").iter().map(level).collect()
}

fn snapshot(json: &Value, received_at: Timestamp) -> Line {
    let id = json["lastUpdateId"].as_i64().expect("an id");
    Line::Depth(DepthUpdate {
        instrument: InstrumentId(0),
        is_snapshot: true,
        first_update_id: id,
        last_update_id: id,
        bids: levels(&json["bids"]),
        asks: levels(&json["asks"]),
        event_at: received_at,
        received_at,
    })
}

fn diff(data: &Value, received_at: Timestamp) -> DepthUpdate {
    DepthUpdate {
        instrument: InstrumentId(0),
        is_snapshot: false,
        first_update_id: data["U"].as_i64().expect("an id"),
        last_update_id: data["u"].as_i64().expect("an id"),
        bids: levels(&data["b"]),
        asks: levels(&data["a"]),
        event_at: Timestamp::from_millis(data["E"].as_i64().expect("a time")),
        received_at,
    }
}

fn quote(data: &Value, received_at: Timestamp) -> Quote {
    Quote {
        instrument: InstrumentId(0),
        update_id: data["u"].as_i64().expect("an id"),
        bid: Level { price: number(&data["b"]), quantity: number(&data["B"]) },
        ask: Level { price: number(&data["a"]), quantity: number(&data["A"]) },
        received_at,
    }
}

fn trade(data: &Value, received_at: Timestamp) -> Trade {
    let buyer_was_maker = data["m"].as_bool().expect("a flag");
    Trade {
        instrument: InstrumentId(0),
        id: TradeId(data["t"].as_i64().expect("an id")),
        price: number(&data["p"]),
        quantity: number(&data["q"]),
        aggressor: if buyer_was_maker { Side::Sell } else { Side::Buy },
        event_at: Timestamp::from_millis(data["T"].as_i64().expect("a time")),
        received_at,
    }
}
