//! Files into the catalog.
//!
//! What a file holds is told by its content: see [`Found`]. Every record of a file is kept, refused
//! with its line and the reason, or passed over under a name, and counted: [`FileReport`] adds up.
//! A file whose compression is damaged, or that ends in the middle, adds nothing, except a capture:
//! of that everything before the damage is kept, for that is what a crash leaves.

mod capture;
mod csv;
mod detect;
mod error;
mod info;
mod json_lines;
mod message;
mod parquet_lines;
mod report;
mod row;
mod sink;

use std::path::{Path, PathBuf};

use model::{Interval, Symbol};
use sha2::{Digest, Sha256};
use store::catalog::{Catalog, Kind, Market};

use crate::{Meter, parallel};
pub use csv::{ColumnMap, Field, TimeUnit};
pub use detect::Found;
pub use error::ImportError;
pub use report::{FileReport, Refusal, SeriesReport};

/// What the user knows better than the files.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Whose symbols they are; otherwise told by a capture's messages or `usdm` in the name, and
    /// Binance Spot if nothing tells.
    pub market: Option<Market>,
    /// Of what; otherwise told by the messages, or by the name of the file.
    pub symbol: Option<Symbol>,
    /// Rows of a CSV file; otherwise told by its header or its cells.
    pub kind: Option<Kind>,
    /// Of klines; otherwise told by the distance of the rows.
    pub interval: Option<Interval>,
    /// Which column of a CSV file is what.
    pub map: ColumnMap,
    /// Of whole numbers that are instants; otherwise told by their digits.
    pub time_unit: Option<TimeUnit>,
}

/// Imports files, `threads` at a time; reports come in the order of `paths`.
///
/// What one file lacks keeps no other back. `meter` counts bytes of the files.
#[must_use]
pub fn import(
    catalog: &Catalog,
    paths: &[PathBuf],
    options: &ImportOptions,
    threads: usize,
    meter: &Meter,
) -> Vec<FileReport> {
    for path in paths {
        meter.expect(path.metadata().map_or(0, |facts| facts.len()));
    }
    parallel::map(paths, threads, |path| import_file(catalog, path, options, meter))
}

/// Imports one file.
#[must_use]
pub fn import_file(
    catalog: &Catalog,
    path: &Path,
    options: &ImportOptions,
    meter: &Meter,
) -> FileReport {
    let mut report = FileReport::new(path);
    if let Err(error) = try_import(catalog, path, options, meter, &mut report) {
        report.fail(&error);
    }
    debug_assert!(report.adds_up(), "{report:?}");
    report
}

fn try_import(
    catalog: &Catalog,
    path: &Path,
    options: &ImportOptions,
    meter: &Meter,
    report: &mut FileReport,
) -> Result<(), ImportError> {
    let found = Found::of(path, options)?;
    report.found = found.to_string();
    report.sha256 = sha256(path)?;
    match found {
        Found::Capture => capture::import(catalog, path, options, meter, report),
        Found::ExchangeInfo => info::import(catalog, path, options, meter, report),
        Found::Csv(layout) | Found::Parquet(layout) | Found::Json(layout) => {
            csv::import(catalog, path, options, *layout, meter, report)
        }
    }
}

/// SHA-256 of a file as it is, in hex.
fn sha256(path: &Path) -> Result<String, ImportError> {
    let io = |source| ImportError::Io { path: path.to_owned(), source };
    let mut file = std::fs::File::open(path).map_err(io)?;
    let mut digest = Sha256::new();
    std::io::copy(&mut file, &mut digest).map_err(io)?;
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The parts of a file's name.
pub(crate) fn name_parts(path: &Path) -> Vec<&str> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    name.split(['-', '_', '.', ' ']).filter(|part| !part.is_empty()).collect()
}

/// The symbol in a file's name: its first part of five or more capital letters and digits.
pub(crate) fn symbol_of(path: &Path) -> Option<Symbol> {
    let is_symbol = |part: &&str| {
        part.len() >= 5
            && part.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
            && part.chars().any(|c| c.is_ascii_uppercase())
    };
    name_parts(path).into_iter().find(is_symbol).and_then(|part| Symbol::new(part).ok())
}

/// The market that a file's name tells of.
pub(crate) fn market_of(path: &Path) -> Option<Market> {
    name_parts(path).contains(&"usdm").then(Market::binance_usdm)
}
