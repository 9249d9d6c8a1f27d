//! Order book levels: changes, top levels and whole snapshots.

use std::borrow::Cow;

use model::{DepthUpdate, InstrumentId, Level, Timestamp};
use serde::Deserialize;

use super::DecodeError;
use super::field::{check_levels, instant, levels, venue_instant};
use super::scan::Scanner;

/// `<symbol>@depth[@100ms]`: the levels that changed between two update ids.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DepthUpdateEvent<'a> {
    /// When the event was made.
    #[serde(rename = "E", deserialize_with = "instant")]
    pub event_at: Timestamp,
    /// Symbol.
    #[serde(rename = "s", borrow)]
    pub symbol: Cow<'a, str>,
    /// First update id covered.
    #[serde(rename = "U")]
    pub first_update_id: i64,
    /// Last update id covered.
    #[serde(rename = "u")]
    pub last_update_id: i64,
    /// Bid levels, absolute; zero removes.
    #[serde(rename = "b", deserialize_with = "levels")]
    pub bids: Vec<Level>,
    /// Ask levels, absolute; zero removes.
    #[serde(rename = "a", deserialize_with = "levels")]
    pub asks: Vec<Level>,
}

impl<'a> DepthUpdateEvent<'a> {
    /// How the venue's present layout begins.
    pub(super) const PREFIX: &'static [u8] = b"{\"e\":\"depthUpdate\",\"E\":";

    /// Reads the venue's present layout; `None` leaves the message to serde.
    pub(super) fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        scanner.literal(Self::PREFIX)?;
        let event_at = venue_instant(scanner.integer()?);
        scanner.literal(b",\"s\":\"")?;
        let symbol = Cow::Borrowed(scanner.text()?);
        scanner.literal(b",\"U\":")?;
        let first_update_id = scanner.integer()?;
        scanner.literal(b",\"u\":")?;
        let last_update_id = scanner.integer()?;
        scanner.literal(b",\"b\":")?;
        let bids = scanner.levels()?;
        scanner.literal(b",\"a\":")?;
        let asks = scanner.levels()?;
        scanner.literal(b"}")?;
        Some(Self { event_at, symbol, first_update_id, last_update_id, bids, asks })
    }

    /// As the engine's depth update.
    ///
    /// # Errors
    /// [`DecodeError::Impossible`] for levels without a price or with a negative quantity, and
    /// for ids that run backwards.
    pub fn into_update(
        self,
        instrument: InstrumentId,
        received_at: Timestamp,
    ) -> Result<DepthUpdate, DecodeError> {
        check_levels("depthUpdate", &self.bids)?;
        check_levels("depthUpdate", &self.asks)?;
        if self.first_update_id > self.last_update_id {
            return Err(DecodeError::impossible(
                "depthUpdate",
                "update ids",
                &format_args!("{} to {}", self.first_update_id, self.last_update_id),
            ));
        }
        Ok(DepthUpdate {
            instrument,
            is_snapshot: false,
            first_update_id: self.first_update_id,
            last_update_id: self.last_update_id,
            bids: self.bids,
            asks: self.asks,
            event_at: self.event_at,
            received_at,
        })
    }
}

/// `GET /api/v3/depth` and `<symbol>@depth5|10|20[@100ms]`: levels best first, without symbol
/// and without time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DepthSnapshot {
    /// The book's update id.
    pub last_update_id: i64,
    /// Bid levels, best first.
    #[serde(deserialize_with = "levels")]
    pub bids: Vec<Level>,
    /// Ask levels, best first.
    #[serde(deserialize_with = "levels")]
    pub asks: Vec<Level>,
}

impl DepthSnapshot {
    /// As the engine's depth update that replaces the book.
    ///
    /// # Errors
    /// [`DecodeError::Impossible`] for levels without a price or with a negative quantity.
    pub fn into_update(
        self,
        instrument: InstrumentId,
        received_at: Timestamp,
    ) -> Result<DepthUpdate, DecodeError> {
        check_levels("depth snapshot", &self.bids)?;
        check_levels("depth snapshot", &self.asks)?;
        Ok(DepthUpdate {
            instrument,
            is_snapshot: true,
            first_update_id: self.last_update_id,
            last_update_id: self.last_update_id,
            bids: self.bids,
            asks: self.asks,
            event_at: received_at,
            received_at,
        })
    }
}
