//! A strategy that orders as little as it knows the venue takes, at a price that it knows the venue
//! takes: what it asks for shows which rules it goes by.

use model::{InstrumentId, NewOrder, Price, Side, Trade};
use tickwright::kernel::parameters::{ParameterDefault, ParameterKey, ParameterKind, ParameterSet};
use tickwright::kernel::strategy::{
    Context, Requirements, Strategy, StrategyEntry, StrategyResult,
};

pub const SMALLEST: StrategyEntry = StrategyEntry {
    parameters: &ParameterSet {
        kind: "smallest",
        keys: &[ParameterKey {
            name: "every_trades",
            kind: ParameterKind::Integer { min: 1, max: 1_000_000 },
            default: ParameterDefault::Value("10"),
            doc: "How many trades it lets pass between two orders.",
        }],
        check: |_| Ok(()),
    },
    summary: "Places the smallest buy below the market and takes it back, over and over.",
    build: |setup| {
        let every = setup.parameters.integer("every_trades");
        Ok(Box::new(Smallest { instrument: setup.traded[0], every, trades: 0 }))
    },
};

struct Smallest {
    instrument: InstrumentId,
    every: i64,
    trades: i64,
}

impl Strategy for Smallest {
    fn requirements(&self) -> Requirements {
        Requirements { trades: true, ..Requirements::default() }
    }

    fn on_trade(&mut self, context: &mut Context<'_>, trade: &Trade) -> StrategyResult {
        self.trades += 1;
        if !context.is_ready() || self.trades % self.every != 0 {
            return Ok(());
        }
        let id = self.instrument;
        let open: Vec<_> = context.open_orders(id).map(|open| open.order).collect();
        if open.is_empty() {
            let instrument = context.instrument(id);
            let below = Price::from_units(trade.price.units() / 100 * 99);
            let price = instrument.quantise_price(Side::Buy, below);
            let quantity = instrument.smallest_sellable(price);
            context.submit(NewOrder::limit(id, Side::Buy, quantity, price));
        }
        for order in open {
            context.cancel(order);
        }
        Ok(())
    }
}
