//! Comparing our orders and fills with the venue's: at start, after each reconnect, and, in a
//! light form, every minute. Orders go out only after the full one has ended.
//!
//! The steps: every order that is not final is asked about; then account, open orders and trades
//! are read; what we missed is booked, strays of ours are cancelled, orders of others are counted
//! and left alone, and what another installation of this product has open is told so that trading
//! halts; what the account holds is compared with what was booked. The light form reads
//! the same without closing the way for new orders; after the first one, trades only of instruments
//! on which something of ours happened.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    ClientOrderId, Fill, InstanceId, InstrumentId, OrderId, OrderStatus, Role, Timestamp, TradeId,
};

use super::machine::ExecutionMachine;
use super::messages::{ExecutionEffect, ReconcileSummary};
use super::policy::LEAST_PAUSE;
use super::reads::Read;
use crate::venue::{OrderSnapshot, VenueAction};

/// Where a reconcile is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Phase {
    /// Not connected: reports may be missing.
    #[default]
    Detached,
    /// Answers about single orders are awaited.
    AskingOrders,
    /// Account, open orders and trades are awaited.
    ReadingAccount,
    /// The venue and we agree.
    Live,
    /// The light form is under way; orders go out meanwhile.
    Refreshing,
}

/// The state of the reconcile.
#[derive(Debug, Default)]
pub(super) struct Reconcile {
    phase: Phase,
    pub summary: ReconcileSummary,
    queries: BTreeSet<OrderId>,
    /// The last trade of each instrument up to which all have been read in this run.
    read_to: BTreeMap<InstrumentId, TradeId>,
    /// Instruments on which something of ours happened since the last look.
    active: BTreeSet<InstrumentId>,
    /// The one that was noted last: every step of an order notes it again.
    last_active: Option<InstrumentId>,
    next_at: Option<Timestamp>,
    strangers: Strangers,
}

/// Orders of this product that are none of this ledger's, as they were told.
#[derive(Debug, Default)]
struct Strangers {
    told: BTreeSet<InstanceId>,
    were_left_alone: bool,
}

impl Strangers {
    /// What was not told yet.
    fn news(&mut self, found: &BTreeSet<InstanceId>, left_alone: u32) -> Option<ExecutionEffect> {
        let new: Vec<InstanceId> = found.difference(&self.told).copied().collect();
        let is_news = !new.is_empty() || (left_alone > 0 && !self.were_left_alone);
        self.told.extend(&new);
        self.were_left_alone |= left_alone > 0;
        is_news.then_some(ExecutionEffect::StrangersFound { instances: new, left_alone })
    }
}

impl Reconcile {
    pub const fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Refreshing)
    }

    /// Whether there is anybody to ask.
    pub const fn is_attached(&self) -> bool {
        !matches!(self.phase, Phase::Detached)
    }

    pub fn wake_at(&self) -> Option<Timestamp> {
        self.next_at.filter(|_| matches!(self.phase, Phase::Live))
    }

    /// An order was told of, not found, or ended: nothing more is awaited of it.
    pub fn answered_query(&mut self, id: OrderId) {
        if !self.queries.is_empty() {
            self.queries.remove(&id);
        }
    }

    pub fn note_activity(&mut self, instrument: InstrumentId) {
        if self.last_active != Some(instrument) {
            self.last_active = Some(instrument);
            self.active.insert(instrument);
        }
    }

    pub fn trades_read_to(&self, instrument: InstrumentId) -> Option<TradeId> {
        self.read_to.get(&instrument).copied()
    }
}

impl ExecutionMachine {
    /// Reports come, perhaps again: until we have compared, no order goes out.
    pub(super) fn start_reconcile(&mut self, now: Timestamp, effects: &mut Vec<ExecutionEffect>) {
        if self.is_live() {
            let reason = "connected anew without a word of the end before".to_owned();
            effects.push(ExecutionEffect::Detached { reason });
        }
        self.drop_questions();
        if let Some(balances) = &mut self.balances {
            balances.begin_anew();
        }
        self.reconcile.phase = Phase::AskingOrders;
        self.reconcile.next_at = None;
        let asked: BTreeSet<OrderId> = self
            .working_orders()
            .filter(|(_, status)| *status != OrderStatus::Intended)
            .map(|(id, _)| id)
            .collect();
        for id in &asked {
            let Some(order) = self.order_mut(*id) else { continue };
            order.inquiry.ask_at = Some(now);
            // Sent again if the answer is that the order still works.
            if let Some(cancel) = order.cancel.as_mut() {
                cancel.sent_at = None;
            }
        }
        let orders_queried = u32::try_from(asked.len()).unwrap_or(u32::MAX);
        self.reconcile.summary = ReconcileSummary { orders_queried, ..ReconcileSummary::default() };
        self.reconcile.queries = asked;
        self.touch_all();
        self.list_deadlines();
    }

    pub(super) fn on_disconnected(&mut self, reason: String, effects: &mut Vec<ExecutionEffect>) {
        let was_attached = self.reconcile.is_attached();
        self.drop_questions();
        self.reconcile.phase = Phase::Detached;
        self.touch_all();
        if was_attached {
            effects.push(ExecutionEffect::Detached { reason });
        }
    }

    /// A connection ended: what was asked on it is not awaited any more.
    fn drop_questions(&mut self) {
        self.reads.forget();
        self.unclaimed.forget_questions();
        for order in self.orders.values_mut() {
            order.inquiry.asked_at = None;
            if let Some(awaited) = &mut order.awaited {
                awaited.asked_at = None;
            }
        }
    }

    /// Goes on once everything asked in a phase is answered.
    pub(super) fn continue_reconcile(
        &mut self,
        now: Timestamp,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        match self.reconcile.phase {
            Phase::AskingOrders if self.reconcile.queries.is_empty() => {
                self.reconcile.phase = Phase::ReadingAccount;
                let all = self.instruments.iter().map(|instrument| instrument.id);
                let all: BTreeSet<InstrumentId> = all.collect();
                // Reads may lag: the first light look reads it all once more.
                self.reconcile.active.clone_from(&all);
                self.read_everything(now, all);
            }
            Phase::ReadingAccount if self.reads.is_idle() && self.is_booked() => {
                self.end_reconcile(now, effects);
            }
            Phase::Live if self.reconcile.next_at.is_some_and(|at| at <= now) => {
                self.reconcile.phase = Phase::Refreshing;
                self.reconcile.summary = ReconcileSummary::default();
                let working = self.working.iter().filter_map(|id| self.orders.get(id));
                let working: Vec<InstrumentId> = working.map(|o| o.new.instrument).collect();
                let mut active = std::mem::take(&mut self.reconcile.active);
                self.reconcile.last_active = None;
                active.extend(working);
                self.read_everything(now, active);
            }
            Phase::Refreshing if self.reads.is_idle() => self.end_reconcile(now, effects),
            Phase::Detached
            | Phase::AskingOrders
            | Phase::ReadingAccount
            | Phase::Live
            | Phase::Refreshing => {}
        }
    }

    fn end_reconcile(&mut self, now: Timestamp, effects: &mut Vec<ExecutionEffect>) {
        self.reconcile.phase = Phase::Live;
        let mut pause = self.policy.reconcile_every;
        let is_booked = self.is_booked();
        if let Some(balances) = &mut self.balances {
            if is_booked {
                let differing = balances.end_look(now).into_iter();
                effects.extend(differing.map(ExecutionEffect::BalanceDiffers));
            }
            if let Some(soon) = balances.pause(self.policy.read_spacing.max(LEAST_PAUSE)) {
                pause = pause.min(soon);
                // It may have been traded by hand where nothing of ours happened.
                self.reconcile.active.extend(self.instruments.iter().map(|known| known.id));
            }
        }
        self.reconcile.next_at = Some(now.after(pause));
        let summary = self.reconcile.summary;
        effects.push(ExecutionEffect::Reconciled { summary });
    }

    fn read_everything(&mut self, now: Timestamp, instruments: BTreeSet<InstrumentId>) {
        self.want_read(now, Read::Account);
        self.want_read(now, Read::OpenOrders);
        for instrument in instruments {
            self.want_read(now, Read::Trades(instrument));
        }
    }

    /// Whether every fill that is known of is booked: only then can a balance be judged.
    fn is_booked(&self) -> bool {
        self.unclaimed.is_empty() && !self.awaits_fills()
    }

    /// Whether fills that the venue counts are still to come. Once their instrument is halted the
    /// others need not wait.
    fn awaits_fills(&self) -> bool {
        let mut awaiting = self.orders.values().filter(|order| order.awaited.is_some());
        awaiting.any(|order| !self.halted.contains(&order.new.instrument))
    }

    pub(super) fn on_trades_read(
        &mut self,
        now: Timestamp,
        instrument: InstrumentId,
        fills: &[Fill],
        more: bool,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        for fill in fills {
            let read_to = self.reconcile.read_to.entry(instrument).or_insert(fill.key.trade);
            *read_to = (*read_to).max(fill.key.trade);
            self.on_unnamed_fill(now, *fill, effects);
        }
        if let Some(last) = fills.last().filter(|_| more) {
            self.read_next_page(now, instrument, last.key.trade, effects);
        } else if let Some(asked_at) = self.reads.answered(Read::Trades(instrument)) {
            self.on_trades_proof(now, asked_at, instrument, effects);
        }
    }

    pub(super) fn on_open_orders_read(
        &mut self,
        now: Timestamp,
        open: &[OrderSnapshot],
        elsewhere: &[ClientOrderId],
        effects: &mut Vec<ExecutionEffect>,
    ) {
        let asked_at = self.reads.answered(Read::OpenOrders);
        let summary = &mut self.reconcile.summary;
        (summary.strays_cancelled, summary.strays_left) = (0, 0);
        (summary.foreign_orders, summary.other_instances) = (0, 0);
        let mut others = BTreeSet::new();
        for snapshot in open {
            if self.named(&snapshot.client_order_id).is_some() {
                self.on_snapshot(now, snapshot, effects);
            } else {
                others.extend(self.on_stray(snapshot, effects));
            }
        }
        others.extend(elsewhere.iter().filter_map(|name| self.on_order_elsewhere(name)));
        let left_alone = self.reconcile.summary.strays_left;
        effects.extend(self.reconcile.strangers.news(&others, left_alone));
        let names: BTreeSet<ClientOrderId> = open.iter().map(|o| o.client_order_id).collect();
        self.ask_about_missing(now, &names);
        if let Some(asked_at) = asked_at {
            let is_open = |order: &super::order::Order| names.contains(&order.client_order_id);
            self.on_open_orders_proof(now, asked_at, is_open, effects);
        }
    }

    /// An order that we think works and the venue does not list may have ended unheard.
    fn ask_about_missing(&mut self, now: Timestamp, open: &BTreeSet<ClientOrderId>) {
        let is_missing = |order: &&super::order::Order| {
            order.is_acknowledged()
                && order.inquiry.ask_at.is_none()
                && order.awaited.is_none()
                && !open.contains(&order.client_order_id)
        };
        let missing: Vec<OrderId> = self
            .working
            .iter()
            .filter_map(|id| self.orders.get(id))
            .filter(is_missing)
            .map(|order| order.id)
            .collect();
        for id in missing {
            if let Some(order) = self.order_mut(id) {
                order.inquiry.ask_at = Some(now);
            }
        }
    }

    /// An open order on a symbol that this ledger does not know: nothing of it can be taken back here,
    /// but whose it is counts as on any other. Gives the installation that it is of, if that is
    /// another.
    fn on_order_elsewhere(&mut self, name: &ClientOrderId) -> Option<InstanceId> {
        let summary = &mut self.reconcile.summary;
        match OrderId::from_client_order_id(name) {
            Ok((instance, ..)) if instance == self.identity.instance => {
                summary.strays_left += 1;
                None
            }
            Ok((instance, ..)) => {
                summary.other_instances += 1;
                Some(instance)
            }
            Err(_) => {
                summary.foreign_orders += 1;
                None
            }
        }
    }

    /// An open order that the journal does not know: cancelled if it is ours, else left alone. Gives
    /// the installation that it is of, if that is another.
    ///
    /// Epochs are on the disk before any order of theirs: an order of an epoch from before this
    /// ledger belongs to one that was lost or left behind. What protects or closes a position of
    /// that one is for an operator to take back.
    fn on_stray(
        &mut self,
        snapshot: &OrderSnapshot,
        effects: &mut Vec<ExecutionEffect>,
    ) -> Option<InstanceId> {
        let summary = &mut self.reconcile.summary;
        let Ok((instance, order, role)) = OrderId::from_client_order_id(&snapshot.client_order_id)
        else {
            summary.foreign_orders += 1;
            return None;
        };
        if instance != self.identity.instance {
            summary.other_instances += 1;
            return Some(instance);
        }
        let is_older = i64::from(order.epoch) < self.identity.opened_at.as_secs();
        if role != Role::Entry && is_older {
            summary.strays_left += 1;
            return None;
        }
        summary.strays_cancelled += 1;
        let instrument = snapshot.instrument;
        let client_order_id = snapshot.client_order_id;
        Self::command(VenueAction::Cancel { instrument, client_order_id }, effects);
        None
    }
}
