//! The machines of a run: built alike for the actors, and for a replay that has none.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actors::engine::StrategySeat;
use actors::feed::Interest;
use actors::guard::guarded;
use binance::{BinanceFeed, EndpointUrls};
use kernel::feed::{FeedMachine, FeedPlan, FeedPolicy, FeedProtocol, Stream, StreamKind};
use kernel::ledger::Ledger;
use kernel::orders::{ExecutionIdentity, ExecutionMachine, ExecutionPolicy, RestoredExecution};
use kernel::risk::{RestoredRisk, RiskConfig, RiskMachine};
use kernel::strategy::{
    HostSetup, Requirements, SetupError, Strategy, StrategyEntry, StrategyError, StrategySetup,
    WarmUp,
};
use kernel::wire::Moment;
use matching::Fees;
use model::{InstanceId, InstrumentId, Instruments, Interval, Price, StrategyId, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::restore::{enabled, host_books, risk_config};
use super::venue::VenueSetup;
use crate::cli::{Exit, Failure};
use crate::config::{Config, Mode, StrategyConfig};

/// What a run begins with beside its configuration. A recording begins with it too, so that the
/// same machines can be built again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Foundation {
    /// The program's version: another one may decide otherwise.
    pub version: String,
    /// Of the configuration.
    pub config_hash: String,
    /// What the journal added up to.
    pub ledger: Ledger,
    /// This start.
    pub epoch: u32,
    /// When the ledger was opened.
    pub opened_at: Timestamp,
    /// The installation.
    pub instance: InstanceId,
    /// Every instrument of the ledger, by number.
    pub instruments: Arc<Instruments>,
    /// REST, market streams and WebSocket API.
    pub urls: [String; 3],
    /// The dearest fee that the account pays.
    pub fee_rate: Decimal,
    /// When the machines were built.
    pub now: Moment,
    /// What each instrument's fills cost, by its number.
    #[serde(default)]
    pub fees: Vec<Fees>,
    /// What instruments cost before the first market event; nothing in recordings of builds that
    /// did not ask.
    #[serde(default)]
    pub opening_prices: Vec<(InstrumentId, Price)>,
    /// The settings that decide what is traded, by key; none in recordings of builds that did not
    /// write them down.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// The settings that any effect depends on, by key; none in recordings of builds that did not
    /// write them down.
    #[serde(default)]
    pub effective: BTreeMap<String, String>,
    /// What the feed was made of; nothing in recordings of builds that did not write it down.
    #[serde(default)]
    pub feed: Option<FeedSetup>,
    /// What the venue was made of; nothing in recordings of builds that did not write it down.
    #[serde(default)]
    pub venue: Option<VenueSetup>,
}

/// What a feed is made of: enough to read its frames again under any configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeedSetup {
    /// Streams and bars.
    pub plan: FeedPlan,
    /// The numbers that it goes by.
    pub policy: FeedPolicy,
    /// How many levels of each side a snapshot of a book has.
    pub snapshot_levels: u32,
}

impl FeedSetup {
    /// The feed of a run.
    #[must_use]
    pub fn build(&self, foundation: &Foundation) -> FeedMachine<BinanceFeed> {
        self.around(self.protocol(foundation), foundation)
    }

    fn protocol(&self, foundation: &Foundation) -> BinanceFeed {
        let [rest, ws, ws_api] = &foundation.urls;
        let urls = EndpointUrls::new(rest, ws, ws_api);
        BinanceFeed::new(urls, &foundation.instruments, self.snapshot_levels)
    }

    fn around<P: FeedProtocol>(&self, protocol: P, foundation: &Foundation) -> FeedMachine<P> {
        FeedMachine::new(protocol, self.policy, &self.plan, u64::from(foundation.epoch))
    }
}

/// The machines, and what each strategy's shell is built with.
pub struct BuiltMachines {
    /// Frames to market events.
    pub feed: FeedMachine<Box<dyn FeedProtocol>>,
    /// What it is made of.
    pub feed_setup: FeedSetup,
    /// The gate.
    pub risk: RiskMachine,
    /// Orders.
    pub execution: ExecutionMachine,
    /// The strategies, in config order.
    pub seats: Vec<StrategySeat>,
}

/// Builds the machines of a run. Where the settings say nothing, execution goes by `policy`.
///
/// # Errors
/// When a strategy refuses its settings, or is not known to the ledger.
pub fn build_machines(
    config: &Config,
    kinds: &[StrategyEntry],
    foundation: &Foundation,
    policy: ExecutionPolicy,
) -> Result<BuiltMachines, Failure> {
    let Foundation { ledger, instruments, .. } = foundation;
    let seats = seats(config, kinds, foundation)?;
    let is_paper = config.engine.mode == Mode::Paper;
    let feed_setup = FeedSetup {
        plan: plan(
            &seats,
            ledger.held().map(|(_, id, _)| id),
            config.engine.feed.books || is_paper,
        ),
        policy: feed_policy(config),
        snapshot_levels: config.engine.feed.depth_snapshot_limit,
    };
    let protocol: Box<dyn FeedProtocol> = Box::new(feed_setup.protocol(foundation));
    let feed = feed_setup.around(protocol, foundation);
    let identity =
        ExecutionIdentity { instance: foundation.instance, opened_at: foundation.opened_at };
    let execution = ExecutionMachine::new(
        identity,
        execution_policy(config, policy),
        Arc::clone(instruments),
        RestoredExecution::from(ledger),
        foundation.now.venue,
    );
    let mut restored = RestoredRisk::from(ledger);
    restored.portfolio.marks.clone_from(&foundation.opening_prices);
    let risk = RiskMachine::new(
        RiskConfig {
            mutation: policy.mutation,
            ..risk_config(config, ledger, foundation.fee_rate)
        },
        Arc::clone(instruments),
        restored,
    );
    Ok(BuiltMachines { feed, feed_setup, risk, execution, seats })
}

fn execution_policy(config: &Config, policy: ExecutionPolicy) -> ExecutionPolicy {
    let venue = &config.engine.venue;
    let fence_margin = match config.engine.mode {
        // A venue in this process has no order on its way that it does not know of.
        Mode::Paper => Duration::ZERO,
        Mode::Sim | Mode::Live => venue.fence_margin,
    };
    ExecutionPolicy {
        recv_window: venue.recv_window,
        fence_margin,
        reconcile_every: venue.reconcile_every,
        ..policy
    }
}

fn feed_policy(config: &Config) -> FeedPolicy {
    let feed = &config.engine.feed;
    FeedPolicy {
        trade_stale_after: feed.trade_stale_after,
        quote_stale_after: feed.quote_stale_after,
        depth_stale_after: feed.depth_stale_after,
        bar_stale_after: feed.kline_stale_after,
        silent_after: feed.silent_after,
        reconnect_initial: feed.reconnect_initial,
        reconnect_max: feed.reconnect_max,
        rotate_after: feed.rotate_after,
        // Local matching goes by the whole book.
        publish_depth: config.engine.mode == Mode::Paper,
        ..FeedPolicy::default()
    }
}

fn seats(
    config: &Config,
    kinds: &[StrategyEntry],
    foundation: &Foundation,
) -> Result<Vec<StrategySeat>, Failure> {
    let ledger = &foundation.ledger;
    let mut seats = Vec::new();
    for strategy in enabled(config) {
        let Some(id) = ledger.strategy_id(&strategy.id) else {
            return Err(refused(&strategy.file, "not among those of the recorded run"));
        };
        let entry = kinds.iter().find(|entry| entry.kind() == strategy.kind);
        let entry = *entry.expect("checked with the configuration");
        let quarantine = ledger.quarantine(id).map(|quarantine| quarantine.reason.clone());
        let seat = seat(config, strategy, entry, id, foundation)?;
        seats.push(StrategySeat { quarantine, ..seat });
    }
    Ok(seats)
}

fn seat(
    whole: &Config,
    config: &StrategyConfig,
    entry: StrategyEntry,
    strategy: StrategyId,
    foundation: &Foundation,
) -> Result<StrategySeat, Failure> {
    let Foundation { ledger, epoch, instruments, .. } = foundation;
    let ids = config.symbols.iter().map(|symbol| {
        let found = instruments.by_symbol(symbol.as_str());
        found.expect("registered when the ledger opened").id
    });
    let traded: Vec<InstrumentId> = ids.collect();
    let builder = Builder { entry, traded: traded.clone(), config: config.clone() };
    let file = config.file.clone();
    let requirements = builder.requirements(instruments).map_err(|error| refused(&file, &error))?;
    check_history(&requirements).map_err(|error| refused(&file, &error))?;
    let (positions, open_orders) = host_books(ledger, strategy);
    Ok(StrategySeat {
        name: config.id.clone(),
        kind: entry.kind(),
        interest: interest(&requirements, &traded),
        factory: Box::new(move |instruments| {
            builder.build(instruments).map_err(|error| StrategyError(error.to_string()))
        }),
        setup: HostSetup {
            strategy,
            epoch: *epoch,
            last_number: 0,
            instruments: Arc::clone(instruments),
            traded,
            capital: config.capital,
            positions,
            open_orders,
            effects_per_step: whole.engine.supervision.effects_per_step,
        },
        snapshot: ledger.snapshot(strategy).map(|snapshot| snapshot.state.clone()),
        quarantine: None,
    })
}

/// What a venue's history gives at most. A strategy that asked for more would begin with less than it
/// counts on, and not know.
const MOST_HISTORY: u32 = 1_000;

fn check_history(requirements: &Requirements) -> Result<(), String> {
    let (asked, what) = match requirements.warm_up {
        WarmUp::None => return Ok(()),
        WarmUp::Trades(count) => (count, "trades"),
        WarmUp::Bars(_, count) => (count, "bars"),
    };
    if asked <= MOST_HISTORY {
        return Ok(());
    }
    Err(format!(
        "it asks for {asked} past {what} to warm up with, and the venue gives {MOST_HISTORY} at most: \
         ask for fewer (only a backtest takes more)"
    ))
}

fn refused(file: &Path, error: &str) -> Failure {
    Failure::new(Exit::Usage, format!("{}: {error}", file.display()))
}

/// Builds a strategy from its config, again after each failure.
struct Builder {
    entry: StrategyEntry,
    traded: Vec<InstrumentId>,
    config: StrategyConfig,
}

impl Builder {
    fn build(&self, instruments: &Instruments) -> Result<Box<dyn Strategy>, SetupError> {
        (self.entry.build)(&StrategySetup {
            instruments,
            traded: &self.traded,
            capital: self.config.capital,
            parameters: &self.config.parameters,
        })
    }

    fn requirements(&self, instruments: &Instruments) -> Result<Requirements, String> {
        let asked = guarded(|| self.build(instruments).map(|machine| machine.requirements()));
        asked?.map_err(|error| error.to_string())
    }
}

fn interest(requirements: &Requirements, traded: &[InstrumentId]) -> Interest {
    Interest {
        instruments: traded.to_vec(),
        trades: requirements.trades,
        quotes: requirements.quotes,
        books: requirements.book,
        bars: requirements.bars.clone(),
        depth: false,
    }
}

/// The streams that the strategies need. Quotes are always among them: risk marks by them. What is
/// held is listened to whoever holds it: an operator who closes it needs a price.
fn plan(
    seats: &[StrategySeat],
    held: impl Iterator<Item = InstrumentId>,
    all_books: bool,
) -> FeedPlan {
    let price =
        |instrument| [StreamKind::Quote, StreamKind::Trade].map(|kind| Stream { instrument, kind });
    let mut streams: std::collections::BTreeSet<Stream> = held.flat_map(price).collect();
    let mut bars: std::collections::BTreeSet<(InstrumentId, Interval)> = Default::default();
    for seat in seats {
        for instrument in seat.interest.instruments.iter().copied() {
            // Marks, stop triggers and bars all come from trades.
            streams.extend(price(instrument));
            if all_books || seat.interest.books {
                streams.insert(Stream { instrument, kind: StreamKind::Depth });
            }
            bars.extend(seat.interest.bars.iter().map(|interval| (instrument, *interval)));
        }
    }
    FeedPlan { streams: streams.into_iter().collect(), bars: bars.into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_strategy_begins_with_less_history_than_it_asked_for() {
        #[track_caller]
        fn check(warm_up: WarmUp, expected: Option<&str>) {
            let asked = check_history(&Requirements { warm_up, ..Requirements::default() });
            let is_as_expected = match expected {
                Some(words) => asked.as_ref().is_err_and(|said| said.contains(words)),
                None => asked.is_ok(),
            };
            assert!(is_as_expected, "{warm_up:?}: {asked:?}");
        }
        check(WarmUp::None, None);
        check(WarmUp::Trades(1_000), None);
        check(WarmUp::Trades(1_001), Some("1001 past trades"));
        check(WarmUp::Bars(Interval::MINUTE, 1_000), None);
        check(WarmUp::Bars(Interval::MINUTE, 5_000), Some("5000 past bars"));
    }
}
