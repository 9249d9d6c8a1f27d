//! What ends or halts a run from outside: signals, and the file that halts.

use std::time::Duration;

use kernel::risk::{Authority, TradingState};
use store::state_dir::StateDir;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::session::Session;
use crate::cli::{Exit, Failure};

/// How often the kill switch is looked at.
pub(crate) const KILL_SWITCH_EVERY: Duration = Duration::from_millis(250);
/// Signals within so short a time are one.
const SAME_STOP: Duration = Duration::from_millis(200);

/// SIGINT, SIGTERM and SIGHUP: a terminal that is closed must not leave orders behind.
pub(super) struct Stop {
    /// Nothing where it is ignored: `nohup` has been asked to let the engine outlive its terminal.
    hangup: Option<Signal>,
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::new(Exit::Internal, error));
        Ok(Self {
            hangup: if is_hangup_ignored() { None } else { Some(listen(SignalKind::hangup())?) },
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// A second time: whoever is told twice at once, by a service manager and a terminal for
    /// example, was told once.
    pub(super) async fn asked_again(&mut self) -> String {
        let first = tokio::time::Instant::now();
        loop {
            let again = self.asked().await;
            if first.elapsed() >= SAME_STOP {
                return again;
            }
        }
    }

    pub(super) async fn asked(&mut self) -> String {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => "SIGTERM".to_owned(),
            _ = self.interrupt.recv() => "SIGINT".to_owned(),
            Some(()) = next_of(&mut self.hangup) => "SIGHUP".to_owned(),
        }
    }
}

/// The next of a signal that is perhaps not listened to.
async fn next_of(signal: &mut Option<Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}

/// Whether whoever started the process has it ignore SIGHUP, as `nohup` does.
#[must_use]
pub fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}

/// Halts as soon as the file is there; never returns, so that open positions stay watched.
pub(super) async fn watch_kill_switch(session: &Session, state_dir: &StateDir) {
    let mut was_on = false;
    loop {
        let is_on = state_dir.is_kill_switch_on();
        if is_on && !was_on {
            let reason = format!("{} exists", state_dir.kill_switch().display());
            let engine = &session.running.engine;
            engine.set_trading_state(TradingState::Halted, Authority::Operator, reason);
        }
        was_on = is_on;
        tokio::time::sleep(KILL_SWITCH_EVERY).await;
    }
}

/// Halts at SIGUSR1; never returns.
pub(super) async fn watch_halt_signal(session: &Session, mut signal: Signal) {
    loop {
        signal.recv().await;
        let engine = &session.running.engine;
        let reason = "SIGUSR1".to_owned();
        engine.set_trading_state(TradingState::Halted, Authority::Operator, reason);
    }
}
