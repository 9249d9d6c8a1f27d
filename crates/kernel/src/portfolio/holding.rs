//! One strategy's holding in one instrument, and everybody's together.

use model::{Fill, Price, Quantity, Side, StrategyId};

use super::lots::{Lot, Lots};
use super::marks::Route;
use super::position::Position;
use super::value::Value;

/// What a strategy holds of an instrument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holding {
    /// Whose.
    pub strategy: StrategyId,
    /// At average cost.
    pub position: Position,
    /// First in, first out.
    pub lots: Lots,
    /// Index of the strategy's equity.
    pub(super) slot: usize,
    /// Quote received less quote paid, over all time.
    pub(super) cash: Value,
}

impl Holding {
    pub(super) fn new(strategy: StrategyId, slot: usize) -> Self {
        Self {
            strategy,
            position: Position::default(),
            lots: Lots::default(),
            slot,
            cash: Value::ZERO,
        }
    }

    pub(super) fn restore(&mut self, position: Position, lots: Vec<Lot>) {
        self.cash = Value::floor(position.realised() - position.cost());
        self.position = position;
        self.lots = Lots::restore(lots);
    }

    /// Its worth in the quote asset; at cost while there is no price.
    pub(super) fn worth(&self, mark: Option<Price>) -> Value {
        match mark {
            Some(price) => Value::notional(price, self.position.quantity()),
            None => Value::floor(self.position.cost()),
        }
    }
}

/// Everything held of one instrument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct InstrumentHoldings {
    /// One a strategy that ever traded it.
    pub holdings: Vec<Holding>,
    /// Bought and deposited less sold and withdrawn by others, since the ledger was opened.
    pub external: Quantity,
    /// How its quote asset turns into the engine's currency.
    pub route: Route,
    /// Whether its price values holdings of other instruments.
    pub carries_route: bool,
}

impl InstrumentHoldings {
    pub fn of(&self, strategy: StrategyId) -> Option<&Holding> {
        self.holdings.iter().find(|holding| holding.strategy == strategy)
    }

    /// Others' trades count in exposure, but never make room for more.
    pub fn external_long(&self) -> Quantity {
        self.external.max(Quantity::ZERO)
    }

    /// Notes a trade of somebody else; saturates.
    pub fn add_external(&mut self, delta: Quantity) {
        let bound =
            if delta.is_positive() { Quantity::MAX } else { Quantity::ZERO - Quantity::MAX };
        self.external = self.external.checked_add(delta).unwrap_or(bound);
    }

    pub fn add_external_fill(&mut self, fill: &Fill) {
        let delta = match fill.side {
            Side::Buy => fill.quantity,
            Side::Sell => Quantity::ZERO - fill.quantity,
        };
        self.add_external(delta);
    }
}
