//! What goes wrong, and how often.

use std::time::Duration;

use rand::Rng;
use rand_pcg::Pcg64;

/// Chances and times. The venue keeps what its documents promise and no more: it accepts no
/// order later than recvWindow and ten seconds after its signature, and its reads lag by less
/// than the margin on top of that.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// An answer does not come.
    pub lost_answer: f64,
    /// A lost answer is not even reported as lost.
    pub silence: f64,
    /// An order arrives up to the venue's own time-out later.
    pub late_acceptance: f64,
    /// An order never arrives, though its bytes left.
    pub never_arrives: f64,
    /// It is certain that no byte left.
    pub not_sent: f64,
    /// The venue refuses.
    pub refused: f64,
    /// A report comes twice.
    pub repeated: f64,
    /// A report is overtaken by others.
    pub overtaken: f64,
    /// A read tells an older state.
    pub lagging_read: f64,
    /// A read fails.
    pub failed_read: f64,
    /// Mean time between breaks of the connection.
    pub break_every: Option<Duration>,
    /// Mean time between kills of the engine.
    pub crash_every: Option<Duration>,
}

/// The longest that the venue takes to accept an order beyond its receive window.
pub const VENUE_TIMEOUT: Duration = Duration::from_secs(10);
/// How far behind a read may be.
pub const LONGEST_LAG: Duration = Duration::from_millis(6_500);

impl Faults {
    /// Everything works.
    pub const NONE: Self = Self {
        lost_answer: 0.0,
        silence: 0.0,
        late_acceptance: 0.0,
        never_arrives: 0.0,
        not_sent: 0.0,
        refused: 0.0,
        repeated: 0.0,
        overtaken: 0.0,
        lagging_read: 0.0,
        failed_read: 0.0,
        break_every: None,
        crash_every: None,
    };

    /// Everything goes wrong, each often enough to meet the others.
    pub const ALL: Self = Self {
        lost_answer: 0.15,
        silence: 0.3,
        late_acceptance: 0.15,
        never_arrives: 0.05,
        not_sent: 0.05,
        refused: 0.05,
        repeated: 0.1,
        overtaken: 0.1,
        lagging_read: 0.4,
        failed_read: 0.1,
        break_every: Some(Duration::from_secs(40)),
        crash_every: Some(Duration::from_secs(60)),
    };
}

/// A time between two, in whole microseconds.
pub fn between(rng: &mut Pcg64, least: Duration, most: Duration) -> Duration {
    let range = least.as_micros() as u64..=most.as_micros() as u64;
    Duration::from_micros(rng.random_range(range))
}

/// Some milliseconds up to so many.
pub fn up_to_ms(rng: &mut Pcg64, most: u64) -> Duration {
    between(rng, Duration::from_micros(100), Duration::from_millis(most))
}
