//! The book and the bars on what the real exchange sent.

mod support;

use std::collections::VecDeque;
use std::sync::Arc;

use model::{InstrumentId, Interval, Quantity, Quote, Trade};
use support::Line;
use tickwright_market::{BarBuilder, BookSync, DiffOutcome, SnapshotOutcome};

/// What a run through a capture counted.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    buffered: usize,
    applied: usize,
    stale: usize,
    /// Diffs after which the newest quote that the book covers was compared, and agreed.
    agreed: usize,
    agreed_at_equal_ids: usize,
}

/// Synchronises a book through a capture, comparing it with the best-price stream, which is an
/// independent account of the same book.
fn synchronise(lines: &[Line]) -> Counts {
    let mut counts =
        Counts { buffered: 0, applied: 0, stale: 0, agreed: 0, agreed_at_equal_ids: 0 };
    let mut sync = BookSync::new(InstrumentId(0));
    let mut quotes: VecDeque<Quote> = VecDeque::new();
    let mut covered: Option<Quote> = None;
    for line in lines {
        let applied_before = counts.applied;
        match line {
            Line::Trade(_) => {}
            Line::Quote(quote) => quotes.push_back(*quote),
            Line::Depth(snapshot) if snapshot.is_snapshot => {
                let SnapshotOutcome::Synchronised { applied } = sync.on_snapshot(snapshot) else {
                    panic!("the snapshot does not fit");
                };
                counts.stale += counts.buffered - applied.len();
                counts.applied += applied.len();
            }
            Line::Depth(diff) => {
                match sync.on_diff(&Arc::new(diff.clone())) {
                    DiffOutcome::Buffered => counts.buffered += 1,
                    DiffOutcome::Applied => counts.applied += 1,
                    DiffOutcome::Stale => counts.stale += 1,
                    DiffOutcome::Lost(lost) => panic!("{lost}"),
                };
            }
        }
        let Some(book) = sync.book().filter(|_| counts.applied > applied_before) else { continue };
        while quotes.front().is_some_and(|quote| quote.update_id <= book.update_id()) {
            covered = quotes.pop_front();
        }
        if let Some(quote) = covered {
            assert_eq!((book.best_bid(), book.best_ask()), (Some(quote.bid), Some(quote.ask)));
            counts.agreed += 1;
            counts.agreed_at_equal_ids += usize::from(quote.update_id == book.update_id());
        }
    }
    counts
}

#[test]
fn the_book_agrees_with_the_best_prices_throughout() {
    #[track_caller]
    fn check(name: &str, expected: &Counts) {
        if let Some(lines) = support::capture(name) {
            assert_eq!(&synchronise(&lines), expected);
        }
    }
    check(
        "ws_binance_spot_BTCUSDT_20240808.gz",
        &Counts { buffered: 3, applied: 3_449, stale: 2, agreed: 3_449, agreed_at_equal_ids: 564 },
    );
    check(
        "ws_binance_spot_ETHUSDT_20240808.gz",
        &Counts { buffered: 2, applied: 3_432, stale: 2, agreed: 3_432, agreed_at_equal_ids: 577 },
    );
}

#[test]
fn bars_hold_every_trade_once() {
    let Some(lines) = support::capture("ws_binance_spot_BTCUSDT_20240808.gz") else { return };
    let trade = |line: &Line| match line {
        Line::Trade(trade) => Some(*trade),
        Line::Quote(_) | Line::Depth(_) => None,
    };
    let trades: Vec<Trade> = lines.iter().filter_map(trade).collect();
    assert_eq!(trades.len(), 9_757);
    let volume: Quantity = trades.iter().map(|trade| trade.quantity).sum();
    for interval in [Interval::SECOND, Interval::MINUTE] {
        let mut builder = BarBuilder::new(InstrumentId(0), interval);
        let mut bars = Vec::new();
        for trade in &trades {
            builder.on_trade(trade, &mut bars);
        }
        let last = trades[trades.len() - 1].event_at;
        builder.on_time(last.after(interval.duration()), &mut bars);
        assert_eq!(bars.iter().map(|bar| bar.volume).sum::<Quantity>(), volume);
        assert_eq!(bars.iter().map(|bar| bar.trade_count).sum::<u64>(), 9_757);
        assert_eq!(builder.late_trades(), 0);
        for pair in bars.windows(2) {
            assert_eq!(pair[1].open_at, pair[0].close_at());
        }
        for bar in &bars {
            let of_bar: Vec<&Trade> = trades
                .iter()
                .filter(|trade| trade.event_at >= bar.open_at && trade.event_at < bar.close_at())
                .collect();
            assert_eq!(of_bar.len() as u64, bar.trade_count);
            if let (Some(first), Some(last)) = (of_bar.first(), of_bar.last()) {
                assert_eq!((bar.open, bar.close), (first.price, last.price));
                assert_eq!(of_bar.iter().map(|trade| trade.price).max(), Some(bar.high));
                assert_eq!(of_bar.iter().map(|trade| trade.price).min(), Some(bar.low));
            }
        }
    }
}
