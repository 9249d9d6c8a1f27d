//! Whose ledger it is: the account's, whatever key is used; and who else trades on it.

use std::time::Duration;

use model::Side;
use serde_json::Value;

use crate::support::{Desk, Signal, Venue, Within, compare};

#[test]
fn another_key_of_the_account_goes_on_with_its_ledger() {
    let venue = Venue::start(10);
    let desk = Desk::with_rsa_key(&venue).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    let (code, _, errors) = desk.command(&["halt", "--reason", "do not trade"]);
    assert_eq!(code, 0, "{errors}");
    engine.stop();
    desk.take_rsa_key(&venue, &"S".repeat(64));
    let mut engine = desk.start();
    engine.wait_until_ready();
    assert!(engine.events("journal.replayed").last().unwrap()["records"].as_u64().unwrap() > 5);
    let heartbeat = engine.wait_for("engine.heartbeat", |_| true, Within::secs(30));
    assert_eq!(heartbeat["trading_state"], "halted", "the halt is the account's");
    engine.stop();
    compare(&desk, &venue);
}

#[test]
fn a_new_ledger_beside_another_starts_halted() {
    let (venue, other) = (Venue::start(10), Venue::start(10));
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.stop();
    // Another server: the same directory has no ledger of it.
    let moved = Desk::at(&other).with_busy_strategies();
    let state_dir = moved.state_dir();
    std::fs::rename(desk.state_dir(), &state_dir).unwrap();
    let mut engine = moved.start();
    let told = engine.wait_for("journal.new_ledger", |_| true, Within::secs(60));
    assert!(told["reason"].as_str().unwrap().contains("other ledgers of custom"), "{told}");
    engine.wait_until_ready();
    assert_eq!(engine.events("order.intended"), Vec::<Value>::new());
    let (code, _, errors) = moved.command(&["resume"]);
    assert_eq!(code, 0, "{errors}");
    engine.wait_for_more_fills(1, |_| true);
    engine.stop();
}

#[test]
fn a_journal_that_is_gone_is_no_first_start() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(1, |_| true);
    engine.stop();
    let remove = |prefix: &str| {
        for file in std::fs::read_dir(desk.state_dir()).unwrap() {
            let file = file.unwrap();
            if file.file_name().to_string_lossy().starts_with(prefix) {
                std::fs::remove_file(file.path()).unwrap();
            }
        }
    };
    remove("journal-");
    let mut engine = desk.start();
    let told = engine.wait_for("engine.read_only", |_| true, Within::secs(60));
    assert!(told["reason"].as_str().unwrap().contains("records were on the disk"), "{told}");
    engine.signal(Signal::Terminate);
    assert_eq!(engine.exit(Within::secs(20)), Some(7), "{}", engine.errors());
    // With its mark moved away a new ledger is opened, and halted.
    remove("mark-");
    let mut engine = desk.start();
    engine.wait_until_ready();
    let told = &engine.events("journal.new_ledger")[0];
    assert!(told["reason"].as_str().unwrap().contains("its journal is gone"), "{told}");
    assert_eq!(engine.events("order.intended"), Vec::<Value>::new());
    engine.stop();
}

/// A lock keeps a second one off one host; from another host its orders tell of it.
#[test]
fn orders_of_another_installation_halt_until_an_operator_resumes() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies().set("venue.reconcile_every_ms=1000");
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(1, |_| true);
    venue.place("SOLUSDT", "twotheri-1-1-1e", Side::Buy, "60", "0.5");
    let told = engine.wait_for("reconcile.strangers", |_| true, Within::secs(60));
    assert!(told["reason"].as_str().unwrap().contains("(instance otheri)"), "{told}");
    let changed = engine.wait_for("risk.state_changed", |_| true, Within::secs(20));
    assert_eq!(changed["to"], "halted", "{changed}");
    assert!(changed["reason"].as_str().unwrap().contains("otheri"), "{changed}");
    let (code, _, errors) = desk.command(&["resume"]);
    assert_eq!(code, 0, "{errors}");
    engine.wait_for_more_fills(1, |_| true);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(engine.events("reconcile.strangers").len(), 1, "told once");
    engine.stop();
    assert_eq!(venue.open_orders().len(), 1, "it was not touched");

    let mut engine = desk.start();
    engine.wait_until_ready();
    let heartbeat = engine.wait_for("engine.heartbeat", |_| true, Within::secs(30));
    assert_eq!(heartbeat["trading_state"], "halted", "at the next start too");
    engine.stop();
}
