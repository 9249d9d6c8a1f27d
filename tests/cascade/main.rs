//! The built-in strategies through the canonical cascade, risk gate and execution included, with
//! the local venue: against a short independent script on real trades, and on random markets
//! under the files that the program is built with.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

mod demo;
mod rig;
mod script;
