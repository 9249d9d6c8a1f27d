//! A price-time order book.
//!
//! Levels are kept in one ordered map a side, and the orders of a level in a queue. Placing costs
//! one search among the levels, and a match touches the head of the best queue only. Canceling
//! mends the totals of the level and leaves the queue as it is: whoever comes to a place whose
//! order has gone passes over it, and once most places of a queue are such, they are cleared. So a
//! cancel touches the order and its level, and nothing else that may lie far away in memory.

use std::collections::{BTreeMap, VecDeque};

use model::{Level, Price, Quantity, Side};

use crate::liquidity::is_within;
use crate::orders::Place;
use crate::{Desk, Liquidity, MatchEvent, Owner, PreventedMatch, SelfTradePrevention, Slot};

/// A level's totals, in one line of the processor's cache. A total is wider than a quantity, which
/// a few of the largest orders that a venue accepts would overflow.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct LevelTotals {
    price: Price,
    total: i128,
    /// What of its icebergs does not show.
    hidden: i128,
    /// How many orders rest there.
    orders: u32,
    /// How many places its queue has.
    queued: u32,
}

/// A place in a level's queue. The order is the one in the slot if it arrived then and rests on
/// the level still.
#[derive(Clone, Copy, Debug)]
struct Queued {
    slot: Slot,
    arrival: u64,
}

impl LevelTotals {
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
    levels: Vec<LevelTotals>,
    /// Of the level with the same number.
    queues: Vec<VecDeque<Queued>>,
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
        let level = LevelTotals { price, total: 0, hidden: 0, orders: 0, queued: 0 };
        let index = if let Some(index) = self.free.pop() {
            self.levels[index as usize] = level;
            index
        } else {
            self.levels.push(level);
            self.queues.push(VecDeque::new());
            u32::try_from(self.levels.len() - 1).expect("fewer than 4 billion levels")
        };
        self.side_mut(side).insert(rank, index);
        index
    }

    /// Forgets a level without orders.
    fn drop_level(&mut self, side: Side, index: u32) {
        let price = self.levels[index as usize].price;
        self.side_mut(side).remove(&rank(side, price));
        self.queues[index as usize].clear();
        self.free.push(index);
    }

    /// The first order of a level that has one. Places before it whose orders have gone are
    /// forgotten.
    fn head(&mut self, index: u32, desk: &Desk) -> Slot {
        let queue = &mut self.queues[index as usize];
        while let Some(first) = queue.front() {
            if rests(desk, index, *first) {
                return first.slot;
            }
            queue.pop_front();
            self.levels[index as usize].queued -= 1;
        }
        unreachable!("as many orders rest on a level as are counted")
    }

    /// Takes the first order out of its level's queue; the level's totals are the caller's to mend.
    fn pop_head(&mut self, index: u32, head: Slot, desk: &mut Desk) {
        self.queues[index as usize].pop_front();
        let level = &mut self.levels[index as usize];
        level.orders -= 1;
        level.queued -= 1;
        desk.orders.get_mut(head).place = Place::NOWHERE;
    }

    /// Forgets places whose orders have gone, once there are more of them than of others: what
    /// that costs is paid for by as many cancels, and a queue does not grow by them.
    fn tidy(&mut self, index: u32, desk: &Desk) {
        const SPARE: u32 = 16;
        let level = &mut self.levels[index as usize];
        if level.queued / 2 > level.orders + SPARE {
            self.queues[index as usize].retain(|queued| rests(desk, index, *queued));
            level.queued = level.orders;
        }
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
            let LevelTotals { price, orders, .. } = self.levels[index as usize];
            if orders == 0 || wanted.is_zero() {
                return orders == 0;
            }
            let head = self.head(index, desk);
            if is_prevented(desk, taker, head) {
                self.prevent(index, (taker, head), wanted, desk, out);
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
        self.pop_head(index, head, desk);
        let part = desk.orders.terms(head).part;
        let order = desk.orders.get_mut(head);
        let remaining = order.remaining();
        if remaining.is_zero() {
            return desk.close(head);
        }
        order.part_left = part.min(remaining);
        let part = i128::from(order.part_left.units());
        let level = &mut self.levels[index as usize];
        level.hidden -= part;
        level.total += part;
        self.append(index, head, desk);
    }

    /// Puts an order at the end of a level's queue; the level's totals are the caller's to mend.
    fn append(&mut self, index: u32, slot: Slot, desk: &mut Desk) {
        let level = &mut self.levels[index as usize];
        level.orders += 1;
        level.queued += 1;
        let order = desk.orders.get_mut(slot);
        order.place = Place(index);
        self.queues[index as usize].push_back(Queued { slot, arrival: order.arrival });
    }

    /// Keeps a taker from trading with the first order of a level, which is of the same owner.
    fn prevent(
        &mut self,
        index: u32,
        (taker, head): (Slot, Slot),
        wanted: &mut Quantity,
        desk: &mut Desk,
        out: &mut Vec<MatchEvent>,
    ) {
        let price = self.levels[index as usize].price;
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
            self.pop_head(index, head, desk);
            desk.close(head);
        }
    }
}

/// Whether the order of a place in a level's queue still rests there.
fn rests(desk: &Desk, index: u32, queued: Queued) -> bool {
    let order = desk.orders.get(queued.slot);
    order.place == Place(index) && order.arrival == queued.arrival
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
        let (price, part) = (desk.orders.limit(slot), desk.orders.terms(slot).part);
        let order = desk.orders.get_mut(slot);
        order.part_left = part.min(order.remaining());
        let (side, shown) = (order.side, order.shown());
        let hidden = order.remaining() - shown;
        let index = self.level_for(side, price);
        let level = &mut self.levels[index as usize];
        level.total += i128::from(shown.units());
        level.hidden += i128::from(hidden.units());
        let shown = level.shown();
        self.append(index, slot, desk);
        desk.change_level(side, price, shown, out);
    }

    fn shrink(&mut self, slot: Slot, less: Quantity, desk: &mut Desk, out: &mut Vec<MatchEvent>) {
        let order = desk.orders.get(slot);
        let (side, place) = (order.side, order.place);
        let shown = order.shown().min(order.remaining() - less);
        let shown_less = i128::from(order.shown().units() - shown.units());
        let level = &mut self.levels[place.index()];
        level.total -= shown_less;
        level.hidden -= i128::from(less.units()) - shown_less;
        desk.change_level(side, level.price, level.shown(), out);
    }

    fn remove(&mut self, slot: Slot, desk: &mut Desk, out: &mut Vec<MatchEvent>) {
        let order = desk.orders.get_mut(slot);
        let (side, shown) = (order.side, order.shown());
        let hidden = order.remaining() - shown;
        let place = std::mem::replace(&mut order.place, Place::NOWHERE);
        let level = &mut self.levels[place.index()];
        level.total -= i128::from(shown.units());
        level.hidden -= i128::from(hidden.units());
        level.orders -= 1;
        let (price, shown, is_empty) = (level.price, level.shown(), level.orders == 0);
        if is_empty {
            self.drop_level(side, place.0);
        } else {
            self.tidy(place.0, desk);
        }
        desk.change_level(side, price, shown, out);
    }
}
