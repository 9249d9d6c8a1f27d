//! What holds for the engine as it is, and that each of its mutants is caught by name.

use std::time::Duration;

use tickwright_kernel::mutation::Mutation;
use tickwright_kernel::orders::ExecutionPolicy;

use super::faults::Faults;
use super::verdict::{Invariant, Verdict};
use super::world::{Counts, World};

const BUSY: Duration = Duration::from_secs(240);
const QUIET: Duration = Duration::from_secs(90);

fn run(seed: u64, policy: ExecutionPolicy, faults: Faults) -> (Verdict, Counts) {
    World::new(seed, policy, faults).run(BUSY, QUIET)
}

/// Seeds to run: `EXECUTION_SEEDS=1000` for a thousand, `EXECUTION_SEEDS=17..18` for one.
fn seeds(usual: u64) -> std::ops::Range<u64> {
    let Ok(wanted) = std::env::var("EXECUTION_SEEDS") else { return 0..usual };
    match wanted.split_once("..") {
        Some((first, end)) => first.parse().unwrap()..end.parse().unwrap(),
        None => 0..wanted.parse().unwrap(),
    }
}

#[track_caller]
fn holds(faults: Faults, usual: u64) -> Counts {
    let mut sum = Counts::default();
    for seed in seeds(usual) {
        let (verdict, counts) = run(seed, ExecutionPolicy::default(), faults);
        let again = format!("EXECUTION_SEEDS={seed}..{} cargo test -p tickwright-kernel", seed + 1);
        assert!(verdict.broken.is_empty(), "{:#?}\nagain: {again}", verdict.broken);
        sum.submits += counts.submits;
        sum.replacements += counts.replacements;
        sum.fills += counts.fills;
        sum.unknown += counts.unknown;
        sum.absent += counts.absent;
        sum.crashes += counts.crashes;
        sum.breaks += counts.breaks;
        sum.whose += counts.whose;
        sum.pairs += counts.pairs;
        sum.in_place += counts.in_place;
    }
    sum
}

#[test]
fn everything_holds_whatever_goes_wrong() {
    let counts = holds(Faults::ALL, 30);
    let reached = [
        counts.submits,
        counts.replacements,
        counts.fills,
        counts.unknown,
        counts.absent,
        counts.crashes,
        counts.breaks,
        counts.whose,
        counts.pairs,
        counts.in_place,
    ];
    assert!(reached.iter().all(|count| *count > 0), "something was never reached: {counts:?}");
}

#[test]
fn everything_holds_when_nothing_goes_wrong() {
    let counts = holds(Faults::NONE, 3);
    assert_eq!((counts.unknown, counts.absent, counts.crashes), (0, 0, 0));
}

/// The first of some seeds at which a mutant breaks what it should.
#[track_caller]
fn is_caught(name: &str, policy: ExecutionPolicy, faults: Faults, invariant: Invariant) {
    let caught = (0..200).find(|seed| {
        let (verdict, _) = run(*seed, policy, faults);
        verdict.broken.contains_key(&invariant)
    });
    assert!(caught.is_some(), "{name} breaks {invariant:?} in none of 200 seeds");
}

#[test]
fn mutants_are_caught_by_name() {
    let usual = ExecutionPolicy::default();
    let none = Duration::ZERO;
    // Late acceptances and lagging reads, and little else, so that they meet.
    let late = Faults { late_acceptance: 0.5, lagging_read: 0.9, ..Faults::NONE };
    is_caught(
        "no fence",
        ExecutionPolicy { recv_window: none, fence_margin: none, ..usual },
        late,
        Invariant::AbsentIsAbsent,
    );
    is_caught(
        "a fence without a margin",
        ExecutionPolicy { fence_margin: Duration::from_secs(5), ..usual },
        late,
        Invariant::AbsentIsAbsent,
    );
    is_caught(
        "one answer is enough, and reads do not lag",
        ExecutionPolicy { absent_confirmations: 1, fence_margin: Duration::from_secs(10), ..usual },
        Faults { break_every: Some(Duration::from_secs(15)), ..late },
        Invariant::AbsentIsAbsent,
    );
    is_caught(
        "a lagging read is believed at once",
        ExecutionPolicy { contradiction_deadline: none, ..usual },
        late,
        Invariant::NoNeedlessHalt,
    );
    is_caught(
        "no budget for questions",
        ExecutionPolicy {
            queries_per_spacing: u32::MAX,
            query_spacing: none,
            read_spacing: none,
            ..usual
        },
        Faults { never_arrives: 0.5, ..Faults::ALL },
        Invariant::AskedWithinBounds,
    );
    is_caught(
        "an answer is waited for for ever",
        ExecutionPolicy { answer_timeout: Duration::from_secs(86_400), ..usual },
        Faults { lost_answer: 0.5, silence: 1.0, ..Faults::NONE },
        Invariant::Converges,
    );
    is_caught(
        "no look every minute",
        ExecutionPolicy { reconcile_every: Duration::from_secs(86_400), ..usual },
        Faults { break_every: Some(Duration::from_secs(20)), ..late },
        Invariant::FillsMatch,
    );
    let with = |mutation| ExecutionPolicy { mutation: Some(mutation), ..usual };
    let lost = Faults { lost_answer: 0.3, ..Faults::NONE };
    is_caught("resend on error", with(Mutation::ResendOnError), lost, Invariant::SentOnce);
    is_caught(
        "fills are booked as often as they are told",
        with(Mutation::BookFillsTwice),
        Faults::NONE,
        Invariant::PositionsMatch,
    );
    is_caught(
        "unknown orders reserve nothing",
        with(Mutation::ForgetUnknown),
        lost,
        Invariant::ReservationsCover,
    );
}

/// Sending before the journal has synced is no policy: here the journal itself speaks too soon.
#[test]
fn a_journal_that_speaks_too_soon_is_caught() {
    let mut world = World::new(1, ExecutionPolicy::default(), Faults::NONE);
    world.hasty_journal = true;
    let (verdict, _) = world.run(BUSY, QUIET);
    assert!(verdict.broken.contains_key(&Invariant::DurableBeforeSent), "{:?}", verdict.broken);
}
