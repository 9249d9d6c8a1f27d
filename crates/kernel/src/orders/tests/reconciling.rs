//! Comparing with the venue.

use model::OrderStatus::{Accepted, Canceled, Filled};

use super::desk::{Desk, check, instruments, play};
use super::on::On::{
    self, AccountFailed, AccountRead, Connected, Disconnected, Fill, Found, NotFound,
    OpenOrdersFailed, OpenOrdersRead, OrderTradesRead, Persisted, QueryFailed, Report, Submit,
    SubmitUnknown, TradesFailed, TradesPage, TradesRead, Wait,
};
use crate::orders::{ExecutionPolicy, RestoredExecution};

const WORKING: &[(On<'_>, &str)] = &[
    (Submit(1), "write intent 1"),
    (Persisted, "SUBMIT 1, 1 submitted"),
    (Report(1, Accepted, "0"), "1 accepted"),
];
const ALL_READS: &str = "read account, read open, read trades 0";

#[track_caller]
fn reconnected(name: &str, then: &[(On<'_>, &str)]) {
    let again = [(Disconnected, "detached"), (Wait(5_000), ""), (Connected, "query 1")];
    check(name, &[WORKING, &again, then].concat());
}

#[test]
fn after_a_reconnect_everything_is_compared() {
    reconnected(
        "nothing happened",
        &[
            (Found(1, Accepted, "0"), ALL_READS),
            (AccountRead, "balances"),
            (OpenOrdersRead(&[(1, Accepted, "0")]), ""),
            (TradesRead(&[]), "reconciled q1 f0 s0 x0 i0"),
        ],
    );
    reconnected(
        "it filled meanwhile, told by the trades",
        &[
            (Found(1, Filled, "1"), "read fills 1, read account, read open, read trades 0"),
            (AccountRead, "balances"),
            (OpenOrdersRead(&[]), ""),
            (TradesRead(&[(1, 11, "1")]), "1 filled 1 to 1 complete, reconciled q1 f1 s0 x0 i0"),
        ],
    );
    reconnected(
        "it waits for fills that the venue counts",
        &[
            (Found(1, Filled, "1"), "read fills 1, read account, read open, read trades 0"),
            (AccountRead, "balances"),
            (OpenOrdersRead(&[]), ""),
            (TradesRead(&[]), ""),
            (
                OrderTradesRead(&[(1, 11, "1")]),
                "1 filled 1 to 1 complete, reconciled q1 f1 s0 x0 i0",
            ),
        ],
    );
    reconnected(
        "it ends by report while the question fails",
        &[
            (QueryFailed(1), ""),
            (Fill(1, 11, "1"), &format!("1 filled 1 to 1 complete, {ALL_READS}")),
        ],
    );
    reconnected(
        "it is cancelled and no report came",
        &[(Found(1, Canceled, "0"), &format!("1 canceled by venue, {ALL_READS}"))],
    );
}

#[test]
fn failed_reads_are_repeated_with_pauses() {
    reconnected(
        "each of them",
        &[
            (Found(1, Accepted, "0"), ALL_READS),
            (AccountFailed, ""),
            (OpenOrdersFailed, ""),
            (TradesFailed, ""),
            (Wait(2_000), "+2000 read account, read open, read trades 0"),
            (AccountRead, "balances"),
            (OpenOrdersRead(&[(1, Accepted, "0")]), ""),
            (Wait(10_000), "+10000 read trades 0"),
            (TradesRead(&[]), "reconciled q1 f0 s0 x0 i0"),
        ],
    );
}

#[test]
fn a_break_in_the_middle_starts_over() {
    reconnected(
        "while orders are asked about",
        &[
            (Disconnected, "detached"),
            (Found(1, Accepted, "0"), ""),
            (Connected, "query 1"),
            (Found(1, Accepted, "0"), ALL_READS),
        ],
    );
    reconnected(
        "while reads are under way: their late answers end nothing",
        &[
            (Found(1, Accepted, "0"), ALL_READS),
            (AccountRead, "balances"),
            (Disconnected, "detached"),
            (TradesRead(&[]), ""),
            (OpenOrdersRead(&[(1, Accepted, "0")]), ""),
            (Connected, "query 1"),
            (Found(1, Accepted, "0"), ALL_READS),
        ],
    );
    check(
        "connected twice",
        &[WORKING, &[(Connected, "detached, query 1"), (Connected, "query 1")]].concat(),
    );
}

#[test]
fn trades_are_read_in_pages_that_overlap_by_one() {
    reconnected(
        "three pages",
        &[
            (Found(1, Accepted, "0"), ALL_READS),
            (AccountRead, "balances"),
            (OpenOrdersRead(&[(1, Accepted, "0")]), ""),
            (
                TradesPage(&[(1, 11, "0.1"), (1, 12, "0.1")]),
                "1 filled 0.1 to 0.1, 1 filled 0.1 to 0.2, read trades 0 from 12",
            ),
            (TradesPage(&[(1, 12, "0.1")]), "read trades 0 from 13"),
            (TradesRead(&[(1, 13, "0.1")]), "1 filled 0.1 to 0.3, reconciled q1 f3 s0 x0 i0"),
        ],
    );
    reconnected(
        "an empty page with more to come ends the read",
        &[
            (Found(1, Accepted, "0"), ALL_READS),
            (AccountRead, "balances"),
            (OpenOrdersRead(&[(1, Accepted, "0")]), ""),
            (TradesPage(&[]), "reconciled q1 f0 s0 x0 i0"),
        ],
    );
}

#[test]
fn trades_before_the_ledger_are_nobodys_business() {
    let mut desk =
        Desk::restored(ExecutionPolicy::default(), instruments(1), RestoredExecution::default());
    desk.now = model::Timestamp::from_secs(800);
    play(
        "the ledger was opened at 900",
        desk,
        &[
            (Connected, ALL_READS),
            (TradesRead(&[(40, 11, "1"), (40, 12, "1")]), ""),
            (AccountRead, "balances"),
            (OpenOrdersRead(&[]), "reconciled q0 f0 s0 x0 i0"),
            (Disconnected, "detached"),
            (Connected, "read account, read open, read trades 0 from 12"),
        ],
    );
}

#[test]
fn every_minute_a_light_look_closes_nothing() {
    check(
        "while an order works",
        &[
            WORKING,
            &[
                (Wait(58_000), "+58000 read account, read open, read trades 0"),
                (Submit(2), "write intent 2"),
                (Persisted, "SUBMIT 2, 2 submitted"),
                (AccountRead, "balances"),
                (OpenOrdersRead(&[(1, Accepted, "0")]), ""),
                (TradesRead(&[]), "reconciled q0 f0 s0 x0 i0"),
            ],
        ]
        .concat(),
    );
    check(
        "an order that ended unheard is noticed",
        &[
            WORKING,
            &[
                (Wait(58_000), "+58000 read account, read open, read trades 0"),
                (OpenOrdersRead(&[]), "query 1"),
                (Found(1, Canceled, "0"), "1 canceled by venue"),
            ],
        ]
        .concat(),
    );
    check(
        "nothing of ours happened: trades are read once more, then no more",
        &[
            (Wait(58_000), "+58000 read account, read open, read trades 0"),
            (AccountRead, "balances"),
            (TradesRead(&[]), ""),
            (OpenOrdersRead(&[]), "reconciled q0 f0 s0 x0 i0"),
            (Wait(60_000), "+60000 read account, read open"),
        ],
    );
}

#[test]
fn strays_are_cancelled_and_strangers_counted() {
    let mut desk = Desk::live();
    let stray = super::on::client_order_id(7);
    let other = stray.as_str().replace(super::on::INSTANCE, "zzzzzz");
    let open = ["web_1", stray.as_str(), "web_2", other.as_str()].map(|name| {
        crate::venue::OrderSnapshot {
            instrument: super::on::BTC,
            client_order_id: name.parse().unwrap(),
            venue_order: model::VenueOrderId(9),
            status: Accepted,
            executed_quantity: model::Quantity::ZERO,
            is_working: true,
            reason: String::new(),
            event_at: desk.now,
        }
    });
    let read = |open: &[crate::venue::OrderSnapshot]| {
        crate::orders::ExecutionInput::Venue(crate::venue::VenueEvent::OpenOrdersRead {
            orders: open.to_vec(),
            elsewhere: Vec::new(),
        })
    };
    assert_eq!(desk.on(Wait(58_000)), "+58000 read account, read open, read trades 0");
    assert_eq!(desk.on(TradesRead(&[])), "");
    assert_eq!(desk.step(read(&open)), ["CANCEL 7", "STRANGERS zzzzzz left 0"]);
    assert_eq!(desk.step(read(&open)), ["CANCEL 7"], "counted anew with each list");
    assert_eq!(desk.on(AccountRead), "balances, reconciled q0 f0 s1 x2 i1");
}

/// Whoever else trades on the account need not do it on our symbols.
#[test]
fn strangers_on_symbols_that_are_not_ours_are_counted_and_told() {
    let mut desk = Desk::live();
    let own = super::on::client_order_id(7);
    let other = own.as_str().replace(super::on::INSTANCE, "zzzzzz");
    let names = ["web_1", own.as_str(), other.as_str()].map(|name| name.parse().unwrap());
    let read = || {
        crate::orders::ExecutionInput::Venue(crate::venue::VenueEvent::OpenOrdersRead {
            orders: Vec::new(),
            elsewhere: names.to_vec(),
        })
    };
    assert_eq!(desk.on(Wait(58_000)), "+58000 read account, read open, read trades 0");
    assert_eq!(desk.on(TradesRead(&[])), "");
    assert_eq!(desk.step(read()), ["STRANGERS zzzzzz left 1"], "and nothing is cancelled");
    assert_eq!(desk.step(read()), [""; 0], "told once");
    assert_eq!(desk.on(AccountRead), "balances, reconciled q0 f0 s0 x1 i1");
}

/// A journal that was lost or left behind with the engine's name kept: what protects a position of
/// that one is for a person to take back.
#[test]
fn what_protects_and_is_older_than_the_ledger_is_left_alone_and_told_once() {
    let mut desk = Desk::live();
    let named = |epoch: u32, role: model::Role| {
        let order = model::OrderId { epoch, strategy: model::StrategyId(0), number: 7 };
        order.to_client_order_id(model::InstanceId::new(super::on::INSTANCE).unwrap(), role)
    };
    use model::Role::{Entry, Exit, Protective};
    // The ledger was opened in second 900.
    let older = [named(899, Protective), named(899, Exit), named(899, Entry)];
    let open: Vec<_> = older
        .iter()
        .chain([&named(900, Protective)])
        .map(|name| crate::venue::OrderSnapshot {
            instrument: super::on::BTC,
            client_order_id: *name,
            venue_order: model::VenueOrderId(9),
            status: Accepted,
            executed_quantity: model::Quantity::ZERO,
            is_working: true,
            reason: String::new(),
            event_at: desk.now,
        })
        .collect();
    let read = || {
        crate::orders::ExecutionInput::Venue(crate::venue::VenueEvent::OpenOrdersRead {
            orders: open.clone(),
            elsewhere: Vec::new(),
        })
    };
    assert_eq!(desk.on(Wait(58_000)), "+58000 read account, read open, read trades 0");
    assert_eq!(desk.on(TradesRead(&[])), "");
    assert_eq!(desk.step(read()), ["CANCEL 7", "CANCEL 7", "STRANGERS  left 2"]);
    assert_eq!(desk.step(read()), ["CANCEL 7", "CANCEL 7"], "told once");
}

#[test]
fn an_unknown_order_does_not_keep_the_others_from_trading() {
    check(
        "asked about, not found, gone on",
        &[
            (Submit(1), "write intent 1"),
            (Persisted, "SUBMIT 1, 1 submitted"),
            (Disconnected, "detached"),
            (SubmitUnknown(1), "1 unknown"),
            (Wait(5_000), ""),
            (Connected, "query 1"),
            (NotFound(1), ALL_READS),
            (AccountRead, "balances"),
            (OpenOrdersRead(&[]), ""),
            (TradesRead(&[]), "reconciled q1 f0 s0 x0 i0"),
            (Wait(1_000), "+1000 query 1"),
        ],
    );
}
