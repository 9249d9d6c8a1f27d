//! Strategies that panic, flood and spin: what becomes of them, and that the others trade on.

use serde_json::Value;

use crate::support::{Desk, Engine, Venue, Within, compare};

fn of(strategy: &'static str) -> impl Fn(&Value) -> bool {
    move |line| line["strategy"] == strategy
}

/// The others trade on after what has just happened. Of these two one always has an order in
/// reach of the market; a grid may wait for its price.
#[track_caller]
fn check_others_trade(engine: &mut Engine) {
    engine.wait_for_more_fills(1, of("market_maker"));
    for trouble in ["strategy.panicked", "strategy.quarantined", "strategy.stopped"] {
        let struck = engine.events(trouble);
        let others = struck.iter().filter(|line| of("grid")(line) || of("market_maker")(line));
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&Value>::new());
    }
}

/// The entry that a faulty strategy keeps in the market is there, and then it is not.
#[track_caller]
fn check_entries_are_cancelled(engine: &mut Engine, venue: &Venue, strategy: &'static str) {
    let accepted = engine.events("order.accepted");
    let own: Vec<&str> = accepted
        .iter()
        .filter(|line| of(strategy)(line))
        .map(|line| line["order_id"].as_str().unwrap())
        .collect();
    assert!(!own.is_empty(), "{strategy} had an order to cancel");
    engine.wait_for("order.canceled", of(strategy), Within::secs(10));
    let open = venue.open_orders();
    assert!(own.iter().all(|order| !open.iter().any(|name| name == order)), "{open:?}");
}

#[test]
fn a_strategy_that_panics_restarts_with_back_off_and_is_quarantined() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue)
        .with_busy_strategies()
        .with("panics", "BTCUSDT", "after_trades = 20")
        .set("supervision.restarts_before_quarantine=3");
    let mut engine = desk.start_faulty();
    let quarantined = engine.wait_for("strategy.quarantined", of("panics"), Within::secs(60));
    assert_eq!(quarantined["restarts"], 4, "{quarantined}");
    assert!(quarantined["reason"].as_str().unwrap().contains("as configured"), "{quarantined}");
    let panics = engine.events("strategy.panicked");
    assert_eq!(panics.len(), 4);
    assert!(panics.iter().all(|line| line["message"] == "as configured"));
    let delays: Vec<u64> = engine
        .events("strategy.restarted")
        .iter()
        .map(|line| line["delay_ms"].as_u64().unwrap())
        .collect();
    assert_eq!(delays, [50, 100, 200], "each pause is twice as long as the one before");
    check_entries_are_cancelled(&mut engine, &venue, "panics");
    check_others_trade(&mut engine);
    let is_told = |line: &Value| line["problems"] == "panics is quarantined";
    let heartbeat = engine.wait_for("engine.heartbeat", is_told, Within::secs(10));
    assert_eq!(heartbeat["healthy"], false);
    engine.stop();

    // The quarantine outlives the process: the next start says so again and lets it rest.
    let mut engine = desk.start_faulty();
    engine.wait_until_ready();
    engine.wait_for("strategy.quarantined", of("panics"), Within::secs(10));
    check_others_trade(&mut engine);
    assert!(engine.events("order.intended").iter().all(|line| !of("panics")(line)));
    engine.stop();
    compare(&desk, &venue);
}

#[test]
fn a_strategy_that_floods_is_quarantined() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue)
        .with_busy_strategies()
        .with("floods", "BTCUSDT", "after_trades = 20")
        .set("supervision.effects_per_step=150");
    let mut engine = desk.start_faulty();
    let flooded = engine.wait_for("strategy.flooded", of("floods"), Within::secs(60));
    assert_eq!(flooded["limit"], 150, "{flooded}");
    engine.wait_for("strategy.quarantined", of("floods"), Within::secs(5));
    check_entries_are_cancelled(&mut engine, &venue, "floods");
    let intended = engine.events("order.intended");
    let own = intended.iter().filter(|line| of("floods")(line)).count();
    assert_eq!(own, 1, "nothing of the flood went out");
    check_others_trade(&mut engine);
    engine.stop();
    compare(&desk, &venue);
}

#[test]
fn a_strategy_that_spins_ends_the_process_until_it_is_quarantined() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue)
        .with_busy_strategies()
        .with("spins", "BTCUSDT", "after_trades = 20")
        .set("supervision.spin_limit_ms=300")
        .set("supervision.spin_strikes=2");
    for strike in 1..=2 {
        let mut engine = desk.start_faulty();
        assert_eq!(engine.exit(Within::secs(60)), Some(70), "{}", engine.errors());
        let spun = &engine.events("strategy.spun")[0];
        assert_eq!((&spun["strategy"], &spun["strikes"]), (&"spins".into(), &strike.into()));
        let busy_ms = spun["busy_ms"].as_u64().unwrap();
        assert!((300..1_500).contains(&busy_ms), "{spun}");
        assert!(engine.errors().contains("strategy spins did not come back"));
    }
    assert_ne!(venue.open_orders(), Vec::<String>::new(), "the process ended without a word");

    let mut engine = desk.start_faulty();
    engine.wait_until_ready();
    let quarantined = engine.wait_for("strategy.quarantined", of("spins"), Within::secs(10));
    assert_eq!(quarantined["reason"], "did not come back, 2 times");
    engine.wait_for("order.canceled", of("spins"), Within::secs(10));
    check_others_trade(&mut engine);
    engine.stop();
    assert_eq!(venue.open_orders(), Vec::<String>::new());
    compare(&desk, &venue);
}
