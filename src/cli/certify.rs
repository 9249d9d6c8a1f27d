//! Arguments of `certify`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use model::Symbol;

use super::ConfigArgs;
use super::value::symbol;
use crate::certify::WireFormat;
use crate::config::Override;

/// Arguments of `certify`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct CertifyArgs {
    /// Where settings come from: `[venue]` has the key, and the addresses of endpoint `custom`
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Whose behaviour is certified
    #[arg(long, value_name = "NAME")]
    pub endpoint: CertifyEndpoint,

    /// What is traded for it, in the smallest quantities allowed
    #[arg(long, value_name = "SYMBOL", value_parser = symbol, default_value = "BTCUSDT")]
    pub symbol: Symbol,

    /// How answers are written; the venue's binary form (SBE) is to come
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    pub format: WireFormat,

    /// Write the report to this file: as text, as JSON (.json) or as a page (.html); may be
    /// repeated
    #[arg(long = "report", value_name = "FILE")]
    pub reports: Vec<PathBuf>,
}

/// Where orders may be placed for it: never with real money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CertifyEndpoint {
    /// The test network.
    BinanceTestnet,
    /// Demo mode.
    BinanceDemo,
    /// The three URLs of the configuration, for example those of `tickwright exchange`.
    Custom,
}

impl CertifyEndpoint {
    /// As it stands in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BinanceTestnet => "binance-testnet",
            Self::BinanceDemo => "binance-demo",
            Self::Custom => "custom",
        }
    }
}

const HELP: &str = "\
Runs numbered checks at the venue with your key: signatures, log on, every order type, a partial
fill, lists, amendments, the codes and words of refusals, user data through a reconnect, clock and
limits. Each runs at a simulated exchange too, which is started for it, and every answer of the
venue must have the same shape. Orders are small, far from the market or sold again at once, and
what is left open is taken back. With real money it is refused.

The report holds nothing of the key and can be shared. The exit code is 5 when a check failed.

Examples:
  tickwright certify --endpoint binance-testnet --set venue.api_key_file=key \\
    --set venue.private_key_file=key.pem --report certify.html --report certify.json
  tickwright certify --endpoint custom --config certify.toml --symbol ETHUSDT";

impl CertifyArgs {
    /// The settings that these flags make.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        vec![
            Override::of_flag("--endpoint", "venue.endpoint", self.endpoint.as_str()),
            Override::of_flag("--endpoint", "mode", "live"),
        ]
    }
}
