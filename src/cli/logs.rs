//! Arguments of `logs`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with a log.
#[derive(Debug, Subcommand)]
pub enum LogsCommand {
    /// Rebuild orders, fills, fees and profit from the log alone
    Summary(SummaryArgs),
}

/// Arguments of `logs summary`.
#[derive(Debug, Args)]
#[command(after_help = SUMMARY_HELP)]
pub struct SummaryArgs {
    /// The log file; those put aside from it (FILE.1, FILE.2, …) are read too, oldest first
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const SUMMARY_HELP: &str = "\
Counts orders by what became of them, and books every `order.filled` at average cost, by strategy
and symbol, from what each start of the engine says that its journal held. It needs nothing but the
log: no journal, no venue. Profit counts from the beginning of the journal. When it is not known
exactly, for want of lines, the summary says why, prints none, and the exit code is 5.

Examples:
  tickwright logs summary state/logs/tickwright.log
  tickwright logs summary state/logs/tickwright.log --json | jq .profit";
