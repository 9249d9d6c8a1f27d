use model::{
    Amount, CancelReason, ClientOrderId, CorrelationId, Fill, FillKey, InstanceId, InstrumentId,
    Liquidity, NewOrder, OrderEvent, OrderEventKind, OrderId, OrderKind, OrderQuantity,
    OrderStatus, Quantity, RejectReason, Side, StrategyId, Timestamp, TradeId, VenueId,
    VenueOrderId,
};

use super::{Ledger, LedgerError, MAX_TOMBSTONES, epoch_after};
use crate::journal::{IntentRecord, Record};
use crate::messages::Cause;
use crate::risk::TradingState;

const STRATEGY: StrategyId = StrategyId(0);
const BTCUSDT: InstrumentId = InstrumentId(0);

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn order_id(number: u32) -> OrderId {
    OrderId { epoch: 10, strategy: STRATEGY, number }
}

fn epoch(epoch: u32) -> Record {
    Record::EpochStarted {
        epoch,
        instance: InstanceId::new("4f9k2a").unwrap(),
        venue: VenueId::new("sim:7f3a").unwrap(),
        config_hash: "00".into(),
        at: at(i64::from(epoch)),
    }
}

fn instrument(number: u16, symbol: &str) -> Record {
    Record::InstrumentRegistered {
        instrument: InstrumentId(number),
        symbol: symbol.parse().unwrap(),
        base: symbol.trim_end_matches("USDT").parse().unwrap(),
        quote: "USDT".parse().unwrap(),
    }
}

fn strategy(number: u16, name: &str) -> Record {
    Record::StrategyRegistered { strategy: StrategyId(number), name: name.into() }
}

fn intent_of(number: u32, kind: OrderKind) -> Record {
    let order = order_id(number);
    let quantity = OrderQuantity::Base("1".parse().unwrap());
    let new = NewOrder::new(BTCUSDT, Side::Buy, kind, quantity);
    Record::OrderIntended(Box::new(IntentRecord {
        order,
        client_order_id: ClientOrderId::new(&format!("tw4f9k2a-a-0-{number}e")).unwrap(),
        strategy: STRATEGY,
        new,
        replaces: None,
        other_leg: None,
        cause: Cause::Lifecycle,
        correlation: CorrelationId(u64::from(number)),
        caused_at: at(20),
        decided_at: at(20),
        approved_at: at(21),
        judged_on_sequence: 5,
        checks: Vec::new(),
    }))
}

fn intent(number: u32) -> Record {
    intent_of(number, OrderKind::Market)
}

fn changed(number: u32, kind: OrderEventKind) -> Record {
    let order = order_id(number);
    let correlation = CorrelationId(u64::from(number));
    let event = OrderEvent { order, instrument: BTCUSDT, received_at: at(30), correlation, kind };
    Record::OrderChanged { strategy: STRATEGY, event }
}

fn execution(trade: i64, side: Side, quantity: &str, fee: &str, fee_asset: &str) -> Fill {
    Fill {
        key: FillKey { instrument: BTCUSDT, trade: TradeId(trade), venue_order: VenueOrderId(900) },
        side,
        price: "100".parse().unwrap(),
        quantity: quantity.parse().unwrap(),
        fee: amount(fee),
        fee_asset: fee_asset.parse().unwrap(),
        liquidity: Liquidity::Taker,
        event_at: at(29),
    }
}

fn filled(number: u32, trade: i64, quantity: &str, complete: bool) -> Record {
    let fill = execution(trade, Side::Buy, quantity, "0.1", "USDT");
    changed(number, OrderEventKind::Filled { fill, cumulative_quantity: Quantity::ONE, complete })
}

fn accepted(number: u32) -> Record {
    changed(number, OrderEventKind::Accepted { venue_order: VenueOrderId(900) })
}

fn canceled(number: u32) -> Record {
    changed(number, OrderEventKind::Canceled { reason: CancelReason::Requested })
}

/// A ledger with one start, one instrument and one strategy, and then the records.
fn ledger(records: &[Record]) -> Ledger {
    let mut ledger = Ledger::default();
    let start = [epoch(10), instrument(0, "BTCUSDT"), strategy(0, "dip")];
    for record in start.iter().chain(records) {
        ledger.apply(record).unwrap();
    }
    ledger
}

#[test]
fn an_order_is_as_its_records_tell() {
    use OrderEventKind as Kind;
    #[track_caller]
    fn check(name: &str, records: &[Record], status: Option<OrderStatus>, executed: &str) {
        let ledger = ledger(records);
        let order = ledger.order(order_id(1));
        assert_eq!(order.map(|order| order.status), status, "{name}");
        let sum = order.map_or(Quantity::ZERO, |order| order.executed);
        assert_eq!(sum, executed.parse().unwrap(), "{name}");
    }
    let rejected = || RejectReason { code: -2010, message: "no".into() };
    let stop = || intent_of(1, OrderKind::StopLoss { stop_price: "90".parse().unwrap() });
    let sent = || Record::OrderSent { order: order_id(1), signed_at: at(22) };
    let submitted = || changed(1, Kind::Submitted { quantity: None, price: None });
    let expired = |in_match| changed(1, Kind::Expired { reason: String::new(), in_match });

    check("decided", &[intent(1)], Some(OrderStatus::Intended), "0");
    check("sent", &[intent(1), sent()], Some(OrderStatus::Submitted), "0");
    check("submitted", &[intent(1), submitted()], Some(OrderStatus::Submitted), "0");
    check(
        "submitted is told late",
        &[intent(1), accepted(1), submitted(), sent()],
        Some(OrderStatus::Accepted),
        "0",
    );
    check("stop waits", &[stop(), accepted(1)], Some(OrderStatus::PendingNew), "0");
    check(
        "stop works",
        &[stop(), accepted(1), changed(1, Kind::Triggered)],
        Some(OrderStatus::Accepted),
        "0",
    );
    check(
        "stop fills before its trigger is told",
        &[stop(), filled(1, 1, "0.4", false), accepted(1)],
        Some(OrderStatus::PartiallyFilled),
        "0.4",
    );
    check(
        "fills before the acceptance",
        &[intent(1), filled(1, 1, "0.4", false), filled(1, 2, "0.1", false), accepted(1)],
        Some(OrderStatus::PartiallyFilled),
        "0.5",
    );
    check(
        "a fill twice",
        &[intent(1), filled(1, 1, "0.4", false), filled(1, 1, "0.4", false)],
        Some(OrderStatus::PartiallyFilled),
        "0.4",
    );
    check("complete", &[intent(1), filled(1, 1, "1", true)], None, "0");
    check(
        "completed",
        &[intent(1), filled(1, 1, "1", false), changed(1, Kind::Completed)],
        None,
        "0",
    );
    check("canceled", &[intent(1), accepted(1), canceled(1)], None, "0");
    check("late acceptance", &[intent(1), canceled(1), accepted(1)], None, "0");
    check("expired", &[intent(1), expired(false)], None, "0");
    check("self-trade", &[intent(1), expired(true)], None, "0");
    check("rejected", &[intent(1), changed(1, Kind::Rejected { reason: rejected() })], None, "0");
    check(
        "unknown",
        &[intent(1), sent(), changed(1, Kind::OutcomeUnknown { reason: String::new() })],
        Some(OrderStatus::Unknown),
        "0",
    );
    check(
        "unknown and found",
        &[intent(1), changed(1, Kind::OutcomeUnknown { reason: String::new() }), accepted(1)],
        Some(OrderStatus::Accepted),
        "0",
    );
    check(
        "never arrived",
        &[
            intent(1),
            changed(1, Kind::OutcomeUnknown { reason: String::new() }),
            changed(1, Kind::Absent { reason: String::new() }),
        ],
        Some(OrderStatus::Absent),
        "0",
    );
    check(
        "never arrived, and fills after all",
        &[
            intent(1),
            changed(1, Kind::Absent { reason: String::new() }),
            filled(1, 1, "0.4", false),
        ],
        Some(OrderStatus::PartiallyFilled),
        "0.4",
    );
}

#[test]
fn a_cancel_is_remembered_until_it_is_refused() {
    let decided =
        Record::CancelIntended { order: order_id(1), reason: CancelReason::Engine, at: at(25) };
    let reason = RejectReason { code: -2011, message: "Unknown order sent.".into() };
    let refused = changed(1, OrderEventKind::CancelRejected { reason });
    let records = [intent(1), accepted(1), decided, refused];
    let cancel =
        |count: usize| ledger(&records[..count]).order(order_id(1)).and_then(|order| order.cancel);
    assert_eq!([2, 3, 4].map(cancel), [None, Some(CancelReason::Engine), None]);
}

#[test]
fn fills_move_positions_and_balances_once() {
    #[track_caller]
    fn check(name: &str, records: &[Record], own: &str, external: &str, balances: &[(&str, &str)]) {
        let opened = Record::BalancesOpened {
            balances: vec![("USDT".parse().unwrap(), amount("1000"))],
            at: at(11),
        };
        let ledger = ledger(&[&[opened], records].concat());
        assert_eq!(ledger.position(STRATEGY, BTCUSDT).quantity(), own.parse().unwrap(), "{name}");
        let outside = ledger.external_position(BTCUSDT).quantity();
        assert_eq!(outside, external.parse().unwrap(), "{name}");
        for (asset, expected) in balances {
            let held = ledger.balances().get(&asset.parse().unwrap()).copied().unwrap_or_default();
            assert_eq!(held, amount(expected), "{name}: {asset}");
        }
    }
    let external = |trade, side, quantity| Record::ExternalFill {
        fill: execution(trade, side, quantity, "0.001", "BNB"),
    };
    check("nothing", &[], "0", "0", &[("USDT", "1000"), ("BTC", "0")]);
    check(
        "a buy, told twice",
        &[intent(1), filled(1, 1, "0.4", false), filled(1, 1, "0.4", false)],
        "0.4",
        "0",
        &[("USDT", "959.9"), ("BTC", "0.4")],
    );
    check(
        "a late fill of an order that had ended",
        &[intent(1), canceled(1), filled(1, 1, "0.4", false)],
        "0.4",
        "0",
        &[("USDT", "959.9"), ("BTC", "0.4")],
    );
    check(
        "a manual trade is nobody's, and known from either side",
        &[external(7, Side::Sell, "0.2"), external(7, Side::Sell, "0.2")],
        "0",
        "-0.2",
        &[("USDT", "1020"), ("BTC", "-0.2"), ("BNB", "-0.001")],
    );
    let flow = Record::ExternalFlow {
        asset: "USDT".parse().unwrap(),
        delta: amount("-100.5"),
        reason: "withdrawal".into(),
        lots: None,
        at: at(40),
    };
    check("a withdrawal", &[flow.clone(), flow], "0", "0", &[("USDT", "799")]);
}

#[test]
fn a_fee_in_the_base_asset_is_taken_once_from_each_side_of_the_books() {
    let fill = execution(1, Side::Buy, "1", "0.001", "BTC");
    let kind = OrderEventKind::Filled { fill, cumulative_quantity: Quantity::ONE, complete: true };
    let ledger = ledger(&[intent(1), changed(1, kind)]);
    assert_eq!(ledger.position(STRATEGY, BTCUSDT).quantity(), "0.999".parse().unwrap());
    assert_eq!(ledger.balances()[&"BTC".parse().unwrap()], amount("0.999"));
    assert_eq!(ledger.balances()[&"USDT".parse().unwrap()], amount("-100"));
}

#[test]
fn a_fee_in_a_third_asset_joins_the_position_once_valued() {
    let fill = execution(1, Side::Buy, "1", "0.002", "BNB");
    let kind = OrderEventKind::Filled { fill, cumulative_quantity: Quantity::ONE, complete: true };
    let valued = Record::FeeValued { key: fill.key, in_quote: amount("1.25") };
    let records = [intent(1), changed(1, kind), valued.clone(), valued];
    let costs = [2, 3, 4].map(|count: usize| {
        let ledger = ledger(&records[..count]);
        assert_eq!(ledger.balances()[&"BNB".parse().unwrap()], amount("-0.002"));
        (ledger.position(STRATEGY, BTCUSDT).cost(), ledger.unvalued_fees().count())
    });
    assert_eq!(costs, [(amount("100"), 1), (amount("101.25"), 0), (amount("101.25"), 0)]);
}

#[test]
fn contradictions_are_refused_and_change_nothing() {
    #[track_caller]
    fn check(name: &str, records: &[Record], refused: &Record, expected: LedgerError) {
        let mut ledger = ledger(records);
        let before = ledger.clone();
        assert_eq!(ledger.apply(refused), Err(expected), "{name}");
        assert_eq!(ledger, before, "{name}");
    }
    check("same epoch", &[], &epoch(10), LedgerError::EpochWentBack { last: 10, new: 10 });
    let number = LedgerError::Registration { number: 2 };
    check("gap", &[], &instrument(2, "ETHUSDT"), number);
    check("gap", &[], &strategy(2, "grid"), number);
    let number = LedgerError::Registration { number: 1 };
    check("second number", &[], &instrument(1, "BTCUSDT"), number);
    check("second number", &[], &strategy(1, "dip"), number);
    check("twice", &[intent(1)], &intent(1), LedgerError::DuplicateOrder(order_id(1)));
    let mut fill = execution(1, Side::Buy, "1", "0", "USDT");
    fill.key.instrument = InstrumentId(4);
    let unknown = LedgerError::UnknownInstrument(InstrumentId(4));
    check("fill of nothing", &[], &Record::ExternalFill { fill }, unknown);
    let released = Record::QuarantineChanged {
        strategy: StrategyId(3),
        quarantined: false,
        reason: String::new(),
        at: at(1),
    };
    check("stranger", &[], &released, LedgerError::UnknownStrategy(StrategyId(3)));
    let opened = Record::BalancesOpened { balances: vec![], at: at(11) };
    check("opened", std::slice::from_ref(&opened), &opened, LedgerError::OpenedTwice);
    let other = VenueId::new("binance-live:1").unwrap();
    let mut foreign = epoch(11);
    if let Record::EpochStarted { venue, .. } = &mut foreign {
        *venue = other;
    }
    let ours = VenueId::new("sim:7f3a").unwrap();
    check("venue", &[], &foreign, LedgerError::VenueChanged { ledger: ours, new: other });
}

#[test]
fn epochs_go_up_even_when_the_clock_does_not() {
    #[track_caller]
    fn check(last: Option<u32>, now: i64, expected: u32) {
        assert_eq!(epoch_after(last, at(now)), expected);
    }
    check(None, -5, 1);
    check(None, 1_790_000_000, 1_790_000_000);
    check(Some(10), 3, 11);
    check(Some(10), 12, 12);
    check(Some(u32::MAX), 12, u32::MAX);
}

#[test]
fn names_keep_their_numbers() {
    let mut ledger = ledger(&[]);
    assert_eq!(ledger.registration_of_strategy("dip"), None);
    let record = ledger.registration_of_strategy("grid").unwrap();
    assert_eq!(record, strategy(1, "grid"));
    ledger.apply(&record).unwrap();
    assert_eq!(ledger.strategy_id("grid"), Some(StrategyId(1)));
    assert_eq!(ledger.strategy(StrategyId(1)), Some("grid"));
    let (base, quote) = ("ETH".parse().unwrap(), "USDT".parse().unwrap());
    let record = ledger.registration_of_instrument("ETHUSDT".parse().unwrap(), base, quote);
    assert_eq!(record, Some(instrument(1, "ETHUSDT")));
    ledger.apply(&record.unwrap()).unwrap();
    assert_eq!(ledger.instrument_id("ETHUSDT"), Some(InstrumentId(1)));
    assert_eq!(ledger.registration_of_instrument("ETHUSDT".parse().unwrap(), base, quote), None);
}

#[test]
fn states_and_quarantines_are_those_last_told() {
    let change = |state, secs| Record::TradingStateChanged {
        state,
        reason: format!("at {secs}"),
        at: at(secs),
    };
    let quarantine = |quarantined| Record::QuarantineChanged {
        strategy: STRATEGY,
        quarantined,
        reason: "panicked".into(),
        at: at(50),
    };
    assert_eq!(ledger(&[]).trading_state().state, TradingState::Active);
    let halted = ledger(&[
        change(TradingState::ReduceOnly, 41),
        change(TradingState::Halted, 42),
        quarantine(true),
    ]);
    assert_eq!(halted.trading_state().state, TradingState::Halted);
    assert_eq!(halted.trading_state().reason, "at 42");
    assert_eq!(halted.quarantine(STRATEGY).unwrap().reason, "panicked");
    assert_eq!(ledger(&[quarantine(true), quarantine(false)]).quarantine(STRATEGY), None);
}

#[test]
fn tombstones_are_bounded() {
    let count = u32::try_from(MAX_TOMBSTONES).unwrap() + 3;
    let records: Vec<Record> = (1..=count)
        .flat_map(|number| {
            [intent(number), changed(number, OrderEventKind::Absent { reason: String::new() })]
        })
        .collect();
    let ledger = ledger(&records);
    assert_eq!(ledger.tombstones().count(), MAX_TOMBSTONES);
    assert_eq!(ledger.open_orders().count(), 0);
    assert!(ledger.order(order_id(3)).is_none() && ledger.order(order_id(count)).is_some());
}

#[test]
fn a_ledger_goes_on_from_its_stored_form_as_if_it_had_never_stopped() {
    let snapshot = Record::StrategySnapshot {
        strategy: STRATEGY,
        state: serde_json::json!({ "fast": 0.1 + 0.2, "slow": 1.0e-7, "lots": [1, 2] }),
        at: at(60),
    };
    let equity = |strategy, equity: &str| Record::EquitySampled {
        strategy,
        equity: amount(equity),
        capital: amount("1000"),
        at: at(61),
    };
    let first = [
        intent(1),
        intent_of(2, OrderKind::LimitMaker { price: "99.5".parse().unwrap() }),
        filled(1, 1, "0.4", false),
        accepted(2),
        snapshot,
        equity(None, "1000.25"),
        equity(Some(STRATEGY), "250"),
        Record::ExternalFill { fill: execution(2, Side::Sell, "0.1", "0", "BNB") },
    ];
    let then = [filled(2, 3, "0.5", true), filled(1, 1, "0.4", false), canceled(1)];
    let mut whole = ledger(&first);
    let stored = serde_json::to_string(&whole).unwrap();
    let mut restored: Ledger = serde_json::from_str(&stored).unwrap();
    assert_eq!(restored, whole);
    for record in &then {
        whole.apply(record).unwrap();
        restored.apply(record).unwrap();
    }
    assert_eq!(restored, whole);
    assert_eq!((whole.fills_booked(), whole.fills_repeated()), (3, 1));
    assert_eq!(whole.open_orders().count(), 0);
    assert_eq!(whole.equity(None).unwrap().peak, amount("1000.25"));
    assert_eq!(whole.snapshot(STRATEGY).unwrap().epoch, 10);
}

/// An account that is read as of before a deposit was booked lags, after a restart as well.
#[test]
fn the_newest_booking_is_a_fill_or_a_flow() {
    let flow = Record::ExternalFlow {
        asset: "USDT".parse().unwrap(),
        delta: amount("5"),
        reason: "deposit".into(),
        lots: None,
        at: at(77),
    };
    let fill = Record::ExternalFill { fill: execution(1, Side::Buy, "1", "0", "USDT") };
    let newest = |records: &[Record]| ledger(records).newest_booking_at();
    assert_eq!(newest(&[]), Timestamp::EPOCH);
    let filled_at = newest(std::slice::from_ref(&fill));
    assert!(filled_at > Timestamp::EPOCH && filled_at < at(77), "{filled_at}");
    assert_eq!(newest(&[flow.clone(), fill]), at(77));
    let restored = crate::orders::RestoredExecution::from(&ledger(&[flow]));
    assert_eq!(restored.newest_booking_at, at(77));
}
