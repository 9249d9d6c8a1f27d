//! The execution machine: approved orders in, venue commands out, and everything that becomes of
//! them in between.
//!
//! The intent is durable before the first byte leaves: a submit waits for the journal's word. A
//! submit is sent once; a lost answer makes the order unknown until the venue is asked.
//!
//! Every input is followed by [`ExecutionMachine::settle`], which does whatever is due by then:
//! handlers only note what is wanted and when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use model::{
    ClientOrderId, Fill, FillKey, InstrumentId, Instruments, OrderEvent, OrderEventKind, OrderId,
    OrderStatus, Quantity, Role, Timestamp,
};

use super::balances::Balances;
use super::budget::Budget;
use super::command::VenueCommand;
use super::lifecycle::{Step, Verdict, verdict};
use super::messages::{ExecutionEffect, ExecutionIdentity, ExecutionInput};
use super::order::{Due, Order};
use super::policy::ExecutionPolicy;
use super::reads::Reads;
use super::reconcile::Reconcile;
use super::restore::RestoredExecution;
use super::table::{OrderTable, VenueNumbers};
use super::unclaimed::Unclaimed;
use crate::journal::{Durability, Persist, Record};
use crate::ledger::FillKeys;
use crate::messages::CancelScope;
use crate::mutation::Mutation;
use crate::risk::TradingState;
use crate::sorted::SortedVec;
use crate::venue::{VenueAction, VenueEvent};

/// The machine.
#[derive(Debug)]
pub struct ExecutionMachine {
    pub(super) identity: ExecutionIdentity,
    pub(super) policy: ExecutionPolicy,
    pub(super) instruments: Arc<Instruments>,
    pub(super) orders: OrderTable,
    pub(super) by_venue_id: VenueNumbers,
    /// Orders that are not final.
    pub(super) working: SortedVec<OrderId>,
    /// Orders that are, oldest first, to be forgotten one day.
    finished: VecDeque<OrderId>,
    /// Fills that are booked, ours and external ones; bounded.
    pub(super) known_fills: BTreeMap<InstrumentId, FillKeys>,
    /// Fills that may belong to an order of ours whose number is not known yet.
    pub(super) unclaimed: Unclaimed,
    /// What orders executed whose intents a power cut took: no more than it took.
    pub(super) lost_orders: BTreeMap<OrderId, Quantity>,
    /// Submits that wait for the journal, by the sequence of their intent.
    pub(super) waiting: BTreeMap<u64, OrderId>,
    pub(super) durable_sequence: u64,
    pub(super) halted: BTreeSet<InstrumentId>,
    /// Instruments halted in this step: what has not left yet on them must not leave any more.
    newly_halted: Vec<InstrumentId>,
    pub(super) reconcile: Reconcile,
    pub(super) balances: Option<Balances>,
    pub(super) reads: Reads,
    pub(super) budget: Budget,
    gate_open: bool,
    trading: TradingState,
    /// When there is something to do about an order, earliest first.
    deadlines: SortedVec<(Due, OrderId)>,
    /// Orders that may have changed since `deadlines` was brought up to date.
    touched: Vec<OrderId>,
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
        restored: RestoredExecution,
        now: Timestamp,
    ) -> Self {
        let mut machine = Self {
            identity,
            policy,
            instruments,
            orders: OrderTable::default(),
            by_venue_id: VenueNumbers::default(),
            working: SortedVec::default(),
            finished: VecDeque::new(),
            known_fills: restored.fills,
            unclaimed: Unclaimed::default(),
            lost_orders: BTreeMap::new(),
            waiting: BTreeMap::new(),
            durable_sequence: 0,
            halted: BTreeSet::new(),
            newly_halted: Vec::new(),
            reconcile: Reconcile::default(),
            balances: restored
                .balances
                .map(|balances| Balances::new(balances, restored.newest_booking_at)),
            reads: Reads::default(),
            budget: Budget::default(),
            gate_open: true,
            trading: restored.trading,
            deadlines: SortedVec::default(),
            touched: Vec::new(),
            sequence: 0,
        };
        for order in restored.orders {
            machine.restore(order, now);
        }
        machine.list_deadlines();
        machine
    }

    pub(super) fn insert(&mut self, order: Order) {
        let id = order.id;
        if let Some(venue_order) = order.venue_order {
            self.by_venue_id.insert(order.new.instrument, venue_order, id);
        }
        if order.status.is_final() {
            self.finished.push_back(id);
        } else {
            self.working.insert(id);
        }
        self.touched.push(id);
        let is_new = self.orders.insert(order);
        assert!(is_new, "an order id is used once: {id}");
    }

    /// An order, to be changed: its deadline is looked at again afterwards.
    #[inline]
    pub(super) fn order_mut(&mut self, id: OrderId) -> Option<&mut Order> {
        let order = self.orders.get_mut(&id)?;
        if !order.is_touched {
            order.is_touched = true;
            self.touched.push(id);
        }
        Some(order)
    }

    /// The order that goes by a name on the wire: the name holds its id.
    pub(super) fn named(&self, client_order_id: &ClientOrderId) -> Option<OrderId> {
        let is_meant = |order: &&Order| order.client_order_id == *client_order_id;
        let found = self.orders.latest().filter(is_meant).or_else(|| {
            let (_, id, _) = OrderId::from_client_order_id(client_order_id).ok()?;
            self.orders.get(&id).filter(is_meant)
        });
        found.map(|order| order.id)
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
            ExecutionInput::Venue(mut event) => self.on_venue(now, &mut event, effects),
            ExecutionInput::Persisted(persisted) => self.on_persisted(now, persisted, effects),
            ExecutionInput::Write { record, durability } => {
                self.persist(record, durability, effects);
            }
            ExecutionInput::SetGate { open } => self.gate_open = open,
            ExecutionInput::SetTrading(state) => self.trading = state,
            ExecutionInput::Wake => {}
        }
        self.settle(now, effects);
    }

    /// [`ExecutionInput::Venue`], of all that a venue says at one instant. The events stay where
    /// they are; what they hold may be taken out of them.
    pub fn hear<'a>(
        &mut self,
        now: Timestamp,
        events: impl Iterator<Item = &'a mut VenueEvent>,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        for event in events {
            self.on_venue(now, event, effects);
        }
        self.settle(now, effects);
    }

    /// Does what is due. Whatever is done about an order moves its deadline past `now`.
    fn settle(&mut self, now: Timestamp, effects: &mut Vec<ExecutionEffect>) {
        self.end_unsent_of_halted(now, effects);
        if !self.unclaimed.is_empty() && self.reconcile.is_attached() {
            self.tend_unclaimed(now, effects);
        }
        self.list_deadlines();
        while let Some((_, id)) = self.deadlines.first().copied().filter(|(due, _)| due.at <= now) {
            self.tend_order(now, id, effects);
            self.end_unsent_of_halted(now, effects);
            self.list_deadlines();
        }
        if self.reconcile.is_attached() {
            self.continue_reconcile(now, effects);
            self.tend_reads(now, effects);
        }
        self.forget_old();
    }

    /// When the machine wants [`ExecutionInput::Wake`], by the venue's clock.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let orders = self.deadlines.first().map(|(due, _)| due.at);
        if !self.reconcile.is_attached() {
            return orders;
        }
        let unclaimed = self.unclaimed.wake_at(&self.policy);
        let reads = self.reads.wake_at(&self.policy);
        [orders, unclaimed, reads, self.reconcile.wake_at()].into_iter().flatten().min()
    }

    /// Whether the venue and we agreed at the last look, and reports are coming.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.reconcile.is_live()
    }

    /// The last gate: what may leave now. While it is closed or trading is halted, only what the
    /// engine itself places to protect a position, or to close it on an operator's word.
    pub(super) const fn may_leave(&self, order: OrderId, role: Role) -> bool {
        let state = if self.gate_open { self.trading } else { TradingState::Halted };
        match state {
            TradingState::Active => true,
            TradingState::ReduceOnly => !matches!(role, Role::Entry),
            TradingState::Halted => order.is_engines() && !matches!(role, Role::Entry),
        }
    }

    /// Whether no submit may leave on an instrument any more, until an operator has looked.
    #[must_use]
    pub fn is_halted(&self, instrument: InstrumentId) -> bool {
        self.halted.contains(&instrument)
    }

    /// Orders that are not final, oldest first, with their states.
    pub fn working_orders(&self) -> impl Iterator<Item = (OrderId, OrderStatus)> {
        self.working.iter().filter_map(|id| self.orders.get(id)).map(|o| (o.id, o.status))
    }

    /// What was placed under an id, if it is remembered: final orders are for a while.
    #[must_use]
    pub fn placed(&self, order: OrderId) -> Option<&model::NewOrder> {
        self.orders.get(&order).map(|order| &order.new)
    }

    /// How many orders of a scope are not final.
    #[must_use]
    pub fn working_in(&self, scope: CancelScope) -> usize {
        let working = self.working.iter().filter_map(|id| self.orders.get(id));
        working.filter(|order| scope.includes(order.strategy, order.new.role)).count()
    }

    /// How many of the working orders have an unknown outcome.
    #[must_use]
    pub fn unknown_count(&self) -> usize {
        self.working_orders().filter(|(_, status)| *status == OrderStatus::Unknown).count()
    }

    /// How many orders are remembered, final ones among them.
    #[must_use]
    pub fn remembered_count(&self) -> usize {
        self.orders.len()
    }

    pub(super) fn persist(
        &mut self,
        record: Record,
        durability: Durability,
        effects: &mut Vec<ExecutionEffect>,
    ) -> u64 {
        self.persist_with(durability, effects, || record)
    }

    /// The same for a record that is only made where there is a journal.
    pub(super) fn persist_with(
        &mut self,
        durability: Durability,
        effects: &mut Vec<ExecutionEffect>,
        record: impl FnOnce() -> Record,
    ) -> u64 {
        self.sequence += 1;
        if self.policy.is_journaled {
            let persist = Persist { sequence: self.sequence, record: record(), durability };
            effects.push(ExecutionEffect::Persist(persist));
        } else {
            self.durable_sequence = self.sequence;
        }
        self.sequence
    }

    pub(super) fn command(action: VenueAction, effects: &mut Vec<ExecutionEffect>) {
        effects.push(ExecutionEffect::Command(VenueCommand::new(action)));
    }

    /// Writes an order event down and tells risk. Nobody waits for the disk: what is lost in a
    /// crash, reconcile finds again at the venue.
    #[inline]
    pub(super) fn tell(
        &mut self,
        now: Timestamp,
        id: OrderId,
        kind: OrderEventKind,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let order = self.orders.get(&id).expect("events are told of orders that are kept");
        let event = Box::new(OrderEvent {
            order: id,
            instrument: order.new.instrument,
            received_at: now,
            correlation: order.correlation,
            kind,
        });
        let strategy = order.strategy;
        if self.policy.is_journaled {
            let record = Record::OrderChanged { strategy, event: OrderEvent::clone(&event) };
            self.persist(record, Durability::Lazy, effects);
        }
        effects.push(ExecutionEffect::Tell { strategy, event });
    }

    /// Applies a step by the table. True if the state changed.
    pub(super) fn advance(
        &mut self,
        now: Timestamp,
        id: OrderId,
        step: Step,
        effects: &mut Vec<ExecutionEffect>,
    ) -> bool {
        let Some(order) = self.orders.get(&id) else { return false };
        match verdict(order.status, step) {
            Verdict::Becomes(status) => {
                self.set_status(id, status);
                true
            }
            Verdict::Stays => false,
            Verdict::Impossible => {
                let reason = format!("order {id} is {} and met {step:?}", order.status.name());
                self.doubt(now, id, reason, effects);
                false
            }
        }
    }

    /// Moves an order to a state; a final one starts to be forgotten.
    pub(super) fn set_status(&mut self, id: OrderId, status: OrderStatus) {
        let order = self.order_mut(id).expect("states are set of orders that are kept");
        order.status = status;
        if status.is_final() {
            order.inquiry.ask_at = None;
            order.awaited = None;
            self.reconcile.answered_query(id);
            if self.working.remove(&id) {
                self.finished.push_back(id);
            }
        } else if self.working.insert(id) {
            // A tombstone that the venue contradicted works again.
            self.finished.retain(|finished| *finished != id);
        }
    }

    /// Something about an order cannot be: its instrument is halted, and the venue is asked.
    pub(super) fn doubt(
        &mut self,
        now: Timestamp,
        id: OrderId,
        reason: String,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(order) = self.order_mut(id) else { return };
        if !order.status.is_final() {
            order.inquiry.ask_at = Some(now);
        }
        let instrument = order.new.instrument;
        self.halt_instrument(instrument, reason, effects);
    }

    pub(super) fn halt_instrument(
        &mut self,
        instrument: InstrumentId,
        reason: String,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        if self.halted.insert(instrument) {
            self.newly_halted.push(instrument);
            effects.push(ExecutionEffect::InstrumentHalted { instrument, reason });
        }
    }

    /// On a halted instrument nothing leaves any more, so nothing stays waiting to leave.
    fn end_unsent_of_halted(&mut self, now: Timestamp, effects: &mut Vec<ExecutionEffect>) {
        while let Some(instrument) = self.newly_halted.pop() {
            let unsent: Vec<OrderId> = self
                .working
                .iter()
                .filter_map(|id| self.orders.get(id))
                .filter(|o| o.status == OrderStatus::Intended && o.new.instrument == instrument)
                .map(|order| order.id)
                .collect();
            for id in unsent {
                self.end_unsent(now, id, model::CancelReason::Engine, effects);
            }
        }
    }

    /// Whether a fill was booked before; if not, it is from now on.
    pub(super) fn remember_fill(&mut self, key: &FillKey) -> bool {
        let is_news = self.known_fills.entry(key.instrument).or_default().insert(key);
        is_news || self.policy.mutation == Some(Mutation::BookFillsTwice)
    }

    /// Takes a fill into the books; false when it was there before. From now on the account should
    /// show it.
    pub(super) fn book(&mut self, fill: &Fill) -> bool {
        let is_news = self.remember_fill(&fill.key);
        if is_news && let Some(balances) = &mut self.balances {
            let instrument = self.instruments.get(fill.key.instrument);
            balances.book(fill, instrument.base, instrument.quote);
        }
        is_news
    }

    pub(super) fn is_known_fill(&self, key: &FillKey) -> bool {
        self.known_fills.get(&key.instrument).is_some_and(|keys| keys.contains(key))
    }

    /// Brings the list of deadlines up to date with the orders that were touched.
    pub(super) fn list_deadlines(&mut self) {
        let is_attached = self.reconcile.is_attached();
        while let Some(id) = self.touched.pop() {
            let Some(order) = self.orders.get_mut(&id) else { continue };
            order.is_touched = false;
            let due_at = order.due_at(&self.policy, is_attached);
            if order.listed_at == due_at {
                continue;
            }
            if let Some(at) = order.listed_at {
                self.deadlines.remove(&(at, id));
            }
            if let Some(at) = due_at {
                self.deadlines.insert((at, id));
            }
            order.listed_at = due_at;
        }
    }

    /// Deadlines that count only while attached begin or end to count.
    pub(super) fn touch_all(&mut self) {
        self.touched.extend(self.orders.ids());
    }

    /// Forgets the oldest final orders past the bound; their fills stay known.
    fn forget_old(&mut self) {
        while self.finished.len() > self.policy.final_orders_kept {
            let Some(id) = self.finished.pop_front() else { break };
            let Some(order) = self.orders.get(&id) else { continue };
            if let Some(venue_order) = order.venue_order {
                self.by_venue_id.remove(order.new.instrument, venue_order);
            }
            if let Some(at) = order.listed_at {
                self.deadlines.remove(&(at, id));
            }
            self.orders.remove(&id);
        }
    }
}
