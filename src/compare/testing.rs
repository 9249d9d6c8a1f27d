//! What the tests of the comparison build on.

use model::{
    Asset, Contract, Filters, Instrument, InstrumentId, InstrumentStatus, Instruments, OrderId,
    StrategyId, Symbol, VenueId,
};

/// BTC against each of these assets, without filters.
pub(super) fn instruments(quotes: &[&str]) -> Instruments {
    let mut instruments = Instruments::new();
    for (number, quote) in (0..).zip(quotes) {
        instruments.add(Instrument {
            id: InstrumentId(number),
            venue: VenueId::new("test").unwrap(),
            symbol: Symbol::new(&format!("BTC{quote}")).unwrap(),
            base: Asset::new("BTC").unwrap(),
            quote: Asset::new(quote).unwrap(),
            base_decimals: 8,
            quote_decimals: 8,
            contract: Contract::Spot,
            status: InstrumentStatus::Trading,
            filters: Filters::default(),
            features: model::Features::ALL,
        });
    }
    instruments
}

/// An order of the first strategy.
pub(super) fn base_order(number: u32) -> OrderId {
    OrderId { epoch: 1, strategy: StrategyId(0), number }
}
