//! Fills where only trades or bars are recorded, against a twin that does it in the plainest way.

#![allow(clippy::unwrap_used, reason = "a test that fails to unwrap has failed")]

mod instrument;

use model::{
    Amount, Bar, Instrument, InstrumentId, Interval, MarketEvent, NewOrder, OrderKind,
    OrderQuantity, Price, Quantity, Side, TimeInForce, Timestamp, Trade, TradeId,
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tickwright_matching::{
    Fees, MatchEvent, Matcher, OrderKey, Owner, Recorded, RecordedModels, Submission,
};

const TICK: i64 = 1_000_000;
const STEP: i64 = 100_000;
/// Half a spread and slippage, in basis points.
const COST_BPS: i64 = 2;

fn instrument() -> Instrument {
    instrument::bitcoin(TICK, STEP)
}

/// What became of an order: price and quantity as a taker or a maker, or its end without either.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Told {
    Took(u64, i64, i64),
    Made(u64, i64, i64),
    Refused(u64),
    Expired(u64),
}

/// How far a bar has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Point {
    Open,
    Within,
    Close,
}

#[derive(Clone, Debug)]
struct Open {
    key: u64,
    side: Side,
    kind: OrderKind,
    left: i64,
    /// What is left of an amount of quote, in units of 10⁻¹⁶.
    quote: Option<i128>,
    worst: Option<i64>,
    /// When it came to rest.
    place: u64,
    /// It takes what the next trade offers, or nothing.
    at_once: bool,
}

impl Open {
    fn limit(&self) -> Option<i64> {
        self.kind.limit_price().map(Price::units)
    }

    fn allows(&self, price: i64) -> bool {
        let sign = self.side.sign();
        self.limit().is_none_or(|limit| price * sign <= limit * sign)
    }

    fn waits_for_a_rise(&self) -> bool {
        match self.kind {
            OrderKind::StopLoss { .. } | OrderKind::StopLossLimit { .. } => self.side == Side::Buy,
            OrderKind::TakeProfit { .. } | OrderKind::TakeProfitLimit { .. } => {
                self.side == Side::Sell
            }
            OrderKind::Market | OrderKind::Limit { .. } | OrderKind::LimitMaker { .. } => false,
        }
    }

    /// Whether the last price has reached its trigger.
    fn is_reached(&self, last: i64) -> bool {
        let stop = self.kind.stop_price().unwrap().units();
        if self.waits_for_a_rise() { last >= stop } else { last <= stop }
    }

    fn count(&mut self, price: i64, quantity: i64) {
        self.left -= quantity;
        if let Some(quote) = &mut self.quote {
            *quote -= i128::from(price) * i128::from(quantity);
        }
    }

    /// What it wants at a price: an amount of quote buys as much as it pays for, and sells no more
    /// than it began with.
    fn wants(&self, price: i64) -> i64 {
        let Some(quote) = self.quote else { return self.left };
        let affordable = i64::try_from(quote / i128::from(price)).unwrap() / STEP * STEP;
        if self.side == Side::Sell { affordable.min(self.left) } else { affordable }
    }
}

/// The same rules, told as simply as they can be: a tenth of a trade's volume is a pool. Those who
/// wait to take have it first, in order of arrival, then those that rest and were passed, best
/// first, then stops that it sets off, then whoever comes at the same instant. Who comes later waits
/// for the next trade (but takes what is left of the opening of a bar).
#[derive(Default)]
struct Twin {
    last: Option<i64>,
    pool: i64,
    bar: Option<Point>,
    /// Time has passed since the last trade.
    is_past: bool,
    takers: Vec<Open>,
    resting: Vec<Open>,
    triggers: Vec<Open>,
    rested: u64,
    told: Vec<Told>,
}

impl Twin {
    fn price_for(&self, side: Side) -> Option<i64> {
        let exact = self.last? * (10_000 + COST_BPS * side.sign());
        let ticks = match side {
            Side::Buy => exact.div_euclid(10_000 * TICK) + i64::from(exact % (10_000 * TICK) != 0),
            Side::Sell => exact / (10_000 * TICK),
        };
        Some(ticks * TICK)
    }

    fn place(&mut self, order: Open) {
        let price = self.price_for(order.side);
        let would_take = price.is_some_and(|price| order.allows(price));
        if matches!(order.kind, OrderKind::LimitMaker { .. }) {
            return if would_take {
                self.told.push(Told::Refused(order.key));
            } else {
                self.rest(order);
            };
        }
        if order.kind.stop_price().is_some() {
            let is_reached = self.last.is_some_and(|last| order.is_reached(last));
            return if is_reached {
                self.told.push(Told::Refused(order.key));
            } else {
                self.triggers.push(order);
            };
        }
        self.work(order);
    }

    fn work(&mut self, mut order: Open) {
        let price = self.price_for(order.side).unwrap();
        let (ends, is_whole) = match order.kind.time_in_force() {
            Some(TimeInForce::ImmediateOrCancel) => (true, false),
            Some(TimeInForce::FillOrKill) => (true, true),
            Some(TimeInForce::GoodTilCanceled) | None => (false, false),
        };
        if ends && self.is_past {
            order.at_once = true;
            return self.takers.push(order);
        }
        let wanted = order.wants(price);
        if order.quote.is_some() {
            order.left = wanted;
        }
        if !order.allows(price) || (is_whole && wanted > self.pool) {
            return if ends {
                self.told.push(Told::Expired(order.key));
            } else {
                self.rest(order);
            };
        }
        let quantity = wanted.min(self.pool);
        self.take(&mut order, price, quantity);
        if quantity == wanted {
            return;
        }
        if ends {
            return self.told.push(Told::Expired(order.key));
        }
        // Within a bar nothing gets better.
        let is_within = matches!(self.bar, Some(Point::Open | Point::Within));
        order.worst = is_within.then_some(price);
        self.takers.push(order);
    }

    /// Whoever comes now comes after the last trade. Nobody knows how much is left of a bar.
    fn pass_time(&mut self) {
        if self.last.is_some() && self.bar.is_none() {
            (self.pool, self.is_past) = (0, true);
        }
    }

    fn take_at_once(&mut self, mut order: Open, price: i64) {
        let is_whole = order.kind.time_in_force() == Some(TimeInForce::FillOrKill);
        let has_enough = !is_whole || order.left <= self.pool;
        let quantity =
            if order.allows(price) && has_enough { order.left.min(self.pool) } else { 0 };
        self.take(&mut order, price, quantity);
        if order.left > 0 {
            self.told.push(Told::Expired(order.key));
        }
    }

    fn rest(&mut self, mut order: Open) {
        self.rested += 1;
        order.place = self.rested;
        self.resting.push(order);
    }

    fn take(&mut self, order: &mut Open, price: i64, quantity: i64) {
        if quantity > 0 {
            self.pool -= quantity;
            order.count(price, quantity);
            self.told.push(Told::Took(order.key, price, quantity));
        }
    }

    fn trade(&mut self, price: i64, quantity: i64, point: Option<Point>) {
        (self.last, self.pool, self.bar) = (Some(price), quantity / 10, point);
        self.is_past = false;
        for mut order in std::mem::take(&mut self.takers) {
            let now = self.price_for(order.side).unwrap();
            if order.at_once {
                self.take_at_once(order, now);
                continue;
            }
            let is_later = matches!(point, Some(Point::Within | Point::Close));
            let worst = order.worst.filter(|_| is_later).unwrap_or(now);
            let at = if order.side == Side::Buy { now.max(worst) } else { now.min(worst) };
            order.worst = Some(at);
            if !order.allows(at) {
                self.rest(order);
                continue;
            }
            let wanted = order.wants(at);
            let quantity = wanted.min(self.pool);
            self.take(&mut order, at, quantity);
            if wanted == 0 {
                self.told.push(Told::Expired(order.key));
            } else if quantity < wanted {
                self.takers.push(order);
            }
        }
        for side in [Side::Buy, Side::Sell] {
            self.pass(side, price);
        }
        if point == Some(Point::Close) {
            self.pool = 0;
        }
        self.fire();
    }

    fn pass(&mut self, side: Side, price: i64) {
        let sign = side.sign();
        let is_passed =
            |order: &Open| order.side == side && price * sign < order.limit().unwrap() * sign;
        let (mut passed, rest): (Vec<Open>, Vec<Open>) =
            std::mem::take(&mut self.resting).into_iter().partition(is_passed);
        self.resting = rest;
        if passed.is_empty() {
            return;
        }
        // What nobody who was passed could take is nobody's.
        let mut pool = std::mem::take(&mut self.pool);
        passed.sort_by_key(|order| (-order.limit().unwrap() * sign, order.place));
        for mut order in passed {
            let quantity = order.left.min(pool);
            if quantity > 0 {
                pool -= quantity;
                let limit = order.limit().unwrap();
                order.count(limit, quantity);
                self.told.push(Told::Made(order.key, limit, quantity));
            }
            if order.left > 0 {
                self.resting.push(order);
            }
        }
    }

    /// Those that wait for a rise first, the nearest of them first.
    fn fire(&mut self) {
        let last = self.last.unwrap();
        let rank = |order: &Open| {
            let (stop, rises) =
                (order.kind.stop_price().unwrap().units(), order.waits_for_a_rise());
            (!rises, if rises { stop } else { -stop }, order.key)
        };
        let next = |triggers: &[Open]| {
            let reached = triggers.iter().filter(|order| order.is_reached(last));
            let first = reached.min_by_key(|order| rank(order))?.key;
            triggers.iter().position(|order| order.key == first)
        };
        while let Some(next) = next(&self.triggers) {
            let order = self.triggers.remove(next);
            self.work(order);
        }
    }

    fn cancel(&mut self, key: u64) {
        for orders in [&mut self.takers, &mut self.resting, &mut self.triggers] {
            orders.retain(|order| order.key != key);
        }
    }
}

/// What the matcher told, in the same words.
fn told(events: &[MatchEvent]) -> Vec<Told> {
    let one = |event: &MatchEvent| match event {
        MatchEvent::Traded(trade) => {
            let (price, quantity) = (trade.price.units(), trade.quantity.units());
            let taker = trade.taker.map(|party| Told::Took(party.key.0, price, quantity));
            taker.or(trade.maker.map(|party| Told::Made(party.key.0, price, quantity)))
        }
        MatchEvent::Expired { key, .. } => Some(Told::Expired(key.0)),
        MatchEvent::Accepted { .. }
        | MatchEvent::Triggered { .. }
        | MatchEvent::Tracking { .. }
        | MatchEvent::Prevented(_)
        | MatchEvent::Canceled { .. }
        | MatchEvent::LevelChanged(_) => None,
    };
    events.iter().filter_map(one).collect()
}

/// A market that wanders, orders of every kind around its price.
struct Scene {
    random: Pcg64,
    matcher: Matcher<Recorded>,
    twin: Twin,
    now: Timestamp,
    price: i64,
    keys: u64,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let instrument = instrument();
        let market = Recorded::new(&instrument, RecordedModels::default());
        Self {
            random: Pcg64::seed_from_u64(seed),
            matcher: Matcher::new(instrument, Fees::NONE, market),
            twin: Twin::default(),
            now: Timestamp::from_secs(1_700_000_040),
            price: 10_000 * TICK,
            keys: 0,
        }
    }

    fn wander(&mut self, ticks: i64) -> i64 {
        self.price = (self.price + self.random.random_range(-ticks..=ticks) * TICK).max(100 * TICK);
        self.price
    }

    fn trade(&mut self) {
        let (price, tenths) = (self.wander(15), self.random.random_range(1..60));
        let quantity = tenths * 10 * STEP;
        let event = MarketEvent::Trade(Trade {
            instrument: InstrumentId(0),
            id: TradeId(self.now.as_millis()),
            price: Price::from_units(price),
            quantity: Quantity::from_units(quantity),
            aggressor: Side::Buy,
            event_at: self.now,
            received_at: self.now,
        });
        self.twin.trade(price, quantity, None);
        self.hear(&event);
    }

    fn bar(&mut self) {
        let minute = Interval::MINUTE;
        let (open, close) = (self.wander(20), self.wander(40));
        let mut beyond = || self.random.random_range(0..30) * TICK;
        let (high, low) = (open.max(close) + beyond(), open.min(close) - beyond());
        let quarter = self.random.random_range(1..60) * 10 * STEP;
        let bar = Bar {
            instrument: InstrumentId(0),
            interval: minute,
            open_at: self.now,
            open: Price::from_units(open),
            high: Price::from_units(high),
            low: Price::from_units(low),
            close: Price::from_units(close),
            volume: Quantity::from_units(4 * quarter),
            quote_volume: Amount::ZERO,
            taker_buy_volume: Quantity::ZERO,
            trade_count: 4,
            received_at: self.now.after(minute.duration()),
        };
        self.twin.trade(open, quarter, Some(Point::Open));
        self.hear(&MarketEvent::Bar(Box::new(bar.opening())));
        for _ in 0..self.random.random_range(0..3) {
            self.order();
        }
        self.now = bar.received_at;
        let points = [(low, Point::Within), (high, Point::Within), (close, Point::Close)];
        for (price, point) in points {
            self.twin.trade(price, quarter, Some(point));
        }
        self.hear(&MarketEvent::Bar(Box::new(bar)));
    }

    fn hear(&mut self, event: &MarketEvent) {
        let mut out = Vec::new();
        self.matcher.on_market(self.now, event, &mut out);
        self.compare(told(&out));
    }

    fn order(&mut self) {
        if self.random.random_range(0..6) == 0 {
            return self.cancel();
        }
        let side = if self.random.random_bool(0.5) { Side::Buy } else { Side::Sell };
        let base = self.random.random_range(1..400) * STEP;
        let mut near = || Price::from_units(self.price + self.random.random_range(-60..=60) * TICK);
        let (price, stop_price) = (near(), near());
        let time_in_force = match self.random.random_range(0..4) {
            0 => TimeInForce::ImmediateOrCancel,
            1 => TimeInForce::FillOrKill,
            _ => TimeInForce::GoodTilCanceled,
        };
        let kind = match self.random.random_range(0..8) {
            0 | 1 => OrderKind::Market,
            2 | 3 => OrderKind::Limit { price, time_in_force },
            4 => OrderKind::LimitMaker { price },
            5 => OrderKind::StopLoss { stop_price },
            6 => OrderKind::TakeProfit { stop_price },
            _ => OrderKind::StopLossLimit { stop_price, price, time_in_force },
        };
        let is_quote = kind == OrderKind::Market && self.random.random_bool(0.5);
        // Enough for a step at any price that comes.
        let cents = self.random.random_range(200..400_000_i64);
        let quantity = if is_quote {
            OrderQuantity::Quote(Amount::from_units(i128::from(cents), 2))
        } else {
            OrderQuantity::Base(Quantity::from_units(base))
        };
        self.place(
            side,
            kind,
            quantity,
            base,
            is_quote.then(|| i128::from(cents) * 10_i128.pow(14)),
        );
    }

    fn place(
        &mut self,
        side: Side,
        kind: OrderKind,
        quantity: OrderQuantity,
        base: i64,
        quote: Option<i128>,
    ) {
        self.keys += 1;
        let new = NewOrder::new(InstrumentId(0), side, kind, quantity);
        let submission = Submission::new(OrderKey(self.keys), Owner(1), new);
        let left = if quote.is_some() { i64::MAX } else { base };
        let (key, worst, place, at_once) = (self.keys, None, 0, false);
        self.twin.place(Open { key, side, kind, left, quote, worst, place, at_once });
        let mut out = Vec::new();
        let placed = self.matcher.place(self.now, &submission, &mut out);
        let refused = placed.is_err().then_some(Told::Refused(self.keys));
        self.compare(refused.into_iter().chain(told(&out)).collect());
    }

    fn cancel(&mut self) {
        if self.keys == 0 {
            return;
        }
        let key = self.random.random_range(1..=self.keys);
        let is_open = self.matcher.cancel(self.now, OrderKey(key), &mut Vec::new()).is_ok();
        let twins = [&self.twin.takers, &self.twin.resting, &self.twin.triggers];
        assert_eq!(is_open, twins.iter().any(|orders| orders.iter().any(|one| one.key == key)));
        self.twin.cancel(key);
    }

    #[track_caller]
    fn compare(&mut self, mut actual: Vec<Told>) {
        // In which order the sides are served within an event is nobody's business.
        let mut expected = std::mem::take(&mut self.twin.told);
        expected.sort_unstable();
        actual.sort_unstable();
        assert_eq!(actual, expected, "at {}", self.now);
    }
}

#[test]
fn trades_fill_as_the_plainest_rules_say() {
    for seed in 0..60 {
        let mut scene = Scene::new(seed);
        for _ in 0..400 {
            scene.now = scene.now.after(std::time::Duration::from_millis(7));
            scene.trade();
            while scene.random.random_bool(0.4) {
                if scene.random.random_bool(0.5) {
                    scene.now = scene.now.after(std::time::Duration::from_millis(1));
                    scene.twin.pass_time();
                }
                scene.order();
            }
        }
    }
}

#[test]
fn bars_fill_as_the_plainest_rules_say() {
    for seed in 100..160 {
        let mut scene = Scene::new(seed);
        for _ in 0..200 {
            scene.bar();
            for _ in 0..scene.random.random_range(0..3) {
                scene.order();
            }
        }
    }
}
