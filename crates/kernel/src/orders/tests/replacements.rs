//! Replacements.

use model::OrderStatus::{Accepted, Canceled, Expired, Filled, PartiallyFilled};

use super::desk::check;
use super::on::On::{
    self, Cancel, CancelAll, CancelRejected, CancelUnknown, Disconnected, Fill, Found, Gate,
    Persisted, Rejected, Replace, Report, Submit, Wait,
};
use crate::messages::CancelScope;

const INTENDED: (On<'_>, &str) = (Submit(1), "write intent 1");
const SUBMITTED: (On<'_>, &str) = (Persisted, "SUBMIT 1, 1 submitted");
const ACCEPTED: (On<'_>, &str) = (Report(1, Accepted, "0"), "1 accepted");
const REPLACED: (On<'_>, &str) =
    (Replace(1, 2, Some("0")), "write intent 2, write cancel 1, CANCEL 1");
const DURABLE: (On<'_>, &str) = (Persisted, "");

/// What follows a replacement of an order that works.
#[track_caller]
fn replaced(name: &str, then: &[(On<'_>, &str)]) {
    let begin = [INTENDED, SUBMITTED, ACCEPTED, REPLACED, DURABLE];
    check(name, &[&begin, then].concat());
}

#[test]
fn the_new_order_follows_the_end_of_the_old() {
    replaced(
        "cancelled",
        &[(Report(1, Canceled, "0"), "1 canceled by replaced, SUBMIT 2, 2 submitted")],
    );
    replaced("expired meanwhile", &[(Report(1, Expired, "0"), "1 expired, SUBMIT 2, 2 submitted")]);
    replaced(
        "the answer to the cancel is lost",
        &[
            (CancelUnknown(1), "query 1"),
            (Found(1, Canceled, "0"), "1 canceled by replaced, SUBMIT 2, 2 submitted"),
        ],
    );
    check(
        "refused before the replacement was decided",
        &[
            INTENDED,
            SUBMITTED,
            (Rejected(1), "1 rejected"),
            (Replace(1, 2, None), "write intent 2"),
            (Persisted, "SUBMIT 2, 2 submitted"),
        ],
    );
    check(
        "refused after it was decided",
        &[
            INTENDED,
            SUBMITTED,
            (Replace(1, 2, Some("0")), "write intent 2, write cancel 1"),
            DURABLE,
            (Rejected(1), "1 rejected, SUBMIT 2, 2 submitted"),
        ],
    );
    check(
        "the new intent is durable last",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            REPLACED,
            (Report(1, Canceled, "0"), "1 canceled by replaced"),
            (Persisted, "SUBMIT 2, 2 submitted"),
        ],
    );
}

#[test]
fn it_is_given_up_if_more_filled_than_the_gate_knew() {
    replaced(
        "filled",
        &[(Fill(1, 11, "1"), "1 filled 1 to 1 complete, 2 canceled by engine"), (Persisted, "")],
    );
    replaced(
        "partly filled, then cancelled",
        &[
            (Fill(1, 11, "0.4"), "1 filled 0.4 to 0.4"),
            (Report(1, PartiallyFilled, "0.4"), ""),
            (Report(1, Canceled, "0.4"), "1 canceled by replaced, 2 canceled by engine"),
        ],
    );
    replaced(
        "the cancel's report counts a fill that has not come",
        &[
            (Report(1, Canceled, "0.4"), ""),
            (
                Fill(1, 11, "0.4"),
                "1 filled 0.4 to 0.4, 1 canceled by replaced, 2 canceled by engine",
            ),
        ],
    );
    check(
        "what the gate knew is no reason",
        &[
            INTENDED,
            SUBMITTED,
            (Fill(1, 11, "0.4"), "1 filled 0.4 to 0.4"),
            (Replace(1, 2, Some("0.4")), "write intent 2, write cancel 1, CANCEL 1"),
            DURABLE,
            (Report(1, Canceled, "0.4"), "1 canceled by replaced, SUBMIT 2, 2 submitted"),
        ],
    );
    check(
        "filled just before the request arrived",
        &[
            INTENDED,
            SUBMITTED,
            (Fill(1, 11, "0.4"), "1 filled 0.4 to 0.4"),
            (Report(1, Canceled, "0.4"), "1 canceled by venue"),
            (Replace(1, 2, Some("0")), "write intent 2, 2 canceled by engine"),
        ],
    );
    check(
        "filled before, wholly",
        &[
            INTENDED,
            SUBMITTED,
            (Fill(1, 11, "1"), "1 filled 1 to 1 complete"),
            (Replace(1, 2, None), "write intent 2, 2 canceled by engine"),
        ],
    );
    check(
        "of an order nobody knows",
        &[(Replace(8, 2, None), "write intent 2, 2 canceled by engine")],
    );
}

#[test]
fn it_is_given_up_if_the_old_one_stays() {
    replaced(
        "the cancel is refused",
        &[
            (CancelRejected(1), "1 cancel rejected, 2 canceled by engine, query 1"),
            (Found(1, Accepted, "0"), ""),
            (Wait(20_000), ""),
        ],
    );
    replaced(
        "the instrument is halted",
        &[(Fill(1, 11, "1.5"), "HALT 0, 1 filled 1.5 to 1.5 complete, 2 canceled by engine")],
    );
    replaced(
        "everything is cancelled",
        &[
            (CancelAll(CancelScope::Entries(None)), "2 canceled by engine"),
            (Report(1, Canceled, "0"), "1 canceled by engine"),
        ],
    );
    replaced(
        "the strategy thinks better of it",
        &[
            (Cancel(2), "2 canceled by requested"),
            (Report(1, Canceled, "0"), "1 canceled by replaced"),
        ],
    );
    replaced(
        "the gate closes",
        &[
            (Gate(false), ""),
            (Report(1, Canceled, "0"), "1 canceled by replaced, 2 canceled by engine"),
        ],
    );
    replaced(
        "detached when the old one ends",
        &[
            (Disconnected, "detached"),
            (Report(1, Canceled, "0"), "1 canceled by replaced, 2 canceled by engine"),
        ],
    );
}

#[test]
fn replacements_of_replacements_leave_one_order() {
    replaced(
        "replaced again while the old one works",
        &[
            (Replace(1, 3, Some("0")), "write intent 3, 2 canceled by engine"),
            (Persisted, ""),
            (Report(1, Canceled, "0"), "1 canceled by replaced, SUBMIT 3, 3 submitted"),
        ],
    );
    replaced(
        "the replacement is replaced before it left: the newest waits in its place",
        &[
            (Replace(2, 3, Some("0")), "write intent 3, 2 canceled by replaced"),
            (Persisted, ""),
            (Report(1, Canceled, "0"), "1 canceled by replaced, SUBMIT 3, 3 submitted"),
        ],
    );
    check(
        "replaced before it was durable",
        &[
            INTENDED,
            (Replace(1, 2, Some("0")), "write intent 2, 1 canceled by replaced"),
            (Persisted, "SUBMIT 2, 2 submitted"),
        ],
    );
}

/// Both filled states that a report may tell end the same way.
#[test]
fn an_order_told_filled_by_a_report_is_not_replaced() {
    replaced(
        "told by report, fills by read",
        &[
            (Report(1, Filled, "1"), ""),
            (Wait(1_000), "+1000 read fills 1"),
            (
                On::OrderTradesRead(&[(1, 11, "1")]),
                "1 filled 1 to 1 complete, 2 canceled by engine",
            ),
        ],
    );
}
