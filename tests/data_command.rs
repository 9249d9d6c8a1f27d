//! `tickwright data` as a script sees it.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[track_caller]
fn run(arguments: &[&str], directory: &Path, code: i32) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
    let output = command.arg("data").args(arguments).current_dir(directory).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
    out
}

#[track_caller]
fn json(arguments: &[&str], directory: &Path, code: i32) -> Value {
    serde_json::from_str(&run(arguments, directory, code)).unwrap()
}

/// Ten minutes, one of them doubled, one missing, one impossible.
const MINUTES: &str = "\
open_time,open,high,low,close,volume
1700000040000,10,12,9,11,1.5
1700000100000,11,12,10,11,2
1700000160000,11,12,10,11,2
1700000160000,11,12,10,11,2
1700000220000,11,9,10,11,2
1700000280000,11,12,10,11,0
";

#[test]
fn import_list_verify_mend() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    std::fs::write(path.join("BTCUSDT-1m-2023-11.csv"), MINUTES).unwrap();
    run(&["list"], path, 2);
    let report = json(&["import", "BTCUSDT-1m-2023-11.csv", "--json"], path, 5);
    let counts = ["records", "kept", "refused"].map(|key| report[key].as_u64().unwrap());
    assert_eq!(counts, [6, 5, 1]);
    let refusal = &report["files"][0]["refusals"][0];
    assert_eq!(refusal["line"], 6);
    assert!(refusal["reason"].as_str().unwrap().contains("contradict"), "{refusal}");

    let list = json(&["list", "--json"], path, 0);
    assert_eq!(list["series"][0]["symbol"], "BTCUSDT");
    assert_eq!(
        (&list["series"][0]["interval"], &list["series"][0]["rows"]),
        (&"1m".into(), &5.into())
    );

    let checks = json(&["verify", "--json"], path, 5);
    let counts = &checks["series"][0]["counts"];
    assert_eq!(
        (&counts["duplicate"], &counts["gap"], &counts["zero_volume"]),
        (&1.into(), &1.into(), &1.into())
    );
    let checks = json(&["verify", "--mend", "--json", "--picture", "checks.html"], path, 0);
    assert_eq!(
        (&checks["mended"][0]["rows_before"], &checks["mended"][0]["rows_after"]),
        (&5.into(), &4.into())
    );
    let page = std::fs::read_to_string(path.join("checks.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("bars missing"), "{page}");
    assert!(run(&["verify"], path, 0).contains("binance-spot BTCUSDT klines-1m: 4 rows, sound"));
}

#[test]
fn tables_of_other_tools_are_mapped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let ticks =
        "when;px;size;dir\n2024-01-01 00:00:00.5;1.25;3;buy\n2024-01-01 00:00:01;1e0;4;sell\n";
    std::fs::write(path.join("ticks.csv"), ticks).unwrap();
    run(&["import", "ticks.csv"], path, 5);
    run(&["import", "ticks.csv", "--symbol", "ABCUSDT"], path, 5);
    let map = "time=when,price=px,quantity=size,side=dir";
    let arguments = ["import", "ticks.csv", "--symbol", "abcusdt", "--map", map, "--json"];
    let report = json(&arguments, path, 0);
    assert_eq!((&report["kept"], &report["rows"]), (&2.into(), &2.into()));
    assert_eq!(report["files"][0]["series"][0]["kind"], "trades");
}

/// An exchange in another process.
struct Exchange {
    child: std::process::Child,
    ready: Value,
}

impl Exchange {
    fn start(arguments: &[&str]) -> Self {
        use std::io::BufRead as _;
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
        command.arg("exchange").args(arguments).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { child, ready }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn history_of_a_real_exchange_agrees_with_itself() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let exchange = Exchange::start(&["--seed", "7", "--speed", "60", "--symbol", "BTCUSDT"]);
    // Some minutes of market.
    std::thread::sleep(std::time::Duration::from_secs(5));
    let venue_at = exchange.ready["clock"]["venue_at_ns"].as_i64().unwrap() / 1_000_000_000;
    // A whole minute before the market began, so that the first bar is whole.
    let from = model::Timestamp::from_secs(venue_at - venue_at % 60).to_string();
    let url = exchange.ready["rest_url"].as_str().unwrap();
    let arguments = ["fetch", "BTCUSDT", "--klines", "1m", "--agg-trades", "--rest", "--json"];
    let place = ["--endpoint", url, "--from", &from];
    let report = json(&[&arguments[..], &place[..]].concat(), path, 0);
    assert_eq!(report["files"].as_array().unwrap().len(), 2, "{report}");
    drop(exchange);
    // Bars built from the aggregates are the venue's own bars, where both are whole.
    let checks = json(&["verify", "--json"], path, 0);
    for series in checks["series"].as_array().unwrap() {
        assert!(
            series["rows"].as_u64().unwrap() > 0 && series["counts"].get("gap").is_none(),
            "{series}"
        );
    }
    run(&["export", "out", "--format", "csv", "--kind", "klines"], path, 0);
    let venue =
        std::fs::read_to_string(path.join("out/binance-spot-BTCUSDT-klines-1m.csv")).unwrap();
    let closes: Vec<(&str, f64)> = venue
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            (cells[0], cells[5].parse().unwrap())
        })
        .collect();
    run(&["analyze", "--kind", "agg_trades", "--bars", "bars", "--format", "csv"], path, 0);
    let ours =
        std::fs::read_to_string(path.join("bars/binance-spot-BTCUSDT-agg_trades-1m.csv")).unwrap();
    let mut same = 0;
    for (open_at, close) in &closes {
        let bar = ours.lines().find(|line| line.starts_with(open_at)).unwrap();
        let found: f64 = bar.split(',').nth(1).unwrap().parse().unwrap();
        assert!((found - close).abs() < 1e-9, "{open_at}: {found} for {close}");
        same += 1;
    }
    assert!(same >= 3, "{venue}");
}
