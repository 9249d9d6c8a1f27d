//! Series as tables for other tools: CSV, JSON lines and Parquet.
//!
//! Trades, aggregates and klines that were written so come back by an import as the same rows.

use std::path::{Path, PathBuf};

use serde::Serialize;
use store::catalog::{
    ABSENT, AggTrade, CatalogError, Exponents, Kind, Kline, LevelChange, Quote, Range, Record,
    Series, SeriesKey, Trade,
};

use crate::table::{Cell, ColumnType, Format, TableError, TableWriter};
use crate::{Meter, parallel};

/// Why a series was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// From the catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// From the table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Segments count in different units.
    #[error("{0}: segments with different exponents: export them one by one")]
    Exponents(String),
}

/// What was exported.
#[derive(Clone, Debug, Serialize)]
pub struct Exported {
    /// Which series.
    #[serde(flatten)]
    pub key: SeriesKey,
    /// Where to.
    pub file: PathBuf,
    /// How many rows.
    pub rows: u64,
    /// Why it is not complete.
    pub error: Option<String>,
}

/// Writes each series to a file of its own in `directory`, named after it. `meter` counts rows.
#[must_use]
pub fn export(
    series: &[Series],
    directory: &Path,
    format: Format,
    range: Range,
    threads: usize,
    meter: &Meter,
) -> Vec<Exported> {
    meter.expect(series.iter().map(Series::rows).sum());
    parallel::map(series, threads, |one| {
        let name = one.key.directory().replace('/', "-");
        let file = directory.join(format!("{name}.{}", format.extension()));
        let written = match one.key.kind {
            Kind::Trades => write::<Trade>(one, &file, format, range, meter),
            Kind::AggTrades => write::<AggTrade>(one, &file, format, range, meter),
            Kind::Klines => write::<Kline>(one, &file, format, range, meter),
            Kind::Quotes => write::<Quote>(one, &file, format, range, meter),
            Kind::Depth => write::<LevelChange>(one, &file, format, range, meter),
        };
        let rows = *written.as_ref().unwrap_or(&0);
        let error = written.err().map(|error| error.to_string());
        Exported { key: one.key.clone(), file, rows, error }
    })
}

fn write<R: Tabular>(
    series: &Series,
    file: &Path,
    format: Format,
    range: Range,
    meter: &Meter,
) -> Result<u64, ExportError> {
    let mut exponents = series.segments.iter().map(|(_, info)| info.exponents);
    let first = exponents.next().unwrap_or_default();
    if exponents.any(|other| other != first) {
        return Err(ExportError::Exponents(series.key.to_string()));
    }
    let columns = R::columns(first).into_iter().map(|(name, of)| (name.to_owned(), of)).collect();
    let mut table = TableWriter::create(file, format, columns)?;
    let mut reader = series.read::<R>(range);
    while let Some((_, rows)) = reader.next_block()? {
        for row in rows {
            table.push(row.cells())?;
        }
        meter.advance(rows.len() as u64);
    }
    let rows = table.rows();
    table.finish()?;
    Ok(rows)
}

/// A record as a row of a table.
trait Tabular: Record {
    fn columns(exponents: Exponents) -> Vec<(&'static str, ColumnType)>;
    fn cells(&self) -> Vec<Cell>;
}

fn given(value: i64) -> Cell {
    if value == ABSENT { Cell::Missing } else { Cell::Decimal(value) }
}

impl Tabular for Trade {
    fn columns(exponents: Exponents) -> Vec<(&'static str, ColumnType)> {
        vec![
            ("received_at", ColumnType::Instant),
            ("event_at", ColumnType::Instant),
            ("id", ColumnType::Integer),
            ("price", ColumnType::Decimal(exponents.price)),
            ("quantity", ColumnType::Decimal(exponents.quantity)),
            ("is_buyer_maker", ColumnType::Truth),
        ]
    }

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::Instant(self.received_at),
            Cell::Instant(self.event_at),
            Cell::Integer(self.id),
            Cell::Decimal(self.price),
            Cell::Decimal(self.quantity),
            Cell::Truth(self.is_buyer_maker),
        ]
    }
}

impl Tabular for AggTrade {
    fn columns(exponents: Exponents) -> Vec<(&'static str, ColumnType)> {
        vec![
            ("received_at", ColumnType::Instant),
            ("event_at", ColumnType::Instant),
            ("id", ColumnType::Integer),
            ("first_trade_id", ColumnType::Integer),
            ("last_trade_id", ColumnType::Integer),
            ("price", ColumnType::Decimal(exponents.price)),
            ("quantity", ColumnType::Decimal(exponents.quantity)),
            ("is_buyer_maker", ColumnType::Truth),
        ]
    }

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::Instant(self.received_at),
            Cell::Instant(self.event_at),
            Cell::Integer(self.id),
            Cell::Integer(self.first_trade_id),
            Cell::Integer(self.last_trade_id),
            Cell::Decimal(self.price),
            Cell::Decimal(self.quantity),
            Cell::Truth(self.is_buyer_maker),
        ]
    }
}

impl Tabular for Kline {
    fn columns(exponents: Exponents) -> Vec<(&'static str, ColumnType)> {
        let price = ColumnType::Decimal(exponents.price);
        let quantity = ColumnType::Decimal(exponents.quantity);
        let quote = ColumnType::Decimal(exponents.quote);
        vec![
            ("open_at", ColumnType::Instant),
            ("close_at", ColumnType::Instant),
            ("open", price),
            ("high", price),
            ("low", price),
            ("close", price),
            ("volume", quantity),
            ("quote_volume", quote),
            ("trade_count", ColumnType::Integer),
            ("taker_buy_volume", quantity),
            ("taker_buy_quote_volume", quote),
        ]
    }

    fn cells(&self) -> Vec<Cell> {
        let count = self.trade_count;
        vec![
            Cell::Instant(self.open_at),
            Cell::Instant(self.close_at),
            Cell::Decimal(self.open),
            Cell::Decimal(self.high),
            Cell::Decimal(self.low),
            Cell::Decimal(self.close),
            Cell::Decimal(self.volume),
            given(self.quote_volume),
            if count == ABSENT { Cell::Missing } else { Cell::Integer(count) },
            given(self.taker_buy_volume),
            given(self.taker_buy_quote_volume),
        ]
    }
}

impl Tabular for Quote {
    fn columns(exponents: Exponents) -> Vec<(&'static str, ColumnType)> {
        vec![
            ("received_at", ColumnType::Instant),
            ("event_at", ColumnType::Instant),
            ("update_id", ColumnType::Integer),
            ("bid", ColumnType::Decimal(exponents.price)),
            ("bid_quantity", ColumnType::Decimal(exponents.quantity)),
            ("ask", ColumnType::Decimal(exponents.price)),
            ("ask_quantity", ColumnType::Decimal(exponents.quantity)),
        ]
    }

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::Instant(self.received_at),
            Cell::Instant(self.event_at),
            Cell::Integer(self.update_id),
            Cell::Decimal(self.bid),
            Cell::Decimal(self.bid_quantity),
            Cell::Decimal(self.ask),
            Cell::Decimal(self.ask_quantity),
        ]
    }
}

impl Tabular for LevelChange {
    fn columns(exponents: Exponents) -> Vec<(&'static str, ColumnType)> {
        vec![
            ("received_at", ColumnType::Instant),
            ("event_at", ColumnType::Instant),
            ("first_update_id", ColumnType::Integer),
            ("last_update_id", ColumnType::Integer),
            ("price", ColumnType::Decimal(exponents.price)),
            ("quantity", ColumnType::Decimal(exponents.quantity)),
            ("is_ask", ColumnType::Truth),
            ("is_last", ColumnType::Truth),
            ("is_snapshot", ColumnType::Truth),
            ("is_empty", ColumnType::Truth),
        ]
    }

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::Instant(self.received_at),
            Cell::Instant(self.event_at),
            Cell::Integer(self.first_update_id),
            Cell::Integer(self.last_update_id),
            Cell::Decimal(self.price),
            Cell::Decimal(self.quantity),
            Cell::Truth(self.flags.is_ask()),
            Cell::Truth(self.flags.is_last()),
            Cell::Truth(self.flags.is_snapshot()),
            Cell::Truth(self.flags.is_empty()),
        ]
    }
}
