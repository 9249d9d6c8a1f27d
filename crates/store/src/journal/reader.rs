//! Reading a journal: by the writer at its start, and by anybody beside it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::journal::{JournalError, Record};
use kernel::ledger::Ledger;
use model::OrderId;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row};

use super::ahead;
use super::codec;
use super::schema;

/// How long to wait for a lock that another connection holds.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn io(error: impl std::fmt::Display) -> JournalError {
    JournalError::Io(error.to_string())
}

/// What a full check found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Records read, all with their right checksum and in order.
    pub records: u64,
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
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let describe = |error: rusqlite::Error| io(format!("{}: {error}", path.display()));
        let connection = Connection::open_with_flags(path, flags).map_err(describe)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(describe)?;
        match schema::version(&connection)? {
            0 => Err(io(format!("{} is not a journal", path.display()))),
            _ => Ok(Self { connection, path: path.to_owned() }),
        }
    }

    /// The connection, for queries over the documented views.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Hands every record after number `after` to `each`, oldest first, with its number.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn replay_after(
        &self,
        after: u64,
        each: &mut dyn FnMut(u64, Record),
    ) -> Result<(), JournalError> {
        let mut last = None;
        replay(&self.connection, after, |number, record| {
            last = Some(number);
            each(number, record);
            Ok(())
        })?;
        let last = match last {
            Some(last) => last,
            None => newest_number(&self.connection)?.min(after),
        };
        for (number, record) in self.ahead(last)? {
            if number > after {
                each(number, record);
            }
        }
        Ok(())
    }

    /// The records that are only ahead of the database, after its newest one.
    fn ahead(&self, newest: u64) -> Result<Vec<(u64, Record)>, JournalError> {
        Ok((newest + 1..).zip(ahead::records_after(&self.path, newest)?).collect())
    }

    /// Every record of one order with its number, oldest first: nothing for an order that is not
    /// in the journal.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn order_history(&self, order: OrderId) -> Result<Vec<(u64, Record)>, JournalError> {
        let ahead = self.ahead(newest_number(&self.connection)?)?;
        let subject = order.to_string();
        let mut statement = self
            .connection
            .prepare(
                "SELECT number FROM record
                 WHERE subject = ?1 AND kind <> 'order_intended' ORDER BY number",
            )
            .map_err(io)?;
        let numbers = statement.query_map([&subject], |row| row.get(0)).map_err(io)?;
        let mut numbers: Vec<i64> = numbers.collect::<Result<_, _>>().map_err(io)?;
        // Intents are in no index: this one stands shortly before what follows from it.
        let before = numbers.first().copied().unwrap_or(i64::MAX);
        let intent = self.connection.query_row(
            "SELECT number FROM record
             WHERE number < ?2 AND kind = 'order_intended' AND subject = ?1
             ORDER BY number DESC LIMIT 1",
            (&subject, before),
            |row| row.get(0),
        );
        if let Some(intent) = intent.optional().map_err(io)? {
            numbers.insert(0, intent);
        }
        let stored = numbers.into_iter().map(|number| self.record(number));
        let mut history: Vec<(u64, Record)> = stored.collect::<Result<_, _>>()?;
        let of_order = |(_, record): &(u64, Record)| codec::subject(record) == Some(order);
        history.extend(ahead.into_iter().filter(of_order));
        // The database may have taken some of them meanwhile.
        history.sort_by_key(|(number, _)| *number);
        history.dedup_by_key(|(number, _)| *number);
        Ok(history)
    }

    fn record(&self, number: i64) -> Result<(u64, Record), JournalError> {
        let number = u64::try_from(number).map_err(io)?;
        let mut found = None;
        self.connection
            .query_row(
                "SELECT number, kind, subject, status, body, checksum FROM record
                 WHERE number = ?1",
                [i64::try_from(number).map_err(io)?],
                |row| {
                    found = Some(decode(row, number));
                    Ok(())
                },
            )
            .map_err(io)?;
        let record = found.expect("the row was there, or the query had failed");
        Ok((number, record.map_err(|reason| JournalError::Corrupt { number, reason })?))
    }

    /// The state that the records add up to, as a start would find it.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn ledger(&self) -> Result<Ledger, JournalError> {
        let mut ledger = load(&self.connection)?.ledger;
        for (number, record) in self.ahead(ledger.records())? {
            apply(&mut ledger, number, &record)?;
        }
        Ok(ledger)
    }

    /// Reads everything in the database from the first record on, checks every checksum and the
    /// database's own structure, and that the stored snapshot and positions are what the records
    /// add up to.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] with the first record that is wrong.
    pub fn verify(&self) -> Result<Verified, JournalError> {
        let mut ledger = Ledger::default();
        replay(&self.connection, 0, |number, record| apply(&mut ledger, number, &record))?;
        let number = ledger.records();
        let corrupt = |reason: String| JournalError::Corrupt { number, reason };
        let check: String = self
            .connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|error| corrupt(error.to_string()))?;
        if check != "ok" {
            return Err(corrupt(check));
        }
        if load(&self.connection)?.ledger != ledger {
            return Err(corrupt("the stored ledger is not what the records add up to".into()));
        }
        let positions = projected_positions(&self.connection)?;
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
        Ok(Verified { records: ledger.records(), ledger })
    }
}

/// A ledger and where it came from.
pub(super) struct Loaded {
    pub ledger: Ledger,
    /// The record that the stored ledger stood at; 0 without one.
    pub snapshot: u64,
}

/// The newest stored ledger that can be used, and the records since.
pub(super) fn load(connection: &Connection) -> Result<Loaded, JournalError> {
    let mut ledger = stored_ledger(connection)?.unwrap_or_default();
    let snapshot = ledger.records();
    let newest = newest_number(connection)?;
    if newest < snapshot {
        let reason = format!("missing: the ledger was stored at record {snapshot}");
        return Err(JournalError::Corrupt { number: newest + 1, reason });
    }
    replay(connection, snapshot, |number, record| apply(&mut ledger, number, &record))?;
    Ok(Loaded { ledger, snapshot })
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

fn apply(ledger: &mut Ledger, number: u64, record: &Record) -> Result<(), JournalError> {
    match ledger.apply(record) {
        Ok(_) => Ok(()),
        Err(error) => Err(JournalError::Corrupt { number, reason: error.to_string() }),
    }
}

/// Reads the records after `after`, each checked. The first that is wrong ends it.
pub(super) fn replay(
    connection: &Connection,
    after: u64,
    mut each: impl FnMut(u64, Record) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let mut statement = connection
        .prepare(
            "SELECT number, kind, subject, status, body, checksum FROM record
             WHERE number > ?1 ORDER BY number",
        )
        .map_err(io)?;
    let after_number = i64::try_from(after).map_err(io)?;
    let mut rows = statement.query([after_number]).map_err(io)?;
    let mut number = after;
    loop {
        number += 1;
        let corrupt = |reason: String| JournalError::Corrupt { number, reason };
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(()),
            Err(error) => return Err(unreadable(number, &error)),
        };
        let record = decode(row, number).map_err(corrupt)?;
        each(number, record)?;
    }
}

/// Damage is told apart from a disk or a lock that fails at the moment.
fn unreadable(number: u64, error: &rusqlite::Error) -> JournalError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            JournalError::Corrupt { number, reason: error.to_string() }
        }
        Some(_) | None => io(error),
    }
}

fn decode(row: &Row<'_>, expected: u64) -> Result<Record, String> {
    let text = |index| row.get_ref(index).and_then(|value| Ok(value.as_str()?));
    let optional = |index| row.get_ref(index).and_then(|value| Ok(value.as_str_or_null()?));
    let read = || -> Result<_, rusqlite::Error> {
        let number: i64 = row.get(0)?;
        let (kind, subject, status) = (text(1)?, optional(2)?, optional(3)?);
        let (body, stored): (_, u32) = (text(4)?, row.get(5)?);
        Ok((number, codec::checksum(number, kind, subject, status, body), stored, body))
    };
    let (number, actual, stored, body) = read().map_err(|error| error.to_string())?;
    if u64::try_from(number) != Ok(expected) {
        return Err(format!("missing: the next record found is {number}"));
    }
    if actual != stored {
        return Err(format!("checksum is {actual:08x}, {stored:08x} was written"));
    }
    serde_json::from_str(body).map_err(|error| error.to_string())
}

fn projected_positions(connection: &Connection) -> Result<Vec<(u16, u16, String)>, JournalError> {
    let mut statement = connection
        .prepare("SELECT strategy, instrument, quantity FROM position ORDER BY 1, 2")
        .map_err(io)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.map_err(io)?.collect::<Result<_, _>>().map_err(io)
}
