//! The file that is written ahead of the database: one line a record, one write an intent, on
//! the way of the order itself. At level [`super::Level::Process`] the operating system then has
//! the intent, which is what that level promises, and the order waits for no thread and no
//! transaction; the database gets the record a moment later.
//!
//! Each line holds a record's number in the journal, a checksum and the record. Lines that the
//! database has are waste. The rest are its continuation: a start writes them into the database
//! before it does anything else, and a reader reads on in them. A line that is torn ends the
//! reading, and so does a gap, which only a power cut can leave: what is read is a clean prefix.
//!
//! There are two files, so that one can be emptied while the other holds what the database does
//! not have yet.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kernel::journal::{Durability, JournalAhead, JournalError, Persist, Record};

use super::reader::io as failed;

/// Size at which the other file is taken, if the database has all that it holds.
const TURN_AT_BYTES: u64 = 1 << 20;
/// Lines that nobody waits for and that the database still does not have are written out in
/// pieces of this size.
const BUFFER_BYTES: usize = 64 << 10;
/// Digits of a checksum.
const CHECKSUM_DIGITS: usize = 8;

/// The files of a database.
fn paths(database: &Path) -> [PathBuf; 2] {
    ["-ahead0", "-ahead1"].map(|suffix| super::beside(database, suffix))
}

/// Writes ahead of the database.
#[derive(Debug)]
pub(super) struct AheadWriter {
    files: [File; 2],
    /// The number of the last record in each file.
    last_in: [u64; 2],
    current: usize,
    length: u64,
    /// The number of the record before the first of this run.
    base: u64,
    /// Lines that are not in a file yet.
    buffer: Vec<u8>,
    /// The number of the last record that was taken.
    taken: u64,
    /// The number of the last record that must be synced, which only the database does.
    to_sync: u64,
    /// The number of the last record in the database.
    committed: Arc<AtomicU64>,
}

impl AheadWriter {
    /// A writer for the records after `base`. The files were emptied.
    pub fn open(database: &Path, base: u64, committed: Arc<AtomicU64>) -> io::Result<Self> {
        let open = |path| OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        let [one, other] = paths(database).map(open);
        Ok(Self {
            files: [one?, other?],
            last_in: [base; 2],
            current: 0,
            length: 0,
            base,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            taken: base,
            to_sync: base,
            committed,
        })
    }

    fn take(&mut self, persist: &Persist) -> Result<bool, JournalError> {
        let committed = self.committed.load(Ordering::Acquire);
        if committed >= self.taken {
            self.buffer.clear();
        }
        self.taken = self.base + persist.sequence;
        encode(self.taken, &persist.record, &mut self.buffer)?;
        match persist.durability {
            Durability::Lazy if self.buffer.len() < BUFFER_BYTES => Ok(false),
            Durability::Lazy => self.write_out(committed).map(|()| false).map_err(failed),
            Durability::Committed => {
                self.write_out(committed).map_err(failed)?;
                Ok(committed >= self.to_sync)
            }
            Durability::Synced => {
                self.to_sync = self.taken;
                Ok(false)
            }
        }
    }

    fn write_out(&mut self, committed: u64) -> io::Result<()> {
        let other = 1 - self.current;
        if self.length >= TURN_AT_BYTES && self.last_in[other] <= committed {
            self.files[other].set_len(0)?;
            (self.current, self.length) = (other, 0);
        }
        self.files[self.current].write_all(&self.buffer)?;
        self.length += self.buffer.len() as u64;
        self.last_in[self.current] = self.taken;
        self.buffer.clear();
        Ok(())
    }
}

impl JournalAhead for AheadWriter {
    fn write(&mut self, persist: &Persist) -> Result<bool, JournalError> {
        self.take(persist)
    }
}

/// Empties the files, for good: lines of a history that a power cut has ended must not come back
/// as the continuation of another.
pub(super) fn empty(database: &Path) -> io::Result<()> {
    for path in paths(database) {
        match OpenOptions::new().write(true).open(path) {
            Ok(file) => {
                file.set_len(0)?;
                file.sync_all()?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// `number checksum record`, a line. An order waits for it: no formatting beside the record's own.
fn encode(number: u64, record: &Record, out: &mut Vec<u8>) -> Result<(), JournalError> {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(&[b' '; 1 + CHECKSUM_DIGITS + 1]);
    let body_at = out.len();
    serde_json::to_writer(&mut *out, record)
        .map_err(|error| JournalError::Io(format!("encoding a record: {error}")))?;
    let mut checksum = checksum(number, &out[body_at..]);
    for digit in out[body_at - 1 - CHECKSUM_DIGITS..body_at - 1].iter_mut().rev() {
        *digit = b"0123456789abcdef"[(checksum & 0xf) as usize];
        checksum >>= 4;
    }
    out.push(b'\n');
    Ok(())
}

fn checksum(number: u64, body: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(&number.to_le_bytes());
    crc.update(body);
    crc.sum()
}

/// The records after `number`, in order and without a gap, as far as the files hold them.
pub(super) fn records_after(database: &Path, number: u64) -> Result<Vec<Record>, JournalError> {
    let mut found = Vec::new();
    for path in paths(database) {
        match std::fs::read(&path) {
            Ok(lines) => found.extend(decode(&lines)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(format!("{}: {error}", path.display()))),
        }
    }
    found.sort_by_key(|(number, _)| *number);
    let mut records = Vec::new();
    for (found_number, record) in found {
        let next = number + 1 + records.len() as u64;
        if found_number == next {
            records.push(record);
        } else if found_number > next {
            break;
        }
    }
    Ok(records)
}

/// The lines of one file up to the first that is not whole.
fn decode(lines: &[u8]) -> impl Iterator<Item = (u64, Record)> {
    let whole = lines.split_inclusive(|byte| *byte == b'\n');
    whole.map_while(|line| {
        let line = line.strip_suffix(b"\n")?;
        let mut parts = line.splitn(3, |byte| *byte == b' ');
        let (number, digits, body) = (parts.next()?, parts.next()?, parts.next()?);
        let number = std::str::from_utf8(number).ok()?.parse().ok()?;
        let stored = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        if checksum(number, body) != stored {
            return None;
        }
        Some((number, serde_json::from_slice(body).ok()?))
    })
}
