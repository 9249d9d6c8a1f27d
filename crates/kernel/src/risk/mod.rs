//! The gate that every intent passes, one rule a file, and the trading state.
//!
//! What belongs here: judging orders, tripping on losses. What does not: keeping the books that
//! it judges by, which is [`crate::portfolio`]; sending anything, which is [`crate::orders`].

mod approved;
mod checks;
mod limits;
mod machine;
mod messages;
mod protect;
mod rate;
mod restore;
mod rules;
mod state;
mod trips;
mod view;

pub use approved::Approved;
pub use checks::{Checks, RiskCheck};
pub use limits::{Limits, RiskConfig, RiskLimits, StrategyRisk};
pub use machine::RiskMachine;
pub use messages::{Authority, ProtectionNews, RestoredRisk, RiskEffect, RiskInput};
pub use rate::OrderRate;
pub use rules::{RULES, RiskRule};
pub use state::TradingState;
pub use view::{OrderRequestView, RiskView, Scope};
