//! Strategies that fail, each in one way, to see what the engine does about them.
//!
//! Each keeps a buy far below the market, so that there is an entry to cancel, and fails at its
//! n-th trade: `panics` panics, `floods` asks for more at once than it may, `spins` never returns.
//! `slow` fails at none: it takes its time over each, and falls behind a market that is faster.
//! The built-in strategies beside it trade on.
//!
//! ```text
//! cargo run --example faulty_strategies -- run --state-dir /tmp/faulty
//! ```
//!
//! with a file such as `config/strategies/panics.toml`:
//!
//! ```toml
//! id = "panics"
//! kind = "panics"
//! symbols = ["BTCUSDT"]
//! capital = "1000"
//!
//! [parameters]
//! after_trades = 20
//! ```

use std::process::ExitCode;
use std::time::Duration;

use tickwright::kernel::parameters::{ParameterDefault, ParameterKey, ParameterKind, ParameterSet};
use tickwright::kernel::strategy::{
    Context, Requirements, SetupError, Strategy, StrategyEntry, StrategyResult, StrategySetup,
};
use tickwright::model::{InstrumentId, NewOrder, Price, Quantity, Quote, Side, Trade};

fn main() -> ExitCode {
    tickwright::cli::execute(std::env::args_os(), strategies()).into()
}

/// The built-in strategies and the faulty ones.
pub fn strategies() -> &'static [StrategyEntry] {
    [tickwright::STRATEGIES, &[PANICS, FLOODS, SPINS, SLOW]].concat().leak()
}

const KEYS: &[ParameterKey] = &[
    ParameterKey {
        name: "after_trades",
        kind: ParameterKind::Integer { min: 1, max: 1_000_000 },
        default: ParameterDefault::Value("20"),
        doc: "At which of its trades it fails.",
    },
    ParameterKey {
        name: "quantity",
        kind: ParameterKind::Quantity,
        default: ParameterDefault::Value("0.001"),
        doc: "How much the buy far below the market is for.",
    },
    ParameterKey {
        name: "holds",
        kind: ParameterKind::Boolean,
        default: ParameterDefault::Value("false"),
        doc: "Whether it also buys as much at the market first, and keeps it.",
    },
];

const PANICS: StrategyEntry = StrategyEntry {
    parameters: &ParameterSet { kind: "panics", keys: KEYS, check: |_| Ok(()) },
    summary: "Panics at its n-th trade.",
    build: |setup| build(setup, |_, _| panic!("as configured")),
};

const FLOODS: StrategyEntry = StrategyEntry {
    parameters: &ParameterSet { kind: "floods", keys: KEYS, check: |_| Ok(()) },
    summary: "Asks for a million things at its n-th trade.",
    build: |setup| {
        build(setup, |context, entry| {
            for _ in 0..1_000_000 {
                context.submit(entry);
            }
        })
    },
};

const SPINS: StrategyEntry = StrategyEntry {
    parameters: &ParameterSet { kind: "spins", keys: KEYS, check: |_| Ok(()) },
    summary: "Never comes back from its n-th trade.",
    build: |setup| {
        build(setup, |_, _| {
            loop {
                std::hint::spin_loop();
            }
        })
    },
};

const SLOW: StrategyEntry = StrategyEntry {
    parameters: &ParameterSet {
        kind: "slow",
        keys: &[
            ParameterKey {
                name: "work_us",
                kind: ParameterKind::Integer { min: 0, max: 1_000_000 },
                default: ParameterDefault::Value("1000"),
                doc: "How long it takes over each trade and quote.",
            },
            ParameterKey {
                name: "after_trades",
                kind: ParameterKind::Integer { min: 0, max: 1_000_000 },
                default: ParameterDefault::Value("0"),
                doc: "So many of its trades are no work yet.",
            },
            ParameterKey {
                name: "quantity",
                kind: ParameterKind::Quantity,
                default: ParameterDefault::Value("0.001"),
                doc: "How much it buys far below the market, and takes back, over and over.",
            },
        ],
        check: |_| Ok(()),
    },
    summary: "Takes its time over each event.",
    build: |setup| {
        let work = setup.parameters.integer("work_us");
        Ok(Box::new(Slow {
            instrument: setup.traded[0],
            work: Duration::from_micros(work.unsigned_abs()),
            idle_trades: setup.parameters.integer("after_trades"),
            quantity: setup.parameters.quantity("quantity"),
        }))
    },
};

struct Slow {
    instrument: InstrumentId,
    work: Duration,
    idle_trades: i64,
    quantity: Quantity,
}

impl Slow {
    fn work(&self) {
        if self.idle_trades <= 0 {
            std::thread::sleep(self.work);
        }
    }
}

impl Strategy for Slow {
    fn requirements(&self) -> Requirements {
        Requirements { trades: true, quotes: true, ..Requirements::default() }
    }

    fn on_quote(&mut self, _: &mut Context<'_>, _: &Quote) -> StrategyResult {
        self.work();
        Ok(())
    }

    fn on_trade(&mut self, context: &mut Context<'_>, trade: &Trade) -> StrategyResult {
        self.idle_trades -= 1;
        self.work();
        let open: Vec<_> = context.open_orders(self.instrument).map(|open| open.order).collect();
        if context.is_ready() && open.is_empty() {
            let below = Price::from_units(trade.price.units() / 100 * 99);
            context.submit(NewOrder::limit(self.instrument, Side::Buy, self.quantity, below));
        }
        for order in open {
            context.cancel(order);
        }
        Ok(())
    }
}

/// How one fails; it is given the order that it keeps in the market.
type Fault = fn(&mut Context<'_>, NewOrder);

fn build(setup: &StrategySetup<'_>, fault: Fault) -> Result<Box<dyn Strategy>, SetupError> {
    Ok(Box::new(Faulty {
        instrument: setup.traded[0],
        trades_left: setup.parameters.integer("after_trades"),
        quantity: setup.parameters.quantity("quantity"),
        holds: setup.parameters.boolean("holds"),
        fault,
    }))
}

struct Faulty {
    instrument: InstrumentId,
    trades_left: i64,
    quantity: Quantity,
    holds: bool,
    fault: Fault,
}

impl Faulty {
    /// A buy a hundredth below the market.
    fn entry(&self, price: Price) -> NewOrder {
        let below = Price::from_units(price.units() / 100 * 99);
        NewOrder::limit(self.instrument, Side::Buy, self.quantity, below)
    }
}

impl Strategy for Faulty {
    fn requirements(&self) -> Requirements {
        Requirements { trades: true, ..Requirements::default() }
    }

    fn on_trade(&mut self, context: &mut Context<'_>, trade: &Trade) -> StrategyResult {
        let entry = self.entry(trade.price);
        if context.is_ready() && self.holds && context.is_flat(self.instrument) {
            self.holds = false;
            context.submit(NewOrder::market(self.instrument, Side::Buy, self.quantity));
        }
        if context.is_ready() && context.open_orders(self.instrument).next().is_none() {
            context.submit(entry);
        }
        self.trades_left -= 1;
        if self.trades_left == 0 {
            (self.fault)(context, entry);
        }
        Ok(())
    }
}
