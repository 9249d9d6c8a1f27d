//! The journal on SQLite and its simulated twin. The thread that writes it is the shell's.
//!
//! One row a record, in a database in WAL mode with one writer. The rows carry a checksum each;
//! the tail that a crash tears is cut by SQLite's own frame checksums, so that a clean prefix of
//! whole batches remains. What the rows mean is [`kernel::ledger::Ledger`]'s business: a copy of
//! it lives in the journal, refuses a record that contradicts it before it is written, and is
//! stored from time to time so that a start need not read everything.
//!
//! # Durability
//!
//! Committing in WAL mode writes frames to the log file; whether that file is then synced is
//! `PRAGMA synchronous`: `FULL` syncs it at each commit, `NORMAL` does not. The pragma may change
//! between transactions and costs about a microsecond, so the level is chosen per commit
//! ([`Level`], [`kernel::journal::Durability`]). One sync covers everything committed before it,
//! since all of it stands earlier in the same file: a record that must be synced at level
//! [`Level::Process`] takes along whatever was only committed, and no checkpoint is needed.
//!
//! A transaction takes longer than an order should wait. At level [`Level::Process`] records are
//! therefore written to a file ahead of the database first, and an order waits only for that; see
//! `ahead.rs`. Whoever copies a journal by hand copies its files ending in `-ahead0` and
//! `-ahead1` with it. Queries over the views see what the database has, a few milliseconds late.
//!
//! # Archive
//!
//! Old records move to files of their own: see `archive.rs`. A start needs none of them.
//!
//! # Mark
//!
//! SQLite alone cannot tell a log that was torn from one that was damaged or lost. A small file
//! beside the journal says how far it has got: see `mark.rs` and `log.rs`.
//!
//! # Checkpoints
//!
//! Moving frames from the log to the database is never done by the writer: automatic
//! checkpoints are off, and a thread with its own connection does it.

mod ahead;
mod archive;
mod checkpoint;
mod codec;
mod inspect;
mod log;
mod mark;
mod memory;
mod merge;
mod reader;
mod schema;
mod sqlite;

use std::path::{Path, PathBuf};

pub use archive::{ArchiveTold, TellArchive};
pub use codec::KINDS as RECORD_KINDS;
pub use inspect::{Cell, EachRow, RecordFilter, RecordRow, View};
pub use memory::{MemoryDisk, MemoryJournal};
pub use reader::{JournalReader, Verified};
pub use sqlite::{Level, SNAPSHOT_EVERY, SqliteJournal};

/// What belongs to a database has its name with something behind it.
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
