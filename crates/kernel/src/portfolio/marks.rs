//! What each instrument is worth now, as far as the feed has told.

use model::{Amount, Asset, InstrumentId, Instruments, MarketEvent, Price, Timestamp};

use super::lag::Lag;
use super::value::Value;

/// What the mark was taken from, the best last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
enum MarkSource {
    #[default]
    Nothing,
    Restored,
    Bar,
    Mid,
    Trade,
}

/// The latest prices of one instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MarketPrices {
    /// Best bid, if quotes or books come.
    pub bid: Option<Price>,
    /// Best ask, if quotes or books come.
    pub ask: Option<Price>,
    /// What a position is valued at: the last trade, else the mid, else the last bar's close.
    pub mark: Option<Price>,
    /// When anything was last received; `None` before the first event.
    pub received_at: Option<Timestamp>,
    /// How far behind the market its trades come. Quotes do not say when they were.
    pub lag: Lag,
    source: MarkSource,
}

/// The price of a mark before and after an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct MarkChange {
    pub before: Option<Price>,
    pub after: Price,
}

/// How an amount of one asset is turned into another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// They are the same.
    Same,
    /// Sell it on an instrument that quotes it in the other.
    Times(InstrumentId),
    /// Sell it on an instrument that quotes the other in it.
    Over(InstrumentId),
    /// There is no such instrument.
    None,
}

impl Route {
    /// The route from one asset to another over one instrument.
    #[must_use]
    pub fn find(instruments: &Instruments, from: Asset, to: Asset) -> Self {
        if from == to {
            return Self::Same;
        }
        for instrument in instruments {
            if instrument.base == from && instrument.quote == to {
                return Self::Times(instrument.id);
            }
            if instrument.quote == from && instrument.base == to {
                return Self::Over(instrument.id);
            }
        }
        Self::None
    }

    /// The instrument it goes over.
    #[must_use]
    pub const fn instrument(self) -> Option<InstrumentId> {
        match self {
            Self::Times(id) | Self::Over(id) => Some(id),
            Self::Same | Self::None => None,
        }
    }
}

/// The latest prices of every instrument.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Marks(Vec<MarketPrices>);

impl Marks {
    /// Nothing known yet of so many instruments.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self(vec![MarketPrices::default(); count])
    }

    pub(super) fn grow(&mut self, count: usize) {
        if count > self.0.len() {
            self.0.resize(count, MarketPrices::default());
        }
    }

    /// The prices of an instrument.
    ///
    /// # Panics
    /// For an instrument of another table.
    #[must_use]
    pub fn get(&self, id: InstrumentId) -> &MarketPrices {
        &self.0[usize::from(id.0)]
    }

    /// The price that a position is valued at, once there is one.
    #[must_use]
    pub fn mark(&self, id: InstrumentId) -> Option<Price> {
        self.get(id).mark
    }

    /// A price from before a restart, used until the feed tells a newer one.
    pub(super) fn restore(&mut self, id: InstrumentId, price: Price) {
        let prices = &mut self.0[usize::from(id.0)];
        if prices.source <= MarkSource::Restored {
            prices.mark = Some(price);
            prices.source = MarkSource::Restored;
        }
    }

    /// Takes note of an event; tells whether it moved the mark.
    #[inline(always)]
    pub(super) fn observe(&mut self, event: &MarketEvent) -> Option<MarkChange> {
        let prices = &mut self.0[usize::from(event.instrument().0)];
        prices.received_at = Some(event.received_at());
        match event {
            MarketEvent::Trade(trade) => {
                prices.lag.observe(trade.event_at, trade.received_at);
                prices.set_mark(trade.price, MarkSource::Trade)
            }
            MarketEvent::Quote(quote) => {
                prices.bid = Some(quote.bid.price);
                prices.ask = Some(quote.ask.price);
                prices.set_mark(quote.mid(), MarkSource::Mid)
            }
            MarketEvent::Book(book) => {
                prices.bid = book.bids.first().map(|level| level.price);
                prices.ask = book.asks.first().map(|level| level.price);
                let (bid, ask) = (prices.bid?, prices.ask?);
                let mid = Price::from_units(bid.units().midpoint(ask.units()));
                prices.set_mark(mid, MarkSource::Mid)
            }
            MarketEvent::Bar(bar) => prices.set_mark(bar.close, MarkSource::Bar),
            // Levels without a book around them say nothing about the best price.
            MarketEvent::Depth(_) => None,
        }
    }

    /// What an amount of one asset is worth in another, over one instrument or over a third
    /// asset; `None` when a price on the way is not known.
    #[must_use]
    pub fn convert(
        &self,
        instruments: &Instruments,
        amount: Value,
        from: Asset,
        to: Asset,
    ) -> Option<Value> {
        let direct = self.along(Route::find(instruments, from, to), amount);
        direct.or_else(|| {
            let over = instruments.iter().flat_map(|instrument| {
                [(instrument.base, instrument.quote), (instrument.quote, instrument.base)]
            });
            over.filter(|(start, _)| *start == from).find_map(|(_, between)| {
                let first = self.along(Route::find(instruments, from, between), amount)?;
                self.along(Route::find(instruments, between, to), first)
            })
        })
    }

    /// As [`Self::convert`], for amounts at the edges.
    #[must_use]
    pub fn convert_amount(
        &self,
        instruments: &Instruments,
        amount: Amount,
        from: Asset,
        to: Asset,
    ) -> Option<Amount> {
        self.convert(instruments, Value::ceil(amount), from, to).map(Value::to_amount)
    }

    /// An amount turned over along a route at the marks of now.
    #[must_use]
    #[inline]
    pub fn along(&self, route: Route, amount: Value) -> Option<Value> {
        if route == Route::Same { Some(amount) } else { self.turned_over(route, amount) }
    }

    fn turned_over(&self, route: Route, amount: Value) -> Option<Value> {
        match route {
            Route::Same => Some(amount),
            Route::Times(id) => Some(amount.times_price(self.mark(id)?)),
            Route::Over(id) => amount.over_price(self.mark(id)?),
            Route::None => None,
        }
    }
}

impl MarketPrices {
    #[inline]
    fn set_mark(&mut self, price: Price, source: MarkSource) -> Option<MarkChange> {
        if source < self.source || !price.is_positive() {
            return None;
        }
        self.source = source;
        let before = self.mark.replace(price);
        (before != Some(price)).then_some(MarkChange { before, after: price })
    }
}
