//! Rate of change.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::window::Window;

/// Rate of change: a value over the one `n` values before, less one, as a fraction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roc {
    window: Window,
    current: Option<f64>,
}

impl Roc {
    /// Against the value `length` values before.
    #[must_use]
    pub fn new(length: NonZeroUsize) -> Self {
        Self { window: Window::new(length), current: None }
    }

    /// Values needed before there is a result: one more than the length.
    #[must_use]
    pub const fn warm_up(&self) -> usize {
        self.window.length() + 1
    }

    /// Takes a value. A change from zero has no rate and gives `None`.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        let before = self.window.push(value);
        self.current = before.filter(|before| *before != 0.0).map(|before| value / before - 1.0);
        self.current
    }

    /// The rate, once warm.
    #[must_use]
    pub const fn value(&self) -> Option<f64> {
        self.current
    }
}
