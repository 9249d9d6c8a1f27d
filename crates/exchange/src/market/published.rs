//! The book as it was last published: what REST shows, so that each answer's id is one that the
//! 100 ms stream has sent or, for who joins now, begins after.

use std::collections::BTreeMap;

use model::{Level, Price, Quantity, Side};

use super::DepthDiff;

/// A book made of the published changes.
#[derive(Clone, Debug, Default)]
pub struct Published {
    update_id: i64,
    bids: BTreeMap<Price, Quantity>,
    asks: BTreeMap<Price, Quantity>,
}

fn set(levels: &mut BTreeMap<Price, Quantity>, changes: &[Level]) {
    for level in changes {
        if level.quantity.is_zero() {
            levels.remove(&level.price);
        } else {
            levels.insert(level.price, level.quantity);
        }
    }
}

impl Published {
    /// An empty book with an id.
    #[must_use]
    pub const fn new(update_id: i64) -> Self {
        Self { update_id, bids: BTreeMap::new(), asks: BTreeMap::new() }
    }

    /// Applies changes as they are published.
    pub fn apply(&mut self, diff: &DepthDiff) {
        set(&mut self.bids, &diff.bids);
        set(&mut self.asks, &diff.asks);
        self.update_id = diff.last_update_id;
    }

    /// The last published change.
    #[must_use]
    pub const fn update_id(&self) -> i64 {
        self.update_id
    }

    /// The best levels of a side.
    #[must_use]
    pub fn levels(&self, side: Side, limit: usize) -> Vec<Level> {
        let level =
            |(price, quantity): (&Price, &Quantity)| Level { price: *price, quantity: *quantity };
        match side {
            Side::Buy => self.bids.iter().rev().take(limit).map(level).collect(),
            Side::Sell => self.asks.iter().take(limit).map(level).collect(),
        }
    }
}
