//! What lies between engine and venue: commands take time, answers get lost, reports come twice,
//! late or out of order, connections break. As a real session it reports what it knows, and
//! nothing about an old connection once that has ended.

use std::collections::BTreeMap;

use model::{ClientOrderId, RejectReason, Timestamp};
use rand::Rng;
use rand_pcg::Pcg64;
use tickwright_kernel::venue::{VenueAction, VenueEvent};

use super::exchange::Exchange;
use super::faults::{Faults, LONGEST_LAG, VENUE_TIMEOUT, between, up_to_ms};
use super::world::{Happening, Schedule};

/// A command on its way, or waiting for its answer.
#[derive(Clone, Debug)]
pub struct Errand {
    pub life: u32,
    pub connection: u32,
    pub action: VenueAction,
    /// Whether the venue's answer will get back.
    pub is_answered: bool,
}

/// Under what the session works at an instant.
pub struct Weather<'a> {
    pub now: Timestamp,
    pub faults: &'a Faults,
    pub rng: &'a mut Pcg64,
    pub schedule: &'a mut Schedule,
}

impl Weather<'_> {
    fn soon(&mut self, most_ms: u64) -> Timestamp {
        self.now.after(up_to_ms(self.rng, most_ms))
    }

    /// A session says something to one life of the engine.
    fn say(&mut self, at: Timestamp, life: u32, events: Vec<VenueEvent>) {
        for event in events {
            self.schedule.add(at, Happening::says(life, None, event));
        }
    }

    fn happens(&mut self, chance: f64) -> bool {
        self.rng.random_bool(chance)
    }
}

#[derive(Debug, Default)]
pub struct Session {
    /// Counts connections; `None` while there is none.
    pub connection: Option<u32>,
    pub connections: u32,
    pending: BTreeMap<u64, Errand>,
    last_errand: u64,
    /// Reports arrive in order, unless they are overtaken.
    reports_at: Timestamp,
    /// Request weights, by when they were asked for.
    pub weights: Vec<(Timestamp, u32)>,
}

fn weight(action: &VenueAction) -> u32 {
    match action {
        VenueAction::Submit { .. }
        | VenueAction::SubmitPair(_)
        | VenueAction::CancelReplace { .. } => 0,
        VenueAction::Cancel { .. } => 1,
        VenueAction::QueryOrder { .. } | VenueAction::QueryVenueOrder { .. } => 4,
        VenueAction::ReadAccount | VenueAction::ReadTrades { .. } => 20,
        VenueAction::ReadOpenOrders => 80,
        VenueAction::ReadOrderTrades { .. } => 5,
    }
}

/// What a session says of a command whose outcome it does not know.
fn unknown(action: &VenueAction) -> Vec<VenueEvent> {
    let reason = || "lost".to_owned();
    let submit = |client_order_id| VenueEvent::SubmitUnknown { client_order_id, reason: reason() };
    let cancel = |client_order_id| VenueEvent::CancelUnknown { client_order_id, reason: reason() };
    match action {
        VenueAction::Submit { .. } | VenueAction::SubmitPair(_) => {
            action.placed().map(submit).collect()
        }
        VenueAction::CancelReplace { old, .. } => {
            action.placed().map(submit).chain([cancel(*old)]).collect()
        }
        VenueAction::Cancel { client_order_id, .. } => vec![cancel(*client_order_id)],
        VenueAction::QueryOrder { .. }
        | VenueAction::QueryVenueOrder { .. }
        | VenueAction::ReadAccount
        | VenueAction::ReadOpenOrders
        | VenueAction::ReadTrades { .. }
        | VenueAction::ReadOrderTrades { .. } => {
            vec![VenueEvent::ReadFailed { action: action.clone(), reason: reason() }]
        }
    }
}

impl Session {
    /// Takes a command of the engine.
    pub fn send(&mut self, life: u32, action: &VenueAction, weather: &mut Weather<'_>) {
        self.weights.push((weather.now, weight(action)));
        let Some(connection) = self.connection else {
            let soon = weather.soon(5);
            weather.say(soon, life, unknown(action));
            return;
        };
        if action.placed().next().is_some() {
            let soon = weather.soon(2);
            if weather.happens(weather.faults.not_sent) {
                let not_sent = |client_order_id| {
                    let reason = "full".to_owned();
                    VenueEvent::NotSent { client_order_id, reason }
                };
                weather.say(soon, life, action.placed().map(not_sent).collect());
                return;
            }
            let signed_at = weather.now;
            let sent = |client_order_id| VenueEvent::Sent { client_order_id, signed_at };
            weather.say(soon, life, action.placed().map(sent).collect());
        }
        self.last_errand += 1;
        let id = self.last_errand;
        let is_answered = !weather.happens(weather.faults.lost_answer);
        let mut errand = Errand { life, connection, action: action.clone(), is_answered };
        self.send_on_its_way(id, &mut errand, weather);
        self.pending.insert(id, errand);
    }

    fn send_on_its_way(&mut self, id: u64, errand: &mut Errand, weather: &mut Weather<'_>) {
        let is_submit = errand.action.placed().next().is_some();
        let mut arrives = true;
        let mut arrives_at = weather.soon(30);
        if is_submit && weather.happens(weather.faults.late_acceptance) {
            // Signed, checked and queued; the answer has timed out by then.
            let latest = std::time::Duration::from_secs(2) + VENUE_TIMEOUT;
            arrives_at = weather.now.after(between(weather.rng, std::time::Duration::ZERO, latest));
            errand.is_answered = false;
        } else if is_submit && weather.happens(weather.faults.never_arrives) {
            (arrives, errand.is_answered) = (false, false);
        }
        if arrives {
            weather.schedule.add(arrives_at, Happening::Arrives(id, errand.clone()));
        }
        if !errand.is_answered && !weather.happens(weather.faults.silence) {
            let told_at = weather.soon(10_000);
            weather.schedule.add(told_at, Happening::Fails(id));
        }
    }

    /// The session gives up on an answer.
    pub fn fail(&mut self, id: u64, weather: &mut Weather<'_>) {
        if let Some(errand) = self.pending.remove(&id) {
            weather.say(weather.now, errand.life, unknown(&errand.action));
        }
    }

    /// A command arrives at the venue, which carries it out and answers.
    pub fn arrive(
        &mut self,
        id: u64,
        errand: &Errand,
        exchange: &mut Exchange,
        weather: &mut Weather<'_>,
    ) {
        let answer = self.carry_out(errand, exchange, weather);
        if !errand.is_answered || self.pending.remove(&id).is_none() {
            return;
        }
        let mut at = weather.soon(30);
        if weather.happens(weather.faults.failed_read) && !answer.iter().any(is_fact) {
            weather.say(at, errand.life, unknown(&errand.action));
            return;
        }
        for event in answer {
            weather.schedule.add(at, Happening::says(errand.life, Some(errand.connection), event));
            at = Timestamp::from_nanos(at.as_nanos() + 1);
        }
    }

    fn carry_out(
        &mut self,
        errand: &Errand,
        exchange: &mut Exchange,
        weather: &mut Weather<'_>,
    ) -> Vec<VenueEvent> {
        let lags = weather.happens(weather.faults.lagging_read);
        let longest = if lags { LONGEST_LAG } else { std::time::Duration::from_millis(20) };
        let as_of = weather.now.before(between(weather.rng, std::time::Duration::ZERO, longest));
        match &errand.action {
            VenueAction::Submit { .. } | VenueAction::SubmitPair(_)
                if weather.happens(weather.faults.refused) =>
            {
                errand.action.placed().map(refused).collect()
            }
            VenueAction::Submit { client_order_id, new } => {
                let events = exchange.accept(weather.now, *client_order_id, *new, weather.rng);
                self.report(events.clone(), weather);
                events
            }
            VenueAction::SubmitPair(pair) => {
                let events = exchange.accept_pair(weather.now, pair, weather.rng);
                self.report(events.clone(), weather);
                events
            }
            VenueAction::CancelReplace { old, client_order_id, new } => {
                let is_new = exchange.find(old).is_some_and(|order| order.is_untouched());
                let canceled = if is_new { exchange.cancel(weather.now, old) } else { None };
                let Some(mut events) = canceled else {
                    return vec![cancel_refused(*old), refused(*client_order_id)];
                };
                if weather.happens(weather.faults.refused) {
                    self.report(events.clone(), weather);
                    events.push(refused(*client_order_id));
                    return events;
                }
                events.extend(exchange.accept(weather.now, *client_order_id, *new, weather.rng));
                self.report(events.clone(), weather);
                events
            }
            VenueAction::Cancel { client_order_id, .. } => {
                match exchange.cancel(weather.now, client_order_id) {
                    Some(events) => {
                        self.report(events.clone(), weather);
                        events
                    }
                    None => vec![cancel_refused(*client_order_id)],
                }
            }
            VenueAction::QueryOrder { client_order_id, .. } => {
                vec![exchange.query(client_order_id, as_of)]
            }
            VenueAction::QueryVenueOrder { venue_order, .. } => {
                let found = exchange.query_number(*venue_order, as_of);
                found.map_or_else(|| unknown(&errand.action), |found| vec![found])
            }
            VenueAction::ReadAccount => {
                vec![exchange.account(as_of)]
            }
            VenueAction::ReadOpenOrders => vec![exchange.open_orders(as_of)],
            VenueAction::ReadTrades { instrument, from } => {
                vec![exchange.trades_of(*instrument, *from, as_of)]
            }
            VenueAction::ReadOrderTrades { venue_order, .. } => {
                vec![exchange.order_trades(*venue_order, as_of)]
            }
        }
    }

    /// Reports go to the connection that is up, if one is.
    pub fn report(&mut self, events: Vec<VenueEvent>, weather: &mut Weather<'_>) {
        let Some(connection) = self.connection else { return };
        for event in events {
            let mut at = weather.soon(30).max(self.reports_at);
            if weather.happens(weather.faults.overtaken) {
                at = at.after(up_to_ms(weather.rng, 3_000));
            } else {
                self.reports_at = at;
            }
            if weather.happens(weather.faults.repeated) {
                let again = at.after(up_to_ms(weather.rng, 5_000));
                weather.schedule.add(again, Happening::reports(connection, event.clone()));
            }
            weather.schedule.add(at, Happening::reports(connection, event));
        }
    }

    /// The connection breaks: commands without an answer are given up, most of them loudly.
    pub fn break_off(&mut self, weather: &mut Weather<'_>) {
        self.connection = None;
        for errand in std::mem::take(&mut self.pending).into_values() {
            if !weather.happens(weather.faults.silence) {
                let soon = weather.soon(5);
                weather.say(soon, errand.life, unknown(&errand.action));
            }
        }
    }

    /// The engine is gone, and with it whoever waited for answers.
    pub fn abandon(&mut self) {
        self.connection = None;
        self.pending.clear();
    }

    pub fn connect(&mut self) -> u32 {
        self.connections += 1;
        self.connection = Some(self.connections);
        self.connections
    }
}

fn refused(client_order_id: ClientOrderId) -> VenueEvent {
    let reason = RejectReason { code: -2010, message: "insufficient".to_owned() };
    VenueEvent::SubmitRejected { client_order_id, reason }
}

fn cancel_refused(client_order_id: ClientOrderId) -> VenueEvent {
    let reason = RejectReason { code: -2011, message: "Unknown order sent.".to_owned() };
    VenueEvent::CancelRejected { client_order_id, reason }
}

/// Whether an event tells what the venue has done; the others are answers to reads.
fn is_fact(event: &VenueEvent) -> bool {
    matches!(
        event,
        VenueEvent::OrderChanged(_)
            | VenueEvent::Filled { .. }
            | VenueEvent::SubmitRejected { .. }
            | VenueEvent::CancelRejected { .. }
    )
}
