//! Prices and numbers that go against all that was said before.

use super::desk::On::{self, Opened, Start, Text, Wait};
use super::desk::{Desk, play};
use crate::feed::StreamKind;

const CONNECTED: [(On, &str); 3] =
    [(Start, "open 1"), (Opened(1), "subscribe 1 on 1"), (Text(1, "done 1"), "connected 1 with 2")];

#[track_caller]
fn check(label: &str, rest: &[(On, &str)]) {
    let streams = [StreamKind::Quote, StreamKind::Trade];
    play(label, Desk::of(&streams, false), &[&CONNECTED[..], rest].concat());
}

#[test]
fn a_price_far_from_the_last_is_believed_the_second_time() {
    check(
        "a mistake",
        &[
            (Text(1, "trade 0 1 1200001 600"), "trade 1"),
            (Text(1, "trade 0 2 1200002 100"), "doubted trade 100 after 600"),
            (Text(1, "trade 0 3 1200003 601"), "missed 1..3, trade 3"),
            (Text(1, "quote 0 1 599 600"), "quote 1"),
            (Text(1, "quote 0 9999 1 2"), "doubted quote 1 after 599"),
            (Text(1, "quote 0 2 599 601"), "quote 2"),
            // Two mistakes apart are two mistakes.
            (Text(1, "quote 0 3 1 2"), "doubted quote 1 after 599"),
            (Text(1, "quote 0 4 599 601"), "quote 4"),
            (Text(1, "quote 0 5 1 2"), "doubted quote 1 after 599"),
        ],
    );
    check(
        "a market that is there now",
        &[
            (Text(1, "trade 0 1 1200001 600"), "trade 1"),
            (Text(1, "trade 0 2 1200002 100"), "doubted trade 100 after 600"),
            (Text(1, "trade 0 3 1200003 99"), "missed 1..3, trade 3"),
            (Text(1, "trade 0 4 1200004 98"), "trade 4"),
            (Text(1, "trade 0 5 1200005 600"), "doubted trade 600 after 98"),
        ],
    );
    // A side that is empty, and one that comes back, say nothing.
    check(
        "an empty side",
        &[
            (Text(1, "quote 0 1 599 600"), "quote 1"),
            (Text(1, "quote 0 2 599 0"), "quote 2"),
            (Text(1, "quote 0 3 599 9000"), "quote 3"),
            (Text(1, "quote 0 4 599 601"), "doubted quote 601 after 9000"),
            (Text(1, "quote 0 5 599 601"), "quote 5"),
        ],
    );
}

/// One number far ahead of all others must not silence a stream for good.
#[test]
fn numbers_far_ahead_are_given_up_after_a_while() {
    let mut quotes =
        vec![(Text(1, "quote 0 1"), "quote 1"), (Text(1, "quote 0 999999"), "quote 999999")];
    quotes.extend([(Text(1, "quote 0 2"), ""); 15]);
    quotes.extend([
        (Wait(4_999), ""),
        (Text(1, "quote 0 3"), ""),
        (Wait(1), ""),
        (Text(1, "quote 0 4"), "quotes restarted, quote 4"),
        (Text(1, "quote 0 4"), ""),
        (Text(1, "quote 0 5"), "quote 5"),
    ]);
    check("quotes", &quotes);
    let mut trades = vec![
        (Text(1, "trade 0 1 1200001"), "trade 1"),
        (Text(1, "trade 0 500 9900000"), "missed 1..500, trade 500"),
        (Wait(5_000), ""),
    ];
    trades.extend([(Text(1, "trade 0 2 1200002"), ""); 15]);
    trades.extend([
        (Text(1, "trade 0 3 1200003"), "restarted, trade 3"),
        (Text(1, "trade 0 4 1200004"), "trade 4"),
    ]);
    check("trades", &trades);
}
