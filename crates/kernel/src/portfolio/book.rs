//! The portfolio: everything that is owned and owed, in one place that only risk changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    Amount, Asset, FillKey, InstrumentId, Instruments, NewOrder, OrderId, Price, Quantity, Side,
    StrategyId, Timestamp,
};

use super::balances::Balances;
use super::equity::EquityTrack;
use super::holding::{Holding, InstrumentHoldings};
use super::lots::Lot;
use super::marks::{Marks, Route};
use super::position::Position;
use super::reservations::{Margins, Reservations, Tally};
use super::value::Value;
use crate::venue::Balance;

/// What a portfolio is measured by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortfolioConfig {
    /// The currency of capital and profit.
    pub currency: Asset,
    /// Capital of each strategy.
    pub capital: BTreeMap<StrategyId, Amount>,
    /// What orders reserve beyond their price.
    pub margins: Margins,
}

/// A position as it was before a restart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestoredPosition {
    /// Whose.
    pub strategy: StrategyId,
    /// Of what.
    pub instrument: InstrumentId,
    /// The position.
    pub position: Position,
    /// Its lots, oldest first. When they do not add up to the position (an older ledger knew
    /// none), the position becomes one lot at average cost.
    pub lots: Vec<Lot>,
}

/// An order that was not final before a restart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestoredOrder {
    /// Identity.
    pub order: OrderId,
    /// Whose.
    pub strategy: StrategyId,
    /// What was placed.
    pub new: NewOrder,
    /// Executed so far.
    pub filled_quantity: Quantity,
    /// Whether the venue had it.
    pub is_acknowledged: bool,
    /// Whether its stop or target had been reached.
    pub is_triggered: bool,
    /// The order that must be gone before this one leaves.
    pub replaces: Option<OrderId>,
    /// The other order of a pair, of which one cancels the other.
    pub other_leg: Option<OrderId>,
}

/// A fee in a third asset that no price was known for when it was paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnvaluedFee {
    /// Of which fill.
    pub key: FillKey,
    /// Whose.
    pub strategy: StrategyId,
    /// Side of the fill.
    pub side: Side,
    /// How much.
    pub fee: Amount,
    /// Of what.
    pub asset: Asset,
}

/// Where losses were measured from before a restart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestoredEquity {
    /// Whose; `None` for all together.
    pub strategy: Option<StrategyId>,
    /// The first sample of the latest UTC day, or the first after trading was last resumed if
    /// that came later.
    pub day_base: Option<(Timestamp, Amount)>,
    /// The highest sample since trading was last resumed.
    pub peak: Option<Amount>,
    /// The capital that these were measured with, if it is known: they move with a change of it.
    pub capital: Option<Amount>,
}

/// Everything that a portfolio continues from after a restart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RestoredPortfolio {
    /// Positions.
    pub positions: Vec<RestoredPosition>,
    /// Orders that were not final.
    pub orders: Vec<RestoredOrder>,
    /// Balances, as far as they are known.
    pub balances: Vec<Balance>,
    /// What others bought less what they sold, by instrument.
    pub external: Vec<(InstrumentId, Quantity)>,
    /// Deposits less withdrawals since the ledger was opened, by asset.
    pub flows: Vec<(Asset, Amount)>,
    /// Last known prices: positions are valued at them until the feed tells newer ones.
    pub marks: Vec<(InstrumentId, Price)>,
    /// Fees that are not part of the positions yet: valued as soon as prices are known.
    pub unvalued_fees: Vec<UnvaluedFee>,
    /// Where losses are measured from.
    pub equity: Vec<RestoredEquity>,
}

/// What is at stake in one instrument, in the engine's currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Exposure {
    /// Positions of all strategies.
    pub ours: Amount,
    /// What others of the account bought since the ledger was opened.
    pub external: Amount,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Slot {
    pub strategy: StrategyId,
    pub equity: EquityTrack,
}

/// Balances, positions, lots, marks, equity and reservations. It keeps books and decides nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Portfolio {
    pub(super) instruments: Arc<Instruments>,
    pub(super) currency: Asset,
    pub(super) margins: Margins,
    pub(super) marks: Marks,
    pub(super) balances: Balances,
    pub(super) reservations: Reservations,
    pub(super) held: Vec<InstrumentHoldings>,
    pub(super) slots: Vec<Slot>,
    pub(super) account: EquityTrack,
    /// Worth of what others bought.
    pub(super) external: Value,
    /// Holdings that cannot be valued yet.
    pub(super) unmarked: usize,
    /// Orders proved absent: should the venue have them after all, they reserve again.
    pub(super) absent: Vec<super::reservations::ReservedOrder>,
    pub(super) unvalued_fees: Vec<UnvaluedFee>,
    /// Valued, and not told yet.
    pub(super) valued_fees: Vec<(FillKey, Amount)>,
}

impl Portfolio {
    /// Continues from what was restored.
    #[must_use]
    pub fn new(
        config: &PortfolioConfig,
        instruments: Arc<Instruments>,
        restored: RestoredPortfolio,
    ) -> Self {
        let slots: Vec<Slot> = config
            .capital
            .iter()
            .map(|(strategy, capital)| Slot {
                strategy: *strategy,
                equity: EquityTrack::new(Value::floor(*capital)),
            })
            .collect();
        let capital = slots.iter().map(|slot| slot.equity.capital).sum();
        let mut portfolio = Self {
            marks: Marks::new(instruments.len()),
            held: holdings_of(&instruments, config.currency),
            instruments,
            currency: config.currency,
            margins: config.margins,
            balances: Balances::default(),
            reservations: Reservations::default(),
            slots,
            account: EquityTrack::new(capital),
            external: Value::ZERO,
            unmarked: 0,
            absent: Vec::new(),
            unvalued_fees: Vec::new(),
            valued_fees: Vec::new(),
        };
        portfolio.restore(restored);
        portfolio
    }

    /// The engine's currency.
    #[must_use]
    pub const fn currency(&self) -> Asset {
        self.currency
    }

    /// The instruments it knows.
    #[must_use]
    pub const fn instruments(&self) -> &Arc<Instruments> {
        &self.instruments
    }

    /// The latest prices.
    #[must_use]
    pub const fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Balances of the account.
    #[must_use]
    pub const fn balances(&self) -> &Balances {
        &self.balances
    }

    /// Open and unknown orders.
    #[must_use]
    pub const fn reservations(&self) -> &Reservations {
        &self.reservations
    }

    /// What orders reserve beyond their price.
    #[must_use]
    pub const fn margins(&self) -> Margins {
        self.margins
    }

    /// The position of a strategy.
    #[must_use]
    pub fn position(&self, strategy: StrategyId, instrument: InstrumentId) -> Position {
        self.holding(strategy, instrument).map_or(Position::default(), |holding| holding.position)
    }

    /// Position and lots of a strategy, if it ever traded the instrument.
    #[must_use]
    pub fn holding(&self, strategy: StrategyId, instrument: InstrumentId) -> Option<&Holding> {
        self.held[usize::from(instrument.0)].of(strategy)
    }

    /// Every holding, by instrument.
    pub fn holdings(&self) -> impl Iterator<Item = (InstrumentId, &Holding)> {
        self.instruments
            .iter()
            .zip(&self.held)
            .flat_map(|(instrument, held)| held.holdings.iter().map(|h| (instrument.id, h)))
    }

    /// What strategies hold of an asset.
    #[must_use]
    pub fn held_of(&self, asset: Asset) -> Amount {
        let is_of = |id| self.instruments.get(id).base == asset;
        let own = self.holdings().filter(|(instrument, _)| is_of(*instrument));
        own.map(|(_, holding)| Amount::from(holding.position.quantity())).sum()
    }

    /// Equity of a strategy; `None` for one that has neither capital nor fills.
    #[must_use]
    pub fn equity_of(&self, strategy: StrategyId) -> Option<&EquityTrack> {
        self.slots.iter().find(|slot| slot.strategy == strategy).map(|slot| &slot.equity)
    }

    /// Equity of all strategies together.
    #[must_use]
    pub const fn equity(&self) -> &EquityTrack {
        &self.account
    }

    /// Every strategy's equity.
    pub fn equities(&self) -> impl Iterator<Item = (StrategyId, &EquityTrack)> {
        self.slots.iter().map(|slot| (slot.strategy, &slot.equity))
    }

    /// How many holdings cannot be valued yet for want of a price: they count at cost, or not at
    /// all when even the currency's price is missing.
    #[must_use]
    pub const fn unmarked(&self) -> usize {
        self.unmarked
    }

    /// What is at stake in an instrument.
    #[must_use]
    pub fn exposure(&self, instrument: InstrumentId) -> Exposure {
        let (ours, external) = self.worth_here(instrument);
        Exposure { ours: ours.to_amount(), external: external.to_amount() }
    }

    /// Worth of our positions and of others' in an instrument, in the engine's currency.
    pub(crate) fn worth_here(&self, instrument: InstrumentId) -> (Value, Value) {
        let held = &self.held[usize::from(instrument.0)];
        let mark = self.marks.mark(instrument);
        let ours = held.holdings.iter().map(|holding| holding.worth(mark)).sum();
        let external = mark.map_or(Value::ZERO, |mark| Value::notional(mark, held.external_long()));
        let convert = |value| self.marks.along(held.route, value).unwrap_or(Value::ZERO);
        (convert(ours), convert(external))
    }

    /// Worth of one strategy's position in an instrument, in the engine's currency.
    pub(crate) fn worth_of(&self, strategy: StrategyId, instrument: InstrumentId) -> Value {
        let held = &self.held[usize::from(instrument.0)];
        let worth = held.of(strategy).map(|holding| holding.worth(self.marks.mark(instrument)));
        worth.and_then(|worth| self.marks.along(held.route, worth)).unwrap_or(Value::ZERO)
    }

    /// Worth of everything that others bought.
    pub(crate) const fn external(&self) -> Value {
        self.external
    }

    /// An amount of an instrument's quote asset in the engine's currency.
    pub(crate) fn in_currency(&self, instrument: InstrumentId, quote: Value) -> Option<Value> {
        self.marks.along(self.held[usize::from(instrument.0)].route, quote)
    }

    /// What of an asset no open or unknown order of ours needs, but for the one that is to be
    /// replaced. The venue's figures may be a moment behind our orders, or ahead of them; the
    /// lower reading counts.
    #[must_use]
    pub(crate) fn available(&self, asset: Asset, tally: &Tally) -> Value {
        let by_total = self.balances.total_value(asset) - tally.reserved;
        let by_free = self.balances.free_value(asset) + tally.released - tally.unacknowledged;
        by_total.min(by_free)
    }

    pub(super) fn slot_of(&mut self, strategy: StrategyId) -> usize {
        let known = self.slots.iter().position(|slot| slot.strategy == strategy);
        known.unwrap_or_else(|| {
            self.slots.push(Slot { strategy, equity: EquityTrack::default() });
            self.slots.len() - 1
        })
    }

    fn restore(&mut self, restored: RestoredPortfolio) {
        self.balances.update(&restored.balances, false, Timestamp::EPOCH);
        for (instrument, price) in restored.marks {
            self.marks.restore(instrument, price);
        }
        for (instrument, quantity) in restored.external {
            self.held[usize::from(instrument.0)].external = quantity;
        }
        for (asset, delta) in restored.flows {
            self.on_external_flow(asset, delta);
        }
        for position in restored.positions {
            self.restore_position(position);
        }
        self.unvalued_fees = restored.unvalued_fees;
        for order in restored.orders {
            self.restore_order(&order);
        }
        for equity in restored.equity {
            self.restore_equity(&equity);
        }
        self.revalue();
    }

    fn restore_position(&mut self, restored: RestoredPosition) {
        let RestoredPosition { strategy, instrument, position, mut lots } = restored;
        let quantity: Quantity = lots.iter().map(|lot| lot.quantity).sum();
        if quantity != position.quantity() {
            let order = OrderId { epoch: 0, strategy, number: 0 };
            let opened_at = lots.first().map_or(Timestamp::EPOCH, |lot| lot.opened_at);
            lots = vec![Lot {
                order,
                opened_at,
                quantity: position.quantity(),
                cost: position.cost(),
                fees: Amount::ZERO,
            }];
        }
        self.holding_mut(strategy, instrument).restore(position, lots);
    }

    fn restore_equity(&mut self, restored: &RestoredEquity) {
        let track = match restored.strategy {
            None => &mut self.account,
            Some(strategy) => {
                let slot = self.slot_of(strategy);
                &mut self.slots[slot].equity
            }
        };
        let now = track.capital.to_amount();
        let moved = now - restored.capital.unwrap_or(now);
        let day_base = restored.day_base.map(|(at, base)| (at, base + moved));
        track.restore(day_base, restored.peak.map(|peak| peak + moved));
    }

    pub(super) fn holding_mut(
        &mut self,
        strategy: StrategyId,
        instrument: InstrumentId,
    ) -> &mut Holding {
        let slot = self.slot_of(strategy);
        let holdings = &mut self.held[usize::from(instrument.0)].holdings;
        let index = holdings.iter().position(|holding| holding.strategy == strategy);
        let index = index.unwrap_or_else(|| {
            holdings.push(Holding::new(strategy, slot));
            holdings.len() - 1
        });
        &mut holdings[index]
    }
}

/// Empty holdings of every instrument, with the way from its quote asset to the currency.
pub(super) fn holdings_of(instruments: &Instruments, currency: Asset) -> Vec<InstrumentHoldings> {
    let routes: Vec<Route> = instruments
        .iter()
        .map(|instrument| Route::find(instruments, instrument.quote, currency))
        .collect();
    instruments
        .iter()
        .zip(&routes)
        .map(|(instrument, route)| InstrumentHoldings {
            holdings: Vec::new(),
            external: Quantity::ZERO,
            route: *route,
            carries_route: routes.iter().any(|other| other.instrument() == Some(instrument.id)),
        })
        .collect()
}
