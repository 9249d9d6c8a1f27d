//! Reading captures, several at once in order of receive time.
//!
//! | file | a line |
//! |---|---|
//! | `ws_*` | `<receive time, ns> <combined frame>`; without `stream` it is a REST depth answer |
//! | `cryptofeed_*ws*` | `<receive time, s>: <combined frame>` |
//! | `cryptofeed_*rest*` | `<url> -> <receive time, s>: <REST answer>` |
//!
//! Lines of other forms (headers of a capture) are passed over; gzip is told by its magic bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use model::{Level, Price, Quantity, Symbol, Timestamp};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::frame::{Frame, decode, levels};

/// Why a recording can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A line that looks like a record is none.
    #[error("{path}: line {line}: {what}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// There is no frame in any of the files.
    #[error("no frame in {0}: is it a capture of combined streams?")]
    Empty(String),
}

/// A line of a capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// When it was received.
    pub at: Timestamp,
    /// The JSON as received.
    pub text: String,
    /// What it is.
    pub kind: ItemKind,
}

/// What a line of a capture is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ItemKind {
    /// A frame of a combined stream.
    Frame(Frame),
    /// A REST depth answer.
    Snapshot {
        /// Whose, if the line says so.
        symbol: Option<Symbol>,
        /// Update id of the book.
        last_update_id: i64,
        /// Bids, best first.
        bids: Vec<Level>,
        /// Asks, best first.
        asks: Vec<Level>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DepthAnswer {
    last_update_id: i64,
    bids: Vec<(Price, Quantity)>,
    asks: Vec<(Price, Quantity)>,
}

/// Seconds with decimals as an instant.
fn seconds(text: &str) -> Option<Timestamp> {
    let nanos = text.parse::<Decimal>().ok()?.checked_mul(Decimal::from(1_000_000_000))?;
    i64::try_from(nanos.trunc()).ok().map(Timestamp::from_nanos)
}

/// Nanoseconds or microseconds, by their number of digits.
fn digits(text: &str) -> Option<Timestamp> {
    let number: i64 = text.parse().ok()?;
    Some(match text.len() {
        ..=13 => Timestamp::from_millis(number),
        14..=16 => Timestamp::from_micros(number),
        17.. => Timestamp::from_nanos(number),
    })
}

/// Splits a line into receive time, symbol of a REST line, and JSON.
fn split(line: &str) -> Option<(Timestamp, Option<Symbol>, &str)> {
    let start = line.find('{')?;
    let (head, json) = (line[..start].trim_end(), &line[start..]);
    if let Some((url, at)) = head.split_once(" -> ") {
        let at = seconds(at.strip_suffix(':')?)?;
        let symbol = url.split_once("symbol=").map(|(_, rest)| rest);
        let symbol = symbol.and_then(|rest| rest.split('&').next());
        return Some((at, symbol.and_then(|symbol| Symbol::new(symbol).ok()), json));
    }
    match head.strip_suffix(':') {
        Some(at) => Some((seconds(at)?, None, json)),
        None => Some((digits(head)?, None, json)),
    }
}

/// Reads one file.
struct FileReader {
    path: PathBuf,
    lines: Box<dyn BufRead + Send>,
    line: usize,
    buffer: String,
    /// The next item.
    next: Option<Item>,
}

impl FileReader {
    fn open(path: &Path) -> Result<Self, ReplayError> {
        let failed = |source| ReplayError::Io { path: path.to_owned(), source };
        let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed)?);
        let is_gzip = file.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
        let lines: Box<dyn BufRead + Send> = if is_gzip {
            let decoder: Box<dyn Read + Send> = Box::new(MultiGzDecoder::new(file));
            Box::new(BufReader::with_capacity(1 << 16, decoder))
        } else {
            Box::new(file)
        };
        let mut reader =
            Self { path: path.to_owned(), lines, line: 0, buffer: String::new(), next: None };
        reader.fill()?;
        Ok(reader)
    }

    /// Reads on to the next item.
    fn fill(&mut self) -> Result<(), ReplayError> {
        self.next = None;
        loop {
            self.buffer.clear();
            self.line += 1;
            let read = self.lines.read_line(&mut self.buffer);
            let read =
                read.map_err(|source| ReplayError::Io { path: self.path.clone(), source })?;
            if read == 0 {
                return Ok(());
            }
            let line = self.buffer.trim_end();
            let Some((at, symbol, json)) = split(line) else { continue };
            let malformed = |error: serde_json::Error| ReplayError::Malformed {
                path: self.path.clone(),
                line: self.line,
                what: error.to_string(),
            };
            let is_frame = json.starts_with(r#"{"stream""#);
            let kind = if is_frame {
                ItemKind::Frame(decode(json).map_err(malformed)?)
            } else if json.contains(r#""lastUpdateId""#) {
                let answer: DepthAnswer = serde_json::from_str(json).map_err(malformed)?;
                ItemKind::Snapshot {
                    symbol,
                    last_update_id: answer.last_update_id,
                    bids: levels(answer.bids),
                    asks: levels(answer.asks),
                }
            } else {
                continue;
            };
            self.next = Some(Item { at, text: json.to_owned(), kind });
            return Ok(());
        }
    }
}

/// Several captures as one, in order of receive time; within a file the file's order holds, even
/// where its times step back.
pub struct Replay {
    files: Vec<FileReader>,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.files.iter().map(|file| &file.path)).finish()
    }
}

impl Replay {
    /// Opens the files at their beginning.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub fn open(paths: &[PathBuf]) -> Result<Self, ReplayError> {
        let files = paths.iter().map(|path| FileReader::open(path)).collect::<Result<_, _>>()?;
        Ok(Self { files })
    }

    /// When the next item was received; `None` at the end.
    #[must_use]
    pub fn next_at(&self) -> Option<Timestamp> {
        self.files.iter().filter_map(|file| file.next.as_ref().map(|item| item.at)).min()
    }

    /// The next item, and the place of its file among the paths.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub fn pop(&mut self) -> Result<Option<(usize, Item)>, ReplayError> {
        let next = self
            .files
            .iter()
            .enumerate()
            .filter_map(|(place, file)| file.next.as_ref().map(|item| (item.at, place)))
            .min();
        let Some((_, place)) = next else { return Ok(None) };
        let file = &mut self.files[place];
        let item = file.next.take();
        file.fill()?;
        Ok(item.map(|item| (place, item)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_formats_are_split() {
        #[track_caller]
        fn check(line: &str, expected: Option<(i64, Option<&str>, &str)>) {
            let split = split(line);
            let split = split.as_ref().map(|(at, symbol, json)| {
                (at.as_nanos(), symbol.as_ref().map(Symbol::as_str), *json)
            });
            assert_eq!(split, expected, "{line}");
        }
        check(
            r#"1723161253937085768 {"a":1}"#,
            Some((1_723_161_253_937_085_768, None, r#"{"a":1}"#)),
        );
        check(r#"1723161253937085 {"a":1}"#, Some((1_723_161_253_937_085_000, None, r#"{"a":1}"#)));
        check(
            r#"1633998512.0633569: {"a":1}"#,
            Some((1_633_998_512_063_356_900, None, r#"{"a":1}"#)),
        );
        check(
            r#"https://x/depth?symbol=NKNUSDT&limit=1000 -> 1633998512.32: {"a":1}"#,
            Some((1_633_998_512_320_000_000, Some("NKNUSDT"), r#"{"a":1}"#)),
        );
        check("wss://x/stream?streams=a <-> 1633998511.159679", None);
        check(r#"configuration: {"a":1}"#, None);
        check("", None);
    }
}
