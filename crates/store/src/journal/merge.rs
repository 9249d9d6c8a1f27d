//! Records in the order of their numbers: those of the journal, and those of journal and archive
//! together.

use kernel::guard::caught;
use kernel::journal::{JournalError, Record};
use kernel::ledger::Ledger;
use rusqlite::{Connection, Row, Rows};

use super::codec;
use super::reader::{io, unreadable};

/// Where records stand.
pub(super) struct Sources<'a> {
    pub journal: &'a Connection,
    pub archives: &'a [Connection],
}

/// Takes a record with its number.
pub(super) trait Each: FnMut(u64, Record) -> Result<(), JournalError> {}
impl<F: FnMut(u64, Record) -> Result<(), JournalError>> Each for F {}

const ROWS: &str = "SELECT number, kind, subject, status, body, checksum FROM record
                    WHERE number > ?1 AND number <= ?2 ORDER BY number";

/// Adds a record to what all before it add up to. One that makes that panic would do so at every
/// start: it is named, like any other that cannot be read.
pub(super) fn apply(ledger: &mut Ledger, number: u64, record: &Record) -> Result<(), JournalError> {
    let corrupt = |reason| JournalError::Corrupt { number, reason };
    match caught(|| ledger.apply(record)) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(corrupt(error.to_string())),
        Err(panic) => Err(corrupt(format!("a panic when it was added up: {panic}"))),
    }
}

/// Reads the journal's own records after `after`, each checked, up to `last` or the first that is
/// wrong.
pub(super) fn replay(
    journal: &Connection,
    after: u64,
    last: u64,
    each: impl Each,
) -> Result<(), JournalError> {
    replay_merged(&Sources { journal, archives: &[] }, after, last, each)
}

/// Adds up to `last` what stands in journal and archive.
pub(super) fn fold(
    sources: &Sources<'_>,
    mut ledger: Ledger,
    last: u64,
) -> Result<Ledger, JournalError> {
    replay_merged(sources, ledger.records(), last, |number, record| {
        apply(&mut ledger, number, &record)
    })?;
    let found = ledger.records();
    if found < last {
        return Err(missing(found + 1, "the archive is not whole"));
    }
    Ok(ledger)
}

/// The same as [`replay`] over journal and archive. A record that stands in both is taken once.
pub(super) fn replay_merged(
    sources: &Sources<'_>,
    after: u64,
    last: u64,
    mut each: impl Each,
) -> Result<(), JournalError> {
    let bounds = [after, last].map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    let connections = sources.archives.iter().chain([sources.journal]);
    let statements: Result<Vec<_>, _> =
        connections.map(|connection| connection.prepare(ROWS)).collect();
    let mut statements = statements.map_err(io)?;
    let mut heads = Vec::with_capacity(statements.len());
    let is_alone = sources.archives.is_empty();
    for statement in &mut statements {
        let rows = statement.query(bounds).map_err(io)?;
        heads.push(Head::new(rows, after, is_alone));
    }
    let mut number = after;
    loop {
        let earliest = heads.iter_mut().filter_map(|head| Some((head.number()?, head)));
        let Some((found, head)) = earliest.min_by_key(|(number, _)| *number) else {
            return Ok(());
        };
        let record = head.take()?;
        if found == number {
            continue;
        }
        number += 1;
        if found != number {
            return Err(missing(number, &format!("the next record found is {found}")));
        }
        each(number, record)?;
    }
}

pub(super) fn missing(number: u64, why: &str) -> JournalError {
    JournalError::Corrupt { number, reason: format!("missing: {why}") }
}

/// A source with its next record. What is wrong with that shows in its turn.
struct Head<'a> {
    rows: Rows<'a>,
    /// Whether there is no other source, so that it has no gaps.
    is_alone: bool,
    next: Option<(u64, Result<Record, JournalError>)>,
}

impl<'a> Head<'a> {
    fn new(rows: Rows<'a>, after: u64, is_alone: bool) -> Self {
        let mut head = Self { rows, is_alone, next: None };
        head.advance(after);
        head
    }

    fn number(&self) -> Option<u64> {
        self.next.as_ref().map(|(number, _)| *number)
    }

    fn take(&mut self) -> Result<Record, JournalError> {
        let (number, record) = self.next.take().expect("a head is taken that has a number");
        self.advance(number);
        record
    }

    fn advance(&mut self, last: u64) {
        let expected = last + 1;
        self.next = match self.rows.next() {
            Ok(None) => None,
            Ok(Some(row)) => Some(match decode(row) {
                Ok((number, record)) => (number, Ok(record)),
                Err((Some(found), _)) if self.is_alone && found != expected => {
                    (expected, Err(missing(expected, &format!("the next record found is {found}"))))
                }
                Err((found, reason)) => {
                    let number = found.unwrap_or(expected);
                    (number, Err(JournalError::Corrupt { number, reason }))
                }
            }),
            Err(error) => Some((expected, Err(unreadable(expected, &error)))),
        };
    }
}

/// A row, checked; an error with its number, if that could be read.
pub(super) fn decode(row: &Row<'_>) -> Result<(u64, Record), (Option<u64>, String)> {
    let text = |index| row.get_ref(index).and_then(|value| Ok(value.as_str()?));
    let optional = |index| row.get_ref(index).and_then(|value| Ok(value.as_str_or_null()?));
    let number: i64 = row.get(0).map_err(|error| (None, error.to_string()))?;
    let found = u64::try_from(number).ok();
    let read = || -> Result<_, rusqlite::Error> {
        let (kind, subject, status) = (text(1)?, optional(2)?, optional(3)?);
        let (body, stored): (_, u32) = (text(4)?, row.get(5)?);
        Ok((codec::checksum(number, kind, subject, status, body), stored, body))
    };
    let (actual, stored, body) = read().map_err(|error| (found, error.to_string()))?;
    if actual != stored {
        return Err((found, format!("checksum is {actual:08x}, {stored:08x} was written")));
    }
    let record = serde_json::from_str(body).map_err(|error| (found, error.to_string()))?;
    Ok((found.ok_or((None, format!("a record has number {number}")))?, record))
}

#[cfg(test)]
mod tests {
    use model::{Amount, Timestamp};

    use super::*;

    #[test]
    fn a_record_that_makes_replay_panic_is_named() {
        let sample = |capital: Amount| Record::EquitySampled {
            strategy: None,
            equity: Amount::ONE,
            capital,
            at: Timestamp::EPOCH,
        };
        let most = "79228162514264337593543950335".parse::<Amount>().unwrap();
        let mut ledger = Ledger::default();
        apply(&mut ledger, 1, &sample(most)).unwrap();
        match apply(&mut ledger, 2, &sample(-most)) {
            Err(JournalError::Corrupt { number: 2, reason }) => {
                assert!(reason.contains("a panic"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}
