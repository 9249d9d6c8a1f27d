//! The running hash of a flow: FNV-1a, 64 bits, which is plenty to tell two flows apart and
//! nothing to keep a secret with.

use super::{Action, FlowEvent};

/// The hash of nothing.
pub const START: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Adds bytes to a hash.
pub fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

/// The hash of some bytes.
pub fn checksum(bytes: &[u8]) -> u64 {
    fnv1a(START, bytes)
}

/// Adds an event to a hash.
pub fn add(hash: u64, event: &FlowEvent) -> u64 {
    let numbers: [i64; 4] = match event.action {
        Action::Print { price, quantity, aggressor } => {
            [aggressor.sign(), price.units(), quantity.units(), 0]
        }
        Action::Place { key, side, price, quantity } => {
            [10 * side.sign(), price.units(), quantity.units(), key.cast_signed()]
        }
        Action::Cancel { key } => [20, 0, 0, key.cast_signed()],
        Action::Take { key, side, limit, quantity } => {
            [30 * side.sign(), limit.units(), quantity.units(), key.cast_signed()]
        }
    };
    let hash = fnv1a(hash, &event.at.to_le_bytes());
    let hash = fnv1a(hash, &(event.symbol as u64).to_le_bytes());
    numbers.iter().fold(hash, |hash, number| fnv1a(hash, &number.to_le_bytes()))
}
