//! How much values and prices vary.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::window::Window;

/// Sample standard deviation of the last `n` values.
///
/// Mean and sum of squared deviations follow each value that comes and goes (Welford's update
/// on a window), which does not cancel as a sum of squares does; once a round they are computed
/// afresh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StandardDeviation {
    window: Window,
    mean: f64,
    squared_deviations: f64,
}

impl StandardDeviation {
    /// Over the last `length` values; of fewer than two there is none.
    #[must_use]
    pub fn new(length: NonZeroUsize) -> Self {
        Self { window: Window::new(length), mean: 0.0, squared_deviations: 0.0 }
    }

    /// Values needed before there is a result.
    #[must_use]
    pub const fn warm_up(&self) -> usize {
        self.window.length()
    }

    /// Takes a value.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        let dropped = self.window.push(value);
        if self.window.has_come_round() {
            self.compute();
        } else if let Some(dropped) = dropped {
            let old_mean = self.mean;
            self.mean += (value - dropped) / self.window.length() as f64;
            self.squared_deviations += (value - dropped) * (value - self.mean + dropped - old_mean);
        } else {
            let delta = value - self.mean;
            self.mean += delta / self.window.values().len() as f64;
            self.squared_deviations += delta * (value - self.mean);
        }
        self.value()
    }

    fn compute(&mut self) {
        let values = self.window.values();
        self.mean = values.iter().sum::<f64>() / values.len() as f64;
        self.squared_deviations = values.iter().map(|value| (value - self.mean).powi(2)).sum();
    }

    /// The deviation, once warm.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        let count = self.window.length();
        (self.window.is_full() && count > 1)
            .then(|| (self.squared_deviations.max(0.0) / (count - 1) as f64).sqrt())
    }
}

/// Rolling volatility: sample standard deviation of the last `n` logarithmic returns, per step,
/// not scaled to a year.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Volatility {
    returns: StandardDeviation,
    previous: Option<f64>,
}

impl Volatility {
    /// Over the last `length` returns.
    #[must_use]
    pub fn new(length: NonZeroUsize) -> Self {
        Self { returns: StandardDeviation::new(length), previous: None }
    }

    /// Prices needed before there is a result: one more than the returns.
    #[must_use]
    pub const fn warm_up(&self) -> usize {
        self.returns.warm_up() + 1
    }

    /// Takes a price. One that is not above zero has no logarithm and is skipped.
    pub fn push(&mut self, price: f64) -> Option<f64> {
        if price > 0.0
            && let Some(previous) = self.previous.replace(price)
        {
            self.returns.push((price / previous).ln());
        }
        self.value()
    }

    /// The volatility, once warm.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.returns.value()
    }
}
