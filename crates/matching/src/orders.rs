//! The open orders of a matcher: a slab with a table of slots by key.

use hashbrown::HashTable;
use model::{OrderKind, Price, Quantity, Side};

use crate::{OrderKey, Owner, SelfTradePrevention};

/// Where an open order is kept. Valid until the order ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot(pub(crate) u32);

impl Slot {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What an open order waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// For its trigger.
    Waiting,
    /// It is being matched, or rests.
    Working,
}

/// What is looked at of an open order whenever something happens to it: one line of the
/// processor's cache.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(crate) struct Order {
    pub(crate) key: OrderKey,
    /// Arrival number: time priority.
    pub(crate) arrival: u64,
    pub(crate) quantity: Quantity,
    pub(crate) filled: Quantity,
    /// Lost to self-trade prevention.
    pub(crate) prevented: Quantity,
    /// What of an iceberg shows and has its turn.
    pub(crate) part_left: Quantity,
    pub(crate) owner: Owner,
    /// Where the source of liquidity that it rests on has it.
    pub(crate) place: Place,
    pub(crate) side: Side,
    pub(crate) stage: Stage,
    pub(crate) prevention: SelfTradePrevention,
    /// Whether it waits for the market to come back, not for a price.
    pub(crate) is_trailing: bool,
    pub(crate) is_iceberg: bool,
}

const _: () = assert!(size_of::<Order>() == 64);

/// What was asked for of an open order and is seldom looked at again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) kind: OrderKind,
    /// The size of an iceberg's parts; zero for an order that shows all it has.
    pub(crate) part: Quantity,
}

impl Order {
    pub(crate) fn remaining(&self) -> Quantity {
        self.quantity - self.filled - self.prevented
    }

    /// What of a resting order shows.
    pub(crate) fn shown(&self) -> Quantity {
        if self.is_iceberg { self.part_left } else { self.remaining() }
    }
}

/// Where a resting order is: the number of its level, for the source of liquidity that it rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place(pub(crate) u32);

impl Place {
    pub(crate) const NOWHERE: Self = Self(u32::MAX);

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// An open order as a caller may see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderView {
    /// The caller's number for it.
    pub key: OrderKey,
    /// Whose it is.
    pub owner: Owner,
    /// Buy or sell.
    pub side: Side,
    /// Kind, with its prices.
    pub kind: OrderKind,
    /// Base quantity wanted.
    pub quantity: Quantity,
    /// Executed so far.
    pub filled: Quantity,
    /// Whether it works: false while it waits for its trigger.
    pub is_working: bool,
}

/// Spreads keys, which callers count up, over the table. Keys come from our own process, so the
/// table needs no protection against chosen keys.
const fn spread(key: OrderKey) -> u64 {
    let spread = key.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    spread ^ (spread >> 32)
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Orders {
    slab: Vec<Order>,
    /// Of the order in the same slot.
    terms: Vec<Terms>,
    free: Vec<Slot>,
    /// Without the keys, which stand in the orders: whoever looks for one wants the order, too, and
    /// so small a table stays at hand.
    by_key: HashTable<Slot>,
}

impl Orders {
    pub(crate) fn contains(&self, key: OrderKey) -> bool {
        self.slot(key).is_some()
    }

    pub(crate) fn slot(&self, key: OrderKey) -> Option<Slot> {
        self.by_key.find(spread(key), |slot| self.get(*slot).key == key).copied()
    }

    pub(crate) fn get(&self, slot: Slot) -> &Order {
        &self.slab[slot.index()]
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> &mut Order {
        &mut self.slab[slot.index()]
    }

    pub(crate) fn terms(&self, slot: Slot) -> &Terms {
        &self.terms[slot.index()]
    }

    /// The price at which it rests.
    pub(crate) fn limit(&self, slot: Slot) -> Price {
        self.terms(slot).kind.limit_price().expect("only orders with a limit rest")
    }

    pub(crate) fn insert(&mut self, order: Order, terms: Terms) -> Slot {
        let key = order.key;
        let slot = if let Some(slot) = self.free.pop() {
            self.slab[slot.index()] = order;
            self.terms[slot.index()] = terms;
            slot
        } else {
            let index = u32::try_from(self.slab.len()).expect("fewer than 4 billion open orders");
            self.slab.push(order);
            self.terms.push(terms);
            Slot(index)
        };
        let Self { slab, by_key, .. } = self;
        by_key.insert_unique(spread(key), slot, |slot| spread(slab[slot.index()].key));
        slot
    }

    /// Forgets an order; its slot is used again.
    pub(crate) fn remove(&mut self, slot: Slot) {
        let found = self.by_key.find_entry(spread(self.get(slot).key), |found| *found == slot);
        found.expect("an open order is in the table").remove();
        self.free.push(slot);
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    pub(crate) fn view(&self, key: OrderKey) -> Option<OrderView> {
        self.slot(key).map(|slot| {
            let order = self.get(slot);
            OrderView {
                key,
                owner: order.owner,
                side: order.side,
                kind: self.terms(slot).kind,
                quantity: order.quantity,
                filled: order.filled,
                is_working: order.stage == Stage::Working,
            }
        })
    }
}
