//! How far what is seen of a market is behind the market.

use std::time::Duration;

use model::Timestamp;

/// For so long at least, and twice as long at most, the quickest event is remembered.
const WINDOW: Duration = Duration::from_secs(300);

/// The way of the latest event from the venue to us, beyond that of the quickest one lately. What
/// the two clocks differ by is in both, and does not count; a clock that jumps is forgotten with
/// the window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lag {
    latest_ns: i64,
    latest_at: Timestamp,
    /// Of this window, and of the one before; endless where there was no event.
    least_ns: i64,
    least_before_ns: i64,
    window_ends_at: Timestamp,
}

impl Default for Lag {
    fn default() -> Self {
        Self {
            latest_ns: 0,
            latest_at: Timestamp::EPOCH,
            least_ns: i64::MAX,
            least_before_ns: i64::MAX,
            window_ends_at: Timestamp::EPOCH,
        }
    }
}

impl Lag {
    /// Takes note of an event: the venue's time of it, and when it was received.
    #[inline]
    pub(super) fn observe(&mut self, event_at: Timestamp, received_at: Timestamp) {
        let way_ns = received_at.as_nanos().saturating_sub(event_at.as_nanos());
        (self.latest_ns, self.latest_at) = (way_ns, received_at);
        if received_at >= self.window_ends_at {
            (self.least_before_ns, self.least_ns) = (self.least_ns, i64::MAX);
            self.window_ends_at = received_at.after(WINDOW);
        }
        self.least_ns = self.least_ns.min(way_ns);
    }

    /// How far behind the latest event was; zero before the first, and once nothing followed it
    /// for as long: whatever it waited behind has come by then.
    #[must_use]
    pub fn behind(&self, now: Timestamp) -> Duration {
        let least = self.least_ns.min(self.least_before_ns);
        let behind =
            Duration::from_nanos(self.latest_ns.saturating_sub(least).max(0).unsigned_abs());
        if now.since(self.latest_at) > behind { Duration::ZERO } else { behind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clocks_differ_by_does_not_count_and_a_jump_is_forgotten() {
        let mut lag = Lag::default();
        assert_eq!(lag.behind(Timestamp::from_secs(1)), Duration::ZERO);
        let mut check = |at_secs: i64, way_millis: i64, behind_millis: u64| {
            let received_at = Timestamp::from_nanos(at_secs * 1_000_000_000);
            let event_at = Timestamp::from_nanos(received_at.as_nanos() - way_millis * 1_000_000);
            lag.observe(event_at, received_at);
            let behind = Duration::from_millis(behind_millis);
            assert_eq!(lag.behind(received_at), behind, "at {at_secs}");
            let later = received_at.after(behind);
            assert_eq!(lag.behind(later), behind, "at {at_secs}, as long after");
            let later = later.after(Duration::from_millis(1));
            assert_eq!(lag.behind(later), Duration::ZERO, "at {at_secs}, longer after");
        };
        // Our clock is half a minute behind.
        check(1_000, -29_980, 0);
        check(1_001, -29_990, 0);
        check(1_002, -29_960, 30);
        check(1_010, -9_990, 20_000);
        // It was set right: everything seems late for a while.
        check(1_100, 10, 30_000);
        check(1_400, 12, 30_002);
        check(1_701, 11, 0);
        check(1_702, 15, 4);
    }
}
