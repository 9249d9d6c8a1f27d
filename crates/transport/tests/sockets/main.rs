//! The transport over real sockets on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test's helpers fail the test, and any other outcome is a failure"
)]

mod fetch;
mod frames;
mod http;
mod support;
mod tls;
mod upgrade;
mod verdicts;
mod websocket;
