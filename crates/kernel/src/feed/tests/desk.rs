//! A machine with a protocol in plain words, its clock, and its effects in words.

#![allow(clippy::wildcard_enum_match_arm, reason = "scripts use few of the inputs")]

use std::time::Duration;

use model::{
    Amount, Bar, DepthUpdate, InstrumentId, Interval, Level, MarketEvent, Price, Quantity, Quote,
    Side, Timestamp, Trade, TradeId,
};

use crate::feed::{
    DecodeError, FeedEffect, FeedInput, FeedMachine, FeedMessage, FeedNotice, FeedPlan, FeedPolicy,
    FeedProtocol, Stream, StreamKind, SubscriptionRefused,
};
use crate::strategy::WarmUp;
use crate::venue::Wake;
use crate::wire::{
    ConnectionId, HttpAnswer, HttpRequest, Method, Moment, RequestId, WireEffect, WireInput,
};

pub const BTC: InstrumentId = InstrumentId(0);
pub const ETH: InstrumentId = InstrumentId(1);

/// When scripts begin: a whole minute, by both clocks.
pub const BEGIN_MS: i64 = 1_200_000;

/// Frames are words: `trade 0 7 1200050` is trade 7 of instrument 0 at that millisecond. A price may
/// follow; `quote 0 5 98 102` is a best price with id 5.
#[derive(Debug)]
pub struct Words {
    pub streams_a_request: usize,
}

impl Default for Words {
    fn default() -> Self {
        Self { streams_a_request: 100 }
    }
}

fn number(words: &mut std::str::SplitWhitespace<'_>) -> Result<i64, DecodeError> {
    let word = words.next().unwrap_or("nothing");
    word.parse().map_err(|_| DecodeError::Malformed(word.to_owned()))
}

fn instrument(id: i64) -> InstrumentId {
    InstrumentId(u16::try_from(id).unwrap())
}

const fn level(price: i64) -> Level {
    Level { price: Price::from_units(price), quantity: Quantity::ONE }
}

pub fn bar(id: InstrumentId, interval: Interval, open_ms: i64, volume: i64) -> Bar {
    let price = Price::from_units(100_000_000);
    Bar {
        instrument: id,
        interval,
        open_at: Timestamp::from_millis(open_ms),
        open: price,
        high: price,
        low: price,
        close: price,
        volume: Quantity::from_units(volume * 100_000_000),
        quote_volume: Amount::ZERO,
        taker_buy_volume: Quantity::ZERO,
        trade_count: 1,
        received_at: Timestamp::EPOCH,
    }
}

fn depth(id: i64, first: i64, last: i64, is_snapshot: bool) -> DepthUpdate {
    DepthUpdate {
        instrument: instrument(id),
        is_snapshot,
        first_update_id: first,
        last_update_id: last,
        bids: vec![level(99)],
        asks: vec![level(101)],
        event_at: Timestamp::EPOCH,
        received_at: Timestamp::EPOCH,
    }
}

fn trade(id: i64, trade: i64, at_ms: i64, received_at: Timestamp) -> Trade {
    Trade {
        instrument: instrument(id),
        id: TradeId(trade),
        price: Price::from_units(100_000_000),
        quantity: Quantity::ONE,
        aggressor: Side::Buy,
        event_at: Timestamp::from_millis(at_ms),
        received_at,
    }
}

fn get(url: String) -> HttpRequest {
    let timeout = Duration::from_secs(5);
    HttpRequest { method: Method::Get, url, headers: Vec::new(), body: String::new(), timeout }
}

impl FeedProtocol for Words {
    fn url(&self, streams: &[Stream]) -> String {
        format!("ws://{}", streams.len())
    }

    fn max_streams(&self) -> usize {
        4
    }

    fn subscribe(&self, streams: &[Stream], first_id: u64) -> Vec<String> {
        let requests = streams.len().div_ceil(self.streams_a_request);
        (first_id..).take(requests).map(|id| format!("subscribe {id}")).collect()
    }

    fn decode(&mut self, text: &str, received_at: Timestamp) -> Result<FeedMessage, DecodeError> {
        let mut words = text.split_whitespace();
        let kind = words.next().unwrap_or_default().to_owned();
        let mut next = || number(&mut words);
        Ok(match kind.as_str() {
            "trade" => {
                let trade = trade(next()?, next()?, next()?, received_at);
                let price = next().map_or(trade.price, Price::from_units);
                FeedMessage::Trade(Trade { price, ..trade })
            }
            "quote" => FeedMessage::Quote(Quote {
                instrument: instrument(next()?),
                update_id: next()?,
                bid: level(next().unwrap_or(99)),
                ask: level(next().unwrap_or(101)),
                received_at,
            }),
            "bar" => {
                let bar = bar(instrument(next()?), Interval::MINUTE, next()?, 1);
                FeedMessage::Bar { bar, is_closed: next()? == 1 }
            }
            "depth" => FeedMessage::Depth(depth(next()?, next()?, next()?, false)),
            "done" => FeedMessage::ControlDone { id: next()?.unsigned_abs() },
            "refused" => FeedMessage::ControlRefused(SubscriptionRefused {
                id: next().ok().map(i64::unsigned_abs),
                code: 2,
                message: "no".to_owned(),
            }),
            "shutdown" => FeedMessage::ShutdownAnnounced,
            "hello" => FeedMessage::Ignored,
            _ => return Err(DecodeError::Malformed(text.to_owned())),
        })
    }

    fn snapshot_request(&self, id: InstrumentId) -> HttpRequest {
        get(format!("snapshot {id}"))
    }

    fn decode_snapshot(
        &self,
        id: InstrumentId,
        body: &[u8],
        _: Timestamp,
    ) -> Result<DepthUpdate, DecodeError> {
        let text = std::str::from_utf8(body).unwrap();
        let update = number(&mut text.split_whitespace())?;
        Ok(depth(i64::from(id.0), update, update, true))
    }

    fn bars_request(
        &self,
        id: InstrumentId,
        interval: Interval,
        count: u32,
        until: Option<Timestamp>,
    ) -> HttpRequest {
        let until = until.map_or(0, |until| until.as_millis() - BEGIN_MS);
        get(format!("bars {id} {interval} {count} until {until}"))
    }

    fn decode_bars(
        &self,
        id: InstrumentId,
        interval: Interval,
        body: &[u8],
        _: Timestamp,
    ) -> Result<Vec<Bar>, DecodeError> {
        let text = std::str::from_utf8(body).unwrap();
        let mut words = text.split_whitespace();
        let mut bars = Vec::new();
        while words.clone().next().is_some() {
            bars.push(bar(id, interval, BEGIN_MS + number(&mut words)?, 9));
        }
        Ok(bars)
    }

    fn trades_request(&self, id: InstrumentId, count: u32) -> HttpRequest {
        get(format!("trades {id} {count}"))
    }

    fn decode_trades(
        &self,
        id: InstrumentId,
        body: &[u8],
        at: Timestamp,
    ) -> Result<Vec<Trade>, DecodeError> {
        let text = std::str::from_utf8(body).unwrap();
        let mut words = text.split_whitespace();
        let mut trades = Vec::new();
        while words.clone().next().is_some() {
            trades.push(trade(i64::from(id.0), number(&mut words)?, BEGIN_MS, at));
        }
        Ok(trades)
    }
}

/// What happens in a script.
#[derive(Clone, Copy, Debug)]
pub enum On<'a> {
    Start,
    Opened(u32),
    /// A frame on a connection.
    Text(u32, &'a str),
    Closed(u32),
    SendFailed(u32),
    /// An answer with status 200.
    Answer(u64, &'a str),
    /// Another status, perhaps with a Retry-After.
    Status(u64, u16, Option<&'a str>),
    RequestFailed(u64),
    History(u64, WarmUp),
    /// Time passes, in milliseconds; the machine is woken whenever it wants.
    Wait(i64),
}

pub const fn stream(instrument: InstrumentId, kind: StreamKind) -> Stream {
    Stream { instrument, kind }
}

pub struct Desk {
    pub machine: FeedMachine<Words>,
    pub now: Timestamp,
}

impl Desk {
    pub fn new(protocol: Words, policy: FeedPolicy, plan: &FeedPlan) -> Self {
        let machine = FeedMachine::new(protocol, policy, plan, 7);
        Self { machine, now: Timestamp::from_millis(BEGIN_MS) }
    }

    /// With streams of one instrument, and one-second bars from its trades if wanted.
    pub fn of(kinds: &[StreamKind], bars: bool) -> Self {
        let plan = FeedPlan {
            streams: kinds.iter().map(|kind| stream(BTC, *kind)).collect(),
            bars: if bars { vec![(BTC, Interval::SECOND)] } else { Vec::new() },
        };
        Self::new(Words::default(), FeedPolicy::default(), &plan)
    }

    /// What follows from an input, in words; while time passes, with the offset in milliseconds.
    pub fn on(&mut self, on: On<'_>) -> String {
        let wire = match on {
            On::Start => return self.step(FeedInput::Start).join(", "),
            On::Wait(ms) => return self.wait(ms),
            On::History(id, what) => {
                let input = FeedInput::FetchHistory { id, instrument: BTC, what };
                return self.step(input).join(", ");
            }
            On::Opened(id) => WireInput::Opened { connection: ConnectionId(id) },
            On::Text(id, text) => WireInput::Text { connection: ConnectionId(id), text },
            On::Closed(id) => {
                WireInput::Closed { connection: ConnectionId(id), reason: "gone".to_owned() }
            }
            On::SendFailed(id) => {
                WireInput::SendFailed { connection: ConnectionId(id), tag: 0, may_have_left: false }
            }
            On::Answer(id, body) => answered(id, 200, None, body),
            On::Status(id, status, retry_after) => answered(id, status, retry_after, ""),
            On::RequestFailed(id) => WireInput::RequestFailed {
                request: RequestId(id),
                may_have_left: true,
                reason: "timeout".to_owned(),
            },
        };
        self.step(FeedInput::Wire(wire)).join(", ")
    }

    fn wake_at(&self) -> Option<Timestamp> {
        let at = |wake| match wake {
            Wake::Venue(at) | Wake::Wall(at) => at,
        };
        self.machine.wake_at().into_iter().flatten().map(at).min()
    }

    fn wait(&mut self, ms: i64) -> String {
        let begin = self.now;
        let end = Timestamp::from_nanos(begin.as_nanos() + ms * 1_000_000);
        let mut words = Vec::new();
        let mut wakes = 0;
        while let Some(at) = self.wake_at().filter(|at| *at <= end) {
            wakes += 1;
            assert!(wakes < 10_000, "woken without end");
            self.now = at.max(self.now);
            let said = self.step(FeedInput::Wake);
            if !said.is_empty() {
                let offset = self.now.nanos_since(begin) / 1_000_000;
                words.push(format!("+{offset} {}", said.join(", ")));
            }
            let next = self.wake_at();
            assert!(next.is_none_or(|next| next > self.now), "woken, it wants to be woken at once");
        }
        self.now = end;
        words.join(", ")
    }

    pub fn step(&mut self, input: FeedInput<'_>) -> Vec<String> {
        let mut effects = Vec::new();
        self.machine.step(Moment::same(self.now), input, &mut effects);
        effects.iter().map(in_words).collect()
    }
}

fn answered(id: u64, status: u16, retry_after: Option<&str>, body: &str) -> WireInput<'static> {
    let headers = retry_after.map(|secs| ("retry-after".to_owned(), secs.to_owned()));
    let headers = headers.into_iter().collect();
    let answer = HttpAnswer { status, headers, body: body.as_bytes().to_vec() };
    WireInput::Answered { request: RequestId(id), answer }
}

fn in_words(effect: &FeedEffect) -> String {
    match effect {
        FeedEffect::Wire(wire) => match wire {
            WireEffect::Open { connection, .. } => format!("open {}", connection.0),
            WireEffect::Close { connection } => format!("close {}", connection.0),
            WireEffect::Send { connection, text, .. } => format!("{text} on {}", connection.0),
            WireEffect::Request { request, http } => format!("ask {} {}", request.0, http.url),
        },
        FeedEffect::Publish(event) => match event {
            MarketEvent::Trade(trade) => format!("trade {}", trade.id),
            MarketEvent::Quote(quote) => format!("quote {}", quote.update_id),
            MarketEvent::Bar(bar) => {
                let volume = Amount::from(bar.volume);
                format!("bar {} v{volume}", bar.open_at.as_millis() - BEGIN_MS)
            }
            MarketEvent::Book(book) => format!("book {}", book.update_id),
            MarketEvent::Depth(depth) => format!("depth {}", depth.last_update_id),
        },
        FeedEffect::HistoryFetched { id, events } => format!("history {id} of {}", events.len()),
        FeedEffect::Notice(notice) => match notice {
            FeedNotice::Connected { connection, streams } => {
                format!("connected {} with {streams}", connection.0)
            }
            FeedNotice::Disconnected { connection, retry_in, .. } => {
                let retry = if retry_in.is_zero() { "" } else { ", again later" };
                format!("disconnected {}{retry}", connection.0)
            }
            FeedNotice::Rotated { connection } => format!("rotated to {}", connection.0),
            FeedNotice::Refused(_) => "refused".to_owned(),
            FeedNotice::Malformed(_) => "malformed".to_owned(),
            FeedNotice::TradesMissed { after, before, .. } => format!("missed {after}..{before}"),
            FeedNotice::TradesRestarted { .. } => "restarted".to_owned(),
            FeedNotice::QuotesRestarted { .. } => "quotes restarted".to_owned(),
            FeedNotice::PriceDoubted { stream, price, last } => {
                let (price, last) = (price.units(), last.units());
                format!("doubted {} {price} after {last}", kind_in_words(*stream))
            }
            FeedNotice::BookSynchronised { update_id, .. } => format!("synced {update_id}"),
            FeedNotice::BookLost { .. } => "book lost".to_owned(),
            FeedNotice::Stale { stream, .. } => format!("stale {}", kind_in_words(*stream)),
            FeedNotice::Recovered { stream } => format!("recovered {}", kind_in_words(*stream)),
            FeedNotice::RequestFailed { .. } => "request failed".to_owned(),
        },
    }
}

const fn kind_in_words(stream: Stream) -> &'static str {
    match stream.kind {
        StreamKind::Trade => "trade",
        StreamKind::Quote => "quote",
        StreamKind::Depth => "depth",
        StreamKind::Bar(_) => "bar",
    }
}

/// Plays a script: each input with what must follow from it.
#[track_caller]
pub fn play(name: &str, mut desk: Desk, script: &[(On<'_>, &str)]) -> Desk {
    for (place, (on, expected)) in script.iter().enumerate() {
        let said = desk.on(*on);
        assert_eq!(said, *expected, "{name}: step {place}, {on:?}");
    }
    desk
}

/// A connection that carries what it should.
pub const CONNECTED: [(On<'_>, &str); 3] = [
    (On::Start, "open 1"),
    (On::Opened(1), "subscribe 1 on 1"),
    (On::Text(1, "done 1"), "connected 1 with 1"),
];
