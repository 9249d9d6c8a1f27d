//! `tickwright compare`.

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
use crate::wiring::newest_recording;

/// How many differences are shown unless all are asked for.
const SHOWN: usize = 10;

/// Compares a run with a backtest.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &CompareArgs, kinds: &'static [StrategyEntry]) -> Result<Exit, Failure> {
    let config = args.config.load(Vec::new(), kinds)?;
    // `run --state-dir` is a setting too.
    let directory = Override::of_flag("RUN", "state_dir", args.run.to_string_lossy());
    let hashes = [config.hash, args.config.load(vec![directory], kinds)?.hash];
    let comparison = compared(args, &config, &hashes.map(|hash| hash.to_string()), kinds)?;
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
    hashes: &[String],
    kinds: &'static [StrategyEntry],
) -> Result<Comparison, Failure> {
    let recorded = RecordedRun::open(&recording(args)?).map_err(|error| unreadable(&error))?;
    let journal = match &args.journal {
        Some(journal) => journal.clone(),
        None => only_journal(&args.run)?,
    };
    let run = orders_of_journal(&JournalReader::open(&journal)?, &recorded)?;
    let run = look(&recorded, run).map_err(|error| unreadable(&error))?;
    let mut warnings = Vec::new();
    if !hashes.contains(&recorded.foundation.config_hash) {
        warnings.push("the settings are not all those of the run".to_owned());
    }
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

fn recording(args: &CompareArgs) -> Result<PathBuf, Failure> {
    let directory = args.run.join("recordings");
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
