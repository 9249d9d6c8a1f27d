//! A symbol to trade.

use model::{
    Asset, Contract, Features, Filters, Instrument, InstrumentId, InstrumentStatus, Price,
    PriceFilter, Quantity, SizeFilter, Symbol, VenueId,
};

/// Bitcoin in steps of `tick` and `step`, both in units.
pub fn bitcoin(tick: i64, step: i64) -> Instrument {
    let (tick, step) = (Price::from_units(tick), Quantity::from_units(step));
    Instrument {
        id: InstrumentId(0),
        venue: VenueId::new("test").unwrap(),
        symbol: Symbol::new("BTCUSDT").unwrap(),
        base: Asset::new("BTC").unwrap(),
        quote: Asset::new("USDT").unwrap(),
        base_decimals: 8,
        quote_decimals: 8,
        contract: Contract::Spot,
        features: Features::ALL,
        status: InstrumentStatus::Trading,
        filters: Filters {
            price: PriceFilter { tick, ..PriceFilter::default() },
            lot_size: SizeFilter { min: step, max: Quantity::ZERO, step },
            ..Filters::default()
        },
    }
}
