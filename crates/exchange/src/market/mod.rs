//! One symbol's market: the matcher, what has traded, and the public's view of the book.

pub mod kline;
pub mod tape;

use std::collections::BTreeMap;

use matching::{Book, Execution, Fees, LevelChange, Matcher};
use model::{Instrument, Level, Price, Quantity, Side, Timestamp};

use tape::{AggregateTrade, Print, Tape};

/// Changes of a book between two publications.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DepthDiff {
    /// First update id covered.
    pub first_update_id: i64,
    /// Last update id covered.
    pub last_update_id: i64,
    /// Bid levels with their new totals, best first.
    pub bids: Vec<Level>,
    /// Ask levels with their new totals, best first.
    pub asks: Vec<Level>,
}

/// Collects changes until they are published.
#[derive(Clone, Debug, Default)]
struct Collector {
    first_update_id: Option<i64>,
    last_update_id: i64,
    bids: BTreeMap<Price, Quantity>,
    asks: BTreeMap<Price, Quantity>,
}

impl Collector {
    fn add(&mut self, change: &LevelChange) {
        self.first_update_id.get_or_insert(change.update_id);
        self.last_update_id = change.update_id;
        let side = match change.side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        side.insert(change.price, change.quantity);
    }

    fn take(&mut self) -> Option<DepthDiff> {
        let first_update_id = self.first_update_id.take()?;
        let level = |(price, quantity)| Level { price, quantity };
        Some(DepthDiff {
            first_update_id,
            last_update_id: self.last_update_id,
            bids: std::mem::take(&mut self.bids).into_iter().rev().map(level).collect(),
            asks: std::mem::take(&mut self.asks).into_iter().map(level).collect(),
        })
    }
}

/// The best of both sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BestQuote {
    /// Update id of the book that it was taken from.
    pub update_id: i64,
    /// Best bid; zeroes when the side is empty.
    pub bid: Level,
    /// Best ask; zeroes when the side is empty.
    pub ask: Level,
}

/// One symbol's market.
#[derive(Clone, Debug)]
pub struct Market {
    /// Where orders meet.
    pub matcher: Matcher<Book>,
    /// What has traded.
    pub tape: Tape,
    fast: Collector,
    slow: Collector,
    quote: BestQuote,
    /// Trades of the taker being matched.
    pending: Vec<Print>,
}

impl Market {
    /// A market whose trades and updates count on from these ids.
    #[must_use]
    pub fn new(
        instrument: Instrument,
        fees: Fees,
        first_id: i64,
        start_price: Option<Price>,
    ) -> Self {
        let mut matcher =
            Matcher::new(instrument, fees, Book::new()).continuing(first_id, first_id * 8);
        if let Some(price) = start_price {
            matcher = matcher.with_last_price(price);
        }
        Self {
            matcher,
            tape: Tape::new(first_id),
            fast: Collector::default(),
            slow: Collector::default(),
            quote: BestQuote::default(),
            pending: Vec::new(),
        }
    }

    /// What is traded.
    #[must_use]
    pub const fn instrument(&self) -> &Instrument {
        self.matcher.instrument()
    }

    /// Puts a trade of the history on the tape, before there is a book.
    pub fn record_history(&mut self, print: Print) {
        let update_id = self.matcher.update_id();
        let (instrument, fees) = (self.matcher.instrument().clone(), *self.matcher.fees());
        self.matcher = Matcher::new(instrument, fees, Book::new())
            .continuing(print.id.0, update_id)
            .with_last_price(print.price);
        self.tape.record(&[print]);
    }

    /// Notes a change of the book.
    pub fn note_level(&mut self, change: &LevelChange) {
        self.fast.add(change);
        self.slow.add(change);
    }

    /// Notes a trade; call [`Self::close_taker`] when the taker changes or the operation ends.
    pub fn note_trade(&mut self, execution: &Execution) {
        self.pending.push(Print {
            id: execution.id,
            price: execution.price,
            quantity: execution.quantity,
            aggressor: execution.aggressor,
            at: execution.at,
        });
    }

    /// Puts the trades of one taker on the tape.
    pub fn close_taker(&mut self) -> (Vec<Print>, Vec<AggregateTrade>) {
        let prints = std::mem::take(&mut self.pending);
        let aggregates = self.tape.record(&prints);
        (prints, aggregates)
    }

    /// The best of both sides, if it changed since the last call.
    pub fn changed_quote(&mut self) -> Option<BestQuote> {
        let quote = self.best();
        let is_same = (quote.bid, quote.ask) == (self.quote.bid, self.quote.ask);
        if is_same {
            return None;
        }
        self.quote = quote;
        Some(quote)
    }

    /// The best of both sides now.
    #[must_use]
    pub fn best(&self) -> BestQuote {
        BestQuote {
            update_id: self.matcher.update_id(),
            bid: self.matcher.best(Side::Buy).unwrap_or_default(),
            ask: self.matcher.best(Side::Sell).unwrap_or_default(),
        }
    }

    /// Changes since the last call, for the 100 ms (`is_fast`) or the 1 s stream.
    pub fn take_diff(&mut self, is_fast: bool) -> Option<DepthDiff> {
        if is_fast { self.fast.take() } else { self.slow.take() }
    }

    /// The best levels of a side.
    #[must_use]
    pub fn levels(&self, side: Side, limit: usize) -> Vec<Level> {
        self.matcher.levels(side).take(limit).collect()
    }

    /// The reference price that filters average over so many minutes.
    #[must_use]
    pub fn reference_price(&self, now: Timestamp, mins: u32) -> Option<Price> {
        self.tape.average_price(now, mins).or(self.matcher.last_price())
    }
}
