//! `tickwright data verify`.

use std::fmt::Write as _;

use data::Meter;
use data::verify::{Defect, Finding, Mended, SeriesCheck, mend, to_html, verify};
use model::Timestamp;
use serde_json::{Value, json};

use super::progress::Watch;
use super::{print_json, print_text, select, threads};
use crate::cli::data::VerifyArgs;
use crate::cli::{Exit, Failure};

/// Stretches of a series that are shown; the JSON and the picture have more.
const SHOWN: usize = 8;

/// Checks series, and mends them if asked.
///
/// # Errors
/// When there is no catalog, and when a series can't be mended or the picture not be written.
pub fn execute(arguments: &VerifyArgs) -> Result<Exit, Failure> {
    let (catalog, mut series) = select(&arguments.catalog, &arguments.select)?;
    let meter = Meter::default();
    let watch = Watch::start(&meter, "rows", arguments.json);
    let mut checks = verify(&series, threads(arguments.threads), &meter);
    let mut mended = Vec::new();
    if arguments.mend {
        for (one, check) in series.iter_mut().zip(&mut checks) {
            if !check.findings.can_be_mended() {
                continue;
            }
            let done = mend(&catalog, one).map_err(|error| Failure::new(Exit::Storage, error))?;
            mended.push(done);
            *one = catalog.one(&one.key)?;
            *check = data::verify::verify_one(one, &meter);
        }
    }
    drop(watch);
    if let Some(path) = &arguments.picture {
        std::fs::write(path, to_html(&checks))
            .map_err(|error| Failure::new(Exit::Storage, format!("{}: {error}", path.display())))?;
    }
    let is_sound = checks.iter().all(SeriesCheck::is_sound);
    if arguments.json {
        let all: Vec<Value> = checks.iter().map(to_json).collect();
        print_json(&json!({ "is_sound": is_sound, "series": all, "mended": mended }))?;
    } else {
        print_text(table(&checks, &mended).trim_end())?;
    }
    Ok(if is_sound { Exit::Ok } else { Exit::Partial })
}

fn to_json(check: &SeriesCheck) -> Value {
    let finding = |one: &Finding| {
        json!({
            "defect": one.defect,
            "from": one.from.to_string(),
            "to": one.to.to_string(),
            "count": one.count,
            "detail": one.detail,
        })
    };
    let findings: Vec<Value> = check.findings.findings.iter().map(finding).collect();
    json!({
        "market": check.key.market,
        "symbol": check.key.symbol,
        "kind": check.key.kind,
        "interval": check.key.interval,
        "is_sound": check.is_sound(),
        "rows": check.rows,
        "segments": check.segments,
        "first_at": check.first_at.to_string(),
        "last_at": check.last_at.to_string(),
        "counts": check.findings.counts,
        "stretches": check.findings.stretches,
        "findings": findings,
        "error": check.error,
    })
}

fn table(checks: &[SeriesCheck], mended: &[Mended]) -> String {
    let mut text = String::new();
    for one in mended {
        let removed = one.rows_before - one.rows_after;
        let _ = writeln!(
            text,
            "{}: mended: {removed} doubled rows removed, sorted, {} old files put aside",
            one.key,
            one.replaced.len()
        );
    }
    for check in checks {
        let verdict = if check.is_sound() { "sound" } else { "HAS ERRORS" };
        let _ = writeln!(text, "{}: {} rows, {verdict}", check.key, check.rows);
        if let Some(error) = &check.error {
            let _ = writeln!(text, "  can't be read: {error}");
        }
        for defect in Defect::ALL {
            describe(&mut text, check, defect);
        }
    }
    text
}

/// One defect of a series: how much of it, and its largest stretches in the order of time.
fn describe(text: &mut String, check: &SeriesCheck, defect: Defect) {
    let Some(stretches) = check.findings.stretches.get(&defect) else { return };
    let count = check.findings.count(defect);
    let _ = writeln!(text, "  {}: {count} in {stretches} stretches", defect.name());
    let all = check.findings.findings.iter().filter(|finding| finding.defect == defect);
    let mut largest: Vec<&Finding> = all.collect();
    largest.sort_by_key(|finding| std::cmp::Reverse(finding.count));
    largest.truncate(SHOWN);
    largest.sort_by_key(|finding| finding.from);
    let more = stretches.saturating_sub(largest.len() as u64);
    let second = |at: Timestamp| at.to_string()[..19].replace('T', " ");
    for Finding { from, to, count, detail, .. } in largest {
        let (from, to) = (second(*from), second(*to));
        let _ = writeln!(text, "    {from} to {to}: {count} {detail}");
    }
    if more > 0 {
        let _ = writeln!(text, "    and {more} more, of which none is larger");
    }
}
