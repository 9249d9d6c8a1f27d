//! Cost of placing, canceling and matching by the size of the book.
//!
//! Orders are those of an account, with every filter checked and fees computed. Each figure is
//! the median over single calls, less the cost of reading the clock; nothing of an order is looked
//! at before it is taken back. `-- 100000` runs one size, for `valgrind --tool=callgrind`: what
//! `call_place`, `call_cancel` and `call_match` execute, over their calls, is what a call costs in
//! instructions.

#![allow(missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use model::{
    Asset, Contract, Filters, Instrument, InstrumentId, InstrumentStatus, NewOrder, NotionalFilter,
    PercentPrice, Price, PriceFilter, Quantity, Side, SizeFilter, Symbol, Timestamp, VenueId,
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tickwright_matching::{Book, FeePolicy, Fees, Matcher, OrderKey, Owner, Submission};

const TICK: i64 = 1_000_000;
const MIDDLE: i64 = 6_000_000;
const CALLS: u64 = 50_000;

fn instrument() -> Instrument {
    let (px, qty) = (Price::from_units, Quantity::from_units);
    Instrument {
        id: InstrumentId(0),
        venue: VenueId::new("bench").expect("a short name"),
        symbol: Symbol::new("BTCUSDT").expect("a short name"),
        base: Asset::new("BTC").expect("a short name"),
        quote: Asset::new("USDT").expect("a short name"),
        base_decimals: 8,
        quote_decimals: 8,
        contract: Contract::Spot,
        features: model::Features::ALL,
        status: InstrumentStatus::Trading,
        filters: Filters {
            price: PriceFilter { tick: px(TICK), min: px(TICK), max: px(100_000_000_000_000) },
            lot_size: SizeFilter { min: qty(1_000), max: qty(900_000_000_000), step: qty(1_000) },
            percent_price: Some(PercentPrice {
                bid_down: "0.2".parse().expect("a number"),
                bid_up: "5".parse().expect("a number"),
                ask_down: "0.2".parse().expect("a number"),
                ask_up: "5".parse().expect("a number"),
                average_mins: 5,
            }),
            notional: Some(NotionalFilter {
                min: "5".parse().expect("a number"),
                min_applies_to_market: true,
                max: None,
                max_applies_to_market: false,
                average_mins: 5,
            }),
            ..Filters::default()
        },
    }
}

struct Bench {
    matcher: Matcher<Book>,
    random: Pcg64,
    key: u64,
    out: Events,
    clock_nanos: u64,
}

impl Bench {
    /// A book of `resting` orders over some thousand ticks either side.
    fn new(resting: u64) -> Self {
        let fees = Fees {
            maker: "0.001".parse().expect("a number"),
            taker: "0.001".parse().expect("a number"),
            policy: FeePolicy::ReceivedAsset,
        };
        let matcher = Matcher::new(instrument(), fees, Book::new())
            .with_last_price(Price::from_units(MIDDLE * TICK));
        let random = Pcg64::seed_from_u64(1);
        let mut bench = Self { matcher, random, key: 0, out: Vec::new(), clock_nanos: 0 };
        bench.clock_nanos = median((0..CALLS).map(|_| time(|| ())).collect());
        for _ in 0..resting {
            let order = bench.resting_order();
            bench.place(order);
        }
        bench
    }

    /// A limit order that rests, more often near the touch.
    fn resting_order(&mut self) -> NewOrder {
        let side = if self.random.random() { Side::Buy } else { Side::Sell };
        let reach: f64 = self.random.random();
        let distance = 1 + (reach * reach * 5_000.0) as i64;
        let price = Price::from_units((MIDDLE - side.sign() * distance) * TICK);
        let quantity = Quantity::from_units(self.random.random_range(10..1_000_i64) * 1_000);
        NewOrder::limit(InstrumentId(0), side, quantity, price)
    }

    fn place(&mut self, order: NewOrder) -> u64 {
        self.timed(order, call_place)
    }

    fn timed(&mut self, order: NewOrder, call: Call) -> u64 {
        self.key += 1;
        self.out.clear();
        let submission = Submission::new(OrderKey(self.key), Owner(1), order);
        let nanos = time(|| call(&mut self.matcher, &submission, &mut self.out));
        nanos.saturating_sub(self.clock_nanos)
    }

    /// `None` for an order that was filled before.
    fn cancel(&mut self, key: u64) -> Option<u64> {
        self.out.clear();
        let mut is_open = false;
        let nanos = time(|| is_open = call_cancel(&mut self.matcher, OrderKey(key), &mut self.out));
        is_open.then(|| nanos.saturating_sub(self.clock_nanos))
    }

    /// Places an order, cancels one of any age and takes a little from the best level, so that
    /// the book keeps its size.
    fn run(&mut self) -> [u64; 3] {
        let (mut place, mut cancel, mut take) = (Vec::new(), Vec::new(), Vec::new());
        let mut open: Vec<u64> = (1..=self.key).collect();
        for _ in 0..CALLS {
            let order = self.resting_order();
            place.push(self.place(order));
            open.push(self.key);
            let chosen = self.random.random_range(0..open.len());
            cancel.extend(self.cancel(open.swap_remove(chosen)));
            let side = if self.random.random() { Side::Buy } else { Side::Sell };
            let quantity = Quantity::from_units(100_000);
            let order = NewOrder::market(InstrumentId(0), side, quantity);
            take.push(self.timed(order, call_match));
        }
        [median(place), median(cancel), median(take)]
    }
}

type Events = Vec<tickwright_matching::MatchEvent>;
type Call = fn(&mut Matcher<Book>, &Submission, &mut Events);

#[inline(never)]
fn call_place(matcher: &mut Matcher<Book>, submission: &Submission, out: &mut Events) {
    black_box(matcher.place(Timestamp::EPOCH, submission, out))
        .expect("the order passes every filter");
}

#[inline(never)]
fn call_match(matcher: &mut Matcher<Book>, submission: &Submission, out: &mut Events) {
    black_box(matcher.place(Timestamp::EPOCH, submission, out))
        .expect("the order passes every filter");
    // Not the same code as the other one's: two equal functions would become one.
    black_box(1);
}

#[inline(never)]
fn call_cancel(matcher: &mut Matcher<Book>, key: OrderKey, out: &mut Events) -> bool {
    black_box(matcher.cancel(Timestamp::EPOCH, key, out)).is_ok()
}

fn time(run: impl FnOnce()) -> u64 {
    let start = Instant::now();
    run();
    u64::try_from(start.elapsed().as_nanos()).expect("a call takes no centuries")
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

fn main() {
    println!(
        "{:>14} {:>9} {:>9} {:>9}   median ns a call",
        "resting orders", "place", "cancel", "match"
    );
    let sizes: Vec<u64> = std::env::args().filter_map(|text| text.parse().ok()).collect();
    for resting in if sizes.is_empty() { vec![1_000, 10_000, 100_000] } else { sizes } {
        let [place, cancel, take] = Bench::new(resting).run();
        println!("{resting:>14} {place:>9} {cancel:>9} {take:>9}");
    }
}
