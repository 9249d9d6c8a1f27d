//! The first pass over a recording: what is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use model::{Level, Price, Quantity, Symbol, Timestamp};

use super::frame::Told;
use super::reader::{ItemKind, Replay, ReplayError};

/// What is in a recording.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Receive time of the first line.
    pub start_at: Timestamp,
    /// Receive time of the last line.
    pub end_at: Timestamp,
    /// Frames and rows in all.
    pub items: u64,
    /// Symbols whose trades come from archive files: their streams are made here.
    pub printed: BTreeSet<Symbol>,
    /// Names of the recorded streams.
    pub streams: BTreeSet<String>,
    /// The symbols, in order of name.
    pub symbols: BTreeMap<Symbol, SymbolScan>,
    /// The symbol of each file that has one only: its snapshots don't say whose they are.
    pub file_symbols: Vec<Option<Symbol>>,
    /// Files that end in the middle of something: a recorder was killed, or a copy broke off.
    pub cut_off: Vec<PathBuf>,
}

/// What is in a recording of one symbol.
#[derive(Clone, Debug)]
pub struct SymbolScan {
    /// Price step: the coarsest power of ten that all prices are multiples of.
    pub tick: Price,
    /// Quantity step, likewise.
    pub step: Quantity,
    /// A price at the start.
    pub first_price: Option<Price>,
    /// The first REST depth answer.
    pub snapshot: Option<String>,
}

/// Grows a scan.
#[derive(Default)]
struct Scanner {
    symbols: BTreeMap<Symbol, Units>,
}

/// Trailing zeros seen, in units of 10⁻⁸: the smallest power of ten that divides every value.
struct Units {
    tick: i64,
    step: i64,
    first_price: Option<Price>,
    snapshot: Option<String>,
}

/// Coarsest step that is guessed: a recording of few prices says little.
const COARSEST: i64 = 100_000_000;

fn refine(step: &mut i64, units: i64) {
    while *step > 1 && units % *step != 0 {
        *step /= 10;
    }
}

impl Scanner {
    fn entry(&mut self, symbol: Symbol) -> &mut Units {
        self.symbols.entry(symbol).or_insert(Units {
            tick: COARSEST,
            step: COARSEST,
            first_price: None,
            snapshot: None,
        })
    }

    fn note(&mut self, symbol: Symbol, price: Price, quantity: Quantity) {
        let units = self.entry(symbol);
        refine(&mut units.tick, price.units());
        refine(&mut units.step, quantity.units());
        if price.is_positive() {
            units.first_price.get_or_insert(price);
        }
    }

    fn note_levels(&mut self, symbol: Symbol, levels: &[Level]) {
        for level in levels {
            let units = self.entry(symbol);
            refine(&mut units.tick, level.price.units());
            refine(&mut units.step, level.quantity.units());
        }
    }

    fn note_told(&mut self, told: &Told) {
        match told {
            Told::Trade(symbol, print) | Told::Aggregate(symbol, print) => {
                self.note(*symbol, print.price, print.quantity);
            }
            Told::Quote { symbol, bid, ask, .. } => {
                self.note(*symbol, bid.price, bid.quantity);
                self.note(*symbol, ask.price, ask.quantity);
            }
            Told::Depth { symbol, bids, asks, .. } => {
                self.note_levels(*symbol, bids);
                self.note_levels(*symbol, asks);
            }
            Told::Other(symbol) => {
                if let Some(symbol) = symbol {
                    self.entry(*symbol);
                }
            }
        }
    }
}

/// Reads a recording through.
///
/// # Errors
/// See [`ReplayError`].
pub fn scan(paths: &[PathBuf]) -> Result<Scan, ReplayError> {
    let mut replay = Replay::open(paths)?;
    let mut scanner = Scanner::default();
    let mut streams = BTreeSet::new();
    let mut of_file: Vec<BTreeSet<Symbol>> = vec![BTreeSet::new(); paths.len()];
    let mut nameless: Vec<Option<String>> = vec![None; paths.len()];
    let mut printed = BTreeSet::new();
    let mut span: Option<(Timestamp, Timestamp)> = None;
    let mut items = 0;
    while let Some((file, item)) = replay.pop()? {
        let start = span.map_or(item.at, |(start, _)| start);
        span = Some((start, item.at));
        match item.kind {
            ItemKind::Frame { frame, .. } => {
                items += 1;
                scanner.note_told(&frame.told);
                of_file[file].extend(frame.told.symbol());
                if !streams.contains(&frame.stream) {
                    streams.insert(frame.stream);
                }
            }
            ItemKind::Print(symbol, print) => {
                items += 1;
                scanner.note(symbol, print.price, print.quantity);
                if !printed.contains(&symbol) {
                    printed.insert(symbol);
                }
            }
            ItemKind::Snapshot { symbol: Some(symbol), bids, asks, text, .. } => {
                scanner.note_levels(symbol, &bids);
                scanner.note_levels(symbol, &asks);
                let units = scanner.entry(symbol);
                units.first_price = units.first_price.or(bids.first().map(|level| level.price));
                units.snapshot.get_or_insert(text);
            }
            ItemKind::Snapshot { symbol: None, text, .. } => {
                nameless[file].get_or_insert(text);
            }
        }
    }
    let (start_at, end_at) = span.filter(|_| items > 0).ok_or_else(|| {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        ReplayError::Empty(names.join(", "))
    })?;
    let file_symbols: Vec<Option<Symbol>> = of_file
        .iter()
        .map(|symbols| if symbols.len() == 1 { symbols.first().copied() } else { None })
        .collect();
    for (symbol, text) in file_symbols.iter().zip(nameless) {
        if let (Some(symbol), Some(text)) = (symbol, text) {
            scanner.entry(*symbol).snapshot.get_or_insert(text);
        }
    }
    let symbols = scanner.symbols.into_iter().map(|(symbol, units)| {
        let scan = SymbolScan {
            tick: Price::from_units(units.tick),
            step: Quantity::from_units(units.step),
            first_price: units.first_price,
            snapshot: units.snapshot,
        };
        (symbol, scan)
    });
    let (symbols, cut_off) = (symbols.collect(), replay.cut_off());
    Ok(Scan { start_at, end_at, items, printed, streams, symbols, file_symbols, cut_off })
}
