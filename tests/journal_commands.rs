//! `tickwright journal` and `tickwright explain` on the journal of a run, as processes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kernel::journal::{Durability, IntentRecord, Journal as _, Persist, Record};
use kernel::messages::Cause;
use kernel::risk::RiskCheck;
use model::{
    Amount, CorrelationId, Fill, FillKey, InstrumentId, Level, Liquidity, MarketEvent, NewOrder,
    OrderEvent, OrderEventKind, OrderId, Quote, Side, StrategyId, Timestamp, TradeId, VenueOrderId,
};
use serde_json::Value;
use store::journal::{Level as DurabilityLevel, SqliteJournal};

const ORDER: OrderId = OrderId { epoch: 1_790_000_000, strategy: StrategyId(0), number: 1 };
const SYMBOL: InstrumentId = InstrumentId(0);

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_790_000_000_000_000 + micros)
}

fn changed(micros: i64, kind: OrderEventKind) -> Record {
    let correlation = CorrelationId(42);
    let event =
        OrderEvent { order: ORDER, instrument: SYMBOL, received_at: at(micros), correlation, kind };
    Record::OrderChanged { strategy: ORDER.strategy, event }
}

fn intent() -> Record {
    let level =
        |price: &str| Level { price: price.parse().unwrap(), quantity: "3".parse().unwrap() };
    let quote = Quote {
        instrument: SYMBOL,
        update_id: 9,
        bid: level("100.00"),
        ask: level("100.02"),
        received_at: at(0),
    };
    let new = NewOrder::limit(SYMBOL, Side::Buy, "2".parse().unwrap(), "100.01".parse().unwrap());
    let instance = model::InstanceId::new("4f9k2a").unwrap();
    let check = |rule: &'static str, limit: &str, actual: &str| {
        let text = format!("[\"{rule}\",\"account\",\"{limit}\",\"{actual}\"]");
        serde_json::from_str::<RiskCheck>(&text).unwrap()
    };
    Record::OrderIntended(Box::new(IntentRecord {
        order: ORDER,
        client_order_id: ORDER.to_client_order_id(instance, new.role),
        strategy: ORDER.strategy,
        new,
        replaces: None,
        other_leg: None,
        cause: Cause::Market { sequence: 77, event: MarketEvent::Quote(quote).into() },
        correlation: CorrelationId(42),
        caused_at: at(0),
        decided_at: at(15),
        approved_at: at(18),
        judged_on_sequence: 78,
        checks: vec![check("max_order_notional", "5000", "200.02"), check("order_rate", "50", "3")],
    }))
}

/// What a run leaves behind: an order that was sent, accepted and filled.
fn records() -> Vec<Record> {
    let fill = Fill {
        key: FillKey { instrument: SYMBOL, trade: TradeId(31), venue_order: VenueOrderId(555) },
        side: Side::Buy,
        price: "100.01".parse().unwrap(),
        quantity: "2".parse().unwrap(),
        fee: "0.002".parse().unwrap(),
        fee_asset: "SOL".parse().unwrap(),
        liquidity: Liquidity::Maker,
        event_at: at(900),
    };
    let usdt: model::Asset = "USDT".parse().unwrap();
    let balances = vec![(usdt, "1000".parse::<Amount>().unwrap())];
    vec![
        Record::EpochStarted {
            epoch: ORDER.epoch,
            instance: model::InstanceId::new("4f9k2a").unwrap(),
            venue: model::VenueId::new("sim:test").unwrap(),
            config_hash: "abc".to_owned(),
            at: at(-10),
        },
        Record::InstrumentRegistered {
            instrument: SYMBOL,
            symbol: "SOLUSDT".parse().unwrap(),
            base: "SOL".parse().unwrap(),
            quote: usdt,
        },
        Record::StrategyRegistered { strategy: ORDER.strategy, name: "grid".to_owned() },
        Record::BalancesOpened { balances, at: at(-5) },
        intent(),
        changed(
            120,
            OrderEventKind::Submitted {
                quantity: Some("2".parse().unwrap()),
                price: Some("100.01".parse().unwrap()),
            },
        ),
        Record::OrderSent { order: ORDER, signed_at: at(125) },
        changed(650, OrderEventKind::Accepted { venue_order: VenueOrderId(555) }),
        changed(
            1_000,
            OrderEventKind::Filled {
                fill,
                cumulative_quantity: "2".parse().unwrap(),
                complete: true,
            },
        ),
    ]
}

fn written(directory: &Path) -> PathBuf {
    let path = directory.join("journal-sim.sqlite");
    let mut journal = SqliteJournal::open(&path, DurabilityLevel::Process).unwrap();
    let persist = |record| Persist { sequence: 0, record, durability: Durability::Committed };
    let batch: Vec<Persist> = records().into_iter().map(persist).collect();
    journal.append(&batch).unwrap();
    journal.store_ledger().unwrap();
    path
}

#[track_caller]
fn run(directory: &Path, line: &str, code: i32) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
    command.args(line.split(' ')).args(["--state-dir", directory.to_str().unwrap()]);
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (said, errors) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(code), "{line}: {said}{errors}");
    (said, errors)
}

fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_whole_journal_is_verified_and_a_damaged_one_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path());
    let (said, _) = run(directory.path(), "journal verify --json", 0);
    let found: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&found["records"], &found["fills"]), (&9.into(), &1.into()), "{found}");

    // A digit of a price, changed on the disk: all that is stored must go through the checksum.
    let bytes = std::fs::read(&path).unwrap();
    let place = bytes.windows(6).position(|window| window == b"100.02").unwrap();
    let mut damaged = bytes;
    damaged[place + 5] = b'9';
    std::fs::write(&path, damaged).unwrap();
    let (_, errors) = run(directory.path(), "journal verify", 7);
    assert!(errors.contains("corrupt at record 5") && errors.contains("checksum"), "{errors}");
}

#[test]
fn records_are_shown_by_filter() {
    let directory = tempfile::tempdir().unwrap();
    written(directory.path());
    #[track_caller]
    fn check(directory: &Path, filters: &str, kinds: &[&str]) {
        let (said, _) = run(directory, &format!("journal show --json{filters}"), 0);
        let shown: Vec<Value> =
            objects(&said).iter().map(|object| object["kind"].clone()).collect();
        assert_eq!(shown, kinds, "{filters}");
    }
    let order =
        ["order_intended", "order_submitted", "order_sent", "order_accepted", "order_filled"];
    let directory = directory.path();
    check(directory, " --kind order_filled", &order[4..]);
    check(directory, " --kind order_filled --kind order_sent", &[order[2], order[4]]);
    check(directory, " --order 1790000000-0-1", &order);
    check(directory, " --last 2", &order[3..]);
    check(directory, " --after 7", &order[3..]);
    check(directory, " --kind order_accepted --symbol solusdt", &order[3..4]);
    check(directory, " --after 4 --strategy grid", &order);
    let (_, errors) = run(directory, "journal show --symbol BTCUSDT", 2);
    assert!(errors.contains("SOLUSDT"), "{errors}");
    let (_, said) = run(directory, "journal show --kind nope", 2);
    assert!(said.contains("no kind `nope`: there are epoch_started, "), "{said}");
    let (said, _) = run(directory, "journal show --kind order_sent", 0);
    assert!(said.contains("order_sent") && said.contains("1790000000-0-1"), "{said}");
}

#[test]
fn tables_are_written_as_csv_and_json() {
    let directory = tempfile::tempdir().unwrap();
    written(directory.path());
    let (said, _) = run(directory.path(), "journal export fills", 0);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("record,order_id,strategy,symbol,side,price,quantity,fee"));
    assert!(lines[1].starts_with("9,1790000000-0-1,grid,SOLUSDT,buy,100.01"), "{said}");
    let (said, _) = run(directory.path(), "journal export orders --format jsonl", 0);
    let [order] = &objects(&said)[..] else { panic!("{said}") };
    assert_eq!((&order["status"], &order["venue_order_id"]), (&"filled".into(), &555.into()));
    for table in ["intents", "external-fills", "positions", "equity", "trading-states", "records"] {
        run(directory.path(), &format!("journal export {table}"), 0);
    }
}

#[test]
fn an_order_is_explained_from_tick_to_fill() {
    let directory = tempfile::tempdir().unwrap();
    written(directory.path());
    let instance = model::InstanceId::new("4f9k2a").unwrap();
    let name = ORDER.to_client_order_id(instance, model::Role::Entry);
    let (said, _) = run(directory.path(), &format!("explain {name}"), 0);
    for words in [
        "grid on SOLUSDT",
        "market event 77: quote, bid 100",
        "+15 µs  decided",
        "+3 µs  approved",
        "+102 µs  submitted",
        "accepted        the venue's order 555",
        "trade 31: 2",
        "fee 0.002 SOL",
        "max_order_notional     account                   5000               200.02",
        "orders in 10 s",
    ] {
        assert!(said.contains(words), "{words:?} in\n{said}");
    }
    let (said, _) = run(directory.path(), "explain 1790000000-0-1 --json", 0);
    let told: Value = serde_json::from_str(&said).unwrap();
    let steps: Vec<&str> =
        told["steps"].as_array().unwrap().iter().map(|s| s["what"].as_str().unwrap()).collect();
    let expected = ["caused", "decided", "approved", "submitted", "sent", "accepted", "filled"];
    assert_eq!(steps, expected);
    run(directory.path(), "explain 1790000000-0-2", 2);
    run(directory.path(), "explain web_1", 2);
}

/// The page about the journal names every view with every column.
#[test]
fn the_page_names_every_view_and_column() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/JOURNAL.md"));
    let page = page.unwrap();
    let directory = tempfile::tempdir().unwrap();
    written(directory.path());
    for table in ["orders", "intents", "fills", "positions"] {
        let (said, _) = run(directory.path(), &format!("journal export {table}"), 0);
        for column in said.lines().next().unwrap().split(',') {
            assert!(page.contains(column), "{table}.{column}");
        }
    }
    let views = "orders, intents, fills, external_fills, positions, equity, trading_states";
    for view in views.split(", ") {
        assert!(page.contains(&format!("| `{view}` |")), "{view}");
    }
}
