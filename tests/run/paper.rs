//! `mode = "paper"`: the venue's public streams, orders matched here, an account that is kept.

use std::collections::BTreeMap;

use crate::support::{Desk, Engine, Signal, Venue, Within};

const SYMBOLS: [&str; 2] = ["SOLUSDT", "BNBUSDT"];

fn desk(venue: &Venue) -> Desk {
    Desk::public(venue).set("mode=paper").set("paper.maker_fee=0.0002").with_busy_strategies()
}

/// Positions and balances, as the journal says.
fn books(desk: &Desk) -> (BTreeMap<String, String>, BTreeMap<String, String>, u64) {
    let ledger = desk.journal().ledger().unwrap();
    let position = |(strategy, instrument, position): (_, _, &kernel::portfolio::Position)| {
        (format!("{strategy} {instrument}"), position.quantity().to_string())
    };
    let balances = ledger.balances().iter();
    (
        ledger.positions().map(position).collect(),
        balances.map(|(asset, amount)| (asset.to_string(), amount.to_string())).collect(),
        ledger.fills_booked(),
    )
}

#[track_caller]
fn check_nothing_reached_the_venue(venue: &Venue) {
    for symbol in SYMBOLS {
        assert!(venue.orders(symbol).is_empty() && venue.fills(symbol).is_empty(), "{symbol}");
    }
}

#[track_caller]
fn check_active(engine: &mut Engine) {
    let heartbeat = engine.wait_for(
        "engine.heartbeat",
        |line| line["healthy"] == true && line["unknown_orders"] == 0,
        Within::secs(30),
    );
    assert_eq!(heartbeat["trading_state"], "active");
}

#[test]
fn trades_without_a_key_and_goes_on_after_kill_minus_nine() {
    let venue = Venue::start(1);
    let desk = desk(&venue);
    let mut engine = desk.start();
    engine.wait_until_ready();
    let started = &engine.events("paper.started")[0];
    assert_eq!(started["latency"], "constant, 25000 us each way", "{started}");
    assert!(started["queue"].as_str().unwrap().starts_with("back"), "{started}");
    assert_eq!(engine.events("account.fees_read")[0]["asked"], 0);
    let mut booked = 0;
    for _ in 0..3 {
        engine.wait_for_more_fills(3, |_| true);
        engine.signal(Signal::Kill);
        assert_eq!(engine.exit(Within::secs(5)), None);
        let (positions, balances, fills) = books(&desk);
        // Its log tells of a fill a moment before the journal has it: the last may be missing,
        // and then it is missing in the account too.
        assert!(fills > booked, "{fills} fills, and {booked} before");
        booked = fills;
        let working = desk.journal().ledger().unwrap().open_orders().count();
        engine = desk.start();
        engine.wait_until_ready();
        let replayed = &engine.events("journal.replayed")[0];
        assert_eq!((&replayed["fills"], &replayed["orders"]), (&fills.into(), &working.into()));
        let started = &engine.events("paper.started")[0];
        assert_eq!(started["orders_expired"], 0, "{started}");
        assert!(started["orders_restored"].as_u64().unwrap() > 0, "{started}");
        assert!(!positions.is_empty() && balances.contains_key("USDT"));
        check_active(&mut engine);
    }
    engine.stop();
    let stopped = books(&desk);
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.signal(Signal::Kill);
    engine.exit(Within::secs(5));
    let ledger = desk.journal().verify().unwrap().ledger;
    assert!(ledger.fills_booked() >= stopped.2, "no fill is forgotten");
    assert_eq!(ledger.fills_repeated(), 0, "no number is given twice");
    check_nothing_reached_the_venue(&venue);
}

/// A stop and a new start without a fill in between: the same positions to the last digit.
#[test]
fn positions_and_balances_survive_a_restart() {
    let venue = Venue::start(1);
    let desk = desk(&venue);
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    engine.stop();
    let stopped = books(&desk);
    // Nothing moves any more: the second run reads everything and can't trade.
    venue.control("pause");
    let mut engine = desk.start();
    engine.wait_for("reconcile.finished", |_| true, Within::secs(30));
    engine.signal(Signal::Kill);
    engine.exit(Within::secs(5));
    assert_eq!(books(&desk), stopped);
    check_nothing_reached_the_venue(&venue);
}

#[test]
fn fees_are_the_accounts_own_where_there_is_a_key() {
    let venue = Venue::start(1);
    let desk =
        Desk::at(&venue).set("mode=paper").set("paper.taker_fee=0.05").with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    let fees = &engine.events("account.fees_read")[0];
    assert_eq!((&fees["asked"], &fees["dearest"]), (&2.into(), &"0.001".into()), "{fees}");
    engine.stop();
    check_nothing_reached_the_venue(&venue);
}
