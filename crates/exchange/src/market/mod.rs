//! One symbol's market: the matcher, what has traded, and the public's view of the book.

pub mod kline;
pub mod past;
pub mod record;
pub mod source;
pub mod tape;

use std::collections::BTreeMap;

use matching::{
    Book, Execution, Fees, LevelChange, Matcher, Recorded, RecordedModels, TakerVolume,
};
use model::{DepthUpdate, Instrument, Level, Price, Quantity, Side, Timestamp};

use record::Record;
use source::Source;
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
    /// Changes up to each book that somebody was shown since the last publication: they are
    /// published as they were then, so that the id of what was shown ends an event.
    shown: Vec<DepthDiff>,
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

    fn add_update(&mut self, update: &DepthUpdate) {
        self.first_update_id.get_or_insert(update.first_update_id);
        self.last_update_id = update.last_update_id;
        self.bids.extend(update.bids.iter().map(|level| (level.price, level.quantity)));
        self.asks.extend(update.asks.iter().map(|level| (level.price, level.quantity)));
    }

    const fn is_empty(&self) -> bool {
        self.first_update_id.is_none() && self.shown.is_empty()
    }

    /// Ends an event here, for somebody sees the book as it is now.
    fn show(&mut self) {
        let changes = self.drain();
        self.shown.extend(changes);
    }

    /// What is due. What changed after a book that was shown waits for the next time: events of
    /// one stream come one at a time to whoever does not ask for the book more often than that.
    fn take(&mut self) -> Vec<DepthDiff> {
        if self.shown.is_empty() {
            return self.drain().into_iter().collect();
        }
        std::mem::take(&mut self.shown)
    }

    fn drain(&mut self) -> Option<DepthDiff> {
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

/// A book at one instant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BookSnapshot {
    /// Id of the last change in it.
    pub update_id: i64,
    /// Bids, best first.
    pub bids: Vec<Level>,
    /// Asks, best first.
    pub asks: Vec<Level>,
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

/// A symbol's own reference price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reference {
    /// `None` when it had one once and has none now.
    pub price: Option<Price>,
    /// Since when.
    pub at: Timestamp,
}

/// One symbol's market.
#[derive(Clone, Debug)]
pub struct Market {
    /// Where orders meet.
    pub matcher: Source,
    /// What the public sees, if the market is recorded.
    record: Option<Record>,
    /// What has traded.
    pub tape: Tape,
    fast: Collector,
    slow: Collector,
    quote: BestQuote,
    /// Trades of the taker being matched.
    pending: Vec<Print>,
    reference: Option<Reference>,
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
        Self::with(Source::Book(matcher), None, first_id)
    }

    /// A recorded market. Our own executions count from `first_id`; the public's trades have
    /// their recorded ids.
    #[must_use]
    pub fn recorded(
        instrument: Instrument,
        fees: Fees,
        first_id: i64,
        first_price: Option<Price>,
        snapshot: Option<String>,
    ) -> Self {
        let record = Record::new(instrument.id, snapshot);
        // A taker's order is over when it is answered.
        let models = RecordedModels { takers: TakerVolume::All, ..RecordedModels::default() };
        let recorded = Recorded::new(&instrument, models);
        let mut matcher = Matcher::new(instrument, fees, recorded).continuing(first_id, 0);
        if let Some(price) = first_price {
            matcher = matcher.with_last_price(price);
        }
        Self::with(Source::Recorded(matcher), Some(record), 0)
    }

    fn with(matcher: Source, record: Option<Record>, first_aggregate_id: i64) -> Self {
        Self {
            matcher,
            record,
            tape: Tape::new(first_aggregate_id),
            fast: Collector::default(),
            slow: Collector::default(),
            quote: BestQuote::default(),
            pending: Vec::new(),
            reference: None,
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
        let matcher = Matcher::new(instrument, fees, Book::new())
            .continuing(print.id.0, update_id)
            .with_last_price(print.price);
        self.matcher = Source::Book(matcher);
        self.tape.record(&[print]);
    }

    /// Notes a change of the book.
    pub fn note_level(&mut self, change: &LevelChange) {
        self.fast.add(change);
        self.slow.add(change);
    }

    /// The public's view of a recorded market.
    #[must_use]
    pub const fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// The public's view of a recorded market, to be changed by the recording.
    pub const fn record_mut(&mut self) -> Option<&mut Record> {
        self.record.as_mut()
    }

    /// Notes recorded changes of the book.
    pub fn note_update(&mut self, update: &DepthUpdate) {
        self.fast.add_update(update);
        self.slow.add_update(update);
    }

    /// Notes a recorded trade.
    pub fn note_print(&mut self, print: Print) {
        self.pending.push(print);
    }

    /// Notes a trade; call [`Self::close_taker`] when the taker changes or the operation ends.
    pub fn note_trade(&mut self, execution: &Execution) {
        if self.matcher.is_recorded() {
            // Nothing of ours shows on a recorded market.
            return;
        }
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
        if let Some(record) = &self.record {
            return record.best();
        }
        BestQuote {
            update_id: self.matcher.update_id(),
            bid: self.matcher.best(Side::Buy).unwrap_or_default(),
            ask: self.matcher.best(Side::Sell).unwrap_or_default(),
        }
    }

    /// Changes due on the 100 ms (`is_fast`) or the 1 s stream, oldest first.
    pub fn take_diffs(&mut self, is_fast: bool) -> Vec<DepthDiff> {
        if is_fast { self.fast.take() } else { self.slow.take() }
    }

    /// Forgets changes that nobody saw.
    pub fn discard_diffs(&mut self) {
        self.fast = Collector::default();
        self.slow = Collector::default();
    }

    /// Whether there are changes to publish.
    #[must_use]
    pub const fn has_diff(&self) -> bool {
        !self.fast.is_empty() || !self.slow.is_empty()
    }

    /// The book as it is now, for somebody who goes on from it with the 100 ms stream: its id
    /// will be the last one of an event there, if it was not already.
    pub fn snapshot(&mut self, limit: usize) -> BookSnapshot {
        if self.record.is_none() {
            self.fast.show();
        }
        self.book(limit)
    }

    /// The book as it is now.
    #[must_use]
    pub fn book(&self, limit: usize) -> BookSnapshot {
        BookSnapshot {
            update_id: self.update_id(),
            bids: self.levels(Side::Buy, limit),
            asks: self.levels(Side::Sell, limit),
        }
    }

    /// The best levels of a side, as the public sees them.
    #[must_use]
    pub fn levels(&self, side: Side, limit: usize) -> Vec<Level> {
        match &self.record {
            Some(record) => record.levels(side, limit),
            None => self.matcher.levels(side, limit),
        }
    }

    /// Update id of the book as the public sees it.
    #[must_use]
    pub fn update_id(&self) -> i64 {
        match &self.record {
            Some(record) => record.book().update_id(),
            None => self.matcher.update_id(),
        }
    }

    /// The symbol's own reference price; `None` if it never had one.
    #[must_use]
    pub const fn reference(&self) -> Option<Reference> {
        self.reference
    }

    /// Sets the symbol's own reference price, or takes it away.
    pub const fn set_reference(&mut self, reference: Reference) {
        self.reference = Some(reference);
    }

    /// The price that filters measure by: the symbol's own reference price if it has one, else
    /// what was paid on average over so many minutes.
    #[must_use]
    pub fn reference_price(&self, now: Timestamp, mins: u32) -> Option<Price> {
        let set = self.reference.and_then(|reference| reference.price);
        set.or_else(|| self.tape.average_price(now, mins)).or(self.matcher.last_price())
    }
}
