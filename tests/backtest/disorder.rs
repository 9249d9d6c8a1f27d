//! Rows out of order, rows that are there twice, rows that can't be: each is sorted, counted and
//! named, or ends the run. None is dropped in silence.

use serde_json::Value;

use crate::rig::Rig;

const HEADER: &str = "id,price,qty,quote_qty,time_ms,is_buyer_maker";

fn rows(rig: &Rig) -> Vec<String> {
    rig.read("trades.csv").lines().skip(1).map(str::to_owned).collect()
}

fn written(rig: &Rig, name: &str, rows: &[String]) {
    rig.write(name, &format!("{HEADER}\n{}\n", rows.join("\n")));
}

/// Runs over files; the exit code, the result, or what it said instead.
fn over(rig: &Rig, files: &[&str]) -> (i32, Result<Value, String>) {
    let mut arguments = vec!["--strategy", "cross.toml", "--json", "--symbol", "BTCUSDT"];
    arguments.extend(["--set", "fill=last", "--set", "limits=false"]);
    files.iter().for_each(|file| arguments.extend(["--data", file]));
    let (code, said) = rig.run("backtest", &arguments);
    (code, serde_json::from_str(&said).map_err(|_| said))
}

/// The figures that every order of the same rows must come to.
fn figures(result: &Value) -> [Value; 4] {
    ["events", "orders", "fees", "equity_end"].map(|name| result[name].clone())
}

#[test]
fn rows_out_of_order_or_twice_change_no_figure_and_are_named() {
    let rig = Rig::new(6_000, 11);
    let ordered = rows(&rig);
    let whole = over(&rig, &["trades.csv"]).1.unwrap();
    let check = |label: &str, files: &[&str], [sorted, passed_over]: [u64; 2], kinds: usize| {
        let result = over(&rig, files).1.unwrap();
        assert_eq!(figures(&result), figures(&whole), "{label}");
        let counts = ["rows_sorted", "rows_passed_over"].map(|name| result[name].clone());
        assert_eq!(counts, [sorted, passed_over], "{label}");
        let warnings = result["warnings"].as_array().unwrap().len();
        // That of the unrealistic model stands first.
        assert_eq!(warnings, 1 + kinds, "{label}: {result}");
    };
    check("as they are", &["trades.csv"], [0, 0], 0);
    let mut swapped = ordered.clone();
    swapped.swap(3_000, 3_050);
    written(&rig, "swapped.csv", &swapped);
    let displaced = over(&rig, &["swapped.csv"]).1.unwrap()["rows_sorted"].as_u64().unwrap();
    check("swapped", &["swapped.csv"], [displaced, 0], 1);
    assert!(displaced > 0);
    let mut twice = ordered.clone();
    twice.insert(4_000, ordered[3_999].clone());
    let mut other: Vec<&str> = ordered[99].split(',').collect();
    other[1] = "1";
    twice.insert(100, other.join(","));
    written(&rig, "twice.csv", &twice);
    check("twice", &["twice.csv"], [0, 2], 2);
    written(&rig, "first.csv", &ordered[..4_000]);
    written(&rig, "second.csv", &ordered[2_500..]);
    check("overlapping", &["second.csv", "first.csv"], [0, 1_500], 1);
    let directory = rig.path("catalog").display().to_string();
    for name in ["first.csv", "second.csv"] {
        let (code, said) =
            rig.run("data", &["import", "--catalog", &directory, "--symbol", "BTCUSDT", name]);
        assert_eq!(code, 0, "{said}");
    }
    check("overlapping in a catalog", &["catalog"], [0, 1_500], 1);
}

#[test]
fn half_a_history_after_the_other_half_is_none() {
    let rig = Rig::new(6_000, 12);
    let mut halves = rows(&rig);
    halves.rotate_left(3_000);
    written(&rig, "halves.csv", &halves);
    let (code, said) = over(&rig, &["halves.csv"]);
    let said = said.unwrap_err();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("halves.csv is not in the order of time"), "{said}");
    let directory = rig.path("catalog").display().to_string();
    let (code, said) =
        rig.run("data", &["import", "--catalog", &directory, "--symbol", "BTCUSDT", "halves.csv"]);
    assert!(said.contains("not in the order of time"), "{code}: {said}");
    let (code, said) = over(&rig, &["catalog"]);
    assert_eq!(code, 2, "{said:?}");
    let (code, said) = rig.run("data", &["verify", "--catalog", &directory, "--mend"]);
    let mended = over(&rig, &["catalog"]);
    assert_eq!(mended.0, 0, "{code}: {said}");
    let ordered = over(&rig, &["trades.csv"]).1.unwrap();
    assert_eq!(figures(&mended.1.unwrap()), figures(&ordered));
}

#[test]
fn a_row_that_can_not_be_is_wrong_input() {
    let rig = Rig::new(100, 13);
    for (price, quantity) in [("-5", "1"), ("0", "1"), ("60000", "0"), ("60000", "-1")] {
        let mut bad = rows(&rig);
        let cells: Vec<&str> = bad[50].split(',').collect();
        let row = format!("{},{price},{quantity},{},{},{}", cells[0], cells[3], cells[4], cells[5]);
        bad[50] = row;
        written(&rig, "bad.csv", &bad);
        let (code, said) = over(&rig, &["bad.csv"]);
        let said = said.unwrap_err();
        assert!(code == 2 && said.contains("line 52"), "{code}: {said}");
    }
}
