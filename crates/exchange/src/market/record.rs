//! The public face of a recorded market: its book as the recorded changes make it.

use std::sync::Arc;

use market::OrderBook;
use model::{DepthUpdate, InstrumentId, Level, Side};

use super::BestQuote;

/// Changes kept until the recording's snapshot comes.
const BUFFERED: usize = 10_000;

/// What the public sees of a recorded market.
#[derive(Clone, Debug)]
pub struct Record {
    book: OrderBook,
    /// Changes before the snapshot.
    buffered: Vec<Arc<DepthUpdate>>,
    /// The recording's first REST answer, until it is reached.
    upcoming: Option<String>,
    /// The newest recorded best prices.
    quote: Option<BestQuote>,
}

impl Record {
    /// A record whose snapshot, if there is one, is still to come.
    #[must_use]
    pub const fn new(instrument: InstrumentId, snapshot: Option<String>) -> Self {
        Self {
            book: OrderBook::new(instrument),
            buffered: Vec::new(),
            upcoming: snapshot,
            quote: None,
        }
    }

    /// The book.
    #[must_use]
    pub const fn book(&self) -> &OrderBook {
        &self.book
    }

    /// The recording's REST answer, as long as it is still to come: whoever asks for a book now
    /// is given it, and gets in step once the changes reach it.
    #[must_use]
    pub fn upcoming(&self) -> Option<&str> {
        self.upcoming.as_deref()
    }

    /// The best of both sides.
    #[must_use]
    pub fn best(&self) -> BestQuote {
        let of_book = || BestQuote {
            update_id: self.book.update_id(),
            bid: self.book.best(Side::Buy).unwrap_or_default(),
            ask: self.book.best(Side::Sell).unwrap_or_default(),
        };
        self.quote.unwrap_or_else(of_book)
    }

    /// Notes recorded best prices.
    pub const fn note_quote(&mut self, quote: BestQuote) {
        self.quote = Some(quote);
    }

    /// The best levels of a side.
    #[must_use]
    pub fn levels(&self, side: Side, limit: usize) -> Vec<Level> {
        self.book.levels(side).take(limit).collect()
    }

    /// Takes recorded changes. Returns those that the book takes now, in order.
    pub fn on_changes(&mut self, update: Arc<DepthUpdate>) -> Vec<Arc<DepthUpdate>> {
        if self.upcoming.is_some() {
            if self.buffered.len() < BUFFERED {
                self.buffered.push(update);
            }
            return Vec::new();
        }
        if update.last_update_id <= self.book.update_id() {
            return Vec::new();
        }
        self.book.apply(&update);
        vec![update]
    }

    /// Takes a recorded REST answer. Returns what the book takes now, in order.
    pub fn on_snapshot(&mut self, snapshot: DepthUpdate) -> Vec<Arc<DepthUpdate>> {
        self.upcoming = None;
        let buffered = std::mem::take(&mut self.buffered);
        if snapshot.last_update_id < self.book.update_id() {
            return Vec::new();
        }
        let mut taken = vec![Arc::new(snapshot)];
        self.book.apply(&taken[0]);
        for update in buffered {
            if update.last_update_id > self.book.update_id() {
                self.book.apply(&update);
                taken.push(update);
            }
        }
        taken
    }
}
