//! Bare machines, fed with what was delivered to the recorded ones.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use model::{Amount, CorrelationId, MarketEvent, OrderEvent, StrategyId};

use super::delivery::{
    Delivered, Delivery, ExecutionDelivered, FeedDelivered, HostDelivered, Machine, RiskDelivered,
    VenueDelivered,
};
use super::digest::Digest;
use super::masked::masked;
use super::recorded::Recorded;
use crate::feed::{FeedEffect, FeedMachine, FeedProtocol};
use crate::guard::caught;
use crate::messages::{ExecutionRequest, SubmitIntent};
use crate::orders::{ExecutionEffect, ExecutionInput, ExecutionMachine, VenueCommand};
use crate::risk::{RiskEffect, RiskInput, RiskMachine};
use crate::strategy::{
    HostInput, HostOutput, HostSetup, Strategy, StrategyFactory, StrategyHost, Vacant,
};
use crate::venue::{Venue, VenueEffect, VenueEvent, VenueInput};
use crate::wire::Moment;

/// Market events that may still be referred to: more than any mailbox holds.
const EVENTS_KEPT: usize = 1 << 18;

/// A strategy and where it starts.
pub struct Seat {
    /// How its machine is built.
    pub factory: StrategyFactory,
    /// What the ledger knew of it.
    pub setup: HostSetup,
}

/// The machines as they were when the recording began.
pub struct Machines {
    /// Frames to market events.
    pub feed: FeedMachine<Box<dyn FeedProtocol>>,
    /// The gate.
    pub risk: RiskMachine,
    /// Orders.
    pub execution: ExecutionMachine,
    /// The session with the venue, or paper's own venue. `None` where the recording does not tell
    /// what it was made of: what it told execution is then taken as it was told.
    pub venue: Option<Box<dyn Venue>>,
    /// The strategies.
    pub seats: Vec<Seat>,
}

/// What was compared of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Inputs, each with the fingerprint of its effects.
    pub inputs: u64,
    /// Fingerprints of the state.
    pub states: u64,
}

/// Where a replay comes to something else than what was recorded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("input {number}, of {machine} at {}: {kind}", now.venue)]
pub struct Difference {
    /// The place of the input among all, from 1.
    pub number: u64,
    /// Whose input.
    pub machine: Machine,
    /// When it was delivered.
    pub now: Moment,
    /// What differs.
    pub kind: DifferenceKind,
    /// The input.
    pub input: String,
    /// What the replayed machine wants done.
    pub effects: String,
}

/// What differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DifferenceKind {
    /// What came of the input.
    Effects,
    /// What the machine knows after it.
    State,
    /// The replayed machines did not make what was delivered.
    NothingToDeliver,
    /// A strategy that was built cannot be built.
    NotBuilt,
}

impl fmt::Display for DifferenceKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Effects => "its effects are not those recorded",
            Self::State => "the machine's state after it is not the one recorded",
            Self::NothingToDeliver => "the machine before it did not make what was delivered",
            Self::NotBuilt => "the strategy cannot be built",
        })
    }
}

struct Seated {
    factory: StrategyFactory,
    setup: HostSetup,
    host: StrategyHost,
    told: VecDeque<(OrderEvent, Amount)>,
    intents: VecDeque<SubmitIntent>,
}

impl Seated {
    fn new(Seat { factory, setup }: Seat) -> Self {
        let host = StrategyHost::new(Box::new(Vacant), setup.clone());
        Self { factory, setup, host, told: VecDeque::new(), intents: VecDeque::new() }
    }

    /// The next host, with what the one before knew.
    fn seat(&mut self, machine: Box<dyn Strategy>) {
        let vacant = StrategyHost::new(Box::new(Vacant), self.setup.clone());
        let setup = std::mem::replace(&mut self.host, vacant).into_setup();
        self.host = StrategyHost::new(machine, setup);
    }
}

/// The loop.
pub struct Replay {
    feed: FeedMachine<Box<dyn FeedProtocol>>,
    risk: RiskMachine,
    execution: ExecutionMachine,
    venue: Option<Box<dyn Venue>>,
    strategies: BTreeMap<StrategyId, Seated>,
    /// The newest market events, and the place of the first of them in the feed's sequence.
    published: VecDeque<MarketEvent>,
    first_published: u64,
    /// What the gate let through.
    approved: VecDeque<ExecutionRequest>,
    orders: VecDeque<(StrategyId, Box<OrderEvent>)>,
    /// What execution commanded.
    commands: VecDeque<VenueCommand>,
    /// What the venue told execution.
    told: VecDeque<VenueEvent>,
    tallies: BTreeMap<Machine, Tally>,
    number: u64,
}

/// What a step came to, to be compared.
struct Outcome {
    effects: Digest,
    text: String,
}

impl Outcome {
    fn of(effects: &impl fmt::Debug, expected: Digest) -> Self {
        Self::with(Digest::of(effects), expected, || format!("{effects:?}"))
    }

    fn with(actual: Digest, expected: Digest, spelt_out: impl FnOnce() -> String) -> Self {
        // Only for whoever has to find out why.
        let text = if actual == expected { String::new() } else { spelt_out() };
        Self { effects: actual, text }
    }
}

impl Replay {
    /// Machines, ready for the first input.
    #[must_use]
    pub fn new(machines: Machines) -> Self {
        let Machines { feed, risk, execution, venue, seats } = machines;
        let seated = seats.into_iter().map(|seat| (seat.setup.strategy, Seated::new(seat)));
        Self {
            feed,
            risk,
            execution,
            venue,
            strategies: seated.collect(),
            published: VecDeque::new(),
            first_published: 1,
            approved: VecDeque::new(),
            orders: VecDeque::new(),
            commands: VecDeque::new(),
            told: VecDeque::new(),
            tallies: BTreeMap::new(),
            number: 0,
        }
    }

    /// What was compared so far.
    #[must_use]
    pub const fn tallies(&self) -> &BTreeMap<Machine, Tally> {
        &self.tallies
    }

    /// Inputs delivered so far.
    #[must_use]
    pub const fn delivered(&self) -> u64 {
        self.number
    }

    /// Delivers one input and compares what comes of it.
    ///
    /// # Errors
    /// The difference; everything after it may follow from it.
    pub fn deliver(&mut self, delivery: Delivery) -> Result<(), Box<Difference>> {
        self.number += 1;
        let (now, machine) = (delivery.now, delivery.input.machine());
        // Shown only if something differs: most inputs are whole frames.
        let shown = delivery.input.clone();
        let differs = |number, kind, effects| {
            let input = format!("{shown:?}");
            Err(Box::new(Difference { number, machine, now, kind, input, effects }))
        };
        let outcome = match self.step(now, delivery.input, delivery.effects) {
            Ok(outcome) => outcome,
            Err(kind) => return differs(self.number, kind, String::new()),
        };
        if outcome.effects != delivery.effects {
            return differs(self.number, DifferenceKind::Effects, outcome.text);
        }
        let tally = self.tallies.entry(machine).or_default();
        tally.inputs += 1;
        if let Some(expected) = delivery.state {
            tally.states += 1;
            if self.state(machine) != Some(expected) {
                return differs(self.number, DifferenceKind::State, String::new());
            }
        }
        Ok(())
    }

    fn state(&self, machine: Machine) -> Option<Digest> {
        Some(match machine {
            Machine::Feed => self.feed.state_digest(),
            Machine::Risk => self.risk.state_digest(),
            Machine::Execution => self.execution.state_digest(),
            Machine::Venue => self.venue.as_ref()?.state_digest(),
            Machine::Strategy(strategy) => self.strategies.get(&strategy)?.host.digest(),
        })
    }

    fn step(
        &mut self,
        now: Moment,
        input: Delivered,
        expected: Digest,
    ) -> Result<Outcome, DifferenceKind> {
        match input {
            Delivered::Feed(input) => self.step_feed(now, input, expected),
            Delivered::Risk(input) => self.step_risk(now, input, expected),
            Delivered::Execution(input) => self.step_execution(now, input, expected),
            Delivered::Venue(input) => self.step_venue(now, input, expected),
            Delivered::Strategy(strategy, input) => {
                self.step_strategy(now, strategy, input, expected)
            }
        }
    }

    fn step_feed(
        &mut self,
        now: Moment,
        input: FeedDelivered,
        expected: Digest,
    ) -> Result<Outcome, DifferenceKind> {
        let mut frame = String::new();
        let input = input.input(&mut frame).ok_or(DifferenceKind::NothingToDeliver)?;
        let mut effects = Vec::new();
        self.feed.step(now, input, &mut effects);
        let outcome = Outcome::of(&effects, expected);
        for effect in effects {
            if let FeedEffect::Publish(event) = effect {
                if self.published.len() == EVENTS_KEPT {
                    self.published.pop_front();
                    self.first_published += 1;
                }
                self.published.push_back(event);
            }
        }
        Ok(outcome)
    }

    /// The market event with a place in the feed's sequence.
    fn event(&self, sequence: u64) -> Result<MarketEvent, DifferenceKind> {
        let index = sequence.checked_sub(self.first_published);
        let found = index.and_then(|index| self.published.get(usize::try_from(index).ok()?));
        found.cloned().ok_or(DifferenceKind::NothingToDeliver)
    }

    fn step_risk(
        &mut self,
        now: Moment,
        input: RiskDelivered,
        expected: Digest,
    ) -> Result<Outcome, DifferenceKind> {
        let nothing = DifferenceKind::NothingToDeliver;
        let mut effects = Vec::new();
        let risk = &mut self.risk;
        let mut step = |input: RiskInput<'_>| risk.step(now.venue, input, &mut effects);
        match input {
            RiskDelivered::Market(sequence) => {
                let index = sequence.checked_sub(self.first_published).ok_or(nothing)?;
                let index = usize::try_from(index).map_err(|_| nothing)?;
                let event = self.published.get(index).ok_or(nothing)?;
                step(RiskInput::Market { sequence, event });
            }
            RiskDelivered::Intent(strategy) => {
                let seated = self.strategies.get_mut(&strategy);
                let intent = seated.and_then(|seated| seated.intents.pop_front()).ok_or(nothing)?;
                step(RiskInput::Intent(intent));
            }
            RiskDelivered::Order => {
                let (strategy, event) = self.orders.pop_front().ok_or(nothing)?;
                step(RiskInput::Order { strategy, event });
            }
            RiskDelivered::Balances { balances, is_complete, event_at } => {
                step(RiskInput::Balances { balances: &balances, is_complete, event_at });
            }
            RiskDelivered::ExternalFlow { asset, delta } => {
                step(RiskInput::ExternalFlow { asset, delta });
            }
            RiskDelivered::BalanceDiffers(found) => step(RiskInput::BalanceDiffers(found)),
            RiskDelivered::ExternalFill(fill) => step(RiskInput::ExternalFill(&fill)),
            RiskDelivered::SetState { state, by, reason } => {
                step(RiskInput::SetState { state, by, reason });
            }
            RiskDelivered::StreamHealth { instrument, is_stale } => {
                step(RiskInput::StreamHealth { instrument, is_stale });
            }
            RiskDelivered::InstrumentHealth { instrument, is_halted } => {
                step(RiskInput::InstrumentHealth { instrument, is_halted });
            }
            RiskDelivered::ExecutionHealth { is_live } => {
                step(RiskInput::ExecutionHealth { is_live });
            }
            RiskDelivered::StrategyQuarantined(strategy) => {
                step(RiskInput::StrategyQuarantined { strategy });
            }
            RiskDelivered::StrategyReleased(strategy) => {
                step(RiskInput::StrategyReleased { strategy });
            }
            RiskDelivered::Flatten { strategy, max_slippage_bps } => {
                step(RiskInput::Flatten { strategy, max_slippage_bps });
            }
            RiskDelivered::InstrumentsRefreshed(instruments) => {
                step(RiskInput::InstrumentsRefreshed(Arc::new(instruments)));
            }
            RiskDelivered::Wake => step(RiskInput::Wake),
        }
        let outcome = Outcome::of(&effects, expected);
        self.pass_on(effects);
        Ok(outcome)
    }

    fn pass_on(&mut self, effects: Vec<RiskEffect>) {
        for effect in effects {
            match effect {
                RiskEffect::Execute(request) => match request {
                    ExecutionRequest::Submit(_)
                    | ExecutionRequest::SubmitPair(_)
                    | ExecutionRequest::CancelReplace { .. }
                    | ExecutionRequest::Replace { .. } => {
                        self.approved.push_back(request);
                    }
                    // An operator cancels too: these are noted by value.
                    ExecutionRequest::Cancel { .. } | ExecutionRequest::CancelAll { .. } => {}
                },
                RiskEffect::TellStrategy { strategy, event, fee_in_quote } => {
                    // One that is no longer configured hears nothing.
                    if let Some(seated) = self.strategies.get_mut(&strategy) {
                        seated.told.push_back((*event, fee_in_quote));
                    }
                }
                RiskEffect::StateChanged { .. }
                | RiskEffect::RuleTripped { .. }
                | RiskEffect::EquitySampled { .. }
                | RiskEffect::FeeValued { .. }
                | RiskEffect::FeeUnvalued { .. }
                | RiskEffect::TradeClosed(_)
                | RiskEffect::BalanceDiffers(_)
                | RiskEffect::Protection(_) => {}
            }
        }
    }

    fn step_execution(
        &mut self,
        now: Moment,
        input: ExecutionDelivered,
        expected: Digest,
    ) -> Result<Outcome, DifferenceKind> {
        let input = match input {
            ExecutionDelivered::Approved => {
                let request = self.approved.pop_front();
                ExecutionInput::Request(request.ok_or(DifferenceKind::NothingToDeliver)?)
            }
            ExecutionDelivered::Cancel { order, reason } => {
                ExecutionInput::Request(ExecutionRequest::Cancel { order, reason })
            }
            ExecutionDelivered::CancelAll { scope } => {
                ExecutionInput::Request(ExecutionRequest::CancelAll { scope })
            }
            ExecutionDelivered::Venue(event) => {
                if self.venue.is_some() && self.told.pop_front().as_ref() != Some(&event) {
                    return Err(DifferenceKind::NothingToDeliver);
                }
                ExecutionInput::Venue(event)
            }
            ExecutionDelivered::Persisted(persisted) => ExecutionInput::Persisted(persisted),
            ExecutionDelivered::Write { record, durability } => {
                ExecutionInput::Write { record, durability }
            }
            ExecutionDelivered::SetGate { open } => ExecutionInput::SetGate { open },
            ExecutionDelivered::SetTrading(state) => ExecutionInput::SetTrading(state),
            ExecutionDelivered::Wake => ExecutionInput::Wake,
        };
        let mut effects = Vec::new();
        self.execution.step(now.venue, input, &mut effects);
        let outcome = Outcome::of(&effects, expected);
        for effect in effects {
            match effect {
                ExecutionEffect::Tell { strategy, event } => {
                    self.orders.push_back((strategy, event));
                }
                ExecutionEffect::Command(command) if self.venue.is_some() => {
                    self.commands.push_back(command);
                }
                ExecutionEffect::Command(_)
                | ExecutionEffect::Persist(_)
                | ExecutionEffect::BalancesRead { .. }
                | ExecutionEffect::BalanceMoved { .. }
                | ExecutionEffect::BalanceDiffers(_)
                | ExecutionEffect::ExternalFilled { .. }
                | ExecutionEffect::StrangersFound { .. }
                | ExecutionEffect::InstrumentHalted { .. }
                | ExecutionEffect::Reconciled { .. }
                | ExecutionEffect::Detached { .. } => {}
            }
        }
        Ok(outcome)
    }

    fn step_venue(
        &mut self,
        now: Moment,
        input: VenueDelivered,
        expected: Digest,
    ) -> Result<Outcome, DifferenceKind> {
        let nothing = DifferenceKind::NothingToDeliver;
        let event = if let VenueDelivered::Market(sequence) = &input {
            Some(self.event(*sequence)?)
        } else {
            None
        };
        let venue = self.venue.as_mut().ok_or(nothing)?;
        let mut frame = String::new();
        let instruments;
        let input = match input {
            VenueDelivered::Start => VenueInput::Start,
            VenueDelivered::Command => {
                VenueInput::Command(self.commands.pop_front().ok_or(nothing)?)
            }
            VenueDelivered::Market(_) => VenueInput::Market(event.as_ref().ok_or(nothing)?),
            VenueDelivered::InstrumentsRefreshed(refreshed) => {
                instruments = Arc::new(refreshed);
                VenueInput::InstrumentsRefreshed(&instruments)
            }
            VenueDelivered::Wake => VenueInput::Wake,
            VenueDelivered::Wire(wire) => VenueInput::Wire(wire.input(&mut frame).ok_or(nothing)?),
        };
        let mut effects = Vec::new();
        venue.step(now, input, &mut effects);
        let outcome = Outcome::with(venue.effects_digest(&effects), expected, || {
            masked(&format!("{effects:?}"), venue.hidden_fields()).into_owned()
        });
        self.told.extend(effects.into_iter().filter_map(|effect| match effect {
            VenueEffect::Event(event) => Some(event),
            VenueEffect::Wire(_) => None,
        }));
        Ok(outcome)
    }

    fn step_strategy(
        &mut self,
        now: Moment,
        strategy: StrategyId,
        input: HostDelivered,
        expected: Digest,
    ) -> Result<Outcome, DifferenceKind> {
        let nothing = DifferenceKind::NothingToDeliver;
        let market = if let HostDelivered::Market(sequence) = &input {
            Some(self.event(*sequence)?)
        } else {
            None
        };
        let seated = self.strategies.get_mut(&strategy).ok_or(nothing)?;
        let input = match input {
            HostDelivered::WarmUp(event) => HostInput::WarmUp(event),
            HostDelivered::HistoryComplete => HostInput::HistoryComplete,
            HostDelivered::Start => HostInput::Start,
            HostDelivered::Market(sequence) => {
                let (event, correlation) = (market.ok_or(nothing)?, CorrelationId(sequence));
                HostInput::Market { sequence, event, correlation }
            }
            HostDelivered::Order => {
                let (event, fee_in_quote) = seated.told.pop_front().ok_or(nothing)?;
                HostInput::Order { event, fee_in_quote }
            }
            HostDelivered::Wake => HostInput::Wake,
            HostDelivered::Pause => HostInput::Pause,
            HostDelivered::Resume => HostInput::Resume,
            HostDelivered::Stop => HostInput::Stop,
            HostDelivered::InstrumentsRefreshed(instruments) => {
                HostInput::InstrumentsRefreshed(Arc::new(instruments))
            }
            HostDelivered::Built(snapshot) => {
                let instruments = seated.host.instruments();
                let built =
                    caught(|| (seated.factory)(instruments).map_err(|error| error.to_string()));
                let built = built.and_then(|built| built);
                seated.seat(built.map_err(|_| DifferenceKind::NotBuilt)?);
                let restored = snapshot.map(|state| seated.host.restore(state));
                return Ok(Outcome::of(&restored, expected));
            }
            HostDelivered::ThrownAway => {
                seated.seat(Box::new(Vacant));
                return Ok(Outcome::of(&(), expected));
            }
            HostDelivered::Obeyed => return Ok(Outcome::of(&(), expected)),
        };
        let mut outputs = Vec::new();
        let host = &mut seated.host;
        let result =
            caught(|| host.step(now.venue, input, &mut outputs).map_err(|error| error.to_string()));
        // A panic of a strategy is an error like any other.
        let result = result.and_then(|result| result);
        let outcome = Outcome::of(&(&result, &outputs), expected);
        if result.is_ok() {
            seated.intents.extend(outputs.into_iter().filter_map(|output| match output {
                HostOutput::Intent(intent) => Some(intent),
                HostOutput::Note(_) => None,
            }));
        }
        Ok(outcome)
    }
}
