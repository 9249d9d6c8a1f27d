//! Why a whole file could not be imported.

use std::io;
use std::path::PathBuf;

use store::SourceError;
use store::catalog::CatalogError;

use super::csv::Field;

/// Why nothing, or nothing more, of a file was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// From the file system.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The catalog can't be written.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// There is nothing in it.
    #[error("{}: empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// No known format.
    #[error("{}: neither a capture nor a table of trades, aggregate trades or klines: {hint}", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// What could be done about it.
        hint: String,
    },
    /// Nothing tells of which symbol it is.
    #[error("{}: its name holds no symbol: say --symbol", path.display())]
    NoSymbol {
        /// The file.
        path: PathBuf,
    },
    /// Klines at no distance that an interval has.
    #[error("{}: its rows tell no interval of klines: say --interval", path.display())]
    NoInterval {
        /// The file.
        path: PathBuf,
    },
    /// A Parquet file that can't be read.
    #[error("{}: {reason}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A needed column is not there.
    #[error("{}: no column for {field}: say --map {field}=COLUMN", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// What is missing.
        field: Field,
    },
    /// A column was asked for that is not there.
    #[error("{}: --map {field}={column}: there is no such column", path.display())]
    NoSuchColumn {
        /// The file.
        path: PathBuf,
        /// What it was to be.
        field: Field,
        /// The column.
        column: String,
    },
}
