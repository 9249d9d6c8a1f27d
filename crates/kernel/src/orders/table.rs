//! The orders that execution remembers.

use std::cell::Cell;
use std::fmt;

use model::{InstrumentId, OrderId, StrategyId, VenueOrderId};

use super::order::Order;
use crate::sorted::SortedQueue;

/// The numbers of one strategy in one start of the engine, and where their orders are kept. It
/// counts up; so does the engine for it, far above, which stands apart: else each order of the
/// strategy would be put in before those of the engine.
struct Numbers {
    epoch: u32,
    strategy: StrategyId,
    is_engines: bool,
    places: SortedQueue<u32, usize>,
}

impl Numbers {
    fn of(id: OrderId) -> Self {
        let places = SortedQueue::default();
        Self { epoch: id.epoch, strategy: id.strategy, is_engines: id.is_engines(), places }
    }

    const fn key(&self) -> (u32, StrategyId, bool) {
        (self.epoch, self.strategy, self.is_engines)
    }

    const fn id(&self, number: u32) -> OrderId {
        OrderId { epoch: self.epoch, strategy: self.strategy, number }
    }
}

/// Orders by their id. Whoever looks at an order looks at it again and again before the next one
/// has its turn: the place of the last is at hand.
#[derive(Default)]
pub(super) struct OrderTable {
    /// In the order of their keys.
    numbers: Vec<Numbers>,
    slots: Vec<Option<Order>>,
    free: Vec<usize>,
    /// A slot; past the end at first.
    last: Cell<usize>,
}

/// In the order of their ids, and nothing of where they are kept: the machine's fingerprint is made
/// of this.
impl fmt::Debug for OrderTable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.values()).finish()
    }
}

impl OrderTable {
    fn group(&self, id: OrderId) -> Result<usize, usize> {
        self.numbers.binary_search_by_key(&(id.epoch, id.strategy, id.is_engines()), Numbers::key)
    }

    #[inline]
    fn place(&self, id: OrderId) -> Option<usize> {
        let last = self.last.get();
        if self.latest().is_some_and(|order| order.id == id) { Some(last) } else { self.find(id) }
    }

    fn find(&self, id: OrderId) -> Option<usize> {
        let group = self.group(id).ok()?;
        let place = *self.numbers[group].places.get(&id.number)?;
        self.last.set(place);
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
    #[inline]
    pub fn latest(&self) -> Option<&Order> {
        self.slots.get(self.last.get())?.as_ref()
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
        self.last.set(place);
        let group = self.group(id).unwrap_or_else(|group| {
            self.numbers.insert(group, Numbers::of(id));
            group
        });
        self.numbers[group].places.insert(id.number, place).is_none()
    }

    pub fn remove(&mut self, id: &OrderId) {
        let Ok(group) = self.group(*id) else { return };
        let Some(place) = self.numbers[group].places.remove(&id.number) else { return };
        if self.numbers[group].places.len() == 0 {
            self.numbers.remove(group);
        }
        self.free.push(place);
        self.slots[place] = None;
    }

    /// In the order of their ids.
    pub fn values(&self) -> impl Iterator<Item = &Order> {
        let places = self.numbers.iter().flat_map(|numbers| numbers.places.iter());
        places.filter_map(|(_, place)| self.slots[*place].as_ref())
    }

    /// In no order that means anything.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Order> {
        self.slots.iter_mut().flatten()
    }

    /// In order.
    pub fn ids(&self) -> impl Iterator<Item = OrderId> {
        self.numbers
            .iter()
            .flat_map(|numbers| numbers.places.iter().map(|(number, _)| numbers.id(*number)))
    }

    pub fn len(&self) -> usize {
        self.numbers.iter().map(|numbers| numbers.places.len()).sum()
    }
}

/// Orders by the venue's number, which counts up on each instrument.
#[derive(Debug, Default)]
pub(super) struct VenueNumbers(Vec<SortedQueue<VenueOrderId, OrderId>>);

impl VenueNumbers {
    pub fn get(&self, instrument: InstrumentId, number: VenueOrderId) -> Option<OrderId> {
        self.0.get(usize::from(instrument.0))?.get(&number).copied()
    }

    pub fn insert(&mut self, instrument: InstrumentId, number: VenueOrderId, id: OrderId) {
        let index = usize::from(instrument.0);
        if index >= self.0.len() {
            self.0.resize_with(index + 1, SortedQueue::default);
        }
        self.0[index].insert(number, id);
    }

    pub fn remove(&mut self, instrument: InstrumentId, number: VenueOrderId) {
        if let Some(numbers) = self.0.get_mut(usize::from(instrument.0)) {
            numbers.remove(&number);
        }
    }
}
