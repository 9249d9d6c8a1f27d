//! What the local venue remembers of orders and executions.

use std::collections::{BTreeMap, VecDeque};

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
    orders: BTreeMap<VenueOrderId, VenueOrder>,
    /// The newest order of each name.
    by_name: BTreeMap<ClientOrderId, VenueOrderId>,
    /// Ended orders, oldest first.
    ended: VecDeque<VenueOrderId>,
    fills: VecDeque<Fill>,
}

impl History {
    pub(super) fn add(&mut self, order: VenueOrder) {
        self.by_name.insert(order.client_order_id, order.venue_order);
        self.orders.insert(order.venue_order, order);
    }

    pub(super) fn get(&self, id: VenueOrderId) -> Option<&VenueOrder> {
        self.orders.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: VenueOrderId) -> Option<&mut VenueOrder> {
        self.orders.get_mut(&id)
    }

    pub(super) fn by_name(&self, name: &ClientOrderId) -> Option<&VenueOrder> {
        self.by_name.get(name).and_then(|id| self.orders.get(id))
    }

    pub(super) fn open(&self) -> impl Iterator<Item = &VenueOrder> {
        self.orders.values().filter(|order| !order.status.is_final())
    }

    /// An order that was added and turns out to be refused.
    pub(super) fn forget(&mut self, id: VenueOrderId) {
        if let Some(order) = self.orders.remove(&id)
            && self.by_name.get(&order.client_order_id) == Some(&id)
        {
            self.by_name.remove(&order.client_order_id);
        }
    }

    /// Notes that an order has ended, and forgets the oldest one that has, past the bound.
    pub(super) fn end(&mut self, id: VenueOrderId) {
        self.ended.push_back(id);
        if self.ended.len() > KEPT
            && let Some(oldest) = self.ended.pop_front()
        {
            self.forget(oldest);
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
