//! The results of a sweep on disk: one line of JSON each, in the order of the sweep, appended as
//! they come. A sweep that was interrupted goes on after the last whole line.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use backtest::sweep::Outcome;
use serde::{Deserialize, Serialize};

use crate::cli::{Exit, Failure};

/// What became of a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// It ran.
    Ran(Box<Outcome>),
    /// Its settings do not fit each other, or it broke off.
    Refused(String),
}

impl Entry {
    /// What it came to.
    pub fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::Ran(outcome) => Some(outcome),
            Self::Refused(_) => None,
        }
    }
}

/// The file.
pub struct Ledger {
    path: PathBuf,
    file: File,
    /// Results of an earlier sweep that nobody has taken yet, the next one first.
    known: VecDeque<Entry>,
}

impl Ledger {
    /// Opens the results in a directory, which is made if there is none.
    ///
    /// # Errors
    /// When it can't be written, or holds the results of another sweep.
    pub fn open(directory: &Path, header: &serde_json::Value) -> Result<Self, Failure> {
        let path = directory.join("runs.jsonl");
        let failed = |error: std::io::Error| {
            Failure::new(Exit::Storage, format!("{}: {error}", path.display()))
        };
        std::fs::create_dir_all(directory).map_err(failed)?;
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(failed)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        // A line without its end was being written when the sweep was killed.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        let mut lines = text[..whole].lines();
        let header = header.to_string();
        match lines.next() {
            None => writeln!(file, "{header}").map_err(failed)?,
            Some(first) if first == header => {}
            Some(_) => {
                let shown = path.display();
                let message = format!(
                    "{shown} holds the results of another sweep (other settings, data or version): \
                     name another directory with --out, or delete it"
                );
                return Err(Failure::new(Exit::Usage, message));
            }
        }
        let known = lines.map(serde_json::from_str).collect::<Result<_, _>>();
        let known = known
            .map_err(|error| Failure::new(Exit::Storage, format!("{}: {error}", path.display())))?;
        Ok(Self { path, file, known })
    }

    /// How many results are left of an earlier sweep.
    pub fn known(&self) -> usize {
        self.known.len()
    }

    /// The next results, so many at most, that were known before.
    pub fn take_known(&mut self, count: usize) -> Vec<Entry> {
        let count = count.min(self.known.len());
        self.known.drain(..count).collect()
    }

    /// Writes a result down.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn append(&mut self, entry: &Entry) -> Result<(), Failure> {
        let line = serde_json::to_string(entry).expect("an outcome holds nothing that JSON can't");
        writeln!(self.file, "{line}").map_err(|error| {
            Failure::new(Exit::Storage, format!("{}: {error}", self.path.display()))
        })
    }
}
