//! What daily closes tell: months, the spread of daily returns, the rolling Sharpe ratio.

use model::Timestamp;

use super::super::chart::{self, HALF, MAX_POINTS, Panel, Readout, TimeSpan};
use super::super::scale::{ValueAxis, round_step};
use super::super::text::{put, sign_class, tidy};
use crate::calendar::MONTHS;
use crate::format;
use crate::metrics::{MonthlyReturn, PERIODS_PER_YEAR, rolling_sharpe};
use crate::run::RunReport;
use crate::series::Bucket;

/// Fewest daily returns of which a distribution says something.
const MIN_DISTRIBUTION: usize = 10;

/// Months, distribution and rolling Sharpe ratio, each where there are days enough for it.
pub(in super::super) fn returns(out: &mut String, report: &RunReport) {
    let months = report.equity.daily.monthly_returns(report.equity.start.to_f64());
    if months.len() > 1 {
        heat_map(out, &months);
    }
    let Some(returns) = report.equity.daily.returns() else { return };
    if returns.len() < MIN_DISTRIBUTION {
        return;
    }
    out.push_str(r#"<div class="halves">"#);
    distribution(out, &returns);
    rolling(out, report, &returns);
    out.push_str("</div>\n");
}

fn heat_map(out: &mut String, months: &[MonthlyReturn]) {
    let strongest = months.iter().map(|month| month.fraction.abs()).fold(0.0, f64::max);
    out.push_str(r#"<section><h2>Monthly returns</h2><div class="scroll"><table class="heat"><thead><tr><th scope="col">Year</th>"#);
    for month in MONTHS {
        put!(out, r#"<th scope="col">{month}</th>"#);
    }
    out.push_str(r#"<th scope="col">Year</th></tr></thead><tbody>"#);
    for year in months.chunk_by(|a, b| a.year == b.year) {
        put!(out, "<tr><td>{}</td>", year[0].year);
        for number in 1..=12 {
            match year.iter().find(|month| month.month == number) {
                Some(month) => heat_cell(out, month.fraction, strongest, ""),
                None => out.push_str("<td></td>"),
            }
        }
        let whole: f64 = year.iter().map(|month| 1.0 + month.fraction).product();
        heat_cell(out, whole - 1.0, strongest, " year");
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div></section>\n");
}

fn heat_cell(out: &mut String, fraction: f64, strongest: f64, extra: &str) {
    let strength = if strongest > 0.0 { (fraction.abs() / strongest).sqrt().min(1.0) } else { 0.0 };
    let heat = 8.0 + strength * 52.0;
    put!(
        out,
        r#"<td class="{}{extra}" style="--heat:{heat:.0}%"><span>{}</span></td>"#,
        sign_class(fraction),
        tidy(&short_percent(fraction))
    );
}

/// One decimal and no sign for a plus: a cell is small and its colour says the sign.
fn short_percent(fraction: f64) -> String {
    let percent = fraction * 100.0;
    format::number(percent, if percent.abs() >= 100.0 { 0 } else { 1 })
}

/// How often daily returns fell into which range.
fn distribution(out: &mut String, returns: &[f64]) {
    const SIZE: (f64, f64) = (HALF, 230.0);
    let low = returns.iter().copied().fold(0.0, f64::min);
    let high = returns.iter().copied().fold(0.0, f64::max);
    let width = round_step((high - low).max(1e-9) / 20.0);
    let first = (low / width).floor();
    let count = ((high / width).floor() - first) as usize + 1;
    let mut bins = vec![0_u32; count];
    for value in returns {
        let bin = ((value / width).floor() - first) as usize;
        bins[bin.min(count - 1)] += 1;
    }
    let most = f64::from(bins.iter().copied().max().unwrap_or(1));
    let axis = ValueAxis::up_from_zero(most, 4);
    let (left, right, top, bottom) = (2.0, SIZE.0 - 40.0, 8.0, SIZE.1 - 24.0);
    let bar = (right - left) / count as f64;
    let y = |value: f64| bottom - value / axis.high * (bottom - top);

    out.push_str("<section><h2>Daily returns</h2>");
    let in_words = format!(
        "{} daily returns between {} and {}.",
        returns.len(),
        format::signed_percent(low),
        format::signed_percent(high)
    );
    chart::open(out, "distribution", SIZE, "Distribution of daily returns", &in_words);
    for tick in axis.ticks().into_iter().filter(|tick| tick.fract() == 0.0) {
        let (y, text) = (y(tick), axis.label(tick));
        put!(out, r#"<path class="grid" d="M{left:.1},{y:.1}H{right:.1}"/>"#);
        put!(out, r#"<text x="{:.1}" y="{:.1}">{text}</text>"#, right + 8.0, y + 4.0);
    }
    for (index, number) in bins.iter().enumerate().filter(|(_, number)| **number > 0) {
        let from = (first + index as f64) * width;
        let class = if from < 0.0 { "down" } else { "up" };
        let (x, top) = (left + index as f64 * bar, y(f64::from(*number)));
        put!(
            out,
            concat!(
                r#"<rect class="bar {}" x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}">"#,
                "<title>{} days from {} to {}</title></rect>"
            ),
            class,
            x + 0.5,
            top,
            (bar - 1.0).max(0.6),
            bottom - top,
            number,
            tidy(&format::signed_percent(from)),
            tidy(&format::signed_percent(from + width)),
        );
    }
    let zero = left + -first * bar;
    put!(out, r#"<path class="axis" d="M{left:.1},{bottom:.1}H{right:.1}"/>"#);
    put!(out, r#"<path class="base" d="M{zero:.1},{top:.1}V{bottom:.1}"/>"#);
    let labels = ValueAxis::covering([low, high], 5);
    for tick in labels.ticks() {
        let x = left + (tick / width - first) * bar;
        if (left + 14.0..right - 10.0).contains(&x) {
            let text = tidy(&labels.percent_label(tick));
            put!(
                out,
                r#"<text x="{x:.1}" y="{:.1}" text-anchor="middle">{text}</text>"#,
                SIZE.1 - 6.0
            );
        }
    }
    out.push_str("</svg></div></section>");
}

/// Sharpe ratio of the last 30 days (90 in long runs), day by day.
fn rolling(out: &mut String, report: &RunReport, returns: &[f64]) {
    const SIZE: (f64, f64) = (HALF, 230.0);
    let window = if returns.len() >= 365 { 90 } else { 30 };
    if returns.len() < window + 10 {
        return;
    }
    let closes = &report.equity.daily.as_slice()[window..];
    let points: Vec<Bucket> = rolling_sharpe(returns, window, PERIODS_PER_YEAR)
        .into_iter()
        .zip(closes)
        .filter_map(|(value, close)| {
            let value = value?;
            let at = close.day;
            Some(Bucket { at, open: value, min: value, max: value, close: value })
        })
        .collect();
    let (Some(first), Some(last)) = (points.first().copied(), points.last().copied()) else {
        return;
    };
    let thinned: Vec<Bucket> =
        points.iter().step_by(points.len().div_ceil(MAX_POINTS)).copied().collect();
    let axis = ValueAxis::covering(thinned.iter().map(|point| point.close).chain([0.0]), 4);
    let span = TimeSpan::new(SIZE.0, chart::label_room(&axis), first.at, last.at);
    let panel = Panel { span, axis: &axis, top: 8.0, bottom: SIZE.1 - 24.0 };
    put!(
        out,
        "<section><h2>Sharpe ratio <span class=\"muted\">of the last {window} days</span></h2>"
    );
    let in_words = format!("It ends at {}.", format::ratio(last.close));
    chart::open(out, "rolling", SIZE, &format!("Rolling {window}-day Sharpe ratio"), &in_words);
    panel.draw_axis(out, Some(last.close), |value| axis.label(value));
    put!(
        out,
        r#"<path class="base" d="M{:.1},{:.1}H{:.1}"/>"#,
        span.left,
        panel.y(0.0),
        span.right
    );
    put!(out, r#"<path class="line" d="{}"/>"#, panel.line(&thinned));
    panel.draw_tag(out, last.close, &format::ratio(last.close));
    span.draw_labels(out, SIZE.1 - 5.0);
    let at: Vec<Timestamp> = thinned.iter().map(|point| point.at).collect();
    let values = thinned.iter().map(|point| point.close).collect();
    let readout = Readout { name: "Sharpe", values, decimals: 2, unit: "" };
    chart::close(out, &span, (panel.top, panel.bottom), &at, &[readout]);
    out.push_str("</section>");
}
