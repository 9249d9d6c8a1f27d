//! Bars built from the trade stream. Those of which trades are missing are fetched from the venue,
//! and the ones after them wait, so that a series is told in order.

use std::collections::VecDeque;
use std::time::Duration;

use market::BarBuilder;
use model::{Bar, InstrumentId, Interval, Timestamp, Trade};

use super::history::Fetch;
use super::machine::{FeedEffect, FeedMachine};
use super::notice::FeedNotice;
use super::policy::FeedPolicy;
use super::protocol::FeedProtocol;
use crate::wire::Moment;

/// Most bars that wait for missing ones before them: as many as one request brings. Past it the
/// oldest is given up.
const QUEUE_BOUND: usize = 1_000;

/// A bar in its place in the series.
#[derive(Clone, Copy, Debug)]
enum Slot {
    /// Built from all of its trades, or fetched.
    Whole(Bar),
    /// To be fetched: trades of it are missing.
    Missing(Timestamp),
}

impl Slot {
    const fn open_at(&self) -> Timestamp {
        match self {
            Self::Whole(bar) => bar.open_at,
            Self::Missing(open_at) => *open_at,
        }
    }
}

/// One series of bars.
#[derive(Debug)]
pub(super) struct BarTrack {
    pub instrument: InstrumentId,
    interval: Interval,
    builder: BarBuilder,
    /// Nothing is heard: every bar that closes meanwhile lacks trades.
    is_deaf: bool,
    /// Trades of the open bar are missing: it began before we listened, or there was a gap.
    is_doubtful: bool,
    closed: Vec<Bar>,
    queue: VecDeque<Slot>,
    /// Wall time of the next request for what is missing; `None` while one is under way.
    pub fetch_at: Option<Timestamp>,
    attempt: u32,
}

impl BarTrack {
    pub const fn new(instrument: InstrumentId, interval: Interval, policy: &FeedPolicy) -> Self {
        Self {
            instrument,
            interval,
            builder: BarBuilder::new(instrument, interval).with_grace(policy.bar_grace),
            is_deaf: true,
            is_doubtful: true,
            closed: Vec::new(),
            queue: VecDeque::new(),
            fetch_at: None,
            attempt: 0,
        }
    }

    fn missing(&self) -> impl DoubleEndedIterator<Item = Timestamp> {
        self.queue.iter().filter_map(|slot| match slot {
            Slot::Missing(open_at) => Some(*open_at),
            Slot::Whole(_) => None,
        })
    }
}

impl<P: FeedProtocol> FeedMachine<P> {
    /// Nothing traded before the first trade that will be heard, as in a replay from its beginning:
    /// the first bar is whole, and nobody is asked for it.
    #[must_use]
    pub fn from_the_beginning(mut self) -> Self {
        for track in &mut self.bars {
            (track.is_deaf, track.is_doubtful) = (false, false);
        }
        self
    }

    /// Trades are missing: the bar that is open now cannot be built.
    pub(super) fn doubt_bars(&mut self, instrument: InstrumentId) {
        for track in self.bars.iter_mut().filter(|track| track.instrument == instrument) {
            track.is_doubtful = true;
        }
    }

    /// Trades do not come any more: no bar can be built until they do.
    pub(super) fn deafen_bars(&mut self, instrument: InstrumentId) {
        for track in self.bars.iter_mut().filter(|track| track.instrument == instrument) {
            (track.is_deaf, track.is_doubtful) = (true, true);
        }
    }

    pub(super) fn build_bars(&mut self, now: Moment, trade: &Trade, effects: &mut Vec<FeedEffect>) {
        if is_of_another_day(trade.event_at, now.venue) {
            return;
        }
        for index in 0..self.bars.len() {
            let track = &mut self.bars[index];
            if track.instrument != trade.instrument {
                continue;
            }
            let late_before = track.builder.late_trades();
            track.builder.on_trade(trade, &mut track.closed);
            self.stats.late_trades += track.builder.late_trades() - late_before;
            self.queue_closed(index, now, effects);
            let track = &mut self.bars[index];
            if std::mem::replace(&mut track.is_deaf, false) {
                track.is_doubtful = true;
            }
        }
    }

    /// Closes the bars whose boundary has passed, though no trade may have come.
    pub(super) fn close_bars(&mut self, now: Moment, effects: &mut Vec<FeedEffect>) {
        for index in 0..self.bars.len() {
            let track = &mut self.bars[index];
            track.builder.on_time(now.venue, &mut track.closed);
            self.queue_closed(index, now, effects);
        }
    }

    fn queue_closed(&mut self, index: usize, now: Moment, effects: &mut Vec<FeedEffect>) {
        let fetch_at = now.wall.after(self.policy.missing_bar_delay);
        let track = &mut self.bars[index];
        if track.closed.is_empty() {
            return;
        }
        let mut closed = std::mem::take(&mut track.closed);
        for bar in closed.drain(..) {
            if std::mem::replace(&mut track.is_doubtful, track.is_deaf) {
                if track.missing().next().is_none() {
                    (track.fetch_at, track.attempt) = (Some(fetch_at), 0);
                }
                track.queue.push_back(Slot::Missing(bar.open_at));
            } else {
                track.queue.push_back(Slot::Whole(bar));
            }
        }
        // Its memory is used again for the next ones.
        track.closed = closed;
        while self.bars[index].queue.len() > QUEUE_BOUND {
            self.give_up_oldest(index, effects);
        }
        self.publish_whole(index, now, effects);
    }

    /// Publishes the bars before which none is missing.
    fn publish_whole(&mut self, index: usize, now: Moment, effects: &mut Vec<FeedEffect>) {
        while let Some(Slot::Whole(bar)) = self.bars[index].queue.front().copied() {
            self.bars[index].queue.pop_front();
            self.publish_bar(Bar { received_at: now.venue, ..bar }, effects);
        }
    }

    fn give_up_oldest(&mut self, index: usize, effects: &mut Vec<FeedEffect>) {
        if let Some(slot) = self.bars[index].queue.pop_front() {
            let (instrument, open_at) = (self.bars[index].instrument, slot.open_at());
            self.tell_left_out(instrument, &[open_at], effects);
        }
    }

    /// One notice, however many there are: a clock that runs fast has many bars in little time.
    fn tell_left_out(
        &self,
        instrument: InstrumentId,
        bars: &[Timestamp],
        effects: &mut Vec<FeedEffect>,
    ) {
        let reason = match bars {
            [] => return,
            [open_at] => format!("the bar of {open_at} cannot be had and is left out"),
            [first, .., last] => {
                let count = bars.len();
                format!("{count} bars from {first} to {last} cannot be had and are left out")
            }
        };
        effects.push(FeedEffect::Notice(FeedNotice::RequestFailed { instrument, reason }));
    }

    /// Asks for the missing bars of each series whose time has come: all of them in one request.
    pub(super) fn fetch_missing_bars(&mut self, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        for index in 0..self.bars.len() {
            let track = &mut self.bars[index];
            if track.fetch_at.is_none_or(|at| at > wall) {
                continue;
            }
            let (first, last) = (track.missing().next(), track.missing().next_back());
            let (Some(first), Some(last)) = (first, last) else {
                track.fetch_at = None;
                continue;
            };
            let bars = last.since(first).as_secs() / track.interval.duration().as_secs() + 1;
            let fetch = Fetch::MissingBars {
                track: index,
                instrument: track.instrument,
                interval: track.interval,
                count: u32::try_from(bars).unwrap_or(u32::MAX),
                until: last,
            };
            track.fetch_at = None;
            self.request(wall, fetch, 0, effects);
        }
    }

    /// The venue's bars take the places of the missing ones. Those that it does not have, though
    /// it has later ones, are left out.
    pub(super) fn fill_missing_bars(
        &mut self,
        index: usize,
        bars: &[Bar],
        now: Moment,
        effects: &mut Vec<FeedEffect>,
    ) {
        let newest = bars.iter().map(|bar| bar.open_at).max();
        let track = &mut self.bars[index];
        let mut unknown = Vec::new();
        for slot in &mut track.queue {
            let Slot::Missing(open_at) = *slot else { continue };
            if let Some(bar) = bars.iter().find(|bar| bar.open_at == open_at) {
                *slot = Slot::Whole(*bar);
                track.attempt = 0;
            } else if newest.is_some_and(|newest| open_at < newest) {
                unknown.push(open_at);
            }
        }
        track.queue.retain(|slot| !unknown.contains(&slot.open_at()));
        let instrument = track.instrument;
        let still_missing = track.missing().next().is_some();
        self.tell_left_out(instrument, &unknown, effects);
        if still_missing {
            self.retry_missing_bars(index, now, effects);
        }
        self.publish_whole(index, now, effects);
    }

    /// Another try after a pause; after many, what is missing is left out, so that the series
    /// goes on.
    pub(super) fn retry_missing_bars(
        &mut self,
        index: usize,
        now: Moment,
        effects: &mut Vec<FeedEffect>,
    ) {
        let attempt = self.bars[index].attempt;
        if attempt < self.policy.missing_bar_attempts {
            let pause = self.policy.request_pause(attempt);
            let track = &mut self.bars[index];
            track.attempt = attempt + 1;
            track.fetch_at = Some(now.wall.after(pause));
            return;
        }
        let track = &mut self.bars[index];
        let (instrument, missing) = (track.instrument, track.missing().collect::<Vec<_>>());
        track.queue.retain(|slot| matches!(slot, Slot::Whole(_)));
        self.tell_left_out(instrument, &missing, effects);
        self.publish_whole(index, now, effects);
    }

    pub(super) fn bars_wake_at(&self) -> Option<Timestamp> {
        self.bars.iter().filter_map(|track| track.builder.wake_at()).min()
    }
}

/// Whether a trade's time can't be right. Bars are built by it, and one of years ago would have all
/// the empty ones since then built at once.
fn is_of_another_day(event_at: Timestamp, now: Timestamp) -> bool {
    const DAY: Duration = Duration::from_secs(86_400);
    event_at.after(DAY) < now || now.after(DAY) < event_at
}
