//! Reads log files line by line.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::book::Book;
use super::{Summary, SummaryError};

/// The fields that a summary uses. Every event has some of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogLine<'l> {
    #[serde(borrow)]
    pub at: Cow<'l, str>,
    #[serde(borrow)]
    pub event: Cow<'l, str>,
    #[serde(borrow)]
    pub order_id: Cow<'l, str>,
    #[serde(borrow)]
    pub strategy: Cow<'l, str>,
    #[serde(borrow)]
    pub symbol: Cow<'l, str>,
    #[serde(borrow)]
    pub base: Cow<'l, str>,
    #[serde(borrow)]
    pub quote: Cow<'l, str>,
    #[serde(borrow)]
    pub side: Cow<'l, str>,
    #[serde(borrow)]
    pub price: Option<Cow<'l, str>>,
    #[serde(borrow)]
    pub quantity: Option<Cow<'l, str>>,
    #[serde(borrow)]
    pub remaining: Option<Cow<'l, str>>,
    #[serde(borrow)]
    pub fee: Option<Cow<'l, str>>,
    #[serde(borrow)]
    pub fee_asset: Cow<'l, str>,
    #[serde(borrow)]
    pub fee_value: Option<Cow<'l, str>>,
    pub trade_id: Option<i64>,
    pub venue_order_id: Option<i64>,
    pub lines: u64,
    pub write_errors: u64,
    pub log_lines_dropped: u64,
    /// How many `position.restored` follow a `journal.replayed`.
    pub positions: Option<u64>,
    #[serde(borrow)]
    pub ledger: Cow<'l, str>,
    #[serde(borrow)]
    pub cost: Option<Cow<'l, str>>,
    #[serde(borrow)]
    pub realised: Option<Cow<'l, str>>,
    #[serde(borrow)]
    pub fees: Option<Cow<'l, str>>,
    #[serde(borrow)]
    pub state: Cow<'l, str>,
}

impl Summary {
    /// Reads a log file and those put aside from it, oldest first.
    ///
    /// # Errors
    /// When none of them can be read.
    pub fn of_file(path: &Path) -> Result<Self, SummaryError> {
        let mut summary = Self { files: with_siblings(path), ..Self::default() };
        let mut book = Book::default();
        for path in summary.files.clone() {
            let unreadable = |source| SummaryError { path: path.clone(), source };
            let mut reader = BufReader::new(File::open(&path).map_err(unreadable)?);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).map_err(unreadable)? > 0 {
                summary.take(&line, &mut book);
                line.clear();
            }
        }
        book.finish(&mut summary);
        Ok(summary)
    }

    fn take(&mut self, line: &[u8], book: &mut Book) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let line: LogLine<'_> = match serde_json::from_slice(line) {
            Ok(line) => line,
            Err(_) => {
                book.miss_a_line();
                self.malformed_lines += 1;
                return;
            }
        };
        self.lines += 1;
        if self.from.is_none() {
            self.from = Some(line.at.to_string());
        }
        self.to = Some(line.at.to_string());
        if line.event == events::table::LOG_DROPPED.name {
            self.lines_dropped += line.lines + line.write_errors;
            book.miss_a_line();
        }
        if book.take(&line).is_none() {
            book.miss_a_line();
            self.malformed_lines += 1;
        }
    }
}

/// `path.N`, …, `path.1`, `path`.
fn with_siblings(path: &Path) -> Vec<PathBuf> {
    let aside = |number: u32| PathBuf::from(format!("{}.{number}", path.display()));
    let mut files: Vec<PathBuf> =
        (1..).map(aside).take_while(|sibling| sibling.is_file()).collect();
    files.reverse();
    if path.exists() || files.is_empty() {
        files.push(path.to_owned());
    }
    files
}
