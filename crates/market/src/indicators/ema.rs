//! Exponential moving average.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

/// Exponential moving average: `e ← e + α(x − e)` with `α = 2/(n + 1)`, seeded with the first
/// value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ema {
    length: NonZeroUsize,
    alpha: f64,
    average: f64,
    seen: usize,
}

impl Ema {
    /// Of `length` values: the weight of a new one is `2/(length + 1)`.
    #[must_use]
    pub fn new(length: NonZeroUsize) -> Self {
        Self { length, alpha: 2.0 / (length.get() as f64 + 1.0), average: 0.0, seen: 0 }
    }

    /// Values needed before there is a result: the length.
    #[must_use]
    pub const fn warm_up(&self) -> usize {
        self.length.get()
    }

    /// Takes a value.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        self.update(value);
        self.value()
    }

    /// Takes a value; the average, warm or not.
    pub(super) fn update(&mut self, value: f64) -> f64 {
        if self.seen == 0 {
            self.average = value;
        } else {
            self.average += self.alpha * (value - self.average);
        }
        self.seen = self.seen.saturating_add(1);
        self.average
    }

    /// The average, once warm.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        (self.seen >= self.length.get()).then_some(self.average)
    }
}
