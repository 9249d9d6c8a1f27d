//! The canonical order of things, in one plain loop: for backtests, replay and tests.
//!
//! event → venue, execution and fills → risk with portfolio → strategies in config order, each
//! one's intents drained through risk and execution before the next. The actors carry the same
//! messages between the same machines; here nothing is in between. The venue is a local one: its
//! network effects are not carried out.
//!
//! What does not belong here: where events come from (files, a clock, bars from trades), what
//! becomes of the outputs (reports), and starting a failed strategy again.

mod clock;
mod output;
mod settle;
#[cfg(test)]
mod tests;
mod turns;

use std::collections::VecDeque;

use model::{MarketEvent, StrategyId, Timestamp};

pub use output::CascadeOutput;

use crate::journal::{Journal, JournalError, Persist, Record};
use crate::orders::{ExecutionEffect, ExecutionMachine};
use crate::risk::{RiskEffect, RiskInput, RiskMachine};
use crate::strategy::{HostError, HostInput, HostOutput, StrategyHost};
use crate::venue::{Venue, VenueEffect, VenueInput};
use crate::wire::Moment;
use settle::{Told, Work};
use turns::{ForHost, Seat};

/// The machines of a run.
#[derive(Debug)]
pub struct CascadeParts<V, J> {
    /// One host a strategy, in config order.
    pub hosts: Vec<StrategyHost>,
    /// The gate, with the portfolio.
    pub risk: RiskMachine,
    /// The execution machine.
    pub execution: ExecutionMachine,
    /// The local venue.
    pub venue: V,
    /// What is written down. It is waited for: see [`Unjournaled`] for none.
    pub journal: J,
}

/// Remembers nothing, at once: for runs that nobody restarts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unjournaled;

impl Journal for Unjournaled {
    fn append(&mut self, _: &[Persist]) -> Result<(), JournalError> {
        Ok(())
    }

    fn replay(&mut self, _: &mut dyn FnMut(u64, Record)) -> Result<(), JournalError> {
        Ok(())
    }
}

/// The loop.
#[derive(Debug)]
pub struct Cascade<V, J> {
    seats: Vec<Seat>,
    risk: RiskMachine,
    execution: ExecutionMachine,
    venue: V,
    journal: J,
    now: Timestamp,
    sequence: u64,
    is_live: bool,
    /// Whether every strategy knows whether the way to the venue is open.
    are_linked: bool,
    /// When execution and risk want to be woken; computed again only after they were given
    /// something.
    execution_wake: Timestamp,
    risk_wake: Timestamp,
    /// Whether one of them was given something since.
    is_wake_stale: bool,
    /// No machine wants to be woken before: the one comparison that most events cost. The epoch
    /// while nobody has looked.
    due: Timestamp,
    work: VecDeque<Work>,
    told: VecDeque<Told>,
    for_hosts: VecDeque<ForHost>,
    execution_effects: Vec<ExecutionEffect>,
    risk_effects: Vec<RiskEffect>,
    venue_effects: Vec<VenueEffect>,
    host_outputs: Vec<HostOutput>,
    /// Why the strategy that was stepped last failed, until it is drained.
    host_error: Option<HostError>,
}

impl<V: Venue, J: Journal> Cascade<V, J> {
    /// A loop around its machines. Nothing happens before [`Self::start`].
    #[must_use]
    pub fn new(parts: CascadeParts<V, J>) -> Self {
        let seat = |host| Seat { host, is_started: false, is_held: false, has_failed: false };
        Self {
            seats: parts.hosts.into_iter().map(seat).collect(),
            risk: parts.risk,
            execution: parts.execution,
            venue: parts.venue,
            journal: parts.journal,
            now: Timestamp::EPOCH,
            sequence: 0,
            is_live: false,
            are_linked: false,
            execution_wake: Timestamp::MAX,
            risk_wake: Timestamp::MAX,
            is_wake_stale: true,
            due: Timestamp::EPOCH,
            work: VecDeque::new(),
            told: VecDeque::new(),
            for_hosts: VecDeque::new(),
            execution_effects: Vec::new(),
            risk_effects: Vec::new(),
            venue_effects: Vec::new(),
            host_outputs: Vec::new(),
            host_error: None,
        }
    }

    /// The gate, with the portfolio.
    pub const fn risk(&self) -> &RiskMachine {
        &self.risk
    }

    /// The strategies, in config order.
    pub fn hosts(&self) -> impl Iterator<Item = &StrategyHost> {
        self.seats.iter().map(|seat| &seat.host)
    }

    /// The same, to watch what they publish.
    pub fn hosts_mut(&mut self) -> impl Iterator<Item = &mut StrategyHost> {
        self.seats.iter_mut().map(|seat| &mut seat.host)
    }

    /// The execution machine.
    pub const fn execution(&self) -> &ExecutionMachine {
        &self.execution
    }

    /// The venue.
    pub const fn venue(&self) -> &V {
        &self.venue
    }

    /// The time of the last thing that happened.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Gives a strategy a past event, before the start.
    ///
    /// # Errors
    /// See [`JournalError`]: the run cannot go on.
    pub fn warm_up(
        &mut self,
        strategy: StrategyId,
        event: MarketEvent,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        let found = self.seats.iter().position(|seat| seat.host.strategy() == strategy);
        let Some(index) = found else { return Ok(()) };
        self.now = self.now.max(event.received_at());
        self.step_host(index, HostInput::WarmUp(event), out)
    }

    /// Begins: the venue connects, execution reconciles, and the strategies start.
    ///
    /// # Errors
    /// See [`JournalError`]: the run cannot go on.
    pub fn start(
        &mut self,
        now: Timestamp,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        self.now = self.now.max(now);
        self.step_venue(VenueInput::Start, out)?;
        self.settle(out)?;
        self.step_risk(RiskInput::Wake, out);
        self.settle(out)?;
        self.tell_hosts(None, out)
    }

    /// Keeps the strategies from starting until each is let in. Before [`Self::start`].
    pub fn hold_strategies(&mut self) {
        self.seats.iter_mut().for_each(|seat| seat.is_held = true);
    }

    /// Lets a strategy in that was held back: it starts now, or once the way to the venue is open.
    ///
    /// # Errors
    /// See [`JournalError`]: the run cannot go on.
    pub fn admit(
        &mut self,
        strategy: StrategyId,
        now: Timestamp,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        self.advance(now, out)?;
        for seat in self.seats.iter_mut().filter(|seat| seat.host.strategy() == strategy) {
            seat.is_held = false;
        }
        self.are_linked = false;
        self.tell_hosts(None, out)
    }

    /// Takes a market event at the time that it was received. Timers that are due before it fire
    /// first, each at its own time.
    ///
    /// # Errors
    /// See [`JournalError`]: the run cannot go on.
    #[inline(always)]
    pub fn market(
        &mut self,
        event: &MarketEvent,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        self.meet_venue(event, out)?;
        self.show(event, out)
    }

    /// Takes a trade that proves bars closed. The venue has seen it before anybody could know of
    /// the bars, so that nothing that is decided on them can meet it there; strategies hear of
    /// them first.
    ///
    /// # Errors
    /// See [`JournalError`]: the run cannot go on.
    pub fn market_with_bars(
        &mut self,
        bars: &[MarketEvent],
        trade: &MarketEvent,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        self.meet_venue(trade, out)?;
        bars.iter().chain([trade]).try_for_each(|event| self.show(event, out))
    }

    /// The first half of an event's way: what is due before it, then the venue.
    #[inline(always)]
    fn meet_venue(
        &mut self,
        event: &MarketEvent,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        self.advance(event.received_at(), out)?;
        self.venue.observe(Moment::same(self.now), event, &mut self.venue_effects);
        if !self.venue_effects.is_empty() {
            self.hear_and_settle(out)?;
        }
        self.due = self.due.min(self.venue_wake());
        Ok(())
    }

    /// The second half: risk, then the strategies.
    #[inline(always)]
    fn show(
        &mut self,
        event: &MarketEvent,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        self.sequence += 1;
        // Prices alone move no timer of risk.
        self.risk.observe(self.now, self.sequence, event, &mut self.risk_effects);
        if !self.risk_effects.is_empty() {
            self.carry_out_and_settle(out)?;
        }
        if self.are_linked && self.for_hosts.is_empty() {
            self.show_hosts(event, out)
        } else {
            self.tell_hosts(Some(event), out)
        }
    }

    /// Tells the venue alone that a bar has opened: orders on their way to it meet that price.
    ///
    /// # Errors
    /// See [`JournalError`]: the run cannot go on.
    pub fn opening(
        &mut self,
        event: &MarketEvent,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        self.advance(event.received_at(), out)?;
        self.step_venue(VenueInput::Market(event), out)?;
        self.settle(out)?;
        self.tell_hosts(None, out)
    }

    /// Ends the strategies in good order. What they take back is taken back.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn stop(&mut self, out: &mut Vec<CascadeOutput>) -> Result<(), JournalError> {
        for index in 0..self.seats.len() {
            self.step_host(index, HostInput::Stop, out)?;
            self.tell_orders(index, out)?;
        }
        self.tell_hosts(None, out)
    }
}
