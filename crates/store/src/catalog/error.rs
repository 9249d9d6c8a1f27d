//! What can go wrong with a catalog.

use std::io;
use std::path::{Path, PathBuf};

use super::Kind;

/// Why a catalog can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// From the file system.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A segment whose bytes are not what was written. Delete it and import its source again.
    #[error("{}: damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A segment of another version of the format.
    #[error("{}: format {found}, this program reads {expected}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: u32,
        /// The version that can be read.
        expected: u32,
    },
    /// A segment of another kind of record than was asked for.
    #[error("{}: holds {found}, not {expected}", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: Kind,
        /// What was asked for.
        expected: Kind,
    },
}

impl CatalogError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }
}
