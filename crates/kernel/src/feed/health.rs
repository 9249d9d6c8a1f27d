//! Which streams are alive: each has its own limit of silence.

use std::time::Duration;

use model::{InstrumentId, Timestamp};

use super::machine::{FeedEffect, FeedMachine};
use super::notice::FeedNotice;
use super::protocol::{FeedProtocol, Stream};

/// When a stream last spoke.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub at: Timestamp,
    pub is_stale: bool,
    /// Whether it has ever spoken; until then `at` is since when it is expected to.
    has_spoken: bool,
}

impl<P: FeedProtocol> FeedMachine<P> {
    /// How long ago each stream spoke last, by wall time, and whether it is stale.
    pub fn stream_ages(&self, wall: Timestamp) -> impl Iterator<Item = (Stream, Duration, bool)> {
        self.heard.iter().map(move |(s, heard)| (*s, wall.since(heard.at), heard.is_stale))
    }

    /// Whether any stream of an instrument is stale.
    #[must_use]
    pub fn is_stale(&self, instrument: InstrumentId) -> bool {
        let of_it = self.heard.iter().filter(|(stream, _)| stream.instrument == instrument);
        of_it.into_iter().any(|(_, heard)| heard.is_stale)
    }

    /// Every stream is expected to speak from the start on, so that one that never does is
    /// noticed too.
    pub(super) fn expect_all(&mut self, wall: Timestamp) {
        for stream in self.groups.iter().flat_map(|group| &group.streams) {
            self.heard.insert(*stream, Heard { at: wall, is_stale: false, has_spoken: false });
        }
        self.look_for_stale_at = self.next_stale_at();
    }

    /// The streams of a group that never spoke are expected to from now on. The others grow no
    /// younger by a new connection: what we know of the market is as old as it is.
    pub(super) fn expect_streams(&mut self, index: usize, wall: Timestamp) {
        for stream in &self.groups[index].streams {
            if let Some(heard) = self.heard.get_mut(stream).filter(|heard| !heard.has_spoken) {
                heard.at = wall;
            }
        }
        self.look_for_stale_at = self.next_stale_at();
    }

    /// Data came on a stream. False if nobody subscribed to it.
    pub(super) fn hear_stream(
        &mut self,
        stream: Stream,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) -> bool {
        let Some(heard) = self.heard.get_mut(&stream) else { return false };
        (heard.at, heard.has_spoken) = (wall, true);
        if std::mem::replace(&mut heard.is_stale, false) {
            effects.push(FeedEffect::Notice(FeedNotice::Recovered { stream }));
            let stale_at = wall.after(self.policy.stale_after(stream.kind));
            let next = self.look_for_stale_at.map_or(stale_at, |at| at.min(stale_at));
            self.look_for_stale_at = Some(next);
        }
        true
    }

    pub(super) fn notice_stale(&mut self, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        if self.look_for_stale_at.is_none_or(|at| at > wall) {
            return;
        }
        for (stream, heard) in &mut self.heard {
            let silent_for = wall.since(heard.at);
            if !heard.is_stale && silent_for >= self.policy.stale_after(stream.kind) {
                heard.is_stale = true;
                let notice = FeedNotice::Stale { stream: *stream, silent_for };
                effects.push(FeedEffect::Notice(notice));
            }
        }
        self.look_for_stale_at = self.next_stale_at();
    }

    /// The earliest instant at which a stream may be stale. Frames only move it later, so that it
    /// need not be looked for at each.
    fn next_stale_at(&self) -> Option<Timestamp> {
        let lively = self.heard.iter().filter(|(_, heard)| !heard.is_stale);
        lively.map(|(s, heard)| heard.at.after(self.policy.stale_after(s.kind))).min()
    }
}
