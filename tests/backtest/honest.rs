//! What a sceptic asks: who fills at which trade, what was assumed, what was left out, and what was
//! under way at the end.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::rig::Rig;

/// The cells of a file, by name.
fn table(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut lines = text.lines();
    let names: Vec<String> = lines.next().unwrap().split(',').map(str::to_owned).collect();
    let row = |line: &str| {
        let cells = line.splitn(names.len(), ',').map(str::to_owned);
        names.iter().cloned().zip(cells).collect()
    };
    lines.map(row).collect()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// Trades at seconds, prices and whole quantities.
fn trades(rows: &[(i64, &str)]) -> String {
    let mut text = String::new();
    for (id, (second, price)) in (1..).zip(rows) {
        let at = 1_700_006_400_000_i64 + second * 1_000;
        text.push_str(&format!("{id},{price},1000,1,{at},true\n"));
    }
    text
}

fn bars(parameters: &str) -> String {
    format!(
        "id = \"cross\"\nkind = \"ema_cross\"\nsymbols = [\"BTCUSDT\"]\ncapital = \"90000\"\n\
         [parameters]\nsource = \"bars\"\ninterval = \"1m\"\nfast = 1\nslow = 2\n{parameters}\n"
    )
}

/// Each fill is at the price of a trade of its own instant, two basis points worse, and that trade
/// is the first one after the order has arrived.
#[test]
fn an_order_fills_at_the_first_trade_after_it_has_arrived() {
    let rig = Rig::new(20_000, 41);
    rig.write("cross.toml", &bars("quantity = \"0.01\""));
    let settings = ["--set", "limits=false", "--set", "participation=1", "--export", "out"];
    rig.backtest(&settings);
    let file = rig.read("trades.csv");
    let trades: Vec<(i64, Decimal)> = table(&file)
        .iter()
        .map(|row| (row["time_ms"].parse::<i64>().unwrap() * 1_000_000, decimal(&row["price"])))
        .collect();
    let orders = table(&rig.read("out/orders.csv"));
    let fills = table(&rig.read("out/fills.csv"));
    assert!(fills.len() > 10, "{} fills prove little", fills.len());
    let latency = 25_000_000..=35_000_000_i64;
    let mut first: BTreeMap<&str, &BTreeMap<String, String>> = BTreeMap::new();
    for fill in &fills {
        first.entry(&fill["order"]).or_insert(fill);
    }
    for (order, fill) in first {
        let is_own =
            |row: &&BTreeMap<String, String>| row["order"] == order && row["event"] == "decided";
        let decided: i64 = orders.iter().find(is_own).unwrap()["at_ns"].parse().unwrap();
        let at: i64 = fill["at_ns"].parse().unwrap();
        let next = trades.partition_point(|(time, _)| *time < decided + latency.start());
        let latest = trades.partition_point(|(time, _)| *time < decided + latency.end());
        let met = &trades[next..=latest.min(trades.len() - 1)];
        let price = decimal(&fill["price"]);
        let cost = |base: Decimal| {
            let share = base * Decimal::new(2, 4);
            let worse = if fill["side"] == "buy" { base + share } else { base - share };
            (worse - price).abs() <= Decimal::new(1, 8)
        };
        assert!(
            met.iter().any(|(time, base)| *time == at && cost(*base)),
            "{order} decided at {decided} filled at {at} for {price}: {met:?}"
        );
    }
}

/// Half a minute passes between the last trade of a bar and the next one, far away.
#[test]
fn a_decision_on_a_bar_of_trades_meets_the_trade_after_it() {
    let rig = Rig::new(1, 1);
    rig.write("cross.toml", &bars("warm_up = 0\nquantity = \"1\""));
    let prices = [(0, "100"), (60, "100"), (120, "100"), (150, "101"), (210, "110"), (240, "110")];
    rig.write("trades.csv", &trades(&prices));
    let shown = rig.backtest(&["--set", "limits=false", "--symbol", "BTCUSDT", "--export", "out"]);
    let fills = table(&rig.read("out/fills.csv"));
    let [fill] = fills.as_slice() else { panic!("{fills:?}") };
    // Decided at 180.25 s, when the price was 101.
    let at = (1_700_006_400 + 210) * 1_000_000_000_i64;
    assert_eq!(
        (fill["at_ns"].as_str(), decimal(&fill["price"])),
        (&*at.to_string(), decimal("110.022"))
    );
    assert_eq!(shown["ending"]["commands_on_their_way"], 0);
}

#[test]
fn what_is_under_way_at_the_end_is_named() {
    let rig = Rig::new(1, 1);
    let strategy = bars("quantity = \"1\"").replace("source = \"bars\"", "source = \"trades\"");
    rig.write("cross.toml", &strategy);
    // The last trade makes it buy: nothing comes after it.
    let prices = [(0, "100"), (1, "100"), (2, "100"), (3, "101")];
    rig.write("trades.csv", &trades(&prices));
    let arguments = ["--set", "limits=false", "--symbol", "BTCUSDT", "--report", "r.json"];
    let shown = rig.backtest(&arguments);
    let report: Value = serde_json::from_str(&rig.read("r.json")).unwrap();
    assert_eq!((&shown["orders"], &shown["fills"]), (&1.into(), &0.into()));
    assert_eq!(shown["ending"]["commands_on_their_way"], 1);
    assert_eq!(report["ending"], shown["ending"]);
    // One second later it has arrived and waits for a trade; the next one fills it, and nobody is
    // told before the end.
    let more = [&prices[..], &[(4, "101")]].concat();
    rig.write("trades.csv", &trades(&more));
    let ending = &rig.backtest(&arguments)["ending"];
    let count = |name: &str| ending[name].as_i64().unwrap();
    assert_eq!((count("commands_on_their_way"), count("open_orders")), (0, 0), "{ending}");
    assert_eq!(count("fills_on_their_way"), 1, "{ending}");
    assert!(count("answers_on_their_way") >= 1, "{ending}");
    let page = rig.backtest(&[&arguments[..4], &["--report", "r.html"]].concat());
    assert_eq!(page["fills"], 0);
    assert!(rig.read("r.html").contains("at the end"), "the page names it");
}

#[test]
fn steps_that_nobody_has_said_are_told_as_assumed() {
    let rig = Rig::new(100, 42);
    let shown = rig.backtest(&["--report", "r.json"]);
    let [one] = shown["instruments"].as_array().unwrap().as_slice() else { panic!("{shown}") };
    assert_eq!(one["symbol"], "BTCUSDT");
    assert_eq!((&one["tick"], &one["tick_assumed"]), (&"0.00000001".into(), &true.into()));
    let report = rig.read("r.json");
    assert!(report.contains("tick 0.00000001 (assumed: none is known)"), "{report}");
    let tick = r#"symbols=[{symbol = "BTCUSDT", tick = "0.05"}]"#;
    let shown = rig.backtest(&["--set", tick]);
    let one = &shown["instruments"][0];
    assert_eq!((&one["tick"], &one["tick_assumed"]), (&"0.05000000".into(), &false.into()));
    assert_eq!(
        (&one["step_assumed"], &one["filters"]),
        (&true.into(), &"from the settings".into())
    );
}

/// Hourly candles for ten days, ninety days of nothing, and ten more.
#[test]
fn history_before_a_gap_of_months_is_no_warm_up() {
    let rig = Rig::new(1, 1);
    let strategy = bars("warm_up = 200\nquantity = \"1\"").replace("\"1m\"", "\"1h\"");
    rig.write(
        "cross.toml",
        &strategy.replace("slow = 2", "slow = 60").replace("fast = 1", "fast = 20"),
    );
    let candle = |hour: i64| {
        let at = 1_704_067_200_000_i64 + hour * 3_600_000;
        let price = 1_000 + (hour * 7_919) % 401;
        format!("{at},{price},{price},{price},{price},1000\n")
    };
    let second = 100 * 24..110 * 24;
    let both: String = (0..240).chain(second.clone()).map(candle).collect();
    let only: String = second.map(candle).collect();
    let run = |name: &str, text: &str| {
        rig.write(name, text);
        let from = ["--from", "2024-04-11T12:00:00", "--strategy", "cross.toml", "--data", name];
        let more = ["--json", "--set", "limits=false", "--symbol", "BTCUSDT", "--export", "out"];
        let (code, said) = rig.run("backtest", &[&from[..], &more].concat());
        assert_eq!(code, 0, "{said}");
        (serde_json::from_str::<Value>(&said).unwrap(), rig.read("out/fills.csv"))
    };
    let (told, fills) = run("BTCUSDT-1h-both.csv", &both);
    let (plain, expected) = run("BTCUSDT-1h-only.csv", &only);
    let says = |shown: &Value| shown["warnings"].to_string();
    assert!(says(&told).contains("is warmed up with 35 of the 200 events"), "{}", says(&told));
    assert!(says(&told).contains("from 2024-01-11"), "{}", says(&told));
    assert!(!says(&plain).contains("is warmed up with"), "{}", says(&plain));
    assert!(fills.lines().count() > 2, "{fills}");
    assert_eq!(fills, expected, "what lies before the gap changes nothing");
}

#[test]
fn what_is_paid_with_another_asset_is_told_and_can_be_given() {
    let rig = Rig::new(3_000, 43);
    let coins = rig.read("trades.csv");
    let mut pair = String::new();
    for row in table(&coins) {
        let price = decimal(&row["price"]) / Decimal::from(1_000_000);
        let (id, at, maker) = (&row["id"], &row["time_ms"], &row["is_buyer_maker"]);
        pair.push_str(&format!("{id},{price},{},1,{at},{maker}\n", row["qty"]));
    }
    rig.write("BTCUSDT-trades.csv", &coins);
    rig.write("ETHBTC-trades.csv", &pair);
    let both = rig.read("cross.toml").replace("[\"BTCUSDT\"]", "[\"ETHBTC\", \"BTCUSDT\"]");
    rig.write("both.toml", &both);
    let run = |more: &[&str]| {
        let data = ["--data", "BTCUSDT-trades.csv", "--data", "ETHBTC-trades.csv"];
        let common =
            ["--strategy", "both.toml", "--json", "--set", "limits=false", "--export", "out"];
        let (code, said) = rig.run("backtest", &[&common[..], &data, more].concat());
        assert_eq!(code, 0, "{said}");
        let orders = table(&rig.read("out/orders.csv"));
        let denied = orders.into_iter().filter(|row| row["event"] == "denied");
        let of = denied.filter(|row| row["symbol"] == "ETHBTC").map(|row| row["reason"].clone());
        (serde_json::from_str::<Value>(&said).unwrap(), of.collect::<Vec<String>>())
    };
    let (shown, denied) = run(&[]);
    let said = shown["warnings"].to_string();
    assert!(said.contains("ETHBTC is paid with BTC, of which the account begins with nothing"));
    assert!(!denied.is_empty());
    assert!(
        denied.iter().all(|why| why.contains("balance: ") && why.contains(" BTC")),
        "{denied:?}"
    );
    let (shown, denied) = run(&["--set", "balances=[\"5 BTC\"]"]);
    assert!(denied.is_empty(), "{denied:?}");
    assert!(!shown["warnings"].to_string().contains("is paid with"), "{shown}");
    assert_eq!(shown["equity_start"], "100000");
    let (code, said) = rig.run(
        "backtest",
        &[
            "--strategy",
            "both.toml",
            "--data",
            "BTCUSDT-trades.csv",
            "--set",
            "balances=[\"1 USDT\"]",
            "--data",
            "ETHBTC-trades.csv",
        ],
    );
    assert!(code == 2 && said.contains("`cash` says"), "{said}");
}

/// A catalog with klines of three days, and trades of a part of the last.
#[test]
fn klines_beyond_the_trades_of_a_catalog_are_not_dropped() {
    let rig = Rig::new(2_000, 44);
    rig.write("BTCUSDT-trades.csv", &rig.read("trades.csv"));
    let minute = |number: i64| {
        let at = 1_700_000_040_000_i64 - 2 * 86_400_000 + number * 60_000;
        format!("{at},60000,60001,59999,60000,5\n")
    };
    rig.write("BTCUSDT-1m.csv", &(0..2 * 1_440).map(minute).collect::<String>());
    let (code, said) =
        rig.run("data", &["import", "BTCUSDT-trades.csv", "BTCUSDT-1m.csv", "--catalog", "cat"]);
    assert_eq!(code, 0, "{said}");
    let run = |more: &[&str]| {
        let common =
            ["--strategy", "cross.toml", "--data", "cat", "--json", "--set", "limits=false"];
        rig.run("backtest", &[&common[..], more].concat())
    };
    let (code, said) = run(&[]);
    let has = |text: &str| said.contains(text);
    assert!(code == 2 && has("reaches beyond") && has("--kind klines or --kind trades"), "{said}");
    let events = |(code, said): (i32, String)| {
        assert_eq!(code, 0, "{said}");
        serde_json::from_str::<Value>(&said).unwrap()["events"].as_u64().unwrap()
    };
    assert_eq!(events(run(&["--kind", "trades"])), 2_000);
    assert_eq!(events(run(&["--from", "2023-11-14T22:13:20"])), 2_000, "both have this span");
    rig.write("cross.toml", &bars("quantity = \"0.01\""));
    assert_eq!(events(run(&["--kind", "klines"])), 2 * 1_440);
}

#[test]
fn the_first_bar_that_is_partial_is_told() {
    let rig = Rig::new(1, 1);
    rig.write("cross.toml", &bars("quantity = \"1\""));
    let run = |second: i64| {
        rig.write("trades.csv", &trades(&[(second, "100"), (70, "100"), (190, "100")]));
        rig.backtest(&["--symbol", "BTCUSDT"])["warnings"].to_string()
    };
    assert!(run(17).contains("the first bar of 1m of BTCUSDT is partial"), "{}", run(17));
    assert!(run(17).contains("17.0 s after its opening"));
    assert!(!run(2).contains("partial"), "{}", run(2));
}

#[test]
fn a_page_has_the_parameters_of_its_strategies() {
    let rig = Rig::new(500, 45);
    rig.backtest(&["--report", "r.html"]);
    let page = rig.read("r.html");
    assert!(page.contains("parameters of cross"), "{page}");
    assert!(page.contains("fast = 10, interval = 1m, quantity = 0.01"), "{page}");
}

/// With a book beside the trades: the last price all the same, whole and at once.
#[test]
fn the_last_price_is_that_of_the_last_trade_whatever_book_is_recorded() {
    let rig = Rig::new(1, 1);
    let at = 1_700_006_400_000_i64;
    let mut capture = String::new();
    let mut line = |ms: i64, stream: &str, data: &str| {
        let ns = (at + ms) * 1_000_000;
        capture.push_str(&format!("{ns} {{\"stream\":\"btcusdt@{stream}\",\"data\":{data}}}\n"));
    };
    for (id, (ms, price)) in (1..).zip([(0, 100), (100, 100), (200, 100), (300, 101), (400, 101)]) {
        let best = format!(
            "{{\"u\":{id},\"s\":\"BTCUSDT\",\"b\":\"90.00\",\"B\":\"0.5\",\"a\":\"120.00\",\"A\":\"0.5\"}}"
        );
        line(ms, "bookTicker", &best);
        let when = at + ms;
        let trade = format!(
            "{{\"e\":\"trade\",\"E\":{when},\"s\":\"BTCUSDT\",\"t\":{id},\"p\":\"{price}.00\",\"q\":\"1.0\",\
             \"T\":{when},\"m\":false,\"M\":true}}"
        );
        line(ms + 1, "trade", &trade);
    }
    rig.write("capture.txt", &capture);
    let (code, said) = rig.run("data", &["import", "capture.txt", "--catalog", "cat"]);
    assert_eq!(code, 0, "{said}");
    let strategy = bars("quantity = \"3\"").replace("source = \"bars\"", "source = \"trades\"");
    rig.write("cross.toml", &strategy);
    let run = |fill: &str| {
        let common = ["--strategy", "cross.toml", "--data", "cat", "--export", "out", "--json"];
        let sets = ["--set", "limits=false", "--set", fill];
        let (code, said) = rig.run("backtest", &[&common[..], &sets].concat());
        assert_eq!(code, 0, "{said}");
        let fills = table(&rig.read("out/fills.csv"));
        fills
            .iter()
            .map(|row| (decimal(&row["price"]), decimal(&row["quantity"])))
            .collect::<Vec<_>>()
    };
    assert_eq!(run("fill=last"), [(decimal("101"), decimal("3"))]);
    let models = run("fill=model");
    assert_eq!(models[0], (decimal("120"), decimal("0.5")), "else it takes what is displayed");
}
