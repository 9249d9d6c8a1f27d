//! The numbers that the feed goes by. All durations are wall time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::protocol::StreamKind;

/// How the feed keeps its connections and books.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FeedPolicy {
    /// A trade stream without a trade for so long is stale.
    pub trade_stale_after: Duration,
    /// A quote stream without a quote for so long is stale.
    pub quote_stale_after: Duration,
    /// A depth stream without a change for so long is stale.
    pub depth_stale_after: Duration,
    /// A bar stream without an update for so long is stale.
    pub bar_stale_after: Duration,
    /// A connection on which no data comes for so long is given up, though TCP be up. Doubled
    /// each time in a row: the market itself may be quiet.
    pub silent_after: Duration,
    /// How long opening a connection and subscribing may take.
    pub open_timeout: Duration,
    /// First pause before a reconnect; doubled at each failure in a row.
    pub reconnect_initial: Duration,
    /// Longest pause before a reconnect.
    pub reconnect_max: Duration,
    /// A connection is replaced after so long, before the venue ends it.
    pub rotate_after: Duration,
    /// How long the old connection and its successor run side by side.
    pub rotation_overlap: Duration,
    /// Least time between two control messages: the venue takes five a second.
    pub control_spacing: Duration,
    /// Pause before a snapshot that was too old is asked for again, and before the first repetition
    /// of a request that failed; doubled at each failure in a row, up to the longest reconnect.
    pub snapshot_retry: Duration,
    /// How long the timer waits for trades that are still on their way before it closes a bar.
    pub bar_grace: Duration,
    /// How long after its end a bar with missing trades is fetched: the venue needs a moment too.
    pub missing_bar_delay: Duration,
    /// How many times fetching a bar is tried again before it is left out.
    pub missing_bar_attempts: u32,
    /// How many levels of each side a published book state holds.
    pub book_levels: usize,
    /// Whether raw depth updates are published: for local matching and recording.
    pub publish_depth: bool,
}

impl Default for FeedPolicy {
    fn default() -> Self {
        Self {
            trade_stale_after: Duration::from_secs(60),
            quote_stale_after: Duration::from_secs(10),
            depth_stale_after: Duration::from_secs(10),
            bar_stale_after: Duration::from_secs(10),
            silent_after: Duration::from_secs(10),
            open_timeout: Duration::from_secs(10),
            reconnect_initial: Duration::from_millis(250),
            reconnect_max: Duration::from_secs(30),
            rotate_after: Duration::from_secs(23 * 3_600),
            rotation_overlap: Duration::from_secs(2),
            control_spacing: Duration::from_millis(250),
            snapshot_retry: Duration::from_millis(500),
            bar_grace: Duration::from_millis(250),
            missing_bar_delay: Duration::from_secs(1),
            missing_bar_attempts: 8,
            book_levels: 20,
            publish_depth: false,
        }
    }
}

impl FeedPolicy {
    /// When a stream of a kind counts as stale.
    #[must_use]
    pub const fn stale_after(&self, kind: StreamKind) -> Duration {
        match kind {
            StreamKind::Trade => self.trade_stale_after,
            StreamKind::Quote => self.quote_stale_after,
            StreamKind::Depth => self.depth_stale_after,
            StreamKind::Bar(_) => self.bar_stale_after,
        }
    }

    /// The pause before a request is repeated that has failed so many times before.
    #[must_use]
    pub fn request_pause(&self, attempt: u32) -> Duration {
        self.snapshot_retry.saturating_mul(1 << attempt.min(16)).min(self.reconnect_max)
    }

    /// The pause before the nth reconnect in a row, from 0: doubled each time up to the longest,
    /// then reduced by up to half by `jitter`, so that many engines do not return at once.
    #[must_use]
    pub fn reconnect_pause(&self, attempt: u32, jitter: u64) -> Duration {
        let doubled = self.reconnect_initial.saturating_mul(1_u32 << attempt.min(16));
        let pause = doubled.min(self.reconnect_max);
        let half_nanos = u64::try_from(pause.as_nanos() / 2).unwrap_or(u64::MAX);
        pause - Duration::from_nanos(if half_nanos == 0 { 0 } else { jitter % half_nanos })
    }
}
