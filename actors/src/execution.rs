//! Execution's shell: approved requests in, the journal asked, the venue driven, order events out
//! to risk first.

use std::collections::VecDeque;
use std::sync::Arc;

use actix::prelude::*;
use events::log_event;
use kernel::journal::{Persist, Persisted, Record};
use kernel::messages::CancelScope;
use kernel::orders::{ExecutionEffect, ExecutionInput, ExecutionMachine, ReconcileSummary};
use kernel::replay::VenueGiven;
use kernel::venue::{Venue, VenueAction, VenueEffect, VenueEvent, VenueInput, Wake};
use kernel::wire::WireInput;
use model::{
    Amount, ClientOrderId, InstanceId, OrderEvent, OrderEventKind, OrderId, OrderStatus,
    StrategyId, Timestamp,
};

use crate::clock::Clock;
use crate::journal::JournalQueue;
use crate::latency::Histogram;
use crate::messages::{
    AccountTold, BrokenBy, ExecutionRequested, Hops, JournalAnswered, MarketArrived,
    OrderPathBroken, OrderTold, RefreshInstruments, Resynchronise, SetTrading, TradingLink,
    WriteRecord, report_broken,
};
use crate::observe::Alert;
use crate::outbox::{Gauge, Outbox};
use crate::seldom::Seldom;
use crate::standing::Standing;
use crate::tap::Tap;
use crate::timer::{Alarm, Sleeper, arm};
use crate::wire::{Arrival, Wire, WireShell, on_arrival, perform};

/// Who execution talks to.
#[derive(Debug)]
pub struct ExecutionLinks {
    /// Order events, to risk first.
    pub risk: Outbox<OrderTold>,
    /// Balances and the like, to risk.
    pub account: Recipient<AccountTold>,
    /// Told when orders can go out and when not.
    pub link: Vec<Recipient<TradingLink>>,
    /// Told when something could not be delivered or written.
    pub broken: Recipient<OrderPathBroken>,
}

/// Times of the hops from tick to order, for the monitor and the benchmark.
#[derive(Clone, Debug, Default)]
pub struct HopTimes {
    /// Frame to decision.
    pub decide: Histogram,
    /// Decision to approval.
    pub approve: Histogram,
    /// Approval to the journal's queue.
    pub intend: Histogram,
    /// Journal's queue to its answer.
    pub persist: Histogram,
    /// Its answer to the bytes handed over.
    pub send: Histogram,
    /// All of it, for orders caused by a frame.
    pub tick_to_order: Histogram,
}

impl HopTimes {
    fn record(&mut self, hops: Hops) {
        if hops.received_at.as_nanos() == 0 {
            // Caused by a timer or an order event: no tick to count from.
            return;
        }
        self.decide.record(hops.decided_at.since(hops.received_at));
        self.approve.record(hops.approved_at.since(hops.decided_at));
        self.intend.record(hops.intended_at.since(hops.approved_at));
        self.persist.record(hops.durable_at.since(hops.intended_at));
        self.send.record(hops.sent_at.since(hops.durable_at));
        self.tick_to_order.record(hops.sent_at.since(hops.received_at));
    }
}

/// The chain of an order that has not been sent yet.
#[derive(Clone, Copy, Debug)]
struct Chain {
    order: OrderId,
    client_order_id: ClientOrderId,
    /// Of its intent in the journal.
    sequence: u64,
    hops: Hops,
}

/// The actor.
pub struct ExecutionActor {
    machine: ExecutionMachine,
    venue: Box<dyn Venue>,
    wire: Wire,
    clock: Clock,
    alarm: Alarm,
    journal: JournalQueue,
    links: Option<ExecutionLinks>,
    request_gauge: Arc<Gauge>,
    market_gauge: Arc<Gauge>,
    /// What the machine still has to take in this turn. Everything that follows from one input
    /// is done before the next is taken.
    inputs: VecDeque<ExecutionInput>,
    /// What is known at once of what the venue sent.
    answers: VecDeque<WireInput<'static>>,
    effects: Vec<ExecutionEffect>,
    venue_effects: Vec<VenueEffect>,
    /// The chain of the request that is being handled.
    requested: Option<Hops>,
    /// Few at any time.
    chains: Vec<Chain>,
    /// When this turn's input came.
    turn_at: Timestamp,
    reconcile_began_at: Timestamp,
    times: HopTimes,
    /// Orders in a state that nobody here knows: they are asked about again and again.
    unclear: Seldom,
    standing: Standing,
    tap: Tap,
    venue_tap: Tap,
}

/// What an execution shell is built with.
pub struct ExecutionParts {
    /// The machine, restored from the ledger.
    pub machine: ExecutionMachine,
    /// The venue.
    pub venue: Box<dyn Venue>,
    /// The venue's sockets and requests.
    pub wire: Wire,
    /// The clock.
    pub clock: Clock,
    /// The journal.
    pub journal: JournalQueue,
    /// Counters of its order mailbox.
    pub request_gauge: Arc<Gauge>,
    /// Counters of its market mailbox.
    pub market_gauge: Arc<Gauge>,
    /// Notes what is handed to the machine.
    pub tap: Tap,
    /// Notes what is handed to the venue.
    pub venue_tap: Tap,
}

impl ExecutionActor {
    /// A shell around its machine.
    #[must_use]
    pub fn new(parts: ExecutionParts) -> Self {
        let alarm = Alarm::new(parts.clock.clone());
        Self {
            machine: parts.machine,
            venue: parts.venue,
            wire: parts.wire,
            clock: parts.clock,
            alarm,
            journal: parts.journal,
            links: None,
            request_gauge: parts.request_gauge,
            market_gauge: parts.market_gauge,
            inputs: VecDeque::new(),
            answers: VecDeque::new(),
            effects: Vec::new(),
            venue_effects: Vec::new(),
            requested: None,
            chains: Vec::new(),
            turn_at: Timestamp::EPOCH,
            reconcile_began_at: Timestamp::EPOCH,
            times: HopTimes::default(),
            unclear: Seldom::default(),
            standing: Standing::default(),
            tap: parts.tap,
            venue_tap: parts.venue_tap,
        }
    }

    /// Takes an input of the machine, and does all that follows.
    fn take(&mut self, input: ExecutionInput, context: &mut Context<Self>) {
        self.turn_at = self.clock.wall();
        self.inputs.push_back(input);
        self.work_off(context);
    }

    /// Takes an input of the venue, and does all that follows.
    fn take_at_venue<'a>(&mut self, given: impl Into<VenueGiven<'a>>, context: &mut Context<Self>) {
        self.turn_at = self.clock.wall();
        self.step_venue(given.into(), context);
        self.work_off(context);
    }

    fn work_off(&mut self, context: &mut Context<Self>) {
        while let Some(input) = self.inputs.pop_front() {
            self.step_machine(input, context);
        }
        arm(self, context);
    }

    fn step_venue(&mut self, given: VenueGiven<'_>, context: &mut Context<Self>) {
        let now = self.clock.now();
        let mut effects = std::mem::take(&mut self.venue_effects);
        self.venue_tap.step(&mut self.venue, now, given, &mut effects);
        for effect in effects.drain(..) {
            match effect {
                VenueEffect::Wire(effect) => {
                    let answer = perform(self, effect, context);
                    self.answers.extend(answer);
                }
                VenueEffect::Event(event) => {
                    if let VenueEvent::Sent { client_order_id, .. } = &event {
                        self.measure_sent(*client_order_id);
                    }
                    self.note_venue_event(&event);
                    self.inputs.push_back(ExecutionInput::Venue(event));
                }
            }
        }
        self.venue_effects = effects;
        while let Some(answer) = self.answers.pop_front() {
            self.step_venue(VenueInput::Wire(answer).into(), context);
        }
    }

    fn step_machine(&mut self, input: ExecutionInput, context: &mut Context<Self>) {
        let now = self.clock.now();
        let mut effects = std::mem::take(&mut self.effects);
        self.tap.step(&mut self.machine, now, input, &mut effects);
        for effect in effects.drain(..) {
            self.carry_out(effect, context);
        }
        self.effects = effects;
    }

    fn carry_out(&mut self, effect: ExecutionEffect, context: &mut Context<Self>) {
        match effect {
            ExecutionEffect::Persist(persist) => self.persist(persist),
            ExecutionEffect::Command(command) => {
                // The look of every minute begins with the account.
                if *command.action() == VenueAction::ReadAccount && self.machine.is_live() {
                    self.note_reconcile("interval");
                }
                // At once: the order's bytes wait for none of the effects that follow.
                self.step_venue(VenueInput::Command(command).into(), context);
            }
            ExecutionEffect::Tell { strategy, event } => self.tell(strategy, *event),
            ExecutionEffect::BalancesRead { balances, complete, event_at } => {
                self.tell_account(AccountTold::BalancesRead { balances, complete, event_at });
            }
            ExecutionEffect::BalanceMoved { asset, delta } => {
                self.tell_account(AccountTold::BalanceMoved { asset, delta });
            }
            ExecutionEffect::BalanceDiffers(found) => {
                self.tell_account(AccountTold::BalanceDiffers(found));
            }
            ExecutionEffect::ExternalFilled { fill } => {
                self.tell_account(AccountTold::ExternalFilled { fill });
            }
            ExecutionEffect::StrangersFound { instances, left_alone } => {
                let reason = strangers_in_words(&instances, left_alone);
                log_event!(RECONCILE_STRANGERS, reason = %reason);
                self.tell_account(AccountTold::StrangersFound { reason });
            }
            ExecutionEffect::InstrumentHalted { instrument, reason } => {
                self.tell_account(AccountTold::InstrumentHalted { instrument, reason });
            }
            ExecutionEffect::Reconciled { summary } => {
                self.log_reconciled(summary);
                let alert = self.standing.reconciled(self.clock.now());
                self.alert(alert);
                self.tell_link(&TradingLink::Reconciled { summary });
            }
            ExecutionEffect::Detached { reason } => {
                self.tell_link(&TradingLink::Detached { reason });
            }
        }
    }

    fn persist(&mut self, persist: Persist) {
        if let Record::OrderIntended(intent) = &persist.record
            && let Some(hops) = self.requested.take()
        {
            let hops = Hops { intended_at: self.clock.wall(), ..hops };
            let (order, client_order_id) = (intent.order, intent.client_order_id);
            self.chains.push(Chain { order, client_order_id, sequence: persist.sequence, hops });
        }
        match self.journal.write(persist) {
            Ok(Some(persisted)) => self.persisted(persisted),
            Ok(None) => {}
            Err(refused) => {
                let reason = format!("execution → journal: {refused}");
                self.report_broken_by(BrokenBy::Journal, reason);
            }
        }
    }

    /// Everything up to a sequence is durable: the machine hears it in this turn.
    fn persisted(&mut self, persisted: Persisted) {
        let wall = self.clock.wall();
        let is_durable = |chain: &&mut Chain| {
            chain.sequence <= persisted.sequence && chain.hops.durable_at == Timestamp::EPOCH
        };
        for chain in self.chains.iter_mut().filter(is_durable) {
            chain.hops.durable_at = wall;
        }
        self.inputs.push_back(ExecutionInput::Persisted(persisted));
    }

    fn tell(&mut self, strategy: StrategyId, event: OrderEvent) {
        // Whatever else is told of an order, it was sent before or never will be.
        if !matches!(event.kind, OrderEventKind::Submitted { .. }) {
            self.chains.retain(|chain| chain.order != event.order);
        }
        let hops = Hops { received_at: self.turn_at, ..Hops::default() };
        let told = OrderTold { strategy, event, fee_in_quote: Amount::ZERO, hops };
        if let Err(refused) = self.links().risk.send(told) {
            self.report_broken(format!("execution → risk: {refused}"));
        }
    }

    fn measure_sent(&mut self, client_order_id: ClientOrderId) {
        let sent_at = self.clock.wall();
        let found = self.chains.iter().position(|chain| chain.client_order_id == client_order_id);
        if let Some(index) = found {
            let hops = self.chains.swap_remove(index).hops;
            self.times.record(Hops { sent_at, ..hops });
        }
    }

    fn note_venue_event(&mut self, event: &VenueEvent) {
        match event {
            VenueEvent::Connected => {
                self.standing.connected();
                log_event!(TRADING_CONNECTED);
                self.note_reconcile("connected");
            }
            VenueEvent::Disconnected { reason } => {
                log_event!(TRADING_DISCONNECTED, reason = %reason);
            }
            VenueEvent::ReadFailed { reason, .. } => {
                self.standing.read_failed(reason);
                log_event!(TRADING_READ_FAILED, reason = %reason);
            }
            VenueEvent::Impeded(impediment) => {
                let alert = self.standing.impeded(self.clock.now(), impediment);
                self.alert(alert);
            }
            VenueEvent::OrderChanged(order) | VenueEvent::OrderFound(order)
                if order.status == OrderStatus::Unknown =>
            {
                let order_id = order.client_order_id;
                if self.unclear.is_due(order_id, self.clock.now().wall) {
                    log_event!(ORDER_STATE_UNKNOWN, order_id = %order_id, reason = %order.reason);
                }
            }
            VenueEvent::Sent { .. }
            | VenueEvent::NotSent { .. }
            | VenueEvent::SubmitUnknown { .. }
            | VenueEvent::SubmitRejected { .. }
            | VenueEvent::CancelRejected { .. }
            | VenueEvent::CancelUnknown { .. }
            | VenueEvent::OrderChanged(_)
            | VenueEvent::Filled { .. }
            | VenueEvent::OrderFound(_)
            | VenueEvent::OrderNotFound { .. }
            | VenueEvent::BalancesChanged { .. }
            | VenueEvent::BalanceMoved { .. }
            | VenueEvent::AccountRead { .. }
            | VenueEvent::OpenOrdersRead { .. }
            | VenueEvent::TradesRead { .. }
            | VenueEvent::OrderTradesRead { .. } => {}
        }
    }

    fn note_reconcile(&mut self, trigger: &'static str) {
        self.reconcile_began_at = self.clock.wall();
        log_event!(RECONCILE_STARTED, trigger = trigger);
    }

    fn log_reconciled(&self, summary: ReconcileSummary) {
        log_event!(
            RECONCILE_FINISHED,
            orders = summary.orders_queried,
            fills_adopted = summary.fills_adopted,
            strays_cancelled = summary.strays_cancelled,
            strays_left = summary.strays_left,
            foreign_orders = summary.foreign_orders,
            other_instances = summary.other_instances,
            took_ms = self.clock.wall().since(self.reconcile_began_at).as_millis() as u64
        );
    }

    fn links(&self) -> &ExecutionLinks {
        self.links.as_ref().expect("linked before the first input")
    }

    fn alert(&self, alert: Option<Alert>) {
        if let Some(alert) = alert {
            self.tell_account(AccountTold::Alerted(alert));
        }
    }

    fn tell_account(&self, told: AccountTold) {
        if self.links().account.try_send(told).is_err() {
            self.report_broken("execution → risk: account news refused".to_owned());
        }
    }

    fn tell_link(&self, link: &TradingLink) {
        for recipient in &self.links().link {
            if recipient.try_send(link.clone()).is_err() {
                self.report_broken("execution → strategy: link news refused".to_owned());
            }
        }
    }

    fn report_broken(&self, reason: String) {
        self.report_broken_by(BrokenBy::Mailbox, reason);
    }

    fn report_broken_by(&self, by: BrokenBy, reason: String) {
        report_broken(&self.links().broken, by, reason);
    }
}

/// Orders of this product that are none of this ledger's, for a person.
fn strangers_in_words(instances: &[InstanceId], left_alone: u32) -> String {
    let mut parts = Vec::new();
    if !instances.is_empty() {
        let names: Vec<String> = instances.iter().map(ToString::to_string).collect();
        parts.push(format!(
            "orders of another installation of this product are open on the account (instance {}): \
             stop that one or take its orders back",
            names.join(", ")
        ));
    }
    if left_alone > 0 {
        parts.push(format!(
            "{left_alone} open exits or protective orders of this installation are older than this \
             ledger: its journal was lost or is another one; they are not touched"
        ));
    }
    parts.join("; ")
}

impl Actor for ExecutionActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        let capacity = self.request_gauge.bound() + self.market_gauge.bound() + 1_024;
        context.set_mailbox_capacity(capacity);
    }
}

/// Begin: connect, log on, reconcile.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct StartExecution(pub ExecutionLinks);

impl Handler<StartExecution> for ExecutionActor {
    type Result = ();
    fn handle(&mut self, StartExecution(links): StartExecution, context: &mut Context<Self>) {
        self.links = Some(links);
        self.take_at_venue(VenueInput::Start, context);
    }
}

impl Handler<ExecutionRequested> for ExecutionActor {
    type Result = ();
    fn handle(&mut self, requested: ExecutionRequested, context: &mut Context<Self>) {
        self.request_gauge.count_handled();
        self.requested = Some(requested.hops);
        self.take(ExecutionInput::Request(requested.request), context);
        self.requested = None;
    }
}

impl Handler<JournalAnswered> for ExecutionActor {
    type Result = ();
    fn handle(&mut self, answered: JournalAnswered, context: &mut Context<Self>) {
        match answered {
            JournalAnswered::Persisted(persisted) => {
                self.turn_at = self.clock.wall();
                self.persisted(persisted);
                self.work_off(context);
            }
            JournalAnswered::Failed(reason) => {
                self.report_broken_by(BrokenBy::Journal, format!("journal failed: {reason}"));
            }
        }
    }
}

impl Handler<WriteRecord> for ExecutionActor {
    type Result = ();
    fn handle(&mut self, write: WriteRecord, context: &mut Context<Self>) {
        let WriteRecord { record, durability } = write;
        self.take(ExecutionInput::Write { record, durability }, context);
    }
}

impl Handler<MarketArrived> for ExecutionActor {
    type Result = ();
    fn handle(&mut self, arrived: MarketArrived, context: &mut Context<Self>) {
        self.market_gauge.count_handled();
        let MarketArrived { sequence, event, .. } = &arrived;
        let given = VenueGiven { input: VenueInput::Market(event), sequence: *sequence };
        self.take_at_venue(given, context);
    }
}

/// Local matching that missed events matches from the next state on.
impl Handler<Resynchronise> for ExecutionActor {
    type Result = ();
    fn handle(&mut self, _: Resynchronise, _: &mut Context<Self>) {}
}

impl Handler<RefreshInstruments> for ExecutionActor {
    type Result = ();
    fn handle(&mut self, refresh: RefreshInstruments, context: &mut Context<Self>) {
        self.take_at_venue(VenueInput::InstrumentsRefreshed(&refresh.0), context);
    }
}

/// Open or close the last gate before the wire.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct SetGate {
    /// Whether submits of strategies may leave.
    pub open: bool,
}

impl Handler<SetGate> for ExecutionActor {
    type Result = ();
    fn handle(&mut self, gate: SetGate, context: &mut Context<Self>) {
        self.take(ExecutionInput::SetGate { open: gate.open }, context);
    }
}

impl Handler<SetTrading> for ExecutionActor {
    type Result = ();
    fn handle(&mut self, SetTrading(state): SetTrading, context: &mut Context<Self>) {
        self.take(ExecutionInput::SetTrading(state), context);
    }
}

impl StreamHandler<Arrival> for ExecutionActor {
    fn handle(&mut self, arrival: Arrival, context: &mut Context<Self>) {
        on_arrival(self, arrival, context);
    }

    /// One connection of several ended: the actor goes on.
    fn finished(&mut self, _: &mut Context<Self>) {}
}

impl WireShell for ExecutionActor {
    fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    fn on_wire(&mut self, input: WireInput<'_>, context: &mut Context<Self>) {
        self.take_at_venue(VenueInput::Wire(input), context);
    }
}

impl Sleeper for ExecutionActor {
    fn alarm(&mut self) -> &mut Alarm {
        &mut self.alarm
    }

    fn wakes(&self) -> [Option<Wake>; 2] {
        [self.machine.wake_at().map(Wake::Venue), self.venue.wake_at()]
    }

    fn on_wake(&mut self, context: &mut Context<Self>) {
        let now = self.clock.now();
        let is_due = |wake: Wake| match wake {
            Wake::Venue(at) => at <= now.venue,
            Wake::Wall(at) => at <= now.wall,
        };
        if self.venue.wake_at().is_some_and(is_due) {
            self.take_at_venue(VenueInput::Wake, context);
        }
        if self.machine.wake_at().map(Wake::Venue).is_some_and(is_due) {
            self.take(ExecutionInput::Wake, context);
        }
    }
}

/// Asks how many orders of a scope are not final.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "usize")]
pub struct CountWorking {
    /// Which orders.
    pub scope: CancelScope,
}

impl Handler<CountWorking> for ExecutionActor {
    type Result = usize;
    fn handle(&mut self, count: CountWorking, _: &mut Context<Self>) -> usize {
        self.machine.working_in(count.scope)
    }
}

/// Asks execution how it is.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "ExecutionStatus")]
pub struct ReadExecutionStatus;

/// How execution is.
#[derive(Clone, Debug, MessageResponse)]
pub struct ExecutionStatus {
    /// Whether orders can go out.
    pub is_live: bool,
    /// How it stands with the venue.
    pub standing: Standing,
    /// Orders that are not final, with their states.
    pub working: Vec<(OrderId, OrderStatus)>,
    /// Times of the hops.
    pub times: HopTimes,
    /// Its mailboxes.
    pub gauges: Vec<Arc<Gauge>>,
}

impl Handler<ReadExecutionStatus> for ExecutionActor {
    type Result = ExecutionStatus;
    fn handle(&mut self, _: ReadExecutionStatus, _: &mut Context<Self>) -> ExecutionStatus {
        let risk = self.links.as_ref().map(|links| Arc::clone(links.risk.gauge()));
        let held_back = self.venue.held_back(self.clock.now());
        ExecutionStatus {
            standing: Standing { held_back, ..self.standing.clone() },
            is_live: self.machine.is_live(),
            working: self.machine.working_orders().collect(),
            times: self.times.clone(),
            gauges: [Arc::clone(&self.request_gauge)].into_iter().chain(risk).collect(),
        }
    }
}
