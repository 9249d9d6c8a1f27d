//! Arguments of `exchange`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use model::Symbol;

use super::ConfigArgs;
use super::value::symbol;
use crate::config::Override;

/// Arguments of `exchange`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct ExchangeArgs {
    /// Where settings come from: `[sim]` of the engine's file
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,

    /// The synthetic market is a function of this number
    #[arg(long, value_name = "N", conflicts_with = "replay")]
    seed: Option<u64>,

    /// Offer this symbol only; may be repeated
    #[arg(long = "symbol", value_name = "SYMBOL", value_parser = symbol)]
    pub symbols: Vec<Symbol>,

    /// Replay a recording instead of a synthetic market; may be repeated
    #[arg(long, value_name = "FILE")]
    pub replay: Vec<PathBuf>,

    /// Seconds of market per second, or `max`
    #[arg(long, value_name = "N|max")]
    speed: Option<String>,

    /// Hold the first frame until so many streams are subscribed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub start_after_streams: usize,

    /// Misbehave as this file says: `<milliseconds> <request of the control path>` a line
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,

    /// Keep accounts, orders, trades and keys in this directory
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

const HELP: &str = "\
A simulated exchange that speaks Binance Spot's protocol: REST, market streams and the WebSocket
API, with signatures checked and limits counted. When it is ready it prints one JSON line with its
addresses, the keys of its account and its clock. It runs until SIGINT or SIGTERM. On loopback it
also answers under /control: clock, pause, faults, deposits (docs/EXCHANGE.md).

Examples:
  tickwright exchange --seed 7 --speed 60
  tickwright exchange --listen 127.0.0.1:8080 --symbol BTCUSDT --symbol ETHUSDT
  tickwright exchange --replay capture.gz --speed max --start-after-streams 3";

impl ExchangeArgs {
    /// The settings that these flags make.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        let seed = self.seed.map(|seed| Override::of_flag("--seed", "sim.seed", seed.to_string()));
        let speed =
            self.speed.as_ref().map(|speed| Override::of_flag("--speed", "sim.speed", speed));
        seed.into_iter().chain(speed).collect()
    }
}
