//! Everything that Tickwright keeps on disk: the journal, the state directory, market recordings
//! and the catalog of history.
//!
//! What belongs here: files and their formats. What does not: what the records mean
//! (`kernel::ledger` says), decoding of venue messages (`binance`), decisions of any kind.

pub mod archive;
pub mod catalog;
pub mod decimal;
pub mod deliveries;
mod instant;
pub mod journal;
pub mod recordings;
mod source;
pub mod state_dir;

pub use instant::parse_instant;
pub use source::{Lines, SourceError};
