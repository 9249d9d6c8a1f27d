//! Frames that no exchange should send: said so in the log, skipped or recovered from, and nothing
//! lost.

use serde_json::Value;

use crate::support::{Desk, Venue, Within, compare};

const STREAM: &str = r#"{"stream":"solusdt@bookTicker","data":"#;

fn quote(bid: &str, ask: &str) -> String {
    // An update id far ahead would be another fault: see below.
    quote_of(1, bid, ask)
}

fn quote_of(update_id: i64, bid: &str, ask: &str) -> String {
    format!(
        r#"{STREAM}{{"u":{update_id},"s":"SOLUSDT","b":"{bid}","B":"1.00000000","a":"{ask}","A":"1.00000000"}}}}"#
    )
}

fn trade(price: &str, quantity: &str) -> String {
    format!(
        r#"{{"stream":"solusdt@trade","data":{{"e":"trade","E":1,"s":"SOLUSDT","t":9000000000,"p":"{price}","q":"{quantity}","T":1,"m":true,"M":true}}}}"#
    )
}

#[test]
fn market_frames_that_cannot_be() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(2, |_| true);
    let malformed = [
        "nonsense".to_owned(),
        String::new(),
        "{\"stream\":\"solusdt@trade\",\"data\":{\"e\":\"trade\"".to_owned(),
        format!("{STREAM}{}", "[".repeat(10_000)),
        quote("-1.00000000", "1.00000000"),
        quote("2.00000000", "1.00000000"),
        quote("1e30", "2e30"),
        quote("99999999999999999999", "99999999999999999999"),
        trade("0.00000000", "1.00000000"),
        trade("-5.00000000", "1.00000000"),
        trade("1.00000000", "0.00000000"),
        trade("NaN", "1.00000000"),
        trade("1.000000000000000001", "1.00000000"),
    ];
    for frame in &malformed {
        venue.inject("streams", frame);
    }
    let told = engine.wait_for("frame.malformed", |_| true, Within::secs(10));
    assert_eq!(told["count"], 1, "{told}");
    engine.wait_for_more_fills(3, |_| true);
    assert!(engine.events("feed.disconnected").is_empty(), "the connection was not at fault");
    engine.stop();
    assert_eq!(engine.events("feed.summary")[0]["malformed"], malformed.len());
    let told = engine.events("frame.malformed");
    assert!(told.len() < malformed.len(), "a line a second at most");
    assert!(told.iter().all(|line| line.to_string().len() < 500), "{told:?}");
    compare(&desk, &venue);
}

/// What can be read, and is a hundredth of the price or numbered far ahead of all that will come.
#[test]
fn market_frames_that_nobody_should_believe() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue)
        .with_busy_strategies()
        .set("risk.daily_loss=500")
        .set("risk.max_drawdown=500");
    let mut engine = desk.start();
    engine.wait_until_ready();
    let of_sol = |line: &Value| line["symbol"] == "SOLUSDT";
    let filled = engine.wait_for("order.filled", of_sol, Within::secs(90));
    let bid: f64 = filled["price"].as_str().unwrap().parse().unwrap();
    let (bid, ask) = (format!("{bid:.8}"), format!("{:.8}", bid + 1.0));
    // As far ahead as numbers go, at a price that it might have: everything after it is older.
    venue.inject("streams", &quote_of(999_999_999_999, &bid, &ask));
    venue.inject("streams", &quote_of(999_999_999_998, "0.01000000", "0.02000000"));
    let far = trade("0.01000000", "1.00000000").replace(r#""T":1,"#, r#""T":99999999999999,"#);
    venue.inject("streams", &far);
    let doubted = engine.wait_for("feed.price_doubted", |_| true, Within::secs(20));
    assert_eq!((&doubted["symbol"], &doubted["stream"]), (&"SOLUSDT".into(), &"trade".into()));
    assert_eq!(doubted["price"].as_str().unwrap().parse::<f64>().unwrap(), 0.01, "{doubted}");
    // Best prices come again, long before anybody has dropped the connection.
    let begun_anew = |line: &Value| line["stream"] == "quote" && line["symbol"] == "SOLUSDT";
    engine.wait_for("feed.gap", begun_anew, Within::secs(40));
    engine.wait_for_more_fills(3, |_| true);
    assert!(engine.events("feed.disconnected").is_empty(), "the connection was not at fault");
    assert!(engine.events("risk.tripped").is_empty(), "nobody lost anything");
    engine.stop();
    compare(&desk, &venue);
}

#[test]
fn user_data_that_cannot_be_read_is_reconciled() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(2, |_| true);
    for (round, frame) in
        ["nonsense", r#"{"event":{"e":"executionReport","s":"SOLUSDT"}}"#].into_iter().enumerate()
    {
        venue.inject("api", frame);
        let losses = round + 1;
        engine.wait_for_many(losses, "trading.disconnected", |_| true, Within::secs(10));
        engine.wait_for_many(losses + 1, "reconcile.finished", |_| true, Within::secs(10));
        engine.wait_for_more_fills(2, |_| true);
    }
    engine.stop();
    assert_eq!(venue.open_orders(), Vec::<String>::new());
    compare(&desk, &venue);
}

#[test]
fn a_frame_larger_than_any_is_met_by_a_new_connection() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(2, |_| true);
    let frame = format!("{STREAM}\"{}\"}}", "x".repeat(17 << 20));
    venue.inject("streams", &frame);
    engine.wait_for_many(1, "feed.disconnected", |_| true, Within::secs(10));
    engine.wait_for_many(2, "feed.connected", |_| true, Within::secs(10));
    engine.wait_for_more_fills(2, |_| true);
    engine.stop();
    compare(&desk, &venue);
}
