//! Arguments of `replay`.

use std::path::PathBuf;

use clap::Args;

use super::ConfigArgs;
use crate::config::Override;

/// Arguments of `replay`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct ReplayArgs {
    /// The recording: a directory named by the epoch of its start; without one, the newest
    #[arg(value_name = "DIR")]
    pub recording: Option<PathBuf>,

    /// Where settings come from: those of the recorded run
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Where journal, lock and logs live, instead of `state_dir` in the file
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const HELP: &str = "\
A run with `recording.enabled = true` notes every frame, and for feed, risk, execution, the venue
(the trading session, or paper's own) and each strategy which inputs it got, in which order and
when. `replay` builds the same machines without actors, sockets, clock or key, feeds them the same
inputs and compares what comes of each, and now and then the whole state. It must be given the
settings of the run. Exit code 0 if all is the same, 5 with the first input that differs, or when
there is no recording of a machine, and then it says what it cannot check.

Examples:
  tickwright run --set recording.enabled=true
  tickwright replay --set recording.enabled=true
  tickwright replay state/recordings/1790000000 --json";

impl ReplayArgs {
    /// The settings that these flags make.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        let directory = self.state_dir.as_ref();
        let flag = |directory: &PathBuf| {
            Override::of_flag("--state-dir", "state_dir", directory.to_string_lossy())
        };
        directory.map(flag).into_iter().collect()
    }
}
