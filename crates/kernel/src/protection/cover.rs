//! How much of a holding rests under protective orders.

use model::{OrderKind, Price, Quantity, Role, Side};

use super::machine::Custody;
use crate::portfolio::ReservedOrder;

/// Whether an order is a protective one that the engine placed.
pub(super) const fn is_ours(order: &ReservedOrder) -> bool {
    order.order.is_engines() && matches!(order.new.role, Role::Protective)
}

/// Whether an order of ours takes a profit, beside a stop or what is left of one.
pub(super) const fn is_target(order: &ReservedOrder) -> bool {
    is_ours(order) && matches!(order.new.kind, OrderKind::LimitMaker { .. })
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

    /// Orders that the engine placed to take a profit and whose stop is gone: the venue ends it as
    /// soon as the other has traded at all.
    pub(super) fn bare_targets(&self) -> impl Iterator<Item = &ReservedOrder> {
        let is_bare = |order: &&ReservedOrder| {
            is_target(order) && !self.reservations.has_other_leg(order.order)
        };
        self.ours().filter(is_bare)
    }

    /// The stop that locks the lots and could go in one request with the order that comes instead:
    /// the only one, as the venue knows it, and untouched.
    pub(super) fn replaceable_stop(&self) -> Option<&ReservedOrder> {
        let mut stops = self.ours().filter(|order| !is_target(order));
        let stop = stops.next().filter(|_| stops.next().is_none())?;
        let is_untouched = stop.is_acknowledged
            && !stop.is_triggered
            && stop.executed() == Some(Quantity::ZERO)
            && stop.new.kind.stop_price().is_some();
        let is_its_pair = |order: &ReservedOrder| order.other_leg == Some(stop.order);
        let is_alone = self.ours().filter(|order| is_target(order)).all(is_its_pair);
        (is_untouched && is_alone).then_some(stop)
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
