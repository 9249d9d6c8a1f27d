//! The engine's parts, built in order, and the engine that they make.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actors::clock::Clock;
use actors::engine::{Engine, EngineParts, StrategySeat};
use actors::feed::Interest;
use actors::guard::guarded;
use actors::journal::{Answers, JournalQueue, answers_to};
use actors::observe::{Observations, Observer};
use actors::orderlog::OrderLog;
use actors::strategy::{OrderPathBroken, SupervisionPolicy};
use actors::wire::Wire;
use binance::decode::ExchangeInfo;
use binance::{BinanceFeed, BinanceVenue, SelfTradePrevention, VenuePolicy};
use kernel::feed::{FeedMachine, FeedPlan, FeedPolicy, FeedProtocol, Stream, StreamKind};
use kernel::journal::{Journal, JournalAhead};
use kernel::orders::{ExecutionIdentity, ExecutionMachine, ExecutionPolicy, RestoredExecution};
use kernel::risk::{RestoredRisk, RiskMachine};
use kernel::strategy::{
    HostSetup, Requirements, SetupError, Strategy, StrategyEntry, StrategyError, StrategySetup,
};
use kernel::venue::Venue;
use model::{InstanceId, InstrumentId, Instruments, Interval, StrategyId};
use store::state_dir::StateDir;
use transport::http::HttpOptions;

use super::fee_rates::FeeRates;
use super::ledger::OpenedLedger;
use super::paper::paper_venue;
use super::restore::{enabled, host_books, risk_config};
use super::site::Site;
use crate::cli::{Exit, Failure};
use crate::config::{Config, Mode, StrategyConfig};

/// How often a strategy's snapshot is written down.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(60);

/// What an engine is assembled from.
pub struct Assembly<'a> {
    /// Every setting.
    pub config: &'a Config,
    /// The strategies that the program knows.
    pub kinds: &'static [StrategyEntry],
    /// This installation's files.
    pub state_dir: &'a StateDir,
    /// The venue.
    pub site: &'a Site,
    /// What the venue allows.
    pub info: &'a ExchangeInfo,
    /// What the account pays.
    pub fees: &'a FeeRates,
    /// Both clocks.
    pub clock: Clock,
    /// Called when the order path is broken: must end the process.
    pub on_broken: Box<dyn Fn(&OrderPathBroken)>,
}

/// An engine that runs.
pub struct Running {
    /// The actors.
    pub engine: Rc<Engine>,
    /// What onlookers are told through.
    pub observer: Observer,
    /// Every instrument of the ledger.
    pub instruments: Arc<Instruments>,
    /// Names of strategies by number.
    pub strategies: Arc<[String]>,
    /// The installation: part of every order's name.
    pub instance: InstanceId,
}

/// What an onlooker needs.
pub struct Observed {
    /// What it is told.
    pub observations: Observations,
    /// The installation, which names of orders on the wire begin with.
    pub instance: InstanceId,
    /// Every instrument of the ledger.
    pub instruments: Arc<Instruments>,
    /// Names of strategies by number.
    pub strategies: Arc<[String]>,
}

/// Builds every part and starts the engine on this thread. `start_journal` starts what writes the
/// journal, beside what is written ahead of it, and gives its queue.
///
/// # Errors
/// With the exit code of what failed.
pub fn assemble<J: Journal>(
    assembly: Assembly<'_>,
    opened: OpenedLedger<J>,
    start_journal: impl FnOnce(J, Option<Box<dyn JournalAhead>>, Answers) -> JournalQueue,
) -> Result<(Running, Observed), Failure> {
    let OpenedLedger { mut journal, ledger, epoch, instruments, opened_at } = opened;
    let ahead = journal.ahead()?;
    let clock = assembly.clock.clone();
    let now = clock.now();
    let seats = seats(&assembly, &ledger, epoch, &instruments)?;
    let is_paper = assembly.config.engine.mode == Mode::Paper;
    let plan = plan(&seats, assembly.config.engine.feed.books || is_paper);
    let urls = assembly.site.urls.clone();
    let snapshot_levels = assembly.config.engine.feed.depth_snapshot_limit;
    let protocol: Box<dyn FeedProtocol> =
        Box::new(BinanceFeed::new(urls, &instruments, snapshot_levels));
    let seed = u64::from(epoch);
    let feed = FeedMachine::new(protocol, feed_policy(assembly.config), &plan, seed);
    let identity = ExecutionIdentity { instance: assembly.state_dir.instance(), opened_at };
    let restored = RestoredExecution::from(&ledger);
    let policy = execution_policy(assembly.config);
    let execution =
        ExecutionMachine::new(identity, policy, Arc::clone(&instruments), restored, now.venue);
    let venue: Box<dyn Venue> = if is_paper {
        let (config, fees) = (assembly.config, assembly.fees);
        Box::new(paper_venue(config, &instruments, &ledger, epoch, fees, now.venue))
    } else {
        venue(&assembly, &instruments, seed)?
    };
    let risk = RiskMachine::new(
        risk_config(assembly.config, &ledger, assembly.fees),
        Arc::clone(&instruments),
        RestoredRisk::from(&ledger),
    );
    let (observer, observed) = observe(&ledger, assembly.state_dir.instance(), &instruments);
    let parts = EngineParts {
        clock,
        instruments: Arc::clone(&instruments),
        feed,
        feed_wire: Wire::new(&assembly.site.dialer, HttpOptions::default()),
        execution,
        venue,
        venue_wire: Wire::new(&assembly.site.dialer, HttpOptions::default()),
        venue_interest: is_paper.then(|| whole_market(&instruments)),
        risk,
        strategies: seats,
        supervision: supervision(assembly.config),
        observer: observer.clone(),
        on_broken: assembly.on_broken,
    };
    let engine = Engine::start(parts, |answers| start_journal(journal, ahead, answers_to(answers)));
    let strategies = Arc::clone(&observed.strategies);
    let instance = observed.instance;
    let running = Running { engine: Rc::new(engine), observer, instruments, strategies, instance };
    Ok((running, observed))
}

fn observe(
    ledger: &kernel::ledger::Ledger,
    instance: InstanceId,
    instruments: &Arc<Instruments>,
) -> (Observer, Observed) {
    let strategies: Arc<[String]> = ledger.strategies().to_vec().into();
    let instruments = Arc::clone(instruments);
    let mut order_log = OrderLog::new(instance, Arc::clone(&instruments), Arc::clone(&strategies));
    for order in ledger.open_orders() {
        let intent = &order.intent;
        let (role, quantity) = (intent.new.role, intent.new.quantity);
        order_log.remember(intent.order, role, quantity, order.executed);
    }
    let (observer, observations) = Observer::channel(order_log);
    (observer, Observed { observations, instance, instruments, strategies })
}

fn venue(
    assembly: &Assembly<'_>,
    instruments: &Arc<Instruments>,
    seed: u64,
) -> Result<Box<dyn Venue>, Failure> {
    let settings = &assembly.config.engine.venue;
    let mode = &settings.self_trade_prevention;
    let self_trade_prevention = SelfTradePrevention::from_wire(mode);
    let policy = VenuePolicy {
        recv_window: settings.recv_window,
        self_trade_prevention,
        answer_timeout: settings.answer_timeout,
        probe_every: settings.probe_every,
        silent_after: settings.silent_after,
        ..VenuePolicy::default()
    };
    let Some(credentials) = super::site::credentials(assembly.config, assembly.site)? else {
        let message = "trading needs a key: set venue.api_key_file and venue.private_key_file";
        return Err(Failure::new(Exit::Usage, message));
    };
    let urls = assembly.site.urls.clone();
    let mut venue = BinanceVenue::new(urls, credentials, policy, Arc::clone(instruments), seed);
    venue.set_rules(assembly.clock.now().venue, assembly.info);
    Ok(Box::new(venue))
}

fn execution_policy(config: &Config) -> ExecutionPolicy {
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
        ..ExecutionPolicy::default()
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
        ..FeedPolicy::default()
    }
}

fn supervision(config: &Config) -> SupervisionPolicy {
    let settings = &config.engine.supervision;
    SupervisionPolicy {
        restart_initial: settings.restart_initial,
        restart_max: settings.restart_max,
        restarts_before_quarantine: settings.restarts_before_quarantine,
        snapshot_every: SNAPSHOT_EVERY,
    }
}

fn seats(
    assembly: &Assembly<'_>,
    ledger: &kernel::ledger::Ledger,
    epoch: u32,
    instruments: &Arc<Instruments>,
) -> Result<Vec<StrategySeat>, Failure> {
    let strikes = assembly.state_dir.strikes().read().unwrap_or_default();
    let strikes_allowed = assembly.config.engine.supervision.spin_strikes;
    let mut seats = Vec::new();
    for config in enabled(assembly.config) {
        let strategy = ledger.strategy_id(&config.id).expect("registered when the ledger opened");
        let entry = assembly.kinds.iter().find(|entry| entry.kind() == config.kind);
        let entry = *entry.expect("checked with the configuration");
        let struck = strikes.get(&config.id).copied().filter(|count| *count >= strikes_allowed);
        let quarantine = ledger.quarantine(strategy).map(|quarantine| quarantine.reason.clone());
        let spun = struck.map(|count| format!("did not come back, {count} times"));
        let seat = seat(assembly.config, config, entry, strategy, ledger, epoch, instruments)?;
        seats.push(StrategySeat { quarantine: quarantine.or(spun), ..seat });
    }
    Ok(seats)
}

fn seat(
    whole: &Config,
    config: &StrategyConfig,
    entry: StrategyEntry,
    strategy: StrategyId,
    ledger: &kernel::ledger::Ledger,
    epoch: u32,
    instruments: &Arc<Instruments>,
) -> Result<StrategySeat, Failure> {
    let ids = config.symbols.iter().map(|symbol| {
        let found = instruments.by_symbol(symbol.as_str());
        found.expect("registered when the ledger opened").id
    });
    let traded: Vec<InstrumentId> = ids.collect();
    let builder = Builder {
        entry,
        instruments: Arc::clone(instruments),
        traded: traded.clone(),
        config: config.clone(),
    };
    let file = config.file.clone();
    let requirements = builder.requirements().map_err(|error| refused(&file, &error))?;
    let (positions, open_orders) = host_books(ledger, strategy);
    Ok(StrategySeat {
        name: config.id.clone(),
        kind: entry.kind(),
        interest: interest(&requirements, &traded),
        factory: Box::new(move || builder.build().map_err(|e| StrategyError(e.to_string()))),
        setup: HostSetup {
            strategy,
            epoch,
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

fn refused(file: &Path, error: &str) -> Failure {
    Failure::new(Exit::Usage, format!("{}: {error}", file.display()))
}

/// Builds a strategy from its config, again after each failure.
struct Builder {
    entry: StrategyEntry,
    instruments: Arc<Instruments>,
    traded: Vec<InstrumentId>,
    config: StrategyConfig,
}

impl Builder {
    fn build(&self) -> Result<Box<dyn Strategy>, SetupError> {
        (self.entry.build)(&StrategySetup {
            instruments: &self.instruments,
            traded: &self.traded,
            capital: self.config.capital,
            parameters: &self.config.parameters,
        })
    }

    fn requirements(&self) -> Result<Requirements, String> {
        let asked = guarded(|| self.build().map(|machine| machine.requirements()));
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

/// Local matching wants everything that the market shows.
fn whole_market(instruments: &Instruments) -> Interest {
    Interest {
        instruments: instruments.iter().map(|instrument| instrument.id).collect(),
        trades: true,
        quotes: true,
        books: false,
        bars: Vec::new(),
        depth: true,
    }
}

/// The streams that the strategies need. Quotes are always among them: risk marks by them.
fn plan(seats: &[StrategySeat], all_books: bool) -> FeedPlan {
    let mut streams = std::collections::BTreeSet::new();
    let mut bars: std::collections::BTreeSet<(InstrumentId, Interval)> = Default::default();
    for seat in seats {
        for instrument in seat.interest.instruments.iter().copied() {
            streams.insert(Stream { instrument, kind: StreamKind::Quote });
            // Marks, stop triggers and bars all come from trades.
            streams.insert(Stream { instrument, kind: StreamKind::Trade });
            if all_books || seat.interest.books {
                streams.insert(Stream { instrument, kind: StreamKind::Depth });
            }
            bars.extend(seat.interest.bars.iter().map(|interval| (instrument, *interval)));
        }
    }
    FeedPlan { streams: streams.into_iter().collect(), bars: bars.into_iter().collect() }
}
