//! Connections: opened, subscribed at the venue's pace, given up when they are of no use, reopened
//! with growing pauses.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use model::Timestamp;

use super::machine::{FeedEffect, FeedMachine};
use super::notice::FeedNotice;
use super::protocol::{FeedProtocol, Stream};
use super::rotation::Successor;
use crate::wire::{ConnectionId, WireEffect};

/// How often the patience with a silent connection doubles: a market may be that quiet.
const MOST_DOUBLINGS: u32 = 5;

/// One websocket.
#[derive(Debug)]
pub(super) struct Link {
    pub connection: ConnectionId,
    /// Wall time of the request to open it.
    pub asked_at: Timestamp,
    is_open: bool,
    /// Control messages that wait for their turn.
    control: VecDeque<String>,
    control_at: Timestamp,
    /// How long sending them takes at the venue's pace.
    control_takes: Duration,
    /// Ids of control requests without an answer.
    unanswered: BTreeSet<u64>,
    /// Wall time since which every stream is subscribed.
    pub subscribed_at: Option<Timestamp>,
    /// Wall time of the last data frame, or of the opening.
    heard_at: Timestamp,
    /// Wall time since which there was no long silence.
    lively_since: Timestamp,
}

impl Link {
    fn note_subscribed(&mut self, wall: Timestamp) {
        let is_subscribed = self.is_open && self.control.is_empty() && self.unanswered.is_empty();
        if is_subscribed && self.subscribed_at.is_none() {
            self.subscribed_at = Some(wall);
        }
    }

    /// When opening and subscribing must be done.
    fn due_at(&self, open_timeout: Duration) -> Timestamp {
        self.asked_at.after(open_timeout).after(self.control_takes)
    }
}

/// The streams of one connection, and the connection that carries them now.
#[derive(Debug)]
pub(super) struct Group {
    pub streams: Vec<Stream>,
    pub link: Option<Link>,
    /// The connection that is to take over.
    pub successor: Option<Successor>,
    /// When the connection is to be replaced by another.
    pub rotate_at: Option<Timestamp>,
    /// Failures in a row.
    attempt: u32,
    reopen_at: Option<Timestamp>,
    is_announced: bool,
    /// Connections in a row that fell silent: perhaps it is the market that is quiet.
    silences: u32,
}

impl Group {
    pub const fn new(streams: Vec<Stream>) -> Self {
        Self {
            streams,
            link: None,
            successor: None,
            rotate_at: None,
            attempt: 0,
            reopen_at: None,
            is_announced: false,
            silences: 0,
        }
    }

    fn links(&mut self) -> impl Iterator<Item = &mut Link> {
        self.link.iter_mut().chain(self.successor.iter_mut().map(|successor| &mut successor.link))
    }

    fn silent_after(&self, least: Duration) -> Duration {
        least.saturating_mul(1 << self.silences.min(MOST_DOUBLINGS))
    }
}

/// Which connection of a group something came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// The one that carries the streams.
    Current,
    /// The one that is to take over.
    Successor,
}

impl<P: FeedProtocol> FeedMachine<P> {
    pub(super) fn open_all(&mut self, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        for index in 0..self.groups.len() {
            self.open_current(index, wall, effects);
        }
    }

    fn open_current(&mut self, index: usize, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        let link = self.open_link(index, wall, effects);
        let rotate_at = wall.after(self.policy.rotate_after);
        let group = &mut self.groups[index];
        (group.link, group.rotate_at) = (Some(link), Some(rotate_at));
    }

    pub(super) fn open_link(
        &mut self,
        group: usize,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) -> Link {
        self.last_connection += 1;
        let connection = ConnectionId(self.last_connection);
        let streams = &self.groups[group].streams;
        let first_id = self.last_control + 1;
        let control: VecDeque<String> = self.protocol.subscribe(streams, first_id).into();
        let count = u32::try_from(control.len()).expect("a handful of control messages");
        self.last_control += u64::from(count);
        let unanswered = (first_id..=self.last_control).collect();
        let url = self.protocol.url(streams);
        effects.push(FeedEffect::Wire(WireEffect::Open { connection, url }));
        Link {
            connection,
            asked_at: wall,
            is_open: false,
            control,
            control_at: wall,
            control_takes: self.policy.control_spacing.saturating_mul(count),
            unanswered,
            subscribed_at: None,
            heard_at: wall,
            lively_since: wall,
        }
    }

    /// Where a connection belongs; `None` for one that was given up.
    pub(super) fn part_of(&self, connection: ConnectionId) -> Option<(usize, Part)> {
        self.groups.iter().enumerate().find_map(|(index, group)| {
            let is_it = |link: &Link| link.connection == connection;
            if group.link.as_ref().is_some_and(is_it) {
                Some((index, Part::Current))
            } else if group.successor.as_ref().is_some_and(|successor| is_it(&successor.link)) {
                Some((index, Part::Successor))
            } else {
                None
            }
        })
    }

    fn link_mut(&mut self, connection: ConnectionId) -> Option<&mut Link> {
        let is_it = |link: &&mut Link| link.connection == connection;
        self.groups.iter_mut().find_map(|group| group.links().find(is_it))
    }

    pub(super) fn on_opened(
        &mut self,
        connection: ConnectionId,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) {
        let Some(link) = self.link_mut(connection) else { return };
        link.is_open = true;
        (link.heard_at, link.lively_since, link.control_at) = (wall, wall, wall);
        link.note_subscribed(wall);
        self.send_control(wall, effects);
        self.announce(wall, effects);
    }

    /// Sends the control messages whose turn it is.
    fn send_control(&mut self, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        let spacing = self.policy.control_spacing;
        for group in &mut self.groups {
            for link in group.links().filter(|link| link.is_open && link.control_at <= wall) {
                if let Some(text) = link.control.pop_front() {
                    link.control_at = wall.after(spacing);
                    let send = WireEffect::Send { connection: link.connection, tag: 0, text };
                    effects.push(FeedEffect::Wire(send));
                }
            }
        }
    }

    /// A control request was answered; without an id it may have been any of its connection.
    pub(super) fn on_control_answer(
        &mut self,
        connection: ConnectionId,
        id: Option<u64>,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) {
        let Some(link) = self.link_mut(connection) else { return };
        match id {
            Some(id) => drop(link.unanswered.remove(&id)),
            None => link.unanswered.clear(),
        }
        link.note_subscribed(wall);
        self.announce(wall, effects);
    }

    /// Tells of the connections that carry their streams from now on.
    pub(super) fn announce(&mut self, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        for index in 0..self.groups.len() {
            let group = &mut self.groups[index];
            let ready = group.link.as_ref().filter(|link| link.subscribed_at.is_some());
            let Some(link) = ready.filter(|_| !group.is_announced) else { continue };
            let (connection, streams) = (link.connection, group.streams.len());
            group.is_announced = true;
            effects.push(FeedEffect::Notice(FeedNotice::Connected { connection, streams }));
            self.expect_streams(index, wall);
        }
    }

    /// Data came on a connection.
    pub(super) fn hear_link(&mut self, index: usize, part: Part, wall: Timestamp) {
        let silent_after = self.policy.silent_after;
        let group = &mut self.groups[index];
        let link = match part {
            Part::Current => group.link.as_mut(),
            Part::Successor => group.successor.as_mut().map(|successor| &mut successor.link),
        };
        let Some(link) = link else { return };
        if wall.since(link.heard_at) > silent_after {
            link.lively_since = wall;
        }
        link.heard_at = wall;
        let is_lively = wall.since(link.lively_since) > silent_after.saturating_mul(6);
        if part == Part::Current && is_lively {
            group.silences = 0;
        }
    }

    /// A connection ended by itself or by us: its successor takes its place, or it is opened
    /// again after a pause.
    pub(super) fn on_closed(
        &mut self,
        connection: ConnectionId,
        reason: &str,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) {
        match self.part_of(connection) {
            Some((index, Part::Current)) => self.on_current_closed(index, reason, wall, effects),
            Some((index, Part::Successor)) => {
                self.groups[index].successor = None;
                let retry_in = self.next_pause(index);
                self.groups[index].rotate_at = Some(wall.after(retry_in));
                self.note_closed(connection, reason, retry_in, effects);
            }
            None => {}
        }
    }

    fn on_current_closed(
        &mut self,
        index: usize,
        reason: &str,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) {
        let stable = self.policy.reconnect_max;
        let group = &mut self.groups[index];
        let Some(old) = group.link.take() else { return };
        if old.subscribed_at.is_some_and(|since| wall.since(since) >= stable) {
            group.attempt = 0;
        }
        let ready = group.successor.as_ref().map(|s| s.link.subscribed_at.is_some());
        match ready {
            Some(true) => {
                self.note_closed(old.connection, reason, Duration::ZERO, effects);
                self.take_over(index, wall, effects);
            }
            Some(false) => {
                self.note_closed(old.connection, reason, Duration::ZERO, effects);
                self.on_group_lost(index);
                self.groups[index].is_announced = false;
                self.promote(index, wall, effects);
            }
            None => {
                self.on_group_lost(index);
                let retry_in = self.next_pause(index);
                let group = &mut self.groups[index];
                group.is_announced = false;
                group.rotate_at = None;
                group.reopen_at = Some(wall.after(retry_in));
                self.note_closed(old.connection, reason, retry_in, effects);
            }
        }
    }

    fn note_closed(
        &self,
        connection: ConnectionId,
        reason: &str,
        retry_in: Duration,
        effects: &mut Vec<FeedEffect>,
    ) {
        let reason = reason.to_owned();
        let notice = FeedNotice::Disconnected { connection, reason, retry_in };
        effects.push(FeedEffect::Notice(notice));
    }

    /// The pause before the next attempt of a group, longer with each failure in a row.
    fn next_pause(&mut self, index: usize) -> Duration {
        let jitter = self.next_jitter();
        let group = &mut self.groups[index];
        let pause = self.policy.reconnect_pause(group.attempt, jitter);
        group.attempt = group.attempt.saturating_add(1);
        pause
    }

    /// Everything about connections that time brings.
    pub(super) fn tend_links(&mut self, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        self.send_control(wall, effects);
        for index in 0..self.groups.len() {
            if self.groups[index].reopen_at.take_if(|at| *at <= wall).is_some() {
                self.stats.reconnects += 1;
                self.open_current(index, wall, effects);
            }
            while let Some((connection, reason)) = self.useless_link(index, wall) {
                self.give_up(connection, reason, wall, effects);
            }
            self.tend_rotation(index, wall, effects);
        }
    }

    /// A connection that is of no use: not there in time, or without a word for too long.
    fn useless_link(
        &mut self,
        index: usize,
        wall: Timestamp,
    ) -> Option<(ConnectionId, &'static str)> {
        let policy = self.policy;
        let group = &mut self.groups[index];
        let late = group
            .links()
            .find(|link| link.subscribed_at.is_none() && link.due_at(policy.open_timeout) <= wall);
        if let Some(link) = late {
            let reason = if link.is_open {
                "subscriptions were not answered in time"
            } else {
                "could not be opened in time"
            };
            return Some((link.connection, reason));
        }
        let silent_after = group.silent_after(policy.silent_after);
        let subscribed = group.link.as_ref().filter(|link| link.subscribed_at.is_some());
        let silent = subscribed.filter(|link| link.heard_at.after(silent_after) <= wall)?;
        let connection = silent.connection;
        group.silences = group.silences.saturating_add(1);
        Some((connection, "no data although the connection is up"))
    }

    /// Closes a connection that is of no use any more.
    pub(super) fn give_up(
        &mut self,
        connection: ConnectionId,
        reason: &str,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) {
        if self.part_of(connection).is_some() {
            effects.push(FeedEffect::Wire(WireEffect::Close { connection }));
            self.on_closed(connection, reason, wall, effects);
        }
    }

    /// The next wall instant at which [`Self::tend_links`] has something to do.
    pub(super) fn links_wake_at(&self) -> Option<Timestamp> {
        let policy = self.policy;
        let of_link = move |link: &Link, silent_after: Option<Duration>| {
            let control = (link.is_open && !link.control.is_empty()).then_some(link.control_at);
            let limit = match link.subscribed_at {
                Some(_) => silent_after.map(|after| link.heard_at.after(after)),
                None => Some(link.due_at(policy.open_timeout)),
            };
            [control, limit].into_iter().flatten().min()
        };
        let of_group = move |group: &Group| {
            let silent_after = Some(group.silent_after(policy.silent_after));
            let current = group.link.as_ref().and_then(|link| of_link(link, silent_after));
            let successor = group.successor.as_ref();
            let next = successor.and_then(|successor| of_link(&successor.link, None));
            let rotation = group.rotation_wake_at(&policy);
            [current, next, rotation, group.reopen_at].into_iter().flatten().min()
        };
        self.groups.iter().filter_map(of_group).min()
    }
}
