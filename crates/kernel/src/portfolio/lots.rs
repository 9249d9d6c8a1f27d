//! Lots, first in first out: for reports and closed trades. Profit itself is kept at average cost
//! by [`super::Position`]; over a position that is flat again both are the same.

use std::collections::VecDeque;

use model::{Amount, InstrumentId, OrderId, Price, Quantity, Side, StrategyId, Timestamp};
use serde::{Deserialize, Serialize};

use super::booking::{Booking, share};

/// What one order bought (or sold short) and is still held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lot {
    /// The order that opened it; its fills are one lot.
    pub order: OrderId,
    /// When its first fill was received.
    pub opened_at: Timestamp,
    /// Base still held after fees; below zero for a short lot.
    pub quantity: Quantity,
    /// Quote paid for what is still held, fees included; below zero for a short lot.
    pub cost: Amount,
    /// Fees inside the cost, in the quote asset.
    pub fees: Amount,
}

impl Lot {
    /// Cost of one unit, fees included.
    #[must_use]
    pub fn unit_cost(&self) -> Amount {
        let unit = self.cost.to_decimal().checked_div(self.quantity.to_decimal());
        Amount::new(unit.unwrap_or_default())
    }
}

/// A lot, or a part of one, that was closed by a fill.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClosedTrade {
    /// Whose.
    pub strategy: StrategyId,
    /// Of what.
    pub instrument: InstrumentId,
    /// Side of the entry.
    pub side: Side,
    /// Base quantity closed.
    pub quantity: Quantity,
    /// Cost of one unit at entry, fees included.
    pub entry_price: Amount,
    /// Price of the fill that closed it.
    pub exit_price: Price,
    /// The order that opened it.
    pub entry_order: OrderId,
    /// The order that closed it.
    pub exit_order: OrderId,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was closed.
    pub closed_at: Timestamp,
    /// Profit in the quote asset, all fees paid.
    pub profit: Amount,
    /// Fees of entry and exit in the quote asset.
    pub fees: Amount,
}

/// Where and when a booking happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct LotContext {
    pub strategy: StrategyId,
    pub instrument: InstrumentId,
    pub order: OrderId,
    pub price: Price,
    pub at: Timestamp,
}

/// The open lots of one strategy in one instrument, oldest first, all of one sign.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lots(VecDeque<Lot>);

impl Lots {
    pub(super) fn restore(lots: Vec<Lot>) -> Self {
        Self(lots.into())
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Lot> {
        self.0.iter()
    }

    /// Sum of all lots.
    #[must_use]
    pub fn quantity(&self) -> Quantity {
        self.0.iter().map(|lot| lot.quantity).sum()
    }

    /// Closes the oldest lots with a fill of the other sign; what is left of it opens a lot.
    pub(super) fn apply(
        &mut self,
        context: LotContext,
        booking: &Booking,
        mut closed: impl FnMut(ClosedTrade),
    ) {
        let mut rest = *booking;
        while !rest.quantity.is_zero()
            && let Some(lot) = self.0.front_mut()
            && lot.quantity.is_positive() != rest.quantity.is_positive()
        {
            let side = if lot.quantity.is_positive() { Side::Buy } else { Side::Sell };
            let quantity = magnitude(lot.quantity).min(magnitude(rest.quantity));
            let opened = take(&mut lot.quantity, &mut lot.cost, &mut lot.fees, quantity);
            let given = take(&mut rest.quantity, &mut rest.cash, &mut rest.fee, quantity);
            closed(closed_trade(context, lot, side, quantity, opened, given));
            if lot.quantity.is_zero() {
                self.0.pop_front();
            }
        }
        if !rest.quantity.is_zero() {
            self.open(context, &rest);
        }
    }

    fn open(&mut self, context: LotContext, rest: &Booking) {
        if let Some(lot) = self.0.back_mut()
            && lot.order == context.order
        {
            lot.quantity += rest.quantity;
            lot.cost -= rest.cash;
            lot.fees += rest.fee;
            return;
        }
        self.0.push_back(Lot {
            order: context.order,
            opened_at: context.at,
            quantity: rest.quantity,
            cost: -rest.cash,
            fees: rest.fee,
        });
    }
}

/// What was taken out of a lot or a fill.
#[derive(Clone, Copy)]
struct Share {
    money: Amount,
    fees: Amount,
}

fn magnitude(quantity: Quantity) -> Quantity {
    quantity.max(Quantity::ZERO - quantity)
}

/// Takes `taken` off a signed quantity with its share of money and fees. The last part takes all
/// that is left, so that no rounding stays behind.
fn take(quantity: &mut Quantity, money: &mut Amount, fees: &mut Amount, taken: Quantity) -> Share {
    let whole = magnitude(*quantity);
    let share = if taken == whole {
        Share { money: *money, fees: *fees }
    } else {
        Share { money: part_of(*money, taken, whole), fees: part_of(*fees, taken, whole) }
    };
    *money -= share.money;
    *fees -= share.fees;
    if quantity.is_positive() {
        *quantity -= taken;
    } else {
        *quantity += taken;
    }
    share
}

fn part_of(amount: Amount, part: Quantity, whole: Quantity) -> Amount {
    share(amount, part, whole).expect("a part of a whole above zero")
}

fn closed_trade(
    context: LotContext,
    lot: &Lot,
    side: Side,
    quantity: Quantity,
    opened: Share,
    given: Share,
) -> ClosedTrade {
    // The lot's cost is money put in, the fill's cash is money got out; for a short lot both have
    // the other sign, and the sum is the same.
    let entry = opened.money.abs().to_decimal() / quantity.to_decimal();
    ClosedTrade {
        strategy: context.strategy,
        instrument: context.instrument,
        side,
        quantity,
        entry_price: Amount::new(entry),
        exit_price: context.price,
        entry_order: lot.order,
        exit_order: context.order,
        opened_at: lot.opened_at,
        closed_at: context.at,
        profit: given.money - opened.money,
        fees: opened.fees + given.fees,
    }
}
