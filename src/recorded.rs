//! A recorded run as history: what its feed published, published again.
//!
//! The frames of the recording go through the same feed machine once more, so that books are
//! synchronised and bars closed as they were in the run, and every event has the instant at which
//! the run received it. What belongs here: reading. What does not: what is run over it.

mod interruptions;
mod seats;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backtest::source::{BATCH, EventSource, SourceError};
use binance::BinanceFeed;
use kernel::feed::{FeedEffect, FeedMachine};
use kernel::replay::{Delivered, FeedDelivered, HostDelivered};
use kernel::wire::Moment;
use model::{Bar, InstrumentId, Interval, MarketEvent, StrategyId, Timestamp, Trade, TradeId};
use store::deliveries::DeliveryReader;

use crate::wiring::{FeedSetup, Foundation};

pub use interruptions::{InterruptedBy, Interruption};
pub use seats::RecordedSeat;

use interruptions::Interruptions;
use seats::Seats;

/// A recorded run, looked through once.
#[derive(Debug)]
pub struct RecordedRun {
    directory: PathBuf,
    /// What the run began with.
    pub foundation: Foundation,
    feed: FeedSetup,
    /// When its first strategy began to trade.
    pub from: Timestamp,
    /// When its first strategy stopped, or its last input came.
    pub to: Timestamp,
    /// How its strategies began, in the order in which they did.
    pub seats: Vec<RecordedSeat>,
    /// When it could not trade as it wished, oldest first.
    pub interruptions: Vec<Interruption>,
    /// History that its strategies were warmed up with.
    past: Vec<MarketEvent>,
}

impl RecordedRun {
    /// Looks through a recording.
    ///
    /// # Errors
    /// When it can't be read, was made by a build that did not write down what its feed was made
    /// of, or when no strategy of it ever started.
    pub fn open(directory: &Path) -> Result<Self, SourceError> {
        let (mut reader, foundation) = DeliveryReader::open::<Foundation>(directory)?;
        let unusable = |reason: &str| SourceError::Unusable {
            name: directory.display().to_string(),
            reason: reason.to_owned(),
        };
        let recorded = foundation.feed.clone();
        let mut feed = recorded
            .ok_or_else(|| unusable("recorded by a build that can't be read as history"))?;
        if foundation.fees.len() != foundation.instruments.len() {
            return Err(unusable("it does not say what each instrument's fills cost"));
        }
        // Matching goes by the whole book, whether or not the run's strategies looked at it.
        feed.policy.publish_depth = true;
        let mut outline = Outline::new(feed.build(&foundation));
        while let Some(delivery) = reader.next_delivery()? {
            outline.take(delivery.now, delivery.input);
        }
        let from = outline.from.ok_or_else(|| unusable("no strategy ever started"))?;
        let to =
            outline.to.unwrap_or_else(|| outline.last.after(std::time::Duration::from_nanos(1)));
        let past = outline.past(foundation.now.venue.min(from));
        let Outline { seats, interruptions, .. } = outline;
        Ok(Self {
            directory: directory.to_owned(),
            foundation,
            feed,
            from,
            to,
            seats: seats.into_started(),
            interruptions: interruptions.into_all(),
            past,
        })
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its files, in the order of their names.
    ///
    /// # Errors
    /// From the file system.
    pub fn files(&self) -> std::io::Result<Vec<PathBuf>> {
        let files = std::fs::read_dir(&self.directory)?;
        let mut files: Vec<PathBuf> =
            files.map(|file| file.map(|file| file.path())).collect::<Result<_, _>>()?;
        files.sort_unstable();
        Ok(files)
    }

    /// The series of bars that it has.
    #[must_use]
    pub fn bars(&self) -> &[(InstrumentId, Interval)] {
        &self.feed.plan.bars
    }

    /// Its events from the beginning: the strategies' history first, then what was received.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn events(&self) -> Result<RecordedEvents, SourceError> {
        let received = self.received()?;
        Ok(RecordedEvents {
            past: self.past.clone(),
            news: News::after(&self.past),
            has_begun: false,
            ..received
        })
    }

    /// What was received, all of it and nothing else.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn received(&self) -> Result<RecordedEvents, SourceError> {
        let (reader, _) = DeliveryReader::open::<Foundation>(&self.directory)?;
        Ok(RecordedEvents {
            reader,
            feed: self.feed.build(&self.foundation),
            effects: Vec::new(),
            past: Vec::new(),
            news: News::default(),
            has_begun: true,
        })
    }
}

/// What a first look finds.
struct Outline {
    feed: FeedMachine<BinanceFeed>,
    effects: Vec<FeedEffect>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    last: Timestamp,
    seats: Seats,
    interruptions: Interruptions,
    /// Each once, however many strategies asked for it.
    bars: BTreeMap<(InstrumentId, Interval, Timestamp), Bar>,
    trades: BTreeMap<(InstrumentId, TradeId), Trade>,
}

impl Outline {
    fn new(feed: FeedMachine<BinanceFeed>) -> Self {
        Self {
            feed,
            effects: Vec::new(),
            from: None,
            to: None,
            last: Timestamp::EPOCH,
            seats: Seats::default(),
            interruptions: Interruptions::default(),
            bars: BTreeMap::new(),
            trades: BTreeMap::new(),
        }
    }

    fn take(&mut self, now: Moment, input: Delivered) {
        self.last = self.last.max(now.venue);
        self.interruptions.take(now.venue, &input);
        match input {
            // What the feed fetches later is for strategies that start anew.
            Delivered::Feed(input) if self.from.is_none() => self.take_feed(now, input),
            Delivered::Strategy(strategy, input) => self.take_host(now.venue, strategy, input),
            Delivered::Feed(_)
            | Delivered::Risk(_)
            | Delivered::Execution(_)
            | Delivered::Venue(_) => {}
        }
    }

    fn take_host(&mut self, now: Timestamp, strategy: StrategyId, input: HostDelivered) {
        if input == HostDelivered::Start {
            self.from.get_or_insert(now);
        } else if input == HostDelivered::Stop {
            self.to.get_or_insert(now);
        }
        self.seats.take(strategy, now, input);
    }

    fn take_feed(&mut self, now: Moment, input: FeedDelivered) {
        step(&mut self.feed, now, input, &mut self.effects);
        for effect in self.effects.drain(..) {
            let FeedEffect::HistoryFetched { events, .. } = effect else { continue };
            for event in events {
                match event {
                    MarketEvent::Bar(bar) => {
                        self.bars.insert((bar.instrument, bar.interval, bar.open_at), *bar);
                    }
                    MarketEvent::Trade(trade) => {
                        self.trades.insert((trade.instrument, trade.id), trade);
                    }
                    MarketEvent::Quote(_) | MarketEvent::Book(_) | MarketEvent::Depth(_) => {}
                }
            }
        }
    }

    /// The history, received before anything else.
    fn past(&self, received_at: Timestamp) -> Vec<MarketEvent> {
        let bars = self.bars.values().map(|bar| Bar { received_at, ..*bar });
        let trades = self.trades.values().map(|trade| Trade { received_at, ..*trade });
        bars.map(MarketEvent::from).chain(trades.map(MarketEvent::Trade)).collect()
    }
}

fn step(
    feed: &mut FeedMachine<BinanceFeed>,
    now: Moment,
    input: FeedDelivered,
    effects: &mut Vec<FeedEffect>,
) {
    let mut frame = String::new();
    // A frame whose text is lost says nothing.
    if let Some(input) = input.input(&mut frame) {
        feed.step(now, input, effects);
    }
}

/// What the history has already is passed over when the stream has it too.
#[derive(Debug, Default)]
struct News {
    bars: BTreeMap<(InstrumentId, Interval), Timestamp>,
    trades: BTreeMap<InstrumentId, TradeId>,
}

impl News {
    fn after(past: &[MarketEvent]) -> Self {
        let (mut bars, mut trades) = (BTreeMap::new(), BTreeMap::new());
        for event in past {
            match event {
                MarketEvent::Bar(bar) => {
                    let last = bars.entry((bar.instrument, bar.interval)).or_insert(bar.open_at);
                    *last = bar.open_at.max(*last);
                }
                MarketEvent::Trade(trade) => {
                    let last = trades.entry(trade.instrument).or_insert(trade.id);
                    *last = trade.id.max(*last);
                }
                MarketEvent::Quote(_) | MarketEvent::Book(_) | MarketEvent::Depth(_) => {}
            }
        }
        Self { bars, trades }
    }

    fn has(&self, event: &MarketEvent) -> bool {
        match event {
            MarketEvent::Bar(bar) => {
                let known = self.bars.get(&(bar.instrument, bar.interval));
                known.is_none_or(|known| bar.open_at > *known)
            }
            MarketEvent::Trade(trade) => {
                self.trades.get(&trade.instrument).is_none_or(|known| trade.id > *known)
            }
            MarketEvent::Quote(_) | MarketEvent::Book(_) | MarketEvent::Depth(_) => true,
        }
    }
}

/// The events of a recorded run.
pub struct RecordedEvents {
    reader: DeliveryReader,
    feed: FeedMachine<BinanceFeed>,
    effects: Vec<FeedEffect>,
    past: Vec<MarketEvent>,
    news: News,
    has_begun: bool,
}

impl EventSource for RecordedEvents {
    fn read(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), SourceError> {
        let before = batch.len();
        if !std::mem::replace(&mut self.has_begun, true) {
            batch.append(&mut self.past);
        }
        while batch.len() - before < BATCH {
            let Some(delivery) = self.reader.next_delivery()? else { return Ok(()) };
            let Delivered::Feed(input) = delivery.input else { continue };
            step(&mut self.feed, delivery.now, input, &mut self.effects);
            for effect in self.effects.drain(..) {
                if let FeedEffect::Publish(event) = effect
                    && self.news.has(&event)
                {
                    batch.push(event);
                }
            }
        }
        Ok(())
    }
}
