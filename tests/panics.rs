//! A panic is a log event. In a process of its own, because the hook is the process's.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use tickwright::config::TerminalLog;
use tickwright::logging::{LogOptions, log_panics, start};

#[test]
fn a_panic_is_logged_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.log");
    let options = LogOptions {
        file: Some(file.clone()),
        rotate_bytes: 1 << 20,
        keep_files: 1,
        level: tracing::Level::ERROR,
        terminal: TerminalLog::Off,
        clock: Arc::new(|| Timestamp::EPOCH),
    };
    let guard = start(&options).unwrap();
    assert!(start(&options).is_err(), "a process has one log");
    log_panics();
    let thread = std::thread::Builder::new().name("strategy-a".to_owned());
    thread.spawn(|| panic!("index {} is past the end", 7)).unwrap().join().unwrap_err();
    assert!(guard.flush(Duration::from_secs(10)));
    let text = std::fs::read_to_string(&file).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(line["event"], "engine.panicked");
    assert_eq!(line["thread"], "strategy-a");
    assert!(line["message"].as_str().unwrap().starts_with("index 7 is past the end"));
    assert!(line["location"].as_str().unwrap().contains("tests/panics.rs:"));
}
