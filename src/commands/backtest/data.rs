//! What the data of a backtest are, and whose.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backtest::source::{
    ArchiveKind, ArchiveSource, EventSource, Merged, OrderNotes, SourceError, detect, in_order,
    of_series, rows_of_series,
};
use exchange::symbols::split_name;
use model::{Instrument, InstrumentId, Instruments, Interval, Symbol, Timestamp};
use sha2::{Digest as _, Sha256};
use store::catalog::{Catalog, Kind, Series};
use store::deliveries::is_recorded_run;

use crate::cli::history::HistoryArgs;
use crate::cli::{Exit, Failure};
use crate::config::Config;
use crate::recorded::RecordedRun;

/// How many lines tell what a file holds.
const LINES_LOOKED_AT: usize = 3;

/// The data, not opened yet.
#[derive(Debug)]
pub struct Found {
    parts: Vec<Part>,
    /// Instruments as the venue described them, and where that is from.
    known: Vec<(Instrument, &'static str)>,
    /// What is there and not used.
    pub warnings: Vec<String>,
}

/// What the data tell of one symbol.
#[derive(Debug, Default)]
pub struct Told {
    /// Trades, one by one or aggregated.
    pub trades: bool,
    /// Best prices.
    pub quotes: bool,
    /// Changes of the book.
    pub depth: bool,
    /// Bars of these lengths.
    pub bars: Vec<Interval>,
}

impl fmt::Display for Told {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |is_told: bool, what: &str| is_told.then(|| what.to_owned());
        let kinds = [of(self.trades, "trades"), of(self.quotes, "quotes"), of(self.depth, "depth")];
        let bars = self.bars.iter().map(|interval| format!("klines of {}", interval.name()));
        let all: Vec<String> = kinds.into_iter().flatten().chain(bars).collect();
        out.write_str(&if all.is_empty() { "nothing".to_owned() } else { all.join(" and ") })
    }
}

#[derive(Debug)]
enum Part {
    File {
        path: PathBuf,
        kind: ArchiveKind,
        symbol: Symbol,
    },
    Series(Series),
    /// What a run recorded.
    Run(Box<RecordedRun>),
}

/// What a file or a series tells: of two with the same content each may have what the other has.
type Content = (Symbol, Kind, Option<Interval>);

impl Part {
    /// `None` for what has an order of its own: changes of a book, and recorded runs.
    fn content(&self) -> Option<Content> {
        match self {
            Self::File { kind, symbol, .. } => Some(match kind {
                ArchiveKind::Trades => (*symbol, Kind::Trades, None),
                ArchiveKind::AggregateTrades => (*symbol, Kind::AggTrades, None),
                ArchiveKind::Klines(interval) => (*symbol, Kind::Klines, Some(*interval)),
            }),
            Self::Series(series) => match series.key.kind {
                Kind::Depth => None,
                kind @ (Kind::Trades | Kind::AggTrades | Kind::Klines | Kind::Quotes) => {
                    Some((series.key.symbol, kind, series.key.interval))
                }
            },
            Self::Run(_) => None,
        }
    }

    fn symbols(&self) -> Vec<Symbol> {
        match self {
            Self::File { symbol, .. } => vec![*symbol],
            Self::Series(series) => vec![series.key.symbol],
            Self::Run(run) => run.foundation.instruments.iter().map(|it| it.symbol).collect(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::File { path, .. } => path.display().to_string(),
            Self::Series(series) => series.key.to_string(),
            Self::Run(run) => run.directory().display().to_string(),
        }
    }
}

/// Looks at every path of the command.
///
/// # Errors
/// For a path that can't be read, or of which nobody says what or whose it is.
pub fn find(args: &HistoryArgs, config: &Config) -> Result<Found, Failure> {
    let mut parts = Vec::new();
    let mut known = Vec::new();
    let mut warnings = Vec::new();
    for path in &args.data {
        if is_recorded_run(path) {
            let run = RecordedRun::open(path);
            let run = run.map_err(|error| Failure::new(Exit::Usage, error))?;
            if parts.iter().any(|part| matches!(part, Part::Run(_))) {
                let message = "one recorded run at a time: each begins with positions of its own";
                return Err(Failure::new(Exit::Usage, message));
            }
            let instruments = run.foundation.instruments.iter().cloned();
            known.splice(0..0, instruments.map(|it| (it, "the venue's, as recorded")));
            parts.push(Part::Run(Box::new(run)));
        } else if path.is_dir() {
            known.extend(instruments_of(path)?);
            let series = series_of(path, args, config, &mut warnings)?;
            parts.extend(series.into_iter().map(Part::Series));
        } else {
            parts.push(look_at(path, args, config)?);
        }
    }
    warnings.extend(klines_beside_trades(&parts));
    Ok(Found { parts, known, warnings })
}

/// Klines and trades of the same symbol that were both asked for.
fn klines_beside_trades(parts: &[Part]) -> Vec<String> {
    let of = |part: &Part| part.content().map(|(symbol, kind, _)| (symbol, kind));
    let is_traded = |symbol: Symbol| {
        let is_trade = |(own, kind): (Symbol, Kind)| {
            own == symbol && matches!(kind, Kind::Trades | Kind::AggTrades)
        };
        parts.iter().filter_map(of).any(is_trade)
    };
    let beside = parts.iter().filter(|part| {
        of(part).is_some_and(|(symbol, kind)| kind == Kind::Klines && is_traded(symbol))
    });
    let words = |part: &Part| {
        format!(
            "{}: beside trades klines only close bars: from the first trade on orders meet trades, \
             and nothing where there are none",
            part.name()
        )
    };
    beside.map(words).collect()
}

/// What the venue said of its instruments, if the catalog has that.
fn instruments_of(path: &Path) -> Result<Vec<(Instrument, &'static str)>, Failure> {
    let spot = store::catalog::Market::binance_spot();
    let found = Catalog::new(path).instruments(&spot);
    let found = found.map_err(|error| Failure::new(Exit::Usage, error))?;
    Ok(found.into_iter().map(|it| (it, "the venue's, from the catalog")).collect())
}

fn look_at(path: &Path, args: &HistoryArgs, config: &Config) -> Result<Part, Failure> {
    let lines = first_lines(path).map_err(|error| Failure::new(Exit::Usage, error))?;
    let shown = path.display();
    let kind = detect(path, &lines).ok_or_else(|| {
        if lines.len() == 1 && lines[0].split(',').count() >= 6 && !lines[0].contains(['{', '[']) {
            let message = format!(
                "{shown}: one row alone does not tell how long a kline is: say so in the file's \
                 name, such as BTCUSDT-1m-2025-10-04.csv"
            );
            return Failure::new(Exit::Usage, message);
        }
        let message = format!(
            "{shown}: neither trades nor aggTrades nor klines; a capture goes through \
             `tickwright data import` first"
        );
        Failure::new(Exit::Usage, message)
    })?;
    let symbol = symbol_in(path).or_else(|| only_symbol(args, config));
    let symbol = symbol.ok_or_else(|| {
        let message = format!("{shown}: whose history is it? Say so with --symbol");
        Failure::new(Exit::Usage, message)
    })?;
    Ok(Part::File { path: path.to_owned(), kind, symbol })
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

/// The series of a catalog that the run needs: of what is traded, on the spot market if there are
/// several, and nothing that says the same twice. Trades outrank aggregate trades, and both klines.
fn series_of(
    path: &Path,
    args: &HistoryArgs,
    config: &Config,
    warnings: &mut Vec<String>,
) -> Result<Vec<Series>, Failure> {
    let all = Catalog::new(path).series();
    let all = all.map_err(|error| Failure::new(Exit::Usage, error))?;
    let mut wanted = Vec::new();
    for symbol in traded(args, config) {
        let own = all.iter().filter(|series| series.key.symbol == symbol);
        let mut own: Vec<&Series> = own.collect();
        if let Some(market) = own.first().map(|series| series.key.market.clone()) {
            let spot = store::catalog::Market::binance_spot();
            let market =
                if own.iter().any(|series| series.key.market == spot) { spot } else { market };
            own.retain(|series| series.key.market == market);
        }
        own.retain(|series| args.kinds.is_empty() || args.kinds.contains(&series.key.kind));
        let has = |kind| own.iter().any(|series| series.key.kind == kind);
        let (has_trades, has_aggregates) = (has(Kind::Trades), has(Kind::AggTrades));
        let is_used = |series: &&Series| match series.key.kind {
            Kind::Trades | Kind::Quotes | Kind::Depth => true,
            Kind::AggTrades => !has_trades,
            Kind::Klines => !has_trades && !has_aggregates,
        };
        let (used, unused): (Vec<&Series>, Vec<&Series>) = own.into_iter().partition(is_used);
        let trades =
            used.iter().find(|series| matches!(series.key.kind, Kind::Trades | Kind::AggTrades));
        if let Some(trades) = trades {
            unused
                .iter()
                .try_for_each(|other| refuse_what_reaches_beyond(path, args, trades, other))?;
        }
        warnings.extend(trades.into_iter().flat_map(|trades| {
            unused.iter().map(|series| {
                let (unused, trades) = (with_span(series), with_span(trades));
                format!("{unused}: not used, because there is {trades}")
            })
        }));
        wanted.extend(used.into_iter().cloned());
    }
    if wanted.is_empty() {
        let symbols: Vec<String> =
            traded(args, config).into_iter().map(|symbol| symbol.to_string()).collect();
        let message = format!(
            "{}: nothing of what is traded ({}) is in this catalog",
            path.display(),
            symbols.join(", ")
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(wanted)
}

/// How far a series may reach beyond the trades that are used in its place, unless its bars are
/// longer: a symbol is not traded every second.
const REACH: Duration = Duration::from_secs(3_600);

/// What tells of a time of which there are no trades must not be passed over for them: the run
/// would lack all of that time.
fn refuse_what_reaches_beyond(
    path: &Path,
    args: &HistoryArgs,
    trades: &Series,
    other: &Series,
) -> Result<(), Failure> {
    let (Some(traded), Some(told)) = (trades.span(), other.span()) else { return Ok(()) };
    let reach = other.key.interval.map_or(REACH, |interval| interval.duration().max(REACH));
    let from = args.from.map_or(told.0, |from| from.max(told.0));
    let to = args.to.map_or(told.1, |to| to.min(told.1));
    let is_covered = from.after(reach) >= traded.0 && to <= traded.1.after(reach);
    if from >= to || is_covered {
        return Ok(());
    }
    let message = format!(
        "{}: {} reaches beyond {}, and only one of the two can be used. Say which with --kind {} \
         or --kind {}, or name a span that both have with --from and --to",
        path.display(),
        with_span(other),
        with_span(trades),
        other.key.kind,
        trades.key.kind,
    );
    Err(Failure::new(Exit::Usage, message))
}

fn with_span(series: &Series) -> String {
    let span = series.span().map(|(first, last)| format!(" ({first} to {last})"));
    format!("{}{}", series.key, span.unwrap_or_default())
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

/// What the strategies trade, each once.
fn traded(args: &HistoryArgs, config: &Config) -> Vec<Symbol> {
    if let Some(symbol) = args.symbol {
        return vec![symbol];
    }
    let mut symbols: Vec<Symbol> =
        config.enabled().flat_map(|strategy| strategy.symbols.iter().copied()).collect();
    symbols.sort_unstable();
    symbols.dedup();
    symbols
}

/// The one symbol that the strategies trade, if it is one.
fn only_symbol(args: &HistoryArgs, config: &Config) -> Option<Symbol> {
    match traded(args, config).as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

impl Found {
    /// The symbols that there is history of, in the order of the paths.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol> {
        // A recorded run numbers its instruments.
        let runs = self.parts.iter().filter(|part| matches!(part, Part::Run(_)));
        let others = self.parts.iter().filter(|part| !matches!(part, Part::Run(_)));
        runs.chain(others).flat_map(Part::symbols)
    }

    /// An instrument as the venue described it, and where that is from.
    pub fn known(&self, symbol: Symbol) -> Option<&(Instrument, &'static str)> {
        self.known.iter().find(|(instrument, _)| instrument.symbol == symbol)
    }

    /// Where a run over it begins if nobody says: what a recorded run has before that warmed its
    /// strategies up.
    pub fn begins_at(&self) -> Timestamp {
        let of_run = self.parts.iter().find_map(|part| match part {
            Part::Run(run) => Some(run.from),
            Part::File { .. } | Part::Series(_) => None,
        });
        of_run.unwrap_or(Timestamp::EPOCH)
    }

    /// The paths as they were given, and the series of catalogs.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.parts.iter().map(Part::name)
    }

    /// SHA-256 of all of it: of each file's bytes, and of each series' rows.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn hash(&self) -> Result<String, Failure> {
        let add = |path: &Path, hash: &mut Sha256| {
            add_file(path, hash).map_err(|error| {
                Failure::new(Exit::Storage, format!("{}: {error}", path.display()))
            })
        };
        let mut hash = Sha256::new();
        for part in &self.parts {
            match part {
                Part::Series(series) => hash.update(series.digest()),
                Part::File { path, .. } => add(path, &mut hash)?,
                Part::Run(run) => {
                    let files = run.files().map_err(|error| Failure::new(Exit::Storage, error))?;
                    files.iter().try_for_each(|path| add(path, &mut hash))?;
                }
            }
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What the data tell of a symbol; `None` where a recorded run has all that there was.
    pub fn told(&self, symbol: Symbol) -> Option<Told> {
        let mut told = Told::default();
        for part in &self.parts {
            match part {
                Part::Run(_) => return None,
                Part::Series(series) if series.key.symbol == symbol => match series.key.kind {
                    Kind::Trades | Kind::AggTrades => told.trades = true,
                    Kind::Quotes => told.quotes = true,
                    Kind::Depth => told.depth = true,
                    Kind::Klines => told.bars.extend(series.key.interval),
                },
                Part::File { kind, symbol: own, .. } if *own == symbol => match kind {
                    ArchiveKind::Trades | ArchiveKind::AggregateTrades => told.trades = true,
                    ArchiveKind::Klines(interval) => told.bars.push(*interval),
                },
                Part::Series(_) | Part::File { .. } => {}
            }
        }
        told.bars.sort_unstable();
        told.bars.dedup();
        Some(told)
    }

    /// The series of bars that the data have.
    pub fn given_bars(&self, instruments: &Instruments) -> Vec<(InstrumentId, Interval)> {
        let of = |symbol, interval| (id_of(instruments, symbol), interval);
        let series = self.parts.iter().flat_map(|part| match part {
            Part::File { kind: ArchiveKind::Klines(interval), symbol, .. } => {
                vec![of(*symbol, *interval)]
            }
            Part::File { kind: ArchiveKind::Trades | ArchiveKind::AggregateTrades, .. } => {
                Vec::new()
            }
            Part::Series(series) => {
                let interval = series.key.interval;
                interval.map(|interval| of(series.key.symbol, interval)).into_iter().collect()
            }
            Part::Run(run) => run.bars().to_vec(),
        });
        series.collect()
    }

    /// Everything as one stream of events. What is wrong with its order is noted while it is read.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn open(
        &self,
        instruments: &Instruments,
        notes: &OrderNotes,
    ) -> Result<Merged, SourceError> {
        let mut sources: Vec<Box<dyn EventSource>> = Vec::new();
        let mut grouped: Vec<Content> = Vec::new();
        for part in &self.parts {
            let content = part.content();
            match (content, part) {
                (Some(content), _) if grouped.contains(&content) => {}
                (Some(content), _) => {
                    grouped.push(content);
                    sources.push(self.open_group(content, instruments, notes)?);
                }
                (None, Part::Series(series)) => {
                    let id = id_of(instruments, series.key.symbol);
                    sources.push(of_series(series, id, notes));
                }
                (None, Part::Run(run)) => sources.push(Box::new(run.events()?)),
                (None, Part::File { .. }) => unreachable!("a file has rows of one kind"),
            }
        }
        Ok(Merged::new(sources))
    }

    /// All files and series that say the same kind of thing of one instrument, as one.
    fn open_group(
        &self,
        content: Content,
        instruments: &Instruments,
        notes: &OrderNotes,
    ) -> Result<Box<dyn EventSource>, SourceError> {
        let parts = self.parts.iter().filter(|part| part.content() == Some(content));
        let mut sources: Vec<Box<dyn EventSource>> = Vec::new();
        let mut names = Vec::new();
        for part in parts {
            names.push(part.name());
            match part {
                Part::File { path, kind, symbol } => {
                    let id = id_of(instruments, *symbol);
                    sources.push(Box::new(ArchiveSource::open(path, *kind, id)?));
                }
                Part::Series(series) => {
                    let id = id_of(instruments, series.key.symbol);
                    sources.push(rows_of_series(series, id));
                }
                Part::Run(_) => unreachable!("a recorded run has no content of its own"),
            }
        }
        let name = match names.as_slice() {
            [first, .., last] => format!("{first} to {last}"),
            _ => names.concat(),
        };
        Ok(in_order(content.1, &name, Merged::new(sources), notes))
    }
}

fn add_file(path: &Path, hash: &mut Sha256) -> std::io::Result<()> {
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => hash.update(&buffer[..count]),
        }
    }
}

fn id_of(instruments: &Instruments, symbol: Symbol) -> InstrumentId {
    let found = instruments.by_symbol(symbol.as_str());
    found.expect("the table is made of the symbols of all data").id
}
