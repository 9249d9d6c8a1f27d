//! Several sources as one.

use model::{MarketEvent, Timestamp};

use super::{BATCH, EventSource, SourceError};

/// A source with what was read of it and not handed on.
struct Lane {
    source: Box<dyn EventSource>,
    ahead: Vec<MarketEvent>,
    /// The next one in `ahead`.
    next: usize,
}

impl Lane {
    fn refill(&mut self) -> Result<(), SourceError> {
        if self.next == self.ahead.len() {
            self.ahead.clear();
            self.next = 0;
            self.source.read(&mut self.ahead)?;
        }
        Ok(())
    }

    fn at(&self) -> Option<Timestamp> {
        self.ahead.get(self.next).map(MarketEvent::received_at)
    }
}

/// Several sources merged by time. Of events at the same instant those of the earlier source come
/// first, and each source keeps its own order, even where its times step back.
pub struct Merged {
    lanes: Vec<Lane>,
}

impl Merged {
    /// Of these, in this order.
    #[must_use]
    pub fn new(sources: Vec<Box<dyn EventSource>>) -> Self {
        let lane = |source| Lane { source, ahead: Vec::new(), next: 0 };
        Self { lanes: sources.into_iter().map(lane).collect() }
    }
}

impl EventSource for Merged {
    fn read(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), SourceError> {
        if let [only] = self.lanes.as_mut_slice() {
            return only.source.read(batch);
        }
        let full = batch.len() + BATCH;
        for lane in &mut self.lanes {
            lane.refill()?;
        }
        while batch.len() < full {
            let times = self.lanes.iter().enumerate();
            let times = times.filter_map(|(place, lane)| Some((lane.at()?, place)));
            let mut times: Vec<(Timestamp, usize)> = times.collect();
            times.sort_unstable();
            let Some((_, place)) = times.first().copied() else { break };
            // Up to the next lane's turn.
            let until = times.get(1).copied();
            let lane = &mut self.lanes[place];
            while batch.len() < full
                && let Some(at) = lane.at()
                && until.is_none_or(|until| (at, place) < until)
            {
                batch.push(lane.ahead[lane.next].clone());
                lane.next += 1;
                lane.refill()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use model::{InstrumentId, Price, Quantity, Side, Trade, TradeId};

    use super::*;

    fn trades(instrument: u16, millis: &[i64]) -> Box<dyn EventSource> {
        let trade = |(id, at): (i64, &i64)| {
            MarketEvent::Trade(Trade {
                instrument: InstrumentId(instrument),
                id: TradeId(id),
                price: Price::ONE,
                quantity: Quantity::ONE,
                aggressor: Side::Buy,
                event_at: Timestamp::from_millis(*at),
                received_at: Timestamp::from_millis(*at),
            })
        };
        Box::new((1..).zip(millis).map(trade).collect::<Vec<_>>().into_iter())
    }

    #[track_caller]
    fn check(lanes: &[&[i64]], expected: &[(u16, i64)]) {
        let sources = (0..).zip(lanes).map(|(number, lane)| trades(number, lane)).collect();
        let mut merged = Merged::new(sources);
        let mut events = Vec::new();
        loop {
            let before = events.len();
            merged.read(&mut events).unwrap();
            if events.len() == before {
                break;
            }
        }
        let actual: Vec<(u16, i64)> = events
            .iter()
            .map(|event| (event.instrument().0, event.received_at().as_millis()))
            .collect();
        assert_eq!(actual, expected);
    }

    #[test]
    fn time_decides_then_the_earlier_source() {
        check(&[], &[]);
        check(&[&[], &[3]], &[(1, 3)]);
        check(&[&[1, 5], &[2, 5, 6]], &[(0, 1), (1, 2), (0, 5), (1, 5), (1, 6)]);
        check(&[&[5, 5], &[1, 5], &[5]], &[(1, 1), (0, 5), (0, 5), (1, 5), (2, 5)]);
        // A step back stays where the source has it.
        check(&[&[4, 2, 6], &[3, 5]], &[(1, 3), (0, 4), (0, 2), (1, 5), (0, 6)]);
    }

    #[test]
    fn long_lanes_are_merged_over_batches() {
        let (even, odd): (Vec<i64>, Vec<i64>) = (0..10_000).partition(|at| at % 2 == 0);
        let expected: Vec<(u16, i64)> =
            (0..10_000).map(|at| (u16::from(at % 2 == 1), at)).collect();
        check(&[&even, &odd], &expected);
    }
}
