//! When machines want to be woken, and waking them.

use model::Timestamp;

use super::settle::Work;
use super::{Cascade, CascadeOutput};
use crate::journal::{Journal, JournalError};
use crate::orders::ExecutionInput;
use crate::risk::RiskInput;
use crate::strategy::HostInput;
use crate::venue::{Venue, VenueInput, Wake};

impl<V: Venue, J: Journal> Cascade<V, J> {
    /// Lets the time pass: every timer that is due fires, in order, each at its own time.
    ///
    /// # Errors
    /// See [`JournalError`]: the run cannot go on.
    #[inline]
    pub fn advance(
        &mut self,
        to: Timestamp,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        if self.may_be_due(to) {
            self.wake_until(to, out)?;
        }
        self.now = self.now.max(to);
        Ok(())
    }

    /// Whether [`Self::due_by`] is worth asking: one comparison, which most events fail.
    #[inline]
    #[must_use]
    pub fn may_be_due(&self, to: Timestamp) -> bool {
        to >= self.due
    }

    /// The next instant, up to `to`, at which a machine wants to be woken: for whoever looks at the
    /// machines between what happens. [`Self::advance`] to it lets that happen and nothing after it.
    #[must_use]
    pub fn due_by(&mut self, to: Timestamp) -> Option<Timestamp> {
        if !self.may_be_due(to) {
            return None;
        }
        self.due = self.next_wake();
        Some(self.due).filter(|at| *at <= to && *at < Timestamp::MAX)
    }

    #[cold]
    fn wake_until(
        &mut self,
        to: Timestamp,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        loop {
            let at = self.next_wake();
            self.due = at;
            if at > to || at == Timestamp::MAX {
                return Ok(());
            }
            self.now = self.now.max(at);
            self.wake(out)?;
        }
    }

    /// The next instant at which a machine wants to be woken.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let of = |wake: Option<Timestamp>| wake.unwrap_or(Timestamp::MAX);
        let earliest = self.earliest_wake(of(self.execution.wake_at()), of(self.risk.wake_at()));
        Some(earliest).filter(|at| *at < Timestamp::MAX)
    }

    /// Execution or risk was given something: when they want to be woken may be another time.
    #[inline]
    pub(super) const fn note_given(&mut self) {
        (self.is_wake_stale, self.due) = (true, Timestamp::EPOCH);
    }

    fn refresh_wakes(&mut self) {
        let of = |wake: Option<Timestamp>| wake.unwrap_or(Timestamp::MAX);
        self.execution_wake = of(self.execution.wake_at());
        self.risk_wake = of(self.risk.wake_at());
        self.is_wake_stale = false;
    }

    /// The same; the end of time for none. Asked before every event.
    #[inline]
    pub(super) fn next_wake(&mut self) -> Timestamp {
        if self.is_wake_stale {
            self.refresh_wakes();
        }
        self.earliest_wake(self.execution_wake, self.risk_wake)
    }

    #[inline]
    fn earliest_wake(&self, execution: Timestamp, risk: Timestamp) -> Timestamp {
        let of = |wake: Option<Timestamp>| wake.unwrap_or(Timestamp::MAX);
        let machines = self.venue_wake().min(execution).min(risk);
        self.seats
            .iter()
            .filter(|seat| !seat.has_failed)
            .fold(machines, |earliest, seat| earliest.min(of(seat.host.wake_at())))
    }

    /// A local venue goes by one clock. The end of time if it waits for nothing.
    #[inline]
    pub(super) fn venue_wake(&self) -> Timestamp {
        self.venue.wake_at().map_or(Timestamp::MAX, |wake| match wake {
            Wake::Venue(at) | Wake::Wall(at) => at,
        })
    }

    /// Wakes every machine that is due now, in the same order as for an event.
    pub(super) fn wake(&mut self, out: &mut Vec<CascadeOutput>) -> Result<(), JournalError> {
        let now = self.now;
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        if self.venue_wake() <= now {
            self.step_venue(VenueInput::Wake, out)?;
        }
        if self.execution.wake_at().is_some_and(|at| at <= now) {
            self.work.push_back(Work::Execution(ExecutionInput::Wake));
        }
        self.settle(out)?;
        if is_due(self.risk.wake_at()) {
            self.step_risk(RiskInput::Wake, out);
            self.settle(out)?;
        }
        for index in 0..self.seats.len() {
            self.tell_orders(index, out)?;
            if is_due(self.seats[index].host.wake_at()) {
                self.step_host(index, HostInput::Wake, out)?;
                self.tell_orders(index, out)?;
            }
        }
        self.tell_hosts(None, out)
    }
}
