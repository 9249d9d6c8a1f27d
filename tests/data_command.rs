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
