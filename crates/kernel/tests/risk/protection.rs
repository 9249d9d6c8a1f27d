//! Protection of positions: what rests, what waits, what closes; and random days against a venue
//! that does as it likes.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{
    CancelReason, NewOrder, OrderEventKind, OrderId, OrderKind, OrderQuantity, Quantity,
    RejectReason, Role, Side, Timestamp,
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tickwright_kernel::messages::{ExecutionRequest, Intent};
use tickwright_kernel::portfolio::Rate;
use tickwright_kernel::protection::{Closed, ProtectionPolicy};
use tickwright_kernel::risk::{
    Authority, ProtectionNews, RestoredRisk, RiskConfig, RiskEffect, RiskInput, TradingState,
};

use super::desk::{BTC, Desk, FIRST, buy, config, instruments, price, quantity, sell};

fn bps(bps: u32) -> Rate {
    Rate::from_bps(bps.into())
}

/// The first strategy's positions are protected 10 % below their cost.
fn protected(stop_limit: Option<Rate>) -> RiskConfig {
    with_policy(ProtectionPolicy { stop_loss: bps(1_000), stop_limit, take_profit: None })
}

/// The same, with a target 5 % above the cost.
fn paired() -> RiskConfig {
    let take_profit = Some(bps(500));
    with_policy(ProtectionPolicy { stop_loss: bps(1_000), stop_limit: None, take_profit })
}

fn with_policy(policy: ProtectionPolicy) -> RiskConfig {
    let mut config = config();
    config.strategies.get_mut(&FIRST).unwrap().protection = Some(policy);
    config
}

/// What the machine did, in short.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Did {
    /// Placed an order of the engine's own.
    Placed(OrderId, NewOrder),
    /// Placed a stop and a target as a pair.
    Paired((OrderId, NewOrder), (OrderId, NewOrder)),
    /// Let an order of the strategy pass.
    Passed(OrderId),
    /// Let one pass in one request with the cancel of another.
    InPlaceOf(OrderId, OrderId),
    Denied(String),
    Withdrew(CancelReason),
    Cancel(OrderId),
    News(ProtectionNews),
    State(TradingState),
}

fn did(desk: &mut Desk) -> Vec<Did> {
    let told = desk.take().into_iter().filter_map(|effect| match effect {
        RiskEffect::Execute(ExecutionRequest::Submit(approved)) => {
            let request = approved.get();
            Some(if request.order.is_engines() {
                Did::Placed(request.order, request.new)
            } else {
                Did::Passed(request.order)
            })
        }
        RiskEffect::Execute(ExecutionRequest::SubmitPair(pair)) => {
            let [stop, target] =
                [&pair.stop, &pair.target].map(|leg| (leg.get().order, leg.get().new));
            Some(Did::Paired(stop, target))
        }
        RiskEffect::Execute(ExecutionRequest::CancelReplace { old, new }) => {
            Some(Did::InPlaceOf(old, new.get().order))
        }
        RiskEffect::Execute(ExecutionRequest::Cancel { order, .. }) => Some(Did::Cancel(order)),
        RiskEffect::TellStrategy { event, .. } if !event.order.is_engines() => match event.kind {
            OrderEventKind::Denied { reason } => Some(Did::Denied(reason.rule)),
            OrderEventKind::Canceled { reason } => Some(Did::Withdrew(reason)),
            _ => None,
        },
        RiskEffect::Protection(news) => Some(Did::News(news)),
        RiskEffect::StateChanged { to, .. } => Some(Did::State(to)),
        _ => None,
    });
    told.collect()
}

fn stop(size: &str, at: &str) -> NewOrder {
    let kind = OrderKind::StopLoss { stop_price: price(at) };
    NewOrder::new(BTC, Side::Sell, kind, OrderQuantity::Base(quantity(size))).protective()
}

/// Buys, and gives the stop that follows.
#[track_caller]
fn own(desk: &mut Desk, size: &str, at: &str) -> (OrderId, NewOrder) {
    let order = desk.place(FIRST, buy(BTC, size, at));
    let fill = desk.fill(BTC, Side::Buy, size, at);
    desk.take();
    desk.filled(order, fill, size, true);
    match did(desk)[..] {
        [Did::Placed(order, new)] => (order, new),
        ref other => panic!("one stop, not {other:?}"),
    }
}

fn restored(duration: Duration, size: &str) -> Did {
    Did::News(ProtectionNews::Restored {
        strategy: FIRST,
        instrument: BTC,
        quantity: quantity(size),
        unprotected: duration,
    })
}

/// A protected position of 2, its stop acknowledged.
fn standing() -> (Desk, OrderId) {
    let mut desk = Desk::new(protected(None));
    let (order, new) = own(&mut desk, "2", "100");
    assert_eq!(new, stop("2", "90"));
    desk.accept(order, BTC);
    assert_eq!(did(&mut desk), [restored(Duration::ZERO, "2")]);
    (desk, order)
}

fn next(order: OrderId) -> OrderId {
    OrderId { number: order.number + 1, ..order }
}

#[test]
fn a_position_gets_a_stop_below_its_cost_and_the_time_until_it_stands_is_told() {
    let mut desk = Desk::new(protected(Some(bps(100))));
    let (order, new) = own(&mut desk, "2", "100");
    let OrderKind::StopLossLimit { stop_price, price: limit, .. } = new.kind else {
        panic!("{new:?}")
    };
    assert_eq!((stop_price, limit, new.role), (price("90"), price("89.1"), Role::Protective));
    assert!(order.is_engines());
    assert_eq!(desk.machine.protection().uncovered().count(), 1);
    desk.wait(250);
    desk.accept(order, BTC);
    assert_eq!(did(&mut desk), [restored(Duration::from_millis(250), "2")]);
    assert_eq!(desk.machine.protection().uncovered().count(), 0);
}

#[test]
fn a_price_that_has_passed_the_stop_already_is_sold_at_once() {
    for (stop_limit, kind) in [(None, "market"), (Some(bps(100)), "limit")] {
        let mut desk = Desk::new(protected(stop_limit));
        let order = desk.place(FIRST, buy(BTC, "2", "100"));
        desk.trade(BTC, "89");
        desk.take();
        let fill = desk.fill(BTC, Side::Buy, "2", "100");
        desk.filled(order, fill, "2", true);
        let [Did::Placed(_, new)] = did(&mut desk)[..] else { panic!("one order") };
        assert_eq!((new.kind.name(), new.role), (kind, Role::Protective));
    }
}

#[test]
fn what_is_bought_more_gets_a_stop_beside_and_the_third_takes_the_place_of_both() {
    let (mut desk, first) = standing();
    let (second, new) = own(&mut desk, "1", "100");
    assert_eq!(new, stop("1", "90"));
    desk.accept(second, BTC);
    did(&mut desk);
    let order = desk.place(FIRST, buy(BTC, "1", "100"));
    let fill = desk.fill(BTC, Side::Buy, "1", "100");
    desk.filled(order, fill, "1", true);
    assert_eq!(did(&mut desk)[1..], [Did::Cancel(first), Did::Cancel(second)]);
    desk.cancel(first, BTC);
    assert_eq!(did(&mut desk), []);
    desk.cancel(second, BTC);
    assert_eq!(did(&mut desk), [Did::Placed(next(second), stop("4", "90"))]);
}

#[test]
fn an_exit_goes_in_one_request_with_the_stops_cancel_and_the_rest_is_protected_anew() {
    let (mut desk, first) = standing();
    let exit = desk.next_order(FIRST);
    desk.intend(FIRST, Intent::Submit { order: exit, new: sell(BTC, "0.5", "100") });
    assert_eq!(did(&mut desk), [Did::InPlaceOf(first, exit)], "never beside the stop");
    assert_eq!(desk.machine.protection().uncovered().count(), 0, "nothing is gone yet");
    desk.wait(40);
    desk.tell(first, BTC, OrderEventKind::Canceled { reason: CancelReason::Replaced });
    let left = Did::Placed(next(first), stop("1.5", "90"));
    assert_eq!(did(&mut desk), [left], "the stop for what the exit leaves, at once");
    let fill = desk.fill(BTC, Side::Sell, "0.5", "100");
    desk.filled(exit, fill, "0.5", true);
    desk.wait(30);
    desk.accept(next(first), BTC);
    assert_eq!(did(&mut desk), [restored(Duration::from_millis(30), "2")]);
}

#[test]
fn a_stop_that_fills_while_an_exit_waits_is_not_sold_twice() {
    let (mut desk, first) = standing();
    let exit = desk.next_order(FIRST);
    desk.intend(FIRST, Intent::Submit { order: exit, new: sell(BTC, "2", "100") });
    assert_eq!(did(&mut desk), [Did::InPlaceOf(first, exit)]);
    let fill = desk.fill(BTC, Side::Sell, "2", "90");
    desk.filled(first, fill, "2", true);
    // The venue does not place it then.
    let reason = RejectReason { code: -2022, message: "cancel-replace failed".to_owned() };
    desk.tell(exit, BTC, OrderEventKind::Rejected { reason });
    assert_eq!(did(&mut desk), []);
    assert!(desk.machine.portfolio().reservations().is_empty());
}

#[test]
fn an_exit_that_waits_can_be_taken_back_and_replaced() {
    // Two stops stand, so an exit has to wait for both to be gone.
    let (mut desk, first) = standing();
    let (beside, _) = own(&mut desk, "1", "100");
    desk.accept(beside, BTC);
    did(&mut desk);
    let exit = desk.next_order(FIRST);
    desk.intend(FIRST, Intent::Submit { order: exit, new: sell(BTC, "2", "100") });
    assert_eq!(did(&mut desk), [Did::Cancel(first), Did::Cancel(beside)]);
    let second = desk.next_order(FIRST);
    let new = sell(BTC, "1", "101");
    desk.intend(FIRST, Intent::Replace { old: exit, order: second, new });
    assert_eq!(did(&mut desk), [Did::Withdrew(CancelReason::Replaced)]);
    desk.intend(FIRST, Intent::Cancel { order: second });
    assert_eq!(did(&mut desk), [Did::Withdrew(CancelReason::Requested)]);
    desk.cancel(first, BTC);
    desk.cancel(beside, BTC);
    let placed = did(&mut desk);
    assert_eq!(placed[0], Did::Placed(next(beside), stop("3", "90")), "{placed:?}");
}

#[test]
fn an_exit_that_is_denied_or_refused_leaves_the_stop() {
    let (mut desk, first) = standing();
    let exit = desk.next_order(FIRST);
    desk.intend(FIRST, Intent::Submit { order: exit, new: sell(BTC, "2.5", "100") });
    assert_eq!(did(&mut desk), [Did::Denied("free_lots".to_owned())], "more than is held");
    // The request is never sent, and then the venue refuses both halves.
    for end in [OrderEventKind::Absent { reason: String::new() }, both_halves_refused()] {
        let exit = desk.next_order(FIRST);
        desk.intend(FIRST, Intent::Submit { order: exit, new: sell(BTC, "2", "100") });
        assert_eq!(did(&mut desk), [Did::InPlaceOf(first, exit)]);
        desk.tell(exit, BTC, end);
        assert_eq!(did(&mut desk), [], "the stop stands");
    }
    // It may not know such requests: the next exit takes the long way, and is not locked in.
    let exit = desk.next_order(FIRST);
    desk.intend(FIRST, Intent::Submit { order: exit, new: sell(BTC, "2", "100") });
    assert_eq!(did(&mut desk), [Did::Cancel(first)]);
    desk.cancel(first, BTC);
    assert_eq!(did(&mut desk), [Did::Passed(exit)]);
}

fn both_halves_refused() -> OrderEventKind {
    OrderEventKind::Rejected { reason: RejectReason { code: -2022, message: String::new() } }
}

#[test]
fn an_exit_that_is_refused_when_its_stop_is_gone_already_leaves_a_new_stop() {
    let (mut desk, first) = standing();
    let exit = desk.next_order(FIRST);
    desk.intend(FIRST, Intent::Submit { order: exit, new: sell(BTC, "2", "100") });
    desk.tell(first, BTC, OrderEventKind::Canceled { reason: CancelReason::Replaced });
    let reason = RejectReason { code: -2010, message: "no".to_owned() };
    desk.tell(exit, BTC, OrderEventKind::Rejected { reason });
    let told = did(&mut desk);
    assert_eq!(told[1..], [Did::Placed(next(first), stop("2", "90"))], "{told:?}");
}

fn target(size: &str, at: &str) -> NewOrder {
    let kind = OrderKind::LimitMaker { price: price(at) };
    NewOrder::new(BTC, Side::Sell, kind, OrderQuantity::Base(quantity(size))).protective()
}

fn outdone() -> OrderEventKind {
    OrderEventKind::Expired { reason: "OCO_TRIGGER".to_owned(), in_match: false }
}

/// A position of 2 under a pair that the venue has.
fn standing_pair() -> (Desk, OrderId, OrderId) {
    let mut desk = Desk::new(paired());
    let order = desk.place(FIRST, buy(BTC, "2", "100"));
    let fill = desk.fill(BTC, Side::Buy, "2", "100");
    desk.take();
    desk.filled(order, fill, "2", true);
    let [Did::Paired(first, second)] = did(&mut desk)[..] else { panic!("one pair") };
    assert_eq!((first.1, second.1), (stop("2", "90"), target("2", "105")));
    desk.accept(first.0, BTC);
    desk.accept(second.0, BTC);
    assert_eq!(did(&mut desk), [restored(Duration::ZERO, "2")]);
    (desk, first.0, second.0)
}

#[test]
fn both_legs_of_a_pair_take_the_same_lots() {
    let (desk, stop, target) = standing_pair();
    let reservations = desk.machine.portfolio().reservations();
    assert_eq!(reservations.sells(FIRST, BTC), quantity("2"));
    assert_eq!(reservations.get(stop).unwrap().other_leg, Some(target));
    assert_eq!(desk.machine.protection().uncovered().count(), 0);
}

#[test]
fn a_target_that_fills_ends_the_stop_and_nothing_is_left() {
    let (mut desk, first, second) = standing_pair();
    let fill = desk.fill(BTC, Side::Sell, "2", "105");
    desk.filled(second, fill, "2", true);
    desk.tell(first, BTC, outdone());
    assert_eq!(did(&mut desk), [Did::Cancel(first)], "asked for, in case the venue did not");
    assert!(desk.machine.portfolio().reservations().is_empty());
}

#[test]
fn a_target_that_fills_in_part_gets_a_moment_and_then_a_new_pair_for_the_rest() {
    let (mut desk, first, second) = standing_pair();
    let fill = desk.fill(BTC, Side::Sell, "0.5", "105");
    desk.filled(second, fill, "0.5", false);
    let sells = desk.machine.portfolio().reservations().sells(FIRST, BTC);
    assert_eq!(sells, quantity("1.5"), "the stop can sell no more than is left");
    desk.tell(first, BTC, outdone());
    assert_eq!(did(&mut desk), []);
    assert_eq!(desk.machine.protection().uncovered().count(), 1, "and that is measured");
    desk.wait(999);
    desk.step(RiskInput::Wake);
    assert_eq!(did(&mut desk), []);
    desk.wait(1);
    desk.step(RiskInput::Wake);
    assert_eq!(did(&mut desk), [Did::Cancel(second)]);
    desk.cancel(second, BTC);
    let [Did::Paired(third, fourth)] = did(&mut desk)[..] else { panic!("a new pair") };
    assert_eq!((third.1, fourth.1), (stop("1.5", "90"), target("1.5", "105")));
    desk.accept(fourth.0, BTC);
    desk.accept(third.0, BTC);
    assert_eq!(did(&mut desk), [restored(Duration::from_secs(1), "1.5")]);
}

#[test]
fn a_stop_that_triggers_ends_the_target_and_sells() {
    let (mut desk, first, second) = standing_pair();
    desk.tell(second, BTC, outdone());
    desk.tell(first, BTC, OrderEventKind::Triggered);
    let fill = desk.fill(BTC, Side::Sell, "2", "90");
    desk.filled(first, fill, "2", true);
    assert_eq!(did(&mut desk), []);
    assert!(desk.machine.portfolio().reservations().is_empty());
}

#[test]
fn an_exit_takes_the_place_of_a_pair_in_one_request() {
    let (mut desk, first, second) = standing_pair();
    let exit = desk.next_order(FIRST);
    desk.intend(FIRST, Intent::Submit { order: exit, new: sell(BTC, "0.5", "100") });
    assert_eq!(did(&mut desk), [Did::InPlaceOf(first, exit)]);
    for leg in [first, second] {
        desk.tell(leg, BTC, OrderEventKind::Canceled { reason: CancelReason::Replaced });
    }
    let [Did::Paired(third, fourth)] = did(&mut desk)[..] else { panic!("a pair for the rest") };
    assert_eq!((third.1, fourth.1), (stop("1.5", "90"), target("1.5", "105")));
}

#[test]
fn a_target_that_begins_to_trade_while_an_exit_comes_in_its_place_is_taken_back() {
    // The stop's end is told before the exit's refusal, or after it.
    for stop_first in [true, false] {
        let (mut desk, first, second) = standing_pair();
        let exit = desk.next_order(FIRST);
        desk.intend(FIRST, Intent::Submit { order: exit, new: sell(BTC, "2", "100") });
        assert_eq!(did(&mut desk), [Did::InPlaceOf(first, exit)]);
        let fill = desk.fill(BTC, Side::Sell, "0.5", "105");
        desk.filled(second, fill, "0.5", false);
        let told = [(first, outdone()), (exit, both_halves_refused())];
        for (order, kind) in if stop_first { told } else { [told[1].clone(), told[0].clone()] } {
            desk.tell(order, BTC, kind);
        }
        did(&mut desk);
        desk.wait(1_000);
        desk.step(RiskInput::Wake);
        assert_eq!(did(&mut desk), [Did::Cancel(second)], "told first: {stop_first}");
        desk.cancel(second, BTC);
        let [Did::Paired(third, _)] = did(&mut desk)[..] else { panic!("a new pair") };
        assert_eq!(third.1, stop("1.5", "90"));
    }
}

#[test]
fn a_pair_that_comes_too_often_or_never_arrives_fails_once_and_is_tried_again() {
    let too_many = RejectReason { code: -1015, message: "Too many new orders.".to_owned() };
    for end in [
        OrderEventKind::Rejected { reason: too_many },
        OrderEventKind::Absent { reason: String::new() },
    ] {
        let mut desk = Desk::new(paired());
        let order = desk.place(FIRST, buy(BTC, "2", "100"));
        let fill = desk.fill(BTC, Side::Buy, "2", "100");
        desk.take();
        desk.filled(order, fill, "2", true);
        let [Did::Paired((first, _), (second, _))] = did(&mut desk)[..] else { panic!("one pair") };
        desk.tell(first, BTC, end.clone());
        desk.tell(second, BTC, end);
        let told = did(&mut desk);
        let [Did::News(ProtectionNews::Refused { .. })] = &told[..] else { panic!("{told:?}") };
        desk.wait(500);
        desk.step(RiskInput::Wake);
        let told = did(&mut desk);
        assert!(matches!(told[..], [Did::Paired(..)]), "after the first pause: {told:?}");
    }
}

#[test]
fn a_pair_that_is_refused_leaves_the_stop_alone_at_once() {
    let mut desk = Desk::new(paired());
    let order = desk.place(FIRST, buy(BTC, "2", "100"));
    let fill = desk.fill(BTC, Side::Buy, "2", "100");
    desk.take();
    desk.filled(order, fill, "2", true);
    let [Did::Paired((first, _), (second, _))] = did(&mut desk)[..] else { panic!("one pair") };
    let no = || RejectReason { code: -2010, message: "the relationship".to_owned() };
    desk.tell(first, BTC, OrderEventKind::Rejected { reason: no() });
    desk.tell(second, BTC, OrderEventKind::Rejected { reason: no() });
    let told = did(&mut desk);
    let [Did::News(ProtectionNews::Refused { reason, .. }), Did::Placed(third, new)] = &told[..]
    else {
        panic!("told once: {told:?}")
    };
    assert!(reason.contains("the stop goes alone"), "{reason}");
    assert_eq!((*new, *third), (stop("2", "90"), next(second)));
}

/// The venue says that it does not take something of bitcoin.
fn without(desk: &mut Desk, off: impl FnOnce(&mut model::Features)) {
    let mut table = instruments();
    let mut told = table.get(BTC).clone();
    off(&mut told.features);
    table.refresh(BTC, &told);
    desk.step(RiskInput::InstrumentsRefreshed(table.into()));
    desk.take();
}

#[test]
fn where_pairs_are_not_taken_the_stop_goes_alone_and_none_is_sent() {
    let mut desk = Desk::new(paired());
    without(&mut desk, |features| features.oco = false);
    for size in ["2", "1"] {
        let order = desk.place(FIRST, buy(BTC, size, "100"));
        let fill = desk.fill(BTC, Side::Buy, size, "100");
        desk.take();
        desk.filled(order, fill, size, true);
        let mut told = did(&mut desk);
        let Some(Did::Placed(order, new)) = told.pop() else { panic!("a stop: {told:?}") };
        assert_eq!(new, stop(size, "90"));
        // Told with the first stop of a position, not with each.
        let [Did::News(ProtectionNews::Refused { reason, .. })] = &told[..] else {
            assert!(size == "1" && told.is_empty(), "{told:?}");
            continue;
        };
        assert!(size == "2" && reason.contains("ocoAllowed"), "{reason}");
        desk.accept(order, BTC);
        assert_eq!(did(&mut desk), [restored(Duration::ZERO, "2")]);
    }
}

#[test]
fn where_exchanges_are_not_taken_an_exit_waits_for_its_stops_cancel() {
    let (mut desk, first) = standing();
    without(&mut desk, |features| features.cancel_replace = false);
    let exit = desk.next_order(FIRST);
    desk.intend(FIRST, Intent::Submit { order: exit, new: sell(BTC, "0.5", "100") });
    assert_eq!(did(&mut desk), [Did::Cancel(first)], "the long way");
    desk.cancel(first, BTC);
    let left = Did::Placed(next(first), stop("1.5", "90"));
    assert_eq!(did(&mut desk), [Did::Passed(exit), left]);
    desk.accept(next(first), BTC);
    // Taken again from now on: the next exit goes the short way.
    without(&mut desk, |_| {});
    let exit = desk.next_order(FIRST);
    desk.intend(FIRST, Intent::Submit { order: exit, new: sell(BTC, "1", "100") });
    assert_eq!(did(&mut desk), [Did::InPlaceOf(next(first), exit)]);
}

#[test]
fn a_target_is_never_below_the_market_and_none_stands_beside_a_stop_that_is_passed() {
    for (last, kind) in [("110", Some("110.01")), ("89", None)] {
        let mut desk = Desk::new(paired());
        let order = desk.place(FIRST, buy(BTC, "2", "100"));
        desk.trade(BTC, last);
        desk.take();
        let fill = desk.fill(BTC, Side::Buy, "2", "100");
        desk.filled(order, fill, "2", true);
        match (&did(&mut desk)[..], kind) {
            ([Did::Paired(_, (_, new))], Some(at)) => assert!(
                new.kind.limit_price().unwrap() >= price(at),
                "{new:?} stands at {last} or above"
            ),
            ([Did::Placed(_, new)], None) => assert_eq!(new.kind, OrderKind::Market),
            (other, _) => panic!("{last}: {other:?}"),
        }
    }
}

#[test]
fn an_exit_that_ends_unfilled_leaves_nothing_unprotected() {
    let (mut desk, first) = standing();
    let exit = desk.next_order(FIRST);
    desk.intend(FIRST, Intent::Submit { order: exit, new: sell(BTC, "0.5", "100") });
    desk.accept(exit, BTC);
    desk.cancel(first, BTC);
    let second = next(first);
    desk.accept(second, BTC);
    did(&mut desk);
    desk.cancel(exit, BTC);
    let expected =
        [Did::Withdrew(CancelReason::Requested), Did::Placed(next(second), stop("0.5", "90"))];
    assert_eq!(did(&mut desk), expected);
}

#[test]
fn halts_and_quarantine_do_not_stop_protection() {
    let closing = [TradingState::ReduceOnly, TradingState::Halted];
    for state in closing.into_iter().map(Some).chain([None]) {
        let mut desk = Desk::new(protected(None));
        let order = desk.place(FIRST, buy(BTC, "2", "100"));
        match state {
            Some(state) => desk.set_state(state, Authority::Operator),
            None => desk.step(RiskInput::StrategyQuarantined { strategy: FIRST }),
        }
        desk.take();
        // The cancel came too late.
        let fill = desk.fill(BTC, Side::Buy, "2", "100");
        desk.filled(order, fill, "2", true);
        let [Did::Placed(_, new)] = did(&mut desk)[..] else { panic!("one stop in {state:?}") };
        assert_eq!(new, stop("2", "90"), "{state:?}");
    }
}

#[test]
fn a_refused_stop_is_told_and_tried_again_ever_more_slowly() {
    let mut desk = Desk::new(protected(None));
    let (mut order, _) = own(&mut desk, "2", "100");
    for delay_ms in [500, 1_000, 2_000] {
        let reason = RejectReason { code: -2010, message: "Stop price would trigger".to_owned() };
        desk.tell(order, BTC, OrderEventKind::Rejected { reason });
        let told = did(&mut desk);
        let [Did::News(ProtectionNews::Refused { reason, retry_at, .. })] = &told[..] else {
            panic!("{told:?}")
        };
        assert!(reason.contains("-2010"), "{reason}");
        assert_eq!(retry_at.since(desk.now), Duration::from_millis(delay_ms));
        assert_eq!(desk.machine.wake_at(), Some(*retry_at));
        desk.wait(i64::try_from(delay_ms).unwrap() - 1);
        desk.step(RiskInput::Wake);
        assert_eq!(did(&mut desk), []);
        desk.wait(1);
        desk.step(RiskInput::Wake);
        assert_eq!(did(&mut desk), [Did::Placed(next(order), stop("2", "90"))]);
        order = next(order);
    }
}

#[test]
fn a_restart_protects_what_the_ledger_holds_and_keeps_what_rests() {
    let mut ledger = super::ledger::Scribe::new(2);
    let (mut desk, first) = {
        let mut desk = Desk::new(protected(None));
        let order = desk.place(FIRST, buy(BTC, "2", "100"));
        let fill = desk.fill(BTC, Side::Buy, "2", "100");
        desk.filled(order, fill, "2", true);
        let now = desk.now;
        for effect in desk.take() {
            ledger.effect(now, &effect);
        }
        let first = OrderId { epoch: 0, strategy: FIRST, number: OrderId::ENGINES_FROM };
        (desk, first)
    };
    desk.accept(first, BTC);
    let portfolio = || {
        let position = desk.machine.portfolio().position(FIRST, BTC);
        let position = tickwright_kernel::portfolio::RestoredPosition {
            strategy: FIRST,
            instrument: BTC,
            position,
            lots: Vec::new(),
        };
        tickwright_kernel::portfolio::RestoredPortfolio {
            positions: vec![position],
            ..Default::default()
        }
    };
    // Nothing rests: the stop was still on its way when the process died, and never arrived.
    let restored = RestoredRisk { epoch: 7, portfolio: portfolio(), ..RestoredRisk::default() };
    let mut again = Desk::restored(protected(None), restored);
    again.balances(&[("BTC", "2")]);
    again.open_market();
    let placed = OrderId { epoch: 7, strategy: FIRST, number: OrderId::ENGINES_FROM };
    assert_eq!(did(&mut again), [Did::Placed(placed, stop("2", "90"))]);
    // It rests: nothing is placed beside it.
    let order = tickwright_kernel::portfolio::RestoredOrder {
        order: first,
        strategy: FIRST,
        new: stop("2", "90"),
        filled_quantity: Quantity::ZERO,
        is_acknowledged: true,
        is_triggered: false,
        replaces: None,
        other_leg: None,
    };
    let mut portfolio = portfolio();
    portfolio.orders.push(order);
    let restored = RestoredRisk { epoch: 7, portfolio, ..RestoredRisk::default() };
    let mut again = Desk::restored(protected(None), restored);
    again.balances(&[("BTC", "2")]);
    again.open_market();
    assert_eq!(did(&mut again), []);
}

#[test]
fn flattening_takes_everything_back_sells_within_the_bound_and_says_what_is_left() {
    let (mut desk, first) = standing();
    let entry = desk.place(FIRST, buy(BTC, "1", "50"));
    desk.quote(BTC, "99", "101");
    desk.take();
    let plan = desk.machine.closing_plan(None, 100);
    assert_eq!(plan.cancels.iter().map(|c| c.order).collect::<Vec<_>>(), [first, entry]);
    let [close] = plan.closes[..] else { panic!("{plan:?}") };
    assert_eq!(
        (close.held, close.sold, close.limit),
        (quantity("2"), quantity("2"), Some(price("98.01")))
    );
    assert_eq!(did(&mut desk), [], "a plan does nothing");

    desk.step(RiskInput::Flatten { strategy: None, max_slippage_bps: 100 });
    let expected = [Did::State(TradingState::ReduceOnly), Did::Cancel(first), Did::Cancel(entry)];
    assert_eq!(did(&mut desk), expected);
    let exit = desk.next_order(FIRST);
    desk.intend(FIRST, Intent::Submit { order: exit, new: sell(BTC, "1", "99") });
    assert_eq!(did(&mut desk), [Did::Denied("flatten".to_owned())]);
    desk.cancel(entry, BTC);
    desk.cancel(first, BTC);
    let told = did(&mut desk);
    let Some(Did::Placed(closing, new)) = told.last().cloned() else { panic!("{told:?}") };
    assert_eq!(
        (new.kind.name(), new.role, new.kind.limit_price()),
        ("limit", Role::Exit, Some(price("98.01")))
    );
    // Half of it sells; the rest is tried again a second later, at the same bound.
    let fill = desk.fill(BTC, Side::Sell, "1.5", "98.5");
    desk.filled(closing, fill, "1.5", false);
    let expired = OrderEventKind::Expired { reason: String::new(), in_match: false };
    desk.tell(closing, BTC, expired);
    assert_eq!(did(&mut desk), []);
    desk.wait(1_000);
    desk.step(RiskInput::Wake);
    let told = did(&mut desk);
    let [Did::Placed(again, new)] = told[..] else { panic!("{told:?}") };
    assert_eq!(new.quantity, OrderQuantity::Base(quantity("0.5")));
    let fill = desk.fill(BTC, Side::Sell, "0.5", "98.5");
    desk.filled(again, fill, "0.5", true);
    let told = did(&mut desk);
    let closed = ProtectionNews::Closed { strategy: FIRST, instrument: BTC, closed: Closed::Flat };
    assert!(told.contains(&Did::News(closed)), "{told:?}");
}

#[test]
fn what_nobody_buys_within_the_bound_stays_and_is_protected_again() {
    let (mut desk, first) = standing();
    desk.set_state(TradingState::Halted, Authority::Operator);
    desk.step(RiskInput::Flatten { strategy: Some(FIRST), max_slippage_bps: 10 });
    desk.take();
    desk.cancel(first, BTC);
    for _ in 0..10 {
        let told = did(&mut desk);
        let Some(Did::Placed(closing, new)) = told.last().cloned() else { panic!("{told:?}") };
        assert_eq!(new.role, Role::Exit);
        let expired = OrderEventKind::Expired { reason: String::new(), in_match: false };
        desk.wait(1_000);
        desk.tell(closing, BTC, expired);
        desk.step(RiskInput::Wake);
    }
    let told = did(&mut desk);
    let closed = Closed::Unsold(quantity("2"));
    let closed = ProtectionNews::Closed { strategy: FIRST, instrument: BTC, closed };
    assert_eq!(told[0], Did::News(closed), "{told:?}");
    assert!(matches!(told[1], Did::Placed(_, new) if new == stop("2", "90")), "{told:?}");
}

/// An order at a venue that answers when it likes.
struct Resting {
    new: NewOrder,
    remaining: Quantity,
    filled: Quantity,
    is_accepted: bool,
    is_canceling: bool,
    /// The other order of a pair.
    other_leg: Option<OrderId>,
    /// It is placed only if this one goes, untouched.
    in_place_of: Option<OrderId>,
}

impl Resting {
    fn new(new: NewOrder) -> Self {
        let OrderQuantity::Base(remaining) = new.quantity else { panic!("by base") };
        Self {
            new,
            remaining,
            filled: Quantity::ZERO,
            is_accepted: false,
            is_canceling: false,
            other_leg: None,
            in_place_of: None,
        }
    }

    fn is_target(&self) -> bool {
        matches!(self.new.kind, OrderKind::LimitMaker { .. })
    }
}

/// A strategy that buys and sells at random, a venue that answers at random.
struct Day {
    random: Pcg64,
    desk: Desk,
    orders: BTreeMap<OrderId, Resting>,
    held: i64,
    longest: Duration,
    exits: usize,
    in_place: usize,
    stopped: usize,
    targets: usize,
}

const ONE: i64 = 100_000_000;

impl Day {
    fn new(seed: u64, config: RiskConfig) -> Self {
        Self {
            random: Pcg64::seed_from_u64(seed),
            desk: Desk::new(config),
            orders: BTreeMap::new(),
            held: 0,
            longest: Duration::ZERO,
            exits: 0,
            in_place: 0,
            stopped: 0,
            targets: 0,
        }
    }

    /// What the machine wants done reaches the venue.
    fn collect(&mut self) {
        for effect in self.desk.take() {
            match effect {
                RiskEffect::Execute(ExecutionRequest::Submit(approved)) => {
                    let request = approved.into_inner();
                    let resting = Resting::new(request.new);
                    assert!(self.orders.insert(request.order, resting).is_none(), "an id twice");
                }
                RiskEffect::Execute(ExecutionRequest::SubmitPair(pair)) => {
                    let (stop, target) = (pair.stop.into_inner(), pair.target.into_inner());
                    for (leg, other) in [(&stop, &target), (&target, &stop)] {
                        let other_leg = Some(other.order);
                        let resting = Resting { other_leg, ..Resting::new(leg.new) };
                        assert!(self.orders.insert(leg.order, resting).is_none(), "an id twice");
                    }
                }
                RiskEffect::Execute(ExecutionRequest::CancelReplace { old, new }) => {
                    let request = new.into_inner();
                    let in_place_of = Some(old);
                    let resting = Resting { in_place_of, ..Resting::new(request.new) };
                    assert!(self.orders.insert(request.order, resting).is_none(), "an id twice");
                    self.in_place += 1;
                }
                RiskEffect::Execute(ExecutionRequest::Cancel { order, .. }) => {
                    let other = self.orders.get(&order).and_then(|resting| resting.other_leg);
                    for id in [Some(order), other].into_iter().flatten() {
                        if let Some(resting) = self.orders.get_mut(&id) {
                            resting.is_canceling = true;
                        }
                    }
                }
                RiskEffect::Protection(ProtectionNews::Restored { unprotected, .. }) => {
                    self.longest = self.longest.max(unprotected);
                }
                _ => {}
            }
        }
        self.assert_never_more_than_held();
    }

    /// However the venue fills them, open sells never take more than there is.
    #[track_caller]
    fn assert_never_more_than_held(&self) {
        let sells = self.orders.iter().filter(|(_, resting)| resting.new.side == Side::Sell);
        // Of a pair only one can fill, and what goes in the place of another only without it.
        let is_counted = |(id, resting): &(&OrderId, &Resting)| {
            let first = resting.other_leg.filter(|first| first < *id);
            !first.is_some_and(|first| self.orders.contains_key(&first))
        };
        let beyond = |resting: &Resting| {
            let old = resting.in_place_of.filter(|_| !resting.is_accepted);
            match old.map(|old| self.orders.get(&old)) {
                None => resting.remaining.units(),
                Some(Some(old)) if old.filled.is_zero() => {
                    (resting.remaining.units() - old.remaining.units()).max(0)
                }
                // The venue will refuse it.
                Some(_) => 0,
            }
        };
        let sells: i64 = sells.filter(is_counted).map(|(_, resting)| beyond(resting)).sum();
        assert!(sells <= self.held, "{sells} offered of {}", self.held);
        let position = self.desk.machine.portfolio().position(FIRST, BTC).quantity();
        assert_eq!(position.units(), self.held);
    }

    fn strategy(&mut self) {
        let size = Quantity::from_units(self.random.random_range(1..=3) * ONE / 2);
        let order = self.desk.next_order(FIRST);
        if self.random.random_bool(0.5) {
            let new = NewOrder::market(BTC, Side::Buy, size);
            self.desk.intend(FIRST, Intent::Submit { order, new });
        } else {
            self.exits += 1;
            let new = NewOrder::market(BTC, Side::Sell, size);
            self.desk.intend(FIRST, Intent::Submit { order, new });
        }
    }

    fn venue(&mut self) {
        let Some(at) = self.orders.len().checked_sub(1) else { return };
        let at = self.random.random_range(0..=at);
        let id = *self.orders.keys().nth(at).unwrap();
        if let Some(old) = self.orders[&id].in_place_of.filter(|_| !self.orders[&id].is_accepted) {
            let is_untouched =
                self.orders.get(&old).is_some_and(|o| o.is_accepted && o.filled.is_zero());
            if !is_untouched || self.random.random_bool(0.1) {
                return self.reject(id);
            }
            let other = self.orders.remove(&old).and_then(|old| old.other_leg);
            let other = other.filter(|other| self.orders.remove(other).is_some());
            for gone in [Some(old), other].into_iter().flatten() {
                let reason = CancelReason::Replaced;
                self.desk.tell(gone, BTC, OrderEventKind::Canceled { reason });
            }
            if self.random.random_bool(0.1) {
                return self.reject(id);
            }
        }
        let resting = self.orders.get_mut(&id).unwrap();
        if !resting.is_accepted {
            if let Some(other) = resting.other_leg {
                // A pair is there as a whole, or not.
                if self.random.random_bool(0.1) {
                    self.reject(id);
                    return self.reject(other);
                }
                for leg in [id, other] {
                    self.orders.get_mut(&leg).unwrap().is_accepted = true;
                    self.desk.accept(leg, BTC);
                }
            } else if self.random.random_bool(0.1) {
                self.reject(id);
            } else {
                resting.is_accepted = true;
                self.desk.accept(id, BTC);
            }
            return;
        }
        let is_stop = resting.new.role == Role::Protective && resting.new.kind != OrderKind::Market;
        let other = resting.other_leg;
        if resting.is_canceling && self.random.random_bool(0.8) {
            for gone in [Some(id), other].into_iter().flatten() {
                if self.orders.remove(&gone).is_some() {
                    let reason = CancelReason::Engine;
                    self.desk.tell(gone, BTC, OrderEventKind::Canceled { reason });
                }
            }
        } else if !is_stop || self.random.random_bool(0.05) {
            self.fill(id, is_stop);
        }
    }

    fn reject(&mut self, id: OrderId) {
        self.orders.remove(&id);
        let reason = RejectReason { code: -2010, message: "no".to_owned() };
        self.desk.tell(id, BTC, OrderEventKind::Rejected { reason });
    }

    fn fill(&mut self, id: OrderId, is_stop: bool) {
        self.stopped += usize::from(is_stop);
        self.targets += usize::from(self.orders[&id].is_target());
        let resting = self.orders.get_mut(&id).unwrap();
        let half = Quantity::from_units((resting.remaining.units() / 2).max(1));
        let size = if self.random.random_bool(0.5) { half } else { resting.remaining };
        resting.remaining -= size;
        resting.filled = resting.filled.checked_add(size).unwrap();
        self.held += size.units() * resting.new.side.sign();
        let (side, cumulative) = (resting.new.side, resting.filled);
        let other_of_filled = resting.other_leg;
        let complete = resting.remaining.is_zero();
        if complete {
            self.orders.remove(&id);
        }
        let fill = self.desk.fill(BTC, side, &size.to_string(), "100");
        let other = self.orders.get_mut(&id).and_then(|resting| resting.other_leg.take());
        let other = other.or(other_of_filled).filter(|other| self.orders.remove(other).is_some());
        self.desk.filled(id, fill, &cumulative.to_string(), complete);
        if let Some(other) = other {
            self.desk.tell(other, BTC, outdone());
        }
    }

    /// Lets the venue answer everything, time pass for what is tried again, and looks.
    fn settle(&mut self) {
        for _ in 0..400 {
            self.desk.wait(1_000);
            self.desk.step(RiskInput::Wake);
            self.collect();
            let waits = |resting: &Resting| !resting.is_accepted || resting.is_canceling;
            let is_exit = |resting: &Resting| {
                resting.new.kind.stop_price().is_none() && resting.other_leg.is_none()
            };
            if !self.orders.values().any(|resting| waits(resting) || is_exit(resting))
                && self.desk.machine.protection().unfinished() == 0
                && self.desk.machine.protection().uncovered().count() == 0
            {
                break;
            }
            self.venue();
            self.collect();
        }
        let stops = self.orders.values().filter(|resting| !resting.is_target());
        let stops: i64 = stops.map(|resting| resting.remaining.units()).sum();
        assert_eq!(stops, self.held, "all of it rests under stops, and no more");
    }
}

#[test]
fn random_days_leave_nothing_unprotected_and_sell_nothing_twice() {
    let days = random_days(|| protected(None));
    assert!(days.exits > 1_000 && days.stopped > 100, "{days:?}");
}

#[test]
fn random_days_with_targets_leave_nothing_unprotected_and_sell_nothing_twice() {
    let days = random_days(paired);
    assert!(days.exits > 1_000 && days.in_place > 100 && days.targets > 100, "{days:?}");
}

/// What happened on many days.
#[derive(Debug, Default)]
struct Days {
    exits: usize,
    in_place: usize,
    stopped: usize,
    targets: usize,
    longest: Duration,
}

fn random_days(config: fn() -> RiskConfig) -> Days {
    let mut days = Days::default();
    for seed in 0..200 {
        let mut day = Day::new(seed, config());
        for _ in 0..300 {
            day.desk.wait(day.random.random_range(1..50));
            match day.random.random_range(0..10) {
                0..2 => day.strategy(),
                2..9 => day.venue(),
                _ => day.desk.step(RiskInput::Wake),
            }
            day.collect();
        }
        day.settle();
        days.exits += day.exits;
        days.in_place += day.in_place;
        days.stopped += day.stopped;
        days.targets += day.targets;
        days.longest = days.longest.max(day.longest);
    }
    eprintln!("{days:?}");
    days
}

#[test]
fn the_time_without_protection_is_that_of_the_answers() {
    // A venue that answers each message 20 ms later, and never refuses.
    let mut desk = Desk::new(protected(None));
    let began = desk.now;
    let (first, _) = own(&mut desk, "2", "100");
    desk.wait(20);
    desk.accept(first, BTC);
    for number in 0..50 {
        let exit = desk.next_order(FIRST);
        desk.intend(FIRST, Intent::Submit { order: exit, new: sell(BTC, "0.01", "100") });
        desk.wait(20);
        let stop = OrderId { number: first.number + number, ..first };
        desk.tell(stop, BTC, OrderEventKind::Canceled { reason: CancelReason::Replaced });
        desk.wait(20);
        desk.accept(next(stop), BTC);
        let fill = desk.fill(BTC, Side::Sell, "0.01", "100");
        desk.filled(exit, fill, "0.01", true);
    }
    let unprotected: Vec<Duration> = did(&mut desk)
        .into_iter()
        .filter_map(|did| match did {
            Did::News(ProtectionNews::Restored { unprotected, .. }) => Some(unprotected),
            _ => None,
        })
        .collect();
    assert_eq!(unprotected.len(), 51);
    assert!(unprotected.iter().all(|time| *time == Duration::from_millis(20)), "{unprotected:?}");
    assert!(desk.now > Timestamp::from_nanos(began.as_nanos()));
}
