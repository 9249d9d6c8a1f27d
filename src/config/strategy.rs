//! A strategy's configuration, typed: one file, one instance.

use std::path::PathBuf;

use kernel::parameters::Parameters;
use model::{Amount, Symbol};
use serde::Deserialize;

/// One file of config/strategies with defaults, environment and flags applied.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct StrategyConfig {
    /// The file it came from.
    pub file: PathBuf,
    pub id: String,
    pub kind: String,
    pub symbols: Vec<Symbol>,
    pub enabled: bool,
    pub capital: Amount,
    pub risk: StrategyRisk,
    pub protection: StrategyProtection,
    pub parameters: Parameters,
}

/// A strategy's own limits. Those of the engine hold besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct StrategyRisk {
    pub max_order_notional: Option<Amount>,
    pub max_position_notional: Option<Amount>,
    pub max_open_orders: Option<u32>,
    pub max_orders_per_10s: Option<u32>,
    pub daily_loss: Option<Amount>,
    pub max_drawdown: Option<Amount>,
}

/// Stop orders at the venue for what the strategy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the key table documents every field")]
pub struct StrategyProtection {
    pub stop_loss_bps: Option<u32>,
    pub stop_limit_bps: Option<u32>,
    pub take_profit_bps: Option<u32>,
}

/// As the layers merge, but for the parameters, which have a table of their own. What is in no table
/// was refused before.
#[derive(Debug, Deserialize)]
pub(super) struct MergedStrategy {
    pub id: String,
    pub kind: String,
    pub symbols: Vec<Symbol>,
    pub enabled: bool,
    pub capital: Amount,
    #[serde(default)]
    pub risk: StrategyRisk,
    #[serde(default)]
    pub protection: StrategyProtection,
}
