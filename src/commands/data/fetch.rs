//! `tickwright data fetch`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actors::clock::Clock;
use data::Meter;
use data::fetch::{FetchOptions, Fetched, Outcome, Way, What, fetch};
use data::import::{FileReport, ImportOptions, import};
use serde_json::json;
use store::catalog::{Catalog, Market};

use super::progress::Watch;
use super::{dialer, print_json, print_text, runtime, threads, urls};
use crate::cli::data::FetchArgs;
use crate::cli::{Exit, Failure};

/// Pause before a request is repeated for the first time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Fetches files and imports them.
///
/// # Errors
/// When the arguments ask for nothing, or for what cannot be had.
pub fn execute(arguments: &FetchArgs) -> Result<Exit, Failure> {
    let options = options(arguments)?;
    let runtime = runtime()?;
    let dialer = dialer(&[&options.rest_url, &options.archive_url])?;
    let meter = Meter::default();
    let watch = Watch::start(&meter, "files", arguments.json);
    let fetched = runtime.block_on(async {
        let clock = Clock::system();
        fetch(dialer, &options, Arc::new(move || clock.wall()), &meter).await
    });
    drop(watch);
    let reports = if arguments.no_import { Vec::new() } else { bring_in(arguments, &fetched) };
    if arguments.json {
        let rows: u64 = reports.iter().map(FileReport::rows).sum();
        print_json(&json!({ "files": fetched, "imported": reports, "rows": rows }))?;
    } else {
        print_text(table(&fetched, &reports).trim_end())?;
    }
    Ok(exit(&fetched, &reports))
}

fn options(arguments: &FetchArgs) -> Result<FetchOptions, Failure> {
    let mut what: Vec<What> = arguments.klines.iter().copied().map(What::Klines).collect();
    what.extend(arguments.agg_trades.then_some(What::AggTrades));
    what.extend(arguments.trades.then_some(What::Trades));
    let usage = |message: &str| Err(Failure::new(Exit::Usage, message));
    if what.is_empty() {
        return usage("say what: --klines 1m, --agg-trades or --trades");
    }
    if arguments.rest && arguments.trades {
        return usage("single trades are in the archive only: leave --rest or --trades out");
    }
    let to = arguments.to.unwrap_or(model::Timestamp::MAX);
    if arguments.from >= to {
        return usage("--from must be before --to");
    }
    Ok(FetchOptions {
        symbols: arguments.symbols.clone(),
        what,
        from: arguments.from,
        to,
        way: if arguments.rest { Way::Rest } else { Way::Archive },
        rest_url: urls(&arguments.endpoint)?.0,
        archive_url: arguments.archive_url.clone(),
        directory: arguments.dir.clone(),
        concurrency: usize::from(arguments.concurrency),
        timeout: arguments.timeout,
        retries: arguments.retries,
        first_pause: FIRST_PAUSE,
    })
}

fn bring_in(arguments: &FetchArgs, fetched: &[Fetched]) -> Vec<FileReport> {
    let is_there =
        |one: &&Fetched| matches!(one.outcome, Outcome::Fetched { .. } | Outcome::AlreadyThere);
    let files: Vec<PathBuf> = fetched.iter().filter(is_there).map(|one| one.path.clone()).collect();
    let options =
        ImportOptions { market: Some(Market::binance_spot()), ..ImportOptions::default() };
    let meter = Meter::default();
    let _watch = Watch::start(&meter, "bytes", arguments.json);
    import(&Catalog::new(&arguments.catalog.catalog), &files, &options, threads(None), &meter)
}

fn table(fetched: &[Fetched], reports: &[FileReport]) -> String {
    let mut text = String::new();
    let mut there = 0;
    for one in fetched {
        let name = &one.name;
        let _ = match &one.outcome {
            Outcome::Fetched { bytes } => writeln!(text, "{name}: {bytes} bytes"),
            Outcome::AlreadyThere => {
                there += 1;
                Ok(())
            }
            Outcome::Absent => writeln!(text, "{name}: the archive does not have it"),
            Outcome::Empty => writeln!(text, "{name}: nothing was traded"),
            Outcome::Failed { reason, .. } => writeln!(text, "{name}: failed: {reason}"),
        };
    }
    if there > 0 {
        let _ = writeln!(text, "{there} files were there already");
    }
    if !reports.is_empty() {
        let rows: u64 = reports.iter().map(FileReport::rows).sum();
        let refused: u64 = reports.iter().map(|report| report.refused).sum();
        let _ = writeln!(text, "imported {} files: {rows} rows, {refused} refused", reports.len());
    }
    for report in reports.iter().filter(|report| !report.is_complete()) {
        let (file, refused) = (report.file.display(), report.refused);
        let error = report.error.as_deref().unwrap_or("");
        let _ = writeln!(text, "  {file}: {refused} refused {error}");
    }
    text
}

fn exit(fetched: &[Fetched], reports: &[FileReport]) -> Exit {
    let is_unreachable =
        |one: &Fetched| matches!(one.outcome, Outcome::Failed { is_unreachable: true, .. });
    let is_had = |one: &Fetched| match one.outcome {
        Outcome::Fetched { .. } | Outcome::AlreadyThere | Outcome::Empty => true,
        Outcome::Absent | Outcome::Failed { .. } => false,
    };
    if !fetched.is_empty() && fetched.iter().all(is_unreachable) {
        Exit::VenueUnreachable
    } else if fetched.iter().all(is_had) && reports.iter().all(FileReport::is_complete) {
        Exit::Ok
    } else {
        Exit::Partial
    }
}
