//! Requests of the feed: snapshots of books, history for warm-up, bars with missing trades.

use model::{Bar, InstrumentId, Interval, MarketEvent, Timestamp};

use market::SnapshotOutcome;

use super::machine::{FeedEffect, FeedMachine};
use super::notice::FeedNotice;
use super::protocol::{DecodeError, FeedProtocol};
use crate::strategy::WarmUp;
use crate::wire::{HttpAnswer, Moment, RequestId, WireEffect};

/// What a request is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fetch {
    /// A snapshot of a book.
    Snapshot { instrument: InstrumentId },
    /// History for a strategy.
    History { id: u64, instrument: InstrumentId, what: WarmUp },
    /// One bar that was not built from all of its trades.
    MissingBar { instrument: InstrumentId, interval: Interval, open_at: Timestamp },
    /// A failed request that waits for its next try, at a wall instant.
    Retry { at: Timestamp, what: Box<Fetch> },
}

impl Fetch {
    fn instrument(&self) -> InstrumentId {
        match self {
            Self::Snapshot { instrument }
            | Self::History { instrument, .. }
            | Self::MissingBar { instrument, .. } => *instrument,
            Self::Retry { what, .. } => what.instrument(),
        }
    }
}

impl<P: FeedProtocol> FeedMachine<P> {
    pub(super) fn fetch_history(
        &mut self,
        id: u64,
        instrument: InstrumentId,
        what: WarmUp,
        effects: &mut Vec<FeedEffect>,
    ) {
        match what {
            WarmUp::None => {
                effects.push(FeedEffect::HistoryFetched { id, events: Vec::new() });
            }
            WarmUp::Trades(_) | WarmUp::Bars(_, _) => {
                self.request_fetch(Fetch::History { id, instrument, what }, effects);
            }
        }
    }

    pub(super) fn request_fetch(&mut self, fetch: Fetch, effects: &mut Vec<FeedEffect>) {
        let http = match &fetch {
            Fetch::Snapshot { instrument } => self.protocol.snapshot_request(*instrument),
            Fetch::History { instrument, what: WarmUp::Bars(interval, count), .. } => {
                // One more than asked for: the open bar comes too and is left out.
                self.protocol.bars_request(*instrument, *interval, count.saturating_add(1), None)
            }
            Fetch::History { instrument, what: WarmUp::Trades(count), .. } => {
                self.protocol.trades_request(*instrument, *count)
            }
            Fetch::MissingBar { instrument, interval, open_at } => {
                self.protocol.bars_request(*instrument, *interval, 1, Some(*open_at))
            }
            Fetch::History { what: WarmUp::None, .. } | Fetch::Retry { .. } => {
                unreachable!("answered or unwrapped before a request is made")
            }
        };
        self.last_request += 1;
        let request = RequestId(self.last_request);
        if let Fetch::Snapshot { instrument } = fetch
            && let Some(track) = self.books.get_mut(&instrument)
        {
            track.requested = Some(request);
            track.request_at = None;
        }
        self.fetches.insert(request, fetch);
        effects.push(FeedEffect::Wire(WireEffect::Request { request, http }));
    }

    /// Makes the requests whose time has come.
    pub(super) fn tend_requests(&mut self, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        let due = |track: &super::books::BookTrack| track.request_at.is_some_and(|at| at <= wall);
        let snapshots: Vec<InstrumentId> =
            self.books.iter().filter(|(_, track)| due(track)).map(|(id, _)| *id).collect();
        for instrument in snapshots {
            self.request_fetch(Fetch::Snapshot { instrument }, effects);
        }
        let retries: Vec<RequestId> = self
            .fetches
            .iter()
            .filter(|(_, fetch)| matches!(fetch, Fetch::Retry { at, .. } if *at <= wall))
            .map(|(id, _)| *id)
            .collect();
        for id in retries {
            if let Some(Fetch::Retry { what, .. }) = self.fetches.remove(&id) {
                self.request_fetch(*what, effects);
            }
        }
    }

    pub(super) fn requests_wake_at(&self) -> Option<Timestamp> {
        let snapshots = self.books.values().filter_map(|track| track.request_at);
        let retries = self.fetches.values().filter_map(|fetch| match fetch {
            Fetch::Retry { at, .. } => Some(*at),
            Fetch::Snapshot { .. } | Fetch::History { .. } | Fetch::MissingBar { .. } => None,
        });
        snapshots.chain(retries).min()
    }

    pub(super) fn on_answer(
        &mut self,
        now: Moment,
        request: RequestId,
        answer: &HttpAnswer,
        effects: &mut Vec<FeedEffect>,
    ) {
        if answer.status != 200 {
            let reason = format!("HTTP {}", answer.status);
            self.on_request_failed(now.wall, request, reason, effects);
            return;
        }
        let Some(fetch) = self.fetches.get(&request).cloned() else { return };
        let read = match &fetch {
            Fetch::Snapshot { instrument } => {
                self.on_snapshot(now, request, *instrument, answer, effects)
            }
            Fetch::History { id, instrument, what } => {
                self.read_history(now, *instrument, *what, answer).map(|events| {
                    effects.push(FeedEffect::HistoryFetched { id: *id, events });
                })
            }
            Fetch::MissingBar { instrument, interval, open_at } => {
                self.read_missing_bar(now, (*instrument, *interval, *open_at), answer, effects)
            }
            Fetch::Retry { .. } => return,
        };
        match read {
            Ok(()) => drop(self.fetches.remove(&request)),
            Err(error) => self.on_request_failed(now.wall, request, error.to_string(), effects),
        }
    }

    fn on_snapshot(
        &mut self,
        now: Moment,
        request: RequestId,
        instrument: InstrumentId,
        answer: &HttpAnswer,
        effects: &mut Vec<FeedEffect>,
    ) -> Result<(), DecodeError> {
        let snapshot = self.protocol.decode_snapshot(instrument, &answer.body, now.venue)?;
        let retry_at = now.wall.after(self.policy.snapshot_retry);
        let Some(track) = self.books.get_mut(&instrument) else { return Ok(()) };
        if track.requested != Some(request) {
            // Of an earlier connection.
            return Ok(());
        }
        track.requested = None;
        match track.on_snapshot(&snapshot, &mut self.stats) {
            SnapshotOutcome::Synchronised { applied: _ } => {
                let update_id = track.sync.book().map_or(0, market::OrderBook::update_id);
                let notice = FeedNotice::BookSynchronised { instrument, update_id };
                effects.push(FeedEffect::Notice(notice));
                self.publish_book(instrument, None, effects);
            }
            SnapshotOutcome::TooOld { .. } => track.request_at = Some(retry_at),
            SnapshotOutcome::Lost(reason) => {
                track.request_at = Some(retry_at);
                self.stats.books_lost += 1;
                let notice = FeedNotice::BookLost { instrument, reason };
                effects.push(FeedEffect::Notice(notice));
            }
            SnapshotOutcome::NotWanted => {}
        }
        Ok(())
    }

    fn read_history(
        &self,
        now: Moment,
        instrument: InstrumentId,
        what: WarmUp,
        answer: &HttpAnswer,
    ) -> Result<Vec<MarketEvent>, DecodeError> {
        match what {
            WarmUp::None => Ok(Vec::new()),
            WarmUp::Trades(_) => {
                let trades = self.protocol.decode_trades(instrument, &answer.body, now.venue)?;
                Ok(trades.into_iter().map(MarketEvent::Trade).collect())
            }
            WarmUp::Bars(interval, _) => {
                let bars =
                    self.protocol.decode_bars(instrument, interval, &answer.body, now.venue)?;
                let closed = bars.into_iter().filter(|bar| bar.close_at() <= now.venue);
                Ok(closed.map(MarketEvent::Bar).collect())
            }
        }
    }

    fn read_missing_bar(
        &mut self,
        now: Moment,
        (instrument, interval, open_at): (InstrumentId, Interval, Timestamp),
        answer: &HttpAnswer,
        effects: &mut Vec<FeedEffect>,
    ) -> Result<(), DecodeError> {
        let bars = self.protocol.decode_bars(instrument, interval, &answer.body, now.venue)?;
        let wanted: Option<Bar> = bars.into_iter().find(|bar| bar.open_at == open_at);
        match wanted {
            Some(bar) => self.publish_bar(Bar { received_at: now.venue, ..bar }, effects),
            None => {
                let reason = format!("the venue has no bar of {open_at}");
                let notice = FeedNotice::RequestFailed { instrument, reason };
                effects.push(FeedEffect::Notice(notice));
            }
        }
        Ok(())
    }

    pub(super) fn on_request_failed(
        &mut self,
        wall: Timestamp,
        request: RequestId,
        reason: String,
        effects: &mut Vec<FeedEffect>,
    ) {
        let Some(fetch) = self.fetches.remove(&request) else { return };
        let instrument = fetch.instrument();
        effects.push(FeedEffect::Notice(FeedNotice::RequestFailed { instrument, reason }));
        let retry_at = wall.after(self.policy.snapshot_retry);
        match fetch {
            Fetch::Snapshot { .. } => {
                if let Some(track) = self.books.get_mut(&instrument)
                    && track.requested == Some(request)
                {
                    track.requested = None;
                    track.request_at = Some(retry_at);
                }
            }
            Fetch::History { .. } | Fetch::MissingBar { .. } | Fetch::Retry { .. } => {
                let what = Box::new(fetch);
                self.fetches.insert(request, Fetch::Retry { at: retry_at, what });
            }
        }
    }
}
