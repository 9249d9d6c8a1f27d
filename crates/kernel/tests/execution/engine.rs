//! One life of the engine: gate and execution, continued from the ledger; and the journal, which
//! outlives it.

use std::sync::Arc;

use model::{
    Amount, Contract, Filters, InstanceId, Instrument, InstrumentId, InstrumentStatus, Instruments,
    Level, MarketEvent, Price, Quantity, Quote, StrategyId, Timestamp, VenueId,
};
use tickwright_kernel::journal::Record;
use tickwright_kernel::ledger::Ledger;
use tickwright_kernel::orders::{
    ExecutionIdentity, ExecutionMachine, ExecutionPolicy, RestoredExecution,
};
use tickwright_kernel::portfolio::Rate;
use tickwright_kernel::protection::ProtectionPolicy;
use tickwright_kernel::risk::{
    RestoredRisk, RiskConfig, RiskEffect, RiskInput, RiskMachine, StrategyRisk,
};

pub const STRATEGIES: [StrategyId; 2] = [StrategyId(0), StrategyId(1)];
/// The one whose positions are protected.
pub const PROTECTED: StrategyId = STRATEGIES[1];
pub const INSTANCE: &str = "4f9k2a";

pub fn instruments() -> Arc<Instruments> {
    let mut instruments = Instruments::new();
    for (symbol, base) in [("BTCUSDT", "BTC"), ("ETHUSDT", "ETH")] {
        instruments.add(Instrument {
            id: InstrumentId(0),
            venue: "sim:1".parse().unwrap(),
            symbol: symbol.parse().unwrap(),
            base: base.parse().unwrap(),
            quote: "USDT".parse().unwrap(),
            base_decimals: 8,
            quote_decimals: 8,
            contract: Contract::Spot,
            features: model::Features::ALL,
            status: InstrumentStatus::Trading,
            filters: Filters::default(),
        });
    }
    Arc::new(instruments)
}

/// What is written, and how much of it would survive.
#[derive(Debug, Default)]
pub struct Disk {
    pub records: Vec<Record>,
    pub durable: usize,
    /// Records before this life's first.
    pub base: usize,
}

impl Disk {
    pub fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::default();
        for record in &self.records {
            ledger.apply(record).expect("what execution wrote can be replayed");
        }
        ledger
    }

    pub fn write_durably(&mut self, record: Record) {
        self.records.push(record);
        self.durable = self.records.len();
        self.base = self.records.len();
    }

    /// The first start writes who and what there is.
    pub fn begin(&mut self, now: Timestamp) {
        self.write_epoch(now);
        for instrument in instruments().iter() {
            self.write_durably(Record::InstrumentRegistered {
                instrument: instrument.id,
                symbol: instrument.symbol,
                base: instrument.base,
                quote: instrument.quote,
            });
        }
        for strategy in STRATEGIES {
            let name = format!("strategy {strategy}");
            self.write_durably(Record::StrategyRegistered { strategy, name });
        }
        let rich = |asset: &str| (asset.parse().unwrap(), Amount::from_units(1_000_000_000, 0));
        let balances = ["USDT", "BTC", "ETH"].map(rich).to_vec();
        self.write_durably(Record::BalancesOpened { balances, at: now });
    }

    pub fn write_epoch(&mut self, now: Timestamp) -> u32 {
        let last = self.ledger().epoch().map_or(0, |mark| mark.epoch);
        let epoch = u32::try_from(now.as_secs()).unwrap().max(last + 1);
        self.write_durably(Record::EpochStarted {
            epoch,
            instance: InstanceId::new(INSTANCE).unwrap(),
            venue: VenueId::new("sim:1").unwrap(),
            config_hash: String::new(),
            at: now,
        });
        epoch
    }
}

/// One life.
pub struct Engine {
    pub life: u32,
    pub epoch: u32,
    pub execution: ExecutionMachine,
    pub risk: RiskMachine,
    pub risk_effects: Vec<RiskEffect>,
    /// Messages between the two arrive in order.
    pub approved_at: Timestamp,
    pub told_at: Timestamp,
    pub persisted_at: Timestamp,
    pub last_number: u32,
}

impl Engine {
    pub fn start(now: Timestamp, life: u32, policy: ExecutionPolicy, disk: &mut Disk) -> Self {
        if disk.records.is_empty() {
            disk.begin(now);
        }
        let epoch = disk.write_epoch(now);
        let ledger = disk.ledger();
        let identity = ExecutionIdentity {
            instance: InstanceId::new(INSTANCE).unwrap(),
            opened_at: ledger.opened_at().expect("opened at the first start"),
        };
        let restored = RestoredExecution::from(&ledger);
        let execution = ExecutionMachine::new(identity, policy, instruments(), restored, now);
        let capital = Amount::from_units(1_000_000_000, 0);
        let strategy = StrategyRisk { capital, ..StrategyRisk::default() };
        let bps = |bps: u32| Rate::from_bps(bps.into());
        let stops = ProtectionPolicy {
            stop_loss: bps(1_000),
            stop_limit: None,
            take_profit: Some(bps(500)),
        };
        let protection = |id| (id == PROTECTED).then_some(stops);
        let with = |id| (id, StrategyRisk { protection: protection(id), ..strategy.clone() });
        let config = RiskConfig {
            strategies: STRATEGIES.map(with).into(),
            mutation: policy.mutation,
            ..RiskConfig::new("USDT".parse().unwrap())
        };
        let risk = RiskMachine::new(config, instruments(), RestoredRisk::from(&ledger));
        let mut engine = Self {
            life,
            epoch,
            execution,
            risk,
            risk_effects: Vec::new(),
            approved_at: now,
            told_at: now,
            persisted_at: now,
            last_number: 0,
        };
        engine.see_quotes(now);
        engine
    }

    pub fn step_risk(&mut self, now: Timestamp, input: RiskInput<'_>) {
        self.risk.step(now, input, &mut self.risk_effects);
    }

    /// The market stands still; the gate wants to have seen it.
    fn see_quotes(&mut self, now: Timestamp) {
        for instrument in instruments().iter() {
            let level = |price: i64| Level {
                price: Price::from_units(price * 100_000_000),
                quantity: Quantity::ONE,
            };
            let event = MarketEvent::Quote(Quote {
                instrument: instrument.id,
                update_id: 1,
                bid: level(99),
                ask: level(101),
                received_at: now,
            });
            self.step_risk(now, RiskInput::Market { sequence: 1, event: &event });
        }
    }
}
