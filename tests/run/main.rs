//! `tickwright run` end to end: real processes on loopback, held against the exchange's own record.
//!
//! Most tests start an exchange of their own, so that it outlives the engine and can be asked
//! afterwards; its control path injects faults. Market time runs ten or twenty times as fast as
//! ours.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking on what it does not expect"
)]

mod support;

mod alerts;
mod bad_input;
mod compare;
mod connections;
mod control;
mod damage;
mod guard;
mod healthy;
mod identity;
mod live;
mod manners;
mod overload;
mod paper;
mod protection;
mod reconcile;
mod recovery;
mod refusals;
mod replay;
mod shutdown;
mod soak;
mod storage;
mod supervision;
mod venue_faults;

/// The body of a plain HTTP answer.
fn get(url: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let address = url.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    body.to_owned()
}
