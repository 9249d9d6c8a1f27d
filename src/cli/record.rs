//! Arguments of `record`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use model::Symbol;

use super::value::{EndpointArg, endpoint, positive_duration, symbol};

/// Arguments of `record`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct RecordArgs {
    /// Of what
    #[arg(value_name = "SYMBOL", required = true, value_parser = symbol)]
    pub symbols: Vec<Symbol>,

    /// Streams of each symbol, with commas between them
    #[arg(
        long,
        value_name = "STREAM,…",
        value_delimiter = ',',
        default_value = "trade,bookTicker,depth@100ms"
    )]
    pub streams: Vec<String>,

    /// Whom to record: binance-live, binance-testnet, binance-demo or a REST URL
    #[arg(long, value_name = "NAME|URL", default_value = "binance-live", value_parser = endpoint)]
    pub endpoint: EndpointArg,

    /// Market stream base, where --endpoint is a URL and the streams are elsewhere
    #[arg(long, value_name = "URL")]
    pub ws_url: Option<String>,

    /// Where the files go
    #[arg(long, value_name = "DIR", default_value = "recordings")]
    pub dir: PathBuf,

    /// How the files' names begin
    #[arg(long, value_name = "TEXT", default_value = "binance-spot", value_parser = prefix)]
    pub prefix: String,

    /// How long; until SIGINT or SIGTERM if absent
    #[arg(long = "for", value_name = "T", value_parser = positive_duration)]
    pub duration: Option<Duration>,

    /// Print one JSON object at the end
    #[arg(long)]
    pub json: bool,
}

const HELP: &str = "\
Writes every frame byte for byte with the instant of its receipt, compressed, a new file each UTC
day. The instruments, and a snapshot of each book after every connection, are recorded with it. A
file is readable up to the last second or so however the process ends, and can be replayed by
`tickwright exchange --replay` and read by `tickwright data import`.

Examples:
  tickwright record BTCUSDT ETHUSDT
  tickwright record BTCUSDT --streams trade,aggTrade,kline_1m --for 60m
  tickwright record BTCUSDT --endpoint http://127.0.0.1:8081 --ws-url ws://127.0.0.1:8081";

/// A file's name must not be taken for one of the archive's, whose names say what they hold.
fn prefix(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_taken = text.to_ascii_lowercase().contains("trades") || text.starts_with("kl");
    if text.is_empty() || !text.chars().all(is_plain) || is_taken {
        return Err(
            "expected letters, digits, `-` and `_`; not `trades`, nor `kl` first".to_owned()
        );
    }
    Ok(text.to_owned())
}
