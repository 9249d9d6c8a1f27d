//! Mistakes that are built in on purpose, so that it shows that they would be found.

use std::time::Duration;

use kernel::journal::{Journal, JournalError, Persist, Record};
use kernel::mutation::Mutation;
use kernel::orders::ExecutionPolicy;

/// A mistake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutant {
    /// None.
    None,
    /// The journal says that a record is on the disk before it is.
    AnswersBeforeItWrites,
    /// "No such order" is believed at once.
    NoFence,
    /// What a read does not show is not there.
    TrustsReads,
    /// One of the kernel's own.
    BuiltIn(Mutation),
}

impl Mutant {
    /// What execution goes by.
    pub fn policy(self) -> ExecutionPolicy {
        let usual = ExecutionPolicy::default();
        match self {
            Self::None | Self::AnswersBeforeItWrites | Self::NoFence => usual,
            Self::TrustsReads => {
                ExecutionPolicy { contradiction_deadline: Duration::ZERO, ..usual }
            }
            Self::BuiltIn(mutation) => ExecutionPolicy { mutation: Some(mutation), ..usual },
        }
    }
}

/// A journal that writes a batch when the next one comes.
pub struct Early<J> {
    journal: J,
    waiting: Vec<Persist>,
}

impl<J> Early<J> {
    pub const fn new(journal: J) -> Self {
        Self { journal, waiting: Vec::new() }
    }
}

impl<J: Journal> Journal for Early<J> {
    fn append(&mut self, batch: &[Persist]) -> Result<(), JournalError> {
        let waiting = std::mem::replace(&mut self.waiting, batch.to_vec());
        self.journal.append(&waiting)
    }

    fn replay(&mut self, each: &mut dyn FnMut(u64, Record)) -> Result<(), JournalError> {
        self.journal.replay(each)
    }
}
