//! The matcher over the price-time book against a twin that keeps orders in a list and scans it.

#![allow(clippy::unwrap_used, reason = "a test that fails to unwrap has failed")]

use std::collections::BTreeMap;

use model::{
    Amount, Asset, Contract, Filters, Instrument, InstrumentId, InstrumentStatus,
    Liquidity as Role, NewOrder, OrderKind, OrderQuantity, Price, PriceFilter, Quantity, Side,
    SizeFilter, Symbol, TimeInForce, Timestamp, TradeId, VenueId,
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tickwright_matching::{
    Book, Execution, ExpiryReason, Fees, LevelChange, MatchEvent, Matcher, OrderKey, Owner, Party,
    Reject, Submission,
};

const TICK: i64 = 1_000_000;
const STEP: i64 = 100_000;

fn instrument() -> Instrument {
    let step = Quantity::from_units(STEP);
    Instrument {
        id: InstrumentId(0),
        venue: VenueId::new("test").unwrap(),
        symbol: Symbol::new("BTCUSDT").unwrap(),
        base: Asset::new("BTC").unwrap(),
        quote: Asset::new("USDT").unwrap(),
        base_decimals: 8,
        quote_decimals: 8,
        contract: Contract::Spot,
        status: InstrumentStatus::Trading,
        filters: Filters {
            price: PriceFilter { tick: Price::from_units(TICK), ..PriceFilter::default() },
            lot_size: SizeFilter { min: step, max: Quantity::ZERO, step },
            max_open_orders: Some(25),
            ..Filters::default()
        },
    }
}

#[derive(Clone)]
struct Open {
    key: OrderKey,
    owner: Owner,
    side: Side,
    kind: OrderKind,
    quantity: i64,
    filled: i64,
    is_waiting: bool,
}

/// The same rules, told as simply as they can be.
struct Twin {
    instrument: Instrument,
    fees: Fees,
    now: Timestamp,
    /// In order of arrival.
    open: Vec<Open>,
    last_price: Option<i64>,
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

    fn total(&self, side: Side, price: i64) -> i64 {
        self.open
            .iter()
            .filter(|order| order.side == side && !order.is_waiting)
            .filter(|order| order.kind.limit_price() == Some(Price::from_units(price)))
            .map(|order| order.quantity - order.filled)
            .sum()
    }

    fn change(&mut self, side: Side, price: i64) {
        self.updates += 1;
        let quantity = Quantity::from_units(self.total(side, price));
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
            self.instrument.check(&order, last)?;
            let limit = self.instrument.filters.max_open_orders.unwrap();
            if self.open.iter().filter(|open| open.owner == owner).count() >= limit as usize {
                return Err(Reject::TooManyOpenOrders { limit });
            }
        }
        if let (Some(stop_price), Some(last)) = (order.kind.stop_price(), self.last_price)
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
        self.open.push(Open { key, owner, side, kind, quantity, filled: 0, is_waiting });
        let quantity = Quantity::from_units(quantity);
        self.events.push(MatchEvent::Accepted { key, owner, quantity });
        if !is_waiting {
            self.work(key);
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
        let left = self.open[at].quantity - self.open[at].filled;
        match (until, limit) {
            _ if left == 0 && order.quantity > 0 => drop(self.open.remove(at)),
            (Some(TimeInForce::ImmediateOrCancel), _) => {
                self.expire(key, ExpiryReason::UnfilledImmediateOrCancel);
            }
            (_, None) => self.expire(key, ExpiryReason::InsufficientLiquidity),
            (_, Some(limit)) => {
                // A triggered order's place in the queue is that of its rest, not its arrival.
                let mut resting = self.open.remove(at);
                resting.is_waiting = false;
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
                let wanted = self.open[taker].quantity - self.open[taker].filled;
                let maker = self.open.iter().position(|order| {
                    order.side == side.opposite()
                        && !order.is_waiting
                        && order.kind.limit_price() == Some(Price::from_units(price))
                });
                let Some(maker) = maker.filter(|_| wanted > 0) else { break };
                let quantity = wanted.min(self.open[maker].quantity - self.open[maker].filled);
                self.trade(maker, taker, price, quantity);
                touched = true;
            }
            if touched {
                self.change(side.opposite(), price);
            }
        }
    }

    fn trade(&mut self, maker: usize, taker: usize, price: i64, quantity: i64) {
        self.trades += 1;
        self.last_price = Some(price);
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
                remaining: Quantity::from_units(order.quantity - order.filled),
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
        if self.open[maker].filled == self.open[maker].quantity {
            self.open.remove(maker);
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
            let reached = self
                .open
                .iter()
                .filter(|order| order.is_waiting && Self::fires(&order.kind, order.side, last))
                .min_by_key(|order| {
                    let stop = order.kind.stop_price().unwrap().units();
                    let is_stop = matches!(
                        order.kind,
                        OrderKind::StopLoss { .. } | OrderKind::StopLossLimit { .. }
                    );
                    let is_rising = is_stop == (order.side == Side::Buy);
                    if is_rising { (0, stop) } else { (1, -stop) }
                });
            let Some(order) = reached else { return };
            let (key, owner) = (order.key, order.owner);
            let last_price = Price::from_units(last);
            self.events.push(MatchEvent::Triggered { key, owner, last_price });
            let at = self.position(key).unwrap();
            self.open[at].is_waiting = false;
            self.work(key);
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
            MatchEvent::Triggered { key, .. } => assert!(!self.orders[&key].2),
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
            let submission = Submission::new(OrderKey(key), owner, random_order(&mut random));
            let result = matcher.place(now, &submission, &mut out);
            assert_eq!(result, twin.place(&submission), "seed {seed} step {step}");
            *seen.entry(if result.is_ok() { "placed" } else { "refused" }).or_default() += 1;
        }
        assert_eq!(out, twin.events, "seed {seed} step {step}");
        out.iter().for_each(|event| ledger.check(event));
        *seen.entry("trades").or_default() +=
            out.iter().filter(|event| matches!(event, MatchEvent::Traded(_))).count();
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
    }
}
