//! Reading a journal for a person or another program: records by filter, and the documented views
//! row by row.

use std::collections::BTreeSet;

use kernel::journal::JournalError;
use model::{InstrumentId, OrderId, StrategyId};
use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};

use super::reader::{JournalReader, io, pinned};

/// Which records to show: those that meet every condition that is there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RecordFilter {
    /// Of one of these kinds, such as `order_filled`; any if empty.
    pub kinds: Vec<String>,
    /// About this order.
    pub order: Option<OrderId>,
    /// About this strategy or one of its orders.
    pub strategy: Option<StrategyId>,
    /// About this instrument.
    pub instrument: Option<InstrumentId>,
    /// After this number.
    pub after: u64,
    /// The newest so many of them.
    pub newest: Option<u64>,
}

/// A record as it stands in the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordRow {
    /// Its number.
    pub number: i64,
    /// Its kind.
    pub kind: String,
    /// The order that it is about: epoch-strategy-number.
    pub order: Option<String>,
    /// That order's status after it.
    pub status: Option<String>,
    /// When, in nanoseconds since 1970 UTC, if it says so.
    pub at_ns: Option<i64>,
    /// The record, as compact JSON.
    pub body: String,
}

/// One of the documented views.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum View {
    /// Every order with its state.
    Orders,
    /// Every order as it was decided.
    Intents,
    /// Every fill of an order of ours.
    Fills,
    /// Manual trades of the account.
    ExternalFills,
    /// What is held, by strategy and symbol.
    Positions,
    /// Points of the equity curves.
    Equity,
    /// Changes of the trading state.
    TradingStates,
    /// The records themselves.
    Records,
}

impl View {
    const fn sql(self) -> &'static str {
        match self {
            Self::Orders => "SELECT * FROM orders ORDER BY record",
            Self::Intents => "SELECT * FROM intents ORDER BY record",
            Self::Fills => "SELECT * FROM fills ORDER BY record",
            Self::ExternalFills => "SELECT * FROM external_fills ORDER BY record",
            Self::Positions => "SELECT * FROM positions ORDER BY strategy, symbol",
            Self::Equity => "SELECT * FROM equity ORDER BY record",
            Self::TradingStates => "SELECT * FROM trading_states ORDER BY record",
            Self::Records => {
                "SELECT number AS record, kind, subject AS order_id, status, body FROM record
                 ORDER BY number"
            }
        }
    }
}

/// One value of a view.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A whole number.
    Integer(i64),
    /// Text; money and quantities are exact decimals in text.
    Text(String),
}

/// Takes a row: the names of the columns, and their values.
pub type EachRow<'a> = &'a mut dyn FnMut(&[String], &[Cell]) -> Result<(), JournalError>;

/// Where a record says when it was.
pub(super) const AT: &str = "coalesce(body ->> '$.at', body ->> '$.event.received_at',
    body ->> '$.approved_at', body ->> '$.signed_at', body ->> '$.fill.event_at')";
/// Where a record names its instrument, and its strategy if it is not the order's.
const INSTRUMENT: &str = "coalesce(body ->> '$.new.instrument', body ->> '$.event.instrument',
    body ->> '$.fill.key.instrument', body ->> '$.key.instrument', body ->> '$.instrument')";

impl JournalReader {
    /// The records that a filter lets through, oldest first.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn records(&self, filter: &RecordFilter) -> Result<Vec<RecordRow>, JournalError> {
        let mut conditions = vec!["number > ?1".to_owned()];
        let mut values = vec![Value::from(i64::try_from(filter.after).map_err(io)?)];
        if !filter.kinds.is_empty() {
            let places: Vec<String> =
                (0..filter.kinds.len()).map(|i| format!("?{}", values.len() + 1 + i)).collect();
            conditions.push(format!("kind IN ({})", places.join(", ")));
            values.extend(filter.kinds.iter().cloned().map(Value::from));
        }
        if let Some(order) = filter.order {
            values.push(Value::from(order.to_string()));
            conditions.push(format!("subject = ?{}", values.len()));
        }
        if let Some(StrategyId(strategy)) = filter.strategy {
            values.push(Value::from(i64::from(strategy)));
            let place = values.len();
            conditions.push(format!(
                "(body ->> '$.strategy' = ?{place} OR subject LIKE '%-' || ?{place} || '-%')"
            ));
        }
        if let Some(InstrumentId(instrument)) = filter.instrument {
            values.push(Value::from(i64::from(instrument)));
            conditions.push(format!("{INSTRUMENT} = ?{}", values.len()));
        }
        // Without a limit: as many as there are.
        let newest = filter.newest.and_then(|count| i64::try_from(count).ok()).unwrap_or(-1);
        let sql = format!(
            "SELECT number, kind, subject, status, {AT}, body FROM record WHERE {}
             ORDER BY number DESC LIMIT {newest}",
            conditions.join(" AND ")
        );
        let snapshot = self.snapshot()?;
        let mut rows = rows_of(&snapshot, &sql, &values)?;
        for file in self.archives()? {
            rows.extend(rows_of(&file, &sql, &values)?);
        }
        // Some may be on their way to the archive.
        rows.sort_by_key(|row| row.number);
        rows.dedup_by_key(|row| row.number);
        let surplus = filter.newest.map_or(0, |newest| {
            rows.len().saturating_sub(usize::try_from(newest).unwrap_or(usize::MAX))
        });
        Ok(rows.split_off(surplus))
    }

    /// Hands every row of a view to `each`, with the names of its columns: those of the archive
    /// first.
    ///
    /// # Errors
    /// [`JournalError::Io`], and whatever `each` refuses with.
    pub fn view(&self, view: View, each: EachRow<'_>) -> Result<(), JournalError> {
        let snapshot = self.snapshot()?;
        // Positions are no list of records: what is held is held now.
        let archives = if view == View::Positions { Vec::new() } else { self.archives()? };
        // As they are now, after the journal: what is in neither was never there, and what moves from
        // here on is in both.
        let archives: Vec<_> = archives.iter().map(pinned).collect::<Result<_, _>>()?;
        for (place, file) in archives.iter().enumerate() {
            let later = archives[place + 1..].iter().chain([&snapshot]).map(|known| &**known);
            let elsewhere = numbers_up_to(later, newest(file)?)?;
            view_of(file, view, &mut |names, cells| match cells.first() {
                Some(Cell::Integer(number)) if elsewhere.contains(number) => Ok(()),
                _ => each(names, cells),
            })?;
        }
        view_of(&snapshot, view, each)
    }
}

fn rows_of(
    connection: &Connection,
    sql: &str,
    values: &[Value],
) -> Result<Vec<RecordRow>, JournalError> {
    let mut statement = connection.prepare(sql).map_err(io)?;
    let rows = statement.query_map(rusqlite::params_from_iter(values), |row| {
        Ok(RecordRow {
            number: row.get(0)?,
            kind: row.get(1)?,
            order: row.get(2)?,
            status: row.get(3)?,
            at_ns: row.get(4)?,
            body: row.get(5)?,
        })
    });
    rows.map_err(io)?.collect::<Result<_, _>>().map_err(io)
}

fn newest(file: &Connection) -> Result<i64, JournalError> {
    let newest = "SELECT coalesce(max(number), 0) FROM record";
    file.query_row(newest, [], |row| row.get(0)).map_err(io)
}

/// Records of some databases that are no newer than one: those that are on their way from the
/// journal to the archive, and those of orders that worked for long.
fn numbers_up_to<'a>(
    databases: impl Iterator<Item = &'a Connection>,
    last: i64,
) -> Result<BTreeSet<i64>, JournalError> {
    let mut found = BTreeSet::new();
    for database in databases {
        let sql = "SELECT number FROM record WHERE number <= ?1";
        let mut statement = database.prepare(sql).map_err(io)?;
        let numbers = statement.query_map([last], |row| row.get(0)).map_err(io)?;
        found.append(&mut numbers.collect::<Result<_, _>>().map_err(io)?);
    }
    Ok(found)
}

fn view_of(connection: &Connection, view: View, each: EachRow<'_>) -> Result<(), JournalError> {
    let mut statement = connection.prepare(view.sql()).map_err(io)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([]).map_err(io)?;
    let mut cells = Vec::with_capacity(names.len());
    while let Some(row) = rows.next().map_err(io)? {
        cells.clear();
        for column in 0..names.len() {
            cells.push(match row.get_ref(column).map_err(io)? {
                ValueRef::Null => Cell::Empty,
                ValueRef::Integer(number) => Cell::Integer(number),
                ValueRef::Real(number) => Cell::Text(number.to_string()),
                ValueRef::Text(text) | ValueRef::Blob(text) => {
                    Cell::Text(String::from_utf8_lossy(text).into_owned())
                }
            });
        }
        each(&names, &cells)?;
    }
    Ok(())
}
