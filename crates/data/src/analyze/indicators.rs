//! The indicators of one stream of closes. Definitions: [`market::indicators`].

use std::num::NonZeroUsize;

use market::indicators::{Macd, Roc, Sma, Volatility};
use serde::Serialize;

/// Lengths of the moving averages.
const AVERAGES: [usize; 4] = [5, 10, 20, 30];
/// Bars between a close and the one it is compared with.
const CHANGE: usize = 10;
/// Returns in the volatility.
const DEVIATION: usize = 20;

/// What the indicators say after a bar; nothing before they are warm.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Values {
    /// The close.
    pub close: Option<f64>,
    /// Simple moving average of 5 closes.
    pub sma_5: Option<f64>,
    /// Of 10.
    pub sma_10: Option<f64>,
    /// Of 20.
    pub sma_20: Option<f64>,
    /// Of 30.
    pub sma_30: Option<f64>,
    /// MACD 12/26.
    pub macd: Option<f64>,
    /// Its average of 9.
    pub macd_signal: Option<f64>,
    /// MACD less its signal.
    pub macd_histogram: Option<f64>,
    /// Rate of change over 10 bars, as a fraction.
    pub roc_10: Option<f64>,
    /// Sample deviation of the last 20 logarithmic returns, a bar.
    pub volatility_20: Option<f64>,
}

impl Values {
    /// Name and value of each, in a fixed order.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, Option<f64>); 10] {
        [
            ("close", self.close),
            ("sma_5", self.sma_5),
            ("sma_10", self.sma_10),
            ("sma_20", self.sma_20),
            ("sma_30", self.sma_30),
            ("macd", self.macd),
            ("macd_signal", self.macd_signal),
            ("macd_histogram", self.macd_histogram),
            ("roc_10", self.roc_10),
            ("volatility_20", self.volatility_20),
        ]
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub struct Indicators {
    averages: [Sma; 4],
    macd: Macd,
    change: Roc,
    volatility: Volatility,
}

impl Indicators {
    /// Before the first bar.
    #[must_use]
    pub fn new() -> Self {
        let length = |length| NonZeroUsize::new(length).expect("the lengths are constants above 0");
        Self {
            averages: AVERAGES.map(|count| Sma::new(length(count))),
            macd: Macd::new(length(12), length(26), length(9)),
            change: Roc::new(length(CHANGE)),
            volatility: Volatility::new(length(DEVIATION)),
        }
    }

    /// Takes a close.
    pub fn push(&mut self, close: f64) -> Values {
        let [sma_5, sma_10, sma_20, sma_30] = self.averages.each_mut().map(|sma| sma.push(close));
        let macd = self.macd.push(close);
        Values {
            close: Some(close),
            sma_5,
            sma_10,
            sma_20,
            sma_30,
            macd: macd.map(|macd| macd.macd),
            macd_signal: macd.map(|macd| macd.signal),
            macd_histogram: macd.map(|macd| macd.histogram()),
            roc_10: self.change.push(close),
            volatility_20: self.volatility.push(close),
        }
    }
}

impl Default for Indicators {
    fn default() -> Self {
        Self::new()
    }
}
