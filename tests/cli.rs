//! The program as a script sees it: output, errors and exit codes.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

fn tickwright(arguments: &[&str], directory: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
    command.args(arguments).current_dir(directory);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TICKWRIGHT__") {
            command.env_remove(name);
        }
    }
    command.output().unwrap()
}

#[track_caller]
fn check(arguments: &[&str], directory: &Path, code: i32) -> (String, String) {
    let output = tickwright(arguments, directory);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
    (out, err)
}

/// A directory with a configuration that has no strategies.
fn desk(engine: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(directory.path().join("config/strategies")).unwrap();
    std::fs::write(directory.path().join("config/engine.toml"), engine).unwrap();
    directory
}

#[test]
fn help_and_usage() {
    let directory = tempfile::tempdir().unwrap();
    let (out, _) = check(&["--help"], directory.path(), 0);
    assert!(out.contains("tickwright check"), "{out}");
    check(&["--version"], directory.path(), 0);
    let (_, err) = check(&["chekc"], directory.path(), 2);
    assert!(err.contains("check"), "{err}");
    check(&[], directory.path(), 2);
}

#[test]
fn check_accepts_and_refuses() {
    let good = desk("[risk]\ndaily_loss = \"750\"\n");
    let (out, _) = check(&["check"], good.path(), 0);
    assert!(out.starts_with("config/engine.toml: fine; mode sim\n"), "{out}");
    let (out, _) = check(&["check", "--json"], good.path(), 0);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&json["ok"], &json["mode"]), (&true.into(), &"sim".into()));

    let bad = desk("mod = 1\n[risk]\ndaily_loss = 750.0\n");
    let (out, err) = check(&["check"], bad.path(), 2);
    assert_eq!(out, "");
    assert!(err.contains("config/engine.toml:1:1: mod: unknown key"), "{err}");
    assert!(err.contains("config/engine.toml:3:14: risk.daily_loss: expected money"), "{err}");
    assert!(err.ends_with("2 configuration errors\n"), "{err}");
    let (out, _) = check(&["check", "--json"], bad.path(), 2);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["errors"][1]["place"]["line"], 3);
    assert_eq!(json["errors"][1]["key"], "risk.daily_loss");

    let empty = tempfile::tempdir().unwrap();
    let (_, err) = check(&["check"], empty.path(), 2);
    assert!(err.contains("config/engine.toml: can't be read"), "{err}");
    let (_, err) = check(&["check", "--set", "risk.daily_loss"], good.path(), 2);
    assert!(err.contains("--set risk.daily_loss: expected section.key=value"), "{err}");
}

#[cfg(unix)]
#[test]
fn check_refuses_keys_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let engine = "mode = \"live\"\n[venue]\nendpoint = \"binance-testnet\"\n\
                  api_key_file = \"key\"\nsecret_file = \"secret\"\n";
    let directory = desk(engine);
    for (name, mode) in [("key", 0o600), ("secret", 0o644)] {
        let path = directory.path().join(name);
        std::fs::write(&path, "hush-hush").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let (_, err) = check(&["check"], directory.path(), 2);
    assert!(err.contains("run: chmod 600 secret"), "{err}");
    assert!(!err.contains("hush-hush"), "{err}");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(directory.path().join("secret"), mode).unwrap();
    check(&["check"], directory.path(), 0);
}

#[test]
fn logs_summary() {
    let directory = tempfile::tempdir().unwrap();
    let (_, err) = check(&["logs", "summary", "missing.log"], directory.path(), 7);
    assert!(err.contains("missing.log"), "{err}");
    let line = "{\"at\":\"2026-01-01T00:00:00.000000Z\",\"event\":\"order.denied\",\
                \"strategy\":\"a\",\"symbol\":\"BTCUSDT\"}\n";
    let start = "{\"at\":\"2026-01-01T00:00:00.000000Z\",\"event\":\"journal.replayed\",\
                 \"positions\":0}\n";
    std::fs::write(directory.path().join("a.log"), line).unwrap();
    let (out, _) = check(&["logs", "summary", "a.log"], directory.path(), 5);
    assert!(out.contains("incomplete: what a held of BTCUSDT"), "{out}");
    std::fs::write(directory.path().join("a.log"), format!("{start}{line}")).unwrap();
    let (out, _) = check(&["logs", "summary", "a.log"], directory.path(), 0);
    assert!(out.contains("1 denied"), "{out}");
    let (out, _) = check(&["logs", "summary", "a.log", "--json"], directory.path(), 0);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["orders"]["denied"], 1);
}
