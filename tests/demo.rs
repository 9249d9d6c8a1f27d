//! `tickwright demo` as a script sees it: the real program, its exchange and its engine.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use std::process::Command;

use serde_json::Value;

/// What a demonstration prints, which ended well and left a report.
#[track_caller]
fn demo(seed: u64, arguments: &[&str]) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let report = directory.path().join("report.html");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
    command.args(["demo", "--json", "--seed", &seed.to_string(), "--report"]).arg(&report);
    let output = command.args(arguments).current_dir(directory.path()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(0), "seed {seed}\n{out}\n{err}");
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(summary["report"], report.to_str().unwrap(), "{summary}");
    let html = std::fs::read_to_string(&report).unwrap();
    assert!(html.contains("<svg") && html.contains("ema_cross"), "seed {seed}: no report");
    assert_eq!(summary["checked"]["differences"], Value::Array(Vec::new()), "{summary}");
    summary
}

/// A field that counts.
#[track_caller]
fn count(summary: &Value, field: &str) -> u64 {
    summary[field].as_u64().unwrap_or_else(|| panic!("{field} is no count: {summary}"))
}

#[test]
fn a_demonstration_ends_well_and_its_market_is_that_of_its_seed() {
    // Three seconds each; what is traded in them depends on the machine and is not asked for.
    let fast = ["--minutes", "1", "--speed", "20"];
    let first = demo(3, &fast);
    for field in ["events", "orders", "fills", "partial_fills", "canceled", "denied", "rejected"] {
        count(&first, field);
    }
    assert!(count(&first, "events") > 0, "{first}");
    for field in ["equity_start", "equity_end"] {
        let money: model::Amount = first[field].as_str().unwrap().parse().unwrap();
        assert!(money > model::Amount::ZERO, "{field}: {first}");
    }
    for field in ["p50", "p99"] {
        assert!(first["tick_to_order_us"][field].is_number(), "{field}: {first}");
    }
    assert_eq!(first["strategies"].as_array().unwrap().len(), 4, "{first}");
    let hash = |summary: &Value| summary["flow_hash"].as_str().unwrap().to_owned();
    assert_eq!(hash(&first).len(), 16, "{first}");
    assert_eq!(hash(&demo(3, &fast)), hash(&first));
    assert_ne!(hash(&demo(4, &fast)), hash(&first));
}

/// What the demonstration is there to show, at the speed and length that it has by itself: half a
/// minute for each seed.
///
/// `cargo test --release --test demo -- --ignored --nocapture`
#[test]
#[ignore = "takes ten minutes: run it by name"]
fn every_demonstration_shows_buys_sells_partial_fills_cancels_denials_and_rejects() {
    for seed in 1..=20 {
        let summary = demo(seed, &[]);
        let fields = ["orders", "fills", "partial_fills", "canceled", "denied", "rejected"];
        eprintln!("seed {seed}: {fields:?} {:?}", fields.map(|field| count(&summary, field)));
        for field in fields {
            assert!(count(&summary, field) > 0, "seed {seed} has no {field}: {summary}");
        }
        let strategies = summary["strategies"].as_array().unwrap();
        assert_eq!(strategies.len(), 4, "seed {seed}: {summary}");
        for strategy in strategies {
            for side in ["buys", "sells"] {
                assert!(count(strategy, side) > 0, "seed {seed} has no {side}: {strategy}");
            }
        }
    }
}
