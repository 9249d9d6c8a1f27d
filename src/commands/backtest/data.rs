//! What the data of a backtest are, and whose.

use std::path::{Path, PathBuf};

use backtest::source::{ArchiveKind, ArchiveSource, EventSource, Merged, SourceError, detect};
use exchange::symbols::split_name;
use model::{InstrumentId, Instruments, Interval, Symbol};

use crate::cli::backtest::BacktestArgs;
use crate::cli::{Exit, Failure};
use crate::config::Config;

/// How many lines tell what a file holds.
const LINES_LOOKED_AT: usize = 3;

/// The data, not opened yet.
#[derive(Debug)]
pub struct Found {
    files: Vec<FoundFile>,
}

#[derive(Debug)]
struct FoundFile {
    path: PathBuf,
    kind: ArchiveKind,
    symbol: Symbol,
}

/// Looks at every path of the command.
///
/// # Errors
/// For a file that can't be read, or of which nobody says what or whose it is.
pub fn find(args: &BacktestArgs, config: &Config) -> Result<Found, Failure> {
    let files = args.data.iter().map(|path| look_at(path, args, config));
    Ok(Found { files: files.collect::<Result<_, _>>()? })
}

fn look_at(path: &Path, args: &BacktestArgs, config: &Config) -> Result<FoundFile, Failure> {
    let lines = first_lines(path).map_err(|error| Failure::new(Exit::Usage, error))?;
    let shown = path.display();
    let kind = detect(path, &lines).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("{shown}: neither trades nor aggTrades nor klines"))
    })?;
    let symbol = symbol_in(path).or(args.symbol).or_else(|| only_symbol(config));
    let symbol = symbol.ok_or_else(|| {
        let message = format!("{shown}: whose history is it? Say so with --symbol");
        Failure::new(Exit::Usage, message)
    })?;
    Ok(FoundFile { path: path.to_owned(), kind, symbol })
}

fn first_lines(path: &Path) -> Result<Vec<String>, store::SourceError> {
    let mut lines = store::Lines::open(path)?;
    let mut first = Vec::new();
    while first.len() < LINES_LOOKED_AT
        && let Some(line) = lines.next()?
    {
        first.push(line.to_owned());
    }
    Ok(first)
}

/// The symbol in a file's name, set off as the venue does: `BTCUSDT-trades-2025-10-04.zip`.
fn symbol_in(path: &Path) -> Option<Symbol> {
    let name = path.file_name()?.to_str()?;
    let is_spelt = |part: &&str| {
        part.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
    };
    let parts = name.split(['-', '_', '.']).filter(is_spelt);
    parts.filter(|part| split_name(part).is_some()).find_map(|part| Symbol::new(part).ok())
}

/// The one symbol that the strategies trade, if it is one.
fn only_symbol(config: &Config) -> Option<Symbol> {
    let mut symbols: Vec<Symbol> =
        config.enabled().flat_map(|strategy| strategy.symbols.iter().copied()).collect();
    symbols.sort_unstable();
    symbols.dedup();
    match symbols.as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

impl Found {
    /// The symbols that there is history of, in the order of the paths.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol> {
        self.files.iter().map(|file| file.symbol)
    }

    /// The series of bars that files have.
    pub fn given_bars(&self, instruments: &Instruments) -> Vec<(InstrumentId, Interval)> {
        let series = self.files.iter().filter_map(|file| match file.kind {
            ArchiveKind::Klines(interval) => Some((id_of(instruments, file.symbol), interval)),
            ArchiveKind::Trades | ArchiveKind::AggregateTrades => None,
        });
        series.collect()
    }

    /// Everything as one stream of events.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn open(&self, instruments: &Instruments) -> Result<Merged, SourceError> {
        let mut sources: Vec<Box<dyn EventSource>> = Vec::new();
        for file in &self.files {
            let id = id_of(instruments, file.symbol);
            sources.push(Box::new(ArchiveSource::open(&file.path, file.kind, id)?));
        }
        Ok(Merged::new(sources))
    }
}

fn id_of(instruments: &Instruments, symbol: Symbol) -> InstrumentId {
    let found = instruments.by_symbol(symbol.as_str());
    found.expect("the table is made of the symbols of all data").id
}
