//! Opening, subscribing, giving up and coming back.

use std::time::Duration;

use super::desk::On::{Closed, Opened, SendFailed, Start, Text, Wait};
use super::desk::{BTC, CONNECTED, Desk, ETH, On, Words, play, stream};
use crate::feed::{FeedPlan, FeedPolicy, StreamKind};

#[track_caller]
fn check(name: &str, script: &[(On<'_>, &str)]) {
    let policy = FeedPolicy { trade_stale_after: Duration::from_secs(86_400), ..policy() };
    let plan = FeedPlan { streams: vec![stream(BTC, StreamKind::Trade)], bars: Vec::new() };
    play(name, Desk::new(Words::default(), policy, &plan), script);
}

/// Pauses without their spread, to be written down exactly.
fn policy() -> FeedPolicy {
    FeedPolicy::default()
}

#[test]
fn a_connection_is_announced_when_it_is_subscribed() {
    check("one subscription", &CONNECTED);
    check(
        "refused: the other streams come all the same",
        &[CONNECTED[0], CONNECTED[1], (Text(1, "refused 1"), "refused, connected 1 with 1")],
    );
    check(
        "refused without a number",
        &[CONNECTED[0], CONNECTED[1], (Text(1, "refused"), "refused, connected 1 with 1")],
    );
    check(
        "data may come before the answer",
        &[
            CONNECTED[0],
            CONNECTED[1],
            (Text(1, "trade 0 1 1200000"), "trade 1"),
            (Text(1, "done 1"), "connected 1 with 1"),
        ],
    );
}

#[test]
fn subscriptions_keep_the_venues_pace() {
    let kinds = [StreamKind::Trade, StreamKind::Quote];
    let streams = [BTC, ETH].into_iter().flat_map(|id| kinds.map(|kind| stream(id, kind)));
    let plan = FeedPlan { streams: streams.collect(), bars: Vec::new() };
    let protocol = Words { streams_a_request: 1 };
    play(
        "four requests, a quarter of a second apart",
        Desk::new(protocol, FeedPolicy::default(), &plan),
        &[
            (Start, "open 1"),
            (Opened(1), "subscribe 1 on 1"),
            (Text(1, "done 1"), ""),
            (Wait(1_000), "+250 subscribe 2 on 1, +500 subscribe 3 on 1, +750 subscribe 4 on 1"),
            (Text(1, "done 2"), ""),
            (Text(1, "done 4"), ""),
            (Text(1, "done 3"), "connected 1 with 4"),
        ],
    );
}

#[test]
fn streams_are_spread_over_connections() {
    let kinds = [StreamKind::Trade, StreamKind::Quote, StreamKind::Depth];
    let streams = [BTC, ETH].into_iter().flat_map(|id| kinds.map(|kind| stream(id, kind)));
    let plan = FeedPlan { streams: streams.collect(), bars: Vec::new() };
    play(
        "six streams, four a connection; an answer counts where it came",
        Desk::new(Words::default(), FeedPolicy::default(), &plan),
        &[
            (Start, "open 1, open 2"),
            (Opened(2), "subscribe 2 on 2"),
            (Opened(1), "subscribe 1 on 1"),
            (Text(2, "refused"), "refused, connected 2 with 2"),
            (Text(1, "done 1"), "connected 1 with 4"),
            (Closed(2), "disconnected 2, again later"),
            (Text(1, "quote 0 1"), "quote 1"),
        ],
    );
}

#[test]
fn a_dropped_connection_comes_back_with_growing_pauses() {
    let mut desk = Desk::of(&[StreamKind::Trade], false);
    desk.on(Start);
    let mut pauses = Vec::new();
    for connection in 1..=9 {
        assert_eq!(desk.on(Closed(connection)), format!("disconnected {connection}, again later"));
        let begin = desk.now;
        let opened = format!("open {}", connection + 1);
        while !desk.on(Wait(1)).ends_with(&opened) {}
        pauses.push(desk.now.since(begin).as_millis());
    }
    let longest = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
    for (pause, longest) in pauses.iter().zip(longest) {
        assert!((longest / 2..=longest + 1).contains(pause), "{pauses:?}");
    }
    assert!(pauses.iter().zip(longest).any(|(pause, longest)| *pause < longest - 1), "no jitter");
}

#[test]
fn pauses_shrink_only_after_a_connection_that_lasted() {
    let mut desk = Desk::of(&[StreamKind::Trade], false);
    desk.on(Start);
    let mut connection = 1;
    let mut lives_for = |desk: &mut Desk, seconds: i64| {
        desk.on(Opened(connection));
        desk.on(Text(connection, &format!("done {connection}")));
        for _ in 0..seconds {
            desk.on(Wait(1_000));
            let at_ms = desk.now.as_millis();
            desk.on(Text(connection, &format!("trade 0 {at_ms} {at_ms}")));
        }
        desk.on(Closed(connection));
        let begin = desk.now;
        connection += 1;
        while !desk.on(Wait(1)).ends_with(&format!("open {connection}")) {}
        desk.now.since(begin).as_millis()
    };
    assert!(lives_for(&mut desk, 1) <= 250);
    assert!(lives_for(&mut desk, 1) >= 250);
    assert!(lives_for(&mut desk, 29) >= 500);
    assert!(lives_for(&mut desk, 31) <= 250);
}

#[test]
fn what_is_of_no_use_is_given_up() {
    check(
        "never opens",
        &[(Start, "open 1"), (Wait(10_250), "+10250 close 1, disconnected 1, again later")],
    );
    check(
        "subscriptions are not answered",
        &[
            CONNECTED[0],
            CONNECTED[1],
            (Text(1, "trade 0 1 1200000"), "trade 1"),
            (Wait(10_250), "+10250 close 1, disconnected 1, again later"),
        ],
    );
    check(
        "a subscription cannot be sent",
        &[CONNECTED[0], CONNECTED[1], (SendFailed(1), "close 1, disconnected 1, again later")],
    );
    check(
        "silent, though it is up",
        &[
            CONNECTED[0],
            CONNECTED[1],
            CONNECTED[2],
            (Wait(9_000), ""),
            (Text(1, "trade 0 1 1200000"), "trade 1"),
            (Wait(10_000), "+10000 close 1, disconnected 1, again later"),
        ],
    );
    check(
        "only nonsense comes",
        &[
            CONNECTED[0],
            CONNECTED[1],
            CONNECTED[2],
            (Wait(9_000), ""),
            (Text(1, "<html>"), "malformed"),
            (Text(1, "hello"), ""),
            (Wait(1_000), "+1000 close 1, disconnected 1, again later"),
        ],
    );
    check(
        "late news of it is nobody's business",
        &[
            CONNECTED[0],
            CONNECTED[1],
            CONNECTED[2],
            (Closed(1), "disconnected 1, again later"),
            (Closed(1), ""),
            (Opened(1), ""),
            (Text(1, "trade 0 1 1200000"), ""),
            (Text(1, "shutdown"), ""),
            (SendFailed(1), ""),
        ],
    );
}

#[test]
fn a_quiet_market_is_given_more_and_more_time() {
    let policy = FeedPolicy { trade_stale_after: Duration::from_secs(86_400), ..policy() };
    let plan = FeedPlan { streams: vec![stream(BTC, StreamKind::Trade)], bars: Vec::new() };
    let mut desk = Desk::new(Words::default(), policy, &plan);
    desk.on(Start);
    let patience = |desk: &mut Desk, connection: u32| {
        while desk.machine.part_of(crate::wire::ConnectionId(connection)).is_none() {
            desk.on(Wait(1));
        }
        desk.on(Opened(connection));
        desk.on(Text(connection, &format!("done {connection}")));
        let begin = desk.now;
        while !desk.on(Wait(10)).contains("close") {}
        desk.now.since(begin).as_secs()
    };
    assert_eq!([1, 2, 3].map(|connection| patience(&mut desk, connection)), [10, 20, 40]);
    // A market that speaks again for a while is listened to as before.
    while !desk.on(Wait(1)).contains("open 4") {}
    desk.on(Opened(4));
    desk.on(Text(4, "done 4"));
    for trade in 1..=70 {
        desk.on(Wait(1_000));
        desk.on(Text(4, &format!("trade 0 {trade} 1200000")));
    }
    assert_eq!(desk.on(Wait(10_000)), "+10000 close 4, disconnected 4, again later");
}

#[test]
fn malformed_frames_are_counted_and_end_nothing() {
    let mut desk = Desk::of(&[StreamKind::Trade], false);
    for (on, _) in CONNECTED {
        desk.on(on);
    }
    for text in ["", "trade", "trade 0 x 1", "{}"] {
        assert_eq!(desk.on(Text(1, text)), "malformed", "{text}");
    }
    assert_eq!(desk.machine.stats().malformed, 4);
    assert_eq!(desk.on(Text(1, "trade 0 1 1200000")), "trade 1");
    assert_eq!(desk.machine.stats().frames, 1);
}

#[test]
fn what_nobody_subscribed_to_is_not_published() {
    check(
        "a quote and another instrument",
        &[
            CONNECTED[0],
            CONNECTED[1],
            CONNECTED[2],
            (Text(1, "quote 0 1"), ""),
            (Text(1, "trade 1 1 1200000"), ""),
        ],
    );
}
