//! Who talks to whom: every edge between actors, with its gauge and its bound.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::prelude::*;
use model::{Instruments, StrategyId};

use super::{StrategySeat, bounds};
use crate::clock::Clock;
use crate::execution::{ExecutionActor, ExecutionLinks, StartExecution};
use crate::feed::{FeedActor, FeedListeners, Interest, StartFeed, Subscriber};
use crate::lockstep::{Holding, Host};
use crate::messages::OrderPathBroken;
use crate::outbox::{Gauge, Outbox};
use crate::risk::{RiskActor, RiskLinks, StartRisk};
use crate::strategy::{StrategyActor, StrategyLinks, StrategyParts, SupervisionPolicy};
use crate::tap::Tap;
use crate::watchdog::Activity;

/// The counters of every edge.
pub(super) struct Gauges {
    pub(super) requests: Arc<Gauge>,
    pub(super) market_to_execution: Arc<Gauge>,
    pub(super) market_to_risk: Arc<Gauge>,
    pub(super) orders_to_risk: Arc<Gauge>,
    pub(super) intents: BTreeMap<StrategyId, Arc<Gauge>>,
}

impl Gauges {
    pub(super) fn new(strategies: &[StrategySeat]) -> Self {
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
pub(super) struct Seated {
    pub(super) name: String,
    pub(super) strategy: StrategyId,
    pub(super) address: Addr<StrategyActor>,
    pub(super) interest: Interest,
    pub(super) market_gauge: Arc<Gauge>,
    pub(super) order_gauge: Arc<Gauge>,
    pub(super) activity: Arc<Activity>,
}

/// The addresses that others are linked to.
pub(super) struct Addresses<'a> {
    pub(super) feed: &'a Addr<FeedActor>,
    pub(super) execution: &'a Addr<ExecutionActor>,
    pub(super) risk: &'a Addr<RiskActor>,
    pub(super) broken: &'a Recipient<OrderPathBroken>,
    /// In step with a replay, what is sent is held back here.
    pub(super) holding: Option<Holding>,
}

impl Seated {
    pub(super) fn host(&self) -> Host {
        let (strategy, interest) = (self.strategy, self.interest.clone());
        Host { strategy, address: self.address.clone(), interest, link: None }
    }
}

/// What risk wants of the market: all that is heard of any instrument, since what is held may be a
/// strategy's that does not run any more.
pub(super) fn marks(instruments: &Instruments) -> Interest {
    Interest {
        instruments: instruments.iter().map(|instrument| instrument.id).collect(),
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
    pub(super) fn seat(
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
    pub(super) fn link(
        &self,
        seated: &[Seated],
        gauges: &Gauges,
        marks: &Interest,
        venue_interest: Option<Interest>,
    ) {
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
            Some(holding) => vec![held_market(holding, marks)],
            None => self.subscribers(seated, gauges, marks, venue_interest),
        };
        let listeners = self.listeners(seated, subscribers);
        self.feed.try_send(StartFeed(listeners)).expect("the mailbox is new");
    }

    /// Who gets the market's events, in order.
    fn subscribers(
        &self,
        seated: &[Seated],
        gauges: &Gauges,
        marks: &Interest,
        venue_interest: Option<Interest>,
    ) -> Vec<Subscriber> {
        let to_execution = venue_interest.map(|interest| {
            let recipient = self.execution.clone().recipient();
            let outbox = Outbox::new(recipient, Arc::clone(&gauges.market_to_execution));
            Subscriber::new(interest, outbox, Some(self.execution.clone().recipient()))
        });
        let recipient = self.risk.clone().recipient();
        let outbox = Outbox::new(recipient, Arc::clone(&gauges.market_to_risk));
        let to_risk = Subscriber::new(marks.clone(), outbox, Some(self.risk.clone().recipient()));
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
fn held_market(holding: &Holding, marks: &Interest) -> Subscriber {
    let everything = Interest { books: true, depth: true, ..marks.clone() };
    let recipient = holding.holder.clone().recipient();
    let outbox = Outbox::new(recipient, Arc::clone(&holding.market_gauge));
    Subscriber::new(everything, outbox, None)
}
