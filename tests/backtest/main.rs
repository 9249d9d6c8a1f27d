//! `tickwright backtest` as a user runs it, against scripts that know nothing of our machines.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

mod bars;
mod disorder;
mod equity;
mod halts;
mod honest;
mod reports;
mod rig;
mod scripts;
mod sweeps;
mod walk;
