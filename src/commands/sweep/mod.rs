//! `tickwright sweep`: one strategy, many settings.

mod ledger;
mod points;
mod table;
mod walk;

use std::num::NonZero;
use std::time::{Duration, Instant};

use ::data::parallel::run_all;
use backtest::plan::RunPlan;
use backtest::source::OrderNotes;
use backtest::sweep::{Outcome, Sampling, Span, Window, run_over, walk_forward};
use backtest::tape::Tape;
use kernel::strategy::StrategyEntry;
use model::{InstrumentId, Interval, Timestamp};
use serde_json::json;

use super::backtest::data::{self as history, Found};
use super::backtest::{fit, plan, unreadable};
use super::data::progress::Watch;
use crate::cli::sweep::SweepArgs;
use crate::cli::{Exit, Failure};
use crate::config::Config;
use ledger::{Entry, Ledger};
use points::Point;

/// Everything that the runs share.
struct Field {
    tape: Tape,
    whole: Span,
    given: Vec<(InstrumentId, Interval)>,
    sampling: Sampling,
    points: Vec<Point>,
    windows: Vec<Window>,
    /// What was wrong with the data.
    warnings: Vec<String>,
}

/// One run to be done: which settings, over which span.
#[derive(Clone, Copy)]
struct Job {
    point: usize,
    window: Option<usize>,
    span: Span,
    /// It trades what was chosen: its equity is kept.
    is_test: bool,
}

/// Runs the strategies with every combination.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &SweepArgs, kinds: &[StrategyEntry]) -> Result<Exit, Failure> {
    let config = args.history.load(kinds)?;
    let found = history::find(&args.history, &config)?;
    let points = points::of(args, &config, &found, kinds)?;
    let began = Instant::now();
    let field = field(args, &config, &found, points, kinds)?;
    let load = began.elapsed();
    let header = header(args, &config, &found, &field)?;
    let mut ledger = Ledger::open(&args.out, &header)?;
    let threads = args.threads.or_else(|| std::thread::available_parallelism().ok());
    let threads = threads.map_or(1, NonZero::get);
    if !args.json {
        let out = args.out.display();
        eprintln!("results go to {out}: if interrupted, the same command goes on from there");
    }
    let began = Instant::now();
    let known = ledger.known();
    let trained = run_jobs(&field, &trainings(&field), threads, args.json, &mut ledger)?;
    let tests = tests(&field, &trained, args);
    let tested = run_jobs(&field, &tests, threads, args.json, &mut ledger)?;
    let took = began.elapsed();
    let swept =
        table::Swept { args, field: &field, trained: &trained, tests: &tests, tested: &tested };
    let table = swept.table(&header, args.command());
    let walk = walk::Walk::of(&swept, &header);
    table::write(&args.out, &table, walk.as_ref())?;
    let runs = ran(trained.iter().chain(&tested));
    // Of each part the results that were known come first.
    let known_trained = known.min(trained.len());
    let run_now = ran(trained[known_trained..].iter().chain(&tested[known - known_trained..]));
    let done = Done { runs, run_now, known, threads, load, took };
    print(args, &table, &done);
    Ok(Exit::Ok)
}

/// How many runs came to an end.
fn ran<'e>(entries: impl Iterator<Item = &'e Entry>) -> usize {
    entries.filter(|entry| entry.outcome().is_some()).count()
}

/// How the work went.
struct Done {
    runs: usize,
    /// Of them, those of this process.
    run_now: usize,
    /// Of all results, those that an earlier sweep had left.
    known: usize,
    threads: usize,
    load: Duration,
    took: Duration,
}

fn field(
    args: &SweepArgs,
    config: &Config,
    found: &Found,
    points: Vec<Point>,
    kinds: &[StrategyEntry],
) -> Result<Field, Failure> {
    let planned = plan::build(config, args.history.symbol, found, kinds)?;
    let instruments = &planned.run.instruments;
    let notes = OrderNotes::default();
    let mut source = found.open(instruments, &notes).map_err(|error| unreadable(&error))?;
    let tape = Tape::read(&mut source).map_err(|error| unreadable(&error))?;
    let (first, last) =
        tape.span().ok_or_else(|| Failure::new(Exit::Usage, "the data hold no event"))?;
    let after_last = last.after(Duration::from_nanos(1));
    let from = args.history.from.unwrap_or(first).max(first);
    let to = args.history.to.unwrap_or(after_last).min(after_last);
    if from >= to {
        return Err(Failure::new(Exit::Usage, "no data lie between --from and --to"));
    }
    let whole = Span { from, to };
    let windows = match args.walk_forward {
        Some((train, test)) => {
            let windows = walk_forward(whole, train, test);
            if windows.is_empty() {
                let message = format!("the data, {from} to {to}, are too short for one window");
                return Err(Failure::new(Exit::Usage, message));
            }
            windows
        }
        None => Vec::new(),
    };
    let compared = windows.first().map_or(whole, |window| window.train);
    let sampling = Sampling::for_span(compared.to.since(compared.from));
    let given = found.given_bars(instruments);
    let mut warnings = notes.sentences();
    warnings.extend(found.warnings.iter().cloned());
    // Which of them hold depends on the point: none is refused for what the file says.
    warnings.extend(fit::check(&planned.run, found).unwrap_or_else(|error| vec![error.message]));
    Ok(Field { tape, whole, given, sampling, points, windows, warnings })
}

/// Every combination on the whole span, or on what each window trains on.
fn trainings(field: &Field) -> Vec<Job> {
    let spans: Vec<(Option<usize>, Span)> = match field.windows.as_slice() {
        [] => vec![(None, field.whole)],
        windows => windows.iter().enumerate().map(|(at, w)| (Some(at), w.train)).collect(),
    };
    let over = |(window, span): (Option<usize>, Span)| {
        (0..field.points.len()).map(move |point| Job { point, window, span, is_test: false })
    };
    spans.into_iter().flat_map(over).collect()
}

/// The best of each window on the span after it.
fn tests(field: &Field, trained: &[Entry], args: &SweepArgs) -> Vec<Job> {
    let best = |(at, window): (usize, &Window)| {
        let entries = &trained[at * field.points.len()..(at + 1) * field.points.len()];
        let point = table::best_of(entries, args.best)?;
        Some(Job { point, window: Some(at), span: window.test, is_test: true })
    };
    field.windows.iter().enumerate().filter_map(best).collect()
}

fn run_jobs(
    field: &Field,
    jobs: &[Job],
    threads: usize,
    is_silent: bool,
    ledger: &mut Ledger,
) -> Result<Vec<Entry>, Failure> {
    let mut entries = ledger.take_known(jobs.len());
    let left = &jobs[entries.len()..];
    let meter = ::data::Meter::default();
    meter.expect(left.len() as u64);
    let watch = Watch::start(&meter, "runs", is_silent);
    let work = |job: &Job| {
        let entry = match &field.points[job.point].plan {
            Err(reason) => Entry::Refused(reason.clone()),
            Ok(plan) => run(field, plan, job),
        };
        meter.advance(1);
        entry
    };
    let done = run_all(left, threads, work, |_, entry| {
        ledger.append(&entry)?;
        entries.push(entry);
        Ok(())
    });
    drop(watch);
    done.map(|()| entries)
}

fn run(field: &Field, plan: &RunPlan, job: &Job) -> Entry {
    let (span, given) = (job.span, &field.given);
    match run_over(plan, &field.tape, span, given, field.sampling, job.is_test) {
        Ok(outcome) => Entry::Ran(Box::new(outcome)),
        Err(error) => Entry::Refused(error.to_string()),
    }
}

/// What makes a sweep this one: the first line of its results.
fn header(
    args: &SweepArgs,
    config: &Config,
    found: &Found,
    field: &Field,
) -> Result<serde_json::Value, Failure> {
    let points: Vec<&[String]> = field.points.iter().map(|point| point.values.as_slice()).collect();
    let walk = args.walk_forward.map(|(train, test)| [train.as_secs(), test.as_secs()]);
    let instant = |at: Timestamp| at.to_string();
    Ok(json!({
        "sweep": 2,
        "version": env!("CARGO_PKG_VERSION"),
        "config_hash": config.hash.to_string(),
        "data_hash": found.hash()?,
        "from": instant(field.whole.from),
        "to": instant(field.whole.to),
        "sampling": field.sampling.name(),
        "best": walk.map(|_| args.best.name()),
        "walk_forward_s": walk,
        "axes": args.params.iter().map(|axis| axis.name.clone()).collect::<Vec<_>>(),
        "points": points,
    }))
}

fn print(args: &SweepArgs, table: &report::sweep::SweepTable, done: &Done) {
    let per_run = done.took.as_secs_f64() / done.run_now.max(1) as f64;
    if args.json {
        let best = table.ranking().first().map(|place| {
            let row = &table.rows[*place];
            json!({
                "point": row.point,
                "figure": row.figure,
                "window": row.window,
                "run_to_its_end": row.halted.is_none(),
                "halted": row.halted,
            })
        });
        let halted = table.rows.iter().filter(|row| row.halted.is_some()).count();
        let text = json!({
            "runs": done.runs,
            "runs_halted": halted,
            "best": best,
            "warnings": table.warnings,
            "out": args.out,
            "timing": {
                "load_s": done.load.as_secs_f64(),
                "run_s": done.took.as_secs_f64(),
                "taken_over": done.known,
                "threads": done.threads,
            },
        });
        println!("{text}");
        return;
    }
    print!("{}", table.to_text(args.top));
    println!(
        "{} runs, {} of them known before; loaded in {:.3} s, run in {:.3} s on {} threads, \
         {:.1} ms a run; all of them in {}",
        done.runs,
        done.known,
        done.load.as_secs_f64(),
        done.took.as_secs_f64(),
        done.threads,
        per_run * 1e3,
        args.out.display(),
    );
}

/// Money and counts of a run, as the table's columns show them.
fn cells(outcome: &Outcome) -> Vec<String> {
    let ratio = outcome.sharpe.map_or_else(|| "n/a".to_owned(), |sharpe| format!("{sharpe:.3}"));
    vec![
        outcome.profit.to_string(),
        format!("{:.3} %", outcome.total_return * 100.0),
        ratio,
        format!("{:.3} %", outcome.max_drawdown * 100.0),
        outcome.orders.to_string(),
        outcome.fills.to_string(),
        (outcome.denied + outcome.rejected).to_string(),
        outcome.fees.to_string(),
    ]
}

/// The same with all their digits, for the CSV file.
fn values(outcome: &Outcome) -> Vec<String> {
    // No minus before nothing.
    let number = |value: f64| (value + 0.0).to_string();
    vec![
        outcome.profit.to_string(),
        number(outcome.total_return),
        outcome.sharpe.map_or_else(String::new, number),
        number(outcome.max_drawdown),
        outcome.orders.to_string(),
        outcome.fills.to_string(),
        outcome.denied.to_string(),
        outcome.rejected.to_string(),
        outcome.fees.to_string(),
    ]
}
