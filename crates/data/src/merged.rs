//! A series as one stream in the order of time, whatever the order of its files.
//!
//! Segments that do not overlap are read one after another, those that do side by side. A segment
//! whose own rows are out of order is held in memory as a whole and sorted.

use std::collections::VecDeque;
use std::path::PathBuf;

use model::Timestamp;
use store::catalog::{CatalogError, Exponents, Record, SegmentInfo, SegmentReader, Series};

/// Why a series can't be read as one.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// From the catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Its segments count in different units.
    #[error("{key}: segments with different exponents: import the sources together again")]
    Exponents {
        /// The series.
        key: String,
    },
}

/// A stretch of rows that came after later ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Displaced {
    /// The first instant of such a row.
    pub from: Timestamp,
    /// The last one.
    pub to: Timestamp,
    /// How many.
    pub rows: u64,
}

/// Where one segment is read.
struct Cursor<R> {
    reader: Option<SegmentReader<R>>,
    rows: Vec<R>,
    place: usize,
}

impl<R: Record> Cursor<R> {
    fn peek(&self) -> Option<&R> {
        self.rows.get(self.place)
    }

    fn advance(&mut self) -> Result<(), CatalogError> {
        self.place += 1;
        if self.place >= self.rows.len() {
            self.refill()?;
        }
        Ok(())
    }

    fn refill(&mut self) -> Result<(), CatalogError> {
        self.place = 0;
        self.rows.clear();
        if let Some(reader) = &mut self.reader
            && let Some(rows) = reader.next_block()?
        {
            self.rows.extend_from_slice(rows);
        }
        Ok(())
    }
}

/// The rows of a series in the order of time, then of their ids.
pub struct Merged<R> {
    pending: VecDeque<(PathBuf, SegmentInfo)>,
    active: Vec<Cursor<R>>,
    exponents: Exponents,
    displaced: Option<Displaced>,
}

impl<R: Record> Merged<R> {
    /// Opens a series.
    ///
    /// # Errors
    /// [`MergeError::Exponents`].
    pub fn open(series: &Series) -> Result<Self, MergeError> {
        let mut exponents = series.segments.iter().map(|(_, info)| info.exponents);
        let first = exponents.next().unwrap_or_default();
        if exponents.any(|other| other != first) {
            return Err(MergeError::Exponents { key: series.key.to_string() });
        }
        let pending = series.segments.iter().cloned().collect();
        Ok(Self { pending, active: Vec::new(), exponents: first, displaced: None })
    }

    /// What its mantissas count.
    pub const fn exponents(&self) -> Exponents {
        self.exponents
    }

    /// Rows met so far that came after later ones in their own file.
    pub const fn displaced(&self) -> Option<Displaced> {
        self.displaced
    }

    /// Takes all rows of the next instant and id; false after the last.
    pub fn next_group(&mut self, group: &mut Vec<R>) -> Result<bool, MergeError> {
        group.clear();
        while let Some(place) = self.lowest()? {
            let cursor = &mut self.active[place];
            let Some(row) = cursor.peek().copied() else { break };
            let key = (row.at(), row.sequence());
            if group.first().is_some_and(|first| (first.at(), first.sequence()) != key) {
                break;
            }
            group.push(row);
            cursor.advance()?;
            if cursor.peek().is_none() {
                self.active.remove(place);
            }
        }
        Ok(!group.is_empty())
    }

    /// The cursor with the earliest row, once every segment that could have an earlier one is open.
    fn lowest(&mut self) -> Result<Option<usize>, MergeError> {
        loop {
            let keys = self.active.iter().enumerate().filter_map(|(place, cursor)| {
                cursor.peek().map(|row| (row.at(), row.sequence(), place))
            });
            let lowest = keys.min();
            let at = lowest.map(|(at, ..)| at);
            let is_next = |info: &SegmentInfo| at.is_none_or(|at| info.first_at <= at);
            if !self.pending.front().is_some_and(|(_, info)| is_next(info)) {
                return Ok(lowest.map(|(.., place)| place));
            }
            if let Some((path, info)) = self.pending.pop_front() {
                self.begin(&path, &info)?;
            }
        }
    }

    fn begin(&mut self, path: &std::path::Path, info: &SegmentInfo) -> Result<(), MergeError> {
        let reader = SegmentReader::open(path)?;
        let mut cursor = Cursor { reader: Some(reader), rows: Vec::new(), place: 0 };
        if info.is_ordered {
            cursor.refill()?;
        } else if let Some(mut reader) = cursor.reader.take() {
            while let Some(rows) = reader.next_block()? {
                cursor.rows.extend_from_slice(rows);
            }
            self.note_displaced(&cursor.rows);
            cursor.rows.sort_by_key(|row| (row.at(), row.sequence()));
        }
        if cursor.peek().is_some() {
            self.active.push(cursor);
        }
        Ok(())
    }

    fn note_displaced(&mut self, rows: &[R]) {
        let mut latest = Timestamp::from_nanos(i64::MIN);
        for row in rows {
            let at = row.at();
            if at < latest {
                let before = self.displaced.unwrap_or(Displaced { from: at, to: at, rows: 0 });
                self.displaced = Some(Displaced {
                    from: before.from.min(at),
                    to: before.to.max(at),
                    rows: before.rows + 1,
                });
            }
            latest = latest.max(at);
        }
    }
}
