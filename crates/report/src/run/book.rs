//! What the builder keeps per strategy and per symbol.

use std::collections::BTreeMap;

use model::{Amount, Asset, Instrument, InstrumentId, Price, Quantity, StrategyId, Timestamp};

use super::activity::{Activity, OrderCounts};
use super::builder::StrategySetup;
use super::exposure::TimeInMarket;
use super::markers::FillMarks;
use super::report::PositionFigures;
use crate::metrics::{EquityTracker, RoundTrips, TradeStats};
use crate::series::Series;

/// Totals of a strategy or a symbol.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) counts: OrderCounts,
    pub(super) activity: Activity,
    pub(super) trades: TradeStats,
    pub(super) in_market: TimeInMarket,
}

/// One strategy.
#[derive(Debug)]
pub(super) struct StrategyBook {
    pub(super) setup: StrategySetup,
    pub(super) totals: Totals,
    pub(super) trips: BTreeMap<InstrumentId, RoundTrips>,
    pub(super) equity: Option<EquityTracker>,
}

impl StrategyBook {
    pub(super) fn new(setup: StrategySetup) -> Self {
        Self { setup, totals: Totals::default(), trips: BTreeMap::new(), equity: None }
    }

    pub(super) fn trips(
        &mut self,
        strategy: StrategyId,
        instrument: &Instrument,
    ) -> &mut RoundTrips {
        let method = self.setup.trade_method;
        self.trips.entry(instrument.id).or_insert_with(|| {
            let lot_size = instrument.filters.lot_size;
            RoundTrips::new(strategy, instrument.id, method, lot_size.min.max(lot_size.step))
        })
    }
}

/// One symbol.
#[derive(Debug, Default)]
pub(super) struct SymbolBook {
    pub(super) totals: Totals,
    pub(super) first_price: Option<Price>,
    pub(super) last_price: Option<Price>,
    /// Value of one unit of the quote asset in the report's currency, as of the last fill.
    pub(super) quote_rate: Option<f64>,
    pub(super) prices: Series,
    pub(super) marks: FillMarks,
}

impl SymbolBook {
    pub(super) fn push_price(&mut self, at: Timestamp, price: Price) {
        self.first_price.get_or_insert(price);
        self.last_price = Some(price);
        self.prices.push(at, price.to_f64());
    }

    /// Last price over first price, less one.
    pub(super) fn price_return(&self) -> Option<f64> {
        let (first, last) = (self.first_price?.to_f64(), self.last_price?.to_f64());
        (first > 0.0).then(|| last / first - 1.0)
    }

    /// Value of a position at the last price. Exact where prices are in the report's currency.
    fn value(&self, quantity: Quantity, quote: Asset, currency: Asset) -> Option<Amount> {
        let in_quote = Amount::notional(self.last_price?, quantity).ok()?;
        if quote == currency {
            return Some(in_quote);
        }
        // No rate is exact here: the quote asset itself is only valued when we trade.
        format!("{:.8}", in_quote.to_f64() * self.quote_rate?).parse().ok()
    }

    pub(super) fn position(
        &self,
        trips: &RoundTrips,
        instrument: &Instrument,
        currency: Asset,
    ) -> PositionFigures {
        PositionFigures {
            symbol: instrument.symbol,
            quantity: trips.position(),
            cost: trips.cost(),
            value: if trips.position().is_zero() {
                Some(Amount::ZERO)
            } else {
                self.value(trips.position(), instrument.quote, currency)
            },
        }
    }
}
