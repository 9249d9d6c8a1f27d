//! The best bid and ask.

use std::borrow::Cow;

use model::{InstrumentId, Level, Price, Quantity, Quote, Timestamp};
use serde::Deserialize;

use super::DecodeError;
use super::field::total_quantity;
use super::scan::Scanner;

/// `<symbol>@bookTicker`. It carries neither an event name nor a time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BookTicker<'a> {
    /// The book's update id, in the space of depth updates.
    #[serde(rename = "u")]
    pub update_id: i64,
    /// Symbol.
    #[serde(rename = "s", borrow)]
    pub symbol: Cow<'a, str>,
    /// Best bid; zero when there is none.
    #[serde(rename = "b")]
    pub bid_price: Price,
    /// Quantity there.
    #[serde(rename = "B", deserialize_with = "total_quantity")]
    pub bid_quantity: Quantity,
    /// Best ask; zero when there is none.
    #[serde(rename = "a")]
    pub ask_price: Price,
    /// Quantity there.
    #[serde(rename = "A", deserialize_with = "total_quantity")]
    pub ask_quantity: Quantity,
}

impl<'a> BookTicker<'a> {
    /// How the venue's present layout begins.
    pub(super) const PREFIX: &'static [u8] = b"{\"u\":";

    /// Reads the venue's present layout; `None` leaves the message to serde.
    #[inline]
    pub(super) fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        scanner.literal(Self::PREFIX)?;
        let update_id = scanner.integer()?;
        scanner.literal(b",\"s\":\"")?;
        let symbol = Cow::Borrowed(scanner.text()?);
        scanner.literal(b",\"b\":\"")?;
        let bid_price = scanner.price()?;
        scanner.literal(b",\"B\":\"")?;
        let bid_quantity = scanner.quantity()?;
        scanner.literal(b",\"a\":\"")?;
        let ask_price = scanner.price()?;
        scanner.literal(b",\"A\":\"")?;
        let ask_quantity = scanner.quantity()?;
        scanner.literal(b"}")?;
        Some(Self { update_id, symbol, bid_price, bid_quantity, ask_price, ask_quantity })
    }

    /// As the engine's quote; `None` when a side of the book is empty, for a quote has two.
    ///
    /// # Errors
    /// [`DecodeError::Impossible`] for negative values and for a bid that is not below the ask.
    pub fn to_quote(
        &self,
        instrument: InstrumentId,
        received_at: Timestamp,
    ) -> Result<Option<Quote>, DecodeError> {
        let bid = Level { price: self.bid_price, quantity: self.bid_quantity };
        let ask = Level { price: self.ask_price, quantity: self.ask_quantity };
        let is_negative =
            |level: Level| level.price < Price::ZERO || level.quantity < Quantity::ZERO;
        let has_both = !bid.price.is_zero() && !ask.price.is_zero();
        if is_negative(bid) || is_negative(ask) || (has_both && bid.price >= ask.price) {
            return Err(DecodeError::impossible(
                "bookTicker",
                "bid and ask",
                &format_args!("{bid:?} {ask:?}"),
            ));
        }
        let quote = Quote { instrument, update_id: self.update_id, bid, ask, received_at };
        Ok(has_both.then_some(quote))
    }
}
