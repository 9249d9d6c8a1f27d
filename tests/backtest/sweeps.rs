//! Many runs at once: the same results as one by one, whoever counts the threads and whenever it is
//! interrupted.

use serde_json::Value;

use crate::rig::Rig;

const COMMON: [&str; 10] = [
    "--strategy",
    "cross.toml",
    "--data",
    "trades.csv",
    "--set",
    "limits=false",
    "--param",
    "fast=5,10,20",
    "--param",
    "slow=20..40:10",
];

fn sweep(rig: &Rig, out: &str, more: &[&str]) -> Value {
    let arguments: Vec<&str> =
        COMMON.iter().chain(&["--json", "--out", out]).chain(more).copied().collect();
    let (code, said) = rig.run("sweep", &arguments);
    assert_eq!(code, 0, "{said}");
    serde_json::from_str(&said).unwrap()
}

fn files(rig: &Rig, directory: &str) -> [String; 3] {
    ["runs.jsonl", "sweep.csv", "sweep.html"].map(|name| rig.read(&format!("{directory}/{name}")))
}

#[test]
fn nothing_depends_on_the_threads() {
    let rig = Rig::new(8_000, 21);
    let walk = ["--walk-forward", "5m,2m"];
    for more in [&[] as &[&str], &walk, &["--random", "4", "--seed", "3", "--best", "sharpe"]] {
        sweep(&rig, "one", &[more, &["--threads", "1"]].concat());
        sweep(&rig, "three", &[more, &["--threads", "3"]].concat());
        let [one, three] = ["one", "three"].map(|directory| files(&rig, directory));
        assert!(one[1].lines().count() > 4, "{}", one[1]);
        assert_eq!(one, three, "{more:?}");
        for directory in ["one", "three"] {
            std::fs::remove_dir_all(rig.path(directory)).unwrap();
        }
    }
}

#[test]
fn each_run_is_what_a_backtest_gives() {
    let rig = Rig::new(8_000, 22);
    let result = sweep(&rig, "out", &[]);
    let table = rig.read("out/sweep.csv");
    let mut lines = table.lines();
    let head = lines.next().unwrap();
    assert!(head.starts_with("window,fast,slow,profit,return,sharpe_"), "{head}");
    let (mut ran, mut refused, mut best) = (0, 0, f64::MIN);
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let (fast, slow) = (cells[1], cells[2]);
        if cells[3].is_empty() {
            refused += 1;
            assert_eq!((fast, slow), ("20", "20"), "{line}");
            assert!(line.contains("below"), "{line}");
            continue;
        }
        ran += 1;
        best = best.max(cells[3].parse().unwrap());
        let own = [("fast", fast), ("slow", slow)]
            .map(|(name, value)| format!("strategies.cross.parameters.{name}={value}"));
        let single = rig.backtest(&["--set", "limits=false", "--set", &own[0], "--set", &own[1]]);
        let [start, end] = ["equity_start", "equity_end"]
            .map(|field| single[field].as_str().unwrap().parse::<rust_decimal::Decimal>().unwrap());
        assert_eq!((end - start).normalize().to_string(), cells[3], "{line}");
        assert_eq!(single["fills"].to_string(), cells[8], "{line}");
        let numbers = cells[3..12].iter().filter(|cell| !cell.is_empty());
        assert!(numbers.clone().all(|cell| cell.parse::<f64>().is_ok()), "{line}");
    }
    assert_eq!((ran, refused), (8, 1));
    assert_eq!(result["best"]["figure"].as_f64().unwrap(), best);
    let warning = result["warnings"][0].as_str().unwrap();
    assert!(warning.contains("best of 8 trials") && warning.contains("deflated"), "{warning}");
}

#[test]
fn an_interrupted_sweep_goes_on() {
    let rig = Rig::new(8_000, 23);
    sweep(&rig, "whole", &[]);
    let whole = files(&rig, "whole");
    std::fs::create_dir(rig.path("cut")).unwrap();
    // Killed in the middle of the sixth line.
    let kept: Vec<&str> = whole[0].lines().take(5).collect();
    rig.write("cut/runs.jsonl", &format!("{}\n{{\"ran\":{{\"ev", kept.join("\n")));
    let result = sweep(&rig, "cut", &[]);
    assert_eq!(result["timing"]["taken_over"], 4);
    assert_eq!(files(&rig, "cut"), whole);
    let (code, said) = rig.run(
        "sweep",
        &[&COMMON[..], &["--set", "taker_fee=0.002", "--json", "--out", "cut"]].concat(),
    );
    assert_eq!(code, 2, "results of other settings are not gone on with: {said}");
}

#[test]
fn a_walk_forward_trades_what_was_chosen_on_the_time_before() {
    let rig = Rig::new(8_000, 24);
    sweep(&rig, "out", &["--walk-forward", "5m,2m"]);
    let rows: Vec<Value> = rig
        .read("out/runs.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // 8,000 trades a tenth of a second apart are thirteen minutes: four windows of nine runs, and
    // a test each.
    assert_eq!(rows.len(), 1 + 4 * 9 + 4);
    assert!(rig.read("out/sweep.html").contains("Walk forward"));
}

#[test]
fn the_built_in_strategies_look_at_nothing_ahead() {
    let rig = Rig::new(6_000, 25);
    let arguments =
        ["--strategy", "cross.toml", "--data", "trades.csv", "--set", "limits=false", "--json"];
    let (code, said) = rig.run("check-lookahead", &arguments);
    let found: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(code, 0, "{said}");
    assert!(found["decisions"].as_u64().unwrap() > 50, "{said}");
    assert!(found["cuts"].as_u64().unwrap() > 30, "{said}");
    assert_eq!(found["look_ahead"], Value::Array(Vec::new()));
    assert_eq!(found["same_twice"], true);
    assert_eq!(found["warm_up"].as_array().unwrap().len(), 3);
}

#[test]
fn a_check_of_no_decision_is_no_proof() {
    // Fewer trades than the averages want.
    let rig = Rig::new(20, 25);
    let arguments = ["--strategy", "cross.toml", "--data", "trades.csv", "--set", "limits=false"];
    let (code, said) = rig.run("check-lookahead", &arguments);
    assert!(code == 5 && said.contains("nothing could be checked"), "{code} {said}");
}
