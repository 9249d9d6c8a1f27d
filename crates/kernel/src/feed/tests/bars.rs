//! Bars from trades, and from the venue where trades are missing.

use super::desk::On::{Answer, Closed, Opened, RequestFailed, Start, Text, Wait};
use super::desk::{Desk, On, play};
use crate::feed::StreamKind;

const CONNECTED: [(On<'_>, &str); 3] =
    [(Start, "open 1"), (Opened(1), "subscribe 1 on 1"), (Text(1, "done 1"), "connected 1 with 1")];
/// The first bar began before we listened: it is fetched a second after its end.
const FIRST: [(On<'_>, &str); 4] = [
    (Text(1, "trade 0 1 1200100"), "trade 1"),
    (Wait(2_100), ""),
    (Wait(150), "+150 ask 1 bars 0 1s 1 until 0"),
    (Answer(1, "0"), "bar 0 v9, bar 1000 v0"),
];

#[track_caller]
fn check(name: &str, then: &[(On<'_>, &str)]) -> Desk {
    let desk = Desk::of(&[StreamKind::Trade], true);
    play(name, desk, &[&CONNECTED[..], then].concat())
}

#[test]
fn a_bar_closes_by_the_timer_after_a_grace() {
    check(
        "the first is fetched, the second built",
        &[
            (Text(1, "trade 0 1 1200100"), "trade 1"),
            (Wait(1_300), ""),
            (Text(1, "trade 0 2 1201300"), "trade 2"),
            (Wait(950), "+950 ask 1 bars 0 1s 1 until 0"),
            (Answer(1, "0"), "bar 0 v9, bar 1000 v1"),
            (Wait(900), ""),
            (Wait(100), "+100 bar 2000 v0"),
        ],
    );
    check(
        "by a trade that proves it closed, before the trade",
        &[
            (Text(1, "trade 0 1 1200100"), "trade 1"),
            (Wait(1_100), ""),
            (Text(1, "trade 0 2 1201100"), "trade 2"),
            (Wait(1_000), "+1000 ask 1 bars 0 1s 1 until 0"),
            (Answer(1, "0"), "bar 0 v9"),
            (Text(1, "trade 0 3 1202050"), "bar 1000 v1, trade 3"),
        ],
    );
    let desk = check(
        "a trade on its way is waited for, a later one counted",
        &[
            (Text(1, "trade 0 1 1200100"), "trade 1"),
            (Wait(1_300), ""),
            (Text(1, "trade 0 2 1201100"), "trade 2"),
            (Wait(900), ""),
            (Text(1, "trade 0 3 1201990"), "trade 3"),
            (Wait(50), "+50 ask 1 bars 0 1s 1 until 0"),
            (Text(1, "trade 0 4 1201995"), "trade 4"),
            (Answer(1, "0"), "bar 0 v9, bar 1000 v2"),
        ],
    );
    assert_eq!(desk.machine.stats().late_trades, 1);
}

#[test]
fn bars_wait_for_the_missing_ones_before_them() {
    check(
        "the answer takes long",
        &[
            (Text(1, "trade 0 1 1200100"), "trade 1"),
            (Wait(1_300), ""),
            (Text(1, "trade 0 2 1201300"), "trade 2"),
            (Wait(2_000), "+950 ask 1 bars 0 1s 1 until 0"),
            (Answer(1, "0"), "bar 0 v9, bar 1000 v1, bar 2000 v0"),
        ],
    );
    check(
        "the answer fails",
        &[
            (Text(1, "trade 0 1 1200100"), "trade 1"),
            (Wait(1_300), ""),
            (Text(1, "trade 0 2 1201300"), "trade 2"),
            (Wait(950), "+950 ask 1 bars 0 1s 1 until 0"),
            (RequestFailed(1), "request failed"),
            (Wait(500), "+500 ask 2 bars 0 1s 1 until 0"),
            (Answer(2, ""), ""),
            (Wait(1_000), "+1000 ask 3 bars 0 1s 1 until 0"),
            (Answer(3, "0"), "bar 0 v9, bar 1000 v1, bar 2000 v0"),
        ],
    );
    check(
        "the venue does not have it",
        &[
            (Text(1, "trade 0 1 1200100"), "trade 1"),
            (Wait(1_300), ""),
            (Text(1, "trade 0 2 1201300"), "trade 2"),
            (Wait(950), "+950 ask 1 bars 0 1s 1 until 0"),
            (Answer(1, "5000"), "request failed, bar 1000 v1"),
        ],
    );
}

#[test]
fn a_bar_that_cannot_be_had_is_left_out_in_the_end() {
    let mut desk = Desk::of(&[StreamKind::Trade], true);
    for (on, _) in CONNECTED {
        desk.on(on);
    }
    desk.on(FIRST[0].0);
    desk.on(Wait(1_300));
    desk.on(Text(1, "trade 0 2 1201300"));
    let mut said = desk.on(Wait(2_000));
    let mut request = 0;
    let mut trade = 2;
    for _ in 0..=8 {
        request += 1;
        assert!(said.contains(&format!("ask {request} bars 0 1s 1")), "{said}");
        let failed = desk.on(RequestFailed(request));
        if failed != "request failed" {
            assert!(failed.starts_with("request failed, request failed, bar 1000"), "{failed}");
            return;
        }
        // Trades keep the connection alive while the pause goes by.
        said = String::new();
        for _ in 0..40 {
            said += &desk.on(Wait(1_000));
            trade += 1;
            desk.on(Text(1, &format!("trade 0 {trade} {}", desk.now.as_millis())));
            if said.contains("ask") {
                break;
            }
        }
    }
    panic!("asked for ever");
}

#[test]
fn many_bars_that_cannot_be_had_are_told_once() {
    let mut desk = Desk::of(&[StreamKind::Trade], true);
    for (on, _) in CONNECTED {
        desk.on(on);
    }
    desk.on(FIRST[0].0);
    // Half a minute of bars without a trade heard.
    desk.on(Closed(1));
    let mut said = desk.on(Wait(2_000));
    desk.on(Opened(2));
    desk.on(Text(2, "done 2"));
    let (mut request, mut told) = (1, Vec::new());
    for _ in 0..400 {
        if said.contains(&format!("ask {request} bars")) {
            told.push(desk.on(RequestFailed(request)).matches("request failed").count());
            request += 1;
        }
        said = desk.on(Wait(1_000));
    }
    // Nine tries, the last of which gives up everything that was missing by then.
    assert_eq!(told[..9], [1, 1, 1, 1, 1, 1, 1, 1, 2], "{told:?}");
}

#[test]
fn nothing_is_built_while_nothing_is_heard() {
    check(
        "an outage over several bars",
        &[
            FIRST[0],
            FIRST[1],
            FIRST[2],
            FIRST[3],
            (Text(1, "trade 0 2 1202200"), "trade 2"),
            (Closed(1), "disconnected 1, again later"),
            (Wait(2_000), "+232 open 2, +2000 ask 2 bars 0 1s 1 until 2000"),
            (Opened(2), "subscribe 2 on 2"),
            (Text(2, "done 2"), "connected 2 with 1"),
            (Text(2, "trade 0 9 1204250"), "missed 2..9, trade 9"),
            (Answer(2, "2000"), "bar 2000 v9"),
            (Wait(500), "+500 ask 3 bars 0 1s 1 until 3000"),
            (Text(2, "trade 0 10 1205000"), "trade 10"),
            (Answer(3, "3000"), "bar 3000 v9"),
            (Wait(500), "+500 ask 4 bars 0 1s 1 until 4000"),
            (Answer(4, "4000"), "bar 4000 v9"),
            (Wait(1_000), "+1000 bar 5000 v1"),
        ],
    );
}

#[test]
fn a_gap_makes_the_open_bar_doubtful() {
    check(
        "only that one",
        &[
            FIRST[0],
            FIRST[1],
            FIRST[2],
            FIRST[3],
            (Text(1, "trade 0 2 1202300"), "trade 2"),
            (Text(1, "trade 0 5 1202400"), "missed 2..5, trade 5"),
            (Wait(1_100), ""),
            (Text(1, "trade 0 6 1203300"), "trade 6"),
            (Wait(900), "+900 ask 2 bars 0 1s 1 until 2000"),
            (Answer(2, "2000"), "bar 2000 v9, bar 3000 v1"),
        ],
    );
}

#[test]
fn numbers_that_begin_anew_are_no_duplicates() {
    check(
        "a test network was reset",
        &[
            (Text(1, "trade 0 100 1200100"), "trade 100"),
            (Text(1, "trade 0 100 1200100"), ""),
            (Text(1, "trade 0 99 1200050"), ""),
            (Text(1, "trade 0 1 1200200"), "restarted, trade 1"),
            (Text(1, "trade 0 2 1200300"), "trade 2"),
        ],
    );
}

#[test]
fn the_venues_own_bars_come_once() {
    let minute = StreamKind::Bar(model::Interval::MINUTE);
    play(
        "open, closed, and told again by a successor",
        Desk::of(&[minute], false),
        &[
            CONNECTED[0],
            CONNECTED[1],
            CONNECTED[2],
            (Text(1, "bar 0 1200000 0"), ""),
            (Text(1, "bar 0 1200000 1"), "bar 0 v1"),
            (Text(1, "bar 0 1200000 1"), ""),
            (Text(1, "bar 0 1260000 1"), "bar 60000 v1"),
        ],
    );
}
