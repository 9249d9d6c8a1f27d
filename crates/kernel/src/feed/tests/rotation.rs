//! Replacing connections.

use std::collections::VecDeque;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::desk::On::{Closed, Opened, Text, Wait};
use super::desk::{BTC, CONNECTED, Desk, On, Words, play, stream};
use crate::feed::{FeedPlan, FeedPolicy, StreamKind};

const HUNDRED: Duration = Duration::from_secs(100);
const TWO: Duration = Duration::from_secs(2);

fn desk(rotate_after: Duration, rotation_overlap: Duration) -> Desk {
    let never = Duration::from_secs(86_400);
    let policy = FeedPolicy {
        trade_stale_after: never,
        quote_stale_after: never,
        depth_stale_after: never,
        bar_stale_after: never,
        silent_after: never,
        rotate_after,
        rotation_overlap,
        ..FeedPolicy::default()
    };
    let plan = FeedPlan { streams: vec![stream(BTC, StreamKind::Trade)], bars: Vec::new() };
    Desk::new(Words::default(), policy, &plan)
}

#[track_caller]
fn check(name: &str, then: &[(On<'_>, &str)]) {
    let before = [
        (Text(1, "trade 0 1 1200000"), "trade 1"),
        (Wait(100_000), "+100000 open 2"),
        (Text(1, "trade 0 2 1300000"), "trade 2"),
    ];
    play(name, desk(HUNDRED, TWO), &[&CONNECTED[..], &before, then].concat());
}

const SUBSCRIBED: [(On<'_>, &str); 2] = [(Opened(2), "subscribe 2 on 2"), (Text(2, "done 2"), "")];

#[test]
fn the_successor_takes_over_after_an_overlap() {
    let [opened, done] = SUBSCRIBED;
    check(
        "what both brought comes once, in order",
        &[
            opened,
            (Text(1, "trade 0 3 1300000"), "trade 3"),
            done,
            (Text(2, "trade 0 5 1300000"), ""),
            (Text(1, "trade 0 4 1300000"), "trade 4"),
            (Text(2, "trade 0 6 1300000"), ""),
            (Text(1, "trade 0 5 1300000"), "trade 5"),
            (Wait(2_000), "+2000 close 1, trade 6, rotated to 2"),
            (Text(1, "trade 0 7 1300000"), ""),
            (Text(2, "trade 0 7 1300000"), "trade 7"),
            (Closed(1), ""),
            (Wait(97_999), ""),
            (Wait(1), "+1 open 3"),
        ],
    );
    check(
        "the old one ends in the overlap: nothing is lost",
        &[
            opened,
            done,
            (Text(2, "trade 0 4 1300000"), ""),
            (Text(1, "trade 0 3 1300000"), "trade 3"),
            (Closed(1), "disconnected 1, trade 4, rotated to 2"),
        ],
    );
    check(
        "the old one ends before the successor is subscribed",
        &[
            opened,
            (Text(2, "trade 0 5 1300000"), ""),
            (Closed(1), "disconnected 1, missed 2..5, trade 5"),
            (Text(2, "done 2"), "connected 2 with 1"),
        ],
    );
}

#[test]
fn a_successor_that_fails_is_tried_again_later() {
    let [opened, done] = SUBSCRIBED;
    check(
        "it ends",
        &[
            opened,
            (Closed(2), "disconnected 2, again later"),
            (Text(1, "trade 0 3 1300000"), "trade 3"),
            (Wait(100), ""),
            (Wait(150), "+132 open 3"),
        ],
    );
    check("it never opens", &[(Wait(10_250), "+10250 close 2, disconnected 2, again later")]);
    check(
        "it ends in the overlap",
        &[
            opened,
            done,
            (Text(2, "trade 0 3 1300000"), ""),
            (Closed(2), "disconnected 2, again later"),
            (Text(1, "trade 0 3 1300000"), "trade 3"),
        ],
    );
}

#[test]
fn an_announced_shutdown_rotates_at_once() {
    let [opened, done] = SUBSCRIBED;
    play(
        "on the connection that carries",
        desk(HUNDRED, TWO),
        &[
            CONNECTED[0],
            CONNECTED[1],
            CONNECTED[2],
            (Text(1, "shutdown"), "open 2"),
            (Text(1, "shutdown"), ""),
            opened,
            done,
            (Text(2, "shutdown"), ""),
            (Closed(1), "disconnected 1, rotated to 2"),
            (Text(2, "shutdown"), "open 3"),
        ],
    );
}

/// One connection's frames, and where it stands in the venue's trades.
struct Line {
    connection: u32,
    next: i64,
    on_the_way: VecDeque<i64>,
    /// How many of them were on the way when time passed last: they arrive before it does again,
    /// so that no line lags by as much as the overlap.
    old: usize,
}

impl Line {
    fn deliver(&mut self) -> Option<(u32, i64)> {
        self.old = self.old.saturating_sub(1);
        self.on_the_way.pop_front().map(|trade| (self.connection, trade))
    }

    fn send_up_to(&mut self, last: i64) {
        while self.next <= last {
            self.on_the_way.push_back(self.next);
            self.next += 1;
        }
    }
}

/// What a run of trades over lagging lines came to.
struct Outcome {
    /// The first trade out of its place.
    wrong: Option<(i64, i64)>,
    published: usize,
    connections: u32,
}

/// Trades of the venue over two connections that lag each in its own way, one replacing the other
/// again and again.
fn trade_over_lagging_lines(seed: u64, overlap: Duration) -> Outcome {
    let mut rng = Pcg64::seed_from_u64(seed);
    let mut desk = desk(Duration::from_secs(20), overlap);
    desk.on(On::Start);
    desk.on(Opened(1));
    desk.on(Text(1, "done 1"));
    let on_the_way = VecDeque::new();
    let mut lines = vec![Line { connection: 1, next: 1, on_the_way, old: 0 }];
    let mut traded = 0;
    let mut published = Vec::new();
    for _ in 0..4_000 {
        let said = match rng.random_range(0..10) {
            0..=1 => {
                traded += 1;
                lines.iter_mut().for_each(|line| line.send_up_to(traded));
                continue;
            }
            2 => desk.on(Wait(0)),
            3..=8 => {
                let line = rng.random_range(0..lines.len());
                let Some((connection, trade)) = lines[line].deliver() else { continue };
                desk.on(Text(connection, &format!("trade 0 {trade} {}", 1_200_000 + trade)))
            }
            _ => {
                if lines.iter().any(|line| line.old > 0) {
                    continue;
                }
                lines.iter_mut().for_each(|line| line.old = line.on_the_way.len());
                desk.on(Wait(rng.random_range(1..1_500)))
            }
        };
        follow(&said, &mut lines, &mut published, traded, &mut desk);
    }
    let wrong = published.iter().copied().zip(1..).find(|(trade, expected)| trade != expected);
    Outcome { wrong, published: published.len(), connections: lines[0].connection }
}

/// Each trade is published exactly once, in order.
#[test]
fn every_trade_comes_once_and_in_order_whatever_the_lines_do() {
    for seed in 0..50 {
        let outcome = trade_over_lagging_lines(seed, TWO);
        assert_eq!(outcome.wrong, None, "seed {seed}");
        assert!(outcome.published > 500 && outcome.connections > 3, "seed {seed} tests little");
    }
}

#[test]
fn without_an_overlap_trades_are_lost() {
    let lost = |seed| trade_over_lagging_lines(seed, Duration::ZERO).wrong.is_some();
    assert!((0..50).any(lost));
}

/// Opens and closes lines as the machine wants, and notes what it published.
fn follow(
    said: &str,
    lines: &mut Vec<Line>,
    published: &mut Vec<i64>,
    traded: i64,
    desk: &mut Desk,
) {
    for word in said.split(", ") {
        let word = word
            .split_once(' ')
            .filter(|(first, _)| first.starts_with('+'))
            .map_or(word, |(_, rest)| rest);
        if let Some(trade) = word.strip_prefix("trade ") {
            published.push(trade.parse().unwrap());
        } else if let Some(connection) = word.strip_prefix("open ") {
            let connection = connection.parse().unwrap();
            desk.on(Opened(connection));
            // The venue sends from the subscription on, and says so first.
            lines.push(Line { connection, next: traded + 1, on_the_way: VecDeque::new(), old: 0 });
            let said = desk.on(Text(connection, &format!("done {connection}")));
            assert_eq!(said, "");
        } else if let Some(connection) = word.strip_prefix("close ") {
            lines.retain(|line| line.connection.to_string() != connection);
        }
    }
}
