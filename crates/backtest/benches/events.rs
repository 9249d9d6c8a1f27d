//! Events a second through the loop, on one core: a million random trades, or a recording of a book
//! looped to ten million changes.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::parameters::ParameterSet;
use kernel::strategy::{
    BuildStrategy, Context, OpenOrder, Requirements, Strategy, StrategyEntry, StrategyResult,
};
use matching::{LatencyModel, LocalVenueModels, RecordedModels, TakerVolume};
use model::*;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rust_decimal::Decimal;
use store::catalog::Catalog;
use tickwright_backtest::plan::RunPlan;
use tickwright_backtest::run::{Run, Unwatched};
use tickwright_backtest::source::{BATCH, CatalogSource, EventSource, Merged};

#[path = "../tests/support/plan.rs"]
mod support;

const TRADES: i64 = 1_000_000;

struct Idle;
impl Strategy for Idle {
    fn requirements(&self) -> Requirements {
        Requirements { trades: true, ..Requirements::default() }
    }
}
static IDLE: ParameterSet = ParameterSet { kind: "idle", keys: &[], check: |_| Ok(()) };

fn events() -> Vec<MarketEvent> {
    let mut random = Pcg64::seed_from_u64(1);
    let mut price = 6_000_000_i64;
    let mut at = 1_700_000_000_000_i64;
    let trade = |id| {
        price += random.random_range(-100..=100);
        at += random.random_range(0..20);
        let instant = Timestamp::from_millis(at);
        MarketEvent::Trade(Trade {
            instrument: InstrumentId(0),
            id: TradeId(id),
            price: Price::from_units(price * 1_000_000),
            quantity: Quantity::from_units(random.random_range(1..100_000_000)),
            aggressor: if random.random() { Side::Buy } else { Side::Sell },
            event_at: instant,
            received_at: instant,
        })
    };
    (1..=TRADES).map(trade).collect()
}

fn plan(entry: StrategyEntry, given: &[(&str, &str)]) -> RunPlan {
    let market = RecordedModels {
        half_spread_bps: Decimal::ZERO,
        slippage_bps: Decimal::ZERO,
        takers: TakerVolume::All,
        ..RecordedModels::default()
    };
    support::plan("bench", entry, given, LocalVenueModels { latency: LatencyModel::NONE, market })
}

/// A two-sided quote at the best prices, replaced every 100 ms.
struct Quoter {
    id: InstrumentId,
    quoted: [Option<OrderId>; 2],
}

impl Strategy for Quoter {
    fn requirements(&self) -> Requirements {
        Requirements { quotes: true, ..Requirements::default() }
    }
    fn on_start(&mut self, context: &mut Context<'_>) -> StrategyResult {
        context.set_timer(0, context.now());
        Ok(())
    }
    fn on_timer(&mut self, context: &mut Context<'_>, timer: u32) -> StrategyResult {
        context.set_timer(timer, context.now().after(Duration::from_millis(100)));
        let Some(quote) = context.last_quote(self.id).copied() else { return Ok(()) };
        let size = OrderQuantity::Base("0.001".parse().unwrap());
        for (side, level) in [(Side::Buy, quote.bid), (Side::Sell, quote.ask)] {
            let kind = OrderKind::LimitMaker { price: level.price };
            let new = NewOrder::new(self.id, side, kind, size);
            let old = &mut self.quoted[side as usize];
            let settled = old.filter(|id| context.open_order(*id).is_some());
            match settled {
                None => *old = context.submit(new),
                Some(id) if context.open_order(id).is_some_and(OpenOrder::is_settled) => {
                    *old = context.replace(id, new).or(settled);
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}
static QUOTER: ParameterSet = ParameterSet { kind: "quoter", keys: &[], check: |_| Ok(()) };

/// What a catalog has of a symbol, over and over: at least so many level changes, quotes and trades.
fn looped(catalog: &Path, wanted: u64) -> Vec<MarketEvent> {
    let series = Catalog::new(catalog).series().unwrap();
    let sources = series.iter().map(|series| {
        Box::new(CatalogSource::open(series, InstrumentId(0))) as Box<dyn EventSource>
    });
    let mut merged = Merged::new(sources.collect());
    let mut once = Vec::new();
    loop {
        let before = once.len();
        merged.read(&mut once).unwrap();
        if once.len() == before {
            break;
        }
    }
    let (first, last) = (once[0].received_at(), once[once.len() - 1].received_at());
    let length = last.since(first) + Duration::from_millis(100);
    let ids = once.iter().map(last_id).max().unwrap() - once.iter().map(first_id).min().unwrap();
    let per_round: u64 = once.iter().map(count).sum();
    let rounds = wanted.div_ceil(per_round);
    let mut events = Vec::with_capacity(once.len() * rounds as usize);
    for round in 0..rounds {
        let later = length * u32::try_from(round).unwrap();
        let ids = (ids + 1) * i64::try_from(round).unwrap();
        events.extend(once.iter().map(|event| shifted(event, later, ids)));
    }
    events
}

fn count(event: &MarketEvent) -> u64 {
    match event {
        MarketEvent::Depth(depth) if depth.is_snapshot => 0,
        MarketEvent::Depth(depth) => (depth.bids.len() + depth.asks.len()) as u64,
        MarketEvent::Trade(_) | MarketEvent::Quote(_) | MarketEvent::Bar(_) => 1,
        MarketEvent::Book(_) => 0,
    }
}

fn first_id(event: &MarketEvent) -> i64 {
    match event {
        MarketEvent::Depth(depth) => depth.first_update_id,
        MarketEvent::Quote(quote) => quote.update_id,
        MarketEvent::Trade(_) | MarketEvent::Bar(_) | MarketEvent::Book(_) => i64::MAX,
    }
}

fn last_id(event: &MarketEvent) -> i64 {
    match event {
        MarketEvent::Depth(depth) => depth.last_update_id,
        MarketEvent::Quote(quote) => quote.update_id,
        MarketEvent::Trade(_) | MarketEvent::Bar(_) | MarketEvent::Book(_) => i64::MIN,
    }
}

fn shifted(event: &MarketEvent, later: Duration, ids: i64) -> MarketEvent {
    let mut event = event.clone();
    match &mut event {
        MarketEvent::Trade(trade) => {
            trade.id.0 += ids;
            trade.event_at = trade.event_at.after(later);
            trade.received_at = trade.received_at.after(later);
        }
        MarketEvent::Quote(quote) => {
            quote.update_id += ids;
            quote.received_at = quote.received_at.after(later);
        }
        MarketEvent::Depth(depth) => {
            let depth = Arc::make_mut(depth);
            depth.first_update_id += ids;
            depth.last_update_id += ids;
            depth.event_at = depth.event_at.after(later);
            depth.received_at = depth.received_at.after(later);
        }
        MarketEvent::Bar(_) | MarketEvent::Book(_) => {}
    }
    event
}

fn kind(parameters: &'static ParameterSet, build: BuildStrategy) -> StrategyEntry {
    StrategyEntry { parameters, summary: "", build }
}

/// One strategy over events in memory, a few times over.
fn measure(name: &str, plan: &RunPlan, events: &[MarketEvent], rounds: u32) {
    for _ in 0..rounds {
        let mut run = Run::new(plan, Timestamp::EPOCH, &[], Unwatched).unwrap();
        let start = Instant::now();
        for batch in events.chunks(BATCH) {
            run.feed(batch).unwrap();
        }
        let took = start.elapsed().as_secs_f64();
        let tally = run.tally();
        println!(
            "{name:>12}: {took:.3} s, {:5.1} million events/s, {} orders, {} fills, profit {}",
            run.events() as f64 / took / 1e6,
            tally.orders,
            tally.fills,
            run.profit(),
        );
    }
}

/// `events [idle|ema_cross|CATALOG] [rounds]`; both strategies on trades without a name. A catalog
/// is that of a recording with quotes and depth.
fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let chosen = arguments.next();
    let rounds = arguments.next().map_or(3, |text| text.parse().unwrap());
    let idle = kind(&IDLE, |_| Ok(Box::new(Idle) as Box<dyn Strategy>));
    let cross = *strategies::ALL.iter().find(|entry| entry.kind() == "ema_cross").unwrap();
    let given = [
        ("source", "trades"),
        ("fast", "10"),
        ("slow", "30"),
        ("quantity", "0.01"),
        ("warm_up", "0"),
    ];
    if let Some(catalog) = chosen.as_ref().filter(|name| Path::new(name.as_str()).is_dir()) {
        let quoter = kind(&QUOTER, |setup| {
            Ok(Box::new(Quoter { id: setup.traded[0], quoted: [None; 2] }) as Box<dyn Strategy>)
        });
        let events = looped(Path::new(catalog), 10_000_000);
        for (name, entry) in [("depth idle", idle), ("depth quotes", quoter)] {
            measure(name, &plan(entry, &[]), &events, rounds);
        }
        return;
    }
    let events = events();
    for (name, plan) in [("idle", plan(idle, &[])), ("ema_cross", plan(cross, &given))] {
        if chosen.as_ref().is_none_or(|chosen| chosen == name) {
            measure(name, &plan, &events, rounds);
        }
    }
}
