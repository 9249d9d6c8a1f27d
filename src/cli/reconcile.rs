//! Arguments of `reconcile`.

use std::path::PathBuf;

use clap::Args;

use super::ConfigArgs;
use crate::config::Override;

/// Arguments of `reconcile`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct ReconcileArgs {
    /// Where settings come from
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Where journal, lock and logs live, instead of `state_dir` in the file
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    /// Journal the differences as adjustments: the account is right. The engine must be stopped
    #[arg(long)]
    pub accept: bool,

    /// With --accept: write lots of this strategy off that the account has not any more; may be given
    /// again for another one
    #[arg(long, value_name = "ID", requires = "accept")]
    pub write_off: Vec<String>,

    /// With --accept: only say what would be journaled. The engine may run
    #[arg(long, requires = "accept")]
    pub dry_run: bool,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const HELP: &str = "\
Compares what the journal adds up to with what the account holds, of every asset that our symbols
are made of, trades that the journal has not booked yet included. Changes nothing and orders nothing.
A start that finds less than the journal says, or more of something that strategies hold, is halted:
look here, find out why, then --accept and `resume`. The exit code is 5 while there is such a
difference.

Where strategies hold more than there is, because theirs was sold or withdrawn by hand, no adjustment
helps: buy it back by hand, or say whose lots are gone. --write-off takes as much as is missing out of
that strategy's position, at its cost: it makes neither profit nor loss of it, and no sale is invented.
It is journaled as an external flow. Look with --dry-run first.

Examples:
  tickwright reconcile
  tickwright reconcile --accept --write-off grid_sol --dry-run
  tickwright reconcile --accept && tickwright run";

impl ReconcileArgs {
    /// The settings that these flags make.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        let directory = self.state_dir.as_ref().map(|directory| {
            Override::of_flag("--state-dir", "state_dir", directory.to_string_lossy())
        });
        directory.into_iter().collect()
    }
}
