//! The answer to `exchangeInfo` as instruments.

use std::path::Path;

use binance::decode::ExchangeInfo;
use model::VenueId;
use store::catalog::{Catalog, Market};

use super::{FileReport, ImportError, ImportOptions, market_of};
use crate::Meter;

/// Imports an answer that stands by itself in a file.
pub(super) fn import(
    catalog: &Catalog,
    path: &Path,
    options: &ImportOptions,
    meter: &Meter,
    report: &mut FileReport,
) -> Result<(), ImportError> {
    let market = options.market.clone().or_else(|| market_of(path));
    let market = market.unwrap_or_else(Market::binance_spot);
    let mut lines = store::Lines::open_counting(path, meter.counter())?;
    let mut text = String::new();
    while let Some(line) = lines.next()? {
        text.push_str(line);
    }
    write(catalog, &market, text.as_bytes(), 1, report)
}

/// Writes the symbols of an answer. Each of them is a record.
pub(super) fn write(
    catalog: &Catalog,
    market: &Market,
    body: &[u8],
    line: u64,
    report: &mut FileReport,
) -> Result<(), ImportError> {
    let venue = VenueId::new(market.as_str()).expect("a market's name is a shorter text");
    let info = match ExchangeInfo::read(body, venue) {
        Ok(info) => info,
        Err(error) => {
            report.refuse(line, error.to_string());
            return Ok(());
        }
    };
    for skipped in &info.skipped {
        report.refuse(line, format!("{}: {}", skipped.symbol, skipped.reason));
    }
    let instruments: Vec<_> = info.symbols.iter().map(|symbol| symbol.instrument.clone()).collect();
    catalog.write_instruments(market, info.server_time, &instruments)?;
    for _ in &instruments {
        report.keep();
    }
    report.instruments += instruments.len() as u64;
    Ok(())
}
