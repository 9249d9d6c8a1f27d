//! `tickwright replay`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use kernel::orders::ExecutionPolicy;
use kernel::replay::{Difference, Machine, Machines, Replay, Seat, Tally};
use kernel::strategy::StrategyEntry;
use serde_json::json;
use store::SourceError;
use store::deliveries::{DeliveryReader, Ending};
use store::journal::JournalReader;
use store::state_dir::journals;

use crate::cli::replay::ReplayArgs;
use crate::cli::{Exit, Failure};
use crate::config::Config;
use crate::wiring::{
    BuiltMachines, Foundation, build_machines, newest_recording, recordings_directory,
};

/// Replays a recording.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &ReplayArgs, kinds: &'static [StrategyEntry]) -> Result<Exit, Failure> {
    let config = args.config.load(args.overrides(), kinds)?;
    let recording = match &args.recording {
        Some(directory) => Some(directory.clone()),
        None => newest_recording(&recordings_directory(&config)),
    };
    let Some(directory) = recording else { return tell_what_is_not_checked(&config, args.json) };
    let began_at = Instant::now();
    let outcome = replay(&directory, &config, kinds)?;
    let took_ms = began_at.elapsed().as_millis() as u64;
    if args.json {
        println!("{}", outcome.to_json(&directory, took_ms));
    } else {
        outcome.print(&directory, took_ms);
    }
    let is_all_the_same = outcome.difference.is_none() && outcome.unchecked.is_empty();
    Ok(if is_all_the_same { Exit::Ok } else { Exit::Partial })
}

/// Without a recording the journal is all there is: the ledger follows from it, nothing else.
fn tell_what_is_not_checked(config: &Config, as_json: bool) -> Result<Exit, Failure> {
    let strategies = config.enabled().map(|strategy| format!("strategy {}", strategy.id));
    let fixed = [Machine::Feed, Machine::Risk, Machine::Execution, Machine::Venue];
    let fixed = fixed.map(|machine| machine.to_string());
    let unchecked: Vec<String> = fixed.into_iter().chain(strategies).collect();
    let mut verified = Vec::new();
    // A directory that is not there holds none.
    for journal in journals(&config.engine.state_dir).unwrap_or_default() {
        let records = JournalReader::open(&journal)?.verify()?.records;
        verified.push((journal, records));
    }
    if as_json {
        let journals: Vec<_> = verified
            .iter()
            .map(|(journal, records)| json!({"journal": journal, "records": records}))
            .collect();
        println!("{}", json!({"recording": null, "not_checked": unchecked, "journals": journals}));
        return Ok(Exit::Partial);
    }
    let directory = recordings_directory(config);
    println!("no recording in {}: record with recording.enabled = true", directory.display());
    for (journal, records) in verified {
        println!("  ledger: follows from the {records} records of {}", journal.display());
    }
    println!("  not checked: {}", unchecked.join(", "));
    Ok(Exit::Partial)
}

/// What a replay came to.
#[derive(Debug)]
pub struct Outcome {
    /// The first input that differs, if one does.
    pub difference: Option<Box<Difference>>,
    /// What was compared, by machine and its name.
    pub tallies: Vec<(String, Tally)>,
    /// Machines that could not be built, and were not checked.
    pub unchecked: Vec<String>,
    /// Inputs that were fed.
    pub inputs: u64,
    /// How the recording ended, if it was read to its end.
    pub ending: Option<Ending>,
}

/// Replays the recording in a directory with machines as `config` makes them.
///
/// # Errors
/// When it cannot be read, or was made with other settings.
pub fn replay(
    directory: &Path,
    config: &Config,
    kinds: &[StrategyEntry],
) -> Result<Outcome, Failure> {
    let (mut reader, foundation) = DeliveryReader::open::<Foundation>(directory)?;
    if let Some(difference) = other_setting(&foundation, config) {
        let message = format!(
            "{}: recorded with other settings: {difference}. Give the same --config and --set as \
             to `run`",
            directory.display()
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    if foundation.version != env!("CARGO_PKG_VERSION") {
        eprintln!("recorded by version {}: it may have decided otherwise", foundation.version);
    }
    let BuiltMachines { feed, feed_setup: _, risk, execution, seats } =
        build_machines(config, kinds, &foundation, ExecutionPolicy::default())?;
    let names =
        seats.iter().map(|seat| (Machine::Strategy(seat.setup.strategy), seat.name.clone()));
    let names: BTreeMap<Machine, String> = names.collect();
    let seats = seats.into_iter().map(|seat| Seat { factory: seat.factory, setup: seat.setup });
    let venue = foundation.venue.as_ref().map(|setup| setup.replayed(config, &foundation));
    let unchecked = venue.is_none().then(|| Machine::Venue.to_string()).into_iter().collect();
    let machines = Machines { feed, risk, execution, venue, seats: seats.collect() };
    let mut replay = Replay::new(machines);
    let mut difference = None;
    while let Some(delivery) = reader.next_delivery()? {
        if let Err(found) = replay.deliver(delivery) {
            difference = Some(found);
            break;
        }
    }
    let name = |machine: &Machine| match names.get(machine) {
        Some(name) => format!("strategy {name}"),
        None => machine.to_string(),
    };
    let tallies = replay.tallies().iter().map(|(machine, tally)| (name(machine), *tally));
    let tallies = tallies.collect();
    let (inputs, ending) = (replay.delivered(), reader.ending());
    Ok(Outcome { difference, tallies, unchecked, inputs, ending })
}

/// The first setting, by its key, that is another one than in the run, of those that any effect
/// depends on.
fn other_setting(run: &Foundation, config: &Config) -> Option<String> {
    if run.effective.is_empty() {
        let (here, there) = (config.hash.to_string(), &run.config_hash);
        let words = format!("their hash is {there}, that of these is {here}");
        return (here != *there).then_some(words);
    }
    let keys: BTreeSet<&String> = run.effective.keys().chain(config.effective.keys()).collect();
    let key = keys.into_iter().find(|key| run.effective.get(*key) != config.effective.get(*key))?;
    let of = |settings: &BTreeMap<String, String>| {
        settings.get(key).map_or("not set".to_owned(), |value| format!("`{value}`"))
    };
    Some(format!("{key} is {}, in the run {}", of(&config.effective), of(&run.effective)))
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::new(Exit::Storage, error)
    }
}

impl Outcome {
    fn print(&self, directory: &Path, took_ms: u64) {
        println!("{}: {} inputs replayed in {took_ms} ms", directory.display(), self.inputs);
        for (name, tally) in &self.tallies {
            println!(
                "  {name:<24} {:>10} inputs with their effects, {:>6} states",
                tally.inputs, tally.states
            );
        }
        if !self.unchecked.is_empty() {
            println!("  not checked: {}", self.unchecked.join(", "));
        }
        match self.ending {
            Some(Ending::Complete) | None => {}
            Some(Ending::Broken) => println!("  the recording broke off: the disk was too slow"),
            Some(Ending::CutOff) => println!("  the recording ends without a stop: it was killed"),
        }
        let Some(difference) = &self.difference else {
            println!("  all the same");
            return;
        };
        println!("  DIFFERS at {difference}");
        println!("    input: {}", shortened(&difference.input));
        if !difference.effects.is_empty() {
            println!("    effects now: {}", shortened(&difference.effects));
        }
    }

    fn to_json(&self, directory: &Path, took_ms: u64) -> serde_json::Value {
        let machines: Vec<_> = self
            .tallies
            .iter()
            .map(|(name, tally)| {
                json!({"machine": name, "inputs": tally.inputs, "states": tally.states})
            })
            .collect();
        let difference = self.difference.as_ref().map(|difference| {
            json!({
                "input": difference.number, "machine": difference.machine.to_string(),
                "at": difference.now.venue, "what": difference.kind.to_string(),
                "delivered": difference.input, "effects": difference.effects,
            })
        });
        json!({
            "recording": directory, "inputs": self.inputs, "machines": machines,
            "not_checked": self.unchecked,
            "ending": self.ending, "difference": difference, "took_ms": took_ms,
        })
    }
}

/// A line for a person; the whole is in the JSON.
fn shortened(text: &str) -> String {
    const MOST: usize = 600;
    let mut shown: String = text.chars().take(MOST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
