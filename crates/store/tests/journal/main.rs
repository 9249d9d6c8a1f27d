//! The journal: what it keeps, and what a `kill -9` leaves.

#![allow(clippy::unwrap_used, reason = "every line of it is a test")]

mod ahead;
mod archive;
mod contents;
mod kill;
mod mark;
mod records;
