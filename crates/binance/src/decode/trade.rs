//! Trades and aggregate trades.

use std::borrow::Cow;

use model::{InstrumentId, Price, Quantity, Side, Timestamp, Trade, TradeId};
use serde::Deserialize;

use super::DecodeError;
use super::field::{check_trade, instant, venue_instant};
use super::scan::Scanner;

/// `<symbol>@trade`: one trade between two orders.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TradeEvent<'a> {
    /// When the event was made.
    #[serde(rename = "E", deserialize_with = "instant")]
    pub event_at: Timestamp,
    /// Symbol.
    #[serde(rename = "s", borrow)]
    pub symbol: Cow<'a, str>,
    /// Trade id.
    #[serde(rename = "t")]
    pub id: i64,
    /// Price.
    #[serde(rename = "p")]
    pub price: Price,
    /// Base quantity.
    #[serde(rename = "q")]
    pub quantity: Quantity,
    /// When the trade happened.
    #[serde(rename = "T", deserialize_with = "instant")]
    pub traded_at: Timestamp,
    /// Whether the buyer rested, so that the seller took.
    #[serde(rename = "m")]
    pub buyer_is_maker: bool,
}

impl<'a> TradeEvent<'a> {
    /// How the venue's present layout begins.
    pub(super) const PREFIX: &'static [u8] = b"{\"e\":\"trade\",\"E\":";

    /// Reads the venue's present layout; `None` leaves the message to serde.
    #[inline]
    pub(super) fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        scanner.literal(Self::PREFIX)?;
        let event_at = venue_instant(scanner.integer()?);
        scanner.literal(b",\"s\":\"")?;
        let symbol = Cow::Borrowed(scanner.text()?);
        scanner.literal(b",\"t\":")?;
        let id = scanner.integer()?;
        scanner.literal(b",\"p\":\"")?;
        let price = scanner.price()?;
        scanner.literal(b",\"q\":\"")?;
        let quantity = scanner.quantity()?;
        scanner.literal(b",\"T\":")?;
        let traded_at = venue_instant(scanner.integer()?);
        scanner.literal(b",\"m\":")?;
        let buyer_is_maker = scanner.boolean()?;
        scanner.literal(b",\"M\":")?;
        scanner.boolean()?;
        scanner.literal(b"}")?;
        Some(Self { event_at, symbol, id, price, quantity, traded_at, buyer_is_maker })
    }

    /// As the engine's trade.
    ///
    /// # Errors
    /// [`DecodeError::Impossible`] without a positive price and quantity.
    pub fn to_trade(
        &self,
        instrument: InstrumentId,
        received_at: Timestamp,
    ) -> Result<Trade, DecodeError> {
        check_trade("trade", self.price, self.quantity)?;
        Ok(Trade {
            instrument,
            id: TradeId(self.id),
            price: self.price,
            quantity: self.quantity,
            aggressor: aggressor(self.buyer_is_maker),
            event_at: self.traded_at,
            received_at,
        })
    }
}

/// The side of the taker: the seller took when the buyer rested.
pub(super) const fn aggressor(buyer_is_maker: bool) -> Side {
    if buyer_is_maker { Side::Sell } else { Side::Buy }
}

/// `<symbol>@aggTrade`: the fills of one taker order at one price.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AggTrade<'a> {
    /// When the event was made.
    #[serde(rename = "E", deserialize_with = "instant")]
    pub event_at: Timestamp,
    /// Symbol.
    #[serde(rename = "s", borrow)]
    pub symbol: Cow<'a, str>,
    /// Aggregate trade id.
    #[serde(rename = "a")]
    pub id: i64,
    /// Price.
    #[serde(rename = "p")]
    pub price: Price,
    /// Base quantity.
    #[serde(rename = "q")]
    pub quantity: Quantity,
    /// First trade id.
    #[serde(rename = "f")]
    pub first_trade_id: i64,
    /// Last trade id.
    #[serde(rename = "l")]
    pub last_trade_id: i64,
    /// When they happened.
    #[serde(rename = "T", deserialize_with = "instant")]
    pub traded_at: Timestamp,
    /// Whether the buyer rested, so that the seller took.
    #[serde(rename = "m")]
    pub buyer_is_maker: bool,
}

impl AggTrade<'_> {
    /// The fields that REST has too.
    #[must_use]
    pub const fn row(&self) -> AggTradeRow {
        AggTradeRow {
            id: self.id,
            price: self.price,
            quantity: self.quantity,
            first_trade_id: self.first_trade_id,
            last_trade_id: self.last_trade_id,
            traded_at: self.traded_at,
            buyer_is_maker: self.buyer_is_maker,
        }
    }
}

/// One row of `GET /api/v3/aggTrades`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct AggTradeRow {
    /// Aggregate trade id.
    #[serde(rename = "a")]
    pub id: i64,
    /// Price.
    #[serde(rename = "p")]
    pub price: Price,
    /// Base quantity.
    #[serde(rename = "q")]
    pub quantity: Quantity,
    /// First trade id.
    #[serde(rename = "f")]
    pub first_trade_id: i64,
    /// Last trade id.
    #[serde(rename = "l")]
    pub last_trade_id: i64,
    /// When they happened.
    #[serde(rename = "T", deserialize_with = "instant")]
    pub traded_at: Timestamp,
    /// Whether the buyer rested, so that the seller took.
    #[serde(rename = "m")]
    pub buyer_is_maker: bool,
}

impl AggTradeRow {
    /// As one trade with the id of the last one in it: ids still increase, with gaps.
    ///
    /// # Errors
    /// [`DecodeError::Impossible`] without a positive price and quantity.
    pub fn to_trade(
        &self,
        instrument: InstrumentId,
        received_at: Timestamp,
    ) -> Result<Trade, DecodeError> {
        check_trade("aggTrade", self.price, self.quantity)?;
        Ok(Trade {
            instrument,
            id: TradeId(self.last_trade_id),
            price: self.price,
            quantity: self.quantity,
            aggressor: aggressor(self.buyer_is_maker),
            event_at: self.traded_at,
            received_at,
        })
    }
}
