//! Arguments of `parity`.

use std::path::PathBuf;

use clap::Args;
use kernel::strategy::StrategyEntry;
use model::{Symbol, Timestamp};

use super::history::FileArgs;
use super::value::{instant, symbol};
use crate::config::{Config, ConfigErrors, Override, load_for_backtest};

/// Arguments of `parity`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct ParityArgs {
    /// A capture to run over; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    pub replay: Vec<PathBuf>,

    /// Whose settings hold
    #[command(flatten)]
    pub files: FileArgs,

    /// Strategies trade this, whatever their files say
    #[arg(long, value_name = "SYMBOL", value_parser = symbol)]
    pub symbol: Option<Symbol>,

    /// End before this instant
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub to: Option<Timestamp>,

    /// Make one setting; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,

    /// Write what happened in both runs to this directory, a line each
    #[arg(long, value_name = "DIR")]
    pub export: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const HELP: &str = "\
Runs the strategies over a capture twice: once with the engine's actors, over websockets, at the
simulated exchange that replays it; once in the backtest's loop, over the imported files. Then it
compares every intent, decision, order event and fill, with its time by the venue's clock. The exit
code is 0 only if both lists are the same.

The engine is in step with the replay: the next line comes when nothing of the last one is on its
way. Orders take no time on either side. The files in config/parity trade often, in parts, and with
limits that are out of the way, so that there is something to compare.

Examples:
  tickwright parity --replay capture.gz --symbol BTCUSDT --config config/parity/engine.toml
  tickwright parity --replay capture.gz --strategy config/strategies/market_maker.toml \\
      --symbol BTCUSDT --set strategies.market_maker.parameters.requote_ms=100 --json";

impl ParityArgs {
    /// Loads the configuration.
    ///
    /// # Errors
    /// Every error of every source, an argument that is no setting among them.
    pub fn load(&self, kinds: &[StrategyEntry]) -> Result<Config, ConfigErrors> {
        let mut overrides = Override::of_environment();
        let (sets, wrong) = Override::of_sets(&self.set);
        overrides.extend(sets);
        ConfigErrors::join(load_for_backtest(&self.files.sources(), &overrides, kinds), wrong)
    }
}
