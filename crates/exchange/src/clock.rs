//! The venue's clock: wall time scaled by a speed, announced to whoever wants to follow it.
//!
//! Pure: wall instants are passed in. At full speed ([`Speed::Max`], replay only) the clock is
//! the recorded receive time of the last frame delivered and is moved by the replay alone.

use model::Timestamp;
use serde::{Serialize, Serializer};

/// A text that is no speed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("speed `{0}` is neither `max` nor a factor from 0.001 to {max}", max = Speed::MAX_FACTOR)]
pub struct NoSpeed(pub String);

/// How fast venue time passes for wall time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speed {
    /// So many thousandths of real time; 1000 is real time, 0 stands still.
    Permille(u32),
    /// As fast as the readers take it; the clock follows the events.
    Max,
}

impl Speed {
    /// Real time.
    pub const REAL: Self = Self::Permille(1_000);
    /// Fastest factor accepted.
    pub const MAX_FACTOR: u32 = 1_000;

    /// Reads `max` or a factor with up to three decimals, `0.5` or `8`.
    ///
    /// # Errors
    /// [`NoSpeed`].
    pub fn parse(text: &str) -> Result<Self, NoSpeed> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let permille = text
            .parse::<rust_decimal::Decimal>()
            .ok()
            .and_then(|factor| factor.checked_mul(rust_decimal::Decimal::ONE_THOUSAND))
            .filter(|permille| permille.fract().is_zero())
            .and_then(|permille| u32::try_from(permille).ok())
            .filter(|permille| *permille > 0 && *permille <= Self::MAX_FACTOR * 1_000);
        permille.map(Self::Permille).ok_or_else(|| NoSpeed(text.to_owned()))
    }
}

impl Serialize for Speed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Permille(permille) if permille % 1_000 == 0 => {
                serializer.serialize_u32(permille / 1_000)
            }
            Self::Permille(permille) => serializer.serialize_f64(f64::from(*permille) / 1_000.0),
            Self::Max => serializer.serialize_str("max"),
        }
    }
}

/// What a client needs to follow the venue's clock: `venue = venue_at + (wall − wall_at) × speed`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct ClockAnnouncement {
    /// Venue time at `wall_at_ns`.
    #[serde(rename = "venue_at_ns")]
    pub venue_at: Timestamp,
    /// Wall time at which the venue's clock showed `venue_at_ns`.
    #[serde(rename = "wall_at_ns")]
    pub wall_at: Timestamp,
    /// Factor, or `"max"`: then venue time is that of the last event received.
    pub speed: Speed,
}

/// The clock itself.
#[derive(Clone, Copy, Debug)]
pub struct VenueClock {
    venue_at: Timestamp,
    wall_at: Timestamp,
    speed: Speed,
}

impl VenueClock {
    /// A clock that shows `venue_at` when the wall shows `wall_at`.
    #[must_use]
    pub const fn new(venue_at: Timestamp, wall_at: Timestamp, speed: Speed) -> Self {
        Self { venue_at, wall_at, speed }
    }

    /// Venue time at a wall time.
    #[must_use]
    pub fn venue_time(&self, wall: Timestamp) -> Timestamp {
        match self.speed {
            Speed::Max => self.venue_at,
            Speed::Permille(permille) => {
                let elapsed = i128::from(wall.nanos_since(self.wall_at)) * i128::from(permille);
                let nanos = i128::from(self.venue_at.as_nanos()) + elapsed / 1_000;
                Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
            }
        }
    }

    /// Wall time at which the clock will show `venue`; `None` while it stands still.
    #[must_use]
    pub fn wall_time(&self, venue: Timestamp) -> Option<Timestamp> {
        match self.speed {
            Speed::Max | Speed::Permille(0) => None,
            Speed::Permille(permille) => {
                let ahead = i128::from(venue.nanos_since(self.venue_at)) * 1_000;
                let nanos = i128::from(self.wall_at.as_nanos()) + ahead / i128::from(permille);
                Some(Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)))
            }
        }
    }

    /// Changes the speed without a jump.
    pub fn set_speed(&mut self, wall: Timestamp, speed: Speed) {
        *self = Self::new(self.venue_time(wall), wall, speed);
    }

    /// Moves a clock at full speed to an event's time; never backwards.
    pub fn follow(&mut self, wall: Timestamp, event_at: Timestamp) {
        if self.speed == Speed::Max {
            *self = Self::new(self.venue_at.max(event_at), wall, Speed::Max);
        }
    }

    /// A jump by so many milliseconds: a fault for tests of clients.
    pub fn skew(&mut self, millis: i64) {
        let nanos = self.venue_at.as_nanos().saturating_add(millis.saturating_mul(1_000_000));
        self.venue_at = Timestamp::from_nanos(nanos);
    }

    /// The speed now.
    #[must_use]
    pub const fn speed(&self) -> Speed {
        self.speed
    }

    /// What clients need to follow.
    #[must_use]
    pub const fn announcement(&self) -> ClockAnnouncement {
        ClockAnnouncement { venue_at: self.venue_at, wall_at: self.wall_at, speed: self.speed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn venue_time_scales_and_inverts() {
        let mut clock = VenueClock::new(at(1_000), at(50), Speed::Permille(4_000));
        assert_eq!(clock.venue_time(at(60)), at(1_040));
        assert_eq!(clock.wall_time(at(1_040)), Some(at(60)));
        clock.set_speed(at(60), Speed::Permille(0));
        assert_eq!(clock.venue_time(at(90)), at(1_040));
        assert_eq!(clock.wall_time(at(2_000)), None);
        clock.set_speed(at(90), Speed::REAL);
        assert_eq!(clock.venue_time(at(91)), at(1_041));
    }

    #[test]
    fn at_full_speed_the_clock_follows_the_events_and_never_goes_back() {
        let mut clock = VenueClock::new(at(10), at(0), Speed::Max);
        clock.follow(at(1), at(20));
        clock.follow(at(2), at(15));
        assert_eq!(clock.venue_time(at(99)), at(20));
    }

    #[test]
    fn speeds_are_read_and_announced() {
        #[track_caller]
        fn check(text: &str, json: &str) {
            assert_eq!(serde_json::to_string(&Speed::parse(text).unwrap()).unwrap(), json);
        }
        check("1", "1");
        check("2.5", "2.5");
        check("max", "\"max\"");
        for bad in ["0", "-1", "x", "1001", "0.0001"] {
            assert!(Speed::parse(bad).is_err(), "{bad}");
        }
    }
}
