//! The orders that execution remembers.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use model::OrderId;

use super::order::Order;

/// Orders by their id. Whoever looks at an order looks at it again and again before the next one
/// has its turn: the place of the last is at hand.
#[derive(Default)]
pub(super) struct OrderTable {
    places: BTreeMap<OrderId, usize>,
    slots: Vec<Option<Order>>,
    free: Vec<usize>,
    last: Cell<Option<(OrderId, usize)>>,
}

/// In the order of their ids, and nothing of where they are kept: the machine's fingerprint is made
/// of this.
impl fmt::Debug for OrderTable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.values()).finish()
    }
}

impl OrderTable {
    #[inline]
    fn place(&self, id: OrderId) -> Option<usize> {
        if let Some((known, place)) = self.last.get()
            && known == id
        {
            return Some(place);
        }
        let place = *self.places.get(&id)?;
        self.last.set(Some((id, place)));
        Some(place)
    }

    #[inline]
    pub fn get(&self, id: &OrderId) -> Option<&Order> {
        self.slots[self.place(*id)?].as_ref()
    }

    #[inline]
    pub fn get_mut(&mut self, id: &OrderId) -> Option<&mut Order> {
        let place = self.place(*id)?;
        self.slots[place].as_mut()
    }

    /// The order that was looked at last.
    pub fn latest(&self) -> Option<&Order> {
        self.slots[self.last.get()?.1].as_ref()
    }

    /// Whether there was none of this id.
    pub fn insert(&mut self, order: Order) -> bool {
        let id = order.id;
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place] = Some(order);
                place
            }
            None => {
                self.slots.push(Some(order));
                self.slots.len() - 1
            }
        };
        self.last.set(Some((id, place)));
        self.places.insert(id, place).is_none()
    }

    pub fn remove(&mut self, id: &OrderId) -> Option<Order> {
        let place = self.places.remove(id)?;
        self.last.set(None);
        self.free.push(place);
        self.slots[place].take()
    }

    /// In the order of their ids.
    pub fn values(&self) -> impl Iterator<Item = &Order> {
        self.places.values().filter_map(|place| self.slots[*place].as_ref())
    }

    /// In no order that means anything.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Order> {
        self.slots.iter_mut().flatten()
    }

    pub fn keys(&self) -> impl Iterator<Item = &OrderId> {
        self.places.keys()
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }
}
