//! Where a shell hands an input to its machine, and where the input is noted if a recording is on.
//!
//! Off the order path: a note goes into a bounded queue, and whoever reads the queue writes. A full
//! queue, or a disk that takes no more, breaks the recording and never holds up the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use events::log_event;
use kernel::replay::{Delivered, Delivery, Digest, HostDelivered, Recorded};
use kernel::strategy::{HostError, HostInput, HostOutput, StrategyHost};
use kernel::wire::Moment;
use model::{StrategyId, Timestamp};

use crate::guard::guarded;

/// Most notes that may wait to be written; past it the recording is broken and ends.
pub const QUEUE_BOUND: usize = 65_536;
/// A machine's state is noted after so long, with an input that nothing followed from: nobody waits
/// for what comes after it.
const STATE_EVERY: Duration = Duration::from_secs(5);
/// Without such an input, with any after so long.
const STATE_AT_LEAST_EVERY: Duration = Duration::from_secs(30);

/// The engine's end of the queue; shared by all shells, whose notes keep their order.
#[derive(Clone, Debug)]
pub struct Tape {
    /// Nothing marks the end.
    sender: SyncSender<Option<Box<Delivery>>>,
    is_broken: Arc<AtomicBool>,
}

/// The writer's end.
#[derive(Debug)]
pub struct TapeReader {
    receiver: Receiver<Option<Box<Delivery>>>,
    is_broken: Arc<AtomicBool>,
}

impl Tape {
    /// An empty queue.
    #[must_use]
    pub fn new() -> (Self, TapeReader) {
        let (sender, receiver) = sync_channel(QUEUE_BOUND);
        let is_broken = Arc::new(AtomicBool::new(false));
        let reader = TapeReader { receiver, is_broken: Arc::clone(&is_broken) };
        (Self { sender, is_broken }, reader)
    }

    /// Nothing more is noted: the engine has stopped.
    pub fn end(&self) {
        // Every actor has stopped: waiting for the writer keeps nobody back. One that is gone
        // needs no end.
        let _ = self.sender.send(None);
    }

    fn note(&self, delivery: Delivery) {
        if self.is_broken.load(Ordering::Relaxed) {
            return;
        }
        let Err(refused) = self.sender.try_send(Some(Box::new(delivery))) else { return };
        // Of several shells the first one tells.
        let was_broken = self.is_broken.swap(true, Ordering::Relaxed);
        match refused {
            TrySendError::Full(_) if !was_broken => {
                let reason = "the disk is too slow";
                log_event!(RECORDING_BROKEN, reason = reason, waiting = QUEUE_BOUND);
            }
            // A writer that ended has told why.
            TrySendError::Full(_) | TrySendError::Disconnected(_) => {}
        }
    }
}

impl TapeReader {
    /// The next note; `None` when all that there will be was read. Waits at most so long, and
    /// then gives the timeout as an error.
    ///
    /// # Errors
    /// When nothing came in time.
    pub fn next(&self, within: Duration) -> Result<Option<Box<Delivery>>, NothingYet> {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        match self.receiver.recv_timeout(within) {
            Ok(delivery) => Ok(delivery),
            Err(Disconnected) => Ok(None),
            Err(Timeout) if self.is_broken() => Ok(None),
            Err(Timeout) => Err(NothingYet),
        }
    }

    /// Whether notes were lost after those that were read.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }
}

/// No note came in time; one may still.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no note yet")]
pub struct NothingYet;

/// A shell's tap.
#[derive(Debug, Default)]
pub struct Tap {
    tape: Option<Tape>,
    state_at: Timestamp,
}

impl Tap {
    /// A tap that notes, if there is a tape.
    #[must_use]
    pub const fn new(tape: Option<Tape>) -> Self {
        Self { tape, state_at: Timestamp::EPOCH }
    }

    /// Hands an input to its machine. `effects` is empty before.
    #[inline]
    pub fn step<M: Recorded>(
        &mut self,
        machine: &mut M,
        now: Moment,
        input: M::Input<'_>,
        effects: &mut Vec<M::Effect>,
    ) {
        if self.tape.is_none() {
            return machine.take(now, input, effects);
        }
        let delivered = machine.delivered(&input);
        machine.take(now, input, effects);
        let is_quiet = effects.is_empty();
        self.note(now, delivered, machine.effects_digest(effects), is_quiet, || {
            Some(machine.state_digest())
        });
    }

    /// What is to be noted of a strategy's input, before it is taken: a panic may follow.
    pub fn of_host(&self, input: &HostInput, is_ordered: bool) -> Option<HostDelivered> {
        self.tape
            .is_some()
            .then(|| if is_ordered { HostDelivered::Obeyed } else { HostDelivered::from(input) })
    }

    /// Notes an input of a strategy that was taken, and what it came to.
    pub fn note_host(
        &mut self,
        now: Moment,
        host: &StrategyHost,
        delivered: Option<HostDelivered>,
        result: &Result<Result<(), HostError>, String>,
        outputs: &Vec<HostOutput>,
    ) {
        let Some(delivered) = delivered else { return };
        let effects = if delivered == HostDelivered::Obeyed {
            Digest::of(&())
        } else {
            let flat = result.clone().and_then(|done| done.map_err(|error| error.to_string()));
            Digest::of(&(flat, outputs))
        };
        // What panicked has no state, and a strategy's own code may panic here too.
        let is_whole = matches!(result, Ok(Ok(())));
        let state = || is_whole.then(|| guarded(|| host.digest()).ok()).flatten();
        let input = Delivered::Strategy(host.strategy(), delivered);
        self.note(now, input, effects, outputs.is_empty(), state);
    }

    /// Notes what became of a strategy's host itself.
    pub fn note_seat(
        &mut self,
        now: Moment,
        strategy: StrategyId,
        became: HostDelivered,
        effects: impl FnOnce() -> Digest,
    ) {
        if let Some(tape) = &self.tape {
            let (input, effects) = (Delivered::Strategy(strategy, became), effects());
            tape.note(Delivery { now, input, effects, state: None });
        }
    }

    fn note(
        &mut self,
        now: Moment,
        input: Delivered,
        effects: Digest,
        is_quiet: bool,
        state: impl FnOnce() -> Option<Digest>,
    ) {
        let Some(tape) = &self.tape else { return };
        let since = now.wall.since(self.state_at);
        let is_due = since >= STATE_AT_LEAST_EVERY || (is_quiet && since >= STATE_EVERY);
        if is_due {
            self.state_at = now.wall;
        }
        let state = is_due.then(state).flatten();
        tape.note(Delivery { now, input, effects, state });
    }
}

#[cfg(test)]
mod tests {
    use kernel::replay::FeedDelivered;

    use super::*;

    #[test]
    fn a_full_queue_breaks_the_recording_and_holds_up_nobody() {
        let (tape, reader) = Tape::new();
        let delivery = |number| Delivery {
            now: Moment::same(Timestamp::from_nanos(number)),
            input: Delivered::Feed(FeedDelivered::Wake),
            effects: Digest::of(&()),
            state: None,
        };
        for number in 0..=QUEUE_BOUND as i64 {
            tape.note(delivery(number));
        }
        assert!(reader.is_broken());
        let mut read = 0;
        while let Ok(Some(next)) = reader.next(Duration::ZERO) {
            assert_eq!(next.now.wall.as_nanos(), read, "in order, without a gap");
            read += 1;
        }
        assert_eq!(read, QUEUE_BOUND as i64, "all that fitted, and nothing after it");
        tape.note(delivery(0));
        assert_eq!(reader.next(Duration::ZERO), Ok(None), "nothing follows a gap");
    }
}
