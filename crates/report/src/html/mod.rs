//! One self-contained HTML file: no external resource, readable without scripts.
//!
//! The script only adds a cursor to the charts. All text is escaped where it is written
//! ([`text::Escaped`]), and a content security policy forbids the file to load or send anything.
//! The same report gives the same bytes.

mod chart;
mod scale;
mod sections;
mod sweep;
#[cfg(test)]
mod tests;
mod text;

use crate::run::RunReport;

pub use sweep::render_sweep;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The report as one HTML file.
#[must_use]
pub fn render(report: &RunReport) -> String {
    let mut out = String::with_capacity(256 * 1024);
    sections::head(&mut out, report, STYLE);
    sections::header(&mut out, report);
    sections::overview(&mut out, report);
    sections::equity(&mut out, report);
    sections::strategies(&mut out, report);
    sections::prices(&mut out, report);
    sections::symbols(&mut out, report);
    sections::returns(&mut out, report);
    sections::exposure(&mut out, report);
    sections::latency(&mut out, report);
    sections::figures(&mut out, report);
    sections::compat(&mut out, report);
    sections::costs(&mut out, report);
    sections::refusals(&mut out, report);
    sections::lists(&mut out, report);
    sections::identity(&mut out, report);
    sections::foot(&mut out, report, SCRIPT);
    out
}
