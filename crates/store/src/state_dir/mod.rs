//! The state directory: what one installation of the engine keeps beside its journals.
//!
//! | file | what |
//! |---|---|
//! | `lock` | held while an engine runs, with its process number |
//! | `instance` | six random characters, made once: part of every client order id |
//! | `epoch` | the last epoch given, so that a lost journal repeats no order id |
//! | `strikes` | how often each strategy made the watchdog end the process |
//! | `HALT` | while it exists, no order leaves |
//! | `control.sock` | commands of an operator, while an engine runs |
//! | `heartbeat` | changes while an engine makes progress: what a guard hears |
//! | `journal-<venue>.sqlite` | one journal for each venue identity |
//! | `mark-<venue>` | how many of its records were on the disk, and the trading state |
//! | `account-<venue>` | the name of that account's ledger, if it is an older one |
//! | `….sqlite-ahead0`, `…-ahead1` | what the journal's database does not have yet |

mod accounts;
mod error;
mod file;
mod lock;
mod strikes;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use kernel::ledger::epoch_after;
use model::{InstanceId, Timestamp, VenueId};
use rand::TryRngCore;
use rand::rngs::OsRng;

pub use accounts::{ledger_of, ledgers_before, note_ledger};
pub use error::StateDirError;
pub use file::write_atomically;
pub use lock::{Lock, LockError, account_lock_path, user_id};
pub use strikes::Strikes;

/// The name of the file that halts while it is there.
pub const KILL_SWITCH: &str = "HALT";
/// The lock's name.
const LOCK: &str = "lock";

/// A directory that this process alone uses.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    instance: InstanceId,
    /// Released when the process ends, in whatever way.
    _lock: Lock,
}

impl StateDir {
    /// Opens the directory for this process alone; makes it (mode 0700) if it is not there.
    ///
    /// # Errors
    /// See [`StateDirError`]: each says what to do.
    pub fn open(path: &Path) -> Result<Self, StateDirError> {
        let unusable = |source| StateDirError::not_writable(path, source);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        let lock = Lock::acquire(&path.join(LOCK)).map_err(|error| match error {
            LockError::Held { holder, .. } => {
                StateDirError::Locked { path: path.to_owned(), holder }
            }
            LockError::Io { source, .. } => unusable(source),
        })?;
        let instance = instance(path)?;
        Ok(Self { path: path.to_owned(), instance, _lock: lock })
    }

    /// The process that holds a directory, if its lock names one.
    #[must_use]
    pub fn holder(path: &Path) -> Option<u32> {
        std::fs::read_to_string(path.join(LOCK)).ok()?.trim().parse().ok()
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The installation's random name.
    #[must_use]
    pub const fn instance(&self) -> InstanceId {
        self.instance
    }

    /// The journal of a venue identity. Characters that a file name should not have are written
    /// as `%` and their code, so that two identities never share a file.
    #[must_use]
    pub fn journal_path(&self, venue: &VenueId) -> PathBuf {
        journal_path(&self.path, venue)
    }

    /// Gives the epoch of this start: higher than every one before in this directory and in the
    /// journal, and not before the clock. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`StateDirError::NotWritable`], and [`StateDirError::Damaged`] when the file does not
    /// hold a number.
    pub fn next_epoch(&self, journal: Option<u32>, now: Timestamp) -> Result<u32, StateDirError> {
        let file = self.path.join("epoch");
        let last = match read(&file)? {
            Some(text) => Some(text.trim().parse::<u32>().map_err(|_| StateDirError::Damaged {
                path: file.clone(),
                expected: "a whole number: the last epoch, in unix seconds",
            })?),
            None => None,
        };
        let epoch = epoch_after(last.max(journal), now);
        write_atomically(&file, format!("{epoch}\n").as_bytes())
            .map_err(|source| StateDirError::not_writable(&file, source))?;
        Ok(epoch)
    }

    /// The strikes of the watchdog.
    #[must_use]
    pub fn strikes(&self) -> Strikes {
        Strikes::new(self.path.join("strikes"))
    }

    /// The kill switch: a file that anybody who may write here can make, also by hand.
    #[must_use]
    pub fn kill_switch(&self) -> PathBuf {
        self.path.join(KILL_SWITCH)
    }

    /// Whether the kill switch is on. A directory that cannot be read counts as on: not to
    /// trade is always allowed.
    #[must_use]
    pub fn is_kill_switch_on(&self) -> bool {
        self.kill_switch().try_exists().unwrap_or(true)
    }
}

/// The journal of a venue identity in a directory that another process may hold: see
/// [`StateDir::journal_path`].
#[must_use]
pub fn journal_path(directory: &Path, venue: &VenueId) -> PathBuf {
    directory.join(format!("journal-{}.sqlite", lock::file_name_of(venue)))
}

/// The journals in a directory that another process may hold, by name.
///
/// # Errors
/// When the directory can't be read.
pub fn journals(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = std::fs::read_dir(directory)?.filter_map(|file| Some(file.ok()?.path()));
    let mut found: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "sqlite")).collect();
    found.sort_unstable();
    Ok(found)
}

/// The installation's name in a directory that another process may hold; `None` before its first
/// start.
///
/// # Errors
/// When the file can't be read, or holds something else.
pub fn known_instance(directory: &Path) -> Result<Option<InstanceId>, StateDirError> {
    let file = directory.join("instance");
    let read = read(&file)?.map(|text| {
        let text = text.trim();
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
        let instance = InstanceId::new(text).ok().filter(|_| is_plain && text.len() == 6);
        let expected = "six characters of 0-9a-z";
        instance.ok_or_else(|| StateDirError::Damaged { path: file.clone(), expected })
    });
    read.transpose()
}

fn read(path: &Path) -> Result<Option<String>, StateDirError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StateDirError::NotReadable { path: path.to_owned(), source }),
    }
}

fn instance(directory: &Path) -> Result<InstanceId, StateDirError> {
    if let Some(instance) = known_instance(directory)? {
        return Ok(instance);
    }
    let file = directory.join("instance");
    let instance = random_instance().map_err(StateDirError::NoRandomness)?;
    write_atomically(&file, format!("{instance}\n").as_bytes())
        .map_err(|source| StateDirError::not_writable(&file, source))?;
    Ok(instance)
}

/// Two billion names: enough that two installations on one account differ.
fn random_instance() -> Result<InstanceId, rand::rand_core::OsError> {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut number = OsRng.try_next_u64()?;
    let mut text = String::with_capacity(6);
    for _ in 0..6 {
        text.push(char::from(DIGITS[usize::try_from(number % 36).expect("below 36")]));
        number /= 36;
    }
    Ok(InstanceId::new(&text).expect("six characters of 0-9a-z"))
}
