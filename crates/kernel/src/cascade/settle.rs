//! What venue, execution and risk set each other to do, until nothing is left.

use model::{Amount, Asset, Fill, InstrumentId, OrderEvent, StrategyId, Timestamp};

use super::turns::ForHost;
use super::{Cascade, CascadeOutput};
use crate::journal::{Durability, Journal, JournalError, Persist, Persisted, Record};
use crate::orders::{ExecutionEffect, ExecutionInput, Unexplained, VenueCommand};
use crate::risk::{RiskEffect, RiskInput};
use crate::venue::{Balance, Venue, VenueEffect, VenueInput};
use crate::wire::Moment;

/// What risk is still to be told by execution.
#[derive(Debug)]
pub(super) enum Told {
    Order { strategy: StrategyId, event: Box<OrderEvent> },
    Balances { balances: Vec<Balance>, is_complete: bool, event_at: Timestamp },
    Flow { asset: Asset, delta: Amount },
    Differs(Unexplained),
    ExternalFill(Fill),
    Halted(InstrumentId),
    Link { is_live: bool },
}

/// What execution and venue are still to do.
#[derive(Debug)]
pub(super) enum Work {
    Execution(ExecutionInput),
    Command(VenueCommand),
}

impl<V: Venue, J: Journal> Cascade<V, J> {
    /// What the venue tells goes to execution after all that was waiting for it before. With
    /// nothing waiting it goes there at once, without a place in the queue: the order is the same.
    pub(super) fn step_venue(
        &mut self,
        input: VenueInput<'_>,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        self.due = Timestamp::EPOCH;
        self.venue.step(Moment::same(self.now), input, &mut self.venue_effects);
        if self.venue_effects.is_empty() { Ok(()) } else { self.hear_venue(out) }
    }

    #[inline(never)]
    pub(super) fn hear_and_settle(
        &mut self,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        self.hear_venue(out)?;
        self.settle(out)
    }

    #[inline(never)]
    pub(super) fn carry_out_and_settle(
        &mut self,
        out: &mut Vec<CascadeOutput>,
    ) -> Result<(), JournalError> {
        self.carry_out_all(out);
        self.settle(out)
    }

    fn hear_venue(&mut self, out: &mut Vec<CascadeOutput>) -> Result<(), JournalError> {
        // A local venue has no network.
        if self.work.is_empty() {
            let events = self.venue_effects.iter_mut().filter_map(|effect| match effect {
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
    pub(super) fn settle(&mut self, out: &mut Vec<CascadeOutput>) -> Result<(), JournalError> {
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
                // Whoever runs a venue of his own has the account to himself.
                ExecutionEffect::StrangersFound { .. } => {}
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

    pub(super) fn step_risk(&mut self, input: RiskInput<'_>, out: &mut Vec<CascadeOutput>) {
        self.note_given();
        self.risk.step(self.now, input, &mut self.risk_effects);
        self.carry_out_all(out);
    }

    fn carry_out_all(&mut self, out: &mut Vec<CascadeOutput>) {
        // Mostly one thing follows from another.
        if self.risk_effects.len() == 1
            && let Some(effect) = self.risk_effects.pop()
        {
            return self.carry_out(effect, out);
        }
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
}
