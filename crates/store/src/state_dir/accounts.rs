//! Which ledger an account has in a state directory. It is named by the account; a build that knew
//! the account by its key's name only has named it by that, and it goes on under that name: a
//! small file says so, since the next key has another name.

use std::path::{Path, PathBuf};

use model::VenueId;

use super::error::StateDirError;
use super::file::write_atomically;
use super::lock::file_name_of;
use super::{journal_path, journals, read};

/// The identity under which an account's ledger is kept in a directory: the account's own, unless
/// an older ledger named by `key` was there first.
///
/// # Errors
/// When what stands there can't be read.
pub fn ledger_of(
    directory: &Path,
    account: &VenueId,
    key: &VenueId,
) -> Result<VenueId, StateDirError> {
    let path = note(directory, account);
    if let Some(text) = read(&path)? {
        let expected = "the name of a ledger";
        return VenueId::new(text.trim()).map_err(|_| StateDirError::Damaged { path, expected });
    }
    let is_there = |venue: &VenueId| journal_path(directory, venue).exists();
    Ok(if !is_there(account) && is_there(key) { *key } else { *account })
}

/// Writes down that an account's ledger is kept under another name, so that it is found with any
/// key of the account.
///
/// # Errors
/// [`StateDirError::NotWritable`].
pub fn note_ledger(
    directory: &Path,
    account: &VenueId,
    ledger: &VenueId,
) -> Result<(), StateDirError> {
    let path = note(directory, account);
    write_atomically(&path, format!("{ledger}\n").as_bytes())
        .map_err(|source| StateDirError::not_writable(&path, source))
}

fn note(directory: &Path, account: &VenueId) -> PathBuf {
    directory.join(format!("account-{}", file_name_of(account)))
}

/// What a directory has that speaks against a ledger being opened for the first time.
///
/// # Errors
/// When the directory can't be read.
pub fn ledgers_before(directory: &Path, ledger: &VenueId) -> std::io::Result<Option<String>> {
    let found = journals(directory)?;
    if found.is_empty() {
        let epoch = directory.join("epoch");
        let words = "an engine has run here and its journal is gone";
        return Ok(epoch.exists().then(|| words.to_owned()));
    }
    let environment = ledger.as_str().split(':').next().unwrap_or_default();
    let prefix = format!("journal-{environment}.");
    let names = found.iter().filter_map(|path| path.file_name()?.to_str());
    let others: Vec<&str> = names.filter(|name| name.starts_with(&prefix)).collect();
    let words = format!("there are other ledgers of {environment}: {}", others.join(", "));
    Ok((!others.is_empty()).then_some(words))
}
