//! `mode = "live"` at an exchange elsewhere: opted into twice, with either kind of key, and only
//! with a key that can't take money out.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{Desk, Venue, Within, compare};

#[track_caller]
fn trades(desk: &Desk, venue: &Venue) {
    let mut engine = desk.start();
    engine.wait_until_ready();
    assert_eq!(engine.events("engine.started")[0]["mode"], "live");
    assert_eq!(engine.events("account.key_checked")[0]["may_trade"], true);
    let fees = &engine.events("account.fees_read")[0];
    assert_eq!((&fees["asked"], &fees["dearest"]), (&2.into(), &"0.001".into()), "{fees}");
    engine.wait_for_more_fills(5, |_| true);
    engine.stop();
    assert_eq!(venue.open_orders(), Vec::<String>::new());
    let compared = compare(desk, venue);
    assert!(compared.fills >= 5, "{compared:?}");
}

#[test]
fn with_an_ed25519_key() {
    let venue = Venue::start(1);
    trades(&Desk::at(&venue).live().with_busy_strategies(), &venue);
}

#[test]
fn with_an_hmac_key() {
    let venue = Venue::start(1);
    trades(&Desk::with_hmac_key(&venue).live().with_busy_strategies(), &venue);
}

#[test]
fn with_an_rsa_key() {
    let venue = Venue::start(1);
    trades(&Desk::with_rsa_key(&venue).live().with_busy_strategies(), &venue);
}

#[test]
fn real_money_is_asked_for_twice() {
    let venue = Venue::start(1);
    let desk = Desk::at(&venue).set("mode=live").with_busy_strategies();
    let (code, errors) = desk.refused();
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("--live"), "{errors}");
    let desk = Desk::at(&venue).flag("--live").with_busy_strategies();
    let (code, errors) = desk.refused();
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("mode = \"sim\""), "the flag alone is no mode: {errors}");
}

#[test]
fn a_key_that_can_lose_more_than_trading_can() {
    let venue = Venue::start(1);
    let key = venue.keys().ed25519_api_key.clone();
    let desk = || Desk::at(&venue).live().with_busy_strategies();
    venue.control(&format!("key_rights?api_key={key}&withdraw=true&ip_restrict=true"));
    let (code, errors) = desk().refused();
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("may withdraw or transfer"), "{errors}");
    assert!(errors.contains("venue.accept_key_that_withdraws"), "{errors}");

    let accepting = desk().set("venue.accept_key_that_withdraws=true");
    let mut engine = accepting.start();
    engine.wait_until_ready();
    let unsafe_keys = engine.events("account.key_unsafe");
    assert_eq!(unsafe_keys.len(), 1, "{unsafe_keys:?}");
    assert_eq!(unsafe_keys[0]["reason"], "the key may withdraw or transfer");
    engine.stop();

    venue.control(&format!("key_rights?api_key={key}"));
    let unrestricted = desk();
    let mut engine = unrestricted.start();
    engine.wait_until_ready();
    let unsafe_keys = engine.events("account.key_unsafe");
    assert_eq!(unsafe_keys[0]["reason"], "the key works from any address", "{unsafe_keys:?}");
    engine.stop();
}

/// `tickwright exchange` in a process of its own.
struct Exchange {
    child: Child,
    ready: Value,
}

impl Exchange {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
        command.args(["exchange", "--seed", "7"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, ready: serde_json::from_str(&line).unwrap() }
    }

    fn text(&self, field: &str) -> &str {
        self.ready[field].as_str().unwrap()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn at_an_exchange_in_another_process_by_the_one_line_that_it_prints() {
    let exchange = Exchange::start();
    let address = exchange.text("rest_url").trim_start_matches("http://");
    let desk = Desk::at_urls(exchange.text("rest_url"), address, address);
    desk.write_secret("api.key", exchange.text("ed25519_api_key"));
    let pem = std::fs::read_to_string(exchange.text("ed25519_private_key_file")).unwrap();
    desk.write_secret("private.pem", &pem);
    let desk = desk.live().with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    engine.wait_for("engine.heartbeat", |line| line["healthy"] == true, Within::secs(10));
    engine.stop();
}
