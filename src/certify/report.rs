//! What a certification came to, to be read and to be shared: nothing of the key or the account.

use model::{Symbol, Timestamp};
use serde::Serialize;

use super::table::Check;
use super::verdict::Outcome;

/// One check in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Its number: its place in the table.
    pub number: usize,
    /// The group it belongs to.
    pub group: &'static str,
    /// What it checks.
    pub name: &'static str,
    /// `passed`, `failed` or `skipped`.
    pub outcome: &'static str,
    /// What is wrong, why it was skipped, or what the venue has beyond the expected.
    pub remarks: Vec<String>,
    /// How long it took at the venue.
    pub took_ms: u64,
}

impl CheckReport {
    /// Of a check that was run.
    #[must_use]
    pub fn new(number: usize, check: &Check, outcome: Outcome, took_ms: u64) -> Self {
        let (outcome, remarks) = match outcome {
            Outcome::Passed { notes } => ("passed", notes),
            Outcome::Failed { findings } => ("failed", findings),
            Outcome::Skipped { reason } => ("skipped", vec![reason]),
        };
        Self { number, group: check.group.as_str(), name: check.name, outcome, remarks, took_ms }
    }

    /// One line, and one for each remark.
    #[must_use]
    pub fn to_text(&self) -> String {
        let (number, outcome) = (self.number, self.outcome);
        let mut text = format!(
            "{number:>3}  {outcome:<7}  {}: {} ({} ms)\n",
            self.group, self.name, self.took_ms
        );
        for remark in &self.remarks {
            text.push_str(&format!("              {remark}\n"));
        }
        text
    }
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertifyReport {
    /// What was certified: name and addresses.
    pub venue: String,
    /// Of the engine.
    pub version: &'static str,
    /// When it began.
    pub started_at: String,
    /// What was traded.
    pub symbol: String,
    /// Counts.
    pub passed: usize,
    /// Counts.
    pub failed: usize,
    /// Counts.
    pub skipped: usize,
    /// Orders of the checks that could not be taken back.
    pub left_open: usize,
    /// Every check, in order.
    pub checks: Vec<CheckReport>,
}

impl CertifyReport {
    /// Of checks that were run.
    #[must_use]
    pub fn new(
        venue: String,
        symbol: Symbol,
        started_at: Timestamp,
        checks: Vec<CheckReport>,
        left_open: usize,
    ) -> Self {
        let count = |outcome| checks.iter().filter(|check| check.outcome == outcome).count();
        Self {
            venue,
            version: env!("CARGO_PKG_VERSION"),
            started_at: started_at.to_string(),
            symbol: symbol.to_string(),
            passed: count("passed"),
            failed: count("failed"),
            skipped: count("skipped"),
            left_open,
            checks,
        }
    }

    /// The last line.
    #[must_use]
    pub fn summary(&self) -> String {
        let Self { passed, failed, skipped, venue, .. } = self;
        let mut text = format!("{venue}: {passed} passed, {failed} failed, {skipped} skipped\n");
        if self.left_open > 0 {
            text.push_str(&format!("{} orders could not be taken back\n", self.left_open));
        }
        text
    }
}
