//! An engine in step with a replay: one cascade at a time, in the order of kernel's cascade.
//!
//! Live, actors pipeline: a strategy's second intent is on its way while the first one's answer is.
//! A backtest drains each intent before the next. Here the actors, their machines and their sockets
//! are those of a live engine, but what they send each other is held back and handed on one by one,
//! each once nothing of the one before is on its way any more. The exchange sends its next line when
//! everything has come to rest, and venue time stands still in between.
//!
//! The journal must answer at once; a connection that breaks ends the run.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use kernel::messages::SubmitIntent;
use kernel::venue::Wake;
use model::{Amount, OrderEvent, StrategyId, Timestamp};

use crate::clock::Clock;
use crate::execution::{ExecutionActor, ReadExecutionStatus};
use crate::feed::{FeedActor, Interest};
use crate::messages::{AccountTold, IntentSubmitted, MarketArrived, OrderTold, TradingLink};
use crate::outbox::Gauge;
use crate::risk::RiskActor;
use crate::strategy::{ReadStrategyStatus, Stage, StrategyActor};
use crate::timer::{Sleeper, arm};
use crate::wire::{Traffic, Wire, WireShell};

/// Messages that may be held back: those of one cascade.
const HELD_BOUND: usize = 65_536;
/// Something that does not come to rest by then never will (wall time).
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to leave the network alone before looking again.
const PAUSE: Duration = Duration::from_micros(20);
/// A machine that wants to be woken so often at one instant would never let time pass.
const WAKES_AT_ONE_INSTANT: u32 = 10_000;

/// What an exchange in step is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// How things are.
    Look,
    /// Nothing more than that its clock moves on to this.
    Clock(Timestamp),
    /// The next line of the recording.
    Line,
}

/// How things are at the exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// When the next line was received; `None` before the beginning and after the end.
    pub next_at: Option<Timestamp>,
    /// Texts of ours that it has carried out, over all websockets.
    pub handled: u64,
    /// Texts that it has sent, over all websockets.
    pub sent: u64,
}

/// Why a step was not done: from whatever way there is to the exchange.
#[derive(Debug, thiserror::Error)]
#[error("the exchange: {0}")]
pub struct StepRefused(pub Box<dyn std::error::Error>);

/// The answer to a step.
pub type Stepped<'a> = Pin<Box<dyn Future<Output = Result<Progress, StepRefused>> + 'a>>;

/// The way to the exchange's control path.
pub trait Pacer {
    /// Asks for a step and waits until it is done.
    fn step(&self, step: Step) -> Stepped<'_>;
}

/// Why a run in step ended early.
#[derive(Debug, thiserror::Error)]
pub enum LockstepError {
    /// The exchange did not do what was asked of it.
    #[error(transparent)]
    Exchange(#[from] StepRefused),
    /// An actor is gone.
    #[error("{0} is gone")]
    Gone(&'static str),
    /// Something is on its way for ever.
    #[error("{0} did not come to rest in {PATIENCE:?}")]
    Restless(&'static str),
    /// A machine asks to be woken at one instant again and again.
    #[error("a timer of {0} does not end")]
    EndlessTimer(Timestamp),
}

/// What happened, in the order of the cascade.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Happened {
    /// A strategy's intent, on its way to the gate.
    Intended(SubmitIntent),
    /// Something happened to an order; denials among it.
    Order {
        /// Whose.
        strategy: StrategyId,
        /// What.
        event: OrderEvent,
        /// What a fee in a third asset was worth in the quote asset.
        fee_in_quote: Amount,
    },
}

/// What execution tells risk.
#[derive(Debug)]
enum Told {
    Order(OrderTold),
    Account(AccountTold),
    Link(TradingLink),
}

/// What is held back.
#[derive(Debug, Default)]
struct Held {
    market: VecDeque<MarketArrived>,
    told: VecDeque<Told>,
    for_hosts: VecDeque<OrderTold>,
    intents: VecDeque<IntentSubmitted>,
    happened: Vec<Happened>,
}

type Shelf = Rc<RefCell<Held>>;

/// Holds back what the feed, execution and strategies send.
pub(crate) struct Holder {
    shelf: Shelf,
    market_gauge: Arc<Gauge>,
}

/// Holds back what risk tells strategies.
pub(crate) struct HostHolder(Shelf);

impl Actor for Holder {
    type Context = Context<Self>;
    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(HELD_BOUND);
    }
}

impl Actor for HostHolder {
    type Context = Context<Self>;
    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(HELD_BOUND);
    }
}

impl Handler<MarketArrived> for Holder {
    type Result = ();
    fn handle(&mut self, arrived: MarketArrived, _: &mut Context<Self>) {
        self.market_gauge.count_handled();
        self.shelf.borrow_mut().market.push_back(arrived);
    }
}

impl Handler<IntentSubmitted> for Holder {
    type Result = ();
    fn handle(&mut self, submitted: IntentSubmitted, _: &mut Context<Self>) {
        self.shelf.borrow_mut().intents.push_back(submitted);
    }
}

impl Handler<OrderTold> for Holder {
    type Result = ();
    fn handle(&mut self, told: OrderTold, _: &mut Context<Self>) {
        self.shelf.borrow_mut().told.push_back(Told::Order(told));
    }
}

impl Handler<AccountTold> for Holder {
    type Result = ();
    fn handle(&mut self, told: AccountTold, _: &mut Context<Self>) {
        self.shelf.borrow_mut().told.push_back(Told::Account(told));
    }
}

impl Handler<TradingLink> for Holder {
    type Result = ();
    fn handle(&mut self, link: TradingLink, _: &mut Context<Self>) {
        self.shelf.borrow_mut().told.push_back(Told::Link(link));
    }
}

impl Handler<OrderTold> for HostHolder {
    type Result = ();
    fn handle(&mut self, told: OrderTold, _: &mut Context<Self>) {
        let mut held = self.0.borrow_mut();
        let OrderTold { strategy, event, fee_in_quote, .. } = told.clone();
        held.happened.push(Happened::Order { strategy, event, fee_in_quote });
        held.for_hosts.push_back(told);
    }
}

/// Everything sent before is there.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
struct Flush;

impl Handler<Flush> for Holder {
    type Result = ();
    fn handle(&mut self, _: Flush, _: &mut Context<Self>) {}
}

impl Handler<Flush> for HostHolder {
    type Result = ();
    fn handle(&mut self, _: Flush, _: &mut Context<Self>) {}
}

impl Handler<Flush> for RiskActor {
    type Result = ();
    fn handle(&mut self, _: Flush, _: &mut Context<Self>) {}
}

/// What has gone over an actor's wire, and whether it waits for the wall's clock.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Traffic")]
struct ReadTraffic;

/// The next venue time at which an actor's machine wants to be woken.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Option<Timestamp>")]
struct ReadWake;

/// Wake the machine.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
struct WakeNow;

/// By venue time; what is due by the wall's clock is woken at once.
fn venue_wake<A: Sleeper>(shell: &A) -> Option<Timestamp> {
    let of_venue = |wake: Wake| match wake {
        Wake::Venue(at) => Some(at),
        Wake::Wall(_) => None,
    };
    shell.wakes().into_iter().flatten().filter_map(of_venue).min()
}

macro_rules! sleeps {
    ($($shell:ty),*) => {$(
        impl Handler<ReadWake> for $shell {
            type Result = Option<Timestamp>;
            fn handle(&mut self, _: ReadWake, _: &mut Context<Self>) -> Option<Timestamp> {
                venue_wake(self)
            }
        }

        impl Handler<WakeNow> for $shell {
            type Result = ();
            fn handle(&mut self, _: WakeNow, context: &mut Context<Self>) {
                self.on_wake(context);
                arm(self, context);
            }
        }
    )*};
}
sleeps!(FeedActor, ExecutionActor, RiskActor, StrategyActor);

macro_rules! counts {
    ($($shell:ty),*) => {$(
        impl Handler<ReadTraffic> for $shell {
            type Result = Traffic;
            fn handle(&mut self, _: ReadTraffic, context: &mut Context<Self>) -> Traffic {
                // What waits for the wall's clock is under way as well, if its time has come.
                let wall = self.alarm().clock().wall();
                let is_due = |wake: Wake| matches!(wake, Wake::Wall(at) if at <= wall);
                let due = self.wakes().into_iter().flatten().filter(|wake| is_due(*wake)).count();
                if due > 0 {
                    self.on_wake(context);
                    arm(self, context);
                }
                let traffic = Wire::traffic(self.wire());
                Traffic { open: traffic.open + due, ..traffic }
            }
        }
    )*};
}
counts!(FeedActor, ExecutionActor);

/// A strategy's seat.
pub(crate) struct Host {
    pub strategy: StrategyId,
    pub address: Addr<StrategyActor>,
    pub interest: Interest,
    /// What it has not been told of the way to the venue.
    pub link: Option<TradingLink>,
}

/// Where the held messages go in.
#[derive(Clone)]
pub(crate) struct Holding {
    shelf: Shelf,
    pub holder: Addr<Holder>,
    pub hosts: Addr<HostHolder>,
    pub market_gauge: Arc<Gauge>,
}

impl Holding {
    pub(crate) fn start() -> Self {
        let shelf = Shelf::default();
        let market_gauge = Gauge::new("feed → lockstep", HELD_BOUND);
        let holder = Holder { shelf: Rc::clone(&shelf), market_gauge: Arc::clone(&market_gauge) };
        let hosts = HostHolder(Rc::clone(&shelf)).start();
        Self { shelf, holder: holder.start(), hosts, market_gauge }
    }
}

/// Hands on what was held back. [`Self::run`] is the loop.
pub struct Lockstep {
    pub(crate) clock: Clock,
    pub(crate) holding: Holding,
    pub(crate) feed: Addr<FeedActor>,
    pub(crate) execution: Addr<ExecutionActor>,
    pub(crate) risk: Addr<RiskActor>,
    pub(crate) marks: Interest,
    pub(crate) hosts: Vec<Host>,
    pub(crate) known: Progress,
    pub(crate) answered: u64,
}

impl Lockstep {
    /// Brings the engine up, then takes line after line until the end of the recording, or until
    /// the first line received at `until`.
    ///
    /// # Errors
    /// See [`LockstepError`].
    pub async fn run(
        &mut self,
        pacer: &dyn Pacer,
        until: Option<Timestamp>,
    ) -> Result<(), LockstepError> {
        self.begin(pacer).await?;
        while let Some(next_at) = self.known.next_at {
            if until.is_some_and(|until| next_at >= until) {
                break;
            }
            self.pass_time(pacer, next_at).await?;
            self.clock.step_to(next_at);
            self.step(pacer, Step::Line).await?;
            self.settle(pacer).await?;
            self.publish(pacer).await?;
        }
        Ok(())
    }

    /// What happened so far, in order.
    #[must_use]
    pub fn take_happened(&self) -> Vec<Happened> {
        std::mem::take(&mut self.holding.shelf.borrow_mut().happened)
    }

    /// Until orders can go out, every strategy runs, and the first line is known.
    async fn begin(&mut self, pacer: &dyn Pacer) -> Result<(), LockstepError> {
        let coming_up = async {
            loop {
                self.settle(pacer).await?;
                self.tell_hosts(pacer, None).await?;
                self.step(pacer, Step::Look).await?;
                if self.known.next_at.is_some() && self.is_up().await? {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let up = tokio::time::timeout(PATIENCE, coming_up).await;
        up.unwrap_or(Err(LockstepError::Restless("the engine's start")))
    }

    async fn is_up(&self) -> Result<bool, LockstepError> {
        let status = self.execution.send(ReadExecutionStatus).await;
        let is_live = status.map_err(|_| LockstepError::Gone("execution"))?.is_live;
        for host in &self.hosts {
            let status = host.address.send(ReadStrategyStatus).await;
            let status = status.map_err(|_| LockstepError::Gone("a strategy"))?;
            if status.stage != Stage::Running {
                return Ok(false);
            }
        }
        Ok(is_live)
    }

    async fn step(&mut self, pacer: &dyn Pacer, step: Step) -> Result<(), LockstepError> {
        self.known = pacer.step(step).await?;
        Ok(())
    }

    /// Timers that are due before the next line fire first, each at its own time; bars close as
    /// if they were events.
    async fn pass_time(&mut self, pacer: &dyn Pacer, to: Timestamp) -> Result<(), LockstepError> {
        let mut last = (Timestamp::EPOCH, 0);
        loop {
            let machines = self.machines_wake().await?;
            let feed = wake_of(&self.feed, "feed").await?;
            let Some(at) = machines.into_iter().chain(feed).min().filter(|at| *at <= to) else {
                return Ok(());
            };
            let now = self.clock.now().venue;
            if at > now {
                self.clock.step_to(at);
                self.step(pacer, Step::Clock(at)).await?;
            }
            last = if last.0 == at { (at, last.1 + 1) } else { (at, 0) };
            if last.1 > WAKES_AT_ONE_INSTANT {
                return Err(LockstepError::EndlessTimer(at));
            }
            if machines.is_some_and(|machines| machines <= at) {
                self.wake_machines(pacer).await?;
            } else {
                self.feed.send(WakeNow).await.map_err(|_| LockstepError::Gone("feed"))?;
                self.settle(pacer).await?;
                self.publish(pacer).await?;
            }
        }
    }

    async fn machines_wake(&self) -> Result<Option<Timestamp>, LockstepError> {
        let mut earliest = wake_of(&self.execution, "execution").await?;
        let mut consider = |wake: Option<Timestamp>| {
            earliest = earliest.into_iter().chain(wake).min();
        };
        consider(wake_of(&self.risk, "risk").await?);
        for host in &self.hosts {
            consider(wake_of(&host.address, "a strategy").await?);
        }
        Ok(earliest)
    }

    /// Wakes every machine that is due now, in the same order as for an event.
    async fn wake_machines(&mut self, pacer: &dyn Pacer) -> Result<(), LockstepError> {
        let now = self.clock.now().venue;
        let is_due = |wake: Option<Timestamp>| wake.is_some_and(|at| at <= now);
        if is_due(wake_of(&self.execution, "execution").await?) {
            self.execution.send(WakeNow).await.map_err(|_| LockstepError::Gone("execution"))?;
        }
        self.settle(pacer).await?;
        if is_due(wake_of(&self.risk, "risk").await?) {
            self.risk.send(WakeNow).await.map_err(|_| LockstepError::Gone("risk"))?;
            self.settle(pacer).await?;
        }
        for index in 0..self.hosts.len() {
            self.tell_orders(pacer, index).await?;
            if is_due(wake_of(&self.hosts[index].address, "a strategy").await?) {
                self.tell(pacer, index, WakeNow).await?;
                self.tell_orders(pacer, index).await?;
            }
        }
        self.tell_hosts(pacer, None).await
    }

    /// Hands on what the feed published, event by event.
    async fn publish(&mut self, pacer: &dyn Pacer) -> Result<(), LockstepError> {
        loop {
            let next = self.holding.shelf.borrow_mut().market.pop_front();
            let Some(arrived) = next else { return Ok(()) };
            if self.marks.includes(&arrived.event) {
                let told = self.risk.send(arrived.clone()).await;
                told.map_err(|_| LockstepError::Gone("risk"))?;
                self.settle(pacer).await?;
            }
            self.tell_hosts(pacer, Some(&arrived)).await?;
        }
    }

    /// The strategies' turn, in config order: what became of their orders, then the event.
    async fn tell_hosts(
        &mut self,
        pacer: &dyn Pacer,
        arrived: Option<&MarketArrived>,
    ) -> Result<(), LockstepError> {
        for index in 0..self.hosts.len() {
            if let Some(link) = self.hosts[index].link.take() {
                self.tell(pacer, index, link).await?;
            }
            self.tell_orders(pacer, index).await?;
            let host = &self.hosts[index];
            if let Some(arrived) = arrived.filter(|it| host.interest.includes(&it.event)) {
                self.tell(pacer, index, arrived.clone()).await?;
                self.tell_orders(pacer, index).await?;
            }
        }
        // A later strategy may have moved an earlier one's orders, as when a limit trips.
        loop {
            let front = self.holding.shelf.borrow().for_hosts.front().map(|told| told.strategy);
            let Some(strategy) = front else { return Ok(()) };
            let found = self.hosts.iter().position(|host| host.strategy == strategy);
            let Some(index) = found else { return Err(LockstepError::Gone("a strategy")) };
            self.tell_orders(pacer, index).await?;
        }
    }

    async fn tell_orders(&mut self, pacer: &dyn Pacer, index: usize) -> Result<(), LockstepError> {
        let strategy = self.hosts[index].strategy;
        loop {
            let next = {
                let mut held = self.holding.shelf.borrow_mut();
                let place = held.for_hosts.iter().position(|told| told.strategy == strategy);
                place.and_then(|place| held.for_hosts.remove(place))
            };
            let Some(told) = next else { return Ok(()) };
            self.tell(pacer, index, told).await?;
        }
    }

    /// Gives a strategy a message and drains its intents through risk and execution, one by one.
    async fn tell<M>(
        &mut self,
        pacer: &dyn Pacer,
        index: usize,
        message: M,
    ) -> Result<(), LockstepError>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        StrategyActor: Handler<M>,
    {
        let told = self.hosts[index].address.send(message).await;
        told.map_err(|_| LockstepError::Gone("a strategy"))?;
        self.flush().await?;
        loop {
            let next = self.holding.shelf.borrow_mut().intents.pop_front();
            let Some(submitted) = next else { return Ok(()) };
            let intent = submitted.intent.clone();
            self.holding.shelf.borrow_mut().happened.push(Happened::Intended(intent));
            let told = self.risk.send(submitted).await;
            told.map_err(|_| LockstepError::Gone("risk"))?;
            self.settle(pacer).await?;
        }
    }

    /// Lets execution, the exchange and risk finish everything that they have set each other.
    async fn settle(&mut self, pacer: &dyn Pacer) -> Result<(), LockstepError> {
        loop {
            let resting = tokio::time::timeout(PATIENCE, self.rest(pacer)).await;
            resting.unwrap_or(Err(LockstepError::Restless("the network")))?;
            let next = self.holding.shelf.borrow_mut().told.pop_front();
            let sent = match next {
                None => return Ok(()),
                Some(Told::Order(told)) => self.risk.send(told).await,
                Some(Told::Account(told)) => self.risk.send(told).await,
                Some(Told::Link(link)) => {
                    for host in &mut self.hosts {
                        host.link = Some(link.clone());
                    }
                    self.risk.send(link).await
                }
            };
            sent.map_err(|_| LockstepError::Gone("risk"))?;
        }
    }

    async fn flush(&self) -> Result<(), LockstepError> {
        let gone = |_| LockstepError::Gone("lockstep");
        self.holding.holder.send(Flush).await.map_err(gone)?;
        self.holding.hosts.send(Flush).await.map_err(gone)
    }

    /// Until nothing is on its way: every mailbox was emptied, the exchange has carried out all
    /// that was sent, and all that it sent has arrived.
    async fn rest(&mut self, pacer: &dyn Pacer) -> Result<(), LockstepError> {
        loop {
            let before = self.traffic().await?;
            // Whoever had something in his mailbox has now sent what came of it.
            let traffic = self.traffic().await?;
            if traffic != before || traffic.open > 0 {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let agrees =
                |known: &Progress| traffic.sent == known.handled && traffic.received == known.sent;
            if agrees(&self.known) && traffic.answered == self.answered {
                return Ok(());
            }
            self.step(pacer, Step::Look).await?;
            self.answered = traffic.answered;
            if !agrees(&self.known) {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn traffic(&self) -> Result<Traffic, LockstepError> {
        let feed = self.feed.send(ReadTraffic).await.map_err(|_| LockstepError::Gone("feed"))?;
        self.risk.send(Flush).await.map_err(|_| LockstepError::Gone("risk"))?;
        let execution = self.execution.send(ReadTraffic).await;
        let execution = execution.map_err(|_| LockstepError::Gone("execution"))?;
        self.flush().await?;
        Ok(feed.and(execution))
    }
}

async fn wake_of<A>(
    address: &Addr<A>,
    name: &'static str,
) -> Result<Option<Timestamp>, LockstepError>
where
    A: Handler<ReadWake> + Actor<Context = Context<A>>,
{
    address.send(ReadWake).await.map_err(|_| LockstepError::Gone(name))
}
