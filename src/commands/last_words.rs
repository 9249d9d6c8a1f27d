//! The end of a process in the middle of something: a person is told, the log is written, and
//! nothing else is done. What it was doing, the next start replays and reconciles.

use std::sync::mpsc;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use actors::observe::{Alert, Severity};
use events::log_event;

use crate::cli::Exit;
use crate::config::{AlertsConfig, EngineConfig};
use crate::logging::{LogFlusher, LogGuard};
use crate::wiring::{AlertSender, Alerter};

/// The thread that tells.
const THREAD: &str = "last-words";
/// How long the log gets for its last lines.
const LAST_FLUSH: Duration = Duration::from_millis(500);

/// How long a person may take to be told: whatever else still runs does so meanwhile. Also what a
/// resolver of names takes counts, which nothing interrupts.
const ALERT_LIMIT: Duration = Duration::from_secs(1);

/// The last words of this process, for what can't be handed them: the thread of an exchange within.
static INSTALLED: Mutex<Option<LastWords>> = Mutex::new(None);

/// A disk takes no more: ends the process, with its last words if it has any.
pub(crate) fn end_now(reason: &str) -> ! {
    let installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    eprintln!("tickwright: {reason}");
    if let Some(last_words) = installed {
        last_words.end(reason, Exit::Storage);
    }
    std::process::exit(i32::from(Exit::Storage.code()));
}

/// What is done before such an end.
#[derive(Clone)]
pub struct LastWords {
    flusher: LogFlusher,
    engine: EngineConfig,
    sender: AlertSender,
}

impl LastWords {
    /// Of a run with this log and these alerts.
    #[must_use]
    pub fn of(log: &LogGuard, engine: &EngineConfig, sender: &AlertSender) -> Self {
        let alerts = &engine.alerts;
        let alerts = AlertsConfig { timeout: alerts.timeout.min(ALERT_LIMIT), ..alerts.clone() };
        let engine = EngineConfig { alerts, ..engine.clone() };
        Self { flusher: log.flusher(), engine, sender: sender.clone() }
    }

    /// From now on [`end_now`] says these.
    pub fn install(&self) {
        *INSTALLED.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.clone());
    }

    /// Tells everybody why, writes the log, and ends the process. Returns only to the thread that
    /// tells, when that one has failed.
    pub fn end(&self, reason: &str, exit: Exit) {
        match gate(std::thread::current().id(), std::thread::current().name() == Some(THREAD)) {
            Gate::Ends => {}
            Gate::Returns => return,
            // What it was at has failed as well: nothing more can be told.
            Gate::EndsAtOnce => std::process::exit(i32::from(exit.code())),
            // What this one was about must not go on meanwhile.
            Gate::Waits => loop {
                std::thread::park();
            },
        }
        // What was told before stands before it.
        self.flusher.catch_up(LAST_FLUSH);
        self.alert(reason);
        tell_stopped(reason, exit);
        // What can't be written now, nobody will write.
        let _ = self.flusher.flush(LAST_FLUSH);
        std::process::exit(i32::from(exit.code()));
    }

    /// From a thread of its own: the runtime of this one may be what broke. At most for
    /// [`ALERT_LIMIT`].
    fn alert(&self, reason: &str) {
        let (engine, sender) = (self.engine.clone(), self.sender.clone());
        let alert = Alert {
            severity: Severity::Error,
            subject: "the engine has ended".to_owned(),
            text: reason.to_owned(),
        };
        let thread = std::thread::Builder::new().name(THREAD.to_owned());
        let (done, is_done) = mpsc::channel::<()>();
        let telling = thread.spawn(move || {
            // Dropped when it is over, whichever way.
            let _done = done;
            let Ok(Some(alerter)) = Alerter::of(&engine, &sender) else { return };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(alerter.deliver(&alert));
                runtime.shutdown_background();
            }
        });
        if telling.is_ok() {
            // A panic there has told itself.
            let _ = is_done.recv_timeout(ALERT_LIMIT);
        }
    }
}

/// What a thread does that wants to end the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gate {
    /// It is the first one.
    Ends,
    /// It is the first one again: something failed on its way.
    EndsAtOnce,
    /// It tells for the first one, which goes on without it.
    Returns,
    /// Another thread is at it.
    Waits,
}

fn gate(thread: ThreadId, tells: bool) -> Gate {
    static ENDING: OnceLock<ThreadId> = OnceLock::new();
    let mut is_first = false;
    let first = *ENDING.get_or_init(|| {
        is_first = true;
        thread
    });
    match (is_first, first == thread, tells) {
        (true, ..) => Gate::Ends,
        (false, true, _) => Gate::EndsAtOnce,
        (false, false, true) => Gate::Returns,
        (false, false, false) => Gate::Waits,
    }
}

/// The last line of a run: a word if it ended well, an error otherwise.
pub fn tell_stopped(reason: &str, exit: Exit) {
    let exit_code = exit.code();
    if exit == Exit::Ok {
        log_event!(ENGINE_STOPPED, reason = %reason, exit_code);
    } else {
        log_event!(ENGINE_STOPPED as ERROR, reason = %reason, exit_code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_first_ends_it_and_nobody_waits_for_himself() {
        let of = |tells| move || gate(std::thread::current().id(), tells);
        let first = of(false);
        assert_eq!(first(), Gate::Ends);
        assert_eq!(first(), Gate::EndsAtOnce);
        let other = |tells| std::thread::spawn(of(tells)).join().unwrap();
        assert_eq!((other(false), other(true)), (Gate::Waits, Gate::Returns));
        assert_eq!(first(), Gate::EndsAtOnce);
    }
}
