//! The trading state: every state × everything that may change it, and what follows.

use model::{NewOrder, OrderEventKind, Side};
use tickwright_kernel::messages::{CancelScope, ExecutionRequest};
use tickwright_kernel::risk::{
    Authority, RestoredRisk, RiskCheck, RiskConfig, RiskEffect, RiskInput, RiskLimits, TradingState,
};

use std::time::Duration;

use super::desk::{BTC, Desk, ETH, FIRST, SECOND, amount, buy, config, quantity, sell};

/// What may change the trading state.
#[derive(Clone, Copy, Debug)]
enum Trip {
    DailyLoss,
    Drawdown,
    Operator(TradingState),
    Engine(TradingState),
    Booking,
}

/// A state change with what is cancelled; `None` for no change.
type Change = Option<(TradingState, &'static str, Option<CancelScope>)>;

fn limited() -> RiskConfig {
    let limits = RiskLimits {
        daily_loss: Some(amount("500")),
        max_drawdown: Some(amount("1000")),
        ..RiskLimits::default()
    };
    RiskConfig { limits, ..config() }
}

fn apply(desk: &mut Desk, trip: Trip) {
    match trip {
        Trip::DailyLoss => desk.trade(BTC, "94.99"),
        // On the next day the loss of the day before is past, the peak is not: 400 and 601.
        Trip::Drawdown => {
            desk.trade(BTC, "96");
            desk.wait(86_400_000);
            desk.trade(BTC, "95.5");
            desk.wait(86_400_000);
            desk.trade(BTC, "91");
            desk.wait(86_400_000);
            desk.trade(BTC, "89.99");
        }
        Trip::Operator(state) => desk.set_state(state, Authority::Operator),
        Trip::Engine(state) => desk.set_state(state, Authority::Engine),
        Trip::Booking => {
            let order = desk.next_order(FIRST);
            let mut fill = desk.fill(BTC, Side::Buy, "1", "100");
            fill.quantity = model::Quantity::MAX;
            desk.filled(order, fill, "1", true);
        }
    }
}

#[test]
fn every_state_and_every_trip() {
    use Authority as By;
    use CancelScope::{Entries, EntriesAndExits};
    use TradingState::{Active, Halted, ReduceOnly};
    let _ = By::Operator;
    let reduce = |by| Some((ReduceOnly, by, Some(Entries(None))));
    let halt = |by| Some((Halted, by, Some(EntriesAndExits(None))));
    let loosen = |state| Some((state, "operator", None));
    let cases: [(TradingState, [(Trip, Change); 9]); 3] = [
        (
            Active,
            [
                (Trip::DailyLoss, reduce("daily_loss")),
                (Trip::Drawdown, halt("drawdown")),
                (Trip::Operator(Active), None),
                (Trip::Operator(ReduceOnly), reduce("operator")),
                (Trip::Operator(Halted), halt("operator")),
                (Trip::Engine(Active), None),
                (Trip::Engine(ReduceOnly), reduce("engine")),
                (Trip::Engine(Halted), halt("engine")),
                (Trip::Booking, halt("booking")),
            ],
        ),
        (
            ReduceOnly,
            [
                (Trip::DailyLoss, None),
                (Trip::Drawdown, halt("drawdown")),
                (Trip::Operator(Active), loosen(Active)),
                (Trip::Operator(ReduceOnly), None),
                (Trip::Operator(Halted), halt("operator")),
                (Trip::Engine(Active), None),
                (Trip::Engine(ReduceOnly), None),
                (Trip::Engine(Halted), halt("engine")),
                (Trip::Booking, halt("booking")),
            ],
        ),
        (
            Halted,
            [
                (Trip::DailyLoss, None),
                (Trip::Drawdown, None),
                (Trip::Operator(Active), loosen(Active)),
                (Trip::Operator(ReduceOnly), loosen(ReduceOnly)),
                (Trip::Operator(Halted), None),
                (Trip::Engine(Active), None),
                (Trip::Engine(ReduceOnly), None),
                (Trip::Engine(Halted), None),
                (Trip::Booking, None),
            ],
        ),
    ];
    for (from, trips) in cases {
        for (trip, expected) in trips {
            check(from, trip, expected);
        }
    }
}

#[track_caller]
fn check(from: TradingState, trip: Trip, expected: Change) {
    let mut desk = Desk::new(limited());
    desk.own(FIRST, BTC, "100", "100");
    if from != TradingState::Active {
        desk.set_state(from, Authority::Operator);
    }
    desk.take();
    apply(&mut desk, trip);
    let effects = desk.take();
    let changes: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            RiskEffect::StateChanged { from, to, rule, .. } => Some((*from, *to, *rule)),
            _ => None,
        })
        .collect();
    let cancels: Vec<CancelScope> = effects
        .iter()
        .filter_map(|effect| match effect {
            RiskEffect::Execute(ExecutionRequest::CancelAll { scope }) => Some(*scope),
            _ => None,
        })
        .collect();
    let tripped = effects.iter().any(|e| matches!(e, RiskEffect::RuleTripped { .. }));
    let name = format!("{from:?} × {trip:?}");
    assert_eq!(tripped, matches!(trip, Trip::DailyLoss | Trip::Drawdown), "{name}");
    match expected {
        None => {
            assert_eq!((changes, cancels), (vec![], vec![]), "{name}");
            assert_eq!(desk.machine.state(), from, "{name}");
        }
        Some((to, rule, scope)) => {
            assert_eq!(changes, [(from, to, rule)], "{name}");
            assert_eq!(cancels, Vec::from_iter(scope), "{name}");
            assert_eq!(desk.machine.state(), to, "{name}");
        }
    }
}

#[test]
fn the_configuration_says_what_a_loss_leads_to() {
    use TradingState::{Active, Halted, ReduceOnly};
    for (on_daily_loss, trip) in [(Halted, Trip::DailyLoss), (Active, Trip::DailyLoss)] {
        let mut desk = Desk::new(RiskConfig { on_daily_loss, ..limited() });
        desk.own(FIRST, BTC, "100", "100");
        apply(&mut desk, trip);
        assert_eq!(desk.machine.state(), on_daily_loss);
    }
    let mut desk = Desk::new(RiskConfig { on_drawdown: ReduceOnly, ..limited() });
    desk.own(FIRST, BTC, "100", "100");
    apply(&mut desk, Trip::Drawdown);
    assert_eq!(desk.machine.state(), ReduceOnly);
}

#[test]
fn a_trip_says_limit_and_actual_and_comes_once() {
    let mut desk = Desk::new(limited());
    desk.own(FIRST, BTC, "100", "100");
    desk.trade(BTC, "95");
    assert_eq!(desk.take(), []);
    desk.trade(BTC, "94.9");
    let tripped = RiskEffect::RuleTripped {
        rule: "daily_loss",
        strategy: None,
        limit: amount("500"),
        actual: amount("510"),
    };
    let effects = desk.take();
    assert_eq!(effects[0], tripped);
    desk.trade(BTC, "94");
    desk.trade(BTC, "99");
    desk.trade(BTC, "94");
    assert_eq!(desk.take(), []);
}

#[test]
fn resuming_counts_losses_from_then_on() {
    let mut desk = Desk::new(limited());
    desk.own(FIRST, BTC, "100", "100");
    desk.trade(BTC, "94");
    assert_eq!(desk.machine.state(), TradingState::ReduceOnly);
    desk.set_state(TradingState::Active, Authority::Operator);
    let sampled = desk.take().into_iter().any(|effect| {
        matches!(effect, RiskEffect::EquitySampled { strategy: None, equity, .. }
            if equity == amount("199400"))
    });
    assert!(sampled, "the new base is written down");
    desk.trade(BTC, "89");
    assert_eq!(desk.machine.state(), TradingState::Active);
    desk.trade(BTC, "88.99");
    assert_eq!(desk.machine.state(), TradingState::ReduceOnly);
}

#[test]
fn a_new_utc_day_forgets_the_loss_but_loosens_nothing() {
    let mut desk = Desk::new(limited());
    desk.own(FIRST, BTC, "100", "100");
    desk.trade(BTC, "94.5");
    assert_eq!(desk.machine.state(), TradingState::ReduceOnly);
    assert_eq!(desk.machine.portfolio().equity().daily_loss().to_amount(), amount("550"));
    let midnight = desk.now.utc_day().after(std::time::Duration::from_secs(86_400));
    desk.now = model::Timestamp::from_nanos(midnight.as_nanos() - 1);
    desk.step(RiskInput::Wake);
    assert_eq!(desk.machine.portfolio().equity().daily_loss().to_amount(), amount("550"));
    assert!(desk.machine.wake_at().unwrap() <= midnight);
    desk.now = midnight;
    desk.step(RiskInput::Wake);
    assert_eq!(desk.machine.portfolio().equity().daily_loss().to_amount(), amount("0"));
    assert_eq!(desk.machine.portfolio().equity().drawdown().to_amount(), amount("550"));
    assert_eq!(desk.machine.state(), TradingState::ReduceOnly);
}

#[test]
fn a_strategy_s_own_loss_stops_its_entries_only() {
    let mut config = config();
    config.strategies.get_mut(&FIRST).unwrap().limits.daily_loss = Some(amount("500"));
    let mut desk = Desk::new(config);
    desk.own(FIRST, BTC, "100", "100");
    desk.own(SECOND, BTC, "100", "100");
    desk.trade(BTC, "94.9");
    let scope = CancelScope::Entries(Some(FIRST));
    assert_eq!(
        desk.take(),
        [
            RiskEffect::RuleTripped {
                rule: "daily_loss",
                strategy: Some(FIRST),
                limit: amount("500"),
                actual: amount("510"),
            },
            RiskEffect::Execute(ExecutionRequest::CancelAll { scope }),
        ]
    );
    assert_eq!(desk.machine.state(), TradingState::Active);
    // The next day it may buy again.
    desk.wait(86_400_000);
    desk.trade(BTC, "95");
    desk.take();
    desk.place(FIRST, buy(BTC, "1", "94"));
}

#[test]
fn quarantine_cancels_entries() {
    let mut desk = Desk::new(config());
    desk.step(RiskInput::StrategyQuarantined { strategy: FIRST });
    let scope = CancelScope::Entries(Some(FIRST));
    assert_eq!(desk.take(), [RiskEffect::Execute(ExecutionRequest::CancelAll { scope })]);
}

#[test]
fn cancels_always_pass() {
    use tickwright_kernel::messages::Intent;
    for state in [TradingState::Active, TradingState::ReduceOnly, TradingState::Halted] {
        for is_live in [true, false] {
            let mut desk = Desk::new(config());
            let order = desk.place(FIRST, buy(BTC, "1", "90"));
            desk.set_state(state, Authority::Operator);
            desk.step(RiskInput::ExecutionHealth { is_live });
            desk.step(RiskInput::StrategyQuarantined { strategy: FIRST });
            desk.take();
            desk.intend(FIRST, Intent::Cancel { order });
            let reason = model::CancelReason::Requested;
            let expected = ExecutionRequest::Cancel { order, reason };
            assert_eq!(desk.take(), [RiskEffect::Execute(expected)]);
        }
    }
}

#[test]
fn a_denied_replacement_leaves_the_old_order_and_its_reservation() {
    let mut desk = Desk::new(config());
    desk.own(FIRST, BTC, "1", "100");
    let old = desk.place(FIRST, sell(BTC, "1", "110"));
    let before = desk.machine.portfolio().reservations().clone();
    let (_, judged) = desk.replace(FIRST, old, sell(BTC, "2", "109"));
    assert_eq!(judged.unwrap_err().rule, "free_lots");
    assert_eq!(*desk.machine.portfolio().reservations(), before);
}

#[test]
fn a_restart_begins_in_the_state_given() {
    for state in [TradingState::Active, TradingState::ReduceOnly, TradingState::Halted] {
        let restored = RestoredRisk { state, quarantined: vec![SECOND], ..RestoredRisk::default() };
        let mut desk = Desk::restored(config(), restored);
        desk.open_market();
        desk.take();
        assert_eq!(desk.machine.state(), state);
        let (_, judged) = desk.submit(FIRST, buy(BTC, "1", "100"));
        assert_eq!(judged.is_ok(), state == TradingState::Active);
        desk.set_state(TradingState::Active, Authority::Operator);
        desk.take();
        let (_, judged) = desk.submit(SECOND, buy(BTC, "1", "100"));
        assert_eq!(judged.unwrap_err().rule, "quarantine");
    }
}

#[test]
fn approval_carries_the_cause_and_what_it_was_judged_on() {
    let mut desk = Desk::new(config());
    desk.trade(BTC, "100");
    let before = desk.machine.clone();
    desk.place(FIRST, NewOrder::market(BTC, Side::Buy, quantity("1")));
    let effects = desk.take();
    let RiskEffect::Execute(ExecutionRequest::Submit(approved)) = &effects[0] else {
        panic!("{effects:?}")
    };
    // Four prices at the opening, and one.
    assert_eq!(approved.get().judged_on_sequence, 5);
    assert_eq!(approved.get().approved_at, desk.now);
    assert_ne!(before, desk.machine);
}

#[test]
fn an_approval_says_what_was_compared() {
    let limits = RiskLimits {
        max_order_notional: Some(amount("500")),
        max_position_notional: Some(amount("1000")),
        max_total_notional: Some(amount("5000")),
        max_open_orders: Some(3),
        max_orders_per_10s: Some(4),
        price_collar_bps: Some("100".parse().unwrap()),
        stale_after: Some(Duration::from_secs(5)),
        daily_loss: Some(amount("50")),
        max_drawdown: Some(amount("70")),
    };
    let mut desk = Desk::new(RiskConfig { limits, ..config() });
    desk.place(FIRST, buy(ETH, "1", "10"));
    desk.take();
    desk.wait(250);
    desk.place(FIRST, buy(BTC, "2", "100.5"));
    let effects = desk.take();
    let [RiskEffect::Execute(ExecutionRequest::Submit(approved))] = &effects[..] else {
        panic!("{effects:?}")
    };
    let checks = &approved.get().checks;
    let told: Vec<String> = checks
        .iter()
        .map(|check| {
            let RiskCheck { rule, scope, limit, actual } = check;
            format!("{rule} {scope} {limit} {actual}")
        })
        .collect();
    assert_eq!(
        told,
        [
            "stale_data account 5000 250",
            "daily_loss account 50 0",
            "drawdown account 70 0",
            "price_collar account 101 100.5",
            "max_order_notional account 500 201",
            "max_position_notional account 1000 201",
            "max_total_notional account 5000 211",
            "capital strategy 99990 201",
            "balance account 999990 201",
            "max_open_orders account 3 2",
            "order_rate account 4 2",
        ]
    );
    let written = serde_json::to_string(&checks[4]).unwrap();
    assert_eq!(written, r#"["max_order_notional","account","500","201"]"#);
    assert_eq!(serde_json::from_str::<RiskCheck>(&written).unwrap(), checks[4]);
}

#[test]
fn a_strategy_hears_of_its_orders_once_the_books_know() {
    let mut desk = Desk::new(config());
    let order = desk.place(FIRST, buy(BTC, "1", "100"));
    desk.take();
    let fill = desk.fill_with_fee(BTC, Side::Buy, "1", "100", "0.001", "BNB");
    desk.filled(order, fill, "1", true);
    let effects = desk.take();
    let [RiskEffect::FeeValued { key, in_quote }, told] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!((*key, *in_quote), (fill.key, amount("0.5")));
    let RiskEffect::TellStrategy { strategy, event, fee_in_quote } = told else {
        panic!("{told:?}")
    };
    assert_eq!((*strategy, *fee_in_quote), (FIRST, amount("0.5")));
    assert!(matches!(event.kind, OrderEventKind::Filled { .. }));
    assert!(desk.machine.portfolio().reservations().is_empty());
    let position = desk.machine.portfolio().position(FIRST, BTC);
    assert_eq!(position.cost(), amount("100.5"));
}
