//! The matcher over the price-time book against a twin that keeps orders in a list and scans it.

#![allow(clippy::unwrap_used, reason = "a test that fails to unwrap has failed")]

mod instrument;

use std::collections::BTreeMap;

use model::{
    Amount, Instrument, InstrumentId, Liquidity as Role, NewOrder, OrderKind, OrderQuantity, Price,
    Quantity, Side, TimeInForce, Timestamp, TradeId,
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tickwright_matching::{
    Book, Execution, ExpiryReason, Fees, LevelChange, MatchEvent, Matcher, OrderKey, Owner, Party,
    PreventedMatch, PreventedParty, Reject, SelfTradePrevention, Submission, Trailing,
};

const TICK: i64 = 1_000_000;
const STEP: i64 = 100_000;

fn instrument() -> Instrument {
    let mut instrument = instrument::bitcoin(TICK, STEP);
    instrument.filters.max_open_orders = Some(25);
    instrument
}

#[derive(Clone)]
struct Open {
    key: OrderKey,
    owner: Owner,
    side: Side,
    kind: OrderKind,
    quantity: i64,
    filled: i64,
    prevented: i64,
    is_waiting: bool,
    prevention: SelfTradePrevention,
    part: i64,
    part_left: i64,
    trailing: Option<Trail>,
}

/// How a trailing order stands.
#[derive(Clone)]
struct Trail {
    delta: i64,
    has_started: bool,
    best: Option<i64>,
    has_returned: bool,
}

impl Open {
    fn left(&self) -> i64 {
        self.quantity - self.filled - self.prevented
    }

    fn shown(&self) -> i64 {
        if self.part > 0 { self.part_left } else { self.left() }
    }
}

/// The same rules, told as simply as they can be.
struct Twin {
    instrument: Instrument,
    fees: Fees,
    now: Timestamp,
    /// In order of arrival.
    open: Vec<Open>,
    last_price: Option<i64>,
    prints: Vec<i64>,
    trades: i64,
    updates: i64,
    events: Vec<MatchEvent>,
}

impl Twin {
    fn position(&self, key: OrderKey) -> Option<usize> {
        self.open.iter().position(|order| order.key == key)
    }

    /// Resting prices of a side, best first.
    fn prices(&self, side: Side) -> Vec<i64> {
        let resting = |order: &&Open| order.side == side && !order.is_waiting;
        let price = |order: &Open| order.kind.limit_price().map(Price::units);
        let mut prices: Vec<i64> = self.open.iter().filter(resting).filter_map(price).collect();
        prices.sort_by_key(|price| price * -side.sign());
        prices.dedup();
        prices
    }

    fn sum(&self, side: Side, price: i64, of: fn(&Open) -> i64) -> i64 {
        self.open
            .iter()
            .filter(|order| order.side == side && !order.is_waiting)
            .filter(|order| order.kind.limit_price() == Some(Price::from_units(price)))
            .map(of)
            .sum()
    }

    /// What a taker can have at a price.
    fn total(&self, side: Side, price: i64) -> i64 {
        self.sum(side, price, Open::left)
    }

    fn change(&mut self, side: Side, price: i64) {
        self.updates += 1;
        let quantity = Quantity::from_units(self.sum(side, price, Open::shown));
        let price = Price::from_units(price);
        self.events.push(MatchEvent::LevelChanged(LevelChange {
            side,
            price,
            quantity,
            update_id: self.updates,
        }));
    }

    fn crosses(side: Side, price: i64, limit: i64) -> bool {
        if side == Side::Buy { price <= limit } else { price >= limit }
    }

    fn fires(kind: &OrderKind, side: Side, last: i64) -> bool {
        let Some(stop) = kind.stop_price() else { return false };
        let is_stop = matches!(kind, OrderKind::StopLoss { .. } | OrderKind::StopLossLimit { .. });
        if is_stop == (side == Side::Buy) { last >= stop.units() } else { last <= stop.units() }
    }

    fn place(&mut self, submission: &Submission) -> Result<(), Reject> {
        let Submission { key, owner, order, .. } = *submission;
        if self.position(key).is_some() {
            return Err(Reject::DuplicateKey(key));
        }
        if owner != Owner::BACKGROUND {
            let last = self.last_price.map(Price::from_units);
            self.instrument.check(&priced(order, last), last)?;
            let limit = self.instrument.filters.max_open_orders.unwrap();
            if self.open.iter().filter(|open| open.owner == owner).count() >= limit as usize {
                return Err(Reject::TooManyOpenOrders { limit });
            }
        }
        if let (Some(stop_price), Some(last)) = (order.kind.stop_price(), self.last_price)
            && !stop_price.is_zero()
            && Self::fires(&order.kind, order.side, last)
        {
            let last_price = Price::from_units(last);
            return Err(Reject::WouldTriggerImmediately { stop_price, last_price });
        }
        let best = self.prices(order.side.opposite()).first().copied();
        if let (OrderKind::LimitMaker { price }, Some(best)) = (order.kind, best)
            && Self::crosses(order.side, best, price.units())
        {
            let best = Price::from_units(best);
            return Err(Reject::WouldMatchImmediately { price, best });
        }
        let quantity = match order.quantity {
            OrderQuantity::Base(quantity) => quantity.units(),
            OrderQuantity::Quote(amount) => self.base_for(order.side, amount),
        };
        if quantity == 0 && best.is_some() {
            let (min, max, step) =
                (Quantity::from_units(STEP), Quantity::ZERO, Quantity::from_units(STEP));
            let actual = Quantity::ZERO;
            return Err(model::FilterViolation::LotSize { actual, min, max, step }.into());
        }
        let is_waiting = order.kind.stop_price().is_some();
        let (side, kind) = (order.side, order.kind);
        self.open.push(Open {
            key,
            owner,
            side,
            kind,
            quantity,
            filled: 0,
            prevented: 0,
            is_waiting,
            prevention: submission.prevention,
            part: submission.iceberg.map_or(0, Quantity::units),
            part_left: 0,
            trailing: submission.trailing.filter(|_| is_waiting).map(|trailing| Trail {
                delta: trailing.delta_bips.into(),
                has_started: kind.stop_price() == Some(Price::ZERO),
                best: None,
                has_returned: false,
            }),
        });
        let quantity = Quantity::from_units(quantity);
        self.events.push(MatchEvent::Accepted { key, owner, quantity });
        if !is_waiting {
            self.work(key);
            self.observe();
            self.fire();
        }
        Ok(())
    }

    /// Spends an amount unit by unit of the step.
    fn base_for(&self, side: Side, amount: Amount) -> i64 {
        let mut left = (amount.to_decimal() * rust_decimal::Decimal::from(10_i64.pow(16)))
            .mantissa()
            / 10_i128
                .pow((amount.to_decimal() * rust_decimal::Decimal::from(10_i64.pow(16))).scale());
        let (mut quantity, mut last) = (0, None);
        for price in self.prices(side.opposite()) {
            last = Some(price);
            for _ in 0..self.total(side.opposite(), price) / STEP {
                if left < i128::from(price) * i128::from(STEP) {
                    return quantity;
                }
                left -= i128::from(price) * i128::from(STEP);
                quantity += STEP;
            }
        }
        last.map_or(0, |price| {
            quantity + i64::try_from(left / i128::from(price) / i128::from(STEP)).unwrap() * STEP
        })
    }

    fn work(&mut self, key: OrderKey) {
        let at = self.position(key).unwrap();
        let order = self.open[at].clone();
        let limit = order.kind.limit_price().map(Price::units);
        let until = order.kind.time_in_force();
        let offered: i64 = self
            .prices(order.side.opposite())
            .into_iter()
            .filter(|price| limit.is_none_or(|limit| Self::crosses(order.side, *price, limit)))
            .map(|price| self.total(order.side.opposite(), price))
            .sum();
        if until == Some(TimeInForce::FillOrKill) && offered < order.quantity {
            return self.expire(key, ExpiryReason::UnfilledFillOrKill);
        }
        // While it takes, it does not rest: hide it.
        self.open[at].is_waiting = true;
        self.take(key, order.side, limit);
        let at = self.position(key).unwrap();
        let left = self.open[at].left();
        match (until, limit) {
            _ if left == 0 && order.quantity > 0 => drop(self.open.remove(at)),
            (Some(TimeInForce::ImmediateOrCancel), _) => {
                self.expire(key, ExpiryReason::UnfilledImmediateOrCancel);
            }
            // What counted as offered may have been kept from it.
            (Some(TimeInForce::FillOrKill), _) => {
                self.expire(key, ExpiryReason::UnfilledFillOrKill);
            }
            (_, None) => self.expire(key, ExpiryReason::InsufficientLiquidity),
            (_, Some(limit)) => {
                // A triggered order's place in the queue is that of its rest, not its arrival.
                let mut resting = self.open.remove(at);
                resting.is_waiting = false;
                resting.part_left = resting.part.min(left);
                self.open.push(resting);
                self.change(order.side, limit);
            }
        }
    }

    fn take(&mut self, key: OrderKey, side: Side, limit: Option<i64>) {
        for price in self.prices(side.opposite()) {
            if limit.is_some_and(|limit| !Self::crosses(side, price, limit)) {
                return;
            }
            let mut touched = false;
            loop {
                let taker = self.position(key).unwrap();
                let wanted = self.open[taker].left();
                let maker = self.open.iter().position(|order| {
                    order.side == side.opposite()
                        && !order.is_waiting
                        && order.kind.limit_price() == Some(Price::from_units(price))
                });
                let Some(maker) = maker.filter(|_| wanted > 0) else { break };
                touched = true;
                let is_same = self.open[taker].owner == self.open[maker].owner
                    && self.open[taker].owner != Owner::BACKGROUND;
                if is_same && self.open[taker].prevention != SelfTradePrevention::None {
                    self.prevent(maker, taker, price);
                } else {
                    let quantity = wanted.min(self.open[maker].shown());
                    self.trade(maker, taker, price, quantity);
                }
            }
            if touched {
                self.change(side.opposite(), price);
            }
        }
    }

    fn prevent(&mut self, maker: usize, taker: usize, price: i64) {
        let (taker_left, maker_left) = (self.open[taker].left(), self.open[maker].left());
        let mode = self.open[taker].prevention;
        let less = match mode {
            SelfTradePrevention::None => [0, 0],
            SelfTradePrevention::ExpireTaker => [0, taker_left],
            SelfTradePrevention::ExpireMaker => [maker_left, 0],
            SelfTradePrevention::ExpireBoth => [maker_left, taker_left],
            SelfTradePrevention::Decrement => [taker_left.min(maker_left); 2],
        };
        let [maker_party, taker_party] = [(maker, less[0]), (taker, less[1])].map(|(at, less)| {
            let order = &mut self.open[at];
            order.prevented += less;
            order.part_left = order.part_left.min(order.left());
            PreventedParty {
                key: order.key,
                quantity: Quantity::from_units(less),
                remaining: Quantity::from_units(order.left()),
            }
        });
        let (owner, price) = (self.open[taker].owner, Price::from_units(price));
        let prevented =
            PreventedMatch { owner, mode, price, maker: maker_party, taker: taker_party };
        self.events.push(MatchEvent::Prevented(prevented));
        if self.open[maker].left() == 0 {
            self.open.remove(maker);
        }
    }

    /// Shows the prices since the last time to the trailing orders.
    fn observe(&mut self) {
        for price in std::mem::take(&mut self.prints) {
            for order in self.open.iter_mut().filter(|order| order.is_waiting) {
                let (side, kind) = (order.side, order.kind);
                let Some(trail) = order.trailing.as_mut().filter(|trail| !trail.has_returned)
                else {
                    continue;
                };
                trail.has_started |= Self::fires(&kind, side, price);
                if !trail.has_started {
                    continue;
                }
                if trail.best.is_none() {
                    let (key, owner) = (order.key, order.owner);
                    self.events.push(MatchEvent::Tracking { key, owner });
                }
                let sign = -side.sign();
                let best = trail.best.map_or(price, |best| (sign * best).max(sign * price) * sign);
                trail.best = Some(best);
                let away = i128::from((best - price) * sign) * 10_000;
                trail.has_returned = away >= i128::from(best) * i128::from(trail.delta);
            }
        }
    }

    fn trade(&mut self, maker: usize, taker: usize, price: i64, quantity: i64) {
        self.trades += 1;
        self.last_price = Some(price);
        self.prints.push(price);
        let aggressor = self.open[taker].side;
        let sides = [(maker, Role::Maker), (taker, Role::Taker)].map(|(at, role)| {
            self.open[at].filled += quantity;
            let order = self.open[at].clone();
            let fees = if order.owner == Owner::BACKGROUND { Fees::NONE } else { self.fees };
            let (fee, fee_asset) = fees.commission(
                &self.instrument,
                order.side,
                role,
                Price::from_units(price),
                Quantity::from_units(quantity),
            );
            Party {
                key: order.key,
                owner: order.owner,
                filled: Quantity::from_units(order.filled),
                remaining: Quantity::from_units(order.left()),
                fee,
                fee_asset,
            }
        });
        self.events.push(MatchEvent::Traded(Execution {
            id: TradeId(self.trades),
            price: Price::from_units(price),
            quantity: Quantity::from_units(quantity),
            aggressor,
            maker: Some(sides[0]),
            taker: Some(sides[1]),
            at: self.now,
        }));
        if self.open[maker].part > 0 {
            self.open[maker].part_left -= quantity;
        }
        if self.open[maker].left() == 0 {
            self.open.remove(maker);
        } else if self.open[maker].shown() == 0 {
            let mut order = self.open.remove(maker);
            order.part_left = order.part.min(order.left());
            self.open.push(order);
        }
    }

    fn expire(&mut self, key: OrderKey, reason: ExpiryReason) {
        let order = self.open.remove(self.position(key).unwrap());
        let filled = Quantity::from_units(order.filled);
        self.events.push(MatchEvent::Expired { key, owner: order.owner, filled, reason });
    }

    /// Rising stops first, each direction nearest first, then by arrival.
    fn fire(&mut self) {
        while let Some(last) = self.last_price {
            let has_returned =
                |order: &&Open| order.trailing.as_ref().is_some_and(|trail| trail.has_returned);
            let waiting = || self.open.iter().filter(|order| order.is_waiting);
            let reached = waiting()
                .filter(|order| order.trailing.is_none())
                .filter(|order| Self::fires(&order.kind, order.side, last))
                .min_by_key(|order| {
                    let stop = order.kind.stop_price().unwrap().units();
                    let is_stop = matches!(
                        order.kind,
                        OrderKind::StopLoss { .. } | OrderKind::StopLossLimit { .. }
                    );
                    let is_rising = is_stop == (order.side == Side::Buy);
                    if is_rising { (0, stop) } else { (1, -stop) }
                });
            let Some(order) = waiting().find(has_returned).or(reached) else { return };
            let (key, owner) = (order.key, order.owner);
            let last_price = Price::from_units(last);
            self.events.push(MatchEvent::Triggered { key, owner, last_price });
            let at = self.position(key).unwrap();
            self.open[at].is_waiting = false;
            self.open[at].trailing = None;
            self.work(key);
            self.observe();
        }
    }

    fn cancel(&mut self, key: OrderKey) -> bool {
        let Some(at) = self.position(key) else { return false };
        let order = self.open.remove(at);
        if let (false, Some(price)) = (order.is_waiting, order.kind.limit_price()) {
            self.change(order.side, price.units());
        }
        let filled = Quantity::from_units(order.filled);
        self.events.push(MatchEvent::Canceled { key, owner: order.owner, filled });
        true
    }
}

/// An order as filters see it: a stop of zero is where the market is.
fn priced(mut order: NewOrder, last: Option<Price>) -> NewOrder {
    let now = last.unwrap_or_default();
    match &mut order.kind {
        OrderKind::StopLoss { stop_price }
        | OrderKind::StopLossLimit { stop_price, .. }
        | OrderKind::TakeProfit { stop_price }
        | OrderKind::TakeProfitLimit { stop_price, .. }
            if stop_price.is_zero() =>
        {
            *stop_price = now;
        }
        OrderKind::StopLoss { .. }
        | OrderKind::StopLossLimit { .. }
        | OrderKind::TakeProfit { .. }
        | OrderKind::TakeProfitLimit { .. }
        | OrderKind::Market
        | OrderKind::Limit { .. }
        | OrderKind::LimitMaker { .. } => {}
    }
    order
}

/// An order with or without what few orders have: prevention, an iceberg's parts, a trail.
fn random_submission(key: u64, owner: Owner, random: &mut Pcg64) -> Submission {
    let mut submission = Submission::new(OrderKey(key), owner, random_order(random));
    submission.prevention = match random.random_range(0..10) {
        0 => SelfTradePrevention::ExpireTaker,
        1 => SelfTradePrevention::ExpireMaker,
        2 => SelfTradePrevention::ExpireBoth,
        3 | 4 => SelfTradePrevention::Decrement,
        _ => SelfTradePrevention::None,
    };
    let order = &mut submission.order;
    let is_resting = order.kind.time_in_force() == Some(TimeInForce::GoodTilCanceled)
        || matches!(order.kind, OrderKind::LimitMaker { .. });
    if let OrderQuantity::Base(quantity) = order.quantity
        && is_resting
        && random.random_bool(0.3)
    {
        let parts = random.random_range(2..7);
        let part = Quantity::from_units(quantity.units() / parts);
        submission.iceberg = Some(part.floor_to(Quantity::from_units(STEP)));
    }
    if order.kind.stop_price().is_some() && random.random_bool(0.5) {
        submission.trailing = Some(Trailing { delta_bips: random.random_range(1..20) });
        if random.random() {
            match &mut order.kind {
                OrderKind::StopLoss { stop_price }
                | OrderKind::StopLossLimit { stop_price, .. }
                | OrderKind::TakeProfit { stop_price }
                | OrderKind::TakeProfitLimit { stop_price, .. } => *stop_price = Price::ZERO,
                OrderKind::Market | OrderKind::Limit { .. } | OrderKind::LimitMaker { .. } => {}
            }
        }
    }
    submission
}

fn random_order(random: &mut Pcg64) -> NewOrder {
    let side = if random.random() { Side::Buy } else { Side::Sell };
    let mut price = || Price::from_units((10_000 + random.random_range(-30_i64..=30)) * TICK);
    let (price, stop_price) = (price(), price());
    let time_in_force = match random.random_range(0..10) {
        0 => TimeInForce::ImmediateOrCancel,
        1 => TimeInForce::FillOrKill,
        _ => TimeInForce::GoodTilCanceled,
    };
    let kind = match random.random_range(0..14) {
        0 | 1 => OrderKind::Market,
        2 | 3 => OrderKind::LimitMaker { price },
        4 => OrderKind::StopLoss { stop_price },
        5 => OrderKind::StopLossLimit { stop_price, price, time_in_force },
        6 => OrderKind::TakeProfit { stop_price },
        7 => OrderKind::TakeProfitLimit { stop_price, price, time_in_force },
        _ => OrderKind::Limit { price, time_in_force },
    };
    let quantity = if kind == OrderKind::Market && random.random() {
        OrderQuantity::Quote(Amount::from_units(random.random_range(1..500_000), 3))
    } else {
        OrderQuantity::Base(Quantity::from_units(random.random_range(1..40_i64) * STEP * 100))
    };
    NewOrder::new(InstrumentId(0), side, kind, quantity)
}

fn fees() -> Fees {
    Fees { maker: "0.0009".parse().unwrap(), taker: "0.001".parse().unwrap(), ..Fees::NONE }
}

/// What each order did, from events alone.
#[derive(Default)]
struct Ledger {
    orders: BTreeMap<OrderKey, (Quantity, Quantity, bool)>,
}

impl Ledger {
    /// Quantity is neither made nor lost, and nothing happens to an order that has ended.
    fn check(&mut self, event: &MatchEvent) {
        match *event {
            MatchEvent::Accepted { key, quantity, .. } => {
                self.orders.insert(key, (quantity, Quantity::ZERO, false));
            }
            MatchEvent::Traded(trade) => {
                for party in [trade.maker.unwrap(), trade.taker.unwrap()] {
                    let (quantity, filled, has_ended) = self.orders.get_mut(&party.key).unwrap();
                    *filled += trade.quantity;
                    assert_eq!((party.filled, *has_ended), (*filled, false));
                    assert_eq!(party.remaining, *quantity - *filled);
                    *has_ended = party.remaining.is_zero();
                }
            }
            MatchEvent::Expired { key, filled, .. } | MatchEvent::Canceled { key, filled, .. } => {
                let (_, so_far, has_ended) = self.orders.get_mut(&key).unwrap();
                assert_eq!((filled, *has_ended), (*so_far, false));
                *has_ended = true;
            }
            MatchEvent::Prevented(prevented) => {
                for party in [prevented.maker, prevented.taker] {
                    let (quantity, filled, has_ended) = self.orders.get_mut(&party.key).unwrap();
                    *quantity -= party.quantity;
                    assert_eq!((party.remaining, *has_ended), (*quantity - *filled, false));
                    *has_ended = party.remaining.is_zero();
                }
            }
            MatchEvent::Triggered { key, .. } | MatchEvent::Tracking { key, .. } => {
                assert!(!self.orders[&key].2);
            }
            MatchEvent::LevelChanged(_) => {}
        }
    }
}

fn run(seed: u64, steps: usize) -> BTreeMap<&'static str, usize> {
    let mut random = Pcg64::seed_from_u64(seed);
    let mut matcher = Matcher::new(instrument(), fees(), Book::new());
    let mut twin = Twin {
        instrument: instrument(),
        fees: fees(),
        now: Timestamp::EPOCH,
        open: Vec::new(),
        last_price: None,
        prints: Vec::new(),
        trades: 0,
        updates: 0,
        events: Vec::new(),
    };
    let (mut out, mut ledger, mut seen) = (Vec::new(), Ledger::default(), BTreeMap::new());
    for step in 0..steps as u64 {
        out.clear();
        twin.events.clear();
        let now = Timestamp::from_millis(i64::try_from(step).unwrap());
        twin.now = now;
        if random.random_bool(0.3) {
            let key = OrderKey(step.saturating_sub(random.random_range(0..60)));
            let done = matcher.cancel(now, key, &mut out).is_ok();
            assert_eq!(done, twin.cancel(key), "seed {seed} step {step}");
        } else {
            let owner = Owner(random.random_range(0..4));
            let key = if random.random_bool(0.02) { step / 2 } else { step };
            let submission = random_submission(key, owner, &mut random);
            let result = matcher.place(now, &submission, &mut out);
            assert_eq!(result, twin.place(&submission), "seed {seed} step {step}");
            *seen.entry(if result.is_ok() { "placed" } else { "refused" }).or_default() += 1;
        }
        assert_eq!(out, twin.events, "seed {seed} step {step}");
        out.iter().for_each(|event| ledger.check(event));
        *seen.entry("trades").or_default() +=
            out.iter().filter(|event| matches!(event, MatchEvent::Traded(_))).count();
        *seen.entry("prevented").or_default() +=
            out.iter().filter(|event| matches!(event, MatchEvent::Prevented(_))).count();
        *seen.entry("following").or_default() +=
            out.iter().filter(|event| matches!(event, MatchEvent::Tracking { .. })).count();
        *seen.entry("triggered").or_default() +=
            out.iter().filter(|event| matches!(event, MatchEvent::Triggered { .. })).count();
        if let (Some(bid), Some(ask)) = (matcher.best(Side::Buy), matcher.best(Side::Sell)) {
            assert!(bid.price < ask.price, "crossed: seed {seed} step {step}");
        }
        for side in [Side::Buy, Side::Sell] {
            let prices: Vec<i64> = matcher.levels(side).map(|level| level.price.units()).collect();
            assert_eq!(prices, twin.prices(side), "seed {seed} step {step}");
        }
    }
    seen
}

#[test]
fn the_matcher_and_its_naive_twin_say_the_same() {
    for seed in 0..12 {
        let seen = run(seed, 4_000);
        assert!(
            seen["trades"] > 500 && seen["triggered"] > 50 && seen["refused"] > 100,
            "{seen:?}"
        );
        assert!(seen["prevented"] > 100 && seen["following"] > 20, "{seen:?}");
    }
}
