//! The journal's own thread: what is queued is committed together, and each commit is answered.
//!
//! Where the journal has a part that is written ahead of it, an intent is durable once it is
//! written there, in the order's own turn. Otherwise it waits for the thread, which it wakes and
//! which takes what is queued with it. Records that nobody waits for wake nobody: the thread looks
//! for them a moment later, so that the news of an order become one commit, and its wake-ups cost
//! no order anything.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::Thread;
use std::time::Duration;

use actix::Recipient;
use events::log_event;
use kernel::journal::{Durability, Journal, JournalAhead, JournalError, Persist, Persisted};

use crate::messages::JournalAnswered;

/// Most records that may wait for the journal; past it trading halts, loudly. The channel takes
/// the memory for all of them at once.
pub const QUEUE_BOUND: usize = 8_192;
/// How soon after the last record the thread looks for one that nobody waits for; doubled each
/// time that there is none.
const LOOK_AGAIN_FIRST: Duration = Duration::from_millis(1);
/// Longest pause between two looks.
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(16);
/// So many records that nobody waits for wake the thread all the same.
const WAKE_AFTER: u64 = 256;
/// Most records in one commit.
const BATCH_BOUND: usize = 1_024;
/// Without a record for so long, upkeep is done.
const IDLE_AFTER: Duration = Duration::from_millis(200);
/// Upkeep is done after so many records even if the queue was never idle.
const UPKEEP_AFTER: usize = 100_000;

/// What the journal's thread is told.
enum Command {
    Write(Persist),
    Finish,
}

/// The one way to the journal: what is written ahead of it, and the queue before its thread.
#[derive(Debug)]
pub struct JournalQueue {
    ahead: Option<Box<dyn JournalAhead>>,
    sender: SyncSender<Command>,
    thread: Thread,
    /// A record was refused: any that follows would leave a gap.
    is_broken: bool,
}

/// The journal takes nothing any more: it is too slow, gone, or its disk failed.
#[derive(Debug, thiserror::Error)]
pub enum JournalRefused {
    /// As many records wait as may.
    #[error("{QUEUE_BOUND} records wait for the journal: the disk is too slow")]
    Full,
    /// Its thread has ended, or a record was refused before.
    #[error("the journal has stopped")]
    Stopped,
    /// Writing ahead of the journal failed.
    #[error("writing ahead of the journal: {0}")]
    Ahead(JournalError),
}

impl JournalRefused {
    fn log(&self) {
        match self {
            Self::Full => log_event!(MAILBOX_OVERFLOWED, message = %self),
            Self::Ahead(error) => {
                log_event!(JOURNAL_FAILED, operation = "write ahead", error = %error);
            }
            // Told when it stopped.
            Self::Stopped => {}
        }
    }
}

impl JournalQueue {
    /// Writes a record ahead, if it can, and queues it. An answer that is known at once is
    /// returned, and is not given again; any other comes from the thread.
    ///
    /// # Errors
    /// [`JournalRefused`]: trading must halt then.
    pub fn write(&mut self, persist: Persist) -> Result<Option<Persisted>, JournalRefused> {
        if self.is_broken {
            return Err(JournalRefused::Stopped);
        }
        let written = self.try_write(persist);
        self.is_broken = written.is_err();
        if let Err(refused) = &written {
            refused.log();
        }
        written
    }

    fn try_write(&mut self, mut persist: Persist) -> Result<Option<Persisted>, JournalRefused> {
        let sequence = persist.sequence;
        let is_durable = match &mut self.ahead {
            Some(ahead) => ahead.write(&persist).map_err(JournalRefused::Ahead)?,
            None => false,
        };
        if is_durable {
            persist.durability = Durability::Lazy;
        }
        self.queue(persist)?;
        Ok(is_durable.then_some(Persisted { sequence }))
    }

    fn queue(&self, persist: Persist) -> Result<(), JournalRefused> {
        let is_awaited = persist.durability > Durability::Lazy;
        let wakes = is_awaited || persist.sequence.is_multiple_of(WAKE_AFTER);
        self.sender.try_send(Command::Write(persist)).map_err(|error| match error {
            TrySendError::Full(_) => JournalRefused::Full,
            TrySendError::Disconnected(_) => JournalRefused::Stopped,
        })?;
        if wakes {
            self.thread.unpark();
        }
        Ok(())
    }
}

/// The thread.
#[derive(Debug)]
pub struct JournalThread {
    sender: SyncSender<Command>,
    thread: std::thread::JoinHandle<()>,
}

impl JournalThread {
    /// Starts the thread. `ahead` is what the journal's own [`Journal::ahead`] gave; answers go to
    /// a recipient: see [`Answers`].
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        journal: impl Journal + Send + 'static,
        ahead: Option<Box<dyn JournalAhead>>,
        answers: Answers,
    ) -> std::io::Result<(Self, JournalQueue)> {
        let (sender, receiver) = sync_channel(QUEUE_BOUND);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || run(journal, &receiver, &answers))?;
        let woken = thread.thread().clone();
        let queue = JournalQueue { ahead, sender: sender.clone(), thread: woken, is_broken: false };
        Ok((Self { sender, thread }, queue))
    }

    /// Writes what is queued and ends. Returns once everything is on the disk.
    pub fn finish(self) {
        // A thread that has ended takes no command, and needs none.
        let _ = self.sender.send(Command::Finish);
        self.thread.thread().unpark();
        // A thread that panicked has ended the process already.
        let _ = self.thread.join();
    }
}

/// Where the journal's answers go.
pub type Answers = Box<dyn Fn(JournalAnswered) + Send>;

/// Answers to an actor. There is at most one answer for each commit, and an order waits for it:
/// it goes past the mailbox's bound.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "bounded by the journal's own queue")]
pub fn answers_to(recipient: Recipient<JournalAnswered>) -> Answers {
    Box::new(move |answer| recipient.do_send(answer))
}

/// Writes as the thread does, but in a task of the runtime that it is called in; a commit takes
/// `commit_time`, as it is then: for a simulated runtime, which has no other thread and whose disk
/// takes virtual time.
pub fn run_in_task(
    mut journal: impl Journal + 'static,
    answers: Answers,
    commit_time: impl Fn() -> Duration + 'static,
) -> JournalQueue {
    let (sender, receiver) = sync_channel(QUEUE_BOUND);
    tokio::task::spawn_local(async move {
        let mut batch = Vec::with_capacity(BATCH_BOUND);
        loop {
            tokio::time::sleep(commit_time()).await;
            let is_last = gather(&receiver, &mut batch);
            if let Err(error) = commit(&mut journal, &batch, &answers) {
                fail("append", &error, &answers);
                return;
            }
            batch.clear();
            if is_last {
                return;
            }
        }
    });
    // Nobody parks: the task looks by itself.
    JournalQueue { ahead: None, sender, thread: std::thread::current(), is_broken: false }
}

/// Writes a batch and answers, if somebody waits.
fn commit(
    journal: &mut impl Journal,
    batch: &[Persist],
    answers: &Answers,
) -> Result<(), JournalError> {
    let Some(last) = batch.last() else { return Ok(()) };
    journal.append(batch)?;
    if batch.iter().any(|it| it.durability > Durability::Lazy) {
        answers(JournalAnswered::Persisted(Persisted { sequence: last.sequence }));
    }
    Ok(())
}

fn fail(operation: &'static str, error: &JournalError, answers: &Answers) {
    log_event!(JOURNAL_FAILED, operation = operation, error = %error);
    answers(JournalAnswered::Failed(error.to_string()));
}

fn run(mut journal: impl Journal, receiver: &Receiver<Command>, answers: &Answers) {
    let mut batch = Vec::with_capacity(BATCH_BOUND);
    let mut pause = Pause::default();
    loop {
        let is_last = gather(receiver, &mut batch);
        let done = commit(&mut journal, &batch, answers).map_err(|error| ("append", error));
        if !batch.is_empty() {
            pause.worked(batch.len());
        }
        let done = done.and_then(|()| {
            if is_last { Ok(()) } else { pause.upkeep(&mut journal).map_err(|e| ("maintain", e)) }
        });
        if let Err((operation, error)) = done {
            fail(operation, &error, answers);
            return;
        }
        if is_last {
            return;
        }
        // After a full one more is queued.
        if batch.len() < BATCH_BOUND {
            pause.rest();
        }
        batch.clear();
    }
}

/// Takes what is queued, as much as one commit may hold. True when nothing will follow.
fn gather(receiver: &Receiver<Command>, batch: &mut Vec<Persist>) -> bool {
    while batch.len() < BATCH_BOUND {
        match receiver.try_recv() {
            Ok(Command::Write(next)) => batch.push(next),
            Ok(Command::Finish) | Err(TryRecvError::Disconnected) => return true,
            Err(TryRecvError::Empty) => return false,
        }
    }
    false
}

/// What the thread does between commits.
struct Pause {
    next: Duration,
    idle_for: Duration,
    since_upkeep: usize,
}

impl Default for Pause {
    fn default() -> Self {
        Self { next: Duration::ZERO, idle_for: Duration::ZERO, since_upkeep: 0 }
    }
}

impl Pause {
    const fn worked(&mut self, records: usize) {
        self.next = Duration::ZERO;
        self.idle_for = Duration::ZERO;
        self.since_upkeep += records;
    }

    /// Upkeep is done while nothing waits, or when it was put off for too long.
    fn upkeep(&mut self, journal: &mut impl Journal) -> Result<(), JournalError> {
        let is_due = self.idle_for >= IDLE_AFTER || self.since_upkeep >= UPKEEP_AFTER;
        if self.since_upkeep > 0 && is_due {
            let has_more = journal.maintain()?;
            // More of it comes at the next look at which nothing waits.
            self.since_upkeep = usize::from(has_more);
        }
        Ok(())
    }

    /// Sleeps until a record is awaited, at most until the next look. A record that was queued
    /// since the last look has left a token, with which this returns at once.
    fn rest(&mut self) {
        self.next = (self.next * 2).clamp(LOOK_AGAIN_FIRST, LOOK_AGAIN_MAX);
        std::thread::park_timeout(self.next);
        self.idle_for += self.next;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::sync::{Arc, Mutex};

    use kernel::journal::Record;
    use model::{Amount, Timestamp};

    use super::*;

    /// Keeps the sequences of each commit.
    struct Commits(Arc<Mutex<Vec<Vec<u64>>>>);

    impl Journal for Commits {
        fn append(&mut self, batch: &[Persist]) -> Result<(), JournalError> {
            let sequences = batch.iter().map(|persist| persist.sequence).collect();
            self.0.lock().unwrap().push(sequences);
            Ok(())
        }

        fn replay(&mut self, _: &mut dyn FnMut(u64, Record)) -> Result<(), JournalError> {
            Ok(())
        }
    }

    struct Desk {
        thread: JournalThread,
        queue: JournalQueue,
        commits: Arc<Mutex<Vec<Vec<u64>>>>,
        answers: mpsc::Receiver<JournalAnswered>,
    }

    impl Desk {
        fn new() -> Self {
            Self::with_ahead(None)
        }

        fn with_ahead(ahead: Option<Box<dyn JournalAhead>>) -> Self {
            let commits = Arc::default();
            let (tell, answers) = mpsc::channel();
            let tell: Answers = Box::new(move |answer| tell.send(answer).unwrap());
            let journal = Commits(Arc::clone(&commits));
            let (thread, queue) = JournalThread::start(journal, ahead, tell).unwrap();
            Self { thread, queue, commits, answers }
        }

        fn write(&mut self, sequence: u64, durability: Durability) -> Option<u64> {
            let (equity, at) = (Amount::ZERO, Timestamp::EPOCH);
            let record = Record::EquitySampled { strategy: None, equity, capital: equity, at };
            let answer = self.queue.write(Persist { sequence, record, durability }).unwrap();
            answer.map(|persisted| persisted.sequence)
        }

        /// The next answer of the thread.
        fn answer(&self, within: Duration) -> Option<u64> {
            match self.answers.recv_timeout(within) {
                Ok(JournalAnswered::Persisted(persisted)) => Some(persisted.sequence),
                Ok(JournalAnswered::Failed(reason)) => panic!("{reason}"),
                Err(_) => None,
            }
        }

        fn written(&self) -> Vec<u64> {
            self.commits.lock().unwrap().concat()
        }
    }

    const SOON: Duration = Duration::from_secs(10);

    #[test]
    fn an_awaited_record_is_answered_with_all_before_it() {
        let mut desk = Desk::new();
        assert_eq!(desk.write(1, Durability::Lazy), None);
        assert_eq!(desk.write(2, Durability::Committed), None);
        assert_eq!(desk.answer(SOON), Some(2));
        assert_eq!(desk.written(), [1, 2]);
    }

    /// Makes durable what asks for no more than to be committed.
    #[derive(Debug)]
    struct Ahead;

    impl JournalAhead for Ahead {
        fn write(&mut self, persist: &Persist) -> Result<bool, JournalError> {
            Ok(persist.durability == Durability::Committed)
        }
    }

    #[test]
    fn what_is_durable_ahead_is_answered_once_and_written_in_its_turn() {
        let mut desk = Desk::with_ahead(Some(Box::new(Ahead)));
        assert_eq!(desk.write(1, Durability::Lazy), None);
        assert_eq!(desk.write(2, Durability::Committed), Some(2));
        assert_eq!(desk.answer(Duration::from_millis(60)), None);
        assert_eq!(desk.written(), [1, 2]);
        assert_eq!(desk.write(3, Durability::Committed), Some(3));
        assert_eq!(desk.write(4, Durability::Synced), None);
        assert_eq!(desk.answer(SOON), Some(4));
        assert_eq!(desk.written(), [1, 2, 3, 4]);
    }

    #[test]
    fn a_disk_that_fails_ahead_refuses_the_record() {
        #[derive(Debug)]
        struct Full;
        impl JournalAhead for Full {
            fn write(&mut self, _: &Persist) -> Result<bool, JournalError> {
                Err(JournalError::Io("no space left on device".to_owned()))
            }
        }
        let mut desk = Desk::with_ahead(Some(Box::new(Full)));
        let (equity, at) = (Amount::ZERO, Timestamp::EPOCH);
        let record = Record::EquitySampled { strategy: None, equity, capital: equity, at };
        let durability = Durability::Committed;
        let refused = desk.queue.write(Persist { sequence: 1, record, durability }).unwrap_err();
        assert!(matches!(refused, JournalRefused::Ahead(_)), "{refused}");
        // With room again, too: the record before is missing.
        desk.queue.ahead = None;
        let record = Record::EquitySampled { strategy: None, equity, capital: equity, at };
        let next = desk.queue.write(Persist { sequence: 2, record, durability }).unwrap_err();
        assert!(matches!(next, JournalRefused::Stopped), "{next}");
        desk.thread.finish();
        assert!(desk.commits.lock().unwrap().is_empty());
    }

    #[test]
    fn a_record_that_nobody_waits_for_is_written_unasked() {
        let mut desk = Desk::new();
        // Long after the last record the thread looks seldom, but it looks.
        std::thread::sleep(Duration::from_millis(60));
        desk.write(1, Durability::Lazy);
        let began = std::time::Instant::now();
        while desk.written().is_empty() && began.elapsed() < SOON {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(desk.written(), [1]);
        assert_eq!(desk.answer(Duration::from_millis(20)), None);
    }

    #[test]
    fn the_end_writes_everything_in_order() {
        let mut desk = Desk::new();
        let count = 5 * BATCH_BOUND as u64;
        for sequence in 1..=count {
            desk.write(sequence, Durability::Lazy);
        }
        desk.thread.finish();
        let commits = desk.commits.lock().unwrap();
        assert_eq!(commits.concat(), (1..=count).collect::<Vec<_>>());
        assert!(commits.iter().all(|commit| commit.len() <= BATCH_BOUND));
    }
}
