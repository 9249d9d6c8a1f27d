//! `tickwright backtest`: strategies over history.

pub(super) mod data;
pub(super) mod fit;
mod parquet;
pub(super) mod plan;
mod reporting;
mod scenarios;
mod show;

use std::sync::Arc;
use std::time::{Duration, Instant};

use backtest::export::CsvExport;
use backtest::record::Recorder;
use backtest::run::{Run, RunError};
use backtest::source::{EventSource, OrderNotes, SourceError, Span};
use kernel::strategy::StrategyEntry;
use model::{MarketEvent, Timestamp};
use report::metrics::SampleRule;

use crate::cli::backtest::BacktestArgs;
use crate::cli::history::HistoryArgs;
use crate::cli::{Exit, Failure};
pub(super) use plan::models;
use scenarios::Scenarios;

/// How long the parts of a run took.
#[derive(Debug, Clone, Copy, Default)]
struct Timing {
    /// Reading and decoding.
    load: Duration,
    /// The loop.
    run: Duration,
}

/// Who watches the run.
type Watchers = (Option<Recorder>, Option<CsvExport>);

/// Runs the strategies over the data.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &BacktestArgs, kinds: &[StrategyEntry]) -> Result<Exit, Failure> {
    let config = args.history.load(kinds)?;
    check_span(&args.history)?;
    let mut timing = Timing::default();
    let opening = Instant::now();
    let found = data::find(&args.history, &config)?;
    let mut plan = plan::build(&config, args.history.symbol, &found, kinds)?;
    plan.warnings.extend(found.warnings.iter().cloned());
    plan.warnings.extend(fit::check(&plan.run, &found)?);
    let notes = OrderNotes::default();
    let source = found.open(&plan.run.instruments, &notes).map_err(|error| unreadable(&error))?;
    timing.load += opening.elapsed();
    let from = args.history.from.unwrap_or(found.begins_at());
    let given = found.given_bars(&plan.run.instruments);
    let recorder = match args.report.is_some() || !args.json {
        true => Some(reporting::recorder(args, &config, &plan, &found)?),
        false => None,
    };
    let export = args.export.as_deref().map(|directory| CsvExport::create(directory, &plan.run));
    let export = export.transpose().map_err(|error| Failure::new(Exit::Storage, error))?;
    let publishes = export.is_some();
    let run = Run::new(&plan.run, from, &given, (recorder, export)).map_err(broken)?;
    let run = if publishes { run.publishing() } else { run };
    let scenarios = args.report.as_ref().map(|_| Scenarios::start(&plan.run, from, &given));
    let scenarios = scenarios.transpose().map_err(broken)?;
    let to = args.history.to.unwrap_or(Timestamp::MAX);
    let run = drive(Span::until(source, to), run, scenarios.as_ref(), &mut timing)?;
    if run.events() == 0 {
        return Err(no_event(&args.history));
    }
    let outcomes = scenarios.map(Scenarios::finish).transpose().map_err(broken)?;
    let shown = show::Shown::of(&plan, &run, &notes, timing);
    let scenarios = outcomes.map(|outcomes| outcomes.compared(shown.cash)).unwrap_or_default();
    let outcome = shown.outcome(scenarios);
    let (recorder, export) = run.into_watcher();
    let exported = export.map_or(Ok(()), CsvExport::finish);
    exported.map_err(|error| Failure::new(Exit::Storage, error))?;
    args.export.as_deref().map_or(Ok(()), parquet::write)?;
    let rule = if args.force_figures { SampleRule::Forced } else { SampleRule::Enforced };
    let report = recorder.and_then(|recorder| recorder.finish(outcome, rule));
    if let (Some(path), Some(report)) = (&args.report, &report) {
        reporting::write(path, report)?;
    }
    shown.print(args, report.as_ref());
    Ok(Exit::Ok)
}

/// # Errors
/// For a span that nothing can lie in.
pub(super) fn check_span(args: &HistoryArgs) -> Result<(), Failure> {
    match (args.from, args.to) {
        (Some(from), Some(to)) if from >= to => {
            let message = format!("--from {from} is not before --to {to}");
            Err(Failure::new(Exit::Usage, message))
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

fn no_event(args: &HistoryArgs) -> Failure {
    let from = args.from.map(|from| format!(" from {from} on"));
    let to = args.to.map(|to| format!(" before {to}"));
    let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
    Failure::new(Exit::Usage, format!("the data hold no event{from}{to}: nothing was run"))
}

/// Feeds a run with everything that a source has.
fn drive<S: EventSource>(
    mut source: S,
    mut run: Run<Watchers>,
    scenarios: Option<&Scenarios>,
    timing: &mut Timing,
) -> Result<Run<Watchers>, Failure> {
    let mut batch: Vec<MarketEvent> = Vec::new();
    loop {
        let start = Instant::now();
        batch.clear();
        source.read(&mut batch).map_err(|error| unreadable(&error))?;
        let loaded = Instant::now();
        timing.load += loaded.duration_since(start);
        if batch.is_empty() {
            run.end().map_err(broken)?;
            return Ok(run);
        }
        if let Some(scenarios) = scenarios {
            scenarios.feed(Arc::from(batch.as_slice()));
        }
        let ready = Instant::now();
        run.feed(&batch).map_err(broken)?;
        timing.run += ready.elapsed();
    }
}

pub(super) fn unreadable(error: &SourceError) -> Failure {
    match error {
        SourceError::File(store::SourceError::Malformed { .. }) => {
            let hint = "`tickwright data import` takes the other rows, and lists those it refuses";
            Failure::new(Exit::Usage, format!("{error} ({hint})"))
        }
        SourceError::Unusable { .. } | SourceError::Disorder { .. } => {
            Failure::new(Exit::Usage, error)
        }
        SourceError::Catalog { .. }
        | SourceError::File(
            store::SourceError::Io { .. }
            | store::SourceError::CutOff { .. }
            | store::SourceError::Zip { .. },
        ) => Failure::new(Exit::Storage, error),
    }
}

pub(super) fn broken(error: RunError) -> Failure {
    match error {
        RunError::Plan(error) => Failure::new(Exit::Usage, error),
        RunError::Journal(error) => Failure::new(Exit::Internal, error),
        RunError::Watch(error) => Failure::new(Exit::Storage, error),
        RunError::Source(error) => unreadable(&error),
    }
}
