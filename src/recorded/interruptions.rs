//! When a recorded run could not trade as it wished, by what its machines were told.

use std::collections::BTreeMap;

use kernel::journal::Record;
use kernel::replay::{Delivered, ExecutionDelivered, HostDelivered, RiskDelivered};
use kernel::risk::TradingState;
use model::{InstrumentId, Role, StrategyId, Timestamp};
use serde::Serialize;

/// What kept a run from trading.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InterruptedBy {
    /// Orders were not possible: no connection, or not reconciled yet.
    NoVenue,
    /// Trading was halted.
    Halted,
    /// Only exits were allowed.
    ReduceOnly,
    /// The market of the symbol came late.
    StaleMarket,
    /// The instrument was halted.
    InstrumentHalted,
    /// The strategy was being built anew after a failure.
    StrategyRestarted,
    /// The strategy was in quarantine.
    Quarantined,
}

impl InterruptedBy {
    /// What it was, in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoVenue => "orders were not possible: the way to the venue was not open",
            Self::Halted => "trading was halted",
            Self::ReduceOnly => "only exits were allowed",
            Self::StaleMarket => "its market came late, which denies entries",
            Self::InstrumentHalted => "its instrument was halted",
            Self::StrategyRestarted => "its strategy was being built anew after a failure",
            Self::Quarantined => "its strategy was in quarantine",
        }
    }

    /// Whether it leaves exits alone.
    const fn allows_exits(self) -> bool {
        matches!(self, Self::ReduceOnly | Self::StaleMarket | Self::Quarantined)
    }
}

/// A time in which something could not be traded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interruption {
    /// Why.
    pub by: InterruptedBy,
    /// Whose orders, if not everybody's.
    pub strategy: Option<StrategyId>,
    /// Orders in what, if not in everything.
    pub instrument: Option<InstrumentId>,
    /// Since when.
    pub from: Timestamp,
    /// Until when; to the end, if none.
    pub to: Option<Timestamp>,
}

impl Interruption {
    /// Whether it concerned an order of this strategy in this instrument.
    #[must_use]
    pub fn concerns(&self, strategy: StrategyId, instrument: InstrumentId, role: Role) -> bool {
        self.strategy.is_none_or(|whose| whose == strategy)
            && self.instrument.is_none_or(|what| what == instrument)
            && (role == Role::Entry || !self.by.allows_exits())
    }

    /// Whether it was so at some time of a span.
    #[must_use]
    pub fn is_within(&self, from: Timestamp, to: Timestamp) -> bool {
        self.from <= to && self.to.is_none_or(|ended_at| from < ended_at)
    }
}

type Key = (InterruptedBy, Option<StrategyId>, Option<InstrumentId>);

/// The interruptions of a run, as what its machines were told is read.
#[derive(Debug, Default)]
pub(super) struct Interruptions {
    open: BTreeMap<Key, Timestamp>,
    closed: Vec<Interruption>,
}

impl Interruptions {
    pub(super) fn take(&mut self, now: Timestamp, input: &Delivered) {
        match input {
            Delivered::Risk(input) => self.take_risk(now, input),
            Delivered::Execution(ExecutionDelivered::Write { record, .. }) => {
                self.take_record(now, record);
            }
            Delivered::Strategy(strategy, HostDelivered::ThrownAway) => {
                self.set(now, (InterruptedBy::StrategyRestarted, Some(*strategy), None), true);
            }
            Delivered::Strategy(strategy, HostDelivered::Start) => {
                self.set(now, (InterruptedBy::StrategyRestarted, Some(*strategy), None), false);
            }
            Delivered::Feed(_)
            | Delivered::Execution(_)
            | Delivered::Venue(_)
            | Delivered::Strategy(..) => {}
        }
    }

    fn take_risk(&mut self, now: Timestamp, input: &RiskDelivered) {
        match input {
            RiskDelivered::ExecutionHealth { is_live } => {
                self.set(now, (InterruptedBy::NoVenue, None, None), !is_live);
            }
            RiskDelivered::StreamHealth { instrument, is_stale } => {
                self.set(now, (InterruptedBy::StaleMarket, None, Some(*instrument)), *is_stale);
            }
            RiskDelivered::InstrumentHealth { instrument, is_halted } => {
                let key = (InterruptedBy::InstrumentHalted, None, Some(*instrument));
                self.set(now, key, *is_halted);
            }
            RiskDelivered::StrategyQuarantined(strategy) => {
                self.set(now, (InterruptedBy::Quarantined, Some(*strategy), None), true);
            }
            RiskDelivered::StrategyReleased(strategy) => {
                self.set(now, (InterruptedBy::Quarantined, Some(*strategy), None), false);
            }
            RiskDelivered::SetState { state, .. } => self.set_state(now, *state),
            RiskDelivered::Market(_)
            | RiskDelivered::Intent(_)
            | RiskDelivered::Order
            | RiskDelivered::Balances { .. }
            | RiskDelivered::ExternalFlow { .. }
            | RiskDelivered::BalanceDiffers(_)
            | RiskDelivered::ExternalFill(_)
            | RiskDelivered::Flatten { .. }
            | RiskDelivered::InstrumentsRefreshed(_)
            | RiskDelivered::Wake => {}
        }
    }

    /// What the gate decided itself is known by what it had written down.
    fn take_record(&mut self, now: Timestamp, record: &Record) {
        if let Record::TradingStateChanged { state, .. } = record {
            self.set_state(now, *state);
        }
    }

    fn set_state(&mut self, now: Timestamp, state: TradingState) {
        self.set(now, (InterruptedBy::Halted, None, None), state == TradingState::Halted);
        let is_reduce_only = state == TradingState::ReduceOnly;
        self.set(now, (InterruptedBy::ReduceOnly, None, None), is_reduce_only);
    }

    fn set(&mut self, now: Timestamp, key: Key, is_interrupted: bool) {
        if is_interrupted {
            self.open.entry(key).or_insert(now);
        } else if let Some(from) = self.open.remove(&key) {
            self.close(key, from, Some(now));
        }
    }

    fn close(&mut self, (by, strategy, instrument): Key, from: Timestamp, to: Option<Timestamp>) {
        self.closed.push(Interruption { by, strategy, instrument, from, to });
    }

    /// All of them, oldest first.
    pub(super) fn into_all(mut self) -> Vec<Interruption> {
        for (key, from) in std::mem::take(&mut self.open) {
            self.close(key, from, None);
        }
        self.closed.sort_by_key(|interruption| (interruption.from, interruption.by));
        self.closed
    }
}

#[cfg(test)]
mod tests {
    use kernel::journal::Durability;

    use super::*;

    fn ms(at: i64) -> Timestamp {
        Timestamp::from_millis(at)
    }

    #[test]
    fn what_kept_a_run_from_trading_is_found() {
        let (strategy, other, instrument) = (StrategyId(0), StrategyId(1), InstrumentId(2));
        let risk = |input| Delivered::Risk(input);
        let state = |state| {
            let (reason, at) = ("daily loss".to_owned(), ms(0));
            let record = Record::TradingStateChanged { state, reason, at };
            let durability = Durability::Synced;
            Delivered::Execution(ExecutionDelivered::Write { record, durability })
        };
        let inputs = [
            (1, risk(RiskDelivered::ExecutionHealth { is_live: true })),
            (2, risk(RiskDelivered::ExecutionHealth { is_live: false })),
            (3, risk(RiskDelivered::StreamHealth { instrument, is_stale: true })),
            (4, risk(RiskDelivered::ExecutionHealth { is_live: false })),
            (5, risk(RiskDelivered::ExecutionHealth { is_live: true })),
            (6, Delivered::Strategy(strategy, HostDelivered::ThrownAway)),
            (7, risk(RiskDelivered::StreamHealth { instrument, is_stale: false })),
            (8, Delivered::Strategy(strategy, HostDelivered::Start)),
            (9, state(TradingState::ReduceOnly)),
            (10, state(TradingState::Halted)),
        ];
        let mut interruptions = Interruptions::default();
        for (at, input) in inputs {
            interruptions.take(ms(at), &input);
        }
        let all = interruptions.into_all();
        let told: Vec<_> = all
            .iter()
            .map(|it| (it.by, it.from.as_millis(), it.to.map(Timestamp::as_millis)))
            .collect();
        assert_eq!(
            told,
            [
                (InterruptedBy::NoVenue, 2, Some(5)),
                (InterruptedBy::StaleMarket, 3, Some(7)),
                (InterruptedBy::StrategyRestarted, 6, Some(8)),
                (InterruptedBy::ReduceOnly, 9, Some(10)),
                (InterruptedBy::Halted, 10, None),
            ]
        );
        let concerns = |place: usize, strategy, instrument: u16, role| {
            all[place].concerns(strategy, InstrumentId(instrument), role)
        };
        assert!(concerns(0, other, 0, Role::Exit));
        assert!(concerns(1, other, 2, Role::Entry) && !concerns(1, other, 1, Role::Entry));
        assert!(!concerns(1, other, 2, Role::Exit), "exits pass while the market is late");
        assert!(concerns(2, strategy, 0, Role::Exit) && !concerns(2, other, 0, Role::Exit));
        assert!(all[0].is_within(ms(4), ms(9)) && !all[0].is_within(ms(5), ms(9)));
        assert!(all[4].is_within(ms(10), ms(10)) && !all[4].is_within(ms(1), ms(9)));
    }
}
