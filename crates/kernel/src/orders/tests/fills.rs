//! Executions, in every order that a venue may tell them.

use model::OrderStatus::{Accepted, Canceled, Filled, PartiallyFilled};

use super::desk::check;
use super::on::On::{
    self, Fill, Found, Manual, NoTradesOf, NotSent, OrderTradesFailed, OrderTradesRead, Persisted,
    Rejected, Report, Submit, Wait,
};

const INTENDED: (On<'_>, &str) = (Submit(1), "write intent 1");
const SUBMITTED: (On<'_>, &str) = (Persisted, "SUBMIT 1, 1 submitted");
const ACCEPTED: (On<'_>, &str) = (Report(1, Accepted, "0"), "1 accepted");

#[test]
fn a_fill_is_booked_once() {
    check(
        "told twice",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            (Fill(1, 11, "0.4"), "1 filled 0.4 to 0.4"),
            (Fill(1, 11, "0.4"), ""),
            (Report(1, PartiallyFilled, "0.4"), ""),
            (Fill(1, 12, "0.6"), "1 filled 0.6 to 1 complete"),
            (Fill(1, 11, "0.4"), ""),
            (Fill(1, 12, "0.6"), ""),
            (Report(1, Filled, "1"), ""),
            (Wait(50_000), ""),
        ],
    );
    check(
        "by report and by read",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            (Fill(1, 11, "0.4"), "1 filled 0.4 to 0.4"),
            (On::TradesRead(&[(1, 11, "0.4"), (1, 12, "0.1")]), "1 filled 0.1 to 0.5"),
            (Fill(1, 12, "0.1"), ""),
        ],
    );
    check(
        "a self-trade is two fills with one number",
        &[
            INTENDED,
            (Submit(2), "write intent 2"),
            (Persisted, "SUBMIT 1, 1 submitted, SUBMIT 2, 2 submitted"),
            (Fill(1, 11, "1"), "1 filled 1 to 1 complete"),
            (Fill(2, 11, "1"), "2 filled 1 to 1 complete"),
        ],
    );
}

#[test]
fn fills_outrank_belief() {
    check(
        "before the acceptance",
        &[
            INTENDED,
            SUBMITTED,
            (Fill(1, 11, "0.4"), "1 filled 0.4 to 0.4"),
            (Report(1, Accepted, "0"), ""),
            (Fill(1, 12, "0.6"), "1 filled 0.6 to 1 complete"),
            (Report(1, Accepted, "0"), ""),
        ],
    );
    check(
        "after the cancel",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            (Report(1, Canceled, "0"), "1 canceled by venue"),
            (Fill(1, 11, "0.4"), "1 filled 0.4 to 0.4"),
            (Wait(50_000), ""),
        ],
    );
    check(
        "after the cancel, wholly: the cancel never was",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            (Report(1, Canceled, "0"), "1 canceled by venue"),
            (Fill(1, 11, "1"), "1 filled 1 to 1 complete"),
        ],
    );
    check(
        "of an order that was refused: impossible, and booked",
        &[
            INTENDED,
            SUBMITTED,
            (Rejected(1), "1 rejected"),
            (Fill(1, 11, "0.4"), "HALT 0, 1 filled 0.4 to 0.4"),
        ],
    );
    check(
        "of an order that never left: what remains of it is not wanted",
        &[
            INTENDED,
            SUBMITTED,
            (NotSent(1), "1 absent"),
            (Fill(1, 11, "0.4"), "1 filled 0.4 to 0.4, write cancel 1, CANCEL 1, query 1"),
            (Report(1, Canceled, "0.4"), "1 canceled by engine"),
            (Wait(50_000), ""),
        ],
    );
    check(
        "told to have never left, and found working",
        &[
            INTENDED,
            SUBMITTED,
            (NotSent(1), "1 absent"),
            (Report(1, Accepted, "0"), "1 accepted, write cancel 1, CANCEL 1, query 1"),
        ],
    );
}

#[test]
fn more_than_was_asked_halts_the_instrument() {
    check(
        "at once",
        &[
            INTENDED,
            SUBMITTED,
            (Fill(1, 11, "1.00000001"), "HALT 0, 1 filled 1.00000001 to 1.00000001 complete"),
        ],
    );
    check(
        "after it was complete",
        &[
            INTENDED,
            SUBMITTED,
            (Fill(1, 11, "1"), "1 filled 1 to 1 complete"),
            (Fill(1, 12, "0.1"), "HALT 0, 1 filled 0.1 to 1.1 complete"),
        ],
    );
}

#[test]
fn an_end_waits_for_the_fills_that_it_counts() {
    check(
        "they come",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            (Report(1, Canceled, "0.5"), ""),
            (Fill(1, 11, "0.3"), "1 filled 0.3 to 0.3"),
            (Fill(1, 12, "0.2"), "1 filled 0.2 to 0.5, 1 canceled by venue"),
        ],
    );
    check(
        "they are fetched",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            (Report(1, Canceled, "0.5"), ""),
            (Wait(1_000), "+1000 read fills 1"),
            (OrderTradesRead(&[(1, 11, "0.5")]), "1 filled 0.5 to 0.5, 1 canceled by venue"),
            (Wait(50_000), ""),
        ],
    );
    check(
        "an older state does not hide the end",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            (Report(1, Canceled, "0.5"), ""),
            (Found(1, PartiallyFilled, "0.3"), "read fills 1"),
            (OrderTradesRead(&[(1, 11, "0.3")]), "1 filled 0.3 to 0.3"),
            (Fill(1, 12, "0.2"), "1 filled 0.2 to 0.5, 1 canceled by venue"),
        ],
    );
    check(
        "many reports do not put off the question",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            (Report(1, PartiallyFilled, "0.1"), ""),
            (Wait(600), ""),
            (Report(1, PartiallyFilled, "0.2"), ""),
            (Wait(600), "+400 read fills 1"),
        ],
    );
    check(
        "they never come: the instrument is halted, and the venue asked for ever",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            (Report(1, Canceled, "0.5"), ""),
            (Wait(1_000), "+1000 read fills 1"),
            (NoTradesOf(1), ""),
            (Wait(1_000), "+1000 read fills 1"),
            (OrderTradesFailed(1), ""),
            (Wait(7_900), "+1000 read fills 1"),
            // Asked before the deadline, answered after it.
            (Wait(500), ""),
            (NoTradesOf(1), ""),
            (Wait(1_000), "+1000 read fills 1"),
            (NoTradesOf(1), "HALT 0"),
            (Wait(1_000), "+1000 read fills 1"),
            (Fill(1, 11, "0.5"), "1 filled 0.5 to 0.5, 1 canceled by venue"),
            (Wait(20_000), ""),
        ],
    );
    check(
        "nobody answers: silence is no contradiction, and the question is asked again",
        &[
            INTENDED,
            SUBMITTED,
            ACCEPTED,
            (Report(1, Canceled, "0.5"), ""),
            (Wait(30_000), "+1000 read fills 1, +11000 read fills 1, +21000 read fills 1"),
            (OrderTradesRead(&[(1, 11, "0.5")]), "1 filled 0.5 to 0.5, 1 canceled by venue"),
        ],
    );
}

#[test]
fn fills_of_others_are_external() {
    check(
        "a manual trade",
        &[(Manual(11, "0.5"), "write external 11, external fill 11"), (Manual(11, "0.5"), "")],
    );
    check(
        "from a read, once the venue has said whose it is",
        &[
            (On::TradesRead(&[(40, 11, "0.5")]), "whose 540"),
            (On::FoundForeign(40), "write external 11, external fill 11"),
            (On::TradesRead(&[(40, 11, "0.5")]), ""),
        ],
    );
}

#[test]
fn fills_of_orders_that_a_power_cut_took_from_the_journal_are_their_strategys() {
    check(
        "from a read, once the venue has said whose it is",
        &[
            (On::TradesRead(&[(40, 11, "0.3"), (40, 12, "0.2")]), "whose 540"),
            (Found(40, Filled, "0.5"), "40 filled 0.3 to 0.3, 40 filled 0.2 to 0.5"),
            (On::TradesRead(&[(40, 11, "0.3"), (40, 12, "0.2")]), ""),
        ],
    );
    check(
        "from a report, which names it",
        &[(Fill(40, 11, "0.5"), "40 filled 0.5 to 0.5"), (Fill(40, 11, "0.5"), "")],
    );
}
