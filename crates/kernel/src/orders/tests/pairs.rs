//! Two orders of which one cancels the other, and one in the place of another.

use model::OrderStatus::{Accepted, Canceled, Expired};

use super::desk::check;
use super::on::On::{
    self, Cancel, CancelRejected, CancelUnknown, Found, InPlaceOf, NotSent, Pair, Persisted,
    Rejected, Report, SubmitUnknown, Wait,
};

const INTENDED: (On<'_>, &str) = (Pair(1, 2), "write intent 1, write intent 2");
const SUBMITTED: (On<'_>, &str) = (Persisted, "SUBMIT 1 with 2, 1 submitted, 2 submitted");
const STOP: (On<'_>, &str) = (Report(1, Accepted, "0"), "1 accepted");
const TARGET: (On<'_>, &str) = (Report(2, Accepted, "0"), "2 accepted");

#[test]
fn a_pair_leaves_once_and_ends_as_one() {
    check(
        "it leaves when both are durable",
        &[INTENDED, SUBMITTED, STOP, TARGET, (Report(1, Canceled, "0"), "1 canceled by venue")],
    );
    check(
        "no byte left",
        &[INTENDED, SUBMITTED, (NotSent(1), "1 absent"), (NotSent(2), "2 absent")],
    );
    check(
        "a cancel before it left ends both",
        &[INTENDED, (Cancel(1), "1 canceled by requested, 2 canceled by requested")],
    );
    check(
        "a lost answer is asked about for each",
        &[
            INTENDED,
            SUBMITTED,
            (SubmitUnknown(1), "1 unknown, query 1"),
            (SubmitUnknown(2), "2 unknown, query 2"),
            (Found(1, Accepted, "0"), "1 accepted"),
            (Found(2, Accepted, "0"), "2 accepted"),
        ],
    );
}

#[test]
fn each_order_of_a_pair_has_its_own_cancel() {
    let both = [INTENDED, SUBMITTED, STOP, TARGET];
    let canceled =
        [(Cancel(1), "write cancel 1, CANCEL 1"), (Cancel(2), "write cancel 2, CANCEL 2")];
    let script = |rest: &[(On<'static>, &'static str)]| [&both[..], &canceled, rest].concat();
    check(
        "the first takes both back, the second comes too late",
        &script(&[
            (Report(1, Canceled, "0"), "1 canceled by requested"),
            (Report(2, Canceled, "0"), "2 canceled by requested"),
            (CancelRejected(2), ""),
        ]),
    );
    check(
        "the answer to the first is lost: neither waits for the other",
        &script(&[
            (CancelUnknown(1), "query 1"),
            (CancelUnknown(2), "query 2"),
            (Found(1, Accepted, "0"), "CANCEL 1"),
            (Found(2, Accepted, "0"), "CANCEL 2"),
            (Report(1, Canceled, "0"), "1 canceled by requested"),
            (Report(2, Canceled, "0"), "2 canceled by requested"),
        ]),
    );
    check(
        "the stop has ended because the target trades: that one is taken back all the same",
        &script(&[
            (Report(1, Expired, "0"), "1 expired"),
            (CancelRejected(1), ""),
            (Report(2, Canceled, "0"), "2 canceled by requested"),
            (Wait(20_000), ""),
        ]),
    );
}

#[test]
fn an_order_in_the_place_of_another_comes_only_if_that_one_goes() {
    let standing = [
        (On::Submit(1), "write intent 1"),
        (Persisted, "SUBMIT 1, 1 submitted"),
        STOP,
        (InPlaceOf(1, 2), "write intent 2"),
        (Persisted, "REPLACE 1 by 2, 2 submitted"),
    ];
    let script = |rest: &[(On<'static>, &'static str)]| [&standing[..], rest].concat();
    check(
        "both are done",
        &script(&[
            (Report(1, Canceled, "0"), "1 canceled by replaced"),
            (Report(2, Accepted, "0"), "2 accepted"),
        ]),
    );
    check(
        "both are refused: the old one works on, and can be taken back",
        &script(&[
            (Rejected(2), "2 rejected"),
            (Cancel(1), "write cancel 1, CANCEL 1"),
            (Report(1, Canceled, "0"), "1 canceled by requested"),
        ]),
    );
    check(
        "a cancel of the old one that comes meanwhile is not lost with the refusal",
        &script(&[(Cancel(1), "write cancel 1"), (Rejected(2), "2 rejected, CANCEL 1")]),
    );
    check(
        "nor if no byte of both left",
        &script(&[(Cancel(1), "write cancel 1"), (NotSent(2), "2 absent, CANCEL 1")]),
    );
}
