//! The strategies' turns, in config order, each one's intents drained before the next.

use model::{CorrelationId, MarketEvent, Timestamp};

use super::{Cascade, CascadeOutput};
use crate::journal::{Journal, JournalError};
use crate::risk::RiskInput;
use crate::strategy::{HostError, HostInput, HostOutput, StrategyHost};
use crate::venue::Venue;

/// An order event on its way to a strategy: it stands among the outputs already, and is not copied
/// for the strategy.
#[derive(Clone, Copy, Debug)]
pub(super) struct ForHost {
    pub(super) host: usize,
    /// Which of the outputs it is. They stay until the strategies have heard all.
    pub(super) output: usize,
}

/// Where a strategy is.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) host: StrategyHost,
    pub(super) is_started: bool,
    /// It waits to be let in.
    pub(super) is_held: bool,
    /// It failed: it gets nothing more and is in quarantine.
    pub(super) has_failed: bool,
}

impl<V: Venue, J: Journal> Cascade<V, J> {
    /// The strategies' turn where nothing else waits for them: mostly about an event about which
    /// nobody does anything.
    #[inline(always)]
    pub(super) fn show_hosts(
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

    /// The strategies' turn, in config order: what became of their orders, then the event.
    #[inline(never)]
    pub(super) fn tell_hosts(
        &mut self,
        event: Option<&MarketEvent>,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        let must_link = !std::mem::replace(&mut self.are_linked, true);
        self.tell_hosts_from(0, event, must_link, out)
    }

    /// A strategy has acted on an event: what it wants is done, and the next ones have their turn.
    #[inline(never)]
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
    pub(super) fn tell_orders(
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
    pub(super) fn step_host(
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
