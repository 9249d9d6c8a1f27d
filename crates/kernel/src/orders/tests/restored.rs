//! Orders read back from the journal.

use model::{
    CancelReason, ClientOrderId, CorrelationId, OrderEvent, OrderEventKind, OrderStatus,
    RejectReason, StrategyId, Timestamp, VenueId,
};

use super::desk::{BEGIN, Desk, instruments, play};
use super::on::On::{
    self, AccountRead, Connected, Fill, Found, Manual, NotFound, OpenOrdersRead, OrderTradesRead,
    Report, TradesRead, Wait,
};
use super::on::{BTC, client_order_id, fill, new_order, order_id, quantity, venue_order};
use crate::journal::{IntentRecord, Record};
use crate::ledger::Ledger;
use crate::messages::Cause;
use crate::orders::{ExecutionPolicy, RestoredExecution};

fn intent(number: u32) -> Record {
    let at = Timestamp::from_secs(950);
    Record::OrderIntended(Box::new(IntentRecord {
        order: order_id(number),
        client_order_id: client_order_id(number),
        strategy: StrategyId(0),
        new: new_order(number),
        replaces: None,
        other_leg: None,
        cause: Cause::Engine,
        correlation: CorrelationId(1),
        caused_at: at,
        decided_at: at,
        approved_at: at,
        judged_on_sequence: 1,
        checks: Vec::new(),
    }))
}

fn told(number: u32, kind: OrderEventKind) -> Record {
    let event = OrderEvent {
        order: order_id(number),
        instrument: BTC,
        received_at: Timestamp::from_secs(960),
        correlation: CorrelationId(1),
        kind,
    };
    Record::OrderChanged { strategy: StrategyId(0), event }
}

fn accepted(number: u32) -> Record {
    told(number, OrderEventKind::Accepted { venue_order: venue_order(number) })
}

fn filled(number: u32, trade: i64, base: &str) -> Record {
    let fill = fill(number, trade, base, Timestamp::from_secs(960));
    let cumulative_quantity = quantity(base);
    let complete = cumulative_quantity == model::Quantity::ONE;
    told(number, OrderEventKind::Filled { fill, cumulative_quantity, complete })
}

fn cancel(number: u32) -> Record {
    let reason = CancelReason::Requested;
    Record::CancelIntended { order: order_id(number), reason, at: Timestamp::from_secs(970) }
}

fn ledger(records: &[Record]) -> Ledger {
    let start = [
        Record::EpochStarted {
            epoch: 7,
            instance: super::on::INSTANCE.parse().unwrap(),
            venue: VenueId::new("sim:1").unwrap(),
            config_hash: String::new(),
            at: Timestamp::from_secs(900),
        },
        Record::InstrumentRegistered {
            instrument: BTC,
            symbol: "BTCUSDT".parse().unwrap(),
            base: "BTC".parse().unwrap(),
            quote: "USDT".parse().unwrap(),
        },
        Record::StrategyRegistered { strategy: StrategyId(0), name: "dip".to_owned() },
    ];
    let mut ledger = Ledger::default();
    for record in start.iter().chain(records) {
        ledger.apply(record).unwrap();
    }
    ledger
}

/// What a machine does that starts from a journal with these records.
#[track_caller]
fn check(name: &str, records: &[Record], script: &[(On<'_>, &str)]) -> Desk {
    let restored = RestoredExecution::from(&ledger(records));
    let desk = Desk::restored(ExecutionPolicy::default(), instruments(1), restored);
    play(name, desk, script)
}

const READS: &str = "read account, read open, read trades 0";

#[test]
fn an_order_is_asked_about_whatever_the_journal_says() {
    let sent = |number| Record::OrderSent { order: order_id(number), signed_at: BEGIN };
    let submitted = || told(1, OrderEventKind::Submitted { quantity: None, price: None });
    #[track_caller]
    fn accepted_when_found(name: &str, records: &[Record]) {
        check(
            name,
            records,
            &[
                (Connected, "query 1"),
                (Found(1, OrderStatus::Accepted, "0"), &format!("1 accepted, {READS}")),
            ],
        );
    }
    accepted_when_found("decided", &[intent(1)]);
    accepted_when_found("sent", &[intent(1), sent(1)]);
    accepted_when_found("handed over", &[intent(1), submitted()]);
    accepted_when_found(
        "unknown",
        &[intent(1), told(1, OrderEventKind::OutcomeUnknown { reason: String::new() })],
    );
    check(
        "acknowledged",
        &[intent(1), accepted(1)],
        &[(Connected, "query 1"), (Found(1, OrderStatus::Accepted, "0"), READS)],
    );
    check(
        "partly filled, and more meanwhile",
        &[intent(1), accepted(1), filled(1, 11, "0.4")],
        &[
            (Connected, "query 1"),
            (
                Found(1, OrderStatus::Filled, "1"),
                "read fills 1, read account, read open, read trades 0",
            ),
            (OrderTradesRead(&[(1, 11, "0.4"), (1, 12, "0.6")]), "1 filled 0.6 to 1 complete"),
            (Fill(1, 11, "0.4"), ""),
        ],
    );
    check(
        "ended",
        &[intent(1), told(1, OrderEventKind::Canceled { reason: CancelReason::Venue })],
        &[(Connected, READS)],
    );
}

#[test]
fn a_cancel_that_was_decided_is_sent_again() {
    check(
        "still works",
        &[intent(1), accepted(1), cancel(1)],
        &[
            (Connected, "query 1"),
            (
                Found(1, OrderStatus::Accepted, "0"),
                "CANCEL 1, read account, read open, read trades 0",
            ),
        ],
    );
    check(
        "gone",
        &[intent(1), accepted(1), cancel(1)],
        &[
            (Connected, "query 1"),
            (Found(1, OrderStatus::Canceled, "0"), &format!("1 canceled by requested, {READS}")),
        ],
    );
    let reason = RejectReason { code: -2011, message: String::new() };
    let refused = told(1, OrderEventKind::CancelRejected { reason });
    check(
        "refused before the end",
        &[intent(1), accepted(1), cancel(1), refused],
        &[(Connected, "query 1"), (Found(1, OrderStatus::Accepted, "0"), READS)],
    );
}

#[test]
fn the_fence_counts_from_the_signature_or_from_the_start() {
    #[track_caller]
    fn first_that_counts(name: &str, records: &[Record], seconds: i64) {
        let mut script = vec![
            (Connected, "query 1"),
            (NotFound(1), READS),
            (AccountRead, "balances"),
            (OpenOrdersRead(&[]), ""),
            (TradesRead(&[]), "reconciled q1 f0 s0 x0 i0"),
        ];
        // Of the questions at 1, 2, … seconds, the one at the fence counts first.
        for _ in 1..seconds + 2 {
            script.extend([(Wait(1_000), "+1000 query 1"), (NotFound(1), "")]);
        }
        script.extend([(Wait(1_000), "+1000 query 1"), (NotFound(1), "read open, read trades 0")]);
        check(name, records, &script);
    }
    let signed_at = BEGIN.before(std::time::Duration::from_secs(7));
    first_that_counts("not written down", &[intent(1)], 17);
    let sent = Record::OrderSent { order: order_id(1), signed_at };
    first_that_counts("seven seconds before the start", &[intent(1), sent], 10);
}

#[test]
fn a_tombstone_survives_a_restart() {
    let absent = || told(1, OrderEventKind::Absent { reason: String::new() });
    check(
        "its late fill is ours",
        &[intent(1), absent()],
        &[
            (Connected, READS),
            (Fill(1, 11, "0.4"), "1 filled 0.4 to 0.4, write cancel 1, CANCEL 1, query 1"),
        ],
    );
    check(
        "a fill under an unknown number may be its",
        &[intent(1), absent()],
        &[
            (Connected, READS),
            (TradesRead(&[(1, 11, "1")]), "whose 501"),
            (Found(1, OrderStatus::Filled, "1"), "1 accepted, 1 filled 1 to 1 complete"),
        ],
    );
}

#[test]
fn what_was_booked_before_the_restart_is_not_booked_again() {
    let external = Record::ExternalFill { fill: fill(40, 12, "0.5", Timestamp::from_secs(960)) };
    check(
        "own and external fills",
        &[intent(1), accepted(1), filled(1, 11, "1"), external],
        &[
            (Connected, "read account, read open, read trades 0"),
            (TradesRead(&[(1, 11, "1"), (40, 12, "0.5")]), ""),
            (Fill(1, 11, "1"), ""),
            (Manual(12, "0.5"), ""),
        ],
    );
}

#[test]
fn a_trigger_that_was_told_is_not_told_again() {
    check(
        "stop",
        &[intent(91), accepted(91), told(91, OrderEventKind::Triggered)],
        &[
            (Connected, "query 91"),
            (Found(91, OrderStatus::Accepted, "0"), READS),
            (Report(91, OrderStatus::Accepted, "0"), ""),
        ],
    );
}

#[test]
fn names_are_those_of_the_journal() {
    let id: ClientOrderId = client_order_id(1);
    let restored = RestoredExecution::from(&ledger(&[intent(1)]));
    assert_eq!(restored.orders[0].intent.client_order_id, id);
}
