//! A log file that is put aside when it grows: `tickwright.log` becomes `.1`, `.1` becomes `.2`.
//!
//! Written here rather than taken from a crate because of what must hold when the disk does not:
//! no panic, no line lost without an error, and a file that somebody deleted is made anew.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// An appended file with a size limit. Lines are never cut in two.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    rotate_bytes: u64,
    keep_files: usize,
    file: Option<File>,
    size: u64,
    /// Whether the file ends within a line, after a failed write or a crash.
    is_torn: bool,
}

impl RotatingFile {
    /// Opens or makes the file and its directory. `keep_files` files put aside are kept.
    ///
    /// # Errors
    /// When the directory or the file can't be made or written.
    pub fn open(path: &Path, rotate_bytes: u64, keep_files: usize) -> io::Result<Self> {
        let mut rotating = Self {
            path: path.to_owned(),
            rotate_bytes,
            keep_files,
            file: None,
            size: 0,
            is_torn: false,
        };
        rotating.reopen()?;
        Ok(rotating)
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Some(directory) = self.path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let mut options = OpenOptions::new();
        // What an account holds and does is nobody else's business.
        options.read(true).append(true).create(true).mode(0o600);
        let mut file = options.open(&self.path)?;
        self.size = file.metadata()?.len();
        self.is_torn = !ends_with_newline(&mut file, self.size)?;
        self.file = Some(file);
        Ok(())
    }

    /// Writes a line that ends in a newline, putting the file aside first when it would grow past
    /// its limit. After an error the next call tries everything again.
    ///
    /// # Errors
    /// When it can't be written whole.
    pub fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.size > 0 && self.size.saturating_add(line.len() as u64) > self.rotate_bytes {
            self.rotate();
        }
        if self.file.is_none() {
            self.reopen()?;
        }
        let file = self.file.as_mut().expect("opened above");
        if self.is_torn {
            file.write_all(b"\n")?;
            self.size += 1;
        }
        self.is_torn = true;
        file.write_all(line)?;
        self.is_torn = false;
        self.size += line.len() as u64;
        Ok(())
    }

    /// Moves the file aside and drops the oldest. Where a move fails the lines keep going to the
    /// present file: a log that is too long is better than none.
    fn rotate(&mut self) {
        let aside = |number: usize| PathBuf::from(format!("{}.{number}", self.path.display()));
        // The oldest is overwritten by the rename onto it.
        for number in (1..self.keep_files).rev() {
            let _ = std::fs::rename(aside(number), aside(number + 1));
        }
        if std::fs::rename(&self.path, aside(1)).is_ok() {
            self.file = None;
            self.size = 0;
        }
    }

    /// Makes the file anew when somebody removed or replaced it under our hands.
    pub fn follow_path(&mut self) {
        let is_ours = match (&self.file, std::fs::metadata(&self.path)) {
            (Some(file), Ok(found)) => {
                file.metadata().is_ok_and(|own| identity(&own) == identity(&found))
            }
            (Some(_), Err(_)) | (None, _) => false,
        };
        if !is_ours {
            self.file = None;
        }
    }
}

#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

/// Elsewhere an open file can't be removed.
#[cfg(not(unix))]
fn identity(_metadata: &std::fs::Metadata) -> (u64, u64) {
    (0, 0)
}

fn ends_with_newline(file: &mut File, size: u64) -> io::Result<bool> {
    if size == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(size - 1))?;
    file.read_exact(&mut last)?;
    Ok(last[0] == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn files_rotate_by_size_and_lines_stay_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("logs/a.log");
        let mut file = RotatingFile::open(&path, 10, 2).unwrap();
        for line in ["one\n", "two\n", "three\n", "four\n", "five\n", "a line past the limit\n"] {
            file.write_line(line.as_bytes()).unwrap();
        }
        assert_eq!(read(&path), "a line past the limit\n");
        assert_eq!(read(&directory.path().join("logs/a.log.1")), "four\nfive\n");
        assert_eq!(read(&directory.path().join("logs/a.log.2")), "three\n");
        assert!(!directory.path().join("logs/a.log.3").exists());
    }

    #[test]
    fn a_torn_line_is_closed_before_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        std::fs::write(&path, "{\"torn").unwrap();
        RotatingFile::open(&path, 1_000, 1).unwrap().write_line(b"whole\n").unwrap();
        RotatingFile::open(&path, 1_000, 1).unwrap().write_line(b"again\n").unwrap();
        assert_eq!(read(&path), "{\"torn\nwhole\nagain\n");
    }

    #[test]
    fn a_removed_file_is_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("logs/a.log");
        let mut file = RotatingFile::open(&path, 1_000, 1).unwrap();
        file.write_line(b"one\n").unwrap();
        file.follow_path();
        file.write_line(b"two\n").unwrap();
        assert_eq!(read(&path), "one\ntwo\n");
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
        file.follow_path();
        file.write_line(b"three\n").unwrap();
        assert_eq!(read(&path), "three\n");
    }

    #[test]
    fn a_directory_in_the_way_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert!(RotatingFile::open(directory.path(), 1_000, 1).is_err());
    }
}
