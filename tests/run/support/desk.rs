//! A directory with everything that one engine is started with.

use std::cell::Cell;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use store::journal::JournalReader;
use tempfile::TempDir;
use tickwright::config::{Config, Override, Sources, load};

use super::engine::{Engine, Within};
use super::faulty;
use super::venue::Venue;

/// Settings that every desk starts from.
const SETTINGS: [&str; 6] = [
    "logs.terminal=off",
    "journal.durability=process",
    "monitor.heartbeat_every_ms=1000",
    "feed.reconnect_initial_ms=50",
    "supervision.restart_initial_ms=50",
    "risk.max_orders_per_10s=1000",
];

pub struct Desk {
    directory: TempDir,
    settings: Vec<String>,
    flags: Vec<String>,
    starts: Cell<u32>,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("strategies")).unwrap();
        std::fs::write(directory.path().join("engine.toml"), "").unwrap();
        let settings = SETTINGS.map(str::to_owned).to_vec();
        Self { directory, settings, flags: Vec::new(), starts: Cell::new(0) }
    }

    /// An engine with the exchange in its own process.
    pub fn embedded(speed: u32) -> Self {
        Self::new().set(&format!("sim.speed={speed}"))
    }

    /// An engine that trades at an exchange elsewhere.
    pub fn at(venue: &Venue) -> Self {
        Self::by_way_of(venue, venue.address(), venue.address())
    }

    /// The same by other addresses: of the market streams, and of the WebSocket API.
    pub fn by_way_of(venue: &Venue, streams: &str, api: &str) -> Self {
        let desk = Self::at_urls(&format!("http://{}", venue.address()), streams, api);
        desk.write_secret("api.key", &venue.keys().ed25519_api_key);
        desk.write_secret("private.pem", &venue.keys().ed25519_private_key_pem);
        desk
    }

    /// An engine that trades with the exchange's other key, which signs by HMAC.
    pub fn with_hmac_key(venue: &Venue) -> Self {
        let desk = Self::public(venue);
        desk.write_secret("api.key", &venue.keys().api_key);
        desk.write_secret("secret", &venue.keys().api_secret);
        let (api_key, secret) = (desk.path().join("api.key"), desk.path().join("secret"));
        desk.set(&format!("venue.api_key_file={}", api_key.display()))
            .set(&format!("venue.secret_file={}", secret.display()))
    }

    /// An engine that trades with an RSA key, which the exchange is given for it.
    pub fn with_rsa_key(venue: &Venue) -> Self {
        let desk = Self::public(venue);
        desk.take_rsa_key(venue, &"R".repeat(64));
        let (api_key, private) = (desk.path().join("api.key"), desk.path().join("private.pem"));
        desk.set(&format!("venue.api_key_file={}", api_key.display()))
            .set(&format!("venue.private_key_file={}", private.display()))
    }

    /// Puts an RSA key, which the exchange is given under this name, in the place of any other.
    pub fn take_rsa_key(&self, venue: &Venue, name: &str) {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let public = std::fs::read_to_string(data.join("rsa_test_key.pub.pem")).unwrap();
        venue.control_with(&format!("add_key?api_key={name}"), &public);
        self.write_secret("api.key", name);
        let private = std::fs::read_to_string(data.join("rsa_test_key.pem")).unwrap();
        self.write_secret("private.pem", &private);
    }

    /// An engine that has no key for the exchange.
    pub fn public(venue: &Venue) -> Self {
        let address = venue.address();
        Self::new().at_endpoint(&format!("http://{address}"), address, address)
    }

    fn at_endpoint(self, rest_url: &str, streams: &str, api: &str) -> Self {
        self.set("venue.endpoint=custom")
            .set(&format!("venue.rest_url={rest_url}"))
            .set(&format!("venue.ws_url=ws://{streams}"))
            .set(&format!("venue.ws_api_url=ws://{api}/ws-api/v3"))
    }

    /// The same without keys that mean anything.
    pub fn at_urls(rest_url: &str, streams: &str, api: &str) -> Self {
        let desk = Self::new();
        desk.write_secret("api.key", "nobody");
        let api_key_file = desk.path().join("api.key");
        let private_key_file = desk.path().join("private.pem");
        desk.at_endpoint(rest_url, streams, api)
            .set(&format!("venue.api_key_file={}", api_key_file.display()))
            .set(&format!("venue.private_key_file={}", private_key_file.display()))
    }

    pub fn write_secret(&self, name: &str, text: &str) {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(self.path().join(name)).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn state_dir(&self) -> PathBuf {
        self.path().join("state")
    }

    /// Gives an argument.
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// Real money, as far as the engine knows.
    pub fn live(self) -> Self {
        self.set("mode=live").flag("--live")
    }

    /// Makes a setting.
    pub fn set(mut self, setting: &str) -> Self {
        self.settings.push(setting.to_owned());
        self
    }

    /// Adds a strategy with a file of its own.
    pub fn with(self, kind: &str, symbol: &str, parameters: &str) -> Self {
        self.with_symbols(kind, &[symbol], parameters)
    }

    /// The same for one that trades several.
    pub fn with_symbols(self, kind: &str, symbols: &[&str], parameters: &str) -> Self {
        let text = format!(
            "id = \"{kind}\"\nkind = \"{kind}\"\nsymbols = {symbols:?}\ncapital = \"10000\"\n\
             [parameters]\n{parameters}\n"
        );
        std::fs::write(self.path().join(format!("strategies/{kind}.toml")), text).unwrap();
        self
    }

    /// Protects what a strategy holds with a stop so far below its cost.
    pub fn protected(self, strategy: &str, stop_loss_bps: u32) -> Self {
        self.set(&format!("strategies.{strategy}.protection.stop_loss_bps={stop_loss_bps}"))
    }

    /// Lays a target so far above the cost beside that stop, as one pair.
    pub fn with_target(self, strategy: &str, take_profit_bps: u32) -> Self {
        self.set(&format!("strategies.{strategy}.protection.take_profit_bps={take_profit_bps}"))
    }

    /// Runs another command of the program on this desk's engine, and gives its exit code and
    /// what it printed: to standard output, and to standard error.
    pub fn command(&self, arguments: &[&str]) -> (i32, String, String) {
        let state_dir = self.state_dir();
        let fixed = ["--state-dir", state_dir.to_str().unwrap()];
        Self::output(&arguments.iter().copied().chain(fixed).collect::<Vec<_>>())
    }

    /// Runs the program with nothing but these arguments.
    pub fn output(arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
        command.args(arguments);
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// The same with this desk's configuration, for a command that does not talk to an engine.
    pub fn command_with_settings(&self, arguments: &[&str]) -> (i32, String, String) {
        let state_dir = self.state_dir();
        let fixed = ["--state-dir", state_dir.to_str().unwrap()];
        self.settings_command(&arguments.iter().copied().chain(fixed).collect::<Vec<_>>())
    }

    /// The same for a command that is told the state directory in its own way, or needs none.
    pub fn settings_command(&self, arguments: &[&str]) -> (i32, String, String) {
        let config = self.path().join("engine.toml");
        let settings = self.settings.iter().flat_map(|set| ["--set", set.as_str()]);
        let fixed = ["--config", config.to_str().unwrap()];
        let all: Vec<&str> = arguments.iter().copied().chain(fixed).chain(settings).collect();
        Self::output(&all)
    }

    /// What a strategy holds, as the journal says.
    pub fn held(&self, strategy: &str, symbol: &str) -> model::Quantity {
        let ledger = self.journal().ledger().unwrap();
        let strategy = ledger.strategy_id(strategy).unwrap();
        let instrument = ledger.instrument_id(symbol).unwrap();
        ledger.position(strategy, instrument).quantity()
    }

    /// Adds two of the built-in strategies that trade all the time, each on a symbol of its own.
    pub fn with_busy_strategies(self) -> Self {
        self.with("grid", "SOLUSDT", "levels = 6\nspacing_bps = 4\norder_notional = \"300\"").with(
            "market_maker",
            "BNBUSDT",
            "half_spread_bps = 2\nskew_bps = 2\nmax_lots = 6\nrequote_bps = 1\n\
             requote_ms = 500\norder_notional = \"500\"",
        )
    }

    /// Adds the four strategies that come with the program.
    pub fn with_shipped_strategies(self) -> Self {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/strategies");
        for file in std::fs::read_dir(shipped).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), self.path().join("strategies").join(file.file_name()))
                .unwrap();
        }
        self
    }

    /// The arguments of a run.
    pub fn arguments(&self) -> Vec<String> {
        let config = self.path().join("engine.toml");
        let fixed = ["run", "--config", config.to_str().unwrap(), "--state-dir"];
        let state_dir = self.state_dir();
        let fixed = fixed.into_iter().chain([state_dir.to_str().unwrap()]).map(str::to_owned);
        let settings = self.settings.iter().flat_map(|set| ["--set".to_owned(), set.clone()]);
        fixed.chain(settings).chain(self.flags.clone()).collect()
    }

    /// The configuration that the engine reads.
    pub fn config(&self, kinds: &[kernel::strategy::StrategyEntry]) -> Config {
        let state_dir = self.state_dir();
        let directory = Override::of_flag("--state-dir", "state_dir", state_dir.to_string_lossy());
        let settings = self.settings.iter().map(|set| Override::of_set(set).unwrap());
        let overrides: Vec<Override> = [directory].into_iter().chain(settings).collect();
        let sources = Sources::Files { engine: Some(self.path().join("engine.toml")) };
        load(&sources, &overrides, kinds).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts the program.
    pub fn start(&self) -> Engine {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
        command.args(self.arguments());
        self.start_command(command)
    }

    /// Starts the program with faulty strategies.
    pub fn start_faulty(&self) -> Engine {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", faulty::TEST, "--nocapture", "--quiet"]);
        command.env(faulty::ARGUMENTS, self.arguments().join("\n"));
        command.stdout(std::process::Stdio::null());
        self.start_command(command)
    }

    /// Starts a guard of this desk's engine, of the program with faulty strategies: it reads the
    /// same files. Its log is what it prints.
    pub fn start_guard(&self, arguments: &[&str]) -> Engine {
        let config = self.path().join("engine.toml");
        let fixed = ["guard", "--config", config.to_str().unwrap()].map(str::to_owned);
        let settings = self.settings.iter().flat_map(|set| ["--set".to_owned(), set.clone()]);
        let given = arguments.iter().map(|argument| (*argument).to_owned());
        let all: Vec<String> = fixed.into_iter().chain(settings).chain(given).collect();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", faulty::TEST, "--nocapture", "--quiet"]);
        command.env(faulty::ARGUMENTS, all.join("\n"));
        command.stdout(std::process::Stdio::null()).current_dir(self.path());
        self.starts.set(self.starts.get() + 1);
        let printed = self.path().join(format!("guard-{}.txt", self.starts.get()));
        Engine::start(command, &printed, &printed)
    }

    /// Starts a command that is an engine of this desk.
    pub fn start_command(&self, mut command: Command) -> Engine {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TICKWRIGHT__") {
                command.env_remove(name);
            }
        }
        command.current_dir(self.path());
        self.starts.set(self.starts.get() + 1);
        let errors = self.path().join(format!("stderr-{}.txt", self.starts.get()));
        Engine::start(command, &self.state_dir().join("logs/tickwright.log"), &errors)
    }

    /// Runs a start that is to fail, and gives its exit code and what it said.
    #[track_caller]
    pub fn refused(&self) -> (i32, String) {
        let mut engine = self.start();
        let code = engine.exit(Within::secs(30)).unwrap();
        (code, engine.errors())
    }

    /// The one journal of the state directory.
    pub fn journal(&self) -> JournalReader {
        let files = std::fs::read_dir(self.state_dir()).unwrap();
        let mut journals: Vec<PathBuf> = files
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "sqlite"))
            .collect();
        assert_eq!(journals.len(), 1, "{journals:?}");
        JournalReader::open(&journals.remove(0)).unwrap()
    }

    /// Sets the permissions of the state directory.
    pub fn set_mode(&self, mode: u32) {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.state_dir(), permissions).unwrap();
    }
}
