//! The names of everything that Tickwright logs.
//!
//! What belongs here: [one table](table) of log events, the macro that emits them, and the page
//! that explains them to an operator. What does not: subscribers, files, terminals (they are in
//! the root package) and events of the market or of orders (they are in `model`).
//!
//! A log line is an event name with fields, never a sentence with values baked in, so that a
//! script can rely on it. [`log_event!`] refuses at compile time an event that the table does
//! not hold, a field that the event does not declare, and a declared field that is missing.
//!
//! ```
//! use tickwright_events::log_event;
//! log_event!(FEED_DISCONNECTED, connection = 1, reason = "reset", retry_in_ms = 400);
//! ```

mod document;
mod emit;
pub mod table;

pub use document::to_markdown;
#[doc(hidden)]
pub use emit::same_names;
pub use table::{ALL, LogEvent};
#[doc(hidden)]
pub use tracing;

/// The `target` of every event that [`log_event!`] emits; other targets are libraries.
pub const TARGET: &str = "tickwright";

/// Fields whose text is itself JSON. The JSON log embeds it as it is.
pub const STRUCTURED_FIELDS: &[&str] = &["mailboxes", "streams"];

/// Names that the log writer puts on every line, so no event may use them for a field.
pub const RESERVED_FIELDS: &[&str] = &["at", "level", "event"];
