//! Taking orders back.

use model::OrderStatus::{Accepted, Canceled, Filled, PartiallyFilled};
use model::StrategyId;

use super::desk::check;
use super::on::On::{
    self, Cancel, CancelAll, CancelRejected, CancelUnknown, Connected, Disconnected, Fill, Found,
    NotFound, Persisted, Report, Sent, Stop, Submit, SubmitUnknown, Wait,
};
use crate::messages::CancelScope;

const INTENDED: (On<'_>, &str) = (Submit(1), "write intent 1");
const SUBMITTED: (On<'_>, &str) = (Persisted, "SUBMIT 1, 1 submitted");
const ACCEPTED: (On<'_>, &str) = (Report(1, Accepted, "0"), "1 accepted");

#[test]
fn a_cancel_goes_out_as_soon_as_there_is_something_to_cancel() {
    check(
        "before the order is sent",
        &[INTENDED, (Cancel(1), "1 canceled by requested"), (Persisted, ""), (Cancel(1), "")],
    );
    check(
        "while the answer is awaited",
        &[
            INTENDED,
            SUBMITTED,
            (Cancel(1), "write cancel 1"),
            (Report(1, Accepted, "0"), "1 accepted, CANCEL 1"),
            (Cancel(1), ""),
            (Report(1, Canceled, "0"), "1 canceled by requested"),
        ],
    );
    check(
        "while the answer is awaited, and a fill comes first",
        &[
            INTENDED,
            SUBMITTED,
            (Cancel(1), "write cancel 1"),
            (Fill(1, 11, "0.5"), "1 filled 0.5 to 0.5, CANCEL 1"),
        ],
    );
    check(
        "of an order that works",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            (Cancel(1), "write cancel 1, CANCEL 1"),
            (Fill(1, 11, "0.5"), "1 filled 0.5 to 0.5"),
            (Report(1, PartiallyFilled, "0.5"), ""),
            (Report(1, Canceled, "0.5"), "1 canceled by requested"),
        ],
    );
    check(
        "of an order of unknown outcome, once it is found",
        &[
            INTENDED,
            SUBMITTED,
            (SubmitUnknown(1), "1 unknown, query 1"),
            (Cancel(1), "write cancel 1"),
            (Found(1, Accepted, "0"), "1 accepted, CANCEL 1"),
        ],
    );
    check(
        "by somebody else",
        &[INTENDED, SUBMITTED, ACCEPTED, (Report(1, Canceled, "0"), "1 canceled by venue")],
    );
    check("of an order that nobody knows", &[(Cancel(9), "")]);
}

#[test]
fn a_refused_cancel_is_told_and_the_order_asked_about() {
    let cancelled = (Cancel(1), "write cancel 1, CANCEL 1");
    check(
        "it filled meanwhile",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            cancelled,
            (CancelRejected(1), "1 cancel rejected, query 1"),
            (Found(1, Filled, "1"), "read fills 1"),
            (On::OrderTradesRead(&[(1, 11, "1")]), "1 filled 1 to 1 complete"),
            (Fill(1, 11, "1"), ""),
            (Wait(20_000), ""),
        ],
    );
    check(
        "it works on, and may be cancelled again",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            cancelled,
            (CancelRejected(1), "1 cancel rejected, query 1"),
            (Found(1, Accepted, "0"), ""),
            (Wait(20_000), ""),
            (Cancel(1), "write cancel 1, CANCEL 1"),
        ],
    );
    check(
        "it had ended: the expected race",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            cancelled,
            (Fill(1, 11, "1"), "1 filled 1 to 1 complete"),
            (CancelRejected(1), ""),
        ],
    );
    check(
        "the engine insists, with pauses",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            (CancelAll(CancelScope::Everything(None)), "write cancel 1, CANCEL 1"),
            (CancelRejected(1), ""),
            (Wait(999), ""),
            (Wait(1), "+1 query 1"),
            (Found(1, Accepted, "0"), "CANCEL 1"),
            (CancelRejected(1), ""),
            (Wait(1_000), "+1000 query 1"),
            (Found(1, Canceled, "0"), "1 canceled by engine"),
            (Wait(20_000), ""),
        ],
    );
    check(
        "the engine insists on what a strategy asked for before",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            cancelled,
            (CancelAll(CancelScope::Entries(None)), ""),
            (CancelRejected(1), ""),
            (Wait(1_000), "+1000 query 1"),
            (Found(1, Accepted, "0"), "CANCEL 1"),
        ],
    );
}

#[test]
fn a_cancel_without_an_answer_is_asked_about_and_sent_again() {
    let cancelled = (Cancel(1), "write cancel 1, CANCEL 1");
    check(
        "lost",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            cancelled,
            (CancelUnknown(1), "query 1"),
            (Found(1, Accepted, "0"), "CANCEL 1"),
        ],
    );
    check(
        "lost, but carried out",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            cancelled,
            (CancelUnknown(1), "query 1"),
            (Found(1, Canceled, "0"), "1 canceled by requested"),
        ],
    );
    check(
        "nothing is said at all",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            cancelled,
            (Wait(10_000), "+10000 query 1"),
            (Found(1, Accepted, "0"), "CANCEL 1"),
        ],
    );
    check(
        "the connection broke: asked and sent again on the next",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            cancelled,
            (Disconnected, "detached"),
            (CancelUnknown(1), ""),
            (Wait(60_000), ""),
            (Connected, "query 1"),
            (Found(1, Accepted, "0"), "CANCEL 1, read account, read open, read trades 0"),
        ],
    );
    check(
        "lost, and the order is not found: nothing is believed",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            cancelled,
            (CancelUnknown(1), "query 1"),
            (NotFound(1), ""),
            (Wait(1_000), "+1000 query 1"),
            (Found(1, Canceled, "0"), "1 canceled by requested"),
        ],
    );
}

#[test]
fn mass_cancels_take_what_their_scope_names() {
    #[track_caller]
    fn scoped(scope: CancelScope, expected: &str) {
        check(
            &format!("{scope:?}"),
            &[
                (Submit(1), "write intent 1"),
                (Stop(91), "write intent 91"),
                (Persisted, "SUBMIT 1, 1 submitted, SUBMIT 91, 91 submitted"),
                (Sent(1), "write sent 1"),
                (Report(1, Accepted, "0"), "1 accepted"),
                (Report(91, Accepted, "0"), "91 accepted, 91 triggered"),
                (Submit(2), "write intent 2"),
                (CancelAll(scope), expected),
            ],
        );
    }
    let one_and_two = "write cancel 1, CANCEL 1, 2 canceled by engine";
    let all = "write cancel 1, CANCEL 1, 2 canceled by engine, write cancel 91, CANCEL 91";
    scoped(CancelScope::Entries(None), one_and_two);
    scoped(CancelScope::EntriesAndExits(Some(StrategyId(0))), one_and_two);
    scoped(CancelScope::Everything(None), all);
    scoped(CancelScope::Everything(Some(StrategyId(1))), "");
}
