//! Price statistics: the tickers of REST and of the streams, average and reference prices.
//!
//! The engine trades on trades, quotes and books; these are for whoever looks at a market.

use std::borrow::Cow;

use model::{Price, Quantity, Timestamp};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::field::{instant, optional_instant, total_quantity};

/// `/ticker/24hr`, `/ticker/tradingDay` and `/ticker`: statistics of a window. What only the
/// longer answers have is optional: MINI has no change and average, and only the 24-hour ticker
/// has quotes and the last quantity.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticker<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// First price.
    pub open_price: Price,
    /// Highest price.
    pub high_price: Price,
    /// Lowest price.
    pub low_price: Price,
    /// Last price.
    pub last_price: Price,
    /// Base volume.
    #[serde(deserialize_with = "total_quantity")]
    pub volume: Quantity,
    /// Quote volume.
    pub quote_volume: Decimal,
    /// First instant.
    #[serde(deserialize_with = "instant")]
    pub open_time: Timestamp,
    /// Last instant.
    #[serde(deserialize_with = "instant")]
    pub close_time: Timestamp,
    /// First trade, -1 for none.
    pub first_id: i64,
    /// Last trade, -1 for none.
    pub last_id: i64,
    /// Number of trades.
    pub count: u64,
    /// Last price less first price.
    pub price_change: Option<Decimal>,
    /// The same in percent of the first price.
    pub price_change_percent: Option<Decimal>,
    /// Quote volume by base volume.
    pub weighted_avg_price: Option<Price>,
    /// Last price before the window.
    pub prev_close_price: Option<Price>,
    /// Quantity of the last trade.
    pub last_qty: Option<Quantity>,
    /// Best bid.
    pub bid_price: Option<Price>,
    /// Best ask.
    pub ask_price: Option<Price>,
}

/// `@ticker`, `@ticker_<window>` and `@miniTicker`: the same as events. `e` tells the window.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TickerEvent<'a> {
    /// `24hrTicker`, `24hrMiniTicker`, `1hTicker`, …
    #[serde(rename = "e", borrow)]
    pub event: Cow<'a, str>,
    /// When the event was made.
    #[serde(rename = "E", deserialize_with = "instant")]
    pub event_at: Timestamp,
    /// Symbol.
    #[serde(rename = "s", borrow)]
    pub symbol: Cow<'a, str>,
    /// First price.
    #[serde(rename = "o")]
    pub open: Price,
    /// Highest price.
    #[serde(rename = "h")]
    pub high: Price,
    /// Lowest price.
    #[serde(rename = "l")]
    pub low: Price,
    /// Last price.
    #[serde(rename = "c")]
    pub close: Price,
    /// Base volume.
    #[serde(rename = "v", deserialize_with = "total_quantity")]
    pub volume: Quantity,
    /// Quote volume.
    #[serde(rename = "q")]
    pub quote_volume: Decimal,
    /// Last price less first price; not in the mini ticker.
    #[serde(rename = "p")]
    pub change: Option<Decimal>,
    /// First instant; not in the mini ticker.
    #[serde(rename = "O", default, deserialize_with = "optional_instant")]
    pub open_at: Option<Timestamp>,
    /// Last instant; not in the mini ticker.
    #[serde(rename = "C", default, deserialize_with = "optional_instant")]
    pub close_at: Option<Timestamp>,
    /// Number of trades; not in the mini ticker.
    #[serde(rename = "n")]
    pub count: Option<u64>,
}

/// `/avgPrice`: the volume-weighted price that some filters refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AveragePrice {
    /// Minutes that it spans.
    pub mins: u32,
    /// The average.
    pub price: Price,
    /// The last trade in it.
    #[serde(deserialize_with = "instant")]
    pub close_time: Timestamp,
}

/// `@avgPrice`: the same as an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AveragePriceEvent<'a> {
    /// When the event was made.
    #[serde(rename = "E", deserialize_with = "instant")]
    pub event_at: Timestamp,
    /// Symbol.
    #[serde(rename = "s", borrow)]
    pub symbol: Cow<'a, str>,
    /// What it spans, for example `5m`.
    #[serde(rename = "i", borrow)]
    pub interval: Cow<'a, str>,
    /// The average.
    #[serde(rename = "w")]
    pub price: Price,
    /// The last trade in it.
    #[serde(rename = "T", deserialize_with = "instant")]
    pub last_trade_at: Timestamp,
}

/// `/referencePrice`: what filters and the price range rule refer to, where a symbol has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferencePrice<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// The price; `None` while there is none to refer to.
    pub reference_price: Option<Price>,
    /// Of when it is.
    #[serde(deserialize_with = "instant")]
    pub timestamp: Timestamp,
}

/// `@referencePrice`: the same as an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReferencePriceEvent<'a> {
    /// Symbol.
    #[serde(rename = "s", borrow)]
    pub symbol: Cow<'a, str>,
    /// The price; `None` while there is none to refer to.
    #[serde(rename = "r")]
    pub price: Option<Price>,
    /// Of when it is.
    #[serde(rename = "t", deserialize_with = "instant")]
    pub at: Timestamp,
}

/// `/referencePrice/calculation`: how it is made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferencePriceCalculation<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// `ARITHMETIC_MEAN`, `EXTERNAL`, or what comes next.
    #[serde(borrow)]
    pub calculation_type: Cow<'a, str>,
    /// Buckets of a mean.
    pub bucket_count: Option<u32>,
    /// Milliseconds of a bucket.
    pub bucket_width_ms: Option<u64>,
    /// Who makes it, if it comes from outside.
    pub external_calculation_id: Option<i64>,
}

/// `@blockTrade`, and a row of `/historicalBlockTrades` by its own names: trades that were agreed
/// outside of the book. They move no price that the engine looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct BlockTrade {
    /// Number.
    #[serde(rename = "t", alias = "id")]
    pub id: i64,
    /// Price.
    #[serde(rename = "p", alias = "price")]
    pub price: Price,
    /// Base quantity.
    #[serde(rename = "q", alias = "qty")]
    pub quantity: Quantity,
    /// When.
    #[serde(rename = "T", alias = "time", deserialize_with = "instant")]
    pub traded_at: Timestamp,
    /// Whether the buyer rested.
    #[serde(rename = "m", alias = "isBuyerMaker")]
    pub buyer_is_maker: bool,
}
