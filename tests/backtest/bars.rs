//! Bars as a user has them: what fills where, and what strategies that need something else are told.

use serde_json::Value;

use crate::rig::Rig;

/// Candles of a minute from an instant that opens a day: open, high, low, close.
fn candles(rows: &[[u32; 4]], volume: u32) -> String {
    let mut text = String::new();
    for (minute, [open, high, low, close]) in rows.iter().enumerate() {
        let at = 1_700_006_400_000_u64 + 60_000 * minute as u64;
        text.push_str(&format!("{at},{open},{high},{low},{close},{volume}\n"));
    }
    text
}

fn strategy(kind: &str, parameters: &str) -> String {
    format!(
        "id = \"s\"\nkind = \"{kind}\"\nsymbols = [\"BTCUSDT\"]\ncapital = \"90000\"\n{parameters}"
    )
}

fn cross(interval: &str, rest: &str) -> String {
    strategy(
        "ema_cross",
        &format!(
            "[parameters]\nsource = \"bars\"\ninterval = \"{interval}\"\nfast = 1\nslow = 2\n\
             warm_up = 2\nquantity = \"2\"\n{rest}"
        ),
    )
}

/// A directory with a strategy and candles.
fn rig(strategy: &str, candles: &str) -> Rig {
    let rig = Rig::new(10, 1);
    rig.write("s.toml", strategy);
    rig.write("BTCUSDT-1m.csv", candles);
    rig
}

fn run(rig: &Rig, data: &str, more: &[&str]) -> (i32, Result<Value, String>) {
    let mut arguments = vec!["--strategy", "s.toml", "--json", "--set", "limits=false"];
    arguments.extend(["--data", data]);
    arguments.extend(more);
    let (code, said) = rig.run("backtest", &arguments);
    (code, serde_json::from_str(&said).map_err(|_| said))
}

const RISING: [[u32; 4]; 9] = [
    [100, 100, 100, 100],
    [100, 100, 100, 100],
    [100, 100, 100, 100],
    [100, 100, 100, 100],
    [100, 100, 100, 100],
    [100, 101, 100, 101],
    [110, 110, 110, 110],
    [110, 120, 90, 101],
    [101, 101, 101, 101],
];

/// Side, price and quantity of each fill.
fn fills(rig: &Rig) -> Vec<(String, String, String)> {
    let text = rig.read("out/fills.csv");
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let place = |name: &str| header.iter().position(|cell| *cell == name).unwrap();
    let places = ["side", "price", "quantity"].map(place);
    let cells = |cells: Vec<&str>| {
        let [side, price, quantity] = places.map(|place| cells[place].to_owned());
        (side, price, quantity)
    };
    lines.map(cells).collect()
}

#[test]
fn an_order_meets_the_opening_of_the_next_bar() {
    let rig = rig(&cross("1m", ""), &candles(&RISING, 1_000));
    let result = run(&rig, "BTCUSDT-1m.csv", &["--export", "out"]).1.unwrap();
    assert_eq!(result["events"], 9);
    let (side, price, _) = &fills(&rig)[0];
    // Two basis points above the opening at 110, not above the close at 101.
    assert_eq!((side.as_str(), price.parse::<f64>().unwrap()), ("buy", 110.022));
}

#[test]
fn orders_take_a_tenth_of_the_volume_at_most() {
    let rig = rig(&cross("1m", ""), &candles(&RISING, 10));
    run(&rig, "BTCUSDT-1m.csv", &["--export", "out"]).1.unwrap();
    let bought = fills(&rig).into_iter().map(|(_, _, quantity)| quantity.parse::<f64>().unwrap());
    let bought: Vec<f64> = bought.collect();
    assert!(bought.iter().all(|quantity| *quantity <= 0.25), "{bought:?}");
    assert!(bought.len() > 4, "{bought:?}");
    let none = run(&rig, "BTCUSDT-1m.csv", &["--set", "participation=0"]).1.unwrap();
    assert_eq!((none["orders"].as_u64() > Some(0), &none["fills"]), (true, &Value::from(0)));
}

/// A stop at 1 % and a target at 5 %, which one bar both reaches: the stop sells, and nobody else.
#[test]
fn a_bar_that_reaches_stop_and_target_sells_once() {
    let mut rows = RISING;
    rows[6] = [101, 101, 101, 101];
    rows[7] = [101, 120, 90, 101];
    let protection = "[protection]\nstop_loss_bps = 100\ntake_profit_bps = 500\n";
    let rig = rig(&cross("1m", protection), &candles(&rows, 1_000));
    run(&rig, "BTCUSDT-1m.csv", &["--export", "out"]).1.unwrap();
    let fills = fills(&rig);
    let of = |wanted: &str| {
        let own = fills.iter().filter(|(side, ..)| side == wanted);
        own.map(|(_, _, quantity)| quantity.parse::<f64>().unwrap()).sum::<f64>()
    };
    assert!(of("sell") > 0.0 && of("sell") <= of("buy"), "{fills:?}");
}

#[test]
fn bars_are_made_of_shorter_ones_and_not_of_longer_ones() {
    let rows: Vec<[u32; 4]> = (0..120).map(|at| [100 + at, 101 + at, 99 + at, 100 + at]).collect();
    let five = rig(&cross("5m", ""), &candles(&rows, 1_000));
    let result = run(&five, "BTCUSDT-1m.csv", &[]).1.unwrap();
    assert_eq!(result["events"], 120);
    assert!(result["orders"].as_u64() > Some(0), "{result}");
    let second = rig(&cross("1s", ""), &candles(&rows, 1_000));
    let (code, said) = run(&second, "BTCUSDT-1m.csv", &[]);
    let said = said.unwrap_err();
    assert!(code == 2 && said.contains("bars of 1s") && said.contains("klines of 1m"), "{said}");
}

#[test]
fn a_strategy_that_would_get_nothing_is_refused_and_one_that_misses_something_is_warned_of() {
    let parameters = "[parameters]\norder_notional = \"300\"\n";
    for (kind, asked) in [("grid", "trades"), ("market_maker", "best prices")] {
        let rig = rig(&strategy(kind, parameters), &candles(&RISING, 1_000));
        let (code, said) = run(&rig, "BTCUSDT-1m.csv", &[]);
        let said = said.unwrap_err();
        let words = format!("(kind {kind}) asks for {asked} of BTCUSDT");
        assert!(code == 2 && said.contains(&words) && said.contains("klines of 1m"), "{said}");
    }
    let dips = strategy("dip_buyer", &format!("{parameters}interval = \"1m\"\n"));
    let rig = rig(&dips, &candles(&RISING, 1_000));
    let result = run(&rig, "BTCUSDT-1m.csv", &[]).1.unwrap();
    let said = result["warnings"].to_string();
    assert!(said.contains("(kind dip_buyer) asks for trades of BTCUSDT"), "{said}");
}

#[test]
fn a_span_without_events_is_wrong_input() {
    let rig = rig(&cross("1m", ""), &candles(&RISING, 1_000));
    rig.write("BTCUSDT-empty-1m.csv", "open_time,open,high,low,close,volume\n");
    let check = |data: &str, span: &[&str], words: &str| {
        let arguments: Vec<&str> = span.iter().copied().chain(["--report", "r.html"]).collect();
        let (code, said) = run(&rig, data, &arguments);
        let said = said.unwrap_err();
        assert!(code == 2 && said.contains(words), "{span:?}: {code} {said}");
    };
    check("BTCUSDT-1m.csv", &["--from", "2030-01-01"], "no event from 2030");
    check("BTCUSDT-1m.csv", &["--to", "2020-01-01"], "no event before 2020");
    let span = ["--from", "2024-01-02", "--to", "2024-01-01"];
    check("BTCUSDT-1m.csv", &span, "is not before");
    check("BTCUSDT-empty-1m.csv", &[], "");
}
