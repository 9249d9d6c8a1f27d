//! The house rules that the compiler does not know: who may depend on whom, what the pure crates
//! never touch, and what no file may hold.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

mod graph;
mod manifests;
mod sources;
mod tree;
