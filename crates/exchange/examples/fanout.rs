//! Measures how the exchange keeps up: 20 symbols, thousands of source events a second, 50
//! websocket clients that listen to every trade, quote and book change of all of them.
//!
//! `cargo run --release -p tickwright-exchange --example fanout -- [clients] [activity] [seconds]`
//!
//! The exchange has one thread, the clients another. A frame's lag is the time from the venue's
//! instant in it to its arrival at a client; it must not grow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use tickwright_exchange::{
    ExchangeConfig, ExchangeHandle, MarketConfig, SymbolConfig, SyntheticConfig, bind,
};
use tokio_tungstenite::tungstenite::Message;

const SYMBOLS: [&str; 20] = [
    "BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT", "AVAXUSDT",
    "LINKUSDT", "DOTUSDT", "LTCUSDT", "TRXUSDT", "ATOMUSDT", "NEARUSDT", "UNIUSDT", "APTUSDT",
    "ARBUSDT", "OPUSDT", "FILUSDT", "ETCUSDT",
];

#[derive(Default)]
struct Counters {
    frames: AtomicU64,
    closed: AtomicU64,
    worst_lag_us: AtomicU64,
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(0)
}

/// The venue's instant in a frame of microseconds, if it has one.
fn event_us(text: &str) -> Option<u64> {
    let digits = text.split_once("\"E\":")?.1;
    digits.get(..16)?.parse().ok()
}

async fn listen(url: String, counters: Arc<Counters>) {
    let Ok(address) = url.trim_start_matches("ws://").split('/').next().unwrap_or("").parse()
    else {
        return;
    };
    let address: std::net::SocketAddr = address;
    let Ok(stream) = tokio::net::TcpStream::connect(address).await else { return };
    let Ok((mut ws, _)) = tokio_tungstenite::client_async(url, stream).await else { return };
    while let Some(Ok(message)) = ws.next().await {
        if let Message::Text(text) = message {
            let count = counters.frames.fetch_add(1, Ordering::Relaxed);
            if count.is_multiple_of(64)
                && let Some(at) = event_us(&text)
            {
                let lag = now_us().saturating_sub(at);
                counters.worst_lag_us.fetch_max(lag, Ordering::Relaxed);
            }
        }
    }
    counters.closed.fetch_add(1, Ordering::Relaxed);
}

/// What is measured.
struct Load {
    clients: usize,
    activity: f64,
    seconds: u64,
}

impl Load {
    fn from_arguments() -> Result<Self, Box<dyn std::error::Error>> {
        let mut arguments = std::env::args().skip(1);
        Ok(Self {
            clients: arguments.next().map_or(Ok(50), |text| text.parse())?,
            activity: arguments.next().map_or(Ok(21.0), |text| text.parse())?,
            seconds: arguments.next().map_or(Ok(20), |text| text.parse())?,
        })
    }

    fn config(&self) -> Result<ExchangeConfig, Box<dyn std::error::Error>> {
        let activity = self.activity;
        let symbols = SYMBOLS
            .iter()
            .map(|name| SymbolConfig::named(name).map(|symbol| SymbolConfig { activity, ..symbol }))
            .collect::<Result<Vec<_>, _>>()?;
        let market = SyntheticConfig {
            symbols,
            history: Duration::from_secs(60),
            book_history: Duration::from_secs(20),
            ..SyntheticConfig::default()
        };
        Ok(ExchangeConfig { market: MarketConfig::Synthetic(market), ..ExchangeConfig::default() })
    }
}

/// Starts the exchange on a thread of its own.
fn start(config: ExchangeConfig) -> Result<ExchangeHandle, Box<dyn std::error::Error>> {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async move {
            if let Ok(handle) = bind(config, ([127, 0, 0, 1], 0).into()).await
                && tell.send(handle).is_ok()
            {
                std::future::pending::<()>().await;
            }
        });
    });
    Ok(told.recv()?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let load = Load::from_arguments()?;
    let handle = start(load.config()?)?;
    let names: Vec<String> = SYMBOLS
        .iter()
        .flat_map(|name| {
            ["trade", "bookTicker", "depth@100ms"]
                .map(|kind| format!("{}@{kind}", name.to_lowercase()))
        })
        .collect();
    let streams = names.join("/");
    let url = format!("{}/stream?streams={streams}&timeUnit=MICROSECOND", handle.ws_url());
    let counters = Arc::new(Counters::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(watch(&load, &handle, &url, &counters));
    Ok(())
}

/// Prints each second what went in, what came out, and how late.
async fn watch(load: &Load, handle: &ExchangeHandle, url: &str, counters: &Arc<Counters>) {
    for _ in 0..load.clients {
        tokio::spawn(listen(url.to_owned(), Arc::clone(counters)));
    }
    let events = || handle.flow_events().unwrap_or(0);
    let (mut frames_before, mut events_before) = (0, events());
    println!("second  source events  frames  a client  worst lag ms  cut off");
    for second in 1..=load.seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (frames, events) = (counters.frames.load(Ordering::Relaxed), events());
        let clients = u64::try_from(load.clients.max(1)).unwrap_or(1);
        println!(
            "{second:>6}  {:>13}  {:>6}  {:>8}  {:>12.1}  {:>7}",
            events - events_before,
            frames - frames_before,
            (frames - frames_before) / clients,
            counters.worst_lag_us.swap(0, Ordering::Relaxed) as f64 / 1_000.0,
            counters.closed.load(Ordering::Relaxed),
        );
        (frames_before, events_before) = (frames, events);
    }
}
