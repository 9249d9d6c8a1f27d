//! The numbers that execution goes by.

use std::time::Duration;

/// How execution treats lost answers. The tests' mutants are values of this type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExecutionPolicy {
    /// How long after its signature the venue may still accept an order.
    pub recv_window: Duration,
    /// What is added to it before "no such order" is believed: the venue's own time-out of ten
    /// seconds and our margin for what its documents do not bound.
    pub fence_margin: Duration,
    /// How long an answer may take before the order counts as unknown.
    pub answer_timeout: Duration,
    /// Time between two questions about the same order.
    pub query_spacing: Duration,
    /// How many "no such order" past the fence it takes, before the last two proofs.
    pub absent_confirmations: u8,
    /// How long fills that the venue counts but does not show are waited for, before the
    /// instrument is halted.
    pub missing_fills_deadline: Duration,
    /// How often the whole state is compared with the venue's while all seems well.
    pub reconcile_every: Duration,
    /// How many final orders are remembered, for late news and repetitions.
    pub final_orders_kept: usize,
}

impl Default for ExecutionPolicy {
    fn default() -> Self {
        Self {
            recv_window: Duration::from_secs(2),
            fence_margin: Duration::from_secs(15),
            answer_timeout: Duration::from_secs(10),
            query_spacing: Duration::from_secs(1),
            absent_confirmations: 3,
            missing_fills_deadline: Duration::from_secs(10),
            reconcile_every: Duration::from_secs(60),
            final_orders_kept: 10_000,
        }
    }
}

impl ExecutionPolicy {
    /// Time from the signature of an order to the moment that "no such order" means something.
    #[must_use]
    pub const fn fence(&self) -> Duration {
        self.recv_window.saturating_add(self.fence_margin)
    }
}
