//! The same events twice: from files through the backtest's loop, and over real websockets through
//! the engine's actors. Both must come to the same intents, decisions, orders and fills.
//!
//! What belongs here: the two runs and the comparison of what happened. What does not: the order of
//! things, which is [`kernel::cascade`]'s and [`actors::lockstep`]'s.

mod files;
mod lines;
mod sockets;

use std::path::PathBuf;

use kernel::strategy::StrategyEntry;
use model::{Symbol, Timestamp};

use crate::cli::Failure;
use crate::config::{Config, Endpoint, Mode};

pub use lines::{Counts, Difference, Line};

/// What is run twice.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Strategies, limits, fees and balances.
    pub config: Config,
    /// Captures, in order of time.
    pub recordings: Vec<PathBuf>,
    /// The first line received at this instant ends both runs.
    pub until: Option<Timestamp>,
}

/// Both runs.
#[derive(Clone, Debug)]
pub struct Parity {
    /// What happened over the websockets.
    pub over_sockets: Vec<Line>,
    /// What happened in the backtest.
    pub over_files: Vec<Line>,
}

impl Setting {
    /// Settings for both runs: what a configuration says, at the simulated exchange. Every strategy
    /// trades `symbol`, if there is one.
    #[must_use]
    pub fn new(mut config: Config, recordings: Vec<PathBuf>, symbol: Option<Symbol>) -> Self {
        const A_DAY: std::time::Duration = std::time::Duration::from_secs(86_400);
        config.engine.mode = Mode::Sim;
        config.engine.venue.endpoint = Endpoint::Sim;
        // Looks at the account decide nothing while both sides agree.
        config.engine.venue.reconcile_every = A_DAY;
        // A recording that is read in seconds has no silence, and no silence of it is the venue's.
        let feed = &mut config.engine.feed;
        feed.trade_stale_after = A_DAY;
        feed.quote_stale_after = A_DAY;
        feed.depth_stale_after = A_DAY;
        feed.kline_stale_after = A_DAY;
        if let Some(symbol) = symbol {
            for strategy in &mut config.strategies {
                strategy.symbols = vec![symbol];
            }
        }
        Self { config, recordings, until: None }
    }

    /// Runs both, the engine on this thread: within a runtime of actix.
    ///
    /// # Errors
    /// With the exit code of what failed.
    pub async fn run(&self, kinds: &'static [StrategyEntry]) -> Result<Parity, Failure> {
        let (happened, facts) = sockets::run(self, kinds).await?;
        let over_sockets = lines::of(&happened, &facts.strategies);
        let happened = files::run(self, &facts, kinds)?;
        let names: Vec<String> = self.config.enabled().map(|one| one.id.clone()).collect();
        Ok(Parity { over_sockets, over_files: lines::of(&happened, &names) })
    }
}

impl Parity {
    /// The first thing that happened in one run only.
    #[must_use]
    pub fn difference(&self) -> Option<Difference> {
        lines::difference(&self.over_sockets, &self.over_files)
    }

    /// How many things of each kind happened in the backtest.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::of(&self.over_files)
    }
}
