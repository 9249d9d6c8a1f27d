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
    assert!(orders("run").abs_diff(orders("backtest")) <= 1, "{ema}");
    assert!(told["alike"].as_u64().unwrap() > 0, "{all}");
    for difference in told["differences"].as_array().unwrap() {
        assert_ne!(difference["because"], "unknown", "{difference}");
        assert!(!difference["explanation"].as_str().unwrap().is_empty(), "{difference}");
    }
    // Twice the same.
    assert!(compared(&desk, &["--latency", "measured"]) == told);
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
