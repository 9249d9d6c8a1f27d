//! Arguments of `prices`.

use std::time::Duration;

use clap::Args;
use model::Symbol;

use super::value::{EndpointArg, endpoint, positive_duration, symbol};

/// Arguments of `prices`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct PricesArgs {
    /// What to ask for
    #[arg(value_name = "SYMBOL", required = true, value_parser = symbol)]
    pub symbols: Vec<Symbol>,

    /// Whom to ask: sim, binance-live, binance-testnet, binance-demo or a URL
    #[arg(long, value_name = "NAME|URL", default_value = "sim", value_parser = endpoint)]
    pub endpoint: EndpointArg,

    /// Ask again and again, this far apart, until interrupted
    #[arg(long, value_name = "T", value_parser = positive_duration)]
    pub every: Option<Duration>,

    /// How many questions may be under way at once
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub concurrency: u16,

    /// Ask about many symbols in one request, up to 100 or N of them: cheaper from three on
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "100", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub batch: Option<u8>,

    /// How long an answer may take
    #[arg(long, value_name = "T", default_value = "5s", value_parser = positive_duration)]
    pub timeout: Duration,

    /// How long all answers may take together; what has not come by then is named
    #[arg(long, value_name = "T", value_parser = positive_duration)]
    pub total_timeout: Option<Duration>,

    /// Ask one after another as well, and in lists, and print all times and their ratios
    #[arg(long, conflicts_with = "every")]
    pub compare: bool,

    /// Print one JSON object; with --every, one a line and round
    #[arg(long)]
    pub json: bool,
}

const HELP: &str = "\
Asks for many prices at once over pooled connections. What fails is named and does not keep the
others back: the exit code is then 5, or 6 when nobody answered at all. With --every it is that of
the last round.

A request for one symbol counts 2 of the venue's request weight (6,000 a minute at Binance), a
request for up to 100 symbols counts 4: with --batch many symbols are cheaper, and one answer that
does not come costs the prices of its whole list. A symbol that the venue does not list has it
refuse a list: it is then asked for in parts until only that symbol is without a price.

Examples:
  tickwright prices BTCUSDT ETHUSDT --endpoint binance-live
  tickwright prices BTCUSDT --endpoint http://127.0.0.1:8081 --every 2s
  tickwright prices BTCUSDT ETHUSDT SOLUSDT BNBUSDT --endpoint binance-live --batch --every 1s
  tickwright prices BTCUSDT ETHUSDT SOLUSDT --concurrency 3 --compare --json";
