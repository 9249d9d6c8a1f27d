//! Series of a catalog.

use std::path::PathBuf;
use std::sync::Arc;

use model::{
    Amount, Bar, DepthUpdate, InstrumentId, Interval, Level, MarketEvent, Price, Quantity, Quote,
    Side, Timestamp, Trade, TradeId,
};
use store::catalog::{
    ABSENT, AggTrade, CatalogError, Exponents, Kind, Kline, LevelChange, Quote as QuoteRow, Range,
    SegmentInfo, Series, SeriesReader, Trade as TradeRow,
};

use super::{EventSource, Merged, SourceError};

/// The rows of one series.
#[derive(Debug)]
enum Rows {
    Trades(SeriesReader<TradeRow>),
    AggTrades(SeriesReader<AggTrade>),
    Klines(SeriesReader<Kline>, Interval),
    Quotes(SeriesReader<QuoteRow>),
    Depth(SeriesReader<LevelChange>),
}

/// One series of a catalog as events of an instrument: its rows, segment after segment.
#[derive(Debug)]
pub struct CatalogSource {
    name: String,
    instrument: InstrumentId,
    rows: Rows,
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
        Self { name: series.key.to_string(), instrument, rows, bids: Vec::new(), asks: Vec::new() }
    }
}

/// The segments of a series in the order of time, those that overlap merged. Changes of a book
/// come segment after segment: [`super::BookInStep`] knows what to do with them.
pub(super) struct Segments {
    instrument: InstrumentId,
    /// Each of segments that overlap, the last one first.
    apart: Vec<Series>,
    open: Option<Merged>,
}

impl Segments {
    pub(super) fn new(series: &Series, instrument: InstrumentId) -> Self {
        let mut apart: Vec<Series> = Vec::new();
        let mut end = Timestamp::from_nanos(i64::MIN);
        for (path, info) in &series.segments {
            let segment = (path.clone(), info.clone());
            match apart.last_mut() {
                Some(last) if series.key.kind == Kind::Depth || info.first_at <= end => {
                    last.segments.push(segment);
                }
                Some(_) | None => {
                    apart.push(Series { key: series.key.clone(), segments: vec![segment] });
                }
            }
            end = end.max(info.last_at);
        }
        apart.reverse();
        Self { instrument, apart, open: None }
    }

    fn begin(&self, series: Series) -> Merged {
        let open = |series: &Series| -> Box<dyn EventSource> {
            Box::new(CatalogSource::open(series, self.instrument))
        };
        if series.key.kind == Kind::Depth {
            return Merged::new(vec![open(&series)]);
        }
        let of_one = |segment: &(PathBuf, SegmentInfo)| {
            open(&Series { key: series.key.clone(), segments: vec![segment.clone()] })
        };
        Merged::new(series.segments.iter().map(of_one).collect())
    }
}

impl EventSource for Segments {
    fn read(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), SourceError> {
        let before = batch.len();
        while batch.len() == before {
            match &mut self.open {
                Some(open) => {
                    open.read(batch)?;
                    if batch.len() == before {
                        self.open = None;
                    }
                }
                None => match self.apart.pop() {
                    Some(series) => self.open = Some(self.begin(series)),
                    None => return Ok(()),
                },
            }
        }
        Ok(())
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
        match &mut self.rows {
            Rows::Trades(rows) => {
                let Some((exponents, rows)) = next(rows.next_block(), name)? else {
                    return Ok(false);
                };
                let units = Units::of(exponents, name)?;
                batch.extend(rows.iter().map(|row| trade(id, row, units)));
            }
            Rows::AggTrades(rows) => {
                let Some((exponents, rows)) = next(rows.next_block(), name)? else {
                    return Ok(false);
                };
                let units = Units::of(exponents, name)?;
                batch.extend(rows.iter().map(|row| aggregate(id, row, units)));
            }
            Rows::Klines(rows, interval) => {
                let interval = *interval;
                let Some((exponents, rows)) = next(rows.next_block(), name)? else {
                    return Ok(false);
                };
                let units = Units::of(exponents, name)?;
                batch.extend(rows.iter().map(|row| bar(id, interval, row, units, exponents)));
            }
            Rows::Quotes(rows) => {
                let Some((exponents, rows)) = next(rows.next_block(), name)? else {
                    return Ok(false);
                };
                let units = Units::of(exponents, name)?;
                batch.extend(rows.iter().map(|row| quote(id, row, units)));
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
    block.map_err(|source| SourceError::Catalog { name: name.to_owned(), source })
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
    MarketEvent::from(Bar {
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
