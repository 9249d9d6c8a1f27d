//! From results to the table, and the table's files.

use std::path::Path;

use backtest::sweep::{Outcome, Sampling};
use model::Timestamp;
use report::metrics::deflated_sharpe;
use report::sweep::{SweepRow, SweepTable, WalkRow, halted_warning, selection_warning};

use super::ledger::Entry;
use super::walk::Walk;
use super::{Field, Job, cells, values};
use crate::cli::sweep::{Best, SweepArgs};
use crate::cli::{Exit, Failure};

/// Names of the columns. A ratio of returns shorter than a day is not annualised, and says so.
fn columns(sampling: Sampling) -> Vec<String> {
    let sharpe = match sampling.is_daily() {
        true => "Sharpe".to_owned(),
        false => format!("Sharpe a {} return", sampling.name()),
    };
    let names = ["max drawdown", "orders", "fills", "not placed", "fees"].map(str::to_owned);
    ["profit".to_owned(), "return".to_owned(), sharpe].into_iter().chain(names).collect()
}

/// The same in the CSV file. Fractions are fractions there; the Sharpe ratio's column names its
/// convention, the drawdown's whose closes it is of.
fn value_columns(sampling: Sampling) -> Vec<String> {
    let name = sampling.name();
    let sharpe = match sampling.is_daily() {
        true => "sharpe_daily_utc_365".to_owned(),
        false => format!("sharpe_{name}_returns_not_annualised"),
    };
    let drawdown = format!("max_drawdown_{name}_closes");
    let before = ["profit", "return"].map(str::to_owned);
    let after = ["orders", "fills", "denied", "rejected", "fees"].map(str::to_owned);
    before.into_iter().chain([sharpe, drawdown]).chain(after).collect()
}

/// What a sweep has come to.
pub struct Swept<'a> {
    pub args: &'a SweepArgs,
    pub field: &'a Field,
    pub trained: &'a [Entry],
    pub tests: &'a [Job],
    pub tested: &'a [Entry],
}

/// The place of the best of these, the first of equals; of those that were stopped before their
/// end only if all were.
pub fn best_of(entries: &[Entry], best: Best) -> Option<usize> {
    let figures = entries.iter().enumerate().filter_map(|(at, entry)| {
        let outcome = entry.outcome()?;
        Some((at, (outcome.is_complete(), figure(outcome, best)?)))
    });
    let better = |known: (usize, (bool, f64)), other: (usize, (bool, f64))| {
        if other.1 > known.1 { other } else { known }
    };
    figures.reduce(better).map(|(at, _)| at)
}

fn figure(outcome: &Outcome, best: Best) -> Option<f64> {
    let figure = match best {
        Best::Profit => Some(outcome.profit.to_f64()),
        Best::Sharpe => outcome.sharpe,
        Best::Calmar => Some(outcome.total_return / outcome.max_drawdown),
    };
    figure.filter(|figure| figure.is_finite())
}

impl Swept<'_> {
    /// All of it.
    pub fn table(&self, header: &serde_json::Value, command: String) -> SweepTable {
        let count = self.field.points.len();
        let is_walk = !self.field.windows.is_empty();
        let rows = self
            .trained
            .iter()
            .enumerate()
            .map(|(at, entry)| self.row(is_walk.then_some(at / count), at % count, entry));
        let fact = |name: &str| {
            let value = &header[name];
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.replace('_', " "), text)
        };
        let names = ["version", "config_hash", "data_hash", "from", "to", "sampling"];
        let mut facts: Vec<(String, String)> = names.into_iter().map(fact).collect();
        facts.insert(1, ("command".to_owned(), command));
        let mut table = SweepTable {
            facts,
            warnings: self.warnings(),
            axes: self.args.params.iter().map(|axis| axis.name.clone()).collect(),
            figure: match self.args.best {
                Best::Profit => "profit".to_owned(),
                Best::Sharpe => "Sharpe".to_owned(),
                Best::Calmar => "return over max drawdown".to_owned(),
            },
            columns: columns(self.field.sampling),
            value_columns: value_columns(self.field.sampling),
            rows: rows.collect(),
            walk: self.walk(),
        };
        let halted = halted_warning(&table);
        table.warnings.extend(halted);
        table
    }

    fn row(&self, window: Option<usize>, point: usize, entry: &Entry) -> SweepRow {
        let outcome = entry.outcome();
        SweepRow {
            window,
            point: self.field.points[point].values.clone(),
            figure: outcome.and_then(|outcome| figure(outcome, self.args.best)),
            cells: outcome.map(cells).unwrap_or_default(),
            values: outcome.map(values).unwrap_or_default(),
            refused: match entry {
                Entry::Ran(_) => None,
                Entry::Refused(reason) => Some(reason.clone()),
            },
            halted: outcome.and_then(|outcome| outcome.halts.first().cloned()),
        }
    }

    fn walk(&self) -> Vec<WalkRow> {
        let count = self.field.points.len();
        let day = |at: Timestamp| at.to_string();
        let row = |(at, window): (usize, &backtest::sweep::Window)| {
            let tested = self.tests.iter().position(|job| job.window == Some(at));
            let best = tested.map(|place| {
                let point = self.tests[place].point;
                self.row(Some(at), point, &self.trained[at * count + point])
            });
            let test = tested
                .map(|place| self.row(Some(at), self.tests[place].point, &self.tested[place]));
            WalkRow {
                train_from: day(window.train.from),
                test_from: day(window.test.from),
                test_to: day(window.test.to),
                best,
                test,
            }
        };
        self.field.windows.iter().enumerate().map(row).collect()
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.field.warnings.clone();
        let all = self.trained.iter().chain(self.tested).filter_map(Entry::outcome);
        for warning in all.flat_map(|outcome| &outcome.warnings) {
            if !warnings.contains(warning) {
                warnings.push(warning.clone());
            }
        }
        let outcomes: Vec<&Outcome> = self.trained.iter().filter_map(Entry::outcome).collect();
        if outcomes.len() < 2 {
            return warnings;
        }
        let ratios: Vec<f64> =
            outcomes.iter().filter_map(|outcome| Some(outcome.sample?[0])).collect();
        let best = best_of(self.trained, self.args.best);
        let best = best.and_then(|at| self.trained[at].outcome());
        let deflated =
            best.and_then(Outcome::sharpe_sample).map(|sample| deflated_sharpe(&sample, &ratios));
        let returns = self.field.sampling.name();
        warnings.push(selection_warning(outcomes.len(), deflated.as_ref(), returns));
        warnings
    }
}

/// Writes the table beside the results.
///
/// # Errors
/// When a file can't be written.
pub fn write(directory: &Path, table: &SweepTable, walk: Option<&Walk>) -> Result<(), Failure> {
    let mut files =
        vec![("sweep.csv", table.to_csv()), ("sweep.html", report::html::render_sweep(table))];
    if let Some(walk) = walk {
        files.push(("walk.csv", table.walk_to_csv()));
        files.push(("walk.json", walk.to_json()));
        files.push(("walk_equity.csv", walk.equity_to_csv()));
    }
    for (name, text) in files {
        let path = directory.join(name);
        std::fs::write(&path, text)
            .map_err(|error| Failure::new(Exit::Storage, format!("{}: {error}", path.display())))?;
    }
    Ok(())
}
