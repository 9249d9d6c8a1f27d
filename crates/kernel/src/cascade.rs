//! The canonical order of things, in one plain loop: for backtests, replay and tests.
//!
//! event → venue, execution and fills → risk with portfolio → strategies in config order, each
//! one's intents drained through risk and execution before the next. The actors carry the same
//! messages between the same machines; here nothing is in between. The venue is a local one: its
//! network effects are not carried out.
//!
//! What does not belong here: where events come from (files, a clock, bars from trades), what
//! becomes of the outputs (reports), and starting a failed strategy again.

mod output;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use model::{
    Amount, CorrelationId, Fill, InstrumentId, MarketEvent, OrderEvent, StrategyId, Timestamp,
};

pub use output::CascadeOutput;

use crate::journal::{Durability, Journal, JournalError, Persist, Persisted, Record};
use crate::orders::{ExecutionEffect, ExecutionInput, ExecutionMachine, Unexplained, VenueCommand};
use crate::risk::{RiskEffect, RiskInput, RiskMachine};
use crate::strategy::{HostError, HostInput, HostOutput, StrategyHost};
use crate::venue::{Balance, Venue, VenueEffect, VenueInput, Wake};
use crate::wire::Moment;

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

/// What risk is still to be told by execution.
#[derive(Debug)]
enum Told {
    Order { strategy: StrategyId, event: Box<OrderEvent> },
    Balances { balances: Vec<Balance>, is_complete: bool, event_at: Timestamp },
    Flow { asset: model::Asset, delta: Amount },
    Differs(Unexplained),
    ExternalFill(Fill),
    Halted(InstrumentId),
    Link { is_live: bool },
}

/// What execution and venue are still to do.
#[derive(Debug)]
enum Work {
    Execution(ExecutionInput),
    Command(VenueCommand),
}

/// An order event on its way to a strategy: it stands among the outputs already, and is not copied
/// for the strategy.
#[derive(Clone, Copy, Debug)]
struct ForHost {
    host: usize,
    /// Which of the outputs it is. They stay until the strategies have heard all.
    output: usize,
}

/// Where a strategy is.
#[derive(Debug)]
struct Seat {
    host: StrategyHost,
    is_started: bool,
    /// It waits to be let in.
    is_held: bool,
    /// It failed: it gets nothing more and is in quarantine.
    has_failed: bool,
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
    #[inline]
    pub fn market(
        &mut self,
        event: &MarketEvent,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        self.advance(event.received_at(), out)?;
        self.sequence += 1;
        self.venue.observe(Moment::same(self.now), event, &mut self.venue_effects);
        if !self.venue_effects.is_empty() {
            self.hear_venue(out)?;
            self.settle(out)?;
        }
        self.due = self.due.min(self.venue_wake());
        // Prices alone move no timer of risk.
        self.risk.observe(self.now, self.sequence, event, &mut self.risk_effects);
        if !self.risk_effects.is_empty() {
            self.carry_out_all(out);
            self.settle(out)?;
        }
        if self.are_linked && self.for_hosts.is_empty() {
            self.show_hosts(event, out)
        } else {
            self.tell_hosts(Some(event), out)
        }
    }

    /// The strategies' turn where nothing else waits for them: mostly about an event about which
    /// nobody does anything.
    #[inline(always)]
    fn show_hosts(
        &mut self,
        event: &MarketEvent,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        for index in 0..self.seats.len() {
            if self.seats[index].host.wants(event) && self.acts_on(index, event) {
                return self.tell_hosts_after(index, event, out);
            }
        }
        Ok(())
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
        self.advance(trade.received_at(), out)?;
        self.step_venue(VenueInput::Market(trade), out)?;
        self.settle(out)?;
        for event in bars.iter().chain([trade]) {
            self.sequence += 1;
            self.step_risk(RiskInput::Market { sequence: self.sequence, event }, out);
            self.settle(out)?;
            self.tell_hosts(Some(event), out)?;
        }
        Ok(())
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
        if to >= self.due {
            self.wake_until(to, out)?;
        }
        self.now = self.now.max(to);
        Ok(())
    }

    /// The next instant, up to `to`, at which a machine wants to be woken: for whoever looks at the
    /// machines between what happens. [`Self::advance`] to it lets that happen and nothing after it.
    #[inline]
    #[must_use]
    pub fn due_by(&mut self, to: Timestamp) -> Option<Timestamp> {
        if to < self.due {
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

    /// The next instant at which a machine wants to be woken.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let of = |wake: Option<Timestamp>| wake.unwrap_or(Timestamp::MAX);
        let earliest = self.earliest_wake(of(self.execution.wake_at()), of(self.risk.wake_at()));
        Some(earliest).filter(|at| *at < Timestamp::MAX)
    }

    /// Execution or risk was given something: when they want to be woken may be another time.
    #[inline]
    const fn note_given(&mut self) {
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
    fn next_wake(&mut self) -> Timestamp {
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
    fn venue_wake(&self) -> Timestamp {
        self.venue.wake_at().map_or(Timestamp::MAX, |wake| match wake {
            Wake::Venue(at) | Wake::Wall(at) => at,
        })
    }

    /// Wakes every machine that is due now, in the same order as for an event.
    fn wake(&mut self, out: &mut Vec<CascadeOutput>) -> Result<(), JournalError> {
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

    /// What the venue tells goes to execution after all that was waiting for it before. With
    /// nothing waiting it goes there at once, without a place in the queue: the order is the same.
    fn step_venue(
        &mut self,
        input: VenueInput<'_>,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        self.due = Timestamp::EPOCH;
        self.venue.step(Moment::same(self.now), input, &mut self.venue_effects);
        if self.venue_effects.is_empty() { Ok(()) } else { self.hear_venue(out) }
    }

    fn hear_venue(&mut self, out: &mut Vec<CascadeOutput>) -> Result<(), JournalError> {
        // A local venue has no network.
        if self.work.is_empty() {
            let events = self.venue_effects.iter().filter_map(|effect| match effect {
                VenueEffect::Event(event) => Some(event),
                VenueEffect::Wire(_) => None,
            });
            let mut effects = std::mem::take(&mut self.execution_effects);
            self.execution.hear(self.now, events, &mut effects);
            self.venue_effects.clear();
            self.note_given();
            return self.carry_out_execution(effects, out);
        }
        self.work.extend(self.venue_effects.drain(..).filter_map(|effect| match effect {
            VenueEffect::Event(event) => Some(Work::Execution(ExecutionInput::Venue(event))),
            VenueEffect::Wire(_) => None,
        }));
        Ok(())
    }

    /// Lets execution and risk finish everything that they have set each other.
    #[inline(always)]
    fn settle(&mut self, out: &mut Vec<CascadeOutput>) -> Result<(), JournalError> {
        if self.work.is_empty() && self.told.is_empty() {
            return Ok(());
        }
        self.settle_all(out)
    }

    fn settle_all(&mut self, out: &mut Vec<CascadeOutput>) -> Result<(), JournalError> {
        loop {
            if let Some(work) = self.work.pop_front() {
                match work {
                    Work::Execution(input) => self.step_execution(input, out)?,
                    Work::Command(command) => self.step_venue(VenueInput::Command(command), out)?,
                }
            } else if let Some(told) = self.told.pop_front() {
                self.tell_risk(told, out);
            } else {
                return Ok(());
            }
        }
    }

    fn step_execution(
        &mut self,
        input: ExecutionInput,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        let mut effects = std::mem::take(&mut self.execution_effects);
        self.note_given();
        self.execution.step(self.now, input, &mut effects);
        self.carry_out_execution(effects, out)
    }

    /// Carries out what execution wants done, and keeps the emptied list for the next time.
    fn carry_out_execution(
        &mut self,
        mut effects: Vec<ExecutionEffect>,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        for effect in effects.drain(..) {
            match effect {
                ExecutionEffect::Persist(persist) => self.persist(&persist)?,
                ExecutionEffect::Command(command) => self.work.push_back(Work::Command(command)),
                ExecutionEffect::Tell { strategy, event } => {
                    self.told.push_back(Told::Order { strategy, event });
                }
                ExecutionEffect::BalancesRead { balances, complete, event_at } => {
                    let is_complete = complete;
                    self.told.push_back(Told::Balances { balances, is_complete, event_at });
                }
                ExecutionEffect::BalanceMoved { asset, delta } => {
                    self.told.push_back(Told::Flow { asset, delta });
                    out.push(CascadeOutput::BalanceMoved { asset, delta });
                }
                ExecutionEffect::BalanceDiffers(found) => {
                    self.told.push_back(Told::Differs(found));
                }
                ExecutionEffect::ExternalFilled { fill } => {
                    self.told.push_back(Told::ExternalFill(fill));
                    out.push(CascadeOutput::ExternalFilled { fill });
                }
                ExecutionEffect::InstrumentHalted { instrument, reason } => {
                    self.told.push_back(Told::Halted(instrument));
                    out.push(CascadeOutput::InstrumentHalted { instrument, reason });
                }
                ExecutionEffect::Reconciled { summary } => {
                    self.told.push_back(Told::Link { is_live: true });
                    out.push(CascadeOutput::Reconciled { summary });
                }
                ExecutionEffect::Detached { reason } => {
                    self.told.push_back(Told::Link { is_live: false });
                    out.push(CascadeOutput::Detached { reason });
                }
            }
        }
        self.execution_effects = effects;
        Ok(())
    }

    fn persist(&mut self, persist: &Persist) -> Result<(), JournalError> {
        self.journal.append(std::slice::from_ref(persist))?;
        match persist.durability {
            Durability::Lazy => {}
            Durability::Committed | Durability::Synced => {
                let persisted = Persisted { sequence: persist.sequence };
                self.work.push_back(Work::Execution(ExecutionInput::Persisted(persisted)));
            }
        }
        Ok(())
    }

    fn tell_risk(&mut self, told: Told, out: &mut Vec<CascadeOutput>) {
        match told {
            Told::Order { strategy, event } => {
                self.step_risk(RiskInput::Order { strategy, event }, out);
            }
            Told::Balances { balances, is_complete, event_at } => {
                let balances = balances.as_slice();
                self.step_risk(RiskInput::Balances { balances, is_complete, event_at }, out);
            }
            Told::Flow { asset, delta } => {
                self.step_risk(RiskInput::ExternalFlow { asset, delta }, out);
            }
            Told::Differs(found) => self.step_risk(RiskInput::BalanceDiffers(found), out),
            Told::ExternalFill(fill) => self.step_risk(RiskInput::ExternalFill(&fill), out),
            Told::Halted(instrument) => {
                let is_halted = true;
                self.step_risk(RiskInput::InstrumentHealth { instrument, is_halted }, out);
            }
            Told::Link { is_live } => {
                self.is_live = is_live;
                self.are_linked = false;
                self.step_risk(RiskInput::ExecutionHealth { is_live }, out);
            }
        }
    }

    fn step_risk(&mut self, input: RiskInput<'_>, out: &mut Vec<CascadeOutput>) {
        self.note_given();
        self.risk.step(self.now, input, &mut self.risk_effects);
        self.carry_out_all(out);
    }

    fn carry_out_all(&mut self, out: &mut Vec<CascadeOutput>) {
        let mut effects = std::mem::take(&mut self.risk_effects);
        for effect in effects.drain(..) {
            self.carry_out(effect, out);
        }
        self.risk_effects = effects;
    }

    #[inline]
    fn carry_out(&mut self, effect: RiskEffect, out: &mut Vec<CascadeOutput>) {
        match effect {
            RiskEffect::Execute(request) => {
                self.work.push_back(Work::Execution(ExecutionInput::Request(request)));
            }
            RiskEffect::TellStrategy { strategy, event, fee_in_quote } => {
                let found = self.seats.iter().position(|seat| seat.host.strategy() == strategy);
                if let Some(host) = found {
                    self.for_hosts.push_back(ForHost { host, output: out.len() });
                }
                out.push(CascadeOutput::Order { strategy, event, fee_in_quote });
            }
            RiskEffect::StateChanged { from, to, rule, reason } => {
                let record =
                    Record::TradingStateChanged { state: to, reason: reason.clone(), at: self.now };
                self.write(record, Durability::Synced);
                self.work.push_back(Work::Execution(ExecutionInput::SetTrading(to)));
                out.push(CascadeOutput::StateChanged { from, to, rule, reason });
            }
            RiskEffect::RuleTripped { rule, strategy, limit, actual } => {
                out.push(CascadeOutput::RuleTripped { rule, strategy, limit, actual });
            }
            RiskEffect::EquitySampled { strategy, equity, capital, at } => {
                let record = Record::EquitySampled { strategy, equity, capital, at };
                self.write(record, Durability::Lazy);
                out.push(CascadeOutput::EquitySampled { strategy, equity, capital, at });
            }
            RiskEffect::FeeValued { key, in_quote } => {
                self.write(Record::FeeValued { key, in_quote }, Durability::Lazy);
            }
            RiskEffect::FeeUnvalued { key, fee, asset } => {
                out.push(CascadeOutput::FeeUnvalued { key, fee, asset });
            }
            // For a log, which this loop does not have.
            RiskEffect::Protection(_) | RiskEffect::BalanceDiffers(_) => {}
            RiskEffect::TradeClosed(trade) => out.push(CascadeOutput::TradeClosed(trade)),
        }
    }

    fn write(&mut self, record: Record, durability: Durability) {
        let input = ExecutionInput::Write { record, durability };
        self.work.push_back(Work::Execution(input));
    }

    /// The strategies' turn, in config order: what became of their orders, then the event.
    fn tell_hosts(
        &mut self,
        event: Option<&MarketEvent>,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        let must_link = !std::mem::replace(&mut self.are_linked, true);
        self.tell_hosts_from(0, event, must_link, out)
    }

    /// A strategy has acted on an event: what it wants is done, and the next ones have their turn.
    fn tell_hosts_after(
        &mut self,
        index: usize,
        event: &MarketEvent,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        self.drain_host(index, out)?;
        self.tell_orders(index, out)?;
        self.tell_hosts_from(index + 1, Some(event), false, out)
    }

    fn tell_hosts_from(
        &mut self,
        first: usize,
        event: Option<&MarketEvent>,
        must_link: bool,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        for index in first..self.seats.len() {
            if must_link || !self.are_linked {
                self.link_host(index, out)?;
            }
            self.tell_orders(index, out)?;
            if let Some(event) = event.filter(|event| self.seats[index].host.wants(event)) {
                if self.acts_on(index, event) {
                    self.drain_host(index, out)?;
                }
                self.tell_orders(index, out)?;
            }
        }
        // A later strategy may have moved an earlier one's orders, as when a limit trips.
        while let Some(ForHost { host, .. }) = self.for_hosts.front() {
            self.tell_orders(*host, out)?;
        }
        Ok(())
    }

    /// Starts, pauses or resumes a strategy when the way to the venue opens or closes.
    fn link_host(
        &mut self,
        index: usize,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        let seat = &mut self.seats[index];
        let input = match (seat.is_started, self.is_live) {
            (false, true) if seat.is_held => return Ok(()),
            (false, true) => {
                seat.is_started = true;
                HostInput::Start
            }
            (true, true) if seat.host.is_paused() => HostInput::Resume,
            (true, false) if !seat.host.is_paused() => HostInput::Pause,
            (true | false, true | false) => return Ok(()),
        };
        self.step_host(index, input, out)
    }

    #[inline(always)]
    fn tell_orders(
        &mut self,
        index: usize,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        if self.for_hosts.is_empty() { Ok(()) } else { self.tell_waiting_orders(index, out) }
    }

    fn tell_waiting_orders(
        &mut self,
        index: usize,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        while let Some(at) = self.for_hosts.iter().position(|waiting| waiting.host == index) {
            let waiting =
                if at == 0 { self.for_hosts.pop_front() } else { self.for_hosts.remove(at) };
            let waiting = waiting.expect("found at this place just now");
            self.step_host_order(index, waiting.output, out)?;
        }
        Ok(())
    }

    /// Steps a strategy with an order event that stands among the outputs.
    fn step_host_order(
        &mut self,
        index: usize,
        output: usize,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        let seat = &mut self.seats[index];
        let CascadeOutput::Order { event, fee_in_quote, .. } = &out[output] else {
            unreachable!("only places of order events are noted, and outputs are only added")
        };
        if seat.has_failed {
            return Ok(());
        }
        self.due = Timestamp::EPOCH;
        let outputs = &mut self.host_outputs;
        let result = seat.host.step_order(self.now, event, *fee_in_quote, outputs);
        if self.has_acted(result) { self.drain_host(index, out) } else { Ok(()) }
    }

    /// Steps a strategy and drains its intents through risk and execution.
    fn step_host(
        &mut self,
        index: usize,
        input: HostInput,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        let seat = &mut self.seats[index];
        if seat.has_failed {
            return Ok(());
        }
        self.due = Timestamp::EPOCH;
        let result = seat.host.step(self.now, input, &mut self.host_outputs);
        if self.has_acted(result) { self.drain_host(index, out) } else { Ok(()) }
    }

    /// Steps a strategy with a market event, which most let pass. Tells whether this one did
    /// something: it is to be drained then.
    #[inline(always)]
    fn acts_on(&mut self, index: usize, event: &MarketEvent) -> bool {
        let seat = &mut self.seats[index];
        if seat.has_failed {
            return false;
        }
        let (now, sequence, correlation) = (self.now, self.sequence, CorrelationId(self.sequence));
        let outputs = &mut self.host_outputs;
        let result = seat.host.step_market(now, sequence, event, correlation, outputs);
        self.due = self.due.min(seat.host.wake_at().unwrap_or(Timestamp::MAX));
        self.has_acted(result)
    }

    /// Whether a strategy that was stepped wants something, or failed.
    #[inline]
    fn has_acted(&mut self, result: Result<(), HostError>) -> bool {
        match result {
            Ok(()) => !self.host_outputs.is_empty(),
            Err(error) => {
                self.host_error = Some(error);
                true
            }
        }
    }

    fn drain_host(
        &mut self,
        index: usize,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        let seat = &mut self.seats[index];
        let strategy = seat.host.strategy();
        let mut outputs = std::mem::take(&mut self.host_outputs);
        if let Some(error) = self.host_error.take() {
            seat.has_failed = true;
            out.push(CascadeOutput::StrategyFailed { strategy, error });
            self.step_risk(RiskInput::StrategyQuarantined { strategy }, out);
            self.settle(out)?;
        }
        for output in outputs.drain(..) {
            match output {
                HostOutput::Note(text) => out.push(CascadeOutput::Note { strategy, text }),
                HostOutput::Intent(intent) => {
                    out.push(CascadeOutput::Intended(intent.clone()));
                    self.step_risk(RiskInput::Intent(intent), out);
                    self.settle(out)?;
                }
            }
        }
        self.host_outputs = outputs;
        Ok(())
    }
}
