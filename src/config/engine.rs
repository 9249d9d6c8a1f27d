//! The engine's configuration, typed.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use matching::QueueModel;
use model::{Amount, Asset, Price, Quantity, Symbol};
use rust_decimal::Decimal;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

/// What is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Simulated exchange.
    Sim,
    /// Live prices, simulated fills.
    Paper,
    /// Real money.
    Live,
}

impl Mode {
    /// As it stands in files and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Paper => "paper",
            Self::Live => "live",
        }
    }
}

/// config/engine.toml with defaults, environment and flags applied.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct EngineConfig {
    pub mode: Mode,
    pub instance: Option<String>,
    pub state_dir: PathBuf,
    pub strategies_dir: Option<PathBuf>,
    pub venue: VenueConfig,
    pub feed: FeedConfig,
    pub risk: RiskConfig,
    pub journal: JournalConfig,
    pub recording: RecordingConfig,
    pub sim: SimConfig,
    pub paper: PaperConfig,
    pub supervision: SupervisionConfig,
    pub api: ApiConfig,
    pub logs: LogsConfig,
    pub alerts: AlertsConfig,
    pub monitor: MonitorConfig,
    pub threads: ThreadsConfig,
    pub shutdown: ShutdownConfig,
    pub backtest: BacktestConfig,
}

impl EngineConfig {
    /// The directory of the log files.
    #[must_use]
    pub fn log_directory(&self) -> PathBuf {
        self.logs.directory.clone().unwrap_or_else(|| self.state_dir.join("logs"))
    }
}

/// How the venue writes its streams and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VenueFormat {
    /// As text.
    Json,
    /// Simple binary encoding: known by name, and refused until somebody writes it.
    Sbe,
}

/// Which exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// The built-in one, started inside the engine.
    Sim,
    /// api.binance.com.
    BinanceLive,
    /// testnet.binance.vision.
    BinanceTestnet,
    /// demo-api.binance.com.
    BinanceDemo,
    /// The configured URLs.
    Custom,
}

/// The three addresses of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueUrls {
    /// REST base.
    pub rest: String,
    /// Market stream base, without `/ws` or `/stream`.
    pub ws: String,
    /// WebSocket API address.
    pub ws_api: String,
}

impl Endpoint {
    /// As it stands in files and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::BinanceLive => "binance-live",
            Self::BinanceTestnet => "binance-testnet",
            Self::BinanceDemo => "binance-demo",
            Self::Custom => "custom",
        }
    }

    /// The addresses that the venue documents; `None` for those known only at run time.
    #[must_use]
    pub fn urls(self) -> Option<VenueUrls> {
        let (rest, ws, ws_api) = match self {
            Self::Sim | Self::Custom => return None,
            Self::BinanceLive => (
                "https://api.binance.com",
                "wss://stream.binance.com:9443",
                "wss://ws-api.binance.com:443/ws-api/v3",
            ),
            Self::BinanceTestnet => (
                "https://testnet.binance.vision",
                "wss://stream.testnet.binance.vision",
                "wss://ws-api.testnet.binance.vision/ws-api/v3",
            ),
            Self::BinanceDemo => (
                "https://demo-api.binance.com",
                "wss://demo-stream.binance.com",
                "wss://demo-ws-api.binance.com/ws-api/v3",
            ),
        };
        Some(VenueUrls { rest: rest.to_owned(), ws: ws.to_owned(), ws_api: ws_api.to_owned() })
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct VenueConfig {
    pub endpoint: Endpoint,
    pub format: VenueFormat,
    rest_url: Option<String>,
    ws_url: Option<String>,
    ws_api_url: Option<String>,
    pub api_key_file: Option<PathBuf>,
    pub api_key_env: Option<String>,
    pub secret_file: Option<PathBuf>,
    pub secret_env: Option<String>,
    pub private_key_file: Option<PathBuf>,
    pub private_key_env: Option<String>,
    #[serde(rename = "recv_window_ms", deserialize_with = "millis")]
    pub recv_window: Duration,
    #[serde(rename = "fence_margin_ms", deserialize_with = "millis")]
    pub fence_margin: Duration,
    #[serde(rename = "answer_timeout_ms", deserialize_with = "millis")]
    pub answer_timeout: Duration,
    #[serde(rename = "probe_every_ms", deserialize_with = "millis")]
    pub probe_every: Duration,
    #[serde(rename = "silent_after_ms", deserialize_with = "millis")]
    pub silent_after: Duration,
    #[serde(rename = "reconcile_every_ms", deserialize_with = "millis")]
    pub reconcile_every: Duration,
    #[serde(rename = "rules_every_ms", deserialize_with = "millis")]
    pub rules_every: Duration,
    /// As the venue spells it.
    pub self_trade_prevention: String,
    pub accept_key_that_withdraws: bool,
}

impl VenueConfig {
    /// The addresses to connect to; `None` for the built-in exchange, which says its own once it
    /// listens.
    #[must_use]
    pub fn urls(&self) -> Option<VenueUrls> {
        self.endpoint.urls().or_else(|| {
            Some(VenueUrls {
                rest: self.rest_url.clone()?,
                ws: self.ws_url.clone()?,
                ws_api: self.ws_api_url.clone()?,
            })
        })
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct FeedConfig {
    #[serde(rename = "trade_stale_after_ms", deserialize_with = "millis")]
    pub trade_stale_after: Duration,
    #[serde(rename = "quote_stale_after_ms", deserialize_with = "millis")]
    pub quote_stale_after: Duration,
    #[serde(rename = "depth_stale_after_ms", deserialize_with = "millis")]
    pub depth_stale_after: Duration,
    #[serde(rename = "kline_stale_after_ms", deserialize_with = "millis")]
    pub kline_stale_after: Duration,
    #[serde(rename = "silent_after_ms", deserialize_with = "millis")]
    pub silent_after: Duration,
    #[serde(rename = "reconnect_initial_ms", deserialize_with = "millis")]
    pub reconnect_initial: Duration,
    #[serde(rename = "reconnect_max_ms", deserialize_with = "millis")]
    pub reconnect_max: Duration,
    #[serde(rename = "rotate_after_ms", deserialize_with = "millis")]
    pub rotate_after: Duration,
    pub books: bool,
    pub depth_snapshot_limit: u32,
}

/// The limits of the whole account, in `currency`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct RiskConfig {
    pub currency: Asset,
    pub max_order_notional: Amount,
    pub max_position_notional: Amount,
    pub max_total_notional: Amount,
    pub max_open_orders: u32,
    pub max_orders_per_10s: u32,
    pub price_collar_bps: u32,
    #[serde(rename = "stale_after_ms", deserialize_with = "millis")]
    pub stale_after: Duration,
    pub daily_loss: Amount,
    pub max_drawdown: Amount,
}

/// What a record survives before its order leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DurabilityLevel {
    /// A power cut.
    Power,
    /// The death of the process.
    Process,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct JournalConfig {
    pub durability: DurabilityLevel,
    pub archive_after_days: u64,
}

/// What is recorded for a replay.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct RecordingConfig {
    pub enabled: bool,
    pub directory: Option<PathBuf>,
}

/// How fast the simulated exchange's clock runs.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub enum Speed {
    /// Seconds of market per second of wall time.
    Times(f64),
    /// Event by event, as fast as it goes.
    Max,
}

/// The text is neither a number above zero nor `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a number above 0, or max")]
pub struct SpeedError;

impl std::str::FromStr for Speed {
    type Err = SpeedError;
    fn from_str(text: &str) -> Result<Self, SpeedError> {
        match text.parse::<f64>() {
            _ if text == "max" => Ok(Self::Max),
            Ok(times) if times.is_finite() && times > 0.0 => Ok(Self::Times(times)),
            Ok(_) | Err(_) => Err(SpeedError),
        }
    }
}

impl TryFrom<String> for Speed {
    type Error = SpeedError;
    fn try_from(text: String) -> Result<Self, SpeedError> {
        text.parse()
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct SimConfig {
    pub seed: u64,
    pub speed: Speed,
    pub volatility: f64,
    pub symbols: Vec<SimSymbol>,
    pub maker_fee: Decimal,
    pub taker_fee: Decimal,
    pub initial_balances: Vec<Balance>,
}

/// What stands in for the venue in paper trading.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct PaperConfig {
    pub initial_balances: Vec<Balance>,
    pub maker_fee: Decimal,
    pub taker_fee: Decimal,
    #[serde(rename = "latency_min_ms", deserialize_with = "millis")]
    pub latency_min: Duration,
    #[serde(rename = "latency_max_ms", deserialize_with = "millis")]
    pub latency_max: Duration,
    pub queue: QueueModel,
}

/// One symbol of the synthetic market.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct SimSymbol {
    pub symbol: Symbol,
    pub start_price: Option<Price>,
    pub activity: f64,
    #[serde(default)]
    pub not_allowed: Vec<String>,
}

/// An amount of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Balance {
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub asset: Asset,
}

impl TryFrom<String> for Balance {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (amount, asset) = text.split_once(' ').ok_or("expected an amount and its asset")?;
        let amount = amount.parse().map_err(|_| "expected a decimal amount")?;
        let asset = Asset::new(asset).map_err(|_| "expected an asset")?;
        Ok(Self { amount, asset })
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct SupervisionConfig {
    #[serde(rename = "restart_initial_ms", deserialize_with = "millis")]
    pub restart_initial: Duration,
    #[serde(rename = "restart_max_ms", deserialize_with = "millis")]
    pub restart_max: Duration,
    pub restarts_before_quarantine: u32,
    #[serde(rename = "spin_limit_ms", deserialize_with = "millis")]
    pub spin_limit: Duration,
    pub spin_strikes: u32,
    pub effects_per_step: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct ApiConfig {
    pub enabled: bool,
    pub bind: IpAddr,
    pub port: u16,
    pub read_token_file: Option<PathBuf>,
    pub read_token_env: Option<String>,
}

/// What goes to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerminalLog {
    /// Human lines on a terminal, JSON lines in a pipe.
    Auto,
    /// Human lines.
    Human,
    /// JSON lines.
    Json,
    /// Nothing.
    Off,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct LogsConfig {
    directory: Option<PathBuf>,
    #[serde(deserialize_with = "level")]
    pub level: tracing::Level,
    pub rotate_bytes: u64,
    pub keep_files: usize,
    pub terminal: TerminalLog,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct AlertsConfig {
    /// Secret, because such addresses hold tokens.
    #[serde(default, deserialize_with = "secret")]
    pub webhook_url: Option<SecretString>,
    #[serde(rename = "timeout_ms", deserialize_with = "millis")]
    pub timeout: Duration,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct MonitorConfig {
    #[serde(rename = "heartbeat_every_ms", deserialize_with = "millis")]
    pub heartbeat_every: Duration,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct ThreadsConfig {
    pub order_path_nice: i32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct ShutdownConfig {
    #[serde(rename = "drain_timeout_ms", deserialize_with = "millis")]
    pub drain_timeout: Duration,
}

/// How the orders of a backtest fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillRule {
    /// As the models say.
    Model,
    /// At once, at the last price.
    Last,
}

/// What pays the fees of a backtest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeAsset {
    /// What the order receives.
    Received,
    /// Always the quote asset.
    Quote,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct BacktestConfig {
    pub cash: Amount,
    #[serde(default)]
    pub balances: Vec<Balance>,
    pub fill: FillRule,
    #[serde(rename = "latency_min_ms", deserialize_with = "millis")]
    pub latency_min: Duration,
    #[serde(rename = "latency_max_ms", deserialize_with = "millis")]
    pub latency_max: Duration,
    pub seed: u64,
    pub queue: QueueModel,
    #[serde(deserialize_with = "decimal")]
    pub half_spread_bps: Decimal,
    #[serde(deserialize_with = "decimal")]
    pub slippage_bps: Decimal,
    #[serde(deserialize_with = "decimal")]
    pub participation: Decimal,
    pub maker_fee: Decimal,
    pub taker_fee: Decimal,
    pub fee_asset: FeeAsset,
    pub filters: bool,
    pub limits: bool,
    #[serde(default)]
    pub symbols: Vec<BacktestSymbol>,
}

/// What is known of one symbol in a backtest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct BacktestSymbol {
    pub symbol: Symbol,
    pub base: Option<Asset>,
    pub quote: Option<Asset>,
    pub maker_fee: Option<Decimal>,
    pub taker_fee: Option<Decimal>,
    pub tick: Option<Price>,
    pub step: Option<Quantity>,
    pub min_quantity: Option<Quantity>,
    pub min_notional: Option<Amount>,
}

/// A number as the file writes it: the shortest text of its float.
fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let text = f64::deserialize(deserializer)?.to_string();
    text.parse().map_err(serde::de::Error::custom)
}

fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<tracing::Level, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
}
