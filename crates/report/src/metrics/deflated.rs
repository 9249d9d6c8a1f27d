//! What the best of many trials is worth: the deflated Sharpe ratio.
//!
//! D. H. Bailey and M. López de Prado, "The Deflated Sharpe Ratio: Correcting for Selection Bias,
//! Backtest Overfitting, and Non-Normality", Journal of Portfolio Management 40 (5), 2014, pp.
//! 94–107. The normal distribution comes from its series, in the tails from its continued fraction,
//! and its inverse from bisection: it is asked for a few times a sweep.

use super::returns::{mean, sample_variance};

/// Euler's constant γ.
const EULER: f64 = 0.577_215_664_901_532_9;

/// What a list of periodic returns says of its Sharpe ratio, not annualised.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SharpeSample {
    /// Mean over sample deviation.
    pub sharpe: f64,
    /// Third standardised moment; 0 for the normal distribution.
    pub skewness: f64,
    /// Fourth standardised moment; 3 for the normal distribution.
    pub kurtosis: f64,
    /// Number of returns.
    pub count: usize,
}

impl SharpeSample {
    /// Of returns; `None` for fewer than two, or for returns that do not vary.
    #[must_use]
    pub fn of(returns: &[f64]) -> Option<Self> {
        let (mean, deviation) = (mean(returns)?, sample_variance(returns)?.sqrt());
        if deviation <= 1e-15 {
            return None;
        }
        let count = returns.len() as f64;
        let moment = |power: i32| -> f64 {
            returns.iter().map(|value| (value - mean).powi(power)).sum::<f64>() / count
        };
        let population = moment(2).sqrt();
        Some(Self {
            sharpe: mean / deviation,
            skewness: moment(3) / population.powi(3),
            kurtosis: moment(4) / population.powi(4),
            count: returns.len(),
        })
    }

    /// The probability that the true Sharpe ratio is above `threshold`: the paper's PSR,
    /// Φ[(SR − SR*) · √(T − 1) / √(1 − γ₃ · SR + (γ₄ − 1) / 4 · SR²)].
    #[must_use]
    pub fn probability_above(&self, threshold: f64) -> f64 {
        let Self { sharpe, skewness, kurtosis, count } = *self;
        let spread = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe;
        let count = (count as f64 - 1.0).max(0.0);
        normal_cdf((sharpe - threshold) * count.sqrt() / spread.max(f64::MIN_POSITIVE).sqrt())
    }
}

/// The Sharpe ratio that the best of `trials` has to be expected to show when none is worth
/// anything: √V · ((1 − γ) · Φ⁻¹[1 − 1/N] + γ · Φ⁻¹[1 − 1/(N·e)]), V being the variance of the
/// trials' Sharpe ratios. Zero for a single trial.
#[must_use]
pub fn expected_best_sharpe(variance: f64, trials: usize) -> f64 {
    if trials < 2 {
        return 0.0;
    }
    let trials = trials as f64;
    let usual = normal_quantile(1.0 - 1.0 / trials);
    let rare = normal_quantile(1.0 - 1.0 / (trials * std::f64::consts::E));
    variance.max(0.0).sqrt() * ((1.0 - EULER) * usual + EULER * rare)
}

/// What is left of the best of many trials.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DeflatedSharpe {
    /// Trials whose Sharpe ratio is known.
    pub trials: usize,
    /// The best one's, not annualised.
    pub sharpe: f64,
    /// What chance alone is expected to show at best.
    pub expected_best: f64,
    /// The probability that the best one's true Sharpe ratio is above that.
    pub probability: f64,
}

/// The deflated Sharpe ratio of the chosen one among all trials' Sharpe ratios.
#[must_use]
pub fn deflated_sharpe(chosen: &SharpeSample, all: &[f64]) -> DeflatedSharpe {
    let expected_best = expected_best_sharpe(sample_variance(all).unwrap_or(0.0), all.len());
    DeflatedSharpe {
        trials: all.len(),
        sharpe: chosen.sharpe,
        expected_best,
        probability: chosen.probability_above(expected_best),
    }
}

/// Φ: by the series of Φ(x) − ½ near the middle, by a continued fraction in the tails.
fn normal_cdf(x: f64) -> f64 {
    if x < 0.0 {
        return 1.0 - normal_cdf(-x);
    }
    if x > 8.5 {
        return 1.0;
    }
    let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if x < 3.0 {
        let (mut term, mut sum, mut odd) = (x, x, 1.0);
        while term > sum * 1e-17 {
            odd += 2.0;
            term *= x * x / odd;
            sum += term;
        }
        return 0.5 + density * sum;
    }
    let fraction = (1..=80).rev().fold(x, |below, step| x + f64::from(step) / below);
    1.0 - density / fraction
}

/// Φ⁻¹ by bisection.
fn normal_quantile(probability: f64) -> f64 {
    let (mut low, mut high) = (-8.5, 8.5);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if normal_cdf(middle) < probability { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_is_as_in_its_tables() {
        #[track_caller]
        fn check(x: f64, expected: f64) {
            assert!((normal_cdf(x) - expected).abs() < 1e-12, "{x}: {}", normal_cdf(x));
            assert!((normal_quantile(expected) - x).abs() < 1e-7, "{expected}");
        }
        check(0.0, 0.5);
        check(1.0, 0.841_344_746_068_543);
        check(-1.0, 0.158_655_253_931_457);
        check(1.959_963_984_540_054, 0.975);
        check(3.5, 0.999_767_370_920_964);
        check(5.0, 0.999_999_713_348_428);
    }

    /// The paper's own example: 100 trials over five years of daily returns, the best with 2.5 a
    /// year of 250 days, the variance of the annual ratios one half.
    #[test]
    fn the_paper_s_example_comes_out() {
        let best = |skewness, kurtosis| SharpeSample {
            sharpe: 2.5 / 250_f64.sqrt(),
            skewness,
            kurtosis,
            count: 1_250,
        };
        let variance = 0.5 / 250.0;
        let threshold = expected_best_sharpe(variance, 100);
        assert!((threshold - 0.1132).abs() < 5e-5, "{threshold}");
        let deflated = best(-3.0, 10.0).probability_above(threshold);
        assert!((deflated - 0.9004).abs() < 5e-5, "{deflated}");
        let fewer = expected_best_sharpe(variance, 46);
        let deflated = best(-3.0, 10.0).probability_above(fewer);
        assert!((deflated - 0.9505).abs() < 5e-5, "{deflated}");
    }

    #[test]
    fn more_trials_deflate_more() {
        let returns: Vec<f64> = (0..200).map(|n| if n % 3 == 0 { -0.01 } else { 0.008 }).collect();
        let sample = SharpeSample::of(&returns).unwrap();
        let all =
            |trials: u32| -> Vec<f64> { (0..trials).map(|n| f64::from(n % 7) / 70.0).collect() };
        let [few, many] = [5, 5_000].map(|trials| deflated_sharpe(&sample, &all(trials)));
        assert!(few.probability > many.probability, "{few:?} {many:?}");
        assert_eq!(deflated_sharpe(&sample, &[sample.sharpe]).expected_best, 0.0);
        assert_eq!(SharpeSample::of(&[0.01]), None);
        assert_eq!(SharpeSample::of(&[0.01, 0.01, 0.01]), None);
    }
}
