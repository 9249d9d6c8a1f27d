//! The feed: keeps the connections of a venue alive, reads their frames, synchronises books,
//! builds bars, notices silence, and publishes typed events.
//!
//! What does not belong here: what events mean to anyone, and any venue's protocol.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    Bar, DepthUpdate, InstrumentId, Interval, MarketEvent, Price, Quote, Timestamp, Trade, TradeId,
};
use serde::{Deserialize, Serialize};

use super::bars::BarTrack;
use super::books::BookTrack;
use super::doubt::Last;
use super::health::Heard;
use super::history::{Request, Retry};
use super::links::{Group, Part};
use super::notice::{FeedNotice, FeedStats};
use super::policy::FeedPolicy;
use super::protocol::{FeedMessage, FeedProtocol, Stream, StreamKind};
use crate::replay::Digest;
use crate::strategy::WarmUp;
use crate::venue::Wake;
use crate::wire::{ConnectionId, Moment, RequestId, WireEffect, WireInput};

/// What the feed is to deliver.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
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

/// The machine.
#[derive(Debug)]
pub struct FeedMachine<P> {
    pub(super) protocol: P,
    pub(super) policy: FeedPolicy,
    pub(super) groups: Vec<Group>,
    pub(super) books: BTreeMap<InstrumentId, BookTrack>,
    pub(super) bars: Vec<BarTrack>,
    /// Requests under way.
    pub(super) requests: BTreeMap<RequestId, Request>,
    /// Requests to be made again.
    pub(super) retries: Vec<Retry>,
    /// Wall time until which the venue wants no requests.
    pub(super) rest_until: Option<Timestamp>,
    pub(super) stats: FeedStats,
    pub(super) last_connection: u32,
    pub(super) last_control: u64,
    pub(super) last_request: u64,
    /// The instant of the input that is being handled.
    pub(super) now: Moment,
    /// The last trade of each instrument, with its time.
    last_trades: BTreeMap<InstrumentId, Last<(TradeId, Timestamp)>>,
    last_quotes: BTreeMap<InstrumentId, Last<i64>>,
    last_bars: BTreeMap<(InstrumentId, Interval), Timestamp>,
    pub(super) heard: BTreeMap<Stream, Heard>,
    /// No stream can be stale before this.
    pub(super) look_for_stale_at: Option<Timestamp>,
    jitter: u64,
}

impl<P: FeedProtocol> FeedMachine<P> {
    /// A feed that will deliver a plan. `seed` only spreads reconnects in time.
    #[must_use]
    pub fn new(protocol: P, policy: FeedPolicy, plan: &FeedPlan, seed: u64) -> Self {
        let most = protocol.max_streams().max(1);
        let groups = plan.streams.chunks(most).map(|chunk| Group::new(chunk.to_vec())).collect();
        let depth = plan.streams.iter().filter(|stream| stream.kind == StreamKind::Depth);
        let books = depth.map(|s| (s.instrument, BookTrack::new(s.instrument))).collect();
        let track =
            |(id, interval): &(InstrumentId, Interval)| BarTrack::new(*id, *interval, &policy);
        let bars = plan.bars.iter().map(track).collect();
        Self {
            protocol,
            policy,
            groups,
            books,
            bars,
            requests: BTreeMap::new(),
            retries: Vec::new(),
            rest_until: None,
            stats: FeedStats::default(),
            last_connection: 0,
            last_control: 0,
            last_request: 0,
            now: Moment::default(),
            last_trades: BTreeMap::new(),
            last_quotes: BTreeMap::new(),
            last_bars: BTreeMap::new(),
            heard: BTreeMap::new(),
            look_for_stale_at: None,
            jitter: seed | 1,
        }
    }

    /// Counters since the start.
    #[must_use]
    pub const fn stats(&self) -> &FeedStats {
        &self.stats
    }

    /// Whether every book that was asked for is in step.
    #[must_use]
    pub fn books_are_synchronised(&self) -> bool {
        self.books.values().all(|track| track.sync.book().is_some())
    }

    /// The fingerprint of all that it knows, books by their best levels.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let books = self.books.iter().map(|(id, track)| (id, track.summary())).collect::<Vec<_>>();
        Digest::of(&(
            (&self.groups, books, &self.bars, &self.requests, &self.retries, self.rest_until),
            (self.stats, self.last_connection, self.last_control, self.last_request),
            (&self.last_trades, &self.last_quotes, &self.last_bars),
            (&self.heard, self.look_for_stale_at, self.jitter),
        ))
    }

    /// Takes one input and appends what follows from it.
    pub fn step(&mut self, now: Moment, input: FeedInput<'_>, effects: &mut Vec<FeedEffect>) {
        self.now = now;
        match input {
            FeedInput::Start => {
                self.expect_all(now.wall);
                self.open_all(now.wall, effects);
            }
            FeedInput::Wire(wire) => self.on_wire(now, wire, effects),
            FeedInput::FetchHistory { id, instrument, what } => {
                self.fetch_history(now.wall, id, instrument, what, effects);
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
    pub fn wake_at(&self) -> [Option<Wake>; 2] {
        let wall = [self.look_for_stale_at, self.links_wake_at(), self.requests_wake_at()];
        let wall = wall.into_iter().flatten().min();
        [wall.map(Wake::Wall), self.bars_wake_at().map(Wake::Venue)]
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
                self.on_request_failed(now, request, reason, effects);
            }
            WireInput::SendFailed { connection, .. } => {
                // Only subscriptions are sent, and without them the connection is of no use.
                self.give_up(connection, "a subscription could not be sent", now.wall, effects);
            }
            WireInput::Pinged { .. } | WireInput::Sent { .. } => {}
        }
    }

    /// A frame. One of a connection that was given up is nobody's business any more.
    fn on_text(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        text: &str,
        effects: &mut Vec<FeedEffect>,
    ) {
        let Some((index, part)) = self.part_of(connection) else { return };
        let message = match self.protocol.decode(text, now.venue) {
            Ok(message) => message,
            Err(error) => {
                self.stats.malformed += 1;
                effects.push(FeedEffect::Notice(FeedNotice::Malformed(error)));
                return;
            }
        };
        match message {
            FeedMessage::Trade(_)
            | FeedMessage::Quote(_)
            | FeedMessage::Bar { .. }
            | FeedMessage::Depth(_) => {
                self.stats.frames += 1;
                self.hear_link(index, part, now.wall);
                match part {
                    Part::Current => self.on_data(now, message, effects),
                    Part::Successor => self.hold(index, message, now.wall, effects),
                }
            }
            FeedMessage::ControlDone { id } => {
                self.on_control_answer(connection, Some(id), now.wall, effects);
            }
            FeedMessage::ControlRefused(refused) => {
                let id = refused.id;
                effects.push(FeedEffect::Notice(FeedNotice::Refused(refused)));
                self.on_control_answer(connection, id, now.wall, effects);
            }
            FeedMessage::ShutdownAnnounced => {
                self.on_shutdown_announced(connection, now.wall, effects);
            }
            FeedMessage::Ignored => {}
        }
    }

    /// Stream data, in the order in which it is to be published.
    pub(super) fn on_data(
        &mut self,
        now: Moment,
        message: FeedMessage,
        effects: &mut Vec<FeedEffect>,
    ) {
        let Some(stream) = stream_of(&message) else { return };
        if !self.hear_stream(stream, now.wall, effects) {
            return;
        }
        match message {
            FeedMessage::Trade(trade) => self.on_trade(now, trade, effects),
            FeedMessage::Quote(quote) => self.on_quote(now, quote, effects),
            FeedMessage::Bar { bar, is_closed: true } => self.publish_bar(bar, effects),
            FeedMessage::Depth(update) => self.on_depth(now.wall, Arc::new(update), effects),
            FeedMessage::Bar { is_closed: false, .. }
            | FeedMessage::ControlDone { .. }
            | FeedMessage::ControlRefused(_)
            | FeedMessage::ShutdownAnnounced
            | FeedMessage::Ignored => {}
        }
    }

    fn on_trade(&mut self, now: Moment, trade: Trade, effects: &mut Vec<FeedEffect>) {
        let instrument = trade.instrument;
        let prices = [trade.price; 2];
        if let Some(last) = self.last_trades.get_mut(&instrument) {
            let (id, at) = last.number;
            let is_old = trade.id <= id && trade.event_at <= at;
            if is_old && !last.is_overtaken(now.wall) {
                self.stats.duplicates += 1;
                return;
            }
            if let Some(doubted) = last.doubts(prices) {
                return doubt(instrument, StreamKind::Trade, doubted, effects);
            }
            self.look_for_gap(&trade, id, effects);
        }
        let number = (trade.id, trade.event_at);
        self.last_trades.insert(instrument, Last::new(number, prices, now.wall));
        self.stats.trades += 1;
        // A bar that this trade proves closed is published before the trade.
        self.build_bars(now, &trade, effects);
        effects.push(FeedEffect::Publish(MarketEvent::Trade(trade)));
    }

    /// A trade that is news, but not by its number, is the first after a reset.
    fn look_for_gap(&mut self, trade: &Trade, last: TradeId, effects: &mut Vec<FeedEffect>) {
        let instrument = trade.instrument;
        if trade.id <= last {
            let notice = FeedNotice::TradesRestarted { instrument, last, first: trade.id };
            effects.push(FeedEffect::Notice(notice));
            self.doubt_bars(instrument);
            return;
        }
        let missed = u64::try_from(trade.id.0 - last.0 - 1).unwrap_or(0);
        if missed > 0 {
            self.stats.trades_missed += missed;
            let notice = FeedNotice::TradesMissed { instrument, after: last, before: trade.id };
            effects.push(FeedEffect::Notice(notice));
            self.doubt_bars(instrument);
        }
    }

    fn on_quote(&mut self, now: Moment, quote: Quote, effects: &mut Vec<FeedEffect>) {
        let (instrument, first) = (quote.instrument, quote.update_id);
        let prices = [quote.bid.price, quote.ask.price];
        if let Some(seen) = self.last_quotes.get_mut(&instrument) {
            let last = seen.number;
            if first <= last && !seen.is_overtaken(now.wall) {
                self.stats.duplicates += 1;
                return;
            }
            if let Some(doubted) = seen.doubts(prices) {
                return doubt(instrument, StreamKind::Quote, doubted, effects);
            }
            if first <= last {
                let notice = FeedNotice::QuotesRestarted { instrument, last, first };
                effects.push(FeedEffect::Notice(notice));
            }
        }
        self.last_quotes.insert(instrument, Last::new(first, prices, now.wall));
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

    /// Publishes a bar, once.
    pub(super) fn publish_bar(&mut self, bar: Bar, effects: &mut Vec<FeedEffect>) {
        let series = (bar.instrument, bar.interval);
        if self.last_bars.get(&series).is_some_and(|last| bar.open_at <= *last) {
            self.stats.duplicates += 1;
            return;
        }
        self.last_bars.insert(series, bar.open_at);
        self.stats.bars += 1;
        effects.push(FeedEffect::Publish(bar.into()));
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
                StreamKind::Trade => self.deafen_bars(stream.instrument),
                StreamKind::Quote => drop(self.last_quotes.remove(&stream.instrument)),
                StreamKind::Bar(_) => {}
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

/// A price is not passed on, and that is told.
fn doubt(
    instrument: InstrumentId,
    kind: StreamKind,
    (price, last): (Price, Price),
    effects: &mut Vec<FeedEffect>,
) {
    let stream = Stream { instrument, kind };
    effects.push(FeedEffect::Notice(FeedNotice::PriceDoubted { stream, price, last }));
}

/// The stream that data belongs to; `None` for what is no data.
const fn stream_of(message: &FeedMessage) -> Option<Stream> {
    let (instrument, kind) = match message {
        FeedMessage::Trade(trade) => (trade.instrument, StreamKind::Trade),
        FeedMessage::Quote(quote) => (quote.instrument, StreamKind::Quote),
        FeedMessage::Bar { bar, .. } => (bar.instrument, StreamKind::Bar(bar.interval)),
        FeedMessage::Depth(update) => (update.instrument, StreamKind::Depth),
        FeedMessage::ControlDone { .. }
        | FeedMessage::ControlRefused(_)
        | FeedMessage::ShutdownAnnounced
        | FeedMessage::Ignored => return None,
    };
    Some(Stream { instrument, kind })
}
