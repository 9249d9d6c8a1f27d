//! Starts the log of a process.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use events::table::LOG_DROPPED;
use model::Timestamp;
use tracing::dispatcher::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

use super::layer::{EventLayer, Output};
use super::line::{Form, Line};
use super::rotating::RotatingFile;
use super::writer::{Destination, LogCounters, QUEUE_LINES, Queue, Terminal, spawn};
use crate::config::{EngineConfig, TerminalLog};

/// The name of the log file in its directory.
pub const LOG_FILE: &str = "tickwright.log";

/// Says what time it is, for the stamp of a line.
pub type LogClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system's clock.
#[must_use]
pub fn system_clock() -> LogClock {
    Arc::new(|| {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_nanos(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
    })
}

/// What to log, and where.
#[derive(Clone)]
pub struct LogOptions {
    /// The log file; `None` writes none.
    pub file: Option<PathBuf>,
    /// The size at which the file is put aside.
    pub rotate_bytes: u64,
    /// How many are kept.
    pub keep_files: usize,
    /// The least important level.
    pub level: tracing::Level,
    /// Lines on standard error.
    pub terminal: TerminalLog,
    /// Stamps the lines.
    pub clock: LogClock,
}

impl LogOptions {
    /// As the configuration says, on the system's clock.
    #[must_use]
    pub fn of(engine: &EngineConfig) -> Self {
        Self {
            file: Some(engine.log_directory().join(LOG_FILE)),
            rotate_bytes: engine.logs.rotate_bytes,
            keep_files: engine.logs.keep_files,
            level: engine.logs.level,
            terminal: engine.logs.terminal,
            clock: system_clock(),
        }
    }
}

/// Why there can be no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file can't be made or written.
    #[error("log file {}: {source}; set logs.directory to one that can be written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The system gives no thread.
    #[error("no thread for the log: {0}")]
    Thread(std::io::Error),
    /// The process already has a log.
    #[error("the log of this process was started before")]
    AlreadyStarted,
}

/// Keeps the log; writes what is left when dropped.
#[derive(Debug)]
pub struct LogGuard {
    flusher: LogFlusher,
    counters: Arc<LogCounters>,
}

impl LogGuard {
    /// What the log file has lost; without one, the terminal.
    #[must_use]
    pub fn counters(&self) -> Arc<LogCounters> {
        Arc::clone(&self.counters)
    }

    /// Writes the log from anywhere, for whoever ends the process.
    #[must_use]
    pub fn flusher(&self) -> LogFlusher {
        self.flusher.clone()
    }

    /// Waits until everything logged so far is written, at most for `limit`. Says whether it is.
    pub fn flush(&self, limit: Duration) -> bool {
        self.flusher.flush(limit)
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.flush(Duration::from_secs(2));
    }
}

/// Somebody who logs later than things happen: logs all of it now, within the limit.
type Latecomer = Box<dyn Fn(Duration) -> bool + Send>;

/// Writes what is left of the log. Cheap to clone.
#[derive(Clone)]
pub struct LogFlusher {
    queues: Arc<[Queue]>,
    latecomer: Arc<Mutex<Option<Latecomer>>>,
}

impl std::fmt::Debug for LogFlusher {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("LogFlusher").field("queues", &self.queues).finish_non_exhaustive()
    }
}

impl LogFlusher {
    /// From now on a flush has `latecomer` log first. It is the only one.
    pub fn flush_first(&self, latecomer: impl Fn(Duration) -> bool + Send + 'static) {
        *self.latecomer.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(latecomer));
    }

    /// Has everything logged that happened so far, at most for `limit`. Says whether it is.
    pub fn catch_up(&self, limit: Duration) -> bool {
        // Held only by another flush, which does the same.
        let Ok(latecomer) = self.latecomer.try_lock() else { return false };
        latecomer.as_ref().is_none_or(|log_all| log_all(limit))
    }

    /// Waits until everything logged so far is written, at most for `limit`. Says whether it is.
    pub fn flush(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut is_done = self.catch_up(limit);
        // Every queue gets its chance, also after one that did not make it.
        for queue in &*self.queues {
            is_done &= queue.flush(deadline);
        }
        is_done
    }
}

/// Starts the log for the whole process.
///
/// # Errors
/// See [`LogError`].
pub fn start(options: &LogOptions) -> Result<LogGuard, LogError> {
    let (dispatch, guard) = dispatch(options)?;
    tracing::dispatcher::set_global_default(dispatch).map_err(|_| LogError::AlreadyStarted)?;
    Ok(guard)
}

/// The log as a `tracing` dispatcher, for a thread of its own.
///
/// # Errors
/// See [`LogError`].
pub fn dispatch(options: &LogOptions) -> Result<(Dispatch, LogGuard), LogError> {
    let of_file = Arc::new(LogCounters::default());
    let of_terminal = if options.file.is_some() { Arc::default() } else { Arc::clone(&of_file) };
    let clock = &options.clock;
    let mut outputs = Vec::new();
    if let Some(path) = &options.file {
        let file = RotatingFile::open(path, options.rotate_bytes, options.keep_files)
            .map_err(|source| LogError::File { path: path.clone(), source })?;
        let queue = queue(file, &of_file, Form::Json, clock)?;
        outputs.push(Output { form: Form::Json, queue });
    }
    if let Some(form) = terminal_form(options.terminal) {
        outputs.push(Output { form, queue: queue(Terminal, &of_terminal, form, clock)? });
    }
    let queues = outputs.iter().map(|output| output.queue.clone()).collect();
    let flusher = LogFlusher { queues, latecomer: Arc::default() };
    let layer = EventLayer { level: options.level, clock: Arc::clone(&options.clock), outputs };
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    Ok((dispatch, LogGuard { flusher, counters: of_file }))
}

/// A writer that logs its own losses, in the form of its own lines.
fn queue(
    destination: impl Destination,
    counters: &Arc<LogCounters>,
    form: Form,
    clock: &LogClock,
) -> Result<Queue, LogError> {
    let clock = Arc::clone(clock);
    let report = move |lines, write_errors| dropped_line(form, clock(), lines, write_errors);
    spawn(destination, QUEUE_LINES, Arc::clone(counters), report).map_err(LogError::Thread)
}

/// The line of [`LOG_DROPPED`], made by hand: the way of all others leads through the queue that has
/// lost them.
fn dropped_line(form: Form, at: Timestamp, lines: u64, write_errors: u64) -> Vec<u8> {
    const _: () = assert!(events::same_names(LOG_DROPPED.fields, &["lines", "write_errors"]));
    let mut line = Line::new(form, at, LOG_DROPPED.level, LOG_DROPPED.name);
    line.number("lines", lines);
    line.number("write_errors", write_errors);
    line.finish()
}

fn terminal_form(terminal: TerminalLog) -> Option<Form> {
    let is_terminal = std::io::stderr().is_terminal();
    let is_coloured = is_terminal && std::env::var_os("NO_COLOR").is_none();
    match terminal {
        TerminalLog::Auto if is_terminal => Some(Form::Human { is_coloured }),
        TerminalLog::Auto | TerminalLog::Json => Some(Form::Json),
        TerminalLog::Human => Some(Form::Human { is_coloured }),
        TerminalLog::Off => None,
    }
}
