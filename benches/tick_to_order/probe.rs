//! The strategy that the orders come from: as simple as one can be, so that what is measured is
//! the engine's.

use kernel::parameters::{ParameterDefault, ParameterKey, ParameterKind, ParameterSet};
use kernel::strategy::{
    Context, Requirements, SetupError, Strategy, StrategyEntry, StrategyResult, StrategySetup,
};
use model::{
    InstrumentId, NewOrder, OrderEvent, OrderEventKind, Price, Quantity, Quote, Side, Trade,
};

/// Registered as a user's own strategy would be.
pub const PROBE: StrategyEntry = StrategyEntry {
    parameters: &ParameterSet {
        kind: "probe",
        keys: &[
            ParameterKey {
                name: "every",
                kind: ParameterKind::Integer { min: 1, max: 1_000 },
                default: ParameterDefault::Value("5"),
                doc: "It orders at every so many-th event.",
            },
            ParameterKey {
                name: "quantity",
                kind: ParameterKind::Quantity,
                default: ParameterDefault::Value("0.0005"),
                doc: "How much.",
            },
        ],
        check: |_| Ok(()),
    },
    summary: "Places a small order below the market at every few events, and takes it back.",
    build: |setup| Probe::build(setup),
};

/// Places a limit order half a percent below the market at every n-th quote or trade, and takes
/// it back as soon as the venue has accepted it.
struct Probe {
    instrument: InstrumentId,
    every: u64,
    quantity: Quantity,
    seen: u64,
    bid: Option<Price>,
}

impl Probe {
    fn build(setup: &StrategySetup<'_>) -> Result<Box<dyn Strategy>, SetupError> {
        Ok(Box::new(Self {
            instrument: setup.traded[0],
            every: u64::try_from(setup.parameters.integer("every")).expect("the table starts at 1"),
            quantity: setup.parameters.quantity("quantity"),
            seen: 0,
            bid: None,
        }))
    }

    fn on_event(&mut self, context: &mut Context<'_>) {
        self.seen += 1;
        let Some(bid) = self.bid else { return };
        if self.seen.is_multiple_of(self.every) {
            let below = Price::from_units(bid.units() / 1_000 * 995);
            let price = context.instrument(self.instrument).quantise_price(Side::Buy, below);
            let order = NewOrder::limit(self.instrument, Side::Buy, self.quantity, price);
            context.submit(order);
        }
    }
}

impl Strategy for Probe {
    fn requirements(&self) -> Requirements {
        Requirements { trades: true, quotes: true, ..Requirements::default() }
    }

    fn on_quote(&mut self, context: &mut Context<'_>, quote: &Quote) -> StrategyResult {
        self.bid = Some(quote.bid.price);
        self.on_event(context);
        Ok(())
    }

    fn on_trade(&mut self, context: &mut Context<'_>, _: &Trade) -> StrategyResult {
        self.on_event(context);
        Ok(())
    }

    fn on_order(&mut self, context: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        if matches!(event.kind, OrderEventKind::Accepted { .. }) {
            context.cancel(event.order);
        }
        Ok(())
    }
}
