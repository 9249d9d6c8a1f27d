//! Indicators that take one value at a time, in constant time and memory.
//!
//! They work in `f64`: they inform a decision and are never money. Each gives `None` until it
//! has seen its [warm-up](Ema::warm_up) count of values. All can be stored and restored.

mod ema;
mod macd;
mod roc;
mod sma;
mod volatility;
mod window;

pub use ema::Ema;
pub use macd::{Macd, MacdValue};
pub use roc::Roc;
pub use sma::Sma;
pub use volatility::{StandardDeviation, Volatility};

#[cfg(test)]
mod tests;
