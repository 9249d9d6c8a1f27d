//! `tickwright guard`: cancels the engine's entries when its heartbeat stops.

use std::time::Duration;

use actors::clock::Clock;
use events::log_event;
use kernel::strategy::StrategyEntry;
use model::InstanceId;
use store::state_dir::known_instance;
use tokio::signal::unix::{SignalKind, signal};
use transport::http::{HttpClient, HttpOptions};
use transport::{Dialer, Tls, TlsOptions};

use crate::cli::guard::GuardArgs;
use crate::cli::{Exit, Failure};
use crate::config::{Config, Endpoint, Mode, TerminalLog, read_secret_file};
use crate::guard::{Beat, HeartbeatSource, Verdict, Watch, sweep};
use crate::logging::{self, LogOptions};
use crate::wiring::Site;

/// Looks within one limit: it is passed by a fifth of it at most.
const LOOKS_A_LIMIT: u32 = 5;
/// The longest time between two looks.
const LOOK_EVERY_AT_MOST: Duration = Duration::from_secs(1);
/// Rounds of cancelling one after another: an order may have been on its way when the engine died.
const QUICK_ROUNDS: u32 = 5;
/// The time between two rounds after those: listing all open orders costs much of the rate limit.
const ROUND_EVERY: Duration = Duration::from_secs(30);

/// Runs the guard until a signal.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &GuardArgs, kinds: &'static [StrategyEntry]) -> Result<Exit, Failure> {
    let config = args.config.load(args.overrides(), kinds)?;
    refuse_what_has_no_venue(&config)?;
    let terminal = match config.engine.logs.terminal {
        TerminalLog::Off => TerminalLog::Auto,
        terminal @ (TerminalLog::Auto | TerminalLog::Human | TerminalLog::Json) => terminal,
    };
    let options = LogOptions { file: None, terminal, ..LogOptions::of(&config.engine) };
    let _log = logging::start(&options).map_err(|error| Failure::new(Exit::Storage, error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Internal, error))?;
    runtime.block_on(async {
        let internal = |error| Failure::new(Exit::Internal, error);
        let mut interrupt = signal(SignalKind::interrupt()).map_err(internal)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(internal)?;
        tokio::select! {
            biased;
            _ = interrupt.recv() => Ok(Exit::Ok),
            _ = terminate.recv() => Ok(Exit::Ok),
            failed = guard(args, &config) => failed,
        }
    })
}

fn refuse_what_has_no_venue(config: &Config) -> Result<(), Failure> {
    let engine = &config.engine;
    if engine.venue.endpoint == Endpoint::Sim || engine.mode == Mode::Paper {
        let message = "there is nothing to guard: orders of `sim` and `paper` end with the engine, \
                       or rest where only it can reach them";
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(())
}

async fn guard(args: &GuardArgs, config: &Config) -> Result<Exit, Failure> {
    let mut instance = args.instance;
    if instance.is_none() && args.api.is_none() {
        instance = known_instance(&config.engine.state_dir)?;
    }
    let every = (args.limit / LOOKS_A_LIMIT).min(LOOK_EVERY_AT_MOST);
    let source = source(args, config, every)?;
    let site = Site::find(config, None, instance.unwrap_or_else(nobody))?;
    let clock = Clock::system();
    let mut watch = Watch::new(args.limit, clock.wall());
    let mut rounds = 0;
    let mut next_round_at = clock.wall();
    let limit_ms = args.limit.as_millis() as u64;
    log_event!(GUARD_STARTED, limit_ms, instance = instance.map(tracing::field::display));
    let (mut deaf_because, mut is_at_rest) = (None, false);
    loop {
        let heard = source.hear().await;
        if let Err(reason) = &heard
            && deaf_because.as_ref() != Some(reason)
            && !is_at_rest
        {
            log_event!(GUARD_DEAF, reason = %reason);
        }
        let (heard, reason) = heard.map_or_else(|no| (None, Some(no)), |beat| (Some(beat), None));
        deaf_because = reason;
        refuse_another(args.instance, heard.as_ref())?;
        instance = heard.as_ref().map(|beat| beat.instance).or(instance);
        let verdict = watch.look(clock.wall(), heard.as_ref());
        is_at_rest = matches!(verdict, Verdict::Ended | Verdict::AtRest);
        match verdict {
            Verdict::Fresh => rounds = 0,
            Verdict::Back(silent) => {
                rounds = 0;
                log_event!(GUARD_RESTED, silent_ms = silent.as_millis() as u64);
            }
            Verdict::Stopped(age) => {
                log_event!(GUARD_TRIPPED, age_ms = age.as_millis() as u64, limit_ms);
                next_round_at = clock.wall();
            }
            Verdict::Silent(_) => {}
            Verdict::Ended => {
                rounds = 0;
                log_event!(GUARD_ENGINE_ENDED);
            }
            Verdict::AtRest => rounds = 0,
        }
        if watch.is_silent() && clock.wall() >= next_round_at {
            round(&site, instance).await;
            rounds += 1;
            let pause = if rounds < QUICK_ROUNDS { every } else { ROUND_EVERY };
            next_round_at = clock.wall().after(pause);
        }
        tokio::time::sleep(every).await;
    }
}

/// Entries of one engine are not taken back because another one is silent.
fn refuse_another(given: Option<InstanceId>, heard: Option<&Beat>) -> Result<(), Failure> {
    if let (Some(given), Some(beat)) = (given, heard)
        && beat.instance != given
    {
        let message = format!("--instance {given}: the heartbeat is that of {}", beat.instance);
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(())
}

/// Stands in until the installation's name is heard: a venue across the network does not ask.
fn nobody() -> InstanceId {
    "000000".parse().expect("six characters")
}

async fn round(site: &Site, instance: Option<InstanceId>) {
    let Some(instance) = instance else {
        log_event!(GUARD_FAILED, reason = "the installation's name is not known: give --instance");
        return;
    };
    if let Err(failure) = sweep(site, instance).await {
        log_event!(GUARD_FAILED, reason = %failure);
    }
}

fn source(
    args: &GuardArgs,
    config: &Config,
    timeout: Duration,
) -> Result<HeartbeatSource, Failure> {
    let Some(url) = &args.api else {
        return Ok(HeartbeatSource::Directory(config.engine.state_dir.clone()));
    };
    let usage = |error: &dyn std::fmt::Display| Failure::new(Exit::Usage, error);
    let token = args.token_file.as_deref().map(read_secret_file).transpose();
    let token = token.map_err(|error| usage(&error))?;
    let tls = if url.starts_with("https:") {
        Some(Tls::load(&TlsOptions::default()).map_err(|error| usage(&error))?)
    } else {
        None
    };
    let http = HttpClient::new(Dialer::tcp(tls), HttpOptions::default());
    let url = url.trim_end_matches('/').to_owned();
    // No answer within a look is none.
    Ok(HeartbeatSource::Api { url, token, http, timeout: timeout.max(Duration::from_millis(500)) })
}
