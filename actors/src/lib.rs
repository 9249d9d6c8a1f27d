//! The actor shells around kernel's machines: the only crate that knows actix.
//!
//! Each shell is thin: inputs in, effects out, one timer armed. What belongs here: mailboxes and
//! their bounds, sockets, the clock, supervision, the journal's thread, the monitor, the HTTP
//! API. What does not: any decision about markets or orders.

mod accept;
pub mod api;
pub mod clock;
pub mod control;
pub mod engine;
pub mod execution;
pub mod feed;
pub mod guard;
mod health;
pub mod journal;
pub mod latency;
pub mod lockstep;
pub mod messages;
pub mod monitor;
pub mod observe;
pub mod orderlog;
pub mod outbox;
mod places;
pub mod process;
pub mod risk;
mod seldom;
pub mod standing;
pub mod strategy;
pub mod tap;
pub mod timer;
mod turns;
pub mod watchdog;
pub mod wire;
