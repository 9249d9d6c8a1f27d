//! An engine in a process of its own, watched through its log.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::tally::{Phase, Tally};

/// What an engine said so far.
#[derive(Debug)]
pub struct Told {
    /// What it does now.
    pub phase: Phase,
    /// When it was seen to be live first, after its start.
    pub live_after: Option<Duration>,
    /// Whether it has begun to compare itself with the venue.
    pub has_reconciled: bool,
    /// Its last figures said that it is well, and no order's outcome is open.
    pub is_settled: bool,
    /// Protective orders that were approved and that nobody has heard of since.
    pub protecting: BTreeSet<String>,
    /// Lines that should never be written.
    pub alarms: Vec<String>,
}

/// Events that a run must not have, whatever is done to it.
const ALARMS: [&str; 5] = [
    "engine.panicked",
    "mailbox.overflowed",
    "risk.instrument_halted",
    "risk.state_changed",
    "account.external_filled",
];

/// What is heard of an order once the venue has said anything about it.
const ANSWERS: [&str; 6] = [
    "order.accepted",
    "order.rejected",
    "order.canceled",
    "order.expired",
    "order.filled",
    "order.absent",
];

/// A running process.
#[derive(Debug)]
pub struct Engine {
    child: Child,
    started_at: Instant,
    log: PathBuf,
    offset: u64,
    rest: String,
    /// What it said.
    pub told: Told,
}

impl Engine {
    /// Starts a command that logs to this file.
    pub fn start(mut command: Command, log: &Path, errors: &Path) -> io::Result<Self> {
        let offset = log.metadata().map_or(0, |metadata| metadata.len());
        let started_at = Instant::now();
        let child = command.stderr(File::create(errors)?).spawn()?;
        let told = Told {
            phase: Phase::Starting,
            live_after: None,
            has_reconciled: false,
            is_settled: false,
            protecting: BTreeSet::new(),
            alarms: Vec::new(),
        };
        Ok(Self { child, started_at, log: log.to_owned(), offset, rest: String::new(), told })
    }

    /// How long it runs.
    pub fn age(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// Reads what its log says since.
    pub fn read(&mut self, tally: &mut Tally) -> io::Result<()> {
        let Ok(mut file) = File::open(&self.log) else { return Ok(()) };
        if file.metadata()?.len() < self.offset {
            // The file was rotated; the rest of the old one is not looked for.
            self.offset = 0;
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        self.offset += file.read_to_end(&mut bytes)? as u64;
        self.rest.push_str(&String::from_utf8_lossy(&bytes));
        let complete = self.rest.rfind('\n').map_or(0, |at| at + 1);
        let text: String = self.rest.drain(..complete).collect();
        for line in text.lines() {
            // A line that a kill tore in the middle is followed by a whole one.
            if let Ok(line) = serde_json::from_str::<Value>(line) {
                self.take(&line, tally);
            }
        }
        Ok(())
    }

    fn take(&mut self, line: &Value, tally: &mut Tally) {
        let told = &mut self.told;
        let event = line["event"].as_str().unwrap_or_default();
        if ANSWERS.contains(&event) {
            told.protecting.remove(line["order_id"].as_str().unwrap_or_default());
        }
        match event {
            "reconcile.started" if line["trigger"] == "connected" => {
                told.has_reconciled = true;
                if told.phase == Phase::Starting {
                    told.phase = Phase::Reconciling;
                }
            }
            "reconcile.finished" => match told.phase {
                Phase::Reconciling => told.phase = Phase::WarmingUp,
                Phase::Repairing => told.phase = Phase::Trading,
                Phase::Starting
                | Phase::WarmingUp
                | Phase::Trading
                | Phase::Stopping
                | Phase::FullDisk => {}
            },
            "engine.ready" => {
                told.phase = Phase::Trading;
                told.live_after.get_or_insert(self.started_at.elapsed());
            }
            "trading.disconnected" if told.phase == Phase::Trading => {
                told.phase = Phase::Repairing;
            }
            "engine.stopping" => told.phase = Phase::Stopping,
            "engine.heartbeat" => {
                told.is_settled = line["healthy"] == true && line["unknown_orders"] == 0;
            }
            "order.intended" => {
                // The last letter of a name tells what the order is for.
                let name = line["order_id"].as_str().unwrap_or_default();
                if name.ends_with('p') {
                    told.protecting.insert(name.to_owned());
                }
            }
            "order.submitted" => tally.of(told.phase).orders += 1,
            "order.filled" => tally.of(told.phase).fills += 1,
            alarm if ALARMS.contains(&alarm) => told.alarms.push(line.to_string()),
            _ => {}
        }
    }

    /// Whether it ended, and how.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Kills it, whatever it does.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Asks it to stop in good order.
    pub fn terminate(&self) -> io::Result<()> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().map(drop)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It may have ended; in any case it does not outlive the loop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
