//! Moving average convergence and divergence.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::Ema;

/// Moving average convergence and divergence (Appel): the fast less the slow exponential moving
/// average, and the exponential moving average of that, the signal. All three averages run from
/// the first value on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    seen: usize,
    current: MacdValue,
}

/// What [`Macd`] says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MacdValue {
    /// Fast less slow average.
    pub macd: f64,
    /// Average of `macd`.
    pub signal: f64,
}

impl MacdValue {
    /// `macd` less `signal`.
    #[must_use]
    pub fn histogram(&self) -> f64 {
        self.macd - self.signal
    }
}

impl Macd {
    /// With these lengths; usual are 12, 26 and 9.
    #[must_use]
    pub fn new(fast: NonZeroUsize, slow: NonZeroUsize, signal: NonZeroUsize) -> Self {
        Self {
            fast: Ema::new(fast),
            slow: Ema::new(slow),
            signal: Ema::new(signal),
            seen: 0,
            current: MacdValue::default(),
        }
    }

    /// Values needed before there is a result: those that warm the slower average, then those
    /// that warm the signal.
    #[must_use]
    pub fn warm_up(&self) -> usize {
        self.fast.warm_up().max(self.slow.warm_up()) + self.signal.warm_up() - 1
    }

    /// Takes a value.
    pub fn push(&mut self, value: f64) -> Option<MacdValue> {
        let macd = self.fast.update(value) - self.slow.update(value);
        self.current = MacdValue { macd, signal: self.signal.update(macd) };
        self.seen = self.seen.saturating_add(1);
        self.value()
    }

    /// The values, once warm.
    #[must_use]
    pub fn value(&self) -> Option<MacdValue> {
        (self.seen >= self.warm_up()).then_some(self.current)
    }
}
