//! What a person is told at once, by webhook and by the kill switch's file.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Desk, Venue, Within, compare};

/// A webhook: takes what is posted, answers 200.
pub fn webhook() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut text = String::new();
            let mut buffer = [0; 4_096];
            let body = loop {
                let count = stream.read(&mut buffer).unwrap_or(0);
                text.push_str(&String::from_utf8_lossy(&buffer[..count]));
                let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
                match body.map(serde_json::from_str) {
                    Some(Ok(body)) => break body,
                    _ => assert!(count > 0, "{text}"),
                }
            };
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
            if tell.send(body).is_err() {
                return;
            }
        }
    });
    (url, told)
}

#[test]
fn a_quarantine_a_lost_connection_and_a_halt_reach_the_webhook() {
    let venue = Venue::start(10);
    let (url, told) = webhook();
    let desk = Desk::at(&venue)
        .with_busy_strategies()
        .with("floods", "BTCUSDT", "after_trades = 20")
        .set("instance=desk-7")
        .set(&format!("alerts.webhook_url={url}"));
    let mut engine = desk.start_faulty();
    let next = || told.recv_timeout(Duration::from_secs(60)).unwrap();
    let first = next();
    assert_eq!(first["subject"], "strategy floods is quarantined", "{first}");
    assert!(first["text"].as_str().unwrap().contains("effects in one step"), "{first}");
    assert_eq!(first["source"], "tickwright");
    venue.control("drop_websockets");
    let second = next();
    assert_eq!(second["subject"], "user data is lost", "{second}");
    assert!(second["at"].is_string() && second["host"].is_string(), "{second}");
    assert_eq!(second["name"], "desk-7", "{second}");
    let started = &engine.events("engine.started")[0];
    assert_eq!(second["instance"], started["instance"], "{second}");
    let heartbeat = engine.wait_for("engine.heartbeat", |_| true, Within::secs(10));
    assert_eq!(heartbeat["name"], "desk-7", "{heartbeat}");
    assert!(heartbeat["account"].as_str().unwrap().starts_with("custom:"), "{heartbeat}");
    assert_eq!(second["account"], heartbeat["account"], "{second}");
    assert_eq!((&second["level"], &second["trading_state"]), (&"warning".into(), &"active".into()));
    let back = next();
    assert_eq!(back["subject"], "user data is back", "{back}");
    engine.wait_for_many(2, "reconcile.finished", |_| true, Within::secs(10));
    std::fs::write(desk.state_dir().join("HALT"), "").unwrap();
    let third = next();
    assert_eq!(third["subject"], "trading state is now halted", "{third}");
    assert_eq!((&third["level"], &third["trading_state"]), (&"error".into(), &"halted".into()));
    engine.wait_for_many(4, "alert.sent", |_| true, Within::secs(5));
    assert_eq!(engine.events("alert.failed"), Vec::<Value>::new());
    engine.stop();
    compare(&desk, &venue);
}

#[test]
fn the_kill_switch_halts_and_the_halt_outlives_the_process() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    std::fs::write(desk.state_dir().join("HALT"), "").unwrap();
    let changed = engine.wait_for("risk.state_changed", |_| true, Within::secs(5));
    assert_eq!((&changed["from"], &changed["to"]), (&"active".into(), &"halted".into()));
    assert!(changed["reason"].as_str().unwrap().contains("HALT exists"), "{changed}");
    engine.wait_for("engine.heartbeat", |l| l["open_orders"] == 0, Within::secs(10));
    assert_eq!(venue.open_orders(), Vec::<String>::new());
    engine.stop();

    std::fs::remove_file(desk.state_dir().join("HALT")).unwrap();
    let mut engine = desk.start();
    let heartbeat = engine.wait_for("engine.heartbeat", |_| true, Within::secs(30));
    assert_eq!(heartbeat["trading_state"], "halted", "only a person lets it trade on");
    assert_eq!(engine.events("order.intended"), Vec::<Value>::new());
    engine.stop();
    compare(&desk, &venue);
}
