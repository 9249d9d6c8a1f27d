//! How long things took.

use super::super::chart::{self, HALF};
use super::super::scale::ValueAxis;
use super::super::text::{Escaped, put};
use super::{cell, table_end, table_head};
use crate::format;
use crate::latency::LatencyHistogram;
use crate::run::{LatencyStage, RunReport};

const SIZE: (f64, f64) = (HALF, 240.0);
const LEFT: f64 = 2.0;
const RIGHT: f64 = HALF - 56.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 240.0 - 24.0;
const BARS: usize = 56;

/// A histogram of the headline stage and a table of all stages.
pub(in super::super) fn latency(out: &mut String, report: &RunReport) {
    let stages: Vec<&LatencyStage> =
        report.latency.iter().filter(|stage| stage.histogram.count() > 0).collect();
    let Some(headline) = stages.first() else { return };
    out.push_str(r#"<div class="halves">"#);
    put!(out, "<section><h2>Latency <span class=\"muted\">{}</span></h2>", Escaped(&headline.name));
    draw(out, headline);
    out.push_str("</section><section><h2>Latency by stage</h2>");
    table_head(out, &["Stage", "Count", "p50", "p90", "p99", "p99.9", "Longest"]);
    for stage in stages {
        put!(out, r#"<tr><td class="wrap">{}</td>"#, Escaped(&stage.name));
        cell(out, &format::count(stage.histogram.count()));
        for quantile in [0.5, 0.9, 0.99, 0.999] {
            cell(out, &format::latency(stage.histogram.quantile_ns(quantile).unwrap_or(0)));
        }
        cell(out, &format::latency(stage.histogram.max_ns()));
        out.push_str("</tr>");
    }
    table_end(out);
    out.push_str("</section></div>\n");
}

/// Durations on a logarithmic axis.
struct LogAxis {
    low: f64,
    high: f64,
}

impl LogAxis {
    fn of(histogram: &LatencyHistogram) -> Self {
        let low = (histogram.min_ns().max(1) as f64 / 1.1).ln();
        let high = (histogram.max_ns().max(2) as f64 * 1.1).ln();
        Self { low, high }
    }

    fn x(&self, ns: f64) -> f64 {
        let share = (ns.max(1.0).ln() - self.low) / (self.high - self.low);
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    /// 1, 2, 5 times powers of ten within the range, fewer where it is wide.
    fn ticks(&self) -> Vec<u64> {
        let decades = (self.high - self.low) / 10_f64.ln();
        let factors: &[u64] = if decades > 3.0 { &[1] } else { &[1, 2, 5] };
        let powers = (0..19).map(|power| 10_u64.pow(power));
        let all = powers.flat_map(|power| factors.iter().map(move |factor| factor * power));
        all.filter(|tick| (self.low..=self.high).contains(&(*tick as f64).ln())).collect()
    }
}

/// Durations in bars of equal width on the logarithmic axis, as shares of all. A bucket that
/// reaches over several bars is spread over them, or the widths of both would beat against each
/// other.
fn bars(histogram: &LatencyHistogram, axis: &LogAxis) -> Vec<f64> {
    let mut bars = vec![0.0; BARS];
    let width = (axis.high - axis.low) / BARS as f64;
    for bucket in histogram.buckets() {
        let from = ((bucket.from_ns.max(1) as f64).ln() - axis.low) / width;
        let until = ((bucket.until_ns.max(2) as f64).ln() - axis.low) / width;
        let (from, until) = (from.clamp(0.0, BARS as f64), until.clamp(0.0, BARS as f64));
        let share = bucket.count as f64 / histogram.count() as f64;
        let reach = (until - from).max(1e-9);
        let first = (from as usize).min(BARS - 1);
        for (index, bar) in bars.iter_mut().enumerate().skip(first) {
            let (low, high) = (index as f64, (index + 1) as f64);
            if low >= until {
                break;
            }
            *bar += share * ((until.min(high) - from.max(low)) / reach).clamp(0.0, 1.0);
        }
    }
    bars
}

fn draw(out: &mut String, stage: &LatencyStage) {
    let histogram = &stage.histogram;
    let axis = LogAxis::of(histogram);
    let bars = bars(histogram, &axis);
    let most = bars.iter().copied().fold(0.0, f64::max);
    let shares = ValueAxis::up_from_zero(most, 4);
    let y = |share: f64| BOTTOM - share / shares.high * (BOTTOM - TOP);
    let quantile = |q: f64| histogram.quantile_ns(q).unwrap_or(0);
    let in_words = format!(
        "{} measurements: median {}, 99 % below {}, longest {}.",
        format::count(histogram.count()),
        format::latency(quantile(0.5)),
        format::latency(quantile(0.99)),
        format::latency(histogram.max_ns())
    );
    chart::open(out, "latency", SIZE, &format!("Latency: {}", stage.name), &in_words);
    for tick in shares.ticks() {
        let (y, text) = (y(tick), shares.percent_label(tick));
        put!(out, r#"<path class="grid" d="M{LEFT:.1},{y:.1}H{RIGHT:.1}"/>"#);
        put!(out, r#"<text x="{:.1}" y="{:.1}">{text}</text>"#, RIGHT + 8.0, y + 4.0);
    }
    let width = (RIGHT - LEFT) / BARS as f64;
    let at = |index: usize| {
        (axis.low + (axis.high - axis.low) * index as f64 / BARS as f64).exp() as u64
    };
    for (index, share) in bars.iter().enumerate().filter(|(_, share)| **share > 0.0) {
        put!(
            out,
            concat!(
                r#"<rect class="bar" x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}">"#,
                "<title>{} from {} to {}</title></rect>"
            ),
            LEFT + index as f64 * width + 0.5,
            y(*share),
            width - 1.0,
            BOTTOM - y(*share),
            format::percent(*share),
            format::latency(at(index)),
            format::latency(at(index + 1))
        );
    }
    put!(out, r#"<path class="axis" d="M{LEFT:.1},{BOTTOM:.1}H{RIGHT:.1}"/>"#);
    draw_quantiles(out, &axis, quantile(0.5), quantile(0.99));
    draw_ticks(out, &axis);
    put!(out, r#"</svg></div><p class="note">{in_words}</p>"#);
}

/// Lines at p50 and p99, their labels kept apart.
fn draw_quantiles(out: &mut String, axis: &LogAxis, median: u64, p99: u64) {
    let (left, right) = (axis.x(median as f64), axis.x(p99 as f64));
    for (x, name, ns, anchor) in [
        (left, "p50", median, if right - left < 150.0 { "end" } else { "start" }),
        (right, "p99", p99, "start"),
    ] {
        // A label that would leave the chart turns to the other side of its line.
        let anchor = match anchor {
            "start" if x > RIGHT - 80.0 => "end",
            "end" if x < LEFT + 80.0 => "start",
            same => same,
        };
        let label_x = if anchor == "start" { x + 5.0 } else { x - 5.0 };
        let label_y = if name == "p50" { 12.0 } else { 24.0 };
        put!(out, r#"<path class="base" d="M{x:.1},4V{BOTTOM:.1}"/>"#);
        put!(
            out,
            r#"<text class="strong" x="{label_x:.1}" y="{label_y}" text-anchor="{anchor}">{name} {}</text>"#,
            format::latency(ns)
        );
    }
}

fn draw_ticks(out: &mut String, axis: &LogAxis) {
    let mut free_from = LEFT;
    for tick in axis.ticks() {
        let x = axis.x(tick as f64);
        let text = whole(tick);
        let half = text.chars().count() as f64 * 3.3;
        if x - half >= free_from && x + half <= RIGHT + 30.0 {
            put!(
                out,
                r#"<text x="{x:.1}" y="{:.1}" text-anchor="middle">{text}</text>"#,
                SIZE.1 - 6.0
            );
            free_from = x + half + 12.0;
        }
    }
}

/// A round duration without decimals.
fn whole(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} µs", ns / 1_000),
        1_000_000..1_000_000_000 => format!("{} ms", ns / 1_000_000),
        1_000_000_000.. => format!("{} s", format::count(ns / 1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn bars_hold_every_measurement() {
        #[track_caller]
        fn check(durations_ns: &[u64]) {
            let mut histogram = LatencyHistogram::new();
            for &ns in durations_ns {
                histogram.record(Duration::from_nanos(ns));
            }
            let total: f64 = bars(&histogram, &LogAxis::of(&histogram)).iter().sum();
            assert!((total - 1.0).abs() < 0.02, "{total} of {durations_ns:?}");
        }
        check(&[1]);
        check(&[0, 0, 0]);
        check(&[31_000; 9]);
        check(&[1, 50, 1_000, 1_000_000, 4_000_000_000]);
        check(&(1..5_000).map(|n| n * n).collect::<Vec<u64>>());
    }
}
