//! How the portfolio follows events.

use std::sync::Arc;

use model::{
    Amount, Asset, Fill, FillKey, InstrumentId, Instruments, MarketEvent, NewOrder, OrderId, Price,
    Quantity, StrategyId, Timestamp,
};
use rust_decimal::RoundingStrategy;

use super::book::{Portfolio, RestoredOrder, UnvaluedFee, holdings_of};
use super::booking::{Booking, PositionError};
use super::equity::EquityTrack;
use super::holding::Holding;
use super::lots::{ClosedTrade, LotContext};
use super::marks::MarkChange;
use super::reservations::{Cost, Remaining, ReservedOrder};
use super::value::Value;
use crate::venue::Balance;

/// Tombstones kept of orders proved absent.
const ABSENT_KEPT: usize = 256;

/// Fees that wait for a price, at most.
const UNVALUED_FEES_KEPT: usize = 1_024;

/// What a fee was worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FeeWorth {
    /// Paid in base or quote: nothing to value.
    InPair,
    /// Paid in a third asset, worth so much of the quote asset now.
    Valued(Amount),
    /// Paid in a third asset without a known price: booked as nothing until there is one.
    Unknown,
}

impl FeeWorth {
    /// The amount that is booked.
    #[must_use]
    pub const fn in_quote(self) -> Amount {
        match self {
            Self::Valued(amount) => amount,
            Self::InPair | Self::Unknown => Amount::ZERO,
        }
    }
}

/// What one holding adds to equity, in the engine's currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Standing {
    cash: Value,
    worth: Value,
    /// Whether it can't be valued yet.
    is_unmarked: bool,
}

/// Which ways equity moved: that of one strategy may rise with a price while another's falls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EquityMove {
    /// Some of it rose: it may have passed its peak.
    pub rose: bool,
    /// Some of it fell: it may have passed a limit of losses.
    pub fell: bool,
}

impl EquityMove {
    /// Any way.
    pub const UNKNOWN: Self = Self { rose: true, fell: true };

    /// Whether it moved at all.
    #[must_use]
    pub const fn is_any(self) -> bool {
        self.rose | self.fell
    }
}

impl Portfolio {
    /// Takes note of a market event. Tells how equity moved.
    #[inline(always)]
    pub fn on_market(&mut self, event: &MarketEvent) -> EquityMove {
        let Some(change) = self.marks.observe(event) else { return EquityMove::default() };
        self.on_mark(event.instrument(), change)
    }

    #[inline(always)]
    fn on_mark(&mut self, instrument: InstrumentId, change: MarkChange) -> EquityMove {
        let held = &self.held[usize::from(instrument.0)];
        let MarkChange { before: Some(before), after } = change else {
            return self.on_first_mark(instrument);
        };
        if held.carries_route || held.route != super::marks::Route::Same {
            self.revalue();
            return EquityMove::UNKNOWN;
        }
        if held.holdings.is_empty() && !held.external.is_positive() {
            return EquityMove::default();
        }
        self.move_worth(instrument, before, after)
    }

    /// A price has moved that values its own instrument and nothing else.
    fn move_worth(&mut self, instrument: InstrumentId, before: Price, after: Price) -> EquityMove {
        let held = &self.held[usize::from(instrument.0)];
        // Both are above zero: what lies between them is a price, and its worth exact.
        let step = Price::from_units(after.units() - before.units());
        let mut moved = EquityMove::default();
        for holding in &held.holdings {
            let quantity = holding.position.quantity();
            if quantity.is_zero() {
                continue;
            }
            let delta = Value::notional(step, quantity);
            self.slots[holding.slot].equity.holdings += delta;
            self.account.holdings += delta;
            moved.rose |= delta.is_positive();
            moved.fell |= delta.is_negative();
        }
        let external = held.external_long();
        if external.is_positive() {
            self.external += Value::notional(step, external);
        }
        // What has no price yet keeps losses from being judged for a while, not what moved then.
        if moved.is_any() && self.unmarked > 0 { EquityMove::UNKNOWN } else { moved }
    }

    /// The first price of an instrument: its orders and holdings can be valued from now on.
    #[cold]
    fn on_first_mark(&mut self, instrument: InstrumentId) -> EquityMove {
        let mark = self.marks.mark(instrument);
        let margins = self.margins;
        let unpriced = self
            .reservations
            .iter_mut()
            .filter(|order| order.new.instrument == instrument && order.price.is_none());
        for order in unpriced {
            order.price = margins.worst_price(&order.new.kind, order.new.side, mark);
            order.cost = Cost::of(order.new.side, order.price, order.remaining, margins.fee);
        }
        if !self.unvalued_fees.is_empty() {
            self.value_fees();
        }
        self.revalue();
        EquityMove::UNKNOWN
    }

    /// Values every holding and every open buy anew, at the marks of now.
    pub(super) fn revalue(&mut self) {
        for slot in &mut self.slots {
            slot.equity.cash = Value::ZERO;
            slot.equity.holdings = Value::ZERO;
        }
        (self.account.cash, self.account.holdings) = (Value::ZERO, Value::ZERO);
        (self.external, self.unmarked) = (Value::ZERO, 0);
        for (instrument, held) in self.instruments.iter().zip(&self.held) {
            let mark = self.marks.mark(instrument.id);
            for holding in &held.holdings {
                let Standing { cash, worth, is_unmarked } = self.standing(instrument.id, holding);
                self.unmarked += usize::from(is_unmarked);
                let slot = &mut self.slots[holding.slot].equity;
                (slot.cash, slot.holdings) = (slot.cash + cash, slot.holdings + worth);
                self.account.cash += cash;
                self.account.holdings += worth;
            }
            let external = mark.map(|mark| Value::notional(mark, held.external_long()));
            let external = external.and_then(|worth| self.marks.along(held.route, worth));
            self.external += external.unwrap_or_default();
        }
        for order in self.reservations.iter_mut() {
            let route = self.held[usize::from(order.new.instrument.0)].route;
            let worth = |value| self.marks.along(route, value).unwrap_or(Value::MAX);
            value_buy(order, worth);
        }
    }

    /// Books a fill of one of our orders.
    ///
    /// # Errors
    /// When an amount leaves its range; nothing is booked then.
    pub fn on_fill(
        &mut self,
        strategy: StrategyId,
        order: OrderId,
        fill: &Fill,
        at: Timestamp,
        closed: impl FnMut(ClosedTrade),
    ) -> Result<FeeWorth, PositionError> {
        let instrument = fill.key.instrument;
        let (base, quote) = {
            let traded = self.instruments.get(instrument);
            (traded.base, traded.quote)
        };
        let fee = self.fee_worth(fill, base, quote);
        let booking = Booking::of(fill, base, quote, fee.in_quote())?;
        let before = self.holding(strategy, instrument).map(|held| self.standing(instrument, held));
        let holding = self.holding_mut(strategy, instrument);
        holding.position.book(&booking)?;
        holding.cash += Value::floor(booking.cash);
        let context = LotContext { strategy, instrument, order, price: fill.price, at };
        holding.lots.apply(context, &booking, closed);
        self.restate(strategy, instrument, before.unwrap_or_default());
        if fee == FeeWorth::Unknown && self.unvalued_fees.len() < UNVALUED_FEES_KEPT {
            let Fill { key, side, fee, fee_asset: asset, .. } = *fill;
            self.unvalued_fees.push(UnvaluedFee { key, strategy, side, fee, asset });
        }
        self.move_balances(fill, base, quote);
        Ok(fee)
    }

    /// What a holding adds to equity at the marks of now.
    fn standing(&self, instrument: InstrumentId, holding: &Holding) -> Standing {
        let route = self.held[usize::from(instrument.0)].route;
        let mark = self.marks.mark(instrument);
        let cash = self.marks.along(route, holding.cash);
        let worth = self.marks.along(route, holding.worth(mark));
        let is_held = !holding.position.quantity().is_zero();
        Standing {
            is_unmarked: cash.is_none() || (is_held && mark.is_none()),
            cash: cash.unwrap_or_default(),
            worth: worth.unwrap_or_default(),
        }
    }

    /// A fill has changed one holding: what that adds to equity now takes the place of what it did
    /// before. Everything else stands at the marks of now already.
    fn restate(&mut self, strategy: StrategyId, instrument: InstrumentId, before: Standing) {
        let Some(holding) = self.holding(strategy, instrument) else { return };
        let (now, slot) = (self.standing(instrument, holding), holding.slot);
        self.unmarked += usize::from(now.is_unmarked);
        self.unmarked -= usize::from(before.is_unmarked);
        for track in [&mut self.slots[slot].equity, &mut self.account] {
            track.cash += now.cash - before.cash;
            track.holdings += now.worth - before.worth;
        }
    }

    fn fee_worth(&self, fill: &Fill, base: Asset, quote: Asset) -> FeeWorth {
        if fill.fee.is_zero() || fill.fee_asset == base || fill.fee_asset == quote {
            return FeeWorth::InPair;
        }
        let worth = self.worth_in(fill.fee, fill.fee_asset, quote);
        worth.map_or(FeeWorth::Unknown, FeeWorth::Valued)
    }

    /// What a fee is worth in a quote asset now, rounded up to the eighth decimal.
    fn worth_in(&self, fee: Amount, asset: Asset, quote: Asset) -> Option<Amount> {
        let worth = self.marks.convert_amount(&self.instruments, fee, asset, quote)?;
        let rounded = worth.to_decimal().round_dp_with_strategy(8, RoundingStrategy::AwayFromZero);
        Some(Amount::new(rounded.normalize()))
    }

    /// Books fees that could not be valued before, as far as prices for them are known now.
    fn value_fees(&mut self) {
        for fee in std::mem::take(&mut self.unvalued_fees) {
            let UnvaluedFee { key, strategy, side, fee: amount, asset } = fee;
            let quote = self.instruments.get(key.instrument).quote;
            let worth = self.worth_in(amount, asset, quote);
            let holding = self.holding_mut(strategy, key.instrument);
            match worth {
                Some(in_quote) if holding.position.add_fee(side, in_quote).is_ok() => {
                    holding.cash -= Value::ceil(in_quote);
                    self.valued_fees.push((key, in_quote));
                }
                Some(_) | None => self.unvalued_fees.push(fee),
            }
        }
    }

    /// Whether there are any to be taken.
    #[inline]
    pub(crate) const fn has_valued_fees(&self) -> bool {
        !self.valued_fees.is_empty()
    }

    /// Fees of earlier fills that were valued since the last call.
    pub(crate) fn take_valued_fees(&mut self) -> Vec<(FillKey, Amount)> {
        std::mem::take(&mut self.valued_fees)
    }

    fn move_balances(&mut self, fill: &Fill, base: Asset, quote: Asset) {
        let (quantity, notional) =
            (Value::of_quantity(fill.quantity), Value::notional(fill.price, fill.quantity));
        let (base_delta, quote_delta) = match fill.side {
            model::Side::Buy => (quantity, -notional),
            model::Side::Sell => (-quantity, notional),
        };
        for (asset, delta) in
            [(base, base_delta), (quote, quote_delta), (fill.fee_asset, -Value::ceil(fill.fee))]
        {
            self.balances.add(asset, delta, fill.event_at);
        }
    }

    /// Notes a fill of the account that is no strategy's.
    pub fn on_external_fill(&mut self, fill: &Fill) {
        self.held[usize::from(fill.key.instrument.0)].add_external_fill(fill);
        self.revalue();
    }

    /// Notes a deposit, withdrawal or adjustment. One of a traded base asset counts in the
    /// exposure of its instrument in the engine's currency, or else of its first.
    pub fn on_external_flow(&mut self, asset: Asset, delta: Amount) {
        let of_asset = || self.instruments.iter().filter(|instrument| instrument.base == asset);
        let in_currency = of_asset().find(|instrument| instrument.quote == self.currency);
        let Some(instrument) = in_currency.or_else(|| of_asset().next()).map(|found| found.id)
        else {
            return;
        };
        let rounded = delta.truncated(8).to_decimal();
        let bound =
            if delta.is_negative() { Quantity::ZERO - Quantity::MAX } else { Quantity::MAX };
        let quantity = Quantity::from_decimal(rounded).unwrap_or(bound);
        self.held[usize::from(instrument.0)].add_external(quantity);
        self.revalue();
    }

    /// Takes over what the venue says of balances. `is_complete`: assets that are missing are at
    /// zero.
    pub fn on_balances(&mut self, balances: &[Balance], is_complete: bool, as_of: Timestamp) {
        self.balances.update(balances, is_complete, as_of);
    }

    /// Reserves for an order that was approved.
    pub(crate) fn reserve(
        &mut self,
        order: OrderId,
        strategy: StrategyId,
        new: NewOrder,
        price: Option<Price>,
        replaces: Option<OrderId>,
    ) {
        let reserved = self.reservation(order, strategy, new, price, Remaining::all_of(&new));
        self.reservations.insert(ReservedOrder { replaces, ..reserved });
    }

    /// Two orders just reserved for take the same lots: one cancels the other.
    pub(crate) fn pair(&mut self, first: OrderId, second: OrderId) {
        for (order, other) in [(first, second), (second, first)] {
            if let Some(reserved) = self.reservations.get_mut(order) {
                reserved.other_leg = Some(other);
            }
        }
    }

    fn reservation(
        &self,
        order: OrderId,
        strategy: StrategyId,
        new: NewOrder,
        price: Option<Price>,
        remaining: Remaining,
    ) -> ReservedOrder {
        let instrument = self.instruments.get(new.instrument);
        let asset = match new.side {
            model::Side::Buy => instrument.quote,
            model::Side::Sell => instrument.base,
        };
        let mut reserved = ReservedOrder {
            order,
            strategy,
            new,
            remaining,
            price,
            is_acknowledged: false,
            is_triggered: false,
            replaces: None,
            other_leg: None,
            asset,
            cost: Cost::of(new.side, price, remaining, self.margins.fee),
            buying: Value::ZERO,
            spending: Value::ZERO,
        };
        value_buy(&mut reserved, |value| {
            self.in_currency(new.instrument, value).unwrap_or(Value::MAX)
        });
        reserved
    }

    pub(super) fn restore_order(&mut self, restored: &RestoredOrder) {
        let new = restored.new;
        let mark = self.marks.mark(new.instrument);
        let price = self.margins.worst_price(&new.kind, new.side, mark);
        let remaining = match Remaining::all_of(&new) {
            Remaining::Base(quantity) => {
                Remaining::Base(quantity.saturating_sub_to_zero(restored.filled_quantity))
            }
            whole @ Remaining::Quote(_) => whole,
        };
        let reserved = self.reservation(restored.order, restored.strategy, new, price, remaining);
        let RestoredOrder { is_acknowledged, is_triggered, replaces, other_leg, .. } = *restored;
        self.reservations.insert(ReservedOrder {
            is_acknowledged,
            is_triggered,
            replaces,
            other_leg,
            ..reserved
        });
    }

    /// An execution frees what it took of an order's reservation.
    pub(crate) fn on_order_filled(&mut self, order: OrderId, fill: &Fill, cumulative: Quantity) {
        self.revive(order);
        let fee = self.margins.fee;
        let route = self.held[usize::from(fill.key.instrument.0)].route;
        if let Some(reserved) = self.reservations.get_mut(order) {
            reserved.is_acknowledged = true;
            reserved.fill(cumulative, Value::notional(fill.price, fill.quantity));
            reserved.cost = Cost::of(reserved.new.side, reserved.price, reserved.remaining, fee);
            value_buy(reserved, |value| self.marks.along(route, value).unwrap_or(Value::MAX));
            let (other, left) = (reserved.other_leg, reserved.remaining);
            if let Some(other) = other.and_then(|other| self.reservations.get_mut(other)) {
                other.keep_at_most(left);
                other.cost = Cost::of(other.new.side, other.price, other.remaining, fee);
            }
        }
    }

    /// The venue has an order, and counts it in its locked balances from now on.
    pub(crate) fn on_order_acknowledged(&mut self, order: OrderId) {
        self.revive(order);
        if let Some(reserved) = self.reservations.get_mut(order) {
            reserved.is_acknowledged = true;
        }
    }

    /// A stop or target has been reached.
    pub(crate) fn on_order_triggered(&mut self, order: OrderId) {
        if let Some(reserved) = self.reservations.get_mut(order) {
            reserved.is_triggered = true;
        }
    }

    /// A protective order that the venue had is gone, and an exit waits for what it locked: that
    /// is free before the venue's next figure says so. What a pair locked is with its last order.
    pub(crate) fn unlock(&mut self, order: OrderId) {
        if self.reservations.has_other_leg(order) {
            return;
        }
        let reserved = self.reservations.get(order).filter(|reserved| reserved.is_acknowledged);
        if let Some((asset, amount)) = reserved.map(|order| (order.asset, order.cost.reserved)) {
            self.balances.unlock(asset, amount);
        }
    }

    /// An order that is final reserves nothing.
    pub(crate) fn release(&mut self, order: OrderId) {
        self.reservations.forget(order);
        self.absent.retain(|absent| absent.order != order);
    }

    /// An order that never arrived reserves nothing, unless the venue should contradict.
    pub(crate) fn bury(&mut self, order: OrderId) {
        if let Some(reserved) = self.reservations.remove(order) {
            if self.absent.len() == ABSENT_KEPT {
                self.absent.remove(0);
            }
            self.absent.push(reserved);
        }
    }

    fn revive(&mut self, order: OrderId) {
        if let Some(index) = self.absent.iter().position(|absent| absent.order == order) {
            self.reservations.insert(self.absent.swap_remove(index));
        }
    }

    /// Takes over a refreshed table: ids and assets stay, filters change, instruments are added.
    pub(crate) fn refresh(&mut self, instruments: Arc<Instruments>) {
        let mut held = holdings_of(&instruments, self.currency);
        for (fresh, known) in held.iter_mut().zip(self.held.drain(..)) {
            (fresh.holdings, fresh.external) = (known.holdings, known.external);
        }
        self.held = held;
        self.marks.grow(instruments.len());
        self.instruments = instruments;
        self.revalue();
    }

    /// Notes the equity of now in every track, within a day that has begun.
    pub(crate) fn raise_peaks(&mut self, now: Timestamp) {
        self.account.raise_peak(now);
        for slot in &mut self.slots {
            slot.equity.raise_peak(now);
        }
    }

    /// Notes the equity of now in every track, and begins the UTC day where it has not begun.
    /// Tells whether it did anywhere.
    pub(crate) fn open_day(&mut self, now: Timestamp) -> bool {
        let mut is_new = self.account.open_day(now);
        for slot in &mut self.slots {
            is_new |= slot.equity.open_day(now);
        }
        is_new
    }

    /// Measures losses from now on: of a strategy, or of all together.
    pub(crate) fn rebase(&mut self, strategy: Option<StrategyId>, now: Timestamp) {
        match strategy {
            None => self.account.rebase(now),
            Some(strategy) => {
                let slot = self.slot_of(strategy);
                self.slots[slot].equity.rebase(now);
            }
        }
    }

    /// The points of every equity curve that are due.
    pub(crate) fn sample_equity(
        &mut self,
        now: Timestamp,
        mut each: impl FnMut(Option<StrategyId>, Timestamp, &EquityTrack, Value),
    ) {
        for (at, equity) in self.account.sample(now).into_iter().flatten() {
            each(None, at, &self.account, equity);
        }
        for slot in &mut self.slots {
            for (at, equity) in slot.equity.sample(now).into_iter().flatten() {
                each(Some(slot.strategy), at, &slot.equity, equity);
            }
        }
    }
}

/// Values what a buy may still add to positions; nothing for a sell.
fn value_buy(order: &mut ReservedOrder, in_currency: impl Fn(Value) -> Value) {
    if order.new.side == model::Side::Buy {
        order.buying = in_currency(order.cost.notional);
        order.spending = in_currency(order.cost.reserved);
    }
}
