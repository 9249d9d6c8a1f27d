//! Axes: where ticks stand and what they say.

use model::Timestamp;

use crate::calendar::{Civil, MONTHS};
use crate::format;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A range of values with round ticks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ValueAxis {
    pub(super) low: f64,
    pub(super) high: f64,
    step: f64,
}

impl ValueAxis {
    /// That covers the values with a little room, with about `ticks` ticks.
    pub(super) fn covering(values: impl IntoIterator<Item = f64>, ticks: u32) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(|value| value.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let room = if high > low { (high - low) * 0.06 } else { (low.abs() * 0.001).max(1e-9) };
        Self { low: low - room, high: high + room, step: 0.0 }.with_step(ticks)
    }

    /// From zero down to the lowest value.
    pub(super) fn down_from_zero(lowest: f64, ticks: u32) -> Self {
        let low = if lowest < 0.0 { lowest * 1.08 } else { -0.01 };
        Self { low, high: 0.0, step: 0.0 }.with_step(ticks)
    }

    /// From zero up to the highest value.
    pub(super) fn up_from_zero(highest: f64, ticks: u32) -> Self {
        let high = if highest > 0.0 { highest * 1.08 } else { 1.0 };
        Self { low: 0.0, high, step: 0.0 }.with_step(ticks)
    }

    fn with_step(self, ticks: u32) -> Self {
        let step = round_step((self.high - self.low) / f64::from(ticks.max(1)));
        Self { step, ..self }
    }

    /// The ticks within the range, lowest first.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let first = (self.low / self.step).ceil();
        let last = (self.high / self.step).floor();
        let count = (last - first).clamp(0.0, 100.0) as u32;
        (0..=count).map(|n| (first + f64::from(n)) * self.step).collect()
    }

    /// What a tick says.
    pub(super) fn label(&self, value: f64) -> String {
        // A tick of −0 or of rounding noise is zero.
        let value = if value.abs() < self.step * 1e-6 { 0.0 } else { value };
        format::axis(value, self.step, self.reach())
    }

    /// What a tick says where values are fractions.
    pub(super) fn percent_label(&self, value: f64) -> String {
        let value = if value.abs() < self.step * 1e-6 { 0.0 } else { value };
        format!("{} %", format::axis(value * 100.0, self.step * 100.0, self.reach() * 100.0))
    }

    /// What a value along the axis says, with more digits than a tick has.
    pub(super) fn value_label(&self, value: f64) -> String {
        format::axis(value, (self.high - self.low) / 400.0, self.reach())
    }

    fn reach(&self) -> f64 {
        self.low.abs().max(self.high.abs())
    }
}

/// The one of 1, 2, 5 times a power of ten that is nearest to `step` in ratio.
pub(super) fn round_step(step: f64) -> f64 {
    if !step.is_finite() || step <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(step.log10().floor());
    // Bounds lie at the geometric means: √2, √10, √50.
    let factor = match step / power {
        low if low < 2_f64.sqrt() => 1.0,
        low if low < 10_f64.sqrt() => 2.0,
        low if low < 50_f64.sqrt() => 5.0,
        _ => 10.0,
    };
    factor * power
}

/// A tick on a time axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimeTick {
    pub(super) at: Timestamp,
    pub(super) label: String,
}

/// At most about `limit` ticks from `start` to `end`, at round UTC times.
pub(super) fn time_ticks(start: Timestamp, end: Timestamp, limit: i64) -> Vec<TimeTick> {
    const STEPS: [i64; 21] = [
        SECOND,
        2 * SECOND,
        5 * SECOND,
        10 * SECOND,
        15 * SECOND,
        30 * SECOND,
        60 * SECOND,
        120 * SECOND,
        300 * SECOND,
        600 * SECOND,
        900 * SECOND,
        1_800 * SECOND,
        3_600 * SECOND,
        7_200 * SECOND,
        10_800 * SECOND,
        21_600 * SECOND,
        43_200 * SECOND,
        DAY,
        2 * DAY,
        7 * DAY,
        14 * DAY,
    ];
    let span = end.nanos_since(start).max(1);
    let limit = limit.max(1);
    match STEPS.into_iter().find(|step| span / step <= limit) {
        Some(step) => even_ticks(start, end, step),
        None => month_ticks(start, end, limit),
    }
}

fn even_ticks(start: Timestamp, end: Timestamp, step: i64) -> Vec<TimeTick> {
    // 1970-01-01 was a Thursday; weeks start on Monday.
    let origin = if step >= 7 * DAY { 4 * DAY } else { 0 };
    let mut at = (start.as_nanos() - origin).div_euclid(step) * step + origin;
    let mut ticks = Vec::new();
    while at <= end.as_nanos() {
        if at >= start.as_nanos() {
            let at = Timestamp::from_nanos(at);
            ticks.push(TimeTick { at, label: time_label(at, step) });
        }
        at += step;
    }
    ticks
}

/// Midnight says its date, other times their hour.
fn time_label(at: Timestamp, step: i64) -> String {
    let civil = Civil::of(at);
    if at == at.utc_day() {
        return format!("{} {}", civil.day, civil.month_name());
    }
    if step < 60 * SECOND {
        return format!("{:02}:{:02}:{:02}", civil.hour, civil.minute, civil.second);
    }
    format!("{:02}:{:02}", civil.hour, civil.minute)
}

/// Firsts of months, every 1, 2, 3, 6, 12, 24, … months.
fn month_ticks(start: Timestamp, end: Timestamp, limit: i64) -> Vec<TimeTick> {
    let number = |at: Timestamp| {
        let civil = Civil::of(at);
        i64::from(civil.year) * 12 + i64::from(civil.month) - 1
    };
    let months = number(end) - number(start);
    let step = [1, 2, 3, 6, 12, 24, 60, 120].into_iter().find(|step| months / step <= limit);
    let step = step.unwrap_or(1_200);
    let mut ticks = Vec::new();
    let mut day = start.utc_day();
    while day <= end {
        let civil = Civil::of(day);
        if civil.day == 1 && day >= start && number(day) % step == 0 {
            let month = MONTHS[civil.month as usize - 1];
            let label = if civil.month == 1 || step >= 12 {
                civil.year.to_string()
            } else if ticks.is_empty() {
                format!("{month} {}", civil.year)
            } else {
                month.to_owned()
            };
            ticks.push(TimeTick { at: day, label });
        }
        // To the first of the next month, at most.
        let days = if civil.day == 1 { 28 } else { 1 };
        day = Timestamp::from_nanos(day.as_nanos() + days * DAY);
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_ticks_are_round_and_inside() {
        #[track_caller]
        fn check(values: &[f64], expected: &[&str]) {
            let axis = ValueAxis::covering(values.iter().copied(), 4);
            let labels: Vec<String> = axis.ticks().into_iter().map(|t| axis.label(t)).collect();
            assert_eq!(labels, expected, "{values:?}");
        }
        check(&[0.0, 100.0], &["0", "20", "40", "60", "80", "100"]);
        check(&[99_950.0, 100_120.0], &["99,950", "100,000", "100,050", "100,100"]);
        check(&[], &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        check(&[-1.0, 1.0], &["-1.0", "-0.5", "0.0", "0.5", "1.0"]);
        check(&[1e18, 3e18], &["1.0e18", "1.5e18", "2.0e18", "2.5e18", "3.0e18"]);
        assert!(!ValueAxis::covering([5.0], 4).ticks().is_empty());
    }

    #[test]
    fn time_ticks_fit_the_span() {
        #[track_caller]
        fn check(from: &str, secs: i64, expected: &[&str]) {
            let start = match from {
                "2024-01-01" => Timestamp::from_secs(1_704_067_200),
                "2024-08-08T23:54:13" => Timestamp::from_secs(1_723_161_253),
                other => unreachable!("no such start: {other}"),
            };
            let end = Timestamp::from_nanos(start.as_nanos() + secs * SECOND);
            let labels: Vec<String> =
                time_ticks(start, end, 6).into_iter().map(|tick| tick.label).collect();
            assert_eq!(labels, expected);
        }
        check(
            "2024-08-08T23:54:13",
            80,
            &["23:54:15", "23:54:30", "23:54:45", "23:55:00", "23:55:15", "23:55:30"],
        );
        check("2024-08-08T23:54:13", 900, &["23:55", "9 Aug", "00:05"]);
        check("2024-01-01", 86_400 * 5, &["1 Jan", "2 Jan", "3 Jan", "4 Jan", "5 Jan", "6 Jan"]);
        check("2024-01-01", 86_400 * 366, &["2024", "Mar", "May", "Jul", "Sep", "Nov", "2025"]);
        check("2024-01-01", 86_400 * 365 * 5, &["2024", "2025", "2026", "2027", "2028"]);
        check("2024-01-01", 0, &["1 Jan"]);
    }
}
