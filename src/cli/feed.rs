//! Arguments of `feed`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use model::Symbol;

use super::value::{positive_duration, symbol};

/// Arguments of `feed`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct FeedArgs {
    /// What to listen to; without any, every symbol of the recording
    #[arg(value_name = "SYMBOL", value_parser = symbol)]
    pub symbols: Vec<Symbol>,

    /// Replay this recording through the simulated exchange at full speed; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    pub replay: Vec<PathBuf>,

    /// Give up after so long
    #[arg(long = "for", value_name = "T", default_value = "5m", value_parser = positive_duration)]
    pub limit: Duration,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const HELP: &str = "\
Starts the simulated exchange on a recording, connects the engine's own feed to it over a real
websocket, and counts what arrives: frames, trades, quotes, book updates, gaps. At every book update
the best bid and ask are compared with the newest quote that is not newer than the book. The exit
code is 0 only if the recording is whole, nothing is missing, something was compared and every
comparison agrees; it is 5 otherwise. Tables of trades or klines have no frames and are refused.

Examples:
  tickwright feed --replay capture.gz
  tickwright feed BTCUSDT --replay capture.gz --json";
