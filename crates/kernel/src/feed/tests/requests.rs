//! History, and a venue that wants to be left alone.

use model::Interval;

use super::desk::On::{Answer, History, Opened, RequestFailed, Start, Status, Text, Wait};
use super::desk::{Desk, On, play};
use crate::feed::StreamKind;
use crate::strategy::WarmUp;

const BARS: WarmUp = WarmUp::Bars(Interval::SECOND, 3);

#[track_caller]
fn check(name: &str, script: &[(On<'_>, &str)]) {
    play(name, Desk::of(&[StreamKind::Depth], false), script);
}

#[test]
fn history_is_fetched_for_warm_up() {
    check("none", &[(History(4, WarmUp::None), "history 4 of 0")]);
    check(
        "trades",
        &[
            (History(4, WarmUp::Trades(2)), "ask 1 trades 0 2"),
            (Answer(1, "7 8"), "history 4 of 2"),
        ],
    );
    check(
        "bars, without the open one",
        &[
            (History(4, BARS), "ask 1 bars 0 1s 4 until 0"),
            (Answer(1, "-3000 -2000 -1000 0"), "history 4 of 3"),
            (Answer(1, "-3000"), ""),
        ],
    );
}

#[test]
fn failed_history_is_asked_for_again_with_growing_pauses() {
    check(
        "twice",
        &[
            (History(4, BARS), "ask 1 bars 0 1s 4 until 0"),
            (RequestFailed(1), "request failed"),
            (Wait(500), "+500 ask 2 bars 0 1s 4 until 0"),
            (Answer(2, "nonsense"), "request failed"),
            (Wait(1_000), "+1000 ask 3 bars 0 1s 4 until 0"),
            (Answer(3, "-1000"), "history 4 of 1"),
            (Wait(5_000), ""),
        ],
    );
}

#[test]
fn a_venue_that_wants_rest_gets_it() {
    let connected = [
        (Start, "open 1"),
        (Opened(1), "subscribe 1 on 1"),
        (Text(1, "done 1"), "connected 1 with 1"),
    ];
    let asked = [
        (Text(1, "depth 0 5 7"), "ask 1 snapshot 0"),
        (History(4, WarmUp::Trades(2)), "ask 2 trades 0 2"),
    ];
    let begin = [&connected[..], &asked].concat();
    check(
        "for as long as it says, from everybody",
        &[
            &begin[..],
            &[
                (Status(1, 429, Some("3")), "request failed"),
                (RequestFailed(2), "request failed"),
                (History(5, WarmUp::Trades(9)), ""),
                (Wait(2_999), ""),
                (Wait(1), "+1 ask 3 snapshot 0, ask 4 trades 0 2, ask 5 trades 0 9"),
            ],
        ]
        .concat(),
    );
    check(
        "a minute if it does not say",
        &[
            &begin[..],
            &[
                (Status(1, 418, None), "request failed"),
                (Wait(5_000), ""),
                (Text(1, "depth 0 8 8"), ""),
            ],
        ]
        .concat(),
    );
    check(
        "another failure concerns nobody else",
        &[
            &begin[..],
            &[
                (Status(1, 500, None), "request failed"),
                (History(5, WarmUp::Trades(9)), "ask 3 trades 0 9"),
                (Wait(500), "+500 ask 4 snapshot 0"),
            ],
        ]
        .concat(),
    );
}
