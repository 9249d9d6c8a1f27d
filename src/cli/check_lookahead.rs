//! Arguments of `check-lookahead`.

use std::num::NonZero;

use clap::Args;

use super::history::HistoryArgs;

/// Arguments of `check-lookahead`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct CheckLookaheadArgs {
    /// Strategies, data and settings
    #[command(flatten)]
    pub history: HistoryArgs,

    /// Cut the history at so many instants, and behind as many decisions
    #[arg(long, value_name = "N", default_value = "20")]
    pub cuts: NonZero<u32>,

    /// Runs at once; as many as there are cores if absent
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZero<usize>>,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const HELP: &str = "\
Runs the strategies over the whole history, and again over parts that end earlier: what was decided
before a cut must be decided again without what lies behind it. Also run twice, the same must come
out; and no event of the data may be known before it happened. Exit code 5 if anything differs,
or if nothing was decided.

With more history to warm up with (two, four, eight times what the strategies ask for) decisions
should hardly change: where they do, the warm-up is too short. Without --from, trading then begins
after the first quarter of the data.

A strategy that reads a file of its own is not seen through: the file is not cut.

Example:
  tickwright check-lookahead --strategy my.toml --data trades.csv --cuts 50";
