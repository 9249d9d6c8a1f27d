//! The engine: every actor started in order, linked, watched and stopped in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use events::log_event;
use kernel::feed::{FeedMachine, FeedProtocol};
use kernel::messages::{CancelScope, ExecutionRequest};
use kernel::orders::ExecutionMachine;
use kernel::risk::{Authority, RiskMachine, TradingState};
use kernel::venue::Venue;
use model::{Instruments, OrderStatus, StrategyId};

use crate::clock::Clock;
use crate::control::Controls;
use crate::execution::{
    CountWorking, ExecutionActor, ExecutionLinks, ExecutionParts, ExecutionStatus,
    ReadExecutionStatus, SetGate, StartExecution,
};
use crate::feed::{
    FeedActor, FeedListeners, FeedStatus, Interest, ReadFeedStatus, StartFeed, Subscriber,
};
use crate::lockstep::{Holding, Host, Lockstep, Progress};
use crate::messages::{
    DropSockets, ExecutionRequested, Hops, OrderPathBroken, RefreshInstruments, StrategyOrder,
};
use crate::observe::Observer;
use crate::outbox::{Gauge, Outbox};
use crate::risk::{ReadRiskStatus, RiskActor, RiskLinks, RiskParts, RiskStatus, StartRisk};
use crate::strategy::{
    ReadStrategyStatus, StopStrategy, StrategyActor, StrategyLinks, StrategyParts, StrategyStatus,
    SupervisionPolicy,
};
use crate::tap::{Tap, Tape};
use crate::watchdog::Activity;
use crate::wire::Wire;

/// Bounds of the mailboxes, each with what happens past it.
pub mod bounds {
    /// Market events to a strategy: quotes and books conflate from half of it on; past it the
    /// strategy is lagging and starts over.
    pub const MARKET_TO_STRATEGY: usize = 16_384;
    /// Market events to risk and to local matching: past it marks are taken from the next ones.
    pub const MARKET_TO_CORE: usize = 65_536;
    /// Intents of one strategy to risk: past it trading halts.
    pub const INTENTS: usize = 4_096;
    /// Requests from risk to execution: past it trading halts.
    pub const REQUESTS: usize = 16_384;
    /// Order events to risk, and to each strategy: past it trading halts.
    pub const ORDER_EVENTS: usize = 16_384;
}

/// One strategy, ready to be run.
pub struct StrategySeat {
    /// Its name, as its file says.
    pub name: String,
    /// Its kind, as its file says.
    pub kind: &'static str,
    /// How its machine is built.
    pub factory: kernel::strategy::StrategyFactory,
    /// What the ledger knows of it.
    pub setup: kernel::strategy::HostSetup,
    /// The snapshot that the ledger has.
    pub snapshot: Option<serde_json::Value>,
    /// Why it is quarantined, if it is.
    pub quarantine: Option<String>,
    /// What it wants of the market.
    pub interest: Interest,
}

/// Everything that an engine is made of.
pub struct EngineParts {
    /// Both clocks.
    pub clock: Clock,
    /// The run's instruments.
    pub instruments: Arc<Instruments>,
    /// Market data.
    pub feed: FeedMachine<Box<dyn FeedProtocol>>,
    /// The feed's sockets and requests.
    pub feed_wire: Wire,
    /// Orders.
    pub execution: ExecutionMachine,
    /// Where they go.
    pub venue: Box<dyn Venue>,
    /// The venue's sockets and requests.
    pub venue_wire: Wire,
    /// What a local venue matches against; nothing for a venue across the network.
    pub venue_interest: Option<Interest>,
    /// The gate.
    pub risk: RiskMachine,
    /// The strategies, in config order.
    pub strategies: Vec<StrategySeat>,
    /// How failures of strategies are met.
    pub supervision: SupervisionPolicy,
    /// Onlookers.
    pub observer: Observer,
    /// Where inputs are recorded, if they are.
    pub tape: Option<Tape>,
    /// Told when the order path is broken: must end the process.
    pub on_broken: Box<dyn Fn(&OrderPathBroken)>,
}

/// A running engine.
pub struct Engine {
    clock: Clock,
    feed: Addr<FeedActor>,
    execution: Addr<ExecutionActor>,
    risk: Addr<RiskActor>,
    strategies: Vec<(String, Addr<StrategyActor>)>,
    activities: Vec<Arc<Activity>>,
    last_resort: Addr<LastResort>,
}

/// Halts the process when an order message was lost.
struct LastResort {
    on_broken: Box<dyn Fn(&OrderPathBroken)>,
    is_ending: bool,
}

/// Every actor stops: what they can't deliver to each other any more is no failure.
#[derive(Message)]
#[rtype(result = "()")]
struct Ending;

impl Handler<Ending> for LastResort {
    type Result = ();
    fn handle(&mut self, _: Ending, _: &mut Context<Self>) {
        self.is_ending = true;
    }
}

/// Stop at once: after a drain.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct Terminate;

impl Actor for LastResort {
    type Context = Context<Self>;
}

impl Handler<OrderPathBroken> for LastResort {
    type Result = ();
    fn handle(&mut self, broken: OrderPathBroken, _: &mut Context<Self>) {
        if self.is_ending {
            return;
        }
        let message = broken.reason.as_str();
        log_event!(MAILBOX_OVERFLOWED, message = %message);
        (self.on_broken)(&broken);
    }
}

impl Engine {
    /// Starts every actor on the current arbiter: execution first, so that reconcile begins, then
    /// risk and strategies, and the feed last, when all who listen are there. `journal` is given
    /// the address that its answers go to.
    pub fn start(
        parts: EngineParts,
        journal: impl FnOnce(
            Recipient<crate::messages::JournalAnswered>,
        ) -> crate::journal::JournalQueue,
    ) -> Self {
        Self::start_with(parts, journal, None).0
    }

    /// The same in step with a replay: nothing happens between actors but what the second one
    /// hands on.
    pub fn start_in_step(
        parts: EngineParts,
        journal: impl FnOnce(
            Recipient<crate::messages::JournalAnswered>,
        ) -> crate::journal::JournalQueue,
    ) -> (Self, Lockstep) {
        let holding = Holding::start();
        let (engine, (hosts, marks)) = Self::start_with(parts, journal, Some(holding.clone()));
        let lockstep = Lockstep {
            clock: engine.clock.clone(),
            holding,
            feed: engine.feed.clone(),
            execution: engine.execution.clone(),
            risk: engine.risk.clone(),
            marks,
            hosts,
            known: Progress::default(),
            answered: 0,
        };
        (engine, lockstep)
    }

    fn start_with(
        parts: EngineParts,
        journal: impl FnOnce(
            Recipient<crate::messages::JournalAnswered>,
        ) -> crate::journal::JournalQueue,
        holding: Option<Holding>,
    ) -> (Self, (Vec<Host>, Interest)) {
        let clock = parts.clock.clone();
        let last_resort = LastResort { on_broken: parts.on_broken, is_ending: false }.start();
        let broken = last_resort.clone().recipient();
        let gauges = Gauges::new(&parts.strategies);
        let tap = || Tap::new(parts.tape.clone());
        let execution = ExecutionActor::create(|context| {
            ExecutionActor::new(ExecutionParts {
                machine: parts.execution,
                venue: parts.venue,
                wire: parts.venue_wire,
                clock: clock.clone(),
                journal: journal(context.address().recipient()),
                request_gauge: Arc::clone(&gauges.requests),
                market_gauge: Arc::clone(&gauges.market_to_execution),
                tap: tap(),
            })
        });
        let risk = RiskActor::new(RiskParts {
            machine: parts.risk,
            clock: clock.clone(),
            instruments: Arc::clone(&parts.instruments),
            names: parts
                .strategies
                .iter()
                .map(|seat| (seat.setup.strategy, seat.name.clone()))
                .collect(),
            observer: parts.observer,
            market_gauge: Arc::clone(&gauges.market_to_risk),
            intent_gauges: gauges.intents.clone(),
            order_gauge: Arc::clone(&gauges.orders_to_risk),
            tap: tap(),
        })
        .start();
        let feed =
            FeedActor::new(parts.feed, parts.feed_wire, clock.clone(), parts.instruments, tap())
                .start();
        let addresses =
            Addresses { feed: &feed, execution: &execution, risk: &risk, broken: &broken, holding };
        let seated: Vec<Seated> = parts
            .strategies
            .into_iter()
            .map(|seat| addresses.seat(seat, parts.supervision, &gauges, &clock, tap()))
            .collect();
        addresses.link(&seated, &gauges, parts.venue_interest);
        let activities = seated.iter().map(|seated| Arc::clone(&seated.activity)).collect();
        let hosts = seated.iter().map(Seated::host).collect();
        let marks = marks(&seated);
        let strategies = seated.into_iter().map(|seated| (seated.name, seated.address)).collect();
        let engine = Self { clock, feed, execution, risk, strategies, activities, last_resort };
        (engine, (hosts, marks))
    }

    /// What the watchdog watches.
    #[must_use]
    pub fn activities(&self) -> Vec<Arc<Activity>> {
        self.activities.clone()
    }

    /// Has a strategy do something, for demonstrations and tests. False if there is none of that
    /// name.
    pub fn order_strategy(&self, name: &str, order: StrategyOrder) -> bool {
        let found = self.strategies.iter().find(|(strategy, _)| strategy == name);
        found.is_some_and(|(_, address)| address.try_send(order).is_ok())
    }

    /// Drops the feed's websockets, for demonstrations and tests.
    pub fn drop_feed_sockets(&self) -> bool {
        self.feed.try_send(DropSockets).is_ok()
    }

    /// Whom an operator's commands go to.
    #[must_use]
    pub fn controls(&self) -> Controls {
        Controls { execution: self.execution.clone(), risk: self.risk.clone() }
    }

    /// Changes the trading state. A halt closes the last gate before the wire first.
    pub fn set_trading_state(&self, state: TradingState, by: Authority, reason: String) -> bool {
        self.controls().set_trading_state(state, by, reason)
    }

    /// Takes over filters and states of instruments that the venue has changed: the gate, the local
    /// venue and every strategy. False if somebody could not be told; then tell all again.
    pub fn refresh_instruments(&self, instruments: Arc<Instruments>) -> bool {
        let refresh = RefreshInstruments(instruments);
        let strategies =
            self.strategies.iter().map(|(_, strategy)| strategy.try_send(refresh.clone()));
        let told = [self.execution.try_send(refresh.clone()), self.risk.try_send(refresh.clone())];
        told.into_iter().chain(strategies).all(|sent| sent.is_ok())
    }

    /// Asks every actor how it is. `None` for one that did not answer in time.
    pub async fn status(&self, timeout: Duration) -> EngineStatus {
        let feed = self.feed.send(ReadFeedStatus).timeout(timeout);
        let execution = self.execution.send(ReadExecutionStatus).timeout(timeout);
        let risk = self.risk.send(ReadRiskStatus).timeout(timeout);
        let mut strategies = Vec::with_capacity(self.strategies.len());
        for (_, address) in &self.strategies {
            if let Ok(status) = address.send(ReadStrategyStatus).timeout(timeout).await {
                strategies.push(status);
            }
        }
        EngineStatus {
            feed: feed.await.ok(),
            execution: execution.await.ok(),
            risk: risk.await.ok(),
            strategies,
        }
    }

    /// Stops in good order: the gate is closed, strategies are stopped, entries and exits are
    /// cancelled and their cancels confirmed; protective orders stay. Returns when all is
    /// confirmed or the time is up.
    pub async fn drain(&self, reason: &str, timeout: Duration) -> DrainOutcome {
        let started_at = self.clock.wall();
        let _ = self.execution.send(SetGate { open: false }).await;
        for (_, address) in &self.strategies {
            let _ = address.send(StopStrategy).await;
        }
        self.log_feed().await;
        let scope = CancelScope::EntriesAndExits(None);
        let before = self.working(CancelScope::Everything(None)).await;
        let timeout_ms = timeout.as_millis() as u64;
        log_event!(SHUTDOWN_DRAINING, reason = %reason, open_orders = before, timeout_ms);
        let request = ExecutionRequest::CancelAll { scope };
        let _ = self.execution.send(ExecutionRequested { request, hops: Hops::default() }).await;
        let mut unconfirmed = self.working(scope).await;
        // Protective orders stay, but it must be known that they are there.
        while (unconfirmed > 0 || self.unanswered().await > 0 || self.unprotected().await > 0)
            && self.clock.wall().since(started_at) < timeout
        {
            tokio::time::sleep(DRAIN_LOOK_EVERY).await;
            unconfirmed = self.working(scope).await;
        }
        let working = self.working(CancelScope::Everything(None)).await;
        let kept = working.saturating_sub(unconfirmed);
        let took_ms = self.clock.wall().since(started_at).as_millis() as u64;
        let canceled = before.saturating_sub(working);
        let unprotected = self.unprotected().await;
        log_event!(SHUTDOWN_DRAINED, canceled, kept, unconfirmed, unprotected, took_ms);
        DrainOutcome { canceled, kept, unconfirmed, unprotected }
    }

    /// Stops every actor: feed and strategies first, execution last. After it nothing writes to
    /// the journal any more.
    pub async fn terminate(&self) {
        let _ = self.last_resort.send(Ending).await;
        let _ = self.feed.send(Terminate).await;
        for (_, address) in &self.strategies {
            let _ = address.send(Terminate).await;
        }
        let _ = self.risk.send(Terminate).await;
        let _ = self.execution.send(Terminate).await;
    }

    async fn log_feed(&self) {
        let Ok(status) = self.feed.send(ReadFeedStatus).await else { return };
        let stats = status.stats;
        log_event!(
            FEED_SUMMARY,
            frames = stats.frames,
            trades = stats.trades,
            quotes = stats.quotes,
            depth_applied = stats.depth_applied,
            bars = stats.bars,
            books_compared = stats.books_compared,
            books_agreed = stats.books_agreed,
            duplicates = stats.duplicates,
            malformed = stats.malformed,
            trades_missed = stats.trades_missed,
            books_lost = stats.books_lost,
            reconnects = stats.reconnects
        );
    }

    /// Working orders that the venue has not acknowledged.
    async fn unanswered(&self) -> usize {
        let status = self.execution.send(ReadExecutionStatus).await;
        let waits = |status: OrderStatus| match status {
            OrderStatus::Intended | OrderStatus::Submitted | OrderStatus::Unknown => true,
            OrderStatus::PendingNew
            | OrderStatus::Accepted
            | OrderStatus::PartiallyFilled
            | OrderStatus::Filled
            | OrderStatus::Canceled
            | OrderStatus::Expired
            | OrderStatus::ExpiredInMatch
            | OrderStatus::Rejected
            | OrderStatus::Absent => false,
        };
        let count = |s: ExecutionStatus| s.working.iter().filter(|order| waits(order.1)).count();
        status.map_or(0, count)
    }

    /// Positions that should rest under protective orders and do not.
    async fn unprotected(&self) -> usize {
        // Risk that is gone has ended the process already.
        self.risk.send(ReadRiskStatus).await.map_or(0, |risk| risk.uncovered.len())
    }

    /// Orders of a scope that may work at the venue.
    async fn working(&self, scope: CancelScope) -> usize {
        // An executor that is gone has ended the process already.
        self.execution.send(CountWorking { scope }).await.unwrap_or(0)
    }
}

/// How often a drain looks whether it is over.
const DRAIN_LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a drain came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DrainOutcome {
    /// Orders that ended.
    pub canceled: usize,
    /// Protective orders that were left working.
    pub kept: usize,
    /// Entries and exits that may work on: their end was not confirmed in time.
    pub unconfirmed: usize,
    /// Positions that should rest under protective orders and do not.
    pub unprotected: usize,
}

/// How everything is.
#[derive(Clone, Debug)]
pub struct EngineStatus {
    /// Market data.
    pub feed: Option<FeedStatus>,
    /// Orders.
    pub execution: Option<ExecutionStatus>,
    /// Risk and portfolio.
    pub risk: Option<RiskStatus>,
    /// Strategies, in config order.
    pub strategies: Vec<StrategyStatus>,
}

/// The counters of every edge.
struct Gauges {
    requests: Arc<Gauge>,
    market_to_execution: Arc<Gauge>,
    market_to_risk: Arc<Gauge>,
    orders_to_risk: Arc<Gauge>,
    intents: BTreeMap<StrategyId, Arc<Gauge>>,
}

impl Gauges {
    fn new(strategies: &[StrategySeat]) -> Self {
        let intents = strategies.iter().map(|seat| {
            let name = format!("{} → risk", seat.name);
            (seat.setup.strategy, Gauge::new(name, bounds::INTENTS))
        });
        Self {
            requests: Gauge::new("risk → execution", bounds::REQUESTS),
            market_to_execution: Gauge::new("feed → execution", bounds::MARKET_TO_CORE),
            market_to_risk: Gauge::new("feed → risk", bounds::MARKET_TO_CORE),
            orders_to_risk: Gauge::new("execution → risk", bounds::ORDER_EVENTS),
            intents: intents.collect(),
        }
    }
}

/// A strategy that has its actor.
struct Seated {
    name: String,
    strategy: StrategyId,
    address: Addr<StrategyActor>,
    interest: Interest,
    market_gauge: Arc<Gauge>,
    order_gauge: Arc<Gauge>,
    activity: Arc<Activity>,
}

/// The addresses that others are linked to.
struct Addresses<'a> {
    feed: &'a Addr<FeedActor>,
    execution: &'a Addr<ExecutionActor>,
    risk: &'a Addr<RiskActor>,
    broken: &'a Recipient<OrderPathBroken>,
    /// In step with a replay, what is sent is held back here.
    holding: Option<Holding>,
}

impl Seated {
    fn host(&self) -> Host {
        let (strategy, interest) = (self.strategy, self.interest.clone());
        Host { strategy, address: self.address.clone(), interest, link: None }
    }
}

/// What risk wants of the market.
fn marks(seated: &[Seated]) -> Interest {
    Interest {
        instruments: seated.iter().flat_map(|seated| seated.interest.instruments.clone()).collect(),
        trades: true,
        quotes: true,
        bars: model::Interval::all().collect(),
        ..Interest::default()
    }
}

/// Where what goes to `address` really goes: in step with a replay it is held back.
macro_rules! held_or {
    ($self:ident, $holder:ident, $address:expr) => {
        match &$self.holding {
            Some(holding) => holding.$holder.clone().recipient(),
            None => $address.clone().recipient(),
        }
    };
}

impl Addresses<'_> {
    fn seat(
        &self,
        seat: StrategySeat,
        policy: SupervisionPolicy,
        gauges: &Gauges,
        clock: &Clock,
        tap: Tap,
    ) -> Seated {
        let strategy = seat.setup.strategy;
        let intents = Arc::clone(&gauges.intents[&strategy]);
        let links = StrategyLinks {
            risk: Outbox::new(held_or!(self, holder, self.risk), intents),
            quarantine: self.risk.clone().recipient(),
            journal: self.execution.clone().recipient(),
            feed: self.feed.clone().recipient(),
            order_path_broken: self.broken.clone(),
        };
        let market = format!("feed → {}", seat.name);
        let market_gauge = Gauge::new(market, bounds::MARKET_TO_STRATEGY);
        let orders = format!("risk → {}", seat.name);
        let order_gauge = Gauge::new(orders, bounds::ORDER_EVENTS);
        let activity = Activity::new(seat.name.clone());
        let parts = StrategyParts {
            name: seat.name.clone(),
            kind: seat.kind,
            factory: seat.factory,
            setup: seat.setup,
            snapshot: seat.snapshot,
            quarantine: seat.quarantine,
            policy,
            activity: Arc::clone(&activity),
            market_gauge: Arc::clone(&market_gauge),
            order_gauge: Arc::clone(&order_gauge),
            tap,
        };
        Seated {
            name: seat.name,
            strategy,
            address: StrategyActor::new(parts, links, clock.clone()).start(),
            interest: seat.interest,
            market_gauge,
            order_gauge,
            activity,
        }
    }

    /// Gives everybody the addresses of those whom they talk to, in the order in which they may
    /// begin. A fresh mailbox takes these first messages.
    fn link(&self, seated: &[Seated], gauges: &Gauges, venue_interest: Option<Interest>) {
        let strategies = seated.iter().map(|seated| {
            let recipient = held_or!(self, hosts, seated.address);
            (seated.strategy, Outbox::new(recipient, Arc::clone(&seated.order_gauge)))
        });
        let risk = StartRisk(RiskLinks {
            execution: Outbox::new(
                self.execution.clone().recipient(),
                Arc::clone(&gauges.requests),
            ),
            gate: self.execution.clone().recipient(),
            journal: self.execution.clone().recipient(),
            strategies: strategies.collect(),
            broken: self.broken.clone(),
        });
        self.risk.try_send(risk).expect("the mailbox is new");
        let to_risk =
            Outbox::new(held_or!(self, holder, self.risk), Arc::clone(&gauges.orders_to_risk));
        let told = seated.iter().map(|seated| seated.address.clone().recipient());
        let link = match &self.holding {
            Some(holding) => vec![holding.holder.clone().recipient()],
            None => std::iter::once(self.risk.clone().recipient()).chain(told).collect(),
        };
        let execution = StartExecution(ExecutionLinks {
            risk: to_risk,
            account: held_or!(self, holder, self.risk),
            link,
            broken: self.broken.clone(),
        });
        self.execution.try_send(execution).expect("the mailbox is new");
        let subscribers = match &self.holding {
            Some(holding) => vec![held_market(holding, seated)],
            None => self.subscribers(seated, gauges, venue_interest),
        };
        let listeners = self.listeners(seated, subscribers);
        self.feed.try_send(StartFeed(listeners)).expect("the mailbox is new");
    }

    /// Who gets the market's events, in order.
    fn subscribers(
        &self,
        seated: &[Seated],
        gauges: &Gauges,
        venue_interest: Option<Interest>,
    ) -> Vec<Subscriber> {
        let to_execution = venue_interest.map(|interest| {
            let recipient = self.execution.clone().recipient();
            let outbox = Outbox::new(recipient, Arc::clone(&gauges.market_to_execution));
            Subscriber::new(interest, outbox, Some(self.execution.clone().recipient()))
        });
        let recipient = self.risk.clone().recipient();
        let outbox = Outbox::new(recipient, Arc::clone(&gauges.market_to_risk));
        let to_risk = Subscriber::new(marks(seated), outbox, Some(self.risk.clone().recipient()));
        let to_strategies = seated.iter().map(|seated| {
            let recipient = seated.address.clone().recipient();
            let outbox = Outbox::new(recipient, Arc::clone(&seated.market_gauge));
            let on_lag = Some(seated.address.clone().recipient());
            Subscriber::new(seated.interest.clone(), outbox, on_lag)
        });
        to_execution.into_iter().chain([to_risk]).chain(to_strategies).collect()
    }

    fn listeners(&self, seated: &[Seated], subscribers: Vec<Subscriber>) -> FeedListeners {
        let strategies = seated.iter().map(|seated| {
            let address = &seated.address;
            (seated.strategy, address.clone().recipient(), address.clone().recipient())
        });
        FeedListeners {
            subscribers,
            health: vec![self.risk.clone().recipient()],
            strategies: strategies.collect(),
        }
    }
}

/// In step with a replay all that anybody wants is held back in one place.
fn held_market(holding: &Holding, seated: &[Seated]) -> Subscriber {
    let everything = Interest { books: true, depth: true, ..marks(seated) };
    let recipient = holding.holder.clone().recipient();
    let outbox = Outbox::new(recipient, Arc::clone(&holding.market_gauge));
    Subscriber::new(everything, outbox, None)
}

/// The same for each of them.
macro_rules! terminates {
    ($($shell:ty),*) => {$(
        impl Handler<Terminate> for $shell {
            type Result = ();
            fn handle(&mut self, _: Terminate, context: &mut Context<Self>) {
                context.stop();
            }
        }
    )*};
}
terminates!(FeedActor, StrategyActor, RiskActor, ExecutionActor);
