//! Every decision of the engine, as plain synchronous state machines: no I/O, no clock, no
//! randomness, no actor, no socket, no runtime. `now` is passed in; what should happen comes out
//! as effects. The same machines run in a backtest's loop and inside the actors.
//!
//! What belongs here: the traits [`strategy::Strategy`], [`venue::Venue`], [`journal::Journal`]
//! and [`feed::FeedProtocol`], and the machines between them: strategy host, risk gate with
//! portfolio, order execution, feed. What does not: any venue's protocol, any storage, any
//! thread.

pub mod cascade;
pub mod feed;
pub mod guard;
pub mod journal;
pub mod ledger;
pub mod messages;
pub mod mutation;
pub mod orders;
pub mod parameters;
pub mod portfolio;
pub mod protection;
pub mod replay;
pub mod risk;
mod sorted;
pub mod strategy;
pub mod venue;
pub mod wire;
