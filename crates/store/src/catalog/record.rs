//! The rows.
//!
//! Prices, quantities and quote amounts are mantissas: the value is the mantissa times ten to the
//! segment's exponent ([`Exponents`]).

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::Kind;

/// What stands in a column that the source does not have. No value of a kline is negative.
pub const ABSENT: i64 = -1;

/// Exponents of ten of a segment's mantissas.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Exponents {
    /// Of prices.
    pub price: i8,
    /// Of base quantities and volumes.
    pub quantity: i8,
    /// Of quote volumes.
    pub quote: i8,
}

impl Exponents {
    /// Eight decimals everywhere: mantissas are the units of [`model::Price`] and
    /// [`model::Quantity`].
    pub const UNITS: Self = Self { price: -8, quantity: -8, quote: -8 };

    /// Whether mantissas of prices and quantities are the units of [`model::Price`] and
    /// [`model::Quantity`].
    #[must_use]
    pub const fn are_units(self) -> bool {
        self.price == -8 && self.quantity == -8
    }
}

impl Default for Exponents {
    fn default() -> Self {
        Self::UNITS
    }
}

/// A cell of a row as the codec sees it.
trait Cell: Copy {
    fn to_i64(self) -> i64;
    fn from_i64(value: i64) -> Self;
}

impl Cell for i64 {
    fn to_i64(self) -> i64 {
        self
    }
    fn from_i64(value: i64) -> Self {
        value
    }
}

impl Cell for Timestamp {
    fn to_i64(self) -> i64 {
        self.as_nanos()
    }
    fn from_i64(value: i64) -> Self {
        Self::from_nanos(value)
    }
}

impl Cell for bool {
    fn to_i64(self) -> i64 {
        i64::from(self)
    }
    fn from_i64(value: i64) -> Self {
        value != 0
    }
}

impl Cell for LevelFlags {
    fn to_i64(self) -> i64 {
        i64::from(self.0)
    }
    fn from_i64(value: i64) -> Self {
        Self(value.to_le_bytes()[0])
    }
}

/// A row of a segment. The trait is closed: the five records here are all there are.
pub trait Record:
    Copy + Default + Eq + std::hash::Hash + std::fmt::Debug + Send + Sync + Sealed
{
    /// What kind of record it is.
    const KIND: Kind;
    /// Names of its columns. The first is the instant that orders the rows, [`Record::at`].
    const COLUMNS: &'static [&'static str];

    /// What orders records of one instant: the id of a trade or of an update; of klines nothing.
    fn sequence(&self) -> i64;

    /// When the record became known: what orders it among others. Of a kline, when it opened.
    fn at(&self) -> Timestamp;

    /// Copies one column out of rows.
    fn gather(column: usize, rows: &[Self], values: &mut Vec<i64>);

    /// Copies one column into rows.
    fn scatter(column: usize, values: &[i64], rows: &mut [Self]);
}

use sealed::Sealed;
mod sealed {
    /// Keeps [`super::Record`] closed.
    pub trait Sealed {}
}

macro_rules! record {
    ($(#[$doc:meta])* $name:ident is $kind:ident, by $sequence:expr, {
        $(#[$first_doc:meta])* $first:ident: Timestamp,
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
        pub struct $name {
            $(#[$first_doc])* pub $first: Timestamp,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Sealed for $name {}

        impl Record for $name {
            const KIND: Kind = Kind::$kind;
            const COLUMNS: &'static [&'static str] =
                &[stringify!($first), $(stringify!($field)),*];

            #[inline]
            fn sequence(&self) -> i64 {
                let sequence: fn(&Self) -> i64 = $sequence;
                sequence(self)
            }

            #[inline]
            fn at(&self) -> Timestamp {
                self.$first
            }

            fn gather(column: usize, rows: &[Self], values: &mut Vec<i64>) {
                values.clear();
                let mut place = 0;
                if column == place {
                    values.extend(rows.iter().map(|row| row.$first.to_i64()));
                }
                $(
                    place += 1;
                    if column == place {
                        values.extend(rows.iter().map(|row| row.$field.to_i64()));
                    }
                )*
                let _ = place;
            }

            fn scatter(column: usize, values: &[i64], rows: &mut [Self]) {
                let mut place = 0;
                if column == place {
                    for (row, value) in rows.iter_mut().zip(values) {
                        row.$first = Cell::from_i64(*value);
                    }
                }
                $(
                    place += 1;
                    if column == place {
                        for (row, value) in rows.iter_mut().zip(values) {
                            row.$field = Cell::from_i64(*value);
                        }
                    }
                )*
                let _ = place;
            }
        }
    };
}

record! {
    /// A trade between two orders.
    Trade is Trades, by |row| row.id, {
        /// When it was received; equal to `event_at` where nobody wrote that down.
        received_at: Timestamp,
        /// When it happened, by the venue.
        event_at: Timestamp,
        /// The venue's number.
        id: i64,
        /// Price.
        price: i64,
        /// Base quantity.
        quantity: i64,
        /// Whether the buyer rested, so that the seller took.
        is_buyer_maker: bool,
    }
}

record! {
    /// Trades of one taker order at one price and instant.
    AggTrade is AggTrades, by |row| row.id, {
        /// When it was received; equal to `event_at` where nobody wrote that down.
        received_at: Timestamp,
        /// When it happened, by the venue.
        event_at: Timestamp,
        /// The venue's number of the aggregate.
        id: i64,
        /// The first trade.
        first_trade_id: i64,
        /// The last trade.
        last_trade_id: i64,
        /// Price.
        price: i64,
        /// Base quantity of all of them.
        quantity: i64,
        /// Whether the buyer rested, so that the seller took.
        is_buyer_maker: bool,
    }
}

record! {
    /// A candle. What the source does not have is [`ABSENT`].
    Kline is Klines, by |_| 0, {
        /// Opening instant, inclusive. The candle is known only after `close_at`.
        open_at: Timestamp,
        /// Last instant, inclusive, as the venue writes it: a millisecond or microsecond before
        /// the next opens. Of a source without it, the last nanosecond.
        close_at: Timestamp,
        /// First price.
        open: i64,
        /// Highest price.
        high: i64,
        /// Lowest price.
        low: i64,
        /// Last price.
        close: i64,
        /// Base volume.
        volume: i64,
        /// Quote volume, or [`ABSENT`].
        quote_volume: i64,
        /// Number of trades, or [`ABSENT`].
        trade_count: i64,
        /// Base volume bought by takers, or [`ABSENT`].
        taker_buy_volume: i64,
        /// Quote volume paid by takers, or [`ABSENT`].
        taker_buy_quote_volume: i64,
    }
}

record! {
    /// The best bid and ask.
    Quote is Quotes, by |row| row.update_id, {
        /// When it was received.
        received_at: Timestamp,
        /// When it was made, by the venue; equal to `received_at` on spot, which says no time.
        event_at: Timestamp,
        /// The book's update id, in the space of depth updates.
        update_id: i64,
        /// Best bid; zero when there is none.
        bid: i64,
        /// Quantity there.
        bid_quantity: i64,
        /// Best ask; zero when there is none.
        ask: i64,
        /// Quantity there.
        ask_quantity: i64,
    }
}

record! {
    /// One changed price level. An update of several levels is several rows with the same instants
    /// and ids, in the order of the message; the last one is marked so. Apply none before all are
    /// there: see [`LevelFlags`].
    LevelChange is Depth, by |row| row.last_update_id, {
        /// When it was received.
        received_at: Timestamp,
        /// When it was made, by the venue; equal to `received_at` for a snapshot.
        event_at: Timestamp,
        /// First update id covered: the update follows a book at the id before it. (On futures,
        /// where `pu` says so, `pu + 1`.) Of a snapshot its own id.
        first_update_id: i64,
        /// Last update id covered; the book's id once it is applied.
        last_update_id: i64,
        /// Price; zero in a row that only carries the ids of an update without levels.
        price: i64,
        /// Base quantity that rests there now; zero removes the level.
        quantity: i64,
        /// Side, place in the update, snapshot or not.
        flags: LevelFlags,
    }
}

/// What a [`LevelChange`] is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct LevelFlags(pub u8);

impl LevelFlags {
    const ASK: u8 = 1;
    const LAST: u8 = 2;
    const SNAPSHOT: u8 = 4;
    const EMPTY: u8 = 8;

    /// A level of a side.
    #[must_use]
    pub const fn new(is_ask: bool, is_snapshot: bool) -> Self {
        let side = if is_ask { Self::ASK } else { 0 };
        let snapshot = if is_snapshot { Self::SNAPSHOT } else { 0 };
        Self(side | snapshot)
    }

    /// The row of an update without levels.
    #[must_use]
    pub const fn empty(is_snapshot: bool) -> Self {
        Self(Self::new(false, is_snapshot).0 | Self::EMPTY | Self::LAST)
    }

    /// The same, as the last of its update.
    #[must_use]
    pub const fn as_last(self) -> Self {
        Self(self.0 | Self::LAST)
    }

    /// Whether the level is an ask.
    #[must_use]
    pub const fn is_ask(self) -> bool {
        self.0 & Self::ASK != 0
    }

    /// Whether the update is complete with this row.
    #[must_use]
    pub const fn is_last(self) -> bool {
        self.0 & Self::LAST != 0
    }

    /// Whether the update replaces the book: every row of it is marked.
    #[must_use]
    pub const fn is_snapshot(self) -> bool {
        self.0 & Self::SNAPSHOT != 0
    }

    /// Whether the row carries no level.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 & Self::EMPTY != 0
    }
}
