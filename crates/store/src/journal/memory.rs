//! The simulated twin: a journal on a disk of memory that can be made to fail.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::journal::{Journal, JournalError, Persist, Record};
use kernel::ledger::Ledger;

use super::Level;
use super::codec;

/// What a simulated machine's disk holds. It outlives the journals opened on it, as a disk
/// outlives processes; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    /// The records as JSON, so that each goes the way over its written form.
    rows: Vec<String>,
    /// Where each commit ends: a crash keeps whole commits.
    commits: Vec<usize>,
    /// Commits that reached the disk.
    synced: usize,
    /// The append that is to fail, counted down.
    fails_in: Option<usize>,
    /// The record, from 1, that cannot be read.
    corrupt: Option<usize>,
}

impl MemoryDisk {
    fn contents(&self) -> MutexGuard<'_, Contents> {
        // A reader that panicked has changed nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the `nth` append from now on fail, counted from 1, with nothing of it written.
    pub fn fail_at_append(&self, nth: usize) {
        self.contents().fails_in = nth.checked_sub(1);
    }

    /// Makes a record unreadable, counted from 1.
    pub fn corrupt(&self, number: usize) {
        self.contents().corrupt = Some(number);
    }

    /// Cuts the power: of the commits that were not synced only the first `kept_commits` stay.
    /// A killed process, by contrast, loses nothing that was committed.
    pub fn lose_power(&self, kept_commits: usize) {
        let mut contents = self.contents();
        let kept = (contents.synced + kept_commits).min(contents.commits.len());
        let end = kept.checked_sub(1).map_or(0, |last| contents.commits[last]);
        contents.commits.truncate(kept);
        contents.rows.truncate(end);
        contents.synced = kept;
    }

    /// Commits that a power cut could still take.
    #[must_use]
    pub fn unsynced_commits(&self) -> usize {
        let contents = self.contents();
        contents.commits.len() - contents.synced
    }

    /// Records on the disk.
    #[must_use]
    pub fn records(&self) -> usize {
        self.contents().rows.len()
    }

    /// Records that a power cut would leave.
    #[must_use]
    pub fn synced_records(&self) -> usize {
        let contents = self.contents();
        contents.synced.checked_sub(1).map_or(0, |last| contents.commits[last])
    }

    /// Hands the records after a number to `each`, oldest first, with their numbers.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`], when that was injected.
    pub fn read_after(
        &self,
        number: usize,
        each: impl FnMut(u64, Record) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        read(self, number, each)
    }
}

/// The journal on such a disk.
#[derive(Debug)]
pub struct MemoryJournal {
    disk: MemoryDisk,
    level: Level,
    ledger: Ledger,
    body: Vec<u8>,
    failed: bool,
}

impl MemoryJournal {
    /// Opens what the disk holds.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`], when that was injected.
    pub fn open(disk: &MemoryDisk, level: Level) -> Result<Self, JournalError> {
        let mut ledger = Ledger::default();
        read(disk, 0, |number, record| match ledger.apply(&record) {
            Ok(_) => Ok(()),
            Err(error) => Err(JournalError::Corrupt { number, reason: error.to_string() }),
        })?;
        Ok(Self { disk: disk.clone(), level, ledger, body: Vec::new(), failed: false })
    }

    /// What the records written so far add up to.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn write(&mut self, batch: &[Persist]) -> Result<(), JournalError> {
        if self.failed {
            let reason = "the journal failed before and must be opened anew";
            return Err(JournalError::Io(reason.into()));
        }
        let mut rows = Vec::with_capacity(batch.len());
        for persist in batch {
            self.ledger.apply(&persist.record)?;
            rows.push(codec::encode(&persist.record, &mut self.body)?.to_owned());
        }
        let mut contents = self.disk.contents();
        match contents.fails_in {
            Some(0) => {
                contents.fails_in = None;
                return Err(JournalError::Io("injected: no space left on device".into()));
            }
            Some(left) => contents.fails_in = Some(left - 1),
            None => {}
        }
        contents.rows.append(&mut rows);
        let end = contents.rows.len();
        contents.commits.push(end);
        if batch.iter().any(|persist| self.level.syncs(persist.durability)) {
            contents.synced = contents.commits.len();
        }
        Ok(())
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, batch: &[Persist]) -> Result<(), JournalError> {
        if batch.is_empty() {
            return Ok(());
        }
        let written = self.write(batch);
        self.failed = written.is_err();
        written
    }

    fn replay(&mut self, each: &mut dyn FnMut(u64, Record)) -> Result<(), JournalError> {
        read(&self.disk, 0, |number, record| {
            each(number, record);
            Ok(())
        })
    }
}

fn read(
    disk: &MemoryDisk,
    after: usize,
    mut each: impl FnMut(u64, Record) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let contents = disk.contents();
    let rows = contents.rows.get(after..).unwrap_or_default();
    for (number, row) in (after as u64 + 1..).zip(rows) {
        let corrupt = |reason: String| JournalError::Corrupt { number, reason };
        if contents.corrupt.is_some_and(|corrupt| corrupt as u64 == number) {
            return Err(corrupt("injected".into()));
        }
        each(number, serde_json::from_str(row).map_err(|error| corrupt(error.to_string()))?)?;
    }
    Ok(())
}
