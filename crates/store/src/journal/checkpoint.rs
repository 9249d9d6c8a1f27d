//! Checkpoints: frames move from the log to the database, beside the writer and not by it.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use kernel::journal::JournalError;
use rusqlite::Connection;

use super::reader::{BUSY_TIMEOUT, io};

/// Bytes of records between two checkpoints: a log of a few megabytes stays in the page cache
/// and is quick to recover.
const CHECKPOINT_AFTER_BYTES: usize = 4 << 20;
/// A log this long has a writer that never pauses: it is made to wait once, so that the log
/// starts over instead of growing for ever.
const TRUNCATE_AFTER_BYTES: u64 = 64 << 20;

/// Asks a thread with its own connection for checkpoints. The thread ends with it.
#[derive(Debug)]
pub(super) struct Checkpointer {
    requests: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    written: usize,
}

impl Checkpointer {
    pub fn spawn(path: &Path) -> Result<Self, JournalError> {
        let connection = Connection::open(path).map_err(io)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(io)?;
        // One is under way, one may wait; more would say nothing new.
        let (requests, inbox) = sync_channel(1);
        let log = log_path(path);
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || serve(&connection, &log, &inbox))
            .map_err(io)?;
        Ok(Self { requests: Some(requests), thread: Some(thread), written: 0 })
    }

    /// Counts what the writer wrote.
    pub fn wrote(&mut self, bytes: usize) {
        self.written += bytes;
        if self.written >= CHECKPOINT_AFTER_BYTES {
            self.written = 0;
            if let Some(requests) = &self.requests {
                // Full: one is asked for already. Closed: the thread failed; the log grows, and
                // the next start moves it.
                let _ = requests.try_send(());
            }
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn log_path(database: &Path) -> std::path::PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// A checkpoint that fails (a full disk, a reader in the way) loses nothing: the frames stay in
/// the log, and the next one tries again. An error that matters meets the writer too.
fn serve(connection: &Connection, log: &Path, requests: &Receiver<()>) {
    while requests.recv().is_ok() {
        drop(checkpoint(connection, "PASSIVE"));
        let bytes = std::fs::metadata(log).map_or(0, |log| log.len());
        if bytes >= TRUNCATE_AFTER_BYTES {
            drop(checkpoint(connection, "TRUNCATE"));
        }
    }
}

fn checkpoint(connection: &Connection, mode: &str) -> Result<(), rusqlite::Error> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
}
