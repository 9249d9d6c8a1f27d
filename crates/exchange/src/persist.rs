//! What survives the process: an append-only log of what changed, one line an operation.
//!
//! A line is written with one call before the operation's answer leaves, so that a killed process
//! loses nothing that anybody was told; it is not synced, so a power cut may lose the end. Each
//! line carries a checksum; a torn end is cut. At each start the log is written anew with only
//! what is still true.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use serde::{Deserialize, Serialize};

use crate::flow::fnv1a;
use crate::keys::Credentials;
use crate::machine::Record;

/// Why a state directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A file holds something else than expected.
    #[error("{path}: line {line}: {what}; move the file away to start afresh")]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
}

/// First line of a log.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    version: u32,
    run: i64,
}

const VERSION: u32 = 1;

/// Keys as they are kept.
#[derive(Serialize, Deserialize)]
struct KeyFile {
    api_key: String,
    api_secret: String,
    ed25519_api_key: String,
    ed25519_private_key_pem: String,
}

/// What a state directory held.
#[derive(Debug)]
pub struct Loaded {
    /// How often it was opened before.
    pub run: i64,
    /// Everything recorded, in order; `None` for a fresh directory.
    pub records: Option<Vec<Record>>,
}

/// An open state directory.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    log: File,
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    move |source| StoreError::Io { path: path.to_owned(), source }
}

fn line_of(json: &str) -> String {
    format!("{:016x} {json}\n", fnv1a(json.as_bytes()))
}

fn split_line(line: &str) -> Option<&str> {
    let (sum, json) = line.split_once(' ')?;
    (u64::from_str_radix(sum, 16).ok()? == fnv1a(json.as_bytes())).then_some(json)
}

impl Store {
    /// Reads what a directory holds.
    ///
    /// # Errors
    /// [`StoreError`]; a torn last line is no error.
    pub fn load(directory: &Path) -> Result<Loaded, StoreError> {
        std::fs::create_dir_all(directory).map_err(io_error(directory))?;
        let path = directory.join("exchange.log");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Loaded { run: 0, records: None });
            }
            Err(error) => return Err(io_error(&path)(error)),
        };
        let corrupt = |line: usize, what: &str| StoreError::Corrupt {
            path: path.clone(),
            line: line + 1,
            what: what.to_owned(),
        };
        let lines: Vec<String> =
            BufReader::new(file).lines().collect::<Result<_, _>>().map_err(io_error(&path))?;
        let last = lines.len().saturating_sub(1);
        let mut run = 0;
        let mut records = Vec::new();
        for (place, line) in lines.iter().enumerate() {
            let Some(json) = split_line(line) else {
                if place == last && place > 0 {
                    break;
                }
                return Err(corrupt(place, "checksum does not match"));
            };
            if place == 0 {
                let header: Header = serde_json::from_str(json)
                    .map_err(|error| corrupt(place, &error.to_string()))?;
                if header.version != VERSION {
                    return Err(corrupt(place, "written by another version"));
                }
                run = header.run;
                continue;
            }
            let operation: Vec<Record> =
                serde_json::from_str(json).map_err(|error| corrupt(place, &error.to_string()))?;
            records.extend(operation);
        }
        Ok(Loaded { run, records: Some(records) })
    }

    /// Starts the log of a run with what is true at its start.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn begin(directory: &Path, run: i64, snapshot: &[Record]) -> Result<Self, StoreError> {
        let path = directory.join("exchange.log");
        let fresh = directory.join("exchange.log.new");
        let header = serde_json::to_string(&Header { version: VERSION, run })
            .expect("plain data always serialises");
        let mut text = line_of(&header);
        if !snapshot.is_empty() {
            text.push_str(&operation_line(snapshot));
        }
        std::fs::write(&fresh, text).map_err(io_error(&fresh))?;
        std::fs::rename(&fresh, &path).map_err(io_error(&path))?;
        let log = OpenOptions::new().append(true).open(&path).map_err(io_error(&path))?;
        Ok(Self { directory: directory.to_owned(), log })
    }

    /// One that takes no byte.
    #[cfg(test)]
    pub(crate) fn full() -> Self {
        let log = OpenOptions::new().append(true).open("/dev/full").expect("Linux has it");
        Self { directory: PathBuf::new(), log }
    }

    /// Appends an operation.
    ///
    /// # Errors
    /// [`StoreError::Io`]: nothing may leave then.
    pub fn append(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let path = self.directory.join("exchange.log");
        self.log.write_all(operation_line(records).as_bytes()).map_err(io_error(&path))
    }

    /// The keys kept in a directory, or fresh ones, kept from now on in a file that only the
    /// owner may read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn credentials(directory: &Path) -> Result<Credentials, StoreError> {
        std::fs::create_dir_all(directory).map_err(io_error(directory))?;
        let path = directory.join("keys.json");
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let keys: KeyFile = serde_json::from_str(&text).map_err(|error| {
                    StoreError::Corrupt { path: path.clone(), line: 1, what: error.to_string() }
                })?;
                let credentials = Credentials {
                    api_key: keys.api_key,
                    api_secret: keys.api_secret,
                    ed25519_api_key: keys.ed25519_api_key,
                    ed25519_private_key_pem: keys.ed25519_private_key_pem,
                };
                Ok(credentials.in_common_form())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let credentials = fresh_credentials();
                let keys = KeyFile {
                    api_key: credentials.api_key.clone(),
                    api_secret: credentials.api_secret.clone(),
                    ed25519_api_key: credentials.ed25519_api_key.clone(),
                    ed25519_private_key_pem: credentials.ed25519_private_key_pem.clone(),
                };
                let text = serde_json::to_string_pretty(&keys).expect("plain data");
                write_private(&path, &text)?;
                Ok(credentials)
            }
            Err(error) => Err(io_error(&path)(error)),
        }
    }
}

/// Keys of an exchange that keeps nothing.
#[must_use]
pub fn fresh_credentials() -> Credentials {
    Credentials::generate(&mut rand_pcg::Pcg64Mcg::from_os_rng())
}

/// Writes a file that only its owner may read.
///
/// # Errors
/// [`StoreError::Io`].
pub fn write_private(path: &Path, text: &str) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).map_err(io_error(path))?;
    file.write_all(text.as_bytes()).map_err(io_error(path))
}

fn operation_line(records: &[Record]) -> String {
    line_of(&serde_json::to_string(records).expect("records are plain data"))
}

#[cfg(test)]
mod tests {
    use model::Asset;

    use super::*;
    use crate::accounts::Balance;

    fn balance(free: &str) -> Record {
        Record::Balance {
            account: 1,
            asset: Asset::new("USDT").unwrap(),
            balance: Balance { free: free.parse().unwrap(), locked: "0".parse().unwrap() },
            at: model::Timestamp::from_secs(1),
        }
    }

    fn directory(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("tickwright-exchange-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn operations_come_back_and_a_torn_end_is_cut() {
        let directory = directory("log");
        assert!(Store::load(&directory).unwrap().records.is_none());
        let mut store = Store::begin(&directory, 3, &[balance("1")]).unwrap();
        store.append(&[balance("2"), balance("3")]).unwrap();
        let path = directory.join("exchange.log");
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("0123456789abcdef [{\"bal");
        std::fs::write(&path, text).unwrap();
        let loaded = Store::load(&directory).unwrap();
        assert_eq!(loaded.run, 3);
        assert_eq!(loaded.records.unwrap(), [balance("1"), balance("2"), balance("3")]);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn damage_in_the_middle_is_an_error_that_names_the_line() {
        let directory = directory("damage");
        Store::load(&directory).unwrap();
        let mut store = Store::begin(&directory, 1, &[]).unwrap();
        store.append(&[balance("2")]).unwrap();
        store.append(&[balance("3")]).unwrap();
        let path = directory.join("exchange.log");
        let text = std::fs::read_to_string(&path).unwrap().replace("\"2\"", "\"9\"");
        std::fs::write(&path, text).unwrap();
        let error = Store::load(&directory).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn keys_are_kept_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let directory = directory("keys");
        let first = Store::credentials(&directory).unwrap();
        assert_eq!(Store::credentials(&directory).unwrap(), first);
        let mode = std::fs::metadata(directory.join("keys.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
