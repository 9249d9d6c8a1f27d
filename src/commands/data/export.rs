//! `tickwright data export`.

use std::fmt::Write as _;

use data::Meter;
use data::export::export;
use model::Timestamp;
use serde_json::json;
use store::catalog::Range;

use super::progress::Watch;
use super::{make_directory, print_json, print_text, select, threads};
use crate::cli::data::ExportArgs;
use crate::cli::{Exit, Failure};

/// Writes series as tables.
///
/// # Errors
/// When there is no catalog, or the directory can't be made.
pub fn execute(arguments: &ExportArgs) -> Result<Exit, Failure> {
    let (_, series) = select(&arguments.catalog, &arguments.select)?;
    make_directory(&arguments.directory)?;
    let range = Range {
        from: arguments.from.unwrap_or(Range::ALL.from),
        to: arguments.to.unwrap_or(Timestamp::MAX),
    };
    let meter = Meter::default();
    let watch = Watch::start(&meter, "rows", arguments.json);
    let threads = threads(arguments.threads);
    let done = export(&series, &arguments.directory, arguments.format, range, threads, &meter);
    drop(watch);
    if arguments.json {
        print_json(&json!({ "files": done }))?;
    } else {
        let mut text = String::new();
        for one in &done {
            let _ = match &one.error {
                None => writeln!(text, "{}: {} rows -> {}", one.key, one.rows, one.file.display()),
                Some(error) => writeln!(text, "{}: failed: {error}", one.key),
            };
        }
        print_text(text.trim_end())?;
    }
    let is_complete = done.iter().all(|one| one.error.is_none());
    Ok(if is_complete { Exit::Ok } else { Exit::Partial })
}
