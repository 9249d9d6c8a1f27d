//! Faults that the control path injects into answers.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::time::Duration;

use serde_json::value::RawValue;

use crate::api::params::Params;

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
    /// Only requests that say this: see [`Target`].
    pub matching: String,
}

/// A change of what answers say: a venue that says it differently from what is documented.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alteration {
    /// Only answers to requests that say this: see [`Target`].
    pub matching: String,
    /// Text of an answer.
    pub from: String,
    /// What stands there instead.
    pub to: String,
}

/// A request's parameters as they came.
#[derive(Clone, Copy, Debug)]
pub enum SentParams<'a> {
    /// By REST.
    Rest {
        /// The query.
        query: &'a str,
        /// The form.
        body: &'a str,
    },
    /// Over a websocket.
    Frame(Option<&'a RawValue>),
}

/// What faults are held against: a request's path or method name, and the values of its parameters
/// but for those of security and framing. Names of parameters don't count: `order` is not meant to
/// meet every request with an `orderId`.
#[derive(Debug)]
pub struct Target<'a> {
    name: &'a str,
    sent: SentParams<'a>,
    /// Read when a fault asks for it.
    params: OnceCell<Params>,
}

impl<'a> Target<'a> {
    /// A request to a path or of a method.
    #[must_use]
    pub const fn new(name: &'a str, sent: SentParams<'a>) -> Self {
        Self { name, sent, params: OnceCell::new() }
    }

    /// Whether the name or a value contains a text. Parameters that can't be read contain nothing.
    fn says(&self, part: &str) -> bool {
        let read = || match self.sent {
            SentParams::Rest { query, body } => Params::from_query_and_body(query, body),
            SentParams::Frame(params) => Params::from_json(params),
        };
        self.name.contains(part)
            || self.params.get_or_init(|| read().unwrap_or_default()).says(part)
    }
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

    /// Delays answers of requests that say `matching`.
    pub fn set_delay(&mut self, delay: Duration, matching: &str) {
        self.delay = delay;
        matching.clone_into(&mut self.delayed);
    }

    /// How long the answer to a request is held back.
    #[must_use]
    pub fn delay(&self, target: &Target<'_>) -> Duration {
        let is_meant = !self.delay.is_zero() && target.says(&self.delayed);
        if is_meant { self.delay } else { Duration::ZERO }
    }

    /// Plans failures, in order.
    pub fn plan(&mut self, failure: &PlannedFailure, count: usize) {
        let room = Self::MOST.saturating_sub(self.failures.len());
        self.failures.extend(std::iter::repeat_n(failure.clone(), count.min(room)));
    }

    /// The failure that a request meets, if any; it is used up.
    pub fn take(&mut self, target: &Target<'_>) -> Option<PlannedFailure> {
        let place = self.failures.iter().position(|failure| target.says(&failure.matching))?;
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
    pub fn altered(&self, target: &Target<'_>, text: String) -> String {
        let concerned = self.alterations.iter().filter(|a| target.says(&a.matching));
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
        let target = |name| Target::new(name, SentParams::Frame(None));
        assert_eq!(faults.take(&target("/api/v3/time")), None);
        assert_eq!(faults.take(&target("/api/v3/order")), Some(failure.clone()));
        assert_eq!(faults.take(&target("order.place")), Some(failure));
        assert_eq!(faults.take(&target("order.place")), None);
        assert_eq!(faults.injected, 2);
    }
    #[test]
    fn a_fault_is_held_against_the_path_and_the_values_of_parameters() {
        #[track_caller]
        fn check(matching: &str, query: &str, body: &str, frame: &str, expected: bool) {
            let mut faults = Faults::default();
            faults.set_delay(Duration::from_secs(1), matching);
            let frame: Box<RawValue> = serde_json::from_str(frame).expect("an object of JSON");
            for sent in [SentParams::Rest { query, body }, SentParams::Frame(Some(&frame))] {
                let is_delayed = !faults.delay(&Target::new("/api/v3/depth", sent)).is_zero();
                assert_eq!(is_delayed, expected, "{matching} {sent:?}");
            }
        }
        check("", "", "", "{}", true);
        check("depth", "", "", "{}", true);
        check("ADAUSDT", "symbol=ADAUSDT&limit=5", "", r#"{"symbol":"ADAUSDT"}"#, true);
        check("ADAUSDT", "limit=5", "symbol=ADAUSDT", r#"{"symbol":"ADAUSDT"}"#, true);
        check("ADAUSDT", "symbols=%5B%22ADAUSDT%22%5D", "", r#"{"symbols":["ADAUSDT"]}"#, true);
        check("ADAUSDT", "symbol=BTCUSDT", "", r#"{"symbol":"BTCUSDT"}"#, false);
        check("symbol", "symbol=BTCUSDT", "", r#"{"symbol":"BTCUSDT"}"#, false);
        check("beef", "signature=deadbeef", "apiKey=beef", r#"{"signature":"deadbeef"}"#, false);
        check("BTCUSDT", "a=BTCUSDT&a=1", "", r#"{"a":"BTCUSDT","a":"1"}"#, false);
    }
}
