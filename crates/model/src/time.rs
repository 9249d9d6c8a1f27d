//! Instants. Durations are [`std::time::Duration`].

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant: nanoseconds since 1970-01-01 UTC. Reading a clock is not done here: instants are
/// stamped where an input enters the process and travel with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// Saturates, in 64 bits: instants are added to all the time.
#[inline]
fn nanos(duration: Duration) -> i64 {
    let secs = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    secs.saturating_mul(1_000_000_000).saturating_add(i64::from(duration.subsec_nanos()))
}

impl Timestamp {
    /// 1970-01-01 UTC.
    pub const EPOCH: Self = Self(0);
    /// The last instant that fits.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From microseconds; saturates.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// From milliseconds; saturates.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From seconds; saturates.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// The instant `duration` later; saturates.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }

    /// The instant `duration` earlier; saturates.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }

    /// Time since `earlier`, zero if that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Signed nanoseconds since `other`; saturates.
    #[must_use]
    pub const fn nanos_since(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }

    /// The start of the UTC day that holds the instant.
    #[must_use]
    pub const fn utc_day(self) -> Self {
        Self(self.0 - self.0.rem_euclid(NANOS_PER_DAY))
    }

    /// The largest multiple of `period` since the epoch that is not after the instant.
    /// The instant itself when `period` is zero.
    #[must_use]
    pub fn floor_to(self, period: Duration) -> Self {
        let period = nanos(period);
        if period == 0 { self } else { Self(self.0 - self.0.rem_euclid(period)) }
    }
}

/// Days since the epoch to a calendar date (proleptic Gregorian), after Howard Hinnant's
/// "chrono-compatible low-level date algorithms", `civil_from_days`.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with microseconds, for example `2024-08-08T23:54:13.937085Z`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(NANOS_PER_DAY));
        let micros = self.0.rem_euclid(NANOS_PER_DAY) / 1_000;
        let (secs, micros) = (micros / 1_000_000, micros % 1_000_000);
        let (hour, minute, second) = (secs / 3_600, secs / 60 % 60, secs % 60);
        write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_print_as_utc() {
        #[track_caller]
        fn check(nanos: i64, expected: &str) {
            assert_eq!(Timestamp::from_nanos(nanos).to_string(), expected);
        }
        check(0, "1970-01-01T00:00:00.000000Z");
        check(1_723_161_253_937_085_768, "2024-08-08T23:54:13.937085Z");
        check(951_782_400_000_000_000, "2000-02-29T00:00:00.000000Z");
        check(-1_000, "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn days_start_at_midnight_utc() {
        let instant = Timestamp::from_nanos(1_723_161_253_937_085_768);
        assert_eq!(instant.utc_day().to_string(), "2024-08-08T00:00:00.000000Z");
        assert_eq!(
            instant.floor_to(Duration::from_secs(60)).to_string(),
            "2024-08-08T23:54:00.000000Z"
        );
    }
}
