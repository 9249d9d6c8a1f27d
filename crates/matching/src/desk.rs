//! What every source of liquidity shares: the open orders, what their owners have open, the
//! running numbers and the last price.

use std::collections::BTreeMap;

use model::{Instrument, Liquidity as Role, Price, Quantity, Side, Timestamp, TradeId};

use crate::fees::Fees;
use crate::orders::{Order, Orders, Stage};
use crate::{
    Execution, ExpiryReason, LevelChange, MatchEvent, OrderKey, Owner, Party, PreventedParty, Slot,
};

/// What an owner has open, for the filters that count.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpenCounts {
    pub(crate) orders: u32,
    pub(crate) waiting: u32,
    /// Units still to be bought. Wider than a quantity, which a few of the largest orders that
    /// a venue accepts would overflow.
    pub(crate) buying: i128,
}

/// The part of a matcher that sources of liquidity work on.
#[derive(Clone, Debug)]
pub struct Desk {
    pub(crate) instrument: Instrument,
    pub(crate) fees: Fees,
    pub(crate) orders: Orders,
    /// Of every owner that ever had anything open.
    pub(crate) open: BTreeMap<Owner, OpenCounts>,
    pub(crate) last_price: Option<Price>,
    /// Last prices in turn, as long as somebody follows them.
    pub(crate) prints: Vec<Price>,
    pub(crate) is_followed: bool,
    pub(crate) last_trade_id: i64,
    pub(crate) update_id: i64,
    pub(crate) arrivals: u64,
    pub(crate) now: Timestamp,
}

impl Desk {
    pub(crate) fn new(instrument: Instrument, fees: Fees) -> Self {
        Self {
            instrument,
            fees,
            orders: Orders::default(),
            open: BTreeMap::new(),
            last_price: None,
            prints: Vec::new(),
            is_followed: false,
            last_trade_id: 0,
            update_id: 0,
            arrivals: 0,
            now: Timestamp::EPOCH,
        }
    }

    pub(crate) fn admit(&mut self, order: Order) -> Slot {
        if order.owner != Owner::BACKGROUND {
            let counts = self.open.entry(order.owner).or_default();
            counts.orders += 1;
            counts.waiting += u32::from(order.stage == Stage::Waiting);
            if order.side == Side::Buy {
                counts.buying += i128::from(order.remaining().units());
            }
        }
        self.orders.insert(order)
    }

    /// A trade makes a price the last one.
    pub(crate) fn print(&mut self, price: Price) {
        self.last_price = Some(price);
        if self.is_followed {
            self.prints.push(price);
        }
    }

    /// The order stops waiting.
    pub(crate) fn start_working(&mut self, slot: Slot) {
        let order = self.orders.get_mut(slot);
        order.stage = Stage::Working;
        if order.owner != Owner::BACKGROUND {
            self.counts_of(slot).waiting -= 1;
        }
    }

    fn counts_of(&mut self, slot: Slot) -> &mut OpenCounts {
        let owner = self.orders.get(slot).owner;
        self.open.get_mut(&owner).expect("an owner with an open order is counted")
    }

    /// Makes an open order smaller.
    pub(crate) fn shrink(&mut self, slot: Slot, less: Quantity) {
        let order = self.orders.get_mut(slot);
        order.quantity -= less;
        if order.is_iceberg() {
            order.part_left = order.part_left.min(order.remaining());
        }
        let (owner, side) = (order.owner, order.side);
        if owner != Owner::BACKGROUND && side == Side::Buy {
            self.counts_of(slot).buying -= i128::from(less.units());
        }
    }

    /// What is left of an order is another quantity from now on.
    pub(crate) fn resize(&mut self, slot: Slot, remaining: Quantity) {
        let order = self.orders.get_mut(slot);
        let change = i128::from(remaining.units()) - i128::from(order.remaining().units());
        order.quantity = order.filled + order.prevented + remaining;
        let (owner, side) = (order.owner, order.side);
        if owner != Owner::BACKGROUND && side == Side::Buy {
            self.counts_of(slot).buying += change;
        }
    }

    /// Takes a part of an order's remainder away that self-trade prevention cost it.
    pub(crate) fn prevent(&mut self, slot: Slot, quantity: Quantity) -> PreventedParty {
        let order = self.orders.get_mut(slot);
        order.prevented += quantity;
        if order.is_iceberg() {
            order.part_left = order.part_left.min(order.remaining());
        }
        let (key, side, remaining) = (order.key, order.side, order.remaining());
        if side == Side::Buy {
            self.counts_of(slot).buying -= i128::from(quantity.units());
        }
        PreventedParty { key, quantity, remaining }
    }

    /// Forgets an order that ended.
    pub(crate) fn close(&mut self, slot: Slot) {
        let (owner, side, stage, remaining) = {
            let order = self.orders.get(slot);
            (order.owner, order.side, order.stage, order.remaining())
        };
        if owner != Owner::BACKGROUND {
            let counts = self.counts_of(slot);
            counts.orders -= 1;
            counts.waiting -= u32::from(stage == Stage::Waiting);
            if side == Side::Buy {
                counts.buying -= i128::from(remaining.units());
            }
        }
        self.orders.remove(slot);
    }

    /// Ends an order that can't be filled.
    pub(crate) fn expire(&mut self, slot: Slot, reason: ExpiryReason, out: &mut Vec<MatchEvent>) {
        let order = self.orders.get(slot);
        out.push(MatchEvent::Expired {
            key: order.key,
            owner: order.owner,
            filled: order.filled,
            reason,
        });
        self.close(slot);
    }

    /// Books an execution on the orders of both sides and reports it. `None` is the recorded
    /// market. Closing an order that it completes is left to the caller, who has its queue.
    pub fn execute(
        &mut self,
        maker: Option<Slot>,
        taker: Option<Slot>,
        price: Price,
        quantity: Quantity,
        aggressor: Side,
        out: &mut Vec<MatchEvent>,
    ) {
        self.last_trade_id += 1;
        let maker = maker.map(|slot| self.book_fill(slot, Role::Maker, price, quantity));
        let taker = taker.map(|slot| self.book_fill(slot, Role::Taker, price, quantity));
        out.push(MatchEvent::Traded(Execution {
            id: TradeId(self.last_trade_id),
            price,
            quantity,
            aggressor,
            maker,
            taker,
            at: self.now,
        }));
    }

    fn book_fill(&mut self, slot: Slot, role: Role, price: Price, quantity: Quantity) -> Party {
        let order = self.orders.get_mut(slot);
        order.filled += quantity;
        if role == Role::Maker && order.is_iceberg() {
            order.part_left -= quantity;
        }
        let (key, owner, side) = (order.key, order.owner, order.side);
        let (filled, remaining) = (order.filled, order.remaining());
        let (fee, fee_asset) = if owner == Owner::BACKGROUND {
            Fees::NONE.commission(&self.instrument, side, role, price, quantity)
        } else {
            if side == Side::Buy {
                self.counts_of(slot).buying -= i128::from(quantity.units());
            }
            self.fees.commission(&self.instrument, side, role, price, quantity)
        };
        Party { key, owner, filled, remaining, fee, fee_asset }
    }

    /// Reports a level's new total.
    pub(crate) fn change_level(
        &mut self,
        side: Side,
        price: Price,
        quantity: Quantity,
        out: &mut Vec<MatchEvent>,
    ) {
        self.update_id += 1;
        let update_id = self.update_id;
        out.push(MatchEvent::LevelChanged(LevelChange { side, price, quantity, update_id }));
    }

    pub(crate) fn slot(&self, key: OrderKey) -> Option<Slot> {
        self.orders.slot(key)
    }
}
