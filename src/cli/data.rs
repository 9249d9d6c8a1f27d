//! Arguments of `data`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use data::import::{ColumnMap, TimeUnit};
use model::{Interval, Symbol};
use store::catalog::{Kind, Market};

use super::value::symbol;

/// What to do with market history.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Bring files into the catalog
    Import(ImportArgs),
    /// Show what the catalog holds
    List(ListArgs),
    /// Find what is wrong with it, and mend what is safe
    Verify(VerifyArgs),
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
exchangeInfo, tables of other tools, and Parquet files that `data export` wrote. What a file holds
is told by its content. Every record is kept, refused with its line and the reason, or passed over
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
