//! The log end to end: events through `tracing` into files, and the summary from the files.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actors::observe::{Observation, Observer};
use actors::orderlog::OrderLog;
use events::log_event;
use model::{
    Amount, CancelReason, Contract, CorrelationId, Filters, InstanceId, Instrument, InstrumentId,
    InstrumentStatus, Instruments, NewOrder, OrderEvent, OrderEventKind, OrderId, Side, StrategyId,
    Timestamp, VenueId, VenueOrderId,
};
use tickwright::config::TerminalLog;
use tickwright::logging::{LogOptions, dispatch, summary::Summary};

fn options(file: &Path) -> LogOptions {
    LogOptions {
        file: Some(file.to_owned()),
        rotate_bytes: 1 << 20,
        keep_files: 50,
        level: tracing::Level::INFO,
        terminal: TerminalLog::Off,
        clock: Arc::new(|| Timestamp::from_nanos(1_723_161_253_937_085_768)),
    }
}

/// Runs `scenario` with a log of its own and returns the lines of the file.
fn logged(options: &LogOptions, scenario: impl FnOnce()) -> Vec<serde_json::Value> {
    let (dispatch, guard) = dispatch(options).unwrap();
    tracing::dispatcher::with_default(&dispatch, scenario);
    assert!(guard.flush(Duration::from_secs(10)));
    let text = std::fs::read_to_string(options.file.as_ref().unwrap()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn events_become_lines_with_their_fields() {
    let directory = tempfile::tempdir().unwrap();
    let lines = logged(&options(&directory.path().join("a.log")), || {
        let cause: Option<&str> = None;
        log_event!(ALERT_FAILED, subject = "state", error = cause);
        let price: Option<&str> = Some("61837.63");
        log_event!(
            ORDER_INTENDED,
            correlation = "1700000000-7",
            order_id = "tw-1",
            strategy = "a",
            symbol = "BTCUSDT",
            side = "buy",
            kind = "limit",
            price = price.map(display),
            quantity = %"0.01"
        );
        tracing::info!(target: "hyper", "chatter");
        tracing::warn!(target: "hyper", peer = 3, "trouble");
    });
    let expected = serde_json::json!([
        {"at": "2024-08-08T23:54:13.937085Z", "level": "error", "event": "alert.failed",
         "subject": "state"},
        {"at": "2024-08-08T23:54:13.937085Z", "level": "info", "event": "order.intended",
         "correlation": "1700000000-7", "order_id": "tw-1", "strategy": "a", "symbol": "BTCUSDT", "side": "buy",
         "kind": "limit", "price": "61837.63", "quantity": "0.01"},
        {"at": "2024-08-08T23:54:13.937085Z", "level": "warn", "event": "library.warned",
         "library": "hyper", "message": "trouble peer=3"},
    ]);
    assert_eq!(serde_json::Value::from(lines), expected);
}

#[test]
fn less_important_levels_are_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(&directory.path().join("a.log"));
    options.level = tracing::Level::ERROR;
    let lines = logged(&options, || {
        log_event!(FEED_DISCONNECTED, connection = 1, reason = "reset", retry_in_ms = 250);
        log_event!(ALERT_FAILED, subject = "stream.stale", error = "timeout");
        tracing::warn!(target: "hyper", "trouble");
    });
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["event"], "alert.failed");
}

#[test]
fn an_unusable_directory_is_an_error_that_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = dispatch(&options(&file.join("a.log"))).unwrap_err().to_string();
    assert!(error.contains("logs.directory"), "{error}");
}

/// A fill as execution would log it.
#[derive(Clone, Copy)]
struct Fill {
    order: &'static str,
    trade: i64,
    strategy: &'static str,
    symbol: &'static str,
    side: &'static str,
    price: &'static str,
    quantity: &'static str,
    remaining: &'static str,
    fee: (&'static str, &'static str),
    fee_value: Option<&'static str>,
}

impl Fill {
    fn log(self) {
        let base = self.symbol.strip_suffix("USDT").unwrap();
        log_event!(
            ORDER_FILLED,
            correlation = "1700000000-1",
            order_id = self.order,
            venue_order_id = self.trade + 1_000,
            trade_id = self.trade,
            strategy = self.strategy,
            symbol = self.symbol,
            base = base,
            quote = "USDT",
            side = self.side,
            price = self.price,
            quantity = self.quantity,
            remaining = self.remaining,
            liquidity = "taker",
            fee = self.fee.0,
            fee_asset = self.fee.1,
            fee_value = self.fee_value
        );
    }
}

const BUY: Fill = Fill {
    order: "o1",
    trade: 1,
    strategy: "a",
    symbol: "BTCUSDT",
    side: "buy",
    price: "100",
    quantity: "1",
    remaining: "1",
    fee: ("0.1", "USDT"),
    fee_value: None,
};

fn intend(order_id: &str, strategy: &str, symbol: &str) {
    log_event!(
        ORDER_INTENDED,
        correlation = "1700000000-1",
        order_id = order_id,
        strategy = strategy,
        symbol = symbol,
        side = "buy",
        kind = "limit",
        price = "100",
        quantity = "2"
    );
}

/// A start with a journal that holds so many positions.
fn begin(ledger: &str, positions: u64) {
    log_event!(JOURNAL_OPENED, path = "journal", durability = "process", ledger = ledger);
    log_event!(
        JOURNAL_REPLAYED,
        records = 1,
        orders = 0,
        fills = 1,
        positions = positions,
        took_ms = 1
    );
}

/// What the journal holds of BTCUSDT at a start.
fn restore(strategy: &str, quantity: &str, cost: &str, realised: &str, fees: &str) {
    log_event!(
        POSITION_RESTORED,
        strategy = strategy,
        symbol = "BTCUSDT",
        base = "BTC",
        quote = "USDT",
        quantity = quantity,
        cost = cost,
        realised = realised,
        fees = fees
    );
}

/// The summary of what a scenario logs.
fn summary_of(scenario: impl FnOnce()) -> Summary {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.log");
    logged(&options(&file), scenario);
    Summary::of_file(&file).unwrap()
}

/// Killed after a sale reached the journal and before its line was written.
#[test]
fn a_fill_without_a_line_is_in_the_profit_from_the_next_start_on() {
    let summary = summary_of(|| {
        begin("sim:a", 0);
        intend("o1", "a", "BTCUSDT");
        Fill { remaining: "0", ..BUY }.log();
        intend("o2", "a", "BTCUSDT");
        intend("o3", "a", "BTCUSDT");
        // Sold for 130 less 0.13, told by nobody; o2 has ended with it.
        begin("sim:a", 1);
        restore("a", "0", "0", "29.77", "0.23");
        log_event!(
            ORDER_RESTORED,
            order_id = "o3",
            strategy = "a",
            symbol = "BTCUSDT",
            side = "buy",
            quantity = "2",
            filled_quantity = "0",
            state = "unknown"
        );
        Fill { order: "o3", trade: 7, remaining: "0", ..BUY }.log();
    });
    let money = |text: &str| text.parse::<Amount>().unwrap();
    let [row] = &summary.strategies[..] else { panic!("{:?}", summary.strategies) };
    assert_eq!((row.fills, row.orders), (2, 3));
    assert_eq!((row.realised, row.position), (Some(money("29.77")), "1".parse().unwrap()));
    assert_eq!(row.fees, money("0.33"));
    // What is held cost 100.1 and is worth 100.
    assert_eq!(summary.profit["USDT"], money("29.67"));
    assert_eq!(summary.incomplete, Vec::<String>::new());
    assert!(summary.notes[0].starts_with("1 position was corrected by"), "{:?}", summary.notes);
    let orders = summary.orders;
    assert_eq!((orders.filled, orders.ended_unseen, orders.working), (2, 1, 0));
}

/// The journal had not taken it when the process was killed: it is told again, and counts once.
#[test]
fn a_fill_that_is_told_again_after_a_start_counts_once() {
    let summary = summary_of(|| {
        begin("sim:a", 0);
        BUY.log();
        begin("sim:a", 0);
        BUY.log();
        log_event!(ENGINE_STOPPED, reason = "SIGTERM", exit_code = 0);
    });
    assert_eq!((summary.fills, summary.strategies[0].position), (1, "1".parse().unwrap()));
    assert_eq!(summary.profit["USDT"], "-0.1".parse().unwrap());
    assert_eq!((summary.incomplete.len(), summary.notes.len()), (0, 0), "{summary}");
}

/// What a strategy trades after a start says nothing about what was known before it.
#[test]
fn a_restart_that_missed_nothing_corrects_nothing_whatever_is_traded_after_it() {
    #[track_caller]
    fn check(restarted: fn()) {
        let summary = summary_of(|| {
            begin("sim:a", 0);
            BUY.log();
            restarted();
            Fill { trade: 7, remaining: "0", ..BUY }.log();
            Fill { order: "o2", trade: 8, side: "sell", ..BUY }.log();
            log_event!(ENGINE_STOPPED, reason = "SIGTERM", exit_code = 0);
        });
        assert_eq!((summary.fills, summary.strategies[0].position), (3, "1".parse().unwrap()));
        assert_eq!(summary.profit["USDT"], "-0.3".parse().unwrap());
        assert_eq!(summary.notes, Vec::<String>::new());
    }
    check(|| {
        begin("sim:a", 1);
        restore("a", "1", "100.1", "0", "0.1");
    });
    // The journal had not taken the first fill, which is told again.
    check(|| {
        begin("sim:a", 0);
        BUY.log();
    });
}

/// Another exchange counts its trades from the beginning again.
#[test]
fn ledgers_are_kept_apart() {
    let summary = summary_of(|| {
        begin("sim:a", 0);
        BUY.log();
        begin("sim:b", 0);
        BUY.log();
    });
    assert_eq!(summary.fills, 2);
    assert_eq!(summary.profit["USDT"], "-0.2".parse().unwrap());
}

#[test]
fn what_is_not_known_exactly_has_no_total() {
    #[track_caller]
    fn check(expected: &str, scenario: fn()) {
        let summary = summary_of(scenario);
        let told = &summary.incomplete;
        assert!(told.iter().any(|reason| reason.contains(expected)), "{told:?}");
        assert_eq!(summary.profit, std::collections::BTreeMap::new());
        assert!(!summary.to_string().contains("USDT\n"), "{summary}");
        assert!(summary.to_string().contains("not known exactly"), "{summary}");
    }
    check("before the first line of the log", || BUY.log());
    check("1 position that a start of sim:a was to name is missing", || begin("sim:a", 1));
    check("no line has a price", || {
        begin("sim:a", 1);
        restore("a", "1", "100", "0", "0");
    });
    check("lines are lost", || {
        begin("sim:a", 0);
        BUY.log();
        log_event!(LOG_DROPPED, lines = 3, write_errors = 0);
    });
    check("before the first line of the log", || {
        begin("sim:a", 0);
        Fill { side: "sell", ..BUY }.log();
    });
    check("fees in BNB without a known price were booked as nothing", || {
        begin("sim:a", 0);
        BUY.log();
        log_event!(RISK_FEE_UNVALUED, symbol = "BTCUSDT", fee = "0.001", fee_asset = "BNB");
    });
}

/// What was lost before it is made good by a start.
#[test]
fn a_start_makes_good_what_was_lost() {
    let summary = summary_of(|| {
        BUY.log();
        log_event!(LOG_DROPPED, lines = 3, write_errors = 0);
        begin("sim:a", 1);
        restore("a", "0", "0", "5", "1");
    });
    assert_eq!(summary.profit["USDT"], "5".parse().unwrap());
    assert_eq!(summary.incomplete, Vec::<String>::new());
}

/// Two fills of one order, one of them logged twice, and a sale in another file; a base fee, a fee
/// in a third asset; a cancel, a reject, a denial, an unknown; a sale of something never bought.
fn a_day() {
    begin("sim:a", 0);
    intend("o1", "a", "BTCUSDT");
    BUY.log();
    BUY.log();
    Fill { trade: 2, price: "110", remaining: "0", ..BUY }.log();
    log_event!(
        ORDER_ACCEPTED,
        correlation = "1700000000-1",
        order_id = "o1",
        venue_order_id = 1_001,
        strategy = "a",
        symbol = "BTCUSDT"
    );
    Fill {
        order: "o2",
        trade: 3,
        side: "sell",
        price: "120",
        fee: ("0.0002", "BNB"),
        fee_value: Some("0.12"),
        remaining: "0",
        ..BUY
    }
    .log();
    Fill {
        order: "o3",
        trade: 1,
        strategy: "b",
        symbol: "ETHUSDT",
        quantity: "2",
        remaining: "3",
        fee: ("0.002", "ETH"),
        ..BUY
    }
    .log();
    log_event!(
        ORDER_CANCELED,
        correlation = "1700000000-1",
        order_id = "o3",
        strategy = "b",
        symbol = "ETHUSDT",
        filled_quantity = "2",
        reason = "requested"
    );
    intend("o4", "b", "ETHUSDT");
    log_event!(
        ORDER_UNKNOWN,
        correlation = "1700000000-1",
        order_id = "o4",
        strategy = "b",
        symbol = "ETHUSDT",
        reason = "no answer in time"
    );
    log_event!(
        ORDER_DENIED,
        correlation = "1700000000-1",
        strategy = "b",
        symbol = "ETHUSDT",
        rule = "max_order_notional",
        reason = "too large",
        limit = "5000 USDT",
        actual = "6000 USDT",
        repeated = 2
    );
    Fill { order: "o5", trade: 9, strategy: "c", side: "sell", remaining: "0", ..BUY }.log();
}

#[test]
fn a_summary_is_rebuilt_from_the_log_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.log");
    // Small enough that the day is spread over many files.
    let options = LogOptions { rotate_bytes: 500, ..options(&file) };
    logged(&options, a_day);
    assert!(PathBuf::from(format!("{}.5", file.display())).exists());
    let summary = Summary::of_file(&file).unwrap();

    let orders = summary.orders;
    assert_eq!(
        [orders.intended, orders.filled, orders.canceled, orders.unknown, orders.denied],
        [5, 3, 1, 1, 3]
    );
    assert_eq!(summary.fills, 5);
    assert_eq!((summary.malformed_lines, summary.lines_dropped), (0, 0));

    let money = |text: &str| Some(text.parse::<Amount>().unwrap());
    let [a, b, c] = &summary.strategies[..] else { panic!("{:?}", summary.strategies) };
    assert_eq!((a.strategy.as_str(), a.orders, a.fills), ("a", 2, 3));
    // Bought 2 for 210.2 with fees, sold 1 for 120 less 0.12.
    assert_eq!(a.realised, money("14.78"));
    assert_eq!(a.unrealised, money("14.9"));
    assert_eq!(a.fees, money("0.32").unwrap());
    assert_eq!(a.fees_by_asset["BNB"], money("0.0002").unwrap());
    assert_eq!((b.orders, b.denied, b.fills), (2, 3, 1), "those without a line count as well");
    // 1.998 are left of 2 after the fee, and cost 200.
    assert_eq!(b.position, "1.998".parse().unwrap());
    assert_eq!(b.unrealised, money("-0.2"));
    assert_eq!((c.realised, c.unrealised), (None, None));
    assert_eq!(summary.profit.len(), 0, "c sold what nobody saw it buy");

    let shown = summary.to_string();
    let reason = "incomplete: what c held of BTCUSDT before the first line of the log is not known";
    assert!(shown.contains(reason), "{shown}");
    assert!(shown.contains("5 intended, 3 filled, 1 canceled"), "{shown}");
}

#[test]
fn torn_and_lost_lines_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.log");
    let lost = "{\"at\":\"x\",\"level\":\"warn\",\"event\":\"log.dropped\",\"lines\":7,\
                \"write_errors\":2}";
    let half = "{\"event\":\"order.filled\",\"trade_id\":1}";
    std::fs::write(&file, format!("{{\"at\":\"torn\n\n{lost}\n{half}\n\u{0}\u{0}\n")).unwrap();
    let summary = Summary::of_file(&file).unwrap();
    assert_eq!((summary.lines, summary.malformed_lines, summary.lines_dropped), (2, 3, 9));
    assert!(summary.to_string().contains("figures may be too low"));
    let missing = Summary::of_file(&directory.path().join("b.log")).unwrap_err();
    assert!(missing.to_string().contains("b.log"));
}

/// `/dev/full` takes no byte, as a full disk does: the writer counts, and nobody waits or fails.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_nobody() {
    let options = options(Path::new("/dev/full"));
    let (dispatch, guard) = dispatch(&options).unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        for connection in 0..100 {
            log_event!(
                FEED_DISCONNECTED,
                connection = connection,
                reason = "reset",
                retry_in_ms = 250
            );
        }
    });
    assert!(guard.flush(Duration::from_secs(10)));
    assert_eq!(guard.counters().write_errors(), 100);
    assert_eq!(guard.counters().lines_dropped(), 0);
}

/// The lines of orders are written by whoever takes what onlookers are told. When nobody does any
/// more, because the process ends, the flush does.
#[test]
fn a_flush_writes_the_lines_of_orders_that_nobody_has_taken() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(&directory.path().join("a.log"));
    let (dispatch, guard) = dispatch(&options).unwrap();
    let instance = InstanceId::new("4f9k2a").unwrap();
    let order_log = OrderLog::new(instance, instruments(), Arc::from(["grid".to_owned()]));
    let (observer, observations) = Observer::channel(order_log);
    guard.flusher().flush_first(move |limit| observations.write_lines(limit));
    let (strategy, instrument, at) = (StrategyId(0), InstrumentId(0), Timestamp::EPOCH);
    let order = OrderId { epoch: 1_700_000_000, strategy, number: 1 };
    let new = NewOrder::market(instrument, Side::Buy, "0.5".parse().unwrap());
    let correlation = CorrelationId(17);
    observer.tell(Observation::Approved { strategy, order, new, correlation, at });
    let kinds = [
        OrderEventKind::Submitted { quantity: None, price: None },
        OrderEventKind::Accepted { venue_order: VenueOrderId(8) },
        OrderEventKind::Canceled { reason: CancelReason::Engine },
    ];
    for kind in kinds {
        let event = OrderEvent { order, instrument, received_at: at, correlation, kind };
        observer.tell(Observation::Order { strategy, event, fee_in_quote: Amount::ZERO });
    }
    let flusher = guard.flusher();
    let ending = std::thread::spawn(move || {
        tracing::dispatcher::with_default(&dispatch, || flusher.flush(Duration::from_secs(10)))
    });
    assert!(ending.join().unwrap());
    let text = std::fs::read_to_string(options.file.as_ref().unwrap()).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    assert_eq!(events, ["order.intended", "order.submitted", "order.accepted", "order.canceled"]);
    let id = order.to_client_order_id(instance, new.role).to_string();
    for line in &lines {
        assert_eq!(line["correlation"], "1700000000-17", "{line}");
        assert_eq!(line["order_id"], *id, "{line}");
        assert_eq!(line["strategy"], "grid", "{line}");
    }
    assert_eq!(observer.gauge().depth(), 0);
}

fn instruments() -> Arc<Instruments> {
    let mut instruments = Instruments::new();
    instruments.add(Instrument {
        id: InstrumentId(0),
        venue: VenueId::new("sim:7f3a").unwrap(),
        symbol: "BTCUSDT".parse().unwrap(),
        base: "BTC".parse().unwrap(),
        quote: "USDT".parse().unwrap(),
        base_decimals: 8,
        quote_decimals: 8,
        contract: Contract::Spot,
        features: model::Features::ALL,
        status: InstrumentStatus::Trading,
        filters: Filters::default(),
    });
    Arc::new(instruments)
}
