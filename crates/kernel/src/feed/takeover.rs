//! From one connection to its replacement without a gap: both are subscribed for a while, the old
//! one is read, and what the new one brings meanwhile is held. Then the new one goes on where the
//! old one ended; what both brought is recognised by its ids.

use std::collections::VecDeque;

use model::Timestamp;

use super::machine::{FeedEffect, FeedMachine};
use super::notice::FeedNotice;
use super::protocol::{FeedMessage, FeedProtocol};
use crate::wire::{ConnectionId, Moment, WireEffect};

/// Most messages that are held: some seconds of the busiest streams. Past it the old connection
/// is far behind, and the new one takes over at once.
const BOUND: usize = 65_536;

/// What came on a connection that is to take over.
#[derive(Debug)]
pub(super) struct Held {
    messages: VecDeque<(Moment, FeedMessage)>,
    ends_at: Option<Timestamp>,
}

impl Held {
    pub const fn new() -> Self {
        Self { messages: VecDeque::new(), ends_at: None }
    }

    /// The successor is subscribed: it takes over at a wall instant. Later calls change nothing.
    pub fn begin(&mut self, ends_at: Timestamp) {
        self.ends_at.get_or_insert(ends_at);
    }

    pub const fn ends_at(&self) -> Option<Timestamp> {
        self.ends_at
    }

    pub fn is_over(&self, wall: Timestamp) -> bool {
        self.ends_at.is_some_and(|at| at <= wall)
    }
}

impl<P: FeedProtocol> FeedMachine<P> {
    /// Holds a message if its connection has not taken over yet; else gives it back.
    pub(super) fn hold(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        message: FeedMessage,
        effects: &mut Vec<FeedEffect>,
    ) -> Option<FeedMessage> {
        let is_data = match message {
            FeedMessage::Trade(_)
            | FeedMessage::Quote(_)
            | FeedMessage::Depth(_)
            | FeedMessage::Bar { .. } => true,
            FeedMessage::ControlDone { .. }
            | FeedMessage::ControlRefused(_)
            | FeedMessage::ShutdownAnnounced
            | FeedMessage::Ignored => false,
        };
        let group = self.groups.iter_mut().find(|group| {
            is_data && group.successor.as_ref().is_some_and(|link| link.connection == connection)
        });
        let Some(group) = group else { return Some(message) };
        if group.held.messages.len() >= BOUND {
            group.held.ends_at = Some(now.wall);
            self.tend_links(now.wall, effects);
            return Some(message);
        }
        if let Some(link) = &mut group.successor {
            link.heard_at = now.wall;
        }
        group.held.messages.push_back((now, message));
        None
    }

    /// The successor takes the place of its connection, and what it brought is read.
    pub(super) fn take_over(&mut self, index: usize, effects: &mut Vec<FeedEffect>) {
        let group = &mut self.groups[index];
        let held = std::mem::replace(&mut group.held, Held::new());
        let Some(successor) = group.successor.take() else { return };
        let connection = successor.connection;
        if let Some(old) = group.link.replace(successor) {
            effects.push(FeedEffect::Wire(WireEffect::Close { connection: old.connection }));
        }
        effects.push(FeedEffect::Notice(FeedNotice::Rotated { connection }));
        for (now, message) in held.messages {
            self.on_message(now, connection, message, effects);
        }
    }
}
