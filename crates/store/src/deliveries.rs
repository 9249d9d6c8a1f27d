//! Recorded inputs: a directory with one compressed file of lines, and the frames beside it as
//! they were received.
//!
//! | file | a line is |
//! |---|---|
//! | `inputs.jsonl.gz` | first what the run began with, then an input each, last how it ended |
//! | `frames-<date>.txt.gz` | a frame, as in every recording: see [`crate::recordings`] |
//!
//! A frame stands in the second file only, in the order in which the feed got them. What belongs
//! here: writing and reading both. What does not: what the inputs mean.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use kernel::replay::{Delivered, Delivery, FeedDelivered, WireDelivered};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::recordings::{RecordingReader, RecordingWriter, Rotation};
use crate::source::{Lines, SourceError};

const INPUTS: &str = "inputs.jsonl.gz";
const FRAMES: &str = "frames";

/// Whether a directory holds the recorded inputs of a run.
#[must_use]
pub fn is_recorded_run(directory: &Path) -> bool {
    directory.join(INPUTS).is_file()
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line<H, D> {
    Began(H),
    #[serde(rename = "in")]
    Input(D),
    Ended(Ending),
}

/// How a recording ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// With the engine.
    Complete,
    /// Inputs that came after were lost: the disk was too slow.
    Broken,
    /// In the middle: the process was killed.
    CutOff,
}

/// Writes a recording into a directory of its own.
#[derive(Debug)]
pub struct DeliveryWriter {
    inputs: GzEncoder<BufWriter<File>>,
    frames: RecordingWriter,
    line: Vec<u8>,
    inputs_written: u64,
    frames_written: u64,
}

impl DeliveryWriter {
    /// Makes the directory and writes what the run begins with.
    ///
    /// # Errors
    /// From the file system; also when there is a recording already.
    pub fn create(directory: &Path, began: &impl Serialize) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let path = directory.join(INPUTS);
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let mut writer = Self {
            // As for frames: a third of the time of the default for a tenth more bytes.
            inputs: GzEncoder::new(BufWriter::new(file), Compression::new(3)),
            frames: RecordingWriter::create(directory, FRAMES, Rotation::default())?,
            line: Vec::with_capacity(4_096),
            inputs_written: 0,
            frames_written: 0,
        };
        writer.write_line(&Line::<_, ()>::Began(began))?;
        writer.flush()?;
        Ok(writer)
    }

    /// Writes an input.
    ///
    /// # Errors
    /// From the file system.
    pub fn write(&mut self, delivery: &mut Delivery) -> io::Result<()> {
        if let Some(text @ Some(_)) = frame_of(delivery)
            && text.as_deref().is_some_and(is_frame)
        {
            let frame = text.take().unwrap_or_default();
            self.frames.write_frame(delivery.now.venue, &frame)?;
            self.frames_written += 1;
        }
        self.inputs_written += 1;
        self.write_line(&Line::<(), _>::Input(delivery))
    }

    fn write_line(&mut self, line: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        self.line.push(b'\n');
        self.inputs.write_all(&self.line)
    }

    /// Hands everything written so far to the operating system, frames first, so that no input is
    /// there without its frame.
    ///
    /// # Errors
    /// From the file system.
    pub fn flush(&mut self) -> io::Result<()> {
        self.frames.flush()?;
        self.inputs.flush()
    }

    /// Completes both files and syncs them. Returns how many inputs and frames there are.
    ///
    /// # Errors
    /// From the file system.
    pub fn finish(mut self, ending: Ending) -> io::Result<(u64, u64)> {
        self.write_line(&Line::<(), ()>::Ended(ending))?;
        self.frames.finish()?;
        let file = self.inputs.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok((self.inputs_written, self.frames_written))
    }
}

/// The text of a frame of the feed's: these have files of their own.
fn frame_of(delivery: &mut Delivery) -> Option<&mut Option<String>> {
    match &mut delivery.input {
        Delivered::Feed(FeedDelivered::Wire(WireDelivered::Frame { text, .. })) => Some(text),
        Delivered::Feed(_)
        | Delivered::Risk(_)
        | Delivered::Execution(_)
        | Delivered::Venue(_)
        | Delivered::Strategy(..) => None,
    }
}

/// Whether a text can stand in a line of the frames' file and be found again.
fn is_frame(text: &str) -> bool {
    text.starts_with(['{', '[']) && !text.contains(['\n', '\r'])
}

/// Reads a recording, in constant memory.
#[derive(Debug)]
pub struct DeliveryReader {
    inputs: Lines,
    frames: Frames,
    ending: Option<Ending>,
}

impl DeliveryReader {
    /// Opens the recording in a directory, and reads what the run began with.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn open<H: DeserializeOwned>(directory: &Path) -> Result<(Self, H), SourceError> {
        let mut inputs = Lines::open(&directory.join(INPUTS))?;
        let line = inputs.next()?.unwrap_or_default();
        let began = match serde_json::from_str::<Line<H, ()>>(line) {
            Ok(Line::Began(began)) => began,
            Ok(Line::Input(()) | Line::Ended(_)) => {
                return Err(inputs.malformed("what the run began with is missing"));
            }
            Err(error) => return Err(inputs.malformed(error.to_string())),
        };
        let frames = Frames::find(directory)?;
        Ok((Self { inputs, frames, ending: None }, began))
    }

    /// The next input, with its frame; `None` after the last.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn next_delivery(&mut self) -> Result<Option<Delivery>, SourceError> {
        if self.ending.is_some() {
            return Ok(None);
        }
        let line = match self.inputs.next() {
            Ok(Some(line)) => line,
            // A process that was killed leaves a file without its end.
            Ok(None) | Err(SourceError::CutOff { .. }) => {
                self.ending = Some(Ending::CutOff);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let mut delivery = match serde_json::from_str::<Line<serde::de::IgnoredAny, Delivery>>(line)
        {
            Ok(Line::Input(delivery)) => delivery,
            Ok(Line::Ended(ending)) => {
                self.ending = Some(ending);
                return Ok(None);
            }
            Ok(Line::Began(_)) => return Err(self.inputs.malformed("the run begins again")),
            Err(error) => return Err(self.inputs.malformed(error.to_string())),
        };
        if let Some(text @ None) = frame_of(&mut delivery) {
            *text = self.frames.next()?;
            if text.is_none() {
                return self.end_without_frames();
            }
        }
        Ok(Some(delivery))
    }

    /// A process that was killed leaves inputs whose frames were not written any more; one that
    /// ended well does not.
    fn end_without_frames(&mut self) -> Result<Option<Delivery>, SourceError> {
        loop {
            match self.inputs.next() {
                Ok(Some(line)) if line.starts_with("{\"ended\"") => {
                    return Err(self.inputs.malformed("frames of inputs are missing"));
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(SourceError::CutOff { .. }) => {
                    self.ending = Some(Ending::CutOff);
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// How the recording ended, once all of it was read.
    #[must_use]
    pub const fn ending(&self) -> Option<Ending> {
        self.ending
    }
}

/// The frames of all files, in order.
#[derive(Debug)]
struct Frames {
    files: VecDeque<PathBuf>,
    open: Option<RecordingReader>,
}

impl Frames {
    fn find(directory: &Path) -> Result<Self, SourceError> {
        let failed = |source| SourceError::Io { path: directory.to_owned(), source };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let key = name.strip_prefix("frames-").and_then(|rest| rest.strip_suffix(".txt.gz"));
            if let Some(key) = key {
                // `<date>`, then `<date>.2` and so on.
                let (date, number) = key.split_once('.').unwrap_or((key, "1"));
                found.push((date.to_owned(), number.parse().unwrap_or(0_u32), path));
            }
        }
        found.sort();
        let files = found.into_iter().map(|(_, _, path)| path).collect();
        Ok(Self { files, open: None })
    }

    /// The next frame; `None` after the last, also of a file that was cut off.
    fn next(&mut self) -> Result<Option<String>, SourceError> {
        loop {
            match self.open.as_mut().and_then(Iterator::next) {
                Some(Ok(line)) => return Ok(Some(line.text)),
                Some(Err(SourceError::CutOff { .. })) => return Ok(None),
                Some(Err(error)) => return Err(error),
                None => {}
            }
            let Some(file) = self.files.pop_front() else { return Ok(None) };
            self.open = Some(RecordingReader::open(&file)?);
        }
    }
}
