//! A run that was stopped before its end says so wherever its result stands, and is not ranked with
//! those that were not.

use serde_json::Value;

use crate::rig::Rig;

/// Limits that never matter here, and a fall of so much that does.
fn limits(max_drawdown: &str) -> Vec<String> {
    let all = ["daily_loss=90000", "max_orders_per_10s=10000"];
    let fall = format!("risk.max_drawdown={max_drawdown}");
    all.iter().map(|limit| format!("risk.{limit}")).chain([fall]).collect()
}

fn sets(settings: &[String]) -> Vec<&str> {
    settings.iter().flat_map(|setting| ["--set", setting.as_str()]).collect()
}

fn money(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// Net profit of each scenario of a report, and whether it was run to its end.
fn scenarios(report: &Value) -> Vec<(String, f64, bool)> {
    let one = |one: &Value| {
        let name = one["name"].as_str().unwrap().to_owned();
        (name, money(&one["net_profit"]), one["halts"].as_array().unwrap().is_empty())
    };
    report["cost_scenarios"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn a_multiple_of_the_costs_that_drawdown_stopped_says_so() {
    let rig = Rig::new(20_000, 31);
    let run = |drawdown: &str| {
        let limits = limits(drawdown);
        let shown = rig.backtest(&[&sets(&limits)[..], &["--report", "r.json"]].concat());
        rig.backtest(&[&sets(&limits)[..], &["--report", "r.html"]].concat());
        (shown, serde_json::from_str::<Value>(&rig.read("r.json")).unwrap(), rig.read("r.html"))
    };
    let (free, report, _) = run("90000");
    let whole = scenarios(&report);
    assert!(free["run_to_its_end"] == true && whole.iter().all(|(.., is_whole)| *is_whole));
    let lost = |times: &str| -whole.iter().find(|(name, ..)| name == times).unwrap().1;
    let (once, thrice) = (100_000.0 - money(&free["equity_end"]), lost("costs × 3"));
    assert!(once > 0.0 && thrice > 2.0 * once, "fees eat it: {once} {thrice}");

    // Between what it loses at its costs and at three times as much.
    let limit = format!("{:.2}", (once + thrice) / 2.0);
    let (shown, report, page) = run(&limit);
    assert_eq!((&shown["run_to_its_end"], &shown["state"]), (&true.into(), &"active".into()));
    assert_eq!(shown["halts"], Value::Array(Vec::new()));
    let stopped = scenarios(&report);
    let thrice_stopped = stopped.iter().find(|(name, ..)| name == "costs × 3").unwrap();
    assert!(!thrice_stopped.2, "{stopped:?}");
    assert!(-thrice_stopped.1 < thrice, "it loses no more because it does not trade");
    let halt = report["cost_scenarios"].as_array().unwrap().iter();
    let halt = &halt.clone().find(|one| one["name"] == "costs × 3").unwrap()["halts"][0];
    assert_eq!((&halt["state"], &halt["rule"]), (&"halted".into(), &"drawdown".into()));
    let (from, to) = (1_700_000_000_000_000_000, 1_700_004_000_000_000_000_i64);
    assert!((from..to).contains(&halt["at"].as_i64().unwrap()), "{halt}");
    assert!(page.contains("no: trading is halted from 2023-11-14"), "the page says so");

    // Less than it loses at its own costs.
    let (shown, report, page) = run(&format!("{:.2}", once / 2.0));
    assert_eq!((&shown["run_to_its_end"], &shown["state"]), (&false.into(), &"halted".into()));
    assert_eq!(shown["halts"][0]["rule"], "drawdown");
    assert_eq!(shown["halts"], report["halts"]);
    assert!(page.contains("not run to its end: trading is halted from 2023-11-14"));
}

#[test]
fn a_sweep_marks_runs_that_were_stopped_and_ranks_them_last() {
    let rig = Rig::new(8_000, 32);
    let sweep = |drawdown: &str, out: &str| {
        let limits = limits(drawdown);
        let common = ["--strategy", "cross.toml", "--data", "trades.csv", "--json", "--out", out];
        let params = ["--param", "fast=2,5,20,40", "--param", "slow=50,200"];
        let (code, said) = rig.run("sweep", &[&common[..], &params, &sets(&limits)].concat());
        assert_eq!(code, 0, "{said}");
        let table = rig.read(&format!("{out}/sweep.csv"));
        let rows: Vec<Vec<String>> =
            table.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
        (serde_json::from_str::<Value>(&said).unwrap(), rows)
    };
    let place = |rows: &[Vec<String>], name: &str| {
        rows[0].iter().position(|cell| cell == name).unwrap_or_else(|| panic!("{:?}", rows[0]))
    };
    let (free, rows) = sweep("90000", "free");
    assert_eq!(free["runs_halted"], 0);
    let profit = place(&rows, "profit");
    let mut lost: Vec<f64> =
        rows[1..].iter().map(|row| -row[profit].parse::<f64>().unwrap()).collect();
    lost.sort_by(f64::total_cmp);
    // Half of them lose more than this.
    let (swept, rows) = sweep(&format!("{:.2}", (lost[3] + lost[4]) / 2.0), "out");
    let by = place(&rows, "halted_by");
    let at = place(&rows, "halted_at");
    let halted = rows[1..].iter().filter(|row| row[by] == "drawdown").count();
    assert!((3..=6).contains(&halted), "{rows:?}");
    assert!(rows[1..].iter().all(|row| row[by].is_empty() == row[at].is_empty()));
    assert_eq!(swept["runs_halted"], halted);
    assert_eq!(swept["best"]["run_to_its_end"], true);
    let warnings = swept["warnings"].to_string();
    assert!(warnings.contains(&format!("{halted} of 8 runs were stopped before their end")));
    assert!(rig.read("out/sweep.html").contains("halted"));

    let best = swept["best"]["figure"].as_f64().unwrap();
    let complete = rows[1..].iter().filter(|row| row[by].is_empty());
    let most = complete.map(|row| row[profit].parse().unwrap()).fold(f64::MIN, f64::max);
    assert_eq!(best, most);
}
