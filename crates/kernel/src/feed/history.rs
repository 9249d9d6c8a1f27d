//! Requests of the feed: snapshots of books, history for warm-up, bars with missing trades.
//! Failures are tried again with growing pauses, and a venue that says "too many" is left alone
//! for as long as it says.

use std::time::Duration;

use market::SnapshotOutcome;
use model::{InstrumentId, Interval, MarketEvent, Timestamp};

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
    /// Bars that were not built from all of their trades: so many, the last of them opened then.
    MissingBars {
        track: usize,
        instrument: InstrumentId,
        interval: Interval,
        count: u32,
        until: Timestamp,
    },
}

impl Fetch {
    const fn instrument(&self) -> InstrumentId {
        match self {
            Self::Snapshot { instrument }
            | Self::History { instrument, .. }
            | Self::MissingBars { instrument, .. } => *instrument,
        }
    }
}

/// A request under way, and how many times it failed before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Request {
    what: Fetch,
    attempt: u32,
}

/// A request that waits for its time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Retry {
    at: Timestamp,
    request: Request,
}

/// How long requests rest when the venue refuses more of them without saying how long.
const USUAL_REST: Duration = Duration::from_secs(60);

impl<P: FeedProtocol> FeedMachine<P> {
    pub(super) fn fetch_history(
        &mut self,
        wall: Timestamp,
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
                self.request(wall, Fetch::History { id, instrument, what }, 0, effects);
            }
        }
    }

    /// Makes a request, or keeps it while requests rest.
    pub(super) fn request(
        &mut self,
        wall: Timestamp,
        what: Fetch,
        attempt: u32,
        effects: &mut Vec<FeedEffect>,
    ) {
        if let Some(at) = self.rest_until.filter(|until| *until > wall) {
            self.retries.push(Retry { at, request: Request { what, attempt } });
            return;
        }
        let http = match &what {
            Fetch::Snapshot { instrument } => self.protocol.snapshot_request(*instrument),
            Fetch::History { instrument, what: WarmUp::Bars(interval, count), .. } => {
                // One more than asked for: the open bar comes too and is left out.
                self.protocol.bars_request(*instrument, *interval, count.saturating_add(1), None)
            }
            Fetch::History { instrument, what: WarmUp::Trades(count), .. } => {
                self.protocol.trades_request(*instrument, *count)
            }
            Fetch::History { what: WarmUp::None, .. } => {
                unreachable!("answered before a request is made")
            }
            Fetch::MissingBars { instrument, interval, count, until, .. } => {
                self.protocol.bars_request(*instrument, *interval, *count, Some(*until))
            }
        };
        self.last_request += 1;
        let request = RequestId(self.last_request);
        if let Fetch::Snapshot { instrument } = what
            && let Some(track) = self.books.get_mut(&instrument)
        {
            track.requested = Some(request);
        }
        self.requests.insert(request, Request { what, attempt });
        effects.push(FeedEffect::Wire(WireEffect::Request { request, http }));
    }

    /// Makes the requests whose time has come.
    pub(super) fn tend_requests(&mut self, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        if self.rest_until.is_some_and(|until| until > wall) {
            return;
        }
        let due = |track: &super::books::BookTrack| track.request_at.is_some_and(|at| at <= wall);
        let snapshots: Vec<InstrumentId> =
            self.books.iter().filter(|(_, track)| due(track)).map(|(id, _)| *id).collect();
        for instrument in snapshots {
            let attempt = self.books.get_mut(&instrument).map_or(0, |track| {
                track.request_at = None;
                track.attempt
            });
            self.request(wall, Fetch::Snapshot { instrument }, attempt, effects);
        }
        self.fetch_missing_bars(wall, effects);
        let is_due = |retry: &mut Retry| retry.at <= wall;
        let due: Vec<Retry> = self.retries.extract_if(.., is_due).collect();
        for Retry { request, .. } in due {
            self.request(wall, request.what, request.attempt, effects);
        }
    }

    pub(super) fn requests_wake_at(&self) -> Option<Timestamp> {
        let snapshots = self.books.values().filter_map(|track| track.request_at);
        let bars = self.bars.iter().filter_map(|track| track.fetch_at);
        let retries = self.retries.iter().map(|retry| retry.at);
        let next = snapshots.chain(bars).chain(retries).min()?;
        Some(self.rest_until.map_or(next, |until| next.max(until)))
    }

    pub(super) fn on_answer(
        &mut self,
        now: Moment,
        id: RequestId,
        answer: &HttpAnswer,
        effects: &mut Vec<FeedEffect>,
    ) {
        if answer.status != 200 {
            if let Some(rest) = rest_asked_for(answer) {
                self.rest_until = Some(now.wall.after(rest));
            }
            self.on_request_failed(now, id, format!("HTTP {}", answer.status), effects);
            return;
        }
        let Some(Request { what, .. }) = self.requests.get(&id).cloned() else { return };
        let read = match what {
            Fetch::Snapshot { instrument } => {
                self.on_snapshot(now, id, instrument, answer, effects)
            }
            Fetch::History { id, instrument, what } => {
                self.read_history(now, instrument, what, answer).map(|events| {
                    effects.push(FeedEffect::HistoryFetched { id, events });
                })
            }
            Fetch::MissingBars { track, instrument, interval, .. } => self
                .protocol
                .decode_bars(instrument, interval, &answer.body, now.venue)
                .map(|bars| self.fill_missing_bars(track, &bars, now, effects)),
        };
        match read {
            Ok(()) => drop(self.requests.remove(&id)),
            Err(error) => self.on_request_failed(now, id, error.to_string(), effects),
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
                track.attempt = 0;
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
                Ok(closed.map(MarketEvent::from).collect())
            }
        }
    }

    pub(super) fn on_request_failed(
        &mut self,
        now: Moment,
        id: RequestId,
        reason: String,
        effects: &mut Vec<FeedEffect>,
    ) {
        let Some(Request { what, attempt }) = self.requests.remove(&id) else { return };
        let instrument = what.instrument();
        effects.push(FeedEffect::Notice(FeedNotice::RequestFailed { instrument, reason }));
        let retry_at = now.wall.after(self.policy.request_pause(attempt));
        match what {
            Fetch::Snapshot { .. } => {
                if let Some(track) = self.books.get_mut(&instrument)
                    && track.requested == Some(id)
                {
                    track.requested = None;
                    track.request_at = Some(retry_at);
                    track.attempt = attempt.saturating_add(1);
                }
            }
            Fetch::History { .. } => {
                let request = Request { what, attempt: attempt.saturating_add(1) };
                self.retries.push(Retry { at: retry_at, request });
            }
            Fetch::MissingBars { track, .. } => self.retry_missing_bars(track, now, effects),
        }
    }
}

/// How long the venue wants no more requests, if it says so: past a limit, or banned.
fn rest_asked_for(answer: &HttpAnswer) -> Option<Duration> {
    let told = answer.header("retry-after").and_then(|secs| secs.trim().parse().ok());
    match answer.status {
        429 | 418 => Some(told.map_or(USUAL_REST, Duration::from_secs)),
        _ => told.map(Duration::from_secs),
    }
}
