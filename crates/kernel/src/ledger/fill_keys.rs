//! Which fills of one instrument are booked, so that each counts once.

use std::collections::VecDeque;

use model::{FillKey, TradeId, VenueOrderId};
use serde::{Deserialize, Deserializer, Serialize};

/// Keys remembered per instrument. Past it the oldest go, and whatever is as old as they counts
/// as booked: the venue tells a fill again within minutes (reconnect, reconcile), not after this
/// many later trades of our own.
pub const MAX_FILL_KEYS: usize = 16_384;

/// The keys of the fills of one instrument, the newest [`MAX_FILL_KEYS`] of them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FillKeys {
    /// In order. Nearly every fill is newer than all before it, and goes to the end.
    #[serde(deserialize_with = "in_order")]
    known: VecDeque<Pair>,
    /// The newest key that was forgotten.
    floor: Option<Pair>,
}

type Pair = (TradeId, VenueOrderId);

/// A list as it was written, whoever wrote it: in order and each once.
fn in_order<'de, D: Deserializer<'de>>(deserializer: D) -> Result<VecDeque<Pair>, D::Error> {
    let mut known = Vec::<Pair>::deserialize(deserializer)?;
    known.sort_unstable();
    known.dedup();
    Ok(known.into())
}

impl FillKeys {
    /// Remembers a key; `false` when it was known.
    pub(crate) fn insert(&mut self, key: &FillKey) -> bool {
        let pair = (key.trade, key.venue_order);
        if self.known.back().is_none_or(|last| pair > *last) {
            if self.is_below_floor(pair) {
                return false;
            }
            self.known.push_back(pair);
        } else {
            let Err(place) = self.known.binary_search(&pair) else { return false };
            if self.is_below_floor(pair) {
                return false;
            }
            self.known.insert(place, pair);
        }
        if self.known.len() > MAX_FILL_KEYS {
            self.floor = self.known.pop_front();
        }
        true
    }

    /// Whether the fill is booked. The key's instrument is the caller's concern.
    #[must_use]
    pub fn contains(&self, key: &FillKey) -> bool {
        let pair = (key.trade, key.venue_order);
        self.is_below_floor(pair) || self.known.binary_search(&pair).is_ok()
    }

    fn is_below_floor(&self, pair: Pair) -> bool {
        self.floor.is_some_and(|floor| pair <= floor)
    }

    /// The trade of the `count`th newest fill; `None` if there are fewer.
    #[must_use]
    pub fn nth_newest(&self, count: usize) -> Option<TradeId> {
        self.known.iter().rev().nth(count.checked_sub(1)?).map(|(trade, _)| *trade)
    }

    /// The fill with the highest trade number.
    #[must_use]
    pub fn last(&self) -> Option<(TradeId, VenueOrderId)> {
        self.known.back().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::InstrumentId;

    fn key(trade: i64, venue_order: i64) -> FillKey {
        FillKey {
            instrument: InstrumentId(0),
            trade: TradeId(trade),
            venue_order: VenueOrderId(venue_order),
        }
    }

    #[test]
    fn a_self_trade_is_two_fills() {
        let mut keys = FillKeys::default();
        let fills = [key(7, 1), key(7, 2), key(7, 1), key(6, 9), key(6, 9)];
        assert_eq!(fills.map(|fill| keys.insert(&fill)), [true, true, false, true, false]);
        assert_eq!(keys.last(), Some((TradeId(7), VenueOrderId(2))));
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_counts_as_known() {
        let mut keys = FillKeys::default();
        let count = i64::try_from(MAX_FILL_KEYS).unwrap() + 10;
        for trade in 0..count {
            assert!(keys.insert(&key(trade, 1)), "{trade}");
        }
        for trade in 0..count {
            assert!(!keys.insert(&key(trade, 1)), "{trade}");
        }
        assert_eq!(keys.known.len(), MAX_FILL_KEYS);
        assert!(keys.insert(&key(9, 2)), "above the floor (9, 1)");
        assert!(!keys.insert(&key(8, 2)), "below the floor");
    }

    #[test]
    fn trades_are_read_again_from_some_fills_back() {
        let mut keys = FillKeys::default();
        assert_eq!(keys.nth_newest(2), None);
        // What a power cut took may be older than the oldest that is left.
        for (trade, expected) in [(5, None), (9, Some(5)), (12, Some(9))] {
            keys.insert(&key(trade, 1));
            assert_eq!(keys.nth_newest(2), expected.map(TradeId), "after {trade}");
        }
    }
}
