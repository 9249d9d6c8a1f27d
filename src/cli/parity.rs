//! Arguments of `parity`.

use std::path::{Path, PathBuf};

use clap::Args;
use model::{Symbol, Timestamp};

use super::DEFAULT_CONFIG;
use super::value::{instant, symbol};
use crate::config::{ConfigErrors, Override, Sources};

/// Arguments of `parity`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct ParityArgs {
    /// A capture to run over; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    pub replay: Vec<PathBuf>,

    /// A strategy's file; may be repeated. Without any, those of the configuration
    #[arg(long, value_name = "FILE")]
    strategy: Vec<PathBuf>,

    /// Strategies trade this, whatever their files say
    #[arg(long, value_name = "SYMBOL", value_parser = symbol)]
    pub symbol: Option<Symbol>,

    /// End before this instant
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub to: Option<Timestamp>,

    /// The engine's configuration file; config/engine.toml if there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

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
way. Orders take no time on either side.

Examples:
  tickwright parity --replay capture.gz --symbol BTCUSDT
  tickwright parity --replay capture.gz --strategy config/strategies/market_maker.toml \\
      --symbol BTCUSDT --set strategies.market_maker.parameters.requote_ms=100 --json";

impl ParityArgs {
    /// The files that settings come from.
    #[must_use]
    pub fn sources(&self) -> Sources {
        let beside = Path::new(DEFAULT_CONFIG);
        let engine = self.config.clone().or_else(|| beside.exists().then(|| beside.to_owned()));
        match self.strategy.as_slice() {
            [] => Sources::Files { engine },
            chosen => Sources::Chosen { engine, strategies: chosen.to_vec() },
        }
    }

    /// The environment's settings, and those of `--set`.
    ///
    /// # Errors
    /// For an argument that is no setting.
    pub fn overrides(&self) -> Result<Vec<Override>, ConfigErrors> {
        let mut overrides = Override::of_environment();
        for argument in &self.set {
            overrides.push(Override::of_set(argument)?);
        }
        Ok(overrides)
    }
}
