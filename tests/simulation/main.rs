//! The whole engine and the simulated exchange in one process, inside a simulated network, in
//! virtual time: actors, sockets, HTTP and websockets are the real code, the network between them
//! breaks, stalls and loses, the disk forgets what was not synced, the engine is killed. A seed
//! fixes everything.
//!
//! ```text
//! SIMULATION_SEEDS=2000 SIMULATION_SECS=600 cargo test --release --test simulation holds
//! SIMULATION_SEEDS=17..18 SIMULATION_LOG=1 cargo test --test simulation holds -- --nocapture
//! ```
#![allow(clippy::unwrap_used, reason = "a test fails by panicking on what it does not expect")]

#[path = "../../examples/chaos/audit.rs"]
#[allow(dead_code, reason = "the chaos loop uses the rest")]
mod audit;
mod engine;
mod exchange_host;
mod faults;
mod mutants;
mod network;
mod operator;
#[path = "../../examples/chaos/record.rs"]
#[allow(dead_code, reason = "the chaos loop uses the rest")]
mod record;
#[path = "../../examples/chaos/status.rs"]
mod status;
mod watch;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kernel::mutation::Mutation;
use mutants::Mutant;
use store::journal::Level;
use world::{Outcome, Setting, World};

/// Seeds to run: `SIMULATION_SEEDS=1000` for a thousand, `SIMULATION_SEEDS=17..18` for one.
fn seeds(usual: u64) -> std::ops::Range<u64> {
    let Ok(wanted) = std::env::var("SIMULATION_SEEDS") else { return 0..usual };
    match wanted.split_once("..") {
        Some((first, end)) => first.parse().unwrap()..end.parse().unwrap(),
        None => 0..wanted.parse().unwrap(),
    }
}

fn busy(usual_secs: u64) -> Duration {
    let wanted = std::env::var("SIMULATION_SECS");
    Duration::from_secs(wanted.map_or(usual_secs, |secs| secs.parse().unwrap()))
}

/// The log is written with virtual times.
struct VirtualTime;

impl tracing_subscriber::fmt::time::FormatTime for VirtualTime {
    fn format_time(
        &self,
        writer: &mut tracing_subscriber::fmt::format::Writer<'_>,
    ) -> std::fmt::Result {
        let at = turmoil::sim_elapsed().unwrap_or_default();
        write!(writer, "{:>10.3}", at.as_secs_f64())
    }
}

/// With `SIMULATION_LOG` set, everything that is logged goes to standard error.
fn start_log() {
    if std::env::var_os("SIMULATION_LOG").is_some() {
        let log = tracing_subscriber::fmt().with_timer(VirtualTime).with_writer(std::io::stderr);
        // The other test has started it.
        let _ = log.with_max_level(tracing::Level::INFO).with_target(false).try_init();
    }
}

#[track_caller]
fn check(seed: u64, busy: Duration) -> Outcome {
    start_log();
    let outcome = World::new(Setting::of(seed)).run(busy);
    let secs = busy.as_secs();
    let again = format!(
        "SIMULATION_SEEDS={seed}..{} SIMULATION_SECS={secs} cargo test --test simulation holds",
        seed + 1
    );
    assert!(outcome.broken.is_empty(), "{:#?}\nagain: {again}", outcome.broken);
    outcome
}

#[test]
fn everything_holds_in_a_simulated_network() {
    let mut injected: BTreeMap<&'static str, u64> = BTreeMap::new();
    let (mut orders, mut fills, mut partial_fills, mut seeds_run, mut looks) = (0, 0, 0, 0, 0);
    for seed in seeds(3) {
        let outcome = check(seed, busy(120));
        for (fault, count) in outcome.injected {
            *injected.entry(fault).or_default() += count;
        }
        partial_fills += outcome.partial_fills;
        orders += outcome.audit.orders;
        fills += outcome.audit.fills;
        looks += outcome.looks;
        seeds_run += 1;
    }
    eprintln!(
        "{seeds_run} seeds: {orders} orders, {fills} fills, {partial_fills} of them partial (F16), \
         {looks} looks; injected:"
    );
    injected.iter().for_each(|(class, count)| eprintln!("{count:>8} {class}"));
    assert!(orders > 20 * seeds_run && fills > 5 * seeds_run, "{orders} orders, {fills} fills");
    if seeds_run >= 50 {
        let never: Vec<_> = faults::CLASSES.iter().filter(|n| !injected.contains_key(*n)).collect();
        assert!(never.is_empty(), "never injected: {never:?}");
    }
}

/// The page names what is injected here, and gives each other fault a reason why it is not.
#[test]
fn every_fault_is_injected_or_named_with_its_reason() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/RELIABILITY.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, section) = page.split_once("### In the simulation").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let named = section.split('`').skip(1).step_by(2).filter(|it| it.starts_with('F'));
    assert_eq!(named.collect::<Vec<_>>(), faults::CLASSES);
    let number = |text: &str| text.strip_prefix('F')?.parse::<u32>().ok();
    let injected = faults::CLASSES.iter().flat_map(|class| class.split(' ')).filter_map(number);
    let rows = section.lines().filter_map(|line| line.strip_prefix("| F")?.split(" | ").next());
    let elsewhere = rows.flat_map(|cell| cell.split(", ")).map(|it| it.trim_start_matches('F'));
    let elsewhere: BTreeSet<u32> = elsewhere.map(|it| it.parse().unwrap()).collect();
    let injected: BTreeSet<u32> = injected.collect();
    assert_eq!(injected.intersection(&elsewhere).collect::<Vec<_>>(), [&0; 0]);
    let all: Vec<u32> = injected.union(&elsewhere).copied().collect();
    assert_eq!(all, (1..=43).collect::<Vec<_>>());
}

#[test]
fn the_same_seed_gives_the_same_log() {
    let [first, second] = [0, 0].map(|_| check(seeds(8).start + 7, busy(60)));
    assert!(first.log.len() > 100, "{} records", first.log.len());
    let differs = first.log.iter().zip(&second.log).position(|(one, other)| one != other);
    if let Some(place) = differs {
        panic!("record {place}:\n{}\n{}", first.log[place], second.log[place]);
    }
    assert_eq!(first.log.len(), second.log.len());
}

/// The first of 200 seeds at which a mutant breaks what it should. The search begins at one where
/// it is known to.
#[track_caller]
fn is_caught(mutant: Mutant, first: u64, invariants: &[&str]) {
    is_caught_in(None, mutant, first, invariants);
}

/// The same in some weather, in which an engine without the mistake must hold.
#[track_caller]
fn is_caught_in(weather: Option<&'static str>, mutant: Mutant, first: u64, invariants: &[&str]) {
    start_log();
    let run = |seed, mutant| {
        World::new(Setting { seed, level: Level::Power, mutant, weather }).run(busy(90))
    };
    let caught = (first..200).chain(0..first).find_map(|seed| {
        let outcome = run(seed, mutant);
        let is_meant = |broken: &&String| invariants.iter().any(|name| broken.starts_with(name));
        outcome.broken.iter().find(is_meant).map(|broken| (seed, broken.clone()))
    });
    let (seed, broken) =
        caught.unwrap_or_else(|| panic!("{mutant:?} breaks none of {invariants:?} in 200 seeds"));
    eprintln!("{mutant:?} is caught at seed {seed}: {broken}");
    let control = run(seed, Mutant::None);
    assert!(control.broken.is_empty(), "without the mistake: {:#?}", control.broken);
}

#[test]
fn sending_before_the_journal_has_it_is_caught() {
    is_caught(Mutant::AnswersBeforeItWrites, 1, &["IntendedBeforeSent"]);
}

#[test]
fn no_fence_is_caught() {
    is_caught(Mutant::NoFence, 16, &["FillsMatch", "OrdersMatch"]);
}

#[test]
fn trusting_a_lagging_read_is_caught() {
    let weather = Some("memory_lag?ms=6000");
    is_caught_in(weather, Mutant::TrustsReads, 0, &["NoNeedlessHalt"]);
}

#[test]
fn sending_again_on_an_error_is_caught() {
    is_caught(Mutant::BuiltIn(Mutation::ResendOnError), 1, &["AcceptedOnce"]);
}

#[test]
fn booking_a_fill_twice_is_caught() {
    is_caught(Mutant::BuiltIn(Mutation::BookFillsTwice), 0, &["PositionsMatch"]);
}

#[test]
fn reserving_nothing_for_unknown_orders_is_caught() {
    is_caught(Mutant::BuiltIn(Mutation::ForgetUnknown), 3, &["ReservationsCover"]);
}
