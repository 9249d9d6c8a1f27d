//! Connections: opened, subscribed at the venue's pace, replaced before their time, reopened
//! with growing pauses.

use std::collections::{BTreeSet, VecDeque};

use model::Timestamp;

use super::machine::{FeedEffect, FeedMachine};
use super::notice::FeedNotice;
use super::protocol::{FeedProtocol, Stream};
use super::takeover::Held;
use crate::wire::{ConnectionId, WireEffect};

/// One websocket.
#[derive(Debug)]
pub(super) struct Link {
    pub connection: ConnectionId,
    /// Wall time of the request to open it.
    asked_at: Timestamp,
    is_open: bool,
    /// Control messages that wait for their turn.
    control: VecDeque<String>,
    control_at: Timestamp,
    /// Ids of control requests without an answer.
    unanswered: BTreeSet<u64>,
    /// Wall time of the last data frame, or of the opening.
    pub heard_at: Timestamp,
}

impl Link {
    fn is_subscribed(&self) -> bool {
        self.is_open && self.control.is_empty() && self.unanswered.is_empty()
    }
}

/// The streams of one connection, and the connection that carries them now.
#[derive(Debug)]
pub(super) struct Group {
    pub streams: Vec<Stream>,
    pub link: Option<Link>,
    /// The connection that is to take over.
    pub successor: Option<Link>,
    /// What came on the successor so far, until it takes over.
    pub held: Held,
    attempt: u32,
    reopen_at: Option<Timestamp>,
    announced: bool,
}

impl Group {
    pub const fn new(streams: Vec<Stream>) -> Self {
        Self {
            streams,
            link: None,
            successor: None,
            held: Held::new(),
            attempt: 0,
            reopen_at: None,
            announced: false,
        }
    }

    fn links(&mut self) -> impl Iterator<Item = &mut Link> {
        self.link.iter_mut().chain(self.successor.iter_mut())
    }
}

impl<P: FeedProtocol> FeedMachine<P> {
    pub(super) fn open_all(&mut self, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        for index in 0..self.groups.len() {
            let link = self.open_link(index, wall, effects);
            self.groups[index].link = Some(link);
        }
    }

    fn open_link(&mut self, group: usize, wall: Timestamp, effects: &mut Vec<FeedEffect>) -> Link {
        self.last_connection += 1;
        let connection = ConnectionId(self.last_connection);
        let streams = &self.groups[group].streams;
        let first_id = self.last_control + 1;
        let control: VecDeque<String> = self.protocol.subscribe(streams, first_id).into();
        let count = u64::try_from(control.len()).expect("a handful of control messages");
        self.last_control += count;
        let unanswered = (first_id..first_id + count).collect();
        let url = self.protocol.url(streams);
        effects.push(FeedEffect::Wire(WireEffect::Open { connection, url }));
        Link {
            connection,
            asked_at: wall,
            is_open: false,
            control,
            control_at: wall,
            unanswered,
            heard_at: wall,
        }
    }

    pub(super) fn on_opened(
        &mut self,
        connection: ConnectionId,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) {
        for group in &mut self.groups {
            for link in group.links().filter(|link| link.connection == connection) {
                link.is_open = true;
                link.heard_at = wall;
                link.control_at = wall;
            }
        }
        self.send_control(wall, effects);
        self.settle(wall, effects);
    }

    /// Sends the control messages whose turn it is.
    pub(super) fn send_control(&mut self, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
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

    pub(super) fn on_control_answer(
        &mut self,
        id: Option<u64>,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) {
        for group in &mut self.groups {
            for link in group.links() {
                match id {
                    Some(id) => drop(link.unanswered.remove(&id)),
                    None => link.unanswered.clear(),
                }
            }
        }
        self.has_new_deadline = true;
        self.settle(wall, effects);
    }

    /// What follows once a connection is subscribed: it is announced, or it takes over.
    fn settle(&mut self, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        for index in 0..self.groups.len() {
            let group = &mut self.groups[index];
            if group.successor.as_ref().is_some_and(Link::is_subscribed) {
                group.held.begin(wall.after(self.policy.overlap));
            }
            let ready = group.link.as_ref().filter(|link| link.is_subscribed());
            if let Some(link) = ready
                && !group.announced
            {
                group.announced = true;
                group.attempt = 0;
                let notice = FeedNotice::Connected {
                    connection: link.connection,
                    streams: group.streams.len(),
                };
                effects.push(FeedEffect::Notice(notice));
                self.on_group_connected(index, wall);
            }
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
        let jitter = self.next_jitter();
        for index in 0..self.groups.len() {
            let group = &mut self.groups[index];
            if group.successor.take_if(|link| link.connection == connection).is_some() {
                // The old one still works: the next rotation comes with the next wake.
                group.held = Held::new();
                continue;
            }
            if group.link.take_if(|link| link.connection == connection).is_none() {
                continue;
            }
            if group.successor.as_ref().is_some_and(Link::is_subscribed) {
                // All that came on the old one was read before its end: nothing is missing.
                self.take_over(index, effects);
                continue;
            }
            group.announced = false;
            group.link = group.successor.take();
            group.held = Held::new();
            let retry_in = self.policy.reconnect_pause(group.attempt, jitter);
            if group.link.is_none() {
                group.reopen_at = Some(wall.after(retry_in));
                group.attempt = group.attempt.saturating_add(1);
            }
            let reason = reason.to_owned();
            let notice = FeedNotice::Disconnected { connection, reason, retry_in };
            effects.push(FeedEffect::Notice(notice));
            self.on_group_lost(index);
        }
    }

    /// Everything about connections that time brings: reopening, rotation, giving up silent ones.
    pub(super) fn tend_links(&mut self, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        self.send_control(wall, effects);
        for index in 0..self.groups.len() {
            let group = &mut self.groups[index];
            if group.reopen_at.take_if(|at| *at <= wall).is_some() {
                self.stats.reconnects += 1;
                let link = self.open_link(index, wall, effects);
                self.groups[index].link = Some(link);
            }
            if self.groups[index].held.is_over(wall) {
                self.take_over(index, effects);
            }
            self.give_up_silent(index, wall, effects);
            self.rotate_if_due(index, wall, effects);
        }
    }

    fn give_up_silent(&mut self, index: usize, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        let policy = self.policy;
        let group = &mut self.groups[index];
        let dead = group.links().find_map(|link| {
            let silent = link.is_open && link.heard_at.after(policy.silent_after) <= wall;
            let stuck = !link.is_open && link.asked_at.after(policy.open_timeout) <= wall;
            match (silent, stuck) {
                (true, _) => Some((link.connection, "no data although the connection is up")),
                (false, true) => Some((link.connection, "could not be opened in time")),
                (false, false) => None,
            }
        });
        if let Some((connection, reason)) = dead {
            effects.push(FeedEffect::Wire(WireEffect::Close { connection }));
            self.on_closed(connection, reason, wall, effects);
        }
    }

    fn rotate_if_due(&mut self, index: usize, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        let rotate_after = self.policy.rotate_after;
        let group = &self.groups[index];
        let due = group.link.as_ref().is_some_and(|link| link.asked_at.after(rotate_after) <= wall);
        if due && group.successor.is_none() {
            self.start_rotation(index, wall, effects);
        }
    }

    fn start_rotation(&mut self, index: usize, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        let successor = self.open_link(index, wall, effects);
        self.groups[index].successor = Some(successor);
    }

    /// The venue announced that it will close a connection: its successor is opened at once.
    pub(super) fn on_shutdown_announced(
        &mut self,
        connection: ConnectionId,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) {
        let index = self.groups.iter().position(|group| {
            let carries = group.link.as_ref().is_some_and(|link| link.connection == connection);
            carries && group.successor.is_none()
        });
        if let Some(index) = index {
            self.start_rotation(index, wall, effects);
        }
    }

    /// The next wall instant at which [`Self::tend_links`] has something to do.
    pub(super) fn links_wake_at(&self) -> Option<Timestamp> {
        let policy = self.policy;
        let of_link = move |link: &Link| {
            let control = (link.is_open && !link.control.is_empty()).then_some(link.control_at);
            let silence = if link.is_open {
                link.heard_at.after(policy.silent_after)
            } else {
                link.asked_at.after(policy.open_timeout)
            };
            control.map_or(silence, |control| control.min(silence))
        };
        let groups = self.groups.iter().flat_map(move |group| {
            let rotation = group.link.as_ref().filter(|_| group.successor.is_none());
            let rotation = rotation.map(|link| link.asked_at.after(policy.rotate_after));
            let links = group.link.iter().chain(&group.successor).map(of_link);
            links.chain(group.reopen_at).chain(rotation).chain(group.held.ends_at())
        });
        groups.min()
    }
}
