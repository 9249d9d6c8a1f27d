//! What the venue may do to an account while it trades: halt a symbol, revoke a key.

use std::time::Duration;

use serde_json::Value;

use crate::alerts::webhook;
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
    assert_eq!(engine.events("risk.state_changed"), Vec::<Value>::new());
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
    assert_eq!(engine.events("instrument.unread"), Vec::<Value>::new());
    engine.stop();
    compare(&desk, &venue);
}

/// Filters too, while everything runs: what risk denies, what strategies ask for, and what the
/// next order looks like.
#[test]
fn a_changed_filter_reaches_risk_strategies_and_the_next_order() {
    const RULES: &str = "rules?symbol=BTCUSDT&tickSize=0.5&stepSize=0.0003&minQty=0.0003&\
                         minNotional=50";
    let venue = Venue::start(10);
    let desk = Desk::at(&venue)
        .with("smallest", "BTCUSDT", "")
        .with_busy_strategies()
        .set("venue.rules_every_ms=200");
    let mut engine = desk.start_faulty();
    engine.wait_until_ready();
    let of = |kind: &'static str| move |line: &Value| line["strategy"] == kind;
    engine.wait_for_many(3, "order.accepted", of("smallest"), Within::secs(60));
    engine.wait_for_many(3, "order.accepted", of("grid"), Within::secs(60));

    // More than the grid's orders are worth: risk says so before the venue has to.
    venue.control("rules?symbol=SOLUSDT&minNotional=400");
    venue.control(RULES);
    for symbol in ["SOLUSDT", "BTCUSDT"] {
        let is_it = |line: &Value| line["symbol"] == symbol && line["filters_changed"] == true;
        let changed = engine.wait_for("instrument.changed", is_it, Within::secs(30));
        assert_eq!(changed["status"], "trading");
        assert_eq!(changed["features_changed"], false);
    }
    let too_small = |line: &Value| {
        let limit = line["limit"].as_str().unwrap_or("");
        line["symbol"] == "SOLUSDT" && line["rule"] == "filters" && limit.contains("400")
    };
    engine.wait_for("order.denied", too_small, Within::secs(60));

    // The strategy asks by the new rules, the gate lets it pass, and the venue takes it.
    let name = |line: &Value| line["order_id"].as_str().unwrap_or("").to_owned();
    let before = engine.events("order.intended").into_iter().filter(of("smallest")).count();
    let intended =
        engine.wait_for_many(before + 5, "order.intended", of("smallest"), Within::secs(90));
    let asked = &intended[before + 2..];
    for order in asked {
        let price: f64 = order["price"].as_str().unwrap().parse().unwrap();
        let quantity: f64 = order["quantity"].as_str().unwrap().parse().unwrap();
        let is_multiple = |of: f64, step: f64| ((of / step).round() - of / step).abs() < 1e-6;
        assert!(is_multiple(price, 0.5) && is_multiple(quantity, 0.0003), "{order}");
        assert!(price * quantity >= 50.0 && price * (quantity - 0.0003) < 50.0, "{order}");
        engine.wait_for("order.accepted", |line| name(line) == name(order), Within::secs(30));
    }
    // One may be caught between the gate's new rules and the strategy's.
    let denied = engine.events("order.denied").into_iter().filter(of("smallest")).count();
    assert!(denied <= 1, "{denied} orders went by the old rules");
    engine.stop();
    compare(&desk, &venue);
}

#[test]
fn an_order_in_a_state_that_nobody_knows_is_asked_about_and_told_once() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    // What is asked about is in a state of a later version of the venue.
    // (Many of them: where the user stream brings an order before its answer, nobody asks.)
    venue.control("fail?point=after&status=503&count=40&matching=order.place");
    venue.control("alter?from=%22status%22:%22&to=%22status%22:%22TELE&matching=order.status");
    let unknown = engine.wait_for("order.state_unknown", |_| true, Within::secs(60));
    std::thread::sleep(Duration::from_secs(4));
    let of_it = |line: &&serde_json::Value| line["order_id"] == unknown["order_id"];
    let told = engine.events("order.state_unknown").iter().filter(of_it).count();
    assert_eq!(told, 1, "asked about once a second, told once");
    venue.control("clear");
    engine.wait_for_more_fills(3, |_| true);
    engine.stop();
    compare(&desk, &venue);
}

/// A venue that answers no signed question: the fills of a minute ago may be missing, and an engine
/// that says it is well would be believed.
#[test]
fn an_engine_that_cannot_compare_any_more_is_not_well_and_says_so() {
    let venue = Venue::start(10);
    let (url, alerts) = webhook();
    let desk = Desk::at(&venue)
        .with_busy_strategies()
        .set("venue.reconcile_every_ms=2000")
        .set(&format!("alerts.webhook_url={url}"));
    let mut engine = desk.start();
    engine.wait_until_ready();
    let well = |line: &Value| line["healthy"] == true && line["reconcile_age_ms"].is_u64();
    engine.wait_for("engine.heartbeat", well, Within::secs(20));
    venue.control("fail?point=before&status=503&count=100000&matching=account.status");
    let overdue = engine.wait_for("reconcile.overdue", |_| true, Within::secs(90));
    assert_eq!((&overdue["level"], &overdue["limit_ms"]), (&"error".into(), &6_000.into()));
    assert!(overdue["age_ms"].as_u64().unwrap() > 6_000, "{overdue}");
    let alert = alerts.recv_timeout(Duration::from_secs(30)).unwrap();
    assert!(alert["subject"].as_str().unwrap().contains("not compared"), "{alert}");
    let ill = |line: &Value| line["problems"].to_string().contains("not compared with the venue");
    let beat = engine.wait_for("engine.heartbeat", ill, Within::secs(20));
    assert_eq!(beat["healthy"], false, "{beat}");
    assert_eq!(desk.command(&["status"]).0, 10);
    venue.control("clear");
    let again = alerts.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(
        (&again["subject"], &again["level"]),
        (&"compared with the venue again".into(), &"info".into())
    );
    engine.wait_for_more_fills(1, |_| true);
    engine.stop();
    compare(&desk, &venue);
}

/// What it holds back and what it costs is told: else orders vanish without a reason.
#[test]
fn a_rest_that_the_venue_wants_is_told_with_what_it_costs() {
    let venue = Venue::start(5);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    // The rest lasts to the end of the venue's minute: one that is long enough to be looked at.
    let (limited, shown) = (0..20)
        .find_map(|round| {
            venue.control("exhaust_weight");
            let told =
                engine.wait_for_many(round + 1, "trading.rate_limited", |_| true, Within::secs(60));
            let is_long = told[round]["retry_after_ms"].as_u64().unwrap() > 20_000;
            let shown = is_long.then(|| desk.command(&["status"]).1);
            // Once the minute is over the next one can be used up.
            let rest = Duration::from_millis(told[round]["retry_after_ms"].as_u64().unwrap() / 5);
            std::thread::sleep(rest + Duration::from_millis(500));
            shown.map(|shown| (told[round].clone(), shown))
        })
        .expect("not every rest begins at the end of a minute");
    assert_eq!(limited["status"], 429, "{limited}");
    assert!(shown.contains("problem: the venue wants no requests until"), "{shown}");
    let lost = |line: &Value| {
        line["reason"].as_str().unwrap_or("").starts_with("not sent: rate limit: no room until")
    };
    let absent = engine.wait_for("order.absent", lost, Within::secs(60));
    let name = absent["order_id"].as_str().unwrap();
    let (code, out, errors) = desk.command(&["explain", name]);
    assert!(code == 0 && out.contains("not sent: rate limit"), "{out}{errors}");
    engine.wait_for_many(1, "engine.heartbeat", |l| l["healthy"] == true, Within::secs(60));
    engine.stop();
    compare(&desk, &venue);
}

#[test]
fn a_key_that_is_revoked_while_it_trades_ends_trading_and_loses_nothing() {
    let venue = Venue::start(10);
    let (url, alerts) = webhook();
    let desk = Desk::at(&venue).with_busy_strategies().set(&format!("alerts.webhook_url={url}"));
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    let key = venue.keys().ed25519_api_key.clone();
    venue.control(&format!("revoke_key?api_key={key}"));
    // The session ends with its key, and no other is logged on. Told at once, and by itself:
    // nobody has to guess it from a rejected order.
    let refused = engine.wait_for("trading.key_refused", |_| true, Within::secs(60));
    assert_eq!((&refused["level"], &refused["code"]), (&"error".into(), &(-2015).into()));
    // That the stream of the account has ended is told as well, and may be told first.
    let told = std::iter::repeat_with(|| alerts.recv_timeout(Duration::from_secs(30)).unwrap());
    let alert = told.take(5).find(|alert| alert["subject"] == "the venue refuses the key");
    assert_eq!(alert.unwrap()["level"], "error");
    let ill = |line: &Value| {
        line["healthy"] == false && line["problems"].to_string().contains("refuses the key")
    };
    engine.wait_for("engine.heartbeat", ill, Within::secs(20));
    let (code, out, _) = desk.command(&["status"]);
    assert!(
        code == 10 && out.contains("problem: the venue refuses the key: -2015"),
        "{code} {out}"
    );
    assert_eq!(engine.events("trading.key_refused").len(), 1, "told once, and then rarely");
    engine.signal(Signal::Terminate);
    // What rests at the venue can't be taken back with this key: the exit code says so.
    let code = engine.exit(Within::secs(30));
    assert!(code == Some(5) || code == Some(0), "{code:?}");
    // Once the name has a key again, the next start finds everything and takes it back.
    desk.take_rsa_key(&venue, &key);
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.stop();
    let compared = compare(&desk, &venue);
    assert!(compared.orders > 0 && compared.fills > 0, "{compared:?}");
}
