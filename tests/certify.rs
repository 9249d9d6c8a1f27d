//! `tickwright certify` as another process, against `tickwright exchange` in a third one: it
//! passes, and it names what is wrong with an exchange that has a fault planted.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// An exchange in another process, and a directory with a key for it.
struct Venue {
    child: Child,
    ready: Value,
    directory: TempDir,
}

/// How the key signs.
#[derive(Clone, Copy)]
enum Key {
    Ed25519,
    Hmac,
}

impl Venue {
    fn start(faults: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("faults");
        std::fs::write(&script, faults).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
        command.args(["exchange", "--seed", "11", "--symbol", "ETHUSDT", "--faults"]);
        let mut child = command.arg(script).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, ready: serde_json::from_str(&line).unwrap(), directory }
    }

    fn text(&self, field: &str) -> &str {
        self.ready[field].as_str().unwrap()
    }

    fn secret(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        std::io::Write::write_all(file.as_mut().unwrap(), text.as_bytes()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn certify(&self, key: Key) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
        command.args(["certify", "--endpoint", "custom", "--symbol", "ETHUSDT"]);
        let (name, secret) = match key {
            Key::Ed25519 => {
                let file = self.text("ed25519_private_key_file");
                let setting = format!("venue.private_key_file={file}");
                (self.text("ed25519_api_key"), setting)
            }
            Key::Hmac => {
                let file = self.secret("secret", self.text("api_secret"));
                (self.text("api_key"), format!("venue.secret_file={file}"))
            }
        };
        let settings = [
            format!("venue.rest_url={}", self.text("rest_url")),
            format!("venue.ws_url={}", self.text("ws_url")),
            format!("venue.ws_api_url={}", self.text("ws_api_url")),
            format!("venue.api_key_file={}", self.secret("key", name)),
            secret,
        ];
        for setting in settings {
            command.args(["--set", &setting]);
        }
        for name in ["report.json", "report.html", "report.txt"] {
            command.arg("--report").arg(self.file(name));
        }
        command.output().unwrap()
    }

    fn report(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.file("report.json")).unwrap()).unwrap()
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn of_outcome<'r>(report: &'r Value, outcome: &str) -> Vec<&'r Value> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks.filter(|check| check["outcome"] == outcome).collect()
}

#[track_caller]
fn passes(key: Key) -> Value {
    let venue = Venue::start("");
    let output = venue.certify(key);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let report = venue.report();
    assert!(report["passed"].as_u64().unwrap() >= 50, "{said}");
    assert_eq!((&report["failed"], &report["left_open"]), (&0.into(), &0.into()), "{said}");
    check_shares_nothing(&venue, &said);
    for name in ["report.json", "report.html", "report.txt"] {
        check_shares_nothing(&venue, &read(&venue.file(name)));
    }
    assert!(read(&venue.file("report.html")).starts_with("<!doctype html>"));
    report
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

/// The report can be shown to anybody.
#[track_caller]
fn check_shares_nothing(venue: &Venue, text: &str) {
    for secret in ["api_key", "api_secret", "ed25519_api_key"] {
        assert!(!text.contains(venue.text(secret)), "{secret} is in the report");
    }
}

#[test]
fn our_exchange_passes_with_an_ed25519_key() {
    let report = passes(Key::Ed25519);
    for check in of_outcome(&report, "passed") {
        let remarks = check["remarks"].as_array().unwrap();
        // What our exchange leaves out can't be compared with it, and it says so.
        let is_fine = |remark: &Value| remark.as_str().unwrap().starts_with("shapes not compared");
        assert!(remarks.iter().all(is_fine), "{check}");
    }
}

#[test]
fn our_exchange_passes_with_an_hmac_key() {
    let report = passes(Key::Hmac);
    let skipped = of_outcome(&report, "skipped");
    assert!(skipped.iter().any(|check| check["name"] == "log on, and who is logged on"));
}

/// Faults of the exchange, each with the only checks that may fail and what they say.
#[test]
fn a_planted_fault_is_found_and_named() {
    #[track_caller]
    fn check(fault: &str, expected: &[&str], words: &str) {
        let venue = Venue::start(&format!("0 {fault}\n"));
        let output = venue.certify(Key::Ed25519);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(5), "{said}");
        let report = venue.report();
        let failed = of_outcome(&report, "failed");
        let names: Vec<&str> = failed.iter().map(|check| check["name"].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{said}");
        assert!(failed[0]["remarks"].to_string().contains(words), "{said}");
        for name in expected {
            assert!(read(&venue.file("report.txt")).contains(name));
            assert!(read(&venue.file("report.html")).contains(name));
        }
    }
    // Other words than documented.
    check(
        "alter?from=Filter%20failure:%20LOT_SIZE&to=Filter%20failed:%20LOT_SIZE",
        &["LOT_SIZE (-1013)"],
        "Filter failed: LOT_SIZE",
    );
    // A key that no assertion looks at.
    check(
        "alter?from=%22cumulativeQuoteQty%22&to=%22cumQuoteQty%22&matching=amend",
        &["amend keep priority"],
        "order.amend.keepPriority: amendedOrder.cumulativeQuoteQty is missing",
    );
}
