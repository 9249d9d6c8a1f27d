//! What the client owes the venue: requests signed with its time, and rest when it asks for rest.

use std::time::{Duration, Instant};

use crate::support::{Desk, Venue, Within, compare};

/// In `live` nobody announces the clock: it is compared by questions, and again after a -1021.
#[test]
fn a_venue_clock_that_jumps_is_followed() {
    let venue = Venue::start(1);
    let desk = Desk::at(&venue).live().with_busy_strategies().set("venue.probe_every_ms=60000");
    let desk = desk.set("venue.silent_after_ms=120000");
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    // Beyond the receive window: what is signed by the old offset is too old.
    venue.control("skew?ms=30000");
    // What meets it first is a cancel or a new order.
    let is_refused = |line: &serde_json::Value| line["code"] == -1021;
    let deadline = Instant::now() + Duration::from_secs(60);
    while !engine.lines().iter().any(is_refused) {
        assert!(Instant::now() < deadline, "nothing was refused for its time");
        std::thread::sleep(Duration::from_millis(10));
    }
    engine.wait_for_more_fills(3, |_| true);
    let refused = engine.lines().iter().filter(|line| is_refused(line)).count();
    assert!(refused < 20, "{refused} requests signed with a time that was known to be wrong");
    engine.stop();
    compare(&desk, &venue);
}

/// The weight of the minute is used up: the engine waits for the next one instead of being banned.
#[test]
fn a_venue_that_wants_rest_gets_it() {
    let venue = Venue::start(20);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    venue.control("exhaust_weight");
    engine.wait_for_more_fills(6, |_| true);
    let told = engine.lines().iter().map(ToString::to_string).collect::<String>();
    assert!(!told.contains("IP banned"), "asked on until it was banned");
    let heartbeat =
        engine.wait_for("engine.heartbeat", |line| line["healthy"] == true, Within::secs(60));
    assert_eq!(heartbeat["trading_state"], "active");
    engine.stop();
    compare(&desk, &venue);
}
