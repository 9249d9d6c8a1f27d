//! What became of a file, record by record.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use store::catalog::{SegmentInfo, SeriesKey, Written};

/// Refusals that are listed one by one; all are counted.
const MAX_LISTED: usize = 1_000;

/// A record that was not taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Refusal {
    /// The line, from 1.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// Rows of a file that went to one series.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SeriesReport {
    /// Which.
    #[serde(flatten)]
    pub key: SeriesKey,
    /// How many.
    pub rows: u64,
    /// Whether the catalog had the same rows already.
    pub was_there: bool,
    /// Whether they were in the order of time.
    pub is_ordered: bool,
    /// The segment's digest.
    pub digest: String,
}

/// What became of a file. `records` = `kept` + `refused` + all that was passed over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FileReport {
    /// The file.
    pub file: PathBuf,
    /// What was found in it.
    pub found: String,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// Rows or messages read; a header is none.
    pub records: u64,
    /// Those that are in the catalog now. One message may be many rows.
    pub kept: u64,
    /// Those that could not be read, or say something impossible.
    pub refused: u64,
    /// The first thousand of them.
    pub refusals: Vec<Refusal>,
    /// Those of kinds that the catalog does not keep, by kind.
    pub passed_over: BTreeMap<String, u64>,
    /// Columns that the catalog does not keep.
    pub columns_not_kept: Vec<String>,
    /// Where the rows went.
    pub series: Vec<SeriesReport>,
    /// Instruments written.
    pub instruments: u64,
    /// The last whole line, if the file ends in the middle or is damaged after it.
    pub cut_off_after_line: Option<u64>,
    /// Why nothing, or nothing more, was imported.
    pub error: Option<String>,
}

impl FileReport {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            file: path.to_owned(),
            found: String::new(),
            sha256: String::new(),
            records: 0,
            kept: 0,
            refused: 0,
            refusals: Vec::new(),
            passed_over: BTreeMap::new(),
            columns_not_kept: Vec::new(),
            series: Vec::new(),
            instruments: 0,
            cut_off_after_line: None,
            error: None,
        }
    }

    /// Forgets the counts, for another try at the same file.
    pub(super) fn start_over(&mut self) {
        let (found, sha256) = (std::mem::take(&mut self.found), std::mem::take(&mut self.sha256));
        *self = Self { found, sha256, ..Self::new(&self.file) };
    }

    pub(super) fn keep(&mut self) {
        self.records += 1;
        self.kept += 1;
    }

    pub(super) fn refuse(&mut self, line: u64, reason: impl Into<String>) {
        self.records += 1;
        self.refused += 1;
        if self.refusals.len() < MAX_LISTED {
            self.refusals.push(Refusal { line, reason: reason.into() });
        }
    }

    pub(super) fn pass_over(&mut self, kind: &str, count: u64) {
        if count > 0 {
            self.records += count;
            *self.passed_over.entry(kind.to_owned()).or_default() += count;
        }
    }

    pub(super) fn written(&mut self, written: &Written) {
        let (info, was_there) = match written {
            Written::Added(info) => (info, false),
            Written::AlreadyThere(info) => (info, true),
            Written::Empty => return,
        };
        let SegmentInfo { key, rows, is_ordered, digest, .. } = info.clone();
        self.series.push(SeriesReport { key, rows, was_there, is_ordered, digest });
    }

    /// The file adds nothing: what had been read of it is not in the catalog.
    pub(super) fn fail(&mut self, error: &impl ToString) {
        self.error = Some(error.to_string());
        if self.series.is_empty() && self.instruments == 0 && self.kept > 0 {
            let kept = std::mem::take(&mut self.kept);
            *self.passed_over.entry("read before the file failed".to_owned()).or_default() += kept;
        }
    }

    /// Rows in the catalog.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.series.iter().map(|series| series.rows).sum()
    }

    /// Whether every record of a whole file was kept or passed over by its kind.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.error.is_none() && self.refused == 0 && self.cut_off_after_line.is_none()
    }

    /// Whether nothing is unaccounted for.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.records == self.kept + self.refused + self.passed_over.values().sum::<u64>()
    }
}
