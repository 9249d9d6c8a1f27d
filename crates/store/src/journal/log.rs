//! Damage inside the log. SQLite takes the first frame that is not as it was written for the end of
//! the log, and everything after it is gone without a word. A process that is killed leaves its
//! last transaction unfinished, never an earlier one: a whole commit behind a frame that is not
//! whole is damage, unless power was lost in between, when unsynced blocks reach the disk in any
//! order.
//!
//! The format is <https://sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::io;
use std::path::{Path, PathBuf};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The magic number, without the bit that says how checksums read their words.
const MAGIC: u32 = 0x377f_0682;

type Checksum = (u32, u32);

/// Whether commits stand behind a frame that is not whole. The writer may be at it: then a look
/// may come to something that the next one does not.
///
/// # Errors
/// From the file system.
pub(super) fn is_damaged(database: &Path) -> io::Result<bool> {
    match std::fs::read(path_of(database)) {
        Ok(bytes) => Ok(bytes.len() >= HEADER && Log::of(&bytes).is_damaged()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) fn path_of(database: &Path) -> PathBuf {
    super::beside(database, "-wal")
}

/// A log of at least a header.
struct Log<'a> {
    bytes: &'a [u8],
    is_big_endian: bool,
    page: usize,
}

impl<'a> Log<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let page = usize::try_from(word(bytes, 8)).unwrap_or(usize::MAX);
        Self { bytes, is_big_endian: word(bytes, 0) & 1 == 1, page }
    }

    fn is_damaged(&self) -> bool {
        let header = &self.bytes[..HEADER];
        if header.iter().all(|byte| *byte == 0) {
            return false;
        }
        let is_header_whole = word(header, 0) & !1 == MAGIC
            && (512..=65_536).contains(&self.page)
            && self.sum((0, 0), &header[..24]) == stored(header, 24);
        if !is_header_whole {
            return true;
        }
        let mut sum = stored(header, 24);
        let mut frames = self.bytes[HEADER..].chunks_exact(FRAME_HEADER + self.page);
        for frame in frames.by_ref() {
            let is_whole = self.is_ours(frame) && self.sum_of(sum, frame) == stored(frame, 16);
            sum = stored(frame, 16);
            if !is_whole {
                break;
            }
        }
        // From here on each frame is held against the one before it.
        frames.any(|frame| {
            let is_whole = self.is_ours(frame) && self.sum_of(sum, frame) == stored(frame, 16);
            sum = stored(frame, 16);
            is_whole && word(frame, 4) != 0
        })
    }

    /// Whether a frame was written since the log began.
    fn is_ours(&self, frame: &[u8]) -> bool {
        frame[8..16] == self.bytes[16..24]
    }

    fn sum_of(&self, before: Checksum, frame: &[u8]) -> Checksum {
        self.sum(self.sum(before, &frame[..8]), &frame[FRAME_HEADER..])
    }

    fn sum(&self, (mut first, mut second): Checksum, bytes: &[u8]) -> Checksum {
        let read = |bytes: &[u8]| {
            let bytes = bytes.try_into().expect("four of eight bytes");
            if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        for pair in bytes.chunks_exact(8) {
            first = first.wrapping_add(read(&pair[..4])).wrapping_add(second);
            second = second.wrapping_add(read(&pair[4..])).wrapping_add(first);
        }
        (first, second)
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn stored(bytes: &[u8], at: usize) -> Checksum {
    (word(bytes, at), word(bytes, at + 4))
}
