//! What was found as one HTML file that needs nothing else: a strip a series, with a table.

use std::fmt::Write as _;

use model::Timestamp;

use super::{Bin, Defect, Finding, SeriesCheck};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 90.0;
/// A defect of a second must be seen in a strip of a year.
const LEAST_WIDTH: f64 = 2.0;
/// Rows of a table; the JSON has more.
const MAX_ROWS: usize = 60;

const STYLE: &str = "\
body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:980px;padding:0 1rem;\
background:#fff;color:#1c1f24}h1{font-size:1.4rem}h2{font-size:1.05rem;margin:2rem 0 .3rem}\
table{border-collapse:collapse;margin:.4rem 0}td,th{padding:.15rem .9rem .15rem 0;text-align:left;\
font-variant-numeric:tabular-nums}th{font-weight:600;border-bottom:1px solid #8884}\
.n{text-align:right}.k span{display:inline-block;margin-right:1rem}.k i{display:inline-block;\
width:.8rem;height:.8rem;margin-right:.3rem;vertical-align:-1px}svg{display:block;width:100%;\
height:auto;background:#8881;border-radius:4px}.rows{fill:#7a8aa0}.price{fill:none;stroke:#1f6feb;\
stroke-width:1.2}.sound{color:#1a7f37}.wrong{color:#b42318}\
@media(prefers-color-scheme:dark){body{background:#15181d;color:#d8dce2}.price{stroke:#6cb0ff}\
.sound{color:#56c271}.wrong{color:#ff8076}}";

const fn color(defect: Defect) -> &'static str {
    match defect {
        Defect::Gap => "#d1242f",
        Defect::Duplicate => "#bf8700",
        Defect::Conflict => "#8250df",
        Defect::Disorder => "#bc4c00",
        Defect::Overlap => "#9a6700",
        Defect::ZeroVolume => "#57606a",
        Defect::Outlier => "#1a7f37",
        Defect::Misaligned => "#cf222e",
        Defect::Crossed => "#e85aad",
    }
}

/// The page.
#[must_use]
pub fn to_html(checks: &[SeriesCheck]) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Data checks</title><style>{STYLE}</style>\
         <h1>Data checks</h1><p class=\"k\"><span><i style=\"background:#7a8aa0\"></i>rows</span>\
         <span><i style=\"background:#1f6feb\"></i>price</span>"
    );
    let has = |defect: &Defect| checks.iter().any(|check| check.findings.count(*defect) > 0);
    for defect in Defect::ALL.iter().filter(|defect| has(defect)) {
        let (color, name) = (color(*defect), defect.name());
        let _ = write!(page, "<span><i style=\"background:{color}\"></i>{name}</span>");
    }
    page.push_str("</p>");
    for check in checks {
        section(&mut page, check);
    }
    page.push_str("</html>\n");
    page
}

fn section(page: &mut String, check: &SeriesCheck) {
    let (class, verdict) =
        if check.is_sound() { ("sound", "sound") } else { ("wrong", "has errors") };
    let key = escape(&check.key.to_string());
    let _ = write!(page, "<h2>{key} <span class=\"{class}\">{verdict}</span></h2>");
    let (first, last) = (brief(check.first_at), brief(check.last_at));
    let _ = write!(
        page,
        "<div>{} rows in {} files, {first} to {last}</div>",
        check.rows, check.segments
    );
    if let Some(error) = &check.error {
        let _ = write!(page, "<div class=\"wrong\">{}</div>", escape(error));
    }
    strip(page, check);
    table(page, check);
}

fn strip(page: &mut String, check: &SeriesCheck) {
    let _ = write!(page, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">");
    let most = check.bins.iter().map(|bin| bin.rows).max().unwrap_or(0).max(1) as f64;
    let width = WIDTH / check.bins.len().max(1) as f64;
    page.push_str("<path class=\"rows\" d=\"");
    for (place, bin) in check.bins.iter().enumerate().filter(|(_, bin)| bin.rows > 0) {
        let (x, height) = (place as f64 * width, 0.45 * HEIGHT * bin.rows as f64 / most);
        let y = HEIGHT - height;
        let _ = write!(page, "M{x:.2} {HEIGHT}V{y:.2}h{width:.2}V{HEIGHT}z");
    }
    page.push_str("\"/>");
    prices(page, &check.bins, width);
    for finding in &check.findings.findings {
        mark(page, check, finding);
    }
    page.push_str("</svg>");
}

fn prices(page: &mut String, bins: &[Bin], width: f64) {
    let known = bins.iter().filter_map(|bin| bin.price);
    let (low, high) =
        known.fold((f64::MAX, f64::MIN), |(low, high), price| (low.min(price), high.max(price)));
    if low > high {
        return;
    }
    let span = if high > low { high - low } else { 1.0 };
    page.push_str("<path class=\"price\" d=\"");
    let mut is_down = false;
    for (place, bin) in bins.iter().enumerate() {
        let Some(price) = bin.price else {
            is_down = false;
            continue;
        };
        let x = (place as f64 + 0.5) * width;
        let y = 4.0 + (HEIGHT - 8.0) * (high - price) / span;
        let _ = write!(page, "{}{x:.2} {y:.2}", if is_down { 'L' } else { 'M' });
        is_down = true;
    }
    page.push_str("\"/>");
}

fn mark(page: &mut String, check: &SeriesCheck, finding: &Finding) {
    let span = check.last_at.nanos_since(check.first_at).max(1) as f64;
    let x_of = |at: Timestamp| WIDTH * at.nanos_since(check.first_at) as f64 / span;
    let x = x_of(finding.from);
    let width = (x_of(finding.to) - x).max(LEAST_WIDTH);
    let x = x.min(WIDTH - width).max(0.0);
    let (color, text) = (color(finding.defect), escape(&sentence(finding)));
    let _ = write!(
        page,
        "<rect x=\"{x:.2}\" y=\"0\" width=\"{width:.2}\" height=\"{HEIGHT}\" fill=\"{color}\" \
         fill-opacity=\".55\"><title>{text}</title></rect>"
    );
}

fn table(page: &mut String, check: &SeriesCheck) {
    let findings = &check.findings;
    if findings.findings.is_empty() {
        return;
    }
    page.push_str("<table><tr><th>defect<th class=\"n\">rows<th>from<th>to<th>what</tr>");
    let mut largest: Vec<&Finding> = findings.findings.iter().collect();
    largest.sort_by_key(|finding| (!finding.defect.is_error(), std::cmp::Reverse(finding.count)));
    largest.truncate(MAX_ROWS);
    largest.sort_by_key(|finding| (finding.from, finding.defect));
    for finding in &largest {
        let Finding { defect, from, to, count, detail } = finding;
        let (defect, detail) = (defect.name(), escape(detail));
        let (from, to) = (brief(*from), brief(*to));
        let _ = write!(
            page,
            "<tr><td>{defect}<td class=\"n\">{count}<td>{from}<td>{to}<td>{detail}</tr>"
        );
    }
    page.push_str("</table>");
    let all: u64 = findings.stretches.values().sum();
    if all > largest.len() as u64 {
        let _ = write!(page, "<div>and {} more stretches</div>", all - largest.len() as u64);
    }
}

/// A finding in one line.
fn sentence(finding: &Finding) -> String {
    let Finding { defect, from, to, count, detail } = finding;
    format!("{}: {count} {detail} {} to {}", defect.name(), brief(*from), brief(*to))
}

/// To the second, or finer where it matters.
fn brief(at: Timestamp) -> String {
    let text = at.to_string();
    let (seconds, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let seconds = seconds.replace('T', " ");
    match fraction.trim_end_matches('Z').trim_end_matches('0') {
        "" => seconds,
        fraction => format!("{seconds}.{fraction}"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
