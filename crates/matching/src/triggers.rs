//! Orders that wait for the last price to reach their stop.

use std::collections::BTreeMap;

use model::{Amount, OrderKind, Price, Side};

use crate::Slot;

/// Which way the last price must go for an order to fire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    /// At or above the stop: a stop buy, a target sell.
    Rising,
    /// At or below the stop: a stop sell, a target buy.
    Falling,
}

impl Direction {
    /// Direction and stop of an order, for kinds that wait.
    pub(crate) const fn of(kind: &OrderKind, side: Side) -> Option<(Self, Price)> {
        match (kind, side) {
            (
                OrderKind::StopLoss { stop_price } | OrderKind::StopLossLimit { stop_price, .. },
                Side::Buy,
            )
            | (
                OrderKind::TakeProfit { stop_price }
                | OrderKind::TakeProfitLimit { stop_price, .. },
                Side::Sell,
            ) => Some((Self::Rising, *stop_price)),
            (
                OrderKind::StopLoss { stop_price } | OrderKind::StopLossLimit { stop_price, .. },
                Side::Sell,
            )
            | (
                OrderKind::TakeProfit { stop_price }
                | OrderKind::TakeProfitLimit { stop_price, .. },
                Side::Buy,
            ) => Some((Self::Falling, *stop_price)),
            (
                OrderKind::Market | OrderKind::Limit { .. } | OrderKind::LimitMaker { .. },
                Side::Buy | Side::Sell,
            ) => None,
        }
    }

    pub(crate) fn is_reached(self, stop: Price, last: Price) -> bool {
        match self {
            Self::Rising => last >= stop,
            Self::Falling => last <= stop,
        }
    }
}

/// A waiting order, and what it may spend once it fires.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) slot: Slot,
    pub(crate) budget: Option<Amount>,
}

/// An order that waits for the market to come back by so much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Follower {
    pub(crate) waiting: Waiting,
    pub(crate) side: Side,
    pub(crate) delta_bips: u32,
    /// What the last price has to reach first; `None` once it has.
    pub(crate) start: Option<(Direction, Price)>,
    /// The best price since it follows: the highest for a sell, the lowest for a buy.
    pub(crate) best: Option<Price>,
}

impl Follower {
    /// Takes in a price. Whether it follows since this very price.
    fn observe(&mut self, price: Price) -> bool {
        if let Some((direction, stop)) = self.start {
            if !direction.is_reached(stop, price) {
                return false;
            }
            self.start = None;
        }
        let best = self.best.map_or(price, |best| match self.side {
            Side::Sell => best.max(price),
            Side::Buy => best.min(price),
        });
        self.best.replace(best).is_none()
    }

    /// Whether the market has come back to this price by the delta.
    fn has_come_back(&self, price: Price) -> bool {
        const WHOLE: i128 = 10_000;
        let Some(best) = self.best else { return false };
        let (price, best) = (i128::from(price.units()) * WHOLE, i128::from(best.units()));
        match self.side {
            Side::Sell => price <= best * (WHOLE - i128::from(self.delta_bips)),
            Side::Buy => price >= best * (WHOLE + i128::from(self.delta_bips)),
        }
    }
}

/// All waiting orders, nearest stop first, then by arrival. The key of a falling stop is the
/// negated price, so that the first entry is the next to fire in both directions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Triggers {
    rising: BTreeMap<(i64, u64), Waiting>,
    falling: BTreeMap<(i64, u64), Waiting>,
    /// Trailing orders by arrival: few, as venues bound them, and each sees every price.
    followers: BTreeMap<u64, Follower>,
    /// Trailing orders to which the market came back, by arrival.
    returned: BTreeMap<u64, Waiting>,
}

impl Triggers {
    pub(crate) fn insert(
        &mut self,
        direction: Direction,
        stop: Price,
        arrival: u64,
        waiting: Waiting,
    ) {
        match direction {
            Direction::Rising => self.rising.insert((stop.units(), arrival), waiting),
            Direction::Falling => self.falling.insert((-stop.units(), arrival), waiting),
        };
    }

    pub(crate) fn remove(&mut self, direction: Direction, stop: Price, arrival: u64) {
        match direction {
            Direction::Rising => self.rising.remove(&(stop.units(), arrival)),
            Direction::Falling => self.falling.remove(&(-stop.units(), arrival)),
        };
    }

    pub(crate) fn follow(&mut self, arrival: u64, follower: Follower) {
        self.followers.insert(arrival, follower);
    }

    pub(crate) fn unfollow(&mut self, arrival: u64) {
        self.followers.remove(&arrival);
        self.returned.remove(&arrival);
    }

    pub(crate) fn has_followers(&self) -> bool {
        !self.followers.is_empty()
    }

    /// Shows a price to the trailing orders. Returns those that follow since this very price.
    pub(crate) fn observe(&mut self, price: Price) -> Vec<Slot> {
        let mut started = Vec::new();
        for follower in self.followers.values_mut() {
            if follower.observe(price) {
                started.push(follower.waiting.slot);
            }
        }
        let returned = self.followers.extract_if(.., |_, follower| follower.has_come_back(price));
        self.returned.extend(returned.map(|(arrival, follower)| (arrival, follower.waiting)));
        started
    }

    /// Takes out the next trailing order to which the market came back.
    pub(crate) fn pop_returned(&mut self) -> Option<Waiting> {
        self.returned.pop_first().map(|(_, waiting)| waiting)
    }

    /// Changes what a waiting order may spend.
    pub(crate) fn set_budget(
        &mut self,
        direction: Direction,
        stop: Price,
        arrival: u64,
        budget: Amount,
    ) {
        let waiting = match direction {
            Direction::Rising => self.rising.get_mut(&(stop.units(), arrival)),
            Direction::Falling => self.falling.get_mut(&(-stop.units(), arrival)),
        };
        if let Some(waiting) = waiting {
            waiting.budget = Some(budget);
        }
    }

    /// Takes out the next order that fires at this price: rising ones first, each direction
    /// nearest stop first.
    pub(crate) fn pop_reached(&mut self, last: Price) -> Option<Waiting> {
        if let Some(entry) = self.rising.first_entry()
            && entry.key().0 <= last.units()
        {
            return Some(entry.remove());
        }
        if let Some(entry) = self.falling.first_entry()
            && entry.key().0 <= -last.units()
        {
            return Some(entry.remove());
        }
        None
    }
}
