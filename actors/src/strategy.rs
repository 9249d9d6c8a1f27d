//! A strategy's shell: market events, order events and timers in, intents out; and what happens
//! when the strategy fails.
//!
//! A panic or an error throws the machine away. A fresh one is built after a growing pause, gets
//! history again, and finds position and open orders as the order events left them. After too
//! many failures, or a flood of effects, it is quarantined: entries cancelled, protective orders
//! kept, until somebody releases it.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use events::log_event;
use kernel::journal::{Durability, Record};
use kernel::replay::{Digest, HostDelivered};
use kernel::strategy::{
    HostError, HostInput, HostOutput, HostSetup, StrategyFactory, StrategyHost, StrategyResult,
    Vacant, WarmUp,
};
use kernel::venue::Wake;
use model::{Amount, InstrumentId, StrategyId, Timestamp};

use crate::clock::Clock;
use crate::guard::guarded;
use crate::messages::{
    BrokenBy, FeedConnected, FetchHistory, HistoryFetched, Hops, IntentSubmitted, MarketArrived,
    OrderPathBroken, OrderTold, RefreshInstruments, Resynchronise, StrategyOrder,
    StrategyQuarantined, TradingLink, WriteRecord, report_broken,
};
use crate::outbox::{Gauge, Outbox};
use crate::tap::Tap;
use crate::timer::{Alarm, Sleeper, arm};
use crate::watchdog::Activity;

/// How failures are met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SupervisionPolicy {
    /// Pause before the first restart; doubled at each failure.
    pub restart_initial: Duration,
    /// Longest pause.
    pub restart_max: Duration,
    /// Restarts before quarantine. Forgiven after an hour without a failure.
    pub restarts_before_quarantine: u32,
    /// How often the strategy's snapshot is written down.
    pub snapshot_every: Duration,
}

/// After so long without a failure, earlier ones are forgiven.
const FORGIVEN_AFTER: Duration = Duration::from_secs(3_600);
/// A snapshot must be older than this at a failure to be trusted.
const SNAPSHOT_TRUSTED_AFTER: Duration = Duration::from_secs(10);
/// How often a history that does not reach the stream is fetched again: past it the venue itself
/// has a gap.
const HISTORY_TRIES: u32 = 5;

/// Where the strategy is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Waits for the feed's first connection.
    AwaitingFeed,
    /// Waits for the history of so many instruments.
    AwaitingHistory(usize),
    /// Warm; waits for reconcile.
    Warm,
    /// Trades.
    Running,
    /// Failed; waits for its next try.
    BackingOff,
    /// Failed for good, until released.
    Quarantined,
    /// Stopped in good order.
    Stopped,
}

impl Stage {
    /// Stable lower-case name for logs and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AwaitingFeed => "awaiting_feed",
            Self::AwaitingHistory(_) => "awaiting_history",
            Self::Warm => "warm",
            Self::Running => "running",
            Self::BackingOff => "backing_off",
            Self::Quarantined => "quarantined",
            Self::Stopped => "stopped",
        }
    }
}

/// Who a strategy talks to.
#[derive(Debug)]
pub struct StrategyLinks {
    /// The risk gate.
    pub risk: Outbox<IntentSubmitted>,
    /// The risk gate again, for a quarantine: on the way that intents go, so that it comes after
    /// every intent that was sent before.
    pub quarantine: Recipient<StrategyQuarantined>,
    /// The journal, by way of execution.
    pub journal: Recipient<WriteRecord>,
    /// The feed, for history.
    pub feed: Recipient<FetchHistory>,
    /// Called when an intent could not be delivered: trading halts.
    pub order_path_broken: Recipient<OrderPathBroken>,
}

/// What a shell is built with.
pub struct StrategyParts {
    /// Its name, as its file says.
    pub name: String,
    /// Its kind, as its file says.
    pub kind: &'static str,
    /// How its machine is built.
    pub factory: StrategyFactory,
    /// What the ledger knows of it.
    pub setup: HostSetup,
    /// The snapshot that the ledger has.
    pub snapshot: Option<serde_json::Value>,
    /// Why it is quarantined, if it is.
    pub quarantine: Option<String>,
    /// How failures are met.
    pub policy: SupervisionPolicy,
    /// Shared with the watchdog.
    pub activity: Arc<Activity>,
    /// Counters of its market mailbox.
    pub market_gauge: Arc<Gauge>,
    /// Counters of its order mailbox.
    pub order_gauge: Arc<Gauge>,
    /// Notes what is handed to the machine.
    pub tap: Tap,
}

/// The actor.
pub struct StrategyActor {
    parts: StrategyParts,
    links: StrategyLinks,
    clock: Clock,
    alarm: Alarm,
    host: StrategyHost,
    stage: Stage,
    history_tries: u32,
    is_linked: bool,
    failures: u32,
    failed_at: Timestamp,
    started_at: Timestamp,
    warmed_with: usize,
    snapshot: Option<(Timestamp, serde_json::Value)>,
    ordered: Option<StrategyOrder>,
    outputs: Vec<HostOutput>,
}

impl StrategyActor {
    /// A shell, and its machine if that can be built.
    #[must_use]
    pub fn new(mut parts: StrategyParts, links: StrategyLinks, clock: Clock) -> Self {
        let alarm = Alarm::new(clock.clone());
        let now = clock.wall();
        let host = StrategyHost::new(Box::new(Vacant), parts.setup.clone());
        let stage =
            if parts.quarantine.is_some() { Stage::Quarantined } else { Stage::AwaitingFeed };
        // What the last process wrote down was written well before this one.
        let snapshot = parts.snapshot.take().map(|state| (Timestamp::EPOCH, state));
        Self {
            parts,
            links,
            clock,
            alarm,
            host,
            stage,
            history_tries: 0,
            is_linked: false,
            failures: 0,
            failed_at: now,
            started_at: now,
            warmed_with: 0,
            snapshot,
            ordered: None,
            outputs: Vec::new(),
        }
    }

    /// Builds the machine and asks for its history.
    fn build(&mut self, context: &mut Context<Self>) {
        let built = guarded(|| (self.parts.factory)(self.host.instruments()));
        let machine = match built {
            Ok(Ok(machine)) => machine,
            Ok(Err(error)) => return self.fail("build", &error.to_string(), context),
            Err(panic) => return self.fail("build", &panic, context),
        };
        let vacant = StrategyHost::new(Box::new(Vacant), self.parts.setup.clone());
        let setup = std::mem::replace(&mut self.host, vacant).into_setup();
        self.host = StrategyHost::new(machine, setup);
        let restored = self.restore_snapshot();
        self.note_seat(
            HostDelivered::Built(restored.as_ref().map(|(state, _)| state.clone())),
            &restored.map(|(_, result)| result),
        );
        self.started_at = self.clock.wall();
        self.warmed_with = 0;
        self.history_tries = 0;
        if self.host.requirements().warm_up == WarmUp::None {
            self.stage = Stage::AwaitingHistory(0);
            return self.on_warm(context);
        }
        self.fetch_history(context);
    }

    fn fetch_history(&mut self, context: &mut Context<Self>) {
        let what = self.host.requirements().warm_up;
        let traded = self.parts.setup.traded.clone();
        self.history_tries += 1;
        self.stage = Stage::AwaitingHistory(traded.len());
        for instrument in traded {
            let fetch = FetchHistory { strategy: self.parts.setup.strategy, instrument, what };
            if self.links.feed.try_send(fetch).is_err() {
                return self.fail("warm_up", "the feed takes no requests", context);
            }
        }
    }

    /// A snapshot is used once, and only one that was written well before a failure.
    fn restore_snapshot(&mut self) -> Option<(serde_json::Value, StrategyResult)> {
        let trusted_before = self.failed_at.before(SNAPSHOT_TRUSTED_AFTER);
        let (at, state) = self.snapshot.take()?;
        if self.failures > 0 && at > trusted_before {
            return None;
        }
        let result = self.host.restore(state.clone());
        if let Err(error) = &result {
            let text = format!("snapshot not used: {error}");
            log_event!(STRATEGY_NOTED, strategy = %self.parts.name, text = %text);
        }
        Some((state, result))
    }

    fn note_seat(&mut self, became: HostDelivered, effects: &impl std::fmt::Debug) {
        let (now, strategy) = (self.clock.now(), self.parts.setup.strategy);
        self.parts.tap.note_seat(now, strategy, became, || Digest::of(effects));
    }

    /// Runs one step of the machine, guarded, and passes on what comes of it.
    fn step(&mut self, input: HostInput, hops: Hops, context: &mut Context<Self>) {
        let handling = input.name();
        let now = self.clock.now();
        let ordered = self.ordered.take();
        let noted = self.parts.tap.of_host(&input, ordered.is_some());
        self.parts.activity.enter(now.wall.as_nanos());
        let (host, outputs) = (&mut self.host, &mut self.outputs);
        let result: Result<Result<(), HostError>, String> = guarded(|| {
            obey(ordered);
            host.step(now.venue, input, outputs)
        });
        self.parts.activity.leave();
        self.parts.tap.note_host(now, &self.host, noted, &result, &self.outputs);
        match result {
            Ok(Ok(())) => self.pass_on(hops),
            Ok(Err(HostError::Flooded { limit })) => self.flood(limit),
            Ok(Err(error @ (HostError::Strategy(_) | HostError::Fill(_)))) => {
                self.fail(handling, &error.to_string(), context);
            }
            Err(panic) => self.fail(handling, &panic, context),
        }
    }

    fn pass_on(&mut self, hops: Hops) {
        let decided_at = if self.outputs.is_empty() { hops.decided_at } else { self.clock.wall() };
        let hops = Hops { decided_at, ..hops };
        let outputs = std::mem::take(&mut self.outputs);
        for output in outputs {
            match output {
                HostOutput::Note(text) => {
                    log_event!(STRATEGY_NOTED, strategy = %self.parts.name, text = %text);
                }
                HostOutput::Intent(intent) => {
                    if let Err(refused) = self.links.risk.send(IntentSubmitted { intent, hops }) {
                        let reason = format!("{} → risk: {refused}", self.parts.name);
                        report_broken(&self.links.order_path_broken, BrokenBy::Mailbox, reason);
                    }
                }
            }
        }
    }

    fn flood(&mut self, limit: usize) {
        // The host stops counting at the first one too many.
        log_event!(STRATEGY_FLOODED, strategy = %self.parts.name, effects = limit + 1, limit);
        self.outputs.clear();
        self.throw_away();
        self.quarantine(&format!("more than {limit} effects in one step"));
    }

    fn throw_away(&mut self) {
        let vacant = StrategyHost::new(Box::new(Vacant), self.parts.setup.clone());
        let setup = std::mem::replace(&mut self.host, vacant).into_setup();
        self.host = StrategyHost::new(Box::new(Vacant), setup);
        self.note_seat(HostDelivered::ThrownAway, &());
    }

    fn fail(&mut self, handling: &str, message: &str, context: &mut Context<Self>) {
        log_event!(
            STRATEGY_PANICKED,
            strategy = %self.parts.name,
            message = %message,
            handling = %handling
        );
        self.outputs.clear();
        self.throw_away();
        let now = self.clock.wall();
        if now.since(self.failed_at) > FORGIVEN_AFTER {
            self.failures = 0;
        }
        self.failed_at = now;
        self.failures += 1;
        if self.failures > self.parts.policy.restarts_before_quarantine {
            return self.quarantine(&format!("failed {} times: {message}", self.failures));
        }
        self.stage = Stage::BackingOff;
        let doubled = self.parts.policy.restart_initial * 2_u32.pow((self.failures - 1).min(16));
        let pause = doubled.min(self.parts.policy.restart_max);
        let (attempt, delay_ms) = (self.failures, pause.as_millis() as u64);
        log_event!(STRATEGY_RESTARTED, strategy = %self.parts.name, attempt, delay_ms);
        context.run_later(pause, |shell, context| {
            if shell.stage == Stage::BackingOff {
                shell.build(context);
            }
        });
    }

    /// Entries are cancelled, protective orders and exits left alone; the others trade on. Told
    /// again at every start, until somebody releases it.
    fn quarantine(&mut self, reason: &str) {
        self.stage = Stage::Quarantined;
        let (strategy, restarts) = (self.parts.setup.strategy, self.failures);
        log_event!(
            STRATEGY_QUARANTINED,
            strategy = %self.parts.name,
            reason = %reason,
            restarts
        );
        let record = Record::QuarantineChanged {
            strategy,
            quarantined: true,
            reason: reason.to_owned(),
            at: self.clock.now().venue,
        };
        let write = WriteRecord { record, durability: Durability::Synced };
        let name = self.parts.name.clone();
        let told = StrategyQuarantined { strategy, name, reason: reason.to_owned() };
        let sent = self.links.journal.try_send(write).is_ok()
            && self.links.quarantine.try_send(told).is_ok();
        if !sent {
            let reason = format!("{} → risk: quarantine not delivered", self.parts.name);
            report_broken(&self.links.order_path_broken, BrokenBy::Mailbox, reason);
        }
    }

    fn on_warm(&mut self, context: &mut Context<Self>) {
        let took_ms = self.clock.wall().since(self.started_at).as_millis() as u64;
        let events = self.warmed_with;
        log_event!(STRATEGY_WARMED, strategy = %self.parts.name, events, took_ms);
        self.stage = Stage::Warm;
        self.start_if_linked(context);
    }

    fn start_if_linked(&mut self, context: &mut Context<Self>) {
        if self.stage != Stage::Warm || !self.is_linked {
            return;
        }
        self.stage = Stage::Running;
        log_event!(
            STRATEGY_STARTED,
            strategy = %self.parts.name,
            kind = self.parts.kind,
            symbols = self.parts.setup.traded.len(),
            capital = %self.parts.setup.capital
        );
        self.step(HostInput::Start, Hops::default(), context);
    }

    fn write_snapshot(&mut self) {
        if self.stage != Stage::Running {
            return;
        }
        let Ok(Some(state)) = guarded(|| self.host.snapshot()) else { return };
        let now = self.clock.now();
        self.snapshot = Some((now.wall, state.clone()));
        let strategy = self.parts.setup.strategy;
        let record = Record::StrategySnapshot { strategy, state, at: now.venue };
        // A snapshot that can't be written now is written next time.
        let _ = self.links.journal.try_send(WriteRecord { record, durability: Durability::Lazy });
    }
}

/// Does what an operator or a test ordered, inside the guard.
fn obey(ordered: Option<StrategyOrder>) {
    match ordered {
        None => {}
        Some(StrategyOrder::Panic) => panic!("ordered to panic"),
        Some(StrategyOrder::Spin) => loop {
            std::hint::spin_loop();
        },
    }
}

impl Actor for StrategyActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        let capacity = self.parts.market_gauge.bound() + self.parts.order_gauge.bound() + 64;
        context.set_mailbox_capacity(capacity);
        context.run_interval(self.parts.policy.snapshot_every, |shell, _| shell.write_snapshot());
        if let Some(reason) = self.parts.quarantine.take() {
            self.quarantine(&reason);
        }
    }
}

impl Handler<FeedConnected> for StrategyActor {
    type Result = ();
    fn handle(&mut self, _: FeedConnected, context: &mut Context<Self>) {
        if self.stage == Stage::AwaitingFeed {
            self.build(context);
        }
    }
}

impl Handler<HistoryFetched> for StrategyActor {
    type Result = ();
    fn handle(&mut self, history: HistoryFetched, context: &mut Context<Self>) {
        let Stage::AwaitingHistory(missing) = self.stage else { return };
        self.warmed_with += history.events.len();
        for event in history.events {
            self.step(HostInput::WarmUp(event), Hops::default(), context);
            if !matches!(self.stage, Stage::AwaitingHistory(_)) {
                return;
            }
        }
        self.stage = Stage::AwaitingHistory(missing.saturating_sub(1));
        if missing > 1 {
            return;
        }
        if let Some(gap) = self.host.history_gap() {
            let text = format!("history fetched again: {gap}");
            log_event!(STRATEGY_NOTED, strategy = %self.parts.name, text = %text);
            if self.history_tries < HISTORY_TRIES {
                return self.fetch_history(context);
            }
        }
        self.step(HostInput::HistoryComplete, Hops::default(), context);
        if matches!(self.stage, Stage::AwaitingHistory(_)) {
            self.on_warm(context);
        }
    }
}

impl Handler<MarketArrived> for StrategyActor {
    type Result = ();
    fn handle(&mut self, arrived: MarketArrived, context: &mut Context<Self>) {
        self.parts.market_gauge.count_handled();
        match self.stage {
            // While history is awaited the host holds the event back.
            Stage::Running | Stage::AwaitingHistory(_) | Stage::Warm => {
                let MarketArrived { sequence, correlation, event, hops } = arrived;
                self.step(HostInput::Market { sequence, event, correlation }, hops, context);
                arm(self, context);
            }
            Stage::AwaitingFeed | Stage::BackingOff | Stage::Quarantined | Stage::Stopped => {}
        }
    }
}

impl Handler<OrderTold> for StrategyActor {
    type Result = ();
    fn handle(&mut self, told: OrderTold, context: &mut Context<Self>) {
        self.parts.order_gauge.count_handled();
        let input = HostInput::Order { event: told.event, fee_in_quote: told.fee_in_quote };
        self.step(input, told.hops, context);
        arm(self, context);
    }
}

impl Handler<TradingLink> for StrategyActor {
    type Result = ();
    fn handle(&mut self, link: TradingLink, context: &mut Context<Self>) {
        self.is_linked = matches!(link, TradingLink::Reconciled { .. });
        match (self.stage, self.is_linked) {
            (Stage::Warm, true) => self.start_if_linked(context),
            (Stage::Running, true) => self.step(HostInput::Resume, Hops::default(), context),
            (Stage::Running, false) => self.step(HostInput::Pause, Hops::default(), context),
            (
                Stage::AwaitingFeed
                | Stage::AwaitingHistory(_)
                | Stage::Warm
                | Stage::BackingOff
                | Stage::Quarantined
                | Stage::Stopped,
                _,
            ) => {}
        }
    }
}

impl Handler<RefreshInstruments> for StrategyActor {
    type Result = ();
    fn handle(&mut self, refresh: RefreshInstruments, context: &mut Context<Self>) {
        self.step(HostInput::InstrumentsRefreshed(refresh.0), Hops::default(), context);
    }
}

impl Handler<Resynchronise> for StrategyActor {
    type Result = ();
    fn handle(&mut self, _: Resynchronise, context: &mut Context<Self>) {
        if self.stage == Stage::Running {
            self.throw_away();
            self.build(context);
        }
    }
}

impl Handler<StrategyOrder> for StrategyActor {
    type Result = ();
    fn handle(&mut self, ordered: StrategyOrder, _: &mut Context<Self>) {
        self.ordered = Some(ordered);
    }
}

/// Stop in good order.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct StopStrategy;

impl Handler<StopStrategy> for StrategyActor {
    type Result = ();
    fn handle(&mut self, _: StopStrategy, context: &mut Context<Self>) {
        if self.stage == Stage::Running {
            self.write_snapshot();
            self.step(HostInput::Stop, Hops::default(), context);
        }
        self.stage = Stage::Stopped;
        log_event!(STRATEGY_STOPPED, strategy = %self.parts.name, reason = "shutdown");
    }
}

impl Sleeper for StrategyActor {
    fn alarm(&mut self) -> &mut Alarm {
        &mut self.alarm
    }

    fn wakes(&self) -> [Option<Wake>; 2] {
        [self.host.wake_at().map(Wake::Venue), None]
    }

    fn on_wake(&mut self, context: &mut Context<Self>) {
        if self.stage == Stage::Running {
            self.step(HostInput::Wake, Hops::default(), context);
        }
    }
}

/// Asks a strategy how it is.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "StrategyStatus")]
pub struct ReadStrategyStatus;

/// How a strategy is.
#[derive(Clone, Debug, MessageResponse)]
pub struct StrategyStatus {
    /// Its number.
    pub strategy: StrategyId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Where it is in its life.
    pub stage: Stage,
    /// Failures that are not forgiven yet.
    pub failures: u32,
    /// Its capital.
    pub capital: Amount,
    /// Its position in each instrument it trades.
    pub positions: Vec<(InstrumentId, kernel::portfolio::Position)>,
    /// Orders that are not final.
    pub open_orders: usize,
    /// Its mailboxes.
    pub gauges: Vec<Arc<Gauge>>,
}

impl Handler<ReadStrategyStatus> for StrategyActor {
    type Result = StrategyStatus;
    fn handle(&mut self, _: ReadStrategyStatus, _: &mut Context<Self>) -> StrategyStatus {
        let traded = self.parts.setup.traded.iter();
        StrategyStatus {
            strategy: self.parts.setup.strategy,
            name: self.parts.name.clone(),
            kind: self.parts.kind,
            stage: self.stage,
            failures: self.failures,
            capital: self.parts.setup.capital,
            positions: traded.map(|id| (*id, self.host.position(*id))).collect(),
            open_orders: self.host.open_orders().count(),
            gauges: vec![Arc::clone(&self.parts.order_gauge), Arc::clone(self.links.risk.gauge())],
        }
    }
}
