//! Market history: files of every kind into the catalog, what is wrong with it, what it says, and
//! how it gets here.
//!
//! What belongs here: import, checks and mending, statistics, downloads, and the threads that work
//! on many histories, or over one history many times. What does not: the
//! catalog's files (`store`), a command line, a terminal, and anything that trades.

pub mod analyze;
pub mod bars;
pub mod date;
pub mod evenness;
pub mod export;
pub mod fetch;
mod float;
pub mod import;
mod merged;
mod meter;
pub mod parallel;
pub mod record;
pub mod table;
pub mod verify;

pub use merged::MergeError;
pub use meter::Meter;
pub use store::decimal;
