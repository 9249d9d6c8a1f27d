//! Figures of a list of periodic returns, as plain functions.
//!
//! `None` means that the figure is not defined for the list: too few returns, or a zero divisor.

/// Arithmetic mean.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample variance, divided by n − 1.
pub(super) fn sample_variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| squares / (values.len() - 1) as f64)
}

/// Sum of the squared negative returns, `Σ min(r, 0)²`.
pub(super) fn downside_squares(returns: &[f64]) -> f64 {
    returns.iter().map(|r| r.min(0.0).powi(2)).sum()
}

/// `√(Σ min(r, 0)² / n)`, or `None` without a negative return.
pub(super) fn downside_deviation(returns: &[f64]) -> Option<f64> {
    divisor((downside_squares(returns) / returns.len() as f64).sqrt())
}

/// `mean(r) / sd(r) · √N`, the deviation being that of a sample (n − 1).
pub(super) fn sharpe(returns: &[f64], periods_per_year: f64) -> Option<f64> {
    let deviation = divisor(sample_variance(returns)?.sqrt())?;
    Some(mean(returns)? / deviation * periods_per_year.sqrt())
}

/// `mean(r) / √(Σ min(r, 0)² / n) · √N`.
pub(super) fn sortino(returns: &[f64], periods_per_year: f64) -> Option<f64> {
    Some(mean(returns)? / downside_deviation(returns)? * periods_per_year.sqrt())
}

/// Compound annual growth rate: `Π(1 + r)^(N / n) − 1`.
pub(super) fn cagr(returns: &[f64], periods_per_year: f64) -> Option<f64> {
    let growth: f64 = returns.iter().map(|r| 1.0 + r).product();
    (!returns.is_empty() && growth >= 0.0)
        .then(|| growth.powf(periods_per_year / returns.len() as f64) - 1.0)
}

/// The Sharpe ratio of each `window` consecutive returns, in order of the window's last return.
/// `None` where the returns of a window do not vary.
#[must_use]
pub fn rolling_sharpe(returns: &[f64], window: usize, periods_per_year: f64) -> Vec<Option<f64>> {
    if window < 2 {
        return Vec::new();
    }
    returns.windows(window).map(|part| sharpe(part, periods_per_year)).collect()
}

/// A deviation that can divide. Returns that are all equal leave rounding noise behind, and a
/// ratio of 10¹⁵ means no more than a division by zero.
pub(super) fn divisor(deviation: f64) -> Option<f64> {
    (deviation > 1e-15).then_some(deviation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_that_carry_no_figure() {
        #[track_caller]
        fn check(returns: &[f64], has: [bool; 3]) {
            let got = [
                sharpe(returns, 365.0).is_some(),
                sortino(returns, 365.0).is_some(),
                cagr(returns, 365.0).is_some(),
            ];
            assert_eq!(got, has, "{returns:?}");
        }
        check(&[], [false, false, false]);
        check(&[0.01], [false, false, true]);
        check(&[0.1, 0.1, 0.1], [false, false, true]);
        check(&[0.1, 0.2], [true, false, true]);
        check(&[0.1, -0.2], [true, true, true]);
        check(&[-1.0, 0.0], [true, true, true]);
        check(&[-1.5, 0.0], [true, true, false]);
    }

    #[test]
    fn a_rolling_figure_has_one_value_per_full_window() {
        let returns = [0.01, 0.02, -0.01, -0.01, -0.01];
        let rolling = rolling_sharpe(&returns, 3, 365.0);
        assert_eq!(rolling.len(), 3);
        assert_eq!(rolling[0], sharpe(&returns[..3], 365.0));
        assert_eq!(rolling[2], None, "three equal returns do not vary");
        assert!(rolling_sharpe(&returns, 6, 365.0).is_empty());
        assert!(rolling_sharpe(&returns, 0, 365.0).is_empty());
    }
}
