//! A run in which nothing goes wrong.

use serde_json::Value;

use crate::support::{Desk, Within};

/// Refusals of single orders are the market's and the limits' daily business.
const USUAL_WARNINGS: [&str; 2] = ["order.rejected", "order.denied"];
/// What `run` may keep in memory, in a release build.
const RELEASE_MEMORY: u64 = 60 * 1_048_576;
/// A debug build's code is larger; it is measured to see it, and bounded to see it grow.
const DEBUG_MEMORY: u64 = 150 * 1_048_576;

#[test]
fn four_strategies_trade_and_are_shown_and_nothing_warns() {
    let desk =
        Desk::embedded(10).with_shipped_strategies().set("api.enabled=true").set("api.port=0");
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(20, |_| true);
    engine.wait_for_many(3, "engine.heartbeat", |_| true, Within::secs(20));

    let url = engine.events("api.started")[0]["url"].as_str().unwrap().to_owned();
    check_api(&url);
    let heartbeats = engine.events("engine.heartbeat");
    for heartbeat in &heartbeats {
        check_heartbeat(heartbeat);
    }
    let last = heartbeats.last().unwrap();
    assert!(last["tick_to_order_p50_us"].as_f64().unwrap() > 0.0, "{last}");
    engine.stop();
    let memory = last["resident_bytes"].as_u64().unwrap();
    eprintln!("memory of run with four strategies and its exchange: {} KiB", memory / 1_024);
    assert!(memory < if cfg!(debug_assertions) { DEBUG_MEMORY } else { RELEASE_MEMORY });

    for line in engine.lines() {
        let (level, event) = (line["level"].as_str().unwrap(), line["event"].as_str().unwrap());
        let is_usual = level == "info" || USUAL_WARNINGS.contains(&event);
        assert!(is_usual, "{line}");
    }
    assert_eq!(engine.errors(), "", "nothing is printed beside the log");
    let lines = engine.lines();
    let last = lines.last().unwrap();
    assert_eq!((&last["event"], &last["exit_code"]), (&"engine.stopped".into(), &0.into()));
    let started = engine.events("strategy.started");
    assert_eq!(started.len(), 4);
    // As LOGS.md says it: the history first, then the start.
    for start in started {
        let place = |event: &str| {
            let is_of_it = |line: &Value| line["strategy"] == start["strategy"];
            lines.iter().position(|line| line["event"] == event && is_of_it(line))
        };
        let (warmed, begun) = (place("strategy.warmed"), place("strategy.started"));
        assert!(warmed.is_some() && warmed < begun, "{warmed:?} {begun:?}: {start}");
    }
}

/// Fields that are there only when there is something to say.
const NOW_AND_THEN: &[&str] = &["name", "trading_reason"];

/// Every field of the table is there, and says something sensible.
#[track_caller]
fn check_heartbeat(heartbeat: &Value) {
    let fields = heartbeat.as_object().unwrap();
    for field in events::table::ENGINE_HEARTBEAT.fields {
        if NOW_AND_THEN.contains(field) {
            continue;
        }
        assert!(fields.contains_key(*field), "{field} is missing: {heartbeat}");
    }
    assert_eq!(heartbeat["trading_state"], "active", "{heartbeat}");
    assert_eq!((&heartbeat["healthy"], &heartbeat["problems"]), (&true.into(), &"".into()));
    for field in ["resident_bytes", "open_files", "threads", "events"] {
        assert!(heartbeat[field].as_u64().unwrap() > 0, "{field}: {heartbeat}");
    }
    assert_eq!(heartbeat["unknown_orders"], 0, "{heartbeat}");
    assert_eq!(heartbeat["log_lines_dropped"], 0, "{heartbeat}");
    let mailboxes = heartbeat["mailboxes"].as_array().unwrap();
    let names: Vec<&str> = mailboxes.iter().map(|m| m["name"].as_str().unwrap()).collect();
    for name in ["feed → risk", "risk → execution", "execution → risk", "grid → risk"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    for mailbox in mailboxes {
        assert!(mailbox["bound"].as_u64().unwrap() > 0, "{mailbox}");
        assert_eq!(mailbox["refused"], 0, "{mailbox}");
    }
    let streams = heartbeat["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 8, "trades and quotes of four symbols");
    assert!(streams.iter().all(|stream| stream["age_ms"].as_u64().unwrap() < 60_000));
}

fn check_api(url: &str) {
    let get = |path: &str| -> Value { serde_json::from_str(&crate::get(url, path)).unwrap() };
    let count = |path: &str| get(path).as_array().unwrap().len();
    assert_eq!(get("/health")["healthy"], true);
    let status = get("/status");
    assert_eq!((&status["mode"], &status["is_live"]), (&"sim".into(), &true.into()));
    assert_eq!(status["trading_state"], "active");
    assert_eq!((count("/strategies"), count("/prices")), (4, 4));
    let strategies = get("/strategies");
    assert!(strategies.as_array().unwrap().iter().all(|s| s["stage"] == "running"));
    assert!(count("/orders") > 0 && count("/fills") > 0 && count("/positions") > 0);
    assert!(get("/fills")[0]["price"].is_string(), "money is no float");
    assert_eq!((count("/fills?limit=1"), count("/orders?limit=2")), (1, 2));
    assert!(get("/fills?limit=-1")["error"].is_string());
    assert!(get("/nonsense")["error"].is_string());
    assert_eq!(get("/")["paths"].as_array().unwrap().len(), 8);
}
