//! What a matcher matches against.

use model::{Amount, Level, Price, Quantity, Side, TimeInForce};

use crate::{Desk, MatchEvent, Slot};

/// What a taker would get now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Preview {
    /// Base quantity.
    pub quantity: Quantity,
    /// What it costs or yields, without fees.
    pub notional: Amount,
    /// The worst price touched; `None` when nothing can be had.
    pub worst_price: Option<Price>,
    /// Whether the book ended, or the limit was reached, before the want did.
    pub is_exhausted: bool,
}

/// How much a preview asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Want {
    /// A base quantity.
    Base(Quantity),
    /// What a quote amount buys or what sells for it, in units of 10⁻¹⁶, by whole steps.
    Quote { units: i128, step: Quantity },
}

/// A source of liquidity: the levels that a taker meets and the place where a maker rests.
///
/// Orders live on the [`Desk`]; a source keeps only what it needs to find them. Implementations
/// report every execution through [`Desk::execute`].
pub trait Liquidity {
    /// Levels that a taker of the other side would meet, best first.
    fn levels(&self, side: Side) -> impl Iterator<Item = Level> + '_;

    /// Levels with all that a taker can have of them, what does not show included.
    fn depth(&self, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.levels(side)
    }

    /// What a taker without a limit meets behind all of that.
    fn behind(&self, _side: Side) -> Option<Level> {
        None
    }

    /// Fills `taker` with up to `wanted` from the other side, at `limit` or better. Orders of the
    /// taker's owner are met as its [`crate::SelfTradePrevention`] says.
    fn take(
        &mut self,
        taker: Slot,
        wanted: Quantity,
        limit: Option<Price>,
        desk: &mut Desk,
        out: &mut Vec<MatchEvent>,
    );

    /// Lets what is left of a taker wait for what the market will bring; false where it brings
    /// nothing to those who wait.
    fn wait(&mut self, _taker: Slot, _limit: Option<Price>, _side: Side) -> bool {
        false
    }

    /// Time has passed since the newest event: who comes now did not come with it.
    fn pass_time(&mut self) {}

    /// Lets an order that is to execute at once, whole or in part, wait for the next event where
    /// nobody knows what it would meet before that; false where it is known.
    fn defer(&mut self, _taker: Slot, _limit: Price, _time_in_force: TimeInForce) -> bool {
        false
    }

    /// Changes what a taker that buys without a limit may spend while it waits.
    fn set_budget(&mut self, _taker: Slot, _budget: Amount) {}

    /// A taker that has just begun to wait is to spend or receive an amount of quote, in units of
    /// 10⁻¹⁶, with what it has got already.
    fn set_quote(&mut self, _taker: Slot, _units: i128, _desk: &Desk) {}

    /// Puts the remainder of a limit order at the end of its level's queue.
    fn rest(&mut self, order: Slot, desk: &mut Desk, out: &mut Vec<MatchEvent>);

    /// Takes a part of a resting order's remainder away; its place in the queue stays.
    fn shrink(&mut self, order: Slot, less: Quantity, desk: &mut Desk, out: &mut Vec<MatchEvent>);

    /// Takes a resting order out of its queue.
    fn remove(&mut self, order: Slot, desk: &mut Desk, out: &mut Vec<MatchEvent>);

    /// Best level of a side.
    fn best(&self, side: Side) -> Option<Level> {
        self.levels(side).next()
    }
}

/// Whether a taker of `side` may trade at `price` under its limit.
pub(crate) fn is_within(side: Side, price: Price, limit: Option<Price>) -> bool {
    limit.is_none_or(|limit| match side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    })
}

/// Walks the levels without touching them.
pub(crate) fn preview<L: Liquidity>(
    source: &L,
    side: Side,
    limit: Option<Price>,
    want: Want,
) -> Preview {
    let (mut quantity, mut spent, mut worst_price) = (0_i64, 0_i128, None);
    let mut is_exhausted = true;
    let behind = source.behind(side.opposite()).filter(|_| limit.is_none());
    for level in source.depth(side.opposite()).chain(behind) {
        if !is_within(side, level.price, limit) {
            break;
        }
        let price = i128::from(level.price.units());
        let wanted = match want {
            Want::Base(wanted) => wanted.units() - quantity,
            Want::Quote { units, step } => affordable(units - spent, level.price, step).units(),
        };
        let got = wanted.min(level.quantity.units());
        if got > 0 {
            quantity += got;
            spent += price * i128::from(got);
            worst_price = Some(level.price);
        }
        if got == wanted {
            is_exhausted = false;
            break;
        }
    }
    Preview {
        quantity: Quantity::from_units(quantity),
        notional: Amount::from_units(spent, 16),
        worst_price,
        is_exhausted,
    }
}

/// The largest multiple of `step` that `units` (of 10⁻¹⁶ quote) pay for at `price`.
pub(crate) fn affordable(units: i128, price: Price, step: Quantity) -> Quantity {
    let quantity = (units / i128::from(price.units())).clamp(0, i128::from(i64::MAX));
    let quantity = i64::try_from(quantity).expect("clamped to 64 bits");
    Quantity::from_units(quantity).floor_to(step)
}

/// An amount as a count of 10⁻¹⁶, cut; saturates far beyond any balance.
pub(crate) fn units_of(amount: Amount) -> i128 {
    let decimal = amount.truncated(16).to_decimal();
    let scale = 10_i128.pow(16 - decimal.scale());
    decimal.mantissa().saturating_mul(scale)
}
