//! Events a second through a recorded market: without orders, and with an order on each side
//! that is replaced every 100 ms.

#![allow(missing_docs)]

#[path = "../../market/tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{
    Asset, Contract, Filters, Instrument, InstrumentId, InstrumentStatus, MarketEvent, NewOrder,
    Price, PriceFilter, Quantity, Side, Symbol, Timestamp, VenueId,
};
use support::Line;
use tickwright_matching::{Fees, Matcher, OrderKey, Owner, Recorded, RecordedModels, Submission};

const ROUNDS: usize = 20;

fn instrument() -> Instrument {
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
            price: PriceFilter { tick: Price::from_units(1_000_000), ..PriceFilter::default() },
            ..Filters::default()
        },
    }
}

fn main() {
    let Some(lines) = support::capture("ws_binance_spot_BTCUSDT_20240808.gz") else { return };
    let events: Vec<MarketEvent> = lines
        .into_iter()
        .map(|line| match line {
            Line::Trade(trade) => MarketEvent::Trade(trade),
            Line::Quote(quote) => MarketEvent::Quote(quote),
            Line::Depth(depth) => MarketEvent::Depth(Arc::new(depth)),
        })
        .collect();
    // An event is one level change, quote or trade.
    let count: usize = events
        .iter()
        .map(|event| match event {
            MarketEvent::Depth(depth) if depth.is_snapshot => 0,
            MarketEvent::Depth(depth) => depth.bids.len() + depth.asks.len(),
            MarketEvent::Trade(_)
            | MarketEvent::Quote(_)
            | MarketEvent::Bar(_)
            | MarketEvent::Book(_) => 1,
        })
        .sum();
    for (name, quotes) in [("no orders", false), ("two-sided quote", true)] {
        run(&events, quotes);
        let start = Instant::now();
        let trades: i64 = (0..ROUNDS).map(|_| run(&events, quotes)).sum();
        let rate = (count * ROUNDS) as f64 / start.elapsed().as_secs_f64() / 1e6;
        println!("{name:>16}: {rate:5.1} million events/s, {trades} fills");
    }
}

/// One pass over the recording; how many fills.
fn run(events: &[MarketEvent], quotes: bool) -> i64 {
    let recorded = Recorded::new(&instrument(), RecordedModels::default());
    let mut matcher = Matcher::new(instrument(), Fees::NONE, recorded);
    let (mut out, mut key, mut next) = (Vec::new(), 0, Timestamp::EPOCH);
    for event in events {
        let now = event.received_at();
        matcher.on_market(now, event, &mut out);
        if quotes && now >= next {
            next = now.after(Duration::from_millis(100));
            for side in [Side::Buy, Side::Sell] {
                let Some(best) = matcher.displayed().best(side) else { continue };
                key += 1;
                if let Some(old) = u64::checked_sub(key, 2).map(OrderKey)
                    && matcher.order(old).is_some()
                {
                    matcher.cancel(now, old, &mut out).expect("the order is open");
                }
                let quantity = Quantity::from_units(1_000_000);
                let order = NewOrder::limit(InstrumentId(0), side, quantity, best.price);
                let submission = Submission::new(OrderKey(key), Owner(1), order);
                matcher.place(now, &submission, &mut out).expect("the order passes every filter");
            }
        }
        out.clear();
    }
    matcher.last_trade_id()
}
