//! Arguments of `guard`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use model::InstanceId;

use super::ConfigArgs;
use super::value::positive_duration;
use crate::config::Override;

/// Arguments of `guard`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct GuardArgs {
    /// Where settings come from
    #[command(flatten)]
    pub config: ConfigArgs,

    /// The engine's state directory, instead of `state_dir` in the file
    #[arg(long, value_name = "DIR", conflicts_with = "api")]
    state_dir: Option<PathBuf>,

    /// Hear the heartbeat from the engine's API instead, as http://HOST:PORT
    #[arg(long, value_name = "URL")]
    pub api: Option<String>,

    /// The API's read token, in a file that only you can read
    #[arg(long, value_name = "FILE", requires = "api")]
    pub token_file: Option<PathBuf>,

    /// The installation's name, needed if the engine never answers: `instance` in its state directory
    #[arg(long, value_name = "NAME")]
    pub instance: Option<InstanceId>,

    /// How old the heartbeat may be
    #[arg(long, value_name = "T", default_value = "15s", value_parser = positive_duration)]
    pub limit: Duration,
}

const HELP: &str = "\
Runs beside the engine, on its host or another, until SIGINT or SIGTERM. When the engine's heartbeat
has not changed for --limit, by this process's own clock, it cancels the engine's entries at the
venue and goes on looking until the heartbeat is back; no answer counts as none. Entries are told by
their names: the installation's, with the role letter `e`. Exits, protective orders and orders of
others are not touched. The venue and its key are those of the configuration: a key that may trade.

Examples:
  tickwright guard --limit 10s
  tickwright guard --api http://10.0.0.5:8000 --token-file /etc/tickwright/read.token";

impl GuardArgs {
    /// The settings that these flags make.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        let directory = self.state_dir.as_ref().map(|directory| {
            Override::of_flag("--state-dir", "state_dir", directory.to_string_lossy())
        });
        directory.into_iter().collect()
    }
}
