//! Cost of a level change and of reading the best prices, on a recorded stream where one is
//! there, against a book of two ordered maps.

#![allow(missing_docs)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use model::{DepthUpdate, InstrumentId, Level, Price, Quantity, Side};
use support::Line;
use tickwright_market::OrderBook;

/// The obvious book.
#[derive(Default)]
struct Maps {
    bids: BTreeMap<Price, Quantity>,
    asks: BTreeMap<Price, Quantity>,
}

impl Maps {
    fn set(map: &mut BTreeMap<Price, Quantity>, level: Level) {
        if level.quantity.is_zero() {
            map.remove(&level.price);
        } else {
            map.insert(level.price, level.quantity);
        }
    }

    fn apply(&mut self, update: &DepthUpdate) {
        update.bids.iter().for_each(|level| Self::set(&mut self.bids, *level));
        update.asks.iter().for_each(|level| Self::set(&mut self.asks, *level));
    }
}

fn main() {
    let Some(lines) = support::capture("ws_binance_spot_BTCUSDT_20240808.gz") else { return };
    let updates: Vec<DepthUpdate> = lines
        .into_iter()
        .filter_map(|line| match line {
            Line::Depth(update) => Some(update),
            Line::Trade(_) | Line::Quote(_) => None,
        })
        .collect();
    let changes: usize = updates
        .iter()
        .filter(|update| !update.is_snapshot)
        .map(|update| update.bids.len() + update.asks.len())
        .sum();
    println!("{changes} level changes in {} updates", updates.len() - 1);
    measure("OrderBook", changes, |rounds| {
        let mut book = OrderBook::new(InstrumentId(0));
        for update in (0..rounds).flat_map(|_| &updates) {
            book.apply(update);
            black_box((book.best_bid(), book.best_ask()));
        }
        book.level_count(Side::Buy) + book.level_count(Side::Sell)
    });
    measure("two BTreeMaps", changes, |rounds| {
        let mut maps = Maps::default();
        for update in (0..rounds).flat_map(|_| &updates) {
            if update.is_snapshot {
                maps = Maps::default();
            }
            maps.apply(update);
            black_box((maps.bids.last_key_value(), maps.asks.first_key_value()));
        }
        maps.bids.len() + maps.asks.len()
    });
}

fn measure(name: &str, changes: usize, mut run: impl FnMut(usize) -> usize) {
    const ROUNDS: usize = 20;
    run(1);
    let start = Instant::now();
    let levels = run(ROUNDS);
    let nanos = start.elapsed().as_nanos() as f64 / (changes * ROUNDS) as f64;
    println!("{name:>14}: {nanos:6.1} ns a level change, {levels} levels at the end");
}
