//! How much was at stake along the run.

use model::Timestamp;

use super::super::chart::{self, MAX_POINTS, Panel, Readout, TimeSpan, WIDE, held_until};
use super::super::scale::ValueAxis;
use super::super::text::put;
use crate::format;
use crate::run::RunReport;

/// Position value over equity, where it was recorded.
pub(in super::super) fn exposure(out: &mut String, report: &RunReport) {
    const SIZE: (f64, f64) = (WIDE, 170.0);
    let figures = &report.exposure;
    let (Some(average), Some(highest)) = (figures.average.value(), figures.highest.value()) else {
        return;
    };
    let (start, end) = (report.equity.start_at, report.equity.end_at);
    let curve = held_until(figures.curve.coarsened(MAX_POINTS), end);
    let lowest = curve.iter().map(|bucket| bucket.min).fold(0.0, f64::min);
    let axis = if lowest < 0.0 {
        ValueAxis::covering([lowest, highest], 3)
    } else {
        ValueAxis::up_from_zero(highest, 3)
    };
    let span = TimeSpan::new(SIZE.0, 72.0, start, end);
    let panel = Panel { span, axis: &axis, top: 8.0, bottom: SIZE.1 - 24.0 };
    put!(out, "<section><h2>Exposure <span class=\"muted\">position value over equity</span></h2>");
    let in_words = format!(
        "On average {}, at most {}; in the market {} of the time.",
        format::percent(average),
        format::percent(highest),
        format::figure(&figures.time_in_market, format::percent)
    );
    chart::open(out, "exposure", SIZE, "Exposure", &in_words);
    panel.draw_axis(out, None, |value| axis.percent_label(value));
    put!(out, r#"<path class="area" d="{}"/>"#, panel.area(&curve, 0.0));
    put!(out, r#"<path class="band" d="{}"/>"#, panel.band(&curve));
    put!(out, r#"<path class="line" d="{}"/>"#, panel.line(&curve));
    put!(
        out,
        r#"<path class="base" d="M{:.1},{:.1}H{:.1}"/>"#,
        span.left,
        panel.y(average),
        span.right
    );
    span.draw_labels(out, SIZE.1 - 5.0);
    let at: Vec<Timestamp> = curve.iter().map(|bucket| bucket.at).collect();
    let values = curve.iter().map(|bucket| bucket.close * 100.0).collect();
    let readout = Readout { name: "exposure", values, decimals: 2, unit: "%" };
    chart::close(out, &span, (panel.top, panel.bottom), &at, &[readout]);
    put!(out, r#"<p class="note">{in_words} The dotted line is the average.</p></section>"#);
    out.push('\n');
}
