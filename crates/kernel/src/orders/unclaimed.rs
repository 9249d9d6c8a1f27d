//! Fills from a read that belong to nobody yet. A fill under a number that we do not know may be
//! of an order of ours of unknown outcome, of one whose intent a power cut took from the journal,
//! or a manual trade: the venue is asked whose it is.

use std::collections::BTreeMap;

use model::{
    ClientOrderId, CorrelationId, Fill, InstrumentId, OrderEvent, OrderEventKind, OrderId,
    Quantity, Timestamp, VenueOrderId,
};

use super::machine::ExecutionMachine;
use super::messages::ExecutionEffect;
use super::policy::ExecutionPolicy;
use crate::journal::{Durability, Record};
use crate::venue::VenueAction;

/// The venue's order: its number is unique within an instrument.
type Number = (InstrumentId, VenueOrderId);

/// Fills of one order of unknown owner.
#[derive(Debug)]
struct Lost {
    fills: Vec<Fill>,
    ask_at: Timestamp,
    asked_at: Option<Timestamp>,
}

impl Lost {
    fn due_at(&self, policy: &ExecutionPolicy) -> Timestamp {
        self.asked_at.map_or(self.ask_at, |asked_at| policy.answer_due_at(asked_at))
    }
}

/// All of them. As long as the venue answers, there are only those of the last moments.
#[derive(Debug, Default)]
pub(super) struct Unclaimed(BTreeMap<Number, Lost>);

impl Unclaimed {
    pub fn add(&mut self, now: Timestamp, fill: Fill) {
        let number = (fill.key.instrument, fill.key.venue_order);
        let fresh = || Lost { fills: Vec::new(), ask_at: now, asked_at: None };
        let lost = self.0.entry(number).or_insert_with(fresh);
        if lost.fills.iter().all(|known| known.key != fill.key) {
            lost.fills.push(fill);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn is_any_on(&self, instrument: InstrumentId) -> bool {
        self.0.keys().any(|(of, _)| *of == instrument)
    }

    fn take(&mut self, number: Number) -> Vec<Fill> {
        self.0.remove(&number).map(|lost| lost.fills).unwrap_or_default()
    }

    pub fn wake_at(&self, policy: &ExecutionPolicy) -> Option<Timestamp> {
        self.0.values().map(|lost| lost.due_at(policy)).min()
    }

    /// The question about an order failed.
    pub fn failed(&mut self, number: Number, ask_at: Timestamp) {
        if let Some(lost) = self.0.get_mut(&number) {
            lost.asked_at = None;
            lost.ask_at = ask_at;
        }
    }

    /// Answers to what was asked before will not come.
    pub fn forget_questions(&mut self) {
        self.0.values_mut().for_each(|lost| lost.asked_at = None);
    }
}

impl ExecutionMachine {
    /// Whether a fill under an unknown number is not booked yet and is this ledger's business.
    pub(super) fn is_news(&self, fill: &Fill) -> bool {
        !self.is_known_fill(&fill.key) && fill.event_at >= self.identity.opened_at
    }

    /// An order's number is known: the fills that were waiting under it are its own.
    pub(super) fn claim(
        &mut self,
        now: Timestamp,
        id: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        if self.unclaimed.is_empty() {
            return;
        }
        let Some(order) = self.orders.get(&id) else { return };
        let Some(venue_order) = order.venue_order else { return };
        for fill in self.unclaimed.take((order.new.instrument, venue_order)) {
            if self.on_fill(now, id, fill, effects) {
                self.reconcile.summary.fills_adopted += 1;
            }
        }
    }

    /// The venue knows an order under a name that we do not: the fills that were waiting are its.
    pub(super) fn assign(
        &mut self,
        now: Timestamp,
        number: Number,
        name: &ClientOrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        for fill in self.unclaimed.take(number) {
            self.on_strange_fill(now, name, fill, effects);
        }
    }

    /// A fill of an order that the journal does not know. One of ours by its name lost its intent
    /// to a power cut: the fill is booked to the strategy that the name gives. Others' fills are
    /// external.
    pub(super) fn on_strange_fill(
        &mut self,
        now: Timestamp,
        name: &ClientOrderId,
        fill: Fill,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        match OrderId::from_client_order_id(name) {
            Ok((instance, id, _)) if instance == self.identity.instance => {
                self.book_to_lost_order(now, id, fill, effects);
            }
            Ok(_) | Err(_) => self.on_external_fill(fill, effects),
        }
    }

    fn book_to_lost_order(
        &mut self,
        now: Timestamp,
        id: OrderId,
        fill: Fill,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        if fill.event_at < self.identity.opened_at || !self.book(&fill) {
            return;
        }
        self.reconcile.note_activity(fill.key.instrument);
        self.reconcile.summary.fills_adopted += 1;
        let executed = self.lost_orders.entry(id).or_insert(Quantity::ZERO);
        *executed = executed.checked_add(fill.quantity).unwrap_or(Quantity::MAX);
        let cumulative_quantity = *executed;
        let event = Box::new(OrderEvent {
            order: id,
            instrument: fill.key.instrument,
            received_at: now,
            correlation: CorrelationId(0),
            kind: OrderEventKind::Filled { fill, cumulative_quantity, complete: false },
        });
        let told = OrderEvent::clone(&event);
        let record = Record::OrderChanged { strategy: id.strategy, event: told };
        self.persist(record, Durability::Committed, effects);
        effects.push(ExecutionEffect::Tell { strategy: id.strategy, event });
    }

    /// Asks whose the waiting fills are.
    pub(super) fn tend_unclaimed(&mut self, now: Timestamp, effects: &mut Vec<ExecutionEffect>) {
        let policy = self.policy;
        for (number, lost) in &mut self.unclaimed.0 {
            if lost.due_at(&policy) > now {
                continue;
            }
            match self.budget.take(now, policy.query_spacing, policy.queries_per_spacing) {
                Ok(()) => {
                    lost.asked_at = Some(now);
                    let (instrument, venue_order) = *number;
                    let action = VenueAction::QueryVenueOrder { instrument, venue_order };
                    Self::command(action, effects);
                }
                Err(later) => {
                    lost.asked_at = None;
                    lost.ask_at = later;
                }
            }
        }
    }
}
