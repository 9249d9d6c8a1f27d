//! Recorded markets: captures of the venue's own frames, read line by line.
//!
//! What belongs here: the formats of the files, what a frame says, and what a first pass over
//! the files finds out (symbols, steps, snapshots). What does not: when a frame is sent and to
//! whom (crate's `server`), and what it does to orders of ours (`machine`).

mod frame;
mod reader;
mod scan;

pub use frame::{Frame, Told, decode};
pub use reader::{Item, ItemKind, Replay, ReplayError};
pub use scan::{Scan, SymbolScan, scan};
