//! The server: sockets in, calls on the machine, answers and streams out.

mod answer;
mod control;
pub mod faults;
mod first_line;
mod http;
pub mod listener;
mod replay;
pub mod script;
mod session;
mod state;
mod ws;
mod ws_api;
mod ws_streams;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use model::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::{ClockAnnouncement, Speed, VenueClock};
use crate::config::{ExchangeConfig, MarketConfig};
use crate::keys::{Credentials, KeyError};
use crate::machine::{DEFAULT_ACCOUNT, Exchange, Record};
use crate::persist::{Loaded, Store, StoreError, fresh_credentials};
use crate::replay::{ReplayError, Scan};
use crate::streams::hub::{Ending, Hub};
use crate::streams::recorded::RecordedStreams;
use first_line::FirstLine;
use listener::Listener;
use state::{Shared, State};
pub use state::{WallClock, system_clock};

/// Why an exchange did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state directory can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys given are malformed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The address can't be listened on.
    #[error("can't listen: {0}")]
    Listen(#[from] std::io::Error),
    /// The recording can't be read.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The configuration asks for what there is not.
    #[error("{0}")]
    Config(String),
}

/// A running exchange. Dropping the handle stops it.
#[derive(Debug)]
pub struct ExchangeHandle {
    /// Where it listens.
    pub address: SocketAddr,
    /// The default account's keys.
    pub credentials: Credentials,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl ExchangeHandle {
    /// Base of REST.
    #[must_use]
    pub fn rest_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Base of the market streams, without `/ws` or `/stream`.
    #[must_use]
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The WebSocket API.
    #[must_use]
    pub fn ws_api_url(&self) -> String {
        format!("ws://{}/ws-api/v3", self.address)
    }

    /// What a program that started the exchange has to know: the one line of
    /// `tickwright exchange`. `private_key_file` is where the Ed25519 key was written.
    #[must_use]
    pub fn announcement(&self, private_key_file: &std::path::Path) -> serde_json::Value {
        serde_json::json!({
            "event": "exchange.ready",
            "rest_url": self.rest_url(),
            "ws_url": self.ws_url(),
            "ws_api_url": self.ws_api_url(),
            "api_key": self.credentials.api_key,
            "api_secret": self.credentials.api_secret,
            "ed25519_api_key": self.credentials.ed25519_api_key,
            "ed25519_private_key_file": private_key_file,
            "clock": self.clock(),
        })
    }

    /// The venue's clock.
    #[must_use]
    pub fn clock(&self) -> ClockAnnouncement {
        self.shared.lock().clock.announcement()
    }

    /// Hash of the synthetic flow up to so much market time after the start; `None` for a
    /// replay.
    #[must_use]
    pub fn flow_hash(&self, mark: Duration) -> Option<u64> {
        self.shared.lock().exchange.flow_hash(mark)
    }

    /// How many orders, cancels and trades of others there were so far; `None` for a replay.
    #[must_use]
    pub fn flow_events(&self) -> Option<u64> {
        self.shared.lock().exchange.flow_events()
    }

    /// Shows the machine to somebody in the same process: a test that knows better than any answer
    /// tells.
    pub fn look<R>(&self, at: impl FnOnce(&Exchange) -> R) -> R {
        at(&self.shared.lock().exchange)
    }

    /// Announces the shutdown on all websockets, closes them and stops.
    pub async fn shutdown(mut self) {
        control::announce_shutdown(&self.shared).await;
        self.stop.send_replace(true);
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for ExchangeHandle {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        for task in &self.tasks {
            task.abort();
        }
        self.shared.lock().hub.end_all(&Ending::Drop);
    }
}

/// Starts an exchange on a listener. Its tasks run on the caller's runtime.
///
/// # Errors
/// See [`StartError`].
pub fn serve<L: Listener>(
    config: ExchangeConfig,
    listener: L,
    wall: WallClock,
) -> Result<ExchangeHandle, StartError> {
    let address = listener.local_addr()?;
    let (state, credentials, scan) = start(&config, wall())?;
    let shared = Arc::new(Shared::new(state, wall, config));
    let (stop, stopped) = watch::channel(false);
    let mut tasks = vec![
        tokio::spawn(Arc::clone(&shared).drive()),
        tokio::spawn(accept(Arc::clone(&shared), listener, stopped)),
    ];
    let faults = shared.config.faults.clone();
    if !faults.0.is_empty() {
        tasks.push(tokio::spawn(control::play(Arc::clone(&shared), faults)));
    }
    if let Some(scan) = scan {
        tasks.push(tokio::spawn(replay::run(Arc::clone(&shared), scan)));
    }
    Ok(ExchangeHandle { address, credentials, shared, stop, tasks })
}

/// Binds to an address and starts an exchange there, on the system's clock.
///
/// # Errors
/// See [`StartError`].
pub async fn bind(
    config: ExchangeConfig,
    address: SocketAddr,
) -> Result<ExchangeHandle, StartError> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    serve(config, listener, system_clock())
}

fn start(
    config: &ExchangeConfig,
    wall: Timestamp,
) -> Result<(State, Credentials, Option<Scan>), StartError> {
    let loaded = match &config.state_dir {
        Some(directory) => Store::load(directory)?,
        None => Loaded { run: 0, records: None },
    };
    let credentials = match (&config.credentials, &config.state_dir) {
        (Some(credentials), _) => credentials.clone(),
        (None, Some(directory)) => Store::credentials(directory)?,
        (None, None) => fresh_credentials(),
    };
    let keys = credentials.to_api_keys()?;
    let run = loaded.run + 1;
    let mut scanned = None;
    // A venue's time never goes back: one that ran faster than the wall is ahead of it.
    let told = loaded.records.iter().flatten().map(Record::at).max();
    let now = config.start_at.unwrap_or(wall).max(told.unwrap_or(Timestamp::EPOCH));
    let mut exchange = match &config.market {
        MarketConfig::Synthetic(market) => {
            if market.symbols.is_empty() {
                return Err(StartError::Config("a synthetic market needs a symbol".to_owned()));
            }
            if config.speed == Speed::Max {
                let words = "a synthetic market has no end: full speed is for replays".to_owned();
                return Err(StartError::Config(words));
            }
            Exchange::synthetic(config, market, now, run)
        }
        MarketConfig::Replay(market) => {
            let scan = crate::replay::scan(&market.files)?;
            let exchange = Exchange::replayed(config, &scan, run)
                .map_err(|error| StartError::Config(error.to_string()))?;
            scanned = Some(scan);
            exchange
        }
    };
    match loaded.records {
        Some(records) => exchange.restore(DEFAULT_ACCOUNT, keys, records, now),
        None => exchange.open_account(DEFAULT_ACCOUNT, keys, &config.balances),
    }
    exchange.pay_in_bnb(DEFAULT_ACCOUNT, config.fees_in_bnb);
    exchange.take_records();
    let store = match &config.state_dir {
        Some(directory) => Some(Store::begin(directory, run, &exchange.snapshot())?),
        None => None,
    };
    let mut hub = Hub::new(config.reader_queue);
    // A recording stands still at its first line until somebody listens.
    let clock = match &scanned {
        None => VenueClock::new(now, wall, config.speed),
        Some(scan) => {
            let instruments = exchange.instruments();
            let recorded = RecordedStreams::new(scan.streams.clone(), &scan.printed, instruments);
            hub.set_recorded(recorded);
            let speed = if config.speed == Speed::Max { Speed::Max } else { Speed::Permille(0) };
            VenueClock::new(scan.start_at, wall, speed)
        }
    };
    let keeping = (store, config.on_store_failed.clone());
    let state = State::new(exchange, hub, clock, faults::Faults::default(), keeping);
    Ok((state, credentials, scanned))
}

async fn accept<L: Listener>(shared: Arc<Shared>, mut listener: L, stopped: watch::Receiver<bool>) {
    loop {
        let Ok((io, peer)) = listener.accept().await else {
            // Out of file handles, most likely: others may free some soon.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        let mut stopped = stopped.clone();
        tokio::spawn(async move {
            let address = peer.ip();
            let service = service_fn(|request| http::handle(Arc::clone(&shared), address, request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(FirstLine::new(io)), service)
                .with_upgrades();
            tokio::select! {
                biased;
                _ = stopped.changed() => {}
                // A broken connection is the client's business.
                _ = connection => {}
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::config::OnStoreFailed;

    /// A disk that is full is the disk's fault: whoever runs the exchange is told, and nothing is
    /// said to anybody that is not kept.
    #[test]
    fn a_state_directory_that_takes_no_more_is_told_and_nothing_is_sent() {
        let failures = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&failures);
        let told = OnStoreFailed::new(move |error| {
            assert!(error.to_string().contains("exchange.log"), "{error}");
            count.fetch_add(1, Ordering::Relaxed);
        });
        let config = ExchangeConfig { on_store_failed: told, ..ExchangeConfig::synthetic(1) };
        let (mut state, _, _) = start(&config, Timestamp::from_secs(1_700_000_000)).unwrap();
        state.fill_disk();
        let asset = model::Asset::new("USDT").unwrap();
        let now = Timestamp::from_secs(1_700_000_001);
        state.exchange.deposit(DEFAULT_ACCOUNT, asset, model::Amount::ONE, now).unwrap();
        state.flush();
        assert_eq!(failures.load(Ordering::Relaxed), 1);
    }
}
