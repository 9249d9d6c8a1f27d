//! The engine: every actor started in order, linked, watched and stopped in order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use events::log_event;
use kernel::feed::{FeedMachine, FeedProtocol};
use kernel::orders::ExecutionMachine;
use kernel::risk::{Authority, RiskMachine, TradingState};
use kernel::venue::Venue;
use model::{Asset, Instruments};

use crate::clock::Clock;
use crate::control::Controls;
use crate::execution::{ExecutionActor, ExecutionParts, ExecutionStatus, ReadExecutionStatus};
use crate::feed::{FeedActor, FeedStatus, Interest, ReadFeedStatus};
use crate::lockstep::{Holding, Host, Lockstep, Progress};
use crate::messages::{BrokenBy, DropSockets, OrderPathBroken, RefreshInstruments, StrategyOrder};
use crate::observe::Observer;
use crate::risk::{ReadRiskStatus, RiskActor, RiskParts, RiskStatus};
use crate::strategy::{ReadStrategyStatus, StrategyActor, StrategyStatus, SupervisionPolicy};
use crate::tap::{Tap, Tape};
use crate::watchdog::Activity;
use crate::wire::Wire;

mod drain;
mod links;

pub use drain::DrainOutcome;
use links::{Addresses, Gauges, Seated, marks};

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
    /// Names of the ledger's strategies by number: also of those that do not run any more.
    pub names: Arc<[String]>,
    /// How failures of strategies are met.
    pub supervision: SupervisionPolicy,
    /// Onlookers.
    pub observer: Observer,
    /// Where inputs are recorded, if they are.
    pub tape: Option<Tape>,
    /// Told when the order path is broken: must end the process.
    pub on_broken: Box<dyn Fn(&OrderPathBroken)>,
    /// Assets of which the start found something else in the account than was booked: nobody
    /// trades until a person has accepted it.
    pub unreconciled: BTreeSet<Asset>,
    /// Why the trading state is what it is, if it is not `active`.
    pub state_reason: String,
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
        match broken.by {
            // Its thread has told what the disk said.
            BrokenBy::Journal => {}
            BrokenBy::Mailbox => {
                let message = broken.reason.as_str();
                log_event!(MAILBOX_OVERFLOWED, message = %message);
            }
        }
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
                venue_tap: tap(),
            })
        });
        let risk = RiskActor::new(RiskParts {
            machine: parts.risk,
            clock: clock.clone(),
            instruments: Arc::clone(&parts.instruments),
            names: parts.names,
            observer: parts.observer,
            market_gauge: Arc::clone(&gauges.market_to_risk),
            intent_gauges: gauges.intents.clone(),
            order_gauge: Arc::clone(&gauges.orders_to_risk),
            tap: tap(),
            unreconciled: parts.unreconciled,
            state_reason: parts.state_reason,
        })
        .start();
        let marks = marks(&parts.instruments);
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
        addresses.link(&seated, &gauges, &marks, parts.venue_interest);
        let activities = seated.iter().map(|seated| Arc::clone(&seated.activity)).collect();
        let hosts = seated.iter().map(Seated::host).collect();
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
