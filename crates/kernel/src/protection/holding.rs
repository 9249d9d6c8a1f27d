//! What is remembered of one strategy's holding in one instrument between two looks.

use std::collections::BTreeSet;
use std::time::Duration;

use model::{OrderId, Quantity, Timestamp};

use super::closing::Closing;
use crate::messages::SubmitIntent;

/// After the first failure in a row; doubled after each further one.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// How often it is doubled at most: to half a minute.
const MOST_DOUBLINGS: u32 = 6;
/// A failure after this long is a first one again.
const FORGIVEN_AFTER: Duration = Duration::from_secs(60);

/// An exit in the place of a stop, and of the target that is its pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Exchange {
    pub exit: OrderId,
    pub stop: OrderId,
    pub target: Option<OrderId>,
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Holding {
    /// The position is being closed on an operator's word.
    pub closing: Option<Closing>,
    /// Exits that wait until what locks their lots is gone, in the order in which they came.
    pub held: Vec<SubmitIntent>,
    /// Orders whose cancel was asked for.
    pub canceling: BTreeSet<OrderId>,
    /// An exit that was sent to come in one request instead of the stop.
    pub exchange: Option<Exchange>,
    /// The venue refused an exit in the place of a stop: exits take the long way until nothing is
    /// held.
    pub is_exchange_refused: bool,
    /// The venue or the gate refused a pair: stops stand alone until nothing is held.
    pub is_pair_refused: bool,
    /// Since when a target stands without its stop.
    pub bare_since: Option<Timestamp>,
    /// Since when something sellable is not covered by an order that the venue has.
    pub uncovered_since: Option<Timestamp>,
    /// How much that was at most.
    pub uncovered: Quantity,
    /// When another look is worth it although nothing has happened.
    pub wake_at: Option<Timestamp>,
    failures: u32,
    failed_at: Option<Timestamp>,
}

impl Holding {
    /// An order of ours was refused. Returns when the next is tried.
    pub fn note_failure(&mut self, now: Timestamp) -> Timestamp {
        let is_old = self.failed_at.is_none_or(|at| now.since(at) > FORGIVEN_AFTER);
        self.failures = if is_old { 0 } else { (self.failures + 1).min(MOST_DOUBLINGS) };
        self.failed_at = Some(now);
        now.after(FIRST_RETRY * 2_u32.pow(self.failures))
    }

    /// The next position owes nothing to the refusals of the last.
    pub const fn begin_anew(&mut self) {
        (self.is_exchange_refused, self.is_pair_refused) = (false, false);
    }

    /// When the next order may be tried; `None` when none has failed lately.
    pub fn retry_at(&self) -> Option<Timestamp> {
        self.failed_at.map(|at| at.after(FIRST_RETRY * 2_u32.pow(self.failures)))
    }

    /// Whether there is nothing left to remember.
    pub fn is_idle(&self, now: Timestamp) -> bool {
        self.failed_at.is_none_or(|at| now.since(at) > FORGIVEN_AFTER)
            && self.closing.is_none()
            && self.held.is_empty()
            && self.canceling.is_empty()
            && self.exchange.is_none()
            && !self.is_exchange_refused
            && !self.is_pair_refused
            && self.bare_since.is_none()
            && self.uncovered_since.is_none()
    }
}
