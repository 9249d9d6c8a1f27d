//! Connections of the WebSocket API: opened, timed, logged on, subscribed to user data, watched,
//! replaced before their time without a gap, reopened with growing pauses.

use std::collections::BTreeMap;
use std::time::Duration;

use kernel::venue::{Impediment, VenueEffect, VenueEvent};
use kernel::wire::{ConnectionId, Moment, WireEffect};
use model::Timestamp;

use super::{BinanceVenue, Pending, Purpose, Way, tell, wire};
use crate::decode::WsApiResponse;
use crate::encode::Call;
use crate::limits::{Permit, Priority};

/// Where a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The handshake is under way.
    Opening,
    /// The clocks are compared; so many questions are left.
    Timing { left: u8 },
    /// Logging on.
    LoggingOn,
    /// Subscribing to user data.
    Subscribing,
    /// Orders can go out and reports will come.
    Ready,
    /// Another one took over: what was under way is read, to a wall instant.
    Overlapping { until: Timestamp },
    /// After that only answers are awaited, to a wall instant.
    Retiring { until: Timestamp },
}

/// One connection. All instants are wall time.
#[derive(Debug)]
pub(super) struct Link {
    pub stage: Stage,
    pub is_logged_on: bool,
    asked_at: Timestamp,
    heard_at: Timestamp,
    probed_at: Timestamp,
}

/// The connections.
#[derive(Debug)]
pub(super) struct Links {
    pub all: BTreeMap<ConnectionId, Link>,
    /// The one that orders go out on.
    pub active: Option<ConnectionId>,
    last: u32,
    attempt: u32,
    reopen_at: Option<Timestamp>,
    jitter: u64,
}

impl Links {
    pub const fn new(seed: u64) -> Self {
        Self {
            all: BTreeMap::new(),
            active: None,
            last: 0,
            attempt: 0,
            reopen_at: None,
            jitter: seed | 1,
        }
    }

    /// Whether a connection is on its way to being ready.
    fn has_successor(&self) -> bool {
        self.all.values().any(|link| match link.stage {
            Stage::Opening | Stage::Timing { .. } | Stage::LoggingOn | Stage::Subscribing => true,
            Stage::Ready | Stage::Overlapping { .. } | Stage::Retiring { .. } => false,
        })
    }

    /// xorshift64: only spreads reconnects.
    fn next_jitter(&mut self) -> u64 {
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        self.jitter
    }
}

impl BinanceVenue {
    /// Opens a connection: the first one, or one that is to take over.
    pub(super) fn open_link(&mut self, now: Moment, effects: &mut Vec<VenueEffect>) {
        const CONNECT_WEIGHT: u32 = 2;
        self.links.reopen_at = None;
        match self.limits.request(self.venue_now(now), CONNECT_WEIGHT, 0, Priority::Cancel) {
            Permit::Allowed => {}
            Permit::WaitUntil(_) => {
                self.links.reopen_at = Some(now.wall.after(self.policy.reconnect_initial));
                return;
            }
        }
        self.links.last += 1;
        let connection = ConnectionId(self.links.last);
        let link = Link {
            stage: Stage::Opening,
            is_logged_on: false,
            asked_at: now.wall,
            heard_at: now.wall,
            probed_at: now.wall,
        };
        self.links.all.insert(connection, link);
        let url = self.urls.ws_api_url.clone().into_owned();
        wire(WireEffect::Open { connection, url }, effects);
    }

    pub(super) fn on_opened(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        effects: &mut Vec<VenueEffect>,
    ) {
        self.heard(now, connection);
        let samples = self.policy.clock_samples.max(1);
        self.enter(connection, Stage::Timing { left: samples });
        self.ask_time(now, connection, effects);
    }

    fn enter(&mut self, connection: ConnectionId, stage: Stage) {
        if let Some(link) = self.links.all.get_mut(&connection) {
            link.stage = stage;
        }
    }

    pub(super) fn heard(&mut self, now: Moment, connection: ConnectionId) {
        if let Some(link) = self.links.all.get_mut(&connection) {
            link.heard_at = now.wall;
        }
    }

    /// The clocks are compared at the next wake.
    pub(super) fn probe_at_once(&mut self) {
        for link in self.links.all.values_mut() {
            link.probed_at = Timestamp::EPOCH;
        }
    }

    fn ask_time(&mut self, now: Moment, connection: ConnectionId, effects: &mut Vec<VenueEffect>) {
        if !self.links.all.contains_key(&connection) {
            return;
        }
        let purpose = Purpose::Clock { sent_at: now.venue };
        self.send_on(now, connection, &Call::time(), purpose, effects);
    }

    /// The next step of a connection on its way to being ready.
    pub(super) fn on_handshake_answer(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        purpose: &Purpose,
        response: &WsApiResponse<'_>,
        effects: &mut Vec<VenueEffect>,
    ) {
        if response.status != 200 {
            let words = response.error.as_ref().map_or_else(String::new, ToString::to_string);
            let reason = format!("{} refused: {words}", handshake_name(purpose));
            self.give_up(now, connection, &reason, effects);
            return;
        }
        let Some(link) = self.links.all.get(&connection) else { return };
        match link.stage {
            Stage::Timing { left } if left > 1 => {
                self.enter(connection, Stage::Timing { left: left - 1 });
                self.ask_time(now, connection, effects);
            }
            Stage::Timing { .. } if self.credentials.signer().can_log_on() => {
                self.enter(connection, Stage::LoggingOn);
                self.send_on(now, connection, &Call::session_logon(), Purpose::LogOn, effects);
            }
            Stage::Timing { .. } => self.subscribe(now, connection, effects),
            Stage::LoggingOn if *purpose == Purpose::LogOn => {
                if let Some(link) = self.links.all.get_mut(&connection) {
                    link.is_logged_on = true;
                }
                self.subscribe(now, connection, effects);
            }
            Stage::Subscribing if *purpose == Purpose::Subscribe => {
                self.become_ready(now, connection, effects);
            }
            Stage::LoggingOn
            | Stage::Subscribing
            | Stage::Opening
            | Stage::Ready
            | Stage::Overlapping { .. }
            | Stage::Retiring { .. } => {}
        }
    }

    fn subscribe(&mut self, now: Moment, connection: ConnectionId, effects: &mut Vec<VenueEffect>) {
        let is_logged_on = self.links.all.get(&connection).is_some_and(|link| link.is_logged_on);
        let call = if is_logged_on {
            Call::subscribe_user_data()
        } else {
            Call::subscribe_user_data_signed()
        };
        self.enter(connection, Stage::Subscribing);
        self.send_on(now, connection, &call, Purpose::Subscribe, effects);
    }

    /// The connection takes over. Reports come on the old one and on the new one for a while, so
    /// that none is lost between them; whoever reads them recognises repetitions.
    fn become_ready(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        effects: &mut Vec<VenueEffect>,
    ) {
        self.enter(connection, Stage::Ready);
        self.links.attempt = 0;
        match self.links.active.replace(connection) {
            Some(old) => {
                let until = now.wall.after(self.policy.overlap);
                self.enter(old, Stage::Overlapping { until });
            }
            None => tell(VenueEvent::Connected, effects),
        }
    }

    pub(super) fn on_closed(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        reason: &str,
        effects: &mut Vec<VenueEffect>,
    ) {
        if self.links.all.remove(&connection).is_none() {
            return;
        }
        self.after_loss(now, connection, reason, effects);
    }

    /// Closes a connection that is of no use any more.
    pub(super) fn give_up(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        reason: &str,
        effects: &mut Vec<VenueEffect>,
    ) {
        if self.links.all.remove(&connection).is_none() {
            return;
        }
        wire(WireEffect::Close { connection }, effects);
        self.after_loss(now, connection, reason, effects);
    }

    fn after_loss(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        reason: &str,
        effects: &mut Vec<VenueEffect>,
    ) {
        let was_active = self.links.active == Some(connection);
        if was_active {
            self.links.active = None;
            tell(VenueEvent::Disconnected { reason: reason.to_owned() }, effects);
        }
        let numbers: Vec<u64> = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.way == Way::Socket(connection))
            .map(|(number, _)| *number)
            .collect();
        for number in numbers {
            self.on_failed(now, number, true, reason, effects);
        }
        let is_covered = self.links.active.is_some() || self.links.has_successor();
        if !is_covered && self.links.reopen_at.is_none() {
            let pause = self.next_pause();
            self.links.reopen_at = Some(now.wall.after(pause));
            if !was_active {
                let retry_in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                let reason = reason.to_owned();
                let failed = Impediment::ConnectFailed { reason, retry_in_ms };
                tell(VenueEvent::Impeded(failed), effects);
            }
        }
    }

    /// The pause before the next attempt: doubled each time, less up to half of it by chance.
    fn next_pause(&mut self) -> Duration {
        let doublings = self.links.attempt.min(16);
        self.links.attempt = self.links.attempt.saturating_add(1);
        let doubled = self.policy.reconnect_initial.saturating_mul(1 << doublings);
        let pause = doubled.min(self.policy.reconnect_max);
        let half_nanos = u64::try_from(pause.as_nanos() / 2).unwrap_or(u64::MAX).max(1);
        pause - Duration::from_nanos(self.links.next_jitter() % half_nanos)
    }

    /// Replaces the active connection, unless that is under way.
    pub(super) fn rotate(&mut self, now: Moment, effects: &mut Vec<VenueEffect>) {
        if !self.links.has_successor() {
            self.open_link(now, effects);
        }
    }

    /// Closes retiring connections on which nothing is awaited any more.
    pub(super) fn retire_idle(&mut self, effects: &mut Vec<VenueEffect>) {
        let awaits = |pending: &Pending, connection| {
            let is_command = matches!(pending.purpose, Purpose::Command { .. });
            is_command && !pending.is_late && pending.way == Way::Socket(connection)
        };
        let is_idle =
            |connection: &ConnectionId| !self.pending.values().any(|p| awaits(p, *connection));
        let idle: Vec<ConnectionId> = self
            .links
            .all
            .iter()
            .filter(|(_, link)| matches!(link.stage, Stage::Retiring { .. }))
            .map(|(connection, _)| *connection)
            .filter(is_idle)
            .collect();
        for connection in idle {
            self.links.all.remove(&connection);
            self.pending.retain(|_, pending| pending.way != Way::Socket(connection));
            wire(WireEffect::Close { connection }, effects);
        }
    }

    /// Does what is due on connections.
    pub(super) fn tend_links(&mut self, now: Moment, effects: &mut Vec<VenueEffect>) {
        let connections: Vec<ConnectionId> = self.links.all.keys().copied().collect();
        for connection in connections {
            self.tend_link(now, connection, effects);
        }
        if self.links.reopen_at.is_some_and(|at| at <= now.wall) {
            self.open_link(now, effects);
        }
    }

    fn tend_link(&mut self, now: Moment, connection: ConnectionId, effects: &mut Vec<VenueEffect>) {
        let Some(link) = self.links.all.get_mut(&connection) else { return };
        let policy = &self.policy;
        match link.stage {
            Stage::Opening | Stage::Timing { .. } | Stage::LoggingOn | Stage::Subscribing => {
                if link.asked_at.after(policy.open_timeout) <= now.wall {
                    self.give_up(now, connection, "not ready in time", effects);
                }
            }
            Stage::Ready => {
                if link.heard_at.after(policy.silent_after) <= now.wall {
                    self.give_up(now, connection, "silent for too long", effects);
                } else if link.asked_at.after(policy.rotate_after) <= now.wall {
                    // Should the successor fail, this one is asked again a pause later.
                    let pause = policy.rotate_after.saturating_sub(policy.reconnect_max);
                    link.asked_at = now.wall.before(pause);
                    self.rotate(now, effects);
                } else if link.probed_at.after(policy.probe_every) <= now.wall {
                    link.probed_at = now.wall;
                    self.ask_time(now, connection, effects);
                }
            }
            Stage::Overlapping { until } if until <= now.wall => {
                link.stage = Stage::Retiring { until: now.wall.after(policy.answer_timeout) };
                self.retire_idle(effects);
            }
            Stage::Retiring { until } if until <= now.wall => {
                self.give_up(now, connection, "replaced", effects);
            }
            Stage::Overlapping { .. } | Stage::Retiring { .. } => {}
        }
    }

    /// The wall instants at which something is due on connections.
    pub(super) fn links_wake_at(&self) -> impl Iterator<Item = Timestamp> {
        let policy = &self.policy;
        let of_link = move |link: &Link| match link.stage {
            Stage::Opening | Stage::Timing { .. } | Stage::LoggingOn | Stage::Subscribing => {
                link.asked_at.after(policy.open_timeout)
            }
            Stage::Ready => link
                .heard_at
                .after(policy.silent_after)
                .min(link.probed_at.after(policy.probe_every))
                .min(link.asked_at.after(policy.rotate_after)),
            Stage::Overlapping { until } | Stage::Retiring { until } => until,
        };
        self.links.all.values().map(of_link).chain(self.links.reopen_at)
    }
}

const fn handshake_name(purpose: &Purpose) -> &'static str {
    match purpose {
        Purpose::Clock { .. } => "time",
        Purpose::LogOn => "log on",
        Purpose::Subscribe => "subscription to user data",
        Purpose::Command { .. } => "command",
    }
}
