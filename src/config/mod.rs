//! Configuration: what can be set, where it may be set, and what is wrong with it.
//!
//! Layers, each over the one before: defaults, the files, the environment
//! (`TICKWRIGHT__SECTION__KEY`), flags (`--set section.key=value`). The `config` crate merges them;
//! the [key tables](key) check every source beforehand, so that all errors are found at once and
//! each has its file, line and column. The same tables write docs/CONFIG.md.
//!
//! What does not belong here: what the settings do.

mod check;
mod consistency;
mod decisive;
mod diagnostic;
mod document;
mod engine;
mod engine_keys;
mod hash;
pub mod key;
mod layer;
mod overrides;
mod resolve;
mod secrets;
mod sources;
mod strategy;
mod strategy_keys;
mod suggest;

pub use diagnostic::{ConfigErrors, Diagnostic, Place};
pub use document::to_markdown;
pub use engine::{
    AlertsConfig, ApiConfig, BacktestConfig, BacktestSymbol, Balance, DurabilityLevel, Endpoint,
    EngineConfig, FeeAsset, FeedConfig, FillRule, JournalConfig, LogsConfig, Mode, MonitorConfig,
    PaperConfig, RiskConfig, ShutdownConfig, SimConfig, SimSymbol, Speed, SpeedError,
    SupervisionConfig, TerminalLog, VenueConfig, VenueUrls,
};
pub use engine_keys::ENGINE_KEYS;
pub use hash::ConfigHash;
pub use overrides::{Override, PREFIX};
pub use resolve::{Config, load, load_and_inspect, load_for_backtest};
pub use secrets::{Credentials, SecretError, SigningKey, read_secret_file};
pub use sources::{SourceFile, Sources};
pub use strategy::{StrategyConfig, StrategyProtection, StrategyRisk};
pub use strategy_keys::STRATEGY_KEYS;
