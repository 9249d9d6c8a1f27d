//! What stands around a running engine: the panic hook's last words, the watchdog, the monitor, the
//! control socket, the API, alerts.

use std::rc::Rc;
use std::sync::Arc;

use actors::api::{ApiListener, ApiSources, LastBeat, ReadToken, Recent};
use actors::clock::Clock;
use actors::control::{ControlParts, ControlSocket};
use actors::messages::{BrokenBy, OrderPathBroken};
use actors::monitor::{Identity, Monitor, MonitorParts, Snapshot};
use events::log_event;
use kernel::risk::TradingState;
use secrecy::ExposeSecret as _;
use store::state_dir::StateDir;
use tokio::sync::watch;

use crate::cli::{Exit, Failure};
use crate::commands::last_words::LastWords;
use crate::config::Config;
use crate::logging::LogGuard;
use crate::wiring::{AlertSender, Alerter, Running, Site, state_alert};

/// So many times the pause between two reconciles may pass before one is overdue.
const OVERDUE_ROUNDS: u32 = 3;

/// Raises the priority of this thread, which orders are made on.
pub(super) fn raise_priority(nice: i32) {
    if nice == 0 {
        return;
    }
    if let Err(error) = actors::process::set_thread_priority(nice) {
        log_event!(ENGINE_PRIORITY_REFUSED, nice, error = %error);
    }
}

/// The alerter; a start that begins halted is told of.
pub(super) fn start_alerts(
    config: &Config,
    sender: &AlertSender,
    halted: Option<String>,
) -> Result<Option<Alerter>, Failure> {
    let alerter = Alerter::of(&config.engine, sender)?;
    if let (Some(alerter), Some(reason)) = (&alerter, halted) {
        alerter.send(&state_alert(TradingState::Halted, reason));
    }
    Ok(alerter)
}

/// The order path is broken: nothing is safe but to end, replay and reconcile.
pub(super) fn end_process(last_words: LastWords) -> Box<dyn Fn(&OrderPathBroken)> {
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
pub(super) fn watch_strategies(
    config: &Config,
    state_dir: &StateDir,
    running: &Running,
    clock: &Clock,
    last_words: LastWords,
) -> Result<(), Failure> {
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

/// What is looked at.
pub(super) struct Watched<'a> {
    pub config: &'a Config,
    pub running: &'a Running,
    pub clock: &'a Clock,
    pub site: &'a Site,
}

type Snapshots = watch::Receiver<Option<Arc<Snapshot>>>;

pub(super) fn start_monitor(watched: &Watched<'_>, log: &LogGuard) -> Snapshots {
    let (publish, snapshot) = watch::channel(None);
    let (counters, onlooker) = (log.counters(), Arc::clone(watched.running.observer.gauge()));
    // Of what the onlooker missed there are no lines either.
    let log_lines_dropped = Box::new(move || counters.lines_lost() + onlooker.refused());
    let parts = monitor_parts(watched, log_lines_dropped, publish);
    tokio::task::spawn_local(Monitor::new(parts).run());
    snapshot
}

/// A second monitor, for a look at any moment.
pub(super) fn monitor_once(watched: &Watched<'_>) -> Monitor {
    let (publish, _) = watch::channel(None);
    Monitor::new(monitor_parts(watched, Box::new(|| 0), publish))
}

fn monitor_parts(
    watched: &Watched<'_>,
    log_lines_dropped: Box<dyn Fn() -> u64>,
    publish: watch::Sender<Option<Arc<Snapshot>>>,
) -> MonitorParts {
    let (engine, running) = (&watched.config.engine, watched.running);
    let identity = Identity {
        name: engine.instance.clone(),
        account: watched.site.account.to_string(),
        mode: engine.mode.as_str(),
    };
    MonitorParts {
        engine: Rc::clone(&running.engine),
        clock: watched.clock.clone(),
        instruments: Arc::clone(&running.instruments),
        instance: running.instance,
        identity,
        currency: engine.risk.currency.to_string(),
        overdue_after: engine.venue.reconcile_every.saturating_mul(OVERDUE_ROUNDS),
        observer: running.observer.clone(),
        heartbeat_every: engine.monitor.heartbeat_every,
        log_lines_dropped,
        publish,
    }
}

/// The socket for an operator's commands: an engine that can't be halted by command does not
/// start.
pub(super) fn serve_control(
    watched: &Watched<'_>,
    state_dir: &StateDir,
    snapshot: &Snapshots,
) -> Result<ControlSocket, Failure> {
    let running = watched.running;
    let parts = ControlParts {
        controls: running.engine.controls(),
        instance: state_dir.instance(),
        instruments: Arc::clone(&running.instruments),
        strategies: Arc::clone(&running.strategies),
        kill_switch: state_dir.kill_switch(),
        snapshot: snapshot.clone(),
        clock: watched.clock.clone(),
    };
    let served = actors::control::listen(state_dir.path(), parts);
    served.map_err(|error| Failure::new(Exit::Usage, error))
}

pub(super) fn serve_api(
    config: &Config,
    listener: Option<ApiListener>,
    snapshot: &Snapshots,
    recent: watch::Receiver<Arc<Recent>>,
    last_beat: &LastBeat,
) -> Result<(), Failure> {
    let Some(listener) = listener else { return Ok(()) };
    let (token, snapshot, last_beat) = (read_token(config)?, snapshot.clone(), last_beat.clone());
    let instead = watch::channel(actors::api::starting()).1;
    let served = listener.serve(ApiSources { token, snapshot, recent, instead, last_beat });
    served.map(|_| ()).map_err(|error| Failure::new(Exit::Internal, error))
}

pub(crate) fn read_token(config: &Config) -> Result<Option<ReadToken>, Failure> {
    let token = config.engine.api.read_token().transpose();
    let token = token.map_err(|error| Failure::new(Exit::Usage, error))?;
    Ok(token.map(|token| ReadToken::new(token.expose_secret())))
}

/// Before anything trades: a port that is in use ends the start.
pub(super) fn listen_for_api(config: &Config) -> Result<Option<ApiListener>, Failure> {
    let api = &config.engine.api;
    if !api.enabled {
        return Ok(None);
    }
    let listening = ApiListener::bind(std::net::SocketAddr::new(api.bind, api.port));
    listening.map(Some).map_err(|error| Failure::new(Exit::PortInUse, error))
}
