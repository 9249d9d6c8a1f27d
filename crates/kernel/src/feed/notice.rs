//! What the feed has to say besides market events: for the log, the monitor and risk.

use std::time::Duration;

use market::BookLost;
use model::{InstrumentId, Price, TradeId};

use super::protocol::{DecodeError, Stream, SubscriptionRefused};
use crate::wire::ConnectionId;

/// Something that an operator may want to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FeedNotice {
    /// A connection is up and subscribed.
    Connected {
        /// Which.
        connection: ConnectionId,
        /// How many streams it carries.
        streams: usize,
    },
    /// A connection ended, or could not be opened.
    Disconnected {
        /// Which.
        connection: ConnectionId,
        /// Why.
        reason: String,
        /// When the next attempt comes; zero if another connection takes its place.
        retry_in: Duration,
    },
    /// A connection was replaced in good order, without losing an event.
    Rotated {
        /// The one that took over.
        connection: ConnectionId,
    },
    /// A subscription was refused: the stream will not come.
    Refused(SubscriptionRefused),
    /// A frame could not be read; it was skipped.
    Malformed(DecodeError),
    /// Trades are missing between two that came.
    TradesMissed {
        /// Whose.
        instrument: InstrumentId,
        /// The last that came before.
        after: TradeId,
        /// The first that came after.
        before: TradeId,
    },
    /// Trade numbers began anew, as after the reset of a test network.
    TradesRestarted {
        /// Whose.
        instrument: InstrumentId,
        /// The last of the old ones.
        last: TradeId,
        /// The first of the new ones.
        first: TradeId,
    },
    /// Update ids of best prices began anew, or one of them was wrong and stood in the way of all
    /// that came after it.
    QuotesRestarted {
        /// Whose.
        instrument: InstrumentId,
        /// The last of the old ones.
        last: i64,
        /// The first of the new ones.
        first: i64,
    },
    /// A trade or a best price is a multiple of the last one: it was not passed on. The next one
    /// that says the same is.
    PriceDoubted {
        /// Which.
        stream: Stream,
        /// What it said.
        price: Price,
        /// What it had said last.
        last: Price,
    },
    /// A book is in step with the venue.
    BookSynchronised {
        /// Whose.
        instrument: InstrumentId,
        /// The book's update id.
        update_id: i64,
    },
    /// A book was lost; a new snapshot is on the way.
    BookLost {
        /// Whose.
        instrument: InstrumentId,
        /// Why.
        reason: BookLost,
    },
    /// A stream has been silent for longer than its limit.
    Stale {
        /// Which.
        stream: Stream,
        /// For how long.
        silent_for: Duration,
    },
    /// A stale stream speaks again.
    Recovered {
        /// Which.
        stream: Stream,
    },
    /// A request for history or a snapshot failed; it is tried again.
    RequestFailed {
        /// Whose.
        instrument: InstrumentId,
        /// Why.
        reason: String,
    },
}

/// Counters since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FeedStats {
    /// Text frames received that carried stream data.
    pub frames: u64,
    /// Trades published.
    pub trades: u64,
    /// Quotes published.
    pub quotes: u64,
    /// Depth updates received.
    pub depth_updates: u64,
    /// Depth updates applied to a book.
    pub depth_applied: u64,
    /// Bars published.
    pub bars: u64,
    /// Events that came twice and were dropped.
    pub duplicates: u64,
    /// Frames that could not be read.
    pub malformed: u64,
    /// Trades known to be missing.
    pub trades_missed: u64,
    /// Trades that came after a bar of theirs was closed.
    pub late_trades: u64,
    /// Books lost.
    pub books_lost: u64,
    /// Connections opened after the first.
    pub reconnects: u64,
    /// Applied depth updates at which a quote of the same or an earlier update was known.
    pub books_compared: u64,
    /// Those at which the newest such quote equalled the best of the book.
    pub books_agreed: u64,
}
