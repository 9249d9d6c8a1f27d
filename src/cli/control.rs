//! Arguments of the commands that talk to a running engine: `halt`, `reduce-only`, `resume`,
//! `flatten`, `status`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kernel::strategy::StrategyEntry;

use super::value::positive_duration;
use super::{ConfigArgs, Failure};

/// Which engine.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// Where settings come from
    #[command(flatten)]
    pub config: ConfigArgs,

    /// The engine's state directory; no configuration is read then
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

impl TargetArgs {
    /// The engine's state directory.
    ///
    /// # Errors
    /// When the configuration can't be read.
    pub fn state_dir(&self, kinds: &[StrategyEntry]) -> Result<PathBuf, Failure> {
        if let Some(directory) = &self.state_dir {
            return Ok(directory.clone());
        }
        let config = self.config.load(Vec::new(), kinds).map_err(|errors| {
            let failure = Failure::from(errors);
            let message = format!("{failure}\n--state-dir DIR names the engine without them");
            Failure::new(failure.exit, message)
        })?;
        Ok(config.engine.state_dir)
    }
}

/// Arguments of `halt`.
#[derive(Debug, Args)]
#[command(after_help = HALT_HELP)]
pub struct HaltArgs {
    /// Which engine
    #[command(flatten)]
    pub target: TargetArgs,

    /// Why, for the log and the journal
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

const HALT_HELP: &str = "\
No order of a strategy leaves any more, from the last actor before the wire on; entries and exits
are cancelled; what protects positions stays and is kept up. It outlives a restart, until `resume`.
When no engine runs, the file HALT is made in its state directory: the next start is halted. When one
runs and does not do it within five seconds, the file is made as well, and the exit code is 5.
SIGUSR1 to the engine's process does the same.

Examples:
  tickwright halt --reason \"news at eight\"
  tickwright halt --state-dir /var/lib/tickwright";

/// Arguments of `reduce-only`.
#[derive(Debug, Args)]
#[command(after_help = REDUCE_ONLY_HELP)]
pub struct ReduceOnlyArgs {
    /// Which engine
    #[command(flatten)]
    pub target: TargetArgs,

    /// Why, for the log and the journal
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

const REDUCE_ONLY_HELP: &str = "\
Only exits leave; entries are cancelled. It outlives a restart, until `resume`. After a halt it is
refused where `resume` is.

Examples:
  tickwright reduce-only --reason \"holidays\"";

/// Arguments of `resume`.
#[derive(Debug, Args)]
#[command(after_help = RESUME_HELP)]
pub struct ResumeArgs {
    /// Which engine
    #[command(flatten)]
    pub target: TargetArgs,

    /// Why, for the log and the journal
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

const RESUME_HELP: &str = "\
Trades on after `halt`, `reduce-only`, `flatten` or a limit that tripped: losses count from now.
Refused while the file HALT exists, and in a run that has found, at its start or later, that the
account does not hold what it should (see `reconcile`).

Examples:
  tickwright resume --reason \"limits looked at\"";

/// Arguments of `flatten`.
#[derive(Debug, Args)]
#[command(after_help = FLATTEN_HELP)]
pub struct FlattenArgs {
    /// Which engine
    #[command(flatten)]
    pub target: TargetArgs,

    /// Only this strategy's positions
    #[arg(long, value_name = "ID")]
    pub strategy: Option<String>,

    /// How far below the best bid of now it may sell, in basis points
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=5_000))]
    pub max_slippage_bps: u32,

    /// Only say what it would do
    #[arg(long)]
    pub dry_run: bool,

    /// How long to wait for the end
    #[arg(long, value_name = "T", default_value = "60s", value_parser = positive_duration)]
    pub timeout: Duration,
}

const FLATTEN_HELP: &str = "\
Takes back every order of ours and sells what our strategies hold, with limit orders that end at
once what nobody takes, ten times at most. Trading is reduced to exits first. What others hold in
the account is not touched. What is too little for an order is named, as is what nobody bought
within the bound: the exit code is then 5, and the position is protected as before.

Examples:
  tickwright flatten --dry-run
  tickwright flatten --strategy grid_sol --max-slippage-bps 20";

/// Arguments of `status`.
#[derive(Debug, Args)]
#[command(after_help = STATUS_HELP)]
pub struct StatusArgs {
    /// Which engine
    #[command(flatten)]
    pub target: TargetArgs,
}

const STATUS_HELP: &str = "\
Says what is allowed and why, what is wrong, when orders and balances were last compared with the
venue, and what is held. The exit code is 0 only when the engine trades and everything makes progress:
8 when it is halted, 10 when something is wrong or it is reduced to exits, 9 when no engine answers.

Examples:
  tickwright status || alert-somebody
  tickwright status
  tickwright status --json | jq .trading_state";
