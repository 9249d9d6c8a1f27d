//! The two clocks: our computer's, and the venue's, which may be scaled.
//!
//! The only place that reads a clock. Everything else is passed a [`Moment`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kernel::venue::Wake;
use kernel::wire::Moment;
use model::Timestamp;
use tokio::time::Instant;

/// Shared by all actors of an engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    started: Instant,
    started_wall_ns: i64,
    /// The venue's time was `venue_at` when ours was `wall_at`, and runs `speed` times as fast.
    venue_at_ns: AtomicI64,
    wall_at_ns: AtomicI64,
    speed_bits: AtomicU64,
    /// The venue's clock is moved from outside, and stands still in between.
    is_stepped: AtomicBool,
}

/// Longest sleep while the venue's clock is not ours: its speed may change meanwhile.
const SCALED_SLEEP_MAX: Duration = Duration::from_millis(50);

impl Clock {
    /// Both clocks are the system's. Time passes by tokio's clock from then on, so that a paused
    /// or simulated runtime pauses or simulates everything.
    #[must_use]
    pub fn system() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::starting_at(Timestamp::EPOCH.after(since_epoch))
    }

    /// Both clocks show this now, and go on by tokio's clock: for a simulated runtime, where
    /// nothing may depend on when it is run.
    #[must_use]
    pub fn starting_at(wall: Timestamp) -> Self {
        let wall_ns = wall.as_nanos();
        Self(Arc::new(Inner {
            started: Instant::now(),
            started_wall_ns: wall_ns,
            venue_at_ns: AtomicI64::new(wall_ns),
            wall_at_ns: AtomicI64::new(wall_ns),
            speed_bits: AtomicU64::new(1_f64.to_bits()),
            is_stepped: AtomicBool::new(false),
        }))
    }

    /// Follows a venue that announces its clock: at our instant `wall_at` it showed `venue_at`,
    /// and it runs `speed` times as fast as ours; 0 is paused.
    pub fn follow(&self, venue_at: Timestamp, wall_at: Timestamp, speed: f64) {
        self.0.venue_at_ns.store(venue_at.as_nanos(), Ordering::Relaxed);
        self.0.wall_at_ns.store(wall_at.as_nanos(), Ordering::Relaxed);
        self.0.speed_bits.store(speed.to_bits(), Ordering::Relaxed);
    }

    /// Moves the venue's clock to an instant, where it stands still until it is moved again.
    /// From then on no timer of the venue's time fires by itself: see [`crate::lockstep`].
    pub fn step_to(&self, venue_at: Timestamp) {
        self.0.is_stepped.store(true, Ordering::Relaxed);
        self.follow(venue_at, self.wall(), 0.0);
    }

    /// Whether the venue's clock is moved from outside.
    #[must_use]
    pub fn is_stepped(&self) -> bool {
        self.0.is_stepped.load(Ordering::Relaxed)
    }

    /// How fast the venue's time runs.
    #[must_use]
    pub fn speed(&self) -> f64 {
        f64::from_bits(self.0.speed_bits.load(Ordering::Relaxed))
    }

    /// Our computer's time.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.started_wall_ns).after(self.0.started.elapsed())
    }

    /// Both clocks, read once.
    #[must_use]
    pub fn now(&self) -> Moment {
        let wall = self.wall();
        Moment { venue: self.venue_at(wall), wall }
    }

    fn venue_at(&self, wall: Timestamp) -> Timestamp {
        let wall_at = self.0.wall_at_ns.load(Ordering::Relaxed);
        let venue_at = self.0.venue_at_ns.load(Ordering::Relaxed);
        let passed = wall.as_nanos() - wall_at;
        let speed = self.speed();
        let scaled = if speed == 1.0 { passed } else { (passed as f64 * speed) as i64 };
        Timestamp::from_nanos(venue_at + scaled)
    }

    /// When an instant comes by our computer's clock, as the venue's runs now. Reads no clock.
    #[must_use]
    pub fn wall_of(&self, wake: Wake) -> Timestamp {
        let at = match wake {
            Wake::Wall(at) => return at,
            Wake::Venue(at) => at.as_nanos(),
        };
        let left = at.saturating_sub(self.0.venue_at_ns.load(Ordering::Relaxed));
        let speed = self.speed();
        let left = if speed == 1.0 {
            left
        } else if speed <= 0.0 {
            i64::MAX
        } else {
            // A float beyond the range becomes its end.
            (left as f64 / speed) as i64
        };
        let wall_at = self.0.wall_at_ns.load(Ordering::Relaxed);
        Timestamp::from_nanos(wall_at.saturating_add(left))
    }

    /// How long to sleep until an instant of our computer's clock, at most.
    #[must_use]
    pub fn sleep_until(&self, wall: Timestamp) -> Duration {
        let left = wall.since(self.wall());
        if self.speed() == 1.0 { left } else { left.min(SCALED_SLEEP_MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_venue_runs_at_its_own_speed() {
        let clock = Clock::system();
        let venue_at = Timestamp::from_secs(1_000);
        clock.follow(venue_at, clock.wall(), 10.0);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(clock.now().venue, Timestamp::from_secs(1_030));
        let check = |venue_ms: i64, sleep: Duration| {
            let wake = Wake::Venue(Timestamp::from_millis(venue_ms));
            assert_eq!(clock.sleep_until(clock.wall_of(wake)), sleep, "{venue_ms}");
        };
        check(1_040_000, SCALED_SLEEP_MAX);
        check(1_030_100, Duration::from_millis(10));
        check(1_000_000, Duration::ZERO);
        clock.follow(venue_at, clock.wall(), 0.0);
        check(1_000_001, SCALED_SLEEP_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_venue_of_its_own_time_both_clocks_agree() {
        let clock = Clock::system();
        tokio::time::advance(Duration::from_secs(86_400)).await;
        assert_eq!(clock.now().venue, clock.now().wall);
    }
}
