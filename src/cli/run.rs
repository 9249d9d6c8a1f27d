//! Arguments of `run`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::ConfigArgs;
use crate::config::Override;

/// Arguments of `run`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct RunArgs {
    /// Where settings come from
    #[command(flatten)]
    pub config: ConfigArgs,

    /// What is real, instead of `mode` in the file
    #[arg(long, value_name = "sim|paper|live")]
    mode: Option<String>,

    /// Trade with real money: needed besides `mode = "live"`
    #[arg(long)]
    pub live: bool,

    /// Where journal, lock and logs live, instead of `state_dir` in the file
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

const HELP: &str = "\
Starts the engine and runs until SIGINT or SIGTERM, which cancels entries, confirms the cancels and
ends with 0; a second signal stops at once. `kill -9` is safe too: the next run replays its journal
and reconciles with the venue.

Examples:
  tickwright run                                        the simulated exchange
  tickwright run --mode paper --set venue.endpoint=binance-live
  tickwright run --config /etc/tickwright/engine.toml --live";

impl RunArgs {
    /// The settings that these flags make.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        engine_overrides(self.mode.as_deref(), self.state_dir.as_deref())
    }
}

/// The settings that flags of every command that starts the engine make.
pub(super) fn engine_overrides(mode: Option<&str>, state_dir: Option<&Path>) -> Vec<Override> {
    let mode = mode.map(|mode| Override::of_flag("--mode", "mode", mode));
    let directory = state_dir.map(|directory| {
        Override::of_flag("--state-dir", "state_dir", directory.to_string_lossy())
    });
    mode.into_iter().chain(directory).collect()
}
