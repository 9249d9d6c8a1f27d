//! Numbers as people read them: the one place that decides on decimals, separators and units.

use model::{Amount, Price, Quantity};

use crate::metrics::Figure;

/// How money of one report is written: enough decimals for its size, the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Money {
    decimals: usize,
}

impl Money {
    /// For accounts of about this size.
    pub(crate) fn for_size(size: Amount) -> Self {
        let size = size.abs().to_f64();
        let decimals = if size >= 1e7 {
            0
        } else if size == 0.0 || size >= 100.0 {
            2
        } else if size >= 1.0 {
            4
        } else {
            8
        };
        Self { decimals }
    }

    /// `1,234.50`.
    pub(crate) fn plain(self, amount: Amount) -> String {
        grouped(&format!("{:.*}", self.decimals, amount.rounded(self.decimals)))
    }

    /// `+1,234.50`, `-3.00`, `0.00`.
    pub(crate) fn signed(self, amount: Amount) -> String {
        with_sign(&self.plain(amount))
    }

    /// The same for a float figure, such as the mean profit of a trade.
    pub(crate) fn signed_f64(self, value: f64) -> String {
        with_sign(&number(value, self.decimals))
    }

    /// Decimals of every amount.
    pub(crate) const fn decimals(self) -> usize {
        self.decimals
    }
}

/// Rounding for display.
trait Rounded {
    fn rounded(self, decimals: usize) -> Amount;
}

impl Rounded for Amount {
    fn rounded(self, decimals: usize) -> Amount {
        Amount::new(self.to_decimal().round_dp(u32::try_from(decimals).unwrap_or(28)))
    }
}

/// A plus before what is above zero, no sign before what was rounded to zero.
fn with_sign(text: &str) -> String {
    let text = signless_zero(text);
    let plus = if is_zero(text) || text.starts_with('-') { "" } else { "+" };
    format!("{plus}{text}")
}

/// No minus before what was rounded to zero.
fn signless_zero(text: &str) -> &str {
    if is_zero(text) { text.trim_start_matches('-') } else { text }
}

fn is_zero(text: &str) -> bool {
    !text.bytes().any(|byte| (b'1'..=b'9').contains(&byte))
}

/// Commas between thousands of the whole part.
fn grouped(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) =
        rest.split_once('.').map_or((rest, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut out = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// `1,234.50`; past a quadrillion in powers of ten.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    if value.abs() >= 1e15 {
        return format!("{value:.2e}");
    }
    grouped(signless_zero(&format!("{value:.decimals$}")))
}

/// `12,345`.
pub(crate) fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// A fraction as `12.34 %`; small ones keep two digits that say something.
pub(crate) fn percent(fraction: f64) -> String {
    let percent = fraction * 100.0;
    let size = percent.abs();
    let decimals = if size >= 1_000.0 {
        0
    } else if (1e-9..0.1).contains(&size) {
        4
    } else {
        2
    };
    format!("{} %", number(percent, decimals))
}

/// The same with a sign.
pub(crate) fn signed_percent(fraction: f64) -> String {
    with_sign(&percent(fraction))
}

/// A ratio such as Sharpe, with two decimals.
pub(crate) fn ratio(value: f64) -> String {
    number(value, 2)
}

/// A figure in some form, or `n/a`.
pub(crate) fn figure(figure: &Figure, form: impl Fn(f64) -> String) -> String {
    figure.value().map_or_else(|| "n/a".to_owned(), form)
}

/// A price or quantity without the zeros at its end: `0.0125`, `61,837.63`.
pub(crate) fn trimmed(text: &str) -> String {
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    grouped(text)
}

/// A price.
pub(crate) fn price(value: Price) -> String {
    trimmed(&value.to_string())
}

/// A quantity.
pub(crate) fn quantity(value: Quantity) -> String {
    trimmed(&value.to_string())
}

/// A duration in its two largest units: `3 d 4 h`, `12 min 5 s`, `1.25 s`.
pub(crate) fn duration(ns: i64) -> String {
    const SECOND: i64 = 1_000_000_000;
    const UNITS: [(i64, &str); 4] =
        [(86_400 * SECOND, "d"), (3_600 * SECOND, "h"), (60 * SECOND, "min"), (SECOND, "s")];
    if ns < 60 * SECOND {
        return latency(u64::try_from(ns).unwrap_or(0));
    }
    let largest = UNITS.iter().position(|unit| ns >= unit.0).unwrap_or(UNITS.len() - 1);
    let (size, name) = UNITS[largest];
    let first = format!("{} {name}", grouped(&(ns / size).to_string()));
    match UNITS.get(largest + 1).map(|(smaller, name)| (ns % size / smaller, name)) {
        Some((rest, name)) if rest > 0 && ns / size < 100 => format!("{first} {rest} {name}"),
        Some(_) | None => first,
    }
}

/// A short duration in one unit with three digits: `850 ns`, `31.4 µs`, `1.25 ms`, `2.00 s`.
pub(crate) fn latency(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        1_000_000_000.. => (ns as f64 / 1e9, "s"),
    };
    let decimals = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{} {unit}", number(value, decimals))
}

/// A value on an axis whose ticks lie `step` apart and reach up to `reach` in size: `61,850`,
/// `0.0125`, `1.5M`.
pub(crate) fn axis(value: f64, step: f64, reach: f64) -> String {
    const SUFFIXES: [(f64, &str); 4] = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1.0, "")];
    if reach >= 1e15 {
        return format!("{value:.1e}");
    }
    let (unit, suffix) =
        SUFFIXES.into_iter().find(|(unit, _)| reach >= *unit && reach >= 1e6).unwrap_or((1.0, ""));
    let decimals = (-(step / unit * 1.000_001).log10().floor()).clamp(0.0, 8.0) as usize;
    format!("{}{suffix}", number(value / unit, decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_one_form_per_report() {
        #[track_caller]
        fn check(size: &str, amount: &str, plain: &str, signed: &str) {
            let money = Money::for_size(size.parse().unwrap());
            let amount = amount.parse().unwrap();
            assert_eq!((money.plain(amount), money.signed(amount)), (plain.into(), signed.into()));
        }
        check("100000", "1234567.891", "1,234,567.89", "+1,234,567.89");
        check("100000", "-999.995", "-1,000.00", "-1,000.00");
        check("100000", "-0.001", "0.00", "0.00");
        check("0", "12", "12.00", "+12.00");
        check("91000000000", "40750775384.22", "40,750,775,384", "+40,750,775,384");
        check("5", "0.12345", "0.1234", "+0.1234");
        check("0.5", "-0.000000015", "-0.00000002", "-0.00000002");
    }

    #[test]
    fn percents_and_numbers() {
        #[track_caller]
        fn check(fraction: f64, expected: &str) {
            assert_eq!(signed_percent(fraction), expected);
        }
        check(0.1234, "+12.34 %");
        check(-0.000_123, "-0.0123 %");
        check(0.0, "0.00 %");
        check(-1e-13, "0.00 %");
        check(1_343.0, "+134,300 %");
        check(1e28, "+1.00e30 %");
        check(f64::INFINITY, "n/a %");
    }

    #[test]
    fn durations_use_two_units() {
        #[track_caller]
        fn check(ns: i64, expected: &str) {
            assert_eq!(duration(ns), expected);
        }
        check(0, "0 ns");
        check(31_415, "31.4 µs");
        check(999_999, "1,000 µs");
        check(1_250_000, "1.25 ms");
        check(59_000_000_000, "59.0 s");
        check(60_000_000_000, "1 min");
        check(725_000_000_000, "12 min 5 s");
        check(273_600_000_000_000, "3 d 4 h");
        check(86_400_000_000_000 * 1_200, "1,200 d");
    }

    #[test]
    fn axis_labels_follow_the_step() {
        #[track_caller]
        fn check(value: f64, step: f64, expected: &str) {
            assert_eq!(axis(value, step, value.abs().max(step)), expected);
        }
        check(61_850.0, 50.0, "61,850");
        check(0.0125, 0.0005, "0.0125");
        check(0.5, 0.1, "0.5");
        check(1_500_000.0, 500_000.0, "1.5M");
        check(2e9, 1e9, "2B");
        check(-3e16, 1e16, "-3.0e16");
        check(0.000_012_3, 0.000_000_1, "0.0000123");
        assert_eq!(axis(500_000.0, 500_000.0, 2e6), "0.5M", "one unit along an axis");
    }

    #[test]
    fn zeros_at_the_end_go() {
        assert_eq!(trimmed("61837.63000000"), "61,837.63");
        assert_eq!(trimmed("100.00000000"), "100");
        assert_eq!(trimmed("1000"), "1,000");
    }
}
