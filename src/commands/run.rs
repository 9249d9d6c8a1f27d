//! `tickwright run`: the engine until a signal.

mod session;
mod signals;
mod surroundings;

use std::time::Duration;

use actors::api::LastBeat;
use actors::engine::DrainOutcome;
use actors::guard::end_process_on_panic;
use events::log_event;
use kernel::strategy::StrategyEntry;
use store::state_dir::StateDir;
use tokio::signal::unix::{SignalKind, signal};

pub use self::session::{Session, StartError};
pub(crate) use self::signals::KILL_SWITCH_EVERY;
pub use self::signals::is_hangup_ignored;
use self::signals::{Stop, watch_halt_signal, watch_kill_switch};
pub(crate) use self::surroundings::read_token;
use super::last_words::{LastWords, tell_stopped};
use crate::cli::run::RunArgs;
use crate::cli::{Exit, Failure};
use crate::config::{Config, Mode};
use crate::guard::Heart;
use crate::logging::{self, LogGuard, LogOptions};
use crate::read_only;
use crate::wiring::AlertSender;

/// How long the log gets to write its last lines.
const LOG_FLUSH: Duration = Duration::from_secs(2);

/// Runs the engine.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &RunArgs, kinds: &'static [StrategyEntry]) -> Result<Exit, Failure> {
    let config = args.config.load(args.overrides(), kinds)?;
    trade(&config, args.live, kinds)
}

/// Trades with a configuration until a signal.
///
/// # Errors
/// With the exit code of what failed.
pub fn trade(
    config: &Config,
    live_flag: bool,
    kinds: &'static [StrategyEntry],
) -> Result<Exit, Failure> {
    refuse_what_is_not_meant(config, live_flag)?;
    let state_dir = StateDir::open(&config.engine.state_dir)?;
    let log = start_log(config)?;
    end_on_panic(config, &AlertSender::of(config), &log);
    let exit = actix::System::new().block_on(run(config, kinds, &state_dir, &log));
    log.flusher().catch_up(LOG_FLUSH);
    if let Err(failure) = &exit {
        tell_stopped(&failure.message, failure.exit);
    }
    log.flush(LOG_FLUSH);
    exit
}

/// A panic outside of a strategy is a bug, and ends the process.
pub(super) fn end_on_panic(config: &Config, sender: &AlertSender, log: &LogGuard) {
    let last_words = LastWords::of(log, &config.engine, sender);
    last_words.install();
    end_process_on_panic(move |panic| last_words.end(panic, Exit::Internal));
}

/// Real money is asked for twice.
fn refuse_what_is_not_meant(config: &Config, live_flag: bool) -> Result<(), Failure> {
    match config.engine.mode {
        mode @ (Mode::Sim | Mode::Paper) if live_flag => {
            let mode = mode.as_str();
            let message = format!(
                "--live is given and mode = \"{mode}\": set mode = \"live\" as well if you mean real \
                 money, or leave --live out"
            );
            Err(Failure::new(Exit::Usage, message))
        }
        Mode::Sim | Mode::Paper => Ok(()),
        Mode::Live if live_flag => Ok(()),
        Mode::Live => {
            let message = "mode = \"live\" trades real money: say --live as well if you mean it";
            Err(Failure::new(Exit::Usage, message))
        }
    }
}

/// Starts the log of a run.
///
/// # Errors
/// When its files cannot be written.
pub fn start_log(config: &Config) -> Result<LogGuard, Failure> {
    let options = LogOptions::of(&config.engine);
    logging::start(&options).map_err(|error| Failure::new(Exit::Storage, error))
}

async fn run(
    config: &Config,
    kinds: &'static [StrategyEntry],
    state_dir: &StateDir,
    log: &LogGuard,
) -> Result<Exit, Failure> {
    let mut stop = Stop::listen()?;
    let halt = signal(SignalKind::user_defined1());
    let halt = halt.map_err(|error| Failure::new(Exit::Internal, error))?;
    let session = tokio::select! {
        biased;
        reason = stop.asked() => {
            tell_stopped(&reason, Exit::Ok);
            return Ok(Exit::Ok);
        }
        // Given up in the middle, it has not traded yet: nothing is awaited after the actors start.
        session = Session::start(config, kinds, state_dir, log, false) => session,
    };
    let session = match session {
        Ok(session) => session,
        Err(StartError::Failed(failure)) => return Err(failure),
        Err(StartError::Damaged(damaged)) => {
            return read_only::stay(config, state_dir, *damaged, stop.asked(), halt).await;
        }
    };
    let reason = tokio::select! {
        biased;
        reason = stop.asked() => reason,
        () = watch_kill_switch(&session, state_dir) => "kill switch".to_owned(),
        () = watch_halt_signal(&session, halt) => "halt".to_owned(),
    };
    log_event!(ENGINE_STOPPING, reason = %reason);
    let (heart, last_beat) = (session.heart.clone(), session.last_beat.clone());
    let drained = tokio::select! {
        biased;
        outcome = session.stop(config, &reason) => Ok(outcome),
        again = stop.asked_again() => Err(again),
    };
    let exit = match drained {
        Ok(DrainOutcome { unconfirmed: 0, unprotected: 0, .. }) => {
            tell_guards(&heart, &last_beat, &mut stop).await;
            Exit::Ok
        }
        Ok(DrainOutcome { unconfirmed, unprotected, .. }) => {
            if unconfirmed > 0 {
                eprintln!(
                    "tickwright: {unconfirmed} orders may still work at the venue: the time for \
                     their cancels was up. The next start finds them"
                );
            }
            if unprotected > 0 {
                eprintln!(
                    "tickwright: {unprotected} positions are left without a protective order"
                );
            }
            Exit::Partial
        }
        Err(again) => {
            log_event!(SHUTDOWN_FORCED, reason = %again);
            eprintln!("tickwright: stopped at once: orders may still work at the venue");
            Exit::Partial
        }
    };
    log.flusher().catch_up(LOG_FLUSH);
    tell_stopped(&reason, exit);
    Ok(exit)
}

/// The engine has ended in good order: who guards it has nothing to do. Another signal cuts it short.
async fn tell_guards(heart: &Heart, last_beat: &LastBeat, stop: &mut Stop) {
    // Without it a guard takes the end for a death, which does no harm.
    let _ = heart.end();
    tokio::select! {
        biased;
        _ = stop.asked_again() => {}
        () = last_beat.tell() => {}
    }
}
