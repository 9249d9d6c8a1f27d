//! The monitor: asks every actor how it is, publishes a snapshot for the API once a second, and
//! writes the heartbeat. Health means progress, never that a timer fired.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use events::log_event;
use kernel::wire::Moment;
use model::{Amount, InstanceId, Instruments, OrderStatus, Price, Quantity, Symbol, Timestamp};
use serde::Serialize;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::engine::{Engine, EngineStatus};
use crate::feed::stream_name;
use crate::health;
use crate::latency::Quantiles;
use crate::observe::{Alert, Observation, Observer, Severity};
use crate::outbox::{Gauge, GaugeReading};
use crate::process::ProcessFigures;

/// How often the snapshot is renewed: often enough for a chart of a demonstration.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long an actor may take to answer before it counts as stuck.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A stream and its silence.
#[derive(Clone, Debug, Serialize)]
pub struct StreamReading {
    /// Whose.
    pub symbol: Symbol,
    /// What.
    pub stream: &'static str,
    /// Time since its last event, in milliseconds of wall time.
    pub age_ms: u64,
    /// Whether that is past its limit.
    pub is_stale: bool,
}

/// A strategy as the API shows it.
#[derive(Clone, Debug, Serialize)]
pub struct StrategyReading {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Where it is in its life.
    pub stage: &'static str,
    /// Failures that are not forgiven yet.
    pub failures: u32,
    /// Its capital.
    pub capital: Amount,
    /// Equity of its capital.
    pub equity: Option<Amount>,
    /// Orders that are not final.
    pub open_orders: usize,
}

/// A position as the API shows it.
#[derive(Clone, Debug, Serialize)]
pub struct PositionReading {
    /// Whose.
    pub strategy: String,
    /// In what.
    pub symbol: Symbol,
    /// Base held, after fees.
    pub quantity: Quantity,
    /// Cost of one unit.
    pub average_cost: Option<Amount>,
    /// Profit of what was sold.
    pub realised: Amount,
    /// Profit that selling the rest now would bring, before fees.
    pub unrealised: Option<Amount>,
    /// Fees so far, in the quote asset.
    pub fees: Amount,
}

/// A price as the API shows it.
#[derive(Clone, Debug, Serialize)]
pub struct PriceReading {
    /// Of what.
    pub symbol: Symbol,
    /// The last one.
    pub price: Price,
}

/// Who an engine is, for whoever watches several.
#[derive(Clone, Debug, Serialize)]
pub struct Identity {
    /// `instance` of the configuration, if it is set.
    pub name: Option<String>,
    /// Environment and account at the venue.
    pub account: String,
    /// What is real.
    pub mode: &'static str,
}

/// Everything that can be shown of a running engine.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// Who it is.
    #[serde(flatten)]
    pub identity: Identity,
    /// When it was taken, by our clock.
    pub taken_at: String,
    /// The same, to be counted from.
    #[serde(skip)]
    pub looked_at: Timestamp,
    /// The venue's time then.
    pub venue_at: String,
    /// Whether everything makes progress: answers, fresh streams, synchronised books, a
    /// reconciled venue.
    pub is_healthy: bool,
    /// What is wrong, if anything is.
    pub problems: Vec<String>,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// What is allowed at all.
    pub trading_state: &'static str,
    /// Why, if that is not everything.
    pub trading_reason: Option<String>,
    /// When orders, fills and balances were last compared with the venue's, by its clock.
    pub reconciled_at: Option<String>,
    /// How long ago that is, in milliseconds.
    pub reconcile_age_ms: Option<u64>,
    /// Cancels, questions and reads that wait for a limit of the venue.
    pub held_back: usize,
    /// The installation: part of every order's name.
    pub instance: InstanceId,
    /// Counts the looks at which risk and execution both answered: the heartbeat.
    pub beats: u64,
    /// Whether orders can go out.
    pub is_live: bool,
    /// Fills booked since the start.
    pub fills: u64,
    /// Orders that are not final.
    pub open_orders: usize,
    /// Those of unknown outcome.
    pub unknown_orders: usize,
    /// Positions of protected strategies without a protective order at the venue.
    pub unprotected: usize,
    /// For how long the longest of them, in milliseconds of the venue's time.
    pub unprotected_ms: u64,
    /// Equity of the allocated capital.
    pub equity: Option<Amount>,
    /// What equity is counted in.
    pub currency: String,
    /// Market events published.
    pub events: u64,
    /// Text frames received.
    pub frames: u64,
    /// From frame to order bytes.
    pub tick_to_order: Quantiles,
    /// How late timers of the arbiter fire, at worst since the last look.
    pub arbiter_lag_us: u64,
    /// How far behind its market the slowest instrument is seen.
    pub market_lag_ms: u64,
    /// Figures of the process.
    pub process: ProcessFigures,
    /// Strategies, in config order.
    pub strategies: Vec<StrategyReading>,
    /// Positions that are or were held.
    pub positions: Vec<PositionReading>,
    /// Last prices.
    pub prices: Vec<PriceReading>,
    /// Streams.
    pub streams: Vec<StreamReading>,
    /// Mailboxes.
    pub mailboxes: Vec<GaugeReading>,
}

/// What the monitor is built with.
pub struct MonitorParts {
    /// Whom to ask.
    pub engine: Rc<Engine>,
    /// The clock.
    pub clock: Clock,
    /// The run's instruments.
    pub instruments: Arc<Instruments>,
    /// The installation.
    pub instance: InstanceId,
    /// Who it is.
    pub identity: Identity,
    /// What equity is counted in.
    pub currency: String,
    /// Past it a reconcile is overdue, by the venue's clock.
    pub overdue_after: Duration,
    /// Where alerts go.
    pub observer: Observer,
    /// Time between two heartbeats.
    pub heartbeat_every: Duration,
    /// Log lines lost so far.
    pub log_lines_dropped: Box<dyn Fn() -> u64>,
    /// Where snapshots go.
    pub publish: watch::Sender<Option<Arc<Snapshot>>>,
}

/// The monitor, as a task beside the actors.
pub struct Monitor {
    parts: MonitorParts,
    started_at: Moment,
    /// Whether a person was told that a reconcile is overdue.
    is_overdue_told: bool,
    beats: Cell<u64>,
    lag: Rc<Cell<Duration>>,
    last_cpu: (Timestamp, Duration),
}

impl Monitor {
    /// A monitor that has not looked yet.
    #[must_use]
    pub fn new(parts: MonitorParts) -> Self {
        let started_at = parts.clock.now();
        Self {
            parts,
            started_at,
            is_overdue_told: false,
            beats: Cell::new(0),
            lag: Rc::new(Cell::new(Duration::ZERO)),
            last_cpu: (started_at.wall, Duration::ZERO),
        }
    }

    /// Looks for ever.
    pub async fn run(mut self) {
        actix::spawn(measure_lag(self.parts.clock.clone(), Rc::clone(&self.lag)));
        let mut heartbeat_at = self.started_at.wall.after(self.parts.heartbeat_every);
        loop {
            tokio::time::sleep(LOOK_EVERY.min(self.parts.heartbeat_every)).await;
            let status = self.parts.engine.status(ANSWER_TIMEOUT).await;
            let snapshot = Arc::new(self.snapshot(&status));
            self.watch_reconcile(&status);
            let wall = self.parts.clock.wall();
            if wall >= heartbeat_at {
                heartbeat_at = wall.after(self.parts.heartbeat_every);
                self.heartbeat(&snapshot, wall);
            }
            self.parts.publish.send_replace(Some(snapshot));
        }
    }

    /// Asks everybody once.
    pub async fn look(&self) -> Snapshot {
        self.snapshot(&self.parts.engine.status(ANSWER_TIMEOUT).await)
    }

    fn snapshot(&self, status: &EngineStatus) -> Snapshot {
        let now = self.parts.clock.now();
        let execution = status.execution.as_ref();
        let risk = status.risk.as_ref();
        let feed = status.feed.as_ref();
        let unknown = |working: &&(model::OrderId, OrderStatus)| working.1 == OrderStatus::Unknown;
        let streams = self.streams(status);
        let is_overdue = self.overdue(status).is_some();
        let problems = health::problems(status, &streams, is_overdue);
        let reconciled_at = execution.and_then(|execution| execution.standing.reconciled_at);
        let held_back = execution.and_then(|execution| execution.standing.held_back);
        let is_answered = execution.is_some() && risk.is_some();
        self.beats.set(self.beats.get() + u64::from(is_answered));
        Snapshot {
            identity: self.parts.identity.clone(),
            taken_at: now.wall.to_string(),
            looked_at: now.wall,
            venue_at: now.venue.to_string(),
            is_healthy: problems.is_empty(),
            problems,
            uptime_s: now.wall.since(self.started_at.wall).as_secs(),
            trading_state: risk.map_or("unknown", |risk| risk.state.name()),
            trading_reason: risk.and_then(|risk| risk.state_reason.clone()),
            reconciled_at: reconciled_at.map(|at| at.venue.to_string()),
            reconcile_age_ms: reconciled_at.map(|at| now.venue.since(at.venue).as_millis() as u64),
            held_back: held_back.map_or(0, |held_back| held_back.commands),
            instance: self.parts.instance,
            beats: self.beats.get(),
            is_live: execution.is_some_and(|execution| execution.is_live),
            fills: risk.map_or(0, |risk| risk.fills),
            open_orders: execution.map_or(0, |execution| execution.working.len()),
            unknown_orders: execution.map_or(0, |e| e.working.iter().filter(unknown).count()),
            unprotected: risk.map_or(0, |risk| risk.uncovered.len()),
            unprotected_ms: risk.map_or(0, |risk| {
                let since = risk.uncovered.iter().map(|uncovered| uncovered.since).min();
                since.map_or(0, |since| now.venue.since(since).as_millis() as u64)
            }),
            equity: risk.map(|risk| risk.equity),
            currency: self.parts.currency.clone(),
            events: feed.map_or(0, |feed| published(&feed.stats)),
            frames: feed.map_or(0, |feed| feed.stats.frames),
            tick_to_order: execution
                .map_or(Quantiles::default(), |e| e.times.tick_to_order.quantiles()),
            arbiter_lag_us: self.lag.replace(Duration::ZERO).as_micros() as u64,
            market_lag_ms: risk.map_or(0, |risk| risk.market_lag.as_millis() as u64),
            process: ProcessFigures::read(),
            strategies: strategies(status),
            positions: self.positions(status),
            prices: self.prices(status),
            streams,
            mailboxes: mailboxes(status, self.parts.observer.gauge()),
        }
    }

    fn overdue(&self, status: &EngineStatus) -> Option<Duration> {
        let standing = &status.execution.as_ref()?.standing;
        let (now, limit) = (self.parts.clock.now(), self.parts.overdue_after);
        health::overdue(now, self.started_at, standing, limit)
    }

    /// A person is told once that the venue and the journal were not compared for too long, and
    /// once that they are again.
    fn watch_reconcile(&mut self, status: &EngineStatus) {
        let Some(execution) = &status.execution else { return };
        let age = self.overdue(status);
        if age.is_some() == self.is_overdue_told {
            return;
        }
        self.is_overdue_told = age.is_some();
        let Some(age) = age else {
            let subject = "compared with the venue again".to_owned();
            let text = "the venue and the journal agree".to_owned();
            self.alert(Alert { severity: Severity::Info, subject, text });
            return;
        };
        let limit_ms = self.parts.overdue_after.as_millis() as u64;
        let reason = execution.standing.read_failed.clone();
        let reason = reason.unwrap_or_else(|| "the venue does not answer".to_owned());
        log_event!(
            RECONCILE_OVERDUE,
            age_ms = age.as_millis() as u64,
            limit_ms,
            reason = %reason
        );
        let subject = "orders and balances are not compared with the venue any more".to_owned();
        let text = format!("for {} s by the venue's clock: {reason}", age.as_secs());
        self.alert(Alert { severity: Severity::Error, subject, text });
    }

    fn alert(&self, alert: Alert) {
        self.parts.observer.tell(Observation::Alert(alert));
    }

    fn streams(&self, status: &EngineStatus) -> Vec<StreamReading> {
        let streams = status.feed.iter().flat_map(|feed| feed.streams.iter());
        streams
            .map(|(stream, age, is_stale)| StreamReading {
                symbol: self.parts.instruments.get(stream.instrument).symbol,
                stream: stream_name(*stream),
                age_ms: age.as_millis() as u64,
                is_stale: *is_stale,
            })
            .collect()
    }

    fn positions(&self, status: &EngineStatus) -> Vec<PositionReading> {
        let mark = |id: model::InstrumentId| {
            let risk = status.risk.as_ref()?;
            risk.marks.iter().find(|(marked, _)| *marked == id).map(|(_, price)| *price)
        };
        let mut readings = Vec::new();
        for strategy in &status.strategies {
            for (id, position) in &strategy.positions {
                if position.fees().is_zero() && position.quantity().is_zero() {
                    continue;
                }
                let unrealised = mark(*id).and_then(|price| position.unrealised(price).ok());
                readings.push(PositionReading {
                    strategy: strategy.name.clone(),
                    symbol: self.parts.instruments.get(*id).symbol,
                    quantity: position.quantity(),
                    average_cost: position.average_cost(),
                    realised: position.realised(),
                    unrealised,
                    fees: position.fees(),
                });
            }
        }
        readings
    }

    fn prices(&self, status: &EngineStatus) -> Vec<PriceReading> {
        let marks = status.risk.iter().flat_map(|risk| risk.marks.iter());
        let symbol = |id: model::InstrumentId| self.parts.instruments.get(id).symbol;
        marks.map(|(id, price)| PriceReading { symbol: symbol(*id), price: *price }).collect()
    }

    fn heartbeat(&mut self, snapshot: &Snapshot, wall: Timestamp) {
        let cpu = snapshot.process.cpu.unwrap_or_default();
        let (since, used) = self.last_cpu;
        let passed = wall.since(since).as_secs_f64().max(1e-9);
        let cpu_percent = (cpu.saturating_sub(used)).as_secs_f64() / passed * 100.0;
        self.last_cpu = (wall, cpu);
        log_event!(
            ENGINE_HEARTBEAT,
            name = snapshot.identity.name.as_deref(),
            account = %snapshot.identity.account,
            uptime_s = snapshot.uptime_s,
            trading_state = snapshot.trading_state,
            trading_reason = snapshot.trading_reason.as_deref(),
            healthy = snapshot.is_healthy,
            problems = %snapshot.problems.join("; "),
            resident_bytes = snapshot.process.resident_bytes.unwrap_or(0),
            cpu_percent = (cpu_percent * 10.0).round() / 10.0,
            open_files = snapshot.process.open_files.unwrap_or(0),
            threads = snapshot.process.threads.unwrap_or(0),
            arbiter_lag_us = snapshot.arbiter_lag_us,
            market_lag_ms = snapshot.market_lag_ms,
            events = snapshot.events,
            tick_to_order_p50_us = snapshot.tick_to_order.p50_us.round(),
            tick_to_order_p99_us = snapshot.tick_to_order.p99_us.round(),
            open_orders = snapshot.open_orders,
            unknown_orders = snapshot.unknown_orders,
            reconcile_age_ms = snapshot.reconcile_age_ms,
            held_back = snapshot.held_back,
            unprotected = snapshot.unprotected,
            unprotected_ms = snapshot.unprotected_ms,
            equity = %snapshot.equity.unwrap_or_default(),
            currency = %snapshot.currency,
            log_lines_dropped = (self.parts.log_lines_dropped)(),
            mailboxes = %json(&snapshot.mailboxes),
            streams = %json(&snapshot.streams)
        );
    }
}

/// JSON for a log field.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("readings have plain keys and finite numbers")
}

const fn published(stats: &kernel::feed::FeedStats) -> u64 {
    stats.trades + stats.quotes + stats.depth_applied + stats.bars
}

fn strategies(status: &EngineStatus) -> Vec<StrategyReading> {
    let equity = |id| {
        let risk = status.risk.as_ref()?;
        risk.strategies.iter().find(|(strategy, _)| *strategy == id).map(|(_, equity)| *equity)
    };
    let readings = status.strategies.iter().map(|strategy| StrategyReading {
        name: strategy.name.clone(),
        kind: strategy.kind,
        stage: strategy.stage.name(),
        failures: strategy.failures,
        capital: strategy.capital,
        equity: equity(strategy.strategy),
        open_orders: strategy.open_orders,
    });
    readings.collect()
}

/// Every edge once.
fn mailboxes(status: &EngineStatus, onlooker: &Arc<Gauge>) -> Vec<GaugeReading> {
    let feed = status.feed.iter().flat_map(|feed| &feed.gauges);
    let execution = status.execution.iter().flat_map(|execution| &execution.gauges);
    let risk = status.risk.iter().flat_map(|risk| &risk.gauges);
    let strategies = status.strategies.iter().flat_map(|strategy| &strategy.gauges);
    let all = feed.chain(execution).chain(risk).chain(strategies).chain([onlooker]);
    let mut readings: Vec<GaugeReading> = all.map(|gauge| gauge.read()).collect();
    readings.sort_by(|one, other| one.name.cmp(&other.name));
    readings.dedup_by(|one, other| one.name == other.name);
    readings
}

/// How much later than asked a sleep ends: what every timer on this arbiter suffers.
async fn measure_lag(clock: Clock, worst: Rc<Cell<Duration>>) {
    const NAP: Duration = Duration::from_millis(20);
    loop {
        let asleep_at = clock.wall();
        tokio::time::sleep(NAP).await;
        let late = clock.wall().since(asleep_at).saturating_sub(NAP);
        worst.set(worst.get().max(late));
    }
}
