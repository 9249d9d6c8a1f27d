//! The stop in good order: entries cancelled and confirmed, protective orders left resting.

use std::time::Duration;

use events::log_event;
use kernel::messages::{CancelScope, ExecutionRequest};
use model::OrderStatus;

use super::Engine;
use crate::execution::{CountWorking, ExecutionStatus, ReadExecutionStatus, SetGate};
use crate::feed::ReadFeedStatus;
use crate::messages::{ExecutionRequested, Hops};
use crate::risk::ReadRiskStatus;
use crate::strategy::StopStrategy;

/// How often a drain looks whether it is over.
const DRAIN_LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a drain came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DrainOutcome {
    /// Orders that ended.
    pub canceled: usize,
    /// Protective orders that were left working.
    pub kept: usize,
    /// Entries and exits that may work on: their end was not confirmed in time.
    pub unconfirmed: usize,
    /// Positions that should rest under protective orders and do not.
    pub unprotected: usize,
}

impl Engine {
    /// Stops in good order: the gate is closed, strategies are stopped, entries and exits are
    /// cancelled and their cancels confirmed; protective orders stay. Returns when all is
    /// confirmed or the time is up.
    pub async fn drain(&self, reason: &str, timeout: Duration) -> DrainOutcome {
        let started_at = self.clock.wall();
        let _ = self.execution.send(SetGate { open: false }).await;
        for (_, address) in &self.strategies {
            let _ = address.send(StopStrategy).await;
        }
        self.log_feed().await;
        let scope = CancelScope::EntriesAndExits(None);
        let before = self.working(CancelScope::Everything(None)).await;
        let timeout_ms = timeout.as_millis() as u64;
        log_event!(SHUTDOWN_DRAINING, reason = %reason, open_orders = before, timeout_ms);
        let request = ExecutionRequest::CancelAll { scope };
        let _ = self.execution.send(ExecutionRequested { request, hops: Hops::default() }).await;
        let mut unconfirmed = self.working(scope).await;
        // Protective orders stay, but it must be known that they are there.
        while (unconfirmed > 0 || self.unanswered().await > 0 || self.unprotected().await > 0)
            && self.clock.wall().since(started_at) < timeout
        {
            tokio::time::sleep(DRAIN_LOOK_EVERY).await;
            unconfirmed = self.working(scope).await;
        }
        let working = self.working(CancelScope::Everything(None)).await;
        let kept = working.saturating_sub(unconfirmed);
        let took_ms = self.clock.wall().since(started_at).as_millis() as u64;
        let canceled = before.saturating_sub(working);
        let unprotected = self.unprotected().await;
        log_event!(SHUTDOWN_DRAINED, canceled, kept, unconfirmed, unprotected, took_ms);
        DrainOutcome { canceled, kept, unconfirmed, unprotected }
    }

    async fn log_feed(&self) {
        let Ok(status) = self.feed.send(ReadFeedStatus).await else { return };
        let stats = status.stats;
        log_event!(
            FEED_SUMMARY,
            frames = stats.frames,
            trades = stats.trades,
            quotes = stats.quotes,
            depth_applied = stats.depth_applied,
            bars = stats.bars,
            books_compared = stats.books_compared,
            books_agreed = stats.books_agreed,
            duplicates = stats.duplicates,
            malformed = stats.malformed,
            trades_missed = stats.trades_missed,
            books_lost = stats.books_lost,
            reconnects = stats.reconnects
        );
    }

    /// Working orders that the venue has not acknowledged.
    async fn unanswered(&self) -> usize {
        let status = self.execution.send(ReadExecutionStatus).await;
        let waits = |status: OrderStatus| !status.is_working() && !status.is_final();
        let count = |s: ExecutionStatus| s.working.iter().filter(|order| waits(order.1)).count();
        status.map_or(0, count)
    }

    /// Positions that should rest under protective orders and do not.
    async fn unprotected(&self) -> usize {
        // Risk that is gone has ended the process already.
        self.risk.send(ReadRiskStatus).await.map_or(0, |risk| risk.uncovered.len())
    }

    /// Orders of a scope that may work at the venue.
    async fn working(&self, scope: CancelScope) -> usize {
        // An executor that is gone has ended the process already.
        self.execution.send(CountWorking { scope }).await.unwrap_or(0)
    }
}
