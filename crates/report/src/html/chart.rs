//! Drawing of time charts in SVG. Coordinates are pixels of the view box.

use model::Timestamp;

use super::scale::{TimeTick, ValueAxis, time_ticks};
use super::text::{Escaped, put, tidy};
use crate::series::Bucket;

/// Width of a chart over the whole page.
pub(super) const WIDE: f64 = 1_120.0;
/// Width of a chart over half the page.
pub(super) const HALF: f64 = 540.0;
/// Every other label: a narrow page, whose letters are large beside the chart, has no room for it.
const ODD: &str = r#" class="odd""#;
/// Most points of one line.
pub(super) const MAX_POINTS: usize = 720;

/// The horizontal extent of a chart, shared by panels that stand above each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeSpan {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

impl TimeSpan {
    /// Of a chart of this width, with room for value labels at the right.
    pub(super) fn new(width: f64, labels: f64, start: Timestamp, end: Timestamp) -> Self {
        let end = if end > start { end } else { Timestamp::from_nanos(start.as_nanos() + 1) };
        Self { left: 2.0, right: width - labels, start, end }
    }

    pub(super) fn x(&self, at: Timestamp) -> f64 {
        let share = at.nanos_since(self.start) as f64 / self.end.nanos_since(self.start) as f64;
        self.left + share.clamp(0.0, 1.0) * (self.right - self.left)
    }

    /// Time labels along a line at `y`.
    pub(super) fn draw_labels(&self, out: &mut String, y: f64) {
        let limit = ((self.right - self.left) / 90.0) as i64;
        let ticks = time_ticks(self.start, self.end, limit);
        for (place, TimeTick { at, label }) in ticks.into_iter().enumerate() {
            let x = self.x(at);
            let anchor = if x < self.left + 30.0 {
                "start"
            } else if x > self.right - 30.0 {
                "end"
            } else {
                "middle"
            };
            let class = if place % 2 == 1 { ODD } else { "" };
            put!(
                out,
                r#"<text{class} x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{label}</text>"#
            );
        }
    }

    /// Vertical lines at the time ticks.
    fn draw_grid(&self, out: &mut String, top: f64, bottom: f64) {
        let limit = ((self.right - self.left) / 90.0) as i64;
        for tick in time_ticks(self.start, self.end, limit) {
            let x = self.x(tick.at);
            put!(out, r#"<path class="grid" d="M{x:.1},{top:.1}V{bottom:.1}"/>"#);
        }
    }
}

/// Room that the labels of an axis need at the right of a chart.
pub(super) fn label_room(axis: &ValueAxis) -> f64 {
    let longest =
        axis.ticks().into_iter().map(|tick| axis.label(tick).chars().count()).max().unwrap_or(0);
    (longest as f64 * 6.9 + 14.0).max(54.0)
}

/// A panel: a time span and a value axis between two heights.
pub(super) struct Panel<'a> {
    pub(super) span: TimeSpan,
    pub(super) axis: &'a ValueAxis,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Panel<'_> {
    pub(super) fn y(&self, value: f64) -> f64 {
        let share = (value - self.axis.low) / (self.axis.high - self.axis.low);
        self.bottom - share.clamp(-0.02, 1.02) * (self.bottom - self.top)
    }

    /// Grid and value labels; `label` says what a tick says. Where a tag at the value `tagged`
    /// will stand there is no room for a label.
    pub(super) fn draw_axis(
        &self,
        out: &mut String,
        tagged: Option<f64>,
        label: impl Fn(f64) -> String,
    ) {
        self.span.draw_grid(out, self.top, self.bottom);
        let (left, right) = (self.span.left, self.span.right);
        let ticks = self.axis.ticks();
        let is_dense =
            ticks.windows(2).any(|pair| (self.y(pair[1]) - self.y(pair[0])).abs() < 26.0);
        for (place, tick) in ticks.into_iter().enumerate() {
            let y = self.y(tick);
            put!(out, r#"<path class="grid" d="M{left:.1},{y:.1}H{right:.1}"/>"#);
            if tagged.is_some_and(|value| (self.y(value) - y).abs() < 15.0) {
                continue;
            }
            let class = if is_dense && place % 2 == 1 { ODD } else { "" };
            let (x, y, text) = (right + 8.0, y + 4.0, tidy(&label(tick)));
            put!(out, r#"<text{class} x="{x:.1}" y="{y:.1}">{text}</text>"#);
        }
    }

    /// The last values of the buckets as a line, from the first value on.
    pub(super) fn line(&self, buckets: &[Bucket]) -> String {
        let mut path = String::with_capacity(buckets.len() * 13);
        let Some(first) = buckets.first() else { return path };
        put!(path, "M{:.1},{:.1}", self.span.x(first.at), self.y(first.open));
        for bucket in buckets {
            put!(path, "L{:.1},{:.1}", self.span.x(bucket.at), self.y(bucket.close));
        }
        path
    }

    /// The line, closed along a base value.
    pub(super) fn area(&self, buckets: &[Bucket], base: f64) -> String {
        let mut path = self.line(buckets);
        if let (Some(first), Some(last)) = (buckets.first(), buckets.last()) {
            let base = self.y(base);
            put!(path, "L{:.1},{base:.1}", self.span.x(last.at));
            put!(path, "L{:.1},{base:.1}Z", self.span.x(first.at));
        }
        path
    }

    /// From the lowest to the highest value of each bucket.
    pub(super) fn band(&self, buckets: &[Bucket]) -> String {
        let mut path = String::with_capacity(buckets.len() * 26);
        let highest = buckets.iter().map(|bucket| (bucket.at, bucket.max));
        let lowest = buckets.iter().rev().map(|bucket| (bucket.at, bucket.min));
        for (index, (at, value)) in highest.chain(lowest).enumerate() {
            let verb = if index == 0 { 'M' } else { 'L' };
            put!(path, "{verb}{:.1},{:.1}", self.span.x(at), self.y(value));
        }
        if !path.is_empty() {
            path.push('Z');
        }
        path
    }

    /// A tag at the right edge with the value that the line ends at.
    pub(super) fn draw_tag(&self, out: &mut String, value: f64, text: &str) {
        let (x, y) = (self.span.right, self.y(value));
        let width = text.chars().count() as f64 * 6.9 + 12.0;
        put!(
            out,
            concat!(
                r#"<g class="tag"><path d="M{:.1},{:.1}l5,-9h{:.1}v18h-{:.1}z"/>"#,
                r#"<text x="{:.1}" y="{:.1}">{}</text></g>"#
            ),
            x,
            y,
            width,
            width,
            x + 8.0,
            y + 4.0,
            tidy(text)
        );
    }
}

/// Extends a line flat to the end of the run, so that quiet ends are not cut off.
pub(super) fn held_until(mut buckets: Vec<Bucket>, end: Timestamp) -> Vec<Bucket> {
    if let Some(last) = buckets.last().copied().filter(|last| last.at < end) {
        let close = last.close;
        buckets.push(Bucket { at: end, open: close, min: close, max: close, close });
    }
    buckets
}

/// Opens a chart: a figure with an SVG that says in words what it shows.
pub(super) fn open(
    out: &mut String,
    id: &str,
    (width, height): (f64, f64),
    title: &str,
    description: &str,
) {
    put!(
        out,
        concat!(
            r#"<div class="chart"><svg id="{id}" viewBox="0 0 {width} {height}" role="img" "#,
            r#"aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{title}</title>"#,
            r#"<desc id="{id}-d">{description}</desc>"#
        ),
        id = id,
        width = width,
        height = height,
        title = Escaped(title),
        description = Escaped(description),
    );
}

/// One row of the tooltip.
pub(super) struct Readout<'a> {
    /// What the value is.
    pub(super) name: &'a str,
    /// The values, one for each instant.
    pub(super) values: Vec<f64>,
    /// Decimals to show.
    pub(super) decimals: usize,
    /// Shown after the number.
    pub(super) unit: &'a str,
}

/// Closes a chart, with the values that its cursor reads out. `heights` is where the cursor line
/// starts and ends.
pub(super) fn close(
    out: &mut String,
    span: &TimeSpan,
    heights: (f64, f64),
    at: &[Timestamp],
    readouts: &[Readout<'_>],
) {
    let (top, bottom) = heights;
    put!(out, r#"<path class="cursor" d="M0,{top:.1}V{bottom:.1}" visibility="hidden"/></svg>"#);
    if !at.is_empty() && !readouts.is_empty() {
        let start = at[0].as_millis();
        let rows: Vec<serde_json::Value> = readouts
            .iter()
            .map(|row| {
                let scale = 10_f64.powi(i32::try_from(row.decimals).unwrap_or(8));
                let round = |value: &f64| (value * scale).round() / scale;
                let values: Vec<f64> = row.values.iter().map(round).collect();
                serde_json::json!({
                    "name": row.name, "unit": row.unit, "decimals": row.decimals, "values": values,
                })
            })
            .collect();
        let data = serde_json::json!({
            "left": span.left,
            "right": span.right,
            "start": span.start.as_nanos() as f64 / 1e6,
            "end": span.end.as_nanos() as f64 / 1e6,
            "first": start,
            "at": at.iter().map(|at| at.as_millis() - start).collect::<Vec<i64>>(),
            "rows": rows,
        });
        // A closing tag inside the data must not end the script element.
        let data = data.to_string().replace('<', "\\u003c");
        put!(out, r#"<script type="application/json">{data}</script>"#);
    }
    out.push_str("</div>");
}
