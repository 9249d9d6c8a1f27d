//! The same orders, fees and equity as twenty lines of Python, to the last digit.

use serde_json::Value;

use crate::rig::Rig;

const CHECK: [&str; 6] = ["--set", "fill=last", "--set", "limits=false", "--set", "cash=100000"];

/// Both on the same trades.
#[track_caller]
fn check(script: &str, seed: u64, settings: &[&str]) {
    let rig = Rig::new(20_000, seed);
    let Some(expected) = rig.script(script) else { return };
    let settings: Vec<&str> = CHECK.iter().chain(settings).copied().collect();
    let actual = rig.backtest(&settings);
    let orders = expected["orders"].as_array().unwrap();
    assert!(orders.len() > 200, "{} orders prove little", orders.len());
    assert_eq!(actual["events"], 20_000);
    assert_eq!(actual["orders"], orders.len());
    assert_eq!(actual["fills"], orders.len());
    assert_eq!(actual["fees"], expected["fees"]);
    assert_eq!(actual["equity_end"], expected["equity_end"]);
    for reading in ["load_s", "loop_s", "events_per_s", "peak_rss_mb"] {
        assert!(actual["timing"][reading].as_f64().unwrap() > 0.0, "{reading}");
    }
    let is_marked = |text: &Value| text.as_str().unwrap().contains("unrealistic");
    assert!(actual["warnings"].as_array().unwrap().iter().any(is_marked));
}

#[test]
fn fees_in_quote_without_filters() {
    for seed in 1..=3 {
        check("quote_fees.py", seed, &["--set", "fee_asset=quote", "--set", "filters=false"]);
    }
}

#[test]
fn fees_in_base_with_a_step() {
    let step = r#"symbols=[{symbol = "BTCUSDT", step = "0.0001"}]"#;
    for seed in 4..=6 {
        check("base_fees.py", seed, &["--set", "fee_asset=received", "--set", step]);
    }
}
