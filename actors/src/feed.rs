//! The feed's shell: websocket frames in, typed market events out to execution, risk and
//! strategies, in that order.

use std::sync::Arc;

use actix::prelude::*;
use events::log_event;
use kernel::feed::{
    DecodeError, FeedEffect, FeedInput, FeedMachine, FeedNotice, FeedProtocol, FeedStats, Stream,
    StreamKind,
};
use kernel::venue::Wake;
use kernel::wire::WireInput;
use model::{CorrelationId, InstrumentId, Instruments, MarketEvent, StrategyId};

use crate::clock::Clock;
use crate::messages::{
    DropSockets, FeedConnected, FetchHistory, HistoryFetched, Hops, MarketArrived, Resynchronise,
    StreamHealthChanged,
};
use crate::outbox::{ConflatingOutbox, Gauge, Outbox, Refused};
use crate::tap::Tap;
use crate::timer::{Alarm, Sleeper, arm};
use crate::wire::{Arrival, Wire, WireShell, on_arrival, perform};

/// What a subscriber wants of the market.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Interest {
    /// Of which instruments.
    pub instruments: Vec<InstrumentId>,
    /// Every trade.
    pub trades: bool,
    /// Best bid and ask; conflated while the subscriber is behind.
    pub quotes: bool,
    /// The top of the book; conflated while the subscriber is behind.
    pub books: bool,
    /// Bars of these lengths.
    pub bars: Vec<model::Interval>,
    /// Raw depth updates; never conflated.
    pub depth: bool,
}

impl Interest {
    /// Whether an event is wanted.
    pub(crate) fn includes(&self, event: &MarketEvent) -> bool {
        let kind = match event {
            MarketEvent::Trade(_) => self.trades,
            MarketEvent::Quote(_) => self.quotes,
            MarketEvent::Book(_) => self.books,
            MarketEvent::Bar(bar) => self.bars.contains(&bar.interval),
            MarketEvent::Depth(_) => self.depth,
        };
        kind && self.instruments.contains(&event.instrument())
    }
}

/// Somebody who gets market events, in a written order.
#[derive(Debug)]
pub struct Subscriber {
    /// What it wants.
    pub interest: Interest,
    outbox: ConflatingOutbox<(InstrumentId, bool), MarketArrived>,
    is_lagging: bool,
    on_lag: Option<Recipient<Resynchronise>>,
}

impl Subscriber {
    /// A subscriber behind an outbox. `on_lag` is told when events that must not be dropped were.
    #[must_use]
    pub const fn new(
        interest: Interest,
        outbox: Outbox<MarketArrived>,
        on_lag: Option<Recipient<Resynchronise>>,
    ) -> Self {
        Self { interest, outbox: ConflatingOutbox::new(outbox), is_lagging: false, on_lag }
    }

    /// Quotes and book states conflate; trades and bars past the bound make the subscriber
    /// lagging: it gets nothing until it has caught up, and is then told to start over.
    fn deliver(&mut self, message: MarketArrived) {
        if self.is_lagging {
            self.try_to_recover();
            if self.is_lagging {
                return;
            }
        }
        let instrument = message.event.instrument();
        let sent = match &message.event {
            MarketEvent::Quote(_) => self.outbox.send((instrument, false), message),
            MarketEvent::Book(_) => self.outbox.send((instrument, true), message),
            MarketEvent::Trade(_) | MarketEvent::Bar(_) | MarketEvent::Depth(_) => {
                self.outbox.send_in_order(message)
            }
        };
        if sent == Err(Refused::Full) {
            self.is_lagging = true;
            let gauge = self.outbox.gauge();
            let (waiting, bound) = (gauge.depth(), gauge.bound());
            log_event!(STRATEGY_LAGGING, strategy = gauge.name(), waiting, bound);
        }
    }

    fn try_to_recover(&mut self) {
        if self.outbox.gauge().depth() == 0 {
            self.is_lagging = false;
            if let Some(recipient) = &self.on_lag {
                // Its mailbox is empty, so there is room; if it is gone, so is the need.
                let _ = recipient.try_send(Resynchronise);
            }
        }
    }
}

/// Who else hears from the feed.
#[derive(Debug, Default)]
pub struct FeedListeners {
    /// Market events go to these, in order: execution for local matching, risk, strategies.
    pub subscribers: Vec<Subscriber>,
    /// Told of silence.
    pub health: Vec<Recipient<StreamHealthChanged>>,
    /// Told of the first connection, and history that they asked for.
    pub strategies: Vec<(StrategyId, Recipient<HistoryFetched>, Recipient<FeedConnected>)>,
}

/// The actor.
pub struct FeedActor {
    machine: FeedMachine<Box<dyn FeedProtocol>>,
    wire: Wire,
    clock: Clock,
    alarm: Alarm,
    instruments: Arc<Instruments>,
    listeners: FeedListeners,
    sequence: u64,
    announced: bool,
    /// When a malformed frame was logged last.
    malformed_at: Option<model::Timestamp>,
    effects: Vec<FeedEffect>,
    tap: Tap,
}

impl FeedActor {
    /// A feed around its machine.
    #[must_use]
    pub fn new(
        machine: FeedMachine<Box<dyn FeedProtocol>>,
        wire: Wire,
        clock: Clock,
        instruments: Arc<Instruments>,
        tap: Tap,
    ) -> Self {
        let alarm = Alarm::new(clock.clone());
        Self {
            machine,
            wire,
            clock,
            alarm,
            instruments,
            listeners: FeedListeners::default(),
            sequence: 0,
            announced: false,
            malformed_at: None,
            effects: Vec::new(),
            tap,
        }
    }

    fn step(&mut self, input: FeedInput<'_>, context: &mut Context<Self>) {
        let now = self.clock.now();
        let hops = Hops { received_at: now.wall, ..Hops::default() };
        let mut effects = std::mem::take(&mut self.effects);
        self.tap.step(&mut self.machine, now, input, &mut effects);
        for effect in effects.drain(..) {
            match effect {
                FeedEffect::Publish(event) => self.publish(event, hops),
                FeedEffect::Wire(effect) => {
                    if let Some(input) = perform(self, effect, context) {
                        self.later(input, context);
                    }
                }
                FeedEffect::HistoryFetched { id, events } => self.pass_history(id, events),
                FeedEffect::Notice(notice) => self.on_notice(&notice),
            }
        }
        self.effects = effects;
    }

    /// What a send came to is of no urgency to the feed: it is handled on a turn of its own.
    fn later(&self, input: WireInput<'static>, context: &mut Context<Self>) {
        context.run_later(std::time::Duration::ZERO, move |shell, context| {
            shell.on_wire(input, context);
        });
    }

    fn publish(&mut self, event: MarketEvent, hops: Hops) {
        self.sequence += 1;
        let message = MarketArrived {
            sequence: self.sequence,
            correlation: CorrelationId(self.sequence),
            event,
            hops,
        };
        let wanted = |subscriber: &&mut Subscriber| subscriber.interest.includes(&message.event);
        for subscriber in self.listeners.subscribers.iter_mut().filter(wanted) {
            subscriber.deliver(message.clone());
        }
    }

    fn pass_history(&self, id: u64, events: Vec<MarketEvent>) {
        let (strategy, instrument) = split_id(id);
        let asked = self.listeners.strategies.iter().find(|(owner, _, _)| *owner == strategy);
        if let Some((_, recipient, _)) = asked {
            // A strategy that is gone needs no history.
            let _ = recipient.try_send(HistoryFetched { instrument, events });
        }
    }

    fn symbol(&self, instrument: InstrumentId) -> model::Symbol {
        self.instruments.get(instrument).symbol
    }

    fn on_notice(&mut self, notice: &FeedNotice) {
        self.log(notice);
        match notice {
            FeedNotice::Connected { .. } if !self.announced => {
                self.announced = true;
                for (_, _, recipient) in &self.listeners.strategies {
                    let _ = recipient.try_send(FeedConnected);
                }
            }
            FeedNotice::Stale { stream, .. } => self.tell_health(stream.instrument, true),
            FeedNotice::Recovered { stream } => {
                // Another stream of the instrument may be silent still.
                self.tell_health(stream.instrument, self.machine.is_stale(stream.instrument));
            }
            FeedNotice::Connected { .. }
            | FeedNotice::Disconnected { .. }
            | FeedNotice::Rotated { .. }
            | FeedNotice::Refused(_)
            | FeedNotice::Malformed(_)
            | FeedNotice::TradesMissed { .. }
            | FeedNotice::TradesRestarted { .. }
            | FeedNotice::QuotesRestarted { .. }
            | FeedNotice::PriceDoubted { .. }
            | FeedNotice::BookSynchronised { .. }
            | FeedNotice::BookLost { .. }
            | FeedNotice::RequestFailed { .. } => {}
        }
    }

    fn tell_health(&self, instrument: InstrumentId, is_stale: bool) {
        for recipient in &self.listeners.health {
            let _ = recipient.try_send(StreamHealthChanged { instrument, is_stale });
        }
    }

    /// A venue that changed its protocol sends nothing else any more: a line a second tells it.
    fn log_malformed(&mut self, error: &DecodeError) {
        const EVERY: std::time::Duration = std::time::Duration::from_secs(1);
        let wall = self.clock.wall();
        if self.malformed_at.is_none_or(|at| at.after(EVERY) <= wall) {
            self.malformed_at = Some(wall);
            let count = self.machine.stats().malformed;
            log_event!(FRAME_MALFORMED, error = %error, count);
        }
    }

    fn log(&mut self, notice: &FeedNotice) {
        match notice {
            FeedNotice::Connected { connection, streams } => {
                log_event!(FEED_CONNECTED, connection = connection.0, streams = *streams);
            }
            FeedNotice::Disconnected { connection, reason, retry_in } => {
                let retry_in_ms = retry_in.as_millis() as u64;
                let connection = connection.0;
                log_event!(FEED_DISCONNECTED, connection, reason = %reason, retry_in_ms);
            }
            FeedNotice::Rotated { connection } => {
                log_event!(FEED_ROTATED, connection = connection.0);
            }
            FeedNotice::Refused(refused) => {
                log_event!(FEED_REFUSED, code = refused.code, reason = %refused.message);
            }
            FeedNotice::Malformed(error) => self.log_malformed(error),
            FeedNotice::TradesMissed { instrument, after, before } => {
                let symbol = self.symbol(*instrument);
                let (expected, received) = (after.0 + 1, before.0);
                log_event!(FEED_GAP, symbol = %symbol, stream = "trade", expected, received);
            }
            FeedNotice::TradesRestarted { instrument, last, first } => {
                let symbol = self.symbol(*instrument);
                let (expected, received) = (last.0 + 1, first.0);
                log_event!(FEED_GAP, symbol = %symbol, stream = "trade", expected, received);
            }
            FeedNotice::QuotesRestarted { instrument, last, first } => {
                let symbol = self.symbol(*instrument);
                let (expected, received) = (last + 1, *first);
                log_event!(FEED_GAP, symbol = %symbol, stream = "quote", expected, received);
            }
            FeedNotice::PriceDoubted { stream, price, last } => {
                let (symbol, stream) = (self.symbol(stream.instrument), stream_name(*stream));
                log_event!(FEED_PRICE_DOUBTED, symbol = %symbol, stream, price = %price, last = %last);
            }
            FeedNotice::BookSynchronised { instrument, update_id } => {
                let symbol = self.symbol(*instrument);
                log_event!(FEED_SYNCED, symbol = %symbol, update_id = *update_id);
            }
            FeedNotice::BookLost { instrument, reason } => {
                let symbol = self.symbol(*instrument);
                log_event!(FEED_BOOK_LOST, symbol = %symbol, reason = %reason);
            }
            FeedNotice::Stale { stream, silent_for } => {
                let symbol = self.symbol(stream.instrument);
                let age_ms = silent_for.as_millis() as u64;
                log_event!(STREAM_STALE, symbol = %symbol, stream = stream_name(*stream), age_ms);
            }
            FeedNotice::Recovered { stream } => {
                let symbol = self.symbol(stream.instrument);
                log_event!(STREAM_RECOVERED, symbol = %symbol, stream = stream_name(*stream));
            }
            FeedNotice::RequestFailed { instrument, reason } => {
                let symbol = self.symbol(*instrument);
                log_event!(FEED_REQUEST_FAILED, symbol = %symbol, reason = %reason);
            }
        }
    }
}

/// The name of a stream's kind, as logs write it.
#[must_use]
pub fn stream_name(stream: Stream) -> &'static str {
    match stream.kind {
        StreamKind::Trade => "trade",
        StreamKind::Quote => "quote",
        StreamKind::Depth => "depth",
        StreamKind::Bar(interval) => interval.name(),
    }
}

/// History requests are numbered after who asks and for what.
fn join_id(strategy: StrategyId, instrument: InstrumentId) -> u64 {
    u64::from(strategy.0) << 16 | u64::from(instrument.0)
}

fn split_id(id: u64) -> (StrategyId, InstrumentId) {
    let low = |number: u64| u16::try_from(number & 0xFFFF).expect("masked to 16 bits");
    (StrategyId(low(id >> 16)), InstrumentId(low(id)))
}

impl Actor for FeedActor {
    type Context = Context<Self>;
}

/// Whom to publish to: given once all actors have an address.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct StartFeed(pub FeedListeners);

impl Handler<StartFeed> for FeedActor {
    type Result = ();
    fn handle(&mut self, StartFeed(listeners): StartFeed, context: &mut Context<Self>) {
        self.listeners = listeners;
        self.step(FeedInput::Start, context);
        arm(self, context);
    }
}

impl Handler<FetchHistory> for FeedActor {
    type Result = ();
    fn handle(&mut self, asked: FetchHistory, context: &mut Context<Self>) {
        let id = join_id(asked.strategy, asked.instrument);
        let input = FeedInput::FetchHistory { id, instrument: asked.instrument, what: asked.what };
        self.step(input, context);
        arm(self, context);
    }
}

impl Handler<DropSockets> for FeedActor {
    type Result = ();
    fn handle(&mut self, _: DropSockets, context: &mut Context<Self>) {
        Wire::drop_sockets(self, context);
    }
}

impl StreamHandler<Arrival> for FeedActor {
    fn handle(&mut self, arrival: Arrival, context: &mut Context<Self>) {
        on_arrival(self, arrival, context);
    }

    /// One connection of several ended: the actor goes on.
    fn finished(&mut self, _: &mut Context<Self>) {}
}

impl WireShell for FeedActor {
    fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    fn on_wire(&mut self, input: WireInput<'_>, context: &mut Context<Self>) {
        self.step(FeedInput::Wire(input), context);
        // A frame may bring a deadline nearer: the first trade of a bar does.
        arm(self, context);
    }
}

impl Sleeper for FeedActor {
    fn alarm(&mut self) -> &mut Alarm {
        &mut self.alarm
    }

    fn wakes(&self) -> [Option<Wake>; 2] {
        self.machine.wake_at()
    }

    fn on_wake(&mut self, context: &mut Context<Self>) {
        self.step(FeedInput::Wake, context);
        for subscriber in &mut self.listeners.subscribers {
            if subscriber.outbox.has_pending() {
                let _ = subscriber.outbox.flush();
            }
        }
    }
}

/// Asks the feed how it is.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "FeedStatus")]
pub struct ReadFeedStatus;

/// How the feed is.
#[derive(Clone, Debug, MessageResponse)]
pub struct FeedStatus {
    /// Counters since the start.
    pub stats: FeedStats,
    /// Age of each stream, and whether it is stale.
    pub streams: Vec<(Stream, std::time::Duration, bool)>,
    /// Whether every book is in step.
    pub books_are_synchronised: bool,
    /// The mailboxes it sends to.
    pub gauges: Vec<Arc<Gauge>>,
}

impl Handler<ReadFeedStatus> for FeedActor {
    type Result = FeedStatus;
    fn handle(&mut self, _: ReadFeedStatus, _: &mut Context<Self>) -> FeedStatus {
        let wall = self.clock.wall();
        let subscribers = self.listeners.subscribers.iter();
        FeedStatus {
            stats: *self.machine.stats(),
            streams: self.machine.stream_ages(wall).collect(),
            books_are_synchronised: self.machine.books_are_synchronised(),
            gauges: subscribers.map(|subscriber| Arc::clone(subscriber.outbox.gauge())).collect(),
        }
    }
}
