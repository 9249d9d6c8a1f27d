//! Stops: entries are cancelled and their cancels confirmed, or the exit code says that they were
//! not.

use std::time::{Duration, Instant};

use crate::support::{Desk, Engine, Signal, Venue, Within, compare};

/// An engine with orders in the market.
fn with_open_orders(desk: &Desk, venue: &Venue) -> Engine {
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    let deadline = Instant::now() + Duration::from_secs(20);
    while venue.open_orders().len() < 3 {
        assert!(Instant::now() < deadline, "no orders rest");
    }
    engine
}

/// Where these tests are run under `nohup`, the engine is too, and has to outlive the terminal.
#[test]
fn a_closed_terminal_ends_it_as_well_unless_that_was_to_be_outlived() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = with_open_orders(&desk, &venue);
    engine.signal(Signal::Hangup);
    if tickwright::commands::run::is_hangup_ignored() {
        engine.wait_for_more_fills(1, |_| true);
        engine.stop();
    } else {
        assert_eq!(engine.exit(Within::secs(20)), Some(0), "{}", engine.errors());
    }
    assert_eq!(venue.open_orders(), Vec::<String>::new());
}

#[test]
fn a_signal_cancels_entries_confirms_them_and_ends_well() {
    for signal in [Signal::Terminate, Signal::Interrupt] {
        let venue = Venue::start(10);
        let desk = Desk::at(&venue).with_busy_strategies();
        let mut engine = with_open_orders(&desk, &venue);
        engine.signal(signal);
        assert_eq!(engine.exit(Within::secs(20)), Some(0), "{}", engine.errors());
        assert_eq!(venue.open_orders(), Vec::<String>::new());
        let drained = &engine.events("shutdown.drained")[0];
        assert!(drained["canceled"].as_u64().unwrap() >= 3, "{drained}");
        assert_eq!((&drained["kept"], &drained["unconfirmed"]), (&0.into(), &0.into()));
        let compared = compare(&desk, &venue);
        assert!(compared.fills >= 3, "{compared:?}");
    }
}

#[test]
fn a_signal_before_the_start_is_done_ends_it() {
    let venue = Venue::start(10);
    venue.control("delay?ms=60000&matching=exchangeInfo");
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_for("config.loaded", |_| true, Within::secs(20));
    engine.signal(Signal::Terminate);
    assert_eq!(engine.exit(Within::secs(5)), Some(0), "{}", engine.errors());
}

/// A service manager and a terminal may both tell: a stop in good order is not cut short by it.
#[test]
fn two_signals_at_once_are_one() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = with_open_orders(&desk, &venue);
    venue.control("delay?ms=1000&matching=order.cancel");
    // Both wait for it when it goes on, however long this test takes between them.
    for signal in [Signal::Freeze, Signal::Terminate, Signal::Interrupt, Signal::Thaw] {
        engine.signal(signal);
    }
    assert_eq!(engine.exit(Within::secs(20)), Some(0), "{}", engine.errors());
    assert_eq!(engine.events("shutdown.forced").len(), 0);
    assert_eq!(engine.events("engine.stopped")[0]["level"], "info");
}

#[test]
fn a_second_signal_stops_at_once() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = with_open_orders(&desk, &venue);
    venue.control("delay?ms=60000&matching=order.cancel");
    engine.signal(Signal::Terminate);
    engine.wait_for("shutdown.draining", |_| true, Within::secs(5));
    std::thread::sleep(Duration::from_millis(300));
    let asked_at = Instant::now();
    engine.signal(Signal::Terminate);
    assert_eq!(engine.exit(Within::secs(5)), Some(5), "{}", engine.errors());
    assert!(asked_at.elapsed() < Duration::from_secs(2), "{:?}", asked_at.elapsed());
    assert_eq!(engine.events("shutdown.forced").len(), 1);
    assert_eq!(engine.events("engine.stopped")[0]["level"], "error");
    assert!(engine.errors().contains("orders may still work"), "{}", engine.errors());

    // What was left is found again, and taken back in good order this time.
    venue.control("clear");
    assert_ne!(venue.open_orders(), Vec::<String>::new());
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.stop();
    assert_eq!(venue.open_orders(), Vec::<String>::new());
    compare(&desk, &venue);
}

#[test]
fn a_stop_that_is_not_confirmed_in_time_says_so() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies().set("shutdown.drain_timeout_ms=500");
    let mut engine = with_open_orders(&desk, &venue);
    venue.control("delay?ms=60000&matching=order.cancel");
    engine.signal(Signal::Terminate);
    assert_eq!(engine.exit(Within::secs(10)), Some(5), "{}", engine.errors());
    let drained = &engine.events("shutdown.drained")[0];
    assert!(drained["unconfirmed"].as_u64().unwrap() > 0, "{drained}");
    assert!(engine.errors().contains("may still work at the venue"), "{}", engine.errors());
}
