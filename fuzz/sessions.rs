//! Whole sessions with a venue that says anything: what is decoded goes through the machines that
//! go by it, in any order.
//!
//! An input is a script, a line each: `+MILLISECONDS` lets time pass, `<STATUS BODY` answers the
//! oldest HTTP request, `!` closes the connection, and anything else is a frame, in which `$` is
//! the number of the last request.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use binance::sign::Credentials;
use binance::{BinanceFeed, BinanceVenue, EndpointUrls, VenuePolicy};
use kernel::feed::{FeedEffect, FeedInput, FeedMachine, FeedPlan, FeedPolicy, Stream, StreamKind};
use kernel::journal::Persisted;
use kernel::ledger::Ledger;
use kernel::orders::{
    ExecutionEffect, ExecutionIdentity, ExecutionInput, ExecutionMachine, ExecutionPolicy,
};
use kernel::strategy::WarmUp;
use kernel::venue::{Venue, VenueEffect, VenueInput};
use kernel::wire::{ConnectionId, HttpAnswer, Moment, RequestId, WireEffect, WireInput};
use model::{
    Contract, Features, Filters, Instrument, InstrumentId, InstrumentStatus, Instruments, Interval,
    Timestamp,
};
use serde::Deserialize;

use super::{INSTRUMENT, NOW};

/// The most lines that a script may have, and effects that a line may lead to.
const LINES: usize = 200;
const EFFECTS: usize = 10_000;

fn instruments() -> Instruments {
    let mut instruments = Instruments::new();
    for (symbol, base) in [("BTCUSDT", "BTC"), ("ETHUSDT", "ETH")] {
        instruments.add(Instrument {
            id: InstrumentId(0),
            venue: "fuzz".parse().expect("a plain name"),
            symbol: symbol.parse().expect("a plain name"),
            base: base.parse().expect("a plain name"),
            quote: "USDT".parse().expect("a plain name"),
            base_decimals: 8,
            quote_decimals: 8,
            contract: Contract::Spot,
            features: Features::ALL,
            status: InstrumentStatus::Trading,
            filters: Filters::default(),
        });
    }
    instruments
}

fn urls() -> EndpointUrls {
    EndpointUrls::new("http://rest", "ws://streams", "ws://api")
}

/// What a machine waits for.
#[derive(Default)]
struct Network {
    opening: VecDeque<ConnectionId>,
    open: Option<ConnectionId>,
    sent: VecDeque<(ConnectionId, u64)>,
    requests: VecDeque<RequestId>,
    /// The number of the last request by websocket.
    last_id: u64,
}

impl Network {
    fn take(&mut self, effect: WireEffect) {
        #[derive(Deserialize)]
        struct Sent {
            id: u64,
        }
        match effect {
            WireEffect::Open { connection, .. } => self.opening.push_back(connection),
            WireEffect::Close { connection } => {
                self.open = self.open.filter(|open| *open != connection);
            }
            WireEffect::Send { connection, tag, text } => {
                self.sent.push_back((connection, tag));
                let sent = serde_json::from_str::<Sent>(&text);
                self.last_id = sent.map_or(self.last_id, |sent| sent.id);
            }
            WireEffect::Request { request, .. } => self.requests.push_back(request),
        }
    }

    /// What the network does by itself: connections open, frames leave.
    fn next(&mut self) -> Option<WireInput<'static>> {
        if let Some(connection) = self.opening.pop_front() {
            self.open = Some(connection);
            return Some(WireInput::Opened { connection });
        }
        let (connection, tag) = self.sent.pop_front()?;
        Some(WireInput::Sent { connection, tag })
    }

    /// What a line of the script does, unless it lets time pass.
    fn line<'a>(&mut self, line: &str, frame: &'a mut String) -> Option<WireInput<'a>> {
        if let Some(answer) = line.strip_prefix('<') {
            let request = self.requests.pop_front()?;
            let (status, body) = answer.split_once(' ').unwrap_or(("200", answer));
            let Ok(status) = status.parse() else {
                let reason = body.to_owned();
                return Some(WireInput::RequestFailed { request, may_have_left: true, reason });
            };
            // A header, if the body begins with one in brackets.
            let header = body.strip_prefix('{').and(None).or_else(|| {
                let (header, _) = body.strip_prefix('(')?.split_once(')')?;
                let (name, value) = header.split_once(':')?;
                Some((name.to_owned(), value.to_owned()))
            });
            let body = body.rsplit_once(')').filter(|_| header.is_some()).map_or(body, |(_, b)| b);
            let headers = header.into_iter().collect();
            let answer = HttpAnswer { status, headers, body: body.as_bytes().to_vec() };
            return Some(WireInput::Answered { request, answer });
        }
        let connection = self.open?;
        if line == "!" {
            self.open = None;
            return Some(WireInput::Closed { connection, reason: "by the script".to_owned() });
        }
        *frame = line.replace('$', &self.last_id.to_string());
        Some(WireInput::Text { connection, text: frame })
    }
}

/// How long a line lets pass.
fn pause(line: &str) -> Option<Duration> {
    let millis: u64 = line.strip_prefix('+')?.parse().ok()?;
    Some(Duration::from_millis(millis.min(10_000_000)))
}

/// The market data of two symbols, from the first frame to books, bars and history.
pub fn feed_session(bytes: &[u8]) {
    let instruments = instruments();
    let protocol = BinanceFeed::new(urls(), &instruments, 1_000);
    let kinds = [
        StreamKind::Trade,
        StreamKind::Quote,
        StreamKind::Depth,
        StreamKind::Bar(Interval::MINUTE),
    ];
    let ids = [INSTRUMENT, InstrumentId(1)];
    let streams = ids
        .into_iter()
        .flat_map(|instrument| kinds.into_iter().map(move |kind| Stream { instrument, kind }));
    let plan = FeedPlan {
        streams: streams.collect(),
        bars: ids.into_iter().map(|id| (id, Interval::SECOND)).collect(),
    };
    let mut machine = FeedMachine::new(protocol, FeedPolicy::default(), &plan, 7);
    let mut network = Network::default();
    let mut now = NOW;
    let mut step = |network: &mut Network, now: Timestamp, input: FeedInput<'_>| {
        let mut effects = Vec::new();
        machine.step(Moment::same(now), input, &mut effects);
        for effect in effects {
            if let FeedEffect::Wire(wire) = effect {
                network.take(wire);
            }
        }
    };
    step(&mut network, now, FeedInput::Start);
    for (id, what) in
        [WarmUp::Trades(50), WarmUp::Bars(Interval::MINUTE, 20)].into_iter().enumerate()
    {
        let id = u64::try_from(id).expect("two of them");
        step(&mut network, now, FeedInput::FetchHistory { id, instrument: INSTRUMENT, what });
    }
    for line in String::from_utf8_lossy(bytes).lines().take(LINES) {
        let mut left = EFFECTS;
        while let Some(input) = network.next() {
            step(&mut network, now, FeedInput::Wire(input));
            left = left.checked_sub(1).expect("a session comes to rest");
        }
        if let Some(pause) = pause(line) {
            now = now.after(pause);
            step(&mut network, now, FeedInput::Wake);
            continue;
        }
        let mut frame = String::new();
        if let Some(input) = network.line(line, &mut frame) {
            step(&mut network, now, FeedInput::Wire(input));
        }
    }
    let _ = machine.digest();
}

/// The trading session with the execution machine behind it: logging on, orders of a journal that
/// are asked about, and whatever the venue says of them.
struct Trading {
    venue: BinanceVenue,
    execution: ExecutionMachine,
    network: Network,
    now: Timestamp,
}

impl Trading {
    fn new() -> Self {
        let mut ledger = Ledger::default();
        for line in include_str!("seeds/journal.jsonl").lines() {
            if let Ok(record) = serde_json::from_str::<kernel::journal::Record>(line) {
                let _ = ledger.apply(&record);
            }
        }
        let mut instruments = instruments();
        // Each that the ledger has a number for, as a start has them.
        for known in ledger.instruments().iter().skip(instruments.len()) {
            let mut other = instruments.get(INSTRUMENT).clone();
            (other.symbol, other.base, other.quote) = (known.symbol, known.base, known.quote);
            instruments.add(other);
        }
        let instruments = Arc::new(instruments);
        let key = include_str!("seeds/key.pem");
        let credentials = Credentials::new("fuzz-key".into(), key.into()).expect("a seed's key");
        let identity = ExecutionIdentity {
            instance: "fuzz".parse().expect("a plain name"),
            opened_at: NOW.before(Duration::from_secs(3_600)),
        };
        let policy = VenuePolicy::default();
        Self {
            venue: BinanceVenue::new(urls(), credentials, policy, Arc::clone(&instruments), 3),
            execution: ExecutionMachine::new(
                identity,
                ExecutionPolicy::default(),
                instruments,
                (&ledger).into(),
                NOW,
            ),
            network: Network::default(),
            now: NOW,
        }
    }

    /// Gives the session an input, and everything that follows from it to where it goes.
    fn give(&mut self, input: VenueInput<'_>) {
        let mut told = Vec::new();
        self.venue.step(Moment::same(self.now), input, &mut told);
        let mut told = VecDeque::from(told);
        let mut waiting = VecDeque::new();
        let mut left = EFFECTS;
        loop {
            while let Some(effect) = told.pop_front() {
                match effect {
                    VenueEffect::Wire(wire) => self.network.take(wire),
                    VenueEffect::Event(event) => waiting.push_back(ExecutionInput::Venue(event)),
                }
            }
            let Some(input) = waiting.pop_front() else { return };
            left = left.checked_sub(1).expect("machines come to rest");
            let mut effects = Vec::new();
            self.execution.step(self.now, input, &mut effects);
            for effect in effects {
                match effect {
                    ExecutionEffect::Command(command) => {
                        let mut follows = Vec::new();
                        let input = VenueInput::Command(command);
                        self.venue.step(Moment::same(self.now), input, &mut follows);
                        told.extend(follows);
                    }
                    ExecutionEffect::Persist(persist) => {
                        let sequence = persist.sequence;
                        waiting.push_back(ExecutionInput::Persisted(Persisted { sequence }));
                    }
                    ExecutionEffect::Tell { .. }
                    | ExecutionEffect::BalancesRead { .. }
                    | ExecutionEffect::BalanceMoved { .. }
                    | ExecutionEffect::BalanceDiffers(_)
                    | ExecutionEffect::ExternalFilled { .. }
                    | ExecutionEffect::StrangersFound { .. }
                    | ExecutionEffect::InstrumentHalted { .. }
                    | ExecutionEffect::Reconciled { .. }
                    | ExecutionEffect::Detached { .. } => {}
                }
            }
        }
    }

    fn wake(&mut self) {
        self.give(VenueInput::Wake);
        let mut effects = Vec::new();
        self.execution.step(self.now, ExecutionInput::Wake, &mut effects);
        for effect in effects {
            if let ExecutionEffect::Command(command) = effect {
                self.give(VenueInput::Command(command));
            }
        }
    }
}

/// The trading session of a key, from logging on to the last word.
pub fn trading_session(bytes: &[u8]) {
    let mut trading = Trading::new();
    trading.give(VenueInput::Start);
    for line in String::from_utf8_lossy(bytes).lines().take(LINES) {
        let mut left = EFFECTS;
        while let Some(input) = trading.network.next() {
            trading.give(VenueInput::Wire(input));
            left = left.checked_sub(1).expect("a session comes to rest");
        }
        if let Some(pause) = pause(line) {
            trading.now = trading.now.after(pause);
            trading.wake();
            continue;
        }
        let mut frame = String::new();
        if let Some(input) = trading.network.line(line, &mut frame) {
            trading.give(VenueInput::Wire(input));
        }
    }
}
