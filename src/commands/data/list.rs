//! `tickwright data list`.

use std::fmt::Write as _;

use model::Timestamp;
use serde_json::{Value, json};
use store::catalog::Series;

use super::{print_json, print_text, select};
use crate::cli::data::ListArgs;
use crate::cli::{Exit, Failure};

/// Shows what the catalog holds.
///
/// # Errors
/// When there is no catalog, or a file of it can't be read.
pub fn execute(arguments: &ListArgs) -> Result<Exit, Failure> {
    let (_, series) = select(&arguments.catalog, &arguments.select)?;
    if arguments.json {
        let all: Vec<Value> = series.iter().map(to_json).collect();
        print_json(&json!({ "series": all }))?;
    } else {
        print_text(table(&series).trim_end())?;
    }
    Ok(Exit::Ok)
}

fn bytes(series: &Series) -> u64 {
    let sizes = series.segments.iter().filter_map(|(path, _)| path.metadata().ok());
    sizes.map(|facts| facts.len()).sum()
}

fn to_json(series: &Series) -> Value {
    let (first_at, last_at) = series.span().unwrap_or_default();
    let sources: Vec<&str> =
        series.segments.iter().map(|(_, info)| info.source.name.as_str()).collect();
    json!({
        "market": series.key.market,
        "symbol": series.key.symbol,
        "kind": series.key.kind,
        "interval": series.key.interval,
        "rows": series.rows(),
        "segments": series.segments.len(),
        "bytes": bytes(series),
        "first_at": first_at.to_string(),
        "last_at": last_at.to_string(),
        "is_ordered": series.is_ordered(),
        "digest": series.digest(),
        "sources": sources,
    })
}

fn table(series: &[Series]) -> String {
    let mut text = format!(
        "{:<14}{:<14}{:<14}{:>12}{:>7}{:>10}  {:<19}  {:<19}\n",
        "market", "symbol", "kind", "rows", "files", "MiB", "from", "to"
    );
    let minute = |at: Timestamp| at.to_string()[..19].replace('T', " ");
    for one in series {
        let (first, last) = one.span().unwrap_or_default();
        let _ = writeln!(
            text,
            "{:<14}{:<14}{:<14}{:>12}{:>7}{:>10.2}  {:<19}  {:<19}{}",
            one.key.market,
            one.key.symbol,
            one.key.kind_name(),
            one.rows(),
            one.segments.len(),
            bytes(one) as f64 / f64::from(1 << 20),
            minute(first),
            minute(last),
            if one.is_ordered() { "" } else { "  not in order: see `data verify`" },
        );
    }
    text
}
