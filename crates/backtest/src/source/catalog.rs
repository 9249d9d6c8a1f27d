//! Series of a catalog.

use std::sync::Arc;

use model::{
    Amount, Bar, DepthUpdate, InstrumentId, Interval, Level, MarketEvent, Price, Quantity, Quote,
    Side, Trade, TradeId,
};
use store::catalog::{
    ABSENT, AggTrade, CatalogError, Exponents, Kind, Kline, LevelChange, Quote as QuoteRow, Range,
    Series, SeriesReader, Trade as TradeRow,
};

use super::{EventSource, SourceError};

/// The rows of one series.
#[derive(Debug)]
enum Rows {
    Trades(SeriesReader<TradeRow>),
    AggTrades(SeriesReader<AggTrade>),
    Klines(SeriesReader<Kline>, Interval),
    Quotes(SeriesReader<QuoteRow>),
    Depth(SeriesReader<LevelChange>),
}

/// One series of a catalog as events of an instrument. Rows whose number or instant is not above
/// the one before, where segments overlap, are passed over and counted.
#[derive(Debug)]
pub struct CatalogSource {
    name: String,
    instrument: InstrumentId,
    rows: Rows,
    /// Number of the last trade, update or opening instant.
    last: i64,
    passed_over: u64,
    /// Levels of an update that is not complete yet.
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl CatalogSource {
    /// Opens a series at its beginning.
    ///
    /// # Panics
    /// For a series of klines without interval, which no catalog has.
    #[must_use]
    pub fn open(series: &Series, instrument: InstrumentId) -> Self {
        let rows = match series.key.kind {
            Kind::Trades => Rows::Trades(series.read(Range::ALL)),
            Kind::AggTrades => Rows::AggTrades(series.read(Range::ALL)),
            Kind::Klines => {
                let interval = series.key.interval.expect("the name of klines says their interval");
                Rows::Klines(series.read(Range::ALL), interval)
            }
            Kind::Quotes => Rows::Quotes(series.read(Range::ALL)),
            Kind::Depth => Rows::Depth(series.read(Range::ALL)),
        };
        Self {
            name: series.key.to_string(),
            instrument,
            rows,
            last: i64::MIN,
            passed_over: 0,
            bids: Vec::new(),
            asks: Vec::new(),
        }
    }

    /// Rows that were passed over so far.
    #[must_use]
    pub const fn passed_over(&self) -> u64 {
        self.passed_over
    }
}

impl EventSource for CatalogSource {
    fn read(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), SourceError> {
        let before = batch.len();
        while batch.len() == before && self.read_block(batch)? {}
        Ok(())
    }
}

impl CatalogSource {
    /// Appends the events of the next block; false after the last.
    fn read_block(&mut self, batch: &mut Vec<MarketEvent>) -> Result<bool, SourceError> {
        let (id, name) = (self.instrument, &self.name);
        let mut order = Order { last: &mut self.last, passed_over: &mut self.passed_over };
        match &mut self.rows {
            Rows::Trades(rows) => {
                let Some((exponents, rows)) = next(rows.next_block(), name)? else {
                    return Ok(false);
                };
                let units = Units::of(exponents, name)?;
                let rows = rows.iter().filter(|row| order.is_next(row.id));
                batch.extend(rows.map(|row| trade(id, row, units)));
            }
            Rows::AggTrades(rows) => {
                let Some((exponents, rows)) = next(rows.next_block(), name)? else {
                    return Ok(false);
                };
                let units = Units::of(exponents, name)?;
                let rows = rows.iter().filter(|row| order.is_next(row.last_trade_id));
                batch.extend(rows.map(|row| aggregate(id, row, units)));
            }
            Rows::Klines(rows, interval) => {
                let interval = *interval;
                let Some((exponents, rows)) = next(rows.next_block(), name)? else {
                    return Ok(false);
                };
                let units = Units::of(exponents, name)?;
                let rows = rows.iter().filter(|row| order.is_next(row.open_at.as_nanos()));
                batch.extend(rows.map(|row| bar(id, interval, row, units, exponents)));
            }
            Rows::Quotes(rows) => {
                let Some((exponents, rows)) = next(rows.next_block(), name)? else {
                    return Ok(false);
                };
                let units = Units::of(exponents, name)?;
                let rows = rows.iter().filter(|row| order.is_next(row.update_id));
                batch.extend(rows.map(|row| quote(id, row, units)));
            }
            Rows::Depth(rows) => {
                let Some((exponents, rows)) = next(rows.next_block(), name)? else {
                    return Ok(false);
                };
                let units = Units::of(exponents, name)?;
                for row in rows {
                    let side = if row.flags.is_ask() { &mut self.asks } else { &mut self.bids };
                    if !row.flags.is_empty() {
                        let (price, quantity) = (units.price(row.price), units.size(row.quantity));
                        side.push(Level { price, quantity });
                    }
                    if row.flags.is_last() {
                        batch.push(MarketEvent::Depth(Arc::new(DepthUpdate {
                            instrument: id,
                            is_snapshot: row.flags.is_snapshot(),
                            first_update_id: row.first_update_id,
                            last_update_id: row.last_update_id,
                            bids: std::mem::take(&mut self.bids),
                            asks: std::mem::take(&mut self.asks),
                            event_at: row.event_at,
                            received_at: row.received_at,
                        })));
                    }
                }
            }
        }
        Ok(true)
    }
}

type Block<'a, R> = Option<(Exponents, &'a [R])>;

fn next<'a, R>(
    block: Result<Block<'a, R>, CatalogError>,
    name: &str,
) -> Result<Block<'a, R>, SourceError> {
    block
        .map_err(|error| SourceError::Unusable { name: name.to_owned(), reason: error.to_string() })
}

/// What was read last, and what did not follow it.
struct Order<'a> {
    last: &'a mut i64,
    passed_over: &'a mut u64,
}

impl Order<'_> {
    fn is_next(&mut self, number: i64) -> bool {
        let is_next = number > *self.last;
        if is_next {
            *self.last = number;
        } else {
            *self.passed_over += 1;
        }
        is_next
    }
}

/// What mantissas are multiplied by to become units of ours.
#[derive(Clone, Copy)]
struct Units {
    price: i64,
    quantity: i64,
}

impl Units {
    fn of(exponents: Exponents, name: &str) -> Result<Self, SourceError> {
        let factor = |exponent: i8| {
            let decimals = u32::try_from(i32::from(exponent) + 8).ok()?;
            10_i64.checked_pow(decimals)
        };
        let found = factor(exponents.price).zip(factor(exponents.quantity));
        let (price, quantity) = found.ok_or_else(|| SourceError::Unusable {
            name: name.to_owned(),
            reason: "prices or quantities of more than eight decimals".to_owned(),
        })?;
        Ok(Self { price, quantity })
    }

    fn price(self, mantissa: i64) -> Price {
        Price::from_units(mantissa.saturating_mul(self.price))
    }

    fn size(self, mantissa: i64) -> Quantity {
        Quantity::from_units(mantissa.saturating_mul(self.quantity))
    }
}

fn trade(instrument: InstrumentId, row: &TradeRow, units: Units) -> MarketEvent {
    MarketEvent::Trade(Trade {
        instrument,
        id: TradeId(row.id),
        price: units.price(row.price),
        quantity: units.size(row.quantity),
        aggressor: aggressor(row.is_buyer_maker),
        event_at: row.event_at,
        received_at: row.received_at,
    })
}

/// Known by its last trade, so that ids go up.
fn aggregate(instrument: InstrumentId, row: &AggTrade, units: Units) -> MarketEvent {
    MarketEvent::Trade(Trade {
        instrument,
        id: TradeId(row.last_trade_id),
        price: units.price(row.price),
        quantity: units.size(row.quantity),
        aggressor: aggressor(row.is_buyer_maker),
        event_at: row.event_at,
        received_at: row.received_at,
    })
}

const fn aggressor(is_buyer_maker: bool) -> Side {
    if is_buyer_maker { Side::Sell } else { Side::Buy }
}

fn quote(instrument: InstrumentId, row: &QuoteRow, units: Units) -> MarketEvent {
    let level =
        |price, quantity| Level { price: units.price(price), quantity: units.size(quantity) };
    MarketEvent::Quote(Quote {
        instrument,
        update_id: row.update_id,
        bid: level(row.bid, row.bid_quantity),
        ask: level(row.ask, row.ask_quantity),
        received_at: row.received_at,
    })
}

/// A source without quote volumes is estimated at the close.
fn bar(
    instrument: InstrumentId,
    interval: Interval,
    row: &Kline,
    units: Units,
    exponents: Exponents,
) -> MarketEvent {
    let (close, volume) = (units.price(row.close), units.size(row.volume));
    let scale = u32::from(exponents.quote.unsigned_abs());
    let quote_volume = if row.quote_volume == ABSENT || exponents.quote > 0 {
        Amount::notional(close, volume).unwrap_or(Amount::ZERO)
    } else {
        Amount::from_units(i128::from(row.quote_volume), scale)
    };
    let taker_buy = if row.taker_buy_volume == ABSENT { 0 } else { row.taker_buy_volume };
    MarketEvent::Bar(Bar {
        instrument,
        interval,
        open_at: row.open_at,
        open: units.price(row.open),
        high: units.price(row.high),
        low: units.price(row.low),
        close,
        volume,
        quote_volume,
        taker_buy_volume: units.size(taker_buy),
        trade_count: u64::try_from(row.trade_count).unwrap_or(0),
        received_at: row.open_at.after(interval.duration()),
    })
}
