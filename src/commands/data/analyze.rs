//! `tickwright data analyze`.

use std::fmt::Write as _;

use data::Meter;
use data::analyze::{Analysis, AnalyzeOptions, analyze, write_table};
use serde_json::json;

use super::progress::Watch;
use super::{make_directory, print_json, print_text, select, threads};
use crate::cli::data::{AnalyzeArgs, format_of};
use crate::cli::{Exit, Failure};

/// Analyses series.
///
/// # Errors
/// When there is no catalog, or a table can't be written.
pub fn execute(arguments: &AnalyzeArgs) -> Result<Exit, Failure> {
    let (_, series) = select(&arguments.catalog, &arguments.select)?;
    if let Some(directory) = &arguments.bars {
        make_directory(directory)?;
    }
    let bars = arguments.bars.clone().map(|directory| (directory, arguments.format));
    let options = AnalyzeOptions { interval: arguments.bar, bars };
    let meter = Meter::default();
    let watch = Watch::start(&meter, "rows", arguments.json);
    let analyses = analyze(&series, &options, threads(arguments.threads), &meter);
    drop(watch);
    if let Some(path) = &arguments.out {
        let format = format_of(path).map_err(|error| Failure::new(Exit::Usage, error))?;
        write_table(path, format, &analyses).map_err(|error| Failure::new(Exit::Storage, error))?;
    }
    if arguments.json {
        print_json(&json!({ "series": analyses }))?;
    } else {
        print_text(table(&analyses).trim_end())?;
    }
    let is_complete = analyses.iter().all(|one| one.error.is_none());
    Ok(if is_complete { Exit::Ok } else { Exit::Partial })
}

fn table(analyses: &[Analysis]) -> String {
    let mut text = String::new();
    for one in analyses {
        let bars = one
            .bar_interval
            .map_or_else(String::new, |interval| format!(", {} bars of {interval}", one.bars));
        let _ = writeln!(text, "{}: {} rows{bars}", one.key, one.rows);
        if let Some(error) = &one.error {
            let _ = writeln!(text, "  failed: {error}");
        }
        if one.late_trades > 0 {
            let _ = writeln!(text, "  {} trades came after their bar", one.late_trades);
        }
        let named = one.last.named();
        let known = named.iter().filter_map(|(name, value)| Some((name, (*value)?)));
        let values: Vec<String> =
            known.map(|(name, value)| format!("{name} {}", short(value))).collect();
        for line in values.chunks(5) {
            let _ = writeln!(text, "  {}", line.join("  "));
        }
        let scores = [
            ("linear", one.evenness.linear),
            ("continuity", one.evenness.continuity),
            ("exponential", one.evenness.exponential),
        ];
        let scores = scores.map(|(name, score)| {
            format!(
                "{name} {}",
                score.map_or_else(|| "n/a".to_owned(), |score| format!("{score:.4}"))
            )
        });
        let _ = writeln!(text, "  evenness: {}", scores.join("  "));
    }
    text
}

/// Six significant digits.
fn short(value: f64) -> String {
    let digits = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    let decimals = (5.0 - digits).clamp(0.0, 12.0) as usize;
    format!("{value:.decimals$}")
}
