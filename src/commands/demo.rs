//! `tickwright demo`: a few minutes of simulated market, checked and reported.

use std::fs::OpenOptions;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actors::messages::StrategyOrder;
use kernel::strategy::StrategyEntry;
use model::{Side, Timestamp};
use report::run::RunReport;
use report::summary::Summary;
use report::terminal::{self, Colour};
use serde_json::json;
use store::state_dir::StateDir;

use super::run::{Session, end_on_panic, start_log};
use crate::cli::demo::DemoArgs;
use crate::cli::{Exit, Failure};
use crate::config::{Config, Override};
use crate::demo::{
    Checked, HELP, Key, Keyboard, Material, Progress, Recoveries, Samples, build_report,
    check_against_venue,
};
use crate::wiring::{AlertSender, RunRecord};

/// Seconds of market per second, unless the person says otherwise.
const DEFAULT_SPEED: &str = "10";
/// How often the picture is renewed.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The flow of the market is hashed up to a mark that every run of the same length passes.
const FLOW_MARK_BEFORE_END: Duration = Duration::from_secs(5);

/// Runs the demonstration.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &DemoArgs, kinds: &'static [StrategyEntry]) -> Result<Exit, Failure> {
    refuse_unwritable(&args.report)?;
    let directory = tempfile::tempdir().map_err(|error| Failure::new(Exit::Storage, error))?;
    let config = args.config.load_or_embedded(overrides(args, directory.path()), kinds)?;
    let state_dir = StateDir::open(&config.engine.state_dir)?;
    let log = start_log(&config)?;
    end_on_panic(&config, &AlertSender::of(&config), &log);
    let result = actix::System::new().block_on(run(args, &config, kinds, &state_dir, &log));
    log.flush(Duration::from_secs(2));
    result
}

/// Minutes of market are not spent on a report that can't be written.
fn refuse_unwritable(report: &Path) -> Result<(), Failure> {
    let was_there = report.exists();
    let opened = OpenOptions::new().append(true).create(true).open(report);
    opened.map_err(|error| {
        let message = format!("{}: {error}: name another file with --report", report.display());
        Failure::new(Exit::Storage, message)
    })?;
    if !was_there {
        // It is made again with the report in it.
        let _ = std::fs::remove_file(report);
    }
    Ok(())
}

/// What makes a demonstration of the configuration. The one limit that is tightened is there to
/// be seen at work: the grid's outermost order is denied by it.
fn overrides(args: &DemoArgs, directory: &std::path::Path) -> Vec<Override> {
    let set = |key: &str, value: String| Override::of_flag("demo", key, value);
    let mut overrides = vec![
        set("mode", "sim".to_owned()),
        set("venue.endpoint", "sim".to_owned()),
        set("state_dir", directory.join("state").display().to_string()),
        set("logs.terminal", "off".to_owned()),
        set("api.enabled", "false".to_owned()),
        set("strategies.grid.risk.max_open_orders", "5".to_owned()),
    ];
    overrides.extend(args.overrides());
    if !args.has_speed() {
        overrides.push(set("sim.speed", DEFAULT_SPEED.to_owned()));
    }
    overrides
}

async fn run(
    args: &DemoArgs,
    config: &Config,
    kinds: &'static [StrategyEntry],
    state_dir: &StateDir,
    log: &crate::logging::LogGuard,
) -> Result<Exit, Failure> {
    let session = Session::start(config, kinds, state_dir, log, true).await?;
    let started_at = session.clock.now().venue;
    let market = Duration::from_secs(u64::from(args.minutes) * 60);
    let mut watching = Watching::start(args, config, market);
    watching.until_over(&session, started_at, market).await;
    let samples = watching.finish();
    let outcome = finish(args, config, session, samples, started_at, market).await?;
    outcome.show(args)?;
    Ok(if outcome.checked.differences.is_empty() { Exit::Ok } else { Exit::Internal })
}

/// What goes on beside the engine while it trades.
struct Watching {
    progress: Progress,
    keyboard: Keyboard,
    samples: Samples,
    recoveries: Recoveries,
    is_paused: bool,
    speed: f64,
    next_victim: usize,
    victims: Vec<String>,
}

impl Watching {
    fn start(args: &DemoArgs, config: &Config, market: Duration) -> Self {
        let keyboard = Keyboard::listen();
        let help = if keyboard.is_there() { HELP } else { "" };
        let speed = match config.engine.sim.speed {
            crate::config::Speed::Times(times) => times,
            crate::config::Speed::Max => 1.0,
        };
        Self {
            progress: Progress::start(market.as_secs(), args.json, help),
            keyboard,
            samples: Samples::default(),
            recoveries: Recoveries::default(),
            is_paused: false,
            speed,
            next_victim: 0,
            victims: config.strategies.iter().map(|strategy| strategy.id.clone()).collect(),
        }
    }

    /// Returns once so much market has passed, or a person had enough.
    async fn until_over(&mut self, session: &Session, started_at: Timestamp, market: Duration) {
        let wall_start = session.clock.wall();
        loop {
            let now = session.clock.now();
            let passed = now.venue.since(started_at);
            if passed >= market {
                return;
            }
            let snapshot = session.snapshot.borrow().clone();
            if let Some(snapshot) = snapshot {
                self.samples.take(now.venue, &snapshot);
                for news in self.recoveries.look(&snapshot.strategies) {
                    self.progress.say(&news);
                }
                let fills = usize::try_from(snapshot.fills).unwrap_or(usize::MAX);
                let wall = now.wall.since(wall_start);
                self.progress.show(passed, wall, &snapshot, fills);
            }
            tokio::select! {
                biased;
                key = self.keyboard.next() => {
                    if self.obey(session, key).await {
                        return;
                    }
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Gives the terminal back, so that lines break where they should.
    fn finish(self) -> Samples {
        self.progress.finish();
        self.samples
    }

    /// True when the person wants to stop.
    async fn obey(&mut self, session: &Session, key: Key) -> bool {
        match key {
            Key::Quit => return true,
            Key::Pause => {
                self.is_paused = !self.is_paused;
                let path = if self.is_paused { "/control/pause" } else { "/control/resume" };
                self.control(session, path).await;
            }
            Key::Faster => self.set_speed(session, self.speed * 2.0).await,
            Key::Slower => self.set_speed(session, self.speed / 2.0).await,
            Key::Panic => {
                let victim = self.victims[self.next_victim % self.victims.len()].clone();
                self.next_victim += 1;
                session.running.engine.order_strategy(&victim, StrategyOrder::Panic);
                self.progress.say(&format!("{victim} will panic at its next event"));
            }
            Key::Drop => {
                session.running.engine.drop_feed_sockets();
                self.progress.say("market data connection dropped");
            }
        }
        false
    }

    async fn set_speed(&mut self, session: &Session, speed: f64) {
        self.speed = speed.clamp(1.0, 200.0);
        let path = format!("/control/clock?speed={}", self.speed);
        self.control(session, &path).await;
        self.progress.say(&format!("{} seconds of market a second", self.speed));
    }

    async fn control(&self, session: &Session, path: &str) {
        if let Err(error) = session.site.rest().post(path).await {
            self.progress.say(&error.to_string());
        }
        if let Err(error) = session.site.follow_clock(&session.clock).await {
            self.progress.say(&error.to_string());
        }
    }
}

/// What a demonstration came to.
struct Outcome {
    report: RunReport,
    checked: Checked,
    /// Fills of each strategy that bought, and that sold, in config order.
    sides: Vec<(usize, usize)>,
    path: String,
}

async fn finish(
    args: &DemoArgs,
    config: &Config,
    session: Session,
    mut samples: Samples,
    started_at: Timestamp,
    market: Duration,
) -> Result<Outcome, Failure> {
    let internal = |error: &dyn std::fmt::Display| Failure::new(Exit::Internal, error);
    session.drain(config, "the demonstration is over").await;
    let status = session.running.engine.status(Duration::from_secs(5)).await;
    let last = session.look().await;
    samples.take(session.clock.now().venue, &last);
    let times = status.execution.map(|execution| execution.times).unwrap_or_default();
    let mark = market.saturating_sub(FLOW_MARK_BEFORE_END);
    let embedded = session.site.embedded.clone();
    let hash = embedded.as_ref().and_then(|exchange| exchange.handle().flow_hash(mark));
    let flow_hash = hash.map(|hash| format!("{hash:016x}")).unwrap_or_default();
    let instruments = Arc::clone(&session.running.instruments);
    let opening = session.opening.clone();
    let (site, clock) = (Arc::clone(&session.site), session.clock.clone());
    let record = session.close().await.unwrap_or_default();
    let now = || clock.now().venue;
    let checked = check_against_venue(&site.rest(), now, &instruments, &opening, &record).await?;
    let report = build_report(&Material {
        config,
        instruments: &instruments,
        record: &record,
        samples: &samples,
        times: &times,
        events: last.events,
        flow_hash,
        started_at,
        command: command(args, config),
    })
    .map_err(|error| internal(&error))?;
    let html = report::html::render(&report);
    let path = args.report.display().to_string();
    std::fs::write(&args.report, html)
        .map_err(|error| Failure::new(Exit::Storage, format!("{path}: {error}")))?;
    let sides = sides(config, &record);
    Ok(Outcome { report, checked, sides, path })
}

fn command(args: &DemoArgs, config: &Config) -> String {
    format!("tickwright demo --seed {} --minutes {}", config.engine.sim.seed, args.minutes)
}

/// Strategies are numbered in config order: the ledger of a demonstration is new.
fn sides(config: &Config, record: &RunRecord) -> Vec<(usize, usize)> {
    let mut sides = vec![(0, 0); config.strategies.len()];
    for (strategy, fill) in record.fills() {
        let (buys, sells) = &mut sides[usize::from(strategy.0)];
        match fill.side {
            Side::Buy => *buys += 1,
            Side::Sell => *sells += 1,
        }
    }
    sides
}

impl Outcome {
    fn show(&self, args: &DemoArgs) -> Result<(), Failure> {
        let summary = Summary::of(&self.report, Some(&self.path));
        if args.json {
            let mut object = serde_json::to_value(&summary)
                .map_err(|error| Failure::new(Exit::Internal, error))?;
            object["checked"] = json!(self.checked);
            for (number, (buys, sells)) in self.sides.iter().enumerate() {
                object["strategies"][number]["buys"] = json!(buys);
                object["strategies"][number]["sells"] = json!(sells);
            }
            println!("{object}");
            return Ok(());
        }
        println!("{}", terminal::summary(&self.report, colour()));
        let Checked { orders, fills, balances, differences } = &self.checked;
        println!(
            "Checked against the exchange's own record: {orders} orders, {fills} fills, \
             {balances} balances, {} differences.",
            differences.len()
        );
        for difference in differences {
            println!("  {difference}");
        }
        println!("Report: {}", self.path);
        Ok(())
    }
}

/// Colours where a person looks.
fn colour() -> Colour {
    if std::io::stdout().is_terminal() { Colour::Ansi } else { Colour::Plain }
}
