//! Reading recordings, several files at once in order of receive time.
//!
//! | file | told by |
//! |---|---|
//! | capture of combined streams, REST depth answers in between | anything else |
//! | aggregate trades of the venue's archive | `aggTrades` in the name |
//! | trades of the venue's archive | `trades` in the name |
//! | klines (`open_time,open,high,low,close,volume,…`) | `kl…` at the start, or `-1m-` and the like |
//!
//! The symbol of a CSV file stands in its name, set off by `-` or `_`. A kline becomes four
//! trades: open, low, high, close.

use std::path::{Path, PathBuf};

use model::{Interval, Level, Price, Quantity, Side, Symbol, Timestamp, TradeId};
use serde::Deserialize;
use store::SourceError;
use store::archive::{AggregateTrades, Kline, Klines, Trades};
use store::recordings::{LineKind, RecordedLine, RecordingReader};

use super::frame::{Frame, decode, levels};
use crate::market::tape::Print;
use crate::symbols::split_name;

/// Why a recording can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A file can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A frame says something else than its stream's name.
    #[error("{path}: a frame can't be understood: {what}")]
    Frame {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A CSV file whose name holds no symbol.
    #[error("{0}: no symbol in the name: call it, for example, BTCUSDT-trades-2025-01-01.csv")]
    NoSymbol(PathBuf),
    /// Nothing to send.
    #[error(
        "nothing to replay in {0}: is it a capture of combined streams, or a CSV file of trades or klines?"
    )]
    Empty(String),
}

/// Something that was recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// When it was received; for rows of an archive, when it happened.
    pub at: Timestamp,
    /// What it is.
    pub kind: ItemKind,
}

/// What was recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ItemKind {
    /// A frame of a combined stream.
    Frame {
        /// As received, byte for byte.
        text: String,
        /// What it says.
        frame: Frame,
    },
    /// A REST depth answer.
    Snapshot {
        /// As received.
        text: String,
        /// Whose, if the file says so.
        symbol: Option<Symbol>,
        /// Update id of the book.
        last_update_id: i64,
        /// Bids, best first.
        bids: Vec<Level>,
        /// Asks, best first.
        asks: Vec<Level>,
    },
    /// A trade of an archive.
    Print(Symbol, Print),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DepthAnswer {
    last_update_id: i64,
    bids: Vec<(Price, Quantity)>,
    asks: Vec<(Price, Quantity)>,
}

/// What a file holds.
enum Rows {
    Capture(RecordingReader),
    Trades(Symbol, Trades),
    AggregateTrades(Symbol, AggregateTrades),
    Klines { symbol: Symbol, rows: Klines, length_ms: i64, next_id: i64, pending: Vec<Print> },
}

/// Reads one file.
struct FileReader {
    path: PathBuf,
    rows: Rows,
    /// The next item.
    next: Option<Item>,
    is_cut_off: bool,
}

/// The symbol in a file's name.
fn symbol_of(path: &Path) -> Result<Symbol, ReplayError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    name.split(['-', '_', '.'])
        .filter(|part| {
            part.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
        })
        .filter(|part| split_name(part).is_some())
        .find_map(|part| Symbol::new(part).ok())
        .ok_or_else(|| ReplayError::NoSymbol(path.to_owned()))
}

/// The length of a file's klines, if its name says that it holds any.
fn kline_length(name: &str) -> Option<Interval> {
    let first = name.split(['-', '_', '.']).next().unwrap_or("");
    if let Some(interval) = first.strip_prefix("kl") {
        return interval.parse().ok();
    }
    name.split('-').nth(1).and_then(|interval| interval.parse().ok())
}

impl FileReader {
    fn open(path: &Path) -> Result<Self, ReplayError> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        let rows = if name.contains("aggTrades") {
            Rows::AggregateTrades(symbol_of(path)?, AggregateTrades::open(path)?)
        } else if name.contains("trades") {
            Rows::Trades(symbol_of(path)?, Trades::open(path)?)
        } else if let Some(length) = kline_length(name) {
            let length_ms = i64::try_from(length.duration().as_millis()).expect("at most a week");
            let (symbol, rows) = (symbol_of(path)?, Klines::open(path)?);
            Rows::Klines { symbol, rows, length_ms, next_id: 1, pending: Vec::new() }
        } else {
            Rows::Capture(RecordingReader::open(path)?)
        };
        let mut reader = Self { path: path.to_owned(), rows, next: None, is_cut_off: false };
        reader.next = reader.read()?;
        Ok(reader)
    }

    fn read(&mut self) -> Result<Option<Item>, ReplayError> {
        match &mut self.rows {
            Rows::Capture(lines) => {
                for line in lines {
                    let line = match line {
                        Ok(line) => line,
                        // What a recorder leaves that was killed: everything before it is good.
                        Err(SourceError::CutOff { .. }) => {
                            self.is_cut_off = true;
                            return Ok(None);
                        }
                        Err(error) => return Err(error.into()),
                    };
                    if let Some(item) = capture_item(&self.path, line)? {
                        return Ok(Some(item));
                    }
                }
                Ok(None)
            }
            Rows::Trades(symbol, rows) => {
                let Some(row) = rows.next().transpose()? else { return Ok(None) };
                let print = Print {
                    id: row.id,
                    price: row.price,
                    quantity: row.quantity,
                    aggressor: row.aggressor,
                    at: row.event_at,
                };
                Ok(Some(Item { at: print.at, kind: ItemKind::Print(*symbol, print) }))
            }
            Rows::AggregateTrades(symbol, rows) => {
                let Some(row) = rows.next().transpose()? else { return Ok(None) };
                let print = Print {
                    id: row.first,
                    price: row.price,
                    quantity: row.quantity,
                    aggressor: row.aggressor,
                    at: row.event_at,
                };
                Ok(Some(Item { at: print.at, kind: ItemKind::Print(*symbol, print) }))
            }
            Rows::Klines { symbol, rows, length_ms, next_id, pending } => {
                while pending.is_empty() {
                    let Some(row) = rows.next().transpose()? else { return Ok(None) };
                    *pending = prints_of(&row, *length_ms, next_id);
                }
                let print = pending.remove(0);
                Ok(Some(Item { at: print.at, kind: ItemKind::Print(*symbol, print) }))
            }
        }
    }
}

/// A kline as four trades, a quarter of its volume each, spread over its length.
fn prints_of(row: &Kline, length_ms: i64, next_id: &mut i64) -> Vec<Print> {
    let quarter = Quantity::from_units(row.volume.units() / 4);
    let last = Quantity::from_units(row.volume.units() - 3 * quarter.units());
    let points = [
        (row.open, quarter, 0),
        (row.low, quarter, length_ms / 4),
        (row.high, quarter, length_ms / 2),
        (row.close, last, length_ms - 1),
    ];
    let mut previous = row.open;
    let mut prints = Vec::with_capacity(points.len());
    for (price, quantity, offset_ms) in points {
        if quantity.is_zero() {
            continue;
        }
        let aggressor = if price >= previous { Side::Buy } else { Side::Sell };
        previous = price;
        let at = Timestamp::from_nanos(row.open_at.as_nanos() + offset_ms * 1_000_000);
        prints.push(Print { id: TradeId(*next_id), price, quantity, aggressor, at });
        *next_id += 1;
    }
    prints
}

/// A line of a capture; nothing for answers that are no books.
fn capture_item(path: &Path, line: RecordedLine) -> Result<Option<Item>, ReplayError> {
    let RecordedLine { received_at: at, kind, text } = line;
    let malformed = |error: serde_json::Error| ReplayError::Frame {
        path: path.to_owned(),
        what: error.to_string(),
    };
    let kind = match kind {
        LineKind::Frame => {
            let frame = decode(&text).map_err(malformed)?;
            ItemKind::Frame { text, frame }
        }
        LineKind::Answer { url } if text.contains(r#""lastUpdateId""#) => {
            let answer: DepthAnswer = serde_json::from_str(&text).map_err(malformed)?;
            let symbol = url.as_deref().and_then(|url| url.split_once("symbol="));
            let symbol = symbol.and_then(|(_, rest)| rest.split('&').next());
            ItemKind::Snapshot {
                symbol: symbol.and_then(|symbol| Symbol::new(symbol).ok()),
                last_update_id: answer.last_update_id,
                bids: levels(answer.bids),
                asks: levels(answer.asks),
                text,
            }
        }
        LineKind::Answer { .. } => return Ok(None),
    };
    Ok(Some(Item { at, kind }))
}

/// Several recordings as one, in order of time; within a file the file's order holds, even where
/// its times step back.
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

    /// The files that were found to end in the middle of something.
    #[must_use]
    pub fn cut_off(&self) -> Vec<PathBuf> {
        let cut = self.files.iter().filter(|file| file.is_cut_off);
        cut.map(|file| file.path.clone()).collect()
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
        file.next = file.read()?;
        Ok(item.map(|item| (place, item)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_says_what_it_holds() {
        #[track_caller]
        fn check(name: &str, symbol: Option<&str>, length: Option<&str>) {
            let found = symbol_of(Path::new(name)).ok();
            assert_eq!(found.as_ref().map(Symbol::as_str), symbol, "{name}");
            assert_eq!(kline_length(name).map(Interval::name), length, "{name}");
        }
        check("BTCUSDC-aggTrades-2025-10-04.zip", Some("BTCUSDC"), None);
        check("trades_binance_spot_XRPETH_2019-10-11_13.csv.gz", Some("XRPETH"), None);
        check("kl1m_BTCUSDT_2024-07-26_2024-08-25.csv.gz", Some("BTCUSDT"), Some("1m"));
        check("ETHUSDT-1h-2024-01.zip", Some("ETHUSDT"), Some("1h"));
        check("ws_binance_spot_BTCUSDT_20240808.gz", Some("BTCUSDT"), None);
        check("something.csv", None, None);
    }

    #[test]
    fn a_kline_becomes_four_trades_that_make_it_up_again() {
        let row = Kline {
            open_at: Timestamp::from_secs(60),
            open: "10".parse().unwrap(),
            high: "12".parse().unwrap(),
            low: "9".parse().unwrap(),
            close: "11".parse().unwrap(),
            volume: "0.00000007".parse().unwrap(),
            close_at: None,
            quote_volume: None,
            trade_count: None,
            taker_buy_volume: None,
            taker_buy_quote_volume: None,
        };
        let mut next_id = 5;
        let prints = prints_of(&row, 60_000, &mut next_id);
        let prices: Vec<String> =
            prints.iter().map(|print| format!("{:.0}", print.price)).collect();
        assert_eq!(prices, ["10", "9", "12", "11"]);
        assert_eq!(prints.iter().map(|print| print.quantity).sum::<Quantity>(), row.volume);
        assert_eq!((prints[0].id.0, next_id), (5, 9));
        assert_eq!(prints[3].at.as_millis(), 119_999);
    }
}
