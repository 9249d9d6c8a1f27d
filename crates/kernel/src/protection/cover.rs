//! How much of a holding rests under protective orders.

use model::{OrderKind, Price, Quantity, Role, Side};

use super::machine::Custody;
use crate::portfolio::ReservedOrder;

/// Whether an order is a protective one that the engine placed.
pub(super) const fn is_ours(order: &ReservedOrder) -> bool {
    order.order.is_engines() && matches!(order.new.role, Role::Protective)
}

/// Whether an order limits a loss: a stop, or what a stop becomes.
const fn stops_loss(order: &ReservedOrder) -> bool {
    matches!(order.new.role, Role::Protective)
        && match order.new.kind {
            OrderKind::StopLoss { .. }
            | OrderKind::StopLossLimit { .. }
            | OrderKind::Market
            | OrderKind::Limit { .. } => true,
            OrderKind::LimitMaker { .. }
            | OrderKind::TakeProfit { .. }
            | OrderKind::TakeProfitLimit { .. } => false,
        }
}

impl Custody<'_> {
    /// Protective orders that the engine placed, oldest first.
    pub(super) fn ours(&self) -> impl Iterator<Item = &ReservedOrder> {
        self.orders.iter().copied().filter(|order| is_ours(order))
    }

    /// Base that sells of some kind may still take.
    pub(super) fn sells(&self, is_meant: impl Fn(&ReservedOrder) -> bool) -> Quantity {
        self.reservations.sells_where(|order| {
            order.strategy == self.strategy
                && order.new.instrument == self.instrument.id
                && order.new.side == Side::Sell
                && is_meant(order)
        })
    }

    /// What of a quantity can be sold at a price: cut to the step, zero when that is too little.
    pub(super) fn sellable(&self, quantity: Quantity, price: Price) -> Quantity {
        let cut = self.instrument.quantise_quantity(&OrderKind::Market, quantity);
        if self.instrument.is_sellable(price, cut) { cut } else { Quantity::ZERO }
    }

    /// What could be sold at a price and no protective order that the venue has covers.
    pub(super) fn uncovered(&self, price: Price) -> Quantity {
        let covered = self.sells(|order| stops_loss(order) && order.is_acknowledged);
        self.sellable(self.position.quantity().saturating_sub_to_zero(covered), price)
    }
}
