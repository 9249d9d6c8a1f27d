//! Tables in CSV files: the venue's public archive, and files of other tools.
//!
//! | rows | columns without a header |
//! |---|---|
//! | trades | id, price, quantity, quote quantity, time, is buyer maker; then is best match |
//! | aggregate trades | id, price, quantity, first id, last id, time, is buyer maker; then is best match |
//! | klines | open time, open, high, low, close, volume; in files of twelve also close time, quote volume, count, taker buy volume, taker buy quote volume, ignore |
//!
//! With a header, columns are found by their names, whatever their order; with a
//! [`ColumnMap`] by what the user says.

mod field;
mod layout;

use std::path::Path;

use model::{Interval, Timestamp};
use store::SourceError;
use store::catalog::{Catalog, Exponents, Kind, Market, SeriesKey};

pub(super) use field::instant;
pub use field::{ColumnMap, Field, TimeUnit};
pub use layout::Layout;

use super::parquet_lines::TableLines;
use super::row::{Refused, RowReader};
use super::sink::Sink;
use super::{FileReport, ImportError, ImportOptions, market_of, name_parts, symbol_of};
use crate::Meter;

/// Rows looked at to find out what a file holds.
const LOOK_AHEAD: usize = 1_000;

/// Imports a table.
pub(super) fn import(
    catalog: &Catalog,
    path: &Path,
    options: &ImportOptions,
    layout: Layout,
    meter: &Meter,
    report: &mut FileReport,
) -> Result<(), ImportError> {
    let market = options.market.clone().or_else(|| market_of(path));
    let market = market.unwrap_or_else(Market::binance_spot);
    let symbol = options.symbol.or_else(|| symbol_of(path));
    let symbol = symbol.ok_or_else(|| ImportError::NoSymbol { path: path.to_owned() })?;
    let interval = match layout.kind {
        Kind::Klines => Some(interval_of(path, options, &layout)?),
        Kind::Trades | Kind::AggTrades | Kind::Quotes | Kind::Depth => None,
    };
    let key = SeriesKey { market, symbol, kind: layout.kind, interval };
    let mut reader =
        RowReader { layout, interval, unit: options.time_unit, exponents: Exponents::UNITS };
    // Values that do not fit at eight decimals, as volumes of tokens that cost nothing, fit at
    // fewer: the file is then read again.
    while let Some(exponents) = read_rows(catalog, path, &key, &reader, meter, report)? {
        report.start_over();
        reader.exponents = exponents;
    }
    report.columns_not_kept = reader.layout.not_kept.clone();
    Ok(())
}

/// Reads all rows at the reader's exponents; others, if a value wants them.
fn read_rows(
    catalog: &Catalog,
    path: &Path,
    key: &SeriesKey,
    reader: &RowReader,
    meter: &Meter,
    report: &mut FileReport,
) -> Result<Option<Exponents>, ImportError> {
    let mut lines = TableLines::open(path, meter)?;
    let mut sink = Sink::new(catalog, reader.exponents);
    let mut is_first = true;
    loop {
        let line = match lines.next() {
            Ok(Some(line)) => line.trim_start_matches('\u{feff}').trim_end_matches(['\r', ' ']),
            Ok(None) => break,
            Err(ImportError::Source(SourceError::Malformed { line, reason, .. })) => {
                report.refuse(line, reason);
                continue;
            }
            Err(error) => return Err(error),
        };
        let is_header = std::mem::take(&mut is_first) && reader.layout.has_header;
        if is_header || line.is_empty() {
            continue;
        }
        match reader.row(line, report.records + 1) {
            Ok(row) => {
                report.keep();
                sink.push(key, row)?;
            }
            Err(Refused::At(exponents)) => return Ok(Some(exponents)),
            Err(Refused::Because(reason)) => report.refuse(lines.number(), reason),
        }
    }
    sink.finish(path, report)?;
    Ok(None)
}

/// The interval of a file of klines: as told, else the smallest distance of its first rows, else
/// (of a single row) the length of the row, else a part of the name.
fn interval_of(
    path: &Path,
    options: &ImportOptions,
    layout: &Layout,
) -> Result<Interval, ImportError> {
    if let Some(interval) = options.interval {
        return Ok(interval);
    }
    let mut lines = TableLines::open(path, &Meter::default())?;
    let mut opens: Vec<Timestamp> = Vec::new();
    let mut length = None;
    let mut is_first = true;
    while opens.len() < LOOK_AHEAD {
        let line = match lines.next() {
            Ok(Some(line)) => line.trim_start_matches('\u{feff}').trim_end_matches(['\r', ' ']),
            Ok(None) => break,
            Err(ImportError::Source(SourceError::Malformed { .. })) => continue,
            Err(error) => return Err(error),
        };
        if std::mem::take(&mut is_first) && layout.has_header {
            continue;
        }
        let Ok(cells) = layout.split(line) else { continue };
        let instant = |field| {
            let cell = cells.get(field)?;
            field::instant(cell, options.time_unit).ok()
        };
        let Some(open) = instant(Field::Time) else { continue };
        // The venue's last instant is a millisecond or microsecond before the end.
        let rounded = |close: Timestamp| {
            let nanos = close.nanos_since(open);
            Timestamp::from_nanos(nanos + 1_000_000).floor_to(std::time::Duration::from_secs(1))
        };
        length = length.or_else(|| instant(Field::CloseTime).map(rounded));
        opens.push(open);
    }
    opens.sort_unstable();
    let distances = opens.windows(2).map(|pair| pair[1].nanos_since(pair[0]));
    let nanos = distances.filter(|distance| *distance > 0).min();
    let nanos = nanos.or_else(|| length.map(Timestamp::as_nanos));
    let is_of = |interval: &Interval, nanos: i64| {
        interval.duration().as_nanos() == u128::from(nanos.unsigned_abs())
    };
    let measured = nanos.map(|nanos| Interval::all().find(|interval| is_of(interval, nanos)));
    let named = || {
        let parts = name_parts(path).into_iter();
        parts.map(|part| part.strip_prefix("kl").unwrap_or(part)).find_map(|part| part.parse().ok())
    };
    let interval = measured.unwrap_or_else(named);
    interval.ok_or_else(|| ImportError::NoInterval { path: path.to_owned() })
}
