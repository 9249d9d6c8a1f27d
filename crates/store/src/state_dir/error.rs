//! What can be wrong with a state directory, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// It, or a file in it, cannot be made or written.
    #[error(
        "{} cannot be written: {source}; let this user write there, make room on the disk, or set \
         another state directory",
        path.display()
    )]
    NotWritable {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file in it cannot be read.
    #[error("{} cannot be read: {source}; let this user read it", path.display())]
    NotReadable {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process uses it.
    #[error(
        "state directory {} is in use by {}; stop that process, or set another state directory \
         for this one",
        path.display(),
        Holder(*holder)
    )]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process, if it has said.
        holder: Option<u32>,
    },
    /// A file does not hold what it must.
    #[error("{} is damaged: it should hold {expected}; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
    },
    /// The system gave no random bytes for the installation's name.
    #[error("the system gave no random bytes: {0}")]
    NoRandomness(rand::rand_core::OsError),
}

impl StateDirError {
    pub(super) fn not_writable(path: &Path, source: io::Error) -> Self {
        Self::NotWritable { path: path.to_owned(), source }
    }
}

/// Names the process that holds a lock.
pub(super) struct Holder(pub Option<u32>);

impl std::fmt::Display for Holder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(process) => write!(out, "process {process}"),
            None => out.write_str("another process"),
        }
    }
}
