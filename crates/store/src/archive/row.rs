//! The rows.

use model::{Amount, Price, Quantity, Side, Timestamp, TradeId};
use rust_decimal::Decimal;

use super::cell::CellError;
use super::columns::{Cells, Column};
use super::possible::{Impossible, check_aggregate, check_prices, check_trade};
use crate::decimal::mantissa;
use crate::instant::parse_instant;

/// What prices and quantities count: ten to this.
const UNITS: i8 = -8;

/// A candle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kline {
    /// Opening instant, inclusive.
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
    /// Last instant, inclusive, as the venue writes it.
    pub close_at: Option<Timestamp>,
    /// Quote volume.
    pub quote_volume: Option<Amount>,
    /// Number of trades.
    pub trade_count: Option<u64>,
    /// Base volume bought by takers.
    pub taker_buy_volume: Option<Quantity>,
    /// Quote volume paid by takers.
    pub taker_buy_quote_volume: Option<Amount>,
}

/// A trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArchiveTrade {
    /// The venue's number.
    pub id: TradeId,
    /// Price.
    pub price: Price,
    /// Base quantity.
    pub quantity: Quantity,
    /// When.
    pub event_at: Timestamp,
    /// Side of the taker.
    pub aggressor: Side,
}

/// Trades of one taker order at one price and instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AggregateTrade {
    /// The venue's number of the aggregate.
    pub id: i64,
    /// Price.
    pub price: Price,
    /// Base quantity of all of them.
    pub quantity: Quantity,
    /// The first trade.
    pub first: TradeId,
    /// The last trade.
    pub last: TradeId,
    /// When.
    pub event_at: Timestamp,
    /// Side of the taker.
    pub aggressor: Side,
}

/// What can be read from a line. The module is private: the three rows are all there are.
pub trait Row: Sized {
    /// Its columns, in the order in which [`Row::read`] gets the cells.
    const COLUMNS: &'static [Column];

    /// From the cells; what is wrong with them otherwise.
    ///
    /// # Errors
    /// See [`CellError`].
    fn read(cells: &Cells<'_>) -> Result<Self, CellError>;
}

const fn needed(place: usize, names: &'static [&'static str]) -> Column {
    Column { names, place, is_optional: false }
}

const fn optional(place: usize, names: &'static [&'static str]) -> Column {
    Column { names, place, is_optional: true }
}

impl Row for Kline {
    const COLUMNS: &'static [Column] = &[
        needed(0, &["opentime", "opentimems", "timestamp", "time"]),
        needed(1, &["open"]),
        needed(2, &["high"]),
        needed(3, &["low"]),
        needed(4, &["close"]),
        needed(5, &["volume"]),
        optional(6, &["closetime", "closetimems"]),
        optional(7, &["quotevolume", "quoteassetvolume"]),
        optional(8, &["count", "trades", "numberoftrades"]),
        optional(9, &["takerbuyvolume", "takerbuybaseassetvolume"]),
        optional(10, &["takerbuyquotevolume", "takerbuyquoteassetvolume"]),
    ];

    fn read(cells: &Cells<'_>) -> Result<Self, CellError> {
        let [open_at, open, high, low, close, volume, close_at, quote, count, buy, buy_quote] =
            *cells;
        let row = Self {
            open_at: instant(open_at)?,
            open: price(open)?,
            high: price(high)?,
            low: price(low)?,
            close: price(close)?,
            volume: quantity(volume)?,
            close_at: given(close_at, instant)?,
            quote_volume: given(quote, amount)?,
            trade_count: given(count, number)?,
            taker_buy_volume: given(buy, quantity)?,
            taker_buy_quote_volume: given(buy_quote, amount)?,
        };
        check_prices([row.open, row.high, row.low, row.close].map(Price::units))?;
        if row.close_at.is_some_and(|close_at| close_at < row.open_at) {
            return Err(Impossible::Close.into());
        }
        let volumes = [Some(row.volume), row.taker_buy_volume];
        let amounts = [row.quote_volume, row.taker_buy_quote_volume];
        if volumes.iter().flatten().any(|volume| *volume < Quantity::ZERO)
            || amounts.iter().flatten().any(|amount| amount.is_negative())
        {
            return Err(Impossible::Volume.into());
        }
        Ok(row)
    }
}

impl Row for ArchiveTrade {
    const COLUMNS: &'static [Column] = &[
        needed(0, &["id", "tradeid"]),
        needed(1, &["price"]),
        needed(2, &["qty", "quantity", "amount"]),
        needed(4, &["time", "timems", "timestamp", "timestampms"]),
        needed(5, &["isbuyermaker", "side"]),
    ];

    fn read(cells: &Cells<'_>) -> Result<Self, CellError> {
        let [id, at_price, amount, at, maker, ..] = *cells;
        let row = Self {
            id: TradeId(number(id)?),
            price: price(at_price)?,
            quantity: quantity(amount)?,
            event_at: instant(at)?,
            aggressor: aggressor(maker)?,
        };
        check_trade(row.price.units(), row.quantity.units())?;
        Ok(row)
    }
}

impl Row for AggregateTrade {
    const COLUMNS: &'static [Column] = &[
        needed(0, &["aggtradeid", "aggid", "id", "a"]),
        needed(1, &["price", "p"]),
        needed(2, &["quantity", "qty", "q"]),
        needed(3, &["firsttradeid", "firstid", "f"]),
        needed(4, &["lasttradeid", "lastid", "l"]),
        needed(5, &["transacttime", "timestamp", "time", "t"]),
        needed(6, &["isbuyermaker", "m"]),
    ];

    fn read(cells: &Cells<'_>) -> Result<Self, CellError> {
        let [id, at_price, amount, first, last, at, maker, ..] = *cells;
        let row = Self {
            id: number(id)?,
            price: price(at_price)?,
            quantity: quantity(amount)?,
            first: TradeId(number(first)?),
            last: TradeId(number(last)?),
            event_at: instant(at)?,
            aggressor: aggressor(maker)?,
        };
        let (price, quantity) = (row.price.units(), row.quantity.units());
        check_aggregate(price, quantity, (row.first.0, row.last.0))?;
        Ok(row)
    }
}

/// `None` for an empty cell: the file has no such column.
fn given<T>(
    cell: &str,
    read: impl FnOnce(&str) -> Result<T, CellError>,
) -> Result<Option<T>, CellError> {
    if cell.is_empty() { Ok(None) } else { read(cell).map(Some) }
}

/// Reads `-?digits[.digits]` in one go, and with an exponent as [`mantissa`] does.
fn units(what: &'static str, cell: &str) -> Result<i64, CellError> {
    match Price::parse(cell.as_bytes()) {
        Ok(price) => Ok(price.units()),
        Err(source) => mantissa(cell, UNITS).map_err(|_| CellError::Fixed {
            what,
            cell: cell.to_owned(),
            source,
        }),
    }
}

fn price(cell: &str) -> Result<Price, CellError> {
    units("price", cell).map(Price::from_units)
}

fn quantity(cell: &str) -> Result<Quantity, CellError> {
    units("quantity", cell).map(Quantity::from_units)
}

/// As [`units`], with more decimals: an exponent is no reason to refuse a file that `import` takes.
fn amount(cell: &str) -> Result<Amount, CellError> {
    let of_exponent = || Decimal::from_scientific(cell).ok().map(Amount::new);
    cell.parse().or_else(|source| {
        of_exponent().ok_or_else(|| CellError::Amount { cell: cell.to_owned(), source })
    })
}

fn instant(cell: &str) -> Result<Timestamp, CellError> {
    parse_instant(cell).ok_or_else(|| CellError::Instant(cell.to_owned()))
}

fn number<N: std::str::FromStr>(cell: &str) -> Result<N, CellError> {
    cell.parse().map_err(|_| CellError::Whole(cell.to_owned()))
}

fn aggressor(cell: &str) -> Result<Side, CellError> {
    let is_buyer_maker =
        is_buyer_maker(cell).ok_or_else(|| CellError::Aggressor(cell.to_owned()))?;
    Ok(if is_buyer_maker { Side::Sell } else { Side::Buy })
}

/// Whether the buyer was the maker: from that, or from the side of the taker. `None` for any other
/// word.
#[must_use]
pub fn is_buyer_maker(cell: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 4]| words.iter().any(|word| cell.eq_ignore_ascii_case(word));
    if is_one_of(["true", "1", "sell", "s"]) {
        Some(true)
    } else {
        is_one_of(["false", "0", "buy", "b"]).then_some(false)
    }
}
