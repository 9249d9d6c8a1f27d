//! Reading a journal: by the writer at its start, and by anybody beside it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::journal::{JournalError, Record};
use kernel::ledger::Ledger;
use model::OrderId;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction};

use super::ahead;
use super::archive::{self, Base};
use super::codec;
use super::mark::Mark;
use super::merge::{self, Sources, apply, missing};
use super::schema;

/// With less room than this a disk is full: a commit takes a few pages.
const FULL_BELOW_BYTES: u64 = 256 * 1_024;
/// How long to wait for a lock that another connection holds.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn io(error: impl std::fmt::Display) -> JournalError {
    JournalError::Io(error.to_string())
}

/// The same failure, and what room its disk had left if that was next to none: SQLite says no more
/// than that the disk failed.
pub(super) fn error_with_room(error: JournalError, path: &Path) -> JournalError {
    let JournalError::Io(reason) = error else { return error };
    match room(path) {
        Ok(free) if free < FULL_BELOW_BYTES => {
            let shown = path.display();
            JournalError::Io(format!(
                "{reason}: the disk of {shown} is full, {free} bytes are free"
            ))
        }
        Ok(_) | Err(_) => JournalError::Io(reason),
    }
}

/// Bytes that can still be written beside a file.
pub(super) fn room(path: &Path) -> Result<u64, JournalError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let disk = rustix::fs::statvfs(directory.unwrap_or(Path::new("."))).map_err(io)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Opens a database of ours without the right to change it.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let describe = |error: rusqlite::Error| io(format!("{}: {error}", path.display()));
    let connection = Connection::open_with_flags(path, flags).map_err(describe)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(describe)?;
    Ok(connection)
}

/// A database as it is now. It is read at once: until a transaction has read something, what
/// others write still shows in it.
pub(super) fn pinned(connection: &Connection) -> Result<Transaction<'_>, JournalError> {
    let snapshot = connection.unchecked_transaction().map_err(io)?;
    newest_number(&snapshot)?;
    Ok(snapshot)
}

/// What a full check found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Records of the journal, all that are here with their right checksum and in order.
    pub records: u64,
    /// Records that are not here: they were archived, and the archive is elsewhere. What they add
    /// up to was taken as it is written.
    pub elsewhere: u64,
    /// What they add up to.
    pub ledger: Ledger,
}

/// A journal opened for inspection: nothing is ever written, also while an engine writes.
#[derive(Debug)]
pub struct JournalReader {
    connection: Connection,
    path: PathBuf,
}

impl JournalReader {
    /// Opens an existing journal.
    ///
    /// # Errors
    /// [`JournalError::Io`] when there is none, [`JournalError::TooNew`].
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let connection = open_to_read(path)?;
        match schema::version(&connection)? {
            0 => {
                if let Some(mark) = Mark::read(path)? {
                    mark.check(0)?;
                }
                Err(io(format!("{} is not a journal", path.display())))
            }
            _ => Ok(Self { connection, path: path.to_owned() }),
        }
    }

    /// The connection, for queries over the documented views.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Hands every record after number `after` to `each`, oldest first, with its number; those in
    /// the archive too.
    ///
    /// # Errors
    /// See [`JournalError`]; a record that is neither here nor in the archive is corruption.
    pub fn replay_after(
        &self,
        after: u64,
        each: &mut dyn FnMut(u64, Record),
    ) -> Result<(), JournalError> {
        let snapshot = self.snapshot()?;
        let mut last = None;
        let each_stored = |number, record| {
            last = Some(number);
            each(number, record);
            Ok(())
        };
        if after < Base::read(&snapshot)?.number {
            let archives = archive::open_files(&self.path)?;
            let sources = Sources { journal: &snapshot, archives: &archives };
            merge::replay_merged(&sources, after, u64::MAX, each_stored)?;
        } else {
            merge::replay(&snapshot, after, u64::MAX, each_stored)?;
        }
        let last = match last {
            Some(last) => last,
            None => newest_number(&snapshot)?.min(after),
        };
        for (number, record) in self.ahead(last)? {
            if number > after {
                each(number, record);
            }
        }
        Ok(())
    }

    /// The database as it is now, whatever the writer and the archive do meanwhile.
    pub(super) fn snapshot(&self) -> Result<Transaction<'_>, JournalError> {
        pinned(&self.connection)
    }

    /// The archive's files, to be read.
    pub(super) fn archives(&self) -> Result<Vec<Connection>, JournalError> {
        archive::open_files(&self.path)
    }

    /// The records that are only ahead of the database, after its newest one.
    fn ahead(&self, newest: u64) -> Result<Vec<(u64, Record)>, JournalError> {
        Ok((newest + 1..).zip(ahead::records_after(&self.path, newest)?).collect())
    }

    /// Every record of one order with its number, oldest first, archived ones among them: nothing
    /// for an order that is not in the journal.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn order_history(&self, order: OrderId) -> Result<Vec<(u64, Record)>, JournalError> {
        let snapshot = self.snapshot()?;
        let ahead = self.ahead(newest_number(&snapshot)?)?;
        let subject = order.to_string();
        let mut history = records_of(&snapshot, &subject)?;
        for file in self.archives()? {
            history.extend(records_of(&file, &subject)?);
        }
        let of_order = |(_, record): &(u64, Record)| codec::subject(record) == Some(order);
        history.extend(ahead.into_iter().filter(of_order));
        // Some may be on their way to the archive, or from the files ahead.
        history.sort_by_key(|(number, _)| *number);
        history.dedup_by_key(|(number, _)| *number);
        Ok(history)
    }

    /// The state that the records add up to, as a start would find it.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn ledger(&self) -> Result<Ledger, JournalError> {
        let snapshot = self.snapshot()?;
        let mut ledger = load(&snapshot, &self.path)?.ledger;
        for (number, record) in self.ahead(ledger.records())? {
            apply(&mut ledger, number, &record)?;
        }
        Ok(ledger)
    }

    /// Reads everything in database and archive from the first record on, checks every checksum
    /// and the database's own structure, and that what is stored of ledgers and positions is what
    /// the records add up to. Without the archive, what is said to add up to its records is taken.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] with the first record that is wrong.
    pub fn verify(&self) -> Result<Verified, JournalError> {
        // Before the records: the writer may go on.
        let mark = Mark::read(&self.path)?;
        let snapshot = self.snapshot()?;
        let (mut ledger, elsewhere) = self.verified_base(&snapshot)?;
        merge::replay(&snapshot, ledger.records(), u64::MAX, |number, record| {
            apply(&mut ledger, number, &record)
        })?;
        let number = ledger.records();
        let corrupt = |reason: String| JournalError::Corrupt { number, reason };
        let check: String = snapshot
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|error| corrupt(error.to_string()))?;
        if check != "ok" {
            return Err(corrupt(check));
        }
        if load(&snapshot, &self.path)?.ledger != ledger {
            return Err(corrupt("the stored ledger is not what the records add up to".into()));
        }
        let positions = projected_positions(&snapshot)?;
        let expected: Vec<_> = ledger
            .positions()
            .map(|(strategy, instrument, position)| {
                (strategy.0, instrument.0, position.quantity().to_string())
            })
            .collect();
        if positions != expected {
            return Err(corrupt("table position is not what the records add up to".into()));
        }
        for (number, record) in self.ahead(number)? {
            apply(&mut ledger, number, &record)?;
        }
        if let Some(mark) = mark {
            mark.check_log(&self.path, number)?;
            mark.check(ledger.records())?;
        }
        Ok(Verified { records: ledger.records(), elsewhere, ledger })
    }

    /// What the records up to the base add up to, and how many of them are not here.
    fn verified_base(&self, snapshot: &Connection) -> Result<(Ledger, u64), JournalError> {
        let base = Base::read(snapshot)?;
        if base.number == 0 {
            return Ok((Ledger::default(), 0));
        }
        if base.is_damaged {
            let reason = "what is stored of the archive is damaged".to_owned();
            return Err(JournalError::Corrupt { number: base.number, reason });
        }
        let archives = self.archives()?;
        if archives.is_empty() {
            check_rest(snapshot, base.number)?;
            let ledger = base.ledger.ok_or_else(|| missing(1, "the archive is not beside it"))?;
            return Ok((ledger, base.number));
        }
        let sources = Sources { journal: snapshot, archives: &archives };
        let ledger = merge::fold(&sources, Ledger::default(), base.number)?;
        if base.ledger.is_some_and(|stored| stored != ledger) {
            let reason = "what is stored of the archive is not what its records add up to".into();
            return Err(JournalError::Corrupt { number: base.number, reason });
        }
        Ok((ledger, 0))
    }
}

/// Checks the records that stay before the base.
fn check_rest(journal: &Connection, base: u64) -> Result<(), JournalError> {
    let mut statement = journal
        .prepare(
            "SELECT number, kind, subject, status, body, checksum FROM record WHERE number <= ?1",
        )
        .map_err(io)?;
    let mut rows = statement.query([i64::try_from(base).map_err(io)?]).map_err(io)?;
    while let Some(row) = rows.next().map_err(io)? {
        merge::decode(row).map_err(|(found, reason)| JournalError::Corrupt {
            number: found.unwrap_or(base),
            reason,
        })?;
    }
    Ok(())
}

/// In a file of the archive an index leads to it.
const INTENT_BEFORE: &str = "SELECT number FROM record
    WHERE number < ?2 AND kind = 'order_intended' AND subject = ?1 AND subject IS NOT NULL
    ORDER BY number DESC LIMIT 1";

/// The records of one order in one database, each checked.
fn records_of(connection: &Connection, subject: &str) -> Result<Vec<(u64, Record)>, JournalError> {
    let mut statement = connection
        .prepare(
            "SELECT number FROM record
             WHERE subject = ?1 AND kind <> 'order_intended' ORDER BY number",
        )
        .map_err(io)?;
    let numbers = statement.query_map([subject], |row| row.get(0)).map_err(io)?;
    let mut numbers: Vec<i64> = numbers.collect::<Result<_, _>>().map_err(io)?;
    // Intents are in no index: this one stands shortly before what follows from it.
    let before = numbers.first().copied().unwrap_or(i64::MAX);
    let intent = connection.query_row(INTENT_BEFORE, (subject, before), |row| row.get(0));
    if let Some(intent) = intent.optional().map_err(io)? {
        numbers.insert(0, intent);
    }
    numbers.into_iter().map(|number| record(connection, number)).collect()
}

fn record(connection: &Connection, number: i64) -> Result<(u64, Record), JournalError> {
    let mut found = None;
    connection
        .query_row(
            "SELECT number, kind, subject, status, body, checksum FROM record WHERE number = ?1",
            [number],
            |row| {
                found = Some(merge::decode(row));
                Ok(())
            },
        )
        .map_err(io)?;
    let record = found.expect("the row was there, or the query had failed");
    record.map_err(|(_, reason)| JournalError::Corrupt { number: number.unsigned_abs(), reason })
}

/// A ledger and where it came from.
pub(super) struct Loaded {
    pub ledger: Ledger,
    /// The record that the stored ledger stood at; 0 without one.
    pub snapshot: u64,
}

/// The newest stored ledger that can be used, and the records since.
pub(super) fn load(connection: &Connection, path: &Path) -> Result<Loaded, JournalError> {
    let base = Base::read(connection)?;
    let stored = stored_ledger(connection)?.filter(|ledger| ledger.records() >= base.number);
    let mut ledger = match (stored, base.ledger) {
        (Some(stored), _) => stored,
        (None, Some(ledger)) => ledger,
        (None, None) => {
            let archives = archive::open_files(path)?;
            let sources = Sources { journal: connection, archives: &archives };
            merge::fold(&sources, Ledger::default(), base.number)?
        }
    };
    let snapshot = ledger.records();
    let newest = newest_number(connection)?;
    if newest < snapshot {
        return Err(missing(newest + 1, &format!("the ledger was stored at record {snapshot}")));
    }
    merge::replay(connection, snapshot, u64::MAX, |number, record| {
        apply(&mut ledger, number, &record)
    })?;
    Ok(Loaded { ledger, snapshot })
}

/// Refuses a log with damage in its middle, before anything is written behind it.
pub(super) fn check_log(path: &Path, mark: &Mark) -> Result<(), JournalError> {
    let newest = || newest_number(&open_to_read(path)?);
    mark.check_log(path, 0).map_err(|error| match (error, newest()) {
        (JournalError::Corrupt { reason, .. }, Ok(newest)) => {
            JournalError::Corrupt { number: newest + 1, reason }
        }
        (error, _) => error,
    })
}

/// The number of the newest record; 0 without one.
fn newest_number(connection: &Connection) -> Result<u64, JournalError> {
    let newest: i64 = connection
        .query_row("SELECT coalesce(max(number), 0) FROM record", [], |row| row.get(0))
        .map_err(io)?;
    u64::try_from(newest).map_err(io)
}

/// A snapshot is only a short cut: one that is damaged or of another version is passed over.
fn stored_ledger(connection: &Connection) -> Result<Option<Ledger>, JournalError> {
    let mut statement = connection
        .prepare(
            "SELECT number, body, checksum FROM ledger_snapshot WHERE version = ?1
             ORDER BY number DESC",
        )
        .map_err(io)?;
    let mut rows = statement.query([Ledger::VERSION]).map_err(io)?;
    while let Some(row) = rows.next().map_err(io)? {
        let (number, body, checksum): (i64, String, u32) =
            (row.get(0).map_err(io)?, row.get(1).map_err(io)?, row.get(2).map_err(io)?);
        if codec::checksum(number, "ledger", None, None, &body) != checksum {
            continue;
        }
        if let Ok(ledger) = serde_json::from_str::<Ledger>(&body)
            && i64::try_from(ledger.records()) == Ok(number)
        {
            return Ok(Some(ledger));
        }
    }
    Ok(None)
}

/// Damage is told apart from a disk or a lock that fails at the moment.
pub(super) fn unreadable(number: u64, error: &rusqlite::Error) -> JournalError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            JournalError::Corrupt { number, reason: error.to_string() }
        }
        Some(_) | None => io(error),
    }
}

fn projected_positions(connection: &Connection) -> Result<Vec<(u16, u16, String)>, JournalError> {
    let mut statement = connection
        .prepare("SELECT strategy, instrument, quantity FROM position ORDER BY 1, 2")
        .map_err(io)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.map_err(io)?.collect::<Result<_, _>>().map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::archive::create;

    #[test]
    fn an_intent_is_found_by_index_in_the_archive() {
        let directory = tempfile::tempdir().unwrap();
        let archive = create(&directory.path().join("2026-10.sqlite")).unwrap();
        let plan = format!("EXPLAIN QUERY PLAN {INTENT_BEFORE}");
        let plan: String = archive.query_row(&plan, ("1-0-1", i64::MAX), |row| row.get(3)).unwrap();
        assert!(plan.contains("INDEX record_intent (subject=? AND rowid<?)"), "{plan}");
    }

    #[test]
    fn a_snapshot_is_of_the_instant_that_it_is_taken_at() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.sqlite");
        let mut writer = Connection::open(&path).unwrap();
        writer.execute_batch("PRAGMA journal_mode = WAL").unwrap();
        schema::migrate(&mut writer).unwrap();
        let reader = JournalReader::open(&path).unwrap();
        let snapshot = reader.snapshot().unwrap();
        writer.execute("INSERT INTO record VALUES (1, 'kind', NULL, NULL, '{}', 0)", []).unwrap();
        assert_eq!(newest_number(&snapshot).unwrap(), 0);
        drop(snapshot);
        assert_eq!(newest_number(&reader.snapshot().unwrap()).unwrap(), 1);
    }
}
