//! The command line: what can be typed, and which command it starts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

mod document;
pub mod exit;
pub mod logs;

pub use document::to_markdown;
pub use exit::{Exit, Failure};

use crate::commands;
use crate::config::{Config, ConfigErrors, Override, Sources, load};
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
  tickwright check                       is my configuration right?
  tickwright logs summary FILE           what did the engine do?

Settings: default < file < TICKWRIGHT__SECTION__KEY < --set section.key=value.
docs/CONFIG.md lists them all, LOGS.md every log event, docs/CLI.md the exit codes.";

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Check the configuration and report every error at once
    Check(CheckArgs),
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

    fn load_from(
        &self,
        sources: &Sources,
        flags: Vec<Override>,
        kinds: &[StrategyEntry],
    ) -> Result<Config, ConfigErrors> {
        let mut overrides = Override::of_environment();
        overrides.extend(flags);
        for argument in &self.set {
            overrides.push(Override::of_set(argument)?);
        }
        load(sources, &overrides, kinds)
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
pub fn execute(arguments: impl IntoIterator<Item = OsString>, kinds: &[StrategyEntry]) -> Exit {
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
        Command::Logs(command) => commands::logs::execute(&command),
    };
    result.unwrap_or_else(|failure| {
        eprintln!("{failure}");
        failure.exit
    })
}
