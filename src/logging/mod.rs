//! The log: JSON lines to a file that rotates by size, human lines to the terminal.
//!
//! Events come through `tracing` from the macro [`events::log_event!`]; the table of their names
//! is in `crates/events`, the page for operators is LOGS.md. A line is rendered where it happens
//! and handed to a bounded queue; a thread of its own writes it. When the queue is full, because
//! the disk is full, slow or gone, the line is dropped and counted: trading never waits for a log.
//!
//! What does not belong here: deciding what is worth a line.

mod layer;
mod line;
mod panic;
mod rotating;
mod start;
pub mod summary;
mod writer;

pub use panic::log_panics;
pub use rotating::RotatingFile;
pub use start::{
    LOG_FILE, LogClock, LogError, LogFlusher, LogGuard, LogOptions, dispatch, start, system_clock,
};
pub use writer::LogCounters;
