//! Evenly spaced prices, the same after every restart.

use model::Price;

/// Prices at the powers of `1 + spacing`: rung `n` is at `(1 + spacing)ⁿ`. Where they lie depends
/// on the spacing alone, so that nothing has to be remembered to find them again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ladder {
    log_step: f64,
}

impl Ladder {
    /// With so much between two rungs, as a fraction of the price.
    pub fn new(spacing: f64) -> Self {
        Self { log_step: spacing.ln_1p() }
    }

    /// The price of a rung; `None` outside of the range of prices.
    pub fn price(self, rung: i64) -> Option<Price> {
        Price::from_f64_rounded((rung as f64 * self.log_step).exp()).filter(|p| p.is_positive())
    }

    fn position(self, price: Price) -> f64 {
        price.to_f64().ln() / self.log_step
    }

    /// The rung nearest to a price above zero.
    pub fn nearest(self, price: Price) -> i64 {
        self.position(price).round() as i64
    }

    /// The highest rung that is at least half a step below a price above zero.
    pub fn below(self, price: Price) -> i64 {
        (self.position(price) - 0.5).floor() as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_are_found_again() {
        for spacing in [0.000_1, 0.005, 0.1, 1.0] {
            let ladder = Ladder::new(spacing);
            for price in ["0.0002", "0.37", "1", "61837.63", "90000000"] {
                let near = ladder.nearest(price.parse().unwrap());
                for rung in near - 3..near + 3 {
                    let price = ladder.price(rung).unwrap();
                    if price.units() > 100 * (1.0 / spacing) as i64 {
                        assert_eq!(ladder.nearest(price), rung, "{price}, {spacing}");
                        assert_eq!(ladder.below(price), rung - 1, "{price}, {spacing}");
                    }
                }
            }
        }
    }
}
