//! A running engine with everything around it: what is started, in which order, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use actors::api::{ApiListener, LastBeat};
use actors::clock::Clock;
use actors::control::ControlSocket;
use actors::engine::DrainOutcome;
use actors::journal::JournalThread;
use actors::monitor::{Monitor, Snapshot, StrategyReading};
use events::log_event;
use kernel::orders::ExecutionPolicy;
use kernel::strategy::StrategyEntry;
use store::state_dir::{Lock, StateDir};
use tokio::sync::watch;

use super::end_on_panic;
use super::surroundings::{
    Watched, end_process, listen_for_api, monitor_once, raise_priority, serve_api, serve_control,
    start_alerts, start_monitor, watch_strategies,
};
use crate::cli::{Exit, Failure};
use crate::commands::last_words::LastWords;
use crate::config::{Config, Mode};
use crate::guard::Heart;
use crate::logging::LogGuard;
use crate::read_only::Damaged;
use crate::wiring::{
    AlertSender, Assembly, ExchangeInfoError, FeeRates, Foundation, Onlooker, OnlookerThread,
    OpenError, OpenedLedger, RecordingThread, RunRecord, Running, Site, assemble, check_key_rights,
    keep_rules, lock_account, opening_prices,
};

/// How often a venue with a clock of its own is asked for it.
const CLOCK_EVERY: Duration = Duration::from_secs(1);
/// How often it is asked while its clock stands, or jumps with each frame of a replay.
const STANDING_CLOCK_EVERY: Duration = Duration::from_millis(20);

/// Why no engine runs.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its journal is damaged: it can only be looked at.
    #[error("{}: {}", _0.path.display(), _0.reason)]
    Damaged(Box<Damaged>),
    /// Something else.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl StartError {
    fn of(
        error: OpenError,
        site: Arc<Site>,
        clock: Clock,
        listener: Option<ApiListener>,
        account: Option<Lock>,
    ) -> Self {
        match error {
            OpenError::Failed(failure) => Self::Failed(failure),
            OpenError::Damaged { path, reason } => {
                let damaged = Damaged { path, reason, site, clock, listener, account };
                Self::Damaged(Box::new(damaged))
            }
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Failed(failure) => failure,
            damaged @ StartError::Damaged(_) => Self::new(Exit::Storage, damaged),
        }
    }
}

/// A running engine with everything around it.
pub struct Session {
    /// The engine's parts.
    pub running: Running,
    journal: JournalThread,
    recording: Option<RecordingThread>,
    /// The venue.
    pub site: Arc<Site>,
    /// Balances when the ledger was opened.
    pub opening: std::collections::BTreeMap<model::Asset, model::Amount>,
    /// Both clocks.
    pub clock: Clock,
    /// The monitor's last snapshot.
    pub snapshot: watch::Receiver<Option<Arc<Snapshot>>>,
    monitor_once: Monitor,
    /// What a guard on this host hears.
    pub heart: Heart,
    /// What a guard elsewhere hears.
    pub last_beat: LastBeat,
    /// Held until the session ends.
    _account: Option<Lock>,
    /// Served until the session ends.
    _control: ControlSocket,
    onlooker: OnlookerThread,
}

impl Session {
    /// Finds the venue, opens the ledger, starts the engine and all that watches it.
    ///
    /// # Errors
    /// With the exit code of what failed.
    pub async fn start(
        config: &Config,
        kinds: &'static [StrategyEntry],
        state_dir: &StateDir,
        log: &LogGuard,
        keeps_record: bool,
    ) -> Result<Self, StartError> {
        let listener = listen_for_api(config)?;
        let clock = Clock::system();
        let started_at = clock.wall();
        let took = || clock.wall().since(started_at).as_millis() as u64;
        let engine = &config.engine;
        log_event!(
            CONFIG_LOADED,
            hash = %config.hash,
            strategies = config.strategies.len()
        );
        let (site, account) = reach(config, state_dir, &clock).await?;
        let symbols = symbols_of(config);
        let symbols: Vec<&str> = symbols.iter().map(model::Symbol::as_str).collect();
        let info = site.exchange_info(&symbols).await;
        let info = info.map_err(|error| name_files(config, error))?;
        let fees = FeeRates::read(config, &site, &symbols).await?;
        let now = clock.now().venue;
        let opened = OpenedLedger::open(config, state_dir, &site, &info, now, took).await;
        let mut opened = match opened {
            Ok(opened) => opened,
            Err(error) => return Err(StartError::of(error, site, clock, listener, account)),
        };
        let info = opened.look_around(config, &site, info, now).await?;
        tell_started(config, state_dir, opened.epoch);
        let opening = opened.ledger.opening_balances().clone();
        let opened_halted = opened.halted.take();
        let sender = AlertSender::of(config);
        let sender = sender.known_as(state_dir.instance(), site.account);
        sender.set_trading_state(opened.ledger.trading_state().state);
        end_on_panic(config, &sender, log);
        let watched = opened.symbols_and_held(&symbols);
        let assembly = Assembly {
            config,
            kinds,
            state_dir,
            site: &site,
            info: &info,
            fees: &fees,
            opening_prices: opening_prices(&site, &opened.instruments).await,
            clock: clock.clone(),
            policy: ExecutionPolicy::default(),
            on_broken: end_process(LastWords::of(log, engine, &sender)),
        };
        let (mut thread, mut recording) = (None, None);
        let write = |journal, ahead, answers| {
            let started = JournalThread::start(journal, ahead, answers);
            let (started, queue) =
                started.expect("the system gives a thread to a process that just began");
            thread = Some(started);
            queue
        };
        let record =
            |foundation: &Foundation| RecordingThread::start(config, foundation, &mut recording);
        let (running, observed) = assemble(assembly, opened, write, record)?;
        let journal = thread.expect("started with the engine");
        let observations = observed.observations.clone();
        log.flusher().flush_first(move |limit| observations.write_lines(limit));
        let watched_by = LastWords::of(log, engine, &sender);
        watch_strategies(config, state_dir, &running, &clock, watched_by)?;
        let alerter = start_alerts(config, &sender, opened_halted)?;
        let (onlooker, recent) = Onlooker::new(observed, alerter, sender, keeps_record);
        let onlooker = OnlookerThread::start(onlooker);
        let onlooker = onlooker.expect("the system gives a thread to a process that just began");
        let around = Watched { config, running: &running, clock: &clock, site: &site };
        let snapshot = start_monitor(&around, log);
        let control = serve_control(&around, state_dir, &snapshot)?;
        let last_beat = LastBeat::default();
        serve_api(config, listener, &snapshot, recent, &last_beat)?;
        let beating = Heart::start(state_dir.path(), state_dir.instance(), snapshot.clone());
        let heart = beating.map_err(|error| Failure::new(Exit::Internal, error))?;
        let monitor_once = monitor_once(&around);
        let session = Self {
            running,
            journal,
            recording,
            site,
            opening,
            clock,
            snapshot,
            monitor_once,
            heart,
            last_beat,
            _account: account,
            _control: control,
            onlooker,
        };
        session.keep_following(config);
        keep_rules(&session.running, &session.site, watched, engine.venue.rules_every);
        session.tell_when_ready(symbols.len(), started_at);
        // Last: the threads that were started before keep the usual priority.
        raise_priority(config.engine.threads.order_path_nice);
        Ok(session)
    }

    /// One line when every strategy trades, or cannot.
    fn tell_when_ready(&self, symbols: usize, started_at: model::Timestamp) {
        let (mut snapshot, clock) = (self.snapshot.clone(), self.clock.clone());
        tokio::task::spawn_local(async move {
            let settled =
                |strategy: &StrategyReading| matches!(strategy.stage, "running" | "quarantined");
            let ready = snapshot.wait_for(|snapshot| {
                let all = |s: &Arc<Snapshot>| s.is_live && s.strategies.iter().all(settled);
                snapshot.as_ref().is_some_and(all)
            });
            let Ok(strategies) =
                ready.await.map(|ready| ready.as_ref().map_or(0, |s| s.strategies.len()))
            else {
                return;
            };
            let took_ms = clock.wall().since(started_at).as_millis() as u64;
            log_event!(ENGINE_READY, strategies, symbols, took_ms);
        });
    }

    /// A venue's clock may change its speed, or be paused.
    fn keep_following(&self, config: &Config) {
        if config.engine.mode != Mode::Sim {
            return;
        }
        let (clock, http, urls) =
            (self.clock.clone(), self.site.http.clone(), self.site.urls.clone());
        tokio::task::spawn_local(async move {
            loop {
                let stands = clock.speed() <= 0.0;
                let pause = if stands { STANDING_CLOCK_EVERY } else { CLOCK_EVERY };
                tokio::time::sleep(pause).await;
                let rest =
                    crate::wiring::SignedRest { http: &http, urls: &urls, credentials: None };
                // An exchange that is gone for a moment keeps its last clock.
                if let Ok(body) = rest.get("/control/clock").await {
                    crate::wiring::follow(&clock, &body);
                }
            }
        });
    }

    /// Asks everybody how things are, now.
    pub async fn look(&self) -> Snapshot {
        self.monitor_once.look().await
    }

    /// Stops trading in good order; everything keeps being heard.
    pub async fn drain(&self, config: &Config, reason: &str) -> DrainOutcome {
        self.running.engine.drain(reason, config.engine.shutdown.drain_timeout).await
    }

    /// Stops every actor and closes the journal. Returns what the onlooker kept.
    pub async fn close(self) -> Option<RunRecord> {
        self.running.engine.terminate().await;
        self.journal.finish();
        if let Some(recording) = self.recording {
            recording.finish();
        }
        self.onlooker.finish().await
    }

    /// Drains the engine and closes the journal.
    pub async fn stop(self, config: &Config, reason: &str) -> DrainOutcome {
        let outcome = self.drain(config, reason).await;
        self.close().await;
        outcome
    }
}

/// The venue, with its clock, its account and the lock of that.
async fn reach(
    config: &Config,
    state_dir: &StateDir,
    clock: &Clock,
) -> Result<(Arc<Site>, Option<Lock>), Failure> {
    let sim_state = state_dir.path().join("exchange");
    let mut site = Site::find(config, Some(&sim_state), state_dir.instance())?;
    site.follow_clock(clock).await?;
    site.learn_account(config, state_dir.path()).await?;
    let site = Arc::new(site);
    let account = site.credentials.as_ref().map(|_| lock_account(&site.account)).transpose()?;
    check_key_rights(config, &site).await?;
    Ok((site, account))
}

fn tell_started(config: &Config, state_dir: &StateDir, epoch: u32) {
    log_event!(
        ENGINE_STARTED,
        version = env!("CARGO_PKG_VERSION"),
        mode = config.engine.mode.as_str(),
        name = config.engine.instance.as_deref(),
        instance = %state_dir.instance(),
        epoch,
        config_hash = %config.hash,
        state_dir = %state_dir.path().display()
    );
}

fn symbols_of(config: &Config) -> Vec<model::Symbol> {
    let mut symbols: Vec<model::Symbol> =
        config.enabled().flat_map(|strategy| strategy.symbols.clone()).collect();
    symbols.sort_unstable();
    symbols.dedup();
    symbols
}

/// A symbol that the venue does not have stands in a strategy's file.
fn name_files(config: &Config, error: ExchangeInfoError) -> Failure {
    let ExchangeInfoError::UnknownSymbols(unknown) = &error else { return error.into() };
    let of_file = |strategy: &crate::config::StrategyConfig| {
        let symbols = strategy.symbols.iter().map(model::Symbol::as_str);
        let missing: Vec<&str> =
            symbols.filter(|symbol| unknown.iter().any(|name| name == symbol)).collect();
        let file = strategy.file.display();
        (!missing.is_empty())
            .then(|| format!("{file}: symbols: the venue has no {}", missing.join(", ")))
    };
    let lines: Vec<String> = config.enabled().filter_map(of_file).collect();
    Failure::new(Exit::Usage, lines.join("\n"))
}
