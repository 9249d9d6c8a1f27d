//! The built-in strategies, one a file, and the table of them.
//!
//! What belongs here: deciding when to buy and to sell, from what the context shows. What does
//! not: limits (the risk gate's), rounding to the venue's steps (the risk gate's as well), files
//! and clocks. A strategy of your own lives in your own crate and needs only the `kernel`.
//!
//! All of them trade with their own fills alone, long or flat, and do so for each symbol of their
//! file apart.

mod cooldown;
mod dip_buyer;
mod ema_cross;
mod grid;
mod ladder;
mod lots;
mod market_maker;
mod parameters;
mod per_symbol;
mod table;
#[cfg(test)]
mod testing;

pub use dip_buyer::DipBuyer;
pub use ema_cross::EmaCross;
pub use grid::Grid;
pub use market_maker::MarketMaker;
pub use table::ALL;
