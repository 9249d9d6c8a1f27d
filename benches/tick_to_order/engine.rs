//! The real engine, as `run` starts it, until enough orders went out.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use actors::execution::{ExecutionStatus, HopTimes};
use kernel::strategy::StrategyEntry;
use store::state_dir::StateDir;
use tickwright::commands::run::{Session, start_log};
use tickwright::config::{Config, Sources, load};
use tickwright::logging::LogGuard;

use super::exchange::{Exchange, Ready};
use super::probe::PROBE;
use super::threads::ThreadTimes;

/// Durability of the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    Process,
    Power,
}

impl Level {
    pub const ALL: [Self; 2] = [Self::Process, Self::Power];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Power => "power",
        }
    }
}

/// What a run came to.
pub struct Run {
    pub times: HopTimes,
    pub events: u64,
    pub took: Duration,
    pub threads: ThreadTimes,
}

/// Without a new order for so long, something is broken.
const PATIENCE: Duration = Duration::from_secs(30);
const KINDS: &[StrategyEntry] = &[PROBE];

/// Trades until so many orders were sent. `activity` is that of the market, as a multiple of the
/// usual.
pub fn measure(level: Level, orders: u64, activity: f64) -> Run {
    // Beside the build, since that is on a disk; a temporary directory may be in memory.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let exchange = Exchange::start(activity);
    let config = configure(directory.path(), level, &exchange.ready);
    let state_dir = StateDir::open(&config.engine.state_dir).expect("a fresh directory");
    let log = log_of_process(&config);
    let run = actix::System::new().block_on(trade(&config, &state_dir, log, orders));
    log.flush(Duration::from_secs(2));
    run
}

/// A process has one log: that of the first run is the second's too.
fn log_of_process(config: &Config) -> &'static LogGuard {
    static LOG: std::sync::OnceLock<LogGuard> = std::sync::OnceLock::new();
    LOG.get_or_init(|| start_log(config).unwrap_or_else(|failure| panic!("{failure}")))
}

fn configure(directory: &Path, level: Level, venue: &Ready) -> Config {
    let file = directory.join("engine.toml");
    let (key_file, pem_file) = (directory.join("api.key"), directory.join("ed25519.pem"));
    write_secret(&key_file, &venue.api_key);
    write_secret(&pem_file, &venue.private_key_pem);
    let text = format!(
        "mode = \"sim\"\nstate_dir = {state:?}\n\
         [venue]\nendpoint = \"custom\"\nrest_url = {rest:?}\nws_url = {ws:?}\n\
         ws_api_url = {api:?}\napi_key_file = {key_file:?}\nprivate_key_file = {pem_file:?}\n\
         [risk]\nmax_orders_per_10s = 10000\nmax_open_orders = 1000\n\
         [journal]\ndurability = {level:?}\n[logs]\nterminal = \"off\"\n",
        state = directory.join("state"),
        rest = venue.rest_url,
        ws = venue.ws_url,
        api = venue.ws_api_url,
        level = level.name(),
    );
    std::fs::write(&file, text).expect("the directory can be written");
    std::fs::create_dir(directory.join("strategies")).expect("the directory can be written");
    let strategy =
        "id = \"probe\"\nkind = \"probe\"\nsymbols = [\"BTCUSDT\"]\ncapital = \"10000\"\n";
    std::fs::write(directory.join("strategies/probe.toml"), strategy).expect("as above");
    let sources = Sources::Files { engine: Some(file) };
    load(&sources, &[], KINDS).unwrap_or_else(|errors| panic!("{errors}"))
}

fn write_secret(path: &Path, text: &str) {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).expect("the directory is fresh");
}

async fn trade(config: &Config, state_dir: &StateDir, log: &LogGuard, orders: u64) -> Run {
    let session = Session::start(config, KINDS, state_dir, log, false).await;
    let session = session.unwrap_or_else(|failure| panic!("{failure}"));
    let (mut sent, mut sent_at) = (0, Instant::now());
    let (threads, started) = (ThreadTimes::read(), Instant::now());
    let (execution, events) = loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let status = session.running.engine.status(Duration::from_secs(1)).await;
        let events = status.feed.map_or(0, |feed| feed.stats.frames);
        let execution: ExecutionStatus = status.execution.expect("execution answers");
        let count = execution.times.tick_to_order.count();
        if count >= orders {
            break (execution, events);
        }
        if count > sent {
            (sent, sent_at) = (count, Instant::now());
        }
        assert!(sent_at.elapsed() < PATIENCE, "no order for {PATIENCE:?} after {sent} orders");
    };
    let (took, threads) = (started.elapsed(), ThreadTimes::read().since(&threads));
    session.stop(config, "measured").await;
    Run { times: execution.times, events, took, threads }
}
