//! How far the venue's clock is from ours.
//!
//! The venue tells its time somewhere between our question and its answer; half the round trip is
//! the best guess of where, and half the round trip is how wrong it can be. So the sample with the
//! shortest round trip among the recent ones is used.

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;

/// How many samples are kept.
const SAMPLES: usize = 8;
/// Samples older than this say nothing of a drifting clock.
const MAX_AGE: Duration = Duration::from_secs(15 * 60);
/// A disagreement beyond both uncertainties and this much is a jump of one of the clocks, no
/// drift.
const JUMP: Duration = Duration::from_millis(100);

/// One question and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    /// Our time half way.
    at: Timestamp,
    /// The venue's time less ours.
    offset_nanos: i64,
    /// How wrong that may be.
    uncertainty_nanos: i64,
}

/// What a sample did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// It agrees with what was known.
    Agrees,
    /// One of the clocks jumped: earlier samples were thrown away.
    Jumped {
        /// By how much the offset changed.
        by_nanos: i64,
    },
    /// The answer came before the question: it says nothing.
    Useless,
}

/// The offset between our clock and the venue's, from questions for its time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClockOffset {
    samples: VecDeque<Sample>,
}

impl ClockOffset {
    /// Nothing known: the clocks are taken to agree.
    #[must_use]
    pub const fn new() -> Self {
        Self { samples: VecDeque::new() }
    }

    /// Takes an answer to a question for the time. The venue cuts its time to milliseconds, so
    /// the truth is half a millisecond later on average.
    pub fn observe(
        &mut self,
        sent_at: Timestamp,
        received_at: Timestamp,
        server_time: Timestamp,
    ) -> Observation {
        const HALF_MILLI_NANOS: i64 = 500_000;
        let round_trip = received_at.nanos_since(sent_at);
        if round_trip < 0 {
            return Observation::Useless;
        }
        let at = sent_at.after(Duration::from_nanos(round_trip.unsigned_abs() / 2));
        let sample = Sample {
            at,
            offset_nanos: server_time.nanos_since(at).saturating_add(HALF_MILLI_NANOS),
            uncertainty_nanos: (round_trip / 2).saturating_add(HALF_MILLI_NANOS),
        };
        self.samples.retain(|old| at.since(old.at) <= MAX_AGE && old.at <= at);
        let observation = self.compare(&sample);
        if let Observation::Jumped { .. } = observation {
            self.samples.clear();
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        observation
    }

    fn compare(&self, sample: &Sample) -> Observation {
        let Some(best) = self.best() else { return Observation::Agrees };
        let by_nanos = sample.offset_nanos.saturating_sub(best.offset_nanos);
        let jump = i64::try_from(JUMP.as_nanos()).unwrap_or(i64::MAX);
        let allowed =
            best.uncertainty_nanos.saturating_add(sample.uncertainty_nanos).saturating_add(jump);
        if by_nanos.saturating_abs() > allowed {
            Observation::Jumped { by_nanos }
        } else {
            Observation::Agrees
        }
    }

    /// Forgets everything: our clock was set.
    pub fn reset(&mut self) {
        self.samples.clear();
    }

    fn best(&self) -> Option<&Sample> {
        self.samples.iter().min_by_key(|sample| sample.uncertainty_nanos)
    }

    /// Whether anything is known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.samples.is_empty()
    }

    /// The venue's time less ours, in nanoseconds.
    #[must_use]
    pub fn nanos(&self) -> i64 {
        self.best().map_or(0, |best| best.offset_nanos)
    }

    /// How wrong the offset may be; nothing is known before the first sample.
    #[must_use]
    pub fn uncertainty(&self) -> Option<Duration> {
        let nanos = self.best()?.uncertainty_nanos;
        Some(Duration::from_nanos(nanos.unsigned_abs()))
    }

    /// How fast the clocks part, in nanoseconds a second: between the best samples of the older
    /// and of the newer half. Zero while there are too few samples, or within their uncertainty.
    #[must_use]
    pub fn drift_nanos_per_sec(&self) -> i64 {
        let half = self.samples.len() / 2;
        let best = |samples: &mut dyn Iterator<Item = &Sample>| {
            samples.min_by_key(|sample| sample.uncertainty_nanos).copied()
        };
        let older = best(&mut self.samples.iter().take(half));
        let newer = best(&mut self.samples.iter().skip(half));
        let (Some(older), Some(newer)) = (older, newer) else { return 0 };
        let change = newer.offset_nanos.saturating_sub(older.offset_nanos);
        let noise = newer.uncertainty_nanos.saturating_add(older.uncertainty_nanos);
        let elapsed = newer.at.nanos_since(older.at);
        if elapsed <= 0 || change.saturating_abs() <= noise {
            return 0;
        }
        let per_sec = i128::from(change) * 1_000_000_000 / i128::from(elapsed);
        i64::try_from(per_sec).unwrap_or(0)
    }

    /// The venue's time at an instant of ours.
    #[must_use]
    pub fn venue_time(&self, ours: Timestamp) -> Timestamp {
        Timestamp::from_nanos(ours.as_nanos().saturating_add(self.nanos()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: i64 = 1_000_000;
    const SECOND: i64 = 1_000_000_000;

    /// Asks at `at`; the venue is `ahead` of us, the way there and back takes as given.
    fn ask(offset: &mut ClockOffset, at: i64, ahead: i64, there: i64, back: i64) -> Observation {
        let server = Timestamp::from_nanos(at + there + ahead);
        offset.observe(
            Timestamp::from_nanos(at),
            Timestamp::from_nanos(at + there + back),
            Timestamp::from_millis(server.as_millis()),
        )
    }

    #[test]
    fn the_shortest_round_trip_is_believed() {
        let mut offset = ClockOffset::new();
        assert!(!offset.is_known());
        assert_eq!(offset.venue_time(Timestamp::from_secs(5)), Timestamp::from_secs(5));
        let start = 1_700_000_000 * SECOND;
        ask(&mut offset, start, 40 * MILLI, 80 * MILLI, 20 * MILLI);
        ask(&mut offset, start + SECOND, 40 * MILLI, MILLI, MILLI);
        ask(&mut offset, start + 2 * SECOND, 40 * MILLI, 5 * MILLI, 60 * MILLI);
        assert!((offset.nanos() - 40 * MILLI).abs() <= 2 * MILLI, "{}", offset.nanos());
        assert!(offset.uncertainty().unwrap() <= Duration::from_millis(2));
    }

    #[test]
    fn the_offset_is_never_wronger_than_it_says() {
        let mut random: u64 = 42;
        let mut next = |below: i64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888);
            i64::try_from((random >> 33) % below.unsigned_abs()).unwrap()
        };
        for _ in 0..2_000 {
            let mut offset = ClockOffset::new();
            let ahead = next(4 * SECOND) - 2 * SECOND;
            let mut at = 1_700_000_000 * SECOND;
            for _ in 0..10 {
                let (there, back) = (next(90 * MILLI), next(90 * MILLI));
                assert_eq!(ask(&mut offset, at, ahead, there, back), Observation::Agrees);
                at += SECOND + next(SECOND);
            }
            let error = (offset.nanos() - ahead).unsigned_abs();
            assert!(u128::from(error) <= offset.uncertainty().unwrap().as_nanos());
            assert_eq!(offset.drift_nanos_per_sec(), 0);
        }
    }

    #[test]
    fn a_jump_is_told_from_drift() {
        let mut offset = ClockOffset::new();
        let start = 1_700_000_000 * SECOND;
        for minute in 0..8 {
            // 100 parts in a million: 6 ms a minute.
            let ahead = minute * 6 * MILLI;
            let seen = ask(&mut offset, start + minute * 60 * SECOND, ahead, MILLI, MILLI);
            assert_eq!(seen, Observation::Agrees);
        }
        let drift = offset.drift_nanos_per_sec();
        assert!((80_000..=120_000).contains(&drift), "{drift}");
        let seen = ask(&mut offset, start + 500 * SECOND, 3 * SECOND, MILLI, MILLI);
        assert!(matches!(seen, Observation::Jumped { .. }), "{seen:?}");
        assert!((offset.nanos() - 3 * SECOND).abs() <= 2 * MILLI);
    }

    #[test]
    fn old_samples_are_forgotten() {
        let mut offset = ClockOffset::new();
        let start = 1_700_000_000 * SECOND;
        ask(&mut offset, start, 0, 1, 1);
        ask(&mut offset, start + 3_600 * SECOND, 50 * MILLI, 20 * MILLI, 20 * MILLI);
        assert!((offset.nanos() - 50 * MILLI).abs() <= 21 * MILLI);
        let useless = offset.observe(
            Timestamp::from_nanos(start),
            Timestamp::from_nanos(start - 1),
            Timestamp::EPOCH,
        );
        assert_eq!(useless, Observation::Useless);
    }
}
