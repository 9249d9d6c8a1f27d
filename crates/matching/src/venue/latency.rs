//! How long messages to and from the venue take.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

/// How long one way takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case", deny_unknown_fields)]
pub enum LatencyModel {
    /// Always the same.
    Constant {
        /// One way.
        micros: u64,
    },
    /// Evenly spread between two bounds, drawn from a seed.
    Uniform {
        /// The shortest way.
        min_micros: u64,
        /// The longest way.
        max_micros: u64,
        /// Where the draws begin.
        seed: u64,
    },
}

impl LatencyModel {
    /// No latency: unrealistic, for checks only.
    pub const NONE: Self = Self::Constant { micros: 0 };
}

impl Default for LatencyModel {
    /// 25 ms one way.
    fn default() -> Self {
        Self::Constant { micros: 25_000 }
    }
}

/// How long messages took that were sent at known instants: another one takes as long as the one
/// sent nearest to it.
#[derive(Clone, Debug)]
pub struct MeasuredLatency(Arc<[(Timestamp, Duration)]>);

impl MeasuredLatency {
    /// From instants and what was sent then took; `None` if nothing was.
    #[must_use]
    pub fn new(mut taken: Vec<(Timestamp, Duration)>) -> Option<Self> {
        taken.sort_unstable();
        (!taken.is_empty()).then(|| Self(taken.into()))
    }

    /// How long what is sent at an instant takes.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Duration {
        let later = self.0.partition_point(|(at, _)| *at < now);
        let around = later.saturating_sub(1)..(later + 1).min(self.0.len());
        let nearest =
            self.0[around].iter().min_by_key(|(at, _)| at.nanos_since(now).unsigned_abs());
        nearest.expect("there is one at least").1
    }
}

/// How long what is sent takes.
#[derive(Clone, Debug)]
enum Takes {
    Always(Duration),
    /// Drawn evenly, both bounds in microseconds.
    Between(u64, u64),
    As(MeasuredLatency),
}

/// One way of a connection, which keeps its order: nothing overtakes what was sent before it.
#[derive(Clone, Debug)]
pub(super) struct Way {
    takes: Takes,
    random: Pcg64,
    last: Timestamp,
}

impl Way {
    /// `stream` tells the draws of two ways with one seed apart.
    pub(super) fn new(model: LatencyModel, stream: u64) -> Self {
        let (takes, seed) = match model {
            LatencyModel::Constant { micros } => (Takes::Always(Duration::from_micros(micros)), 0),
            LatencyModel::Uniform { min_micros, max_micros, seed } => {
                (Takes::Between(min_micros, max_micros.max(min_micros)), seed)
            }
        };
        let random = Pcg64::seed_from_u64(seed ^ stream.rotate_left(32));
        Self { takes, random, last: Timestamp::EPOCH }
    }

    /// Goes by what was measured instead.
    pub(super) fn go_by(&mut self, measured: MeasuredLatency) {
        self.takes = Takes::As(measured);
    }

    /// How soon what is sent now can arrive at the earliest.
    pub(super) fn shortest(&self, now: Timestamp) -> Duration {
        match &self.takes {
            Takes::Always(takes) => *takes,
            Takes::Between(least, _) => Duration::from_micros(*least),
            Takes::As(measured) => measured.at(now).max(super::sweep::RECEIVED_WITHIN),
        }
    }

    /// When what is sent now arrives.
    #[inline]
    pub(super) fn arrival(&mut self, now: Timestamp) -> Timestamp {
        let takes = match &self.takes {
            Takes::Always(Duration::ZERO) => {
                self.last = self.last.max(now);
                return self.last;
            }
            Takes::Always(takes) => *takes,
            Takes::Between(least, most) => {
                Duration::from_micros(self.random.random_range(*least..=*most))
            }
            Takes::As(measured) => measured.at(now),
        };
        self.last = self.last.max(now.after(takes));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_keep_their_order_and_their_seed() {
        let model = LatencyModel::Uniform { min_micros: 1_000, max_micros: 9_000, seed: 7 };
        let draw = |stream| {
            let mut way = Way::new(model, stream);
            (0..200_i64).map(|at| way.arrival(Timestamp::from_micros(at * 100))).collect::<Vec<_>>()
        };
        let arrivals = draw(0);
        assert!(arrivals.is_sorted());
        assert_eq!(arrivals, draw(0));
        assert_ne!(arrivals, draw(1));
        for (at, arrival) in (0..200_i64).zip(&arrivals) {
            let way = arrival.since(Timestamp::from_micros(at * 100));
            assert!(way >= Duration::from_millis(1) && way <= Duration::from_millis(9));
        }
    }

    #[test]
    fn a_message_takes_as_long_as_the_one_sent_nearest_to_it() {
        assert!(MeasuredLatency::new(Vec::new()).is_none());
        let ms = |ms| (Timestamp::from_millis(ms), Duration::from_millis(ms.unsigned_abs()));
        let measured = MeasuredLatency::new(vec![ms(50), ms(10), ms(20)]).unwrap();
        for (now, expected) in [(0, 10), (10, 10), (14, 10), (16, 20), (34, 20), (36, 50), (99, 50)]
        {
            let taken = measured.at(Timestamp::from_millis(now));
            assert_eq!(taken, Duration::from_millis(expected), "at {now}");
        }
        let mut way = Way::new(LatencyModel::NONE, 0);
        way.go_by(measured);
        assert_eq!(way.arrival(Timestamp::from_millis(50)), Timestamp::from_millis(100));
    }
}
