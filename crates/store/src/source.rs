//! Opening text files that may be compressed. What they are is told by their first bytes, never
//! by their names; nothing is read as a whole.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Crc;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use zip::{CompressionMethod, ZipArchive};

const BUFFER_BYTES: usize = 64 << 10;
/// A longer line is no line of any format here: the largest, a whole exchangeInfo, has some
/// twenty megabytes.
const MAX_LINE_BYTES: usize = 64 << 20;

/// Why a data file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// From the file system, or damaged compression.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The compressed data end in the middle: the file was not copied, or not written, to its
    /// end. What came before is good.
    #[error("{}: cut off after line {line}", path.display())]
    CutOff {
        /// The file.
        path: PathBuf,
        /// The last whole line, from 1.
        line: u64,
    },
    /// A zip that cannot be used.
    #[error("{}: {reason}", path.display())]
    Zip {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A line that is not of the format.
    #[error("{}: line {line}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// The lines of a text file, plain, in gzip or alone in a zip, one at a time.
pub struct Lines {
    path: PathBuf,
    source: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    number: u64,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}", self.path.display(), self.number)
    }
}

impl Lines {
    /// Opens a file at its beginning.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        Self::open_counting(path, &Arc::default())
    }

    /// The same, and adds to `bytes` what has been read of the file, before decompression: a
    /// measure of progress.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn open_counting(path: &Path, bytes: &Arc<AtomicU64>) -> Result<Self, SourceError> {
        let failed = |source| SourceError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let file = Counting { file, bytes: Arc::clone(bytes) };
        let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
        let start = file.fill_buf().map_err(failed)?;
        let source: Box<dyn BufRead + Send> = if start.starts_with(&[0x1f, 0x8b]) {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(file)))
        } else if start.starts_with(b"PK\x03\x04") {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, unzip(path, file)?))
        } else {
            Box::new(file)
        };
        Ok(Self { path: path.to_owned(), source, line: Vec::new(), number: 0 })
    }

    /// The number of the line that was read last, from 1.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The next line without its end; `None` after the last.
    ///
    /// # Errors
    /// After an error there is nothing more, except after [`SourceError::Malformed`].
    #[expect(clippy::should_implement_trait, reason = "a line is lent, which an iterator can't")]
    pub fn next(&mut self) -> Result<Option<&str>, SourceError> {
        self.line.clear();
        let mut limited = (&mut self.source).take(MAX_LINE_BYTES as u64);
        match limited.read_until(b'\n', &mut self.line) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(SourceError::CutOff { path: self.path.clone(), line: self.number });
            }
            Err(source) => return Err(SourceError::Io { path: self.path.clone(), source }),
        }
        self.number += 1;
        if self.line.len() == MAX_LINE_BYTES {
            return Err(self.malformed("longer than 64 MiB"));
        }
        while self.line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line.pop();
        }
        match std::str::from_utf8(&self.line) {
            Ok(line) => Ok(Some(line)),
            Err(_) => Err(self.malformed("not UTF-8")),
        }
    }

    pub(crate) fn malformed(&self, reason: impl Into<String>) -> SourceError {
        let (path, line) = (self.path.clone(), self.number);
        SourceError::Malformed { path, line, reason: reason.into() }
    }
}

/// A file that tells how much of it was read.
struct Counting {
    file: File,
    bytes: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for Counting {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// The one file in a zip, read on from where it stands in it.
fn unzip(path: &Path, file: BufReader<Counting>) -> Result<impl Read + Send + use<>, SourceError> {
    let failed = |reason: String| SourceError::Zip { path: path.to_owned(), reason };
    let mut archive = ZipArchive::new(file).map_err(|error| failed(error.to_string()))?;
    if archive.len() != 1 {
        return Err(failed(format!("holds {} files, one is expected", archive.len())));
    }
    let entry = archive.by_index_raw(0).map_err(|error| failed(error.to_string()))?;
    let (start, length, crc) = (entry.data_start(), entry.compressed_size(), entry.crc32());
    let compression = entry.compression();
    let is_deflated = compression == CompressionMethod::Deflated;
    if !is_deflated && compression != CompressionMethod::Stored {
        return Err(failed(format!("compressed by {compression}, which is not read here")));
    }
    drop(entry);
    let mut file = archive.into_inner();
    let seek = file.seek(SeekFrom::Start(start));
    seek.map_err(|source| SourceError::Io { path: path.to_owned(), source })?;
    let content = file.take(length);
    let content: Box<dyn Read + Send> =
        if is_deflated { Box::new(DeflateDecoder::new(content)) } else { Box::new(content) };
    Ok(Checked { content, expected: crc, actual: Crc::new() })
}

/// Compares the checksum once everything has been read.
struct Checked {
    content: Box<dyn Read + Send>,
    expected: u32,
    actual: Crc,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.actual.update(&buffer[..count]);
        if count == 0 && !buffer.is_empty() && self.actual.sum() != self.expected {
            let reason = "the zip's checksum is not that of its content";
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(count)
    }
}
