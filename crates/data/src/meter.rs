//! How far a long task has come, for whoever watches it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that a task moves and a watcher reads. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    total: Arc<AtomicU64>,
    done: Arc<AtomicU64>,
}

impl Meter {
    /// Adds to what is to be done. The unit is the task's: bytes, files, blocks.
    pub fn expect(&self, more: u64) {
        self.total.fetch_add(more, Ordering::Relaxed);
    }

    /// Adds to what is done.
    pub fn advance(&self, more: u64) {
        self.done.fetch_add(more, Ordering::Relaxed);
    }

    /// What is to be done, as far as it is known.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// What is done.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// The counter of what is done, for a reader that counts by itself.
    pub(crate) fn counter(&self) -> &Arc<AtomicU64> {
        &self.done
    }
}
