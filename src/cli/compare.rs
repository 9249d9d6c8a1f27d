//! Arguments of `compare`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::ConfigArgs;
use super::value::positive_duration;

/// How long orders take in a backtest that is made for the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LatencyArg {
    /// As [backtest] says
    Configured,
    /// As the run's orders took at the same time
    Measured,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct CompareArgs {
    /// The run: its state directory, with its journal and its recordings
    #[arg(value_name = "RUN")]
    pub run: PathBuf,

    /// The backtest: a directory of `backtest --export`. Without one, the run's recording is
    /// backtested for the comparison
    #[arg(value_name = "BACKTEST")]
    pub backtest: Option<PathBuf>,

    /// The recording, if it is not the newest in the state directory
    #[arg(long, value_name = "DIR")]
    pub recording: Option<PathBuf>,

    /// The journal, if the state directory holds several
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,

    /// Where settings come from: those of the run. Those of `backtest` may be others
    #[command(flatten)]
    pub config: ConfigArgs,

    /// How long orders take in the backtest of the recording
    #[arg(long, value_enum, default_value = "configured")]
    pub latency: LatencyArg,

    /// Orders that were caused so long of each other may be the same one
    #[arg(long, value_name = "DURATION", value_parser = positive_duration, default_value = "1s")]
    pub within: Duration,

    /// Show every order that differs, not the first ten
    #[arg(long)]
    pub all: bool,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const HELP: &str = "\
Holds a run in sim, paper or live that was recorded (`recording.enabled = true`) against a backtest
of the same span: how orders fared that both have, which ones only one has, and why. The backtest
begins with the positions, open orders and balances of the run, and gets the market as the run
received it; with a directory of `backtest --export` it is that one.

An order's counterpart is the one of the same strategy, symbol, side and type that was caused
nearest to it. They are alike if limit, quantity, filled quantity and average price are. Slippage is
from the middle of the market when the order was decided, by the recorded quotes. Orders that the
gate denied are not in the journal; a denied order of the backtest without a counterpart is none.

Exit code 0 if every order is alike, 5 if some differ.

Examples:
  tickwright run --set recording.enabled=true
  tickwright compare state
  tickwright compare state --latency measured --set backtest.queue=proportional --json
  tickwright backtest --data state/recordings/1790000000 --export bt
  tickwright compare state bt";
