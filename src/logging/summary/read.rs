//! Reads log files line by line.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
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
    /// More of the same since the line before.
    pub repeated: u64,
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
        let files = open_all(path)?;
        let names = files.iter().map(|(path, _)| path.clone()).collect();
        let mut summary = Self { files: names, ..Self::default() };
        let mut book = Book::default();
        for (path, file) in files {
            let unreadable = |source| SummaryError { path: path.clone(), source };
            let mut reader = BufReader::new(file);
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

/// `path.N`, …, `path.1`, `path`, opened.
///
/// The newest first, and each file once: a log that is put aside meanwhile keeps its content under
/// the next name, where it is met again, or past the last name that was there when it began.
fn open_all(path: &Path) -> Result<Vec<(PathBuf, File)>, SummaryError> {
    let mut files: Vec<(PathBuf, File)> = Vec::new();
    let mut seen = BTreeSet::new();
    let last = last_number(path);
    for number in 0.. {
        let name = match number {
            0 => path.to_owned(),
            number => PathBuf::from(format!("{}.{number}", path.display())),
        };
        let unreadable = |source| SummaryError { path: name.clone(), source };
        let file = match File::open(&name) {
            Ok(file) => file,
            // Between two names for a moment, or removed by hand.
            Err(error) if error.kind() == ErrorKind::NotFound && number < last => continue,
            Err(error) if error.kind() == ErrorKind::NotFound => break,
            Err(error) => return Err(unreadable(error)),
        };
        let metadata = file.metadata().map_err(unreadable)?;
        if seen.insert((metadata.dev(), metadata.ino())) {
            files.push((name, file));
        }
    }
    if files.is_empty() {
        let source = ErrorKind::NotFound.into();
        return Err(SummaryError { path: path.to_owned(), source });
    }
    files.reverse();
    Ok(files)
}

/// The highest number of a file that was put aside; at least 1.
fn last_number(path: &Path) -> u32 {
    let prefix = path.file_name().map(|name| format!("{}.", name.to_string_lossy()));
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let entries = std::fs::read_dir(directory.unwrap_or(Path::new(".")));
    let names = entries.into_iter().flatten().flatten().map(|entry| entry.file_name());
    let numbers = names.filter_map(|name| {
        name.to_string_lossy().strip_prefix(prefix.as_deref()?)?.parse::<u32>().ok()
    });
    numbers.max().unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        std::fs::write(path, format!("{{\"at\":\"{text}\",\"event\":\"engine.ready\"}}\n"))
            .unwrap();
    }

    /// What each file that was opened holds, oldest first.
    fn read(files: Vec<(PathBuf, File)>) -> Vec<String> {
        let texts = files.into_iter().map(|(_, file)| {
            let text = std::io::read_to_string(file).unwrap();
            serde_json::from_str::<serde_json::Value>(&text).unwrap()["at"]
                .as_str()
                .unwrap()
                .to_owned()
        });
        texts.collect()
    }

    #[test]
    fn files_that_were_put_aside_are_read_oldest_first_past_gaps() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        assert!(open_all(&path).is_err());
        let aside = |number: u32| directory.path().join(format!("a.log.{number}"));
        write(&path, "0");
        write(&aside(1), "1");
        write(&aside(3), "3");
        std::fs::write(directory.path().join("a.log.gz"), "x").unwrap();
        assert_eq!(read(open_all(&path).unwrap()), ["3", "1", "0"]);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read(open_all(&path).unwrap()), ["3", "1"]);
    }

    /// Opened is opened: what a name stands for afterwards means nothing.
    #[test]
    fn a_log_that_is_put_aside_while_it_is_read_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let aside = |number: u32| directory.path().join(format!("a.log.{number}"));
        write(&path, "0");
        write(&aside(1), "1");
        let files = open_all(&path).unwrap();
        std::fs::rename(aside(1), aside(2)).unwrap();
        std::fs::rename(&path, aside(1)).unwrap();
        write(&path, "later");
        assert_eq!(read(files), ["1", "0"]);
        // Met under two names, because it was put aside in the middle: once.
        std::fs::hard_link(aside(1), aside(3)).unwrap();
        assert_eq!(read(open_all(&path).unwrap()).iter().filter(|text| *text == "0").count(), 1);
    }
}
