//! The journal's own thread: what is queued is committed together, and each commit is answered.

use std::sync::mpsc::{
    Receiver, RecvError, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::time::Duration;

use actix::Recipient;
use events::log_event;
use kernel::journal::{Durability, Journal, JournalError, Persist, Persisted};

use crate::messages::JournalAnswered;

/// Most records that may wait for the journal; past it trading halts, loudly. The channel takes
/// the memory for all of them at once.
pub const QUEUE_BOUND: usize = 8_192;
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

/// The queue before the journal's thread.
#[derive(Clone, Debug)]
pub struct JournalQueue {
    sender: SyncSender<Command>,
}

/// The journal takes nothing any more: it is too slow, or gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JournalRefused {
    /// As many records wait as may.
    #[error("{QUEUE_BOUND} records wait for the journal: the disk is too slow")]
    Full,
    /// Its thread has ended.
    #[error("the journal has stopped")]
    Stopped,
}

impl JournalQueue {
    /// Queues a record.
    ///
    /// # Errors
    /// [`JournalRefused`]: trading must halt then.
    pub fn write(&self, persist: Persist) -> Result<(), JournalRefused> {
        self.sender.try_send(Command::Write(persist)).map_err(|error| match error {
            TrySendError::Full(_) => JournalRefused::Full,
            TrySendError::Disconnected(_) => JournalRefused::Stopped,
        })
    }
}

/// The thread and its queue.
#[derive(Debug)]
pub struct JournalThread {
    queue: JournalQueue,
    thread: std::thread::JoinHandle<()>,
}

impl JournalThread {
    /// Starts the thread. Answers go to a recipient that is told later: see [`Answers`].
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        journal: impl Journal + Send + 'static,
        answers: Answers,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE_BOUND);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || run(journal, &receiver, &answers))?;
        Ok(Self { queue: JournalQueue { sender }, thread })
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> JournalQueue {
        self.queue.clone()
    }

    /// Writes what is queued and ends. Returns once everything is on the disk.
    pub fn finish(self) {
        // A thread that has ended takes no command, and needs none.
        let _ = self.queue.sender.send(Command::Finish);
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

fn run(mut journal: impl Journal, receiver: &Receiver<Command>, answers: &Answers) {
    let mut batch = Vec::with_capacity(BATCH_BOUND);
    let mut since_upkeep = 0;
    loop {
        let first = match next(&mut journal, receiver, &mut since_upkeep) {
            Ok(Some(first)) => first,
            Ok(None) => return,
            Err(error) => {
                log_event!(JOURNAL_FAILED, operation = "maintain", error = %error);
                answers(JournalAnswered::Failed(error.to_string()));
                return;
            }
        };
        batch.push(first);
        let mut finished = false;
        while batch.len() < BATCH_BOUND && !finished {
            match receiver.try_recv() {
                Ok(Command::Write(next)) => batch.push(next),
                Ok(Command::Finish) => finished = true,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        let sequence = batch.last().expect("the first was pushed just above").sequence;
        let is_awaited = batch.iter().any(|persist| persist.durability > Durability::Lazy);
        if let Err(error) = journal.append(&batch) {
            log_event!(JOURNAL_FAILED, operation = "append", error = %error);
            answers(JournalAnswered::Failed(error.to_string()));
            return;
        }
        since_upkeep += batch.len();
        batch.clear();
        if is_awaited {
            answers(JournalAnswered::Persisted(Persisted { sequence }));
        }
        if finished {
            return;
        }
    }
}

/// The next record; `None` at the end. Upkeep is done while nothing waits.
fn next(
    journal: &mut impl Journal,
    receiver: &Receiver<Command>,
    since_upkeep: &mut usize,
) -> Result<Option<Persist>, JournalError> {
    if *since_upkeep > 0 && *since_upkeep < UPKEEP_AFTER {
        match receiver.recv_timeout(IDLE_AFTER) {
            Ok(Command::Write(persist)) => return Ok(Some(persist)),
            Ok(Command::Finish) => return Ok(None),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    if *since_upkeep > 0 {
        *since_upkeep = 0;
        journal.maintain()?;
    }
    match receiver.recv() {
        Ok(Command::Write(persist)) => Ok(Some(persist)),
        Ok(Command::Finish) | Err(RecvError) => Ok(None),
    }
}
