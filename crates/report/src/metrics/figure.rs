//! A figure, or the reason why there is none.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Fewest daily returns that an annualised figure needs.
pub const MIN_DAILY_RETURNS: usize = 30;
/// Fewest closed trades that a trade figure needs.
pub const MIN_TRADES: usize = 20;

/// A number, or the reason why the sample does not carry it. In JSON: the number, or
/// `{"not_available": "12 daily returns, 30 needed"}`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Figure {
    /// The number; always finite.
    Value(f64),
    /// No number.
    NotAvailable {
        /// Why, in words.
        not_available: String,
    },
}

impl Figure {
    /// The number, or `reason` when it is not finite (a division by zero, for example).
    #[must_use]
    pub fn finite(value: f64, reason: &str) -> Self {
        if value.is_finite() { Self::Value(value) } else { Self::unavailable(reason) }
    }

    /// The number, or `reason` when there is none or it is not finite.
    #[must_use]
    pub fn or_reason(value: Option<f64>, reason: &str) -> Self {
        Self::finite(value.unwrap_or(f64::NAN), reason)
    }

    /// No number, for this reason.
    #[must_use]
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::NotAvailable { not_available: reason.into() }
    }

    /// The number, if there is one.
    #[must_use]
    pub const fn value(&self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(*value),
            Self::NotAvailable { .. } => None,
        }
    }

    /// The reason, if there is no number.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Value(_) => None,
            Self::NotAvailable { not_available } => Some(not_available),
        }
    }
}

impl fmt::Display for Figure {
    /// The number with the precision asked for, or `n/a`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => fmt::Display::fmt(value, out),
            Self::NotAvailable { .. } => out.pad("n/a"),
        }
    }
}

/// Whether figures that the sample is too small for are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleRule {
    /// Too small a sample gives no figure.
    #[default]
    Enforced,
    /// Figures are printed whenever they can be computed (`--force-figures`).
    Forced,
}

impl SampleRule {
    /// `figure`, if `returns` daily returns are enough for it.
    pub(super) fn daily(self, returns: usize, figure: impl FnOnce() -> Figure) -> Figure {
        self.enough(returns, MIN_DAILY_RETURNS, "daily return", figure)
    }

    /// `figure`, if `trades` closed trades are enough for it.
    pub(super) fn trades(self, trades: usize, figure: impl FnOnce() -> Figure) -> Figure {
        self.enough(trades, MIN_TRADES, "closed trade", figure)
    }

    fn enough(
        self,
        count: usize,
        needed: usize,
        what: &str,
        figure: impl FnOnce() -> Figure,
    ) -> Figure {
        match self {
            Self::Enforced if count < needed => {
                let plural = if count == 1 { "" } else { "s" };
                Figure::unavailable(format!("{count} {what}{plural}, {needed} needed"))
            }
            Self::Enforced | Self::Forced => figure(),
        }
    }
}
