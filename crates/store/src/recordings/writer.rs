//! Writing captures: compressed, a new file each UTC day and past a size.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use model::Timestamp;

/// When a new file is begun, beside midnight UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rotation {
    /// After so many bytes before compression.
    pub max_bytes: u64,
}

impl Default for Rotation {
    /// 1 GiB: some 60 MiB compressed.
    fn default() -> Self {
        Self { max_bytes: 1 << 30 }
    }
}

/// Appends lines to `<prefix>-<date>.txt.gz`, then `<prefix>-<date>.2.txt.gz` and so on in a
/// directory. A file that exists is never touched: after a restart the next number is used.
///
/// A file is complete once the next is begun or [`Self::finish`] was called; of one that was cut
/// off, everything up to the last [`Self::flush`] can be read.
#[derive(Debug)]
pub struct RecordingWriter {
    directory: PathBuf,
    prefix: String,
    rotation: Rotation,
    open: Option<OpenFile>,
    files: Vec<PathBuf>,
}

#[derive(Debug)]
struct OpenFile {
    encoder: GzEncoder<BufWriter<File>>,
    day: Timestamp,
    bytes: u64,
}

impl RecordingWriter {
    /// Makes the directory if it is not there. The first file is begun by the first line.
    ///
    /// # Errors
    /// From the file system.
    pub fn create(directory: &Path, prefix: &str, rotation: Rotation) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            prefix: prefix.to_owned(),
            rotation,
            open: None,
            files: Vec::new(),
        })
    }

    /// Writes a stream frame as it was received.
    ///
    /// # Errors
    /// From the file system; [`io::ErrorKind::InvalidInput`] for a text of more than one line.
    pub fn write_frame(&mut self, received_at: Timestamp, text: &str) -> io::Result<()> {
        self.write_line(received_at, &[&received_at.as_nanos().to_string(), " ", text])
    }

    /// Writes an answer to a request as it was received. The address must hold no secret.
    ///
    /// # Errors
    /// As [`Self::write_frame`].
    pub fn write_answer(
        &mut self,
        received_at: Timestamp,
        url: &str,
        text: &str,
    ) -> io::Result<()> {
        let instant = received_at.as_nanos().to_string();
        self.write_line(received_at, &[url, " -> ", &instant, ": ", text])
    }

    /// Writes that a connection to this address was open from then on: whoever reads the file
    /// knows that something may be missing before it.
    ///
    /// # Errors
    /// As [`Self::write_frame`].
    pub fn write_connection(&mut self, connected_at: Timestamp, url: &str) -> io::Result<()> {
        let instant = connected_at.as_nanos().to_string();
        self.write_line(connected_at, &[url, " <-> ", &instant])
    }

    /// The same as [`Self::flush`], and waits for the disk: what was written so far outlives a
    /// power cut.
    ///
    /// # Errors
    /// From the file system.
    pub fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.open.as_mut().map_or(Ok(()), |open| open.encoder.get_ref().get_ref().sync_data())
    }

    /// The files begun so far, in their order.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    fn write_line(&mut self, received_at: Timestamp, parts: &[&str]) -> io::Result<()> {
        if parts.iter().any(|part| part.contains(['\n', '\r'])) {
            let reason = "a recorded text has one line";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let day = received_at.utc_day();
        let max_bytes = self.rotation.max_bytes;
        if self.open.as_ref().is_some_and(|open| open.day < day || open.bytes >= max_bytes) {
            self.finish()?;
        }
        let open = match &mut self.open {
            Some(open) => open,
            empty => {
                let (path, open) = begin(&self.directory, &self.prefix, day)?;
                self.files.push(path);
                empty.insert(open)
            }
        };
        for part in parts {
            open.encoder.write_all(part.as_bytes())?;
            open.bytes += part.len() as u64;
        }
        open.encoder.write_all(b"\n")
    }

    /// Hands everything written so far to the operating system, in a form that can be read even
    /// if nothing follows. Costs some compression: every few seconds is enough.
    ///
    /// # Errors
    /// From the file system.
    pub fn flush(&mut self) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), |open| open.encoder.flush())
    }

    /// Completes the file and syncs it. The next line begins another.
    ///
    /// # Errors
    /// From the file system.
    pub fn finish(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let file = open.encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()
    }
}

impl Drop for RecordingWriter {
    fn drop(&mut self) {
        // Whoever wants to know whether it worked has called `finish` before.
        drop(self.finish());
    }
}

fn begin(directory: &Path, prefix: &str, day: Timestamp) -> io::Result<(PathBuf, OpenFile)> {
    let date = day.to_string();
    let date = &date[.."2024-08-08".len()];
    let mut number = 1;
    let (path, file) = loop {
        let suffix = if number == 1 { String::new() } else { format!(".{number}") };
        let path = directory.join(format!("{prefix}-{date}{suffix}.txt.gz"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => break (path, file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    };
    // Level 3: a third of the time of the default for a tenth more bytes.
    let encoder = GzEncoder::new(BufWriter::new(file), Compression::new(3));
    Ok((path, OpenFile { encoder, day, bytes: 0 }))
}
