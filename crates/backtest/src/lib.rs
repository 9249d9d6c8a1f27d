//! Backtests: the same strategies, gate, execution and matching over history, in a plain loop.
//!
//! What belongs here: where events come from ([`source`]), the machines of a run ([`plan`]), the
//! loop over both ([`run`]) and what is noted of it. What does not: trading logic, which is the
//! kernel's, and how fills come about, which is `matching`'s; files of configuration and the
//! command line.
//!
//! Nothing here reads a clock: how long a run took is measured by whoever runs it.

pub mod bars;
pub mod bias;
pub mod export;
pub mod plan;
pub mod record;
pub mod run;
pub mod source;
pub mod sweep;
pub mod tally;
pub mod tape;
