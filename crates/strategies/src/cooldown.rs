//! A pause after orders that came to nothing.

use std::time::Duration;

use model::{CancelReason, OrderEvent, OrderEventKind, Timestamp};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Keeps a strategy from sending the same order with every tick to somebody who refuses it: after
/// a denial, a rejection or an expiry it waits a second, and twice as long after each further one
/// in a row, up to a minute.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cooldown {
    ends_at: Timestamp,
    failures: u32,
}

impl Cooldown {
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.ends_at
    }

    pub const fn ends_at(&self) -> Timestamp {
        self.ends_at
    }

    pub fn on_order(&mut self, now: Timestamp, event: &OrderEvent) {
        match &event.kind {
            OrderEventKind::Denied { .. }
            | OrderEventKind::Rejected { .. }
            | OrderEventKind::Expired { .. }
            | OrderEventKind::Absent
            | OrderEventKind::Canceled { reason: CancelReason::Engine | CancelReason::Venue }
            | OrderEventKind::CancelRejected { .. } => {
                let pause = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
                self.failures = self.failures.saturating_add(1);
                self.ends_at = now.after(pause);
            }
            OrderEventKind::Accepted { .. }
            | OrderEventKind::Filled { .. }
            | OrderEventKind::Completed => self.failures = 0,
            OrderEventKind::Submitted { .. }
            | OrderEventKind::Triggered
            | OrderEventKind::Canceled {
                reason: CancelReason::Requested | CancelReason::Replaced,
            }
            | OrderEventKind::OutcomeUnknown => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{CorrelationId, InstrumentId, OrderId, RejectReason, StrategyId, VenueOrderId};

    use super::*;

    #[test]
    fn it_doubles_until_something_works() {
        let event = |kind| OrderEvent {
            order: OrderId { epoch: 1, strategy: StrategyId(0), number: 1 },
            instrument: InstrumentId(0),
            received_at: Timestamp::EPOCH,
            correlation: CorrelationId(0),
            kind,
        };
        let reason = RejectReason { code: -2010, message: String::new() };
        let rejected = event(OrderEventKind::Rejected { reason });
        let accepted = event(OrderEventKind::Accepted { venue_order: VenueOrderId(1) });
        let mut cooldown = Cooldown::default();
        assert!(cooldown.is_over(Timestamp::EPOCH));
        let mut pause = || {
            cooldown.on_order(Timestamp::EPOCH, &rejected);
            cooldown.ends_at().as_secs()
        };
        assert_eq!([(); 9].map(|()| pause()), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        cooldown.on_order(Timestamp::EPOCH, &accepted);
        assert!(!cooldown.is_over(Timestamp::from_secs(59)), "what runs is not cut short");
        cooldown.on_order(Timestamp::EPOCH, &rejected);
        assert_eq!(cooldown.ends_at().as_secs(), 1);
    }
}
