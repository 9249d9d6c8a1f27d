//! Performance figures under one named convention, `daily-utc-365`.
//!
//! - A return is the change from one daily UTC close of account equity to the next, unrealised
//!   profit included. Days without a sample keep the last close, so their return is zero.
//! - A year has 365 periods; the risk-free rate is 0.
//! - Trade figures come from closed trades: flat to flat, or first-in-first-out lots.
//! - A figure that the sample cannot carry is [`Figure::NotAvailable`], with the reason.
//!
//! Other tools define the same names differently; [`compat`] computes theirs beside ours.
//!
//! Figures are floats: they describe money and are never booked.

pub mod compat;
mod deflated;
mod drawdown;
mod equity;
mod figure;
#[cfg(test)]
mod golden;
mod performance;
mod returns;
mod round_trips;
mod trades;

pub use deflated::{DeflatedSharpe, SharpeSample, deflated_sharpe, expected_best_sharpe};
pub use drawdown::{Drawdown, DrawdownSummary, DrawdownTracker};
pub use equity::{DailyClose, DailyCloses, EquityHistory, EquityTracker, MonthlyReturn};
pub use figure::{Figure, MIN_DAILY_RETURNS, MIN_TRADES, SampleRule};
pub use performance::{CONVENTION, PERIODS_PER_YEAR, PerformanceFigures};
pub use returns::rolling_sharpe;
pub use round_trips::{RoundTrips, TradeFill};
pub use trades::{ClosedTrade, TradeFigures, TradeMethod, TradeStats};
