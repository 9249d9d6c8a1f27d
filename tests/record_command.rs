//! `tickwright record` against `tickwright exchange`: what is recorded is replayed and imported.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use store::recordings::{LineKind, RecordingReader};

/// Of each of two symbols.
const STREAMS: &str = "trade,aggTrade,bookTicker,depth@100ms,kline_1m";

fn tickwright() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tickwright"))
}

/// How the frames of each stream begin.
fn stream_names() -> Vec<String> {
    let of = |symbol: &'static str| {
        STREAMS.split(',').map(move |stream| format!(r#"{{"stream":"{symbol}@{stream}","#))
    };
    of("btcusdt").chain(of("ethusdt")).collect()
}

/// An exchange in another process.
struct Exchange {
    child: Child,
    ready: Value,
}

impl Exchange {
    fn start(arguments: &[&str]) -> Self {
        let mut command = tickwright();
        command.arg("exchange").args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { child, ready }
    }

    fn url(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    /// A recorder of two symbols of it.
    fn recorder(&self, directory: &Path) -> Command {
        let mut command = tickwright();
        command.args(["record", "BTCUSDT", "ETHUSDT", "--json", "--streams", STREAMS]);
        command.args(["--endpoint", self.url("rest_url"), "--ws-url", self.url("ws_url")]);
        command.arg("--dir").arg(directory).stdout(Stdio::piped());
        command
    }

    fn record(&self, directory: &Path, duration: &str) -> Value {
        let output = self.recorder(directory).args(["--for", duration]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A recorder in another process.
struct Recorder(Child);

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The frames of a recording, in its order, up to where it may be cut off.
fn frames(file: &Path) -> Vec<String> {
    let mut frames = Vec::new();
    for line in RecordingReader::open(file).unwrap() {
        match line {
            Ok(line) if line.kind == LineKind::Frame => frames.push(line.text),
            Ok(_) | Err(store::SourceError::CutOff { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    frames
}

/// The frames of a replay are those of its recording, in their order.
#[track_caller]
fn check_same(replayed: &[String], recorded: &[String]) {
    let differs = replayed.iter().zip(recorded).position(|(one, other)| one != other);
    if let Some(place) = differs {
        panic!("frame {place}: {} was recorded as {}", replayed[place], recorded[place]);
    }
    assert_eq!(replayed.len(), recorded.len(), "the others are the same");
}

fn only_file(directory: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 1, "{files:?}: did the test run over midnight?");
    files.remove(0)
}

fn import(file: &Path, catalog: &Path, code: i32) -> Value {
    let mut command = tickwright();
    command.args(["data", "import", "--json", "--catalog"]).arg(catalog).arg(file);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    serde_json::from_str(&text).unwrap()
}

fn replay(file: &Path) -> Exchange {
    let streams = (2 * STREAMS.split(',').count()).to_string();
    let file = file.to_str().unwrap();
    Exchange::start(&["--replay", file, "--speed", "max", "--start-after-streams", &streams])
}

#[test]
fn what_is_recorded_is_replayed_byte_for_byte_and_imported() {
    let directory = tempfile::tempdir().unwrap();
    let first = directory.path().join("first");
    let market = ["--seed", "7", "--speed", "5", "--symbol", "BTCUSDT", "--symbol", "ETHUSDT"];
    let recorded = Exchange::start(&market).record(&first, "5s");
    let file = only_file(&first);
    let sent = frames(&file);
    assert_eq!(recorded["frames"].as_u64(), Some(sent.len() as u64));
    assert!(sent.len() > 100, "{recorded}");
    assert_eq!(recorded["answers"], 3, "two books and the instruments: {recorded}");

    let second = directory.path().join("second");
    replay(&file).record(&second, "5s");
    let again = frames(&only_file(&second));
    check_same(&again, &sent);

    let report = import(&file, &directory.path().join("catalog"), 0);
    let file = &report["files"][0];
    let series: Vec<&str> = file["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    for kind in ["trades", "agg_trades", "quotes", "depth"] {
        assert!(series.contains(&kind), "{kind} in {series:?}");
    }
    assert_eq!((&file["refused"], &file["instruments"]), (&0.into(), &2.into()));
    let klines = &file["passed_over"]["klines that were not closed"];
    let passed = klines.as_u64().unwrap_or(0);
    // The answers are three lines of four records: two books and two instruments.
    assert_eq!(file["kept"].as_u64().unwrap(), sent.len() as u64 - passed + 4);
}

#[test]
fn a_recorder_that_is_killed_leaves_what_it_had() {
    let directory = tempfile::tempdir().unwrap();
    let market = ["--seed", "7", "--speed", "5", "--symbol", "BTCUSDT", "--symbol", "ETHUSDT"];
    let exchange = Exchange::start(&market);
    let mut recorder = Recorder(exchange.recorder(directory.path()).spawn().unwrap());
    let began = Instant::now();
    // A replay refuses streams of which nothing was recorded.
    let enough = |file: &Path| {
        let frames = frames(file);
        let has = |name: &String| frames.iter().any(|frame| frame.contains(name));
        frames.len() > 50 && stream_names().iter().all(has)
    };
    loop {
        std::thread::sleep(Duration::from_millis(200));
        let has_file = directory.path().read_dir().unwrap().count() == 1;
        if has_file && enough(&only_file(directory.path())) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "nothing was recorded");
    }
    recorder.0.kill().unwrap();
    recorder.0.wait().unwrap();
    let file = only_file(directory.path());
    let sent = frames(&file);
    assert!(sent.len() > 50);
    let end = RecordingReader::open(&file).unwrap().last().unwrap();
    assert!(matches!(end, Err(store::SourceError::CutOff { .. })), "{end:?}");

    let report = import(&file, &directory.path().join("catalog"), 5);
    let file_report = &report["files"][0];
    assert!(file_report["cut_off_after_line"].is_u64(), "{file_report}");
    assert!(file_report["kept"].as_u64().unwrap() > 50 && file_report["refused"] == 0);

    let second = directory.path().join("second");
    replay(&file).record(&second, "5s");
    check_same(&frames(&only_file(&second)), &sent);
}
