//! One engine an account: two with state directories of their own would trade over each other.

use std::path::PathBuf;

use model::VenueId;
use store::state_dir::{Lock, LockError, account_lock_path, user_id};

use crate::cli::{Exit, Failure};

/// Takes an account for this process alone, until the lock is dropped.
///
/// # Errors
/// [`Exit::Locked`] when another engine of this user trades it.
pub fn lock_account(identity: &VenueId) -> Result<Lock, Failure> {
    let path = account_lock_path(&runtime_directory(), identity);
    Lock::acquire_for_now(&path).map_err(|error| match &error {
        LockError::Held { holder, .. } => {
            let holder = holder.map_or("another engine".to_owned(), |id| format!("process {id}"));
            let message = format!(
                "account {identity} is traded by {holder}, with another state directory; stop \
                 that one first ({})",
                path.display()
            );
            Failure::new(Exit::Locked, message)
        }
        LockError::Io { .. } => {
            let advice = "let this user write there, or set XDG_RUNTIME_DIR to where it may";
            Failure::new(Exit::Storage, format!("{error}; {advice}"))
        }
    })
}

/// The directory that all engines of the user share.
fn runtime_directory() -> PathBuf {
    let given = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let given = given.filter(|path| path.is_absolute() && path.is_dir());
    // What XDG_RUNTIME_DIR is for whoever has logged on; a service may not have it set.
    let usual = PathBuf::from(format!("/run/user/{}", user_id()));
    given.or_else(|| usual.is_dir().then_some(usual)).unwrap_or_else(std::env::temp_dir)
}
