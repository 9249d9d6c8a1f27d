//! Counting orders in a sliding window.

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;

/// The window that orders are counted in.
pub const WINDOW: Duration = Duration::from_secs(10);

/// The instants of the latest orders, as many as are allowed in the window and no more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderRate {
    limit: Option<usize>,
    latest: VecDeque<Timestamp>,
}

impl OrderRate {
    pub(super) fn new(limit: Option<u32>) -> Self {
        let limit = limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Self { limit, latest: VecDeque::with_capacity(limit.unwrap_or(0).min(4_096)) }
    }

    /// Orders in the window that ends now, as far as they are remembered.
    #[must_use]
    pub fn count(&self, now: Timestamp) -> usize {
        let start = now.before(WINDOW);
        self.latest.iter().rev().take_while(|at| **at > start).count()
    }

    /// Whether one more would pass the limit.
    #[must_use]
    pub fn is_full(&self, now: Timestamp) -> bool {
        let start = now.before(WINDOW);
        match self.limit {
            None => false,
            Some(0) => true,
            Some(limit) => {
                self.latest.len() >= limit && self.latest.front().is_some_and(|at| *at > start)
            }
        }
    }

    pub(super) fn record(&mut self, now: Timestamp) {
        let Some(limit) = self.limit else { return };
        while self.latest.len() >= limit.max(1) {
            self.latest.pop_front();
        }
        self.latest.push_back(now);
    }
}
