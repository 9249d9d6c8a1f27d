//! Mending what is safe to mend: order, and exact doubles.
//!
//! The rows of a series are written once more as one segment, in the order of time and without
//! equal rows; the old files are put aside in `.replaced` beside it, where no reader looks. Stopped
//! in between, it leaves files that overlap, which the next mending mends.

use std::collections::HashSet;
use std::path::PathBuf;

use serde::Serialize;
use store::catalog::{
    AggTrade, Catalog, CatalogError, Kind, Kline, LevelChange, Quote, Series, SeriesKey, Source,
    Trade, Written,
};

use super::examine::Examine;
use super::remove_doubles;
use crate::merged::{MergeError, Merged};

/// Why a series could not be mended. What it was before is still there.
#[derive(Debug, thiserror::Error)]
pub enum MendError {
    /// It can't be read as one.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// It can't be written.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// An old file can't be put aside.
    #[error("{}: {source}", path.display())]
    PutAside {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What was mended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Mended {
    /// Which series.
    #[serde(flatten)]
    pub key: SeriesKey,
    /// Rows before.
    pub rows_before: u64,
    /// Rows after.
    pub rows_after: u64,
    /// Where the old files are.
    pub replaced: Vec<PathBuf>,
}

/// Sorts a series and removes equal rows.
///
/// # Errors
/// See [`MendError`].
pub fn mend(catalog: &Catalog, series: &Series) -> Result<Mended, MendError> {
    match series.key.kind {
        Kind::Trades => rewrite::<Trade>(catalog, series),
        Kind::AggTrades => rewrite::<AggTrade>(catalog, series),
        Kind::Klines => rewrite::<Kline>(catalog, series),
        Kind::Quotes => rewrite::<Quote>(catalog, series),
        Kind::Depth => rewrite::<LevelChange>(catalog, series),
    }
}

fn rewrite<R: Examine>(catalog: &Catalog, series: &Series) -> Result<Mended, MendError> {
    let mut merged = Merged::<R>::open(series)?;
    let mut writer = catalog.write::<R>(series.key.clone(), merged.exponents())?;
    let (mut group, mut seen) = (Vec::new(), HashSet::new());
    while merged.next_group(&mut group)? {
        remove_doubles(&mut group, &mut seen);
        for row in &group {
            writer.push(*row)?;
        }
    }
    let names = series.segments.iter().map(|(_, info)| info.source.name.as_str());
    let names: Vec<&str> = names.collect();
    let source = Source {
        name: names.join(" "),
        format: format!("mended from {} segments", series.segments.len()),
        sha256: String::new(),
    };
    let (info, is_new) = match writer.finish(source)? {
        Written::Added(info) => (info, true),
        Written::AlreadyThere(info) => (info, false),
        Written::Empty => {
            return Ok(Mended {
                key: series.key.clone(),
                rows_before: 0,
                rows_after: 0,
                replaced: Vec::new(),
            });
        }
    };
    let mut replaced = Vec::new();
    for (path, old) in &series.segments {
        // The same rows again: it is the one that stays.
        if !is_new && old.digest == info.digest {
            continue;
        }
        replaced.push(put_aside(path)?);
    }
    let (rows_before, rows_after) = (series.rows(), info.rows);
    Ok(Mended { key: series.key.clone(), rows_before, rows_after, replaced })
}

fn put_aside(path: &std::path::Path) -> Result<PathBuf, MendError> {
    let failed = |source| MendError::PutAside { path: path.to_owned(), source };
    let directory = path.parent().expect("a segment is in its series' directory").join(".replaced");
    std::fs::create_dir_all(&directory).map_err(failed)?;
    let aside = directory.join(path.file_name().expect("a segment has a name"));
    std::fs::rename(path, &aside).map_err(failed)?;
    Ok(aside)
}
