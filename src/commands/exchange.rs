//! `tickwright exchange`: the simulated exchange in a process of its own.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use exchange::server::script::FaultScript;
use exchange::{
    ExchangeConfig, ExchangeHandle, MarketConfig, ReplayConfig, StartError, SymbolConfig,
};
use kernel::strategy::StrategyEntry;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::exchange::ExchangeArgs;
use crate::cli::{Exit, Failure};
use crate::wiring::simulated;

/// Runs the exchange until a signal.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &ExchangeArgs, kinds: &'static [StrategyEntry]) -> Result<Exit, Failure> {
    let config = args.config.load_or_embedded(args.overrides(), kinds)?;
    let settings = settings(args, &config.engine.sim)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Internal, error))?;
    runtime.block_on(serve(args, settings))
}

fn settings(
    args: &ExchangeArgs,
    sim: &crate::config::SimConfig,
) -> Result<ExchangeConfig, Failure> {
    let mut settings = simulated(sim, args.state_dir.as_deref())?;
    if let Some(file) = &args.faults {
        let script = FaultScript::read(file);
        settings.faults = script.map_err(|error| Failure::new(Exit::Usage, error))?;
    }
    if !args.replay.is_empty() {
        settings.market = MarketConfig::Replay(ReplayConfig {
            files: args.replay.clone(),
            start_after_streams: args.start_after_streams,
            lockstep: false,
        });
        return Ok(settings);
    }
    if settings.speed == exchange::Speed::Max {
        let message = "speed `max` is for replays: a synthetic market never ends";
        return Err(Failure::new(Exit::Usage, message));
    }
    if let (MarketConfig::Synthetic(market), false) =
        (&mut settings.market, args.symbols.is_empty())
    {
        let named = args.symbols.iter().map(|symbol| SymbolConfig::named(symbol.as_str()));
        let named: Result<Vec<SymbolConfig>, _> = named.collect();
        market.symbols = named.map_err(|error| Failure::new(Exit::Usage, error))?;
    }
    Ok(settings)
}

async fn serve(args: &ExchangeArgs, settings: ExchangeConfig) -> Result<Exit, Failure> {
    let internal = |error: std::io::Error| Failure::new(Exit::Internal, error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(internal)?;
    let started = exchange::bind(settings, args.listen).await;
    let handle = started.map_err(|error| failure(args, &error))?;
    let key_file = KeyFile::write(args.state_dir.as_deref(), &handle)
        .map_err(|error| Failure::new(Exit::Storage, format!("the key's file: {error}")))?;
    println!("{}", handle.announcement(&key_file.path));
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    handle.shutdown().await;
    Ok(Exit::Ok)
}

/// The account's Ed25519 key in a file that only its owner reads, as the engine wants it: beside
/// what else is kept, or until the exchange ends.
struct KeyFile {
    path: PathBuf,
    /// Deleted when dropped.
    _directory: Option<TempDir>,
}

impl KeyFile {
    fn write(state_dir: Option<&Path>, handle: &ExchangeHandle) -> io::Result<Self> {
        let temporary = state_dir.is_none().then(tempfile::tempdir).transpose()?;
        let directory = state_dir.or_else(|| temporary.as_ref().map(TempDir::path));
        let directory = directory.expect("there is one or the other").canonicalize()?;
        let path = directory.join("ed25519_private_key.pem");
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(handle.credentials.ed25519_private_key_pem.as_bytes())?;
        Ok(Self { path, _directory: temporary })
    }
}

fn failure(args: &ExchangeArgs, error: &StartError) -> Failure {
    match error {
        StartError::Listen(source) if source.kind() == std::io::ErrorKind::AddrInUse => {
            let message = format!("{} is in use: choose another port, or 0 for any", args.listen);
            Failure::new(Exit::PortInUse, message)
        }
        StartError::Listen(_)
        | StartError::Config(_)
        | StartError::Key(_)
        | StartError::Replay(_) => Failure::new(Exit::Usage, error),
        StartError::Store(_) => Failure::new(Exit::Storage, error),
    }
}
