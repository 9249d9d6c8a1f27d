//! What every command over history takes: strategies, data and settings.

use std::path::{Path, PathBuf};

use clap::Args;
use kernel::strategy::StrategyEntry;
use model::{Symbol, Timestamp};
use store::catalog::Kind;

use super::DEFAULT_CONFIG;
use super::value::{instant, symbol};
use crate::config::{
    Config, ConfigErrors, Diagnostic, ENGINE_KEYS, Override, Sources, load_for_backtest,
};

/// Whose settings hold.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// A strategy's file; may be repeated. Without any, those of the configuration
    #[arg(long, value_name = "FILE")]
    strategy: Vec<PathBuf>,

    /// The engine's configuration file; config/engine.toml if there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl FileArgs {
    /// The files that settings come from.
    #[must_use]
    pub fn sources(&self) -> Sources {
        let beside = Path::new(DEFAULT_CONFIG);
        let engine = self.config.clone().or_else(|| beside.exists().then(|| beside.to_owned()));
        match self.strategy.as_slice() {
            [] => Sources::Files { engine },
            chosen => Sources::Chosen { engine, strategies: chosen.to_vec() },
        }
    }
}

/// Strategies, data and settings.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Whose settings hold
    #[command(flatten)]
    pub files: FileArgs,

    /// History to run over; may be repeated, and is merged by time
    #[arg(long, value_name = "PATH", required = true)]
    pub data: Vec<PathBuf>,

    /// Whose history a file is that does not say so; strategies then trade this
    #[arg(long, value_name = "SYMBOL", value_parser = symbol)]
    pub symbol: Option<Symbol>,

    /// Begin here; what lies before warms strategies up
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub from: Option<Timestamp>,

    /// End before this instant
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub to: Option<Timestamp>,

    /// Use only this of a catalog: trades, agg_trades, klines, quotes or depth; may be repeated
    #[arg(long = "kind", value_name = "KIND", value_parser = super::data::kind)]
    pub kinds: Vec<Kind>,

    /// Make one setting; may be repeated. A name without section is one of `backtest`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl HistoryArgs {
    /// The command that repeats the run. (What only says where results go does not change them.)
    #[must_use]
    pub fn command(&self, name: &str) -> String {
        let mut words = vec![format!("tickwright {name}")];
        let mut add = |flag: &str, value: String| words.push(format!("{flag} '{value}'"));
        self.files.config.iter().for_each(|file| add("--config", file.display().to_string()));
        self.files.strategy.iter().for_each(|file| add("--strategy", file.display().to_string()));
        self.data.iter().for_each(|path| add("--data", path.display().to_string()));
        self.symbol.iter().for_each(|symbol| add("--symbol", symbol.to_string()));
        self.kinds.iter().for_each(|kind| add("--kind", kind.to_string()));
        self.set.iter().for_each(|setting| add("--set", setting.clone()));
        self.from.iter().for_each(|instant| add("--from", instant.to_string()));
        self.to.iter().for_each(|instant| add("--to", instant.to_string()));
        words.join(" ")
    }

    /// Loads the configuration.
    ///
    /// # Errors
    /// Every error of every source, an argument that is no setting among them.
    pub fn load(&self, kinds: &[StrategyEntry]) -> Result<Config, ConfigErrors> {
        let (overrides, wrong) = self.overrides();
        ConfigErrors::join(load_for_backtest(&self.files.sources(), &overrides, kinds), wrong)
    }

    /// The environment's settings, and those of `--set`; and what is wrong with arguments that are
    /// no settings.
    #[must_use]
    pub fn overrides(&self) -> (Vec<Override>, Vec<Diagnostic>) {
        let mut overrides = Override::of_environment();
        let (sets, wrong) = Override::of_sets(self.set.iter().map(|argument| in_section(argument)));
        overrides.extend(sets);
        (overrides, wrong)
    }
}

/// `fill=last` is short for `backtest.fill=last`.
fn in_section(argument: &str) -> String {
    let name = argument.split('=').next().unwrap_or(argument).trim();
    let is_top = ENGINE_KEYS.iter().any(|key| key.path == name);
    if name.contains('.') || is_top { argument.to_owned() } else { format!("backtest.{argument}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_section_are_of_this_one() {
        #[track_caller]
        fn check(argument: &str, expected: &str) {
            assert_eq!(in_section(argument), expected);
        }
        check("fill=last", "backtest.fill=last");
        check("risk.daily_loss=5", "risk.daily_loss=5");
        check("mode=sim", "mode=sim");
        check("cash = 5.5", "backtest.cash = 5.5");
        check("nothing", "backtest.nothing");
    }
}
