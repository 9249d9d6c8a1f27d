//! The bounded queue in front of a log file or terminal, and the thread behind it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// Lines that may wait for a writer, a few megabytes. When they do, new lines are dropped.
pub const QUEUE_LINES: usize = 8_192;

/// How often a writer looks for new lines. Whoever logs does not wake it, since that would cost
/// an order's path more than the line does; whoever flushes does.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How often a writer looks after its destination, and how often it speaks of dropped lines.
const LOOK_AFTER_EVERY: Duration = Duration::from_secs(5);

/// What one destination of a log has lost.
#[derive(Debug, Default)]
pub struct LogCounters {
    dropped: AtomicU64,
    errors: AtomicU64,
}

impl LogCounters {
    /// Lines that found their queue full.
    #[must_use]
    pub fn lines_dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// All lines that are missing somewhere.
    #[must_use]
    pub fn lines_lost(&self) -> u64 {
        self.lines_dropped() + self.write_errors()
    }

    /// Lines that could not be written.
    #[must_use]
    pub fn write_errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    fn count_error(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }
}

/// What of a destination's losses was written there.
struct Told {
    dropped: u64,
    errors: u64,
}

impl Told {
    /// Writes the line about what was lost since the last one. Past the queue, which may be full,
    /// and into the destination that has lost it: another may be well. What could not be told now is
    /// told later.
    fn tell(
        &mut self,
        destination: &mut impl Destination,
        counters: &LogCounters,
        line: impl Fn(u64, u64) -> Vec<u8>,
    ) {
        let (dropped, errors) = (counters.lines_dropped(), counters.write_errors());
        if (dropped, errors) == (self.dropped, self.errors) {
            return;
        }
        let line = line(dropped - self.dropped, errors - self.errors);
        if destination.write_line(&line).is_ok() {
            *self = Self { dropped, errors };
        }
    }
}

/// Where a writer's lines end up.
pub trait Destination: Send + 'static {
    /// Writes one line, which ends in a newline.
    ///
    /// # Errors
    /// When it can't be written whole.
    fn write_line(&mut self, line: &[u8]) -> io::Result<()>;

    /// Called every few seconds.
    fn look_after(&mut self) {}
}

impl Destination for super::RotatingFile {
    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        Self::write_line(self, line)
    }

    fn look_after(&mut self) {
        self.follow_path();
    }
}

/// Standard error.
#[derive(Debug)]
pub struct Terminal;

impl Destination for Terminal {
    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        io::Write::write_all(&mut io::stderr().lock(), line)
    }
}

enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// The near end of the queue. It never blocks.
#[derive(Debug, Clone)]
pub struct Queue {
    sender: SyncSender<Message>,
    writer: Thread,
    counters: Arc<LogCounters>,
}

impl Queue {
    /// Hands a line over, or drops and counts it.
    pub fn push(&self, line: Vec<u8>) {
        match self.sender.try_send(Message::Line(line)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.counters.count_dropped();
            }
        }
    }

    /// Waits until everything pushed before is written, at most until `deadline`. Says whether
    /// it is.
    pub fn flush(&self, deadline: Instant) -> bool {
        let (done, wait) = sync_channel(1);
        let mut message = Message::Flush(done);
        loop {
            match self.sender.try_send(message) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(returned)) => {
                    if Instant::now() >= deadline {
                        return false;
                    }
                    message = returned;
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
        self.writer.unpark();
        wait.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok()
    }
}

/// Starts a writer's thread. `report` makes the line about lines dropped and write errors, which is
/// written as soon as lines can be written again, then every few seconds at most, and before a flush.
///
/// # Errors
/// When the system gives no thread.
pub fn spawn(
    mut destination: impl Destination,
    capacity: usize,
    counters: Arc<LogCounters>,
    report: impl Fn(u64, u64) -> Vec<u8> + Send + 'static,
) -> io::Result<Queue> {
    let (sender, receiver) = sync_channel(capacity);
    let counted = Arc::clone(&counters);
    let thread = std::thread::Builder::new().name("log-writer".to_owned()).spawn(move || {
        run(&mut destination, &receiver, &counted, report);
    })?;
    Ok(Queue { sender, writer: thread.thread().clone(), counters })
}

fn run(
    destination: &mut impl Destination,
    receiver: &Receiver<Message>,
    counters: &LogCounters,
    report: impl Fn(u64, u64) -> Vec<u8>,
) {
    let mut looked_after_at = Instant::now();
    let mut told = Told { dropped: 0, errors: 0 };
    let mut can_write = true;
    loop {
        match receiver.try_recv() {
            Ok(Message::Line(line)) => {
                let could_write = can_write;
                // What is missing is told where it is missing, before the first line after it.
                if !could_write {
                    told.tell(destination, counters, &report);
                }
                can_write = destination.write_line(&line).is_ok();
                if !can_write {
                    counters.count_error();
                }
            }
            Ok(Message::Flush(done)) => {
                told.tell(destination, counters, &report);
                // Nobody waits any more: nothing lost.
                let _ = done.try_send(());
            }
            Err(TryRecvError::Empty) => std::thread::park_timeout(LOOK_EVERY),
            Err(TryRecvError::Disconnected) => return,
        }
        if looked_after_at.elapsed() >= LOOK_AFTER_EVERY {
            looked_after_at = Instant::now();
            destination.look_after();
            told.tell(destination, counters, &report);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Writes to memory; waits or fails as told.
    struct Memory {
        lines: Arc<Mutex<Vec<String>>>,
        gate: Option<Receiver<()>>,
        failures: u32,
    }

    impl Destination for Memory {
        fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
            if let Some(gate) = self.gate.take() {
                let _ = gate.recv();
            }
            if self.failures > 0 {
                self.failures -= 1;
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.lines.lock().unwrap().push(String::from_utf8_lossy(line).into_owned());
            Ok(())
        }
    }

    fn report(dropped: u64, errors: u64) -> Vec<u8> {
        format!("lost {dropped} {errors}\n").into_bytes()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn a_full_queue_drops_and_counts_without_waiting() {
        let lines = Arc::default();
        let (open, gate) = sync_channel(0);
        let memory = Memory { lines: Arc::clone(&lines), gate: Some(gate), failures: 0 };
        let counters = Arc::new(LogCounters::default());
        let queue = spawn(memory, 4, Arc::clone(&counters), report).unwrap();
        for number in 0..100 {
            queue.push(format!("{number}\n").into_bytes());
        }
        // The writer stands at the gate with one line; four wait; it may not yet have taken one.
        assert!((95..=96).contains(&counters.lines_dropped()), "{}", counters.lines_dropped());
        open.send(()).unwrap();
        assert!(queue.flush(soon()));
        // What stands there and what the line about it says make up the whole.
        let dropped = counters.lines_dropped();
        let written = lines.lock().unwrap().clone();
        let (about, own): (Vec<_>, Vec<_>) = written.iter().partition(|l| l.starts_with("lost"));
        assert_eq!(own.len() as u64 + dropped, 100);
        let told = about.iter().filter_map(|line| line.split(' ').nth(1)?.parse::<u64>().ok());
        assert_eq!(told.sum::<u64>(), dropped, "{about:?}");
        queue.push(b"after\n".to_vec());
        assert!(queue.flush(soon()));
        assert_eq!(lines.lock().unwrap().last().unwrap(), "after\n", "told once");
    }

    #[test]
    fn a_full_disk_is_counted_and_survived() {
        let lines = Arc::default();
        let memory = Memory { lines: Arc::clone(&lines), gate: None, failures: 3 };
        let counters = Arc::new(LogCounters::default());
        let queue = spawn(memory, 100, Arc::clone(&counters), report).unwrap();
        for number in 0..5 {
            queue.push(format!("{number}\n").into_bytes());
        }
        assert!(queue.flush(soon()));
        // The line about it was tried after each failure, and failed with the disk.
        assert_eq!(*lines.lock().unwrap(), ["lost 0 2\n", "2\n", "3\n", "4\n"]);
        assert_eq!(counters.write_errors(), 2);
    }

    /// The line about what was lost can be lost as well: what it was to say is said by the next one.
    #[test]
    fn every_loss_is_told_where_it_was_and_none_is_forgotten() {
        let (lines, others) = (Arc::default(), Arc::default());
        let full = Memory { lines: Arc::clone(&lines), gate: None, failures: 7 };
        let well = Memory { lines: Arc::clone(&others), gate: None, failures: 0 };
        let counters = Arc::new(LogCounters::default());
        let full = spawn(full, 100, Arc::clone(&counters), report).unwrap();
        let well = spawn(well, 100, Arc::default(), report).unwrap();
        for number in 0..6 {
            full.push(format!("{number}\n").into_bytes());
            well.push(format!("{number}\n").into_bytes());
            // Each flush has the line about it tried.
            assert!(full.flush(soon()) && well.flush(soon()));
        }
        let seen = lines.lock().unwrap().clone();
        let lost: u64 = seen
            .iter()
            .filter_map(|line| line.strip_prefix("lost 0 ")?.trim().parse::<u64>().ok())
            .sum();
        let written = seen.iter().filter(|line| !line.starts_with("lost")).count() as u64;
        assert_eq!((lost, written + lost), (counters.write_errors(), 6), "{seen:?}");
        assert_eq!(others.lock().unwrap().len(), 6, "the other destination has lost nothing");
    }

    #[test]
    fn a_flush_gives_up_at_its_deadline() {
        let (_closed, gate) = sync_channel(0);
        let memory = Memory { lines: Arc::default(), gate: Some(gate), failures: 0 };
        let queue = spawn(memory, 4, Arc::default(), report).unwrap();
        queue.push(b"stuck\n".to_vec());
        let start = Instant::now();
        assert!(!queue.flush(start + Duration::from_millis(50)));
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
