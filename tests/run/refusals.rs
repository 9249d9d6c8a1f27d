//! Starts that are refused: each with its exit code and words that say what to do, and nothing
//! done.

use std::net::TcpListener;

use crate::support::{Desk, Venue};

/// An order size and nothing more: for strategies that are not to trade.
const SOME: &str = "order_notional = \"300\"";

#[track_caller]
fn check(desk: &Desk, code: i32, words: &[&str]) {
    let (found, errors) = desk.refused();
    assert_eq!(found, code, "{errors}");
    for word in words {
        assert!(errors.contains(word), "{word} is not in: {errors}");
    }
}

#[test]
fn a_second_instance_on_the_same_state_directory() {
    let desk = Desk::embedded(10).with_busy_strategies();
    let mut first = desk.start();
    first.wait_until_ready();
    check(&desk, 3, &["state directory", &format!("process {}", first.process())]);
    first.wait_for_more_fills(1, |_| true);
    first.stop();
}

#[test]
fn a_second_instance_on_the_same_account() {
    let venue = Venue::start(10);
    let first = Desk::at(&venue).with_busy_strategies();
    let second = Desk::at(&venue).with_busy_strategies();
    let mut engine = first.start();
    engine.wait_until_ready();
    check(&second, 3, &["account custom:", &format!("process {}", engine.process())]);
    engine.stop();
    let mut engine = second.start();
    engine.wait_until_ready();
    engine.stop();
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let desk = Desk::embedded(10)
        .with_busy_strategies()
        .set("api.enabled=true")
        .set(&format!("api.port={port}"));
    check(&desk, 4, &[&format!("port {port} is in use"), "api.port"]);
    let log = std::fs::read_to_string(desk.state_dir().join("logs/tickwright.log")).unwrap();
    assert!(!log.contains("order."), "nothing was traded: {log}");
    let stopped = log.lines().find(|line| line.contains("engine.stopped")).unwrap();
    assert!(stopped.contains("\"exit_code\":4"), "{stopped}");
    assert!(stopped.contains("\"level\":\"error\""), "{stopped}");
}

#[test]
fn a_state_directory_that_cannot_be_written() {
    let desk = Desk::embedded(10).with("grid", "SOLUSDT", SOME);
    let advice = "set another state directory";
    // A file where the directory should be: refused to every user, root among them.
    std::fs::write(desk.state_dir(), "").unwrap();
    check(&desk, 7, &["cannot be written", advice]);
    std::fs::remove_file(desk.state_dir()).unwrap();

    std::fs::create_dir(desk.state_dir()).unwrap();
    desk.set_mode(0o500);
    if std::fs::write(desk.state_dir().join("probe"), "").is_ok() {
        eprintln!("SKIPPED: a read-only directory: this user may write everywhere");
        return;
    }
    check(&desk, 7, &["cannot be written", advice]);
    desk.set_mode(0o700);
}

#[test]
fn a_symbol_that_the_venue_does_not_have() {
    let desk = Desk::embedded(10).with("grid", "NOSUCHUSDT", SOME);
    check(&desk, 2, &["strategies/grid.toml", "NOSUCHUSDT"]);

    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with("grid", "NOSUCHUSDT", SOME);
    check(&desk, 2, &["strategies/grid.toml", "NOSUCHUSDT"]);
    let both = Desk::at(&venue).with_busy_strategies().with("dip_buyer", "NOSUCHUSDT", SOME);
    check(&both, 2, &["strategies/dip_buyer.toml", "NOSUCHUSDT"]);
}

#[test]
fn a_venue_that_cannot_be_reached() {
    // Bound and closed again: nobody listens there.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let venue = Venue::start(10);
    let desk = Desk::at_urls(&format!("http://{nobody}"), &nobody, &nobody);
    desk.write_secret("private.pem", &venue.keys().ed25519_private_key_pem);
    let desk = desk.with("grid", "SOLUSDT", SOME);
    check(&desk, 6, &[&nobody, "check the endpoint"]);
}

#[test]
fn a_key_that_the_venue_does_not_know() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with("grid", "SOLUSDT", SOME);
    desk.write_secret("api.key", &"x".repeat(64));
    check(&desk, 2, &["-2015", "venue.api_key_file"]);
}
