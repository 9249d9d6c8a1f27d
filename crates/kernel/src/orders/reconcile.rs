//! Comparing our orders and fills with the venue's: at start, after each reconnect, and every
//! minute. Orders go out only after it has ended.
//!
//! The steps: every order that is not final is asked about; then account, open orders and the
//! trades of each concerned instrument are read; what we missed is booked, strays of ours are
//! cancelled, orders of others are counted and left alone.

use std::collections::{BTreeMap, BTreeSet};

use model::{ClientOrderId, Fill, InstrumentId, OrderId, OrderStatus, Timestamp, TradeId};

use super::command::VenueCommand;
use super::machine::{ExecutionEffect, ExecutionMachine, ReconcileSummary};
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
}

/// The state of the reconcile.
#[derive(Debug, Default)]
pub(super) struct Reconcile {
    phase: Phase,
    pub summary: ReconcileSummary,
    queries: BTreeSet<ClientOrderId>,
    account_awaited: bool,
    open_orders_awaited: bool,
    trades_awaited: BTreeSet<InstrumentId>,
    /// The last trade seen of each instrument: reading goes on after it.
    pub last_trades: BTreeMap<InstrumentId, TradeId>,
    next_at: Option<Timestamp>,
}

impl Reconcile {
    pub const fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live)
    }

    pub fn wake_at(&self) -> Option<Timestamp> {
        self.next_at
    }

    pub fn answered_query(&mut self, client_order_id: &ClientOrderId) {
        self.queries.remove(client_order_id);
    }
}

impl ExecutionMachine {
    /// The last trade that the ledger knows of an instrument, as restored at start.
    pub fn set_last_trade(&mut self, instrument: InstrumentId, trade: TradeId) {
        self.reconcile.last_trades.insert(instrument, trade);
    }

    pub(super) fn start_reconcile(&mut self, now: Timestamp, effects: &mut Vec<ExecutionEffect>) {
        self.reconcile.phase = Phase::AskingOrders;
        self.reconcile.summary = ReconcileSummary::default();
        self.reconcile.queries.clear();
        self.reconcile.next_at = Some(now.after(self.policy.reconcile_every));
        let asked: Vec<OrderId> = self
            .working_orders()
            .filter(|(_, status)| *status != OrderStatus::Intended)
            .map(|(id, _)| id)
            .collect();
        for id in asked {
            let Some(order) = self.orders.get_mut(&id) else { continue };
            order.inquiry.ask_at = Some(now.after(self.policy.query_spacing));
            let instrument = order.intent.new.instrument;
            let client_order_id = order.intent.client_order_id;
            self.reconcile.queries.insert(client_order_id);
            self.reconcile.summary.orders_queried += 1;
            Self::command(VenueAction::QueryOrder { instrument, client_order_id }, effects);
        }
        self.continue_reconcile(now, effects);
    }

    pub(super) fn on_disconnected(&mut self, reason: String, effects: &mut Vec<ExecutionEffect>) {
        self.reconcile.phase = Phase::Detached;
        self.reconcile.next_at = None;
        effects.push(ExecutionEffect::Detached { reason });
    }

    /// Every minute, while live.
    pub(super) fn reconcile_if_due(&mut self, now: Timestamp, effects: &mut Vec<ExecutionEffect>) {
        if self.is_live() && self.reconcile.next_at.is_some_and(|at| at <= now) {
            self.refresh(now, effects);
        }
    }

    /// The light form: the same reads, without closing the way for new orders meanwhile.
    fn refresh(&mut self, now: Timestamp, effects: &mut Vec<ExecutionEffect>) {
        self.reconcile.next_at = Some(now.after(self.policy.reconcile_every));
        self.reconcile.summary = ReconcileSummary::default();
        Self::command(VenueAction::ReadAccount, effects);
        Self::command(VenueAction::ReadOpenOrders, effects);
    }

    /// Goes to the next phase once everything asked in this one is answered.
    pub(super) fn continue_reconcile(
        &mut self,
        now: Timestamp,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        match self.reconcile.phase {
            Phase::AskingOrders if self.reconcile.queries.is_empty() => {
                self.read_account(effects);
            }
            Phase::ReadingAccount if self.nothing_awaited() => {
                self.reconcile.phase = Phase::Live;
                self.reconcile.next_at = Some(now.after(self.policy.reconcile_every));
                let summary = self.reconcile.summary;
                effects.push(ExecutionEffect::Reconciled { summary });
            }
            Phase::Detached | Phase::AskingOrders | Phase::ReadingAccount | Phase::Live => {}
        }
    }

    fn nothing_awaited(&self) -> bool {
        let reconcile = &self.reconcile;
        !reconcile.account_awaited
            && !reconcile.open_orders_awaited
            && reconcile.trades_awaited.is_empty()
    }

    fn read_account(&mut self, effects: &mut Vec<ExecutionEffect>) {
        self.reconcile.phase = Phase::ReadingAccount;
        self.reconcile.account_awaited = true;
        self.reconcile.open_orders_awaited = true;
        Self::command(VenueAction::ReadAccount, effects);
        Self::command(VenueAction::ReadOpenOrders, effects);
        let instruments: Vec<InstrumentId> =
            self.instruments.iter().map(|instrument| instrument.id).collect();
        for instrument in instruments {
            self.reconcile.trades_awaited.insert(instrument);
            self.read_trades(instrument, effects);
        }
    }

    fn read_trades(&self, instrument: InstrumentId, effects: &mut Vec<ExecutionEffect>) {
        let last = self.reconcile.last_trades.get(&instrument);
        let from = last.map(|trade| TradeId(trade.0 + 1));
        Self::command(VenueAction::ReadTrades { instrument, from }, effects);
    }

    pub(super) fn on_account_read(&mut self, now: Timestamp, effects: &mut Vec<ExecutionEffect>) {
        self.reconcile.account_awaited = false;
        self.continue_reconcile(now, effects);
    }

    pub(super) fn on_trades_read(
        &mut self,
        now: Timestamp,
        instrument: InstrumentId,
        fills: Vec<Fill>,
        more: bool,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        for fill in fills {
            let last = self.reconcile.last_trades.entry(instrument).or_insert(fill.key.trade);
            *last = (*last).max(fill.key.trade);
            if self.on_fill(now, None, fill, effects) {
                self.reconcile.summary.fills_adopted += 1;
            }
        }
        if more {
            self.read_trades(instrument, effects);
            return;
        }
        self.reconcile.trades_awaited.remove(&instrument);
        // A fill of the order would have made its number known, and the order acknowledged.
        self.prove_absence(
            now,
            |order| order.inquiry.no_trades |= order.intent.new.instrument == instrument,
            effects,
        );
        self.continue_reconcile(now, effects);
    }

    pub(super) fn on_open_orders_read(
        &mut self,
        now: Timestamp,
        open: &[OrderSnapshot],
        effects: &mut Vec<ExecutionEffect>,
    ) {
        for snapshot in open {
            if self.by_client_id.contains_key(&snapshot.client_order_id) {
                self.on_snapshot(now, snapshot, effects);
            } else {
                self.on_stray(snapshot, effects);
            }
        }
        let names: BTreeSet<ClientOrderId> = open.iter().map(|o| o.client_order_id).collect();
        self.ask_about_missing(now, &names, effects);
        let is_open = |order: &super::order::Order| names.contains(&order.intent.client_order_id);
        self.prove_absence(now, |order| order.inquiry.not_open = !is_open(order), effects);
        self.reconcile.open_orders_awaited = false;
        self.continue_reconcile(now, effects);
    }

    /// An order that we think works and the venue does not list may have ended unheard.
    fn ask_about_missing(
        &mut self,
        now: Timestamp,
        open: &BTreeSet<ClientOrderId>,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        for id in &self.working {
            let Some(order) = self.orders.get_mut(id) else { continue };
            let listed = open.contains(&order.intent.client_order_id);
            if order.is_acknowledged() && !listed && order.inquiry.ask_at.is_none() {
                order.inquiry.ask_at = Some(now);
            }
        }
        self.ask_due(now, effects);
    }

    /// An open order that the journal does not know: cancelled if it is ours, else left alone.
    fn on_stray(&mut self, snapshot: &OrderSnapshot, effects: &mut Vec<ExecutionEffect>) {
        match OrderId::from_client_order_id(&snapshot.client_order_id) {
            Ok((instance, _, _)) if instance == self.identity.instance => {
                self.reconcile.summary.strays_cancelled += 1;
                let action = VenueAction::Cancel {
                    instrument: snapshot.instrument,
                    client_order_id: snapshot.client_order_id,
                };
                effects.push(ExecutionEffect::Command(VenueCommand::new(action)));
            }
            Ok(_) => self.reconcile.summary.other_instances += 1,
            Err(_) => self.reconcile.summary.foreign_orders += 1,
        }
    }

    /// A read that failed is asked again; questions about single orders repeat by themselves.
    pub(super) fn on_read_failed(
        &mut self,
        now: Timestamp,
        action: &VenueAction,
        effects: &mut Vec<ExecutionEffect>,
    ) {
        match action {
            VenueAction::ReadAccount | VenueAction::ReadOpenOrders
                if self.reconcile.phase == Phase::ReadingAccount =>
            {
                Self::command(action.clone(), effects);
            }
            VenueAction::ReadTrades { instrument, .. }
                if self.reconcile.trades_awaited.contains(instrument) =>
            {
                Self::command(action.clone(), effects);
            }
            VenueAction::QueryOrder { client_order_id, .. } => {
                if let Some(id) = self.by_client_id.get(client_order_id)
                    && let Some(order) = self.orders.get_mut(id)
                    && !order.status.is_final()
                {
                    order.inquiry.ask_at = Some(now.after(self.policy.query_spacing));
                }
            }
            VenueAction::ReadAccount
            | VenueAction::ReadOpenOrders
            | VenueAction::ReadTrades { .. }
            | VenueAction::QueryVenueOrder { .. }
            | VenueAction::ReadOrderTrades { .. }
            | VenueAction::Submit { .. }
            | VenueAction::Cancel { .. } => {}
        }
    }
}
