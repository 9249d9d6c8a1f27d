//! Events a second through the loop: a million random trades, on one core.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use kernel::parameters::{ParameterSet, Parameters};
use kernel::risk::RiskLimits;
use kernel::strategy::{Requirements, Strategy, StrategyEntry};
use matching::{FeePolicy, Fees, LatencyModel, LocalVenueModels, RecordedModels};
use model::*;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rust_decimal::Decimal;
use tickwright_backtest::plan::{RunPlan, StrategyPlan};
use tickwright_backtest::run::{Run, Unwatched};
use tickwright_backtest::source::BATCH;

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
    let given: BTreeMap<String, String> =
        given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let mut instruments = Instruments::new();
    let id = instruments.add(Instrument {
        id: InstrumentId(0),
        venue: VenueId::new("local:bench").unwrap(),
        symbol: "BTCUSDT".parse().unwrap(),
        base: "BTC".parse().unwrap(),
        quote: "USDT".parse().unwrap(),
        base_decimals: 8,
        quote_decimals: 8,
        contract: Contract::Spot,
        status: InstrumentStatus::Trading,
        filters: Filters::default(),
    });
    let cash = Amount::new(Decimal::from(100_000));
    let taker = Decimal::new(1, 3);
    RunPlan {
        instruments: Arc::new(instruments),
        strategies: vec![StrategyPlan {
            name: "bench".to_owned(),
            entry,
            traded: vec![id],
            capital: cash,
            limits: RiskLimits::default(),
            protection: None,
            parameters: Parameters::new(entry.parameters.keys, &given).unwrap(),
        }],
        currency: "USDT".parse().unwrap(),
        limits: RiskLimits::default(),
        balances: vec![("USDT".parse().unwrap(), cash)],
        models: LocalVenueModels {
            latency: LatencyModel::NONE,
            market: RecordedModels {
                half_spread_bps: Decimal::ZERO,
                slippage_bps: Decimal::ZERO,
                ..RecordedModels::default()
            },
        },
        fees: vec![Fees { maker: taker, taker, policy: FeePolicy::Quote }],
        effects_per_step: 200,
    }
}

fn main() {
    let idle = StrategyEntry {
        parameters: &IDLE,
        summary: "",
        build: |_| Ok(Box::new(Idle) as Box<dyn Strategy>),
    };
    let cross = strategies::ALL.iter().find(|entry| entry.kind() == "ema_cross").unwrap();
    let given = [
        ("source", "trades"),
        ("fast", "10"),
        ("slow", "30"),
        ("quantity", "0.01"),
        ("warm_up", "0"),
    ];
    let events = events();
    for (name, plan) in [("idle", plan(idle, &[])), ("ema_cross", plan(*cross, &given))] {
        for _ in 0..3 {
            let mut run = Run::new(&plan, Timestamp::EPOCH, &[], Unwatched).unwrap();
            let start = Instant::now();
            for batch in events.chunks(BATCH) {
                run.feed(batch).unwrap();
            }
            let took = start.elapsed().as_secs_f64();
            let (orders, fills) = (run.tally().orders, run.tally().fills);
            let rate = TRADES as f64 / took / 1e6;
            println!(
                "{name:>10}: {took:.3} s, {rate:5.1} million events/s, {orders} orders, {fills} fills"
            );
        }
    }
}
