//! Market data pushed over a websocket, read in batches: `cargo run --example event_stream`.
//!
//! Nobody polls. Whatever has arrived since the last turn is taken out of the socket at once, in
//! one list that is used again and again, and decoded where it lies.

use std::time::{Duration, Instant};

use binance::decode::{StreamEvent, decode_stream};
use exchange::{ExchangeConfig, MarketConfig, Speed, SyntheticConfig};
use transport::Dialer;
use transport::ws::{self, WsEvent, WsOptions};

/// Most frames that are taken out in one turn: a turn has an end, however fast the venue is.
const BATCH: usize = 256;

/// What came over the stream.
#[derive(Debug, Default)]
pub struct Counts {
    /// Trades.
    pub trades: u32,
    /// Best bids and asks.
    pub quotes: u32,
    /// Turns that it took.
    pub turns: u32,
    /// Most frames in one turn.
    pub largest_turn: usize,
}

/// Reads until so many frames have come.
pub async fn read(frames: u32) -> Result<Counts, Box<dyn std::error::Error>> {
    let market = SyntheticConfig { history: Duration::from_secs(60), ..SyntheticConfig::default() };
    let config = ExchangeConfig {
        market: MarketConfig::Synthetic(market),
        speed: Speed::parse("60")?,
        ..ExchangeConfig::default()
    };
    let exchange = exchange::bind(config, ([127, 0, 0, 1], 0).into()).await?;
    let url = format!("{}/stream?streams=btcusdt@trade/btcusdt@bookTicker", exchange.ws_url());
    let (_sender, mut receiver) =
        ws::connect(&Dialer::tcp(None), &url, &WsOptions::default()).await?;

    let mut counts = Counts::default();
    let mut events: Vec<WsEvent> = Vec::with_capacity(BATCH);
    while counts.trades + counts.quotes < frames {
        let taken = receiver.next_batch(&mut events, BATCH).await?;
        if taken == 0 {
            return Err("the exchange has closed the connection".into());
        }
        counts.turns += 1;
        counts.largest_turn = counts.largest_turn.max(taken);
        for event in events.drain(..) {
            let WsEvent::Text(text) = event else { continue };
            match decode_stream(text.as_bytes())?.event {
                StreamEvent::Trade(_) => counts.trades += 1,
                StreamEvent::BookTicker(_) => counts.quotes += 1,
                StreamEvent::ServerShutdown { .. } => return Err("the exchange ends".into()),
                // Not subscribed to.
                StreamEvent::AggTrade(_)
                | StreamEvent::Kline(_)
                | StreamEvent::Depth(_)
                | StreamEvent::PartialDepth(_)
                | StreamEvent::Answer { .. }
                | StreamEvent::Refusal { .. }
                | StreamEvent::Other { .. } => {}
            }
        }
    }
    Ok(counts)
}

/// Shows it.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let started = Instant::now();
    let counts = read(2_000).await?;
    println!("{counts:?} in {:?}", started.elapsed());
    Ok(())
}
