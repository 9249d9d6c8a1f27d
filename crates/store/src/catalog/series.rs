//! A catalog and its series.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use model::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    CatalogError, Exponents, Record, SegmentInfo, SegmentReader, SegmentWriter, SeriesKey,
};

/// A span of time: from the first instant on, up to and without the second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive, but for [`Timestamp::MAX`], which is without end.
    pub to: Timestamp,
}

impl Range {
    /// All of time.
    pub const ALL: Self = Self { from: Timestamp::from_nanos(i64::MIN), to: Timestamp::MAX };

    /// Whether the instant lies within.
    #[must_use]
    pub fn holds(self, at: Timestamp) -> bool {
        at >= self.from && (at < self.to || self.to == Timestamp::MAX)
    }

    /// Whether something between the two instants, inclusive, may lie within.
    #[must_use]
    pub fn touches(self, first: Timestamp, last: Timestamp) -> bool {
        last >= self.from && (first < self.to || self.to == Timestamp::MAX)
    }

    /// Whether everything between the two instants, inclusive, lies within.
    #[must_use]
    pub fn covers(self, first: Timestamp, last: Timestamp) -> bool {
        self.holds(first) && self.holds(last)
    }
}

/// A directory of series.
#[derive(Clone, Debug)]
pub struct Catalog {
    root: PathBuf,
}

/// One kind of record of one symbol: its segments in the order of time.
#[derive(Clone, Debug)]
pub struct Series {
    /// Whose history.
    pub key: SeriesKey,
    /// Its files, by first instant; segments may overlap.
    pub segments: Vec<(PathBuf, SegmentInfo)>,
}

impl Catalog {
    /// A catalog in a directory, which need not be there before something is written.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Its directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every series, by market, symbol, kind and interval. Nothing where there is no directory.
    ///
    /// # Errors
    /// From the file system; [`CatalogError::Damaged`] names a file that is none of ours.
    pub fn series(&self) -> Result<Vec<Series>, CatalogError> {
        let mut all = Vec::new();
        for (market, path) in directories(&self.root)? {
            for (symbol, path) in directories(&path)? {
                for (kind, path) in directories(&path)? {
                    if let Some(key) = SeriesKey::of_directory(&market, &symbol, &kind) {
                        all.push(Series { key, segments: segments(&path)? });
                    }
                }
            }
        }
        all.retain(|series| !series.segments.is_empty());
        all.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(all)
    }

    /// One series; without segments when it is not there.
    ///
    /// # Errors
    /// As [`Self::series`].
    pub fn one(&self, key: &SeriesKey) -> Result<Series, CatalogError> {
        let segments = segments(&self.root.join(key.directory()))?;
        Ok(Series { key: key.clone(), segments })
    }

    /// Begins a segment of a series.
    ///
    /// # Errors
    /// From the file system.
    pub fn write<R: Record>(
        &self,
        key: SeriesKey,
        exponents: Exponents,
    ) -> Result<SegmentWriter<R>, CatalogError> {
        SegmentWriter::create(&self.root, key, exponents)
    }
}

impl Series {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.segments.iter().map(|(_, info)| info.rows).sum()
    }

    /// The smallest and the largest instant; `None` without segments.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.segments.iter().map(|(_, info)| info.first_at).min()?;
        let last = self.segments.iter().map(|(_, info)| info.last_at).max()?;
        Some((first, last))
    }

    /// Whether the rows come in the order of time when read: each segment is ordered and none
    /// begins before the one before it ends.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        let is_apart = |pair: &[(PathBuf, SegmentInfo)]| pair[0].1.last_at <= pair[1].1.first_at;
        self.segments.iter().all(|(_, info)| info.is_ordered)
            && self.segments.windows(2).all(is_apart)
    }

    /// SHA-256 of the digests of its segments, in hex: what a result was computed from.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (_, info) in &self.segments {
            digest.update(&info.digest);
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads the rows within a range, segment after segment.
    #[must_use]
    pub fn read<R: Record>(&self, range: Range) -> SeriesReader<R> {
        let touched = |info: &SegmentInfo| range.touches(info.first_at, info.last_at);
        let segments = self.segments.iter().filter(|(_, info)| touched(info));
        let mut paths: Vec<PathBuf> = segments.map(|(path, _)| path.clone()).collect();
        paths.reverse();
        SeriesReader { paths, range, open: None }
    }
}

/// The rows of a series, a block at a time; one segment is open.
#[derive(Debug)]
pub struct SeriesReader<R> {
    /// Not yet opened, last first.
    paths: Vec<PathBuf>,
    range: Range,
    open: Option<SegmentReader<R>>,
}

impl<R: Record> SeriesReader<R> {
    /// The next rows, with the exponents of their segment; never none, `None` after the last.
    ///
    /// # Errors
    /// From the file system, and for damaged files.
    pub fn next_block(&mut self) -> Result<Option<(Exponents, &[R])>, CatalogError> {
        loop {
            let has_rows = match &mut self.open {
                Some(open) => open.advance()?,
                None => false,
            };
            if has_rows {
                break;
            }
            let Some(path) = self.paths.pop() else { return Ok(None) };
            self.open = Some(SegmentReader::open(&path)?.within(self.range));
        }
        Ok(self.open.as_ref().map(|open| (open.info().exponents, open.rows())))
    }
}

/// Sub-directories by name, hidden ones apart.
fn directories(path: &Path) -> Result<BTreeMap<String, PathBuf>, CatalogError> {
    let mut found = BTreeMap::new();
    for (name, path) in entries(path)? {
        if path.is_dir() {
            found.insert(name, path);
        }
    }
    Ok(found)
}

fn segments(path: &Path) -> Result<Vec<(PathBuf, SegmentInfo)>, CatalogError> {
    let mut found = Vec::new();
    for (name, path) in entries(path)? {
        if name.ends_with(".twc") {
            let info = SegmentInfo::read(&path)?;
            found.push((path, info));
        }
    }
    found.sort_by(|(path, one), (other_path, other)| {
        let order = (one.first_at, one.last_at).cmp(&(other.first_at, other.last_at));
        order.then_with(|| path.cmp(other_path))
    });
    Ok(found)
}

/// Names and paths, hidden ones and names that are no text apart; none where nothing is.
pub(super) fn entries(path: &Path) -> Result<Vec<(String, PathBuf)>, CatalogError> {
    let directory = match std::fs::read_dir(path) {
        Ok(directory) => directory,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(CatalogError::io(path)(error)),
    };
    let mut found = Vec::new();
    for entry in directory {
        let entry = entry.map_err(CatalogError::io(path))?;
        if let Ok(name) = entry.file_name().into_string()
            && !name.starts_with('.')
        {
            found.push((name, entry.path()));
        }
    }
    Ok(found)
}
