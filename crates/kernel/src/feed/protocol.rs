//! The trait that a venue's market data protocol implements. Pure: no sockets, no clock.

use model::{Bar, DepthUpdate, InstrumentId, Interval, Quote, Timestamp, Trade};
use serde::{Deserialize, Serialize};

use crate::wire::HttpRequest;

/// What a stream carries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    /// Every trade.
    Trade,
    /// Best bid and ask.
    Quote,
    /// Changes of the book, to be synchronised with a snapshot.
    Depth,
    /// The venue's own bars.
    Bar(Interval),
}

/// One stream of one instrument.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Stream {
    /// Whose.
    pub instrument: InstrumentId,
    /// What.
    pub kind: StreamKind,
}

/// What one frame of the venue said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FeedMessage {
    /// A trade.
    Trade(Trade),
    /// Best bid and ask.
    Quote(Quote),
    /// A bar, perhaps still open.
    Bar {
        /// The bar as it stands.
        bar: Bar,
        /// Whether the venue says that it is complete.
        is_closed: bool,
    },
    /// Changes of a book.
    Depth(DepthUpdate),
    /// A control request was carried out.
    ControlDone {
        /// The id it was sent with.
        id: u64,
    },
    /// A control request was refused.
    ControlRefused(SubscriptionRefused),
    /// The venue is about to close the connection.
    ShutdownAnnounced,
    /// A well-formed message that concerns nothing we asked for.
    Ignored,
}

/// A control request that the venue refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("subscription refused with {code}: {message}")]
pub struct SubscriptionRefused {
    /// The id it was sent with, if the venue repeats it.
    pub id: Option<u64>,
    /// The venue's code.
    pub code: i64,
    /// The venue's words.
    pub message: String,
}

/// A frame that could not be read. The frame is counted and skipped; it never ends the feed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not the JSON that the protocol promises.
    #[error("malformed frame: {0}")]
    Malformed(String),
    /// A symbol that nobody subscribed to.
    #[error("frame for unknown symbol `{0}`")]
    UnknownSymbol(String),
    /// A number that does not fit.
    #[error("field `{field}` holds no valid number: {reason}")]
    BadNumber {
        /// The key in the frame.
        field: &'static str,
        /// Why.
        reason: model::FixedError,
    },
}

/// A venue's market data protocol.
pub trait FeedProtocol {
    /// The websocket URL for a connection that will carry some streams. Streams may be named in
    /// the URL, in which case [`Self::subscribe`] returns nothing for them.
    fn url(&self, streams: &[Stream]) -> String;

    /// The most streams that one connection may carry.
    fn max_streams(&self) -> usize;

    /// Control messages that subscribe to the streams, each to be sent in order and within the
    /// venue's rate of messages, with ids counted up from `first_id`.
    fn subscribe(&self, streams: &[Stream], first_id: u64) -> Vec<String>;

    /// Reads one frame. `received_at` becomes that of every event.
    ///
    /// # Errors
    /// See [`DecodeError`].
    fn decode(&mut self, text: &str, received_at: Timestamp) -> Result<FeedMessage, DecodeError>;

    /// The request for a snapshot of a book.
    fn snapshot_request(&self, instrument: InstrumentId) -> HttpRequest;

    /// Reads the answer to [`Self::snapshot_request`].
    ///
    /// # Errors
    /// See [`DecodeError`].
    fn decode_snapshot(
        &self,
        instrument: InstrumentId,
        body: &[u8],
        received_at: Timestamp,
    ) -> Result<DepthUpdate, DecodeError>;

    /// The request for the latest bars of an interval, the open one perhaps among them. At most
    /// `count`, ending with the bar that holds `until` if given.
    fn bars_request(
        &self,
        instrument: InstrumentId,
        interval: Interval,
        count: u32,
        until: Option<Timestamp>,
    ) -> HttpRequest;

    /// Reads the answer to [`Self::bars_request`], oldest first.
    ///
    /// # Errors
    /// See [`DecodeError`].
    fn decode_bars(
        &self,
        instrument: InstrumentId,
        interval: Interval,
        body: &[u8],
        received_at: Timestamp,
    ) -> Result<Vec<Bar>, DecodeError>;

    /// The request for the latest trades, at most `count`.
    fn trades_request(&self, instrument: InstrumentId, count: u32) -> HttpRequest;

    /// Reads the answer to [`Self::trades_request`], oldest first.
    ///
    /// # Errors
    /// See [`DecodeError`].
    fn decode_trades(
        &self,
        instrument: InstrumentId,
        body: &[u8],
        received_at: Timestamp,
    ) -> Result<Vec<Trade>, DecodeError>;
}

impl<P: FeedProtocol + ?Sized> FeedProtocol for Box<P> {
    fn url(&self, streams: &[Stream]) -> String {
        (**self).url(streams)
    }

    fn max_streams(&self) -> usize {
        (**self).max_streams()
    }

    fn subscribe(&self, streams: &[Stream], first_id: u64) -> Vec<String> {
        (**self).subscribe(streams, first_id)
    }

    fn decode(&mut self, text: &str, received_at: Timestamp) -> Result<FeedMessage, DecodeError> {
        (**self).decode(text, received_at)
    }

    fn snapshot_request(&self, instrument: InstrumentId) -> HttpRequest {
        (**self).snapshot_request(instrument)
    }

    fn decode_snapshot(
        &self,
        instrument: InstrumentId,
        body: &[u8],
        received_at: Timestamp,
    ) -> Result<DepthUpdate, DecodeError> {
        (**self).decode_snapshot(instrument, body, received_at)
    }

    fn bars_request(
        &self,
        instrument: InstrumentId,
        interval: Interval,
        count: u32,
        until: Option<Timestamp>,
    ) -> HttpRequest {
        (**self).bars_request(instrument, interval, count, until)
    }

    fn decode_bars(
        &self,
        instrument: InstrumentId,
        interval: Interval,
        body: &[u8],
        received_at: Timestamp,
    ) -> Result<Vec<Bar>, DecodeError> {
        (**self).decode_bars(instrument, interval, body, received_at)
    }

    fn trades_request(&self, instrument: InstrumentId, count: u32) -> HttpRequest {
        (**self).trades_request(instrument, count)
    }

    fn decode_trades(
        &self,
        instrument: InstrumentId,
        body: &[u8],
        received_at: Timestamp,
    ) -> Result<Vec<Trade>, DecodeError> {
        (**self).decode_trades(instrument, body, received_at)
    }
}
