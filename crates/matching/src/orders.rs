//! The open orders of a matcher: a slab with a map from key to slot.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use model::{OrderKind, Price, Quantity, Side};

use crate::{OrderKey, Owner, SelfTradePrevention};

/// Where an open order is kept. Valid until the order ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot(pub(crate) u32);

impl Slot {
    /// No order: the end of a queue.
    pub(crate) const NONE: Self = Self(u32::MAX);

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

/// An open order.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) key: OrderKey,
    pub(crate) owner: Owner,
    pub(crate) side: Side,
    pub(crate) stage: Stage,
    pub(crate) kind: OrderKind,
    pub(crate) quantity: Quantity,
    pub(crate) filled: Quantity,
    /// Lost to self-trade prevention.
    pub(crate) prevented: Quantity,
    pub(crate) prevention: SelfTradePrevention,
    /// The size of an iceberg's parts; zero for an order that shows all it has.
    pub(crate) part: Quantity,
    /// What of an iceberg shows and has its turn.
    pub(crate) part_left: Quantity,
    /// Whether it waits for the market to come back, not for a price.
    pub(crate) is_trailing: bool,
    /// Arrival number: time priority.
    pub(crate) arrival: u64,
}

impl Order {
    pub(crate) fn remaining(&self) -> Quantity {
        self.quantity - self.filled - self.prevented
    }

    pub(crate) const fn is_iceberg(&self) -> bool {
        self.part.is_positive()
    }

    /// What of a resting order shows.
    pub(crate) fn shown(&self) -> Quantity {
        if self.is_iceberg() { self.part_left } else { self.remaining() }
    }

    /// The price at which it rests.
    pub(crate) fn limit(&self) -> Price {
        self.kind.limit_price().expect("only orders with a limit rest")
    }
}

/// Links of an order within the queue of its level: they belong to the source of liquidity that it
/// rests on. Kept apart from the orders: taking one out of a queue changes its neighbours, which
/// lie anywhere, and so many links fit where one order does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) level: u32,
    pub(crate) before: Slot,
    pub(crate) behind: Slot,
}

impl Place {
    pub(crate) const NOWHERE: Self =
        Self { level: u32::MAX, before: Slot::NONE, behind: Slot::NONE };
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

/// Spreads keys, which callers count up, over the map. Keys come from our own process, so the
/// map needs no protection against chosen keys.
#[derive(Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }
    fn write_u64(&mut self, key: u64) {
        let spread = (self.0 ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 32);
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Orders {
    slab: Vec<Order>,
    /// Of the order in the same slot.
    places: Vec<Place>,
    free: Vec<Slot>,
    by_key: HashMap<u64, Slot, BuildHasherDefault<KeyHasher>>,
}

impl Orders {
    pub(crate) fn contains(&self, key: OrderKey) -> bool {
        self.by_key.contains_key(&key.0)
    }

    pub(crate) fn slot(&self, key: OrderKey) -> Option<Slot> {
        self.by_key.get(&key.0).copied()
    }

    pub(crate) fn get(&self, slot: Slot) -> &Order {
        &self.slab[slot.index()]
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> &mut Order {
        &mut self.slab[slot.index()]
    }

    pub(crate) fn place(&self, slot: Slot) -> Place {
        self.places[slot.index()]
    }

    pub(crate) fn place_mut(&mut self, slot: Slot) -> &mut Place {
        &mut self.places[slot.index()]
    }

    pub(crate) fn insert(&mut self, order: Order) -> Slot {
        let key = order.key.0;
        let slot = if let Some(slot) = self.free.pop() {
            self.slab[slot.index()] = order;
            self.places[slot.index()] = Place::NOWHERE;
            slot
        } else {
            let index = u32::try_from(self.slab.len()).expect("fewer than 4 billion open orders");
            self.slab.push(order);
            self.places.push(Place::NOWHERE);
            Slot(index)
        };
        self.by_key.insert(key, slot);
        slot
    }

    /// Forgets an order; its slot is used again.
    pub(crate) fn remove(&mut self, slot: Slot) {
        self.by_key.remove(&self.slab[slot.index()].key.0);
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
                kind: order.kind,
                quantity: order.quantity,
                filled: order.filled,
                is_working: order.stage == Stage::Working,
            }
        })
    }
}
