//! The page of a sweep: the best runs, heat maps over two settings, the windows of a walk forward.

use std::collections::BTreeMap;

use super::text::{Escaped, put, tidy};
use crate::sweep::{HALTED, SweepRow, SweepTable, shown};

/// Runs listed one by one.
const LISTED: usize = 100;
/// Values of an axis that a map can show.
const MAP_SIDE: usize = 120;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}\
table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{padding:.15rem .5rem;text-align:right;border-bottom:1px solid #8884}\
td.text{text-align:left}\
.map td,.map th{padding:.1rem .3rem;border:0;font-size:.8rem}.map td{color:#111}\
.wide{overflow-x:auto;margin:1rem 0}.warning{border-left:4px solid #d90;padding:.2rem 1rem}";

/// The sweep as one HTML file, readable without scripts, loading nothing.
#[must_use]
pub fn render_sweep(table: &SweepTable) -> String {
    let mut out = String::new();
    put!(
        out,
        concat!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ",
            "style-src 'unsafe-inline'\"><title>Tickwright sweep</title>\n<style>{}</style></head>\n",
            "<body><main><h1>Sweep by {}</h1>\n"
        ),
        STYLE,
        Escaped(&table.figure),
    );
    if !table.warnings.is_empty() {
        out.push_str("<div class=\"warning\" role=\"note\">");
        for warning in &table.warnings {
            put!(out, "<p>{}</p>", Escaped(warning));
        }
        out.push_str("</div>\n");
    }
    best(&mut out, table);
    walk(&mut out, table);
    heat_map(&mut out, table);
    out.push_str("<h2>This sweep</h2>\n<table>");
    for (name, value) in &table.facts {
        let (name, value) = (Escaped(name), Escaped(value));
        put!(out, "<tr><td class=\"text\">{name}</td><td class=\"text\">{value}</td></tr>");
    }
    out.push_str("</table>\n</main></body></html>\n");
    out
}

fn grid(out: &mut String, head: &[String], lines: &[Vec<String>]) {
    out.push_str("<div class=\"wide\"><table><thead><tr>");
    for cell in head {
        put!(out, "<th>{}</th>", Escaped(cell));
    }
    out.push_str("</tr></thead><tbody>\n");
    for line in lines {
        out.push_str("<tr>");
        for cell in line {
            put!(out, "<td>{}</td>", Escaped(tidy(cell)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

fn best(out: &mut String, table: &SweepTable) {
    let ranking = table.ranking();
    let refused = table.rows.len() - ranking.len();
    put!(out, "<h2>The best of {} runs</h2>\n", ranking.len());
    if refused > 0 {
        put!(out, "<p>{refused} combinations were not run, or gave no figure.</p>\n");
    }
    let mut head = vec!["window".to_owned()];
    head.extend(table.axes.iter().chain(&table.columns).cloned());
    let has_halted = table.has_halted();
    head.extend(has_halted.then(|| HALTED.to_owned()));
    let line = |place: &usize| {
        let row = &table.rows[*place];
        let SweepRow { window, point, cells, .. } = row;
        let mut line = vec![window.map(|window| window.to_string()).unwrap_or_default()];
        line.extend(point.iter().chain(cells).cloned());
        line.extend(has_halted.then(|| row.halted_in_words()));
        line
    };
    grid(out, &head, &ranking.iter().take(LISTED).map(line).collect::<Vec<_>>());
}

fn walk(out: &mut String, table: &SweepTable) {
    if !table.walk.is_empty() {
        out.push_str("<h2>Walk forward</h2>\n");
        out.push_str(
            "<p>In each window the best of the first span trades the span after it.</p>\n",
        );
        grid(out, &table.walk_head(), &table.walk_lines());
    }
}

/// The best figure for each pair of values of the first two settings that vary.
fn heat_map(out: &mut String, table: &SweepTable) {
    let values = |axis: usize| {
        let mut values: Vec<&str> = Vec::new();
        for row in &table.rows {
            if !values.contains(&row.point[axis].as_str()) {
                values.push(&row.point[axis]);
            }
        }
        values
    };
    let varied = (0..table.axes.len()).map(|axis| (axis, values(axis)));
    let mut varied = varied.filter(|(_, values)| (2..=MAP_SIDE).contains(&values.len()));
    let (Some((down, mut rows)), across) = (varied.next(), varied.next()) else { return };
    let (across, mut columns) = match across {
        Some((across, columns)) => (Some(across), columns),
        None => (None, vec![""]),
    };
    sort_numbers(&mut rows);
    sort_numbers(&mut columns);
    let best = best_by_pair(table, down, across);
    let most = best.values().fold(0.0_f64, |most, (_, value)| most.max(value.abs()));
    let name = across.map_or(String::new(), |across| format!(" and {}", table.axes[across]));
    put!(
        out,
        "<h2>{} by {}{}</h2>\n",
        Escaped(&table.figure),
        Escaped(&table.axes[down]),
        Escaped(name)
    );
    out.push_str("<p>The best over all other settings and windows; green above zero, red below.");
    if table.has_halted() {
        out.push_str(
            " A cross: all of these runs were stopped before their end, and this is what the best \
             of them had by then.",
        );
    }
    out.push_str("</p>\n");
    out.push_str("<div class=\"wide\"><table class=\"map\"><tr><th></th>");
    for column in &columns {
        put!(out, "<th>{}</th>", Escaped(column));
    }
    out.push_str("</tr>\n");
    for row in &rows {
        put!(out, "<tr><th>{}</th>", Escaped(row));
        for column in &columns {
            match best.get(&(*row, *column)) {
                Some((is_complete, value)) => {
                    let (hue, strength) = if *value < 0.0 { (8, -value) } else { (140, *value) };
                    let share = if most > 0.0 { strength / most } else { 0.0 };
                    let lightness = 96.0 - 46.0 * share;
                    let cross = if *is_complete { "" } else { " ✕" };
                    let text = Escaped(tidy(&shown(*value)));
                    put!(
                        out,
                        "<td style=\"background:hsl({hue} 65% {lightness:.0}%)\">{text}{cross}</td>"
                    );
                }
                None => out.push_str("<td></td>"),
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></div>\n");
}

/// For each pair of values the best figure, and whether its run came to its end: those that did
/// come first.
fn best_by_pair(
    table: &SweepTable,
    down: usize,
    across: Option<usize>,
) -> BTreeMap<(&str, &str), (bool, f64)> {
    let mut best: BTreeMap<(&str, &str), (bool, f64)> = BTreeMap::new();
    for row in &table.rows {
        let pair = (row.point[down].as_str(), across.map_or("", |across| &row.point[across]));
        if let Some(figure) = row.figure {
            let own = (row.halted.is_none(), figure);
            let known = best.entry(pair).or_insert(own);
            if own > *known {
                *known = own;
            }
        }
    }
    best
}

/// Numbers by value; other texts stay as they came.
fn sort_numbers(values: &mut [&str]) {
    let number = |text: &&str| text.parse::<f64>().ok();
    if values.iter().all(|text| number(text).is_some()) {
        values.sort_by(|left, right| {
            number(left).unwrap_or(0.0).total_cmp(&number(right).unwrap_or(0.0))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_has_a_cell_for_each_pair_and_nothing_becomes_markup() {
        let row = |fast: &str, slow: &str, figure| SweepRow {
            window: None,
            point: vec![fast.to_owned(), slow.to_owned()],
            figure,
            cells: vec!["<b>".to_owned()],
            values: Vec::new(),
            refused: None,
            halted: None,
        };
        let mut table = SweepTable {
            axes: vec!["fast".to_owned(), "slow".to_owned()],
            figure: "profit".to_owned(),
            columns: vec!["x".to_owned()],
            rows: vec![
                row("10", "20", Some(2.0)),
                row("9", "20", Some(-4.0)),
                row("10", "30", None),
                row("9", "30", Some(1.0)),
            ],
            warnings: vec!["a & b".to_owned()],
            ..SweepTable::default()
        };
        let page = render_sweep(&table);
        assert!(page.contains("<tr><th>9</th><td style=\"background:hsl(8 65% 50%)\">"), "{page}");
        assert!(page.contains(
            "<tr><th>10</th><td style=\"background:hsl(140 65% 73%)\">2.000</td><td></td>"
        ));
        assert!(page.contains("a &amp; b") && page.contains("&lt;b&gt;") && !page.contains("<b>"));
        assert_eq!(page, render_sweep(&table));
        assert!(!page.contains('✕'));
        // Of the pair 9 and 30 only a run that was stopped is left.
        table.rows[3].halted = Some(crate::run::Halt {
            at: model::Timestamp::EPOCH,
            state: crate::run::HaltState::Halted,
            strategy: None,
            symbol: None,
            rule: "drawdown".to_owned(),
            reason: String::new(),
        });
        assert_eq!(render_sweep(&table).matches("1.000 ✕</td>").count(), 1);
    }
}
