//! A recorded run beside a backtest of what it recorded.

use serde_json::Value;

use crate::support::Desk;

fn desk() -> Desk {
    Desk::embedded(10)
        .set("recording.enabled=true")
        .set("feed.books=true")
        .with(
            "market_maker",
            "BNBUSDT",
            "half_spread_bps = 2\nskew_bps = 2\nmax_lots = 6\nrequote_bps = 1\n\
             requote_ms = 500\norder_notional = \"500\"",
        )
        .with(
            "ema_cross",
            "SOLUSDT",
            "interval = \"1s\"\nfast = 3\nslow = 8\norder_notional = \"500\"",
        )
}

/// A comparison as JSON.
fn compared(desk: &Desk, arguments: &[&str]) -> Value {
    let state_dir = desk.state_dir();
    let fixed = ["compare", state_dir.to_str().unwrap(), "--json"];
    let all: Vec<&str> = fixed.iter().chain(arguments).copied().collect();
    let (code, out, errors) = desk.settings_command(&all);
    let told: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {errors}"));
    let differ = told["differences"].as_array().unwrap().len();
    assert_eq!(code, if differ == 0 { 0 } else { 5 }, "{errors}");
    told
}

#[test]
fn a_recorded_run_is_held_against_a_backtest_of_what_it_recorded() {
    let desk = desk();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(60, |_| true);
    engine.stop();
    let told = compared(&desk, &["--latency", "measured"]);
    assert_eq!(told["warnings"], serde_json::json!([]));
    let groups = told["groups"].as_array().unwrap();
    let names: Vec<&str> = groups.iter().filter_map(|it| it["strategy"].as_str()).collect();
    assert_eq!(names, ["ema_cross", "market_maker"]);
    let all = &groups[0];
    let fills = |side: &str| all[side]["fills"].as_u64().unwrap();
    // The journal and the comparison count the same fills, but for those of the shutdown.
    let booked = desk.journal().ledger().unwrap().fills_booked();
    assert!(fills("run") >= 60 && fills("run") <= booked, "{} of {booked}", fills("run"));
    assert!(fills("backtest") > 30, "{all}");
    // What follows bars takes the same decisions.
    let ema = &groups[1];
    let orders = |side: &str| ema[side]["orders"].as_u64().unwrap();
    assert!(orders("run").abs_diff(orders("backtest")) <= 2 + orders("run") / 4, "{ema}");
    assert!(told["alike"].as_u64().unwrap() > 0, "{all}");
    for difference in told["differences"].as_array().unwrap() {
        assert_ne!(difference["because"], "unknown", "{difference}");
        assert!(!difference["explanation"].as_str().unwrap().is_empty(), "{difference}");
    }
    // Twice the same.
    assert!(compared(&desk, &["--latency", "measured"]) == told);
    the_recording_is_history_too(&desk);
    // The text for people says it too.
    let state_dir = desk.state_dir();
    let (_, out, _) = desk.settings_command(&["compare", state_dir.to_str().unwrap()]);
    assert!(out.contains("market_maker BNBUSDT") && out.contains("orders alike"), "{out}");
}

#[test]
fn without_a_recording_nothing_is_compared() {
    let desk = Desk::embedded(10).with_busy_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.stop();
    let state_dir = desk.state_dir();
    let (code, _, errors) = desk.settings_command(&["compare", state_dir.to_str().unwrap()]);
    assert!(code == 2 && errors.contains("no recording of a run"), "{code} {errors}");
}

/// A backtest of the recording keeps to the venue's filters, names them, and can be compared.
fn the_recording_is_history_too(desk: &Desk) {
    let recordings = std::fs::read_dir(desk.state_dir().join("recordings")).unwrap();
    let recording = recordings.map(|entry| entry.unwrap().path()).next().unwrap();
    let (export, report) = (desk.path().join("export"), desk.path().join("report.json"));
    let [data, export, report] = [&recording, &export, &report].map(|path| path.to_str().unwrap());
    let arguments = ["backtest", "--data", data, "--export", export, "--report", report];
    let (code, _, errors) = desk.settings_command(&arguments);
    assert_eq!(code, 0, "{errors}");
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("filters of BNBUSDT") && report.contains("as recorded: tick 0.01"));
    let indicators = std::fs::read_to_string(format!("{export}/indicators.csv")).unwrap();
    for name in [",SOLUSDT,fast,", ",SOLUSDT,slow,", ",BNBUSDT,bid,"] {
        assert!(indicators.contains(name), "{name}");
    }
    let told = compared(desk, &[export]);
    let fills = std::fs::read_to_string(format!("{export}/fills.csv")).unwrap().lines().count();
    assert!(told["groups"][0]["backtest"]["fills"].as_u64().unwrap() < fills as u64);
    assert!(told["groups"][0]["backtest"]["fills"].as_u64().unwrap() > 20);
}

/// Runs the market maker on the synthetic exchange, where the queue is real, until so many fills,
/// and gives by how much the backtest of the recording fills more orders.
fn queue_check(seed: u32, fills: usize) -> f64 {
    let desk = Desk::embedded(5)
        .set("recording.enabled=true")
        .set("feed.books=true")
        .set(&format!("sim.seed={seed}"))
        .with(
            "market_maker",
            "BNBUSDT",
            "half_spread_bps = 2\nskew_bps = 2\nmax_lots = 6\nrequote_bps = 1\n\
             requote_ms = 500\norder_notional = \"500\"",
        );
    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(fills, |_| true);
    engine.stop();
    let told = compared(&desk, &["--latency", "measured"]);
    let all = &told["groups"][0];
    let count = |side: &str, what: &str| all[side][what].as_f64().unwrap();
    let more = count("backtest", "filled_orders") / count("run", "filled_orders") - 1.0;
    let (run, backtest) = (count("run", "fills"), count("backtest", "fills"));
    let (more_percent, times) = (more * 100.0, &all["fill_times"]);
    eprintln!(
        "seed {seed}: {run} and {backtest} fills, {more_percent:+.1} % orders filled; {times}"
    );
    assert!(times["median_ms"].as_f64().unwrap() < 500.0, "{times}");
    more
}

/// The short form: few fills, so a wide bound. `cargo test --release --test run queue_model --
/// --ignored --nocapture` is the long one.
#[test]
fn the_queue_model_fills_about_as_many_orders_as_the_real_queue() {
    let more = queue_check(21, 120);
    assert!(more.abs() < 0.5, "{more}");
}

#[test]
#[ignore = "takes minutes"]
fn the_queue_model_fills_as_many_orders_as_the_real_queue() {
    let all: Vec<f64> = (31..36).map(|seed| queue_check(seed, 400)).collect();
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    assert!(mean.abs() < 0.05, "{all:?}");
}
