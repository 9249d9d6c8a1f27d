//! A start finds what the account does not hold any more, and a person accepts it.

use serde_json::Value;

use crate::support::{Desk, Venue, Within, compare};

/// An engine that has traded and was stopped.
fn traded(venue: &Venue) -> Desk {
    let desk = Desk::at(venue).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(4, |_| true);
    engine.stop();
    desk
}

#[test]
fn what_is_missing_halts_the_next_start_until_it_is_accepted() {
    let venue = Venue::start(10);
    let desk = traded(&venue);
    let (code, out, errors) = desk.command_with_settings(&["reconcile"]);
    assert_eq!(code, 0, "{out}{errors}");
    assert!(out.contains("journal and account agree"), "{out}");

    venue.control("deposit?asset=USDT&amount=-100");
    let (code, out, errors) = desk.command_with_settings(&["reconcile"]);
    assert_eq!(code, 5, "{out}{errors}");
    assert!(out.contains("difference -100") && out.contains("less than was booked"), "{out}");

    let mut engine = desk.start();
    engine.wait_until_ready();
    let mismatched = &engine.events("reconcile.mismatched")[0];
    assert_eq!((&mismatched["asset"], &mismatched["kind"]), (&"USDT".into(), &"shortfall".into()));
    let changed = &engine.events("risk.state_changed")[0];
    assert_eq!((&changed["to"], &changed["rule"]), (&"halted".into(), &"reconcile".into()));
    let heartbeat = engine.wait_for("engine.heartbeat", |_| true, Within::secs(10));
    assert_eq!(heartbeat["trading_state"], "halted");
    assert_eq!(engine.events("order.intended"), Vec::<Value>::new());
    let (code, _, errors) = desk.command(&["resume"]);
    assert_eq!(code, 5, "{errors}");
    assert!(errors.contains("of USDT") && errors.contains("reconcile --accept"), "{errors}");
    // Looking is allowed while it runs, accepting is not.
    assert_eq!(desk.command_with_settings(&["reconcile"]).0, 5);
    let (code, _, errors) = desk.command_with_settings(&["reconcile", "--accept"]);
    assert_eq!(code, 3, "{errors}");
    engine.stop();

    let (code, out, errors) = desk.command_with_settings(&["reconcile", "--accept"]);
    assert_eq!(code, 0, "{out}{errors}");
    let (code, out, _) = desk.command_with_settings(&["reconcile", "--json"]);
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &found["differences"]), (0, &Value::Array(Vec::new())), "{found}");

    let mut engine = desk.start();
    engine.wait_until_ready();
    assert_eq!(engine.events("reconcile.mismatched"), Vec::<Value>::new());
    assert_eq!(desk.command(&["resume"]).0, 0);
    let resumed = engine.wait_for("risk.state_changed", |_| true, Within::secs(10));
    assert_eq!((&resumed["to"], &resumed["level"]), (&"active".into(), &"info".into()));
    engine.wait_for_more_fills(1, |_| true);
    engine.stop();
    compare(&desk, &venue);
}

#[test]
fn a_deposit_is_told_and_halts_nothing() {
    let venue = Venue::start(10);
    let desk = traded(&venue);
    venue.control("deposit?asset=USDT&amount=50");
    let (code, out, errors) = desk.command_with_settings(&["reconcile"]);
    assert_eq!(code, 0, "{out}{errors}");
    assert!(out.contains("difference 50") && out.contains("a deposit"), "{out}");
    let mut engine = desk.start();
    engine.wait_until_ready();
    assert_eq!(engine.events("reconcile.mismatched")[0]["kind"], "surplus");
    engine.wait_for_more_fills(1, |_| true);
    engine.stop();
}

#[test]
fn what_is_taken_out_unheard_halts_within_the_next_looks() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies().set("venue.reconcile_every_ms=1000");
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(4, |_| true);
    // The user stream tells of it to nobody.
    venue.control("silence?on=true");
    venue.control("deposit?asset=USDT&amount=-100");
    venue.control("silence?on=false");
    let found = engine.wait_for("reconcile.mismatched", |_| true, Within::secs(60));
    assert_eq!((&found["asset"], &found["kind"]), (&"USDT".into(), &"shortfall".into()));
    let halted = engine.wait_for("risk.state_changed", |_| true, Within::secs(10));
    assert_eq!((&halted["to"], &halted["rule"]), (&"halted".into(), &"engine".into()));
    // Nobody trades on, not even exits, before it is accepted.
    for command in ["resume", "reduce-only"] {
        let (code, _, errors) = desk.command(&[command]);
        assert_eq!(code, 5, "{command}: {errors}");
        assert!(errors.contains("of USDT") && errors.contains("reconcile --accept"), "{errors}");
    }
    engine.stop();
    let (code, out, errors) = desk.command_with_settings(&["reconcile", "--accept"]);
    assert_eq!(code, 0, "{out}{errors}");
    compare(&desk, &venue);

    let mut engine = desk.start();
    engine.wait_until_ready();
    assert_eq!(desk.command(&["resume"]).0, 0);
    engine.wait_for("risk.state_changed", |line| line["to"] == "active", Within::secs(10));
    engine.stop();
}

#[test]
fn a_deposit_that_is_told_is_booked_and_halts_nothing() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies().set("venue.reconcile_every_ms=1000");
    let mut engine = desk.start();
    engine.wait_until_ready();
    venue.control("deposit?asset=USDT&amount=70");
    let moved = engine.wait_for("account.balance_moved", |_| true, Within::secs(20));
    assert_eq!((&moved["asset"], &moved["delta"]), (&"USDT".into(), &"70".into()));
    // Long enough for many looks.
    engine.wait_for_more_fills(4, |_| true);
    std::thread::sleep(std::time::Duration::from_secs(6));
    assert_eq!(engine.events("reconcile.mismatched"), Vec::<Value>::new());
    assert_eq!(engine.events("risk.state_changed"), Vec::<Value>::new());
    engine.stop();
    compare(&desk, &venue);
}

/// What is gone for good is written down on an operator's word: whose lots they were, and nothing
/// else.
#[test]
fn lots_that_are_gone_are_written_off_by_name_after_a_dry_run() {
    let venue = Venue::start(10);
    let parameters = "interval = \"1s\"\nreference_bars = 5\nfall_bps = 1\nrise_bps = 1000\n\
                      lots = 2\norder_notional = \"300\"";
    let desk = Desk::at(&venue).with("dip_buyer", "ETHUSDT", parameters);
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(1, |_| true);
    let all = venue.balances()["ETH"];
    venue.control(&format!("deposit?asset=ETH&amount=-{all}"));
    engine.wait_for("reconcile.mismatched", |l| l["kind"] == "oversold", Within::secs(30));
    engine.stop();

    let held = desk.held("dip_buyer", "ETHUSDT");
    let accept = ["reconcile", "--accept", "--write-off", "dip_buyer"];
    let (code, _, errors) =
        desk.command_with_settings(&["reconcile", "--accept", "--write-off", "no"]);
    assert!(code == 2 && errors.contains("this journal knows dip_buyer"), "{code} {errors}");
    let (code, out, errors) = desk.command_with_settings(&[&accept[..], &["--dry-run"]].concat());
    assert_eq!(code, 0, "{out}{errors}");
    assert!(out.contains(&format!("would write off {held} of dip_buyer's {held}")), "{out}");
    assert_eq!(desk.held("dip_buyer", "ETHUSDT"), held, "a dry run changes nothing");
    let (code, out, errors) = desk.command_with_settings(&accept);
    assert_eq!(code, 0, "{out}{errors}");
    assert!(out.contains("written off: ") && out.contains("tickwright resume"), "{out}");
    assert!(desk.held("dip_buyer", "ETHUSDT").is_zero());
    let (code, out, errors) = desk.command_with_settings(&["reconcile"]);
    assert_eq!(code, 0, "{out}{errors}");
    let (code, out, errors) = desk.command_with_settings(&accept);
    assert!(code == 2 && errors.contains("nothing that the account is short of"), "{out}{errors}");

    let mut engine = desk.start();
    engine.wait_until_ready();
    assert_eq!(engine.events("reconcile.mismatched"), Vec::<Value>::new());
    assert_eq!(desk.command(&["resume"]).0, 0);
    engine.wait_for("risk.state_changed", |line| line["to"] == "active", Within::secs(10));
    engine.stop();
}

/// A position that is sold or withdrawn by hand is booked, to the last digit: what is wrong is that
/// a strategy counts on it.
#[test]
fn what_strategies_hold_and_is_no_more_there_halts() {
    let venue = Venue::start(10);
    let parameters = "interval = \"1s\"\nreference_bars = 5\nfall_bps = 1\nrise_bps = 1000\n\
                      lots = 2\norder_notional = \"300\"";
    let desk = Desk::at(&venue).with("dip_buyer", "ETHUSDT", parameters);
    let mut engine = desk.start();
    engine.wait_until_ready();
    // The two lots may both be bought by now, and no more will be.
    engine.wait_for("order.filled", |_| true, Within::secs(90));
    let all = venue.balances()["ETH"];
    venue.control(&format!("deposit?asset=ETH&amount=-{all}"));
    let found = engine.wait_for("reconcile.mismatched", |_| true, Within::secs(30));
    assert_eq!((&found["asset"], &found["kind"]), (&"ETH".into(), &"oversold".into()), "{found}");
    let halted = engine.wait_for("risk.state_changed", |_| true, Within::secs(10));
    assert_eq!(halted["to"], "halted", "{halted}");
    engine.stop();

    // It is no adjustment that ends it.
    let (code, out, errors) = desk.command_with_settings(&["reconcile", "--accept"]);
    assert_eq!(code, 5, "{out}{errors}");
    assert!(out.contains("strategies hold more than there is"), "{out}");
    venue.control(&format!("deposit?asset=ETH&amount={all}"));
    let (code, out, errors) = desk.command_with_settings(&["reconcile", "--accept"]);
    assert_eq!(code, 0, "{out}{errors}");
    let (code, out, errors) = desk.command_with_settings(&["reconcile"]);
    assert_eq!(code, 0, "{out}{errors}");
    let mut engine = desk.start();
    engine.wait_until_ready();
    assert_eq!(desk.command(&["resume"]).0, 0);
    engine.stop();
    compare(&desk, &venue);
}
