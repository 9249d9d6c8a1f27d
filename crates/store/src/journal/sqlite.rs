//! The writer.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kernel::journal::{Durability, Journal, JournalAhead, JournalError, Persist, Record};
use kernel::ledger::{Applied, Ledger};
use model::{InstrumentId, StrategyId};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::ahead::{self, AheadWriter};
use super::archive::{ArchiveTold, Archiver, Prepared, TellArchive};
use super::checkpoint::{Checkpointer, reserve_log};
use super::codec::{self, Columns};
use super::mark::{Mark, Marker};
use super::merge;
use super::reader::{BUSY_TIMEOUT, Loaded, check_log, error_with_room, io, load};
use super::schema;

/// What a commit survives, by config.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// A power cut: the log is synced before anything is sent.
    Power,
    /// The end of the process, `kill -9` included: the operating system has the bytes. After a
    /// power cut a prefix remains, and reconcile asks the venue for the rest.
    Process,
}

impl Level {
    /// Whether a commit that holds a record of this durability must reach the disk.
    #[must_use]
    pub const fn syncs(self, durability: Durability) -> bool {
        match (self, durability) {
            (Self::Power, Durability::Committed) | (_, Durability::Synced) => true,
            (Self::Process, Durability::Committed) | (_, Durability::Lazy) => false,
        }
    }
}

/// Records between stored ledgers. A start reads at most about so many, unless the engine never
/// was idle for long.
pub const SNAPSHOT_EVERY: u64 = 10_000;

/// Archived records taken out in one go: few enough that an order that comes meanwhile hardly
/// waits.
const REMOVED_AT_ONCE: usize = 256;

/// The journal on disk, opened for writing. One at a time: the state directory's lock sees to it.
#[derive(Debug)]
pub struct SqliteJournal {
    /// Ends before the connection, which then is the last one: whether the log stays is its own to
    /// say.
    checkpointer: Checkpointer,
    connection: Connection,
    marker: Arc<Marker>,
    path: PathBuf,
    level: Level,
    /// What `PRAGMA synchronous` is at.
    syncing: bool,
    ledger: Ledger,
    snapshot: u64,
    body: Vec<u8>,
    /// The number of the last record committed.
    committed: Arc<AtomicU64>,
    archive: Option<Archive>,
    failed: bool,
}

/// Where old records go.
struct Archive {
    archiver: Archiver,
    tell: TellArchive,
    /// What was copied and is still here: the last first.
    copied: Vec<i64>,
    /// What to tell once it is not.
    moved: Option<ArchiveTold>,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Archive").field("archiver", &self.archiver).finish_non_exhaustive()
    }
}

/// Whether the log stays as it is when the last connection closes, or moves to the database.
pub(super) fn leave_log(connection: &Connection, stays: bool) -> Result<(), rusqlite::Error> {
    let setting = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(setting, stays).map(|_| ())
}

/// Whether a record must not be forgotten even with the journal. These are synced at every level.
const fn is_marked(record: &Record) -> bool {
    matches!(record, Record::EpochStarted { .. } | Record::TradingStateChanged { .. })
}

/// A new database is its user's alone; SQLite gives its log the same permissions.
fn make_private(path: &Path) -> std::io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

impl SqliteJournal {
    /// Opens or creates a journal, brings its schema up to date, reads it, and writes into it
    /// what was only ahead of it.
    ///
    /// # Errors
    /// See [`JournalError`]. A corrupt journal can still be inspected with
    /// [`super::JournalReader`].
    pub fn open(path: &Path, level: Level) -> Result<Self, JournalError> {
        let describe = |error: rusqlite::Error| io(format!("{}: {error}", path.display()));
        let mark = Mark::read(path)?;
        if let Some(mark) = &mark {
            mark.check_there(path)?;
            check_log(path, mark)?;
        }
        make_private(path).map_err(|error| io(format!("{}: {error}", path.display())))?;
        let mut connection = Connection::open(path).map_err(describe)?;
        // What turns out to be damaged is left as it was found.
        leave_log(&connection, true).map_err(describe)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(describe)?;
        if schema::version(&connection)? == 0
            && let Some(mark) = &mark
        {
            mark.check(0)?;
        }
        connection
            .execute_batch(
                // A commit writes whole pages: small ones save a quarter of its time.
                "PRAGMA page_size = 1024;
                 PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL;
                 PRAGMA wal_autocheckpoint = 0;
                 PRAGMA temp_store = MEMORY;",
            )
            .map_err(describe)?;
        connection.set_prepared_statement_cache_capacity(32);
        schema::migrate(&mut connection)?;
        let Loaded { ledger, snapshot } = load(&connection, path)?;
        if let Some(mark) = &mark {
            let ahead = ahead::records_after(path, ledger.records())?.len() as u64;
            mark.check(ledger.records() + ahead)?;
        }
        if level == Level::Power {
            reserve_log(path).map_err(|error| io(format!("{}: {error}", path.display())))?;
        }
        let marker = Arc::new(Marker::new(path, mark));
        let committed = Arc::new(AtomicU64::new(ledger.records()));
        let checkpointer = Checkpointer::spawn(path, Arc::clone(&marker), Arc::clone(&committed))?;
        let mut journal = Self {
            connection,
            checkpointer,
            marker,
            path: path.to_owned(),
            level,
            syncing: true,
            ledger,
            snapshot,
            body: Vec::with_capacity(4_096),
            committed,
            archive: None,
            failed: false,
        };
        journal.catch_up()?;
        leave_log(&journal.connection, false).map_err(io)?;
        if journal.ledger.records() > 0 {
            // Of the run before, which may have been killed with everything in the log.
            journal.checkpointer.request();
        }
        Ok(journal)
    }

    /// From now on moves records that are so much older than the newest, and of no order that
    /// still works, to the archive beside the journal; by [`Journal::maintain`], when nothing
    /// waits. What came of it is told.
    #[must_use]
    pub fn archiving(mut self, after: Duration, tell: TellArchive) -> Self {
        let mut archiver = Archiver::new(&self.path, after);
        archiver.begin();
        self.archive = Some(Archive { archiver, tell, copied: Vec::new(), moved: None });
        self
    }

    /// Goes on with a round of the archive. True when there is more to do at once.
    fn tend_archive(&mut self) -> Result<bool, JournalError> {
        let Some(archive) = &mut self.archive else { return Ok(false) };
        if !archive.copied.is_empty() {
            let left = archive.copied.len().saturating_sub(REMOVED_AT_ONCE);
            let oldest = archive.copied.split_off(left);
            self.remove(&oldest)?;
            return Ok(true);
        }
        if let Some(moved) = archive.moved.take() {
            (archive.tell)(moved);
            // There may be another month.
            archive.archiver.begin();
        }
        match archive.archiver.take() {
            None | Some(Ok(None)) => Ok(false),
            Some(Ok(Some(prepared))) => {
                self.store_base(prepared)?;
                Ok(true)
            }
            Some(Err(error)) => {
                (archive.tell)(ArchiveTold::Failed(error.to_string()));
                Ok(false)
            }
        }
    }

    /// From here on the journal goes on from a new base; what was copied may go.
    fn store_base(&mut self, prepared: Prepared) -> Result<(), JournalError> {
        let Prepared { file, base, ledger, mut numbers } = prepared;
        let number = i64::try_from(base).map_err(io)?;
        let checksum = codec::checksum(number, "ledger", None, None, &ledger);
        self.set_syncing(true)?;
        let store = self.connection.transaction().map_err(io)?;
        store
            .execute(
                "INSERT OR REPLACE INTO archived (number, version, body, checksum)
                 VALUES (?1, ?2, ?3, ?4)",
                (number, Ledger::VERSION, &ledger, checksum),
            )
            .map_err(io)?;
        store.execute("DELETE FROM archived WHERE number < ?1", [number]).map_err(io)?;
        store.commit().map_err(io)?;
        self.checkpointer.committed();
        let archive = self.archive.as_mut().expect("a round is of an archive");
        let records = numbers.len() as u64;
        numbers.reverse();
        archive.copied = numbers;
        archive.moved = Some(ArchiveTold::Moved { file, records, up_to: base });
        Ok(())
    }

    /// A power cut may bring some back: the next round takes them out again.
    fn remove(&mut self, numbers: &[i64]) -> Result<(), JournalError> {
        self.set_syncing(false)?;
        self.command("BEGIN IMMEDIATE")?;
        for number in numbers {
            self.connection
                .prepare_cached("DELETE FROM record WHERE number = ?1")
                .and_then(|mut delete| delete.execute([number]))
                .map_err(io)?;
        }
        self.command("COMMIT")?;
        self.checkpointer.committed();
        Ok(())
    }

    /// Writes what is only ahead of the database, synced, and empties the files ahead.
    fn catch_up(&mut self) -> Result<(), JournalError> {
        let records = ahead::records_after(&self.path, self.ledger.records())?;
        let persist = |record| Persist { sequence: 0, record, durability: Durability::Synced };
        let batch: Vec<Persist> = records.into_iter().map(persist).collect();
        self.append(&batch)?;
        ahead::empty(&self.path).map_err(io)
    }

    /// What the records written so far add up to.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Stores the ledger, so that a start goes on from here. Not synced: it is a short cut.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn store_ledger(&mut self) -> Result<(), JournalError> {
        let number = self.ledger.records();
        if number == self.snapshot {
            return Ok(());
        }
        let body = serde_json::to_string(&self.ledger).map_err(io)?;
        let number_column = i64::try_from(number).map_err(io)?;
        let checksum = codec::checksum(number_column, "ledger", None, None, &body);
        self.set_syncing(false)?;
        let store = self.connection.transaction().map_err(io)?;
        store
            .execute(
                "INSERT OR REPLACE INTO ledger_snapshot (number, version, body, checksum)
                 VALUES (?1, ?2, ?3, ?4)",
                (number_column, Ledger::VERSION, &body, checksum),
            )
            .map_err(io)?;
        // The one before stays, in case this one turns out to be damaged.
        let before = i64::try_from(self.snapshot).map_err(io)?;
        store.execute("DELETE FROM ledger_snapshot WHERE number < ?1", [before]).map_err(io)?;
        store.commit().map_err(io)?;
        self.snapshot = number;
        self.checkpointer.committed();
        Ok(())
    }

    fn set_syncing(&mut self, syncing: bool) -> Result<(), JournalError> {
        if self.syncing != syncing {
            let pragma =
                if syncing { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
            self.connection.execute_batch(pragma).map_err(io)?;
            self.syncing = syncing;
        }
        Ok(())
    }

    fn write(&mut self, batch: &[Persist]) -> Result<(), JournalError> {
        self.set_syncing(batch.iter().any(|persist| self.level.syncs(persist.durability)))?;
        self.command("BEGIN IMMEDIATE")?;
        for persist in batch {
            self.insert(&persist.record)?;
        }
        self.command("COMMIT")?;
        self.committed.store(self.ledger.records(), Ordering::Release);
        self.checkpointer.committed();
        if batch.iter().any(|persist| is_marked(&persist.record)) {
            self.marker.note(&self.ledger)?;
        }
        Ok(())
    }

    fn command(&self, sql: &str) -> Result<(), JournalError> {
        self.connection.prepare_cached(sql).and_then(|mut it| it.execute([])).map_err(io)?;
        Ok(())
    }

    fn insert(&mut self, record: &Record) -> Result<(), JournalError> {
        let applied = self.ledger.apply(record)?;
        let columns = Columns::new(record, applied);
        let number = i64::try_from(self.ledger.records()).map_err(io)?;
        let body = codec::encode(record, &mut self.body)?;
        let checksum = columns.checksum(number, body);
        self.connection
            .prepare_cached(
                "INSERT INTO record (number, kind, subject, status, body, checksum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .and_then(|mut insert| {
                let Columns { kind, subject, status } = &columns;
                insert.execute((number, kind, subject, status, body, checksum))
            })
            .map_err(io)?;
        self.project(record, applied).map_err(io)
    }

    /// Keeps the tables that views join with.
    fn project(&self, record: &Record, applied: Applied) -> Result<(), rusqlite::Error> {
        if let Some((strategy, instrument)) = applied.position {
            self.project_position(strategy, instrument)?;
        }
        if let Record::InstrumentRegistered { instrument, symbol, base, quote } = record {
            self.connection
                .prepare_cached("INSERT INTO instrument VALUES (?1, ?2, ?3, ?4)")?
                .execute((instrument.0, symbol.as_str(), base.as_str(), quote.as_str()))?;
        }
        if let Record::StrategyRegistered { strategy, name } = record {
            self.connection
                .prepare_cached("INSERT INTO strategy VALUES (?1, ?2)")?
                .execute((strategy.0, name))?;
        }
        Ok(())
    }

    fn project_position(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
    ) -> Result<(), rusqlite::Error> {
        let position = self.ledger.position(strategy, instrument);
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO position VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute((
                strategy.0,
                instrument.0,
                position.quantity().to_string(),
                position.cost().to_string(),
                position.realised().to_string(),
                position.fees().to_string(),
            ))?;
        Ok(())
    }

    /// A journal that failed has a ledger that is ahead of the disk: it is not used again.
    fn guarded<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        if self.failed {
            return Err(io("the journal failed before and must be opened anew"));
        }
        let outcome = step(self);
        self.failed = outcome.is_err();
        outcome.map_err(|error| error_with_room(error, &self.path))
    }
}

impl Journal for SqliteJournal {
    fn append(&mut self, batch: &[Persist]) -> Result<(), JournalError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.guarded(|journal| {
            let written = journal.write(batch);
            if written.is_err() {
                // Whatever the disk says to this: the transaction was not committed.
                drop(journal.command("ROLLBACK"));
            }
            written
        })
    }

    fn replay(&mut self, each: &mut dyn FnMut(u64, Record)) -> Result<(), JournalError> {
        merge::replay(&self.connection, 0, u64::MAX, |number, record| {
            each(number, record);
            Ok(())
        })
    }

    fn maintain(&mut self) -> Result<bool, JournalError> {
        self.checkpointer.idle();
        if self.ledger.records() - self.snapshot >= SNAPSHOT_EVERY {
            self.guarded(Self::store_ledger)?;
            if let Some(archive) = self.archive.as_mut().filter(|archive| archive.moved.is_none()) {
                archive.archiver.begin();
            }
        }
        self.guarded(Self::tend_archive)
    }

    fn ahead(&mut self) -> Result<Option<Box<dyn JournalAhead>>, JournalError> {
        if self.level == Level::Power {
            // Nothing is durable then before it is synced, which would stop the order's own turn.
            return Ok(None);
        }
        let base = self.ledger.records();
        self.committed.store(base, Ordering::Release);
        let writer = AheadWriter::open(&self.path, base, Arc::clone(&self.committed));
        Ok(Some(Box::new(writer.map_err(io)?)))
    }
}
