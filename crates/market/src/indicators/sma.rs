//! Simple moving average.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::window::Window;

/// Simple moving average: the mean of the last `n` values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sma {
    window: Window,
    sum: f64,
}

impl Sma {
    /// Over the last `length` values.
    #[must_use]
    pub fn new(length: NonZeroUsize) -> Self {
        Self { window: Window::new(length), sum: 0.0 }
    }

    /// Values needed before there is a result.
    #[must_use]
    pub const fn warm_up(&self) -> usize {
        self.window.length()
    }

    /// Takes a value.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        let dropped = self.window.push(value);
        self.sum += value - dropped.unwrap_or(0.0);
        if self.window.has_come_round() {
            self.sum = self.window.values().iter().sum();
        }
        self.value()
    }

    /// The mean, once warm.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.window.is_full().then(|| self.sum / self.window.length() as f64)
    }
}
