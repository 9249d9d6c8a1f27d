//! The same records written one by one and in batches: `cargo run --release --example batches`.
//!
//! Every commit of the journal costs the same, whether one record is in it or a hundred.

use std::path::Path;
use std::time::{Duration, Instant};

use kernel::journal::{Durability, Journal as _, JournalError, Persist, Record};
use model::{Timestamp, VenueId};
use store::journal::{Level, SqliteJournal};

/// How many records are written.
pub const RECORDS: u32 = 1_000;

fn record(number: u32) -> Record {
    let at = Timestamp::from_secs(1_790_000_000 + i64::from(number));
    Record::EpochStarted {
        epoch: 1_790_000_000 + number,
        instance: "4f9k2a".parse().expect("six characters"),
        venue: VenueId::new("sim:example").expect("short"),
        config_hash: "9b1c".to_owned(),
        at,
    }
}

/// Writes [`RECORDS`] into a new journal, so many a commit. Returns how long that took.
pub fn write(directory: &Path, records_per_commit: u32) -> Result<Duration, JournalError> {
    let path = directory.join(format!("by-{records_per_commit}.sqlite"));
    let mut journal = SqliteJournal::open(&path, Level::Process)?;
    let all: Vec<Persist> = (1..=RECORDS)
        .map(|number| Persist {
            sequence: u64::from(number),
            record: record(number),
            durability: Durability::Committed,
        })
        .collect();
    let started = Instant::now();
    for batch in all.chunks(records_per_commit as usize) {
        journal.append(batch)?;
    }
    let took = started.elapsed();
    assert_eq!(journal.ledger().records(), u64::from(RECORDS));
    Ok(took)
}

/// Shows it.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    for records_per_commit in [1, 10, 100, 1_000] {
        let took = write(directory.path(), records_per_commit)?;
        println!("{records_per_commit:>5} a commit: {RECORDS} records in {took:?}");
    }
    Ok(())
}
