//! The parts of the page, from top to bottom. A section appears when its data is there.

mod equity;
mod exposure;
mod figures;
mod latency;
mod lists;
mod overview;
mod page;
mod prices;
mod returns;
mod strategies;

pub(super) use equity::equity;
pub(super) use exposure::exposure;
pub(super) use figures::{compat, costs, figures, refusals};
pub(super) use latency::latency;
pub(super) use lists::lists;
pub(super) use overview::overview;
pub(super) use page::{foot, head, header, identity};
pub(super) use prices::prices;
pub(super) use returns::returns;
pub(super) use strategies::{strategies, symbols};

use super::text::{Escaped, put, tidy};
use crate::metrics::Figure;

/// A number cell.
fn cell(out: &mut String, text: &str) {
    put!(out, "<td>{}</td>", Escaped(tidy(text)));
}

/// A number cell in the colour of its sign.
fn signed_cell(out: &mut String, value: f64, text: &str) {
    let class = super::text::sign_class(value);
    put!(out, r#"<td class="{class}">{}</td>"#, Escaped(tidy(text)));
}

/// A cell with a figure, or `n/a` with its reason as a tooltip.
fn figure_cell(out: &mut String, figure: &Figure, form: impl Fn(f64) -> String) {
    match figure {
        Figure::Value(value) => cell(out, &form(*value)),
        Figure::NotAvailable { not_available } => {
            put!(out, r#"<td class="na" title="{}">n/a</td>"#, Escaped(not_available));
        }
    }
}

/// A table's head: names of columns, those that hold text marked with a `*`.
fn table_head(out: &mut String, columns: &[&str]) {
    out.push_str(r#"<div class="scroll"><table><thead><tr>"#);
    for column in columns {
        match column.strip_prefix('*') {
            Some(name) => put!(out, r#"<th scope="col" class="text">{}</th>"#, Escaped(name)),
            None => put!(out, r#"<th scope="col">{}</th>"#, Escaped(column)),
        }
    }
    out.push_str("</tr></thead><tbody>");
}

/// The end of a table.
fn table_end(out: &mut String) {
    out.push_str("</tbody></table></div>");
}
