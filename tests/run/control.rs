//! Commands of an operator through the socket.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::support::{Desk, Engine, Signal, Venue, Within, compare};

/// An engine with orders in the market and fills behind it.
fn trading(desk: &Desk) -> Engine {
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    engine
}

/// The exit code says what a script has to know.
#[track_caller]
fn status(desk: &Desk) -> Value {
    let (code, out, errors) = desk.command(&["status", "--json"]);
    let status: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{errors}"));
    let expected = match (status["trading_state"].as_str().unwrap(), &status["healthy"]) {
        ("halted", _) => 8,
        ("active", Value::Bool(true)) => 0,
        _ => 10,
    };
    assert_eq!(code, expected, "{status}");
    status
}

#[test]
fn a_halt_by_command_takes_everything_back_and_a_resume_trades_on() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = trading(&desk);
    let socket = desk.state_dir().join("control.sock");
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let (code, out, errors) = desk.command(&["halt", "--reason", "news at eight"]);
    assert_eq!(code, 0, "{errors}");
    assert!(out.contains("trading state: halted"), "{out}");
    let changed = engine.wait_for("risk.state_changed", |_| true, Within::secs(5));
    assert_eq!((&changed["to"], &changed["reason"]), (&"halted".into(), &"news at eight".into()));
    engine.wait_for("engine.heartbeat", |l| l["open_orders"] == 0, Within::secs(10));
    assert_eq!(venue.open_orders(), Vec::<String>::new());
    let told = status(&desk);
    assert_eq!(told["trading_state"], "halted", "{told}");
    assert_eq!(told["trading_reason"], "news at eight", "{told}");
    let (code, out, _) = desk.command(&["status"]);
    assert!(code == 8 && out.contains("because: news at eight"), "{code} {out}");

    // It outlives the process.
    engine.stop();
    let mut engine = desk.start();
    engine.wait_until_ready();
    let told = status(&desk);
    assert_eq!(told["trading_state"], "halted", "{told}");
    assert_eq!(told["trading_reason"], "news at eight", "and so does its reason: {told}");
    assert_eq!(engine.events("order.intended"), Vec::<Value>::new());

    std::fs::write(desk.state_dir().join("HALT"), "").unwrap();
    let (code, _, errors) = desk.command(&["resume"]);
    assert_eq!(code, 5, "{errors}");
    assert!(errors.contains("HALT exists: remove it first"), "{errors}");
    std::fs::remove_file(desk.state_dir().join("HALT")).unwrap();
    let (code, out, errors) = desk.command(&["resume"]);
    assert_eq!(code, 0, "{errors}");
    assert!(out.contains("trading state: active"), "{out}");
    engine.wait_for_more_fills(2, |_| true);

    let (code, out, _) = desk.command(&["reduce-only"]);
    assert_eq!((code, out.contains("trading state: reduce_only")), (0, true), "{out}");
    engine.stop();
    assert!(!socket.exists(), "a stopped engine leaves no socket");
    compare(&desk, &venue);
}

/// Streams that fall silent are no secret: what is wrong stands there, and the exit code says so.
#[test]
fn what_is_wrong_shows_in_the_status_and_in_its_exit_code() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue)
        .with_busy_strategies()
        .set("feed.trade_stale_after_ms=2000")
        .set("feed.quote_stale_after_ms=2000");
    let mut engine = trading(&desk);
    let told = status(&desk);
    assert!(told["reconciled_at"].is_string(), "{told}");
    assert_eq!(told["problems"], serde_json::json!([]), "{told}");
    venue.control("silence?on=true");
    engine.wait_for("stream.stale", |_| true, Within::secs(60));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let told = loop {
        let told = status(&desk);
        if told["problems"].to_string().contains("is stale") {
            break told;
        }
        assert!(std::time::Instant::now() < deadline, "{told}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    };
    assert_eq!(told["trading_state"], "active", "{told}");
    let (code, out, _) = desk.command(&["status"]);
    assert!(code == 10 && out.contains("problem: "), "{code} {out}");
    venue.control("silence?on=false");
    engine.stop();
}

/// Whoever only holds connections keeps nobody out.
#[test]
fn idle_connections_keep_no_command_out() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = trading(&desk);
    let socket = desk.state_dir().join("control.sock");
    let idle: Vec<UnixStream> = (0..300).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    let began = std::time::Instant::now();
    let (code, _, errors) = desk.command(&["halt"]);
    assert_eq!(code, 0, "{errors}");
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "{:?}", began.elapsed());
    drop(idle);
    engine.stop();
}

#[test]
fn a_signal_halts_as_well() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = trading(&desk);
    engine.signal(Signal::Halt);
    let changed = engine.wait_for("risk.state_changed", |_| true, Within::secs(5));
    assert_eq!((&changed["to"], &changed["reason"]), (&"halted".into(), &"SIGUSR1".into()));
    engine.stop();
}

/// A process that is stopped takes the request and says nothing.
#[test]
fn a_hung_engine_is_told_apart_from_none_and_halts_when_it_goes_on() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = trading(&desk);
    engine.signal(Signal::Freeze);
    let (code, _, errors) = desk.command(&["halt"]);
    engine.signal(Signal::Thaw);
    assert_eq!(code, 5, "{errors}");
    let process = format!("process {} holds", engine.process());
    for words in [process.as_str(), "may still take effect", "SIGUSR1", "HALT was made as well"] {
        assert!(errors.contains(words), "{words}: {errors}");
    }
    assert!(desk.state_dir().join("HALT").exists());
    engine.wait_for("risk.state_changed", |l| l["to"] == "halted", Within::secs(20));
    engine.stop();
}

#[test]
fn without_an_engine_a_halt_is_kept_for_the_next_start_and_the_rest_says_so() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    for command in ["status", "resume", "reduce-only", "flatten"] {
        let (code, _, errors) = desk.command(&[command]);
        assert_eq!(code, 9, "{command}: {errors}");
        assert!(errors.contains("no engine answers"), "{command}: {errors}");
    }
    let mut engine = trading(&desk);
    engine.signal(Signal::Kill);
    engine.exit(Within::secs(5));
    // The socket of the dead process is still there.
    let (code, _, errors) = desk.command(&["halt"]);
    assert_eq!(code, 0, "{errors}");
    assert!(errors.contains("the next start is halted"), "{errors}");
    let mut engine = desk.start();
    engine.wait_for("risk.state_changed", |l| l["to"] == "halted", Within::secs(30));
    engine.stop();
}

#[test]
fn what_is_no_command_is_refused_in_words_and_disturbs_nobody() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = trading(&desk);
    let stream = UnixStream::connect(desk.state_dir().join("control.sock")).unwrap();
    let mut stream = BufReader::new(stream);
    let mut ask = |line: &str| {
        stream.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_line(&mut answer).unwrap();
        serde_json::from_str::<Value>(&answer).unwrap()
    };
    for wrong in [
        "halt",
        "{}",
        r#"{"command":"halt_all"}"#,
        r#"{"command":"flatten","dry_run":true}"#,
        r#"{"command":"halt","reason":null,"force":true}"#,
        r#"{"command":"flatten","strategy":"nobody","max_slippage_bps":5,"dry_run":true}"#,
    ] {
        assert_eq!(ask(wrong)["answer"], "refused", "{wrong}");
    }
    let answer = ask(r#"{"command":"status"}"#);
    assert_eq!(answer["status"]["trading_state"], "active", "{answer}");
    assert_eq!(answer["status"]["process"], engine.process());
    engine.stop();
}

#[test]
fn flattening_says_what_it_would_do_does_it_and_names_what_is_left() {
    let venue = Venue::start(10);
    let desk = Desk::at(&venue).with_busy_strategies();
    let mut engine = trading(&desk);
    let is_held = |strategy| desk.held(strategy, symbol_of(strategy)).is_positive();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !is_held("grid") && !is_held("market_maker") {
        assert!(std::time::Instant::now() < deadline, "nothing is held");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let (code, out, errors) = desk.command(&["flatten", "--dry-run"]);
    assert_eq!(code, 0, "{errors}");
    assert!(out.contains("would cancel tw") && out.contains("would sell"), "{out}");
    assert_eq!(status(&desk)["trading_state"], "active", "a dry run changes nothing");

    let (code, out, errors) = desk.command(&["flatten", "--max-slippage-bps", "200"]);
    if code != 0 {
        engine.describe();
    }
    assert_eq!(code, 0, "{out}{errors}");
    assert!(out.contains("cancels tw") && out.contains("sells"), "{out}");
    assert!(out.contains("trading state: reduce_only"), "{out}");
    assert_eq!(venue.open_orders(), Vec::<String>::new());
    let left = status(&desk);
    for position in left["positions"].as_array().unwrap() {
        assert_eq!(position["is_dust"], true, "{left}");
    }
    let finished = engine.wait_for_many(1, "flatten.finished", |_| true, Within::secs(5));
    assert!(finished.iter().all(|line| line["outcome"] != "unsold"), "{finished:?}");
    engine.stop();
    compare(&desk, &venue);
}

fn symbol_of(strategy: &str) -> &'static str {
    if strategy == "grid" { "SOLUSDT" } else { "BNBUSDT" }
}

/// What a strategy holds whose file is gone is told at the start, and an operator can close it.
#[test]
fn what_a_strategy_without_a_file_holds_can_be_closed() {
    let venue = Venue::start(10);
    let holds = "interval = \"1s\"\nreference_bars = 5\nfall_bps = 1\nrise_bps = 1000\nlots = 2\n\
                 order_notional = \"300\"";
    let desk = Desk::at(&venue).with_busy_strategies().with("dip_buyer", "ETHUSDT", holds);
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for("order.filled", |line| line["strategy"] == "dip_buyer", Within::secs(60));
    engine.stop();
    assert!(desk.held("dip_buyer", "ETHUSDT").is_positive());

    std::fs::remove_file(desk.path().join("strategies/dip_buyer.toml")).unwrap();
    let mut engine = desk.start();
    engine.wait_until_ready();
    let told = &engine.events("position.unattended")[0];
    assert_eq!((&told["strategy"], &told["symbol"]), (&"dip_buyer".into(), &"ETHUSDT".into()));
    let asked = ["flatten", "--strategy", "dip_buyer", "--max-slippage-bps", "200"];
    let (code, out, errors) = desk.command(&asked);
    assert_eq!(code, 0, "{out}{errors}");
    let finished = engine.wait_for("flatten.finished", |_| true, Within::secs(10));
    assert_eq!(finished["strategy"], "dip_buyer", "{finished}");
    engine.stop();
    compare(&desk, &venue);
}
