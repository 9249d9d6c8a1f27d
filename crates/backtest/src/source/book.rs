//! A recorded book brought in step with its snapshot.
//!
//! A recorder asks for the book while changes of it stream in, and the answer comes in mid-stream:
//! changes that came before may be newer than it. Until the first snapshot changes wait; after it
//! those that are newer follow, at its time. What the book has already is passed over.

use std::collections::VecDeque;
use std::sync::Arc;

use model::{DepthUpdate, MarketEvent};

use super::{EventSource, SourceError};

/// How many changes are looked through for the first snapshot. Without one they go as they are.
const LOOK_AHEAD: usize = 10_000;

/// One instrument's changes of the book, in step.
#[derive(Debug)]
pub struct BookInStep<S> {
    source: S,
    /// Read and not looked at yet.
    ahead: VecDeque<MarketEvent>,
    has_begun: bool,
    /// The newest id that the book has.
    last_id: i64,
    read: Vec<MarketEvent>,
}

impl<S: EventSource> BookInStep<S> {
    /// Around the changes of one instrument.
    pub const fn new(source: S) -> Self {
        Self {
            source,
            ahead: VecDeque::new(),
            has_begun: false,
            last_id: i64::MIN,
            read: Vec::new(),
        }
    }

    /// True if there was something to read.
    fn read_ahead(&mut self) -> Result<bool, SourceError> {
        self.read.clear();
        self.source.read(&mut self.read)?;
        self.ahead.extend(self.read.drain(..));
        Ok(!self.ahead.is_empty())
    }

    /// Finds the first snapshot, and puts what is newer behind it.
    fn begin(&mut self) -> Result<(), SourceError> {
        self.has_begun = true;
        let mut looked = 0;
        loop {
            let found = self.ahead.iter().skip(looked).position(is_snapshot);
            if let Some(place) = found {
                self.put_in_step(looked + place);
                return Ok(());
            }
            looked = self.ahead.len();
            let before = self.ahead.len();
            if looked >= LOOK_AHEAD || !self.read_ahead()? || self.ahead.len() == before {
                return Ok(());
            }
        }
    }

    fn put_in_step(&mut self, place: usize) {
        let waiting: Vec<MarketEvent> = self.ahead.drain(..place).collect();
        let Some(MarketEvent::Depth(snapshot)) = self.ahead.pop_front() else { return };
        let newer = |event: &MarketEvent| match event {
            MarketEvent::Depth(update) if update.last_update_id > snapshot.last_update_id => {
                let received_at = snapshot.received_at;
                Some(MarketEvent::Depth(Arc::new(DepthUpdate {
                    received_at,
                    ..(**update).clone()
                })))
            }
            MarketEvent::Depth(_)
            | MarketEvent::Trade(_)
            | MarketEvent::Quote(_)
            | MarketEvent::Bar(_)
            | MarketEvent::Book(_) => None,
        };
        for event in waiting.iter().filter_map(newer).rev() {
            self.ahead.push_front(event);
        }
        self.ahead.push_front(MarketEvent::Depth(snapshot));
    }

    /// Whether the book takes it.
    const fn is_news(&mut self, update: &DepthUpdate) -> bool {
        let is_news = if update.is_snapshot {
            update.last_update_id >= self.last_id
        } else {
            update.last_update_id > self.last_id
        };
        if is_news {
            self.last_id = update.last_update_id;
        }
        is_news
    }
}

fn is_snapshot(event: &MarketEvent) -> bool {
    matches!(event, MarketEvent::Depth(update) if update.is_snapshot)
}

impl<S: EventSource> EventSource for BookInStep<S> {
    fn read(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), SourceError> {
        if !self.has_begun {
            self.begin()?;
        }
        let before = batch.len();
        while batch.len() == before {
            if self.ahead.is_empty() && !self.read_ahead()? {
                return Ok(());
            }
            while let Some(event) = self.ahead.pop_front() {
                let is_news = match &event {
                    MarketEvent::Depth(update) => self.is_news(update),
                    MarketEvent::Trade(_)
                    | MarketEvent::Quote(_)
                    | MarketEvent::Bar(_)
                    | MarketEvent::Book(_) => true,
                };
                if is_news {
                    batch.push(event);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use model::{InstrumentId, Timestamp};

    use super::*;

    fn depth(is_snapshot: bool, first: i64, last: i64, at: i64) -> MarketEvent {
        MarketEvent::Depth(Arc::new(DepthUpdate {
            instrument: InstrumentId(0),
            is_snapshot,
            first_update_id: first,
            last_update_id: last,
            bids: Vec::new(),
            asks: Vec::new(),
            event_at: Timestamp::from_millis(at),
            received_at: Timestamp::from_millis(at),
        }))
    }

    /// Last id, and time of receipt, of what comes out of changes (first, last) and snapshots.
    #[track_caller]
    fn check(label: &str, updates: &[(bool, i64, i64)], expected: &[(i64, i64)]) {
        let events: Vec<MarketEvent> = (1..)
            .zip(updates)
            .map(|(at, (is_snapshot, first, last))| depth(*is_snapshot, *first, *last, at))
            .collect();
        let mut source = BookInStep::new(events.into_iter());
        let (mut out, mut batch) = (Vec::new(), Vec::new());
        loop {
            batch.clear();
            source.read(&mut batch).unwrap();
            if batch.is_empty() {
                break;
            }
            out.append(&mut batch);
        }
        let shown = |event: &MarketEvent| {
            let MarketEvent::Depth(update) = event else { panic!("{event:?}") };
            (update.last_update_id, update.received_at.as_millis())
        };
        assert_eq!(out.iter().map(shown).collect::<Vec<_>>(), expected, "{label}");
    }

    #[test]
    fn changes_wait_for_the_snapshot_and_only_newer_ones_follow_it() {
        check("nothing", &[], &[]);
        check("no snapshot", &[(false, 1, 2), (false, 3, 4)], &[(2, 1), (4, 2)]);
        check("snapshot first", &[(true, 5, 5), (false, 6, 7)], &[(5, 1), (7, 2)]);
        let mid = [(false, 1, 3), (false, 4, 5), (false, 6, 8), (true, 6, 6), (false, 9, 9)];
        check("in mid-stream", &mid, &[(6, 4), (8, 4), (9, 5)]);
        let old = [(true, 6, 6), (false, 5, 6), (false, 7, 9), (true, 8, 8), (false, 10, 11)];
        check("what it has already", &old, &[(6, 1), (9, 3), (11, 5)]);
    }
}
