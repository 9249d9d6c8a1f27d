//! The loop: one thing after the other in virtual time, everything by the seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{ClientOrderId, OrderEvent, OrderId, Quantity, StrategyId, Timestamp};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tickwright_kernel::journal::{Durability, Persisted, Record};
use tickwright_kernel::messages::ExecutionRequest;
use tickwright_kernel::orders::{ExecutionEffect, ExecutionInput, ExecutionPolicy};
use tickwright_kernel::risk::{RiskEffect, RiskInput};
use tickwright_kernel::venue::{VenueAction, VenueEvent};

use super::crash_points::{self, CrashPoint, Kept};
use super::engine::{Disk, Engine};
use super::exchange::Exchange;
use super::faults::{Faults, between, up_to_ms};
use super::session::{Errand, Session, Weather};
use super::verdict::{Invariant, Verdict};

/// Something that happens at an instant.
#[derive(Debug)]
pub enum Happening {
    /// A strategy wants something.
    Act,
    /// An open order trades.
    Match,
    /// Somebody trades by hand.
    Manual,
    /// The gate's request reaches execution.
    Requested {
        life: u32,
        request: ExecutionRequest,
    },
    /// Execution's news reaches the gate.
    Told {
        life: u32,
        strategy: StrategyId,
        event: OrderEvent,
    },
    /// The journal is durable up to here.
    Committed {
        life: u32,
        sequence: u64,
    },
    /// Execution wanted to be woken.
    Wake {
        life: u32,
    },
    /// A command arrives at the venue.
    Arrives(u64, Errand),
    /// The session gives up on an answer.
    Fails(u64),
    /// The session tells something. What came over a connection dies with it; what it has to say
    /// to one life of the engine dies with that.
    Says {
        life: Option<u32>,
        connection: Option<u32>,
        event: VenueEvent,
    },
    Break,
    Connect {
        life: u32,
    },
    Crash,
    Restart,
    /// What protects positions looks whether its time has come.
    Look,
}

impl Happening {
    pub const fn says(life: u32, connection: Option<u32>, event: VenueEvent) -> Self {
        Self::Says { life: Some(life), connection, event }
    }

    pub const fn reports(connection: u32, event: VenueEvent) -> Self {
        Self::Says { life: None, connection: Some(connection), event }
    }
}

/// What is to come.
#[derive(Debug, Default)]
pub struct Schedule {
    queue: BTreeMap<(Timestamp, u64), Happening>,
    count: u64,
}

impl Schedule {
    pub fn add(&mut self, at: Timestamp, happening: Happening) {
        self.count += 1;
        self.queue.insert((at, self.count), happening);
    }
}

/// How often things were done, so that a run that tests nothing is noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    pub submits: u32,
    pub replacements: u32,
    pub fills: u32,
    pub unknown: u32,
    pub absent: u32,
    pub crashes: u32,
    pub breaks: u32,
    pub whose: u32,
    pub pairs: u32,
    pub in_place: u32,
}

pub struct World {
    pub now: Timestamp,
    pub(super) seed: u64,
    pub(super) rng: Pcg64,
    pub(super) policy: ExecutionPolicy,
    /// A journal that says durable before it is, to see whether that is noticed.
    pub hasty_journal: bool,
    /// Where the engine is to die, and at which time of coming by.
    pub aim: Option<(CrashPoint, u32)>,
    pub(super) faults: Faults,
    pub(super) is_quiet: bool,
    pub(super) schedule: Schedule,
    pub exchange: Exchange,
    pub(super) session: Session,
    pub(super) disk: Disk,
    pub(super) engine: Option<Engine>,
    pub(super) lives: u32,
    pub(super) sent: BTreeSet<ClientOrderId>,
    /// What the gate knew of the order that another replaces.
    pub(super) known_executed: BTreeMap<OrderId, Option<Quantity>>,
    /// When an order was signed: after the venue's time-out it cannot be accepted any more.
    pub(super) signed: BTreeMap<ClientOrderId, Timestamp>,
    pub verdict: Verdict,
    pub counts: Counts,
}

const BEGIN: Timestamp = Timestamp::from_secs(1_790_000_000);

impl World {
    pub fn new(seed: u64, policy: ExecutionPolicy, faults: Faults) -> Self {
        let mut world = Self {
            now: BEGIN,
            seed,
            rng: Pcg64::seed_from_u64(seed),
            policy,
            hasty_journal: false,
            aim: None,
            faults,
            is_quiet: false,
            schedule: Schedule::default(),
            exchange: Exchange::default(),
            session: Session::default(),
            disk: Disk::default(),
            engine: None,
            lives: 0,
            sent: BTreeSet::new(),
            known_executed: BTreeMap::new(),
            signed: BTreeMap::new(),
            verdict: Verdict::default(),
            counts: Counts::default(),
        };
        for happening in [
            Happening::Restart,
            Happening::Act,
            Happening::Match,
            Happening::Manual,
            Happening::Look,
        ] {
            world.schedule.add(BEGIN, happening);
        }
        world.plan(faults.break_every, Happening::Break);
        world.plan(faults.crash_every, Happening::Crash);
        world
    }

    /// Runs for so long with everything going on, then until all is quiet, and judges.
    pub fn run(mut self, busy: Duration, quiet: Duration) -> (Verdict, Counts) {
        self.run_until(BEGIN.after(busy));
        self.faults = Faults::NONE;
        self.is_quiet = true;
        if self.engine.is_none() {
            self.restart();
        }
        self.run_until(BEGIN.after(busy).after(quiet));
        self.judge_the_end();
        (self.verdict, self.counts)
    }

    fn run_until(&mut self, end: Timestamp) {
        while let Some(entry) = self.schedule.queue.first_entry() {
            if entry.key().0 > end {
                break;
            }
            let ((at, _), happening) = entry.remove_entry();
            self.now = at;
            self.handle(happening);
            self.wake_when_wanted();
        }
        self.now = end;
    }

    fn plan(&mut self, mean: Option<Duration>, happening: Happening) {
        if let Some(mean) = mean {
            let at = self.now.after(between(&mut self.rng, mean / 10, mean * 2));
            self.schedule.add(at, happening);
        }
    }

    fn later(&mut self, most_ms: u64, happening: Happening) {
        let at = self.now.after(up_to_ms(&mut self.rng, most_ms));
        self.schedule.add(at, happening);
    }

    fn handle(&mut self, happening: Happening) {
        match happening {
            Happening::Act => self.act(),
            Happening::Match => {
                let events = self.exchange.move_one(self.now, &mut self.rng);
                self.report(events);
                self.again(1_000, Happening::Match);
            }
            Happening::Manual => {
                let events = self.exchange.trade_manually(self.now, &mut self.rng);
                self.report(events);
                self.again(20_000, Happening::Manual);
            }
            Happening::Requested { life, request } => {
                if let ExecutionRequest::Replace { old_executed, new, .. } = &request {
                    self.known_executed.insert(new.get().order, *old_executed);
                }
                if let ExecutionRequest::CancelReplace { new, .. } = &request {
                    self.known_executed.insert(new.get().order, Some(Quantity::ZERO));
                }
                let points = crash_points::after_request(&request);
                self.step(Some(life), ExecutionInput::Request(request));
                self.die_at(points);
            }
            Happening::Told { life, strategy, event } => self.tell_risk(life, strategy, event),
            Happening::Committed { life, sequence } => self.commit(life, sequence),
            Happening::Wake { life } => self.wake(life),
            Happening::Arrives(id, errand) => self.arrive(id, &errand),
            Happening::Fails(id) => {
                let (session, _, mut weather) = self.outside();
                session.fail(id, &mut weather);
            }
            Happening::Says { life, connection, event } => self.say(life, connection, event),
            Happening::Break | Happening::Crash if self.is_quiet => {}
            Happening::Break => self.break_off(),
            Happening::Connect { life } => self.connect(life),
            Happening::Crash => self.crash(),
            Happening::Restart => self.restart(),
            Happening::Look => self.look(),
        }
    }

    /// What lies outside the engine, at this instant.
    fn outside(&mut self) -> (&mut Session, &mut Exchange, Weather<'_>) {
        let (now, faults) = (self.now, &self.faults);
        let (rng, schedule) = (&mut self.rng, &mut self.schedule);
        (&mut self.session, &mut self.exchange, Weather { now, faults, rng, schedule })
    }

    fn again(&mut self, most_ms: u64, happening: Happening) {
        if !self.is_quiet {
            self.later(most_ms, happening);
        }
    }

    fn report(&mut self, events: Vec<VenueEvent>) {
        let (session, _, mut weather) = self.outside();
        session.report(events, &mut weather);
    }

    fn act(&mut self) {
        if self.is_quiet {
            return;
        }
        let now = self.now;
        if let Some(engine) = &mut self.engine {
            if self.rng.random_bool(0.02) {
                let request = Engine::mass_cancel(&mut self.rng);
                let life = engine.life;
                self.schedule.add(now, Happening::Requested { life, request });
            } else {
                engine.act(now, &mut self.rng);
            }
        }
        self.pass_requests();
        self.again(1_500, Happening::Act);
    }

    fn look(&mut self) {
        let now = self.now;
        if let Some(engine) = &mut self.engine {
            engine.step_risk(now, RiskInput::Wake);
        }
        self.pass_requests();
        self.later(1_000, Happening::Look);
    }

    /// The gate's requests take a moment to reach execution, in order.
    fn pass_requests(&mut self) {
        let Some(engine) = &mut self.engine else { return };
        for effect in std::mem::take(&mut engine.risk_effects) {
            if let RiskEffect::Execute(request) = effect {
                let at = self.now.after(up_to_ms(&mut self.rng, 20)).max(engine.approved_at);
                engine.approved_at = at;
                let life = engine.life;
                self.schedule.add(at, Happening::Requested { life, request });
            }
        }
    }

    fn tell_risk(&mut self, life: u32, strategy: StrategyId, event: OrderEvent) {
        let now = self.now;
        if let Some(engine) = self.engine.as_mut().filter(|engine| engine.life == life) {
            let event = Box::new(event);
            engine.step_risk(now, RiskInput::Order { strategy, event });
            self.pass_requests();
        }
    }

    fn commit(&mut self, life: u32, sequence: u64) {
        if self.engine.as_ref().is_some_and(|engine| engine.life == life) {
            let durable = self.disk.base + usize::try_from(sequence).unwrap();
            if !self.hasty_journal {
                self.disk.durable = self.disk.durable.max(durable);
            }
            let newest = self.disk.records.get(durable.wrapping_sub(1));
            if newest.is_some_and(|record| matches!(record, Record::OrderIntended(_))) {
                self.die_at(&[CrashPoint::BeforeSend]);
            }
            self.step(Some(life), ExecutionInput::Persisted(Persisted { sequence }));
        }
    }

    fn wake(&mut self, life: u32) {
        let engine = self.engine.as_ref().filter(|engine| engine.life == life);
        if engine.and_then(|e| e.execution.wake_at()).is_some_and(|at| at <= self.now) {
            self.step(Some(life), ExecutionInput::Wake);
        }
    }

    fn wake_when_wanted(&mut self) {
        let Some(engine) = &self.engine else { return };
        let Some(at) = engine.execution.wake_at() else { return };
        let life = engine.life;
        let is_planned =
            self.schedule.queue.range((at, 0)..=(at, u64::MAX)).any(
                |(_, happening)| matches!(happening, Happening::Wake { life: of } if *of == life),
            );
        if !is_planned {
            assert!(at > self.now, "woken without end: EXECUTION_SEEDS={}..", self.seed);
            self.schedule.add(at, Happening::Wake { life });
        }
    }

    fn arrive(&mut self, id: u64, errand: &Errand) {
        for client_order_id in errand.action.placed() {
            let order = OrderId::from_client_order_id(&client_order_id).unwrap().1;
            if self.verdict.absent.contains(&order) {
                let what = format!("order {order} arrived after it was told to be absent");
                self.verdict.broken(Invariant::AbsentIsAbsent, what);
            }
        }
        let (session, exchange, mut weather) = self.outside();
        session.arrive(id, errand, exchange, &mut weather);
        self.check_offers();
        self.die_at(crash_points::after_arrival(&errand.action));
    }

    fn say(&mut self, life: Option<u32>, connection: Option<u32>, event: VenueEvent) {
        let is_current = connection.is_none_or(|of| self.session.connection == Some(of));
        if is_current {
            self.die_at(crash_points::before_word(&event));
            self.step(life, ExecutionInput::Venue(event));
        }
    }

    fn break_off(&mut self) {
        if let (Some(engine), Some(_)) = (&self.engine, self.session.connection) {
            self.counts.breaks += 1;
            let life = engine.life;
            let (session, _, mut weather) = self.outside();
            session.break_off(&mut weather);
            let reason = "broken".to_owned();
            self.step(Some(life), ExecutionInput::Venue(VenueEvent::Disconnected { reason }));
            self.later(3_000, Happening::Connect { life });
        }
        self.plan(self.faults.break_every, Happening::Break);
    }

    fn connect(&mut self, life: u32) {
        let is_current = self.engine.as_ref().is_some_and(|engine| engine.life == life);
        if is_current && self.session.connection.is_none() {
            self.session.connect();
            self.step(Some(life), ExecutionInput::Venue(VenueEvent::Connected));
        }
    }

    /// The process is gone, and of what it wrote, any part that was not durable.
    fn crash(&mut self) {
        let kept = self.rng.random_range(self.disk.durable..=self.disk.records.len());
        self.lose(kept);
        self.plan(self.faults.crash_every, Happening::Crash);
    }

    /// Dies at one of these places, if it is meant to.
    fn die_at(&mut self, points: &[CrashPoint]) {
        for point in points {
            if self.is_quiet || self.engine.is_none() {
                return;
            }
            let reached = self.verdict.reached.entry(*point).or_default();
            *reached += 1;
            let is_meant = self.aim.is_some_and(|(aim, nth)| {
                aim == *point && (nth..nth + point.deaths()).contains(reached)
            });
            if is_meant {
                self.lose(match point.keeps() {
                    Kept::Everything => self.disk.records.len(),
                    Kept::AllButTheLast => self.disk.records.len() - 1,
                    Kept::Durable => self.disk.durable,
                });
            }
        }
    }

    fn lose(&mut self, kept: usize) {
        if self.engine.take().is_some() {
            self.counts.crashes += 1;
            self.disk.records.truncate(kept);
            self.disk.durable = kept;
            self.session.abandon();
            self.verdict.forget_ends();
            self.later(5_000, Happening::Restart);
        }
    }

    fn restart(&mut self) {
        if self.engine.is_none() {
            self.lives += 1;
            let engine = Engine::start(self.now, self.lives, self.policy, &mut self.disk);
            self.engine = Some(engine);
            self.later(500, Happening::Connect { life: self.lives });
        }
    }

    fn step(&mut self, life: Option<u32>, input: ExecutionInput) {
        let now = self.now;
        let Some(engine) = self.engine.as_mut() else { return };
        if life.is_some_and(|life| life != engine.life) {
            return;
        }
        let mut effects = Vec::new();
        engine.execution.step(now, input, &mut effects);
        for effect in effects {
            self.carry_out(effect);
        }
        self.check_reservations();
    }

    fn carry_out(&mut self, effect: ExecutionEffect) {
        let now = self.now;
        self.die_at(crash_points::before_effect(&effect));
        let Some(engine) = self.engine.as_mut() else { return };
        match effect {
            ExecutionEffect::Persist(persist) => {
                let points = crash_points::after_write(&persist);
                self.disk.records.push(persist.record);
                let written = u64::try_from(self.disk.records.len() - self.disk.base).unwrap();
                assert_eq!(written, persist.sequence);
                let slowest = if persist.durability == Durability::Lazy { 500 } else { 5 };
                let at = now.after(up_to_ms(&mut self.rng, slowest)).max(engine.persisted_at);
                engine.persisted_at = at;
                let (life, sequence) = (engine.life, persist.sequence);
                self.schedule.add(at, Happening::Committed { life, sequence });
                self.die_at(points);
            }
            ExecutionEffect::Command(command) => self.command(command.action()),
            ExecutionEffect::Tell { strategy, event } => {
                let at = now.after(up_to_ms(&mut self.rng, 20)).max(engine.told_at);
                engine.told_at = at;
                let life = engine.life;
                self.note_told(&event);
                self.schedule.add(at, Happening::Told { life, strategy, event: *event });
            }
            ExecutionEffect::BalancesRead { balances, complete, event_at } => {
                let input =
                    RiskInput::Balances { balances: &balances, is_complete: complete, event_at };
                engine.step_risk(now, input);
            }
            ExecutionEffect::BalanceMoved { asset, delta } => {
                engine.step_risk(now, RiskInput::ExternalFlow { asset, delta });
            }
            // All is booked: the gate looks whether strategies hold more than is left.
            ExecutionEffect::BalanceDiffers(found) if found.ledger == found.account => {
                engine.step_risk(now, RiskInput::BalanceDiffers(found));
            }
            ExecutionEffect::BalanceDiffers(found) => {
                let what = format!("at {now}: {found:?}");
                self.verdict.broken(Invariant::NoNeedlessHalt, what);
            }
            ExecutionEffect::ExternalFilled { fill } => {
                engine.step_risk(now, RiskInput::ExternalFill(&fill));
            }
            ExecutionEffect::StrangersFound { instances, left_alone } => {
                let what = format!("at {now}: {instances:?}, {left_alone} left");
                self.verdict.broken(Invariant::NoNeedlessHalt, what);
            }
            ExecutionEffect::InstrumentHalted { instrument, reason } => {
                let what = format!("instrument {instrument} at {now}: {reason}");
                self.verdict.broken(Invariant::NoNeedlessHalt, what);
            }
            ExecutionEffect::Reconciled { summary: _ } => {
                engine.step_risk(now, RiskInput::ExecutionHealth { is_live: true });
            }
            ExecutionEffect::Detached { reason: _ } => {
                engine.step_risk(now, RiskInput::ExecutionHealth { is_live: false });
            }
        }
    }

    fn command(&mut self, action: &VenueAction) {
        let now = self.now;
        if let VenueAction::Submit { client_order_id, .. } = action
            && self.replaces(client_order_id)
        {
            self.die_at(&[CrashPoint::ReplaceHalfDone]);
        }
        let Some(engine) = &self.engine else { return };
        let life = engine.life;
        match action {
            VenueAction::Submit { .. }
            | VenueAction::SubmitPair(_)
            | VenueAction::CancelReplace { .. } => {
                self.counts.submits += 1;
                self.counts.pairs += u32::from(matches!(action, VenueAction::SubmitPair(_)));
                let in_place = matches!(action, VenueAction::CancelReplace { .. });
                self.counts.in_place += u32::from(in_place);
                for client_order_id in action.placed() {
                    self.signed.insert(client_order_id, now);
                    self.check_submit(client_order_id, in_place);
                }
            }
            VenueAction::Cancel { .. } => {}
            VenueAction::QueryOrder { .. }
            | VenueAction::QueryVenueOrder { .. }
            | VenueAction::ReadAccount
            | VenueAction::ReadOpenOrders
            | VenueAction::ReadTrades { .. }
            | VenueAction::ReadOrderTrades { .. } => {
                if self.session.connection.is_none() {
                    let what = format!("{action:?} at {now} while detached");
                    self.verdict.broken(Invariant::AskedWithinBounds, what);
                }
            }
        }
        if matches!(action, VenueAction::QueryVenueOrder { .. }) {
            self.counts.whose += 1;
        }
        let (session, _, mut weather) = self.outside();
        session.send(life, action, &mut weather);
    }
}
