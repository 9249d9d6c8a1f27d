//! Resident memory of `tickwright run` with the four strategies of `config/strategies`, a minute at
//! speed 20: `cargo bench --bench memory`.
//!
//! Twice: with the exchange in the same process, as `mode = "sim"` runs it, and with the exchange
//! in a process of its own, which is what a venue across the network leaves. `secs=N` measures
//! longer. Asserts nothing.

#![allow(clippy::print_stdout, reason = "a benchmark")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tickwright");
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/engine.toml");
/// Seconds of market a second.
const SPEED: &str = "20";
/// Seconds, unless an argument says otherwise.
const SECS: u64 = 60;
/// Lines of the table.
const LINES: u64 = 12;
const PEM_VARIABLE: &str = "TICKWRIGHT_BENCH_PEM";
const KEY_VARIABLE: &str = "TICKWRIGHT_BENCH_KEY";

fn main() {
    // `cargo test --benches` runs it too: there is nothing to measure there.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let secs = std::env::args().find_map(|word| word.strip_prefix("secs=")?.parse().ok());
    let length = Duration::from_secs(secs.unwrap_or(SECS));
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let embedded = watch(&mut run(&directory.path().join("embedded")), length);
    let exchange = Exchange::start();
    let mut engine = run_against(&exchange, &directory.path().join("separate"));
    let separate = watch(&mut engine, length);
    print(&embedded, &separate);
}

/// A program that is told to stop when this is dropped.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let id = self.0.id().to_string();
        // A program that has ended needs no signal.
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.0.wait();
    }
}

fn command(state_dir: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["run", "--config", CONFIG, "--state-dir"]).arg(state_dir);
    command.args(["--set", "logs.terminal=off", "--set", "logs.level=info"]);
    command
}

fn start(mut command: Command) -> Stopped {
    Stopped(command.stdout(Stdio::null()).spawn().expect("the program is built with the benchmark"))
}

fn run(state_dir: &Path) -> Stopped {
    let mut command = command(state_dir);
    command.args(["--set", &format!("sim.speed={SPEED}")]);
    start(command)
}

/// `tickwright exchange`, and what it said when it was ready.
struct Exchange {
    ready: serde_json::Value,
    _process: Stopped,
}

impl Exchange {
    fn start() -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["exchange", "--speed", SPEED])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program is built with the benchmark");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped above");
        BufReader::new(stdout).read_line(&mut line).expect("it says where it is");
        let ready = serde_json::from_str(&line).expect("it says where it is");
        Self { ready, _process: Stopped(child) }
    }

    fn said(&self, name: &str) -> Option<&str> {
        self.ready[name].as_str()
    }
}

fn run_against(exchange: &Exchange, state_dir: &Path) -> Stopped {
    let mut command = command(state_dir);
    let mut set = |key: &str, value: &str| {
        command.args(["--set", &format!("venue.{key}={value}")]);
    };
    set("endpoint", "custom");
    for url in ["rest_url", "ws_url", "ws_api_url"] {
        set(url, exchange.said(url).expect("part of what it says"));
    }
    set("api_key_env", KEY_VARIABLE);
    let pem = match exchange.said("ed25519_private_key_file") {
        Some(file) => std::fs::read_to_string(file).expect("the exchange wrote it"),
        None => exchange.said("ed25519_private_key_pem").expect("one of the two").to_owned(),
    };
    set("private_key_env", PEM_VARIABLE);
    command.env(PEM_VARIABLE, pem);
    command.env(KEY_VARIABLE, exchange.said("ed25519_api_key").expect("part of what it says"));
    start(command)
}

/// Resident bytes, evenly spaced in time, the last at the end.
fn watch(engine: &mut Stopped, length: Duration) -> Vec<u64> {
    let started = Instant::now();
    let mut readings = Vec::new();
    for line in 1..=LINES {
        let due = length * u32::try_from(line).expect("few lines") / LINES as u32;
        std::thread::sleep(due.saturating_sub(started.elapsed()));
        let status = engine.0.try_wait().expect("a child of ours");
        assert!(status.is_none(), "run ended by itself: {status:?}");
        readings.push(resident_bytes(engine.0.id()));
    }
    readings
}

fn resident_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kibibytes.expect("Linux tells it of a living process") * 1_024
}

fn print(embedded: &[u64], separate: &[u64]) {
    let megabytes = |bytes: &u64| *bytes as f64 / 1e6;
    println!("resident MB of `run`        exchange in it    exchange elsewhere");
    for (line, (within, without)) in embedded.iter().zip(separate).enumerate() {
        let part = format!("after {}/{LINES}", line + 1);
        println!("{part:<24} {:>16.1} {:>20.1}", megabytes(within), megabytes(without));
    }
}
