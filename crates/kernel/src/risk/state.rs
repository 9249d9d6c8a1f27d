//! The trading state: what is allowed at all.

use serde::{Deserialize, Serialize};

/// What is allowed at all. Persisted over restarts; only an operator makes it less strict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TradingState {
    /// Everything that the rules allow.
    #[default]
    Active,
    /// Entries are cancelled and denied; sells up to the strategy's own free lots are allowed.
    ReduceOnly,
    /// Nothing but cancels. Protective orders keep working on the venue.
    Halted,
}

impl TradingState {
    /// Stable lower-case name for logs and the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::ReduceOnly => "reduce_only",
            Self::Halted => "halted",
        }
    }
}
