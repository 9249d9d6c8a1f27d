//! What must hold, by name, and what was found to be broken.

use std::collections::{BTreeMap, BTreeSet};

use super::crash_points::CrashPoint;
use model::{OrderEvent, OrderEventKind, OrderId};

/// Names of what must hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Invariant {
    /// Each client order id is sent at most once, and so accepted at most once.
    SentOnce,
    /// Nothing is sent whose intent would not survive a crash.
    DurableBeforeSent,
    /// An order told to be absent was never accepted, and never will be.
    AbsentIsAbsent,
    /// After an order's end nothing is told of it but late fills.
    FinalIsFinal,
    /// A replacement leaves only when the old order is gone, with no more executed than the gate
    /// knew.
    ReplacedOnce,
    /// Every order that the venue has open is reserved for at the gate.
    ReservationsCover,
    /// A venue that keeps its documents never leads to a halted instrument.
    NoNeedlessHalt,
    /// Nobody is asked while nobody is there, and questions keep to the venue's weights.
    AskedWithinBounds,
    /// Once faults stop, engine and venue agree: live, the same orders open, none unknown.
    Converges,
    /// The journal's fills are the venue's, ours to their strategies, others' to the outside.
    FillsMatch,
    /// Gate and journal have the same positions.
    PositionsMatch,
    /// Whatever the venue fills next, no strategy sells more than it holds.
    NeverOversold,
    /// Once faults stop, all that a protected strategy holds rests under stops or is offered.
    Protected,
}

/// What was found, with what happened, by order.
#[derive(Debug, Default)]
pub struct Verdict {
    pub broken: BTreeMap<Invariant, String>,
    ended: BTreeMap<OrderId, &'static str>,
    pub absent: BTreeSet<OrderId>,
    /// How often the engine came by each place to die at.
    pub reached: BTreeMap<CrashPoint, u32>,
}

impl Verdict {
    pub fn broken(&mut self, invariant: Invariant, what: String) {
        self.broken.entry(invariant).or_insert(what);
    }

    /// A new life tells ends again that its journal had lost.
    pub fn forget_ends(&mut self) {
        self.ended.clear();
    }

    pub fn note_told(&mut self, event: &OrderEvent) {
        let id = event.order;
        let end = match &event.kind {
            OrderEventKind::Filled { complete, .. } => complete.then_some("filled"),
            OrderEventKind::Completed => Some("completed"),
            OrderEventKind::Canceled { .. } => Some("canceled"),
            OrderEventKind::Expired { .. } => Some("expired"),
            OrderEventKind::Rejected { .. } => Some("rejected"),
            OrderEventKind::Absent { .. } => Some("absent"),
            OrderEventKind::Denied { .. }
            | OrderEventKind::Submitted { .. }
            | OrderEventKind::Accepted { .. }
            | OrderEventKind::Triggered
            | OrderEventKind::CancelRejected { .. }
            | OrderEventKind::OutcomeUnknown { .. } => None,
        };
        let is_fill = matches!(event.kind, OrderEventKind::Filled { .. });
        if let Some(ended) = self.ended.get(&id).filter(|_| !is_fill) {
            let what = format!("order {id} was {ended}, then {:?}", event.kind);
            self.broken(Invariant::FinalIsFinal, what);
        }
        if matches!(event.kind, OrderEventKind::Absent { .. }) {
            self.absent.insert(id);
        }
        if let Some(end) = end {
            self.ended.insert(id, end);
        }
    }
}
