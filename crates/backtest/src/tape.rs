//! History in memory, once, for many runs over it at the same time.

use model::{MarketEvent, Timestamp, Trade};

use crate::source::{BATCH, EventSource, SourceError};

/// Events of one batch. Most history is trades, and a trade by itself takes less than half the room
/// of an event that could be anything.
#[derive(Clone, Debug)]
enum Chunk {
    Trades(Box<[Trade]>),
    Mixed(Box<[MarketEvent]>),
}

/// A source read to its end. Runs read it side by side: nothing in it changes any more.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    chunks: Vec<Chunk>,
    /// When the first event of each chunk was received, or the latest before it.
    starts: Vec<Timestamp>,
    len: usize,
    last_at: Option<Timestamp>,
}

impl Tape {
    /// Reads all that a source has.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn read(source: &mut impl EventSource) -> Result<Self, SourceError> {
        let mut tape = Self::default();
        let mut batch = Vec::new();
        loop {
            batch.clear();
            source.read(&mut batch)?;
            if batch.is_empty() {
                return Ok(tape);
            }
            for part in batch.chunks(BATCH) {
                tape.push(part);
            }
        }
    }

    fn push(&mut self, events: &[MarketEvent]) {
        let trade = |event: &MarketEvent| match event {
            MarketEvent::Trade(trade) => Some(*trade),
            MarketEvent::Quote(_)
            | MarketEvent::Bar(_)
            | MarketEvent::Book(_)
            | MarketEvent::Depth(_) => None,
        };
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return };
        let start = self.last_at.map_or(first.received_at(), |last| last.max(first.received_at()));
        self.starts.push(start);
        self.last_at = Some(start.max(last.received_at()));
        self.len += events.len();
        let trades: Option<Box<[Trade]>> = events.iter().map(trade).collect();
        self.chunks.push(match trades {
            Some(trades) => Chunk::Trades(trades),
            None => Chunk::Mixed(events.into()),
        });
    }

    /// How many events there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// From when to when the events reach; `None` if there are none.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        Some((*self.starts.first()?, self.last_at?))
    }

    /// Reads it from its beginning.
    #[must_use]
    pub const fn reader(&self) -> TapeReader<'_> {
        TapeReader { tape: self, next: 0 }
    }

    /// Reads it from about an instant on, perhaps a batch earlier.
    #[must_use]
    pub fn reader_from(&self, from: Timestamp) -> TapeReader<'_> {
        let next = self.starts.partition_point(|start| *start < from).saturating_sub(1);
        TapeReader { tape: self, next }
    }
}

/// One way through a tape.
#[derive(Clone, Debug)]
pub struct TapeReader<'a> {
    tape: &'a Tape,
    next: usize,
}

impl EventSource for TapeReader<'_> {
    fn read(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), SourceError> {
        let Some(chunk) = self.tape.chunks.get(self.next) else { return Ok(()) };
        self.next += 1;
        match chunk {
            Chunk::Trades(trades) => batch.extend(trades.iter().copied().map(MarketEvent::Trade)),
            Chunk::Mixed(events) => batch.extend_from_slice(events),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use model::{InstrumentId, Level, Price, Quantity, Quote, Side, TradeId};

    use super::*;

    fn trade(at: i64) -> MarketEvent {
        MarketEvent::Trade(Trade {
            instrument: InstrumentId(0),
            id: TradeId(at),
            price: Price::ONE,
            quantity: Quantity::ONE,
            aggressor: Side::Buy,
            event_at: Timestamp::from_millis(at),
            received_at: Timestamp::from_millis(at),
        })
    }

    fn quote(at: i64) -> MarketEvent {
        let level = Level { price: Price::ONE, quantity: Quantity::ONE };
        let received_at = Timestamp::from_millis(at);
        let (instrument, update_id) = (InstrumentId(0), at);
        MarketEvent::Quote(Quote { instrument, update_id, bid: level, ask: level, received_at })
    }

    fn all(mut reader: TapeReader<'_>) -> Vec<MarketEvent> {
        let mut events = Vec::new();
        loop {
            let before = events.len();
            reader.read(&mut events).unwrap();
            if events.len() == before {
                return events;
            }
        }
    }

    #[test]
    fn what_was_read_is_read_again() {
        let events: Vec<MarketEvent> =
            (0..5_000).map(|at| if at % 3_001 == 3_000 { quote(at) } else { trade(at) }).collect();
        let tape = Tape::read(&mut events.clone().into_iter()).unwrap();
        assert_eq!(tape.len(), 5_000);
        assert_eq!(tape.span(), Some((Timestamp::EPOCH, Timestamp::from_millis(4_999))));
        assert_eq!(all(tape.reader()), events);
        for from in [0, 1, 1_023, 1_024, 1_025, 4_999, 9_999] {
            let rest = all(tape.reader_from(Timestamp::from_millis(from)));
            let whole = usize::try_from(from).unwrap().min(4_999);
            assert!(rest.len() >= 5_000 - whole, "{from}");
            assert!(rest.len() <= 5_000 - whole + 2 * BATCH, "{from}");
            assert_eq!(rest.last(), events.last());
        }
        assert!(Tape::read(&mut Vec::new().into_iter()).unwrap().is_empty());
    }
}
