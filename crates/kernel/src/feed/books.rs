//! One instrument's book: synchronised, checked against the quotes, published.

use std::collections::VecDeque;
use std::sync::Arc;

use market::{BookLost, BookSync, DiffOutcome, OrderBook, SnapshotOutcome};
use model::{DepthUpdate, InstrumentId, Quote, Timestamp};

use super::notice::FeedStats;
use crate::wire::RequestId;

/// Quotes kept for the comparison while no book is there; the oldest goes first.
const QUOTES_BOUND: usize = 100_000;

/// Levels of each side in a summary.
const SUMMARY_LEVELS: usize = 20;

/// A book and what is known of its snapshot.
#[derive(Debug)]
pub(super) struct BookTrack {
    pub sync: BookSync,
    /// The snapshot request that is under way.
    pub requested: Option<RequestId>,
    /// Wall time of the next request, if one is wanted.
    pub request_at: Option<Timestamp>,
    /// Requests that failed in a row.
    pub attempt: u32,
    quotes: VecDeque<Quote>,
}

impl BookTrack {
    pub const fn new(instrument: InstrumentId) -> Self {
        Self {
            sync: BookSync::new(instrument),
            requested: None,
            request_at: None,
            attempt: 0,
            quotes: VecDeque::new(),
        }
    }

    /// Starts over on a new connection.
    pub fn restart(&mut self) {
        self.sync.restart();
        self.requested = None;
        self.request_at = None;
        self.quotes.clear();
    }

    /// What tells it from a book that went another way.
    pub fn summary(&self) -> impl std::fmt::Debug + use<> {
        let state = self.sync.book().map(|book| (book.update_id(), book.state(SUMMARY_LEVELS)));
        (state, self.requested, self.request_at, self.attempt, self.quotes.len())
    }

    pub fn on_quote(&mut self, quote: Quote) {
        if self.quotes.len() == QUOTES_BOUND {
            self.quotes.pop_front();
        }
        self.quotes.push_back(quote);
    }

    /// Takes a change. `Err` when the book was lost with it; `Ok(true)` when it was applied.
    pub fn on_diff(
        &mut self,
        diff: &Arc<DepthUpdate>,
        stats: &mut FeedStats,
    ) -> Result<bool, BookLost> {
        match self.sync.on_diff(diff) {
            DiffOutcome::Buffered | DiffOutcome::Stale => Ok(false),
            DiffOutcome::Applied => {
                stats.depth_applied += 1;
                if let Some(book) = self.sync.book() {
                    compare(book, &mut self.quotes, stats);
                }
                Ok(true)
            }
            DiffOutcome::Lost(lost) => Err(lost),
        }
    }

    /// Takes a snapshot. The changes that were applied on top of it are counted and compared one
    /// by one, as if they had come after it.
    pub fn on_snapshot(
        &mut self,
        snapshot: &DepthUpdate,
        stats: &mut FeedStats,
    ) -> SnapshotOutcome {
        let outcome = self.sync.on_snapshot(snapshot);
        if let SnapshotOutcome::Synchronised { applied } = &outcome {
            let mut book = OrderBook::new(snapshot.instrument);
            book.apply(snapshot);
            for diff in applied {
                book.apply(diff);
                stats.depth_applied += 1;
                compare(&book, &mut self.quotes, stats);
            }
        }
        outcome
    }
}

/// Compares the best of a book with the newest quote that is not newer than it, and forgets the
/// quotes before that one.
fn compare(book: &OrderBook, quotes: &mut VecDeque<Quote>, stats: &mut FeedStats) {
    while quotes.get(1).is_some_and(|next| next.update_id <= book.update_id()) {
        quotes.pop_front();
    }
    let Some(quote) = quotes.front().filter(|quote| quote.update_id <= book.update_id()) else {
        return;
    };
    stats.books_compared += 1;
    let agrees = book.best_bid() == Some(quote.bid) && book.best_ask() == Some(quote.ask);
    stats.books_agreed += u64::from(agrees);
}
