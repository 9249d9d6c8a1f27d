//! Tables, views, and the steps from one schema to the next.

use kernel::journal::JournalError;
use rusqlite::Connection;

use super::reader::io;

/// Each step with its number and what it did. A step that shipped is never edited: a change is a
/// new step.
const MIGRATIONS: &[(u32, &str, &str)] = &[
    (1, "records, registries, positions, snapshots and views", include_str!("schema_1.sql")),
    (2, "where the archive ends", include_str!("schema_2.sql")),
];

/// The newest schema that this build knows.
pub(super) fn newest() -> u32 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

/// The schema of a database; 0 for an empty one.
pub(super) fn version(connection: &Connection) -> Result<u32, JournalError> {
    let exists: bool = connection
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'schema_version')",
            [],
            |row| row.get(0),
        )
        .map_err(io)?;
    if !exists {
        return Ok(0);
    }
    let found =
        connection.query_row("SELECT coalesce(max(version), 0) FROM schema_version", [], |row| {
            row.get(0)
        });
    let found = found.map_err(io)?;
    if found > newest() {
        return Err(JournalError::TooNew { found, known: newest() });
    }
    Ok(found)
}

/// Brings a database to the newest schema, each step in its own transaction.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), JournalError> {
    let found = version(connection)?;
    for (version, what, sql) in MIGRATIONS.iter().filter(|(version, ..)| *version > found) {
        let step = connection.transaction().map_err(io)?;
        step.execute_batch(sql).map_err(io)?;
        step.execute("INSERT INTO schema_version (version, what) VALUES (?1, ?2)", (version, what))
            .map_err(io)?;
        step.commit().map_err(io)?;
    }
    Ok(())
}
