//! An engine in a process of its own, watched through its log, as an operator would.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long something may take. Debug builds on busy machines are slow: deadlines that are
/// themselves under test are measured by the log's own times.
#[derive(Clone, Copy)]
pub struct Within(pub Duration);

impl Within {
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }
}

/// A signal to a process.
#[derive(Clone, Copy)]
pub enum Signal {
    Terminate,
    Interrupt,
    /// A terminal was closed.
    Hangup,
    Kill,
    /// Halt trading.
    Halt,
    /// Stand still.
    Freeze,
    /// Go on after that.
    Thaw,
}

/// What was read of the log so far.
#[derive(Default)]
struct Read {
    offset: u64,
    rest: String,
    lines: Vec<Value>,
}

pub struct Engine {
    child: Child,
    log: PathBuf,
    errors: PathBuf,
    read: RefCell<Read>,
}

impl Engine {
    /// Starts a command whose log and standard error are in these files.
    pub fn start(mut command: Command, log: &Path, errors: &Path) -> Self {
        let offset = log.metadata().map_or(0, |metadata| metadata.len());
        let child = command.stderr(File::create(errors).unwrap()).spawn().unwrap();
        let read = RefCell::new(Read { offset, ..Read::default() });
        Self { child, log: log.to_owned(), errors: errors.to_owned(), read }
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// The lines of its log so far.
    pub fn lines(&self) -> Vec<Value> {
        let mut read = self.read.borrow_mut();
        if let Ok(mut file) = File::open(&self.log) {
            file.seek(SeekFrom::Start(read.offset)).unwrap();
            let mut text = String::new();
            let count = file.read_to_string(&mut text).unwrap();
            read.offset += count as u64;
            read.rest.push_str(&text);
            let complete = read.rest.rfind('\n').map_or(0, |at| at + 1);
            let text: String = read.rest.drain(..complete).collect();
            let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            read.lines.extend(text.lines().map(parse));
        }
        read.lines.clone()
    }

    /// The lines of one event.
    pub fn events(&self, event: &str) -> Vec<Value> {
        let mut lines = self.lines();
        lines.retain(|line| line["event"] == event);
        lines
    }

    /// What it printed to standard error.
    pub fn errors(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap()
    }

    /// Waits until the log holds so many lines of an event that satisfy a condition.
    #[track_caller]
    pub fn wait_for_many(
        &mut self,
        count: usize,
        event: &str,
        is_meant: impl Fn(&Value) -> bool,
        within: Within,
    ) -> Vec<Value> {
        let deadline = Instant::now() + within.0;
        loop {
            // Looked at before the log, so that the last lines of a process that ends are seen.
            let ended = self.child.try_wait().unwrap();
            let mut found = self.events(event);
            found.retain(&is_meant);
            if found.len() >= count {
                return found;
            }
            if ended.is_some() || Instant::now() > deadline {
                self.describe();
                panic!("{} of {count} lines of {event}; process: {ended:?}", found.len());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for one such line.
    #[track_caller]
    pub fn wait_for(
        &mut self,
        event: &str,
        is_meant: impl Fn(&Value) -> bool,
        within: Within,
    ) -> Value {
        self.wait_for_many(1, event, is_meant, within).remove(0)
    }

    /// Waits until orders may flow.
    #[track_caller]
    pub fn wait_until_ready(&mut self) {
        self.wait_for("engine.ready", |_| true, Within::secs(60));
    }

    /// Waits until so many more fills are logged than there are now.
    #[track_caller]
    pub fn wait_for_more_fills(&mut self, count: usize, is_meant: impl Fn(&Value) -> bool) {
        let mut filled = self.events("order.filled");
        filled.retain(&is_meant);
        self.wait_for_many(filled.len() + count, "order.filled", is_meant, Within::secs(90));
    }

    pub fn signal(&self, signal: Signal) {
        let name = match signal {
            Signal::Terminate => "TERM",
            Signal::Interrupt => "INT",
            Signal::Hangup => "HUP",
            Signal::Kill => "KILL",
            Signal::Halt => "USR1",
            Signal::Freeze => "STOP",
            Signal::Thaw => "CONT",
        };
        let command = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }

    /// Waits for its end and gives the exit code; `None` after a signal that it does not handle.
    #[track_caller]
    pub fn exit(&mut self, within: Within) -> Option<i32> {
        let deadline = Instant::now() + within.0;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            if Instant::now() > deadline {
                self.describe();
                panic!("did not end in {:?}", within.0);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asks for a stop in good order and waits for it: exit code 0, nothing unconfirmed.
    #[track_caller]
    pub fn stop(&mut self) {
        self.signal(Signal::Terminate);
        let code = self.exit(Within::secs(20));
        if code != Some(0) {
            self.describe();
        }
        assert_eq!(code, Some(0), "{}", self.errors());
        assert_eq!(self.events("shutdown.drained")[0]["unconfirmed"], 0);
    }

    /// The end of the log, for a person who looks for the reason of a failed test.
    pub fn describe(&self) {
        let lines = self.lines();
        for line in &lines[lines.len().saturating_sub(60)..] {
            eprintln!("{line}");
        }
        eprintln!("standard error: {}", self.errors());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It may have ended; in any case it does not outlive its test.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
