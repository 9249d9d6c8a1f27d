//! What the venue may do to an account while it trades: halt a symbol, revoke a key.

use crate::support::{Desk, Signal, Venue, Within, compare};

#[test]
fn a_symbol_that_the_venue_halts_stops_nobody_else() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |line| line["symbol"] == "SOLUSDT");
    venue.control("halt?symbol=SOLUSDT&status=HALT");
    // What the grid sends now is refused, by the venue's word.
    engine.wait_for(
        "order.rejected",
        |line| line["symbol"] == "SOLUSDT" && line["reason"] == "Market is closed.",
        Within::secs(60),
    );
    engine.wait_for_more_fills(3, |line| line["symbol"] == "BNBUSDT");
    venue.control("halt?symbol=SOLUSDT&status=TRADING");
    engine.wait_for_more_fills(3, |line| line["symbol"] == "SOLUSDT");
    assert_eq!(engine.events("risk.state_changed"), Vec::<serde_json::Value>::new());
    engine.stop();
    compare(&desk, &venue);
}

/// The gate learns of it from the venue's list, before an order has to be refused.
#[test]
fn a_change_of_the_venues_rules_reaches_the_gate() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies().set("venue.rules_every_ms=200");
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |line| line["symbol"] == "SOLUSDT");
    venue.control("halt?symbol=SOLUSDT&status=CANCEL_ONLY");
    let changed = engine.wait_for("instrument.changed", |_| true, Within::secs(20));
    assert_eq!(
        (&changed["symbol"], &changed["status"]),
        (&"SOLUSDT".into(), &"cancel_only".into())
    );
    engine.wait_for(
        "order.denied",
        |line| line["symbol"] == "SOLUSDT" && line["rule"] == "instrument_status",
        Within::secs(60),
    );
    engine.wait_for_more_fills(3, |line| line["symbol"] == "BNBUSDT");
    venue.control("halt?symbol=SOLUSDT&status=TRADING");
    engine.wait_for("instrument.changed", |line| line["status"] == "trading", Within::secs(20));
    engine.wait_for_more_fills(3, |line| line["symbol"] == "SOLUSDT");
    assert_eq!(engine.events("instrument.unread"), Vec::<serde_json::Value>::new());
    engine.stop();
    compare(&desk, &venue);
}

#[test]
fn a_key_that_is_revoked_while_it_trades_ends_trading_and_loses_nothing() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    let key = venue.keys().ed25519_api_key.clone();
    venue.control(&format!("revoke_key?api_key={key}"));
    let told = engine.wait_for(
        "order.rejected",
        |line| line["code"] == -2015 || line["code"] == -2014,
        Within::secs(60),
    );
    eprintln!("{told}");
    engine.signal(Signal::Terminate);
    // What rests at the venue can't be taken back with this key: the exit code says so.
    let code = engine.exit(Within::secs(30));
    assert!(code == Some(5) || code == Some(0), "{code:?}");
}
