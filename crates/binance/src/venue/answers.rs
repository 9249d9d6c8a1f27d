//! What comes back: answers to our requests, on sockets and over HTTP, and events of the account.

use std::time::Duration;

use kernel::venue::{Balance, Impediment, OrderSnapshot, VenueAction, VenueEffect, VenueEvent};
use kernel::wire::{ConnectionId, HttpAnswer, Moment};
use model::{
    Asset, ClientOrderId, Fill, InstrumentId, NewOrder, RejectReason, Timestamp, VenueOrderId,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::calls::MAX_TRADES;
use super::reports::{client_order_id, order_fills, snapshot_of_reply, snapshot_of_report};
use super::{BinanceVenue, Pending, Purpose, tell};
use crate::classify::{Intent, Outcome, classify};
use crate::decode::{
    Account, ApiError, CancelReplaceReply, CanceledReply, DecodeError, LegReply, MyTrade,
    OrderListReply, OrderReply, RequestId, ServerTime, UserEvent, WsApiEvent, WsApiFrame,
    WsApiResponse, decode_ws_api, parse,
};

/// The venue's code for a request that came too late or too early.
const BAD_TIMESTAMP: i32 = -1021;
/// The venue's code for too many orders.
const TOO_MANY_ORDERS: i32 = -1015;

/// The venue's codes for a key that it does not take: malformed; unknown, of another address, or
/// without the right.
const KEY_REFUSED: [i32; 2] = [-2014, -2015];

/// An answer, whichever way it came.
struct Answer<'a> {
    status: u16,
    /// The result, for status 200.
    body: &'a [u8],
    /// The refusal, as far as it could be read.
    error: Option<ApiError>,
    /// What the refusal adds: both halves of a cancelReplace.
    halves: Option<&'a str>,
    /// Until when the venue wants no more requests.
    retry_at: Option<Timestamp>,
}

/// A refusal over HTTP.
#[derive(Deserialize)]
struct Refusal<'a> {
    code: i32,
    msg: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Whether the venue wants no requests for a while. It says for how long: what it counts in the
/// same breath is about a window that may be over by our clock, if that is a little ahead, and
/// would keep the next one shut.
const fn wants_rest(status: u16) -> bool {
    matches!(status, 418 | 429)
}

impl BinanceVenue {
    pub(super) fn on_text(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        text: &str,
        effects: &mut Vec<VenueEffect>,
    ) {
        if !self.links.all.contains_key(&connection) {
            return;
        }
        self.heard(now, connection);
        match decode_ws_api(text.as_bytes()) {
            Ok(WsApiFrame::Event(event)) => self.on_event(now, connection, event, effects),
            Ok(WsApiFrame::Response(response)) => {
                self.on_response(now, connection, &response, effects);
            }
            // It may have been a report: only a new connection and a reconcile can tell.
            Err(error) => self.give_up(now, connection, &error.to_string(), effects),
        }
    }

    fn on_response(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        response: &WsApiResponse<'_>,
        effects: &mut Vec<VenueEffect>,
    ) {
        let venue_now = self.venue_now(now);
        if !wants_rest(response.status) {
            for limit in &response.rate_limits {
                self.limits.observe(venue_now, limit);
            }
        }
        let number = match &response.id {
            RequestId::Number(number) => u64::try_from(*number).ok(),
            RequestId::Text(_) | RequestId::Null => None,
        };
        let Some(pending) = number.and_then(|number| self.pending.remove(&number)) else {
            // Without an id it is about the connection itself, such as a revoked key.
            if let (RequestId::Null, Some(error)) = (&response.id, &response.error) {
                tell_key_refused(error, effects);
                self.give_up(now, connection, &error.to_string(), effects);
            }
            return;
        };
        let answer = Answer {
            status: response.status,
            body: response.result.unwrap_or("").as_bytes(),
            error: response.error.clone(),
            halves: response.error_data,
            retry_at: response.retry_after(),
        };
        self.note_refusal(now, &answer, effects);
        match &pending.purpose {
            Purpose::Command { .. } => self.on_answer(now, pending, &answer, effects),
            Purpose::Clock { sent_at } => {
                if answer.status == 200 {
                    self.observe_clock(now, *sent_at, answer.body);
                }
                self.on_handshake_answer(now, connection, &pending.purpose, response, effects);
            }
            Purpose::LogOn | Purpose::Subscribe => {
                self.on_handshake_answer(now, connection, &pending.purpose, response, effects);
            }
        }
        self.retire_idle(effects);
    }

    fn observe_clock(&mut self, now: Moment, sent_at: Timestamp, body: &[u8]) {
        if let Ok(time) = parse::<ServerTime>("time", body) {
            self.clock.observe(sent_at, now.venue, time.server_time);
        }
    }

    pub(super) fn on_http_answer(
        &mut self,
        now: Moment,
        number: u64,
        answer: &HttpAnswer,
        effects: &mut Vec<VenueEffect>,
    ) {
        let venue_now = self.venue_now(now);
        if !wants_rest(answer.status) {
            for (name, value) in &answer.headers {
                self.limits.observe_header(venue_now, name, value);
            }
        }
        let Some(pending) = self.pending.remove(&number) else { return };
        let retry_at = answer
            .header("retry-after")
            .and_then(|secs| secs.trim().parse().ok())
            .map(|secs| venue_now.after(Duration::from_secs(secs)));
        let is_ok = answer.status == 200;
        let refusal = if is_ok { None } else { parse::<Refusal<'_>>("refusal", &answer.body).ok() };
        let answer = Answer {
            status: answer.status,
            body: &answer.body,
            halves: refusal.as_ref().and_then(|refusal| refusal.data).map(RawValue::get),
            error: refusal.map(|Refusal { code, msg, .. }| ApiError { code, msg }),
            retry_at,
        };
        self.note_refusal(now, &answer, effects);
        self.on_answer(now, pending, &answer, effects);
    }

    /// What a refusal means for the requests that follow.
    fn note_refusal(&mut self, now: Moment, answer: &Answer<'_>, effects: &mut Vec<VenueEffect>) {
        let venue_now = self.venue_now(now);
        if let Some(error) = &answer.error {
            tell_key_refused(error, effects);
        }
        match (answer.status, answer.error.as_ref().map(|error| error.code)) {
            (_, Some(TOO_MANY_ORDERS)) => self.limits.back_off_orders(venue_now),
            (status, _) if wants_rest(status) => {
                if let Some(until) = self.limits.back_off(venue_now, answer.retry_at) {
                    let reason = answer.error.as_ref().map_or_else(String::new, |e| e.msg.clone());
                    let limited = Impediment::RateLimited { status, until, reason };
                    tell(VenueEvent::Impeded(limited), effects);
                }
            }
            (_, Some(BAD_TIMESTAMP)) => {
                self.clock.reset();
                self.probe_at_once();
            }
            _ => {}
        }
    }

    fn on_answer(
        &mut self,
        now: Moment,
        pending: Pending,
        answer: &Answer<'_>,
        effects: &mut Vec<VenueEffect>,
    ) {
        let Purpose::Command { action, .. } = pending.purpose else { return };
        if pending.is_late && matches!(action, VenueAction::ReadOrderTrades { .. }) {
            // Told as failed, and its pages are gone: alone this one would pass for all of them.
            return;
        }
        if answer.status != 200 {
            self.on_refusal(now, &action, answer, effects);
            return;
        }
        if let Err(error) = self.on_result(now, &action, answer.body, effects) {
            self.fail(now, &action, &error.to_string(), effects);
        }
    }

    fn on_refusal(
        &mut self,
        now: Moment,
        action: &VenueAction,
        answer: &Answer<'_>,
        effects: &mut Vec<VenueEffect>,
    ) {
        if let VenueAction::CancelReplace { .. } = action
            && let Some(halves) = answer.halves
            && let Ok(reply) = CancelReplaceReply::read(halves.as_bytes())
        {
            self.on_halves(now, action, &reply, effects);
            return;
        }
        let outcome = classify(intent(action), answer.status, answer.error.clone());
        match (outcome, action) {
            (
                Outcome::Rejected(error),
                VenueAction::Submit { .. }
                | VenueAction::SubmitPair(_)
                | VenueAction::CancelReplace { .. },
            ) => {
                let reason = reject_reason(error);
                if let VenueAction::CancelReplace { old: client_order_id, .. } = *action {
                    let reason = reason.clone();
                    tell(VenueEvent::CancelRejected { client_order_id, reason }, effects);
                }
                for client_order_id in action.placed() {
                    let reason = reason.clone();
                    tell(VenueEvent::SubmitRejected { client_order_id, reason }, effects);
                }
            }
            (Outcome::Rejected(error), VenueAction::Cancel { client_order_id, .. }) => {
                let event = VenueEvent::CancelRejected {
                    client_order_id: *client_order_id,
                    reason: reject_reason(error),
                };
                tell(event, effects);
            }
            (Outcome::NoSuchOrder, VenueAction::QueryOrder { client_order_id, .. }) => {
                tell(VenueEvent::OrderNotFound { client_order_id: *client_order_id }, effects);
            }
            (Outcome::Rejected(error), _) => {
                self.fail(now, action, &error.to_string(), effects);
            }
            (Outcome::Unknown(reason), _) => {
                self.fail(now, action, &reason.to_string(), effects);
            }
            (Outcome::NoSuchOrder, _) => self.fail(now, action, "no such order", effects),
            (Outcome::NotSent, _) => unreachable!("an answer came"),
        }
    }

    fn on_result(
        &mut self,
        now: Moment,
        action: &VenueAction,
        body: &[u8],
        effects: &mut Vec<VenueEffect>,
    ) -> Result<(), DecodeError> {
        match action {
            VenueAction::Submit { new, .. } => {
                let reply: OrderReply<'_> = parse("order answer", body)?;
                tell_placed(&reply, new, now.venue, effects)?;
            }
            VenueAction::SubmitPair(pair) => {
                let list: OrderListReply<'_> = parse("order list answer", body)?;
                for leg in [&pair.stop, &pair.target] {
                    let name = leg.client_order_id.as_str();
                    let reply = list.order_reports.iter().find(|r| r.client_order_id == name);
                    let missing = || DecodeError::impossible("order list answer", "leg", &name);
                    tell_placed(reply.ok_or_else(missing)?, &leg.new, now.venue, effects)?;
                }
            }
            VenueAction::CancelReplace { .. } => {
                let reply = CancelReplaceReply::read(body)?;
                self.on_halves(now, action, &reply, effects);
            }
            VenueAction::Cancel { instrument, .. } => {
                let reply: CanceledReply<'_> = parse("cancel answer", body)?;
                tell_canceled(&reply, *instrument, now.venue, effects);
            }
            VenueAction::QueryOrder { instrument, .. }
            | VenueAction::QueryVenueOrder { instrument, .. } => {
                let reply: OrderReply<'_> = parse("order", body)?;
                let snapshot = snapshot_of_reply(&reply, *instrument, now.venue);
                tell(VenueEvent::OrderFound(snapshot), effects);
            }
            VenueAction::ReadAccount => tell(account_read(body)?, effects),
            VenueAction::ReadOpenOrders => {
                let (orders, elsewhere) = self.open_orders(body, now.venue)?;
                tell(VenueEvent::OpenOrdersRead { orders, elsewhere }, effects);
            }
            VenueAction::ReadTrades { instrument, from } => {
                let fills = read_fills(body, *instrument)?;
                let is_full = fills.len() >= MAX_TRADES as usize;
                let more = from.is_some() && is_full;
                tell(VenueEvent::TradesRead { instrument: *instrument, fills, more }, effects);
            }
            VenueAction::ReadOrderTrades { instrument, venue_order } => {
                let page = read_fills(body, *instrument)?;
                self.on_order_trades(now, action, (*instrument, *venue_order), page, effects);
            }
        }
        Ok(())
    }

    /// Both halves of a cancelReplace, each by its own answer. Where the cancel failed, the new
    /// order was not tried.
    fn on_halves(
        &mut self,
        now: Moment,
        action: &VenueAction,
        reply: &CancelReplaceReply<'_>,
        effects: &mut Vec<VenueEffect>,
    ) {
        let VenueAction::CancelReplace { old, client_order_id, new } = action else { return };
        let (old, client_order_id) = (*old, *client_order_id);
        match &reply.cancel {
            LegReply::Done(canceled) => {
                tell_canceled(canceled, new.instrument, now.venue, effects);
            }
            LegReply::Refused(error) => tell(cancel_refused(old, error), effects),
            LegReply::NotAttempted => {
                let event =
                    VenueEvent::CancelRejected { client_order_id: old, reason: not_tried() };
                tell(event, effects);
            }
        }
        match &reply.new_order {
            LegReply::Done(placed) => {
                if let Err(error) = tell_placed(placed, new, now.venue, effects) {
                    let reason = error.to_string();
                    tell(VenueEvent::SubmitUnknown { client_order_id, reason }, effects);
                }
            }
            LegReply::Refused(error) => tell(submit_refused(client_order_id, error), effects),
            LegReply::NotAttempted => {
                let event = VenueEvent::SubmitRejected { client_order_id, reason: not_tried() };
                tell(event, effects);
            }
        }
    }

    /// A page of an order's trades: told once all are there.
    fn on_order_trades(
        &mut self,
        now: Moment,
        action: &VenueAction,
        order: (InstrumentId, VenueOrderId),
        page: Vec<Fill>,
        effects: &mut Vec<VenueEffect>,
    ) {
        let is_full = page.len() >= MAX_TRADES as usize;
        let read = self.order_pages.entry(order).or_default();
        read.extend(page.into_iter().map(|fill| (fill.key.trade, fill)));
        if is_full {
            self.carry_out(now, action, effects);
            return;
        }
        let read = self.order_pages.remove(&order).unwrap_or_default();
        let event = VenueEvent::OrderTradesRead {
            venue_order: order.1,
            fills: read.into_values().collect(),
        };
        tell(event, effects);
    }

    /// Open orders of the run's instruments, and the names of all others: whose those are can be told
    /// from them.
    fn open_orders(
        &self,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(Vec<OrderSnapshot>, Vec<ClientOrderId>), DecodeError> {
        let replies: Vec<OrderReply<'_>> = parse("open orders", body)?;
        let (mut orders, mut elsewhere) = (Vec::with_capacity(replies.len()), Vec::new());
        for reply in &replies {
            match self.table.find(&reply.symbol) {
                Some(instrument) => orders.push(snapshot_of_reply(reply, instrument, now)),
                None => elsewhere.push(client_order_id(reply.own_client_order_id())),
            }
        }
        Ok((orders, elsewhere))
    }

    fn on_event(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        event: WsApiEvent<'_>,
        effects: &mut Vec<VenueEffect>,
    ) {
        match event.event {
            UserEvent::Execution(report) => {
                let Some(instrument) = self.table.find(&report.symbol) else { return };
                match snapshot_of_report(&report, instrument) {
                    Ok((snapshot, fill)) => {
                        let client_order_id = snapshot.client_order_id;
                        if let Some(fill) = fill {
                            tell(VenueEvent::Filled { client_order_id, fill }, effects);
                        }
                        tell(VenueEvent::OrderChanged(snapshot), effects);
                    }
                    Err(error) => self.give_up(now, connection, &error.to_string(), effects),
                }
            }
            UserEvent::Position(position) => {
                let balances = position
                    .balances
                    .iter()
                    .filter_map(|balance| to_balance(&balance.asset, balance.free, balance.locked))
                    .collect();
                let event_at = position.updated_at;
                tell(VenueEvent::BalancesChanged { balances, event_at }, effects);
            }
            UserEvent::Balance(update) => {
                if let Ok(asset) = Asset::new(&update.asset) {
                    let (delta, event_at) = (update.delta, update.cleared_at);
                    tell(VenueEvent::BalanceMoved { asset, delta, event_at }, effects);
                }
            }
            UserEvent::StreamTerminated { .. } => {
                if self.is_ready(connection) {
                    let reason = "the venue ended the user data stream";
                    self.give_up(now, connection, reason, effects);
                }
            }
            UserEvent::ServerShutdown { .. } => {
                if self.links.active == Some(connection) {
                    self.rotate(now, effects);
                }
            }
            // A lock by another product comes with its own position; each leg of a list reports
            // for itself.
            UserEvent::ExternalLock(_) | UserEvent::List(_) | UserEvent::Other { .. } => {}
        }
    }
}

const fn intent(action: &VenueAction) -> Intent {
    match action {
        VenueAction::Submit { .. }
        | VenueAction::SubmitPair(_)
        | VenueAction::CancelReplace { .. } => Intent::Submit,
        VenueAction::Cancel { .. } => Intent::Cancel,
        VenueAction::QueryOrder { .. }
        | VenueAction::QueryVenueOrder { .. }
        | VenueAction::ReadAccount
        | VenueAction::ReadOpenOrders
        | VenueAction::ReadTrades { .. }
        | VenueAction::ReadOrderTrades { .. } => Intent::Query,
    }
}

/// Why half of a cancelReplace was not done.
fn not_tried() -> RejectReason {
    RejectReason { code: -2022, message: "Order cancel-replace failed.".to_owned() }
}

/// What the refusal of the cancelling half means.
fn cancel_refused(client_order_id: ClientOrderId, error: &ApiError) -> VenueEvent {
    if let Outcome::Rejected(error) = classify(Intent::Cancel, 400, Some(error.clone())) {
        VenueEvent::CancelRejected { client_order_id, reason: reject_reason(error) }
    } else {
        VenueEvent::CancelUnknown { client_order_id, reason: error.to_string() }
    }
}

/// What the refusal of the placing half means.
fn submit_refused(client_order_id: ClientOrderId, error: &ApiError) -> VenueEvent {
    if let Outcome::Rejected(error) = classify(Intent::Submit, 400, Some(error.clone())) {
        VenueEvent::SubmitRejected { client_order_id, reason: reject_reason(error) }
    } else {
        VenueEvent::SubmitUnknown { client_order_id, reason: error.to_string() }
    }
}

/// The answer to an order that the venue has taken: its fills, then its state.
fn tell_placed(
    reply: &OrderReply<'_>,
    new: &NewOrder,
    now: Timestamp,
    effects: &mut Vec<VenueEffect>,
) -> Result<(), DecodeError> {
    let snapshot = snapshot_of_reply(reply, new.instrument, now);
    let client_order_id = snapshot.client_order_id;
    for fill in order_fills(reply, new, &snapshot)? {
        tell(VenueEvent::Filled { client_order_id, fill }, effects);
    }
    tell(VenueEvent::OrderChanged(snapshot), effects);
    Ok(())
}

/// The answer to a cancel: of an order, or of every leg of its list.
fn tell_canceled(
    reply: &CanceledReply<'_>,
    instrument: InstrumentId,
    now: Timestamp,
    effects: &mut Vec<VenueEffect>,
) {
    let replies = match reply {
        CanceledReply::List(list) => list.order_reports.as_slice(),
        CanceledReply::Order(order) => std::slice::from_ref(&**order),
    };
    for reply in replies {
        tell(VenueEvent::OrderChanged(snapshot_of_reply(reply, instrument, now)), effects);
    }
}

fn reject_reason(error: ApiError) -> RejectReason {
    RejectReason { code: error.code, message: error.msg }
}

fn to_balance(asset: &str, free: model::Amount, locked: model::Amount) -> Option<Balance> {
    Some(Balance { asset: Asset::new(asset).ok()?, free, locked })
}

fn account_read(body: &[u8]) -> Result<VenueEvent, DecodeError> {
    let account: Account<'_> = parse("account", body)?;
    let balances = account
        .balances
        .iter()
        .filter(|balance| !balance.free.is_zero() || !balance.locked.is_zero())
        .filter_map(|balance| to_balance(&balance.asset, balance.free, balance.locked))
        .collect();
    Ok(VenueEvent::AccountRead { balances, event_at: account.update_time })
}

/// Whatever was asked for: whoever looks after the engine should know at once.
fn tell_key_refused(error: &ApiError, effects: &mut Vec<VenueEffect>) {
    if KEY_REFUSED.contains(&error.code) {
        let reason = reject_reason(error.clone());
        tell(VenueEvent::Impeded(Impediment::KeyRefused { reason }), effects);
    }
}

fn read_fills(body: &[u8], instrument: InstrumentId) -> Result<Vec<Fill>, DecodeError> {
    let trades: Vec<MyTrade<'_>> = parse("myTrades", body)?;
    trades.iter().map(|trade| trade.to_fill(instrument)).collect()
}
