//! What is written of a run: the same bytes for the same run, and honest by default.

use serde_json::Value;

use crate::rig::Rig;

/// Money in a field.
#[track_caller]
fn money(result: &Value, field: &str) -> f64 {
    result[field].as_str().unwrap().parse().unwrap()
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let rig = Rig::new(20_000, 7);
    let files = ["a.html", "b.html", "a.json", "b.json"];
    for name in files {
        rig.backtest(&["--set", "limits=false", "--report", name, "--export", "out"]);
    }
    assert_eq!(rig.read("a.html"), rig.read("b.html"));
    assert_eq!(rig.read("a.json"), rig.read("b.json"));
    let report: Value = serde_json::from_str(&rig.read("a.json")).unwrap();
    let scenarios = report["cost_scenarios"].as_array().unwrap();
    let names: Vec<&str> = scenarios.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["costs × 2", "latency × 2", "costs × 3", "latency × 3"]);
    let nets: Vec<f64> = scenarios.iter().map(|one| money(one, "net_profit")).collect();
    assert!(nets[2] < nets[0], "three times the costs cost more than twice: {nets:?}");
    let identity = &report["identity"];
    for named in ["config_hash", "data_hash", "version", "seed", "models", "command"] {
        assert!(!identity[named].is_null(), "{named} is missing: the run can't be repeated");
    }
    let fills = rig.read("out/fills.csv").lines().count() - 1;
    assert_eq!(report["counts"]["fills"], fills, "each fill is exported");
    assert!(rig.read("out/equity.csv").lines().count() > 2);
    assert!(rig.read("out/orders.csv").contains(",accepted,"));
}

#[test]
fn by_default_orders_cost_time_and_money() {
    let rig = Rig::new(20_000, 8);
    let honest = rig.backtest(&["--set", "limits=false"]);
    let last = rig.backtest(&["--set", "limits=false", "--set", "fill=last"]);
    assert!(honest["warnings"].as_array().unwrap().is_empty());
    assert!(money(&honest, "equity_end") < money(&last, "equity_end") - 1.0);
    // With the engine's limits, orders beyond the rate are denied.
    let limited = rig.backtest(&["--set", "risk.max_orders_per_10s=1"]);
    assert!(limited["denied"].as_u64().unwrap() > 0);
}

#[test]
fn orders_are_those_that_were_sent_and_denials_name_their_rule() {
    let rig = Rig::new(20_000, 10);
    let settings = ["--set", "risk.max_orders_per_10s=1", "--report", "report.json"];
    let shown = rig.backtest(&settings);
    let report: Value = serde_json::from_str(&rig.read("report.json")).unwrap();
    assert!(shown["orders"].as_u64().unwrap() > 0);
    assert_eq!(shown["orders"], report["counts"]["orders"]);
    assert_eq!(shown["denied"], report["counts"]["denied"]);
    assert_eq!(shown["denials"], report["denials"]);
    let by_rule = shown["denials"].as_object().unwrap();
    let sum: u64 = by_rule.values().map(|count| count.as_u64().unwrap()).sum();
    assert!(sum > 0 && shown["denied"] == sum, "{by_rule:?}");

    let none = rig.backtest(&["--set", "risk.max_order_notional=1"]);
    assert_eq!(none["orders"], 0);
    let warnings = none["warnings"].as_array().unwrap();
    let says = |text: &Value| text.as_str().unwrap().contains("every order was denied");
    assert!(warnings.iter().any(says), "{warnings:?}");
}

#[test]
fn what_protects_a_position_is_exported_as_it_was_sent() {
    let rig = Rig::new(5_000, 13);
    let strategy = rig.read("cross.toml") + "\n[protection]\nstop_loss_bps = 300\n";
    rig.write("cross.toml", &strategy);
    rig.backtest(&["--set", "limits=false", "--export", "out"]);
    let orders = rig.read("out/orders.csv");
    let column =
        |name| orders.lines().next().unwrap().split(',').position(|it| it == name).unwrap();
    let [role, side, kind, stop] = ["role", "side", "type", "stop_price"].map(column);
    let sent: Vec<Vec<&str>> = (orders.lines())
        .filter(|line| line.contains(",submitted,"))
        .map(|line| line.split(',').collect())
        .collect();
    assert!(sent.iter().all(|cells| !cells[role].is_empty() && !cells[kind].is_empty()));
    let stops: Vec<_> = sent.iter().filter(|cells| cells[role] == "protective").collect();
    assert!(!stops.is_empty(), "{orders}");
    for cells in stops {
        assert_eq!(cells[side], "sell", "{cells:?}");
        assert!(cells[stop].parse::<f64>().unwrap() > 0.0, "{cells:?}");
    }
}

#[test]
fn figures_can_be_forced() {
    // A few closed trades, too few for a win rate.
    let rig = Rig::new(500, 11);
    for (flags, forced) in [(&[] as &[&str], false), (&["--force-figures"], true)] {
        rig.backtest(&[&["--report", "report.json"], flags].concat());
        let report: Value = serde_json::from_str(&rig.read("report.json")).unwrap();
        assert_eq!(report["sample_rule"] == "forced", forced);
        assert_eq!(report["trades"]["win_rate"].is_number(), forced, "{}", report["trades"]);
    }
}

#[test]
fn a_report_is_a_page_or_json() {
    let rig = Rig::new(10, 12);
    let arguments = ["--strategy", "cross.toml", "--data", "trades.csv", "--report", "report.pdf"];
    let (code, said) = rig.run("backtest", &arguments);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains(".html or .json"), "{said}");
}

#[test]
fn a_part_of_the_data_can_be_run() {
    let rig = Rig::new(20_000, 9);
    let whole = rig.backtest(&["--set", "fill=last"]);
    // The trades begin on 2023-11-14 at 22:13:20 and lie a tenth of a second apart.
    let from = rig.backtest(&["--from", "2023-11-14T22:30:00"]);
    let to = rig.backtest(&["--to", "2023-11-14T22:30:00"]);
    let (from, to) = (from["events"].as_u64().unwrap(), to["events"].as_u64().unwrap());
    assert_eq!(whole["events"], from + to);
    assert!((8_000..12_000).contains(&to), "{to} events in 1,000 seconds");
}
