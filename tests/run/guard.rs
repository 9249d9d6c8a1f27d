//! The guard: entries of a dead engine are taken back, and nothing else is.

use std::time::{Duration, Instant};

use model::Side;

use crate::support::{Desk, Engine, Signal, Venue, Within};

/// A strategy with a protected position and an entry far below the market, and others that trade.
fn desk(venue: &Venue) -> Desk {
    Desk::at(venue)
        .with_busy_strategies()
        .with("panics", "BTCUSDT", "after_trades = 1000000\nquantity = \"0.05\"\nholds = true")
        .protected("panics", 1_000)
}

#[track_caller]
fn wait_until(what: &str, holds: impl Fn() -> bool, engine: &Engine) {
    let deadline = Instant::now() + Duration::from_secs(40);
    while !holds() {
        if Instant::now() > deadline {
            engine.describe();
            panic!("{what}");
        }
        // A list of all open orders costs much of the rate limit.
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Names of open orders by their last letter.
fn names(venue: &Venue, letter: char) -> Vec<String> {
    let mut names = venue.open_orders();
    names.retain(|name| name.ends_with(letter));
    names.sort();
    names
}

fn count(venue: &Venue, letter: char) -> usize {
    names(venue, letter).len()
}

/// An engine with entries, an exit or two, a protective order, and a stranger's orders beside.
fn trading(desk: &Desk, venue: &Venue) -> Engine {
    let mut engine = desk.start_faulty();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    venue.place("BTCUSDT", "by_hand_e", Side::Buy, "20000", "0.001");
    let is_set = || count(venue, 'e') >= 3 && count(venue, 'p') > 0;
    wait_until("entries and a protective order rest", is_set, &engine);
    engine
}

#[track_caller]
fn check_swept(venue: &Venue, guard: &mut Engine, limit: Duration, strangers: &[&str]) {
    let killed_at = Instant::now();
    let protective = names(venue, 'p');
    assert_ne!(protective, Vec::<String>::new());
    let tripped = guard.wait_for("guard.tripped", |_| true, Within::secs(20));
    assert!(killed_at.elapsed() >= limit, "not before the limit: {:?}", killed_at.elapsed());
    let age = Duration::from_millis(tripped["age_ms"].as_u64().unwrap());
    assert!(age < limit + Duration::from_secs(3), "{tripped}");
    wait_until("the guard cancels the entries", || count(venue, 'e') == strangers.len(), guard);
    assert_eq!(names(venue, 'e'), strangers, "strangers' orders are not touched");
    assert_eq!(names(venue, 'p'), protective, "nor is what protects");
}

#[test]
fn a_killed_engine_s_entries_are_cancelled_within_the_limit_and_nothing_else() {
    let venue = Venue::start(10);
    let desk = desk(&venue);
    let mut engine = trading(&desk, &venue);
    let state_dir = desk.state_dir();
    let arguments = ["--limit", "3s", "--state-dir", state_dir.to_str().unwrap()];
    let mut guard = desk.start_guard(&arguments);
    // While the engine lives, nothing happens, for longer than the limit.
    guard.wait_for("guard.started", |_| true, Within::secs(20));
    std::thread::sleep(Duration::from_secs(5));
    assert!(
        guard.lines().iter().all(|line| line["event"] == "guard.started"),
        "{:?}",
        guard.lines()
    );
    assert!(count(&venue, 'e') >= 3);

    engine.signal(Signal::Kill);
    engine.exit(Within::secs(5));
    check_swept(&venue, &mut guard, Duration::from_millis(1_500), &["by_hand_e"]);
    // An exit may fill meanwhile; none is cancelled.
    assert!(
        guard
            .events("guard.canceled")
            .iter()
            .all(|line| { line["order_id"].as_str().unwrap().ends_with('e') })
    );

    // The engine comes back, finds out, and is left alone.
    let mut engine = desk.start_faulty();
    engine.wait_until_ready();
    guard.wait_for("guard.rested", |_| true, Within::secs(20));
    engine.wait_for_more_fills(1, |_| true);
    guard.signal(Signal::Terminate);
    assert_eq!(guard.exit(Within::secs(5)), Some(0));
    engine.stop();
    assert!(count(&venue, 'p') > 0);
}

#[test]
fn a_guard_on_another_host_hears_through_the_api_with_a_read_token() {
    let venue = Venue::start(10);
    let desk = desk(&venue);
    desk.write_secret("read.token", "correct-horse-battery");
    let token = desk.path().join("read.token");
    let token = token.to_str().unwrap();
    let desk =
        desk.set("api.enabled=true").set("api.port=0").set(&format!("api.read_token_file={token}"));
    let mut engine = trading(&desk, &venue);
    // Of this product, but of another installation.
    venue.place("ETHUSDT", "twotheri-1-1-1e", Side::Buy, "1000", "0.01");
    let url = engine.events("api.started")[0]["url"].as_str().unwrap().to_owned();
    let refused = crate::get(&url, "/positions");
    assert!(refused.contains("show the read token"), "{refused}");

    let mut guard = desk.start_guard(&["--limit", "3s", "--api", &url, "--token-file", token]);
    guard.wait_for("guard.started", |_| true, Within::secs(20));
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(guard.events("guard.tripped"), Vec::<serde_json::Value>::new());
    engine.signal(Signal::Kill);
    engine.exit(Within::secs(5));
    let strangers = ["by_hand_e", "twotheri-1-1-1e"];
    check_swept(&venue, &mut guard, Duration::from_millis(1_500), &strangers);
    guard.signal(Signal::Terminate);
    assert_eq!(guard.exit(Within::secs(5)), Some(0));
}

#[test]
fn an_engine_that_ends_in_good_order_trips_no_guard() {
    let venue = Venue::start(10);
    let desk = desk(&venue);
    let mut engine = trading(&desk, &venue);
    let state_dir = desk.state_dir();
    let fixed = ["--limit", "2s", "--state-dir", state_dir.to_str().unwrap()];
    let mut other = desk.start_guard(&[&fixed[..], &["--instance", "zzzzzz"]].concat());
    assert_eq!(other.exit(Within::secs(20)), Some(2), "{}", other.errors());
    let mut guard = desk.start_guard(&fixed);
    guard.wait_for("guard.started", |_| true, Within::secs(20));
    engine.stop();
    guard.wait_for("guard.engine_ended", |_| true, Within::secs(20));
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(guard.events("guard.tripped"), Vec::<serde_json::Value>::new());
    // It is awake again with the engine.
    let mut engine = desk.start_faulty();
    engine.wait_until_ready();
    std::thread::sleep(Duration::from_secs(2));
    engine.signal(Signal::Kill);
    engine.exit(Within::secs(5));
    guard.wait_for("guard.tripped", |_| true, Within::secs(20));
    guard.signal(Signal::Terminate);
    assert_eq!(guard.exit(Within::secs(5)), Some(0));
}

/// Once the process is gone its API says nothing: it is told before that.
#[test]
fn an_engine_that_ends_in_good_order_trips_no_guard_that_hears_through_the_api() {
    let venue = Venue::start(10);
    let desk = desk(&venue).set("api.enabled=true").set("api.port=0");
    let mut engine = trading(&desk, &venue);
    let url = engine.events("api.started")[0]["url"].as_str().unwrap().to_owned();
    let mut guard = desk.start_guard(&["--limit", "2s", "--api", &url]);
    guard.wait_for("guard.started", |_| true, Within::secs(20));
    std::thread::sleep(Duration::from_secs(2));
    engine.stop();
    guard.wait_for("guard.engine_ended", |_| true, Within::secs(20));
    std::thread::sleep(Duration::from_secs(5));
    for event in ["guard.tripped", "guard.deaf"] {
        assert_eq!(guard.events(event), Vec::<serde_json::Value>::new());
    }
    guard.signal(Signal::Terminate);
    assert_eq!(guard.exit(Within::secs(5)), Some(0));
}

#[test]
fn a_guard_that_hears_nothing_says_why_at_once() {
    let venue = Venue::start(1);
    let desk = desk(&venue);
    let nowhere = desk.path().join("nowhere");
    let check = |arguments: &[&str], expected: &str| {
        let mut guard = desk.start_guard(arguments);
        let told = guard.wait_for("guard.deaf", |_| true, Within::secs(20));
        assert!(told["reason"].as_str().unwrap().contains(expected), "{told}");
        guard.signal(Signal::Terminate);
        assert_eq!(guard.exit(Within::secs(5)), Some(0));
    };
    check(&["--limit", "60s", "--state-dir", nowhere.to_str().unwrap()], "No such file");
    check(&["--limit", "60s", "--api", "http://127.0.0.1:9"], "127.0.0.1:9/heartbeat");
}
