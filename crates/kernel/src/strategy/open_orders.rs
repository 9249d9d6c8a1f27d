//! A strategy's open orders.

use model::OrderId;

use super::view::OpenOrder;

/// Oldest first, in one piece of memory: they are few, come and go at the end, and every event
/// looks at them.
#[derive(Debug, Default)]
pub(super) struct OpenOrders(Vec<OpenOrder>);

impl OpenOrders {
    fn place(&self, id: OrderId) -> Result<usize, usize> {
        match self.0.last() {
            None => Err(0),
            Some(last) if last.order == id => Ok(self.0.len() - 1),
            Some(last) if last.order < id => Err(self.0.len()),
            Some(_) => self.0.binary_search_by_key(&id, |open| open.order),
        }
    }

    pub fn get(&self, id: OrderId) -> Option<&OpenOrder> {
        self.place(id).ok().map(|place| &self.0[place])
    }

    pub fn get_mut(&mut self, id: OrderId) -> Option<&mut OpenOrder> {
        self.place(id).ok().map(|place| &mut self.0[place])
    }

    /// Adds an order, or takes the place of the one of the same id.
    pub fn insert(&mut self, open: OpenOrder) {
        match self.place(open.order) {
            Ok(place) => self.0[place] = open,
            Err(place) => self.0.insert(place, open),
        }
    }

    pub fn remove(&mut self, id: OrderId) -> Option<OpenOrder> {
        self.place(id).ok().map(|place| self.0.remove(place))
    }

    pub fn iter(&self) -> std::slice::Iter<'_, OpenOrder> {
        self.0.iter()
    }

    pub fn into_vec(self) -> Vec<OpenOrder> {
        self.0
    }
}
