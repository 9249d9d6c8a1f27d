//! Connections that drop, close or fall silent: noticed within their deadlines, repaired, and
//! no order and no fill lost.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Desk, Engine, Line, Venue, Within, compare};

/// Time between two lines of the log.
fn between(from: &Value, to: &Value) -> Duration {
    let at = |line: &Value| {
        let (_, time) = line["at"].as_str().unwrap().split_once('T').unwrap();
        let parts: Vec<f64> =
            time.trim_end_matches('Z').split(':').map(|part| part.parse().unwrap()).collect();
        parts[0] * 3_600.0 + parts[1] * 60.0 + parts[2]
    };
    // A test does not run for a day, but over midnight it may.
    Duration::from_secs_f64((at(to) - at(from)).rem_euclid(86_400.0))
}

/// Both connections are up again and orders fill.
#[track_caller]
fn check_repaired(engine: &mut Engine, feeds: usize, reconciles: usize) {
    engine.wait_for_many(feeds, "feed.connected", |_| true, Within::secs(20));
    engine.wait_for_many(reconciles, "reconcile.finished", |_| true, Within::secs(20));
    engine.wait_for_more_fills(3, |_| true);
}

#[track_caller]
fn check_nothing_lost(mut engine: Engine, desk: &Desk, venue: &Venue) {
    engine.stop();
    assert_eq!(venue.open_orders(), Vec::<String>::new());
    let compared = compare(desk, venue);
    assert!(compared.fills >= 6, "{compared:?}");
}

fn trading(desk: &Desk) -> Engine {
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    engine
}

#[test]
fn websockets_that_drop_or_are_closed() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = trading(&desk);
    for (round, command) in ["drop_websockets", "close_websockets"].into_iter().enumerate() {
        let losses = round + 1;
        venue.control(command);
        let lost = engine.wait_for_many(losses, "feed.disconnected", |_| true, Within::secs(5));
        engine.wait_for_many(losses, "trading.disconnected", |_| true, Within::secs(5));
        check_repaired(&mut engine, losses + 1, losses + 1);
        let up = engine.events("feed.connected");
        let gap = between(&lost[round], &up[losses]);
        assert!(gap < Duration::from_secs(2), "{command}: {gap:?}");
    }
    check_nothing_lost(engine, &desk, &venue);
}

#[test]
fn an_announced_shutdown_leaves_no_gap() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = trading(&desk);
    // Announces, leaves half a second, and closes what was open at that time.
    venue.control("server_shutdown");
    engine.wait_for("feed.rotated", |_| true, Within::secs(5));
    engine.wait_for_more_fills(3, |_| true);
    assert_eq!(engine.events("feed.gap"), Vec::<Value>::new());
    check_nothing_lost(engine, &desk, &venue);
}

#[test]
fn connections_that_are_replaced_in_time_leave_no_gap() {
    let venue = Venue::start(20);
    let desk = Desk::at(&venue).with_busy_strategies().set("feed.rotate_after_ms=1000");
    let mut engine = trading(&desk);
    engine.wait_for_many(3, "feed.rotated", |_| true, Within::secs(20));
    for trouble in ["feed.gap", "feed.disconnected"] {
        assert_eq!(engine.events(trouble), Vec::<Value>::new());
    }
    check_nothing_lost(engine, &desk, &venue);
}

#[test]
fn silence_with_tcp_up() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue)
        .with_busy_strategies()
        .set("feed.quote_stale_after_ms=400")
        .set("feed.trade_stale_after_ms=400")
        .set("feed.silent_after_ms=800")
        .set("risk.stale_after_ms=8000");
    let mut engine = trading(&desk);
    venue.control("silence?on=true");
    let stale = engine.wait_for("stream.stale", |_| true, Within::secs(10));
    let age_ms = stale["age_ms"].as_u64().unwrap();
    assert!((400..800).contains(&age_ms), "{stale}");
    let lost = engine.wait_for("feed.disconnected", |_| true, Within::secs(10));
    assert!(lost["reason"].as_str().unwrap().contains("no data"), "{lost}");
    let noticed = between(&stale, &lost);
    assert!(noticed < Duration::from_millis(800), "{noticed:?}");
    venue.control("silence?on=false");
    engine.wait_for("stream.recovered", |_| true, Within::secs(10));
    engine.wait_for_more_fills(3, |_| true);
    check_nothing_lost(engine, &desk, &venue);
}

#[test]
fn reports_that_do_not_come_while_answers_do() {
    let venue = Venue::start(10);
    // Half a second of ours, at this speed.
    let desk = Desk::at(&venue).with_busy_strategies().set("venue.reconcile_every_ms=5000");
    let mut engine = trading(&desk);
    venue.control("silence?on=true");
    // The market goes on: resting orders fill, and nobody tells.
    std::thread::sleep(Duration::from_millis(700));
    let before = engine.events("order.filled").len();
    engine.wait_for_many(before + 1, "order.filled", |_| true, Within::secs(10));
    venue.control("silence?on=false");
    engine.wait_for_more_fills(3, |_| true);
    check_nothing_lost(engine, &desk, &venue);
}

#[test]
fn a_trading_connection_that_passes_nothing_on() {
    let venue = Venue::start(10);
    let line = Line::to(venue.address());
    let desk = Desk::by_way_of(&venue, venue.address(), line.address())
        .with_busy_strategies()
        .set("venue.probe_every_ms=200")
        .set("venue.silent_after_ms=600");
    let mut engine = trading(&desk);
    let opened = line.opened();
    line.silence();
    let lost = engine.wait_for("trading.disconnected", |_| true, Within::secs(10));
    assert_eq!(lost["reason"], "silent for too long");
    check_repaired(&mut engine, 1, 2);
    assert!(line.opened() > opened);
    check_nothing_lost(engine, &desk, &venue);
}

#[test]
fn a_feed_that_passes_nothing_on() {
    let venue = Venue::start(10);
    let line = Line::to(venue.address());
    let desk = Desk::by_way_of(&venue, line.address(), venue.address())
        .with_busy_strategies()
        .set("feed.silent_after_ms=600");
    let mut engine = trading(&desk);
    line.silence();
    engine.wait_for("feed.disconnected", |_| true, Within::secs(10));
    check_repaired(&mut engine, 2, 1);
    assert_eq!(engine.events("trading.disconnected"), Vec::<Value>::new());
    check_nothing_lost(engine, &desk, &venue);
}
