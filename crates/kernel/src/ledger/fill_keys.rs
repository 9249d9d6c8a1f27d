//! Which fills of one instrument are booked, so that each counts once.

use std::collections::BTreeSet;

use model::{FillKey, TradeId, VenueOrderId};
use serde::{Deserialize, Serialize};

/// Keys remembered per instrument. Past it the oldest go, and whatever is as old as they counts
/// as booked: the venue tells a fill again within minutes (reconnect, reconcile), not after this
/// many later trades of our own.
pub const MAX_FILL_KEYS: usize = 16_384;

/// The keys of the fills of one instrument, the newest [`MAX_FILL_KEYS`] of them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FillKeys {
    known: BTreeSet<(TradeId, VenueOrderId)>,
    /// The newest key that was forgotten.
    floor: Option<(TradeId, VenueOrderId)>,
}

impl FillKeys {
    /// Remembers a key; `false` when it was known.
    pub(crate) fn insert(&mut self, key: &FillKey) -> bool {
        if self.contains(key) {
            return false;
        }
        self.known.insert((key.trade, key.venue_order));
        if self.known.len() > MAX_FILL_KEYS {
            self.floor = self.known.pop_first();
        }
        true
    }

    /// Whether the fill is booked. The key's instrument is the caller's concern.
    #[must_use]
    pub fn contains(&self, key: &FillKey) -> bool {
        let pair = (key.trade, key.venue_order);
        self.floor.is_some_and(|floor| pair <= floor) || self.known.contains(&pair)
    }

    /// The trade of the `count`th newest fill; `None` if there are fewer.
    #[must_use]
    pub fn nth_newest(&self, count: usize) -> Option<TradeId> {
        self.known.iter().rev().nth(count.checked_sub(1)?).map(|(trade, _)| *trade)
    }

    /// The fill with the highest trade number.
    #[must_use]
    pub fn last(&self) -> Option<(TradeId, VenueOrderId)> {
        self.known.last().copied()
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
}
