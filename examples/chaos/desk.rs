//! The directory that the engine runs in: four strategies with little capital, in a hurry, two of
//! them protected.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use super::arguments::{Arguments, Durability};
use super::engine::Engine;
use super::proxy::Proxy;
use super::venue::Venue;

/// How `tickwright` is started.
#[derive(Clone, Debug)]
pub struct Program {
    file: PathBuf,
    first: Vec<OsString>,
}

impl Program {
    /// A file.
    pub fn at(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), first: Vec::new() }
    }

    /// This program with another first argument.
    pub fn this(first: &str) -> Self {
        let file = std::env::current_exe().expect("the system knows what it runs");
        Self { first: vec![first.into()], ..Self::at(file) }
    }

    /// A command of it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.file);
        command.args(&self.first);
        self.clear(command)
    }

    /// A command of it whose files may not grow past a limit in kilobytes. The signal that comes
    /// with it is ignored, so that a write is refused as on a full disk.
    pub fn command_on_full_disk(&self, kilobytes: u32) -> Command {
        let mut command = Command::new("bash");
        let script = "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"";
        command.args(["-c", script, &kilobytes.to_string()]);
        command.arg(&self.file).args(&self.first);
        self.clear(command)
    }

    fn clear(&self, mut command: Command) -> Command {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TICKWRIGHT__") {
                command.env_remove(name);
            }
        }
        command
    }
}

/// Kind, symbol, parameters.
const STRATEGIES: [(&str, &str, &str); 4] = [
    ("grid", "SOLUSDT", "levels = 4\nspacing_bps = 3\norder_notional = \"30\""),
    (
        "market_maker",
        "BNBUSDT",
        "half_spread_bps = 1\nskew_bps = 1\nmax_lots = 6\nrequote_bps = 1\nrequote_ms = 500\n\
         order_notional = \"40\"",
    ),
    (
        "ema_cross",
        "BTCUSDT",
        "source = \"bars\"\ninterval = \"1s\"\nfast = 3\nslow = 9\norder_notional = \"60\"",
    ),
    (
        "dip_buyer",
        "ETHUSDT",
        "interval = \"1s\"\nreference_bars = 10\nfall_bps = 2\nrise_bps = 2\nlots = 6\n\
         order_notional = \"30\"",
    ),
];

/// What these hold rests under a stop and a target, as near as the market comes now and then.
const PROTECTED: [&str; 2] = ["ema_cross", "dip_buyer"];
const PROTECTION: &str = "[protection]\nstop_loss_bps = 30\ntake_profit_bps = 15\n";

/// Times that the fence is made of, on both sides shorter than in earnest: venue time.
pub const RECV_WINDOW_MS: u64 = 4_000;
pub const FENCE_MARGIN_MS: u64 = 6_000;

const SETTINGS: [&str; 12] = [
    "logs.terminal=off",
    "monitor.heartbeat_every_ms=500",
    "feed.reconnect_initial_ms=50",
    "feed.silent_after_ms=2000",
    "venue.probe_every_ms=300",
    "venue.silent_after_ms=1000",
    "venue.answer_timeout_ms=1500",
    "supervision.restart_initial_ms=50",
    "risk.max_orders_per_10s=1000",
    "risk.daily_loss=100000",
    "risk.max_drawdown=100000",
    "shutdown.drain_timeout_ms=20000",
];

/// The directory.
#[derive(Debug)]
pub struct Desk {
    path: PathBuf,
    arguments: Vec<String>,
}

impl Desk {
    /// Writes everything that an engine needs to trade at the venue by way of these lines.
    pub fn new(path: &Path, venue: &Venue, lines: &[Proxy], asked: &Arguments) -> io::Result<Self> {
        let [rest, streams, api] = lines else {
            unreachable!("one line each for REST, streams and the WebSocket API")
        };
        fs::create_dir(path.join("strategies"))?;
        for (kind, symbol, parameters) in STRATEGIES {
            let protection = if PROTECTED.contains(&kind) { PROTECTION } else { "" };
            let text = format!(
                "id = \"{kind}\"\nkind = \"{kind}\"\nsymbols = [\"{symbol}\"]\n\
                 capital = \"400\"\n{protection}[parameters]\n{parameters}\n"
            );
            fs::write(path.join(format!("strategies/{kind}.toml")), text)?;
        }
        fs::write(path.join("engine.toml"), "")?;
        write_private(&path.join("api.key"), &venue.ready.ed25519_api_key)?;
        let durability = match asked.durability {
            Durability::Power => "power",
            Durability::Process => "process",
        };
        let key_file = &venue.ready.ed25519_private_key_file;
        let settings = [
            "venue.endpoint=custom".to_owned(),
            format!("venue.rest_url=http://{}", rest.address()),
            format!("venue.ws_url=ws://{}", streams.address()),
            format!("venue.ws_api_url=ws://{}/ws-api/v3", api.address()),
            format!("venue.api_key_file={}", path.join("api.key").display()),
            format!("venue.private_key_file={key_file}"),
            format!("venue.recv_window_ms={RECV_WINDOW_MS}"),
            format!("venue.fence_margin_ms={FENCE_MARGIN_MS}"),
            format!("journal.durability={durability}"),
        ];
        let mut arguments = vec!["run".to_owned(), "--config".to_owned()];
        arguments.push(path.join("engine.toml").display().to_string());
        arguments.push("--state-dir".to_owned());
        arguments.push(path.join("state").display().to_string());
        for setting in settings.into_iter().chain(SETTINGS.map(str::to_owned)) {
            arguments.extend(["--set".to_owned(), setting]);
        }
        Ok(Self { path: path.to_owned(), arguments })
    }

    /// Starts an engine.
    pub fn start(&self, mut command: Command) -> io::Result<Engine> {
        command.args(&self.arguments).current_dir(&self.path);
        let log = self.path.join("state/logs/tickwright.log");
        Engine::start(command, &log, &self.errors())
    }

    /// What the last engine said on standard error.
    pub fn errors(&self) -> PathBuf {
        self.path.join("stderr.txt")
    }

    /// Its journal, once it was started.
    pub fn journal(&self) -> io::Result<PathBuf> {
        let mut files = fs::read_dir(self.path.join("state"))?;
        let is_journal = |path: &PathBuf| path.extension().is_some_and(|end| end == "sqlite");
        let found = files.find_map(|file| file.ok().map(|file| file.path()).filter(is_journal));
        found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no journal was written"))
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}
