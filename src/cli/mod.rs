//! The command line: what can be typed, and which command it starts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

pub mod api;
pub mod backtest;
pub mod certify;
pub mod check_lookahead;
pub mod compare;
pub mod control;
pub mod data;
pub mod demo;
mod document;
pub mod exchange;
pub mod exit;
pub mod feed;
pub mod guard;
pub mod history;
pub mod journal;
pub mod logs;
pub mod parity;
pub mod prices;
pub mod reconcile;
pub mod record;
pub mod replay;
pub mod run;
pub mod sweep;
mod value;

pub use document::to_markdown;
pub use exit::{Exit, Failure};
pub use value::EndpointArg;

use crate::commands;
use crate::config::{
    Config, ConfigErrors, EngineConfig, Override, Sources, load, load_and_inspect,
};
use kernel::strategy::StrategyEntry;

/// Where `--config` looks when it is not given.
const DEFAULT_CONFIG: &str = "config/engine.toml";

/// A headless, actor-based trading engine for Binance Spot.
#[derive(Debug, Parser)]
#[command(name = "tickwright", version, propagate_version = true, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Start here:
  tickwright demo                        see it trade a simulated market
  tickwright run                         run the engine on the simulated exchange
  tickwright backtest --strategy FILE --data FILE
                                         what would it have done?
  tickwright check                       is my configuration right?
  tickwright prices BTCUSDT ETHUSDT      what do they cost?
  tickwright logs summary FILE           what did the engine do?

Settings: default < file < TICKWRIGHT__SECTION__KEY < --set section.key=value.
docs/CONFIG.md lists them all, LOGS.md every log event, docs/CLI.md the exit codes.";

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Check the configuration and report every error at once
    Check(CheckArgs),
    /// Ask for the last prices of many symbols at once
    Prices(prices::PricesArgs),
    /// Trade a simulated market for a few minutes and report
    Demo(demo::DemoArgs),
    /// Run the engine until it is told to stop
    #[command(alias = "trading")]
    Run(run::RunArgs),
    /// Run the engine with its HTTP API on
    Api(api::ApiArgs),
    /// Run strategies over history
    Backtest(backtest::BacktestArgs),
    /// Run a strategy over history with many settings
    Sweep(sweep::SweepArgs),
    /// Check that no decision depends on what comes after it
    CheckLookahead(check_lookahead::CheckLookaheadArgs),
    /// Run strategies over a capture in the engine and in the backtest, and compare
    Parity(parity::ParityArgs),
    /// Hold a recorded run against a backtest of the same span
    Compare(compare::CompareArgs),
    /// Tell a running engine to stop trading at once
    Halt(control::HaltArgs),
    /// Tell a running engine to take nothing new on
    ReduceOnly(control::ReduceOnlyArgs),
    /// Tell a running engine to trade on
    Resume(control::ResumeArgs),
    /// Tell a running engine to close its positions
    Flatten(control::FlattenArgs),
    /// Ask a running engine how it is
    Status(control::StatusArgs),
    /// Compare the journal with the account
    Reconcile(reconcile::ReconcileArgs),
    /// Cancel an engine's entries when its heartbeat stops
    Guard(guard::GuardArgs),
    /// Run the simulated exchange by itself
    Exchange(exchange::ExchangeArgs),
    /// Check a venue against its documents and the simulated exchange
    Certify(certify::CertifyArgs),
    /// Check what the engine's feed makes of a recording
    Feed(feed::FeedArgs),
    /// Tell how an order came to be and what became of it
    Explain(journal::ExplainArgs),
    /// Look into the journal: check it, show it, write tables from it
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Market history: import, fetch, list, verify, analyze, export
    #[command(subcommand)]
    Data(data::DataCommand),
    /// Record what a venue sends, byte for byte
    Record(record::RecordArgs),
    /// Feed a recorded run's inputs to bare machines and compare
    Replay(replay::ReplayArgs),
    /// Read the engine's log
    #[command(subcommand)]
    Logs(logs::LogsCommand),
}

/// Where settings come from.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// The engine's configuration file; strategies are in `strategies` beside it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Make one setting, over files and environment; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

impl ConfigArgs {
    /// The file: as given, else config/engine.toml.
    #[must_use]
    pub fn file(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG))
    }

    /// Reads and checks the files, the environment, `--set` and the `flags` of a command.
    ///
    /// # Errors
    /// Every configuration error at once.
    pub fn load(
        &self,
        flags: Vec<Override>,
        kinds: &[StrategyEntry],
    ) -> Result<Config, ConfigErrors> {
        let sources = Sources::Files { engine: Some(self.file().to_owned()) };
        self.load_from(&sources, flags, kinds)
    }

    /// The same with the built-in files unless `--config` names one: for `demo`.
    ///
    /// # Errors
    /// Every configuration error at once.
    pub fn load_or_embedded(
        &self,
        flags: Vec<Override>,
        kinds: &[StrategyEntry],
    ) -> Result<Config, ConfigErrors> {
        let sources = match &self.config {
            Some(file) => Sources::Files { engine: Some(file.clone()) },
            None => Sources::Embedded,
        };
        self.load_from(&sources, flags, kinds)
    }

    /// The engine's settings alone: for commands that run no strategy, and need none to be there.
    ///
    /// # Errors
    /// Every configuration error at once.
    pub fn load_engine(
        &self,
        flags: Vec<Override>,
        kinds: &[StrategyEntry],
    ) -> Result<Config, ConfigErrors> {
        let sources = match &self.config {
            Some(file) => Sources::Chosen { engine: Some(file.clone()), strategies: Vec::new() },
            None => Sources::Embedded,
        };
        self.load_from(&sources, flags, kinds)
    }

    fn load_from(
        &self,
        sources: &Sources,
        flags: Vec<Override>,
        kinds: &[StrategyEntry],
    ) -> Result<Config, ConfigErrors> {
        self.load_by(flags, |overrides| load(sources, overrides, kinds))
    }

    /// The same as [`Self::load`], and `inspect` looks at what the engine's settings name.
    ///
    /// # Errors
    /// Every configuration error at once.
    pub fn load_and_inspect(
        &self,
        kinds: &[StrategyEntry],
        inspect: impl FnOnce(&EngineConfig) -> Vec<(&'static str, String)>,
    ) -> Result<Config, ConfigErrors> {
        let sources = Sources::Files { engine: Some(self.file().to_owned()) };
        let load = |overrides: &[Override]| load_and_inspect(&sources, overrides, kinds, inspect);
        self.load_by(Vec::new(), load)
    }

    fn load_by(
        &self,
        flags: Vec<Override>,
        load: impl FnOnce(&[Override]) -> Result<Config, ConfigErrors>,
    ) -> Result<Config, ConfigErrors> {
        let mut overrides = Override::of_environment();
        overrides.extend(flags);
        let (sets, wrong) = Override::of_sets(&self.set);
        overrides.extend(sets);
        ConfigErrors::join(load(&overrides), wrong)
    }
}

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_help = CHECK_HELP)]
pub struct CheckArgs {
    /// Where settings come from
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const CHECK_HELP: &str = "\
Reads what `run` would read, changes nothing and connects to nobody. Each error has its file, line
and column, the key, what was expected and, where one comes to mind, what was probably meant.

Examples:
  tickwright check
  tickwright check --config /etc/tickwright/engine.toml
  tickwright check --set mode=paper --set venue.endpoint=binance-live";

/// Parses the command line and runs the command. `kinds` are the strategies that this program
/// knows: its own, and a user's.
///
/// Prints errors to standard error itself; the caller only has to exit.
pub fn execute(
    arguments: impl IntoIterator<Item = OsString>,
    kinds: &'static [StrategyEntry],
) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, and are no errors. A closed pipe is nobody's loss.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ok };
        }
    };
    let result = match cli.command {
        Command::Check(arguments) => commands::check::execute(&arguments, kinds),
        Command::Demo(arguments) => commands::demo::execute(&arguments, kinds),
        Command::Run(arguments) => commands::run::execute(&arguments, kinds),
        Command::Prices(arguments) => commands::prices::execute(&arguments),
        Command::Api(arguments) => commands::api::execute(&arguments, kinds),
        Command::Backtest(arguments) => commands::backtest::execute(&arguments, kinds),
        Command::Sweep(arguments) => commands::sweep::execute(&arguments, kinds),
        Command::CheckLookahead(arguments) => commands::check_lookahead::execute(&arguments, kinds),
        Command::Parity(arguments) => commands::parity::execute(&arguments, kinds),
        Command::Compare(arguments) => commands::compare::execute(&arguments, kinds),
        Command::Halt(arguments) => commands::control::halt(&arguments, kinds),
        Command::ReduceOnly(arguments) => commands::control::reduce_only(&arguments, kinds),
        Command::Resume(arguments) => commands::control::resume(&arguments, kinds),
        Command::Flatten(arguments) => commands::control::flatten(&arguments, kinds),
        Command::Reconcile(arguments) => commands::reconcile::execute(&arguments, kinds),
        Command::Guard(arguments) => commands::guard::execute(&arguments, kinds),
        Command::Status(arguments) => commands::control::status(&arguments, kinds),
        Command::Exchange(arguments) => commands::exchange::execute(&arguments, kinds),
        Command::Certify(arguments) => commands::certify::execute(&arguments, kinds),
        Command::Feed(arguments) => commands::feed::execute(&arguments),
        Command::Explain(arguments) => commands::journal::explain(&arguments),
        Command::Journal(command) => commands::journal::execute(&command),
        Command::Data(command) => commands::data::execute(&command),
        Command::Record(arguments) => commands::record::execute(&arguments),
        Command::Replay(arguments) => commands::replay::execute(&arguments, kinds),
        Command::Logs(command) => commands::logs::execute(&command),
    };
    result.unwrap_or_else(|failure| {
        eprintln!("{failure}");
        failure.exit
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command by itself, as it will stand in [`Command`].
    #[derive(Debug, Parser)]
    struct Alone<A: Args> {
        #[command(flatten)]
        arguments: A,
    }

    fn parse<A: Args>(line: &str) -> Result<A, String> {
        let words = std::iter::once("tickwright").chain(line.split_whitespace());
        Alone::try_parse_from(words).map(|alone| alone.arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn the_definitions_hold_together() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
        Alone::<run::RunArgs>::command().debug_assert();
        Alone::<demo::DemoArgs>::command().debug_assert();
        Alone::<exchange::ExchangeArgs>::command().debug_assert();
        Alone::<api::ApiArgs>::command().debug_assert();
        Alone::<prices::PricesArgs>::command().debug_assert();
    }

    #[test]
    fn flags_become_settings() {
        let flags = |overrides: Vec<Override>| -> Vec<String> {
            overrides.iter().map(|flag| format!("{}={}", flag.path(), flag.text())).collect()
        };
        let run: run::RunArgs = parse("--mode paper --state-dir /tmp/x --set a.b=c").unwrap();
        assert_eq!(flags(run.overrides()), ["mode=paper", "state_dir=/tmp/x"]);
        assert!(!run.live);
        let demo: demo::DemoArgs = parse("--seed 7 --speed max").unwrap();
        assert_eq!(flags(demo.overrides()), ["sim.seed=7", "sim.speed=max"]);
        let api: api::ApiArgs = parse("--port 0").unwrap();
        assert_eq!(flags(api.overrides()), ["api.port=0", "api.enabled=true"]);
        let line = "--symbol btcusdt --symbol ETHUSDT --replay a.gz --start-after-streams 3";
        let exchange: exchange::ExchangeArgs = parse(line).unwrap();
        assert_eq!(exchange.symbols[0].as_str(), "BTCUSDT");
        assert_eq!((exchange.replay.len(), exchange.start_after_streams), (1, 3));
        assert!(exchange.overrides().is_empty());
    }

    #[test]
    fn prices_takes_durations_and_endpoints() {
        let line = "BTCUSDT ETHUSDT --endpoint binance-live --every 2s --timeout 300ms";
        let prices: prices::PricesArgs = parse(line).unwrap();
        assert_eq!(prices.symbols.len(), 2);
        assert_eq!(prices.timeout.as_millis(), 300);
        assert_eq!((prices.concurrency, prices.batch), (10, None));
        let batch = |line| parse::<prices::PricesArgs>(line).map(|prices| prices.batch);
        assert_eq!(batch("--batch BTCUSDT").unwrap(), Some(100));
        assert_eq!(batch("--batch=7 BTCUSDT").unwrap(), Some(7));
        for wrong in [
            "",
            "BTCUSDT --concurrency 0",
            "BTCUSDT --timeout 5",
            "BTCUSDT --endpoint x",
            "BTCUSDT --batch=0",
            "BTCUSDT --batch=101",
        ] {
            assert!(parse::<prices::PricesArgs>(wrong).is_err(), "{wrong}");
        }
    }
}
