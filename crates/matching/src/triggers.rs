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

/// All waiting orders, nearest stop first, then by arrival. The key of a falling stop is the
/// negated price, so that the first entry is the next to fire in both directions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Triggers {
    rising: BTreeMap<(i64, u64), Waiting>,
    falling: BTreeMap<(i64, u64), Waiting>,
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
