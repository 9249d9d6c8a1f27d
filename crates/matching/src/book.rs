//! A price-time order book.
//!
//! Levels are kept in one ordered map a side, and the orders of a level in a linked queue
//! through the slots of the orders themselves: placing costs one search among the levels,
//! canceling none, and a match touches the head of the best queue only.

use std::collections::BTreeMap;

use model::{Level, Price, Quantity, Side};

use crate::liquidity::is_within;
use crate::orders::Place;
use crate::{Desk, Liquidity, MatchEvent, Owner, PreventedMatch, SelfTradePrevention, Slot};

/// A level: its queue's ends and totals. A total is wider than a quantity, which a few of the
/// largest orders that a venue accepts would overflow.
#[derive(Clone, Copy, Debug)]
struct LevelQueue {
    price: Price,
    total: i128,
    /// What of its icebergs does not show.
    hidden: i128,
    head: Slot,
    tail: Slot,
}

impl LevelQueue {
    fn shown(&self) -> Quantity {
        Quantity::from_units(i64::try_from(self.total).unwrap_or(i64::MAX))
    }

    fn whole(&self) -> Quantity {
        Quantity::from_units(i64::try_from(self.total + self.hidden).unwrap_or(i64::MAX))
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
        let level = LevelQueue { price, total: 0, hidden: 0, head: Slot::NONE, tail: Slot::NONE };
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
        let Place { level, before, behind } = desk.orders.place(slot);
        let queue = &mut self.levels[level as usize];
        if before == Slot::NONE {
            queue.head = behind;
        } else {
            desk.orders.place_mut(before).behind = behind;
        }
        if behind == Slot::NONE {
            queue.tail = before;
        } else {
            desk.orders.place_mut(behind).before = before;
        }
        *desk.orders.place_mut(slot) = Place::NOWHERE;
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
            if is_prevented(desk, taker, head) {
                self.prevent(index, taker, wanted, desk, out);
                continue;
            }
            let offered = desk.orders.get(head).shown();
            let quantity = offered.min(*wanted);
            *wanted -= quantity;
            desk.execute(Some(head), Some(taker), price, quantity, side, out);
            desk.print(price);
            self.levels[index as usize].total -= i128::from(quantity.units());
            if quantity == offered {
                self.turn_over(index, head, desk);
            }
        }
    }

    /// Ends the turn of a level's first order: it is done, or shows its next part at the end of
    /// the queue.
    fn turn_over(&mut self, index: u32, head: Slot, desk: &mut Desk) {
        self.unlink(desk, head);
        let order = desk.orders.get_mut(head);
        let remaining = order.remaining();
        if remaining.is_zero() {
            return desk.close(head);
        }
        order.part_left = order.part.min(remaining);
        let part = i128::from(order.part_left.units());
        let queue = &mut self.levels[index as usize];
        queue.hidden -= part;
        queue.total += part;
        self.append(index, head, desk);
    }

    /// Puts an order at the end of a level's queue; the level's totals are the caller's to mend.
    fn append(&mut self, index: u32, slot: Slot, desk: &mut Desk) {
        let queue = &mut self.levels[index as usize];
        let before = std::mem::replace(&mut queue.tail, slot);
        if before == Slot::NONE {
            queue.head = slot;
        } else {
            desk.orders.place_mut(before).behind = slot;
        }
        *desk.orders.place_mut(slot) = Place { level: index, before, behind: Slot::NONE };
    }

    /// Keeps a taker from trading with the first order of a level, which is of the same owner.
    fn prevent(
        &mut self,
        index: u32,
        taker: Slot,
        wanted: &mut Quantity,
        desk: &mut Desk,
        out: &mut Vec<MatchEvent>,
    ) {
        let LevelQueue { price, head, .. } = self.levels[index as usize];
        let (owner, mode) = (desk.orders.get(taker).owner, desk.orders.get(taker).prevention);
        let (taker_left, maker_left) =
            (desk.orders.get(taker).remaining(), desk.orders.get(head).remaining());
        let (of_taker, of_maker) = match mode {
            SelfTradePrevention::None => unreachable!("then nothing is prevented"),
            SelfTradePrevention::ExpireTaker => (taker_left, Quantity::ZERO),
            SelfTradePrevention::ExpireMaker => (Quantity::ZERO, maker_left),
            SelfTradePrevention::ExpireBoth => (taker_left, maker_left),
            SelfTradePrevention::Decrement => {
                let less = taker_left.min(maker_left);
                (less, less)
            }
        };
        let before = desk.orders.get(head).shown();
        let maker = desk.prevent(head, of_maker);
        let taker = desk.prevent(taker, of_taker);
        let after = desk.orders.get(head).shown();
        let queue = &mut self.levels[index as usize];
        let shown_less = i128::from(before.units() - after.units());
        queue.total -= shown_less;
        queue.hidden -= i128::from(of_maker.units()) - shown_less;
        *wanted = (*wanted).min(taker.remaining);
        out.push(MatchEvent::Prevented(PreventedMatch { owner, mode, price, maker, taker }));
        if maker.remaining.is_zero() {
            self.unlink(desk, head);
            desk.close(head);
        }
    }
}

/// Whether self-trade prevention stands between a taker and a maker.
fn is_prevented(desk: &Desk, taker: Slot, maker: Slot) -> bool {
    let taker = desk.orders.get(taker);
    taker.prevention != SelfTradePrevention::None
        && taker.owner != Owner::BACKGROUND
        && taker.owner == desk.orders.get(maker).owner
}

impl Liquidity for Book {
    fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.side(side).values().map(|&index| {
            let queue = &self.levels[index as usize];
            Level { price: queue.price, quantity: queue.shown() }
        })
    }

    fn depth(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.side(side).values().map(|&index| {
            let queue = &self.levels[index as usize];
            Level { price: queue.price, quantity: queue.whole() }
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
        let order = desk.orders.get_mut(slot);
        order.part_left = order.part.min(order.remaining());
        let (side, price, shown) = (order.side, order.limit(), order.shown());
        let hidden = order.remaining() - shown;
        let level = self.level_for(side, price);
        let queue = &mut self.levels[level as usize];
        queue.total += i128::from(shown.units());
        queue.hidden += i128::from(hidden.units());
        self.append(level, slot, desk);
        desk.change_level(side, price, self.levels[level as usize].shown(), out);
    }

    fn shrink(&mut self, slot: Slot, less: Quantity, desk: &mut Desk, out: &mut Vec<MatchEvent>) {
        let order = desk.orders.get(slot);
        let (side, level) = (order.side, desk.orders.place(slot).level);
        let shown = order.shown().min(order.remaining() - less);
        let shown_less = i128::from(order.shown().units() - shown.units());
        let queue = &mut self.levels[level as usize];
        queue.total -= shown_less;
        queue.hidden -= i128::from(less.units()) - shown_less;
        desk.change_level(side, queue.price, queue.shown(), out);
    }

    fn remove(&mut self, slot: Slot, desk: &mut Desk, out: &mut Vec<MatchEvent>) {
        let order = desk.orders.get(slot);
        let (side, shown) = (order.side, order.shown());
        let level = desk.orders.place(slot).level;
        let hidden = order.remaining() - shown;
        self.unlink(desk, slot);
        let queue = &mut self.levels[level as usize];
        queue.total -= i128::from(shown.units());
        queue.hidden -= i128::from(hidden.units());
        let (price, shown, is_empty) = (queue.price, queue.shown(), queue.head == Slot::NONE);
        if is_empty {
            self.drop_level(side, level);
        }
        desk.change_level(side, price, shown, out);
    }
}
