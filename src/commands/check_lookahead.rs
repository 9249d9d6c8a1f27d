//! `tickwright check-lookahead`: decisions must not depend on what comes after them.

use std::num::NonZero;
use std::time::Duration;

use ::data::parallel::run_all;
use backtest::bias::{Decision, Decisions, EarlyEvent, LookAhead, compare, cuts, decisions};
use backtest::bias::{difference, early_events};
use backtest::plan::RunPlan;
use backtest::run::RunError;
use backtest::source::OrderNotes;
use backtest::sweep::Span;
use backtest::tape::Tape;
use kernel::strategy::StrategyEntry;
use model::{InstrumentId, Interval, Timestamp};
use serde_json::json;

use super::backtest::{broken, data, fit, plan, unreadable};
use crate::cli::check_lookahead::CheckLookaheadArgs;
use crate::cli::{Exit, Failure};

/// How many times as much history the strategies are warmed up with, for comparison.
const MORE_PAST: [u32; 3] = [2, 4, 8];

/// What is run over and over.
struct Subject {
    plan: RunPlan,
    tape: Tape,
    given: Vec<(InstrumentId, Interval)>,
}

impl Subject {
    fn run(&self, span: Span, past: u32) -> Result<Decisions, RunError> {
        decisions(&self.plan, &self.tape, span, &self.given, past)
    }
}

/// What was found.
#[derive(Default)]
struct Findings {
    decisions: usize,
    cuts: usize,
    ahead: Vec<LookAhead>,
    /// Whether the same run came out otherwise the second time.
    is_unsteady: bool,
    early: (u64, Option<EarlyEvent>),
    /// Times the past, and decisions that either side does not have.
    warm_up: Vec<(u32, (usize, usize))>,
}

impl Findings {
    fn is_clean(&self) -> bool {
        // A check of nothing shows nothing.
        self.decisions > 0 && self.ahead.is_empty() && !self.is_unsteady && self.early.0 == 0
    }
}

/// Checks the strategies.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &CheckLookaheadArgs, kinds: &[StrategyEntry]) -> Result<Exit, Failure> {
    let config = args.history.load(kinds)?;
    let found = data::find(&args.history, &config)?;
    let plan = plan::build(&config, args.history.symbol, &found, kinds)?.run;
    let unfit = fit::check(&plan, &found)?;
    unfit.iter().chain(&found.warnings).for_each(|text| eprintln!("warning: {text}"));
    let notes = OrderNotes::default();
    let mut source = found.open(&plan.instruments, &notes).map_err(|error| unreadable(&error))?;
    let tape = Tape::read(&mut source).map_err(|error| unreadable(&error))?;
    notes.sentences().iter().for_each(|text| eprintln!("warning: {text}"));
    let given = found.given_bars(&plan.instruments);
    let (first, last) =
        tape.span().ok_or_else(|| Failure::new(Exit::Usage, "the data hold no event"))?;
    let to = args.history.to.unwrap_or(last.after(Duration::from_nanos(1)));
    let from = args.history.from.unwrap_or_else(|| first.after(to.since(first) / 4));
    let subject = Subject { plan, tape, given };
    let findings = examine(args, &subject, Span { from, to })?;
    if args.json {
        println!("{}", in_json(&findings));
    } else {
        print(&findings);
    }
    Ok(if findings.is_clean() { Exit::Ok } else { Exit::Partial })
}

fn examine(args: &CheckLookaheadArgs, subject: &Subject, span: Span) -> Result<Findings, Failure> {
    let threads = args.threads.or_else(|| std::thread::available_parallelism().ok());
    let threads = threads.map_or(1, NonZero::get);
    let whole = subject.run(span, 1).map_err(broken)?;
    let cuts = cuts(span, &whole, args.cuts.get());
    // The whole once more, then more past, then the parts.
    let again = std::iter::once((span.to, 1));
    let more = MORE_PAST.into_iter().map(|past| (span.to, past));
    let parts = cuts.iter().map(|cut| (*cut, 1));
    let jobs: Vec<(Timestamp, u32)> = again.chain(more).chain(parts).collect();
    let mut findings =
        Findings { decisions: whole.made.len(), cuts: cuts.len(), ..Findings::default() };
    findings.early = early_events(&subject.tape).map_err(|error| unreadable(&error))?;
    let work = |(to, past): &(Timestamp, u32)| subject.run(Span { to: *to, ..span }, *past);
    run_all(&jobs, threads, work, |number, made| {
        let made = made.map_err(broken)?;
        let (cut, past) = jobs[number];
        if number == 0 {
            findings.is_unsteady = made != whole;
        } else if past > 1 {
            findings.warm_up.push((past, difference(&whole, &made)));
        } else {
            findings.ahead.extend(compare(cut, &whole, &made));
        }
        Ok::<(), Failure>(())
    })?;
    Ok(findings)
}

fn print(findings: &Findings) {
    let Findings { decisions, cuts, ahead, is_unsteady, early, warm_up } = findings;
    println!("{decisions} decisions, {cuts} cuts");
    if *is_unsteady {
        println!(
            "the same run came out otherwise the second time: the strategy draws on something outside of its events"
        );
    }
    match ahead.first() {
        None if *decisions == 0 => println!("nothing was decided: nothing could be checked"),
        None => println!("no decision depends on what comes after it"),
        Some(LookAhead { cut, whole, part }) => {
            println!("look ahead: decisions differ at {} of {cuts} cuts", ahead.len());
            println!("  first: cut at {cut}");
            println!("  with all of the history: {}", shown(*whole));
            println!("  with the part before the cut: {}", shown(*part));
        }
    }
    if let (count, Some(EarlyEvent { received_at, event_at })) = early {
        println!(
            "{count} events of the data are known before they happened; one at {received_at} that \
             happened at {event_at}"
        );
    }
    for (past, (gone, new)) in warm_up {
        let share = 100.0 * (gone + new) as f64 / (2 * decisions).max(1) as f64;
        println!(
            "with {past} times the warm-up: {gone} decisions fewer, {new} others ({share:.2} %)"
        );
    }
}

fn shown(decision: Option<Decision>) -> String {
    let Some(Decision { at, order, new, .. }) = decision else { return "nothing".to_owned() };
    match new {
        Some(new) => {
            format!("{at} {} {:?} {:?} (order {order})", new.side.name(), new.kind, new.quantity)
        }
        None => format!("{at} cancel of order {order}"),
    }
}

fn in_json(findings: &Findings) -> serde_json::Value {
    let ahead = findings.ahead.iter().map(|found| {
        let LookAhead { cut, whole, part } = found;
        json!({ "cut": cut.to_string(), "whole": shown(*whole), "part": shown(*part) })
    });
    let warm_up = findings.warm_up.iter().map(|(past, (gone, new))| {
        json!({ "times": past, "decisions_gone": gone, "decisions_new": new })
    });
    json!({
        "decisions": findings.decisions,
        "cuts": findings.cuts,
        "look_ahead": ahead.collect::<Vec<_>>(),
        "same_twice": !findings.is_unsteady,
        "events_known_early": findings.early.0,
        "warm_up": warm_up.collect::<Vec<_>>(),
    })
}
