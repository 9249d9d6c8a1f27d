//! The segments that one file fills.

use std::collections::BTreeMap;
use std::path::Path;

use store::catalog::{
    AggTrade, Catalog, CatalogError, Exponents, Kind, Kline, LevelChange, Quote, Record,
    SegmentWriter, SeriesKey, Source, Trade, Written,
};

use super::FileReport;

/// A writer of any kind.
enum Writer {
    Trades(SegmentWriter<Trade>),
    AggTrades(SegmentWriter<AggTrade>),
    Klines(SegmentWriter<Kline>),
    Quotes(SegmentWriter<Quote>),
    Depth(SegmentWriter<LevelChange>),
}

/// A row of any kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Row {
    /// A trade.
    Trade(Trade),
    /// An aggregate trade.
    AggTrade(AggTrade),
    /// A candle.
    Kline(Kline),
    /// The best bid and ask.
    Quote(Quote),
    /// A level.
    Level(LevelChange),
}

impl Row {
    const fn kind(&self) -> Kind {
        match self {
            Self::Trade(_) => Trade::KIND,
            Self::AggTrade(_) => AggTrade::KIND,
            Self::Kline(_) => Kline::KIND,
            Self::Quote(_) => Quote::KIND,
            Self::Level(_) => LevelChange::KIND,
        }
    }
}

/// Begins a segment for each series that it is given a row of.
pub struct Sink<'a> {
    catalog: &'a Catalog,
    exponents: Exponents,
    writers: BTreeMap<SeriesKey, Writer>,
}

impl<'a> Sink<'a> {
    pub const fn new(catalog: &'a Catalog, exponents: Exponents) -> Self {
        Self { catalog, exponents, writers: BTreeMap::new() }
    }

    /// Takes a row of a series.
    ///
    /// # Errors
    /// From the file system.
    pub fn push(&mut self, key: &SeriesKey, row: Row) -> Result<(), CatalogError> {
        debug_assert_eq!(key.kind, row.kind(), "rows go to the series of their kind");
        if !self.writers.contains_key(key) {
            let writer = self.begin(key.clone())?;
            self.writers.insert(key.clone(), writer);
        }
        let writer = self.writers.get_mut(key).expect("it was put there if it was missing");
        match (writer, row) {
            (Writer::Trades(writer), Row::Trade(row)) => writer.push(row),
            (Writer::AggTrades(writer), Row::AggTrade(row)) => writer.push(row),
            (Writer::Klines(writer), Row::Kline(row)) => writer.push(row),
            (Writer::Quotes(writer), Row::Quote(row)) => writer.push(row),
            (Writer::Depth(writer), Row::Level(row)) => writer.push(row),
            (
                Writer::Trades(_)
                | Writer::AggTrades(_)
                | Writer::Klines(_)
                | Writer::Quotes(_)
                | Writer::Depth(_),
                _,
            ) => unreachable!("a row of another kind than its series"),
        }
    }

    fn begin(&self, key: SeriesKey) -> Result<Writer, CatalogError> {
        Ok(match key.kind {
            Kind::Trades => Writer::Trades(self.catalog.write(key, self.exponents)?),
            Kind::AggTrades => Writer::AggTrades(self.catalog.write(key, self.exponents)?),
            Kind::Klines => Writer::Klines(self.catalog.write(key, self.exponents)?),
            Kind::Quotes => Writer::Quotes(self.catalog.write(key, self.exponents)?),
            Kind::Depth => Writer::Depth(self.catalog.write(key, self.exponents)?),
        })
    }

    /// Completes all segments, with the file that they come from.
    ///
    /// # Errors
    /// From the file system. Those before it are in the catalog; a second import finds them there.
    pub fn finish(self, path: &Path, report: &mut FileReport) -> Result<(), CatalogError> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let source = Source {
            name: name.unwrap_or_default(),
            format: report.found.clone(),
            sha256: report.sha256.clone(),
        };
        let finish = |writer| match writer {
            Writer::Trades(writer) => writer.finish(source.clone()),
            Writer::AggTrades(writer) => writer.finish(source.clone()),
            Writer::Klines(writer) => writer.finish(source.clone()),
            Writer::Quotes(writer) => writer.finish(source.clone()),
            Writer::Depth(writer) => writer.finish(source.clone()),
        };
        let written: Vec<Written> =
            self.writers.into_values().map(finish).collect::<Result<_, _>>()?;
        written.iter().for_each(|written| report.written(written));
        Ok(())
    }
}
