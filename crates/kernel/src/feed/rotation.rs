//! Replacing a connection by another without a gap or a duplicate.
//!
//! The successor is opened and subscribed while the old connection still carries the streams. What
//! it brings is held back: the two run at their own pace, so that its first trades may be known
//! before the last ones of the old one. After an overlap that the old connection has surely caught
//! up in, the old one is closed and what was held is published, as far as it is new.

use std::collections::VecDeque;

use model::Timestamp;

use super::links::{Group, Link};
use super::machine::{FeedEffect, FeedMachine};
use super::notice::FeedNotice;
use super::policy::FeedPolicy;
use super::protocol::{FeedMessage, FeedProtocol};
use crate::wire::{ConnectionId, Moment, WireEffect};

/// Most messages held of a successor. Past it, it takes over at once: a market so fast moves the
/// old connection along as well.
const HELD_BOUND: usize = 20_000;

/// A connection that is to take over.
#[derive(Debug)]
pub(super) struct Successor {
    pub link: Link,
    /// What it brought so far.
    held: VecDeque<FeedMessage>,
}

impl Group {
    /// When there is something to do about a rotation.
    pub(super) fn rotation_wake_at(&self, policy: &FeedPolicy) -> Option<Timestamp> {
        match &self.successor {
            Some(successor) => {
                successor.link.subscribed_at.map(|at| at.after(policy.rotation_overlap))
            }
            None => self.rotate_at.filter(|_| self.link.is_some()),
        }
    }
}

impl<P: FeedProtocol> FeedMachine<P> {
    /// Begins or ends the rotation of a group when it is time.
    pub(super) fn tend_rotation(
        &mut self,
        index: usize,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) {
        let group = &self.groups[index];
        if group.rotation_wake_at(&self.policy).is_none_or(|at| at > wall) {
            return;
        }
        if group.successor.is_some() {
            self.take_over(index, wall, effects);
        } else {
            let link = self.open_link(index, wall, effects);
            let successor = Successor { link, held: VecDeque::new() };
            let group = &mut self.groups[index];
            (group.successor, group.rotate_at) = (Some(successor), None);
        }
    }

    /// The venue announced that it will close a connection: its successor is opened at once.
    pub(super) fn on_shutdown_announced(
        &mut self,
        connection: ConnectionId,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) {
        let carries =
            |group: &Group| group.link.as_ref().is_some_and(|link| link.connection == connection);
        if let Some(index) = self.groups.iter().position(carries)
            && self.groups[index].successor.is_none()
        {
            self.groups[index].rotate_at = Some(wall);
            self.tend_rotation(index, wall, effects);
        }
    }

    /// Data of a successor waits until it takes over.
    pub(super) fn hold(
        &mut self,
        index: usize,
        message: FeedMessage,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) {
        let Some(successor) = self.groups[index].successor.as_mut() else { return };
        successor.held.push_back(message);
        if successor.held.len() < HELD_BOUND {
            return;
        }
        let connection = successor.link.connection;
        if successor.link.subscribed_at.is_some() {
            self.take_over(index, wall, effects);
        } else {
            self.give_up(connection, "too much data before its subscriptions", wall, effects);
        }
    }

    /// The successor carries the streams from now on. Nothing is lost: it has brought everything
    /// since before the old connection's end.
    pub(super) fn take_over(
        &mut self,
        index: usize,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) {
        if let Some(old) = self.groups[index].link.take() {
            effects.push(FeedEffect::Wire(WireEffect::Close { connection: old.connection }));
        }
        if let Some(connection) = self.promote(index, wall, effects) {
            effects.push(FeedEffect::Notice(FeedNotice::Rotated { connection }));
        }
    }

    /// Makes the successor the current connection and publishes what it brought meanwhile.
    pub(super) fn promote(
        &mut self,
        index: usize,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) -> Option<ConnectionId> {
        let rotate_after = self.policy.rotate_after;
        let group = &mut self.groups[index];
        let Successor { link, held } = group.successor.take()?;
        let connection = link.connection;
        group.rotate_at = Some(link.asked_at.after(rotate_after));
        group.link = Some(link);
        for message in held {
            self.on_data(Moment { venue: self.now.venue, wall }, message, effects);
        }
        Some(connection)
    }
}
