//! Tickwright: a headless, actor-based trading engine for Binance Spot.
//!
//! What belongs in this package: the command line, the configuration, the logs, and the wiring of
//! actors. What does not: trading logic, which is in the crates below `crates/`.
//!
//! A program with strategies of its own calls [`cli::execute`] with its own table of them.

pub mod certify;
pub mod cli;
pub mod commands;
pub mod compare;
pub mod config;
mod demo;
pub mod guard;
pub mod inspect;
pub mod logging;
pub mod parity;
pub mod prices;
pub mod read_only;
pub mod recorded;
pub mod wiring;

// What a strategy is written with.
pub use {kernel, market, model};

/// The built-in strategies.
pub use strategies::ALL as STRATEGIES;
