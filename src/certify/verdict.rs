//! What came of a check.

use super::shape::Differences;

/// Why a check did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The venue does something else than its documents say.
    Failed(String),
    /// It can't be tried here, for a reason that is no fault.
    Skipped(String),
}

/// What a check or a part of it comes to.
pub type Checked<T = ()> = Result<T, Trouble>;

/// A failure with these words.
pub fn failed<T>(words: impl Into<String>) -> Checked<T> {
    Err(Trouble::Failed(words.into()))
}

/// Nothing tried, for this reason.
pub fn skipped<T>(words: impl Into<String>) -> Checked<T> {
    Err(Trouble::Skipped(words.into()))
}

/// A failure unless this holds.
pub fn ensure(holds: bool, words: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { failed(words()) }
}

/// The outcome of a check at the venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It holds, and every answer has the expected shape. Notes tell what is new.
    Passed {
        /// What the venue has beyond the expected.
        notes: Vec<String>,
    },
    /// It does not.
    Failed {
        /// What is wrong, one finding each.
        findings: Vec<String>,
    },
    /// It could not be tried.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// Puts assertion and comparison together. The reference's own trouble is no fault of the venue:
/// then there is nothing to compare with, and the report says so.
pub fn judge(expected: &Checked, found: Checked, differences: &Differences) -> Outcome {
    match found {
        Err(Trouble::Failed(finding)) => Outcome::Failed { findings: vec![finding] },
        Err(Trouble::Skipped(reason)) => Outcome::Skipped { reason },
        Ok(()) if !differences.broken.is_empty() => {
            Outcome::Failed { findings: differences.broken.clone() }
        }
        Ok(()) => {
            let mut notes = differences.new.clone();
            if let Err(Trouble::Failed(words) | Trouble::Skipped(words)) = expected {
                notes.push(format!("shapes not compared, the simulated exchange: {words}"));
            }
            Outcome::Passed { notes }
        }
    }
}
