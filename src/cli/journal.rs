//! Arguments of `journal` and `explain`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What to do with a journal.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Check every record, and that they add up to what is stored
    Verify(VerifyArgs),
    /// Show records
    Show(ShowArgs),
    /// Write a table of orders, fills, positions and more
    Export(ExportArgs),
}

/// Which journal. It is only read, also while the engine writes it.
#[derive(Debug, Clone, Args)]
pub struct JournalArgs {
    /// The journal; without one, that of the state directory
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,

    /// The engine's state directory
    #[arg(long, value_name = "DIR", default_value = "state")]
    pub state_dir: PathBuf,
}

/// Arguments of `journal verify`.
#[derive(Debug, Args)]
#[command(after_help = VERIFY_HELP)]
pub struct VerifyArgs {
    /// Which journal
    #[command(flatten)]
    pub journal: JournalArgs,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const VERIFY_HELP: &str = "\
Reads every record from the first one on: its number, its checksum, its form; then the database's
own structure, and that the stored ledger and the table of positions are what the records add up
to. Exit code 0 if all is well, 7 with the first record that is not.

Examples:
  tickwright journal verify
  tickwright journal verify --journal backup/journal-sim.sqlite --json";

/// Arguments of `journal show`.
#[derive(Debug, Args)]
#[command(after_help = SHOW_HELP)]
pub struct ShowArgs {
    /// Which journal
    #[command(flatten)]
    pub journal: JournalArgs,

    /// Of this kind only, such as order_filled; may be repeated
    #[arg(long = "kind", value_name = "KIND")]
    pub kinds: Vec<String>,

    /// About this order only: its client order id, or epoch-strategy-number
    #[arg(long, value_name = "ORDER_ID")]
    pub order: Option<String>,

    /// About this strategy only
    #[arg(long, value_name = "NAME")]
    pub strategy: Option<String>,

    /// About this symbol only
    #[arg(long, value_name = "SYMBOL")]
    pub symbol: Option<String>,

    /// After this record only
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub after: u64,

    /// The newest so many; 0 for all
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub last: u64,

    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}

const SHOW_HELP: &str = "\
Examples:
  tickwright journal show
  tickwright journal show --kind order_filled --symbol BTCUSDT --last 10
  tickwright journal show --order tw4f9k2a-tkz1a0-3-2e --json
  tickwright journal show --after 120000 --last 0 --json | jq .kind | sort | uniq -c";

/// A documented view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Table {
    /// Every order with its state
    Orders,
    /// Every order as it was decided, with its cause
    Intents,
    /// Every fill of an order of ours
    Fills,
    /// Manual trades of the account
    ExternalFills,
    /// What is held, by strategy and symbol
    Positions,
    /// Points of the equity curves
    Equity,
    /// Changes of the trading state
    TradingStates,
    /// The records themselves
    Records,
}

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Comma-separated, with a line of names
    Csv,
    /// One JSON object a line
    Jsonl,
}

/// Arguments of `journal export`.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_HELP)]
pub struct ExportArgs {
    /// What to write
    #[arg(value_enum)]
    pub table: Table,

    /// Which journal
    #[command(flatten)]
    pub journal: JournalArgs,

    /// How
    #[arg(long, value_enum, default_value = "csv")]
    pub format: Format,

    /// Where to; standard output if not given
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

const EXPORT_HELP: &str = "\
The tables are the views of the journal, which any SQLite client can query as well, also while the
engine runs (docs/JOURNAL.md). Money and quantities are exact decimals; times are nanoseconds since
1970 UTC.

Examples:
  tickwright journal export fills > fills.csv
  tickwright journal export orders --format jsonl --output orders.jsonl";

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_HELP)]
pub struct ExplainArgs {
    /// The order: its client order id, or epoch-strategy-number
    #[arg(value_name = "ORDER_ID")]
    pub order: String,

    /// Which journal
    #[command(flatten)]
    pub journal: JournalArgs,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const EXPLAIN_HELP: &str = "\
From the journal alone: the market event that made the strategy act, what each risk rule compared,
the time at each step, what the venue answered, every fill with its fee.

Examples:
  tickwright explain tw4f9k2a-tkz1a0-3-2e
  tickwright explain 1790000000-3-2 --json";
