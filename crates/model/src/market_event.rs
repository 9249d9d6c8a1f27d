//! What happens on a market.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Amount, InstrumentId, Price, Quantity, Side, Timestamp, TradeId};

/// One trade between others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trade {
    /// What was traded.
    pub instrument: InstrumentId,
    /// The venue's number, gapless within a symbol.
    pub id: TradeId,
    /// Price.
    pub price: Price,
    /// Base quantity.
    pub quantity: Quantity,
    /// Side of the taker.
    pub aggressor: Side,
    /// The venue's time of the trade.
    pub event_at: Timestamp,
    /// When we saw it.
    pub received_at: Timestamp,
}

/// The best bid and ask. The venue gives no time with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Quote {
    /// What is quoted.
    pub instrument: InstrumentId,
    /// The book's update id, in the same space as depth updates.
    pub update_id: i64,
    /// Best bid.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
    /// When we saw it.
    pub received_at: Timestamp,
}

impl Quote {
    /// Half way between bid and ask, rounded down to 10⁻⁸.
    #[must_use]
    pub const fn mid(&self) -> Price {
        let (bid, ask) = (self.bid.price.units(), self.ask.price.units());
        Price::from_units(bid + (ask - bid) / 2)
    }
}

/// A price level of a book: in an update, a quantity of zero removes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Level {
    /// Price.
    pub price: Price,
    /// Base quantity resting there.
    pub quantity: Quantity,
}

/// Changes of a book between two update ids, or, as a snapshot, all of its known levels.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DepthUpdate {
    /// Whose book.
    pub instrument: InstrumentId,
    /// Whether this replaces the book instead of changing it.
    pub is_snapshot: bool,
    /// First update id covered. Equal to `last_update_id` for a snapshot.
    pub first_update_id: i64,
    /// Last update id covered.
    pub last_update_id: i64,
    /// Bid levels, absolute quantities.
    pub bids: Vec<Level>,
    /// Ask levels, absolute quantities.
    pub asks: Vec<Level>,
    /// The venue's time; for a snapshot, when it was received.
    pub event_at: Timestamp,
    /// When we saw it.
    pub received_at: Timestamp,
}

/// The top of a synchronised book. Latest wins: a slow reader may miss states in between.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BookState {
    /// Whose book.
    pub instrument: InstrumentId,
    /// The book's update id.
    pub update_id: i64,
    /// Best bids, best first.
    pub bids: Vec<Level>,
    /// Best asks, best first.
    pub asks: Vec<Level>,
    /// The venue's time of the last change.
    pub event_at: Timestamp,
    /// When we saw the last change.
    pub received_at: Timestamp,
}

/// The length of a bar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Interval(Duration);

/// A text that is no bar interval.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown interval `{0}`: use one of 1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w")]
pub struct IntervalError(pub String);

/// Name and seconds of each interval that the venue has and whose bars all have the same length.
const INTERVALS: [(&str, u64); 15] = [
    ("1s", 1),
    ("1m", 60),
    ("3m", 180),
    ("5m", 300),
    ("15m", 900),
    ("30m", 1_800),
    ("1h", 3_600),
    ("2h", 7_200),
    ("4h", 14_400),
    ("6h", 21_600),
    ("8h", 28_800),
    ("12h", 43_200),
    ("1d", 86_400),
    ("3d", 259_200),
    ("1w", 604_800),
];

impl Interval {
    /// One second.
    pub const SECOND: Self = Self(Duration::from_secs(1));
    /// One minute.
    pub const MINUTE: Self = Self(Duration::from_secs(60));
    /// A quarter of an hour.
    pub const QUARTER: Self = Self(Duration::from_secs(900));
    /// One hour.
    pub const HOUR: Self = Self(Duration::from_secs(3_600));
    /// One UTC day.
    pub const DAY: Self = Self(Duration::from_secs(86_400));

    /// Length.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// The venue's name, for example `1m`.
    #[must_use]
    pub fn name(self) -> &'static str {
        INTERVALS
            .iter()
            .find(|(_, secs)| Duration::from_secs(*secs) == self.0)
            .map(|(name, _)| *name)
            .expect("built from the table only")
    }

    /// Every interval, shortest first.
    pub fn all() -> impl Iterator<Item = Self> {
        INTERVALS.iter().map(|(_, secs)| Self(Duration::from_secs(*secs)))
    }

    /// The opening of the bar that holds the instant. Weeks open on Monday, as on the venue.
    #[must_use]
    pub fn open_of(self, instant: Timestamp) -> Timestamp {
        const WEEK_SECS: u64 = 604_800;
        if self.0.as_secs() == WEEK_SECS {
            // 1970-01-01 was a Thursday: Mondays lie four days after multiples of a week.
            let monday = Duration::from_secs(4 * 86_400);
            return instant.before(monday).floor_to(self.0).after(monday);
        }
        instant.floor_to(self.0)
    }
}

impl FromStr for Interval {
    type Err = IntervalError;
    fn from_str(text: &str) -> Result<Self, IntervalError> {
        INTERVALS
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, secs)| Self(Duration::from_secs(*secs)))
            .ok_or_else(|| IntervalError(text.to_owned()))
    }
}

impl TryFrom<String> for Interval {
    type Error = IntervalError;
    fn try_from(text: String) -> Result<Self, IntervalError> {
        text.parse()
    }
}

impl From<Interval> for String {
    fn from(interval: Interval) -> Self {
        interval.name().to_owned()
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// A closed bar. An interval without trades yields one at the previous close with volume zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bar {
    /// What was traded.
    pub instrument: InstrumentId,
    /// Length.
    pub interval: Interval,
    /// Opening instant, inclusive; the bar ends one interval later, exclusive.
    pub open_at: Timestamp,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Base volume.
    pub volume: Quantity,
    /// Quote volume.
    pub quote_volume: Amount,
    /// Base volume bought by takers.
    pub taker_buy_volume: Quantity,
    /// Number of trades.
    pub trade_count: u64,
    /// When we knew it closed.
    pub received_at: Timestamp,
}

impl Bar {
    /// The instant at which the bar ends, exclusive.
    #[must_use]
    pub fn close_at(&self) -> Timestamp {
        self.open_at.after(self.interval.duration())
    }

    /// This bar as it was when it opened: a history tells so, that has the whole bar, for the sake
    /// of orders that came between two bars. Its volume is the whole bar's; no strategy gets it.
    #[must_use]
    pub const fn opening(&self) -> Self {
        let (open, received_at) = (self.open, self.open_at);
        Self { high: open, low: open, close: open, received_at, ..*self }
    }

    /// Whether it is an [`Self::opening`]: no bar that is over is received when it opens.
    #[must_use]
    pub fn has_only_opened(&self) -> bool {
        self.received_at <= self.open_at
    }
}

/// Anything that happens on a market and that a machine of ours may react to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum MarketEvent {
    /// A trade. Never dropped silently.
    Trade(Trade),
    /// A new best bid or ask. Conflates: latest wins.
    Quote(Quote),
    /// A closed bar. Never dropped silently. It lies apart, being twice as large as what comes a
    /// thousand times as often.
    Bar(Box<Bar>),
    /// A new state of the top of the book. Conflates: latest wins.
    Book(Arc<BookState>),
    /// Raw level changes, in order, for local matching and recording; strategies get `Book`.
    Depth(Arc<DepthUpdate>),
}

impl From<Bar> for MarketEvent {
    fn from(bar: Bar) -> Self {
        Self::Bar(Box::new(bar))
    }
}

impl MarketEvent {
    /// Whose market.
    #[must_use]
    #[inline(always)]
    pub fn instrument(&self) -> InstrumentId {
        // Most of most histories: a comparison instead of a jump, and asked several times an event.
        if let Self::Trade(trade) = self {
            return trade.instrument;
        }
        match self {
            Self::Trade(trade) => trade.instrument,
            Self::Quote(quote) => quote.instrument,
            Self::Bar(bar) => bar.instrument,
            Self::Book(book) => book.instrument,
            Self::Depth(depth) => depth.instrument,
        }
    }

    /// When we saw it: the `now` of the cascade that it starts.
    #[must_use]
    #[inline(always)]
    pub fn received_at(&self) -> Timestamp {
        if let Self::Trade(trade) = self {
            return trade.received_at;
        }
        match self {
            Self::Trade(trade) => trade.received_at,
            Self::Quote(quote) => quote.received_at,
            Self::Bar(bar) => bar.received_at,
            Self::Book(book) => book.received_at,
            Self::Depth(depth) => depth.received_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_open_where_the_venue_opens_them() {
        #[track_caller]
        fn check(interval: &str, expected: &str) {
            let instant = Timestamp::from_millis(1_723_161_253_937);
            let interval: Interval = interval.parse().unwrap();
            assert_eq!(interval.open_of(instant).to_string(), expected);
        }
        check("1s", "2024-08-08T23:54:13.000000Z");
        check("5m", "2024-08-08T23:50:00.000000Z");
        check("1d", "2024-08-08T00:00:00.000000Z");
        check("1w", "2024-08-05T00:00:00.000000Z");
    }

    #[test]
    fn an_unknown_interval_is_named() {
        assert_eq!("7m".parse::<Interval>(), Err(IntervalError("7m".to_owned())));
    }
}
