//! Events of one series in order, each once: what a run is fed with, and what it is told that it
//! was not fed with.
//!
//! A file may have rows out of order, or twice; several files, or the segments of a catalog, may
//! overlap. What is out of order by a few hundred rows is sorted. What has the number of an event
//! that is there already is passed over, whether it says the same or contradicts it. All of that
//! is counted in [`OrderNotes`]. What lies further back ends the run: half of a history, played
//! after the other half, is none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{MarketEvent, Timestamp};

use super::{EventSource, SourceError};

/// An event can be sorted back over so many others.
const SORTED_WITHIN: usize = 256;

/// How many, and the first of them.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    events: u64,
    first_at: Timestamp,
}

impl Count {
    fn add(&mut self, at: Timestamp) {
        if self.events == 0 {
            self.first_at = at;
        }
        self.events += 1;
    }
}

#[derive(Debug, Default)]
struct Noted {
    name: String,
    sorted: Count,
    repeated: Count,
    contradicting: Count,
    late: Count,
}

/// What was wrong with the order of each series so far. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct OrderNotes(Arc<Mutex<Vec<Noted>>>);

impl OrderNotes {
    fn begin(&self, name: String) -> usize {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Noted { name, ..Noted::default() });
        all.len() - 1
    }

    fn note(&self, place: usize, note: impl FnOnce(&mut Noted)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        note(&mut all[place]);
    }

    fn sum(&self, of: impl Fn(&Noted) -> u64) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(of).sum()
    }

    /// Events that were out of order and were sorted.
    #[must_use]
    pub fn sorted(&self) -> u64 {
        self.sum(|noted| noted.sorted.events)
    }

    /// Events that no run was fed with.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.sum(|noted| noted.repeated.events + noted.contradicting.events + noted.late.events)
    }

    /// A sentence for each series and each thing that was wrong with it.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = |noted: &Noted| {
            let Noted { name, sorted, repeated, contradicting, late } = noted;
            let said = [
                (sorted, "out of the order of time, and sorted"),
                (repeated, "there already, and passed over"),
                (
                    contradicting,
                    "passed over: another of the same number, or of the same time, says otherwise",
                ),
                (late, "passed over: numbered below what came long before"),
            ];
            let said = said.into_iter().filter(|(count, _)| count.events > 0);
            let name = name.clone();
            said.map(move |(Count { events, first_at }, what)| {
                let rows = if *events == 1 { "row" } else { "rows" };
                format!("{name}: {events} {rows} {what}; the first is of {first_at}")
            })
            .collect::<Vec<_>>()
        };
        all.iter().flat_map(of_one).collect()
    }
}

/// When an event was received, and its number: that of a trade, of an update, or a bar's opening.
fn stamp(event: &MarketEvent) -> (Timestamp, Option<i64>) {
    match event {
        MarketEvent::Trade(trade) => (trade.received_at, Some(trade.id.0)),
        MarketEvent::Quote(quote) => (quote.received_at, Some(quote.update_id)),
        MarketEvent::Bar(bar) => (bar.received_at, Some(bar.open_at.as_nanos())),
        MarketEvent::Depth(_) | MarketEvent::Book(_) => (event.received_at(), None),
    }
}

/// Whether two events of one number say the same, whenever they were received.
fn says_the_same(one: &MarketEvent, other: &MarketEvent) -> bool {
    let mut other = other.clone();
    match (one, &mut other) {
        (MarketEvent::Trade(one), MarketEvent::Trade(other)) => {
            other.received_at = one.received_at;
        }
        (MarketEvent::Quote(one), MarketEvent::Quote(other)) => {
            other.received_at = one.received_at;
        }
        (MarketEvent::Bar(one), MarketEvent::Bar(other)) => other.received_at = one.received_at,
        (
            MarketEvent::Trade(_)
            | MarketEvent::Quote(_)
            | MarketEvent::Bar(_)
            | MarketEvent::Depth(_)
            | MarketEvent::Book(_),
            _,
        ) => {}
    }
    *one == other
}

/// The events of one series of one instrument, in order and each once. Changes of a book, which
/// have a step of their own for that, are only held to their time.
#[derive(Debug)]
pub struct InOrder<S> {
    name: String,
    source: S,
    /// Read, in order, and kept back: something earlier may still come.
    held: Vec<MarketEvent>,
    /// Of what was handed on last: its instant and its number, below which numbers are late unless
    /// they have started over.
    newest_at: Timestamp,
    highest: i64,
    notes: OrderNotes,
    place: usize,
}

impl<S: EventSource> InOrder<S> {
    /// Around a source of this name.
    pub fn new(name: &str, source: S, notes: &OrderNotes) -> Self {
        Self {
            name: name.to_owned(),
            source,
            held: Vec::new(),
            newest_at: Timestamp::from_nanos(i64::MIN),
            highest: i64::MIN,
            notes: notes.clone(),
            place: notes.begin(name.to_owned()),
        }
    }

    fn is_in_order(&self, events: &[MarketEvent]) -> bool {
        let mut before = (self.newest_at, self.highest);
        events.iter().all(|event| {
            let (at, id) = stamp(event);
            let is_next = at >= before.0 && id.is_none_or(|id| id > before.1);
            before = (at, id.unwrap_or(before.1));
            is_next
        })
    }

    /// Sorts, and passes over what is there already.
    fn mend(&self, events: Vec<MarketEvent>) -> Result<Vec<MarketEvent>, SourceError> {
        let mut latest = self.newest_at;
        for event in &events {
            let at = event.received_at();
            if at < latest {
                self.notes.note(self.place, |noted| noted.sorted.add(at));
            }
            latest = latest.max(at);
        }
        let mut events = events;
        events.sort_by_key(stamp);
        if let Some(at) = events.first().map(MarketEvent::received_at)
            && at < self.newest_at
        {
            let (name, after) = (self.name.clone(), self.newest_at);
            return Err(SourceError::Disorder { name, at, after });
        }
        let mut taken: Vec<MarketEvent> = Vec::with_capacity(events.len());
        let mut places: HashMap<i64, usize> = HashMap::new();
        for event in events {
            let (at, id) = stamp(&event);
            if let Some(id) = id {
                if let Some(known) = places.get(&id) {
                    let is_same = says_the_same(&taken[*known], &event);
                    self.notes.note(self.place, |noted| {
                        let count =
                            if is_same { &mut noted.repeated } else { &mut noted.contradicting };
                        count.add(at);
                    });
                    continue;
                }
                if id <= self.highest && !self.is_of_now(&event) {
                    self.notes.note(self.place, |noted| noted.late.add(at));
                    continue;
                }
                places.insert(id, taken.len());
            }
            taken.push(event);
        }
        Ok(taken)
    }

    /// Whether an event is new in spite of its number, which may be of another count: a trade that
    /// happened after everything that was handed on.
    fn is_of_now(&self, event: &MarketEvent) -> bool {
        match event {
            MarketEvent::Trade(trade) => trade.event_at > self.newest_at,
            MarketEvent::Quote(_)
            | MarketEvent::Bar(_)
            | MarketEvent::Depth(_)
            | MarketEvent::Book(_) => false,
        }
    }

    fn hand_on(&mut self, events: &[MarketEvent]) {
        // They are in order.
        if let Some((at, id)) = events.last().map(stamp) {
            (self.newest_at, self.highest) = (at, id.unwrap_or(self.highest));
        }
    }
}

impl<S: EventSource> EventSource for InOrder<S> {
    fn read(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), SourceError> {
        let start = batch.len();
        loop {
            batch.append(&mut self.held);
            let known = batch.len();
            self.source.read(batch)?;
            let is_over = batch.len() == known;
            if !self.is_in_order(&batch[start..]) {
                let events = batch.split_off(start);
                batch.append(&mut self.mend(events)?);
            }
            let kept = if is_over { 0 } else { SORTED_WITHIN };
            let ready = (batch.len() - start).saturating_sub(kept);
            self.held.extend(batch.drain(start + ready..));
            if is_over || ready > 0 {
                self.hand_on(&batch[start..]);
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{InstrumentId, Price, Quantity, Side, Trade, TradeId};

    use super::*;

    /// A trade of this number at this millisecond, at this price.
    fn trade(&(id, at, price): &(i64, i64, i64)) -> MarketEvent {
        MarketEvent::Trade(Trade {
            instrument: InstrumentId(0),
            id: TradeId(id),
            price: Price::from_units(price),
            quantity: Quantity::ONE,
            aggressor: Side::Buy,
            event_at: Timestamp::from_millis(at),
            received_at: Timestamp::from_millis(at),
        })
    }

    fn read(trades: &[(i64, i64, i64)]) -> Result<(Vec<i64>, Vec<String>), SourceError> {
        let notes = OrderNotes::default();
        let events: Vec<MarketEvent> = trades.iter().map(trade).collect();
        let mut source = InOrder::new("x", events.into_iter(), &notes);
        let mut all = Vec::new();
        loop {
            let before = all.len();
            source.read(&mut all)?;
            if all.len() == before {
                let ids = all.iter().map(|event| stamp(event).1.unwrap()).collect();
                assert_eq!(all.len() as u64 + notes.passed_over(), trades.len() as u64);
                return Ok((ids, notes.sentences()));
            }
        }
    }

    #[track_caller]
    fn check(label: &str, trades: &[(i64, i64, i64)], ids: &[i64], said: &[&str]) {
        let (found, sentences) = read(trades).unwrap();
        assert_eq!(found, ids, "{label}");
        let sentences: Vec<&str> =
            sentences.iter().map(|text| text.split_once(';').unwrap().0).collect();
        assert_eq!(sentences, said, "{label}");
    }

    #[test]
    fn each_event_comes_once_and_in_order_or_is_counted() {
        let sorted = "x: 1 row out of the order of time, and sorted";
        let repeated = "x: 1 row there already, and passed over";
        let contradicting = "x: 1 row passed over: another of the same number, or of the same \
                             time, says otherwise";
        check("nothing", &[], &[], &[]);
        check("as it should be", &[(1, 1, 5), (2, 1, 5), (3, 4, 5)], &[1, 2, 3], &[]);
        check("swapped", &[(1, 1, 5), (3, 4, 5), (2, 2, 5)], &[1, 2, 3], &[sorted]);
        check("twice", &[(1, 1, 5), (2, 2, 5), (2, 2, 5), (3, 3, 5)], &[1, 2, 3], &[repeated]);
        check("two of it", &[(1, 1, 5), (2, 2, 5), (2, 2, 6)], &[1, 2], &[contradicting]);
        check("numbers that go back", &[(7, 1, 5), (5, 2, 5), (6, 3, 5)], &[7, 5, 6], &[]);
    }

    #[test]
    fn long_files_are_sorted_within_bounds_and_refused_beyond() {
        let ordered: Vec<(i64, i64, i64)> = (0..5_000).map(|id| (id, id, 1)).collect();
        let ids: Vec<i64> = (0..5_000).collect();
        check("ordered", &ordered, &ids, &[]);
        for (from, to) in [(300, 100), (1_030, 1_000), (4_999, 4_800), (256, 0)] {
            let mut late = ordered.clone();
            let row = late.remove(to);
            late.insert(from, row);
            let (found, said) = read(&late).unwrap();
            assert_eq!((found, said.len()), (ids.clone(), 1), "{to} after {from}");
        }
        let mut halves = ordered.clone();
        halves.rotate_left(2_500);
        let error = read(&halves).unwrap_err().to_string();
        assert!(error.contains("x is not in the order of time"), "{error}");
        let mut overlap = ordered;
        overlap.extend_from_within(3_000..);
        assert!(read(&overlap).is_err());
    }
}
