//! All four strategies under the files that the program is built with, on random markets of a
//! few minutes: each of them buys and sells, and the books of host, gate and venue agree.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kernel::cascade::{Cascade, CascadeOutput, Unjournaled};
use market::BarBuilder;
use matching::{FeePolicy, Fees, LatencyModel, LocalVenue, LocalVenueModels, RecordedModels};
use model::*;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rust_decimal::Decimal;
use tickwright::STRATEGIES;
use tickwright::config::{Config, Sources, load};

use crate::rig::{Run, cascade, instrument};

/// A random market: a walk of the middle, quotes around it, trades that now and then reach
/// beyond the best prices.
struct Walk {
    instrument: InstrumentId,
    middle: f64,
    step: f64,
    half_spread: f64,
    tick: f64,
    trade: f64,
    trades: i64,
    quotes: i64,
    bars: BarBuilder,
}

const STEP_MS: i64 = 100;
/// A lively market, as that of the simulated exchange.
const WALK_BPS: f64 = 1.1;
const HALF_SPREAD_BPS: f64 = 0.7;
const TRADES_PER_S: f64 = 2.0;

impl Walk {
    fn price(&self, price: f64) -> Price {
        let ticks = (price / self.tick).round();
        Price::from_f64_rounded(ticks * self.tick).unwrap()
    }

    /// What happens in a tenth of a second.
    fn step(&mut self, now: Timestamp, random: &mut Pcg64, out: &mut Vec<MarketEvent>) {
        let mut bars = Vec::new();
        self.bars.on_time(now, &mut bars);
        out.extend(bars.into_iter().map(MarketEvent::from));
        // Twelve uniform draws less six: nearly normal, standard deviation 1.
        let normal: f64 = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
        self.middle *= 1.0 + self.step * normal;
        let level =
            |price| Level { price, quantity: Quantity::from_units(500 * Quantity::ONE.units()) };
        let (bid, ask) = (1.0 - self.half_spread, 1.0 + self.half_spread);
        self.quotes += 1;
        out.push(MarketEvent::Quote(Quote {
            instrument: self.instrument,
            update_id: self.quotes,
            bid: level(self.price(self.middle * bid - self.tick)),
            ask: level(self.price(self.middle * ask + self.tick)),
            received_at: now,
        }));
        if random.random_bool(self.trade) {
            self.trades += 1;
            let buys = random.random_bool(0.5);
            let reach = 1.0 + 3.0 * random.random::<f64>().powi(4);
            let offset = self.half_spread * reach * if buys { 1.0 } else { -1.0 };
            let trade = Trade {
                instrument: self.instrument,
                id: TradeId(self.trades),
                price: self.price(self.middle * (1.0 + offset)),
                quantity: Quantity::from_units(500 * Quantity::ONE.units()),
                aggressor: if buys { Side::Buy } else { Side::Sell },
                event_at: now,
                received_at: now,
            };
            let mut bars = Vec::new();
            self.bars.on_trade(&trade, &mut bars);
            out.extend(bars.into_iter().map(MarketEvent::from));
            out.push(MarketEvent::Trade(trade));
        }
    }
}

/// What a run came to.
#[derive(Default)]
struct Tally {
    buys: BTreeMap<StrategyId, u32>,
    sells: BTreeMap<StrategyId, u32>,
    positions: BTreeMap<StrategyId, Decimal>,
    canceled: u32,
    denied: Vec<String>,
}

impl Tally {
    fn add(&mut self, output: CascadeOutput) {
        match output {
            CascadeOutput::Order { strategy, event, .. } => self.add_order(strategy, &event),
            CascadeOutput::StrategyFailed { strategy, error } => {
                panic!("strategy {strategy} failed: {error}")
            }
            CascadeOutput::InstrumentHalted { reason, .. } => panic!("halted: {reason}"),
            CascadeOutput::Intended(_)
            | CascadeOutput::Note { .. }
            | CascadeOutput::StateChanged { .. }
            | CascadeOutput::RuleTripped { .. }
            | CascadeOutput::EquitySampled { .. }
            | CascadeOutput::FeeUnvalued { .. }
            | CascadeOutput::TradeClosed(_)
            | CascadeOutput::Reconciled { .. }
            | CascadeOutput::Detached { .. }
            | CascadeOutput::BalanceMoved { .. }
            | CascadeOutput::ExternalFilled { .. } => {}
        }
    }

    fn add_order(&mut self, strategy: StrategyId, event: &OrderEvent) {
        match &event.kind {
            OrderEventKind::Filled { fill, .. } => {
                let side = if fill.side == Side::Buy { &mut self.buys } else { &mut self.sells };
                *side.entry(strategy).or_default() += 1;
                let signed = Decimal::from(fill.side.sign()) * fill.quantity.to_decimal();
                let in_base = fill.side == Side::Buy;
                let fee = if in_base { fill.fee.to_decimal() } else { Decimal::ZERO };
                *self.positions.entry(strategy).or_default() += signed - fee;
            }
            OrderEventKind::Denied { reason } => {
                self.denied.push(format!("{}: {} {}", reason.rule, reason.limit, reason.actual));
            }
            OrderEventKind::Canceled { .. } => self.canceled += 1,
            OrderEventKind::Submitted { .. }
            | OrderEventKind::Accepted { .. }
            | OrderEventKind::Triggered
            | OrderEventKind::Completed
            | OrderEventKind::Expired { .. }
            | OrderEventKind::Rejected { .. }
            | OrderEventKind::CancelRejected { .. }
            | OrderEventKind::OutcomeUnknown { .. }
            | OrderEventKind::Absent { .. } => {}
        }
    }
}

/// The strategies of the config on the symbols of its simulated market.
fn build(config: &Config) -> (Cascade<LocalVenue, Unjournaled>, Vec<Walk>) {
    let mut instruments = Instruments::new();
    let mut walks = Vec::new();
    for symbol in &config.engine.sim.symbols {
        let name = symbol.symbol.as_str();
        let mut traded = instrument(name, name.strip_suffix("USDT").unwrap(), "USDT");
        let (start, tick) = match name {
            "BTCUSDT" => (60_000.0, "0.01"),
            "ETHUSDT" => (3_000.0, "0.01"),
            _ => (150.0, "0.001"),
        };
        traded.filters.price.tick = tick.parse().unwrap();
        traded.filters.lot_size.step = "0.00001".parse().unwrap();
        traded.filters.notional = Some(NotionalFilter {
            min: "5".parse().unwrap(),
            min_applies_to_market: true,
            max: None,
            max_applies_to_market: false,
            average_mins: 0,
        });
        let id = instruments.add(traded);
        walks.push(Walk {
            instrument: id,
            middle: start,
            step: WALK_BPS / 10_000.0 * (STEP_MS as f64 / 1_000.0).sqrt(),
            half_spread: HALF_SPREAD_BPS / 10_000.0,
            tick: tick.parse().unwrap(),
            trade: TRADES_PER_S * STEP_MS as f64 / 1_000.0,
            trades: 0,
            quotes: 0,
            bars: BarBuilder::new(id, Interval::SECOND),
        });
    }
    let instruments = Arc::new(instruments);
    let rate = Decimal::new(1, 3);
    let fees = Fees { maker: rate, taker: rate, policy: FeePolicy::ReceivedAsset };
    let models = LocalVenueModels {
        latency: LatencyModel::Constant { micros: 5_000 },
        market: RecordedModels::default(),
    };
    let money = ("USDT".parse().unwrap(), "100000".parse().unwrap());
    let venue = LocalVenue::new(Arc::clone(&instruments), models, fees, &[money]);
    let runs: Vec<Run> = config
        .enabled()
        .map(|strategy| Run {
            kind: strategy.kind.clone(),
            instrument: instruments.by_symbol(strategy.symbols[0].as_str()).unwrap().id,
            capital: strategy.capital,
            parameters: strategy.parameters.clone(),
        })
        .collect();
    (cascade(&runs, &instruments, venue, "USDT"), walks)
}

#[test]
fn every_strategy_buys_and_sells_within_four_minutes() {
    let config = load(&Sources::Embedded, &[], STRATEGIES).unwrap();
    let kinds: Vec<&str> = config.enabled().map(|strategy| strategy.kind.as_str()).collect();
    let start = Timestamp::from_secs(1_700_000_000);
    for seed in 1..=10 {
        let mut random = Pcg64::seed_from_u64(seed);
        let (mut cascade, mut walks) = build(&config);
        let (mut out, mut events, mut tally) = (Vec::new(), Vec::new(), Tally::default());
        // A minute of bars as history, as the venue would give it.
        for step in 0..600_i64 {
            let now = start.after(Duration::from_millis((step * STEP_MS).unsigned_abs()));
            walks.iter_mut().for_each(|walk| walk.step(now, &mut random, &mut events));
        }
        for event in events.drain(..).filter(|event| matches!(event, MarketEvent::Bar(_))) {
            for number in 0..4 {
                let host = cascade.hosts().nth(number).unwrap();
                if host.wants(&event) {
                    let strategy = host.strategy();
                    cascade.warm_up(strategy, event.clone(), &mut out).unwrap();
                }
            }
        }
        let start = start.after(Duration::from_secs(60));
        cascade.start(start, &mut out).unwrap();
        for step in 0..2_400_i64 {
            let now = start.after(Duration::from_millis((step * STEP_MS).unsigned_abs()));
            walks.iter_mut().for_each(|walk| walk.step(now, &mut random, &mut events));
            for event in events.drain(..) {
                cascade.market(&event, &mut out).unwrap();
                out.drain(..).for_each(|output| tally.add(output));
            }
        }
        check(&cascade, &tally, &kinds, seed);
    }
}

/// Each has traded, and everybody's books agree.
#[track_caller]
fn check(cascade: &Cascade<LocalVenue, Unjournaled>, tally: &Tally, kinds: &[&str], seed: u64) {
    // They ask for nothing that they can't have.
    assert_eq!(tally.denied, Vec::<String>::new(), "seed {seed}");
    for (host, kind) in cascade.hosts().zip(kinds) {
        let strategy = host.strategy();
        let count = |side: &BTreeMap<StrategyId, u32>| side.get(&strategy).copied().unwrap_or(0);
        let (buys, sells) = (count(&tally.buys), count(&tally.sells));
        assert!(buys > 0 && sells > 0, "seed {seed}: {kind} {buys} {sells}");
        let id = host.traded()[0];
        let expected = tally.positions.get(&strategy).copied().unwrap_or_default();
        assert_eq!(host.position(id).quantity().to_decimal(), expected, "seed {seed}: {kind}");
        let gate = cascade.risk().portfolio().position(strategy, id);
        assert_eq!(host.position(id), gate, "seed {seed}: {kind}");
        let open: Vec<OrderId> = host.open_orders().map(|open| open.order).collect();
        let working = cascade.execution().working_orders().map(|(order, _)| order);
        let working: Vec<OrderId> = working.filter(|order| order.strategy == strategy).collect();
        assert_eq!(open, working, "seed {seed}: {kind}");
    }
    assert!(tally.canceled > 0, "seed {seed}");
    // Every coin at the venue is some strategy's.
    let held: Decimal = tally.positions.values().sum();
    let coins: Amount = cascade
        .venue()
        .balances()
        .iter()
        .filter(|balance| balance.asset.as_str() != "USDT")
        .map(|balance| balance.free + balance.locked)
        .sum();
    assert_eq!(coins.to_decimal(), held, "seed {seed}");
}
