//! What a walk forward writes for other programs is what single backtests of its windows give.

use rust_decimal::Decimal;
use serde_json::Value;

use crate::rig::Rig;

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn the_tests_of_a_walk_are_backtests_joined() {
    let rig = Rig::new(8_000, 51);
    let arguments = [
        "--strategy",
        "cross.toml",
        "--data",
        "trades.csv",
        "--set",
        "limits=false",
        "--json",
        "--param",
        "fast=5,10,20",
        "--param",
        "slow=30,40",
        "--walk-forward",
        "5m,2m",
        "--out",
        "out",
    ];
    let (code, said) = rig.run("sweep", &arguments);
    assert_eq!(code, 0, "{said}");
    let walk: Value = serde_json::from_str(&rig.read("out/walk.json")).unwrap();
    let windows = walk["windows"].as_array().unwrap();
    assert_eq!(windows.len(), 4);
    let (mut profit, mut fills, mut fees) = (Decimal::ZERO, 0, Decimal::ZERO);
    for window in windows {
        let text = |name: &str| window[name].as_str().unwrap().to_owned();
        let parameter = |name: &str| {
            let value = window["parameters"][name].as_str().unwrap();
            format!("strategies.cross.parameters.{name}={value}")
        };
        let (fast, slow) = (parameter("fast"), parameter("slow"));
        let (train_from, from, to) = (text("train_from"), text("test_from"), text("test_to"));
        for (side, from, to) in [("in_sample", &train_from, &from), ("out_of_sample", &from, &to)] {
            let single = rig.backtest(&[
                "--set",
                "limits=false",
                "--set",
                &fast,
                "--set",
                &slow,
                "--from",
                from,
                "--to",
                to,
            ]);
            let own = &window[side];
            assert_eq!(
                decimal(&single["equity_end"]) - decimal(&single["equity_start"]),
                decimal(&own["profit"])
            );
            for name in ["events", "orders", "fills", "fees"] {
                assert_eq!(single[name], own[name], "{side}: {name}");
            }
        }
        profit += decimal(&window["out_of_sample"]["profit"]);
        fees += decimal(&window["out_of_sample"]["fees"]);
        fills += window["out_of_sample"]["fills"].as_i64().unwrap();
    }
    let joined = &walk["out_of_sample"];
    assert_eq!(decimal(&joined["profit"]), profit);
    assert_eq!(decimal(&joined["equity_end"]), Decimal::from(100_000) + profit);
    assert_eq!((decimal(&joined["fees"]), joined["fills"].as_i64().unwrap()), (fees, fills));
    let equity = rig.read("out/walk_equity.csv");
    let last = equity.lines().last().unwrap().rsplit(',').next().unwrap().to_owned();
    assert_eq!(last.parse::<Decimal>().unwrap(), Decimal::from(100_000) + profit);
    let instants: Vec<i64> = equity
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap().parse().unwrap())
        .collect();
    assert!(instants.len() > 100 && instants.is_sorted(), "{} looks", instants.len());
    assert_eq!(walk["equity"].as_array().unwrap().len(), instants.len());
    let table = rig.read("out/walk.csv");
    let head = table.lines().next().unwrap();
    assert!(head.starts_with("window,train_from,test_from,test_to,fast,slow,in_profit"), "{head}");
    assert!(head.contains(",out_profit,"), "{head}");
    assert_eq!(table.lines().count(), 5);
}
