//! The end of a process in the middle of something: a person is told, the log is written, and
//! nothing else is done. What it was doing, the next start replays and reconciles.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use events::log_event;

use crate::cli::Exit;
use crate::config::AlertsConfig;
use crate::logging::{LogFlusher, LogGuard};
use crate::wiring::Alerter;

/// The thread that tells.
const THREAD: &str = "last-words";
/// How long the log gets for its last lines.
const LAST_FLUSH: Duration = Duration::from_millis(500);

/// How long a person may take to be told: whatever else still runs does so meanwhile.
const ALERT_LIMIT: Duration = Duration::from_secs(1);

/// What is done before such an end.
#[derive(Clone)]
pub struct LastWords {
    flusher: LogFlusher,
    alerts: AlertsConfig,
}

impl LastWords {
    /// Of a run with this log and these alerts.
    #[must_use]
    pub fn of(log: &LogGuard, alerts: &AlertsConfig) -> Self {
        let alerts = AlertsConfig { timeout: alerts.timeout.min(ALERT_LIMIT), ..alerts.clone() };
        Self { flusher: log.flusher(), alerts }
    }

    /// Tells everybody why, writes the log, and ends the process. Returns only to the thread that
    /// tells, when that one has failed.
    pub fn end(&self, reason: &str, exit: Exit) {
        static IS_ENDING: AtomicBool = AtomicBool::new(false);
        if IS_ENDING.swap(true, Ordering::SeqCst) {
            if std::thread::current().name() == Some(THREAD) {
                return;
            }
            // Another thread is at it: what this one was about must not go on meanwhile.
            loop {
                std::thread::park();
            }
        }
        // What was told before stands before it.
        self.flusher.catch_up(LAST_FLUSH);
        self.alert(reason);
        log_event!(ENGINE_STOPPED as ERROR, reason = %reason, exit_code = exit.code());
        // What can't be written now, nobody will write.
        let _ = self.flusher.flush(LAST_FLUSH);
        std::process::exit(i32::from(exit.code()));
    }

    /// From a thread of its own: the runtime of this one may be what broke. At most for
    /// [`ALERT_LIMIT`].
    fn alert(&self, reason: &str) {
        let alerts = self.alerts.clone();
        let text = reason.to_owned();
        let thread = std::thread::Builder::new().name(THREAD.to_owned());
        let telling = thread.spawn(move || {
            let Ok(Some(alerter)) = Alerter::of(&alerts) else { return };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(alerter.deliver("the engine has ended", &text));
            }
        });
        if let Ok(telling) = telling {
            // A panic there has told itself.
            let _ = telling.join();
        }
    }
}
