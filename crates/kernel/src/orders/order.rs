//! What execution knows of one order.

use model::{
    CancelReason, ClientOrderId, CorrelationId, NewOrder, OrderId, OrderQuantity, OrderStatus,
    Quantity, StrategyId, Timestamp, VenueOrderId,
};

use super::policy::ExecutionPolicy;
use crate::journal::IntentRecord;
use crate::venue::OrderSnapshot;

/// What is being found out about an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Inquiry {
    /// When to ask next; `None` when no question is open.
    pub ask_at: Option<Timestamp>,
    /// When the question that is under way was asked: there is never more than one, so that
    /// answers are spaced however slow the venue is.
    pub asked_at: Option<Timestamp>,
    /// "No such order" answers in a row to questions asked past the fence.
    pub not_found: u8,
    /// Since when the venue does not find an order that it has acknowledged.
    pub contradicted_since: Option<Timestamp>,
    /// Past the fence and not among the open orders.
    pub not_open: bool,
    /// Past the fence and no trade of it.
    pub no_trades: bool,
}

impl Inquiry {
    /// No question is open.
    const NONE: Self = Self {
        ask_at: None,
        asked_at: None,
        not_found: 0,
        contradicted_since: None,
        not_open: false,
        no_trades: false,
    };

    fn due_at(&self, policy: &ExecutionPolicy) -> Option<Timestamp> {
        match self.asked_at {
            Some(asked_at) => self.ask_at.map(|_| policy.answer_due_at(asked_at)),
            None => self.ask_at,
        }
    }

    /// What spoke for the order's absence says nothing any more.
    pub const fn void_absence(&mut self) {
        (self.not_found, self.not_open, self.no_trades) = (0, false, false);
    }

    /// The venue knows the order: whatever spoke against that is void.
    pub fn found(&mut self) {
        let asked_at = self.asked_at;
        *self = Self { asked_at, ..Self::NONE };
    }
}

/// A state that the venue told before all of the order's fills have come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct AwaitedFills {
    /// What the venue said.
    pub snapshot: OrderSnapshot,
    /// When waiting ends: an answer to a question asked from then on, without the fills, halts the
    /// instrument. Silence proves nothing, however long it is.
    pub deadline: Timestamp,
    /// When to ask for the trades next.
    pub ask_at: Timestamp,
    /// When the question that is under way was asked: there is never more than one, so that it is
    /// known which one an answer is to.
    pub asked_at: Option<Timestamp>,
}

/// A cancel that was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PendingCancel {
    /// Who asked.
    pub reason: CancelReason,
    /// When it was handed to the venue; `None` while it waits for something to cancel.
    pub sent_at: Option<Timestamp>,
    /// It goes, or went, in one request with the order that comes instead: it is not wanted
    /// without that one.
    pub in_replace: bool,
}

/// The order that waits for another one to be gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Replacement {
    /// Which.
    pub order: OrderId,
    /// It follows only if the old one has executed no more than this when it is gone.
    pub executed: Option<Quantity>,
}

/// When something is due. Of what is due at once, what was wanted first comes first, so that
/// nothing waits for ever behind what is wanted again and again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Due {
    pub at: Timestamp,
    pub wanted_at: Timestamp,
}

fn earlier(one: Option<Due>, other: Option<Due>) -> Option<Due> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// One order of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Order {
    pub id: OrderId,
    pub client_order_id: ClientOrderId,
    pub strategy: StrategyId,
    pub correlation: CorrelationId,
    pub new: NewOrder,
    /// The order that must be gone first.
    pub replaces: Option<OrderId>,
    /// That one is taken back by the same request that places this one.
    pub cancels_old: bool,
    /// The other order of a pair, of which one cancels the other.
    pub other_leg: Option<OrderId>,
    /// The journal's sequence of the intent; 0 for an order read back from it.
    pub intent_sequence: u64,
    pub status: OrderStatus,
    pub venue_order: Option<VenueOrderId>,
    /// When it was signed; for an order found in the journal without that, when we started.
    pub signed_at: Option<Timestamp>,
    /// When it was handed over, to notice an answer that does not come.
    pub handed_over_at: Option<Timestamp>,
    pub executed: Quantity,
    pub cancel: Option<PendingCancel>,
    pub inquiry: Inquiry,
    /// Seldom there, and large: kept apart.
    pub awaited: Option<Box<AwaitedFills>>,
    pub replaced_by: Option<Replacement>,
    /// Whether the trigger of a stop has been told.
    pub triggered: bool,
    /// No question about it before this: the budget was used up.
    pub deferred_until: Timestamp,
    /// Whether it may have changed since the list of deadlines was brought up to date.
    pub is_touched: bool,
    /// Where it stands in the machine's list of deadlines.
    pub listed_at: Option<Due>,
}

impl Order {
    /// As it was written down.
    pub fn of_intent(intent: &IntentRecord) -> Self {
        let IntentRecord { order, client_order_id, strategy, correlation, new, .. } = *intent;
        let IntentRecord { replaces, other_leg, .. } = *intent;
        let order = Self::new(order, client_order_id, strategy, correlation, new);
        Self { replaces, other_leg, ..order }
    }

    /// One that was just decided.
    pub const fn new(
        id: OrderId,
        client_order_id: ClientOrderId,
        strategy: StrategyId,
        correlation: CorrelationId,
        new: NewOrder,
    ) -> Self {
        Self {
            id,
            client_order_id,
            strategy,
            correlation,
            new,
            replaces: None,
            cancels_old: false,
            other_leg: None,
            intent_sequence: 0,
            status: OrderStatus::Intended,
            venue_order: None,
            signed_at: None,
            handed_over_at: None,
            executed: Quantity::ZERO,
            cancel: None,
            inquiry: Inquiry::NONE,
            awaited: None,
            replaced_by: None,
            triggered: false,
            deferred_until: Timestamp::EPOCH,
            is_touched: false,
            listed_at: None,
        }
    }

    /// Base quantity asked for; `None` for an order by quote amount.
    pub const fn quantity(&self) -> Option<Quantity> {
        match self.new.quantity {
            OrderQuantity::Base(quantity) => Some(quantity),
            OrderQuantity::Quote(_) => None,
        }
    }

    /// Whether the venue has ever acknowledged it.
    pub const fn is_acknowledged(&self) -> bool {
        self.venue_order.is_some()
    }

    /// When the answer to its submit counts as lost.
    pub fn answer_due_at(&self, policy: &ExecutionPolicy) -> Option<Timestamp> {
        let awaits = self.status == OrderStatus::Submitted;
        self.handed_over_at.filter(|_| awaits).map(|at| policy.answer_due_at(at))
    }

    /// When the answer to its cancel counts as lost.
    pub fn cancel_due_at(&self, policy: &ExecutionPolicy) -> Option<Timestamp> {
        let sent_at = self.cancel.and_then(|cancel| cancel.sent_at);
        sent_at.filter(|_| !self.status.is_final()).map(|at| policy.answer_due_at(at))
    }

    /// When to ask the venue about it.
    pub fn inquiry_due_at(&self, policy: &ExecutionPolicy) -> Option<Due> {
        self.inquiry.due_at(policy).map(|at| self.deferred(at))
    }

    /// When to ask the venue for fills of it.
    pub fn fills_due_at(&self, policy: &ExecutionPolicy) -> Option<Due> {
        let awaited = self.awaited.as_ref()?;
        let at = awaited.asked_at.map_or(awaited.ask_at, |asked_at| policy.answer_due_at(asked_at));
        Some(self.deferred(at))
    }

    fn deferred(&self, wanted_at: Timestamp) -> Due {
        Due { at: wanted_at.max(self.deferred_until), wanted_at }
    }

    /// When there is something to do about it next; while detached there is nobody to ask.
    pub fn due_at(&self, policy: &ExecutionPolicy, is_attached: bool) -> Option<Due> {
        let is_quiet = self.status != OrderStatus::Submitted
            && self.cancel.is_none()
            && self.inquiry.ask_at.is_none()
            && self.awaited.is_none();
        if is_quiet {
            return None;
        }
        let at_once = |at| Due { at, wanted_at: at };
        let answer = self.answer_due_at(policy).map(at_once);
        let due = earlier(answer, self.cancel_due_at(policy).map(at_once));
        if !is_attached || (self.inquiry.ask_at.is_none() && self.awaited.is_none()) {
            return due;
        }
        earlier(due, earlier(self.inquiry_due_at(policy), self.fills_due_at(policy)))
    }
}
