//! `tickwright compare`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kernel::strategy::StrategyEntry;
use store::journal::JournalReader;

use super::backtest::{broken, models, unreadable};
use crate::cli::compare::{CompareArgs, LatencyArg};
use crate::cli::{Exit, Failure};
use crate::compare::{
    Comparison, Latency, RerunError, compare, look, orders_of_journal, read_export, rerun,
};
use crate::config::{Config, Override};
use crate::inspect::only_journal;
use crate::recorded::RecordedRun;
use crate::wiring::{Foundation, newest_recording, recordings_directory};

/// How many differences are shown unless all are asked for.
const SHOWN: usize = 10;

/// Compares a run with a backtest.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &CompareArgs, kinds: &'static [StrategyEntry]) -> Result<Exit, Failure> {
    // As by `run --state-dir`.
    let directory = Override::of_flag("RUN", "state_dir", args.run.to_string_lossy());
    let config = args.config.load(vec![directory], kinds)?;
    let comparison = compared(args, &config, kinds)?;
    if args.json {
        println!("{}", serde_json::to_string(&comparison).expect("plain values"));
    } else {
        print!("{}", comparison.shown(if args.all { usize::MAX } else { SHOWN }));
    }
    Ok(if comparison.differences.is_empty() { Exit::Ok } else { Exit::Partial })
}

fn compared(
    args: &CompareArgs,
    config: &Config,
    kinds: &'static [StrategyEntry],
) -> Result<Comparison, Failure> {
    let recorded =
        RecordedRun::open(&recording(args, config)?).map_err(|error| unreadable(&error))?;
    let journal = match &args.journal {
        Some(journal) => journal.clone(),
        None => only_journal(&args.run)?,
    };
    let run = orders_of_journal(&JournalReader::open(&journal)?, &recorded)?;
    let run = look(&recorded, run).map_err(|error| unreadable(&error))?;
    let warnings = set_otherwise(config, &recorded.foundation);
    let (orders, names) = match &args.backtest {
        Some(directory) => {
            let instruments = &recorded.foundation.instruments;
            let orders = read_export(directory, instruments, recorded.from, recorded.to);
            (orders.map_err(|error| Failure::new(Exit::Storage, error))?, Vec::new())
        }
        None => {
            let latency = match args.latency {
                LatencyArg::Configured => Latency::Configured,
                LatencyArg::Measured => Latency::Measured,
            };
            let models = models(&config.engine.backtest);
            let made = rerun(&recorded, config, models, &run, latency, kinds).map_err(failed)?;
            (made.orders, made.models)
        }
    };
    let backtest = look(&recorded, orders).map_err(|error| unreadable(&error))?;
    let comparison = compare(&recorded, &run, &backtest, args.within);
    Ok(Comparison { warnings, models: names, ..comparison })
}

/// Which settings that decide what is traded are not those of the run.
fn set_otherwise(config: &Config, run: &Foundation) -> Vec<String> {
    if run.settings.is_empty() {
        let is_same = run.config_hash == config.hash.to_string();
        let text = "the recording does not tell its settings: these may be others";
        return if is_same { Vec::new() } else { vec![text.to_owned()] };
    }
    let keys: BTreeSet<&String> = run.settings.keys().chain(config.decisive.keys()).collect();
    let differs = |key: &&String| run.settings.get(*key) != config.decisive.get(*key);
    let told = |key: &String| {
        let of = |settings: &BTreeMap<String, String>| {
            settings.get(key).map_or("not set".to_owned(), |value| format!("`{value}`"))
        };
        format!("{key} is {}, in the run {}", of(&config.decisive), of(&run.settings))
    };
    keys.into_iter().filter(differs).map(told).collect()
}

fn recording(args: &CompareArgs, config: &Config) -> Result<PathBuf, Failure> {
    let directory = recordings_directory(config);
    let found = args.recording.clone().or_else(|| newest_recording(&directory));
    found.ok_or_else(|| nothing_recorded(&directory))
}

fn nothing_recorded(directory: &Path) -> Failure {
    let message = format!(
        "{}: no recording of a run; record with recording.enabled = true, or name one with \
         --recording",
        directory.display()
    );
    Failure::new(Exit::Usage, message)
}

fn failed(error: RerunError) -> Failure {
    match error {
        RerunError::Build(message) => Failure::new(Exit::Usage, message),
        RerunError::Source(error) => unreadable(&error),
        RerunError::Run(error) => broken(error),
    }
}
