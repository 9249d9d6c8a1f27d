//! `tickwright data import`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use data::Meter;
use data::import::{FileReport, ImportOptions, import};
use serde_json::json;
use store::catalog::Catalog;

use super::progress::Watch;
use super::{print_json, print_text, threads};
use crate::cli::data::ImportArgs;
use crate::cli::{Exit, Failure};

/// Refusals of a file that are shown; the JSON has more.
const SHOWN: usize = 5;

/// Imports files.
///
/// # Errors
/// When a file or directory that was named is not there.
pub fn execute(arguments: &ImportArgs) -> Result<Exit, Failure> {
    let mut files = Vec::new();
    for path in &arguments.files {
        collect(path, &mut files)?;
    }
    let options = ImportOptions {
        market: arguments.market.clone(),
        symbol: arguments.symbol,
        kind: arguments.kind,
        interval: arguments.interval,
        map: arguments.map.clone().unwrap_or_default(),
        time_unit: arguments.time_unit,
    };
    let catalog = Catalog::new(&arguments.catalog.catalog);
    let meter = Meter::default();
    let watch = Watch::start(&meter, "bytes", arguments.json);
    let reports = import(&catalog, &files, &options, threads(arguments.threads), &meter);
    drop(watch);
    if arguments.json {
        let sum = |count: fn(&FileReport) -> u64| reports.iter().map(count).sum::<u64>();
        print_json(&json!({
            "files": reports,
            "records": sum(|report| report.records),
            "kept": sum(|report| report.kept),
            "refused": sum(|report| report.refused),
            "rows": sum(FileReport::rows),
            "instruments": sum(|report| report.instruments),
        }))?;
    } else {
        print_text(table(&reports).trim_end())?;
    }
    let is_complete = reports.iter().all(FileReport::is_complete);
    Ok(if is_complete { Exit::Ok } else { Exit::Partial })
}

/// A file itself, or what is in a directory and those below it, by name; hidden files apart.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error| Failure::new(Exit::Usage, format!("{}: {error}", path.display()));
    if !path.metadata().map_err(failed)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).map_err(failed)?;
    let mut inside = Vec::new();
    for entry in entries {
        inside.push(entry.map_err(failed)?.path());
    }
    inside.sort();
    let is_hidden = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
    };
    for path in inside.iter().filter(|path| !is_hidden(path)) {
        collect(path, files)?;
    }
    Ok(())
}

fn table(reports: &[FileReport]) -> String {
    let mut text = String::new();
    for report in reports {
        let _ = writeln!(text, "{}: {}", report.file.display(), report.found);
        if let Some(error) = &report.error {
            let _ = writeln!(text, "  failed: {error}");
        }
        let FileReport { records, kept, refused, .. } = report;
        let _ = writeln!(text, "  {records} records in: {kept} kept, {refused} refused");
        for (kind, count) in &report.passed_over {
            let _ = writeln!(text, "  {count} passed over: {kind}");
        }
        if !report.columns_not_kept.is_empty() {
            let _ = writeln!(text, "  not kept: {}", report.columns_not_kept.join(", "));
        }
        for refusal in report.refusals.iter().take(SHOWN) {
            let _ = writeln!(text, "  line {}: {}", refusal.line, refusal.reason);
        }
        if report.refused > SHOWN as u64 {
            let more = report.refused - SHOWN as u64;
            let _ = writeln!(text, "  and {more} more lines: --json names a thousand");
        }
        if let Some(line) = report.cut_off_after_line {
            let _ = writeln!(text, "  cut off or damaged after line {line}");
        }
        for series in &report.series {
            let was_there = if series.was_there { ", there already" } else { "" };
            let disorder = if series.is_ordered { "" } else { ", not in the order of time" };
            let _ =
                writeln!(text, "  -> {}: {} rows{was_there}{disorder}", series.key, series.rows);
        }
        if report.instruments > 0 {
            let _ = writeln!(text, "  -> {} instruments", report.instruments);
        }
    }
    text
}
