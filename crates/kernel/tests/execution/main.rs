//! Execution, gate and ledger against a venue that loses answers, accepts late, lags, repeats and
//! breaks off, while the engine is killed at any instant: what must hold whatever happens, and
//! that it is noticed when it does not.

#![allow(clippy::unwrap_used, reason = "tests")]

mod crash_points;
mod engine;
mod exchange;
mod faults;
mod judge;
mod properties;
mod session;
mod strategy;
mod verdict;
mod world;
