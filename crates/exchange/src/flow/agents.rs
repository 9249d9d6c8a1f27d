//! The traders of one symbol: makers who quote around the fair price and take orders back,
//! takers who arrive in clusters. They know the latent price and nothing of the book.

use std::collections::VecDeque;

use model::{Price, Quantity, Side};
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Exp1, LogNormal, Poisson};
use rand_pcg::Pcg64Mcg;

use super::latent::Latent;
use super::{Action, SymbolFlow};

const BP: f64 = 1e-4;
/// Length of a step while there is a book, and before, in seconds.
const STEP_SECS: f64 = 0.1;
const HISTORY_STEP_SECS: f64 = 1.0;
const NANOS: f64 = 1e9;
/// Arrivals per second at activity 1.
const TAKERS: f64 = 1.1;
const HISTORY_TRADES: f64 = 0.5;
/// A taker makes further takers likelier: so many expected children, over so many seconds.
const CHILDREN: f64 = 0.45;
const CHILDREN_SECS: f64 = 2.5;
/// Chance per second that a maker notices that the fair price has passed its order.
const NOTICE: f64 = 2.5;
/// Half spread in basis points at volatility 1.
const HALF_SPREAD_BPS: f64 = 0.7;
/// Notional in quote asset: medians and spreads of the log-normal sizes.
const TAKER_NOTIONAL: (f64, f64) = (160.0, 1.35);
const LARGEST_NOTIONAL: f64 = 80_000.0;
/// Orders a side of the first book, by tier.
const FIRST_ORDERS: [(Tier, u32); 3] = [(NEAR, 25), (FAR, 45), (DEEP, 90)];

/// A kind of maker.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Tier {
    /// Orders per second at activity 1.
    arrivals: f64,
    /// Mean life of an order.
    life_secs: f64,
    /// Median and spread of the notional.
    notional: (f64, f64),
    depth: Depth,
}

/// How far from the fair price a tier quotes.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Depth {
    /// Some half spreads, exponentially fewer.
    Touch,
    /// Between two distances in basis points, as many within each factor of the distance.
    Between(f64, f64),
}

/// Who makes the spread, who stands behind, and who waits for a crash.
const NEAR: Tier =
    Tier { arrivals: 5.0, life_secs: 11.0, notional: (900.0, 1.0), depth: Depth::Touch };
const FAR: Tier = Tier {
    arrivals: 1.2,
    life_secs: 75.0,
    notional: (2_500.0, 1.0),
    depth: Depth::Between(4.0, 60.0),
};
const DEEP: Tier = Tier {
    arrivals: 0.5,
    life_secs: 400.0,
    notional: (8_000.0, 0.9),
    depth: Depth::Between(25.0, 450.0),
};

/// An order of a maker that it has not taken back. It may long be filled: makers don't look.
#[derive(Clone, Copy, Debug)]
struct LiveOrder {
    key: u64,
    side: Side,
    price: f64,
    life_secs: f64,
}

/// All agents of one symbol.
#[derive(Clone, Debug)]
pub struct Agents {
    flow: SymbolFlow,
    latent: Latent,
    random: Pcg64Mcg,
    live: Vec<LiveOrder>,
    next_key: u64,
    excitement: f64,
    /// Where the generated part ends, in nanoseconds since the origin.
    horizon: u64,
    book_from: u64,
    is_book_open: bool,
    due: VecDeque<(u64, Action)>,
}

impl Agents {
    /// Agents of one symbol; until `book_from` nanoseconds they only print trades.
    pub fn new(flow: SymbolFlow, seed: u64, volatility: f64, book_from: u64) -> Self {
        let own = seed ^ super::hash::fnv1a(super::hash::START, flow.symbol.as_str().as_bytes());
        let latent = Latent::new(
            flow.start_price.to_f64(),
            volatility,
            Pcg64Mcg::seed_from_u64(own),
            Pcg64Mcg::seed_from_u64(seed),
        );
        Self {
            flow,
            latent,
            random: Pcg64Mcg::seed_from_u64(own ^ 0x5eed),
            live: Vec::new(),
            next_key: 1,
            excitement: 0.0,
            horizon: 0,
            book_from,
            is_book_open: false,
            due: VecDeque::new(),
        }
    }

    /// The fair price now.
    pub fn fair(&self) -> f64 {
        self.latent.fair()
    }

    /// When the next event is due, generating as far as needed.
    pub fn peek(&mut self) -> u64 {
        loop {
            if let Some((at, _)) = self.due.front() {
                return *at;
            }
            self.generate_step();
        }
    }

    /// The next event.
    pub fn pop(&mut self) -> (u64, Action) {
        self.peek();
        self.due.pop_front().expect("peek left one")
    }

    fn generate_step(&mut self) {
        let is_history = self.horizon < self.book_from;
        if !is_history && !self.is_book_open {
            self.is_book_open = true;
            self.open_book();
            return;
        }
        let mut secs = if is_history { HISTORY_STEP_SECS } else { STEP_SECS };
        if is_history {
            secs = secs.min((self.book_from - self.horizon) as f64 / NANOS);
        }
        self.latent.step(secs);
        let mut events = Vec::new();
        if is_history {
            self.print_trades(secs, &mut events);
        } else {
            self.cancel_orders(secs, &mut events);
            self.place_orders(secs, &mut events);
            self.take(secs, &mut events);
        }
        let start = self.horizon;
        let span = ((secs * NANOS) as u64).max(1);
        let mut timed: Vec<(u64, Action)> = events
            .into_iter()
            .map(|action| (start + self.random.random_range(0..span), action))
            .collect();
        timed.sort_by_key(|(at, _)| *at);
        self.due.extend(timed);
        self.horizon += span;
    }

    fn count(&mut self, mean: f64) -> u32 {
        if mean <= 0.0 {
            return 0;
        }
        let count: f64 = Poisson::new(mean).map_or(0.0, |poisson| poisson.sample(&mut self.random));
        count as u32
    }

    fn print_trades(&mut self, secs: f64, events: &mut Vec<Action>) {
        for _ in 0..self.count(HISTORY_TRADES * self.flow.activity * secs) {
            let aggressor = self.taker_side();
            let price = self.offset_price(aggressor, self.half_spread());
            let quantity = self.size(TAKER_NOTIONAL, price);
            events.push(Action::Print { price, quantity, aggressor });
        }
    }

    fn half_spread(&self) -> f64 {
        HALF_SPREAD_BPS * (0.5 + 0.6 * self.latent.volatility())
    }

    /// A price so many basis points above (buy) or below (sell) the fair price, on the tick,
    /// rounded away from the fair price.
    fn offset_price(&self, side: Side, bps: f64) -> Price {
        let (sign, tick) = (if side == Side::Buy { 1.0 } else { -1.0 }, self.flow.tick);
        let exact = self.latent.fair() * (1.0 + sign * bps * BP);
        let price = Price::from_f64_rounded(exact).unwrap_or(self.flow.start_price);
        let price = if side == Side::Buy { price.ceil_to(tick) } else { price.floor_to(tick) };
        price.max(tick)
    }

    fn size(&mut self, (median, spread): (f64, f64), price: Price) -> Quantity {
        let notional = LogNormal::new(median.ln(), spread)
            .map_or(median, |sizes| sizes.sample(&mut self.random))
            .min(LARGEST_NOTIONAL);
        let wanted = notional / (price.to_f64() * self.flow.quote_value);
        let step = self.flow.step;
        Quantity::from_f64_rounded(wanted).unwrap_or(step).floor_to(step).max(step)
    }

    fn key(&mut self) -> u64 {
        let key = self.next_key;
        self.next_key += 1;
        key
    }

    /// Makers quote on either side of the fair price.
    fn place_one(&mut self, side: Side, tier: &Tier, events: &mut Vec<Action>) {
        let bps = match tier.depth {
            Depth::Touch => {
                let depth: f64 = Exp1.sample(&mut self.random);
                self.half_spread() * (1.0 + 1.6 * depth)
            }
            Depth::Between(nearest, farthest) => {
                nearest * (farthest / nearest).powf(self.random.random::<f64>())
            }
        };
        let price = self.offset_price(side.opposite(), bps);
        // Half of the makers like round numbers, which gives levels a queue.
        let grid = if self.random.random::<bool>() { self.flow.round } else { self.flow.tick };
        let price = match side {
            Side::Buy => price.floor_to(grid).max(self.flow.tick),
            Side::Sell => price.ceil_to(grid),
        };
        let quantity = self.size(tier.notional, price);
        let key = self.key();
        self.live.push(LiveOrder { key, side, price: price.to_f64(), life_secs: tier.life_secs });
        events.push(Action::Place { key, side, price, quantity });
    }

    fn side(&mut self) -> Side {
        if self.random.random::<bool>() { Side::Buy } else { Side::Sell }
    }

    fn place_orders(&mut self, secs: f64, events: &mut Vec<Action>) {
        for tier in [NEAR, FAR, DEEP] {
            for _ in 0..self.count(tier.arrivals * self.flow.activity * secs) {
                let side = self.side();
                self.place_one(side, &tier, events);
            }
        }
    }

    fn cancel_orders(&mut self, secs: f64, events: &mut Vec<Action>) {
        let fair = self.latent.fair();
        let Self { live, random, .. } = self;
        live.retain(|order| {
            let is_passed = match order.side {
                Side::Buy => order.price > fair,
                Side::Sell => order.price < fair,
            };
            let hazard = if is_passed { NOTICE } else { 1.0 / order.life_secs };
            let stays = random.random::<f64>() >= hazard * secs;
            if !stays {
                events.push(Action::Cancel { key: order.key });
            }
            stays
        });
    }

    /// Takers follow the last seconds' move a little.
    fn taker_side(&mut self) -> Side {
        let lean = (self.latent.momentum_bps() * 0.03).clamp(-0.3, 0.3);
        if self.random.random::<f64>() < 0.5 + lean { Side::Buy } else { Side::Sell }
    }

    fn take(&mut self, secs: f64, events: &mut Vec<Action>) {
        let base = TAKERS * self.flow.activity * (0.4 + 0.6 * self.latent.volatility());
        let arrivals = self.count((base + self.excitement) * secs);
        self.excitement *= 1.0 - (secs / CHILDREN_SECS).min(1.0);
        // The activity bounds the clusters: past ten times the base they don't grow.
        self.excitement = (self.excitement + f64::from(arrivals) * CHILDREN / CHILDREN_SECS)
            .min(10.0 * TAKERS * self.flow.activity);
        for _ in 0..arrivals {
            let side = self.taker_side();
            let limit = self.offset_price(side, self.half_spread() * 3.0 + 8.0);
            let quantity = self.size(TAKER_NOTIONAL, limit);
            let key = self.key();
            events.push(Action::Take { key, side, limit, quantity });
        }
    }

    /// The first book, all at one instant.
    fn open_book(&mut self) {
        let mut events = Vec::new();
        for (tier, orders) in FIRST_ORDERS {
            for _ in 0..orders {
                for side in [Side::Buy, Side::Sell] {
                    self.place_one(side, &tier, &mut events);
                }
            }
        }
        let at = self.horizon;
        self.due.extend(events.into_iter().map(|action| (at, action)));
    }
}
