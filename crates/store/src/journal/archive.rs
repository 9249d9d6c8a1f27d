//! Old records move to files of their own, a month each, in a directory beside the journal: so
//! that months of running make neither the journal nor what looks through it slow.
//!
//! What moves is everything up to a record, the *base*, but for the records of orders that still
//! worked there: they stay until a later round finds them closed. The journal keeps what all
//! records up to its base add up to, and goes on from that. Journal and archive together hold every
//! record, each at least once.
//!
//! A round has two parts. A thread with connections of its own checks the records, adds them up,
//! copies them and syncs the copy ([`prepare`]). Then the writer, when nothing waits, stores the
//! new base and takes out what was copied, a few records at a time. Ended at any instant, the next
//! round goes on: what is copied already is not copied again, and readers take a record that stands
//! in both places once.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use kernel::journal::JournalError;
use kernel::ledger::Ledger;
use model::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::codec;
use super::merge::{self, Sources};
use super::reader::{BUSY_TIMEOUT, io, open_to_read, room};
use super::schema;

/// Records read at a time; between two pages the thread looks whether it is to stop, and nobody is
/// kept from anything.
const PAGE: u64 = 1_024;

/// Some records: after one, up to another.
#[derive(Clone, Copy)]
struct Page {
    after: u64,
    last: u64,
}

fn pages(after: u64, last: u64) -> impl Iterator<Item = Page> {
    let starts = std::iter::successors(Some(after), |start| start.checked_add(PAGE));
    starts
        .take_while(move |start| *start < last)
        .map(move |start| Page { after: start, last: last.min(start.saturating_add(PAGE)) })
}

/// What an archive did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ArchiveTold {
    /// Records were moved.
    Moved {
        /// To this file.
        file: PathBuf,
        /// So many.
        records: u64,
        /// The new base.
        up_to: u64,
    },
    /// They could not be copied. They stay where they are, and the next round tries again.
    Failed(String),
}

/// Where to tell it.
pub type TellArchive = Box<dyn Fn(ArchiveTold) + Send>;

/// The directory of a journal's archive.
pub(super) fn directory(journal: &Path) -> PathBuf {
    super::beside(journal, "-archive")
}

/// The archive's files, oldest first; none when it is not there.
pub(super) fn files(journal: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let directory = directory(journal);
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(format!("{}: {error}", directory.display()))),
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "sqlite")).collect();
    found.sort_unstable();
    Ok(found)
}

/// Opens the archive's files to read.
pub(super) fn open_files(journal: &Path) -> Result<Vec<Connection>, JournalError> {
    files(journal)?.iter().map(|path| open_to_read(path)).collect()
}

/// Where a journal goes on from.
pub(super) struct Base {
    /// The record; 0 when nothing was ever archived.
    pub number: u64,
    /// What everything up to it adds up to; `None` when that was written by a build with another
    /// idea of it, or is damaged, and has to be added up again from the archive.
    pub ledger: Option<Ledger>,
    /// It is there, and is not what was written.
    pub is_damaged: bool,
}

impl Base {
    const BEGINNING: Self = Self { number: 0, ledger: None, is_damaged: false };

    /// Reads it. A journal that was never opened by a build that archives has none.
    pub fn read(connection: &Connection) -> Result<Self, JournalError> {
        if schema::version(connection)? < 2 {
            return Ok(Self { ledger: Some(Ledger::default()), ..Self::BEGINNING });
        }
        let row = connection
            .query_row(
                "SELECT number, version, body, checksum FROM archived ORDER BY number DESC LIMIT 1",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .optional()
            .map_err(io)?;
        let Some((number, version, body, checksum)): Option<(i64, u32, String, u32)> = row else {
            return Ok(Self { ledger: Some(Ledger::default()), ..Self::BEGINNING });
        };
        let base = u64::try_from(number).map_err(io)?;
        let is_whole = codec::checksum(number, "ledger", None, None, &body) == checksum;
        let is_known = is_whole && version == Ledger::VERSION;
        let ledger = is_known.then(|| serde_json::from_str::<Ledger>(&body).ok()).flatten();
        let ledger = ledger.filter(|ledger| ledger.records() == base);
        let is_damaged = !is_whole || (is_known && ledger.is_none());
        Ok(Self { number: base, ledger, is_damaged })
    }
}

/// A round that waits for the writer.
#[derive(Debug)]
pub(super) struct Prepared {
    /// Where the copies are.
    pub file: PathBuf,
    /// The new base.
    pub base: u64,
    /// What all up to it adds up to, as JSON.
    pub ledger: String,
    /// What was copied.
    pub numbers: Vec<i64>,
}

/// Copies what is older than `after`, counted back from the newest record, into the file of its
/// month; `None` when there is nothing, or when it is to stop.
pub(super) fn prepare(
    journal: &Path,
    after: Duration,
    stop: &AtomicBool,
) -> Result<Option<Prepared>, JournalError> {
    // Never one long transaction: SQLite's log could not start over as long as it lasts. What is
    // read here changes only through what this round gives the writer.
    let connection = open_to_read(journal)?;
    let archives = open_files(journal)?;
    let sources = Sources { journal: &connection, archives: &archives };
    let base = Base::read(&connection)?;
    let Some(span) = Span::find(&connection, base.number, after)? else { return Ok(None) };
    check_room(&connection, journal, span.last)?;
    let mut ledger = match base.ledger {
        Some(ledger) => ledger,
        None => merge::fold(&sources, Ledger::default(), base.number)?,
    };
    let mut is_stopped = || stop.load(Ordering::Relaxed);
    for page in pages(base.number, span.last) {
        let end = page.last;
        merge::replay(&connection, page.after, end, |number, record| {
            merge::apply(&mut ledger, number, &record)
        })?;
        if ledger.records() < end {
            return Err(merge::missing(ledger.records() + 1, "the journal ends before it"));
        }
        if is_stopped() {
            return Err(io("stopped"));
        }
    }
    let kept: Vec<String> =
        ledger.open_orders().map(|order| order.intent.order.to_string()).collect();
    let file = directory(journal).join(format!("{}.sqlite", span.month));
    let numbers = copy(&connection, &file, span.last, &kept, &mut is_stopped)?;
    let body = serde_json::to_string(&ledger).map_err(io)?;
    Ok(Some(Prepared { file, base: span.last, ledger: body, numbers }))
}

/// What has to be free beside the copies: trading needs the disk more than the archive does.
const SPARE_BYTES: u64 = 256 << 20;

/// Refuses a round that could fill the disk. A copy is written twice, into SQLite's log and from
/// there into the file.
fn check_room(from: &Connection, journal: &Path, last: u64) -> Result<(), JournalError> {
    let copied: i64 = from
        .query_row(
            "SELECT coalesce(sum(length(body) + 64), 0) FROM record WHERE number <= ?1",
            [i64::try_from(last).map_err(io)?],
            |row| row.get(0),
        )
        .map_err(io)?;
    let needed = 2 * u64::try_from(copied).map_err(io)? + SPARE_BYTES;
    let free = room(journal)?;
    if free < needed {
        let (free_mib, needed_mib) = (free >> 20, needed >> 20);
        return Err(io(format!("{needed_mib} MiB must be free to archive, {free_mib} are")));
    }
    Ok(())
}

/// What a round moves.
struct Span {
    /// The last record.
    last: u64,
    /// Its month, `YYYY-MM`.
    month: String,
}

impl Span {
    /// The records after a base that are old enough, as far as they are of one month.
    fn find(
        connection: &Connection,
        base: u64,
        after: Duration,
    ) -> Result<Option<Self>, JournalError> {
        let newest: i64 = connection
            .query_row("SELECT coalesce(max(number), 0) FROM record", [], |row| row.get(0))
            .map_err(io)?;
        let newest = u64::try_from(newest).map_err(io)?;
        let (Some(first_at), Some(newest_at)) =
            (time_from(connection, base + 1)?, last_time(connection)?)
        else {
            return Ok(None);
        };
        // Whole days, so that a round is worth its while.
        let cutoff = newest_at.before(after).utc_day();
        let (month, month_end): (String, i64) = connection
            .query_row(
                "SELECT strftime('%Y-%m', ?1, 'unixepoch'),
                        unixepoch(?1, 'unixepoch', 'start of month', '+1 month')",
                [first_at.as_secs()],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .map_err(io)?;
        let limit = cutoff.min(Timestamp::from_secs(month_end));
        // The first record that is not before the limit: times go up with the numbers.
        let (mut low, mut high) = (base + 1, newest);
        while low < high {
            let middle = low + (high - low) / 2;
            if time_from(connection, middle)?.is_some_and(|at| at < limit) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let last = low - 1;
        Ok((last > base).then_some(Self { last, month }))
    }
}

/// When the first record from a number on was that says so.
fn time_from(connection: &Connection, number: u64) -> Result<Option<Timestamp>, JournalError> {
    time(connection, "number >= ?1", "ASC", number)
}

fn last_time(connection: &Connection) -> Result<Option<Timestamp>, JournalError> {
    time(connection, "number > ?1", "DESC", 0)
}

fn time(
    connection: &Connection,
    condition: &str,
    order: &str,
    number: u64,
) -> Result<Option<Timestamp>, JournalError> {
    let at = super::inspect::AT;
    let sql = format!(
        "SELECT {at} FROM record WHERE {condition} AND {at} IS NOT NULL
         ORDER BY number {order} LIMIT 1"
    );
    let number = i64::try_from(number).map_err(io)?;
    let found = connection
        .prepare_cached(&sql)
        .and_then(|mut query| query.query_row([number], |row| row.get(0)).optional());
    Ok(found.map_err(io)?.map(Timestamp::from_nanos))
}

/// Copies the records up to one, but for those of some orders, and tells which these are. They are
/// on the disk when this returns.
fn copy(
    from: &Connection,
    file: &Path,
    last: u64,
    kept: &[String],
    is_stopped: &mut dyn FnMut() -> bool,
) -> Result<Vec<i64>, JournalError> {
    let mut archive = create(file)?;
    let into = archive.transaction().map_err(io)?;
    for table in ["instrument", "strategy"] {
        copy_names(from, &into, table)?;
    }
    let mut numbers = Vec::new();
    // What stays of orders that were archived before may be as old as any.
    for page in pages(0, last) {
        copy_page(from, &into, page, kept, &mut numbers, file)?;
        if is_stopped() {
            return Err(io("stopped"));
        }
    }
    into.commit().map_err(io)?;
    archive.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(io)?;
    drop(archive);
    sync_directories(file)?;
    Ok(numbers)
}

/// Copies the records of a page.
fn copy_page(
    from: &Connection,
    into: &Connection,
    page: Page,
    kept: &[String],
    numbers: &mut Vec<i64>,
    file: &Path,
) -> Result<(), JournalError> {
    let mut rows = from
        .prepare_cached(
            "SELECT number, kind, subject, status, body, checksum FROM record
             WHERE number > ?1 AND number <= ?2 ORDER BY number",
        )
        .map_err(io)?;
    let bounds = [i64::try_from(page.after).map_err(io)?, i64::try_from(page.last).map_err(io)?];
    let mut rows = rows.query(bounds).map_err(io)?;
    let mut insert = into
        .prepare_cached("INSERT OR IGNORE INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        .map_err(io)?;
    while let Some(row) = rows.next().map_err(io)? {
        let (number, _) = merge::decode(row).map_err(|(number, reason)| JournalError::Corrupt {
            number: number.unwrap_or(page.last),
            reason,
        })?;
        let number = i64::try_from(number).map_err(io)?;
        let subject: Option<String> = row.get(2).map_err(io)?;
        if subject.as_ref().is_some_and(|subject| kept.contains(subject)) {
            continue;
        }
        let (kind, status): (String, Option<String>) =
            (row.get(1).map_err(io)?, row.get(3).map_err(io)?);
        let (body, checksum): (String, u32) = (row.get(4).map_err(io)?, row.get(5).map_err(io)?);
        let inserted = insert.execute((number, kind, subject, status, body, checksum));
        if inserted.map_err(io)? == 0 {
            check_same(into, number, checksum, file)?;
        }
        numbers.push(number);
    }
    Ok(())
}

/// A record that is in the archive already must be the one that is to be copied: the journal's own
/// is deleted next.
fn check_same(
    archive: &Connection,
    number: i64,
    checksum: u32,
    file: &Path,
) -> Result<(), JournalError> {
    let mut found =
        archive.prepare_cached("SELECT checksum FROM record WHERE number = ?1").map_err(io)?;
    let there: u32 = found.query_row([number], |row| row.get(0)).map_err(io)?;
    if there == checksum {
        return Ok(());
    }
    let name = file.display();
    let reason = format!("{name} has another record of this number: an archive of another journal");
    Err(JournalError::Corrupt { number: u64::try_from(number).map_err(io)?, reason })
}

/// Opens a file of the archive. A new one gets its name when it is whole: whoever only reads could
/// not repair what a kill leaves of one that is being laid out.
pub(super) fn create(file: &Path) -> Result<Connection, JournalError> {
    let describe = |error: &dyn std::fmt::Display| io(format!("{}: {error}", file.display()));
    if !file.exists() {
        let directory = file.parent().expect("an archive's file stands in its directory");
        std::fs::create_dir_all(directory).map_err(|error| describe(&error))?;
        let unfinished = file.with_extension("new");
        for rest in ["new", "new-wal", "new-shm", "new-journal"] {
            match std::fs::remove_file(file.with_extension(rest)) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(describe(&error)),
            }
        }
        let mut archive = open_to_write(&unfinished)?;
        schema::migrate(&mut archive)?;
        archive.close().map_err(|(_, error)| describe(&error))?;
        std::fs::rename(&unfinished, file).map_err(|error| describe(&error))?;
    }
    let mut archive = open_to_write(file)?;
    schema::migrate(&mut archive)?;
    archive.execute_batch(INTENTS).map_err(|error| describe(&error))?;
    Ok(archive)
}

/// No order waits for a file of the archive: here intents have an index too, so that an order that
/// is not in a file is not looked for in all of it.
const INTENTS: &str = "CREATE INDEX IF NOT EXISTS record_intent ON record (subject)
    WHERE subject IS NOT NULL AND kind = 'order_intended'";

fn open_to_write(file: &Path) -> Result<Connection, JournalError> {
    let describe = |error: rusqlite::Error| io(format!("{}: {error}", file.display()));
    let archive = Connection::open(file).map_err(describe)?;
    archive.busy_timeout(BUSY_TIMEOUT).map_err(describe)?;
    archive
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
        .map_err(describe)?;
    Ok(archive)
}

/// Views join with these.
fn copy_names(from: &Connection, into: &Connection, table: &str) -> Result<(), JournalError> {
    let mut rows = from.prepare(&format!("SELECT * FROM {table}")).map_err(io)?;
    let columns = rows.column_count();
    let places: Vec<String> = (1..=columns).map(|place| format!("?{place}")).collect();
    let sql = format!("INSERT OR REPLACE INTO {table} VALUES ({})", places.join(", "));
    let mut insert = into.prepare(&sql).map_err(io)?;
    let mut rows = rows.query([]).map_err(io)?;
    while let Some(row) = rows.next().map_err(io)? {
        let values: Result<Vec<rusqlite::types::Value>, _> =
            (0..columns).map(|column| row.get(column)).collect();
        insert.execute(rusqlite::params_from_iter(values.map_err(io)?)).map_err(io)?;
    }
    Ok(())
}

/// The names of new files and of the directory itself are on the disk.
fn sync_directories(file: &Path) -> Result<(), JournalError> {
    for directory in file.ancestors().skip(1).take(2) {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(io)?;
    }
    Ok(())
}

/// Rounds on a thread, one at a time. It ends with this.
#[derive(Debug)]
pub(super) struct Archiver {
    journal: PathBuf,
    after: Duration,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    answer: Option<Receiver<Result<Option<Prepared>, JournalError>>>,
}

impl Archiver {
    pub fn new(journal: &Path, after: Duration) -> Self {
        Self {
            journal: journal.to_owned(),
            after,
            stop: Arc::new(AtomicBool::new(false)),
            thread: None,
            answer: None,
        }
    }

    /// Begins a round, unless one is under way.
    pub fn begin(&mut self) {
        if self.answer.is_some() {
            return;
        }
        let (tell, answer) = sync_channel(1);
        let (journal, after, stop) = (self.journal.clone(), self.after, Arc::clone(&self.stop));
        let round = move || {
            // Whoever asked may be gone.
            let _ = tell.send(prepare(&journal, after, &stop));
        };
        // Without a thread there is no archive this time; the next snapshot asks again.
        if let Ok(thread) = std::thread::Builder::new().name("archive".into()).spawn(round) {
            (self.thread, self.answer) = (Some(thread), Some(answer));
        }
    }

    /// What a round came to, once it has.
    pub fn take(&mut self) -> Option<Result<Option<Prepared>, JournalError>> {
        let taken = match self.answer.as_ref()?.try_recv() {
            Ok(answer) => answer,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(io("the archive's thread has ended")),
        };
        self.answer = None;
        self.join();
        Some(taken)
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for Archiver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.answer = None;
        self.join();
    }
}

#[cfg(test)]
mod tests {
    use kernel::journal::{Durability, Journal, Persist, Record};
    use model::Amount;

    use super::*;
    use crate::journal::{Level, SqliteJournal};

    #[test]
    fn the_log_can_start_over_while_records_are_copied() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.sqlite");
        let mut journal = SqliteJournal::open(&path, Level::Process).unwrap();
        let count = 3 * PAGE + 7;
        let record = |number: u64| Record::EquitySampled {
            strategy: None,
            equity: Amount::ONE,
            capital: Amount::ONE,
            at: Timestamp::from_secs(number.cast_signed()),
        };
        let persist = |number| Persist {
            sequence: number,
            record: record(number),
            durability: Durability::Committed,
        };
        journal.append(&(1..=count).map(persist).collect::<Vec<_>>()).unwrap();
        let other = Connection::open(&path).unwrap();
        let mut looks = 0;
        let mut look = || {
            looks += 1;
            let is_busy: i64 =
                other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
            assert_eq!(is_busy, 0, "a reader keeps the log");
            false
        };
        let from = open_to_read(&path).unwrap();
        let file = super::directory(&path).join("1970-01.sqlite");
        let numbers = copy(&from, &file, count, &[], &mut look).unwrap();
        assert_eq!((numbers.len() as u64, looks), (count, 4));
        assert!(numbers.is_sorted(), "in order");
    }
}
