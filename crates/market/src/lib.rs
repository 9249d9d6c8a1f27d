//! What can be known of a market from its events.
//!
//! What belongs here: the [order book](OrderBook) and its [synchronisation](BookSync) from a
//! snapshot and level changes, [bars](BarBuilder) from trades, and [`indicators`]. What does
//! not: the wire, clocks, anything that decides what to do about a market.

mod bars;
mod book_sync;
pub mod indicators;
mod ladder;
mod order_book;

pub use bars::BarBuilder;
pub use book_sync::{BookLost, BookSync, DiffOutcome, SnapshotOutcome};
pub use order_book::OrderBook;
