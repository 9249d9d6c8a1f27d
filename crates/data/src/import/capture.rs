//! Captures: what a venue sent, message by message.

use std::path::Path;

use model::Timestamp;
use store::SourceError;
use store::catalog::{Catalog, Exponents, Market};
use store::recordings::{RecordedLine, RecordingReader};

use super::message::{Context, Message, read};
use super::row::Refused;
use super::sink::Sink;
use super::{FileReport, ImportError, ImportOptions, info, market_of, symbol_of};
use crate::Meter;

/// Messages looked at to find out which market they are of.
const LOOK_AHEAD: usize = 2_000;

/// Imports a capture. Where it is cut off, what came before is kept.
pub(super) fn import(
    catalog: &Catalog,
    path: &Path,
    options: &ImportOptions,
    meter: &Meter,
    report: &mut FileReport,
) -> Result<(), ImportError> {
    let market = match options.market.clone().or_else(|| market_of(path)) {
        Some(market) => market,
        None => market_of_messages(path)?,
    };
    let mut context = Context {
        market,
        symbol: options.symbol.or_else(|| symbol_of(path)),
        exponents: Exponents::UNITS,
    };
    while let Some(exponents) = read_messages(catalog, path, &context, meter, report)? {
        report.start_over();
        context.exponents = exponents;
    }
    Ok(())
}

/// Futures send `pu` with each change of the book, and a name with each quote.
fn market_of_messages(path: &Path) -> Result<Market, ImportError> {
    let lines = RecordingReader::open(path)?.take(LOOK_AHEAD).map_while(Result::ok);
    let is_futures = |line: RecordedLine| {
        line.text.contains(r#","pu":"#) || line.text.contains(r#"{"e":"bookTicker","#)
    };
    let is_usdm = lines.into_iter().any(is_futures);
    Ok(if is_usdm { Market::binance_usdm() } else { Market::binance_spot() })
}

/// Reads all messages; other exponents, if a value wants them.
fn read_messages(
    catalog: &Catalog,
    path: &Path,
    context: &Context,
    meter: &Meter,
    report: &mut FileReport,
) -> Result<Option<Exponents>, ImportError> {
    let mut lines = RecordingReader::open_counting(path, meter.counter())?;
    let mut sink = Sink::new(catalog, context.exponents);
    let mut latest: Option<Timestamp> = None;
    while let Some(line) = lines.next() {
        let line = match line {
            Ok(line) => line,
            Err(SourceError::Malformed { line, reason, .. }) => {
                report.refuse(line, reason);
                continue;
            }
            Err(SourceError::CutOff { line, .. }) => {
                report.cut_off_after_line = Some(line);
                break;
            }
            // Damage in the middle looks like this: what came before it is good.
            Err(SourceError::Io { .. }) if latest.is_some() => {
                report.cut_off_after_line = Some(lines.line_number());
                break;
            }
            Err(error @ (SourceError::Io { .. } | SourceError::Zip { .. })) => {
                return Err(error.into());
            }
        };
        latest = Some(line.received_at);
        match read(&line, context) {
            Ok(Message::Rows(key, rows)) => {
                report.keep();
                for row in rows {
                    sink.push(&key, row)?;
                }
            }
            Ok(Message::Instruments) => {
                let (market, line_number) = (&context.market, lines.line_number());
                info::write(catalog, market, line.text.as_bytes(), line_number, report)?;
            }
            Ok(Message::PassedOver(kind)) => report.pass_over(&kind, 1),
            Err(Refused::At(exponents)) => return Ok(Some(exponents)),
            Err(Refused::Because(reason)) => report.refuse(lines.line_number(), reason),
        }
    }
    report.pass_over("lines of the recorder about itself", lines.passed_over());
    sink.finish(path, report)?;
    Ok(None)
}
