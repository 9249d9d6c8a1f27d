//! Faults that the control path injects into answers.

use std::collections::VecDeque;
use std::time::Duration;

/// When a request fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailurePoint {
    /// Before it does anything.
    Before,
    /// After it was carried out: the caller can't know.
    After,
}

/// How a request fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// With a 5xx answer.
    Status(u16),
    /// Without any answer: the connection is cut.
    NoAnswer,
}

/// A failure to come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedFailure {
    /// When.
    pub point: FailurePoint,
    /// How.
    pub failure: Failure,
    /// Only requests whose path or method name contains this.
    pub matching: String,
}

/// A change of what answers say: a venue that says it differently from what is documented.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alteration {
    /// Only answers to requests whose path or method name contains this.
    pub matching: String,
    /// Text of an answer.
    pub from: String,
    /// What stands there instead.
    pub to: String,
}

/// All faults in force.
#[derive(Debug, Default)]
pub struct Faults {
    alterations: Vec<Alteration>,
    delay: Duration,
    delayed: String,
    failures: VecDeque<PlannedFailure>,
    /// How many failures were injected.
    pub injected: u64,
}

impl Faults {
    /// Most failures that may be planned.
    const MOST: usize = 10_000;

    /// Delays answers of requests whose path or method contains `matching`.
    pub fn set_delay(&mut self, delay: Duration, matching: &str) {
        self.delay = delay;
        matching.clone_into(&mut self.delayed);
    }

    /// How long the answer to a request is held back.
    #[must_use]
    pub fn delay(&self, target: &str) -> Duration {
        if target.contains(&self.delayed) { self.delay } else { Duration::ZERO }
    }

    /// Plans failures, in order.
    pub fn plan(&mut self, failure: &PlannedFailure, count: usize) {
        let room = Self::MOST.saturating_sub(self.failures.len());
        self.failures.extend(std::iter::repeat_n(failure.clone(), count.min(room)));
    }

    /// The failure that a request meets, if any; it is used up.
    pub fn take(&mut self, target: &str) -> Option<PlannedFailure> {
        let place = self.failures.iter().position(|failure| target.contains(&failure.matching))?;
        self.injected += 1;
        self.failures.remove(place)
    }

    /// Changes what answers say from now on.
    pub fn alter(&mut self, alteration: Alteration) {
        if self.alterations.len() < Self::MOST {
            self.alterations.push(alteration);
        }
    }

    /// What an answer to a request says, alterations included.
    #[must_use]
    pub fn altered(&self, target: &str, text: String) -> String {
        let concerned = self.alterations.iter().filter(|a| target.contains(&a.matching));
        concerned.fold(text, |text, alteration| text.replace(&alteration.from, &alteration.to))
    }

    /// Ends all faults.
    pub fn clear(&mut self) {
        let injected = self.injected;
        *self = Self { injected, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_meets_the_requests_it_is_meant_for_and_is_used_up() {
        let mut faults = Faults::default();
        let failure = PlannedFailure {
            point: FailurePoint::After,
            failure: Failure::Status(503),
            matching: "order".to_owned(),
        };
        faults.plan(&failure, 2);
        assert_eq!(faults.take("/api/v3/time"), None);
        assert_eq!(faults.take("/api/v3/order"), Some(failure.clone()));
        assert_eq!(faults.take("order.place"), Some(failure));
        assert_eq!(faults.take("order.place"), None);
        assert_eq!(faults.injected, 2);
    }
}
