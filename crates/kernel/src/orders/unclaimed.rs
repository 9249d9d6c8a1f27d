//! Fills from a read that belong to nobody yet. While an order of ours is of unknown outcome, its
//! number is not known, so a fill under a number that we do not know may be its fill or a manual
//! trade: the venue is asked whose it is.

use std::collections::BTreeMap;

use model::{Fill, InstrumentId, OrderId, OrderStatus, Timestamp, VenueOrderId};

use super::machine::ExecutionMachine;
use super::messages::ExecutionEffect;
use super::policy::ExecutionPolicy;
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
    /// Whether a fill under an unknown number may be of an order of ours.
    pub(super) fn may_be_ours(&self, fill: &Fill) -> bool {
        let could_be = |order: &super::order::Order| {
            order.new.instrument == fill.key.instrument
                && order.new.side == fill.side
                && !order.is_acknowledged()
                && match order.status {
                    OrderStatus::Submitted | OrderStatus::Unknown | OrderStatus::Absent => true,
                    OrderStatus::Intended
                    | OrderStatus::PendingNew
                    | OrderStatus::Accepted
                    | OrderStatus::PartiallyFilled
                    | OrderStatus::Filled
                    | OrderStatus::Canceled
                    | OrderStatus::Expired
                    | OrderStatus::ExpiredInMatch
                    | OrderStatus::Rejected => false,
                }
        };
        let is_news = !self.is_known_fill(&fill.key) && fill.event_at >= self.identity.opened_at;
        is_news && self.orders.values().any(could_be)
    }

    /// An order's number is known: the fills that were waiting under it are its own.
    pub(super) fn claim(
        &mut self,
        now: Timestamp,
        id: OrderId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let Some(order) = self.orders.get(&id) else { return };
        let Some(venue_order) = order.venue_order else { return };
        for fill in self.unclaimed.take((order.new.instrument, venue_order)) {
            if self.on_fill(now, id, fill, effects) {
                self.reconcile.summary.fills_adopted += 1;
            }
        }
    }

    /// The venue knows an order under a name that is not ours: its fills are external.
    pub(super) fn disclaim(&mut self, number: Number, effects: &mut Vec<ExecutionEffect>) {
        for fill in self.unclaimed.take(number) {
            self.on_external_fill(fill, effects);
        }
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
