//! Protective orders at the venue: there after fills, and still there after whatever happens to
//! the engine.

use std::time::{Duration, Instant};

use model::Quantity;

use crate::support::{Desk, Engine, Signal, Venue, Within, compare};

const HOLDS: &str = "after_trades = 1000000\nquantity = \"0.05\"\nholds = true";

/// A desk whose strategy buys once and keeps what it has, and keeps an entry below the market.
fn desk(venue: &Venue) -> Desk {
    Desk::at(venue).with("panics", "BTCUSDT", HOLDS).protected("panics", 1_000)
}

/// Waits until all that is held rests under stops, within the dust that a fee in base leaves. Gives
/// how many they are, which is two where the position was bought in more than one fill, and for
/// how much.
#[track_caller]
fn wait_until_protected(desk: &Desk, venue: &Venue, engine: &Engine) -> (usize, Quantity) {
    wait_for_orders(1, desk, venue, engine)
}

/// The same under so many orders that protect each the same.
#[track_caller]
fn wait_for_orders(legs: usize, desk: &Desk, venue: &Venue, engine: &Engine) -> (usize, Quantity) {
    let step: Quantity = "0.0001".parse().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let held = desk.held("panics", "BTCUSDT");
        let (count, protected) = venue.protected("BTCUSDT");
        let protected = Quantity::from_units(protected.units() / legs as i64);
        let is_whole = count > 0 && count % legs == 0;
        if is_whole && protected.is_positive() && held - protected < step {
            assert!(protected <= held, "{protected} protects {held}");
            return (count, protected);
        }
        if Instant::now() > deadline {
            engine.describe();
            panic!("{count} protective orders for {protected} of {held}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn started(desk: &Desk) -> Engine {
    let mut engine = desk.start_faulty();
    engine.wait_until_ready();
    engine
}

#[test]
fn a_stop_rests_for_what_is_held_through_shutdown_kill_and_halt() {
    let venue = Venue::start(10);
    let desk = desk(&venue);
    let mut engine = started(&desk);
    let protected = wait_until_protected(&desk, &venue, &engine);
    let (count, _) = protected;
    let restored = engine.wait_for("protection.restored", |_| true, Within::secs(5));
    assert!(restored["duration_ms"].as_u64().unwrap() < 30_000, "{restored}");

    engine.stop();
    let drained = &engine.events("shutdown.drained")[0];
    let kept = (&drained["kept"], &drained["unprotected"]);
    assert_eq!(kept, (&count.into(), &0.into()), "{drained}");
    assert_eq!(venue.protected("BTCUSDT"), protected, "a stop leaves it working");
    let resting = venue.open_orders();

    // Killed at different moments of a run, it finds what rests and adds nothing.
    for wait_ms in [0, 300, 1_500] {
        let mut engine = started(&desk);
        std::thread::sleep(Duration::from_millis(wait_ms));
        engine.signal(Signal::Kill);
        engine.exit(Within::secs(5));
        assert_eq!(venue.protected("BTCUSDT"), protected, "killed after {wait_ms} ms");
    }
    let mut engine = started(&desk);
    let (code, _, errors) = desk.command(&["halt"]);
    assert_eq!(code, 0, "{errors}");
    engine.wait_for("engine.heartbeat", |l| l["open_orders"] == count, Within::secs(10));
    assert_eq!(venue.open_orders(), resting, "a halt keeps it, and only it");
    let heartbeat = engine.wait_for("engine.heartbeat", |_| true, Within::secs(5));
    assert_eq!(heartbeat["unprotected"], 0);
    engine.stop();
    assert_eq!(venue.open_orders(), resting);
    compare(&desk, &venue);
}

#[test]
fn a_pair_rests_for_what_is_held_through_shutdown_kill_and_halt() {
    let venue = Venue::start(10);
    let desk = desk(&venue).with_target("panics", 2_000);
    let mut engine = started(&desk);
    wait_for_orders(2, &desk, &venue, &engine);
    engine.wait_for("protection.restored", |_| true, Within::secs(5));
    engine.stop();
    let resting = venue.open_orders();
    assert!(resting.len() >= 2, "a stop leaves both working: {resting:?}");
    // What is bought meanwhile, should the market come to the entry, is protected beside it.
    let stands = || {
        let open = venue.open_orders();
        assert!(resting.iter().all(|name| open.contains(name)), "{resting:?} of {open:?}");
    };
    for wait_ms in [0, 1_500] {
        let mut engine = started(&desk);
        std::thread::sleep(Duration::from_millis(wait_ms));
        engine.signal(Signal::Kill);
        engine.exit(Within::secs(5));
        stands();
    }
    let mut engine = started(&desk);
    let (code, _, errors) = desk.command(&["halt"]);
    assert_eq!(code, 0, "{errors}");
    engine.wait_for("engine.heartbeat", |l| l["unprotected"] == 0, Within::secs(30));
    stands();
    engine.stop();
    stands();
    compare(&desk, &venue);
}

#[test]
fn a_pair_whose_answer_is_lost_is_found_and_not_doubled() {
    let venue = Venue::start(10);
    let desk = desk(&venue).with_target("panics", 2_000);
    // Carried out, and the connection cut instead of an answer.
    venue.control("fail?point=after&status=0&matching=orderList");
    let mut engine = started(&desk);
    engine.wait_for("order.unknown", |_| true, Within::secs(60));
    wait_for_orders(2, &desk, &venue, &engine);
    engine.signal(Signal::Kill);
    engine.exit(Within::secs(5));
    let engine_again = started(&desk);
    wait_for_orders(2, &desk, &venue, &engine_again);
    let mut engine = engine_again;
    engine.stop();
    compare(&desk, &venue);
}

#[test]
fn a_kill_while_a_pair_is_on_its_way_leaves_one_pair() {
    let venue = Venue::start(10);
    let desk = desk(&venue).with_target("panics", 2_000);
    venue.control("delay?ms=60000&matching=orderList");
    let mut engine = desk.start_faulty();
    engine.wait_for("order.filled", |_| true, Within::secs(60));
    std::thread::sleep(Duration::from_millis(300));
    engine.signal(Signal::Kill);
    engine.exit(Within::secs(5));
    venue.control("clear");
    let mut engine = started(&desk);
    wait_for_orders(2, &desk, &venue, &engine);
    engine.stop();
    compare(&desk, &venue);
}

/// A strategy that buys and sells all it holds, again and again, under a pair.
fn crossing(venue: &Venue) -> Desk {
    let crossing = "source = \"trades\"\nfast = 2\nslow = 6\nwarm_up = 30\nquantity = \"0.05\"";
    let desk = Desk::at(venue).with("ema_cross", "BTCUSDT", crossing);
    let desk = desk.set("venue.rules_every_ms=200");
    desk.protected("ema_cross", 500).with_target("ema_cross", 500)
}

#[test]
fn exits_take_the_place_of_a_pair_in_one_request() {
    let venue = Venue::start(10);
    let desk = crossing(&venue);
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(12, |_| true);
    let replaced = |line: &serde_json::Value| line["reason"] == "replaced";
    engine.wait_for_many(4, "order.canceled", replaced, Within::secs(120));
    engine.stop();
    let rejected = engine.events("order.rejected");
    assert_eq!(rejected.len(), 0, "{rejected:?}");
    compare(&desk, &venue);
}

#[test]
fn where_the_venue_takes_no_pairs_the_stop_rests_alone() {
    let venue = Venue::start(10);
    venue.control("rules?symbol=BTCUSDT&ocoAllowed=false");
    let desk = desk(&venue).with_target("panics", 2_000);
    let mut engine = started(&desk);
    wait_until_protected(&desk, &venue, &engine);
    let told = engine.wait_for("protection.refused", |_| true, Within::secs(10));
    assert!(told["reason"].as_str().unwrap().contains("ocoAllowed"), "{told}");
    engine.stop();
    assert_eq!(engine.events("order.rejected"), Vec::<serde_json::Value>::new(), "none was sent");
    compare(&desk, &venue);
}

#[test]
fn where_the_venue_takes_no_exchanges_an_exit_is_a_cancel_and_then_a_sale() {
    let venue = Venue::start(10);
    venue.control("rules?symbol=BTCUSDT&cancelReplaceAllowed=false");
    let desk = crossing(&venue);
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(8, |_| true);
    // Taken from now on, and known within the next look.
    let short = |line: &serde_json::Value| line["reason"] == "replaced";
    assert!(!engine.events("order.canceled").iter().any(short));
    venue.control("rules?symbol=BTCUSDT&cancelReplaceAllowed=true");
    let changed = engine.wait_for("instrument.changed", |_| true, Within::secs(30));
    assert_eq!(
        (&changed["filters_changed"], &changed["features_changed"]),
        (&false.into(), &true.into())
    );
    engine.wait_for_many(2, "order.canceled", short, Within::secs(90));
    engine.stop();
    assert_eq!(engine.events("order.rejected"), Vec::<serde_json::Value>::new(), "none was sent");
    compare(&desk, &venue);
}

#[test]
fn an_exit_whose_answer_is_lost_is_sold_once() {
    let venue = Venue::start(10);
    let desk = crossing(&venue);
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(2, |_| true);
    for point in ["after", "before"] {
        let unknown = engine.events("order.unknown").len();
        venue.control(&format!("fail?point={point}&status=503&matching=cancelReplace"));
        engine.wait_for_many(unknown + 1, "order.unknown", |_| true, Within::secs(60));
        engine.wait_for_more_fills(4, |_| true);
    }
    // Dead with the exit on its way.
    venue.control("delay?ms=60000&matching=cancelReplace");
    std::thread::sleep(Duration::from_secs(2));
    engine.signal(Signal::Kill);
    engine.exit(Within::secs(5));
    venue.control("clear");
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(2, |_| true);
    engine.stop();
    let (_, protected) = venue.protected("BTCUSDT");
    let held = desk.held("ema_cross", "BTCUSDT");
    assert!(protected.units() <= 2 * held.units(), "{protected} of {held}");
    compare(&desk, &venue);
}

#[test]
fn a_kill_between_the_fill_and_its_stop_is_mended_by_the_next_start() {
    let venue = Venue::start(10);
    let desk = desk(&venue);
    // The venue does not take the stop: the engine dies without it.
    venue.control("delay?ms=60000&matching=STOP_LOSS");
    let mut engine = desk.start_faulty();
    engine.wait_for("order.filled", |_| true, Within::secs(60));
    // Time enough for a stop to be placed, were it taken.
    std::thread::sleep(Duration::from_millis(300));
    engine.signal(Signal::Kill);
    engine.exit(Within::secs(5));
    assert_eq!(venue.protected("BTCUSDT").0, 0, "the stop was taken");
    venue.control("clear");
    let engine = started(&desk);
    wait_until_protected(&desk, &venue, &engine);
    let mut engine = engine;
    engine.stop();
    compare(&desk, &venue);
}

#[test]
fn a_quarantine_keeps_it() {
    let venue = Venue::start(10);
    let fails = "after_trades = 60\nquantity = \"0.05\"\nholds = true";
    let desk = Desk::at(&venue)
        .with("panics", "BTCUSDT", fails)
        .protected("panics", 1_000)
        .set("supervision.restarts_before_quarantine=1");
    let mut engine = desk.start_faulty();
    engine.wait_for("strategy.quarantined", |_| true, Within::secs(90));
    let are_protective = |l: &serde_json::Value| l["open_orders"] == venue.protected("BTCUSDT").0;
    engine.wait_for("engine.heartbeat", are_protective, Within::secs(30));
    let (count, protected) = venue.protected("BTCUSDT");
    let held = desk.held("panics", "BTCUSDT");
    assert!(protected.is_positive() && protected <= held, "{protected} of {held}");
    engine.stop();
    assert_eq!(venue.protected("BTCUSDT"), (count, protected));
    compare(&desk, &venue);
}

#[test]
fn exits_get_past_the_stop_and_nothing_is_sold_twice() {
    let venue = Venue::start(10);
    let crossing = "source = \"trades\"\nfast = 2\nslow = 6\nwarm_up = 30\nquantity = \"0.05\"";
    let desk = Desk::at(&venue).with("ema_cross", "BTCUSDT", crossing).protected("ema_cross", 500);
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(12, |_| true);
    engine.wait_for_many(4, "protection.restored", |_| true, Within::secs(120));
    engine.wait_for_many(4, "order.filled", |line| line["side"] == "sell", Within::secs(120));
    engine.stop();
    let rejected = engine.events("order.rejected");
    assert_eq!(rejected.len(), 0, "{rejected:?}");
    let (_, protected) = venue.protected("BTCUSDT");
    let held = desk.held("ema_cross", "BTCUSDT");
    assert!(protected <= held, "{protected} of {held}");
    compare(&desk, &venue);
}
