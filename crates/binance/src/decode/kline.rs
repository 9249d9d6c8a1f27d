//! Bars, from the stream and from REST history.

use std::borrow::Cow;

use model::{Amount, Bar, InstrumentId, Interval, Price, Quantity, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::DecodeError;
use super::field::{TotalQuantity, instant, total_quantity, venue_instant};

/// `<symbol>@kline_<interval>`: the state of the current bar, and once its last.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KlineEvent<'a> {
    /// When the event was made.
    #[serde(rename = "E", deserialize_with = "instant")]
    pub event_at: Timestamp,
    /// Symbol.
    #[serde(rename = "s", borrow)]
    pub symbol: Cow<'a, str>,
    #[serde(rename = "k", borrow)]
    kline: Kline<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Kline<'a> {
    #[serde(rename = "t", deserialize_with = "instant")]
    open_at: Timestamp,
    #[serde(rename = "i", borrow)]
    interval: Cow<'a, str>,
    #[serde(rename = "f")]
    first_trade_id: i64,
    #[serde(rename = "L")]
    last_trade_id: i64,
    #[serde(rename = "o")]
    open: Price,
    #[serde(rename = "c")]
    close: Price,
    #[serde(rename = "h")]
    high: Price,
    #[serde(rename = "l")]
    low: Price,
    #[serde(rename = "v", deserialize_with = "total_quantity")]
    volume: Quantity,
    #[serde(rename = "n")]
    trade_count: u64,
    #[serde(rename = "x")]
    is_closed: bool,
    #[serde(rename = "q")]
    quote_volume: Amount,
    #[serde(rename = "V", deserialize_with = "total_quantity")]
    taker_buy_volume: Quantity,
}

impl KlineEvent<'_> {
    /// Whether this is the bar's last state.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.kline.is_closed
    }

    /// Opening instant of the bar.
    #[must_use]
    pub const fn open_at(&self) -> Timestamp {
        self.kline.open_at
    }

    /// First and last trade id of the bar; both -1 when it has none.
    #[must_use]
    pub const fn trade_ids(&self) -> (i64, i64) {
        (self.kline.first_trade_id, self.kline.last_trade_id)
    }

    /// The bar as it stands, closed or not.
    ///
    /// # Errors
    /// [`DecodeError::Impossible`] for an interval that bars can't have and for prices that
    /// contradict each other.
    pub fn to_bar(
        &self,
        instrument: InstrumentId,
        received_at: Timestamp,
    ) -> Result<Bar, DecodeError> {
        let kline = &self.kline;
        let interval: Interval = kline
            .interval
            .parse()
            .map_err(|_| DecodeError::impossible("kline", "interval", &kline.interval))?;
        check_bar(Bar {
            instrument,
            interval,
            open_at: kline.open_at,
            open: kline.open,
            high: kline.high,
            low: kline.low,
            close: kline.close,
            volume: kline.volume,
            quote_volume: kline.quote_volume,
            taker_buy_volume: kline.taker_buy_volume,
            trade_count: kline.trade_count,
            received_at,
        })
    }
}

fn check_bar(bar: Bar) -> Result<Bar, DecodeError> {
    let is_possible = bar.low.is_positive()
        && [bar.open, bar.close].iter().all(|price| (bar.low..=bar.high).contains(price))
        && bar.volume >= Quantity::ZERO
        && !bar.quote_volume.is_negative();
    if is_possible {
        return Ok(bar);
    }
    Err(DecodeError::impossible(
        "kline",
        "open, high, low, close, volume",
        &format_args!("{} {} {} {} {}", bar.open, bar.high, bar.low, bar.close, bar.volume),
    ))
}

/// One row of `GET /api/v3/klines`: twelve columns, of which the last two have no use here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "KlineColumns")]
pub struct KlineRow {
    open_at: Timestamp,
    prices: [Price; 4],
    volume: Quantity,
    close_at: Timestamp,
    quote_volume: Amount,
    trade_count: u64,
    taker_buy_volume: Quantity,
}

#[derive(Deserialize)]
struct KlineColumns(
    i64,
    Price,
    Price,
    Price,
    Price,
    TotalQuantity,
    i64,
    Amount,
    u64,
    TotalQuantity,
    IgnoredAny,
    IgnoredAny,
);

impl From<KlineColumns> for KlineRow {
    fn from(columns: KlineColumns) -> Self {
        Self {
            open_at: venue_instant(columns.0),
            prices: [columns.1, columns.2, columns.3, columns.4],
            volume: columns.5.0,
            close_at: venue_instant(columns.6),
            quote_volume: columns.7,
            trade_count: columns.8,
            taker_buy_volume: columns.9.0,
        }
    }
}

impl KlineRow {
    /// Opening instant of the bar.
    #[must_use]
    pub const fn open_at(&self) -> Timestamp {
        self.open_at
    }

    /// Last instant of the bar, inclusive; a bar is complete once it has passed.
    #[must_use]
    pub const fn close_at(&self) -> Timestamp {
        self.close_at
    }

    /// The bar, closed or not: the last row of an answer is usually still open.
    ///
    /// # Errors
    /// [`DecodeError::Impossible`] for prices that contradict each other.
    pub fn to_bar(
        &self,
        instrument: InstrumentId,
        interval: Interval,
        received_at: Timestamp,
    ) -> Result<Bar, DecodeError> {
        let [open, high, low, close] = self.prices;
        check_bar(Bar {
            instrument,
            interval,
            open_at: self.open_at,
            open,
            high,
            low,
            close,
            volume: self.volume,
            quote_volume: self.quote_volume,
            taker_buy_volume: self.taker_buy_volume,
            trade_count: self.trade_count,
            received_at,
        })
    }
}
