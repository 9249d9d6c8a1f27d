//! `tickwright exchange` as another process sees it: its one line, its files, its faults, its end.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
    command.arg("exchange").args(arguments);
    command
}

/// An exchange in another process.
struct Exchange {
    child: Child,
    ready: Value,
}

impl Exchange {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { child, ready }
    }

    fn text(&self, field: &str) -> &str {
        self.ready[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", self.ready))
    }

    /// Status and body of a request.
    fn get(&self, path: &str) -> (u16, String) {
        let address = self.text("rest_url").strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let head = "HTTP/1.1\r\nHost: localhost\r\nConnection: close";
        write!(stream, "GET {path} {head}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    /// Asks it to end, and returns its exit code.
    fn stop(mut self) -> Option<i32> {
        let signal = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(signal.unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[track_caller]
fn check_private(file: &Path) -> String {
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let pem = std::fs::read_to_string(file).unwrap();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"), "{pem}");
    pem
}

#[test]
fn one_line_says_all_that_a_client_needs() {
    let exchange = Exchange::start(&["--seed", "7", "--speed", "10", "--symbol", "ETHUSDT"]);
    assert_eq!(exchange.text("event"), "exchange.ready");
    assert!(exchange.text("ws_url").starts_with("ws://127.0.0.1:"));
    assert!(exchange.text("ws_api_url").ends_with("/ws-api/v3"));
    for key in ["api_key", "api_secret", "ed25519_api_key"] {
        assert!(!exchange.text(key).is_empty());
    }
    let clock = &exchange.ready["clock"];
    assert!(clock["venue_at_ns"].is_i64() && clock["wall_at_ns"].is_i64(), "{clock}");
    assert_eq!(clock["speed"].as_f64(), Some(10.0), "{clock}");
    let (status, body) = exchange.get("/api/v3/ticker/price?symbol=ETHUSDT");
    assert_eq!(status, 200, "{body}");
    let (status, body) = exchange.get("/api/v3/ticker/price?symbol=BTCUSDT");
    assert!(status == 400 && body.contains("-1121"), "only what was asked for: {body}");
    let file = exchange.text("ed25519_private_key_file").to_owned();
    check_private(Path::new(&file));
    assert_eq!(exchange.stop(), Some(0));
    assert!(!Path::new(&file).exists(), "the key of an exchange that is gone");
}

#[test]
fn with_a_state_directory_keys_stay() {
    let directory = tempfile::tempdir().unwrap();
    let state_dir = directory.path().to_str().unwrap();
    let mut pems = Vec::new();
    for _ in 0..2 {
        let exchange = Exchange::start(&["--state-dir", state_dir, "--symbol", "ETHUSDT"]);
        let file = exchange.text("ed25519_private_key_file").to_owned();
        pems.push((exchange.text("api_key").to_owned(), check_private(Path::new(&file))));
        assert_eq!(exchange.stop(), Some(0));
    }
    assert_eq!(pems[0], pems[1]);
}

#[test]
fn it_misbehaves_as_its_script_says() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("faults");
    std::fs::write(&script, "0 fail?point=before&status=503&matching=time  # once\n").unwrap();
    let exchange = Exchange::start(&["--faults", script.to_str().unwrap(), "--symbol", "ETHUSDT"]);
    let begun = Instant::now();
    let mut statuses = vec![exchange.get("/api/v3/time").0];
    while !statuses.contains(&503) && begun.elapsed() < Duration::from_secs(10) {
        statuses.push(exchange.get("/api/v3/time").0);
    }
    statuses.push(exchange.get("/api/v3/time").0);
    assert!(statuses.ends_with(&[503, 200]), "{statuses:?}");
    assert_eq!(exchange.stop(), Some(0));
}

#[test]
fn what_cannot_be_served_is_refused_with_its_reason() {
    #[track_caller]
    fn check(arguments: &[&str], code: i32, words: &str) {
        let Output { status, stdout, stderr } = command(arguments).output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?} {said}");
        assert!(said.contains(words), "{arguments:?} {said}");
        assert!(stdout.is_empty(), "nothing is ready");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    check(&["--listen", &taken.local_addr().unwrap().to_string()], 4, "is in use");
    check(&["--replay", "no-such-file.gz"], 2, "no-such-file.gz");
    check(&["--faults", "no-such-file"], 2, "no-such-file");
    check(&["--speed", "max"], 2, "for replays");
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("faults");
    std::fs::write(&script, "0 drop_websockets\nsoon silence\n").unwrap();
    check(&["--faults", script.to_str().unwrap()], 2, "line 2");
    std::fs::write(&script, "0 drop_websockets\n\n5 drop_sockets\n").unwrap();
    let words = "line 3: there is no request `drop_sockets`";
    check(&["--faults", script.to_str().unwrap()], 2, words);
}
