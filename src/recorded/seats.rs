//! How each strategy of a recorded run began.

use std::collections::BTreeMap;

use kernel::replay::HostDelivered;
use model::{MarketEvent, StrategyId, Timestamp};

/// A strategy's first start, and what it had been given by then.
#[derive(Clone, PartialEq, Debug)]
pub struct RecordedSeat {
    /// Whose.
    pub strategy: StrategyId,
    /// When it began to trade.
    pub started_at: Timestamp,
    /// What it went on from.
    pub snapshot: Option<serde_json::Value>,
    /// The history that it was warmed up with.
    pub warm_up: Vec<MarketEvent>,
}

#[derive(Debug, Default)]
struct Seat {
    started_at: Option<Timestamp>,
    snapshot: Option<serde_json::Value>,
    warm_up: Vec<MarketEvent>,
}

/// The seats of a run, as what was handed to them is read.
#[derive(Debug, Default)]
pub(super) struct Seats(BTreeMap<StrategyId, Seat>);

impl Seats {
    pub(super) fn take(&mut self, strategy: StrategyId, now: Timestamp, input: HostDelivered) {
        let seat = self.0.entry(strategy).or_default();
        if seat.started_at.is_some() {
            return;
        }
        match input {
            // What an earlier try was warmed up with went with it.
            HostDelivered::Built(snapshot) => *seat = Seat { snapshot, ..Seat::default() },
            HostDelivered::WarmUp(event) => seat.warm_up.push(event),
            HostDelivered::Start => seat.started_at = Some(now),
            HostDelivered::HistoryComplete
            | HostDelivered::Market(_)
            | HostDelivered::Order
            | HostDelivered::Wake
            | HostDelivered::Pause
            | HostDelivered::Resume
            | HostDelivered::Stop
            | HostDelivered::InstrumentsRefreshed(_)
            | HostDelivered::ThrownAway
            | HostDelivered::Obeyed => {}
        }
    }

    /// Those that started, in the order in which they did.
    pub(super) fn into_started(self) -> Vec<RecordedSeat> {
        let started = self.0.into_iter().filter_map(|(strategy, seat)| {
            let Seat { started_at, snapshot, warm_up } = seat;
            Some(RecordedSeat { strategy, started_at: started_at?, snapshot, warm_up })
        });
        let mut started: Vec<RecordedSeat> = started.collect();
        started.sort_by_key(|seat| seat.started_at);
        started
    }
}

#[cfg(test)]
mod tests {
    use model::{InstrumentId, Level, Price, Quantity, Quote};

    use super::*;

    fn ms(at: i64) -> Timestamp {
        Timestamp::from_millis(at)
    }

    fn event(at: i64) -> MarketEvent {
        let level = Level { price: Price::from_units(1), quantity: Quantity::ONE };
        let (instrument, received_at) = (InstrumentId(0), ms(at));
        MarketEvent::Quote(Quote { instrument, update_id: at, bid: level, ask: level, received_at })
    }

    #[test]
    fn a_seat_is_what_its_first_start_was_made_of() {
        let (early, late, never) = (StrategyId(1), StrategyId(0), StrategyId(2));
        let snapshot = || Some(serde_json::json!({"held": 3}));
        let inputs = [
            (early, 1, HostDelivered::Built(None)),
            (early, 2, HostDelivered::WarmUp(event(1))),
            (late, 3, HostDelivered::Built(None)),
            (late, 4, HostDelivered::WarmUp(event(2))),
            (never, 4, HostDelivered::Built(None)),
            (early, 5, HostDelivered::Start),
            (late, 6, HostDelivered::ThrownAway),
            (late, 7, HostDelivered::Built(snapshot())),
            (late, 8, HostDelivered::WarmUp(event(3))),
            (late, 9, HostDelivered::Start),
            (early, 10, HostDelivered::Built(snapshot())),
            (early, 11, HostDelivered::WarmUp(event(4))),
            (early, 12, HostDelivered::Start),
        ];
        let mut seats = Seats::default();
        for (strategy, at, input) in inputs {
            seats.take(strategy, ms(at), input);
        }
        let seat = |strategy, at, snapshot, warm| RecordedSeat {
            strategy,
            started_at: ms(at),
            snapshot,
            warm_up: vec![event(warm)],
        };
        assert_eq!(seats.into_started(), [seat(early, 5, None, 1), seat(late, 9, snapshot(), 3)]);
    }
}
