//! Lost answers: what is asked, when, and what is believed.

use model::OrderStatus::{Accepted, Filled, PartiallyFilled};

use super::desk::{Desk, check, instruments, play};
use super::on::On::{
    self, Connected, Disconnected, Fill, Found, FoundForeign, NotFound, OpenOrdersRead, Persisted,
    QueryFailed, Report, Sent, Submit, SubmitUnknown, TradesFailed, TradesRead, Wait,
};
use crate::orders::{ExecutionPolicy, RestoredExecution};

const INTENDED: (On<'_>, &str) = (Submit(1), "write intent 1");
const SUBMITTED: (On<'_>, &str) = (Persisted, "SUBMIT 1, 1 submitted");
const SENT: (On<'_>, &str) = (Sent(1), "write sent 1");
const UNKNOWN: (On<'_>, &str) = (SubmitUnknown(1), "1 unknown, query 1");

/// Asked once a second from the loss on, and not found each time, until just past the fence.
fn not_found_until_the_fence() -> Vec<(On<'static>, &'static str)> {
    let mut script = vec![INTENDED, SUBMITTED, SENT, UNKNOWN];
    for _ in 0..17 {
        script.extend([(NotFound(1), ""), (Wait(1_000), "+1000 query 1")]);
    }
    script
}

#[track_caller]
fn past_fence(name: &str, then: &[(On<'_>, &str)]) {
    check(name, &[&not_found_until_the_fence(), then].concat());
}

const PROOFS: (On<'_>, &str) = (NotFound(1), "read open, read trades 0");
const ABSENT: &[(On<'_>, &str)] = &[
    (NotFound(1), ""),
    (Wait(1_000), "+1000 query 1"),
    (NotFound(1), ""),
    (Wait(1_000), "+1000 query 1"),
    PROOFS,
    (OpenOrdersRead(&[]), ""),
    (TradesRead(&[]), "1 absent"),
];

#[test]
fn an_order_is_absent_only_past_the_fence_and_with_every_proof() {
    past_fence("absent", &[ABSENT, &[(Wait(20_000), "")]].concat());
    past_fence(
        "a late fill is adopted all the same, what is left of the order cancelled",
        &[
            ABSENT,
            &[
                (Fill(1, 11, "0.4"), "1 filled 0.4 to 0.4, write cancel 1, CANCEL 1, query 1"),
                (Found(1, PartiallyFilled, "0.4"), ""),
            ],
        ]
        .concat(),
    );
    past_fence(
        "found after two answers that spoke against it",
        &[
            (NotFound(1), ""),
            (Wait(1_000), "+1000 query 1"),
            (NotFound(1), ""),
            (Wait(1_000), "+1000 query 1"),
            (Found(1, Accepted, "0"), "1 accepted"),
            (Wait(20_000), ""),
        ],
    );
    past_fence(
        "among the open orders after all",
        &[
            &ABSENT[..5],
            &[
                (OpenOrdersRead(&[(1, Accepted, "0")]), "1 accepted"),
                (TradesRead(&[]), ""),
                (Wait(20_000), ""),
            ],
        ]
        .concat(),
    );
    past_fence(
        "a failed proof is repeated",
        &[
            &ABSENT[..5],
            &[
                (OpenOrdersRead(&[]), ""),
                (TradesFailed, ""),
                (Wait(2_000), "+1000 query 1, +2000 read trades 0"),
                (TradesRead(&[]), "1 absent"),
            ],
        ]
        .concat(),
    );
}

#[test]
fn a_fill_whose_order_is_not_known_is_no_strangers_before_the_venue_says_so() {
    let trades = TradesRead(&[(1, 11, "1")]);
    past_fence(
        "it is ours",
        &[
            &ABSENT[..5],
            &[
                (OpenOrdersRead(&[]), ""),
                (trades, "whose 501"),
                (Found(1, Filled, "1"), "1 accepted, 1 filled 1 to 1 complete"),
                (Wait(20_000), ""),
            ],
        ]
        .concat(),
    );
    past_fence(
        "it is not",
        &[
            &ABSENT[..5],
            &[
                (OpenOrdersRead(&[]), ""),
                (trades, "whose 501"),
                (FoundForeign(1), "write external 11, external fill 11"),
                (Wait(1_000), "+1000 query 1"),
                (NotFound(1), ""),
                (Wait(1_000), "+1000 query 1, read open, read trades 0 from 11"),
            ],
        ]
        .concat(),
    );
    check(
        "the report comes first",
        &[
            INTENDED,
            SUBMITTED,
            UNKNOWN,
            (trades, "whose 501"),
            (Fill(1, 11, "1"), "1 filled 1 to 1 complete"),
            (Report(1, Filled, "1"), ""),
            (Found(1, Filled, "1"), ""),
        ],
    );
    check(
        "the venue does not answer",
        &[
            INTENDED,
            SUBMITTED,
            UNKNOWN,
            (trades, "whose 501"),
            (Wait(10_000), "+10000 whose 501, query 1"),
        ],
    );
}

#[test]
fn an_answer_that_does_not_come_makes_the_order_unknown() {
    check(
        "nothing is heard",
        &[
            INTENDED,
            SUBMITTED,
            SENT,
            (Wait(9_999), ""),
            (Wait(1), "+1 1 unknown, query 1"),
            (Report(1, Accepted, "0"), "1 accepted"),
            (Found(1, Accepted, "0"), ""),
            (Wait(20_000), ""),
        ],
    );
    check(
        "the answer is late",
        &[
            INTENDED,
            SUBMITTED,
            SENT,
            (Wait(10_000), "+10000 1 unknown, query 1"),
            (On::Rejected(1), "1 rejected"),
            (NotFound(1), ""),
            (Wait(20_000), ""),
        ],
    );
    check(
        "found filled: the fills are fetched at once",
        &[
            INTENDED,
            SUBMITTED,
            UNKNOWN,
            (Found(1, Filled, "1"), "1 accepted, read fills 1"),
            (On::OrderTradesRead(&[(1, 11, "1")]), "1 filled 1 to 1 complete"),
        ],
    );
}

#[test]
fn there_is_one_question_at_a_time_and_a_pause_between() {
    check(
        "no answer",
        &[INTENDED, SUBMITTED, UNKNOWN, (Wait(25_000), "+10000 query 1, +20000 query 1")],
    );
    check(
        "the question fails",
        &[
            INTENDED,
            SUBMITTED,
            UNKNOWN,
            (QueryFailed(1), ""),
            (Wait(1_000), "+1000 query 1"),
            (QueryFailed(1), ""),
            (Wait(1_000), "+1000 query 1"),
        ],
    );
    check(
        "nobody is there to be asked",
        &[
            INTENDED,
            SUBMITTED,
            UNKNOWN,
            (Disconnected, "detached"),
            (QueryFailed(1), ""),
            (Wait(120_000), ""),
            (Connected, "query 1"),
        ],
    );
}

#[test]
fn many_orders_in_doubt_share_a_budget() {
    let policy = ExecutionPolicy { queries_per_spacing: 2, ..ExecutionPolicy::default() };
    let desk = Desk::restored(policy, instruments(0), RestoredExecution::default());
    play(
        "two a second, oldest first, everyone in turn",
        desk,
        &[
            (Connected, "read account, read open"),
            (On::AccountRead, "balances"),
            (OpenOrdersRead(&[]), "reconciled q0 f0 s0 x0 i0"),
            (Submit(1), "write intent 1"),
            (Submit(2), "write intent 2"),
            (Submit(3), "write intent 3"),
            (Persisted, "SUBMIT 1, 1 submitted, SUBMIT 2, 2 submitted, SUBMIT 3, 3 submitted"),
            (SubmitUnknown(1), "1 unknown, query 1"),
            (SubmitUnknown(2), "2 unknown, query 2"),
            (SubmitUnknown(3), "3 unknown"),
            (NotFound(1), ""),
            (NotFound(2), ""),
            (Wait(1_000), "+1000 query 3, query 1"),
            (NotFound(1), ""),
            (NotFound(3), ""),
            (Wait(1_000), "+1000 query 2, query 1"),
        ],
    );
}

#[test]
fn an_acknowledged_order_that_is_not_found_halts_only_after_a_while() {
    let mut script = vec![
        INTENDED,
        SUBMITTED,
        (Report(1, Accepted, "0"), "1 accepted"),
        (OpenOrdersRead(&[]), "query 1"),
    ];
    for _ in 0..10 {
        script.extend([(NotFound(1), ""), (Wait(1_000), "+1000 query 1")]);
    }
    let stays = [(NotFound(1), "HALT 0"), (Wait(1_000), "+1000 query 1")];
    check("never again", &[&script[..], &stays].concat());
    let lagged = [(Found(1, Accepted, "0"), ""), (Wait(20_000), "")];
    check("the read lagged", &[&script[..], &lagged].concat());
}

#[test]
fn a_state_that_nobody_knows_is_asked_about_until_it_is_known() {
    use model::OrderStatus::Unknown;
    check(
        "as the first news of it",
        &[
            INTENDED,
            SUBMITTED,
            SENT,
            (Report(1, Unknown, "0"), "1 unknown"),
            (Wait(1_000), "+1000 query 1"),
            (Found(1, Unknown, "0"), ""),
            (Wait(1_000), "+1000 query 1"),
            (Found(1, Accepted, "0"), "1 accepted"),
            (Wait(20_000), ""),
        ],
    );
    check(
        "of an order that works: it goes on being one",
        &[
            INTENDED,
            SUBMITTED,
            SENT,
            (Report(1, Accepted, "0"), "1 accepted"),
            (Report(1, Unknown, "0"), ""),
            (Wait(1_000), "+1000 query 1"),
            (QueryFailed(1), ""),
            (Wait(1_000), "+1000 query 1"),
            (Fill(1, 11, "1"), "1 filled 1 to 1 complete"),
            (Wait(20_000), ""),
        ],
    );
}
