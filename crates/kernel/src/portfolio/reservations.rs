//! Open and unknown orders, and what they reserve.
//!
//! There are few of them (the venue allows 200 on a symbol), so every question is answered by one
//! pass over all: there are no running sums that could drift.

use model::{
    Asset, Instrument, InstrumentId, NewOrder, OrderId, OrderKind, OrderQuantity, Price, Quantity,
    Side, StrategyId,
};
use rust_decimal::RoundingStrategy;

use super::value::{Rate, Value};

/// What of an order may still trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remaining {
    /// So much of the base asset.
    Base(Quantity),
    /// As much as this much of the quote asset allows.
    Quote(Value),
}

impl Remaining {
    /// All of a new order.
    #[must_use]
    pub fn all_of(new: &NewOrder) -> Self {
        match new.quantity {
            OrderQuantity::Base(quantity) => Self::Base(quantity),
            OrderQuantity::Quote(amount) => Self::Quote(Value::ceil(amount)),
        }
    }
}

/// What is added to a price to be sure that an order is covered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Margins {
    /// Fee on top of what a buy pays.
    pub fee: Rate,
    /// How far an order without a limit price may run.
    pub slippage: Rate,
}

impl Margins {
    /// The worst price expected of an order: its limit; for a stop without one its trigger, for a
    /// market order the best price on the other side, both with slippage.
    #[must_use]
    pub fn worst_price(&self, kind: &OrderKind, side: Side, touch: Option<Price>) -> Option<Price> {
        if let Some(limit) = kind.limit_price() {
            return Some(limit);
        }
        let start = kind.stop_price().or(touch)?;
        Some(match side {
            Side::Buy => self.slippage.above(start),
            Side::Sell => self.slippage.below(start),
        })
    }
}

/// What an order takes from the account at worst.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cost {
    /// Price × quantity in the quote asset, fee not included.
    pub notional: Value,
    /// Taken of the asset that it pays with: quote with the fee for a buy, base for a sell.
    pub reserved: Value,
    /// Base that a sell takes; zero for a buy.
    pub sold: Quantity,
}

impl Cost {
    /// At the worst price expected. Without any price it may cost everything.
    #[must_use]
    pub fn of(side: Side, price: Option<Price>, remaining: Remaining, fee: Rate) -> Self {
        let notional = match (remaining, price) {
            (Remaining::Base(quantity), Some(price)) => Value::notional(price, quantity),
            (Remaining::Base(_), None) => Value::MAX,
            (Remaining::Quote(amount), _) => amount,
        };
        match side {
            Side::Buy => {
                let reserved = notional + notional.times_up(fee);
                Self { notional, reserved, sold: Quantity::ZERO }
            }
            Side::Sell => {
                let sold = match remaining {
                    Remaining::Base(quantity) => quantity,
                    Remaining::Quote(amount) => base_for(amount, price),
                };
                Self { notional, reserved: Value::of_quantity(sold), sold }
            }
        }
    }
}

/// The base quantity that brings a quote amount at a price, rounded up; everything when the price
/// is not known.
fn base_for(amount: Value, price: Option<Price>) -> Quantity {
    let Some(base) = price.and_then(|price| amount.over_price(price)) else {
        return Quantity::MAX;
    };
    let exact = base.to_amount().to_decimal();
    let rounded = exact.round_dp_with_strategy(8, RoundingStrategy::AwayFromZero);
    Quantity::from_decimal(rounded).unwrap_or(Quantity::MAX)
}

/// An order of ours that may still trade.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReservedOrder {
    /// Identity.
    pub order: OrderId,
    /// Whose.
    pub strategy: StrategyId,
    /// What was placed, rounded.
    pub new: NewOrder,
    /// What may still trade.
    pub remaining: Remaining,
    /// The worst price expected when it was approved; `None` while no price was ever known.
    pub price: Option<Price>,
    /// Whether the venue is known to have it, and so counts it in its locked balances.
    pub is_acknowledged: bool,
    /// Whether its stop or target has been reached.
    pub is_triggered: bool,
    /// The order that must be gone before this one leaves: until then only what this one needs
    /// beyond that one is reserved.
    pub replaces: Option<OrderId>,
    /// The other order of a pair, of which one cancels the other: both take the same lots, which
    /// count once.
    pub other_leg: Option<OrderId>,
    /// The asset that it pays with.
    pub asset: Asset,
    /// What it takes at worst.
    pub cost: Cost,
    /// What it may still add to positions, in the engine's currency; zero for a sell.
    pub buying: Value,
    /// The same with the fee on top.
    pub spending: Value,
}

impl ReservedOrder {
    /// Takes an execution off what may still trade.
    pub(super) fn fill(&mut self, cumulative: Quantity, notional: Value) {
        match (&mut self.remaining, self.new.quantity) {
            (Remaining::Base(remaining), OrderQuantity::Base(quantity)) => {
                *remaining = quantity.saturating_sub_to_zero(cumulative);
            }
            (Remaining::Quote(remaining), OrderQuantity::Quote(_)) => {
                *remaining = (*remaining - notional).or_zero();
            }
            (Remaining::Base(_), OrderQuantity::Quote(_))
            | (Remaining::Quote(_), OrderQuantity::Base(_)) => {
                unreachable!("remaining is made from the order's own quantity")
            }
        }
    }

    /// The other order of its pair has traded: no more than what is left of that one may trade
    /// here.
    pub(super) fn keep_at_most(&mut self, left: Remaining) {
        if let (Remaining::Base(remaining), Remaining::Base(left)) = (&mut self.remaining, left) {
            *remaining = (*remaining).min(left);
        }
    }

    /// What of it has been executed, by itself or by the other order of its pair; `None` for an
    /// order by quote amount, of which only the venue can tell.
    #[must_use]
    pub fn executed(&self) -> Option<Quantity> {
        match (self.remaining, self.new.quantity) {
            (Remaining::Base(remaining), OrderQuantity::Base(quantity)) => {
                Some(quantity.saturating_sub_to_zero(remaining))
            }
            (Remaining::Quote(_), OrderQuantity::Quote(_)) => None,
            (Remaining::Base(_), OrderQuantity::Quote(_))
            | (Remaining::Quote(_), OrderQuantity::Base(_)) => {
                unreachable!("remaining is made from the order's own quantity")
            }
        }
    }

    /// Whether it could be matched, now or once it has arrived, at a price known beforehand.
    fn resting_price(&self) -> Option<Price> {
        let waits_for_trigger = self.new.kind.stop_price().is_some() && !self.is_triggered;
        self.new.kind.limit_price().filter(|_| !waits_for_trigger)
    }
}

/// What a tally is made for: the order that is being judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TallyFor<'a> {
    pub strategy: StrategyId,
    pub instrument: &'a Instrument,
    pub side: Side,
    /// This order is taken back for it: its reservation is released.
    pub replaces: Option<OrderId>,
}

/// Sums over the open orders of the account, or of one strategy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScopeTally {
    /// How many orders; one that waits for another to be gone has that one's place.
    pub open_orders: u32,
    /// What buys may still add to positions, in the engine's currency.
    pub buying: Value,
    /// The part of it on the instrument in question.
    pub buying_here: Value,
    /// What buys may still spend, in the engine's currency, fees included.
    pub spending: Value,
}

/// What the open orders amount to, seen from one order in question.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Over the whole account.
    pub account: ScopeTally,
    /// Over the strategy of the order.
    pub strategy: ScopeTally,
    /// Reserved of the asset that the order pays with.
    pub reserved: Value,
    /// The part of it that the venue is not known to have locked.
    pub unacknowledged: Value,
    /// What the venue has locked of it for the order that is to be replaced: free by then.
    pub released: Value,
    /// Base that the strategy's own sells on the instrument may still take.
    pub own_sells: Quantity,
    /// Orders on the instrument, for the venue's filter.
    pub orders_here: u32,
    /// Stops and targets among them.
    pub stops_here: u32,
    /// Base that buys on the instrument may still bring.
    pub buys_here: Quantity,
    /// The own order on the other side with the best price.
    pub best_opposite: Option<(OrderId, Price)>,
}

/// Orders that may still trade.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reservations(Vec<ReservedOrder>);

impl Reservations {
    /// All of them, in no order that means anything.
    pub fn iter(&self) -> std::slice::Iter<'_, ReservedOrder> {
        self.0.iter()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, order: OrderId) -> Option<&ReservedOrder> {
        self.0.iter().find(|reserved| reserved.order == order)
    }

    pub(super) fn get_mut(&mut self, order: OrderId) -> Option<&mut ReservedOrder> {
        self.0.iter_mut().find(|reserved| reserved.order == order)
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, ReservedOrder> {
        self.0.iter_mut()
    }

    /// Whether the other order of its pair may still trade.
    #[must_use]
    pub fn has_other_leg(&self, order: OrderId) -> bool {
        let other = self.get(order).and_then(|order| order.other_leg);
        other.is_some_and(|other| self.get(other).is_some())
    }

    pub(super) fn insert(&mut self, order: ReservedOrder) {
        debug_assert!(self.get(order.order).is_none(), "an order id is used once");
        self.0.push(order);
    }

    pub(super) fn remove(&mut self, order: OrderId) -> Option<ReservedOrder> {
        let index = self.0.iter().position(|reserved| reserved.order == order)?;
        Some(self.0.swap_remove(index))
    }

    /// The same, where nobody needs it any more: it is mostly the last one, and not moved.
    pub(super) fn forget(&mut self, order: OrderId) {
        let Some(index) = self.0.iter().position(|reserved| reserved.order == order) else {
            return;
        };
        let last = self.0.len() - 1;
        self.0.swap(index, last);
        self.0.truncate(last);
    }

    /// What is reserved of an asset by all open and unknown orders.
    #[must_use]
    pub fn reserved(&self, asset: Asset) -> Value {
        let on_asset = self.0.iter().filter(|order| order.asset == asset);
        on_asset.map(|order| Needs::of(order).less(self.cover(order, None)).reserved).sum()
    }

    /// Base that the strategy's own sells on an instrument may still take.
    #[must_use]
    pub fn sells(&self, strategy: StrategyId, instrument: InstrumentId) -> Quantity {
        self.sells_where(|order| order.strategy == strategy && order.new.instrument == instrument)
    }

    /// Base that sells of some kind may still take. One that waits for another to be gone counts
    /// with what it needs beyond that one.
    pub(crate) fn sells_where(&self, is_meant: impl Fn(&ReservedOrder) -> bool) -> Quantity {
        let sold = |order: &ReservedOrder| Needs::of(order).less(self.cover(order, None)).sold;
        let meant = self.0.iter().filter(|order| is_meant(order));
        meant.map(sold).fold(Quantity::ZERO, saturating_sum)
    }

    /// One pass over all open orders.
    pub(crate) fn tally(&self, wanted: &TallyFor<'_>) -> Tally {
        let (mut tally, mut others) = (Tally::default(), ScopeTally::default());
        for order in &self.0 {
            if Some(order.order) == wanted.replaces {
                let is_here = order.new.instrument == wanted.instrument.id;
                if order.is_acknowledged && wanted.pays_as(order, is_here) {
                    tally.released = Needs::of(order).reserved;
                }
                continue;
            }
            if order.other_leg.is_some() && order.other_leg == wanted.replaces {
                // It goes with the other order of its pair.
                continue;
            }
            let net = match order.replaces.or(order.other_leg) {
                None => Needs::of(order),
                Some(_) => Needs::of(order).less(self.cover(order, wanted.replaces)),
            };
            let is_here = order.new.instrument == wanted.instrument.id;
            let is_own = order.strategy == wanted.strategy;
            let scope = if is_own { &mut tally.strategy } else { &mut others };
            scope.open_orders += net.places;
            if order.new.side == Side::Buy {
                scope.buying += net.buying;
                scope.spending += net.spending;
                if is_here {
                    scope.buying_here += net.buying;
                }
            }
            if wanted.pays_as(order, is_here) {
                tally.reserved += net.reserved;
                if !order.is_acknowledged {
                    tally.unacknowledged += net.reserved;
                }
            }
            if is_here {
                tally.add_here(order, &net, is_own, wanted.side);
            }
        }
        tally.account = tally.strategy.plus(&others);
        tally
    }

    /// The part of an order's needs that the order it waits for covers already. Of an order that
    /// waits itself only what it adds counts: should it be given up, the one before it may still
    /// work beside the last. Of a pair the first covers what the second takes.
    fn cover(&self, order: &ReservedOrder, released: Option<OrderId>) -> Needs {
        let first = order.other_leg.filter(|first| *first < order.order);
        if let Some(first) = first.and_then(|first| self.get(first)) {
            return Needs { places: 0, ..Needs::of(first) };
        }
        let old = order.replaces.filter(|old| Some(*old) != released);
        let Some(old) = old.and_then(|old| self.get(old)) else { return Needs::default() };
        let net = Needs::of(old).less(self.cover(old, released));
        let is_same = old.new.instrument == order.new.instrument && old.new.side == order.new.side;
        if is_same { net } else { Needs { places: net.places, ..Needs::default() } }
    }
}

/// What an order takes up.
#[derive(Clone, Copy, Default)]
struct Needs {
    places: u32,
    reserved: Value,
    buying: Value,
    spending: Value,
    sold: Quantity,
}

impl Needs {
    const fn of(order: &ReservedOrder) -> Self {
        Self {
            places: 1,
            reserved: order.cost.reserved,
            buying: order.buying,
            spending: order.spending,
            sold: order.cost.sold,
        }
    }

    /// What goes beyond what is covered.
    fn less(self, cover: Self) -> Self {
        Self {
            places: self.places.saturating_sub(cover.places),
            reserved: (self.reserved - cover.reserved).or_zero(),
            buying: (self.buying - cover.buying).or_zero(),
            spending: (self.spending - cover.spending).or_zero(),
            sold: self.sold.saturating_sub_to_zero(cover.sold),
        }
    }
}

impl TallyFor<'_> {
    /// Whether an order pays with the asset that the one in question pays with.
    fn pays_as(&self, order: &ReservedOrder, is_here: bool) -> bool {
        if is_here {
            // One symbol: the same side pays with the same asset, the other with the other.
            return order.new.side == self.side;
        }
        order.asset
            == match self.side {
                Side::Buy => self.instrument.quote,
                Side::Sell => self.instrument.base,
            }
    }
}

impl Tally {
    fn add_here(&mut self, order: &ReservedOrder, net: &Needs, is_own: bool, side: Side) {
        self.orders_here += net.places;
        if order.new.kind.stop_price().is_some() {
            self.stops_here += net.places;
        }
        match order.new.side {
            Side::Buy => {
                let bought = match order.remaining {
                    Remaining::Base(quantity) => quantity,
                    Remaining::Quote(amount) => base_for(amount, order.price),
                };
                self.buys_here = saturating_sum(self.buys_here, bought);
            }
            Side::Sell if is_own => self.own_sells = saturating_sum(self.own_sells, net.sold),
            Side::Sell => {}
        }
        if order.new.side == side.opposite()
            && let Some(price) = order.resting_price()
        {
            self.meet_opposite(order.order, price, side);
        }
    }

    fn meet_opposite(&mut self, order: OrderId, price: Price, side: Side) {
        let is_better = self.best_opposite.is_none_or(|(_, best)| match side {
            Side::Buy => price < best,
            Side::Sell => price > best,
        });
        if is_better {
            self.best_opposite = Some((order, price));
        }
    }
}

impl ScopeTally {
    fn plus(&self, others: &Self) -> Self {
        Self {
            open_orders: self.open_orders + others.open_orders,
            buying: self.buying + others.buying,
            buying_here: self.buying_here + others.buying_here,
            spending: self.spending + others.spending,
        }
    }
}

fn saturating_sum(left: Quantity, right: Quantity) -> Quantity {
    left.checked_add(right).unwrap_or(Quantity::MAX)
}
