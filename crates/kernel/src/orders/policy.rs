//! The numbers that execution goes by.

use std::time::Duration;

use model::Timestamp;

use crate::mutation::Mutation;

/// How execution treats lost answers. The tests' mutants are values of this type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExecutionPolicy {
    /// How long after its signature the venue may still accept an order.
    pub recv_window: Duration,
    /// What is added to it before "no such order" is believed: the venue's own time-out of ten
    /// seconds and our margin for what its documents do not bound.
    pub fence_margin: Duration,
    /// How long an answer may take before it counts as lost.
    pub answer_timeout: Duration,
    /// Time between two questions about the same order.
    pub query_spacing: Duration,
    /// Most questions about single orders within one spacing; the others wait. At ten a second,
    /// four to five request weights each, they take at most half of the venue's 6,000 a minute,
    /// however many orders are in doubt.
    pub queries_per_spacing: u32,
    /// Time between two reads of the same kind (account, open orders, trades of an instrument),
    /// whether they succeed or fail.
    pub read_spacing: Duration,
    /// How many "no such order" past the fence it takes, before the last two proofs.
    pub absent_confirmations: u8,
    /// How long the venue may contradict itself, because its reads lag behind its reports, before
    /// the instrument is halted: fills that it counts but does not show, an order that it has
    /// acknowledged and does not find.
    pub contradiction_deadline: Duration,
    /// How often the whole state is compared with the venue's while all seems well.
    pub reconcile_every: Duration,
    /// How many of the newest known trades of an instrument are read again with the new ones:
    /// fills that were told out of order, and lost in a crash, lie among them.
    pub trades_reread: usize,
    /// How many final orders are remembered, for late news and repetitions.
    pub final_orders_kept: usize,
    /// Whether anything is written down. `false` only where nobody goes on from a crash, as in a
    /// backtest: everything then counts as durable at once.
    pub is_journaled: bool,
    /// A mistake, in tests of the tests.
    pub mutation: Option<Mutation>,
}

impl Default for ExecutionPolicy {
    fn default() -> Self {
        Self {
            recv_window: Duration::from_secs(2),
            fence_margin: Duration::from_secs(15),
            answer_timeout: Duration::from_secs(10),
            query_spacing: Duration::from_secs(1),
            queries_per_spacing: 10,
            read_spacing: Duration::from_secs(2),
            absent_confirmations: 3,
            contradiction_deadline: Duration::from_secs(10),
            reconcile_every: Duration::from_secs(60),
            trades_reread: 100,
            final_orders_kept: 10_000,
            is_journaled: true,
            mutation: None,
        }
    }
}

/// Whatever a policy says, nothing is repeated without time passing.
pub(super) const LEAST_PAUSE: Duration = Duration::from_millis(1);

impl ExecutionPolicy {
    /// Time from the signature of an order to the moment that "no such order" means something.
    #[must_use]
    pub const fn fence(&self) -> Duration {
        self.recv_window.saturating_add(self.fence_margin)
    }

    /// When to ask again about something asked or answered now.
    pub(super) fn next_query_at(&self, now: Timestamp) -> Timestamp {
        now.after(self.query_spacing.max(LEAST_PAUSE))
    }

    /// When to read again what was read now.
    pub(super) fn next_read_at(&self, now: Timestamp) -> Timestamp {
        now.after(self.read_spacing.max(LEAST_PAUSE))
    }

    /// When an answer to something sent at an instant counts as lost.
    pub(super) fn answer_due_at(&self, sent_at: Timestamp) -> Timestamp {
        sent_at.after(self.answer_timeout.max(LEAST_PAUSE))
    }
}
