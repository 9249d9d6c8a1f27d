//! One seed: everything goes wrong for a while, then nothing does any more, and both sides'
//! records are compared.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actors::risk::RiskStatus;
use exchange::ExchangeHandle;
use kernel::journal::{Journal as _, Record};
use model::{Amount, Asset, OrderEventKind, OrderId, StrategyId};
use rand::SeedableRng as _;
use rand_pcg::Pcg64Mcg;
use store::journal::{Level, MemoryDisk, MemoryJournal};
use tempfile::TempDir;
use tickwright::config::{Config, Override, Sources, load};

use super::audit::{Audit, Journaled, compare};
use super::faults::{Fault, ManualTrade, Movement, plan};
use super::mutants::Mutant;
use super::record::VenueRecord;
use super::watch::Watch;
use super::{engine, exchange_host};

/// How long everything has to come to rest once nothing goes wrong any more.
const QUIET: Duration = Duration::from_secs(90);
/// How much longer it may take where the operator still has to look at the account: a difference
/// is one only after several looks.
const LONGER: Duration = Duration::from_secs(180);
/// What each strategy trades with.
const CAPITAL: i64 = 5_000;
/// Within so much of it their equity stays by trading alone. A deposit is several times as much.
const EQUITY_MOVES: i64 = 2_500;
/// How long a commit takes on a disk that is well.
const COMMIT_TIME: Duration = Duration::from_millis(2);
/// Within so long gate and journal have the same positions: a fill is on its way to both.
const POSITIONS_MEET: Duration = Duration::from_secs(5);
/// How long the last stop in good order may take, with a last look at the account.
const STOP: Duration = Duration::from_secs(120);

/// How often it is started and stopped again where what it kept has filled.
const STARTS_AFTER: usize = 3;

/// What a run is.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub seed: u64,
    pub level: Level,
    pub mutant: Mutant,
    /// What the exchange is told at the beginning.
    pub weather: Option<&'static str>,
}

impl Setting {
    /// Half of the seeds trust the power, which fails all the same.
    pub const fn of(seed: u64) -> Self {
        let level = if seed.is_multiple_of(2) { Level::Power } else { Level::Process };
        Self { seed, level, mutant: Mutant::None, weather: None }
    }
}

/// What came of a seed.
pub struct Outcome {
    /// What was compared.
    pub audit: Audit,
    /// How often each class of fault was injected.
    pub injected: BTreeMap<&'static str, u64>,
    /// Fills of a part of an order: F16, which nobody injects.
    pub partial_fills: u64,
    /// What did not hold, each with the invariant's name.
    pub broken: Vec<String>,
    /// The journal: the log of typed events.
    pub log: Vec<String>,
    /// Steps after which both sides were looked at.
    pub looks: u64,
}

/// What the hosts and the driver share.
pub struct Bench {
    pub setting: Setting,
    pub config: Config,
    pub keys: exchange::Credentials,
    pub disk: MemoryDisk,
    /// The exchange, once it serves.
    pub exchange: RefCell<Option<ExchangeHandle>>,
    watch: RefCell<Watch>,
    /// Since when gate and journal have had different positions.
    positions_differ_since: Cell<Option<Duration>>,
    /// How long a commit takes.
    pub commit_time: Cell<Duration>,
    /// Strategies that are to panic.
    pub panics: RefCell<Vec<&'static str>>,
    /// The names of hosts are not resolved.
    pub no_names: Arc<AtomicBool>,
    /// For the operator of the exchange, in order.
    pub commands: RefCell<Vec<Command>>,
    /// What came and went of the account's money, by the exchange's word.
    pub moved: RefCell<BTreeMap<Asset, Amount>>,
    /// A stop in good order is wanted, and a start after it.
    pub is_stop_wanted: Cell<bool>,
    /// Symbols whose record is wanted.
    pub wanted_record: RefCell<Option<Vec<String>>>,
    pub record: RefCell<Option<Result<VenueRecord, String>>>,
    pub is_settled: Cell<bool>,
    pub is_stopping: Cell<bool>,
    pub is_stopped: Cell<bool>,
    pub is_disk_failing: Cell<bool>,
    /// The process has to end now.
    ended: RefCell<Option<String>>,
    broken: RefCell<Vec<String>>,
    _directory: TempDir,
}

impl Bench {
    /// Notes what does not hold.
    pub fn break_by(&self, what: String) {
        self.broken.borrow_mut().push(what);
    }

    /// A process begins: what the one before had on its way to the journal is there, or lost.
    pub fn begin_process(&self) {
        self.positions_differ_since.set(None);
    }

    /// Money came, or went.
    pub fn note_moved(&self, asset: Asset, amount: Amount) {
        *self.moved.borrow_mut().entry(asset).or_default() += amount;
    }

    /// Assets of which something came or went that the journal does not have yet.
    pub fn unexplained(&self) -> BTreeMap<Asset, Amount> {
        let watch = self.watch.borrow();
        let booked = watch.ledger().external_flows();
        let mut left = self.moved.borrow().clone();
        for (asset, amount) in booked {
            *left.entry(*asset).or_default() -= *amount;
        }
        left.retain(|_, amount| !amount.is_zero());
        left
    }

    /// A strategy's equity moves by what it trades, and by nothing that others do.
    pub fn judge_equity(&self, strategy: Option<StrategyId>, equity: Amount) {
        let capital = if strategy.is_some() { CAPITAL } else { CAPITAL * STRATEGIES.len() as i64 };
        let moved = equity - Amount::new(capital.into());
        if moved.abs() > Amount::new(EQUITY_MOVES.into()) {
            self.break_by(format!("OutsideProfit: {strategy:?}: equity {equity} of {capital}"));
        }
    }

    /// Looks at both sides; called after each step.
    fn look(&self) {
        let exchange = self.exchange.borrow();
        let Some(exchange) = exchange.as_ref() else { return };
        let mut watch = self.watch.borrow_mut();
        exchange.look(|exchange| watch.look(&self.disk, exchange));
        let broken = watch.take_broken();
        drop(watch);
        broken.into_iter().for_each(|broken| self.break_by(broken));
    }

    /// Orders that work at the exchange and that the journal knows.
    pub fn open_orders(&self) -> BTreeSet<OrderId> {
        let exchange = self.exchange.borrow();
        let watch = self.watch.borrow();
        exchange.as_ref().map_or_else(BTreeSet::new, |it| it.look(|exchange| watch.open(exchange)))
    }

    /// What worked before the gate told how it is, and works still, was reserved for meanwhile; and
    /// what it holds is what the journal adds up to, but for what is on its way.
    pub fn judge_gate(&self, open_before: &BTreeSet<OrderId>, gate: &RiskStatus) {
        let open = self.open_orders();
        for order in open_before.intersection(&open).filter(|id| !gate.reserved.contains(id)) {
            self.break_by(format!("ReservationsCover: {order} works and is not reserved for"));
        }
        self.judge_holdings(gate);
        let watch = self.watch.borrow();
        let booked = watch.ledger().positions().filter(|(_, _, it)| !it.quantity().is_zero());
        let booked: BTreeSet<_> =
            booked.map(|(strategy, id, position)| (strategy, id, position.quantity())).collect();
        let held: BTreeSet<_> = gate.positions.iter().copied().collect();
        if booked == held {
            self.positions_differ_since.set(None);
            return;
        }
        let now = turmoil::sim_elapsed().unwrap_or_default();
        let since = self.positions_differ_since.get().unwrap_or(now);
        self.positions_differ_since.set(Some(since));
        if now - since >= POSITIONS_MEET {
            let differences = held.symmetric_difference(&booked);
            let differences: Vec<_> = differences.collect();
            self.break_by(format!("PositionsMatch: gate or journal: {differences:?}"));
            self.positions_differ_since.set(None);
        }
    }

    /// No strategy holds more than its capital buys, whatever the account holds.
    fn judge_holdings(&self, gate: &RiskStatus) {
        for (strategy, instrument, quantity) in &gate.positions {
            let mark = gate.marks.iter().find(|(id, _)| id == instrument);
            let Some((_, price)) = mark else { continue };
            let worth = price.to_decimal() * quantity.to_decimal();
            if worth > (CAPITAL + EQUITY_MOVES).into() {
                self.break_by(format!("NeverTraded: {strategy} holds {worth} of {CAPITAL}"));
            }
        }
    }

    /// The order path is broken: the process ends.
    pub fn end_process(&self, reason: String) {
        self.ended.borrow_mut().get_or_insert(reason);
    }
}

/// Many fills in little time, and limits that nothing runs into.
const SETTINGS: [&str; 15] = [
    "mode=live",
    "venue.endpoint=custom",
    "venue.rest_url=http://exchange",
    "venue.ws_url=ws://exchange",
    "venue.ws_api_url=ws://exchange/ws-api/v3",
    "venue.answer_timeout_ms=5000",
    "venue.probe_every_ms=2000",
    "venue.silent_after_ms=6000",
    "venue.reconcile_every_ms=30000",
    "feed.silent_after_ms=6000",
    "feed.reconnect_initial_ms=100",
    "feed.reconnect_max_ms=2000",
    "risk.max_orders_per_10s=1000",
    "risk.daily_loss=50000",
    "risk.max_drawdown=50000",
];

const STRATEGIES: [(&str, &str, &str); 2] = [
    ("grid", "SOLUSDT", "levels = 4\nspacing_bps = 2\norder_notional = \"100\""),
    (
        "market_maker",
        "BNBUSDT",
        "half_spread_bps = 1\nskew_bps = 1\nmax_lots = 6\nrequote_bps = 1\nrequote_ms = 500\n\
         order_notional = \"100\"",
    ),
];

/// The one whose positions rest under pairs of a stop and a target, near enough to be reached.
const PROTECTED: &str = "grid";
const PROTECTION: &str = "[protection]\nstop_loss_bps = 15\ntake_profit_bps = 10\n";

fn is_partial_fill(record: &Record) -> bool {
    let Record::OrderChanged { event, .. } = record else { return false };
    matches!(event.kind, OrderEventKind::Filled { complete: false, .. })
}

fn write_private(path: &Path, text: &str) {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    std::io::Write::write_all(&mut file.unwrap(), text.as_bytes()).unwrap();
}

fn configured(directory: &Path, keys: &exchange::Credentials, mutant: Mutant) -> Config {
    std::fs::create_dir_all(directory.join("strategies")).unwrap();
    for (kind, symbol, parameters) in STRATEGIES {
        let protection = if kind == PROTECTED { PROTECTION } else { "" };
        let text = format!(
            "id = \"{kind}\"\nkind = \"{kind}\"\nsymbols = [\"{symbol}\"]\ncapital = \"{CAPITAL}\"\n\
             {protection}[parameters]\n{parameters}\n"
        );
        std::fs::write(directory.join(format!("strategies/{kind}.toml")), text).unwrap();
    }
    std::fs::write(directory.join("engine.toml"), "").unwrap();
    write_private(&directory.join("api.key"), &keys.ed25519_api_key);
    write_private(&directory.join("private.pem"), &keys.ed25519_private_key_pem);
    // The installation's name is drawn at random, once; here it is always the same.
    std::fs::create_dir_all(directory.join("state")).unwrap();
    std::fs::write(directory.join("state/instance"), "simula\n").unwrap();
    let files = [
        format!("state_dir={}", directory.join("state").display()),
        format!("venue.api_key_file={}", directory.join("api.key").display()),
        format!("venue.private_key_file={}", directory.join("private.pem").display()),
    ];
    let fence: &[&str] = match mutant {
        Mutant::NoFence => &["venue.recv_window_ms=1", "venue.fence_margin_ms=0"],
        Mutant::None | Mutant::AnswersBeforeItWrites | Mutant::TrustsReads | Mutant::BuiltIn(_) => {
            &[]
        }
    };
    let settings = SETTINGS.iter().chain(fence).map(|set| (*set).to_owned());
    let settings = files.into_iter().chain(settings);
    let overrides: Vec<Override> = settings.map(|set| Override::of_set(&set).unwrap()).collect();
    let sources = Sources::Files { engine: Some(directory.join("engine.toml")) };
    load(&sources, &overrides, tickwright::STRATEGIES).unwrap_or_else(|error| panic!("{error}"))
}

/// What the operator of the exchange does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Tells its control path something.
    Control(String),
    /// Books a deposit or a withdrawal.
    Move(Movement),
    /// Trades on the account.
    Trade(ManualTrade),
}

/// The driver.
pub struct World {
    bench: Rc<Bench>,
    random: Pcg64Mcg,
    simulation: turmoil::Sim<'static>,
    injected: BTreeMap<&'static str, u64>,
    /// What ends later: at this time.
    later: Vec<(Duration, Later)>,
    is_down: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Later {
    Repair,
    Release,
    Names,
    Start,
    Quick,
    Venue(&'static str),
}

impl World {
    pub fn new(setting: Setting) -> Self {
        let seed = setting.seed;
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let directory = tempfile::tempdir().unwrap();
        let keys = exchange::Credentials::generate(&mut random);
        let bench = Rc::new(Bench {
            setting,
            config: configured(directory.path(), &keys, setting.mutant),
            keys,
            disk: MemoryDisk::default(),
            exchange: RefCell::default(),
            watch: RefCell::new(Watch::new(setting.level)),
            positions_differ_since: Cell::default(),
            commit_time: Cell::new(COMMIT_TIME),
            panics: RefCell::default(),
            no_names: Arc::default(),
            commands: RefCell::default(),
            moved: RefCell::default(),
            is_stop_wanted: Cell::default(),
            wanted_record: RefCell::default(),
            record: RefCell::default(),
            is_settled: Cell::default(),
            is_stopping: Cell::default(),
            is_stopped: Cell::default(),
            is_disk_failing: Cell::default(),
            ended: RefCell::default(),
            broken: RefCell::default(),
            _directory: directory,
        });
        let mut simulation = turmoil::Builder::new()
            .rng_seed(seed)
            .tick_duration(Duration::from_millis(2))
            .simulation_duration(Duration::from_secs(86_400))
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(Duration::from_millis(20))
            // A queue that is full there is a panic; here it is the sender's business.
            .tcp_capacity(1 << 20)
            .build();
        let shared = Rc::clone(&bench);
        simulation.host("exchange", move || exchange_host::run(Rc::clone(&shared)));
        let shared = Rc::clone(&bench);
        simulation.host("engine", move || engine::run(Rc::clone(&shared)));
        Self {
            bench,
            random,
            simulation,
            injected: BTreeMap::new(),
            later: Vec::new(),
            is_down: false,
        }
    }

    /// Everything goes wrong for so long, then nothing.
    pub fn run(mut self, busy: Duration) -> Outcome {
        if let Some(weather) = self.bench.setting.weather {
            self.tell(weather);
        }
        for (at, fault) in plan(&mut self.random, busy) {
            self.run_until(at);
            self.inject(fault);
        }
        self.run_until(busy);
        self.heal();
        self.run_until(busy + QUIET);
        self.run_while(LONGER, |bench| !bench.is_settled.get());
        if !self.bench.is_settled.get() {
            let unexplained = self.bench.unexplained();
            self.bench.break_by(format!("Converges: not live and settled, {unexplained:?}"));
        }
        self.bench.is_stopping.set(true);
        self.stop();
        let mut audit = self.compare();
        // What protects positions stays at the exchange, and may fill after the stop or with it: the
        // next start has it then.
        for _ in 0..STARTS_AFTER {
            if !self.may_have_filled_since(&audit) {
                break;
            }
            self.bench.is_stopped.set(false);
            self.simulation.bounce("engine");
            self.stop();
            audit = self.compare();
        }
        self.judge(audit)
    }

    fn stop(&mut self) {
        self.run_while(STOP, |bench| !bench.is_stopped.get());
        if !self.bench.is_stopped.get() {
            self.bench.break_by("Converges: it does not stop".to_owned());
        }
    }

    /// Whether the fills that the journal lacks are all of orders that were kept at the stop.
    fn may_have_filled_since(&self, audit: &Audit) -> bool {
        let journal = MemoryJournal::open(&self.bench.disk, Level::Power).unwrap();
        let kept = journal.ledger().open_orders().filter_map(|order| order.venue_order);
        let kept: Vec<String> = kept.map(|number| format!("of order {number}")).collect();
        let is_of_kept = |fill: &String| kept.iter().any(|order| fill.ends_with(order));
        !audit.fills_lost.is_empty() && audit.fills_lost.iter().all(is_of_kept)
    }

    /// The journal beside the exchange's record, as its signed REST tells it.
    fn compare(&mut self) -> Audit {
        let mut journal = MemoryJournal::open(&self.bench.disk, Level::Power).unwrap();
        let ledger = journal.ledger().clone();
        let ours = Journaled::read(ledger, |each| journal.replay(each)).unwrap();
        *self.bench.wanted_record.borrow_mut() = Some(ours.symbols());
        self.run_while(Duration::from_secs(600), |bench| bench.record.borrow().is_none());
        let record = self.bench.record.borrow_mut().take();
        match record {
            Some(Ok(record)) => compare(&ours, &record),
            other => {
                self.bench.break_by(format!("no record of the exchange: {other:?}"));
                Audit::default()
            }
        }
    }

    fn judge(self, audit: Audit) -> Outcome {
        let mut journal = MemoryJournal::open(&self.bench.disk, Level::Power).unwrap();
        self.name_differences(&audit);
        let unexplained = self.bench.unexplained();
        if !unexplained.is_empty() {
            self.bench.break_by(format!("FlowsMatch: not as they came: {unexplained:?}"));
        }
        // The configuration's hash knows the directory, which is another each time.
        let blank = |mut record: Record| {
            if let Record::EpochStarted { config_hash, .. } = &mut record {
                config_hash.clear();
            }
            record
        };
        let (mut log, mut partial_fills) = (Vec::new(), 0);
        let mut note = |number, record| {
            partial_fills += u64::from(is_partial_fill(&record));
            log.push(format!("{number} {:?}", blank(record)));
        };
        journal.replay(&mut note).unwrap();
        let broken = self.bench.broken.take();
        let looks = self.bench.watch.borrow().looks;
        Outcome { audit, injected: self.injected, partial_fills, broken, log, looks }
    }

    fn name_differences(&self, audit: &Audit) {
        let differences = [
            ("FillsMatch", &audit.fills_lost),
            ("FillsMatch", &audit.fills_wrong),
            ("AcceptedOnce", &audit.orders_doubled),
            ("OrdersMatch", &audit.orders_wrong),
            ("PositionsMatch", &audit.positions_wrong),
        ];
        for (invariant, found) in differences {
            for difference in found {
                match (difference.ends_with("not in the journal"), self.bench.setting.level) {
                    // The power took what was not synced; the fills were booked all the same.
                    (true, Level::Process) => {}
                    (true, Level::Power) => {
                        self.bench.break_by(format!("IntendedBeforeSent: {difference}"));
                    }
                    (false, Level::Power | Level::Process) => {
                        self.bench.break_by(format!("{invariant}: {difference}"));
                    }
                }
            }
        }
    }

    fn now(&self) -> Duration {
        self.simulation.elapsed()
    }

    fn run_until(&mut self, end: Duration) {
        while self.now() < end {
            self.step();
        }
    }

    fn run_while(&mut self, most: Duration, is_so: impl Fn(&Bench) -> bool) {
        let end = self.now() + most;
        while self.now() < end && is_so(&self.bench) {
            self.step();
        }
    }

    fn step(&mut self) {
        let now = self.now();
        let due: Vec<Later> =
            self.later.iter().filter(|(at, _)| *at <= now).map(|(_, later)| *later).collect();
        self.later.retain(|(at, _)| *at > now);
        due.into_iter().for_each(|later| self.carry_out(later));
        self.simulation.step().unwrap();
        self.bench.look();
        let ended = self.bench.ended.borrow_mut().take();
        if ended.is_some() && !self.is_down {
            if !self.bench.is_disk_failing.take() {
                self.bench.break_by(format!("OrderPathHolds: {ended:?}"));
            }
            self.kill(Duration::from_millis(500));
        }
    }

    fn carry_out(&mut self, later: Later) {
        match later {
            Later::Repair => self.simulation.repair("engine", "exchange"),
            Later::Release => self.simulation.release("engine", "exchange"),
            Later::Quick => self.bench.commit_time.set(COMMIT_TIME),
            Later::Start => {
                self.is_down = false;
                self.simulation.bounce("engine");
            }
            Later::Names => self.bench.no_names.store(false, Ordering::Relaxed),
            Later::Venue(command) => self.tell(command),
        }
    }

    fn tell(&self, command: &str) {
        self.order(Command::Control(command.to_owned()));
    }

    fn order(&self, command: Command) {
        self.bench.commands.borrow_mut().push(command);
    }

    fn kill(&mut self, down: Duration) {
        if !self.is_down {
            self.is_down = true;
            self.simulation.crash("engine");
            self.bench.positions_differ_since.set(None);
            self.bench.is_settled.set(false);
            self.bench.ended.take();
            self.later.push((self.now() + down, Later::Start));
        }
    }

    fn inject(&mut self, fault: Fault) {
        *self.injected.entry(fault.class()).or_default() += 1;
        tracing::info!(at = ?self.now(), ?fault, "injected");
        match fault {
            Fault::Partition(time) => {
                self.simulation.partition("engine", "exchange");
                self.later.push((self.now() + time, Later::Repair));
            }
            Fault::Mute(time) => {
                self.simulation.partition_oneway("engine", "exchange");
                self.later.push((self.now() + time, Later::Repair));
            }
            Fault::Deaf(time) => {
                self.simulation.partition_oneway("exchange", "engine");
                self.later.push((self.now() + time, Later::Repair));
            }
            Fault::SlowDisk(time, commit) => {
                self.bench.commit_time.set(commit);
                self.later.push((self.now() + time, Later::Quick));
            }
            Fault::Panic(strategy) => self.bench.panics.borrow_mut().push(strategy),
            Fault::Hold(time) => {
                self.simulation.hold("engine", "exchange");
                self.later.push((self.now() + time, Later::Release));
            }
            Fault::NoNames(time) => {
                self.bench.no_names.store(true, Ordering::Relaxed);
                self.later.push((self.now() + time, Later::Names));
            }
            Fault::Kill(down) => self.kill(down),
            Fault::Stop => self.bench.is_stop_wanted.set(true),
            Fault::PowerLoss(down, kept_commits) => {
                self.kill(down);
                self.bench.disk.lose_power(kept_commits);
            }
            Fault::DiskFailure => {
                self.bench.is_disk_failing.set(true);
                self.bench.disk.fail_at_append(1);
            }
            Fault::Venue(fault) => {
                self.tell(fault.begin);
                if let Some((secs, end)) = fault.end {
                    self.later.push((self.now() + Duration::from_secs(secs), Later::Venue(end)));
                }
            }
            Fault::Moved(movement) => self.order(Command::Move(movement)),
            Fault::Traded(trade) => self.order(Command::Trade(trade)),
        }
    }

    /// Nothing goes wrong any more.
    fn heal(&mut self) {
        for (_, later) in std::mem::take(&mut self.later) {
            self.carry_out(later);
        }
        self.simulation.release("engine", "exchange");
        self.simulation.repair("engine", "exchange");
        self.tell("clear");
    }
}
