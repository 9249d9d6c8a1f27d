//! An order book as the venue's market data shows it: totals by price level.

use model::{BookState, DepthUpdate, InstrumentId, Level, Price, Quantity, Side, Timestamp};

use crate::ladder::Ladder;

/// Totals by price level, both sides, with the venue's update id.
///
/// It applies what it is given; whether updates fit together is the matter of
/// [`BookSync`](crate::BookSync).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderBook {
    instrument: InstrumentId,
    update_id: i64,
    bids: Ladder,
    asks: Ladder,
    event_at: Timestamp,
    received_at: Timestamp,
}

impl OrderBook {
    /// An empty book.
    #[must_use]
    pub const fn new(instrument: InstrumentId) -> Self {
        Self {
            instrument,
            update_id: 0,
            bids: Ladder::new(Side::Buy),
            asks: Ladder::new(Side::Sell),
            event_at: Timestamp::EPOCH,
            received_at: Timestamp::EPOCH,
        }
    }

    /// Whose book.
    #[must_use]
    pub const fn instrument(&self) -> InstrumentId {
        self.instrument
    }

    /// Last update applied.
    #[must_use]
    pub const fn update_id(&self) -> i64 {
        self.update_id
    }

    const fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn ladder_mut(&mut self, side: Side) -> &mut Ladder {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Applies a snapshot, which replaces the book, or the changed levels of an update.
    pub fn apply(&mut self, update: &DepthUpdate) {
        if update.is_snapshot {
            self.bids.replace(&update.bids);
            self.asks.replace(&update.asks);
        } else {
            for level in &update.bids {
                self.bids.set(*level);
            }
            for level in &update.asks {
                self.asks.set(*level);
            }
        }
        self.stamp(update);
    }

    /// Takes over the id and times of an update, whose levels were [set](Self::set) one by one.
    pub const fn stamp(&mut self, update: &DepthUpdate) {
        self.update_id = update.last_update_id;
        self.event_at = update.event_at;
        self.received_at = update.received_at;
    }

    /// Sets one level's total; zero removes it. Returns what it was before.
    pub fn set(&mut self, side: Side, level: Level) -> Quantity {
        self.ladder_mut(side).set(level)
    }

    /// Removes the levels that are better than `price` for their side.
    pub fn remove_better_than(&mut self, side: Side, price: Price) {
        self.ladder_mut(side).remove_better_than(price);
    }

    /// Forgets every level.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// Best level of a side.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.ladder(side).best()
    }

    /// Worst level known of a side: what lies beyond is unknown, not empty.
    #[must_use]
    pub fn worst(&self, side: Side) -> Option<Level> {
        self.ladder(side).worst()
    }

    /// Best bid.
    #[must_use]
    pub fn best_bid(&self) -> Option<Level> {
        self.best(Side::Buy)
    }

    /// Best ask.
    #[must_use]
    pub fn best_ask(&self) -> Option<Level> {
        self.best(Side::Sell)
    }

    /// Levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.ladder(side).levels()
    }

    /// How many levels a side has.
    #[must_use]
    pub const fn level_count(&self, side: Side) -> usize {
        self.ladder(side).len()
    }

    /// Total at a price; zero when nothing is known to rest there.
    #[must_use]
    pub fn quantity_at(&self, side: Side, price: Price) -> Quantity {
        self.ladder(side).quantity_at(price)
    }

    /// Whether the best bid is at or above the best ask, which a true book never shows.
    #[must_use]
    pub fn is_crossed(&self) -> bool {
        match (self.best_bid(), self.best_ask()) {
            (Some(bid), Some(ask)) => bid.price >= ask.price,
            (None, _) | (_, None) => false,
        }
    }

    /// The best `depth` levels of both sides, for those who act on the book.
    #[must_use]
    pub fn state(&self, depth: usize) -> BookState {
        BookState {
            instrument: self.instrument,
            update_id: self.update_id,
            bids: self.levels(Side::Buy).take(depth).collect(),
            asks: self.levels(Side::Sell).take(depth).collect(),
            event_at: self.event_at,
            received_at: self.received_at,
        }
    }

    /// The whole book as a snapshot, for those who join later.
    #[must_use]
    pub fn to_snapshot(&self) -> DepthUpdate {
        DepthUpdate {
            instrument: self.instrument,
            is_snapshot: true,
            first_update_id: self.update_id,
            last_update_id: self.update_id,
            bids: self.levels(Side::Buy).collect(),
            asks: self.levels(Side::Sell).collect(),
            event_at: self.event_at,
            received_at: self.received_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::{Rng, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;

    fn level(price: i64, quantity: i64) -> Level {
        Level { price: Price::from_units(price), quantity: Quantity::from_units(quantity) }
    }

    /// The same book as two ordered maps, with nothing clever about it.
    #[derive(Default)]
    struct Naive {
        bids: BTreeMap<Price, Quantity>,
        asks: BTreeMap<Price, Quantity>,
    }

    impl Naive {
        fn set(&mut self, side: Side, level: Level) -> Quantity {
            let map = if side == Side::Buy { &mut self.bids } else { &mut self.asks };
            let old = map.remove(&level.price).unwrap_or_default();
            if level.quantity.is_positive() {
                map.insert(level.price, level.quantity);
            }
            old
        }

        fn levels(&self, side: Side) -> Vec<Level> {
            let level = |(&price, &quantity)| Level { price, quantity };
            match side {
                Side::Buy => self.bids.iter().rev().map(level).collect(),
                Side::Sell => self.asks.iter().map(level).collect(),
            }
        }
    }

    #[test]
    fn it_agrees_with_a_naive_book() {
        for seed in 0..20 {
            let mut random = Pcg64::seed_from_u64(seed);
            let (mut book, mut naive) = (OrderBook::new(InstrumentId(0)), Naive::default());
            for _ in 0..2_000 {
                let side = if random.random() { Side::Buy } else { Side::Sell };
                let centre = if side == Side::Buy { 500 } else { 700 };
                let change =
                    level(centre + random.random_range(-400..90), random.random_range(0..4));
                assert_eq!(book.set(side, change), naive.set(side, change), "seed {seed}");
                assert_eq!(book.best(side), naive.levels(side).first().copied(), "seed {seed}");
                assert_eq!(book.quantity_at(side, change.price), change.quantity, "seed {seed}");
            }
            let naive_count = naive.bids.len() + naive.asks.len();
            let count = book.level_count(Side::Buy) + book.level_count(Side::Sell);
            assert_eq!(count, naive_count, "seed {seed}");
            for side in [Side::Buy, Side::Sell] {
                assert_eq!(book.levels(side).collect::<Vec<_>>(), naive.levels(side));
            }
        }
    }

    #[test]
    fn a_snapshot_replaces_and_sorts() {
        let mut book = OrderBook::new(InstrumentId(0));
        book.set(Side::Buy, level(9, 9));
        let snapshot = DepthUpdate {
            instrument: InstrumentId(0),
            is_snapshot: true,
            first_update_id: 7,
            last_update_id: 7,
            bids: vec![level(2, 1), level(3, 1), level(1, 0)],
            asks: vec![level(6, 1), level(5, 2)],
            event_at: Timestamp::EPOCH,
            received_at: Timestamp::EPOCH,
        };
        book.apply(&snapshot);
        assert_eq!(book.best_bid(), Some(level(3, 1)));
        assert_eq!(book.best_ask(), Some(level(5, 2)));
        assert_eq!((book.update_id(), book.level_count(Side::Buy)), (7, 2));
        assert_eq!(book.state(1).asks, [level(5, 2)]);
        assert!(!book.is_crossed());
        book.set(Side::Buy, level(5, 1));
        assert!(book.is_crossed());
        book.remove_better_than(Side::Buy, Price::from_units(2));
        assert_eq!(book.best_bid(), Some(level(2, 1)));
    }
}
