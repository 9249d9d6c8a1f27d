//! Keeping an order book in step with the venue: the documented procedure for a local book.
//!
//! Changes are buffered until a snapshot comes. A snapshot older than the first buffered change
//! is of no use and must be fetched again. Changes that the snapshot holds already are dropped;
//! the first one kept must reach across the snapshot's id. From then on, each change must begin
//! where the last one ended; one that begins later means a loss, and the procedure starts over.
//! <https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams>

use std::collections::VecDeque;
use std::sync::Arc;

use model::{DepthUpdate, InstrumentId, Price};

use crate::OrderBook;

/// The most changes that are buffered while a snapshot is awaited: more than a quarter of an
/// hour at ten a second. Beyond it the oldest goes, and the snapshot must then be newer.
const BUFFER_BOUND: usize = 10_000;

/// Why a book can't be trusted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BookLost {
    /// Changes are missing.
    #[error("book updates {expected} to {} are missing", .first_update_id - 1)]
    Gap {
        /// The update that should have come next.
        expected: i64,
        /// The first update that did come.
        first_update_id: i64,
    },
    /// A bid at or above an ask.
    #[error("book is crossed at update {update_id}: bid {bid}, ask {ask}")]
    Crossed {
        /// After which update.
        update_id: i64,
        /// Best bid.
        bid: Price,
        /// Best ask.
        ask: Price,
    },
}

/// What became of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiffOutcome {
    /// Kept until a snapshot comes.
    Buffered,
    /// The book holds it already.
    Stale,
    /// The book has it now.
    Applied,
    /// The book is lost: a new snapshot is wanted. The change is buffered for it.
    Lost(BookLost),
}

/// What became of a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SnapshotOutcome {
    /// The book is in step. These buffered changes were applied on top of the snapshot.
    Synchronised {
        /// Oldest first.
        applied: Vec<Arc<DepthUpdate>>,
    },
    /// Older than the first buffered change: fetch another.
    TooOld {
        /// Where the buffer begins.
        first_buffered_id: i64,
    },
    /// The buffered changes do not fit together, or cross the book: fetch another.
    Lost(BookLost),
    /// The book is in step already; the snapshot was not used.
    NotWanted,
}

/// One book and the procedure that keeps it right.
#[derive(Clone, Debug)]
pub struct BookSync {
    book: OrderBook,
    is_synchronised: bool,
    buffered: VecDeque<Arc<DepthUpdate>>,
}

impl BookSync {
    /// A book that waits for its first snapshot.
    #[must_use]
    pub const fn new(instrument: InstrumentId) -> Self {
        Self { book: OrderBook::new(instrument), is_synchronised: false, buffered: VecDeque::new() }
    }

    /// The book, while it is in step.
    #[must_use]
    pub fn book(&self) -> Option<&OrderBook> {
        self.is_synchronised.then_some(&self.book)
    }

    /// How many changes wait for a snapshot.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffered.len()
    }

    /// Starts over, for a new connection.
    pub fn restart(&mut self) {
        self.is_synchronised = false;
        self.buffered.clear();
        self.book.clear();
    }

    fn lose(&mut self) {
        self.is_synchronised = false;
        self.book.clear();
    }

    fn buffer(&mut self, diff: &Arc<DepthUpdate>) {
        if self.buffered.len() == BUFFER_BOUND {
            self.buffered.pop_front();
        }
        self.buffered.push_back(Arc::clone(diff));
    }

    /// Takes a change from the stream.
    pub fn on_diff(&mut self, diff: &Arc<DepthUpdate>) -> DiffOutcome {
        if !self.is_synchronised {
            self.buffer(diff);
            return DiffOutcome::Buffered;
        }
        match self.advance(diff) {
            Ok(true) => DiffOutcome::Applied,
            Ok(false) => DiffOutcome::Stale,
            Err(lost) => {
                self.lose();
                self.buffer(diff);
                DiffOutcome::Lost(lost)
            }
        }
    }

    /// Takes a snapshot, which may come at any time.
    pub fn on_snapshot(&mut self, snapshot: &DepthUpdate) -> SnapshotOutcome {
        if self.is_synchronised {
            return SnapshotOutcome::NotWanted;
        }
        if let Some(first) = self.buffered.front()
            && snapshot.last_update_id < first.first_update_id
        {
            return SnapshotOutcome::TooOld { first_buffered_id: first.first_update_id };
        }
        self.book.apply(snapshot);
        let mut applied = Vec::with_capacity(self.buffered.len());
        while let Some(diff) = self.buffered.pop_front() {
            match self.advance(&diff) {
                Ok(true) => applied.push(diff),
                Ok(false) => {}
                Err(lost) => {
                    // What came before the loss is of no use to the next snapshot.
                    self.buffered.push_front(diff);
                    self.lose();
                    return SnapshotOutcome::Lost(lost);
                }
            }
        }
        self.is_synchronised = true;
        SnapshotOutcome::Synchronised { applied }
    }

    /// Applies a change that continues the book; `false` when the book holds it already.
    fn advance(&mut self, diff: &DepthUpdate) -> Result<bool, BookLost> {
        let expected = self.book.update_id() + 1;
        if diff.last_update_id < expected {
            return Ok(false);
        }
        if diff.first_update_id > expected {
            return Err(BookLost::Gap { expected, first_update_id: diff.first_update_id });
        }
        self.book.apply(diff);
        match (self.book.best_bid(), self.book.best_ask()) {
            (Some(bid), Some(ask)) if bid.price >= ask.price => Err(BookLost::Crossed {
                update_id: self.book.update_id(),
                bid: bid.price,
                ask: ask.price,
            }),
            (_, _) => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Level, Quantity, Side, Timestamp};

    use super::*;

    fn update(ids: std::ops::RangeInclusive<i64>, bids: &[(i64, i64)]) -> DepthUpdate {
        let level = |&(price, quantity): &(i64, i64)| Level {
            price: Price::from_units(price),
            quantity: Quantity::from_units(quantity),
        };
        DepthUpdate {
            instrument: InstrumentId(0),
            is_snapshot: false,
            first_update_id: *ids.start(),
            last_update_id: *ids.end(),
            bids: bids.iter().map(level).collect(),
            asks: Vec::new(),
            event_at: Timestamp::EPOCH,
            received_at: Timestamp::EPOCH,
        }
    }

    fn diff(ids: std::ops::RangeInclusive<i64>) -> Arc<DepthUpdate> {
        let last = *ids.end();
        Arc::new(update(ids, &[(10, last)]))
    }

    fn snapshot(id: i64) -> DepthUpdate {
        DepthUpdate { is_snapshot: true, ..update(id..=id, &[(10, id), (9, 1)]) }
    }

    /// The buffered changes, a snapshot, and how many of the changes are then applied.
    #[test]
    fn a_snapshot_meets_what_is_buffered() {
        #[track_caller]
        fn check(buffered: &[(i64, i64)], id: i64, expected: Result<usize, &str>) {
            let mut sync = BookSync::new(InstrumentId(0));
            for &(first, last) in buffered {
                assert_eq!(sync.on_diff(&diff(first..=last)), DiffOutcome::Buffered);
            }
            let outcome = match sync.on_snapshot(&snapshot(id)) {
                SnapshotOutcome::Synchronised { applied } => Ok(applied.len()),
                SnapshotOutcome::TooOld { .. } => Err("too old"),
                SnapshotOutcome::Lost(BookLost::Gap { .. }) => Err("gap"),
                SnapshotOutcome::Lost(BookLost::Crossed { .. }) => Err("crossed"),
                SnapshotOutcome::NotWanted => Err("not wanted"),
            };
            assert_eq!(outcome, expected, "{buffered:?} then {id}");
            assert_eq!(sync.book().is_some(), expected.is_ok());
            let last = buffered.last().map_or(id, |&(_, last)| last.max(id));
            if let Some(book) = sync.book() {
                assert_eq!(book.update_id(), last);
                assert_eq!(book.best_bid().unwrap().quantity.units(), last);
            }
        }
        check(&[], 5, Ok(0));
        check(&[(4, 6), (7, 9)], 5, Ok(2));
        check(&[(4, 6), (7, 9)], 6, Ok(1));
        check(&[(4, 6), (7, 9)], 9, Ok(0));
        check(&[(4, 6), (7, 9)], 12, Ok(0));
        check(&[(4, 6), (7, 9)], 4, Ok(2));
        check(&[(4, 6), (7, 9)], 3, Err("too old"));
        check(&[(4, 6), (8, 9)], 5, Err("gap"));
        check(&[(4, 6), (8, 9)], 7, Ok(1));
    }

    #[test]
    fn once_in_step_each_change_must_continue_the_last() {
        #[track_caller]
        fn check(ids: std::ops::RangeInclusive<i64>, expected: DiffOutcome) {
            let mut sync = BookSync::new(InstrumentId(0));
            sync.on_snapshot(&snapshot(5));
            assert_eq!(sync.on_diff(&diff(ids.clone())), expected, "{ids:?}");
        }
        check(6..=8, DiffOutcome::Applied);
        check(3..=8, DiffOutcome::Applied);
        check(6..=6, DiffOutcome::Applied);
        check(3..=5, DiffOutcome::Stale);
        check(7..=8, DiffOutcome::Lost(BookLost::Gap { expected: 6, first_update_id: 7 }));
    }

    #[test]
    fn a_lost_book_is_hidden_and_comes_back() {
        let mut sync = BookSync::new(InstrumentId(0));
        sync.on_snapshot(&snapshot(5));
        assert!(matches!(sync.on_diff(&diff(8..=9)), DiffOutcome::Lost(_)));
        assert!(sync.book().is_none());
        assert_eq!(
            sync.on_snapshot(&snapshot(7)),
            SnapshotOutcome::TooOld { first_buffered_id: 8 }
        );
        assert_eq!(sync.on_diff(&diff(10..=12)), DiffOutcome::Buffered);
        assert!(matches!(sync.on_snapshot(&snapshot(8)), SnapshotOutcome::Synchronised { .. }));
        assert_eq!(sync.book().unwrap().update_id(), 12);
        assert_eq!(sync.on_snapshot(&snapshot(20)), SnapshotOutcome::NotWanted);
        sync.restart();
        assert!(sync.book().is_none());
    }

    #[test]
    fn a_crossed_book_is_lost() {
        let mut sync = BookSync::new(InstrumentId(0));
        sync.on_snapshot(&snapshot(5));
        let mut crossing = update(6..=6, &[]);
        crossing.asks = vec![Level { price: Price::from_units(10), quantity: Quantity::ONE }];
        let outcome = sync.on_diff(&Arc::new(crossing));
        assert!(matches!(outcome, DiffOutcome::Lost(BookLost::Crossed { .. })), "{outcome:?}");
        assert_eq!(sync.book.best(Side::Buy), None);
    }

    #[test]
    fn the_buffer_is_bounded_and_keeps_the_newest() {
        let mut sync = BookSync::new(InstrumentId(0));
        for id in 1..=i64::try_from(BUFFER_BOUND).unwrap() + 5 {
            sync.on_diff(&diff(id..=id));
        }
        assert_eq!(sync.buffered(), BUFFER_BOUND);
        assert_eq!(
            sync.on_snapshot(&snapshot(5)),
            SnapshotOutcome::TooOld { first_buffered_id: 6 }
        );
        assert!(matches!(sync.on_snapshot(&snapshot(6)), SnapshotOutcome::Synchronised { .. }));
    }
}
