//! What a backtest prints.

use std::io::IsTerminal as _;

use backtest::record::RunOutcome;
use backtest::run::{Run, Watcher};
use backtest::source::OrderNotes;
use backtest::tally::Tally;
use kernel::risk::TradingState;
use model::{Amount, Asset};
use report::run::{CostScenario, Ending, Halt, RunReport};
use report::terminal::{Colour, summary};
use serde_json::json;

use super::Timing;
use super::plan::Planned;
use crate::cli::backtest::BacktestArgs;

/// The result of a run.
pub struct Shown {
    events: u64,
    tally: Tally,
    currency: Asset,
    /// What the account began with.
    pub cash: Amount,
    profit: Amount,
    /// The trading state at the end.
    state: TradingState,
    halts: Vec<Halt>,
    ending: Ending,
    instruments: Vec<serde_json::Value>,
    warnings: Vec<String>,
    rows_sorted: u64,
    rows_passed_over: u64,
    timing: Timing,
}

impl Shown {
    /// Of a run that is over.
    pub fn of<W: Watcher>(
        plan: &Planned,
        run: &Run<W>,
        notes: &OrderNotes,
        timing: Timing,
    ) -> Self {
        Self {
            events: run.events(),
            tally: run.tally().clone(),
            currency: plan.run.currency,
            cash: plan.run.cash(),
            profit: run.profit(),
            state: run.machines().risk().state(),
            halts: plan.run.halts(&run.tally().halts),
            ending: run.ending(),
            instruments: plan.instruments_in_json(),
            warnings: plan
                .warnings
                .iter()
                .cloned()
                .chain(notes.sentences())
                .chain(run.warnings(&plan.run))
                .chain(run.tally().warnings())
                .collect(),
            rows_sorted: notes.sorted(),
            rows_passed_over: notes.passed_over(),
            timing,
        }
    }

    /// What the report is told of it.
    pub fn outcome(&self, scenarios: Vec<CostScenario>) -> RunOutcome {
        RunOutcome {
            events: self.events,
            warnings: self.warnings.clone(),
            halts: self.halts.clone(),
            ending: self.ending,
            scenarios,
        }
    }

    /// To standard output.
    pub fn print(&self, args: &BacktestArgs, report: Option<&RunReport>) {
        let loop_s = self.timing.run.as_secs_f64();
        let rate = self.events as f64 / loop_s.max(1e-9);
        if args.json {
            println!("{}", self.json(loop_s, rate));
            return;
        }
        for warning in &self.warnings {
            eprintln!("warning: {warning}");
        }
        if let Some(report) = report {
            let is_watched = std::io::stdout().is_terminal();
            print!("{}", summary(report, if is_watched { Colour::Ansi } else { Colour::Plain }));
        }
        println!(
            "{} events: loaded in {:.3} s, run in {loop_s:.3} s, {:.1} million a second",
            self.events,
            self.timing.load.as_secs_f64(),
            rate / 1e6,
        );
    }

    fn json(&self, loop_s: f64, rate: f64) -> serde_json::Value {
        json!({
            "events": self.events,
            "orders": self.tally.orders,
            "cancels": self.tally.cancels,
            "denied": self.tally.denied,
            "denials": self.tally.denials,
            "rejected": self.tally.rejected,
            "fills": self.tally.fills,
            "fees": self.tally.fees.to_string(),
            "currency": self.currency,
            "equity_start": self.cash.to_string(),
            "equity_end": (self.cash + self.profit).to_string(),
            "run_to_its_end": self.halts.is_empty(),
            "state": self.state.name(),
            "halts": self.halts,
            "ending": self.ending,
            "instruments": self.instruments,
            "rows_sorted": self.rows_sorted,
            "rows_passed_over": self.rows_passed_over,
            "warnings": self.warnings,
            "timing": {
                "load_s": self.timing.load.as_secs_f64(),
                "loop_s": loop_s,
                "events_per_s": rate,
                "peak_rss_mb": peak_rss_mb(),
            },
        })
    }
}

/// The most memory that this process has had resident, as the system says; `None` where it does
/// not.
fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes / 1_024.0)
}
