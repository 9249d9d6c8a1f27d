//! What a file holds, told by its first lines.

use std::fmt;
use std::path::Path;

use store::Lines;

use super::csv::Layout;
use super::{ImportError, ImportOptions, json_lines, parquet_lines};

/// What was found in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// What a venue sent, with the time of receipt: see [`store::recordings`].
    Capture,
    /// The answer to `exchangeInfo`, by itself.
    ExchangeInfo,
    /// A table as text.
    Csv(Box<Layout>),
    /// A table in Parquet.
    Parquet(Box<Layout>),
    /// A table of one JSON object a line.
    Json(Box<Layout>),
}

impl Found {
    /// Looks at the beginning of a file.
    ///
    /// # Errors
    /// See [`ImportError`].
    pub fn of(path: &Path, options: &ImportOptions) -> Result<Self, ImportError> {
        if parquet_lines::is_parquet(path)? {
            let header = parquet_lines::header(path)?;
            return Layout::of(&header, path, options)
                .map(|layout| Self::Parquet(Box::new(layout)));
        }
        let mut lines = Lines::open(path)?;
        loop {
            let empty = || ImportError::Empty { path: path.to_owned() };
            let line = lines.next()?.ok_or_else(empty)?.trim_start_matches('\u{feff}').trim();
            if line.is_empty() {
                continue;
            }
            if line.starts_with("{\"timezone\"") {
                return Ok(Self::ExchangeInfo);
            }
            if let Some(names) = json_lines::names_of(line) {
                let header = json_lines::header(&names);
                return Layout::of(&header, path, options)
                    .map(|layout| Self::Json(Box::new(layout)));
            }
            // A capture has a time before its JSON, an address before that, or, in its first line,
            // the address of its connection.
            let has_json = line.contains(['{', '[']);
            if has_json || line.contains("://") {
                return Ok(Self::Capture);
            }
            return Layout::of(line, path, options).map(|layout| Self::Csv(Box::new(layout)));
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capture => out.write_str("capture"),
            Self::ExchangeInfo => out.write_str("exchangeInfo"),
            Self::Csv(layout) => write!(out, "csv of {layout}"),
            Self::Parquet(layout) => write!(out, "parquet of {layout}"),
            Self::Json(layout) => write!(out, "json of {layout}"),
        }
    }
}
