//! One file: its layout, what it says about itself, and reading it.
//!
//! ```text
//! "TWCATLG1" | block… | index: (offset, bytes, rows, first, last) as u64/i64 a block | facts: JSON
//! | index bytes u64 | facts bytes u64 | crc32 u32 of index and facts | "TWCATEND"
//! ```

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::Crc;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::codec::{self, BLOCK_ROWS, Buffers};
use super::{CatalogError, Exponents, Range, Record, SeriesKey};

pub(super) const MAGIC: &[u8; 8] = b"TWCATLG1";
pub(super) const END: &[u8; 8] = b"TWCATEND";
/// Of the facts. Another layout of the file has another magic.
pub(super) const FORMAT: u32 = 1;
pub(super) const INDEX_ENTRY_BYTES: usize = 40;
pub(super) const TAIL_BYTES: usize = 28;
/// A block cannot be larger: every column at its widest.
const MAX_BLOCK_BYTES: u64 = 8 + 16 * (19 + 8 * BLOCK_ROWS as u64);

/// Where a segment came from.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Source {
    /// The name of the file, without its directory, or what else it was made from.
    pub name: String,
    /// What was found in it, such as `binance aggTrades csv`.
    pub format: String,
    /// SHA-256 of the file as it was read, in hex; empty where there was no file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
}

/// What a segment says about itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SegmentInfo {
    /// Version of these facts.
    pub format: u32,
    /// Whose history.
    pub key: SeriesKey,
    /// Exponents of its mantissas.
    pub exponents: Exponents,
    /// Number of rows.
    pub rows: u64,
    /// The smallest instant of its rows, in nanoseconds.
    pub first_at: Timestamp,
    /// The largest one.
    pub last_at: Timestamp,
    /// Whether no row has an instant before that of the row before it.
    pub is_ordered: bool,
    /// SHA-256 of its blocks, in hex: equal for equal rows.
    pub digest: String,
    /// Where it came from.
    pub source: Source,
}

/// Where a block is, and what it spans.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockEntry {
    pub offset: u64,
    pub bytes: u64,
    pub rows: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

impl BlockEntry {
    pub fn write(&self, out: &mut Vec<u8>) {
        for number in [self.offset, self.bytes, self.rows] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for instant in [self.first_at, self.last_at] {
            out.extend_from_slice(&instant.as_nanos().to_le_bytes());
        }
    }

    fn read(bytes: &[u8; INDEX_ENTRY_BYTES]) -> Self {
        let (numbers, _) = bytes.as_chunks::<8>();
        let number = |place: usize| u64::from_le_bytes(numbers[place]);
        let instant = |place: usize| Timestamp::from_nanos(i64::from_le_bytes(numbers[place]));
        Self {
            offset: number(0),
            bytes: number(1),
            rows: number(2),
            first_at: instant(3),
            last_at: instant(4),
        }
    }
}

/// The rows of one segment, a block at a time.
#[derive(Debug)]
pub struct SegmentReader<R> {
    path: PathBuf,
    file: File,
    /// Where the next byte of the file comes from.
    at: u64,
    info: SegmentInfo,
    index: Vec<BlockEntry>,
    next: usize,
    range: Range,
    bytes: Vec<u8>,
    buffers: Buffers,
    rows: Vec<R>,
}

impl<R: Record> SegmentReader<R> {
    /// Opens a segment at its beginning.
    ///
    /// # Errors
    /// See [`CatalogError`].
    pub fn open(path: &Path) -> Result<Self, CatalogError> {
        let mut file = File::open(path).map_err(CatalogError::io(path))?;
        let (info, index) = read_facts(path, &mut file)?;
        if info.key.kind != R::KIND {
            let (found, expected) = (info.key.kind, R::KIND);
            return Err(CatalogError::Kind { path: path.to_owned(), found, expected });
        }
        let (next, range) = (0, Range::ALL);
        let (bytes, buffers, rows) = (Vec::new(), Buffers::default(), Vec::new());
        // Not a place in the file: the first read seeks.
        let at = u64::MAX;
        let path = path.to_owned();
        Ok(Self { path, file, at, info, index, next, range, bytes, buffers, rows })
    }

    /// Leaves out rows outside of `range`; blocks without any within are not even read.
    #[must_use]
    pub const fn within(mut self, range: Range) -> Self {
        self.range = range;
        self
    }

    /// What the segment says about itself.
    #[must_use]
    pub const fn info(&self) -> &SegmentInfo {
        &self.info
    }

    /// The next rows, at most [`BLOCK_ROWS`] and never none; `None` after the last.
    ///
    /// # Errors
    /// From the file system, and [`CatalogError::Damaged`].
    pub fn next_block(&mut self) -> Result<Option<&[R]>, CatalogError> {
        Ok(self.advance()?.then_some(&self.rows[..]))
    }

    /// Fills `rows` with the next ones; false after the last.
    pub(super) fn advance(&mut self) -> Result<bool, CatalogError> {
        while let Some(entry) = self.index.get(self.next).copied() {
            self.next += 1;
            if !self.range.touches(entry.first_at, entry.last_at) {
                continue;
            }
            self.read_block(entry)?;
            if !self.range.covers(entry.first_at, entry.last_at) {
                let range = self.range;
                self.rows.retain(|row| range.holds(row.at()));
            }
            if !self.rows.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the last [`Self::advance`] filled in.
    pub(super) fn rows(&self) -> &[R] {
        &self.rows
    }

    fn read_block(&mut self, entry: BlockEntry) -> Result<(), CatalogError> {
        let size = usize::try_from(entry.bytes).expect("checked against the largest block");
        self.bytes.resize(size, 0);
        if self.at != entry.offset {
            let seek = self.file.seek(SeekFrom::Start(entry.offset));
            seek.map_err(CatalogError::io(&self.path))?;
        }
        self.file.read_exact(&mut self.bytes).map_err(CatalogError::io(&self.path))?;
        self.at = entry.offset + entry.bytes;
        let damaged = |what: &str| {
            CatalogError::damaged(&self.path, format!("{what}, at byte {}", entry.offset))
        };
        codec::decode(&self.bytes, &mut self.buffers, &mut self.rows).map_err(damaged)?;
        if self.rows.len() as u64 != entry.rows {
            return Err(damaged("another number of rows than the index says"));
        }
        Ok(())
    }
}

impl SegmentInfo {
    /// Reads what a segment says about itself, without its rows.
    ///
    /// # Errors
    /// See [`CatalogError`].
    pub fn read(path: &Path) -> Result<Self, CatalogError> {
        let mut file = File::open(path).map_err(CatalogError::io(path))?;
        read_facts(path, &mut file).map(|(info, _)| info)
    }
}

fn read_facts(
    path: &Path,
    file: &mut File,
) -> Result<(SegmentInfo, Vec<BlockEntry>), CatalogError> {
    let io = |error| CatalogError::io(path)(error);
    let damaged = |what: &str| CatalogError::damaged(path, what);
    let length = file.seek(SeekFrom::End(0)).map_err(io)?;
    let overhead = (MAGIC.len() + TAIL_BYTES) as u64;
    if length < overhead {
        return Err(damaged("too short for a segment"));
    }
    let mut magic = [0; MAGIC.len()];
    file.rewind().and_then(|()| file.read_exact(&mut magic)).map_err(io)?;
    if &magic != MAGIC {
        return Err(damaged("not a segment"));
    }
    let mut tail = [0; TAIL_BYTES];
    file.seek(SeekFrom::End(-(TAIL_BYTES as i64))).map_err(io)?;
    file.read_exact(&mut tail).map_err(io)?;
    if tail[20..] != END[..] {
        return Err(damaged("not a segment, or cut off"));
    }
    let number = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&tail[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    let (index_bytes, facts_bytes) = (number(0), number(8));
    let both = index_bytes.checked_add(facts_bytes).filter(|both| *both <= length - overhead);
    let both = both.ok_or_else(|| damaged("lengths that do not fit in the file"))?;
    let size = usize::try_from(both).map_err(|_| damaged("lengths that do not fit in memory"))?;
    let start = length - TAIL_BYTES as u64 - both;
    file.seek(SeekFrom::Start(start)).map_err(io)?;
    let mut bytes = vec![0; size];
    file.read_exact(&mut bytes).map_err(io)?;
    let mut crc = Crc::new();
    crc.update(&bytes);
    if crc.sum().to_le_bytes() != tail[16..20] {
        return Err(damaged("facts whose checksum is wrong"));
    }
    let (index, facts) = bytes.split_at(size - usize::try_from(facts_bytes).unwrap_or(size));
    let info = read_info(path, facts)?;
    let (entries, rest) = index.as_chunks::<INDEX_ENTRY_BYTES>();
    let entries: Vec<BlockEntry> = entries.iter().map(BlockEntry::read).collect();
    let is_within = |entry: &BlockEntry| {
        entry.bytes <= MAX_BLOCK_BYTES
            && entry.offset.checked_add(entry.bytes).is_some_and(|end| end <= start)
    };
    if !rest.is_empty() || !entries.iter().all(is_within) {
        return Err(damaged("an index that points outside of the file"));
    }
    Ok((info, entries))
}

fn read_info(path: &Path, facts: &[u8]) -> Result<SegmentInfo, CatalogError> {
    /// Only what every version has.
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let damaged = |error: serde_json::Error| CatalogError::damaged(path, error.to_string());
    let version: Version = serde_json::from_slice(facts).map_err(damaged)?;
    if version.format != FORMAT {
        let (found, expected) = (version.format, FORMAT);
        return Err(CatalogError::Version { path: path.to_owned(), found, expected });
    }
    serde_json::from_slice(facts).map_err(damaged)
}
