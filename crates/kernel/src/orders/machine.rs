//! The execution machine: approved orders in, venue commands out, and everything that becomes of
//! them in between.
//!
//! The intent is durable before the first byte leaves: a submit waits for the journal's word. A
//! submit is sent once; a lost answer makes the order unknown until the venue is asked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use model::{
    Amount, Asset, CancelReason, ClientOrderId, FillKey, InstanceId, InstrumentId, Instruments,
    OrderEvent, OrderEventKind, OrderId, OrderStatus, StrategyId, Timestamp,
};

use super::command::VenueCommand;
use super::order::Order;
use super::policy::ExecutionPolicy;
use super::reconcile::Reconcile;
use crate::journal::{Durability, Persist, Persisted, Record};
use crate::messages::ExecutionRequest;
use crate::venue::{Balance, VenueAction, VenueEvent};

/// What the execution machine is given.
#[derive(PartialEq, Eq, Debug)]
pub enum ExecutionInput {
    /// Do this.
    Request(ExecutionRequest),
    /// The venue said something.
    Venue(VenueEvent),
    /// Records are durable.
    Persisted(Persisted),
    /// Another machine has something to write down; the order of records is execution's.
    Write {
        /// What.
        record: Record,
        /// When it must be on the disk.
        durability: Durability,
    },
    /// Open or close the last gate before the wire: while closed, no submit leaves.
    SetGate {
        /// Whether submits may leave.
        open: bool,
    },
    /// The instant of [`ExecutionMachine::wake_at`] has come.
    Wake,
}

/// What the execution machine wants done.
#[derive(PartialEq, Eq, Debug)]
pub enum ExecutionEffect {
    /// Write this; answered by [`ExecutionInput::Persisted`].
    Persist(Persist),
    /// Hand this to the venue.
    Command(VenueCommand),
    /// Tell risk, which tells the strategy.
    Tell {
        /// Whose order.
        strategy: StrategyId,
        /// What happened.
        event: OrderEvent,
    },
    /// Balances as the venue counts them.
    BalancesRead {
        /// Free and locked by asset.
        balances: Vec<Balance>,
        /// Whether these are all, or only those that changed.
        complete: bool,
        /// The venue's time.
        event_at: Timestamp,
    },
    /// Money came or went that is no trade of ours.
    BalanceMoved {
        /// Which asset.
        asset: Asset,
        /// Positive in, negative out.
        delta: Amount,
    },
    /// A fill of the account that belongs to no order of ours.
    ExternalFilled {
        /// The execution.
        fill: model::Fill,
    },
    /// Something impossible: no more orders on this instrument until an operator has looked.
    InstrumentHalted {
        /// Which.
        instrument: InstrumentId,
        /// What happened, for a person.
        reason: String,
    },
    /// The venue and we agree: orders can go out. Comes after each reconcile.
    Reconciled {
        /// What was found.
        summary: ReconcileSummary,
    },
    /// Reports may be missing: no new orders until the next `Reconciled`.
    Detached {
        /// Why, in words for the log.
        reason: String,
    },
}

/// What a reconcile found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReconcileSummary {
    /// Orders of ours that were asked about.
    pub orders_queried: u32,
    /// Fills that we had missed.
    pub fills_adopted: u32,
    /// Orders of ours that the journal did not know: adopted and cancelled.
    pub strays_cancelled: u32,
    /// Open orders of the account that are not ours: counted, never touched.
    pub foreign_orders: u32,
    /// Open orders of this product but of another installation.
    pub other_instances: u32,
}

/// Who we are to the venue and the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExecutionIdentity {
    /// The installation, part of every client order id.
    pub instance: InstanceId,
    /// When the ledger was opened: older trades of the account are not its business.
    pub opened_at: Timestamp,
}

/// An order read back from the journal that was not final when the process ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestoredOrder {
    /// As it was decided.
    pub intent: crate::journal::IntentRecord,
    /// The last state written down.
    pub status: OrderStatus,
    /// The venue's number, if it was ever acknowledged.
    pub venue_order: Option<model::VenueOrderId>,
    /// When it was signed, if that was written down.
    pub signed_at: Option<Timestamp>,
    /// Executed so far.
    pub executed: model::Quantity,
    /// Its fills.
    pub fills: Vec<FillKey>,
}

/// The machine.
#[derive(Debug)]
pub struct ExecutionMachine {
    pub(super) identity: ExecutionIdentity,
    pub(super) policy: ExecutionPolicy,
    pub(super) instruments: Arc<Instruments>,
    pub(super) orders: BTreeMap<OrderId, Order>,
    pub(super) by_client_id: BTreeMap<ClientOrderId, OrderId>,
    pub(super) by_venue_id: BTreeMap<(InstrumentId, model::VenueOrderId), OrderId>,
    /// Orders that are not final.
    pub(super) working: BTreeSet<OrderId>,
    /// Orders that are, oldest first, to be forgotten one day.
    pub(super) finished: VecDeque<OrderId>,
    /// Fills of forgotten and external orders, for repetitions; bounded like `finished`.
    pub(super) old_fills: VecDeque<FillKey>,
    /// Submits that wait for the journal, by the sequence of their intent.
    pub(super) waiting: BTreeMap<u64, OrderId>,
    pub(super) durable_sequence: u64,
    pub(super) halted: BTreeSet<InstrumentId>,
    pub(super) reconcile: Reconcile,
    pub(super) gate_open: bool,
    sequence: u64,
}

impl ExecutionMachine {
    /// A machine that continues a ledger. Restored orders are unknown until the venue was asked;
    /// for those whose signature was not written down the fence counts from `now`.
    #[must_use]
    pub fn new(
        identity: ExecutionIdentity,
        policy: ExecutionPolicy,
        instruments: Arc<Instruments>,
        restored: Vec<RestoredOrder>,
        now: Timestamp,
    ) -> Self {
        let mut machine = Self {
            identity,
            policy,
            instruments,
            orders: BTreeMap::new(),
            by_client_id: BTreeMap::new(),
            by_venue_id: BTreeMap::new(),
            working: BTreeSet::new(),
            finished: VecDeque::new(),
            old_fills: VecDeque::new(),
            waiting: BTreeMap::new(),
            durable_sequence: 0,
            halted: BTreeSet::new(),
            reconcile: Reconcile::default(),
            gate_open: true,
            sequence: 0,
        };
        for restored in restored {
            machine.restore(restored, now);
        }
        machine
    }

    fn restore(&mut self, restored: RestoredOrder, now: Timestamp) {
        let mut order = Order::new(restored.intent);
        order.venue_order = restored.venue_order;
        order.signed_at = Some(restored.signed_at.unwrap_or(now));
        order.executed = restored.executed;
        order.fills = restored.fills;
        order.status = match restored.status {
            OrderStatus::Intended | OrderStatus::Submitted | OrderStatus::Unknown => {
                OrderStatus::Unknown
            }
            acknowledged @ (OrderStatus::PendingNew
            | OrderStatus::Accepted
            | OrderStatus::PartiallyFilled
            | OrderStatus::Filled
            | OrderStatus::Canceled
            | OrderStatus::Expired
            | OrderStatus::ExpiredInMatch
            | OrderStatus::Rejected
            | OrderStatus::Absent) => acknowledged,
        };
        self.insert(order);
    }

    pub(super) fn insert(&mut self, order: Order) {
        let id = order.intent.order;
        self.by_client_id.insert(order.intent.client_order_id, id);
        if let Some(venue_order) = order.venue_order {
            self.by_venue_id.insert((order.intent.new.instrument, venue_order), id);
        }
        if order.status.is_final() {
            self.finished.push_back(id);
        } else {
            self.working.insert(id);
        }
        let earlier = self.orders.insert(id, order);
        assert!(earlier.is_none(), "an order id is used once: {id}");
    }

    /// Takes one input and appends what follows from it.
    pub fn step(
        &mut self,
        now: Timestamp,
        input: ExecutionInput,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        match input {
            ExecutionInput::Request(request) => self.on_request(now, request, effects),
            ExecutionInput::Venue(event) => self.on_venue(now, event, effects),
            ExecutionInput::Persisted(persisted) => self.on_persisted(now, persisted, effects),
            ExecutionInput::Write { record, durability } => {
                self.persist(record, durability, effects);
            }
            ExecutionInput::SetGate { open } => self.gate_open = open,
            ExecutionInput::Wake => self.on_wake(now, effects),
        }
    }

    /// When the machine wants [`ExecutionInput::Wake`], by the venue's clock.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let orders = self.working.iter().filter_map(|id| self.orders.get(id));
        let per_order = orders.filter_map(|order| {
            let awaited = order.awaited.as_ref().map(|awaited| awaited.ask_at);
            let unanswered = self.answer_due_at(order);
            [order.inquiry.ask_at, awaited, unanswered].into_iter().flatten().min()
        });
        per_order.chain(self.reconcile.wake_at()).min()
    }

    /// Whether the venue and we agreed at the last look, and reports are coming.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.reconcile.is_live()
    }

    /// Orders that are not final, oldest first, with their states.
    pub fn working_orders(&self) -> impl Iterator<Item = (OrderId, OrderStatus)> {
        self.working.iter().filter_map(|id| self.orders.get(id)).map(|o| (o.intent.order, o.status))
    }

    /// How many of the working orders have an unknown outcome.
    #[must_use]
    pub fn unknown_count(&self) -> usize {
        self.working_orders().filter(|(_, status)| *status == OrderStatus::Unknown).count()
    }

    pub(super) fn persist(
        &mut self,
        record: Record,
        durability: Durability,
        effects: &mut Vec<ExecutionEffect>,
    ) -> u64 {
        self.sequence += 1;
        let persist = Persist { sequence: self.sequence, record, durability };
        effects.push(ExecutionEffect::Persist(persist));
        self.sequence
    }

    pub(super) fn command(action: VenueAction, effects: &mut Vec<ExecutionEffect>) {
        effects.push(ExecutionEffect::Command(VenueCommand::new(action)));
    }

    /// Writes an order event down and tells risk. Nobody waits for the disk: what is lost in a
    /// crash, reconcile finds again at the venue.
    pub(super) fn tell(
        &mut self,
        now: Timestamp,
        id: OrderId,
        kind: OrderEventKind,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let order = self.orders.get(&id).expect("events are told of orders that are kept");
        let event = OrderEvent {
            order: id,
            instrument: order.intent.new.instrument,
            received_at: now,
            correlation: order.intent.correlation,
            kind,
        };
        let strategy = order.intent.strategy;
        let record = Record::OrderChanged { strategy, event: event.clone() };
        self.persist(record, Durability::Lazy, effects);
        effects.push(ExecutionEffect::Tell { strategy, event });
    }

    /// Moves an order to a state; a final one starts to be forgotten, and what waited for its end
    /// goes on.
    pub(super) fn set_status(&mut self, id: OrderId, status: OrderStatus) {
        let order = self.orders.get_mut(&id).expect("states are set of orders that are kept");
        order.status = status;
        if status.is_final() {
            order.inquiry.ask_at = None;
            order.awaited = None;
            if self.working.remove(&id) {
                self.finished.push_back(id);
            }
        } else if self.working.insert(id) {
            // A tombstone that the venue contradicted works again.
            self.finished.retain(|finished| *finished != id);
        }
    }

    /// Forgets the oldest final orders past the bound, but for their fills.
    pub(super) fn forget_old(&mut self) {
        while self.finished.len() > self.policy.final_orders_kept {
            let Some(id) = self.finished.pop_front() else { break };
            let Some(order) = self.orders.remove(&id) else { continue };
            self.by_client_id.remove(&order.intent.client_order_id);
            if let Some(venue_order) = order.venue_order {
                self.by_venue_id.remove(&(order.intent.new.instrument, venue_order));
            }
            self.old_fills.extend(order.fills);
        }
        while self.old_fills.len() > self.policy.final_orders_kept {
            self.old_fills.pop_front();
        }
    }

    pub(super) fn halt_instrument(
        &mut self,
        instrument: InstrumentId,
        reason: String,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        if self.halted.insert(instrument) {
            effects.push(ExecutionEffect::InstrumentHalted { instrument, reason });
        }
    }

    pub(super) fn cancel_reason(order: &Order) -> CancelReason {
        order.cancel.map_or(CancelReason::Venue, |cancel| cancel.reason)
    }
}
