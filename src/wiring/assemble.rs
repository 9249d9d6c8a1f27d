//! The engine's parts, built in order, and the engine that they make.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actors::clock::Clock;
use actors::engine::{Engine, EngineParts, StrategySeat};
use actors::feed::Interest;
use actors::journal::{Answers, JournalQueue, answers_to};
use actors::lockstep::Lockstep;
use actors::messages::OrderPathBroken;
use actors::observe::{Observations, Observer};
use actors::orderlog::OrderLog;
use actors::strategy::SupervisionPolicy;
use actors::tap::Tape;
use actors::wire::Wire;
use binance::VenueRules;
use binance::decode::ExchangeInfo;
use kernel::journal::{Journal, JournalAhead};
use kernel::ledger::Ledger;
use kernel::orders::ExecutionPolicy;
use kernel::strategy::StrategyEntry;
use kernel::venue::Venue;
use model::{InstanceId, InstrumentId, Instruments, Price, Timestamp};
use store::state_dir::StateDir;
use transport::http::HttpOptions;

use super::fee_rates::FeeRates;
use super::ledger::OpenedLedger;
use super::machines::{Foundation, build_machines};
use super::paper::{paper_venue, tell_paper};
use super::site::Site;
use super::venue::{VenueSetup, self_trade_prevention, session};
use crate::cli::{Exit, Failure};
use crate::config::{Config, Mode};

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
    /// What instruments cost before the first market event, as far as anybody asked.
    pub opening_prices: Vec<(InstrumentId, Price)>,
    /// Both clocks.
    pub clock: Clock,
    /// What execution goes by where the settings say nothing.
    pub policy: ExecutionPolicy,
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
/// journal, beside what is written ahead of it, and gives its queue; `record` starts a recording, if
/// there is to be one.
///
/// # Errors
/// With the exit code of what failed.
pub fn assemble<J: Journal>(
    assembly: Assembly<'_>,
    opened: OpenedLedger<J>,
    start_journal: impl FnOnce(J, Option<Box<dyn JournalAhead>>, Answers) -> JournalQueue,
    record: impl FnOnce(&Foundation) -> Result<Option<Tape>, Failure>,
) -> Result<(Running, Observed), Failure> {
    let Built { parts, journal, ahead, observed } = build(assembly, opened, record)?;
    let (observer, instruments) = (parts.observer.clone(), Arc::clone(&parts.instruments));
    let engine = Engine::start(parts, |answers| start_journal(journal, ahead, answers_to(answers)));
    Ok((Running::new(engine, observer, instruments, &observed), observed))
}

/// The same in step with a replay: see [`actors::lockstep`]. `start_journal` must start one that
/// answers at once.
///
/// # Errors
/// With the exit code of what failed.
pub fn assemble_in_step<J: Journal>(
    assembly: Assembly<'_>,
    opened: OpenedLedger<J>,
    start_journal: impl FnOnce(J, Option<Box<dyn JournalAhead>>, Answers) -> JournalQueue,
) -> Result<(Running, Observed, Lockstep), Failure> {
    let Built { mut parts, journal, ahead, observed } = build(assembly, opened, |_| Ok(None))?;
    parts.feed = parts.feed.from_the_beginning();
    let (observer, instruments) = (parts.observer.clone(), Arc::clone(&parts.instruments));
    let (engine, lockstep) =
        Engine::start_in_step(parts, |answers| start_journal(journal, ahead, answers_to(answers)));
    let running = Running::new(engine, observer, instruments, &observed);
    Ok((running, observed, lockstep))
}

impl Running {
    fn new(
        engine: Engine,
        observer: Observer,
        instruments: Arc<Instruments>,
        observed: &Observed,
    ) -> Self {
        let (strategies, instance) = (Arc::clone(&observed.strategies), observed.instance);
        Self { engine: Rc::new(engine), observer, instruments, strategies, instance }
    }
}

/// What an engine is started with.
struct Built<J> {
    parts: EngineParts,
    journal: J,
    ahead: Option<Box<dyn JournalAhead>>,
    observed: Observed,
}

fn build<J: Journal>(
    assembly: Assembly<'_>,
    opened: OpenedLedger<J>,
    record: impl FnOnce(&Foundation) -> Result<Option<Tape>, Failure>,
) -> Result<Built<J>, Failure> {
    let OpenedLedger {
        mut journal,
        ledger,
        epoch,
        instruments,
        opened_at,
        unreconciled,
        halted: _,
    } = opened;
    let ahead = journal.ahead()?;
    let clock = assembly.clock.clone();
    let mut foundation = foundation(&assembly, ledger, epoch, instruments, opened_at);
    let (config, kinds) = (assembly.config, assembly.kinds);
    let built = build_machines(config, kinds, &foundation, assembly.policy)?;
    foundation.feed = Some(built.feed_setup);
    let (venue, venue_setup) = venue(&assembly, &foundation)?;
    foundation.venue = Some(venue_setup);
    let tape = record(&foundation)?;
    let Foundation { ledger, instruments, .. } = foundation;
    let state_reason = ledger.trading_state().reason.clone();
    let is_paper = assembly.config.engine.mode == Mode::Paper;
    let (observer, observed) = observe(&ledger, assembly.state_dir.instance(), &instruments);
    let parts = EngineParts {
        clock,
        instruments: Arc::clone(&instruments),
        feed: built.feed,
        feed_wire: Wire::new(&assembly.site.dialer, HttpOptions::default()),
        execution: built.execution,
        venue,
        venue_wire: Wire::new(&assembly.site.dialer, HttpOptions::default()),
        venue_interest: is_paper.then(|| whole_market(&instruments)),
        risk: built.risk,
        names: Arc::clone(&observed.strategies),
        strategies: quarantine_struck(&assembly, built.seats),
        supervision: supervision(assembly.config),
        observer,
        tape,
        on_broken: assembly.on_broken,
        unreconciled,
        state_reason,
    };
    Ok(Built { parts, journal, ahead, observed })
}

fn foundation(
    assembly: &Assembly<'_>,
    ledger: Ledger,
    epoch: u32,
    instruments: Arc<Instruments>,
    opened_at: Timestamp,
) -> Foundation {
    let urls = &assembly.site.urls;
    let fees = instruments.iter().map(|one| assembly.fees.of(one.symbol.as_str())).collect();
    Foundation {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_hash: assembly.config.hash.to_string(),
        ledger,
        epoch,
        opened_at,
        instance: assembly.state_dir.instance(),
        instruments,
        urls: [&urls.rest_url, &urls.ws_url, &urls.ws_api_url].map(ToString::to_string),
        fee_rate: assembly.fees.dearest(),
        now: assembly.clock.now(),
        fees,
        opening_prices: assembly.opening_prices.clone(),
        settings: assembly.config.decisive.clone(),
        effective: assembly.config.effective.clone(),
        feed: None,
        venue: None,
    }
}

/// A strategy that did not come back too often is not tried again.
fn quarantine_struck(assembly: &Assembly<'_>, mut seats: Vec<StrategySeat>) -> Vec<StrategySeat> {
    let strikes = assembly.state_dir.strikes().read().unwrap_or_default();
    let allowed = assembly.config.engine.supervision.spin_strikes;
    for seat in &mut seats {
        let struck = strikes.get(&seat.name).copied().filter(|count| *count >= allowed);
        let spun = struck.map(|count| format!("did not come back, {count} times"));
        seat.quarantine = seat.quarantine.take().or(spun);
    }
    seats
}

fn observe(
    ledger: &kernel::ledger::Ledger,
    instance: InstanceId,
    instruments: &Arc<Instruments>,
) -> (Observer, Observed) {
    let strategies: Arc<[String]> = ledger.strategies().to_vec().into();
    let instruments = Arc::clone(instruments);
    let mut order_log = OrderLog::new(instance, Arc::clone(&instruments), Arc::clone(&strategies));
    // A late fill of one that never arrived has a line like any other.
    for order in ledger.tombstones().chain(ledger.open_orders()) {
        let intent = &order.intent;
        let (role, quantity) = (intent.new.role, intent.new.quantity);
        order_log.remember(intent.order, role, quantity, order.executed);
    }
    let (observer, observations) = Observer::channel(order_log);
    (observer, Observed { observations, instance, instruments, strategies })
}

/// The venue, and what a replay makes the same one of.
fn venue(
    assembly: &Assembly<'_>,
    foundation: &Foundation,
) -> Result<(Box<dyn Venue>, VenueSetup), Failure> {
    let config = assembly.config;
    if config.engine.mode == Mode::Paper {
        let (venue, left_open) = paper_venue(config, foundation);
        tell_paper(config, foundation.epoch, assembly.fees.dearest(), left_open);
        return Ok((Box::new(venue), VenueSetup::Local));
    }
    let Some(credentials) = super::site::credentials(config, assembly.site)? else {
        let message = "trading needs a key: set venue.api_key_file and venue.private_key_file";
        return Err(Failure::new(Exit::Usage, message));
    };
    let preferred = self_trade_prevention(config);
    let rules = VenueRules::of(assembly.info, &foundation.instruments, preferred);
    let setup = VenueSetup::Session { key: credentials.signer().kind(), rules: rules.clone() };
    Ok((Box::new(session(config, foundation, credentials, rules)), setup))
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
