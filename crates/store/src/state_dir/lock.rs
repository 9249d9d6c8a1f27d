//! Locks that the system releases when their process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use model::VenueId;

use super::error::Holder;

/// Why a lock was not got.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody holds it.
    #[error("{} is held by {}", path.display(), Holder(*holder))]
    Held {
        /// The lock's file.
        path: PathBuf,
        /// The process, if it has said.
        holder: Option<u32>,
    },
    /// The file cannot be made, locked or written.
    #[error("{} cannot be locked: {source}", path.display())]
    Io {
        /// The lock's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// An exclusive lock on a file, held until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
    /// Removed when the lock is let go.
    removed: Option<PathBuf>,
}

impl Lock {
    /// Takes the lock without waiting, and writes this process's number into the file.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn acquire(path: &Path) -> Result<Self, LockError> {
        loop {
            let lock = Self::acquire_any(path)?;
            // Its last holder may have removed the file between our opening and our locking it:
            // then the next one would lock another.
            if lock.is_at(path) {
                return Ok(lock);
            }
        }
    }

    /// The same, of a file in a directory of others: it is removed when the lock is dropped.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn acquire_for_now(path: &Path) -> Result<Self, LockError> {
        let mut lock = Self::acquire(path)?;
        lock.removed = Some(path.to_owned());
        Ok(lock)
    }

    fn is_at(&self, path: &Path) -> bool {
        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let ours = self.file.metadata().map(identity).ok();
        ours.is_some() && ours == path.metadata().map(identity).ok()
    }

    fn acquire_any(path: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Whatever stands there: only the lock itself decides.
                let holder = file.read_to_string(&mut text).ok().and(text.trim().parse().ok());
                return Err(LockError::Held { path: path.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let process = format!("{}\n", std::process::id());
        file.set_len(0).and_then(|()| file.write_all(process.as_bytes())).map_err(failed)?;
        Ok(Self { file, removed: None })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // An empty file names nobody; the lock itself goes with the file handle.
        drop(self.file.set_len(0));
        if let Some(path) = &self.removed {
            // While it is still held: whoever waits for this file finds out that it is gone.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The number of the user that this process runs as.
#[must_use]
pub fn user_id() -> u32 {
    rustix::process::getuid().as_raw()
}

/// Where an account is locked: in a directory that all engines of the user share, so that two
/// state directories do not trade one account.
#[must_use]
pub fn account_lock_path(runtime_directory: &Path, venue: &VenueId) -> PathBuf {
    runtime_directory.join(format!("tickwright-{}.lock", file_name_of(venue)))
}

/// A venue identity as part of a file name: `:` becomes `.`, anything else but letters, digits
/// and `-` becomes `%` and its code, so that different identities have different names.
pub(super) fn file_name_of(venue: &VenueId) -> String {
    let mut name = String::new();
    for byte in venue.as_str().bytes() {
        match byte {
            b':' => name.push('.'),
            b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02x}")),
        }
    }
    name
}
