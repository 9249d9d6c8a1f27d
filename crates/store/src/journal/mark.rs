//! What is certain of a journal, in a small file of its own beside it, `mark-<venue>`: how many
//! records are on the disk, and the trading state. A journal that has fewer was cut, emptied or
//! replaced, and what it has forgotten may be a halt. Written at starts, when the trading state
//! changes and after checkpoints; never on the way of an order.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use kernel::journal::JournalError;
use kernel::ledger::Ledger;
use serde::{Deserialize, Serialize};

use super::log;
use super::reader::io;
use crate::state_dir::write_atomically;

/// What the file holds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Records that are on the disk.
    pub records: u64,
    /// The trading state then.
    state: String,
    /// Why.
    reason: String,
    /// Since when the machine runs: it has not lost power since the mark if this is the same.
    boot: String,
}

impl Mark {
    /// The mark of a database, if it has one.
    pub fn read(database: &Path) -> Result<Option<Self>, JournalError> {
        let path = path_of(database);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| {
                let reason = format!("{}: {error}", path.display());
                JournalError::Corrupt { number: 0, reason }
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io(format!("{}: {error}", path.display()))),
        }
    }

    /// Refuses a database that is gone or empty.
    pub fn check_there(&self, database: &Path) -> Result<(), JournalError> {
        let length = std::fs::metadata(database).map_or(0, |found| found.len());
        if length > 0 { Ok(()) } else { self.check(0) }
    }

    /// Refuses a log with damage in its middle.
    pub fn check_log(&self, database: &Path, newest: u64) -> Result<(), JournalError> {
        if self.boot.is_empty() || self.boot != boot() {
            return Ok(());
        }
        let is_damaged = || log::is_damaged(database).map_err(io);
        // A writer may have been in the middle of a frame at the first look.
        if is_damaged()? && is_damaged()? {
            let reason = "its log is damaged before its end".to_owned();
            return Err(JournalError::Corrupt { number: newest + 1, reason });
        }
        Ok(())
    }

    /// Refuses a journal of fewer records than were on the disk.
    pub fn check(&self, records: u64) -> Result<(), JournalError> {
        if records >= self.records {
            return Ok(());
        }
        let Self { records: marked, state, reason, .. } = self;
        let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        let reason = format!(
            "{marked} records were on the disk and {records} are left; the trading state was \
             {state}{why}"
        );
        Err(JournalError::Corrupt { number: records + 1, reason })
    }
}

/// Writes the mark.
#[derive(Debug)]
pub(super) struct Marker {
    path: PathBuf,
    last: Mutex<Mark>,
}

impl Marker {
    /// The marker of a database that has this mark.
    pub fn new(database: &Path, last: Option<Mark>) -> Self {
        Self { path: path_of(database), last: Mutex::new(last.unwrap_or_default()) }
    }

    /// All that a ledger has seen is on the disk.
    pub fn note(&self, ledger: &Ledger) -> Result<(), JournalError> {
        let standing = ledger.trading_state();
        self.write(|mark| {
            mark.records = ledger.records();
            mark.state = standing.state.name().to_owned();
            mark.reason.clone_from(&standing.reason);
        })
    }

    /// So many records are on the disk.
    pub fn raise(&self, records: u64) -> Result<(), JournalError> {
        self.write(|mark| mark.records = mark.records.max(records))
    }

    fn write(&self, change: impl FnOnce(&mut Mark)) -> Result<(), JournalError> {
        // Whoever panicked has left a mark that is whole.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mut mark = last.clone();
        change(&mut mark);
        mark.boot = boot();
        if mark != *last {
            let text = serde_json::to_vec(&mark).map_err(io)?;
            write_atomically(&self.path, &text).map_err(io)?;
            *last = mark;
        }
        Ok(())
    }
}

/// `journal-<venue>.sqlite` has `mark-<venue>`: whoever moves a journal moves files by this name.
fn path_of(database: &Path) -> PathBuf {
    let name = database.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".sqlite").unwrap_or(&name);
    let name = name.strip_prefix("journal").unwrap_or(name);
    database.with_file_name(format!("mark{name}"))
}

/// The system's name for the time since it was started; empty where it has none.
fn boot() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    name.map(|name| name.trim().to_owned()).unwrap_or_default()
}
