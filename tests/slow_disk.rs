//! A disk that does not keep up: orders wait for it, and past the bound of the queue it is told,
//! instead of memory growing or a record being dropped without a word.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use actors::journal::{JournalRefused, JournalThread, QUEUE_BOUND};
use actors::messages::JournalAnswered;
use kernel::journal::{Durability, Journal, JournalError, Persist, Record};
use kernel::risk::TradingState;
use model::Timestamp;

/// Writes a batch each time that it is let.
struct Slow {
    lets: Receiver<()>,
    written: std::sync::mpsc::Sender<Vec<u64>>,
}

impl Journal for Slow {
    fn append(&mut self, batch: &[Persist]) -> Result<(), JournalError> {
        self.lets.recv().map_err(|error| JournalError::Io(error.to_string()))?;
        self.written.send(batch.iter().map(|persist| persist.sequence).collect()).unwrap();
        Ok(())
    }

    fn replay(&mut self, _: &mut dyn FnMut(u64, Record)) -> Result<(), JournalError> {
        Ok(())
    }
}

fn record(sequence: u64) -> Persist {
    let (state, reason) = (TradingState::Active, String::new());
    let record = Record::TradingStateChanged { state, reason, at: Timestamp::EPOCH };
    Persist { sequence, record, durability: Durability::Committed }
}

#[test]
fn a_disk_that_is_too_slow_is_told_and_loses_nothing() {
    let (allow, lets) = channel();
    let (written, commits) = channel();
    let (answer, answers) = channel();
    let (thread, mut queue) = JournalThread::start(
        Slow { lets, written },
        None,
        Box::new(move |answered| {
            // The test may have seen enough.
            let _ = answer.send(answered);
        }),
    )
    .unwrap();
    let mut taken = 0;
    let refused = loop {
        match queue.write(record(taken + 1)) {
            Ok(_) => taken += 1,
            Err(refused) => break refused,
        }
        assert!(taken < 10 * QUEUE_BOUND as u64, "the queue has no bound");
    };
    assert!(matches!(refused, JournalRefused::Full), "{refused}");
    assert!(refused.to_string().contains("too slow"), "{refused}");
    assert!(answers.try_recv().is_err(), "nothing is durable before it is written");

    // The disk comes back: everything that was taken is written, in order, and answered.
    let mut sequences = Vec::new();
    while (sequences.len() as u64) < taken {
        allow.send(()).unwrap();
        sequences.extend(commits.recv_timeout(Duration::from_secs(20)).unwrap());
    }
    assert_eq!(sequences, (1..=taken).collect::<Vec<_>>());
    let told = std::iter::from_fn(|| answers.recv_timeout(Duration::from_millis(500)).ok());
    let last = told.map(|answered| match answered {
        JournalAnswered::Persisted(persisted) => persisted.sequence,
        JournalAnswered::Failed(reason) => panic!("{reason}"),
    });
    assert_eq!(last.max(), Some(taken));
    drop(allow);
    thread.finish();
}
