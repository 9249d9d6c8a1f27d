//! Commands on their way out: which call, which way, and whether there is room in the limits.

use kernel::venue::{VenueAction, VenueEffect, VenueEvent};
use kernel::wire::{ConnectionId, Moment, RequestId, WireEffect};
use model::{InstrumentId, Timestamp};

use super::links::Stage;
use super::{BinanceVenue, Pending, Purpose, Way, places_orders, tell, wire};
use crate::encode::{
    Call, OrderName, RestAuth, SubmitOptions, WsAuth, rest_request, ws_api_request,
};
use crate::limits::{Permit, Priority};

/// Most rows of an answer about trades: the venue's own bound.
pub(super) const MAX_TRADES: u32 = 1_000;

impl BinanceVenue {
    /// Carries out a command now, or keeps it until there is room.
    pub(super) fn carry_out(
        &mut self,
        now: Moment,
        action: &VenueAction,
        effects: &mut Vec<VenueEffect>,
    ) {
        let call = self.call(action);
        let orders = call.orders_placed();
        match self.limits.request(self.venue_now(now), call.weight, orders, priority(action)) {
            Permit::Allowed => self.send(now, action, &call, effects),
            Permit::WaitUntil(until) => self.keep(now, action, until, effects),
        }
    }

    /// An order that can't go now is not sent at all: its price will not be better for waiting.
    /// Everything else waits.
    fn keep(
        &mut self,
        now: Moment,
        action: &VenueAction,
        until: Timestamp,
        effects: &mut Vec<VenueEffect>,
    ) {
        if places_orders(action) {
            tell_not_sent(action, &format!("rate limit: no room until {until}"), effects);
            return;
        }
        if self.waiting.contains(action) {
            return;
        }
        if self.waiting.len() >= self.policy.waiting_bound {
            self.fail(now, action, "too many commands wait for the rate limit", effects);
            return;
        }
        match priority(action) {
            Priority::Cancel => self.waiting.push_front(action.clone()),
            Priority::Trading | Priority::Background => self.waiting.push_back(action.clone()),
        }
        self.retry_waiting_at = Some(now.wall.after(self.policy.waiting_retry));
    }

    /// Sends what waited and has room now; cancels first.
    pub(super) fn send_waiting(&mut self, now: Moment, effects: &mut Vec<VenueEffect>) {
        if self.retry_waiting_at.is_none_or(|at| at > now.wall) {
            return;
        }
        self.retry_waiting_at = None;
        while let Some(action) = self.waiting.pop_front() {
            let call = self.call(&action);
            match self.limits.request(self.venue_now(now), call.weight, 0, priority(&action)) {
                Permit::Allowed => self.send(now, &action, &call, effects),
                Permit::WaitUntil(_) => {
                    self.waiting.push_front(action);
                    self.retry_waiting_at = Some(now.wall.after(self.policy.waiting_retry));
                    return;
                }
            }
        }
    }

    fn options(&self, instrument: InstrumentId) -> SubmitOptions {
        SubmitOptions {
            self_trade_prevention: self.preventions[usize::from(instrument.0)],
            response: self.policy.response,
        }
    }

    fn call(&self, action: &VenueAction) -> Call {
        let symbol = |instrument| self.symbol(instrument);
        match action {
            VenueAction::Submit { client_order_id, new } => {
                let instrument = self.instruments.get(new.instrument);
                Call::submit(instrument, new, client_order_id, self.options(new.instrument))
            }
            VenueAction::SubmitPair(pair) => {
                let instrument = self.instruments.get(pair.stop.new.instrument);
                Call::submit_pair(instrument, pair, self.options(instrument.id))
            }
            VenueAction::CancelReplace { old, client_order_id, new } => {
                let instrument = self.instruments.get(new.instrument);
                let options = self.options(new.instrument);
                Call::cancel_replace(instrument, old, new, client_order_id, options)
            }
            VenueAction::Cancel { instrument, client_order_id } => {
                let order = OrderName::Client(client_order_id.as_str());
                Call::cancel(symbol(*instrument).as_str(), order)
            }
            VenueAction::QueryOrder { instrument, client_order_id } => {
                let order = OrderName::Client(client_order_id.as_str());
                Call::query_order(symbol(*instrument).as_str(), order)
            }
            VenueAction::QueryVenueOrder { instrument, venue_order } => {
                let order = OrderName::Venue(venue_order.0);
                Call::query_order(symbol(*instrument).as_str(), order)
            }
            VenueAction::ReadAccount => Call::account(),
            VenueAction::ReadOpenOrders => Call::open_orders(None),
            VenueAction::ReadTrades { instrument, from } => {
                let from = from.map(|trade| trade.0);
                Call::my_trades(symbol(*instrument).as_str(), from, MAX_TRADES)
            }
            VenueAction::ReadOrderTrades { instrument, venue_order } => {
                let read = self.order_pages.get(&(*instrument, *venue_order));
                let last = read.and_then(|fills| fills.last_key_value()).map(|(trade, _)| trade.0);
                let from = last.map_or(0, |last| last + 1);
                Call::order_trades(symbol(*instrument).as_str(), venue_order.0, from, MAX_TRADES)
            }
        }
    }

    /// On the active connection, else over REST.
    fn send(
        &mut self,
        now: Moment,
        action: &VenueAction,
        call: &Call,
        effects: &mut Vec<VenueEffect>,
    ) {
        let purpose = Purpose::Command { action: action.clone(), signed_at: now.venue };
        match self.links.active {
            Some(connection) => self.send_on(now, connection, call, purpose, effects),
            None => self.send_over_http(now, call, purpose, effects),
        }
    }

    pub(super) fn send_on(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        call: &Call,
        purpose: Purpose,
        effects: &mut Vec<VenueEffect>,
    ) {
        let number = self.next_number();
        let timestamp = self.venue_now(now);
        let recv_window = self.policy.recv_window;
        let link = self.links.all.get(&connection);
        let auth = if link.is_some_and(|link| link.is_logged_on) {
            WsAuth::Session { timestamp, recv_window }
        } else {
            WsAuth::Signed { credentials: &self.credentials, timestamp, recv_window }
        };
        let id = i64::try_from(number).expect("a process sends fewer than 2^63 requests");
        let text = ws_api_request(id, call, auth);
        self.expect(now, number, Way::Socket(connection), purpose);
        wire(WireEffect::Send { connection, tag: number, text }, effects);
    }

    /// Nobody tells when the bytes of an HTTP request leave, so a submit counts as sent at once.
    pub(super) fn send_over_http(
        &mut self,
        now: Moment,
        call: &Call,
        purpose: Purpose,
        effects: &mut Vec<VenueEffect>,
    ) {
        let number = self.next_number();
        let auth = RestAuth {
            credentials: &self.credentials,
            timestamp: self.venue_now(now),
            recv_window: self.policy.recv_window,
        };
        let timeout = self.policy.answer_timeout;
        let http = rest_request(&self.urls.rest_url, call, Some(auth), timeout);
        self.expect(now, number, Way::Http, purpose);
        wire(WireEffect::Request { request: RequestId(number), http }, effects);
        self.on_sent(number, effects);
    }

    fn expect(&mut self, now: Moment, number: u64, way: Way, purpose: Purpose) {
        let due_at = now.wall.after(self.policy.answer_timeout);
        let pending = Pending { way, purpose, is_sent: false, due_at, is_late: false };
        self.pending.insert(number, pending);
    }

    /// The bytes were handed over: for a submit, the fence counts from its signature.
    pub(super) fn on_sent(&mut self, number: u64, effects: &mut Vec<VenueEffect>) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        if pending.is_sent {
            return;
        }
        pending.is_sent = true;
        if let Purpose::Command { action, signed_at } = &pending.purpose {
            for client_order_id in action.placed() {
                tell(VenueEvent::Sent { client_order_id, signed_at: *signed_at }, effects);
            }
        }
    }

    /// A request failed without an answer.
    pub(super) fn on_failed(
        &mut self,
        now: Moment,
        number: u64,
        may_have_left: bool,
        reason: &str,
        effects: &mut Vec<VenueEffect>,
    ) {
        if may_have_left {
            // Told before the outcome, so that the fence has a beginning.
            self.on_sent(number, effects);
        }
        let Some(pending) = self.pending.remove(&number) else { return };
        match (pending.purpose, pending.way) {
            (Purpose::Command { action, signed_at: _ }, way) if !may_have_left => {
                self.on_not_sent(now, &action, way, reason, effects);
            }
            (Purpose::Command { .. }, _) if pending.is_late => {}
            (Purpose::Command { action, .. }, _) => self.fail(now, &action, reason, effects),
            (Purpose::Clock { .. } | Purpose::LogOn | Purpose::Subscribe, way) => {
                if let Way::Socket(connection) = way {
                    self.give_up(now, connection, reason, effects);
                }
            }
        }
    }

    /// No byte left. A submit is given back; what may be repeated goes round by REST.
    fn on_not_sent(
        &mut self,
        now: Moment,
        action: &VenueAction,
        way: Way,
        reason: &str,
        effects: &mut Vec<VenueEffect>,
    ) {
        if places_orders(action) {
            tell_not_sent(action, reason, effects);
            return;
        }
        match way {
            Way::Socket(_) => {
                let call = self.call(action);
                let purpose = Purpose::Command { action: action.clone(), signed_at: now.venue };
                self.send_over_http(now, &call, purpose, effects);
            }
            Way::Http => self.fail(now, action, reason, effects),
        }
    }

    /// A command whose outcome is not known. Reads are told a little later.
    pub(super) fn fail(
        &mut self,
        now: Moment,
        action: &VenueAction,
        reason: &str,
        effects: &mut Vec<VenueEffect>,
    ) {
        let reason = reason.to_owned();
        if let VenueAction::ReadOrderTrades { instrument, venue_order } = action {
            self.order_pages.remove(&(*instrument, *venue_order));
        }
        match action {
            VenueAction::Submit { .. }
            | VenueAction::SubmitPair(_)
            | VenueAction::CancelReplace { .. } => {
                for client_order_id in action.placed() {
                    let reason = reason.clone();
                    tell(VenueEvent::SubmitUnknown { client_order_id, reason }, effects);
                }
                if let VenueAction::CancelReplace { old: client_order_id, .. } = *action {
                    tell(VenueEvent::CancelUnknown { client_order_id, reason }, effects);
                }
            }
            VenueAction::Cancel { client_order_id, .. } => {
                let client_order_id = *client_order_id;
                tell(VenueEvent::CancelUnknown { client_order_id, reason }, effects);
            }
            VenueAction::QueryOrder { .. }
            | VenueAction::QueryVenueOrder { .. }
            | VenueAction::ReadAccount
            | VenueAction::ReadOpenOrders
            | VenueAction::ReadTrades { .. }
            | VenueAction::ReadOrderTrades { .. } => {
                let at = now.wall.after(self.policy.read_retry);
                let action = action.clone();
                self.failed_reads.push((at, VenueEvent::ReadFailed { action, reason }));
            }
        }
    }

    /// Answers that did not come in time are told as lost, and forgotten a while later.
    pub(super) fn expire_answers(&mut self, now: Moment, effects: &mut Vec<VenueEffect>) {
        let mut lost = Vec::new();
        let mut forgotten = Vec::new();
        let kept = self.policy.late_answer_kept;
        for (number, pending) in &mut self.pending {
            if pending.due_at > now.wall {
                continue;
            }
            if pending.is_late {
                forgotten.push(*number);
            } else {
                pending.is_late = true;
                pending.due_at = now.wall.after(kept);
                lost.push(*number);
            }
        }
        for number in forgotten {
            self.pending.remove(&number);
        }
        for number in lost {
            self.on_sent(number, effects);
            let Some(pending) = self.pending.get(&number) else { continue };
            if let Purpose::Command { action, .. } = pending.purpose.clone() {
                self.fail(now, &action, "no answer in time", effects);
            }
        }
        self.retire_idle(effects);
    }

    /// Whether a connection carries reports.
    pub(super) fn is_ready(&self, connection: ConnectionId) -> bool {
        self.links.all.get(&connection).is_some_and(|link| match link.stage {
            Stage::Ready | Stage::Overlapping { .. } | Stage::Retiring { .. } => true,
            Stage::Opening | Stage::Timing { .. } | Stage::LoggingOn | Stage::Subscribing => false,
        })
    }
}

/// No byte of a command left that places orders: none of them is anywhere.
fn tell_not_sent(action: &VenueAction, reason: &str, effects: &mut Vec<VenueEffect>) {
    for client_order_id in action.placed() {
        let reason = reason.to_owned();
        tell(VenueEvent::NotSent { client_order_id, reason }, effects);
    }
}

const fn priority(action: &VenueAction) -> Priority {
    match action {
        VenueAction::Cancel { .. } => Priority::Cancel,
        VenueAction::Submit { .. }
        | VenueAction::SubmitPair(_)
        | VenueAction::CancelReplace { .. }
        | VenueAction::QueryOrder { .. }
        | VenueAction::QueryVenueOrder { .. }
        | VenueAction::ReadOrderTrades { .. }
        | VenueAction::ReadAccount
        | VenueAction::ReadOpenOrders
        | VenueAction::ReadTrades { .. } => Priority::Trading,
    }
}
