//! From request to wire.

use model::OrderStatus::{Accepted, Expired, Filled, PartiallyFilled, PendingNew, Rejected};

use super::desk::check;
use super::on::On::{
    Connected, Disconnected, Fill, Gate, Held, NotSent, Persisted, Report, Sent, Stop, Submit,
    SubmitQuote, Wait,
};

#[test]
fn a_submit_waits_for_the_journal() {
    check(
        "in order",
        &[
            (Submit(1), "write intent 1"),
            (Wait(60_000), "+58000 read account, read open, read trades 0"),
            (Persisted, "SUBMIT 1, 1 submitted"),
            (Sent(1), "write sent 1"),
            (Report(1, Accepted, "0"), "1 accepted"),
        ],
    );
    check(
        "two at once leave in the order of their intents, each when it is durable",
        &[
            (Submit(1), "write intent 1"),
            (Submit(2), "write intent 2"),
            (Persisted, "SUBMIT 1, 1 submitted, SUBMIT 2, 2 submitted"),
            (Persisted, ""),
        ],
    );
}

#[test]
fn what_was_not_sent_ends() {
    check(
        "no byte left",
        &[
            (Submit(1), "write intent 1"),
            (Persisted, "SUBMIT 1, 1 submitted"),
            (NotSent(1), "1 absent"),
            (Wait(30_000), ""),
        ],
    );
    check(
        "the gate is closed",
        &[
            (Submit(1), "write intent 1"),
            (Gate(false), ""),
            (Persisted, "1 canceled by engine"),
            (Gate(true), ""),
            (Persisted, ""),
        ],
    );
    check(
        "detached before it is durable",
        &[
            (Submit(1), "write intent 1"),
            (Disconnected, "detached"),
            (Persisted, "1 canceled by engine"),
        ],
    );
    check(
        "connected again, but not yet reconciled",
        &[
            (Disconnected, "detached"),
            (Connected, "read account, read open, read trades 0"),
            (Submit(1), "write intent 1"),
            (Persisted, "1 canceled by engine"),
        ],
    );
    check(
        "the instrument is halted by another order",
        &[
            (Submit(1), "write intent 1"),
            (Persisted, "SUBMIT 1, 1 submitted"),
            (Submit(2), "write intent 2"),
            (Fill(1, 11, "1.5"), "HALT 0, 1 filled 1.5 to 1.5 complete, 2 canceled by engine"),
            (Persisted, ""),
            (Submit(3), "write intent 3"),
            (Persisted, "3 canceled by engine"),
        ],
    );
}

#[test]
fn the_venue_tells_the_end() {
    #[track_caller]
    fn ends(name: &str, report: (super::on::On<'_>, &str)) {
        check(
            name,
            &[
                (Submit(1), "write intent 1"),
                (Persisted, "SUBMIT 1, 1 submitted"),
                (Sent(1), "write sent 1"),
                report,
                (Wait(50_000), ""),
            ],
        );
    }
    ends("refused", (super::on::On::Rejected(1), "1 rejected"));
    ends("refused by report", (Report(1, Rejected, "0"), "1 rejected"));
    ends("expired at once", (Report(1, Expired, "0"), "1 accepted, 1 expired"));
    ends(
        "self-trade",
        (Report(1, model::OrderStatus::ExpiredInMatch, "0"), "1 accepted, 1 expired in match"),
    );
}

#[test]
fn an_order_by_quote_amount_is_complete_when_the_venue_says_so() {
    check(
        "fills, then the end",
        &[
            (SubmitQuote(1), "write intent 1"),
            (Persisted, "SUBMIT 1, 1 submitted"),
            (Fill(1, 11, "0.6"), "1 filled 0.6 to 0.6"),
            (Fill(1, 12, "0.4"), "1 filled 0.4 to 1"),
            (Report(1, Filled, "1"), "1 completed"),
            (Report(1, Filled, "1"), ""),
        ],
    );
    check(
        "the end before the last fill",
        &[
            (SubmitQuote(1), "write intent 1"),
            (Persisted, "SUBMIT 1, 1 submitted"),
            (Fill(1, 11, "0.6"), "1 filled 0.6 to 0.6"),
            (Report(1, Filled, "1"), ""),
            (Fill(1, 12, "0.4"), "1 filled 0.4 to 1, 1 completed"),
        ],
    );
}

#[test]
fn a_stop_waits_works_and_tells_its_trigger_once() {
    check(
        "held by its working flag",
        &[
            (Stop(91), "write intent 91"),
            (Persisted, "SUBMIT 91, 91 submitted"),
            (Held(91), "91 accepted"),
            (Held(91), ""),
            (Report(91, Accepted, "0"), "91 triggered"),
            (Report(91, Accepted, "0"), ""),
            (Fill(91, 11, "0.5"), "91 filled 0.5 to 0.5"),
            (Report(91, PartiallyFilled, "0.5"), ""),
            (Fill(91, 12, "0.5"), "91 filled 0.5 to 1 complete"),
        ],
    );
    check(
        "held by its state",
        &[
            (Stop(91), "write intent 91"),
            (Persisted, "SUBMIT 91, 91 submitted"),
            (Report(91, PendingNew, "0"), "91 accepted"),
            (Report(91, Accepted, "0"), "91 triggered"),
            (Report(91, PendingNew, "0"), ""),
        ],
    );
}
