//! Prices with our fills on them, one chart per symbol.

use model::{Side, Timestamp};

use super::super::chart::{self, HALF, MAX_POINTS, Panel, Readout, TimeSpan, WIDE, held_until};
use super::super::scale::ValueAxis;
use super::super::text::{Escaped, put, tidy};
use crate::calendar::date_time;
use crate::format;
use crate::run::{FillMark, RunReport, SymbolReport};

/// Up to two symbols have charts over the whole width.
const WIDE_CHARTS: usize = 2;
/// More than these marks are drawn smaller.
const CROWDED: usize = 120;

/// One chart per symbol that had a price.
pub(in super::super) fn prices(out: &mut String, report: &RunReport) {
    let symbols: Vec<&SymbolReport> =
        report.symbols.iter().filter(|s| !s.prices.buckets().is_empty()).collect();
    if symbols.is_empty() {
        return;
    }
    let wide = symbols.len() <= WIDE_CHARTS;
    if !wide {
        out.push_str(r#"<div class="halves">"#);
    }
    for (index, symbol) in symbols.into_iter().enumerate() {
        one(out, report, symbol, index, wide);
    }
    if !wide {
        out.push_str("</div>\n");
    }
}

fn one(out: &mut String, report: &RunReport, symbol: &SymbolReport, index: usize, wide: bool) {
    let (width, height) = if wide { (WIDE, 280.0) } else { (HALF, 210.0) };
    let (start, end) = (report.equity.start_at, report.equity.end_at);
    let marks = symbol.marks.as_slice();
    let limit = if wide { MAX_POINTS } else { MAX_POINTS / 2 };
    let curve = held_until(symbol.prices.coarsened(limit), end);
    let start = curve.first().map_or(start, |first| first.at.min(start));
    let end = curve.last().map_or(end, |last| last.at.max(end));
    let values = curve.iter().flat_map(|bucket| [bucket.min, bucket.max]);
    let axis = ValueAxis::covering(values.chain(marks.iter().map(|mark| mark.price)), 4);
    let last = curve.last().map_or(0.0, |bucket| bucket.close);
    let tag = axis.value_label(last);
    let room = chart::label_room(&axis).max(tag.chars().count() as f64 * 6.9 + 18.0);
    let span = TimeSpan::new(width, room, start, end);
    let panel = Panel { span, axis: &axis, top: 10.0, bottom: height - 26.0 };

    put!(
        out,
        "<section><h2>{} <span class=\"muted\">price and fills</span></h2>",
        Escaped(symbol.symbol)
    );
    legend(out, marks, symbol);
    let id = format!("price-{index}");
    let title = format!("Price of {} with our fills", symbol.symbol);
    chart::open(out, &id, (width, height), &title, &in_words(symbol));
    panel.draw_axis(out, Some(last), |value| axis.label(value));
    put!(out, r#"<path class="price-band" d="{}"/>"#, panel.band(&curve));
    put!(out, r#"<path class="price" d="{}"/>"#, panel.line(&curve));
    draw_marks(out, &panel, marks, symbol.quote.as_str());
    put!(out, r#"<g class="price-end">"#);
    panel.draw_tag(out, last, &tag);
    out.push_str("</g>");
    span.draw_labels(out, height - 5.0);
    let at: Vec<Timestamp> = curve.iter().map(|bucket| bucket.at).collect();
    let readout = Readout {
        name: "price",
        values: curve.iter().map(|bucket| bucket.close).collect(),
        decimals: decimals_of(&tag),
        unit: symbol.quote.as_str(),
    };
    chart::close(out, &span, (panel.top, panel.bottom), &at, &[readout]);
    out.push_str("</section>\n");
}

fn legend(out: &mut String, marks: &[FillMark], symbol: &SymbolReport) {
    let of = |side: Side| -> u64 {
        marks.iter().filter(|mark| mark.side == side).map(|mark| mark.fills).sum()
    };
    put!(
        out,
        concat!(
            r#"<div class="legend"><span><svg viewBox="0 0 18 10" aria-hidden="true">"#,
            r#"<path class="mark-buy" d="M9,1l5,8h-10z"/></svg>{} bought</span>"#,
            r#"<span><svg viewBox="0 0 18 10" aria-hidden="true">"#,
            r#"<path class="mark-sell" d="M9,9l5,-8h-10z"/></svg>{} sold</span>"#
        ),
        format::count(of(Side::Buy)),
        format::count(of(Side::Sell)),
    );
    if (marks.len() as u64) < symbol.counts.fills {
        put!(
            out,
            "<span>{} fills in {} marks, neighbours of one side merged</span>",
            format::count(symbol.counts.fills),
            format::count(marks.len() as u64)
        );
    }
    out.push_str("</div>");
}

/// Triangles whose tip is the price: up for a buy, down for a sell.
fn draw_marks(out: &mut String, panel: &Panel<'_>, marks: &[FillMark], quote: &str) {
    let crowded = marks.len() > CROWDED;
    let size = if crowded { 3.2 } else { 4.6 };
    if crowded {
        out.push_str(r#"<g class="crowded">"#);
    } else {
        out.push_str("<g>");
    }
    for mark in marks {
        let (x, y) = (panel.span.x(mark.at), panel.y(mark.price));
        let (class, name, height) = match mark.side {
            Side::Buy => ("mark-buy", "buy", size * 1.7),
            Side::Sell => ("mark-sell", "sell", -size * 1.7),
        };
        let fills = if mark.fills == 1 { String::new() } else { format!(", {} fills", mark.fills) };
        put!(
            out,
            r#"<path class="{class}" d="M{x:.1},{y:.1}l{size},{height:.1}h-{:.1}z"><title>{}</title></path>"#,
            size * 2.0,
            Escaped(tidy(&format!(
                "{name} {} at {} {quote}{fills}, {}",
                significant(mark.quantity),
                significant(mark.price),
                date_time(mark.at)
            )))
        );
    }
    out.push_str("</g>");
}

/// Up to eight decimals, without zeros at the end.
fn significant(value: f64) -> String {
    format::trimmed(&format!("{value:.8}"))
}

fn decimals_of(text: &str) -> usize {
    text.split_once('.')
        .map_or(0, |(_, decimals)| decimals.chars().filter(char::is_ascii_digit).count().min(8))
}

fn in_words(symbol: &SymbolReport) -> String {
    let buckets = symbol.prices.buckets();
    let low = buckets.iter().map(|bucket| bucket.min).fold(f64::INFINITY, f64::min);
    let high = buckets.iter().map(|bucket| bucket.max).fold(f64::NEG_INFINITY, f64::max);
    format!(
        "The price moved between {} and {} {}; buy and hold made {}. {} fills are marked.",
        significant(low),
        significant(high),
        symbol.quote,
        format::figure(&symbol.buy_and_hold, format::signed_percent),
        format::count(symbol.counts.fills)
    )
}
