//! A market that ticks far faster than a strategy can follow.
//!
//! ```text
//! OVERLOAD_SECS=600 cargo test --release --test run overload -- --nocapture
//! ```

use std::time::Duration;

use serde_json::Value;

use crate::support::{Desk, Venue, Within, compare};

#[test]
fn a_strategy_that_cannot_follow_stops_buying_and_nothing_is_lost() {
    let secs: u64 = std::env::var("OVERLOAD_SECS").map_or(30, |secs| secs.parse().unwrap());
    let venue = Venue::start(100);
    // A hundredth of a second for each event of a market that has hundreds in one.
    let desk = Desk::at(&venue)
        .with_busy_strategies()
        .with("slow", "BTCUSDT", "work_us = 10000\nafter_trades = 1500")
        .set("supervision.spin_limit_ms=60000");
    let mut engine = desk.start_faulty();
    engine.wait_for("engine.ready", |_| true, Within::secs(120));
    engine.wait_for_more_fills(5, |_| true);
    // It slows down; the first heartbeats are those of a start.
    engine.wait_for_many(5, "engine.heartbeat", |_| true, Within::secs(120));
    let early = engine.events("engine.heartbeat").len();
    std::thread::sleep(Duration::from_secs(secs));
    let heartbeats = engine.events("engine.heartbeat");
    assert!(heartbeats.len() > early, "the monitor still speaks");

    // Measured and told: the market waits in the sockets, since the feed gets its turn in between.
    let last = heartbeats.last().unwrap();
    let lag = |heartbeat: &Value| heartbeat["market_lag_ms"].as_u64().unwrap();
    let worst = heartbeats.iter().map(lag).max().unwrap();
    eprintln!("lag {worst} ms of market at most, {} ms at last", lag(last));
    assert!(worst > 10_000, "{worst} ms");
    let memory = |heartbeat: &Value| heartbeat["resident_bytes"].as_u64().unwrap() / 1_024;
    let (before, after) = (memory(&heartbeats[early - 1]), memory(last));
    eprintln!("memory {before} KiB, then {after} KiB");
    assert!(after < before * 5 / 4, "memory is flat: {before} KiB, then {after} KiB");

    // Nobody buys any more on what was: all see the market through the same feed.
    let stale = |line: &Value| line["strategy"] == "slow" && line["rule"] == "stale_data";
    engine.wait_for("order.denied", stale, Within::secs(60));
    assert_eq!(engine.events("mailbox.overflowed"), Vec::<Value>::new());
    engine.stop();
    compare(&desk, &venue);
}
