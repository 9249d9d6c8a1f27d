//! The venue of a run: a session with it, or paper's own. Built alike for the actors, and for a
//! replay, which has no key.

use std::sync::Arc;

use binance::sign::{Credentials, KeyKind};
use binance::{BinanceVenue, EndpointUrls, SelfTradePrevention, VenuePolicy, VenueRules};
use kernel::venue::Venue;
use serde::{Deserialize, Serialize};

use super::machines::Foundation;
use super::paper::paper_venue;
use crate::config::Config;

/// What a venue is made of, beside the configuration and what every machine begins with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VenueSetup {
    /// Paper's own.
    Local,
    /// A session.
    Session {
        /// What its key is like; the key itself stands nowhere.
        key: KeyKind,
        /// What the venue allows.
        rules: VenueRules,
    },
}

impl VenueSetup {
    /// The same venue again, for a replay: it signs with no key.
    #[must_use]
    pub fn replayed(&self, config: &Config, foundation: &Foundation) -> Box<dyn Venue> {
        match self {
            Self::Local => Box::new(paper_venue(config, foundation).0),
            Self::Session { key, rules } => {
                let credentials = Credentials::stand_in(*key);
                Box::new(session(config, foundation, credentials, rules.clone()))
            }
        }
    }
}

/// What happens when two of our orders meet, where the venue allows it.
pub fn self_trade_prevention(config: &Config) -> SelfTradePrevention {
    SelfTradePrevention::from_wire(&config.engine.venue.self_trade_prevention)
}

/// A session with the venue.
pub fn session(
    config: &Config,
    foundation: &Foundation,
    credentials: Credentials,
    rules: VenueRules,
) -> BinanceVenue {
    let settings = &config.engine.venue;
    let policy = VenuePolicy {
        recv_window: settings.recv_window,
        self_trade_prevention: self_trade_prevention(config),
        answer_timeout: settings.answer_timeout,
        probe_every: settings.probe_every,
        silent_after: settings.silent_after,
        ..VenuePolicy::default()
    };
    let [rest, ws, ws_api] = &foundation.urls;
    let urls = EndpointUrls::new(rest, ws, ws_api);
    let (instruments, seed) = (Arc::clone(&foundation.instruments), u64::from(foundation.epoch));
    let mut venue = BinanceVenue::new(urls, credentials, policy, instruments, seed);
    venue.set_rules(foundation.now.venue, rules);
    venue
}
