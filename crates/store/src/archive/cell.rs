//! What can be wrong with a cell, and with the columns around it.

use model::{AmountError, FixedError};

use super::possible::Impossible;

/// Why a line is no row.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CellError {
    /// A price or a quantity that is none.
    #[error("{what} `{cell}`: {source}")]
    Fixed {
        /// Which of both.
        what: &'static str,
        /// What stands there.
        cell: String,
        /// Why.
        source: FixedError,
    },
    /// An amount that is none.
    #[error("amount `{cell}`: {source}")]
    Amount {
        /// What stands there.
        cell: String,
        /// Why.
        source: AmountError,
    },
    /// No instant.
    #[error("`{0}` is no unix time")]
    Instant(String),
    /// No whole number.
    #[error("`{0}` is no whole number")]
    Whole(String),
    /// No side.
    #[error("`{0}` says neither whether the buyer was the maker nor a side")]
    Aggressor(String),
    /// Each cell can be read, and together they say something that can't be.
    #[error(transparent)]
    Impossible(#[from] Impossible),
    /// Far more columns than any of these files has.
    #[error("{0} columns: not a file of this kind")]
    TooWide(usize),
    /// Another number of columns than the first line.
    #[error("{0} columns are expected")]
    Width(usize),
    /// A column that must be there is not.
    #[error("the {line} has no column for {column}")]
    NoColumn {
        /// `header` or `line`.
        line: &'static str,
        /// Its first name.
        column: &'static str,
    },
}
