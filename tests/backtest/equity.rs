//! Equity of a run: its closes, its falls and its file say what the account was worth after each
//! event, and time in which nothing happens costs nothing.

use std::fmt::Write as _;

use serde_json::Value;

use crate::rig::Rig;

const DAY_MS: i64 = 86_400_000;
/// 2024-01-01.
const START_MS: i64 = 1_704_067_200_000;
const SETTINGS: [&str; 10] = [
    "--set",
    "fill=last",
    "--set",
    "limits=false",
    "--set",
    "filters=false",
    "--set",
    "fee_asset=quote",
    "--report",
    "report.json",
];

/// A strategy that holds ten whole coins or nothing.
fn crossing(source: &str) -> String {
    format!(
        "id = \"h\"\nkind = \"ema_cross\"\nsymbols = [\"BTCUSDT\"]\ncapital = \"90000\"\n\
         [parameters]\n{source}\nfast = 1\nslow = 2\nwarm_up = 2\nquantity = \"10\"\n"
    )
}

/// Trades at instants and prices.
fn file(trades: &[(i64, f64)]) -> String {
    let mut text = String::new();
    for (id, (at, price)) in (1..).zip(trades) {
        writeln!(text, "{id},{price},1000,{},{at},true", price * 1_000.0).unwrap();
    }
    text
}

/// The run's JSON and its report.
#[track_caller]
fn run(rig: &Rig, source: &str, trades: &[(i64, f64)]) -> (Value, Value) {
    rig.write("cross.toml", &crossing(source));
    rig.write("trades.csv", &file(trades));
    let arguments = [&SETTINGS[..], &["--symbol", "BTCUSDT", "--export", "out"]].concat();
    let shown = rig.backtest(&arguments);
    (shown, serde_json::from_str(&rig.read("report.json")).unwrap())
}

/// Instant in nanoseconds and equity of each line of the equity file.
fn exported(rig: &Rig) -> Vec<(i64, f64)> {
    let number = |line: &str, column| line.split(',').nth(column).unwrap().to_owned();
    let row = |line: &str| (number(line, 0).parse().unwrap(), number(line, 1).parse().unwrap());
    rig.read("out/equity.csv").lines().skip(1).map(row).collect()
}

/// A trade a day at noon, after a few that make it buy.
fn daily_trades() -> Vec<(i64, f64)> {
    let mut trades: Vec<(i64, f64)> = (1..=3).map(|at| (START_MS + at * 1_000, 100.0)).collect();
    trades.push((START_MS + 4_000, 101.0));
    let prices = [100.0, 101.0, 103.0, 102.0, 104.0, 106.0, 105.0, 103.0];
    let noon = |day: i64| START_MS + day * DAY_MS + DAY_MS / 2;
    trades.extend((0..).zip(prices).map(|(day, price)| (noon(day), price)));
    trades
}

#[test]
fn a_day_closes_with_what_its_last_event_left() {
    let rig = Rig::new(1, 1);
    let (shown, report) = run(&rig, "source = \"trades\"", &daily_trades());
    let daily = report["equity"]["daily"].as_array().unwrap();
    let closes: Vec<f64> = daily.iter().map(|day| day["equity"].as_f64().unwrap()).collect();
    // Bought at 101, sold at 100 at noon, a tenth of a percent each time.
    assert_eq!(closes[0], 99_987.99);
    // Bought at 101 again, worth 103, worth 102 and sold.
    let bought = 99_987.99 - 1.01;
    let expected = [bought, bought + 20.0, bought + 10.0 - 1.02];
    for (close, expected) in closes[1..4].iter().zip(expected) {
        assert!((close - expected).abs() < 1e-6, "{closes:?}");
    }
    let rows = exported(&rig);
    assert!(rows.windows(2).all(|pair| pair[0].0 < pair[1].0), "{rows:?}");
    for (day, close) in (0..).zip(&closes) {
        let end_ns = (START_MS + (day + 1) * DAY_MS) * 1_000_000;
        let last = rows.iter().rfind(|(at, _)| *at < end_ns).unwrap();
        assert!((last.1 - close).abs() < 1e-6, "day {day}: {last:?}, {close}");
    }
    let end: f64 = shown["equity_end"].as_str().unwrap().parse().unwrap();
    assert_eq!(rows.last().unwrap().1, end, "the file ends as the run does");
}

#[test]
fn a_fall_of_a_few_milliseconds_is_a_drawdown() {
    let rig = Rig::new(1, 1);
    let mut trades: Vec<(i64, f64)> = (0..200).map(|at| (at * 1_000, 100.0)).collect();
    trades.extend((200..400).map(|at| (at * 1_000, 101.0)));
    trades.extend((0..300).map(|step| (400_000 + step * 10, 101.0)));
    trades.extend([(403_005, 50.0), (403_008, 101.0)]);
    trades.extend((0..300).map(|step| (403_010 + step * 10, 101.0)));
    for trade in &mut trades {
        trade.0 += START_MS;
    }
    let bars = "source = \"bars\"\ninterval = \"1m\"";
    let (_, report) = run(&rig, bars, &trades);
    assert_eq!(report["counts"]["fills"], 1, "it holds");
    let low: f64 = report["equity"]["low"].as_str().unwrap().parse().unwrap();
    assert_eq!(low, 100_000.0 - 1.01 - 510.0);
    for falls in [&report["equity"], &report["strategies"][0]["equity"]] {
        let deepest = &falls["marked_drawdown"]["deepest"];
        let depth = deepest["depth"].as_f64().unwrap();
        assert!((0.005..0.006).contains(&depth), "{falls}");
        assert_eq!(deepest["trough_at"], (START_MS + 403_005) * 1_000_000);
    }
}

#[test]
fn years_without_an_event_cost_nothing() {
    let mut trades: Vec<(i64, f64)> = (1..=3).map(|at| (START_MS + at * 1_000, 100.0)).collect();
    trades.extend((4..=7).map(|at| (START_MS + at * 1_000, 101.0)));
    trades.push((START_MS + 365 * DAY_MS, 101.0));
    for source in ["source = \"trades\"", "source = \"bars\"\ninterval = \"1m\""] {
        let rig = Rig::new(1, 1);
        let (shown, report) = run(&rig, source, &trades);
        let resident = shown["timing"]["peak_rss_mb"].as_f64().unwrap();
        assert!(resident < 150.0, "{source}: {resident} MB");
        assert_eq!(report["equity"]["daily"].as_array().unwrap().len(), 366);
        // A bar without a trade is an event too; a minute without anything is none.
        let rows = exported(&rig).len();
        let expected = if source.contains("bars") { 525_600..525_610 } else { 1..1_000 };
        assert!(expected.contains(&rows), "{source}: {rows} rows");
    }
}
