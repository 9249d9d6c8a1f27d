//! A journal that is damaged in the middle: the engine comes up to be looked at, and no more.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Desk, Signal, Venue, Within};

/// The journal and its log, as they are on the disk.
fn files(desk: &Desk) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(desk.state_dir()).unwrap().map(|entry| entry.unwrap().path());
    let of_journal = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let ends = [".sqlite", "-wal", "-ahead0", "-ahead1"];
        name.starts_with("journal-") && ends.iter().any(|end| name.ends_with(end))
    };
    let mut found: Vec<PathBuf> = entries.filter(of_journal).collect();
    found.sort();
    found.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Changes a letter in the name of every order that the database tells of.
fn damage(desk: &Desk) {
    let (path, mut bytes) =
        files(desk).into_iter().find(|(path, _)| path.extension().unwrap() == "sqlite").unwrap();
    let pattern = b"\"client_order_id\":\"tw";
    let places: Vec<usize> = bytes
        .windows(pattern.len())
        .enumerate()
        .filter_map(|(place, window)| (window == pattern).then_some(place))
        .collect();
    assert!(!places.is_empty(), "the database tells of orders");
    for place in places {
        bytes[place + pattern.len() - 1] = b'x';
    }
    std::fs::write(path, bytes).unwrap();
}

fn ours(told: &Value) -> usize {
    let orders = told["open_orders"].as_array().unwrap();
    orders.iter().filter(|order| order["is_ours"] == true).count()
}

#[test]
fn a_damaged_journal_is_looked_at_and_no_order_leaves() {
    let venue = Venue::start(1);
    let desk = Desk::at(&venue).with_busy_strategies();
    let desk = desk.set("api.enabled=true").set("api.port=0");
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    // A clean end moves all to the database; the next one leaves orders at the venue.
    engine.stop();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for("order.accepted", |_| true, Within::secs(60));
    engine.signal(Signal::Kill);
    assert_eq!(engine.exit(Within::secs(10)), None);
    venue.control("pause");
    assert!(!venue.open_orders().is_empty(), "it left orders");
    damage(&desk);
    let (found, placed) = (files(&desk), venue.orders("SOLUSDT").len());

    let mut engine = desk.start();
    let told = engine.wait_for("engine.read_only", |_| true, Within::secs(60));
    assert!(told["reason"].as_str().unwrap().contains("corrupt at record"), "{told}");
    let started = engine.wait_for("api.started", |_| true, Within::secs(30));
    let (code, out, errors) = desk.command(&["status", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{errors}"));
    assert_eq!((code, &told["trading_state"]), (8, &"halted".into()), "{told}");
    assert!(!told["balances"].as_array().unwrap().is_empty(), "{told}");
    assert!(ours(&told) > 0, "{told}");
    let health = ask_over_http(started["url"].as_str().unwrap(), "/health");
    assert!(health.starts_with("HTTP/1.1 503") && health.contains("corrupt"), "{health}");

    for command in [&["resume"][..], &["flatten", "--max-slippage-bps", "50"][..]] {
        let (code, _, errors) = desk.command(command);
        assert!(code == 5 && errors.contains("read-only"), "{command:?}: {code} {errors}");
    }
    let (code, out, errors) = desk.command(&["halt", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{errors}"));
    assert!(code == 8 && told["canceled"].as_u64().unwrap() > 0, "{told}");
    assert!(desk.state_dir().join("HALT").exists(), "the next start is halted too");

    engine.signal(Signal::Terminate);
    assert_eq!(engine.exit(Within::secs(20)), Some(7), "{}", engine.errors());
    assert!(files(&desk) == found, "the journal is as it was found");
    assert_eq!(venue.orders("SOLUSDT").len(), placed, "no order left");
    assert_eq!(engine.events("order.intended"), Vec::<Value>::new());
}

/// A bare request.
fn ask_over_http(url: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
