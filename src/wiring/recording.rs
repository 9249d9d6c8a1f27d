//! The recording of a run: a thread that writes what the shells note.

use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actors::tap::{NothingYet, Tape, TapeReader};
use events::log_event;
use store::deliveries::{DeliveryWriter, Ending};

use super::machines::Foundation;
use crate::cli::{Exit, Failure};
use crate::config::Config;

/// So often what was written is handed over in a form that can be read if nothing follows.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// Where the recordings of a configuration are, each in a directory named by its epoch.
#[must_use]
pub fn recordings_directory(config: &Config) -> PathBuf {
    let settings = &config.engine;
    settings.recording.directory.clone().unwrap_or_else(|| settings.state_dir.join("recordings"))
}

/// The recording of the latest start, among those of a directory.
#[must_use]
pub fn newest_recording(directory: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(directory).ok()?;
    let epoch = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let recordings = entries.filter_map(|entry| Some(entry.ok()?.path()));
    recordings.filter_map(|path| Some((epoch(&path)?, path))).max().map(|(_, path)| path)
}

/// The thread.
#[derive(Debug)]
pub struct RecordingThread {
    tape: Tape,
    thread: JoinHandle<()>,
}

impl RecordingThread {
    /// Begins a recording if the configuration wants one, and puts its thread into `thread`.
    ///
    /// # Errors
    /// [`Exit::Storage`] when its files cannot be made.
    pub fn start(
        config: &Config,
        foundation: &Foundation,
        thread: &mut Option<Self>,
    ) -> Result<Option<Tape>, Failure> {
        if !config.engine.recording.enabled {
            return Ok(None);
        }
        let directory = recordings_directory(config).join(foundation.epoch.to_string());
        let storage = |error: io::Error| {
            Failure::new(Exit::Storage, format!("{}: {error}", directory.display()))
        };
        let writer = DeliveryWriter::create(&directory, foundation).map_err(storage)?;
        log_event!(RECORDING_STARTED, directory = %directory.display());
        let (tape, reader) = Tape::new();
        let started = std::thread::Builder::new()
            .name("recording".to_owned())
            .spawn(move || run(writer, &reader, &directory))
            .map_err(|error| Failure::new(Exit::Internal, error))?;
        *thread = Some(Self { tape: tape.clone(), thread: started });
        Ok(Some(tape))
    }

    /// Waits until everything is written, once every actor has stopped.
    pub fn finish(self) {
        self.tape.end();
        // A thread that panicked has ended the process already.
        let _ = self.thread.join();
    }
}

fn run(writer: DeliveryWriter, reader: &TapeReader, directory: &Path) {
    if let Err(error) = write(writer, reader) {
        let reason = format!("{}: {error}", directory.display());
        log_event!(RECORDING_BROKEN, reason = %reason, waiting = 0);
    }
}

fn write(mut writer: DeliveryWriter, reader: &TapeReader) -> io::Result<()> {
    let mut flushed_at = Instant::now();
    loop {
        match reader.next(FLUSH_EVERY) {
            Ok(Some(mut delivery)) => writer.write(&mut delivery)?,
            Ok(None) => break,
            Err(NothingYet) => {}
        }
        if flushed_at.elapsed() >= FLUSH_EVERY {
            writer.flush()?;
            flushed_at = Instant::now();
        }
    }
    let ending = if reader.is_broken() { Ending::Broken } else { Ending::Complete };
    let (inputs, frames) = writer.finish(ending)?;
    log_event!(RECORDING_FINISHED, inputs, frames);
    Ok(())
}
