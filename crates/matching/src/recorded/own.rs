//! Orders of ours that were on the market when it was recorded.
//!
//! A recording of a run that really traded shows the run's own orders among everybody's, and its
//! own executions among the trades. Run again over it, an order would queue behind itself. So what
//! was displayed of ours is taken off its level, what others traded with us goes on to whoever
//! would have been next, and what we took of others is no trade that could serve us.
//!
//! When an order came and went is known only about: it counts as displayed from the change of its
//! level that is at least as large, and no longer from the change back.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::{Price, Quantity, Side, Timestamp, TradeId};

/// An order that was recorded among the others. Instants are those at which we were told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordedOwn {
    /// Buy or sell.
    pub side: Side,
    /// Where it rested; nowhere, if it only took.
    pub price: Option<Price>,
    /// How much.
    pub quantity: Quantity,
    /// When it was decided: it was not on the market before.
    pub caused_at: Timestamp,
    /// When the venue's first word came; it was there by then.
    pub answered_at: Option<Timestamp>,
    /// When its end was told; never, if it outlived the recording.
    pub ended_at: Option<Timestamp>,
    /// What was executed while it rested.
    pub made: Vec<(TradeId, Quantity)>,
    /// What it took.
    pub taken: Vec<TradeId>,
}

/// Levels lag behind what we are told by so much at most: depth comes ten times a second.
const LAG: Duration = Duration::from_millis(150);
/// What an order took or made may be told long before, or after, its trade comes.
const TRADES_KEPT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
struct Resting {
    own: RecordedOwn,
    price: Price,
    left: i64,
    is_displayed: bool,
    is_gone: bool,
}

impl Resting {
    fn see(&mut self, now: Timestamp, before: i64, after: i64) {
        let there_by = self.own.answered_at.map_or(Timestamp::MAX, |at| at.after(LAG));
        let gone_from = self.own.ended_at.map_or(Timestamp::MAX, |at| at.before(LAG));
        if self.is_displayed {
            let is_gone = now >= gone_from && before - after >= self.left;
            self.is_gone |= is_gone;
            self.is_displayed &= !is_gone;
        } else if !self.is_gone && after >= self.left {
            self.is_displayed = after - before >= self.left || now >= there_by;
        }
    }
}

/// Those of one instrument.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnOrders {
    /// By the instants at which they were caused.
    waiting: VecDeque<RecordedOwn>,
    resting: Vec<Resting>,
    /// Trades that were ours, with the instant until which they are kept: true if we rested.
    trades: BTreeMap<TradeId, (bool, Timestamp)>,
}

impl OwnOrders {
    pub(super) fn new(mut orders: Vec<RecordedOwn>) -> Self {
        orders.sort_by_key(|order| order.caused_at);
        Self { waiting: orders.into(), ..Self::default() }
    }

    /// Nothing of ours is on the market.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.resting.is_empty() && self.trades.is_empty()
    }

    /// Lets orders come and go with the time.
    pub(super) fn advance(&mut self, now: Timestamp) {
        while let Some(own) = self.waiting.pop_front_if(|own| own.caused_at <= now) {
            let until = own.ended_at.map_or(Timestamp::MAX, |at| at.after(TRADES_KEPT));
            self.trades.extend(own.made.iter().map(|(trade, _)| (*trade, (true, until))));
            self.trades.extend(own.taken.iter().map(|trade| (*trade, (false, until))));
            if let Some(price) = own.price {
                let left = own.quantity.units();
                let (is_displayed, is_gone) = (false, false);
                self.resting.push(Resting { own, price, left, is_displayed, is_gone });
            }
        }
        let is_over = |at: Option<Timestamp>| at.is_some_and(|at| at.after(LAG) < now);
        self.resting.retain(|resting| !is_over(resting.own.ended_at) && resting.left > 0);
        self.trades.retain(|_, (_, until)| *until >= now);
    }

    /// What is displayed of ours on a level.
    pub(super) fn displayed(&self, side: Side, price: Price) -> i64 {
        let here = self.resting.iter().filter(|resting| {
            resting.is_displayed && resting.price == price && resting.own.side == side
        });
        here.map(|resting| resting.left).sum()
    }

    /// A level changed. Returns its totals before and after without what is ours.
    pub(super) fn without(
        &mut self,
        now: Timestamp,
        (side, price): (Side, Price),
        before: Quantity,
        after: Quantity,
    ) -> (Quantity, Quantity) {
        let (before, after) = (before.units(), after.units());
        let net = |total: i64, ours: i64| Quantity::from_units((total - ours).max(0));
        let net_before = net(before, self.displayed(side, price));
        for resting in &mut self.resting {
            if resting.price == price && resting.own.side == side {
                resting.see(now, before, after);
            }
        }
        (net_before, net(after, self.displayed(side, price)))
    }

    /// Whether a trade was one of ours, and if so whether we rested.
    pub(super) fn has_rested(&self, trade: TradeId) -> Option<bool> {
        self.trades.get(&trade).map(|(has_rested, _)| *has_rested)
    }

    /// A trade is over: what was executed of ours is displayed no longer.
    pub(super) fn execute(&mut self, trade: TradeId) {
        if self.trades.remove(&trade).is_none() {
            return;
        }
        for resting in &mut self.resting {
            let made = resting.own.made.iter().find(|(id, _)| *id == trade);
            if let Some((_, quantity)) = made {
                resting.left -= quantity.units();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(units: i64) -> Price {
        Price::from_units(units * 100_000_000)
    }

    fn quantity(units: i64) -> Quantity {
        Quantity::from_units(units * 100_000_000)
    }

    fn ms(at: i64) -> Timestamp {
        Timestamp::from_millis(at)
    }

    /// A buy of 5 at 100, decided at 1,000 ms, answered at 1,010, gone at 2,000; 2 of it executed.
    fn orders() -> OwnOrders {
        OwnOrders::new(vec![RecordedOwn {
            side: Side::Buy,
            price: Some(price(100)),
            quantity: quantity(5),
            caused_at: ms(1_000),
            answered_at: Some(ms(1_010)),
            ended_at: Some(ms(2_000)),
            made: vec![(TradeId(7), quantity(2))],
            taken: vec![TradeId(8)],
        }])
    }

    /// Changes of the level at 100 by time, before and after; what others show before and after.
    #[track_caller]
    fn check(label: &str, changes: &[(i64, i64, i64)], expected: &[(i64, i64)]) {
        let mut own = orders();
        let seen: Vec<(i64, i64)> = changes
            .iter()
            .map(|(at, before, after)| {
                own.advance(ms(*at));
                let level = (Side::Buy, price(100));
                let net = own.without(ms(*at), level, quantity(*before), quantity(*after));
                (net.0.units() / 100_000_000, net.1.units() / 100_000_000)
            })
            .collect();
        assert_eq!(seen, expected, "{label}");
    }

    #[test]
    fn what_is_ours_comes_off_its_level_while_it_is_there() {
        check("before", &[(999, 0, 9)], &[(0, 9)]);
        check("comes", &[(1_005, 3, 8)], &[(3, 3)]);
        check("alone", &[(1_005, 0, 5), (1_006, 5, 6)], &[(0, 0), (0, 1)]);
        check("not yet", &[(1_005, 3, 4), (1_008, 4, 9)], &[(3, 4), (4, 4)]);
        check("among others", &[(1_170, 3, 9)], &[(3, 4)]);
        check("goes", &[(1_005, 3, 8), (1_990, 8, 3)], &[(3, 3), (3, 3)]);
        check("early", &[(1_005, 3, 8), (1_500, 8, 2)], &[(3, 3), (3, 0)]);
        check("gone", &[(1_005, 3, 8), (2_151, 8, 3)], &[(3, 3), (8, 3)]);
    }

    #[test]
    fn trades_of_ours_are_known_once_and_take_off_what_was_displayed() {
        let mut own = orders();
        own.advance(ms(1_005));
        let level = (Side::Buy, price(100));
        own.without(ms(1_005), level, quantity(3), quantity(8));
        assert_eq!(own.displayed(Side::Buy, price(100)), quantity(5).units());
        let rested = [6, 7, 8].map(|trade| own.has_rested(TradeId(trade)));
        assert_eq!(rested, [None, Some(true), Some(false)]);
        [6, 7, 8, 7].into_iter().for_each(|trade| own.execute(TradeId(trade)));
        assert_eq!(own.has_rested(TradeId(7)), None);
        assert_eq!(own.displayed(Side::Buy, price(100)), quantity(3).units());
        own.advance(ms(20_000));
        assert!(own.is_idle());
    }
}
