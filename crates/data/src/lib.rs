//! Market history: files of every kind into the catalog, what is wrong with it, what it says, and
//! how it gets here.
//!
//! What belongs here: import, checks and mending, statistics, downloads. What does not: the
//! catalog's files (`store`), a command line, a terminal, and anything that trades.

mod date;
pub mod decimal;
pub mod import;
mod merged;
mod meter;
pub mod verify;

pub use meter::Meter;
