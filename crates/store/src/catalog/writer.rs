//! Writing a segment: blocks go to a temporary file as they fill; it gets its name when all is
//! there and synced.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Crc;
use model::Timestamp;
use sha2::{Digest, Sha256};

use super::codec::{self, BLOCK_ROWS, Buffers};
use super::segment::{BlockEntry, END, FORMAT, MAGIC};
use super::{CatalogError, Exponents, Record, SegmentInfo, SeriesKey, Source};

/// Tells temporary files of one process apart.
static TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// Takes rows and makes a segment of them. Dropped before [`Self::finish`] it leaves nothing.
#[derive(Debug)]
pub struct SegmentWriter<R> {
    directory: PathBuf,
    temporary: PathBuf,
    file: BufWriter<File>,
    key: SeriesKey,
    exponents: Exponents,
    rows: Vec<R>,
    buffers: Buffers,
    bytes: Vec<u8>,
    index: Vec<BlockEntry>,
    offset: u64,
    count: u64,
    digest: Sha256,
    is_ordered: bool,
    last: Timestamp,
}

/// What became of a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Written {
    /// It is in the catalog.
    Added(SegmentInfo),
    /// The same rows were already there, imported from the same or another file.
    AlreadyThere(SegmentInfo),
    /// There was no row.
    Empty,
}

impl<R: Record> SegmentWriter<R> {
    /// Begins a segment in the catalog at `root`; directories are made.
    ///
    /// # Errors
    /// From the file system.
    ///
    /// # Panics
    /// For a key of another kind than the rows: a bug of the caller.
    pub fn create(root: &Path, key: SeriesKey, exponents: Exponents) -> Result<Self, CatalogError> {
        assert_eq!(key.kind, R::KIND, "rows belong in a series of their kind");
        let directory = root.join(key.directory());
        std::fs::create_dir_all(&directory).map_err(CatalogError::io(&directory))?;
        let number = TEMPORARY.fetch_add(1, Ordering::Relaxed);
        let temporary = directory.join(format!(".{}-{number}.tmp", std::process::id()));
        let file = File::create(&temporary).map_err(CatalogError::io(&temporary))?;
        let mut writer = Self {
            directory,
            temporary,
            file: BufWriter::with_capacity(1 << 18, file),
            key,
            exponents,
            rows: Vec::with_capacity(BLOCK_ROWS),
            buffers: Buffers::default(),
            bytes: Vec::new(),
            index: Vec::new(),
            offset: 0,
            count: 0,
            digest: Sha256::new(),
            is_ordered: true,
            last: Timestamp::from_nanos(i64::MIN),
        };
        writer.digest.update(format!("{} {:?}\n", writer.key, writer.exponents));
        writer.bytes.extend_from_slice(MAGIC);
        writer.write_bytes()?;
        Ok(writer)
    }

    /// Takes one row, in the source's order.
    ///
    /// # Errors
    /// From the file system.
    pub fn push(&mut self, row: R) -> Result<(), CatalogError> {
        self.is_ordered &= row.at() >= self.last;
        self.last = row.at();
        self.rows.push(row);
        if self.rows.len() == BLOCK_ROWS { self.write_block() } else { Ok(()) }
    }

    /// Rows taken so far.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count + self.rows.len() as u64
    }

    /// Syncs the file and gives it its name. Without a row there is no segment.
    ///
    /// # Errors
    /// From the file system.
    pub fn finish(mut self, source: Source) -> Result<Written, CatalogError> {
        if !self.rows.is_empty() {
            self.write_block()?;
        }
        if self.count == 0 {
            return Ok(Written::Empty);
        }
        let digest = std::mem::take(&mut self.digest).finalize();
        let info = SegmentInfo {
            format: FORMAT,
            key: self.key.clone(),
            exponents: self.exponents,
            rows: self.count,
            first_at: self.index.iter().map(|block| block.first_at).min().unwrap_or_default(),
            last_at: self.index.iter().map(|block| block.last_at).max().unwrap_or_default(),
            is_ordered: self.is_ordered,
            digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            source,
        };
        let path = self.directory.join(file_name(&info));
        if path.exists() {
            return SegmentInfo::read(&path).map(Written::AlreadyThere);
        }
        self.write_facts(&info)?;
        let io = CatalogError::io(&self.temporary);
        self.file.flush().and_then(|()| self.file.get_ref().sync_all()).map_err(io)?;
        std::fs::rename(&self.temporary, &path).map_err(CatalogError::io(&path))?;
        let directory = File::open(&self.directory).and_then(|directory| directory.sync_all());
        directory.map_err(CatalogError::io(&self.directory))?;
        Ok(Written::Added(info))
    }

    fn write_block(&mut self) -> Result<(), CatalogError> {
        codec::encode(&self.rows, &mut self.buffers, &mut self.bytes);
        let instants = || self.rows.iter().map(Record::at);
        self.index.push(BlockEntry {
            offset: self.offset,
            bytes: self.bytes.len() as u64,
            rows: self.rows.len() as u64,
            first_at: instants().min().unwrap_or_default(),
            last_at: instants().max().unwrap_or_default(),
        });
        self.count += self.rows.len() as u64;
        self.rows.clear();
        self.digest.update(&self.bytes);
        self.write_bytes()
    }

    fn write_facts(&mut self, info: &SegmentInfo) -> Result<(), CatalogError> {
        for entry in &self.index {
            entry.write(&mut self.bytes);
        }
        let index_bytes = self.bytes.len() as u64;
        let facts = serde_json::to_vec(info).expect("facts are plain texts and numbers");
        self.bytes.extend_from_slice(&facts);
        let mut crc = Crc::new();
        crc.update(&self.bytes);
        self.bytes.extend_from_slice(&index_bytes.to_le_bytes());
        self.bytes.extend_from_slice(&(facts.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(&crc.sum().to_le_bytes());
        self.bytes.extend_from_slice(END);
        self.write_bytes()
    }

    fn write_bytes(&mut self) -> Result<(), CatalogError> {
        self.file.write_all(&self.bytes).map_err(CatalogError::io(&self.temporary))?;
        self.offset += self.bytes.len() as u64;
        self.bytes.clear();
        Ok(())
    }
}

impl<R> Drop for SegmentWriter<R> {
    fn drop(&mut self) {
        // After a finish it has another name. What can't be removed is passed over by readers.
        drop(std::fs::remove_file(&self.temporary));
    }
}

/// `20240808T235413-41248-0f3a….twc`: in the order of time, and equal for equal rows.
fn file_name(info: &SegmentInfo) -> String {
    let first: String =
        info.first_at.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let (seconds, _) = first.split_at_checked(15).unwrap_or((&first, ""));
    format!("{seconds}-{}-{}.twc", info.rows, &info.digest[..16])
}
