//! Nanoseconds to decode the two commonest messages: `cargo bench -p tickwright-binance`.

use std::hint::black_box;
use std::time::Instant;

use model::{InstrumentId, MarketEvent, Symbol, Timestamp};
use tickwright_binance::SymbolTable;
use tickwright_binance::decode::{StreamEvent, decode_stream};

const TRADE: &str = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"#;
const BOOK_TICKER: &str = r#"{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}"#;
const DEPTH: &str = r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":50093239203,"u":50093239207,"b":[["55653.87000000","0.00000000"]],"a":[["61838.04000000","0.32332000"],["61844.30000000","0.40163000"],["61862.50000000","0.05019000"],["61862.51000000","0.00000000"]]}}"#;

/// From bytes to the engine's event, the instrument looked up.
fn to_event(table: &SymbolTable, frame: &[u8]) -> Option<MarketEvent> {
    let now = Timestamp::EPOCH;
    match decode_stream(frame).ok()?.event {
        StreamEvent::Trade(trade) => {
            trade.to_trade(table.find(&trade.symbol)?, now).ok().map(MarketEvent::Trade)
        }
        StreamEvent::BookTicker(ticker) => {
            ticker.to_quote(table.find(&ticker.symbol)?, now).ok()?.map(MarketEvent::Quote)
        }
        StreamEvent::Depth(depth) => {
            let instrument = table.find(&depth.symbol)?;
            depth.into_update(instrument, now).ok().map(|d| MarketEvent::Depth(d.into()))
        }
        StreamEvent::AggTrade(_)
        | StreamEvent::Kline(_)
        | StreamEvent::PartialDepth(_)
        | StreamEvent::ServerShutdown { .. }
        | StreamEvent::Answer { .. }
        | StreamEvent::Refusal { .. }
        | StreamEvent::Other { .. } => None,
    }
}

fn measure(name: &str, frame: &str, table: &SymbolTable) {
    const ROUNDS: u32 = 20;
    const PER_ROUND: u32 = 100_000;
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..PER_ROUND {
            let event = to_event(table, black_box(frame.as_bytes()));
            assert!(black_box(event).is_some());
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(PER_ROUND));
    }
    println!("{name:12} {best:7.1} ns");
}

fn main() {
    let names = ["BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT"];
    let table: SymbolTable = names
        .iter()
        .zip(0..)
        .map(|(name, id)| (Symbol::new(name).expect("a symbol"), InstrumentId(id)))
        .collect();
    measure("trade", TRADE, &table);
    measure("bookTicker", BOOK_TICKER, &table);
    measure("depth", DEPTH, &table);
}
