//! Arguments of `data`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use data::import::{ColumnMap, TimeUnit};
use data::table::Format;
use model::{Interval, Symbol, Timestamp};
use store::catalog::{Kind, Market};

use super::value::{EndpointArg, endpoint, positive_duration, symbol};

/// What to do with market history.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Bring files into the catalog
    Import(ImportArgs),
    /// Show what the catalog holds
    List(ListArgs),
    /// Find what is wrong with it, and mend what is safe
    Verify(VerifyArgs),
    /// Download history, from the public archive or by REST
    Fetch(FetchArgs),
    /// Moving averages, MACD, rate of change, volatility, evenness in time
    Analyze(AnalyzeArgs),
    /// Write series as Parquet, CSV or JSON for other tools
    Export(ExportArgs),
}

/// Where the catalog is.
#[derive(Debug, Clone, Args)]
pub struct CatalogArgs {
    /// The catalog's directory
    #[arg(long, value_name = "DIR", default_value = "catalog")]
    pub catalog: PathBuf,
}

/// Which series are meant.
#[derive(Debug, Clone, Default, Args)]
pub struct SelectArgs {
    /// Only this symbol; may be repeated
    #[arg(long = "symbol", value_name = "SYMBOL", value_parser = symbol)]
    pub symbols: Vec<Symbol>,

    /// Only this market
    #[arg(long, value_name = "NAME")]
    pub market: Option<Market>,

    /// Only this kind: trades, agg_trades, klines, quotes or depth
    #[arg(long, value_parser = kind)]
    pub kind: Option<Kind>,

    /// Only klines of this interval
    #[arg(long, value_name = "T")]
    pub interval: Option<Interval>,
}

/// Arguments of `data import`.
#[derive(Debug, Args)]
#[command(after_help = IMPORT_HELP)]
pub struct ImportArgs {
    /// Files, or directories of files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// Where the catalog is
    #[command(flatten)]
    pub catalog: CatalogArgs,

    /// The symbol, where neither messages nor the file's name tell it
    #[arg(long, value_name = "SYMBOL", value_parser = symbol)]
    pub symbol: Option<Symbol>,

    /// The market: binance-spot unless messages or the name tell otherwise
    #[arg(long, value_name = "NAME")]
    pub market: Option<Market>,

    /// What the rows of a table are: trades, agg_trades or klines
    #[arg(long, value_parser = kind)]
    pub kind: Option<Kind>,

    /// The interval of klines, where their distance does not tell it
    #[arg(long, value_name = "T")]
    pub interval: Option<Interval>,

    /// Which column is what, by its name in the header or its number from 1
    #[arg(long, value_name = "FIELD=COLUMN,…")]
    pub map: Option<ColumnMap>,

    /// What whole numbers that are instants count: s, ms, us or ns; told by their digits if absent
    #[arg(long, value_name = "UNIT")]
    pub time_unit: Option<TimeUnit>,

    /// Files read at once; as many as there are cores if absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const IMPORT_HELP: &str = "\
Reads the venue's public files (klines, trades, aggTrades; zip, gzip or plain; with and without a
header; milliseconds and microseconds), captures of its streams, recordings of ours, answers to
exchangeInfo, tables of other tools, and what `data export` wrote (CSV, JSON or Parquet). What a file
holds is told by its content. Every record is kept, refused with its line and the reason, or passed over
by its kind, and counted. Importing a file twice adds nothing. If anything was refused the exit code
is 5.

Fields for --map: time, id, price, quantity, side, first_trade_id, last_trade_id, open, high, low,
close, volume, close_time, quote_volume, trade_count, taker_buy_volume, taker_buy_quote_volume.

Examples:
  tickwright data import BTCUSDT-aggTrades-2025-10-04.zip BTCUSDT-1m-2025-10.zip
  tickwright data import recordings/ --json
  tickwright data import ticks.csv --symbol BTCUSDT --map time=ts,price=px,quantity=size,side=dir";

/// Arguments of `data list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Where the catalog is
    #[command(flatten)]
    pub catalog: CatalogArgs,

    /// Which series
    #[command(flatten)]
    pub select: SelectArgs,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `data verify`.
#[derive(Debug, Args)]
#[command(after_help = VERIFY_HELP)]
pub struct VerifyArgs {
    /// Where the catalog is
    #[command(flatten)]
    pub catalog: CatalogArgs,

    /// Which series
    #[command(flatten)]
    pub select: SelectArgs,

    /// Write a picture of each series with what was found, as one HTML file
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,

    /// Sort what is out of order and remove exact doubles; the files they were in are put aside
    #[arg(long)]
    pub mend: bool,

    /// Series read at once; as many as there are cores if absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const VERIFY_HELP: &str = "\
Finds gaps, doubles, conflicts, disorder, zero volume, outliers, misaligned bars and crossed quotes.
docs/DATA.md says what each means. Doubles, conflicts, disorder and the like are errors: with any of
them left the exit code is 5. Gaps, zero volume and outliers are told, for markets have them.

Examples:
  tickwright data verify
  tickwright data verify --symbol BTCUSDT --kind klines --picture checks.html
  tickwright data verify --mend";

/// Reads a kind of record.
///
/// # Errors
/// A sentence for the user.
pub fn kind(text: &str) -> Result<Kind, String> {
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == text);
    found.ok_or_else(|| {
        let names = Kind::ALL.map(Kind::name);
        format!("expected one of {}", names.join(", "))
    })
}

/// Arguments of `data analyze`.
#[derive(Debug, Args)]
#[command(after_help = ANALYZE_HELP)]
pub struct AnalyzeArgs {
    /// Where the catalog is
    #[command(flatten)]
    pub catalog: CatalogArgs,

    /// Which series
    #[command(flatten)]
    pub select: SelectArgs,

    /// Length of the bars that are built from trades
    #[arg(long, value_name = "T", default_value = "1m")]
    pub bar: Interval,

    /// Write the result as a table, a row a series: FILE.csv, FILE.json or FILE.parquet
    #[arg(long, value_name = "FILE", value_parser = table_file)]
    pub out: Option<PathBuf>,

    /// Write the values of every bar, a file a series in this directory
    #[arg(long, value_name = "DIR")]
    pub bars: Option<PathBuf>,

    /// Format of the files of --bars: csv, json or parquet
    #[arg(long, default_value = "parquet")]
    pub format: Format,

    /// Series read at once; as many as there are cores if absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const ANALYZE_HELP: &str = "\
Moving averages of 5, 10, 20 and 30 bars, MACD 12/26/9, rate of change over 10, volatility over 20,
and how evenly the records lie in time (linear, continuity and exponential score, 1 being even;
docs/DATA.md has the formulas). Klines are taken as they are, trades become bars.

Examples:
  tickwright data analyze
  tickwright data analyze --symbol BTCUSDT --bar 5m --out summary.parquet
  tickwright data analyze --bars indicators/ --format csv";

/// Arguments of `data export`.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_HELP)]
pub struct ExportArgs {
    /// Where the files go, one a series
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,

    /// Where the catalog is
    #[command(flatten)]
    pub catalog: CatalogArgs,

    /// Which series
    #[command(flatten)]
    pub select: SelectArgs,

    /// From this instant on, such as 2024-08-05 or 2024-08-05T12:30
    #[arg(long, value_name = "T", value_parser = instant)]
    pub from: Option<Timestamp>,

    /// Up to and without this instant
    #[arg(long, value_name = "T", value_parser = instant)]
    pub to: Option<Timestamp>,

    /// csv, json (an object a line) or parquet
    #[arg(long, default_value = "parquet")]
    pub format: Format,

    /// Series written at once; as many as there are cores if absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const EXPORT_HELP: &str = "\
Prices and quantities stay exact: decimals in Parquet, quoted in JSON. `data import` reads trades,
aggregate trades and klines back as the same rows.

Examples:
  tickwright data export out/
  tickwright data export out/ --symbol BTCUSDT --kind klines --format csv --from 2024-08-05";

/// Arguments of `data fetch`.
#[derive(Debug, Args)]
#[command(after_help = FETCH_HELP)]
pub struct FetchArgs {
    /// Of what
    #[arg(value_name = "SYMBOL", required = true, value_parser = symbol)]
    pub symbols: Vec<Symbol>,

    /// Klines of this interval; may be repeated
    #[arg(long, value_name = "T")]
    pub klines: Vec<Interval>,

    /// Aggregate trades
    #[arg(long)]
    pub agg_trades: bool,

    /// Trades one by one, which only the archive has
    #[arg(long)]
    pub trades: bool,

    /// From this instant on, such as 2024-08-05 or 2024-08-05T12:30
    #[arg(long, value_name = "T", value_parser = instant)]
    pub from: Timestamp,

    /// Up to and without this instant; now if absent
    #[arg(long, value_name = "T", value_parser = instant)]
    pub to: Option<Timestamp>,

    /// Ask by REST, instead of the public archive files
    #[arg(long)]
    pub rest: bool,

    /// Whom to ask by REST: binance-live, binance-testnet, binance-demo or a URL
    #[arg(long, value_name = "NAME|URL", default_value = "binance-live", value_parser = endpoint)]
    pub endpoint: EndpointArg,

    /// Where the archive is
    #[arg(long, value_name = "URL", default_value = data::fetch::ARCHIVE_URL)]
    pub archive_url: String,

    /// Where the files go; what is there is not fetched again
    #[arg(long, value_name = "DIR", default_value = "downloads")]
    pub dir: PathBuf,

    /// Files under way at once
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub concurrency: u16,

    /// How long a request may take
    #[arg(long, value_name = "T", default_value = "60s", value_parser = positive_duration)]
    pub timeout: Duration,

    /// How often a request is repeated
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub retries: u32,

    /// Only fetch, do not import
    #[arg(long)]
    pub no_import: bool,

    /// Where the catalog is
    #[command(flatten)]
    pub catalog: CatalogArgs,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const FETCH_HELP: &str = "\
By default the public archive is asked: whole months, and days around them, each held against its
checksum. A download that was cut off goes on where it ended. With --rest it is the REST interface,
up to now, within half of the venue's weight limit. What came is imported into the catalog. If a
file is missing or failed it is named and the exit code is 5; 6 if nobody answered at all.

Examples:
  tickwright data fetch BTCUSDT ETHUSDT --klines 1m --from 2024-01-01 --to 2024-07-01
  tickwright data fetch BTCUSDT --agg-trades --from 2025-10-04 --to 2025-10-05
  tickwright data fetch BTCUSDT --klines 1m --rest --endpoint http://127.0.0.1:8081 --from 2026-07-01";

/// Reads a date or an instant in UTC.
///
/// # Errors
/// A sentence for the user.
pub fn instant(text: &str) -> Result<Timestamp, String> {
    let expected = "expected an instant in UTC, such as 2024-08-05 or 2024-08-05T12:30:00";
    data::date::parse(text).ok_or_else(|| expected.to_owned())
}

/// Reads the name of a file whose ending names a format.
///
/// # Errors
/// A sentence for the user.
pub fn table_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    format_of(&path).map(|_| path)
}

/// The format that a file's ending names.
///
/// # Errors
/// A sentence for the user.
pub fn format_of(path: &std::path::Path) -> Result<Format, String> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.ok_or("expected FILE.csv, FILE.json or FILE.parquet")?.parse()
}
