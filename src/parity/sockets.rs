//! The engine in step with a replay: its actors, its sockets, the exchange's protocol.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use actors::clock::Clock;
use actors::journal::{JournalQueue, JournalThread};
use actors::lockstep::{Happened, Lockstep, Pacer, Progress, Step, StepRefused, Stepped};
use exchange::{ExchangeConfig, MarketConfig, ReplayConfig};
use kernel::journal::{JournalAhead, JournalError, Persist};
use kernel::orders::ExecutionPolicy;
use kernel::strategy::StrategyEntry;
use matching::Fees;
use model::{Amount, Asset, Instruments, Symbol, Timestamp};
use serde::Deserialize;
use store::journal::{Level, MemoryDisk, MemoryJournal};
use store::state_dir::StateDir;

use super::Setting;
use crate::cli::{Exit, Failure};
use crate::wiring::{
    Assembly, EmbeddedExchange, FeeRates, OpenedLedger, SignedRest, Site, assemble_in_step,
};

/// What the backtest must know of the exchange to trade at the same one.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// What can be traded, with its filters.
    pub instruments: Arc<Instruments>,
    /// What each instrument costs to trade, by its number.
    pub fees: Vec<Fees>,
    /// What the account held.
    pub balances: Vec<(Asset, Amount)>,
    /// Names of strategies by the numbers of this run.
    pub strategies: Vec<String>,
}

/// Answers for the disk at once: this run is never restarted, and must not wait for a thread.
#[derive(Debug)]
struct AtOnce;

impl JournalAhead for AtOnce {
    fn write(&mut self, _: &Persist) -> Result<bool, JournalError> {
        Ok(true)
    }
}

/// The control path of the exchange.
struct Control<'a> {
    rest: SignedRest<'a>,
}

#[derive(Deserialize)]
struct Told {
    next_at_ns: Option<i64>,
    handled: u64,
    sent: u64,
}

impl Control<'_> {
    async fn ask(&self, step: Step) -> Result<Progress, StepRefused> {
        let answered = match step {
            Step::Look => self.rest.get("/control/step").await,
            Step::Clock(at) => {
                self.rest.post(&format!("/control/step?until_ns={}", at.as_nanos())).await
            }
            Step::Line => self.rest.post("/control/step").await,
        };
        let body = answered.map_err(|error| StepRefused(error.into()))?;
        let told: Told =
            serde_json::from_slice(&body).map_err(|error| StepRefused(error.into()))?;
        let Told { next_at_ns, handled, sent } = told;
        Ok(Progress { next_at: next_at_ns.map(Timestamp::from_nanos), handled, sent })
    }
}

impl Pacer for Control<'_> {
    fn step(&self, step: Step) -> Stepped<'_> {
        Box::pin(self.ask(step))
    }
}

/// Runs the engine over the recording.
pub(super) async fn run(
    setting: &Setting,
    kinds: &'static [StrategyEntry],
) -> Result<(Vec<Happened>, Facts), Failure> {
    let storage = |error: &dyn std::fmt::Display| Failure::new(Exit::Storage, error);
    let directory = tempfile::tempdir().map_err(|error| storage(&error))?;
    let mut config = setting.config.clone();
    config.engine.state_dir = directory.path().join("state");
    let state_dir = StateDir::open(&config.engine.state_dir)?;
    let replayed = EmbeddedExchange::start(replay(setting), 0);
    let replayed = replayed.map_err(|error| Failure::new(Exit::Usage, error))?;
    let site = Site::inside(&config, replayed, state_dir.instance())?;
    let clock = Clock::system();
    site.follow_clock(&clock).await?;
    clock.step_to(clock.now().venue);
    let symbols = symbols(setting);
    let names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
    let info = site.exchange_info(&names).await?;
    let fees = FeeRates::read(&config, &site, &names).await?;
    let journal = MemoryJournal::open(&MemoryDisk::default(), Level::Process)?;
    let now = clock.now().venue;
    let opened = OpenedLedger::begin(journal, &config, &state_dir, &site, &info, now).await?;
    let balances = opened.ledger.opening_balances().iter();
    let balances = balances.map(|(asset, amount)| (*asset, *amount)).collect();
    let instruments = Arc::clone(&opened.instruments);
    let broken: Rc<RefCell<Option<String>>> = Rc::default();
    let noted = Rc::clone(&broken);
    let assembly = Assembly {
        config: &config,
        kinds,
        state_dir: &state_dir,
        site: &site,
        info: &info,
        fees: &fees,
        // The backtest has none either.
        opening_prices: Vec::new(),
        clock,
        policy: ExecutionPolicy::default(),
        on_broken: Box::new(move |reason| {
            noted.borrow_mut().get_or_insert(reason.reason.clone());
        }),
    };
    let mut thread = None;
    let (running, observed, mut lockstep) =
        assemble_in_step(assembly, opened, |journal, _, answers| -> JournalQueue {
            let started = JournalThread::start(journal, Some(Box::new(AtOnce)), answers);
            let (started, queue) = started.expect("the system gives a thread to a new process");
            thread = Some(started);
            queue
        })?;
    let control = Control { rest: site.rest() };
    let over: Result<(), _> = Lockstep::run(&mut lockstep, &control, setting.until).await;
    running.engine.terminate().await;
    if let Some(thread) = thread {
        thread.finish();
    }
    if let Some(reason) = broken.borrow_mut().take() {
        return Err(Failure::new(Exit::Internal, format!("the order path is broken: {reason}")));
    }
    over.map_err(|error| Failure::new(Exit::Internal, error))?;
    let fees = instruments.iter().map(|one| fees.of(one.symbol.as_str())).collect();
    let strategies = observed.strategies.to_vec();
    Ok((lockstep.take_happened(), Facts { instruments, fees, balances, strategies }))
}

fn symbols(setting: &Setting) -> Vec<Symbol> {
    let symbols = setting.config.enabled().flat_map(|strategy| strategy.symbols.iter().copied());
    let symbols: std::collections::BTreeSet<Symbol> = symbols.collect();
    symbols.into_iter().collect()
}

fn replay(setting: &Setting) -> ExchangeConfig {
    let sim = &setting.config.engine.sim;
    let balances: BTreeMap<_, _> =
        sim.initial_balances.iter().map(|balance| (balance.asset, balance.amount)).collect();
    ExchangeConfig {
        market: MarketConfig::Replay(ReplayConfig {
            files: setting.recordings.clone(),
            start_after_streams: 1,
            lockstep: true,
        }),
        speed: exchange::Speed::Max,
        balances,
        maker_fee: sim.maker_fee,
        taker_fee: sim.taker_fee,
        ..ExchangeConfig::default()
    }
}
