//! What is owned: positions as the sum of fills less fees, balances, equity.

mod position;

pub use position::{Position, PositionError};
