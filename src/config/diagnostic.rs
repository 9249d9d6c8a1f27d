//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Where a setting was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "source")]
pub enum Place {
    /// In a file. Line and column count from 1, the column in characters.
    File {
        /// The file.
        file: PathBuf,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// A whole file or directory.
    Path {
        /// The file or directory.
        file: PathBuf,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A command line flag.
    Flag {
        /// The flag as it was given.
        flag: String,
    },
    /// Nowhere: the built-in default holds.
    Default,
}

impl Place {
    /// The place of the byte at `offset` of `text`, the content of `file`.
    #[must_use]
    pub fn in_file(file: &Path, text: &str, offset: usize) -> Self {
        let mut end = offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self::File {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => write!(out, "{}:{line}:{column}", file.display()),
            Self::Path { file } => write!(out, "{}", file.display()),
            Self::Environment { variable } => write!(out, "environment {variable}"),
            Self::Flag { flag } => write!(out, "flag {flag}"),
            Self::Default => write!(out, "built-in default"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Diagnostic {
    /// Where.
    pub place: Place,
    /// The key's path, such as `risk.daily_loss`; empty when it concerns a whole file.
    pub key: String,
    /// What is wrong and what was expected.
    pub problem: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic without help.
    #[must_use]
    pub fn new(place: Place, key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place, key: key.into(), problem: problem.into(), help: None }
    }

    /// With a hint on what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(out, "{}: ", self.key)?;
        }
        out.write_str(&self.problem)?;
        if let Some(help) = &self.help {
            write!(out, "\n    help: {help}")?;
        }
        Ok(())
    }
}

/// So many are written out; whoever wants more wants another file.
const SHOWN: usize = 100;

/// Every error of a configuration, in the order of files and lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ConfigErrors(Vec<Diagnostic>);

impl ConfigErrors {
    /// `Err` with all of them, sorted, unless there are none.
    ///
    /// # Errors
    /// When `diagnostics` holds any.
    pub fn unless_empty(mut diagnostics: Vec<Diagnostic>) -> Result<(), Self> {
        if diagnostics.is_empty() {
            return Ok(());
        }
        diagnostics.sort();
        diagnostics.dedup();
        Err(Self(diagnostics))
    }

    /// What was loaded, or its errors and others that were found elsewhere, all of them.
    ///
    /// # Errors
    /// When there are errors here or there.
    pub fn join<T>(loaded: Result<T, Self>, others: Vec<Diagnostic>) -> Result<T, Self> {
        match loaded {
            Ok(loaded) => Self::unless_empty(others).map(|()| loaded),
            Err(Self(mut all)) => {
                all.extend(others);
                all.sort();
                Err(Self(all))
            }
        }
    }

    /// The errors.
    #[must_use]
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.0
    }
}

impl From<Diagnostic> for ConfigErrors {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in self.0.iter().take(SHOWN) {
            writeln!(out, "{diagnostic}")?;
        }
        let count = self.0.len();
        if count > SHOWN {
            writeln!(out, "… and {} more", count - SHOWN)?;
        }
        write!(out, "{count} configuration error{}", if count == 1 { "" } else { "s" })
    }
}

impl std::error::Error for ConfigErrors {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        #[track_caller]
        fn check(text: &str, offset: usize, expected: &str) {
            assert_eq!(Place::in_file(Path::new("a.toml"), text, offset).to_string(), expected);
        }
        check("", 0, "a.toml:1:1");
        check("a = 1\nb = 2", 6, "a.toml:2:1");
        check("a = 1\nb = 2", 10, "a.toml:2:5");
        check("# é\nb = 2", 3, "a.toml:1:3");
        check("# éé x", 7, "a.toml:1:6");
        check("x", 99, "a.toml:1:2");
    }
}
