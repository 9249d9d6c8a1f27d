//! Streams that fall silent.

use super::desk::On::{Closed, Opened, Start, Text, Wait};
use super::desk::{BTC, Desk, play};
use crate::feed::StreamKind;

#[test]
fn each_stream_has_its_own_limit() {
    let desk = play(
        "the quote stops, trades go on",
        Desk::of(&[StreamKind::Quote, StreamKind::Trade], false),
        &[
            (Start, "open 1"),
            (Opened(1), "subscribe 1 on 1"),
            (Text(1, "done 1"), "connected 1 with 2"),
            (Wait(5_000), ""),
            (Text(1, "quote 0 1"), "quote 1"),
            (Wait(5_000), ""),
            (Text(1, "trade 0 1 1200000"), "trade 1"),
            (Wait(5_000), "+5000 stale quote"),
            (Text(1, "trade 0 2 1200000"), "trade 2"),
            (Wait(9_000), ""),
            (Text(1, "trade 0 3 1200000"), "trade 3"),
            (Text(1, "quote 0 2"), "recovered quote, quote 2"),
            (Wait(9_999), ""),
            (Text(1, "trade 0 4 1200000"), "trade 4"),
            (Wait(1), "+1 stale quote"),
        ],
    );
    assert!(desk.machine.is_stale(BTC));
}

#[test]
fn a_stream_that_never_speaks_is_noticed_too() {
    play(
        "never connected",
        Desk::of(&[StreamKind::Quote], false),
        &[(Start, "open 1"), (Wait(10_000), "+10000 stale quote")],
    );
    play(
        "connected after a while: its time begins anew",
        Desk::of(&[StreamKind::Quote], false),
        &[
            (Start, "open 1"),
            (Wait(8_000), ""),
            (Opened(1), "subscribe 1 on 1"),
            (Text(1, "done 1"), "connected 1 with 1"),
            (Wait(9_999), ""),
        ],
    );
}

#[test]
fn a_new_connection_makes_a_stream_no_younger() {
    let mut desk = Desk::of(&[StreamKind::Quote], false);
    for on in [Start, Opened(1), Text(1, "done 1"), Text(1, "quote 0 1"), Wait(7_000), Closed(1)] {
        desk.on(on);
    }
    assert!(desk.on(Wait(1_000)).contains("open 2"));
    desk.on(Opened(2));
    assert!(desk.on(Text(2, "done 2")).contains("connected 2"));
    assert_eq!(desk.on(Wait(1_999)), "");
    assert!(desk.on(Wait(1)).contains("stale quote"));
}

#[test]
fn a_drop_is_noticed_by_its_streams_limits() {
    let mut desk = Desk::of(&[StreamKind::Quote], false);
    for on in [Start, Opened(1), Text(1, "done 1"), Text(1, "quote 0 1"), Closed(1)] {
        desk.on(on);
    }
    assert!(desk.on(Wait(10_000)).contains("+10000 stale quote"));
    let ages: Vec<_> = desk.machine.stream_ages(desk.now).collect();
    assert_eq!((ages.len(), ages[0].1.as_secs(), ages[0].2), (1, 10, true));
}
