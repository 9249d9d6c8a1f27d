//! Small public REST answers.

use std::borrow::Cow;

use model::{InstrumentId, Price, Quantity, Timestamp, Trade, TradeId};
use serde::Deserialize;

use super::DecodeError;
use super::field::{check_trade, instant, total_quantity};
use super::trade::aggressor;

/// `GET /api/v3/time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct ServerTime {
    /// The venue's clock.
    #[serde(rename = "serverTime", deserialize_with = "instant")]
    pub server_time: Timestamp,
}

/// One row of `GET /api/v3/trades` and `/historicalTrades`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicTrade {
    /// Trade id.
    pub id: i64,
    /// Price.
    pub price: Price,
    /// Base quantity.
    pub qty: Quantity,
    /// When.
    #[serde(deserialize_with = "instant")]
    pub time: Timestamp,
    /// Whether the buyer rested, so that the seller took.
    pub is_buyer_maker: bool,
}

impl PublicTrade {
    /// As the engine's trade.
    ///
    /// # Errors
    /// [`DecodeError::Impossible`] without a positive price and quantity.
    pub fn to_trade(
        &self,
        instrument: InstrumentId,
        received_at: Timestamp,
    ) -> Result<Trade, DecodeError> {
        check_trade("trades", self.price, self.qty)?;
        Ok(Trade {
            instrument,
            id: TradeId(self.id),
            price: self.price,
            quantity: self.qty,
            aggressor: aggressor(self.is_buyer_maker),
            event_at: self.time,
            received_at,
        })
    }
}

/// `GET /api/v3/ticker/price`: one, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PriceRow<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// Last price.
    pub price: Price,
}

/// `GET /api/v3/ticker/bookTicker`: one, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BookTickerRow<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// Best bid; zero when there is none.
    pub bid_price: Price,
    /// Quantity there.
    #[serde(deserialize_with = "total_quantity")]
    pub bid_qty: Quantity,
    /// Best ask; zero when there is none.
    pub ask_price: Price,
    /// Quantity there.
    #[serde(deserialize_with = "total_quantity")]
    pub ask_qty: Quantity,
}
