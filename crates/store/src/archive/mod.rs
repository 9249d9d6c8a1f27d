//! Candles and trades in CSV files: the venue's public archive, and files of other tools.
//!
//! | rows | columns without a header |
//! |---|---|
//! | [`Kline`] | open time, open, high, low, close, volume; in files of twelve also close time, quote volume, count, taker buy volume, taker buy quote volume, ignore |
//! | [`ArchiveTrade`] | id, price, quantity, quote quantity, time, is buyer maker; then is best match |
//! | [`AggregateTrade`] | id, price, quantity, first id, last id, time, is buyer maker; then is best match |
//!
//! With a header the columns are found by their names, whatever their order. Times are in
//! milliseconds (the archive before 2025), microseconds or nanoseconds, told by their digits;
//! truth is `true`, `1`, or the taker's side `sell`, in small letters or large. Files are plain, gzip, or one in a zip. They are read a line
//! at a time.

mod cell;
mod columns;
mod possible;
mod row;

use std::marker::PhantomData;
use std::path::Path;

pub use possible::{Impossible, check_aggregate, check_prices, check_trade};
pub use row::{AggregateTrade, ArchiveTrade, Kline, is_buyer_maker};

use crate::source::{Lines, SourceError};
use columns::Columns;
use row::Row;

/// The rows of one file, in its order.
///
/// After an error there is nothing more, except after [`SourceError::Malformed`]: reading goes on
/// with the next line.
#[derive(Debug)]
pub struct ArchiveReader<R> {
    lines: Lines,
    columns: Option<Columns>,
    is_done: bool,
    rows: PhantomData<R>,
}

/// Klines of a file.
pub type Klines = ArchiveReader<Kline>;
/// Trades of a file.
pub type Trades = ArchiveReader<ArchiveTrade>;
/// Aggregate trades of a file.
pub type AggregateTrades = ArchiveReader<AggregateTrade>;

impl<R: Row> ArchiveReader<R> {
    /// Opens a file at its beginning.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let lines = Lines::open(path)?;
        Ok(Self { lines, columns: None, is_done: false, rows: PhantomData })
    }

    fn read(&mut self) -> Result<Option<R>, SourceError> {
        loop {
            let Some(line) = self.lines.next()? else { return Ok(None) };
            // A byte order mark, as some tools write.
            let line = line.trim_start_matches('\u{feff}').trim();
            if line.is_empty() {
                continue;
            }
            let row = match &self.columns {
                Some(columns) => columns.split(line).and_then(|cells| R::read(&cells)),
                None => match Columns::of(line, R::COLUMNS) {
                    Ok((columns, is_header)) => {
                        let columns = self.columns.insert(columns);
                        if is_header {
                            continue;
                        }
                        columns.split(line).and_then(|cells| R::read(&cells))
                    }
                    Err(reason) => {
                        // Without its columns no other line can be read either.
                        self.is_done = true;
                        Err(reason)
                    }
                },
            };
            return row.map(Some).map_err(|reason| self.lines.malformed(reason.to_string()));
        }
    }
}

impl<R: Row> Iterator for ArchiveReader<R> {
    type Item = Result<R, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.read();
        self.is_done |= !matches!(next, Ok(Some(_)) | Err(SourceError::Malformed { .. }));
        next.transpose()
    }
}
