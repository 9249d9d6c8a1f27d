//! How long messages to and from the venue take.

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

/// One way of a connection, which keeps its order: nothing overtakes what was sent before it.
#[derive(Clone, Debug)]
pub(super) struct Way {
    model: LatencyModel,
    random: Pcg64,
    last: Timestamp,
}

impl Way {
    /// `stream` tells the draws of two ways with one seed apart.
    pub(super) fn new(model: LatencyModel, stream: u64) -> Self {
        let seed = match model {
            LatencyModel::Constant { .. } => 0,
            LatencyModel::Uniform { seed, .. } => seed,
        };
        let random = Pcg64::seed_from_u64(seed ^ stream.rotate_left(32));
        Self { model, random, last: Timestamp::EPOCH }
    }

    /// When what is sent now arrives.
    pub(super) fn arrival(&mut self, now: Timestamp) -> Timestamp {
        let micros = match self.model {
            LatencyModel::Constant { micros } => micros,
            LatencyModel::Uniform { min_micros, max_micros, .. } => {
                self.random.random_range(min_micros..=max_micros.max(min_micros))
            }
        };
        self.last = self.last.max(now.after(Duration::from_micros(micros)));
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
}
