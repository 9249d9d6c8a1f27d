//! `tickwright run`: the engine until a signal.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actors::api::{ApiListener, ApiSources, ReadToken};
use actors::clock::Clock;
use actors::control::{ControlParts, ControlSocket};
use actors::engine::DrainOutcome;
use actors::guard::end_process_on_panic;
use actors::journal::JournalThread;
use actors::messages::{BrokenBy, OrderPathBroken};
use actors::monitor::{Monitor, MonitorParts};
use events::log_event;
use kernel::orders::ExecutionPolicy;
use kernel::risk::{Authority, TradingState};
use kernel::strategy::StrategyEntry;
use secrecy::ExposeSecret as _;
use store::state_dir::{Lock, StateDir};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::last_words::{LastWords, tell_stopped};
use crate::cli::run::RunArgs;
use crate::cli::{Exit, Failure};
use crate::config::{Config, EngineConfig, Mode};
use crate::guard;
use crate::logging::{self, LogGuard, LogOptions};
use crate::read_only::{self, Damaged};
use crate::wiring::{
    Alerter, Assembly, ExchangeInfoError, FeeRates, Foundation, Onlooker, OnlookerThread,
    OpenError, OpenedLedger, RecordingThread, Running, Site, assemble, check_key_rights,
    keep_rules, lock_account, opening_prices,
};

/// How often a venue with a clock of its own is asked for it.
const CLOCK_EVERY: Duration = Duration::from_secs(1);
/// How often it is asked while its clock stands, or jumps with each frame of a replay.
const STANDING_CLOCK_EVERY: Duration = Duration::from_millis(20);
/// How often the kill switch is looked at.
pub(crate) const KILL_SWITCH_EVERY: Duration = Duration::from_millis(250);
/// Signals within so short a time are one.
const SAME_STOP: Duration = Duration::from_millis(200);
/// How long the log gets to write its last lines.
const LOG_FLUSH: Duration = Duration::from_secs(2);

/// Runs the engine.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &RunArgs, kinds: &'static [StrategyEntry]) -> Result<Exit, Failure> {
    let config = args.config.load(args.overrides(), kinds)?;
    trade(&config, args.live, kinds)
}

/// Trades with a configuration until a signal.
///
/// # Errors
/// With the exit code of what failed.
pub fn trade(
    config: &Config,
    live_flag: bool,
    kinds: &'static [StrategyEntry],
) -> Result<Exit, Failure> {
    refuse_what_is_not_meant(config, live_flag)?;
    let state_dir = StateDir::open(&config.engine.state_dir)?;
    let log = start_log(config)?;
    end_on_panic(&config.engine, &log);
    let exit = actix::System::new().block_on(run(config, kinds, &state_dir, &log));
    log.flusher().catch_up(LOG_FLUSH);
    if let Err(failure) = &exit {
        tell_stopped(&failure.message, failure.exit);
    }
    log.flush(LOG_FLUSH);
    exit
}

/// A panic outside of a strategy is a bug, and ends the process.
pub(super) fn end_on_panic(engine: &EngineConfig, log: &LogGuard) {
    let last_words = LastWords::of(log, engine);
    end_process_on_panic(move |panic| last_words.end(panic, Exit::Internal));
}

/// Real money is asked for twice.
fn refuse_what_is_not_meant(config: &Config, live_flag: bool) -> Result<(), Failure> {
    match config.engine.mode {
        mode @ (Mode::Sim | Mode::Paper) if live_flag => {
            let mode = mode.as_str();
            let message = format!(
                "--live is given and mode = \"{mode}\": set mode = \"live\" as well if you mean real \
                 money, or leave --live out"
            );
            Err(Failure::new(Exit::Usage, message))
        }
        Mode::Sim | Mode::Paper => Ok(()),
        Mode::Live if live_flag => Ok(()),
        Mode::Live => {
            let message = "mode = \"live\" trades real money: say --live as well if you mean it";
            Err(Failure::new(Exit::Usage, message))
        }
    }
}

/// Starts the log of a run.
///
/// # Errors
/// When its files cannot be written.
pub fn start_log(config: &Config) -> Result<LogGuard, Failure> {
    let options = LogOptions::of(&config.engine);
    logging::start(&options).map_err(|error| Failure::new(Exit::Storage, error))
}

async fn run(
    config: &Config,
    kinds: &'static [StrategyEntry],
    state_dir: &StateDir,
    log: &LogGuard,
) -> Result<Exit, Failure> {
    let mut stop = Stop::listen()?;
    let halt = signal(SignalKind::user_defined1());
    let halt = halt.map_err(|error| Failure::new(Exit::Internal, error))?;
    let session = tokio::select! {
        biased;
        reason = stop.asked() => {
            tell_stopped(&reason, Exit::Ok);
            return Ok(Exit::Ok);
        }
        // Given up in the middle, it has not traded yet: nothing is awaited after the actors start.
        session = Session::start(config, kinds, state_dir, log, false) => session,
    };
    let session = match session {
        Ok(session) => session,
        Err(StartError::Failed(failure)) => return Err(failure),
        Err(StartError::Damaged(damaged)) => {
            return read_only::stay(config, state_dir, *damaged, stop.asked(), halt).await;
        }
    };
    let reason = tokio::select! {
        biased;
        reason = stop.asked() => reason,
        () = watch_kill_switch(&session, state_dir) => "kill switch".to_owned(),
        () = watch_halt_signal(&session, halt) => "halt".to_owned(),
    };
    log_event!(ENGINE_STOPPING, reason = %reason);
    let drained = tokio::select! {
        biased;
        outcome = session.stop(config, &reason) => Ok(outcome),
        again = stop.asked_again() => Err(again),
    };
    let exit = match drained {
        Ok(DrainOutcome { unconfirmed: 0, unprotected: 0, .. }) => {
            // Without it a guard takes the end for a death, which does no harm.
            let _ = guard::publish_end(state_dir.path(), state_dir.instance());
            Exit::Ok
        }
        Ok(DrainOutcome { unconfirmed, unprotected, .. }) => {
            if unconfirmed > 0 {
                eprintln!(
                    "tickwright: {unconfirmed} orders may still work at the venue: the time for \
                     their cancels was up. The next start finds them"
                );
            }
            if unprotected > 0 {
                eprintln!(
                    "tickwright: {unprotected} positions are left without a protective order"
                );
            }
            Exit::Partial
        }
        Err(again) => {
            log_event!(SHUTDOWN_FORCED, reason = %again);
            eprintln!("tickwright: stopped at once: orders may still work at the venue");
            Exit::Partial
        }
    };
    log.flusher().catch_up(LOG_FLUSH);
    tell_stopped(&reason, exit);
    Ok(exit)
}

/// SIGINT, SIGTERM and SIGHUP: a terminal that is closed must not leave orders behind.
struct Stop {
    /// Nothing where it is ignored: `nohup` has been asked to let the engine outlive its terminal.
    hangup: Option<Signal>,
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::new(Exit::Internal, error));
        Ok(Self {
            hangup: if is_hangup_ignored() { None } else { Some(listen(SignalKind::hangup())?) },
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// A second time: whoever is told twice at once, by a service manager and a terminal for
    /// example, was told once.
    async fn asked_again(&mut self) -> String {
        let first = tokio::time::Instant::now();
        loop {
            let again = self.asked().await;
            if first.elapsed() >= SAME_STOP {
                return again;
            }
        }
    }

    async fn asked(&mut self) -> String {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => "SIGTERM".to_owned(),
            _ = self.interrupt.recv() => "SIGINT".to_owned(),
            Some(()) = next_of(&mut self.hangup) => "SIGHUP".to_owned(),
        }
    }
}

/// The next of a signal that is perhaps not listened to.
async fn next_of(signal: &mut Option<Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}

/// Whether whoever started the process has it ignore SIGHUP, as `nohup` does.
#[must_use]
pub fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}

/// Raises the priority of this thread, which orders are made on.
fn raise_priority(nice: i32) {
    if nice == 0 {
        return;
    }
    if let Err(error) = actors::process::set_thread_priority(nice) {
        log_event!(ENGINE_PRIORITY_REFUSED, nice, error = %error);
    }
}

/// Halts as soon as the file is there; never returns, so that open positions stay watched.
async fn watch_kill_switch(session: &Session, state_dir: &StateDir) {
    let mut was_on = false;
    loop {
        let is_on = state_dir.is_kill_switch_on();
        if is_on && !was_on {
            let reason = format!("{} exists", state_dir.kill_switch().display());
            let engine = &session.running.engine;
            engine.set_trading_state(TradingState::Halted, Authority::Operator, reason);
        }
        was_on = is_on;
        tokio::time::sleep(KILL_SWITCH_EVERY).await;
    }
}

/// Halts at SIGUSR1; never returns.
async fn watch_halt_signal(session: &Session, mut signal: Signal) {
    loop {
        signal.recv().await;
        let engine = &session.running.engine;
        let reason = "SIGUSR1".to_owned();
        engine.set_trading_state(TradingState::Halted, Authority::Operator, reason);
    }
}

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
    pub snapshot: watch::Receiver<Option<Arc<actors::monitor::Snapshot>>>,
    monitor_once: Monitor,
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
        let sim_state = state_dir.path().join("exchange");
        let mut site = Site::find(config, Some(&sim_state), state_dir.instance())?;
        site.follow_clock(&clock).await?;
        site.learn_account(config, state_dir.path()).await?;
        let site = Arc::new(site);
        let account = site.credentials.as_ref().map(|_| lock_account(&site.account)).transpose()?;
        check_key_rights(config, &site).await?;
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
        log_event!(
            ENGINE_STARTED,
            version = env!("CARGO_PKG_VERSION"),
            mode = engine.mode.as_str(),
            name = engine.instance.as_deref(),
            instance = %state_dir.instance(),
            epoch = opened.epoch,
            config_hash = %config.hash,
            state_dir = %state_dir.path().display()
        );
        let opening = opened.ledger.opening_balances().clone();
        let opened_halted = opened.halted.take();
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
            on_broken: end_process(LastWords::of(log, engine)),
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
        watch_strategies(config, state_dir, &running, &clock, log)?;
        let alerter = start_alerts(config, opened_halted)?;
        let (onlooker, recent) = Onlooker::new(observed, alerter, keeps_record);
        let onlooker = OnlookerThread::start(onlooker);
        let onlooker = onlooker.expect("the system gives a thread to a process that just began");
        let control = serve_control(state_dir, &running)?;
        let snapshot = start_monitor(config, &running, &clock, log);
        serve_api(config, listener, &snapshot, recent)?;
        let beating = guard::publish(state_dir.path(), state_dir.instance(), snapshot.clone());
        beating.map_err(|error| Failure::new(Exit::Internal, error))?;
        let monitor_once = monitor_once(config, &running, &clock);
        let session = Self {
            running,
            journal,
            recording,
            site,
            opening,
            clock,
            snapshot,
            monitor_once,
            _account: account,
            _control: control,
            onlooker,
        };
        session.keep_following(config);
        let symbols: Vec<String> = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
        keep_rules(&session.running, &session.site, symbols.clone(), engine.venue.rules_every);
        session.tell_when_ready(symbols.len(), started_at);
        // Last: the threads that were started before keep the usual priority.
        raise_priority(config.engine.threads.order_path_nice);
        Ok(session)
    }

    /// One line when every strategy trades, or cannot.
    fn tell_when_ready(&self, symbols: usize, started_at: model::Timestamp) {
        let (mut snapshot, clock) = (self.snapshot.clone(), self.clock.clone());
        tokio::task::spawn_local(async move {
            let settled = |strategy: &actors::monitor::StrategyReading| {
                matches!(strategy.stage, "running" | "quarantined")
            };
            let ready = snapshot.wait_for(|snapshot| {
                let all = |s: &Arc<actors::monitor::Snapshot>| {
                    s.is_live && s.strategies.iter().all(settled)
                };
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
    pub async fn look(&self) -> actors::monitor::Snapshot {
        self.monitor_once.look().await
    }

    /// Stops trading in good order; everything keeps being heard.
    pub async fn drain(&self, config: &Config, reason: &str) -> DrainOutcome {
        self.running.engine.drain(reason, config.engine.shutdown.drain_timeout).await
    }

    /// Stops every actor and closes the journal. Returns what the onlooker kept.
    pub async fn close(self) -> Option<crate::wiring::RunRecord> {
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

/// The alerter; a start that begins halted is told of.
fn start_alerts(config: &Config, halted: Option<String>) -> Result<Option<Alerter>, Failure> {
    let alerter = Alerter::of(&config.engine)?;
    if let (Some(alerter), Some(reason)) = (&alerter, halted) {
        alerter.send("trading state is now halted", &reason);
    }
    Ok(alerter)
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

/// The order path is broken: nothing is safe but to end, replay and reconcile.
fn end_process(last_words: LastWords) -> Box<dyn Fn(&OrderPathBroken)> {
    Box::new(move |broken| {
        let exit = match broken.by {
            BrokenBy::Journal => Exit::Storage,
            BrokenBy::Mailbox => Exit::Internal,
        };
        eprintln!("tickwright: the order path is broken: {}; {}", broken.reason, exit.meaning());
        last_words.end(&format!("the order path is broken: {}", broken.reason), exit);
    })
}

/// A strategy that does not come back gets a strike and ends the process; the next start counts.
fn watch_strategies(
    config: &Config,
    state_dir: &StateDir,
    running: &Running,
    clock: &Clock,
    log: &LogGuard,
) -> Result<(), Failure> {
    let last_words = LastWords::of(log, &config.engine);
    let strikes = state_dir.strikes();
    let limit = config.engine.supervision.spin_limit;
    let activities = running.engine.activities();
    let watching = actors::watchdog::watch(activities, clock.clone(), limit, move |name, busy| {
        let busy_ms = busy.as_millis() as u64;
        let count = strikes.add(name).unwrap_or(0);
        log_event!(STRATEGY_SPUN, strategy = %name, busy_ms, strikes = count);
        eprintln!("tickwright: strategy {name} did not come back for {busy_ms} ms: ending");
        let reason = format!("strategy {name} did not come back for {busy_ms} ms");
        last_words.end(&reason, Exit::Internal);
    });
    watching.map_err(|error| Failure::new(Exit::Internal, error))
}

fn start_monitor(
    config: &Config,
    running: &Running,
    clock: &Clock,
    log: &LogGuard,
) -> watch::Receiver<Option<Arc<actors::monitor::Snapshot>>> {
    let (publish, snapshot) = watch::channel(None);
    let (counters, onlooker) = (log.counters(), Arc::clone(running.observer.gauge()));
    // Of what the onlooker missed there are no lines either.
    let log_lines_dropped = Box::new(move || counters.lines_dropped() + onlooker.refused());
    let parts = monitor_parts(config, running, clock, log_lines_dropped, publish);
    tokio::task::spawn_local(Monitor::new(parts).run());
    snapshot
}

/// A second monitor, for a look at any moment.
fn monitor_once(config: &Config, running: &Running, clock: &Clock) -> Monitor {
    let (publish, _) = watch::channel(None);
    Monitor::new(monitor_parts(config, running, clock, Box::new(|| 0), publish))
}

fn monitor_parts(
    config: &Config,
    running: &Running,
    clock: &Clock,
    log_lines_dropped: Box<dyn Fn() -> u64>,
    publish: watch::Sender<Option<Arc<actors::monitor::Snapshot>>>,
) -> MonitorParts {
    MonitorParts {
        engine: Rc::clone(&running.engine),
        clock: clock.clone(),
        instruments: Arc::clone(&running.instruments),
        instance: running.instance,
        mode: config.engine.mode.as_str(),
        currency: config.engine.risk.currency.to_string(),
        heartbeat_every: config.engine.monitor.heartbeat_every,
        onlooker: Arc::clone(running.observer.gauge()),
        log_lines_dropped,
        publish,
    }
}

/// The socket for an operator's commands: an engine that can't be halted by command does not
/// start.
fn serve_control(state_dir: &StateDir, running: &Running) -> Result<ControlSocket, Failure> {
    let parts = ControlParts {
        controls: running.engine.controls(),
        instance: state_dir.instance(),
        instruments: Arc::clone(&running.instruments),
        strategies: Arc::clone(&running.strategies),
        kill_switch: state_dir.kill_switch(),
    };
    let served = actors::control::listen(state_dir.path(), parts);
    served.map_err(|error| Failure::new(Exit::Usage, error))
}

fn serve_api(
    config: &Config,
    listener: Option<ApiListener>,
    snapshot: &watch::Receiver<Option<Arc<actors::monitor::Snapshot>>>,
    recent: watch::Receiver<Arc<actors::api::Recent>>,
) -> Result<(), Failure> {
    let Some(listener) = listener else { return Ok(()) };
    let (token, snapshot) = (read_token(config)?, snapshot.clone());
    let instead = watch::channel(actors::api::starting()).1;
    let served = listener.serve(ApiSources { token, snapshot, recent, instead });
    served.map(|_| ()).map_err(|error| Failure::new(Exit::Internal, error))
}

pub(crate) fn read_token(config: &Config) -> Result<Option<ReadToken>, Failure> {
    let token = config.engine.api.read_token().transpose();
    let token = token.map_err(|error| Failure::new(Exit::Usage, error))?;
    Ok(token.map(|token| ReadToken::new(token.expose_secret())))
}

/// Before anything trades: a port that is in use ends the start.
fn listen_for_api(config: &Config) -> Result<Option<ApiListener>, Failure> {
    let api = &config.engine.api;
    if !api.enabled {
        return Ok(None);
    }
    let listening = ApiListener::bind(std::net::SocketAddr::new(api.bind, api.port));
    listening.map(Some).map_err(|error| Failure::new(Exit::PortInUse, error))
}
