//! Last prices of many symbols at once.
//!
//! What belongs here: asking a venue's REST API for one price a symbol, in parallel over pooled
//! connections, and saying of each symbol what it costs or why that is not known. What does not:
//! arguments, output and exit codes (`commands::prices`), and the engine's market data, which
//! comes over websockets.

mod ask;
mod error;

pub use ask::{Answers, PriceClient, Question};
pub use error::PriceError;
