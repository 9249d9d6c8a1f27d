//! What kept a run from trading to its end.

use std::fmt;

use model::{Symbol, Timestamp};
use serde::{Deserialize, Serialize};

use crate::calendar::date_time;

/// What is left of trading.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HaltState {
    /// Nothing is bought any more; what is held may be sold.
    ReduceOnly,
    /// Nothing but cancels.
    Halted,
    /// A strategy failed and gets nothing more.
    Failed,
}

impl HaltState {
    /// Stable lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReduceOnly => "reduce_only",
            Self::Halted => "halted",
            Self::Failed => "failed",
        }
    }
}

/// Trading, or a part of it, ended before the data did: what comes after is not what the strategies
/// would have made of it, and the result is no result for the whole span.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Halt {
    /// When, by the time of events.
    pub at: Timestamp,
    /// What is left.
    pub state: HaltState,
    /// Of which strategy; `None` for all.
    #[serde(default)]
    pub strategy: Option<String>,
    /// Of which symbol; `None` for all.
    #[serde(default)]
    pub symbol: Option<Symbol>,
    /// The rule that stopped it, such as `drawdown`.
    pub rule: String,
    /// Why, in words.
    pub reason: String,
}

impl fmt::Display for Halt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.strategy, self.symbol) {
            (Some(strategy), _) => write!(out, "strategy {strategy}")?,
            (None, Some(symbol)) => write!(out, "trading of {symbol}")?,
            (None, None) => out.write_str("trading")?,
        }
        let what = match self.state {
            HaltState::ReduceOnly => "buys nothing more",
            HaltState::Halted => "is halted",
            HaltState::Failed => "has failed and does nothing more",
        };
        write!(out, " {what} from {} on, by {}: {}", date_time(self.at), self.rule, self.reason)
    }
}

/// What was under way when the data ended: the run ends with its last event, and nobody knows what
/// would have become of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Ending {
    /// Orders, cancels and questions that had not reached the venue.
    pub commands_on_their_way: u64,
    /// What the venue had done and nobody was told of yet.
    pub answers_on_their_way: u64,
    /// Of them, fills: the account has them, the result does not.
    pub fills_on_their_way: u64,
    /// Orders that the venue had open.
    pub open_orders: u64,
}

impl Ending {
    /// In a sentence, if there is anything to say.
    #[must_use]
    pub fn in_words(&self) -> Option<String> {
        if *self == Self::default() {
            return None;
        }
        let Self { commands_on_their_way, answers_on_their_way, fills_on_their_way, open_orders } =
            self;
        Some(format!(
            "{commands_on_their_way} commands on their way to the venue, {answers_on_their_way} \
             answers on their way back ({fills_on_their_way} of them fills, which the result does \
             not have), {open_orders} orders open: nothing comes after the last event"
        ))
    }
}
