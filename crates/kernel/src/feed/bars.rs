//! Bars built from the trade stream, and fetched from history where trades are missing.

use market::BarBuilder;
use model::{Bar, InstrumentId, Interval, Timestamp, Trade};

use super::history::Fetch;
use super::machine::{FeedEffect, FeedMachine};
use super::protocol::FeedProtocol;
use crate::wire::Moment;

/// One series of bars.
#[derive(Debug)]
pub(super) struct BarTrack {
    pub instrument: InstrumentId,
    builder: BarBuilder,
    /// Trades of the open bar are missing: it began before we listened, or there was a gap. Such
    /// a bar is not published as built but fetched from the venue.
    is_doubtful: bool,
    closed: Vec<Bar>,
}

impl BarTrack {
    pub const fn new(instrument: InstrumentId, interval: Interval) -> Self {
        let builder = BarBuilder::new(instrument, interval);
        Self { instrument, builder, is_doubtful: true, closed: Vec::new() }
    }
}

impl<P: FeedProtocol> FeedMachine<P> {
    pub(super) fn doubt_bars(&mut self, instrument: InstrumentId) {
        for track in self.bars.iter_mut().filter(|track| track.instrument == instrument) {
            track.is_doubtful = true;
        }
    }

    pub(super) fn build_bars(&mut self, now: Moment, trade: &Trade, effects: &mut Vec<FeedEffect>) {
        for index in 0..self.bars.len() {
            let track = &mut self.bars[index];
            if track.instrument == trade.instrument {
                self.has_new_deadline |= track.builder.wake_at().is_none();
                track.builder.on_trade(trade, &mut track.closed);
                self.deliver_closed(index, now, effects);
            }
        }
    }

    /// Closes the bars whose boundary has passed, though no trade may have come.
    pub(super) fn close_bars(&mut self, now: Moment, effects: &mut Vec<FeedEffect>) {
        for index in 0..self.bars.len() {
            let track = &mut self.bars[index];
            track.builder.on_time(now.venue, &mut track.closed);
            self.deliver_closed(index, now, effects);
        }
    }

    fn deliver_closed(&mut self, index: usize, now: Moment, effects: &mut Vec<FeedEffect>) {
        let closed = std::mem::take(&mut self.bars[index].closed);
        for bar in closed {
            let was_doubtful = std::mem::replace(&mut self.bars[index].is_doubtful, false);
            if was_doubtful {
                let fetch = Fetch::MissingBar {
                    instrument: bar.instrument,
                    interval: bar.interval,
                    open_at: bar.open_at,
                };
                self.request_fetch(fetch, effects);
            } else {
                self.publish_bar(Bar { received_at: now.venue, ..bar }, effects);
            }
        }
    }

    pub(super) fn bars_wake_at(&self) -> Option<Timestamp> {
        self.bars.iter().filter_map(|track| track.builder.wake_at()).min()
    }
}
