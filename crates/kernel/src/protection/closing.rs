//! Closing positions on an operator's word: what it would do, and how far it is.

use std::time::Duration;

use model::{
    InstrumentId, NewOrder, OrderId, OrderKind, OrderQuantity, Price, Quantity, Role, Side,
    StrategyId, TimeInForce, Timestamp,
};
use serde::Serialize;

use super::machine::Custody;
use crate::portfolio::Rate;

/// Orders that close a position are sent this often at most.
pub(super) const ATTEMPTS: u32 = 10;
/// The time between two of them.
pub(super) const RETRY_EVERY: Duration = Duration::from_secs(1);

/// A position that is being closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Closing {
    /// No sale below this. Set once, from the price of the moment of the command.
    pub limit: Price,
    pub attempts_left: u32,
    /// When the next order may go out.
    pub next_at: Timestamp,
}

/// An order that would be taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct PlannedCancel {
    /// Whose.
    pub strategy: StrategyId,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Which.
    pub order: OrderId,
    /// What it is for.
    pub role: Role,
    /// Buy or sell.
    pub side: Side,
}

/// A position that would be sold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct PlannedClose {
    /// Whose.
    pub strategy: StrategyId,
    /// In what.
    pub instrument: InstrumentId,
    /// Held now.
    pub held: Quantity,
    /// Of it can be sold: rounded to the venue's step; zero when the whole is dust.
    pub sold: Quantity,
    /// The lowest price that is accepted; `None` while no price is known: then it stays.
    pub limit: Option<Price>,
}

impl PlannedClose {
    /// What stays because the venue would not take an order for it.
    #[must_use]
    pub fn dust(&self) -> Quantity {
        self.held.saturating_sub_to_zero(self.sold)
    }
}

/// What flattening would do, to the last order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ClosingPlan {
    /// Orders that would be taken back, protective ones among them.
    pub cancels: Vec<PlannedCancel>,
    /// Positions that would be sold, those of which nothing can be sold among them.
    pub closes: Vec<PlannedClose>,
}

/// How closing one position ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closed {
    /// Nothing is left.
    Flat,
    /// What is left is too little for an order.
    Dust(Quantity),
    /// Nobody paid the limit price for this much: it stays, protected as before.
    Unsold(Quantity),
}

impl Closed {
    /// Stable lower-case name for the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Dust(_) => "dust",
            Self::Unsold(_) => "unsold",
        }
    }

    /// What is left.
    #[must_use]
    pub const fn left(self) -> Quantity {
        match self {
            Self::Flat => Quantity::ZERO,
            Self::Dust(left) | Self::Unsold(left) => left,
        }
    }
}

impl Custody<'_> {
    /// The lowest price at which a position would be closed now.
    fn closing_limit(&self, max_slippage: Rate) -> Option<Price> {
        let limit = max_slippage.below(self.market.bid.or(self.market.mark)?);
        Some(self.instrument.quantise_price(Side::Sell, limit))
    }

    /// What closing it would do; `None` when there is nothing to do.
    pub(super) fn planned_close(&self, max_slippage: Rate) -> Option<PlannedClose> {
        let held = self.position.quantity();
        let limit = self.closing_limit(max_slippage);
        let sold = limit.map_or(Quantity::ZERO, |limit| self.sellable(held, limit));
        let (strategy, instrument) = (self.strategy, self.instrument.id);
        let close = PlannedClose { strategy, instrument, held, sold, limit };
        held.is_positive().then_some(close)
    }

    /// The order that closes it: whatever does not sell at once at the limit or better expires.
    pub(super) fn closing_order(&self, quantity: Quantity, limit: Price) -> NewOrder {
        let time_in_force = TimeInForce::ImmediateOrCancel;
        let kind = OrderKind::Limit { price: limit, time_in_force };
        NewOrder::new(self.instrument.id, Side::Sell, kind, OrderQuantity::Base(quantity))
    }
}
