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
    every_order_is_accounted_for(&told);
    // Twice the same.
    assert!(compared(&desk, &["--latency", "measured"]) == told);
    the_recording_is_history_too(&desk);
    // The text for people says it too.
    let state_dir = desk.state_dir();
    let (_, out, _) = desk.settings_command(&["compare", state_dir.to_str().unwrap()]);
    assert!(out.contains("market_maker BNBUSDT") && out.contains("orders alike"), "{out}");
}

/// Each order of either side is alike with its counterpart, or among the differences, once; and one
/// that differs with its counterpart says in what.
fn every_order_is_accounted_for(told: &Value) {
    let differences = told["differences"].as_array().unwrap();
    for side in ["run", "backtest"] {
        let all = &told["groups"][0][side];
        let orders = all["orders"].as_u64().unwrap() + all["denied"].as_u64().unwrap();
        let mut names: Vec<&str> =
            differences.iter().filter_map(|it| it[side]["order"].as_str()).collect();
        let differ = names.len() as u64;
        assert_eq!(told["alike"].as_u64().unwrap() + differ, orders, "{side}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len() as u64, differ, "{side}: an order differs twice");
    }
    for difference in differences {
        let is_pair = ["run", "backtest"].iter().all(|side| !difference[*side].is_null());
        let what = difference["what"].as_array().unwrap();
        assert!(!is_pair || !what.is_empty(), "{difference}");
    }
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

/// What a run and the backtest of its recording came to.
#[derive(Debug)]
struct QueueCheck {
    seed: u32,
    /// Fills of the run, and of the backtest.
    fills: [f64; 2],
    /// Orders of which something was filled.
    orders: [f64; 2],
    /// How far first fills of the same order are apart, in milliseconds: median, and nine tenths.
    apart_ms: [f64; 2],
}

impl QueueCheck {
    /// By how much the backtest has more fills, as a share.
    fn surplus(&self) -> f64 {
        self.fills[1] / self.fills[0] - 1.0
    }
}

/// So many fills are waited for at a time.
const PART: usize = 100;

/// Runs the market maker in three symbols of the synthetic exchange, where the queue is real, until
/// so many fills, and holds it against the backtest of what it recorded.
fn queue_check(seed: u32, speed: u32, fills: usize) -> QueueCheck {
    let desk = Desk::embedded(speed)
        .set("recording.enabled=true")
        .set("feed.books=true")
        .set(&format!("sim.seed={seed}"))
        .with_symbols(
            "market_maker",
            &["BNBUSDT", "SOLUSDT", "ETHUSDT"],
            "half_spread_bps = 2\nskew_bps = 2\nmax_lots = 6\nrequote_bps = 1\n\
             requote_ms = 500\norder_notional = \"500\"",
        );
    let mut engine = desk.start();
    engine.wait_until_ready();
    // In parts, each of which has the time that waiting has.
    for _ in 0..fills / PART {
        engine.wait_for_more_fills(PART, |_| true);
    }
    engine.stop();
    let told = compared(&desk, &["--latency", "measured"]);
    let all = &told["groups"][0];
    let both = |what: &str| ["run", "backtest"].map(|side| all[side][what].as_f64().unwrap());
    let times = &all["fill_times"];
    let apart_ms = ["median_ms", "p90_ms"].map(|name| times[name].as_f64().unwrap());
    let (fills, orders) = (both("fills"), both("filled_orders"));
    let check = QueueCheck { seed, fills, orders, apart_ms };
    let (more, [median, most]) = (check.surplus() * 100.0, check.apart_ms);
    eprintln!(
        "seed {}: {more:+.1} % fills, run and backtest {:?}, orders with fills {:?}, first fills \
         {median} ms apart at the median, {most} at nine tenths",
        check.seed, check.fills, check.orders
    );
    check
}

/// The short form: few fills, perhaps on a busy machine, so a wide bound. The long one is run by
/// name: `cargo test --test run as_often -- --ignored --nocapture`.
#[test]
fn the_queue_model_fills_about_as_often_as_the_real_queue() {
    let check = queue_check(21, 10, 200);
    assert!(check.surplus().abs() < 0.35, "{check:?}");
}

#[test]
#[ignore = "takes minutes"]
fn the_queue_model_fills_as_often_as_the_real_queue() {
    let runs: Vec<_> =
        (61..66).map(|seed| std::thread::spawn(move || queue_check(seed, 3, 1_500))).collect();
    let checks: Vec<QueueCheck> = runs.into_iter().map(|run| run.join().unwrap()).collect();
    for check in &checks {
        assert!(check.surplus().abs() < 0.05, "{check:?}");
        assert!(check.apart_ms[0] < 100.0, "{check:?}");
    }
}
