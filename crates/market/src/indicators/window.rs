//! The last `n` values.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

/// A ring of the last `n` values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Window {
    length: NonZeroUsize,
    values: Vec<f64>,
    /// Where the next value goes: the oldest one once the ring is full.
    next: usize,
}

impl Window {
    pub(super) fn new(length: NonZeroUsize) -> Self {
        Self { length, values: Vec::with_capacity(length.get()), next: 0 }
    }

    pub(super) const fn length(&self) -> usize {
        self.length.get()
    }

    pub(super) fn is_full(&self) -> bool {
        self.values.len() == self.length.get()
    }

    /// Whether the ring has just come round: the moment to replace a running sum, which gathers
    /// rounding errors, by a fresh one, at constant cost on average.
    pub(super) const fn has_come_round(&self) -> bool {
        self.next == 0
    }

    /// Adds a value; the one that falls out, if the ring was full.
    pub(super) fn push(&mut self, value: f64) -> Option<f64> {
        let dropped = if self.is_full() {
            Some(std::mem::replace(&mut self.values[self.next], value))
        } else {
            self.values.push(value);
            None
        };
        self.next = (self.next + 1) % self.length.get();
        dropped
    }

    /// The values in no particular order.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }
}
