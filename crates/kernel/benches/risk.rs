//! What the gate costs: `cargo bench -p tickwright-kernel --bench risk`.
//!
//! Prints, one line each, nanoseconds at the median and the 99th percentile: an intent through
//! every rule with so many orders open (its approval, reservation and release measured apart), a
//! price that moves a held position, and one that moves nothing.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{
    Amount, CancelReason, Contract, CorrelationId, Fill, FillKey, Filters, Instrument,
    InstrumentId, InstrumentStatus, Instruments, Level, Liquidity, MarketEvent, NewOrder,
    OrderEvent, OrderEventKind, OrderId, Price, PriceFilter, Quantity, Quote, Side, SizeFilter,
    StrategyId, Timestamp, Trade, TradeId, VenueId, VenueOrderId,
};
use tickwright_kernel::messages::{Cause, Intent, SubmitIntent};
use tickwright_kernel::risk::{
    RestoredRisk, RiskConfig, RiskEffect, RiskInput, RiskLimits, RiskMachine, StrategyRisk,
};
use tickwright_kernel::venue::Balance;

const INTENTS: u32 = 200_000;
const BTC: InstrumentId = InstrumentId(0);
const STRATEGY: StrategyId = StrategyId(0);

fn instruments() -> Arc<Instruments> {
    let mut instruments = Instruments::new();
    for symbol in ["BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT"] {
        instruments.add(Instrument {
            id: BTC,
            venue: VenueId::new("sim:7f3a").unwrap(),
            symbol: symbol.parse().unwrap(),
            base: symbol.trim_end_matches("USDT").parse().unwrap(),
            quote: "USDT".parse().unwrap(),
            base_decimals: 8,
            quote_decimals: 8,
            contract: Contract::Spot,
            features: model::Features::ALL,
            status: InstrumentStatus::Trading,
            filters: Filters {
                price: PriceFilter { tick: "0.01".parse().unwrap(), ..PriceFilter::default() },
                lot_size: SizeFilter { step: "0.00001".parse().unwrap(), ..SizeFilter::default() },
                ..Filters::default()
            },
        });
    }
    Arc::new(instruments)
}

fn config() -> RiskConfig {
    let much = || Some(Amount::from(Quantity::from_units(i64::MAX / 2)));
    let limits = RiskLimits {
        max_order_notional: much(),
        max_position_notional: much(),
        max_total_notional: much(),
        max_open_orders: Some(10_000),
        max_orders_per_10s: Some(10_000),
        price_collar_bps: Some("200".parse().unwrap()),
        stale_after: Some(Duration::from_secs(10)),
        daily_loss: much(),
        max_drawdown: much(),
    };
    let strategy =
        StrategyRisk { capital: much().unwrap(), limits: limits.clone(), protection: None };
    let strategies = [(STRATEGY, strategy)].into();
    RiskConfig { limits, strategies, ..RiskConfig::new("USDT".parse().unwrap()) }
}

struct Bench {
    machine: RiskMachine,
    effects: Vec<RiskEffect>,
    now: Timestamp,
    number: u32,
}

impl Bench {
    fn new() -> Self {
        let machine = RiskMachine::new(config(), instruments(), RestoredRisk::default());
        let now = Timestamp::from_secs(1_000);
        let mut bench = Self { machine, effects: Vec::new(), now, number: 0 };
        bench.step(RiskInput::ExecutionHealth { is_live: true });
        let usdt = Balance {
            asset: "USDT".parse().unwrap(),
            free: "10000000000".parse().unwrap(),
            locked: Amount::ZERO,
        };
        let balances = [usdt];
        bench.step(RiskInput::Balances { balances: &balances, is_complete: true, event_at: now });
        bench.trade(0);
        bench.quote();
        bench
    }

    fn step(&mut self, input: RiskInput<'_>) {
        self.machine.step(self.now, input, &mut self.effects);
    }

    fn trade(&mut self, cents: i64) {
        let event = MarketEvent::Trade(Trade {
            instrument: BTC,
            id: TradeId(1),
            price: Price::from_units(6_000_000_000_000 + cents * 1_000_000),
            quantity: Quantity::ONE,
            aggressor: Side::Buy,
            event_at: self.now,
            received_at: self.now,
        });
        self.step(RiskInput::Market { sequence: 1, event: &event });
    }

    fn quote(&mut self) {
        let level = |text: &str| Level { price: text.parse().unwrap(), quantity: Quantity::ONE };
        let event = MarketEvent::Quote(Quote {
            instrument: BTC,
            update_id: 1,
            bid: level("59999.99"),
            ask: level("60000.01"),
            received_at: self.now,
        });
        self.step(RiskInput::Market { sequence: 1, event: &event });
    }

    fn intent(&mut self) -> (OrderId, SubmitIntent) {
        self.number += 1;
        self.now = Timestamp::from_nanos(self.now.as_nanos() + 20_000_000);
        let order = OrderId { epoch: 1, strategy: STRATEGY, number: self.number };
        let price = Price::from_units(5_990_000_000_000);
        let new = NewOrder::limit(BTC, Side::Buy, Quantity::from_units(1_000_000), price);
        let wanted = SubmitIntent {
            strategy: STRATEGY,
            intent: Intent::Submit { order, new },
            cause: Cause::Lifecycle,
            correlation: CorrelationId(1),
            caused_at: self.now,
            decided_at: self.now,
        };
        (order, wanted)
    }

    fn tell(&mut self, order: OrderId, kind: OrderEventKind) {
        let event = OrderEvent {
            order,
            instrument: BTC,
            received_at: self.now,
            correlation: CorrelationId(1),
            kind,
        };
        self.step(RiskInput::Order { strategy: STRATEGY, event: Box::new(event) });
    }
}

fn report(name: &str, mut nanos: Vec<u64>) {
    nanos.sort_unstable();
    let at = |percent: usize| nanos[(nanos.len() - 1) * percent / 100];
    println!("{name}: p50 {} ns, p99 {} ns", at(50), at(99));
}

fn nanos_of(work: impl FnOnce()) -> u64 {
    let start = Instant::now();
    work();
    u64::try_from(start.elapsed().as_nanos()).unwrap()
}

fn intents(open: u32) {
    let mut bench = Bench::new();
    for _ in 0..open {
        let (_, wanted) = bench.intent();
        bench.step(RiskInput::Intent(wanted));
    }
    let (mut gate, mut release) = (Vec::new(), Vec::new());
    for _ in 0..INTENTS {
        bench.effects.clear();
        bench.trade(0);
        let (order, wanted) = bench.intent();
        gate.push(nanos_of(|| bench.step(RiskInput::Intent(wanted))));
        assert!(matches!(bench.effects.last(), Some(RiskEffect::Execute(_))));
        let reason = CancelReason::Requested;
        release.push(nanos_of(|| bench.tell(order, OrderEventKind::Canceled { reason })));
    }
    report(&format!("intent through the gate, {open} orders open"), gate);
    report(&format!("its end, {open} orders open"), release);
}

fn markets() {
    let mut bench = Bench::new();
    let rounds = 2_000_000_i64;
    let run = |bench: &mut Bench, name: &str| {
        let start = Instant::now();
        for round in 0..rounds {
            bench.trade(round & 63);
            bench.effects.clear();
        }
        let each = start.elapsed().as_nanos() / u128::try_from(rounds).unwrap();
        println!("{name}: {each} ns each");
    };
    run(&mut bench, "a price while nothing is held");
    let (order, wanted) = bench.intent();
    bench.step(RiskInput::Intent(wanted));
    let fill = Fill {
        key: FillKey { instrument: BTC, trade: TradeId(1), venue_order: VenueOrderId(1) },
        side: Side::Buy,
        price: Price::from_units(5_990_000_000_000),
        quantity: Quantity::from_units(1_000_000),
        fee: Amount::ZERO,
        fee_asset: "USDT".parse().unwrap(),
        liquidity: Liquidity::Taker,
        event_at: bench.now,
    };
    let cumulative_quantity = fill.quantity;
    bench.tell(order, OrderEventKind::Filled { fill, cumulative_quantity, complete: true });
    run(&mut bench, "a price that moves a position");
}

fn main() {
    for open in [0, 10, 100, 200] {
        intents(open);
    }
    markets();
}
