//! Reads of the whole: account, open orders, trades of an instrument. Of each kind at most one is
//! under way, spaced in time, and tried again when it fails: many reasons to read become one
//! read, and a venue that fails at once meets no loop.

use std::collections::BTreeMap;

use model::{InstrumentId, Timestamp, TradeId};

use super::machine::ExecutionMachine;
use super::messages::ExecutionEffect;
use super::policy::ExecutionPolicy;
use crate::venue::VenueAction;

/// What can be read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Read {
    /// Balances.
    Account,
    /// Every open order of the account.
    OpenOrders,
    /// The account's trades of an instrument.
    Trades(InstrumentId),
}

/// Where the reading of one kind stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct State {
    /// When to read next, if wanted.
    due_at: Option<Timestamp>,
    /// When the read under way began: what it says is as of then, or later.
    asked_at: Option<Timestamp>,
    /// When its last page was asked for.
    sent_at: Option<Timestamp>,
    /// No read before this.
    not_before: Timestamp,
    /// Where its page of trades begins.
    from: Option<TradeId>,
}

impl State {
    fn wake_at(&self, policy: &ExecutionPolicy) -> Option<Timestamp> {
        match self.sent_at {
            Some(sent_at) => Some(policy.answer_due_at(sent_at)),
            None => self.due_at.map(|at| at.max(self.not_before)),
        }
    }
}

/// The state of all reads.
#[derive(Debug)]
pub(super) struct Reads {
    states: BTreeMap<Read, State>,
    /// Whether nothing is wanted or under way: asked after every step.
    is_idle: bool,
}

impl Default for Reads {
    fn default() -> Self {
        Self { states: BTreeMap::new(), is_idle: true }
    }
}

impl Reads {
    fn want(&mut self, now: Timestamp, read: Read) {
        self.is_idle = false;
        let state = self.states.entry(read).or_default();
        state.due_at = Some(state.due_at.map_or(now, |at| at.min(now)));
    }

    /// Whether nothing is wanted or under way.
    pub const fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// A read was answered. Tells when it was asked for; `None` if it was not.
    pub fn answered(&mut self, read: Read) -> Option<Timestamp> {
        let state = self.states.get_mut(&read)?;
        state.sent_at = None;
        let asked_at = state.asked_at.take();
        let is_over = |state: &State| state.due_at.is_none() && state.sent_at.is_none();
        self.is_idle = self.states.values().all(is_over);
        asked_at
    }

    fn failed(&mut self, now: Timestamp, read: Read) {
        if let Some(state) = self.states.get_mut(&read).filter(|state| state.sent_at.is_some()) {
            state.sent_at = None;
            state.asked_at = None;
            state.due_at = Some(now);
        }
    }

    /// What was asked before will not be answered, and is not wanted any more.
    pub fn forget(&mut self) {
        self.states.clear();
        self.is_idle = true;
    }

    pub fn wake_at(&self, policy: &ExecutionPolicy) -> Option<Timestamp> {
        if self.is_idle {
            return None;
        }
        self.states.values().filter_map(|state| state.wake_at(policy)).min()
    }
}

impl ExecutionMachine {
    /// Reads as soon as the spacing allows. A read that is under way already does not count: it
    /// may tell an older state.
    pub(super) fn want_read(&mut self, now: Timestamp, read: Read) {
        self.reads.want(now, read);
    }

    /// Begins the reads that are due, and gives up those without an answer.
    pub(super) fn tend_reads(&mut self, now: Timestamp, effects: &mut Vec<ExecutionEffect>) {
        if self.reads.is_idle() {
            return;
        }
        let policy = self.policy;
        let due: Vec<Read> = self
            .reads
            .states
            .iter()
            .filter(|(_, state)| state.wake_at(&policy).is_some_and(|at| at <= now))
            .map(|(read, _)| *read)
            .collect();
        for read in due {
            let from = self.first_trade_wanted(read);
            let Some(state) = self.reads.states.get_mut(&read) else { continue };
            *state = State {
                due_at: None,
                asked_at: Some(now),
                sent_at: Some(now),
                not_before: policy.next_read_at(now),
                from,
            };
            Self::command(action_of(read, from), effects);
        }
    }

    /// Where a read of trades begins. What was read to the end before need not be read again, but
    /// for the newest few. What reports told says nothing: trades before it may have been missed.
    fn first_trade_wanted(&self, read: Read) -> Option<TradeId> {
        let Read::Trades(instrument) = read else { return None };
        let known = self.known_fills.get(&instrument);
        let overlap = known.and_then(|keys| keys.nth_newest(self.policy.trades_reread));
        let read_to = self.reconcile.trades_read_to(instrument);
        match (overlap, read_to) {
            (Some(overlap), Some(read_to)) => Some(overlap.min(read_to)),
            (one, other) => one.or(other),
        }
    }

    /// The next page of a read of trades, from the last trade of the page before: with a
    /// self-trade two fills share a number, and the page may end between them.
    pub(super) fn read_next_page(
        &mut self,
        now: Timestamp,
        instrument: InstrumentId,
        last: TradeId,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let read = Read::Trades(instrument);
        let Some(state) = self.reads.states.get_mut(&read).filter(|state| state.sent_at.is_some())
        else {
            return;
        };
        let from = if state.from == Some(last) { TradeId(last.0 + 1) } else { last };
        (state.from, state.sent_at) = (Some(from), Some(now));
        Self::command(action_of(read, Some(from)), effects);
    }

    /// A read failed: asked again later.
    pub(super) fn on_read_failed(&mut self, now: Timestamp, action: &VenueAction) {
        match action {
            VenueAction::ReadAccount => self.reads.failed(now, Read::Account),
            VenueAction::ReadOpenOrders => self.reads.failed(now, Read::OpenOrders),
            VenueAction::ReadTrades { instrument, from: _ } => {
                self.reads.failed(now, Read::Trades(*instrument));
            }
            VenueAction::QueryOrder { client_order_id, instrument: _ } => {
                if let Some(id) = self.named(client_order_id) {
                    self.on_query_failed(now, id);
                }
            }
            VenueAction::QueryVenueOrder { instrument, venue_order } => {
                let ask_at = self.policy.next_query_at(now);
                self.unclaimed.failed((*instrument, *venue_order), ask_at);
            }
            VenueAction::ReadOrderTrades { venue_order, instrument: _ } => {
                self.on_order_trades_failed(now, *venue_order);
            }
            VenueAction::Submit { .. }
            | VenueAction::SubmitPair(_)
            | VenueAction::CancelReplace { .. }
            | VenueAction::Cancel { .. } => {}
        }
    }
}

const fn action_of(read: Read, from: Option<TradeId>) -> VenueAction {
    match read {
        Read::Account => VenueAction::ReadAccount,
        Read::OpenOrders => VenueAction::ReadOpenOrders,
        Read::Trades(instrument) => VenueAction::ReadTrades { instrument, from },
    }
}
