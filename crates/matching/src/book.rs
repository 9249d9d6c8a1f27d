//! A price-time order book.
//!
//! Levels are kept in one ordered map a side, and the orders of a level in a linked queue
//! through the slots of the orders themselves: placing costs one search among the levels,
//! canceling none, and a match touches the head of the best queue only.

use std::collections::BTreeMap;

use model::{Level, Price, Quantity, Side};

use crate::liquidity::is_within;
use crate::orders::{Order, Place};
use crate::{Desk, Liquidity, MatchEvent, Slot};

/// A level: its queue's ends and total. The total is wider than a quantity, which a few of the
/// largest orders that a venue accepts would overflow.
#[derive(Clone, Copy, Debug)]
struct LevelQueue {
    price: Price,
    total: i128,
    head: Slot,
    tail: Slot,
}

impl LevelQueue {
    fn shown(&self) -> Quantity {
        Quantity::from_units(i64::try_from(self.total).unwrap_or(i64::MAX))
    }
}

/// A price-time order book.
#[derive(Clone, Debug, Default)]
pub struct Book {
    levels: Vec<LevelQueue>,
    free: Vec<u32>,
    /// Levels by rank: see [`rank`].
    bids: BTreeMap<i64, u32>,
    asks: BTreeMap<i64, u32>,
}

/// What sorts a side's prices best first.
const fn rank(side: Side, price: Price) -> i64 {
    match side {
        Side::Buy => -price.units(),
        Side::Sell => price.units(),
    }
}

impl Book {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    const fn side(&self, side: Side) -> &BTreeMap<i64, u32> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn side_mut(&mut self, side: Side) -> &mut BTreeMap<i64, u32> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// The level of a price, made if it is not there.
    fn level_for(&mut self, side: Side, price: Price) -> u32 {
        let rank = rank(side, price);
        if let Some(&index) = self.side(side).get(&rank) {
            return index;
        }
        let level = LevelQueue { price, total: 0, head: Slot::NONE, tail: Slot::NONE };
        let index = if let Some(index) = self.free.pop() {
            self.levels[index as usize] = level;
            index
        } else {
            self.levels.push(level);
            u32::try_from(self.levels.len() - 1).expect("fewer than 4 billion levels")
        };
        self.side_mut(side).insert(rank, index);
        index
    }

    fn drop_level(&mut self, side: Side, index: u32) {
        let price = self.levels[index as usize].price;
        self.side_mut(side).remove(&rank(side, price));
        self.free.push(index);
    }

    /// Takes an order out of its level's queue; the level's total is the caller's to mend.
    fn unlink(&mut self, desk: &mut Desk, slot: Slot) {
        let Place { level, before, behind } = desk.orders.get(slot).place;
        let queue = &mut self.levels[level as usize];
        if before == Slot::NONE {
            queue.head = behind;
        } else {
            desk.orders.get_mut(before).place.behind = behind;
        }
        if behind == Slot::NONE {
            queue.tail = before;
        } else {
            desk.orders.get_mut(behind).place.before = before;
        }
        desk.orders.get_mut(slot).place = Place::NOWHERE;
    }

    /// Fills a taker from one level. Whether the level is used up.
    fn take_level(
        &mut self,
        index: u32,
        taker: Slot,
        wanted: &mut Quantity,
        desk: &mut Desk,
        out: &mut Vec<MatchEvent>,
    ) -> bool {
        let side = desk.orders.get(taker).side;
        loop {
            let LevelQueue { price, head, .. } = self.levels[index as usize];
            if head == Slot::NONE || wanted.is_zero() {
                return head == Slot::NONE;
            }
            let offered = desk.orders.get(head).remaining();
            let quantity = offered.min(*wanted);
            *wanted -= quantity;
            desk.execute(Some(head), Some(taker), price, quantity, side, out);
            desk.last_price = Some(price);
            self.levels[index as usize].total -= i128::from(quantity.units());
            if quantity == offered {
                self.unlink(desk, head);
                desk.close(head);
            }
        }
    }
}

impl Liquidity for Book {
    fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.side(side).values().map(|&index| {
            let queue = &self.levels[index as usize];
            Level { price: queue.price, quantity: queue.shown() }
        })
    }

    fn take(
        &mut self,
        taker: Slot,
        mut wanted: Quantity,
        limit: Option<Price>,
        desk: &mut Desk,
        out: &mut Vec<MatchEvent>,
    ) {
        let side = desk.orders.get(taker).side;
        let maker_side = side.opposite();
        while wanted.is_positive() {
            let Some((_, &index)) = self.side(maker_side).first_key_value() else { return };
            let price = self.levels[index as usize].price;
            if !is_within(side, price, limit) {
                return;
            }
            let is_used_up = self.take_level(index, taker, &mut wanted, desk, out);
            desk.change_level(maker_side, price, self.levels[index as usize].shown(), out);
            if is_used_up {
                self.drop_level(maker_side, index);
            }
        }
    }

    fn rest(&mut self, slot: Slot, desk: &mut Desk, out: &mut Vec<MatchEvent>) {
        let order: &Order = desk.orders.get(slot);
        let (side, price, remaining) = (order.side, order.limit(), order.remaining());
        let level = self.level_for(side, price);
        let queue = &mut self.levels[level as usize];
        queue.total += i128::from(remaining.units());
        let before = std::mem::replace(&mut queue.tail, slot);
        if before == Slot::NONE {
            queue.head = slot;
        } else {
            desk.orders.get_mut(before).place.behind = slot;
        }
        desk.orders.get_mut(slot).place = Place { level, before, behind: Slot::NONE };
        desk.change_level(side, price, self.levels[level as usize].shown(), out);
    }

    fn shrink(&mut self, slot: Slot, less: Quantity, desk: &mut Desk, out: &mut Vec<MatchEvent>) {
        let order = desk.orders.get(slot);
        let (side, level) = (order.side, order.place.level);
        let queue = &mut self.levels[level as usize];
        queue.total -= i128::from(less.units());
        desk.change_level(side, queue.price, queue.shown(), out);
    }

    fn remove(&mut self, slot: Slot, desk: &mut Desk, out: &mut Vec<MatchEvent>) {
        let order = desk.orders.get(slot);
        let (side, level, remaining) = (order.side, order.place.level, order.remaining());
        self.unlink(desk, slot);
        let queue = &mut self.levels[level as usize];
        queue.total -= i128::from(remaining.units());
        let (price, shown, is_empty) = (queue.price, queue.shown(), queue.head == Slot::NONE);
        if is_empty {
            self.drop_level(side, level);
        }
        desk.change_level(side, price, shown, out);
    }
}
