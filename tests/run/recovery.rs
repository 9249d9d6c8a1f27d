//! `kill -9` at any instant, and a new start: Active, reconciled, and both records are the same.

use std::time::Duration;

use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use crate::support::{Desk, Engine, Signal, Venue, Within, compare};

#[track_caller]
fn kill(mut engine: Engine) {
    engine.signal(Signal::Kill);
    assert_eq!(engine.exit(Within::secs(5)), None);
    for event in ["engine.panicked", "mailbox.overflowed", "risk.instrument_halted"] {
        assert_eq!(engine.events(event), Vec::<serde_json::Value>::new());
    }
}

/// Kills so many times and compares after each.
#[track_caller]
fn check(seed: u64, kills: u32, settings: &[&str]) {
    eprintln!("seed {seed}");
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let venue = Venue::start(20);
    let desk = Desk::at(&venue).with_busy_strategies();
    let desk = settings.iter().fold(desk, |desk, setting| desk.set(setting));
    for _ in 0..kills {
        let mut engine = desk.start();
        // Now and then while it starts.
        let wait_ms = random.random_range(0..1_500);
        if random.random_bool(0.7) {
            engine.wait_until_ready();
        }
        std::thread::sleep(Duration::from_millis(wait_ms));
        kill(engine);
    }
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    let heartbeat = engine.wait_for(
        "engine.heartbeat",
        |line| line["healthy"] == true && line["unknown_orders"] == 0,
        Within::secs(30),
    );
    assert_eq!(heartbeat["trading_state"], "active");
    engine.stop();
    assert_eq!(venue.open_orders(), Vec::<String>::new());
    let compared = compare(&desk, &venue);
    eprintln!("{kills} kills, then the same on both sides: {compared:?}");
    assert!(compared.orders > 20 && compared.fills > 3, "{compared:?}");
}

#[test]
fn killed_ten_times_both_records_are_the_same() {
    check(1, 10, &[]);
}

#[test]
fn killed_with_synced_records_both_records_are_the_same() {
    check(2, 4, &["journal.durability=power"]);
}

/// `cargo test --release --test run -- --ignored killed_a_hundred_times`
#[test]
#[ignore = "takes minutes: run it by name"]
fn killed_a_hundred_times() {
    for seed in 3..13 {
        check(seed, 10, &[]);
    }
}

/// What a `kill -9` takes of the log is made good by the next start: the log alone tells the profit
/// that the journal has.
#[test]
fn fills_whose_lines_a_kill_took_are_in_the_log_s_profit_after_the_next_start() {
    let desk = Desk::embedded(10).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(6, |_| true);
    kill(engine);
    let log = desk.state_dir().join("logs/tickwright.log");
    let text = std::fs::read_to_string(&log).unwrap();
    let is_fill = |line: &&str| line.contains("\"order.filled\"");
    let fills = text.lines().filter(is_fill).count();
    // As if it had been killed before these were written.
    let mut told = 0;
    let kept = text.lines().filter(|line| {
        told += usize::from(is_fill(line));
        !is_fill(line) || told + 3 <= fills
    });
    let kept: String = kept.flat_map(|line| [line, "\n"]).collect();
    std::fs::write(&log, kept).unwrap();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.stop();
    let (code, printed, errors) =
        Desk::output(&["logs", "summary", log.to_str().unwrap(), "--json"]);
    assert_eq!(code, 0, "{printed}{errors}");
    let summary: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert!(summary["notes"][0].as_str().unwrap().contains("corrected by"), "{summary}");
    let orders = &summary["orders"];
    assert_eq!([&orders["working"], &orders["pending"], &orders["unknown"]], [0, 0, 0], "{orders}");
    let ledger = desk.journal().ledger().unwrap();
    let rows = summary["strategies"].as_array().unwrap();
    let traded: Vec<_> = ledger.positions().collect();
    assert!(!traded.is_empty());
    for (strategy, instrument, position) in traded {
        let (strategy, symbol) =
            (ledger.strategy(strategy).unwrap(), ledger.instrument(instrument).unwrap().symbol);
        let row = rows
            .iter()
            .find(|row| row["strategy"] == strategy && row["symbol"] == *symbol.as_str());
        let row = row.unwrap_or_else(|| panic!("{strategy} {symbol}: {summary}"));
        let money = |field: &str| row[field].as_str().unwrap().parse::<model::Amount>().unwrap();
        assert_eq!(
            (money("realised"), money("fees")),
            (position.realised(), position.fees()),
            "{row}"
        );
        let held: model::Quantity = row["position"].as_str().unwrap().parse().unwrap();
        assert_eq!(held, position.quantity(), "{row}");
    }
}

/// What was traded since a start that missed nothing is no correction.
#[test]
fn a_restart_in_good_order_corrects_nothing() {
    let desk = Desk::embedded(10).with_busy_strategies();
    for _ in 0..3 {
        let mut engine = desk.start();
        engine.wait_until_ready();
        engine.wait_for_more_fills(5, |_| true);
        engine.stop();
    }
    let log = desk.state_dir().join("logs/tickwright.log");
    let (code, printed, errors) =
        Desk::output(&["logs", "summary", log.to_str().unwrap(), "--json"]);
    assert_eq!(code, 0, "{printed}{errors}");
    let summary: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert!(summary["fills"].as_u64().unwrap() >= 15, "{summary}");
    assert_eq!(summary["notes"], serde_json::json!([]), "{summary}");
}

#[test]
fn killed_with_its_exchange_inside_it_goes_on_as_well() {
    let desk = Desk::embedded(10).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(5, |_| true);
    kill(engine);
    let filled = desk.journal().ledger().unwrap().fills_booked();
    assert!(filled > 0);
    let mut engine = desk.start();
    engine.wait_until_ready();
    let replayed = &engine.events("journal.replayed")[0];
    assert_eq!(replayed["fills"], filled, "{replayed}");
    engine.wait_for_more_fills(5, |_| true);
    let heartbeat = engine.wait_for("engine.heartbeat", |_| true, Within::secs(10));
    assert_eq!(heartbeat["trading_state"], "active");
    engine.stop();
}
