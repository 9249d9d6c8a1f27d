//! What a run was, so that it can be told apart and repeated.

use serde::{Deserialize, Serialize};

/// Identity of a run. What depends on the machine's speed does not belong here: the same run
/// gives the same report.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RunIdentity {
    /// `demo`, `sim`, `paper`, `live` or `backtest`.
    pub mode: String,
    /// Version of the engine.
    pub version: String,
    /// Seed of whatever was random.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seed: Option<u64>,
    /// Hash of the effective config.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub config_hash: Option<String>,
    /// Hash of the market data: of the files, or of the flow of a synthetic market.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub data_hash: Option<String>,
    /// Where the market data came from.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub data: Vec<String>,
    /// Models that stand in for reality: latency, queue, fees, slippage, fill rule.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub models: Vec<ModelName>,
    /// Why the result should not be taken at face value, for example fills at the last price
    /// without latency. Shown first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
    /// The command that repeats the run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<String>,
}

/// One model and how it was set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ModelName {
    /// What it models, for example `latency`.
    pub name: String,
    /// Which one with which parameters, for example `lognormal, median 12 ms`.
    pub value: String,
}

impl ModelName {
    /// A model and its setting.
    #[must_use]
    pub fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned() }
    }
}
