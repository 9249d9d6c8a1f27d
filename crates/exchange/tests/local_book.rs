//! Books that clients keep from a snapshot and the streams of changes, as the venue's documents
//! say: never a gap, never a wrong level, and a snapshot shows the book as it is at that moment.
//! The machine alone, without sockets.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

use std::collections::BTreeMap;
use std::time::Duration;

use model::{
    InstrumentId, Level, OrderKind, OrderQuantity, Price, Quantity, Side, Symbol, Timestamp,
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tickwright_exchange::machine::{DEFAULT_ACCOUNT, Exchange, Output, PlaceOrder};
use tickwright_exchange::market::{BookSnapshot, DepthDiff};
use tickwright_exchange::orders::SelfTradePrevention;
use tickwright_exchange::{ExchangeConfig, SyntheticConfig};

const START: Timestamp = Timestamp::from_secs(1_800_000_000);
const ALL: usize = usize::MAX;

type Levels = BTreeMap<Price, Quantity>;

/// A client's book.
#[derive(Clone, PartialEq, Debug)]
struct Local {
    id: i64,
    bids: Levels,
    asks: Levels,
    /// Events applied so far.
    applied: u32,
}

fn by_price(levels: &[Level]) -> Levels {
    levels.iter().map(|level| (level.price, level.quantity)).collect()
}

fn set(side: &mut Levels, changes: &[Level]) {
    for level in changes {
        if level.quantity.is_zero() {
            side.remove(&level.price);
        } else {
            side.insert(level.price, level.quantity);
        }
    }
}

impl Local {
    fn new(snapshot: &BookSnapshot) -> Self {
        let (bids, asks) = (by_price(&snapshot.bids), by_price(&snapshot.asks));
        Self { id: snapshot.update_id, bids, asks, applied: 0 }
    }

    fn apply(&mut self, diff: &DepthDiff, what: &str) {
        if diff.last_update_id <= self.id {
            return;
        }
        let (from, to) = (diff.first_update_id, diff.last_update_id);
        let next = self.id + 1;
        assert!((from..=to).contains(&next), "{what}: {next} is not within {from} to {to}");
        assert!(self.applied == 0 || from == next, "{what}: {from} after {}", self.id);
        set(&mut self.bids, &diff.bids);
        set(&mut self.asks, &diff.asks);
        self.id = to;
        self.applied += 1;
        let (bid, ask) = (self.bids.last_key_value(), self.asks.first_key_value());
        assert!(bid.unwrap().0 < ask.unwrap().0, "{what}: crossed at {to}");
    }

    fn levels(&self) -> (&Levels, &Levels) {
        (&self.bids, &self.asks)
    }
}

fn bitcoin() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

fn market(seed: u64) -> (Exchange, InstrumentId) {
    let synthetic =
        SyntheticConfig { seed, history: Duration::from_secs(300), ..SyntheticConfig::default() };
    let config = ExchangeConfig::synthetic(seed);
    let mut exchange = Exchange::synthetic(&config, &synthetic, START, 1);
    exchange.open_account(DEFAULT_ACCOUNT, [], &config.balances);
    exchange.take_outputs();
    let instrument = exchange.market_of(bitcoin()).unwrap().instrument().id;
    (exchange, instrument)
}

fn buy(exchange: &mut Exchange, quantity: &str, now: Timestamp) {
    let order = PlaceOrder {
        symbol: bitcoin(),
        side: Side::Buy,
        kind: OrderKind::Market,
        quantity: OrderQuantity::Base(quantity.parse().unwrap()),
        client_id: None,
        prevention: SelfTradePrevention::None,
        iceberg: None,
        trailing_delta: None,
        strategy_id: None,
        strategy_type: None,
    };
    exchange.place(DEFAULT_ACCOUNT, &order, now).unwrap();
}

/// Events of the changes of a book: fast or slow, when, what.
fn changes(exchange: &mut Exchange, of: InstrumentId, until: Timestamp) -> Vec<Change> {
    while exchange.advance(until).is_some() {}
    let outputs = exchange.take_outputs().into_iter();
    outputs
        .filter_map(|output| match output {
            Output::Depth { instrument, is_fast, diff, at } if instrument == of => {
                Some(Change { is_fast, diff, at })
            }
            Output::Depth { .. }
            | Output::Trade { .. }
            | Output::Aggregate { .. }
            | Output::Quote { .. }
            | Output::User { .. } => None,
        })
        .collect()
}

struct Change {
    is_fast: bool,
    diff: DepthDiff,
    at: Timestamp,
}

/// Everybody who keeps a book, and what they were shown.
struct Crowd {
    fast: Vec<Local>,
    slow: Vec<Local>,
    /// The book at the end of each fast event, as the first client has it.
    known: BTreeMap<i64, Local>,
    compared: u32,
}

impl Crowd {
    fn take(&mut self, change: &Change) {
        let all = if change.is_fast { &mut self.fast } else { &mut self.slow };
        for (place, local) in all.iter_mut().enumerate() {
            local.apply(&change.diff, &format!("fast {} client {place}", change.is_fast));
        }
        if change.is_fast {
            let first = self.fast[0].clone();
            self.known.insert(first.id, first);
        } else if let Some(known) = self.known.get(&self.slow[0].id) {
            assert_eq!(self.slow[0].levels(), known.levels(), "slow at {}", known.id);
            self.compared += 1;
        }
    }
}

#[test]
fn books_from_a_snapshot_at_any_moment_are_the_venue_s() {
    for seed in 1..=5 {
        let (mut exchange, instrument) = market(seed);
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let first = exchange.show_book(bitcoin(), ALL).unwrap();
        let mut crowd = Crowd {
            fast: vec![Local::new(&first)],
            slow: vec![Local::new(&first)],
            known: BTreeMap::from([(first.update_id, Local::new(&first))]),
            compared: 0,
        };
        let (mut now, end) = (START, START.after(Duration::from_secs(30)));
        let mut shown = Vec::new();
        while now < end {
            now = now.after(Duration::from_millis(random.random_range(1..250)));
            for change in changes(&mut exchange, instrument, now) {
                crowd.take(&change);
            }
            if random.random_bool(0.3) {
                buy(&mut exchange, "0.01", now);
            }
            if random.random_bool(0.4) {
                let snapshot = exchange.show_book(bitcoin(), ALL).unwrap();
                let local = Local::new(&snapshot);
                crowd.fast.push(local.clone());
                crowd.slow.push(local.clone());
                shown.push(local);
            }
        }
        for change in changes(&mut exchange, instrument, end.after(Duration::from_secs(2))) {
            crowd.take(&change);
        }
        assert!(shown.len() > 30 && crowd.compared > 5, "{} {}", shown.len(), crowd.compared);
        for local in shown {
            let known = crowd.known.get(&local.id);
            let known = known.unwrap_or_else(|| panic!("seed {seed}: {} ends no event", local.id));
            assert_eq!(known.levels(), local.levels(), "seed {seed}: at {}", local.id);
        }
    }
}

#[test]
fn an_own_trade_shows_at_once_and_its_id_comes_with_the_next_event() {
    let (mut exchange, instrument) = market(9);
    let now = START.after(Duration::from_millis(130));
    changes(&mut exchange, instrument, now);
    let before = exchange.show_book(bitcoin(), 5).unwrap();
    buy(&mut exchange, &before.asks[0].quantity.to_string(), now);
    let after = exchange.show_book(bitcoin(), 5).unwrap();
    assert!(after.update_id > before.update_id);
    assert_eq!(after.asks[0], before.asks[1], "the best level was bought up");
    let partial = exchange.market_of(bitcoin()).unwrap().book(5);
    assert_eq!(partial, after, "partial depth is the book now, too");
    // Shown twice within one slot: an event ends at each.
    let next = changes(&mut exchange, instrument, START.after(Duration::from_millis(200)));
    let ends: Vec<i64> = next.iter().map(|change| change.diff.last_update_id).collect();
    assert!(ends.contains(&after.update_id), "{ends:?}");
    assert!(ends.contains(&before.update_id) || next[0].diff.first_update_id > before.update_id);
}

#[test]
fn whoever_asks_once_in_a_slot_gets_one_event_a_slot() {
    let (mut exchange, instrument) = market(4);
    let mut last = START;
    let mut events = 0;
    for slot in 0..200 {
        let at = START.after(Duration::from_millis(100 * slot + 60));
        for change in changes(&mut exchange, instrument, at) {
            if change.is_fast {
                assert!(change.at > last, "two events at {last}");
                assert_eq!(change.at.as_millis() % 100, 0);
                last = change.at;
                events += 1;
            }
        }
        exchange.show_book(bitcoin(), 100).unwrap();
    }
    assert!(events > 50, "{events}");
}
