//! Takers where only trades or bars are recorded: they get a share of what is traded, and wait for
//! more.

use model::{Price, Quantity, Side, TimeInForce};

use super::{Recorded, RecordedModels, TakerVolume};
use crate::liquidity::{Want, affordable, is_within, preview};
use crate::{Desk, ExpiryReason, Liquidity, MatchEvent, Slot};

/// Shares count in units of 10⁻⁸ of a unit: small trades add up.
pub(super) const WHOLE: i128 = 100_000_000;

/// What a step of quantity is in them.
pub(super) fn whole_step(step: Quantity) -> i128 {
    i128::from(step.units().max(1)) * WHOLE
}

/// One that waits.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    slot: Slot,
    limit: Option<Price>,
    /// The worst price that it had within the bar that is under way.
    worst: Option<Price>,
    /// What a buy without a limit may spend, in units of 10⁻¹⁶.
    budget: Option<i128>,
    /// Of an order by quote amount.
    quote: Option<QuoteLeft>,
    /// Of one that takes what the next trade offers, or nothing.
    at_once: Option<AtOnce>,
}

/// How an order fares that does not wait for more than one trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AtOnce {
    /// It takes what there is.
    InPart,
    /// It takes all that it wants, or nothing.
    Whole,
}

impl AtOnce {
    const fn reason(self) -> ExpiryReason {
        match self {
            Self::InPart => ExpiryReason::UnfilledImmediateOrCancel,
            Self::Whole => ExpiryReason::UnfilledFillOrKill,
        }
    }
}

/// What an order by quote amount is still to spend or receive.
#[derive(Clone, Copy, Debug)]
struct QuoteLeft {
    /// In units of 10⁻¹⁶.
    units: i128,
    /// So much base at most: of a sell no more was set aside.
    most: Quantity,
}

impl QuoteLeft {
    /// How much base that is at a price.
    fn at(self, price: Price, step: Quantity) -> Quantity {
        affordable(self.units, price, step).min(self.most)
    }
}

impl Waiting {
    /// So much was executed.
    fn count(&mut self, price: Price, quantity: Quantity) {
        let units = i128::from(price.units()) * i128::from(quantity.units());
        if let Some(budget) = &mut self.budget {
            *budget -= units;
        }
        if let Some(left) = &mut self.quote {
            left.units -= units;
            left.most -= quantity;
        }
    }
}

/// What the newest trade offers them, and those that wait for more. Bounded as the open orders are.
#[derive(Clone, Debug)]
pub(super) struct Takers {
    volume: TakerVolume,
    participation: i128,
    step: Quantity,
    waiting: Vec<Waiting>,
    /// Volume of the newest trade of which nobody has taken anything yet.
    traded: Quantity,
    /// What else is offered: shares, less what was taken.
    left: i128,
}

impl Takers {
    pub(super) fn new(models: &RecordedModels, step: Quantity) -> Self {
        Self {
            volume: models.takers,
            participation: models.participation_units(),
            step,
            waiting: Vec::new(),
            traded: Quantity::ZERO,
            left: 0,
        }
    }

    /// Whether takers are held to their share.
    pub(super) fn share_volume(&self) -> bool {
        self.volume == TakerVolume::Share
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A trade takes the place of the one before. Who waits keeps the fraction of a step.
    #[inline]
    pub(super) fn see(&mut self, quantity: Quantity) {
        self.left = if self.waiting.is_empty() { 0 } else { self.settle() % whole_step(self.step) };
        self.traded = quantity;
    }

    fn settle(&mut self) -> i128 {
        self.left = self.share();
        self.traded = Quantity::ZERO;
        self.left
    }

    /// What takers have of the trade, and the rest of those before.
    fn share(&self) -> i128 {
        self.left + i128::from(self.traded.units()) * self.participation
    }

    /// What a taker can have now.
    pub(super) fn offered(&self) -> Quantity {
        match self.volume {
            TakerVolume::All => Quantity::MAX,
            TakerVolume::Share => {
                let units = i64::try_from(self.share() / WHOLE).unwrap_or(i64::MAX);
                Quantity::from_units(units).floor_to(self.step)
            }
        }
    }

    fn take(&mut self, quantity: Quantity) {
        if self.volume == TakerVolume::All {
            return;
        }
        self.settle();
        self.left = (self.left - i128::from(quantity.units()) * WHOLE).max(0);
    }

    /// What takers have left of the newest trade is not offered any more: it is the makers'.
    pub(super) fn leave_to_makers(&mut self) -> i128 {
        self.settle();
        std::mem::take(&mut self.left)
    }

    pub(super) const fn offer_nothing(&mut self) {
        (self.traded, self.left) = (Quantity::ZERO, 0);
    }

    pub(super) fn add(&mut self, slot: Slot, limit: Option<Price>, worst: Option<Price>) {
        let (budget, quote, at_once) = (None, None, None);
        self.waiting.push(Waiting { slot, limit, worst, budget, quote, at_once });
    }

    /// An order that is to execute at once, whenever that is: with the next trade.
    pub(super) fn add_for_next(&mut self, slot: Slot, limit: Price, time_in_force: TimeInForce) {
        self.add(slot, Some(limit), None);
        let added = self.waiting.last_mut().expect("it was added");
        added.at_once = match time_in_force {
            TimeInForce::GoodTilCanceled => None,
            TimeInForce::ImmediateOrCancel => Some(AtOnce::InPart),
            TimeInForce::FillOrKill => Some(AtOnce::Whole),
        };
    }

    pub(super) fn set_quote(&mut self, slot: Slot, units: i128, most: Quantity) {
        if let Some(waiting) = self.waiting_mut(slot) {
            waiting.quote = Some(QuoteLeft { units, most });
        }
    }

    pub(super) fn set_budget(&mut self, slot: Slot, budget: i128) {
        if let Some(waiting) = self.waiting_mut(slot) {
            waiting.budget = Some(budget);
        }
    }

    fn waiting_mut(&mut self, slot: Slot) -> Option<&mut Waiting> {
        self.waiting.iter_mut().find(|waiting| waiting.slot == slot)
    }

    /// True if it was there.
    pub(super) fn remove(&mut self, slot: Slot) -> bool {
        let place = self.waiting.iter().position(|waiting| waiting.slot == slot);
        place.map(|place| self.waiting.remove(place)).is_some()
    }
}

/// The worse of two prices for a taker of this side.
fn worse(side: Side, one: Price, other: Price) -> Price {
    match side {
        Side::Buy => one.max(other),
        Side::Sell => one.min(other),
    }
}

impl Recorded {
    /// Without levels: fills a taker as far as its share goes.
    pub(super) fn take_share(
        &mut self,
        taker: Slot,
        wanted: Quantity,
        limit: Option<Price>,
        desk: &mut Desk,
        out: &mut Vec<MatchEvent>,
    ) {
        let side = desk.orders.get(taker).side;
        let Some(level) = self.best(side.opposite()) else { return };
        if !is_within(side, level.price, limit) {
            return;
        }
        let quantity = wanted.min(self.takers.offered());
        if quantity.is_positive() {
            self.takers.take(quantity);
            desk.execute(None, Some(taker), level.price, quantity, side, out);
        }
    }

    /// Those that wait get their share of the newest trade, in the order in which they came.
    pub(super) fn serve_takers(&mut self, desk: &mut Desk, out: &mut Vec<MatchEvent>) {
        let mut waiting = std::mem::take(&mut self.takers.waiting);
        waiting.retain_mut(|one| self.serve_taker(one, desk, out));
        self.takers.waiting = waiting;
    }

    /// False when it waits no longer.
    fn serve_taker(
        &mut self,
        one: &mut Waiting,
        desk: &mut Desk,
        out: &mut Vec<MatchEvent>,
    ) -> bool {
        let side = desk.orders.get(one.slot).side;
        let Some(level) = self.best(side.opposite()) else { return true };
        let before = one.worst.filter(|_| self.walk.is_under_way());
        let price = before.map_or(level.price, |worst| worse(side, worst, level.price));
        one.worst = Some(price);
        if let Some(at_once) = one.at_once {
            self.serve_at_once(one, at_once, price, desk, out);
            return false;
        }
        if !is_within(side, price, one.limit) {
            self.rest(one.slot, desk, out);
            return false;
        }
        let step = self.takers.step;
        if let Some(left) = one.quote {
            desk.resize(one.slot, left.at(price, step));
        }
        let remaining = desk.orders.get(one.slot).remaining();
        let wanted = remaining.min(self.takers.offered());
        let can_pay = |budget| affordable(budget, price, step).min(wanted);
        let quantity = one.budget.map_or(wanted, can_pay);
        if quantity.is_positive() {
            self.takers.take(quantity);
            one.count(price, quantity);
            desk.execute(None, Some(one.slot), price, quantity, side, out);
            if quantity == remaining {
                desk.close(one.slot);
                return false;
            }
        }
        // Too little money for a step, or too little left of the amount.
        if quantity < wanted || remaining.is_zero() {
            desk.expire(one.slot, ExpiryReason::ExchangeCanceled, out);
            return false;
        }
        true
    }

    /// One that waited for this trade and for no other.
    fn serve_at_once(
        &mut self,
        one: &Waiting,
        at_once: AtOnce,
        price: Price,
        desk: &mut Desk,
        out: &mut Vec<MatchEvent>,
    ) {
        let order = desk.orders.get(one.slot);
        let (side, remaining) = (order.side, order.remaining());
        let offered = match is_within(side, price, one.limit) {
            true => self.takers.offered().min(remaining),
            false => Quantity::ZERO,
        };
        let quantity = match at_once {
            AtOnce::Whole if offered < remaining => Quantity::ZERO,
            AtOnce::Whole | AtOnce::InPart => offered,
        };
        if quantity.is_positive() {
            self.takers.take(quantity);
            desk.execute(None, Some(one.slot), price, quantity, side, out);
        }
        if quantity == remaining {
            desk.close(one.slot);
        } else {
            desk.expire(one.slot, at_once.reason(), out);
        }
    }

    /// Levels have come: they are what takers meet now.
    pub(super) fn send_takers_to_levels(&mut self, desk: &mut Desk, out: &mut Vec<MatchEvent>) {
        for one in std::mem::take(&mut self.takers.waiting) {
            let Waiting { slot, limit, budget, quote, at_once, .. } = one;
            let side = desk.orders.get(slot).side;
            let step = self.takers.step;
            let of = |units| preview(self, side, limit, Want::Quote { units, step }).quantity;
            if let Some(left) = quote {
                desk.resize(slot, of(left.units).min(left.most));
            }
            let remaining = desk.orders.get(slot).remaining();
            let wanted = budget.map_or(remaining, |units| of(units).min(remaining));
            let is_too_little = at_once == Some(AtOnce::Whole)
                && preview(self, side, limit, Want::Base(wanted)).is_exhausted;
            if !is_too_little {
                self.take(slot, wanted, limit, desk, out);
            }
            if desk.orders.get(slot).remaining().is_zero() {
                desk.close(slot);
            } else if let Some(at_once) = at_once {
                desk.expire(slot, at_once.reason(), out);
            } else if limit.is_some() {
                self.rest(slot, desk, out);
            } else {
                desk.expire(slot, ExpiryReason::InsufficientLiquidity, out);
            }
        }
    }
}
