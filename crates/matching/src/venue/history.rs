//! What the local venue remembers of orders and executions.

use std::collections::VecDeque;

use kernel::venue::OrderSnapshot;
use model::{
    Amount, Asset, ClientOrderId, Fill, InstrumentId, NewOrder, OrderStatus, Quantity, Timestamp,
    TradeId, VenueOrderId,
};

/// How many ended orders, and how many executions, are kept for questions. Older ones are
/// forgotten, so that memory does not grow with a run.
const KEPT: usize = 1_000;

/// An order as the venue knows it.
#[derive(Clone, Debug)]
pub(super) struct VenueOrder {
    pub(super) client_order_id: ClientOrderId,
    pub(super) venue_order: VenueOrderId,
    pub(super) new: NewOrder,
    pub(super) status: OrderStatus,
    pub(super) is_working: bool,
    pub(super) executed: Quantity,
    pub(super) reason: String,
    pub(super) event_at: Timestamp,
    /// What it still has locked, and of which asset.
    pub(super) locked: Amount,
    pub(super) locked_asset: Asset,
    /// The other order of a pair, until one of them has begun to trade or was triggered: one of
    /// the two holds what both lock.
    pub(super) other_leg: Option<VenueOrderId>,
}

impl VenueOrder {
    pub(super) fn snapshot(&self) -> OrderSnapshot {
        OrderSnapshot {
            instrument: self.new.instrument,
            client_order_id: self.client_order_id,
            venue_order: self.venue_order,
            status: self.status,
            executed_quantity: self.executed,
            is_working: self.is_working,
            reason: self.reason.clone(),
            event_at: self.event_at,
        }
    }
}

/// Open orders, and the latest of what ended.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// By number: they come at the end, and few are open at a time.
    open: Vec<VenueOrder>,
    /// Oldest first.
    ended: VecDeque<VenueOrder>,
    fills: VecDeque<Fill>,
}

impl History {
    fn place(&self, id: VenueOrderId) -> Result<usize, usize> {
        match self.open.last() {
            None => Err(0),
            Some(last) if last.venue_order == id => Ok(self.open.len() - 1),
            Some(last) if last.venue_order < id => Err(self.open.len()),
            Some(_) => self.open.binary_search_by_key(&id, |order| order.venue_order),
        }
    }

    pub(super) fn add(&mut self, order: VenueOrder) {
        match self.place(order.venue_order) {
            Ok(place) => self.open[place] = order,
            Err(place) => self.open.insert(place, order),
        }
    }

    pub(super) fn get(&self, id: VenueOrderId) -> Option<&VenueOrder> {
        let ended = || self.ended.iter().rev().find(|order| order.venue_order == id);
        self.place(id).ok().map(|place| &self.open[place]).or_else(ended)
    }

    /// One that is open.
    pub(super) fn get_mut(&mut self, id: VenueOrderId) -> Option<&mut VenueOrder> {
        self.place(id).ok().map(|place| &mut self.open[place])
    }

    /// One that is open, by its name: the newest first, for they are few.
    pub(super) fn open_by_name(&self, name: &ClientOrderId) -> Option<&VenueOrder> {
        self.open.iter().rev().find(|order| order.client_order_id == *name)
    }

    /// The newest order of a name.
    pub(super) fn by_name(&self, name: &ClientOrderId) -> Option<&VenueOrder> {
        let ended = || self.ended.iter().rev().find(|order| order.client_order_id == *name);
        self.open_by_name(name).or_else(ended)
    }

    pub(super) fn open(&self) -> impl Iterator<Item = &VenueOrder> {
        self.open.iter()
    }

    /// Notes that an order has ended, and forgets the oldest one that has, past the bound.
    pub(super) fn end(&mut self, id: VenueOrderId) {
        let Ok(place) = self.place(id) else { return };
        let order = self.open.remove(place);
        self.ended.push_back(order);
        if self.ended.len() > KEPT {
            self.ended.pop_front();
        }
    }

    pub(super) fn add_fill(&mut self, fill: Fill) {
        self.fills.push_back(fill);
        if self.fills.len() > KEPT {
            self.fills.pop_front();
        }
    }

    /// Executions of an instrument from a trade on, oldest first.
    pub(super) fn fills_from(&self, instrument: InstrumentId, from: Option<TradeId>) -> Vec<Fill> {
        let is_wanted = |fill: &&Fill| {
            fill.key.instrument == instrument && from.is_none_or(|from| fill.key.trade >= from)
        };
        self.fills.iter().filter(is_wanted).copied().collect()
    }

    /// Executions of an order, oldest first.
    pub(super) fn fills_of(&self, instrument: InstrumentId, order: VenueOrderId) -> Vec<Fill> {
        let is_wanted =
            |fill: &&Fill| fill.key.instrument == instrument && fill.key.venue_order == order;
        self.fills.iter().filter(is_wanted).copied().collect()
    }
}
