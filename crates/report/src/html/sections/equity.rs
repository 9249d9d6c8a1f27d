//! Equity and how far it is below its peak.

use model::Timestamp;

use super::super::chart::{self, MAX_POINTS, Panel, Readout, TimeSpan, WIDE, held_until};
use super::super::scale::ValueAxis;
use super::super::text::{Escaped, put};
use crate::calendar::date_time;
use crate::format::{self, Money};
use crate::run::RunReport;
use crate::series::Bucket;

const EQUITY: (f64, f64) = (8.0, 268.0);
const UNDERWATER: (f64, f64) = (296.0, 376.0);
const HEIGHT: f64 = 398.0;

/// Equity above, the fall from the peak below, on one time axis.
pub(in super::super) fn equity(out: &mut String, report: &RunReport) {
    let history = &report.equity;
    let curve = held_until(history.curve.coarsened(MAX_POINTS), history.end_at);
    let underwater = held_until(history.underwater.coarsened(MAX_POINTS), history.end_at);
    let holding = holding_worth_showing(report, &curve);
    let start = history.start.to_f64();
    let values = curve.iter().flat_map(|bucket| [bucket.min, bucket.max]).chain([start]);
    let axis = ValueAxis::covering(values.chain(holding.iter().copied()), 5);
    let falls = ValueAxis::down_from_zero(lowest(&underwater), 3);
    let span =
        TimeSpan::new(WIDE, chart::label_room(&axis).max(72.0), history.start_at, history.end_at);
    let upper = Panel { span, axis: &axis, top: EQUITY.0, bottom: EQUITY.1 };
    let lower = Panel { span, axis: &falls, top: UNDERWATER.0, bottom: UNDERWATER.1 };

    put!(out, "<section><h2>Equity and drawdown</h2>");
    legend(out, report, !holding.is_empty());
    chart::open(out, "equity", (WIDE, HEIGHT), "Equity and drawdown", &in_words(report));
    let last = curve.last().map_or(start, |bucket| bucket.close);
    upper.draw_axis(out, Some(last), |value| axis.label(value));
    let base = upper.y(start);
    put!(out, r#"<path class="base" d="M{:.1},{base:.1}H{:.1}"/>"#, span.left, span.right);
    put!(out, r#"<path class="area" d="{}"/>"#, upper.area(&curve, axis.low));
    put!(out, r#"<path class="band" d="{}"/>"#, upper.band(&curve));
    if !holding.is_empty() {
        put!(out, r#"<path class="hold" d="{}"/>"#, upper.line(&as_buckets(&curve, &holding)));
    }
    put!(out, r#"<path class="line" d="{}"/>"#, upper.line(&curve));
    let money = Money::for_size(history.start);
    upper.draw_tag(out, last, &axis_tag(last, &axis, money));
    lower.draw_axis(out, None, |value| falls.percent_label(value));
    let lows = by_lowest(&underwater);
    put!(out, r#"<path class="loss-area" d="{}"/>"#, lower.area(&lows, 0.0));
    put!(out, r#"<path class="loss" d="{}"/>"#, lower.line(&lows));
    put!(out, r#"<path class="axis" d="M{:.1},{:.1}H{:.1}"/>"#, span.left, lower.top, span.right);
    span.draw_labels(out, HEIGHT - 4.0);
    let at: Vec<Timestamp> = curve.iter().map(|bucket| bucket.at).collect();
    let mut readouts = vec![
        Readout {
            name: "equity",
            values: curve.iter().map(|bucket| bucket.close).collect(),
            decimals: money.decimals(),
            unit: report.currency.as_str(),
        },
        Readout { name: "drawdown", values: falls_at(&at, &underwater), decimals: 2, unit: "%" },
    ];
    if !holding.is_empty() {
        readouts.push(Readout {
            name: "buy and hold",
            values: holding,
            decimals: money.decimals(),
            unit: report.currency.as_str(),
        });
    }
    chart::close(out, &span, (EQUITY.0, UNDERWATER.1), &at, &readouts);
    out.push_str("</section>\n");
}

fn legend(out: &mut String, report: &RunReport, holding: bool) {
    out.push_str(r#"<div class="legend"><span><svg viewBox="0 0 18 10" aria-hidden="true">"#);
    put!(
        out,
        r#"<path class="line" d="M0,5H18"/></svg>equity in {}</span>"#,
        Escaped(report.currency)
    );
    if holding {
        out.push_str(concat!(
            r#"<span><svg viewBox="0 0 18 10" aria-hidden="true"><path class="hold" d="M0,5H18"/>"#,
            "</svg>equal parts bought and held</span>"
        ));
    }
    put!(
        out,
        r#"<span><svg viewBox="0 0 18 10" aria-hidden="true"><path class="loss" d="M0,5H18"/></svg>fall from the peak, marked at {}</span></div>"#,
        report.marking.name()
    );
}

fn in_words(report: &RunReport) -> String {
    let history = &report.equity;
    let money = Money::for_size(history.start);
    let mut text = format!(
        "Equity starts at {} {currency} and ends at {} {currency}, its peak is {} {currency} on {}.",
        money.plain(history.start),
        money.plain(history.end),
        money.plain(history.peak),
        date_time(history.peak_at),
        currency = report.currency,
    );
    if let Some(deepest) = history.marked_drawdown.deepest {
        text.push_str(&format!(
            " The deepest fall is {}, from {} to {}.",
            format::percent(deepest.depth),
            date_time(deepest.peak_at),
            date_time(deepest.trough_at),
        ));
    }
    text
}

/// The tag at the end of the line: short where the account is large.
fn axis_tag(value: f64, axis: &ValueAxis, money: Money) -> String {
    if value.abs() >= 1e6 {
        return axis.value_label(value);
    }
    format::number(value, money.decimals())
}

fn lowest(buckets: &[Bucket]) -> f64 {
    buckets.iter().map(|bucket| bucket.min).fold(0.0, f64::min)
}

/// The lowest value of each bucket in place of its last.
fn by_lowest(buckets: &[Bucket]) -> Vec<Bucket> {
    buckets.iter().map(|bucket| Bucket { close: bucket.min, ..*bucket }).collect()
}

fn as_buckets(curve: &[Bucket], values: &[f64]) -> Vec<Bucket> {
    let bucket = |(bucket, value): (&Bucket, &f64)| Bucket {
        at: bucket.at,
        open: *value,
        min: *value,
        max: *value,
        close: *value,
    };
    curve.iter().zip(values).map(bucket).collect()
}

/// The lowest fall, in percent, of the bucket that holds each instant.
fn falls_at(at: &[Timestamp], underwater: &[Bucket]) -> Vec<f64> {
    let find = |instant: &Timestamp| {
        let after = underwater.partition_point(|bucket| bucket.at <= *instant);
        after.checked_sub(1).map_or(0.0, |index| underwater[index].min * 100.0)
    };
    at.iter().map(find).collect()
}

/// Worth of the starting equity in equal parts of all symbols at their first price. Left out
/// where it would press the equity curve flat.
fn holding_worth_showing(report: &RunReport, curve: &[Bucket]) -> Vec<f64> {
    let start = report.equity.start.to_f64();
    let prices: Vec<Vec<Bucket>> = (report.symbols.iter())
        .map(|symbol| symbol.prices.coarsened(MAX_POINTS))
        .filter(|prices| prices.first().is_some_and(|first| first.open > 0.0))
        .collect();
    if prices.is_empty() || curve.len() < 3 {
        return Vec::new();
    }
    let values: Vec<f64> = (curve.iter())
        .map(|bucket| {
            let growth: f64 = prices.iter().map(|prices| growth_at(prices, bucket.at)).sum();
            start * growth / prices.len() as f64
        })
        .collect();
    let range = |values: &mut dyn Iterator<Item = f64>| {
        let (low, high) = values.fold((start, start), |(low, high), v| (low.min(v), high.max(v)));
        high - low
    };
    let own = range(&mut curve.iter().flat_map(|bucket| [bucket.min, bucket.max]));
    if range(&mut values.iter().copied()) > own * 3.0 { Vec::new() } else { values }
}

/// Price at or before an instant over the first price.
fn growth_at(prices: &[Bucket], at: Timestamp) -> f64 {
    let after = prices.partition_point(|bucket| bucket.at <= at);
    after.checked_sub(1).map_or(1.0, |index| prices[index].close / prices[0].open)
}
