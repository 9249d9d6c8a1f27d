//! The gate that every intent passes, one rule a file, and the trading state.

mod approved;
mod state;

pub use approved::Approved;
pub use state::TradingState;
