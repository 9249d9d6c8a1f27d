//! `tickwright backtest`: strategies over history.

mod data;
mod plan;
mod show;

use std::time::{Duration, Instant};

use backtest::run::{Run, RunError, Unwatched};
use backtest::source::{EventSource, SourceError, Span};
use kernel::strategy::StrategyEntry;
use model::{MarketEvent, Timestamp};

use crate::cli::backtest::BacktestArgs;
use crate::cli::{Exit, Failure};
use crate::config::load_for_backtest;

/// How long the parts of a run took.
#[derive(Debug, Clone, Copy, Default)]
struct Timing {
    /// Reading and decoding.
    load: Duration,
    /// The loop.
    run: Duration,
}

/// Runs the strategies over the data.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &BacktestArgs, kinds: &[StrategyEntry]) -> Result<Exit, Failure> {
    let config = load_for_backtest(&args.sources(), &args.overrides()?, kinds)?;
    let mut timing = Timing::default();
    let opening = Instant::now();
    let found = data::find(args, &config)?;
    let plan = plan::build(&config, args.symbol, &found, kinds)?;
    let source = found.open(&plan.run.instruments).map_err(|error| unreadable(&error))?;
    timing.load += opening.elapsed();
    let from = args.from.unwrap_or(Timestamp::EPOCH);
    let given = found.given_bars(&plan.run.instruments);
    let run = Run::new(&plan.run, from, &given, Unwatched).map_err(broken)?;
    let run = match args.to {
        Some(to) => drive(Span::until(source, to), run, &mut timing)?,
        None => drive(source, run, &mut timing)?,
    };
    show::print(args, &plan, &run, timing);
    Ok(Exit::Ok)
}

/// Feeds a run with everything that a source has.
fn drive<S: EventSource>(
    mut source: S,
    mut run: Run<Unwatched>,
    timing: &mut Timing,
) -> Result<Run<Unwatched>, Failure> {
    let mut batch: Vec<MarketEvent> = Vec::new();
    loop {
        let start = Instant::now();
        batch.clear();
        source.read(&mut batch).map_err(|error| unreadable(&error))?;
        let loaded = Instant::now();
        timing.load += loaded.duration_since(start);
        if batch.is_empty() {
            return Ok(run);
        }
        run.feed(&batch).map_err(broken)?;
        timing.run += loaded.elapsed();
    }
}

fn unreadable(error: &SourceError) -> Failure {
    Failure::new(Exit::Storage, error)
}

fn broken(error: RunError) -> Failure {
    match error {
        RunError::Plan(error) => Failure::new(Exit::Usage, error),
        RunError::Journal(error) => Failure::new(Exit::Internal, error),
        RunError::Watch(error) => Failure::new(Exit::Storage, error),
    }
}
