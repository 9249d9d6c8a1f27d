//! Warm-up, start, pause, timers, failures.

use super::*;

/// Runs inputs and compares the log of all steps.
#[track_caller]
fn check(warm_up: WarmUp, inputs: &[HostInput], expected: &[&str]) {
    let mut stage = Stage::new(warm_up);
    let log: Vec<String> = inputs
        .iter()
        .enumerate()
        .flat_map(|(index, input)| stage.step(index as i64, input.clone(), &[]))
        .collect();
    assert_eq!(log, expected);
}

fn past(event: MarketEvent) -> HostInput {
    HostInput::WarmUp(event)
}

#[test]
fn history_is_spliced_to_the_stream() {
    use HostInput::{HistoryComplete, Start};
    let trades = WarmUp::Trades(3);
    check(trades, &[past(trade(1)), past(trade(2)), Start], &["trade 1", "trade 2", "start"]);
    // The stream ran ahead while the history was fetched; they overlap.
    check(
        trades,
        &[
            live(1, trade(3)),
            past(trade(1)),
            past(trade(2)),
            past(trade(3)),
            live(2, trade(4)),
            Start,
            live(3, trade(5)),
        ],
        &["trade 1", "trade 2", "trade 3", "trade 4", "start", "trade 5"],
    );
    // The same while reconcile takes longer: live events go on without orders.
    check(
        trades,
        &[
            live(1, trade(2)),
            past(trade(1)),
            HistoryComplete,
            live(2, trade(3)),
            live(3, trade(3)),
            Start,
        ],
        &["trade 1", "trade 2", "trade 3", "start"],
    );
    // Fetched again after a gap: what was delivered is skipped.
    check(
        trades,
        &[past(trade(1)), past(trade(1)), past(trade(2)), Start],
        &["trade 1", "trade 2", "start"],
    );
    let bars = WarmUp::Bars(Interval::MINUTE, 2);
    check(
        bars,
        &[live(1, bar(3)), past(bar(1)), past(bar(2)), past(bar(3)), live(2, bar(4)), Start],
        &["bar 1", "bar 2", "bar 3", "bar 4", "start"],
    );
    // Quotes conflate while they wait.
    check(
        bars,
        &[live(1, quote(1)), live(2, quote(2)), live(3, bar(1)), Start],
        &["bar 1", "quote 2", "start"],
    );
    // Without history nothing waits.
    check(WarmUp::None, &[live(1, trade(7)), Start, live(2, trade(7))], &["trade 7", "start"]);
}

#[test]
fn a_gap_between_history_and_stream_is_seen() {
    #[track_caller]
    fn check(warm_up: WarmUp, held: &[MarketEvent], history: &[MarketEvent], expected: &str) {
        let mut stage = Stage::new(warm_up);
        for event in held {
            stage.step(0, live(1, event.clone()), &[]);
        }
        for event in history {
            stage.step(0, past(event.clone()), &[]);
        }
        let gap = stage.host.history_gap().map(|gap| gap.to_string()).unwrap_or_default();
        assert_eq!(gap, expected);
    }
    let trades = WarmUp::Trades(9);
    check(trades, &[trade(5), trade(6)], &[trade(3), trade(4)], "");
    check(trades, &[trade(5), trade(6)], &[trade(5)], "");
    check(trades, &[trade(5), trade(6)], &[trade(8)], "");
    check(trades, &[], &[trade(8)], "");
    check(trades, &[trade(5)], &[], "");
    check(
        trades,
        &[trade(5), trade(6)],
        &[trade(2), trade(3)],
        "trades after 3 and before 5 of instrument 0 are missing",
    );
    let bars = WarmUp::Bars(Interval::MINUTE, 9);
    check(bars, &[trade(9), bar(3)], &[bar(1), bar(2)], "");
    check(
        bars,
        &[trade(9), bar(3)],
        &[bar(1)],
        "bars of instrument 0 before 1970-01-01T00:03:00.000000Z are missing",
    );
}

#[test]
fn orders_are_possible_between_start_and_stop_only() {
    let buy = [Do::Buy("1", "100")];
    let mut stage = Stage::new(WarmUp::Trades(1));
    assert_eq!(stage.step(0, past(trade(1)), &buy), ["trade 1"]);
    assert_eq!(stage.step(0, HostInput::HistoryComplete, &[]), Vec::<String>::new());
    assert_eq!(stage.step(0, live(1, trade(2)), &buy), ["trade 2"]);
    assert_eq!(stage.step(0, HostInput::Start, &buy), ["start", "submit 1 buy at 100"]);
    assert_eq!(stage.step(0, live(2, trade(3)), &buy), ["trade 3", "submit 2 buy at 100"]);
    stage.step(0, HostInput::Pause, &[]);
    let both = [Do::Buy("1", "100"), Do::Replace(1, "90"), Do::Cancel(2)];
    assert_eq!(stage.step(0, live(3, trade(4)), &both), ["trade 4", "cancel 2"]);
    stage.step(0, HostInput::Resume, &[]);
    assert_eq!(stage.step(0, live(4, trade(5)), &buy), ["trade 5", "submit 3 buy at 100"]);
    let both = [Do::Buy("1", "100"), Do::Cancel(1)];
    assert_eq!(stage.step(0, HostInput::Stop, &both), ["stop", "cancel 1"]);
    // Neither resumes what has stopped.
    stage.step(0, HostInput::Resume, &[]);
    assert_eq!(stage.step(0, live(5, trade(6)), &buy), ["trade 6"]);
}

#[test]
fn nothing_is_taken_back_on_the_strength_of_old_events() {
    let open = vec![open_order(1)];
    let mut stage = Stage::restored(WarmUp::Trades(1), BTreeMap::new(), open);
    assert_eq!(stage.step(0, past(trade(1)), &[Do::Cancel(1)]), ["trade 1"]);
    assert_eq!(stage.open(), "1 accepted");
    assert_eq!(stage.step(0, HostInput::Start, &[Do::CancelAll]), ["start", "cancel 1"]);
    assert_eq!(stage.open(), "1 accepted leaving");
}

fn open_order(number: u32) -> OpenOrder {
    OpenOrder {
        order: order_id(number),
        new: NewOrder::limit(ID, Side::Buy, Quantity::ONE, Price::ONE),
        status: OrderStatus::Accepted,
        filled_quantity: Quantity::ZERO,
        cancel_pending: false,
        replaces: None,
    }
}

#[test]
fn timers_fire_in_order_and_once() {
    let mut stage = Stage::new(WarmUp::None);
    let timers = [Do::Timer(7, 50), Do::Timer(3, 20), Do::Timer(5, 90), Do::Timer(7, 30)];
    stage.step(0, live(1, trade(1)), &timers);
    assert_eq!(stage.host.wake_at(), None, "nothing fires before the start");
    stage.step(0, HostInput::Start, &[]);
    assert_eq!(stage.host.wake_at(), Some(Timestamp::from_millis(20)));
    assert_eq!(stage.step(19, HostInput::Wake, &[]), Vec::<String>::new());
    assert_eq!(
        stage.step(30, HostInput::Wake, &[Do::Buy("1", "100")]),
        ["timer 3", "submit 1 buy at 100", "timer 7"]
    );
    assert_eq!(stage.causes, [(Cause::Timer { timer: 3 }, CorrelationId(1 << 63 | 2 << 32 | 1))]);
    assert_eq!(stage.host.wake_at(), Some(Timestamp::from_millis(90)));
    stage.step(31, HostInput::Stop, &[]);
    assert_eq!(stage.host.wake_at(), None);
}

#[test]
fn every_intent_names_its_cause() {
    let buy = [Do::Buy("1", "100")];
    let mut stage = Stage::new(WarmUp::None);
    stage.step(0, HostInput::Start, &buy);
    stage.step(5, live(11, trade(5)), &buy);
    stage.step(6, order(1, Was::Accepted), &buy);
    let own = CorrelationId(1 << 63 | 2 << 32 | 1);
    assert_eq!(
        stage.causes,
        [
            (Cause::Lifecycle, own),
            (Cause::Market { sequence: 11, event: trade(5).into() }, CorrelationId(11)),
            (Cause::Order { order: order_id(1) }, CorrelationId(77)),
        ]
    );
}

#[test]
fn a_failing_strategy_leaves_nothing_behind() {
    #[track_caller]
    fn check(then: &[Do], expected: &HostError) {
        let mut stage = Stage::new(WarmUp::None);
        stage.step(0, HostInput::Start, &[]);
        let mut outputs = vec![HostOutput::Note("earlier".to_owned())];
        stage.strings.0.lock().unwrap().extend(then.iter().cloned());
        let result = stage.host.step(Timestamp::EPOCH, live(1, trade(1)), &mut outputs);
        assert_eq!(result.as_ref(), Err(expected));
        assert_eq!(outputs, [HostOutput::Note("earlier".to_owned())]);
    }
    let failed = HostError::Strategy(StrategyError("told to fail".to_owned()));
    check(&[Do::Buy("1", "100"), Do::Fail], &failed);
    // The note of the call counts too: nine more are allowed, ten are not.
    check(&[Do::Flood(10)], &HostError::Flooded { limit: 10 });
    let mut stage = Stage::new(WarmUp::None);
    stage.step(0, HostInput::Start, &[]);
    assert_eq!(stage.step(0, live(1, trade(1)), &[Do::Flood(9)]).len(), 10);
    // A host that follows a failed one counts on.
    assert_eq!(stage.host.last_number(), 9);
}

#[test]
fn a_timer_that_fails_drops_the_timers_before_it() {
    let mut stage = Stage::new(WarmUp::None);
    stage.step(0, HostInput::Start, &[Do::Timer(1, 5), Do::Timer(2, 6)]);
    let again = [Do::Buy("1", "1"), Do::Timer(2, 6)];
    stage.step(4, HostInput::Wake, &[]);
    assert_eq!(stage.step(5, HostInput::Wake, &again), ["timer 1", "submit 1 buy at 1"]);
    assert!(stage.try_step(6, HostInput::Wake, &[Do::Buy("1", "1"), Do::Fail]).is_err());
}

#[test]
fn a_successor_finds_what_really_happened() {
    let mut stage = Stage::new(WarmUp::None);
    stage.step(0, HostInput::Start, &[Do::Buy("1", "100"), Do::Buy("1", "99")]);
    stage.step(0, order(1, Was::Filled("0.4", "0.4", false)), &[]);
    let fails = [Do::Buy("1", "98"), Do::Cancel(2), Do::Fail];
    assert!(stage.try_step(0, live(1, trade(1)), &fails).is_err());
    let setup = stage.host.into_setup();
    assert_eq!(setup.last_number, 3, "a number that was given is not given again");
    assert_eq!(setup.positions[&ID].quantity(), "0.4".parse().unwrap());
    let open: Vec<_> =
        setup.open_orders.iter().map(|open| (open.order.number, open.cancel_pending)).collect();
    assert_eq!(open, [(1, false), (2, false)]);
}

#[test]
fn instruments_that_the_venue_changed_are_those_of_the_next_call() {
    let mut stage = Stage::new(WarmUp::None);
    let mut changed = model::Instruments::clone(&super::instruments());
    let mut told = changed.get(super::ID).clone();
    told.filters.price.tick = "5".parse().unwrap();
    changed.refresh(told.id, &told);
    stage.step(0, HostInput::InstrumentsRefreshed(changed.clone().into()), &[]);
    // A host that follows this one goes by them, too.
    assert_eq!(*stage.host.into_setup().instruments, changed);
}
