//! Arguments of `demo`.

use std::path::PathBuf;

use clap::Args;

use super::ConfigArgs;
use crate::config::Override;

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct DemoArgs {
    /// Where settings come from; without `--config`, what the program was built with
    #[command(flatten)]
    pub config: ConfigArgs,

    /// The synthetic market is a function of this number
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Minutes of market to trade
    #[arg(long, value_name = "MINUTES", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub minutes: u32,

    /// Minutes of market per minute of yours
    #[arg(long, value_name = "N")]
    speed: Option<String>,

    /// Where the report goes
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub report: PathBuf,

    /// Print the summary as one JSON object
    #[arg(long)]
    pub json: bool,
}

const HELP: &str = "\
Starts a simulated exchange on this machine, connects the engine to it over real websockets and
HTTP, trades four strategies for a few minutes of market, and writes a report. Nothing leaves the
machine, and nothing is real.

Examples:
  tickwright demo
  tickwright demo --seed 7 --json
  tickwright demo --minutes 30 --speed 60 --report /tmp/report.html";

impl DemoArgs {
    /// The settings that these flags make.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        let seed = self.seed.map(|seed| Override::of_flag("--seed", "sim.seed", seed.to_string()));
        let speed =
            self.speed.as_ref().map(|speed| Override::of_flag("--speed", "sim.speed", speed));
        seed.into_iter().chain(speed).collect()
    }

    /// Whether the speed was chosen here.
    #[must_use]
    pub fn has_speed(&self) -> bool {
        self.speed.is_some()
    }
}
