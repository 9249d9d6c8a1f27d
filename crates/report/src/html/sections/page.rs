//! The frame of the page: head, header, identity, foot.

use super::super::text::{Escaped, put, tidy};
use crate::calendar::{date, date_time};
use crate::format;
use crate::metrics::CONVENTION;
use crate::run::RunReport;

/// Everything before the visible page.
pub(in super::super) fn head(out: &mut String, report: &RunReport, style: &str) {
    put!(
        out,
        concat!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ",
            "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">",
            "<meta name=\"generator\" content=\"Tickwright {version}\">",
            "<title>Tickwright {mode} {day}</title>\n<style>\n{style}</style></head>\n<body><main>\n"
        ),
        version = Escaped(&report.identity.version),
        mode = Escaped(&report.identity.mode),
        day = date(report.equity.start_at),
        style = style,
    );
}

/// What was run and when.
pub(in super::super) fn header(out: &mut String, report: &RunReport) {
    let identity = &report.identity;
    let (start, end) = (report.equity.start_at, report.equity.end_at);
    let symbols: Vec<&str> = report.symbols.iter().map(|s| s.symbol.as_str()).collect();
    let symbols = match symbols.len() {
        0..=6 => symbols.join(", "),
        more => format!("{} and {} more", symbols[..5].join(", "), more - 5),
    };
    let strategies = match report.strategies.len() {
        0 => "no strategy".to_owned(),
        1 => format!("strategy {}", report.strategies[0].name),
        many => format!("{many} strategies"),
    };
    let title = if symbols.is_empty() { "Trading report".to_owned() } else { symbols };
    put!(
        out,
        concat!(
            r#"<header><div><h1>{}<span class="badge">{}</span></h1>"#,
            r#"<p class="muted">{} to {} UTC ({}) · {}</p></div>"#,
            r#"<div class="run muted">Tickwright {}"#
        ),
        Escaped(title),
        Escaped(&identity.mode),
        date_time(start),
        date_time(end),
        Escaped(tidy(&format::duration(end.nanos_since(start)))),
        Escaped(strategies),
        Escaped(&identity.version),
    );
    if let Some(seed) = identity.seed {
        put!(out, "<br>seed {seed}");
    }
    out.push_str("</div></header>\n");
    if !(identity.warnings.is_empty() && report.halts.is_empty()) {
        out.push_str(r#"<div class="warning" role="note"><ul>"#);
        for halt in &report.halts {
            put!(out, "<li>not run to its end: {}</li>", Escaped(halt));
        }
        for warning in &identity.warnings {
            put!(out, "<li>{}</li>", Escaped(warning));
        }
        out.push_str("</ul></div>\n");
    }
}

/// What it takes to repeat the run.
pub(in super::super) fn identity(out: &mut String, report: &RunReport) {
    let identity = &report.identity;
    out.push_str("<section><h2>This run</h2>");
    super::table_head(out, &["What", "*Setting"]);
    let mut row = |name: &str, value: &str| {
        put!(
            out,
            r#"<tr><td>{}</td><td class="text wrap"><code>{}</code></td></tr>"#,
            Escaped(name),
            Escaped(value)
        );
    };
    row("mode", &identity.mode);
    row("version", &identity.version);
    if let Some(seed) = identity.seed {
        row("seed", &seed.to_string());
    }
    for (name, hash) in [("config", &identity.config_hash), ("data", &identity.data_hash)] {
        if let Some(hash) = hash {
            row(&format!("{name} hash"), hash);
        }
    }
    for source in &identity.data {
        row("data", source);
    }
    for model in &identity.models {
        row(&model.name, &model.value);
    }
    for strategy in &report.strategies {
        let method = strategy.trade_method.name();
        row(&format!("trades of {}", strategy.name), method);
        let set = strategy.parameters.iter().map(|(name, value)| format!("{name} = {value}"));
        let set: Vec<String> = set.collect();
        if !set.is_empty() {
            row(&format!("parameters of {}", strategy.name), &set.join(", "));
        }
    }
    if let Some(text) = report.ending.and_then(|ending| ending.in_words()) {
        row("at the end", &text);
    }
    row("market events", &format::count(report.events));
    row(
        "figures",
        &format!("{CONVENTION}: daily UTC closes, 365 periods a year, risk-free rate 0"),
    );
    if let Some(command) = &identity.command {
        row("command", command);
    }
    super::table_end(out);
    out.push_str("</section>\n");
}

/// Everything after the visible page.
pub(in super::super) fn foot(out: &mut String, report: &RunReport, script: &str) {
    put!(
        out,
        concat!(
            "<footer>All times are UTC. Money is in {}. ",
            "Past results say little about future ones.</footer>\n",
            "</main>\n<script>\n{}</script>\n</body></html>\n"
        ),
        Escaped(report.currency),
        script
    );
}
