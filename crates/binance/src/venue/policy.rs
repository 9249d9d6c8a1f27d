//! The numbers that a session goes by. All durations are wall time but the receive window.

use std::time::Duration;

use model::Instruments;
use serde::{Deserialize, Serialize};

use crate::decode::{ExchangeInfo, RateLimit};
use crate::{ResponseType, SelfTradePrevention};

/// What a session goes by of the venue's own rules.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VenueRules {
    /// Instead of the documented limits.
    pub rate_limits: Vec<RateLimit>,
    /// What orders say of self-trades, by instrument.
    pub preventions: Vec<SelfTradePrevention>,
}

impl VenueRules {
    /// As the venue told them: of self-trades what is preferred, where the instrument allows it,
    /// else `NONE`, which every one allows.
    #[must_use]
    pub fn of(
        info: &ExchangeInfo,
        instruments: &Instruments,
        preferred: SelfTradePrevention,
    ) -> Self {
        let prevention = |name: &str| {
            let allowed = info.symbol(name).map(|symbol| &symbol.self_trade_preventions);
            let is_allowed = allowed.is_some_and(|allowed| allowed.contains(&preferred));
            if is_allowed { preferred } else { SelfTradePrevention::None }
        };
        let names = instruments.iter().map(|instrument| instrument.symbol);
        let preventions = names.map(|name| prevention(name.as_str())).collect();
        Self { rate_limits: info.rate_limits.clone(), preventions }
    }
}

/// How a session keeps its connections and waits for answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VenuePolicy {
    /// How old a request may be, by the venue's clock, when it gets to the matching engine.
    pub recv_window: Duration,
    /// What happens when two orders of ours meet, where the symbol allows it.
    pub self_trade_prevention: SelfTradePrevention,
    /// How much the answer to an order tells.
    pub response: ResponseType,
    /// An answer that takes longer counts as lost.
    pub answer_timeout: Duration,
    /// A late answer is waited for so much longer, in case it comes after all.
    pub late_answer_kept: Duration,
    /// How long opening a connection, logging on and subscribing may take together.
    pub open_timeout: Duration,
    /// A connection that says nothing for so long is asked for the time, which also measures the
    /// clocks.
    pub probe_every: Duration,
    /// A connection that says nothing for so long is given up.
    pub silent_after: Duration,
    /// A connection is replaced after so long, before the venue ends it.
    pub rotate_after: Duration,
    /// How long a connection that was replaced is read on at least: what was under way on it when
    /// the new one was subscribed arrives meanwhile.
    pub overlap: Duration,
    /// First pause before a reconnect; doubled at each failure in a row.
    pub reconnect_initial: Duration,
    /// Longest pause before a reconnect.
    pub reconnect_max: Duration,
    /// Pause before a failed read is told, so that a failing venue is not asked in a circle.
    pub read_retry: Duration,
    /// How often commands that wait for room in a limit are looked at.
    pub waiting_retry: Duration,
    /// Questions for the time before a connection logs on.
    pub clock_samples: u8,
    /// Most commands that may wait for room in a limit. Cancels beyond it count as unknown and
    /// reads as failed, and are asked for again.
    pub waiting_bound: usize,
}

impl Default for VenuePolicy {
    fn default() -> Self {
        Self {
            recv_window: Duration::from_secs(2),
            // The newer order gives way: the older one has its place in the queue.
            self_trade_prevention: SelfTradePrevention::ExpireTaker,
            response: ResponseType::Full,
            answer_timeout: Duration::from_secs(10),
            late_answer_kept: Duration::from_secs(60),
            open_timeout: Duration::from_secs(10),
            probe_every: Duration::from_secs(10),
            silent_after: Duration::from_secs(20),
            rotate_after: Duration::from_secs(23 * 3_600),
            overlap: Duration::from_secs(1),
            reconnect_initial: Duration::from_millis(250),
            reconnect_max: Duration::from_secs(30),
            read_retry: Duration::from_millis(500),
            waiting_retry: Duration::from_millis(100),
            clock_samples: 3,
            waiting_bound: 1_024,
        }
    }
}
