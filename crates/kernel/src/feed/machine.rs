//! The feed: keeps the connections of a venue alive, reads their frames, synchronises books,
//! builds bars, notices silence, and publishes typed events.
//!
//! What does not belong here: what events mean to anyone, and any venue's protocol.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    Bar, DepthUpdate, InstrumentId, Interval, MarketEvent, Quote, Timestamp, Trade, TradeId,
};

use super::bars::BarTrack;
use super::books::BookTrack;
use super::history::Fetch;
use super::links::Group;
use super::notice::{FeedNotice, FeedStats};
use super::policy::FeedPolicy;
use super::protocol::{FeedMessage, FeedProtocol, Stream, StreamKind};
use crate::strategy::WarmUp;
use crate::venue::Wake;
use crate::wire::{ConnectionId, Moment, RequestId, WireEffect, WireInput};

/// What the feed is to deliver.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FeedPlan {
    /// Streams to subscribe to.
    pub streams: Vec<Stream>,
    /// Bars to build from trades; each needs its instrument's trade stream.
    pub bars: Vec<(InstrumentId, Interval)>,
}

/// What the feed is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FeedInput<'a> {
    /// Begin to connect.
    Start,
    /// Something happened on the network.
    Wire(WireInput<'a>),
    /// Fetch history for a strategy's warm-up.
    FetchHistory {
        /// Comes back with the answer.
        id: u64,
        /// Whose.
        instrument: InstrumentId,
        /// What.
        what: WarmUp,
    },
    /// The instant of [`FeedMachine::wake_at`] has come.
    Wake,
}

/// What the feed wants or says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FeedEffect {
    /// Something for the network.
    Wire(WireEffect),
    /// Something happened on a market.
    Publish(MarketEvent),
    /// History that was asked for, oldest first.
    HistoryFetched {
        /// Of the request.
        id: u64,
        /// Closed bars or trades.
        events: Vec<MarketEvent>,
    },
    /// Something for the log, the monitor or risk.
    Notice(FeedNotice),
}

/// When a stream last spoke.
#[derive(Clone, Copy, Debug)]
struct Heard {
    at: Timestamp,
    is_stale: bool,
}

/// Quotes carry no time. After so many with older ids in a row, more than any replay of a
/// connection brings, it is the ids that have started again.
const OLDER_QUOTES_IN_A_ROW: u32 = 1_000;

/// The newest quote of an instrument.
#[derive(Clone, Copy, Debug)]
struct LastQuote {
    update_id: i64,
    /// How many older ones came since.
    older: u32,
}

impl LastQuote {
    const NONE: Self = Self { update_id: i64::MIN, older: 0 };
}

/// The machine.
#[derive(Debug)]
pub struct FeedMachine<P> {
    pub(super) protocol: P,
    pub(super) policy: FeedPolicy,
    pub(super) groups: Vec<Group>,
    pub(super) books: BTreeMap<InstrumentId, BookTrack>,
    pub(super) bars: Vec<BarTrack>,
    pub(super) fetches: BTreeMap<RequestId, Fetch>,
    pub(super) stats: FeedStats,
    pub(super) last_connection: u32,
    pub(super) last_control: u64,
    pub(super) last_request: u64,
    last_trades: BTreeMap<InstrumentId, (TradeId, Timestamp)>,
    last_quotes: BTreeMap<InstrumentId, LastQuote>,
    last_bars: BTreeMap<(InstrumentId, Interval), Timestamp>,
    heard: BTreeMap<Stream, Heard>,
    jitter: u64,
    /// Whether a frame may have brought a deadline nearer since somebody asked.
    pub(super) has_new_deadline: bool,
}

impl<P: FeedProtocol> FeedMachine<P> {
    /// A feed that will deliver a plan. `seed` only spreads reconnects in time.
    #[must_use]
    pub fn new(protocol: P, policy: FeedPolicy, plan: &FeedPlan, seed: u64) -> Self {
        let most = protocol.max_streams().max(1);
        let groups = plan.streams.chunks(most).map(|chunk| Group::new(chunk.to_vec())).collect();
        let depth = plan.streams.iter().filter(|stream| stream.kind == StreamKind::Depth);
        let books = depth.map(|s| (s.instrument, BookTrack::new(s.instrument))).collect();
        let bars = plan.bars.iter().map(|(id, interval)| BarTrack::new(*id, *interval)).collect();
        Self {
            protocol,
            policy,
            groups,
            books,
            bars,
            fetches: BTreeMap::new(),
            stats: FeedStats::default(),
            last_connection: 0,
            last_control: 0,
            last_request: 0,
            last_trades: BTreeMap::new(),
            last_quotes: BTreeMap::new(),
            last_bars: BTreeMap::new(),
            heard: BTreeMap::new(),
            jitter: seed | 1,
            has_new_deadline: false,
        }
    }

    /// Counters since the start.
    #[must_use]
    pub const fn stats(&self) -> &FeedStats {
        &self.stats
    }

    /// How long ago each stream spoke last, by wall time, and whether it is stale.
    pub fn stream_ages(
        &self,
        wall: Timestamp,
    ) -> impl Iterator<Item = (Stream, std::time::Duration, bool)> {
        self.heard.iter().map(move |(s, heard)| (*s, wall.since(heard.at), heard.is_stale))
    }

    /// Whether every book that was asked for is in step.
    #[must_use]
    pub fn books_are_synchronised(&self) -> bool {
        self.books.values().all(|track| track.sync.book().is_some())
    }

    /// Takes one input and appends what follows from it.
    pub fn step(&mut self, now: Moment, input: FeedInput<'_>, effects: &mut Vec<FeedEffect>) {
        match input {
            FeedInput::Start => self.open_all(now.wall, effects),
            FeedInput::Wire(wire) => self.on_wire(now, wire, effects),
            FeedInput::FetchHistory { id, instrument, what } => {
                self.fetch_history(id, instrument, what, effects);
            }
            FeedInput::Wake => {
                self.tend_links(now.wall, effects);
                self.tend_requests(now.wall, effects);
                self.close_bars(now, effects);
                self.notice_stale(now.wall, effects);
            }
        }
    }

    /// When the feed wants [`FeedInput::Wake`]: one instant by each clock.
    #[must_use]
    pub fn wake_at(&self) -> Vec<Wake> {
        let stale = self.heard.iter().filter(|(_, heard)| !heard.is_stale);
        let stale = stale.map(|(s, heard)| heard.at.after(self.policy.stale_after(s.kind)));
        let wall = stale.chain(self.links_wake_at()).chain(self.requests_wake_at()).min();
        let venue = self.bars_wake_at();
        wall.map(Wake::Wall).into_iter().chain(venue.map(Wake::Venue)).collect()
    }

    /// Whether a frame may have brought [`Self::wake_at`] nearer since the last call. Nearly all of
    /// them only move it away, which nobody has to know at once.
    #[must_use]
    pub const fn take_new_deadline(&mut self) -> bool {
        std::mem::replace(&mut self.has_new_deadline, false)
    }

    fn on_wire(&mut self, now: Moment, wire: WireInput<'_>, effects: &mut Vec<FeedEffect>) {
        match wire {
            WireInput::Opened { connection } => self.on_opened(connection, now.wall, effects),
            WireInput::Text { connection, text } => self.on_text(now, connection, text, effects),
            WireInput::Closed { connection, reason } => {
                self.on_closed(connection, &reason, now.wall, effects);
            }
            WireInput::Answered { request, answer } => {
                self.on_answer(now, request, &answer, effects);
            }
            WireInput::RequestFailed { request, reason, .. } => {
                self.on_request_failed(now.wall, request, reason, effects);
            }
            WireInput::Pinged { .. } | WireInput::Sent { .. } | WireInput::SendFailed { .. } => {}
        }
    }

    fn on_text(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        text: &str,
        effects: &mut Vec<FeedEffect>,
    ) {
        let message = match self.protocol.decode(text, now.venue) {
            Ok(message) => message,
            Err(error) => {
                self.stats.malformed += 1;
                effects.push(FeedEffect::Notice(FeedNotice::Malformed(error)));
                return;
            }
        };
        if let Some(message) = self.hold(now, connection, message, effects) {
            self.on_message(now, connection, message, effects);
        }
    }

    /// Takes a message of a connection in use.
    pub(super) fn on_message(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        message: FeedMessage,
        effects: &mut Vec<FeedEffect>,
    ) {
        match message {
            FeedMessage::Trade(trade) => {
                self.hear(connection, trade.instrument, StreamKind::Trade, now.wall, effects);
                self.on_trade(now, trade, effects);
            }
            FeedMessage::Quote(quote) => {
                self.hear(connection, quote.instrument, StreamKind::Quote, now.wall, effects);
                self.on_quote(quote, effects);
            }
            FeedMessage::Bar { bar, is_closed } => {
                let kind = StreamKind::Bar(bar.interval);
                self.hear(connection, bar.instrument, kind, now.wall, effects);
                if is_closed && self.is_next_bar(&bar) {
                    self.publish_bar(bar, effects);
                }
            }
            FeedMessage::Depth(update) => {
                self.hear(connection, update.instrument, StreamKind::Depth, now.wall, effects);
                self.on_depth(now.wall, Arc::new(update), effects);
            }
            FeedMessage::ControlDone { id } => {
                self.on_control_answer(Some(id), now.wall, effects);
            }
            FeedMessage::ControlRefused(refused) => {
                self.on_control_answer(refused.id, now.wall, effects);
                effects.push(FeedEffect::Notice(FeedNotice::Refused(refused)));
            }
            FeedMessage::ShutdownAnnounced => {
                self.on_shutdown_announced(connection, now.wall, effects);
            }
            FeedMessage::Ignored => {}
        }
    }

    /// Data came on a stream: it and its connection are alive.
    fn hear(
        &mut self,
        connection: ConnectionId,
        instrument: InstrumentId,
        kind: StreamKind,
        wall: Timestamp,
        effects: &mut Vec<FeedEffect>,
    ) {
        self.stats.frames += 1;
        for group in &mut self.groups {
            for link in group.link.iter_mut().chain(&mut group.successor) {
                if link.connection == connection {
                    link.heard_at = wall;
                }
            }
        }
        let stream = Stream { instrument, kind };
        let heard = Heard { at: wall, is_stale: false };
        if self.heard.insert(stream, heard).is_some_and(|before| before.is_stale) {
            effects.push(FeedEffect::Notice(FeedNotice::Recovered { stream }));
        }
    }

    fn on_trade(&mut self, now: Moment, trade: Trade, effects: &mut Vec<FeedEffect>) {
        if let Some((last, last_at)) = self.last_trades.get(&trade.instrument).copied() {
            // Ids that go back while time goes on have started again, as at a reset of the venue.
            let is_restart = trade.id <= last && trade.event_at > last_at;
            if trade.id <= last && !is_restart {
                self.stats.duplicates += 1;
                return;
            }
            let missed = u64::try_from(trade.id.0 - last.0 - 1).unwrap_or(0);
            if missed > 0 || is_restart {
                self.stats.trades_missed += missed;
                let instrument = trade.instrument;
                let notice = FeedNotice::TradesMissed { instrument, after: last, before: trade.id };
                effects.push(FeedEffect::Notice(notice));
                self.doubt_bars(instrument);
            }
        }
        self.last_trades.insert(trade.instrument, (trade.id, trade.event_at));
        self.stats.trades += 1;
        // A bar that this trade proves closed is published before the trade.
        self.build_bars(now, &trade, effects);
        effects.push(FeedEffect::Publish(MarketEvent::Trade(trade)));
    }

    fn on_quote(&mut self, quote: Quote, effects: &mut Vec<FeedEffect>) {
        let last = self.last_quotes.entry(quote.instrument).or_insert(LastQuote::NONE);
        if quote.update_id <= last.update_id && last.older < OLDER_QUOTES_IN_A_ROW {
            last.older += 1;
            self.stats.duplicates += 1;
            return;
        }
        *last = LastQuote { update_id: quote.update_id, older: 0 };
        self.stats.quotes += 1;
        if let Some(track) = self.books.get_mut(&quote.instrument) {
            track.on_quote(quote);
        }
        effects.push(FeedEffect::Publish(MarketEvent::Quote(quote)));
    }

    fn on_depth(
        &mut self,
        wall: Timestamp,
        update: Arc<DepthUpdate>,
        effects: &mut Vec<FeedEffect>,
    ) {
        self.stats.depth_updates += 1;
        let instrument = update.instrument;
        let Some(track) = self.books.get_mut(&instrument) else { return };
        match track.on_diff(&update, &mut self.stats) {
            Ok(true) => self.publish_book(instrument, Some(update), effects),
            Ok(false) => {
                let waits = track.sync.book().is_none() && track.requested.is_none();
                if waits && track.request_at.is_none() {
                    track.request_at = Some(wall);
                    self.tend_requests(wall, effects);
                }
            }
            Err(reason) => {
                self.stats.books_lost += 1;
                track.request_at = Some(wall);
                let notice = FeedNotice::BookLost { instrument, reason };
                effects.push(FeedEffect::Notice(notice));
                self.tend_requests(wall, effects);
            }
        }
    }

    pub(super) fn publish_book(
        &self,
        instrument: InstrumentId,
        change: Option<Arc<DepthUpdate>>,
        effects: &mut Vec<FeedEffect>,
    ) {
        let book = self.books.get(&instrument).and_then(|track| track.sync.book());
        let Some(book) = book else { return };
        if self.policy.publish_depth {
            let change = change.unwrap_or_else(|| Arc::new(book.to_snapshot()));
            effects.push(FeedEffect::Publish(MarketEvent::Depth(change)));
        }
        let state = Arc::new(book.state(self.policy.book_levels));
        effects.push(FeedEffect::Publish(MarketEvent::Book(state)));
    }

    /// A bar that came on a connection and on its replacement is published once.
    fn is_next_bar(&mut self, bar: &Bar) -> bool {
        let last = self.last_bars.entry((bar.instrument, bar.interval)).or_insert(Timestamp::EPOCH);
        let is_next = bar.open_at > *last;
        self.stats.duplicates += u64::from(!is_next);
        *last = bar.open_at.max(*last);
        is_next
    }

    pub(super) fn publish_bar(&mut self, bar: Bar, effects: &mut Vec<FeedEffect>) {
        self.stats.bars += 1;
        effects.push(FeedEffect::Publish(MarketEvent::Bar(bar)));
    }

    /// From now on the streams of a group count as expected.
    pub(super) fn on_group_connected(&mut self, index: usize, wall: Timestamp) {
        for stream in &self.groups[index].streams {
            let heard = self.heard.entry(*stream).or_insert(Heard { at: wall, is_stale: false });
            heard.at = wall.max(heard.at);
        }
    }

    /// What depended on a connection starts over.
    pub(super) fn on_group_lost(&mut self, index: usize) {
        let lost: Vec<Stream> = self.groups[index].streams.clone();
        for stream in lost {
            match stream.kind {
                StreamKind::Depth => {
                    if let Some(track) = self.books.get_mut(&stream.instrument) {
                        track.restart();
                    }
                }
                StreamKind::Trade => self.doubt_bars(stream.instrument),
                StreamKind::Quote | StreamKind::Bar(_) => {}
            }
        }
    }

    fn notice_stale(&mut self, wall: Timestamp, effects: &mut Vec<FeedEffect>) {
        for (stream, heard) in &mut self.heard {
            let silent_for = wall.since(heard.at);
            if !heard.is_stale && silent_for >= self.policy.stale_after(stream.kind) {
                heard.is_stale = true;
                let notice = FeedNotice::Stale { stream: *stream, silent_for };
                effects.push(FeedEffect::Notice(notice));
            }
        }
    }

    /// A step of SplitMix64 (Steele, Lea, Flood 2014): all that reconnects need of chance.
    pub(super) const fn next_jitter(&mut self) -> u64 {
        self.jitter = self.jitter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.jitter;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
