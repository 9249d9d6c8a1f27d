//! What a stream says against all that it said before: a price that is a multiple of the last one,
//! or a number that everything after it falls behind. Said once it may be a mistake, and is not
//! passed on; borne out by what follows, the market is so.

use std::time::Duration;

use model::{Price, Timestamp};

/// A price is doubted that is more than this multiple of the last one of its stream, or less than
/// its share. The venue's own filter on limit prices (PERCENT_PRICE_BY_SIDE) is five times on every
/// spot symbol.
const PRICE_FACTOR: i64 = 5;

/// Old numbers in a row, and time without a new one, after which numbers have begun anew. The
/// frames of a line that lags behind another while one replaces the other are fewer, or come in
/// between.
const OLD_IN_A_ROW: u32 = 16;
const OLD_FOR: Duration = Duration::from_secs(5);

/// The last that a stream said of an instrument: `K` is how its events are numbered.
#[derive(Debug)]
pub(super) struct Last<K> {
    pub number: K,
    /// Of a trade its price twice, of a quote bid and ask.
    prices: [Price; 2],
    /// What was doubted, until the next event.
    doubted: Option<[Price; 2]>,
    at: Timestamp,
    /// How many older ones came since.
    old: u32,
}

impl<K> Last<K> {
    pub const fn new(number: K, prices: [Price; 2], at: Timestamp) -> Self {
        Self { number, prices, doubted: None, at, old: 0 }
    }

    /// An event came whose number is not above the last one: whether that is because the last one
    /// was wrong, or numbers have begun anew.
    pub fn is_overtaken(&mut self, now: Timestamp) -> bool {
        self.old = self.old.saturating_add(1);
        self.old >= OLD_IN_A_ROW && now.since(self.at) >= OLD_FOR
    }

    /// The price that cannot be believed yet, and the last one; the same again would be.
    pub fn doubts(&mut self, prices: [Price; 2]) -> Option<(Price, Price)> {
        let strange = strange(self.prices, prices);
        let is_confirmed =
            self.doubted.is_some_and(|doubted| self::strange(doubted, prices).is_none());
        if strange.is_none() || is_confirmed {
            return None;
        }
        self.doubted = Some(prices);
        strange
    }
}

/// The first price that is far from the one before on its side. An empty side has none.
fn strange(before: [Price; 2], now: [Price; 2]) -> Option<(Price, Price)> {
    let mut sides = now.into_iter().zip(before);
    sides.find(|(now, before)| {
        let (low, high) = (now.min(before).units(), now.max(before).units());
        low > 0 && high / PRICE_FACTOR > low
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_is_more_than_five_times() {
        #[track_caller]
        fn check(before: [i64; 2], now: [i64; 2], expected: Option<(i64, i64)>) {
            let found = strange(before.map(Price::from_units), now.map(Price::from_units));
            let expected =
                expected.map(|(now, before)| (Price::from_units(now), Price::from_units(before)));
            assert_eq!(found, expected);
        }
        check([100, 101], [500, 505], None);
        check([100, 101], [505, 506], Some((505, 100)));
        check([500, 505], [100, 101], None);
        check([510, 511], [101, 102], Some((101, 510)));
        check([100, 101], [99, 1_000], Some((1_000, 101)));
        check([100, 0], [99, 1_000], None);
        check([100, 101], [0, 102], None);
        check([i64::MAX, 1], [1, 1], Some((1, i64::MAX)));
    }
}
