//! A pause after orders that came to nothing.

use std::time::Duration;

use kernel::strategy::Context;
use model::{CancelReason, OrderEvent, OrderEventKind, Timestamp};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// A pause of so long is told, at most once in the longest pause.
const TOLD_FROM: Duration = Duration::from_secs(8);

/// Keeps a strategy from sending the same order with every tick to somebody who refuses it: after
/// a denial, a rejection or an expiry it waits a second, and twice as long after each further one
/// in a row, up to a minute.
///
/// A longer one is told by [`Cooldown::holds_back`], with its reason: else a strategy that waits looks
/// like one that hangs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cooldown {
    ends_at: Timestamp,
    failures: u32,
    last: Option<Failure>,
    told_at: Option<Timestamp>,
}

/// What an order came to.
#[derive(Clone, Copy, Debug)]
enum Failure {
    Denied,
    Rejected { code: i32 },
    Expired,
    Absent,
    Canceled(CancelReason),
    CancelRejected { code: i32 },
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Denied => write!(out, "denied by risk"),
            Self::Rejected { code } => write!(out, "rejected by the venue ({code})"),
            Self::Expired => write!(out, "expired at the venue"),
            Self::Absent => write!(out, "never arrived at the venue"),
            Self::Canceled(reason) => write!(out, "canceled ({})", reason.name()),
            Self::CancelRejected { code } => write!(out, "not to be canceled ({code})"),
        }
    }
}

impl Cooldown {
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.ends_at
    }

    pub const fn ends_at(&self) -> Timestamp {
        self.ends_at
    }

    /// Whether nothing is to be sent now; one that lasts is told.
    pub fn holds_back(&mut self, context: &mut Context<'_>) -> bool {
        if self.is_over(context.now()) {
            return false;
        }
        if let Some(reason) = self.tell(context.now()) {
            context.note(reason);
        }
        true
    }

    /// Why nothing is sent now, in words for the log; `None` when that was told, or is too short to
    /// be worth a line.
    pub fn tell(&mut self, now: Timestamp) -> Option<String> {
        let last = self.last.filter(|_| self.ends_at.since(now) >= TOLD_FROM)?;
        if self.told_at.is_some_and(|told| now < told.after(LONGEST)) {
            return None;
        }
        self.told_at = Some(now);
        let (secs, failures) = (self.ends_at.since(now).as_secs(), self.failures);
        Some(format!(
            "no orders for {secs} s: {failures} in a row came to nothing, the last {last}"
        ))
    }

    pub fn on_order(&mut self, now: Timestamp, event: &OrderEvent) {
        let failure = match &event.kind {
            OrderEventKind::Denied { .. } => Failure::Denied,
            OrderEventKind::Rejected { reason } => Failure::Rejected { code: reason.code },
            OrderEventKind::Expired { .. } => Failure::Expired,
            OrderEventKind::Absent { .. } => Failure::Absent,
            OrderEventKind::Canceled {
                reason: why @ (CancelReason::Engine | CancelReason::Venue),
            } => Failure::Canceled(*why),
            OrderEventKind::CancelRejected { reason } => {
                Failure::CancelRejected { code: reason.code }
            }
            OrderEventKind::Accepted { .. }
            | OrderEventKind::Filled { .. }
            | OrderEventKind::Completed => {
                self.failures = 0;
                return;
            }
            OrderEventKind::Submitted { .. }
            | OrderEventKind::Triggered
            | OrderEventKind::Canceled {
                reason: CancelReason::Requested | CancelReason::Replaced,
            }
            | OrderEventKind::OutcomeUnknown { .. } => return,
        };
        let pause = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        (self.ends_at, self.last) = (now.after(pause), Some(failure));
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

    #[test]
    fn a_long_pause_is_told_with_its_reason_and_seldom() {
        let canceled = OrderEvent {
            order: OrderId { epoch: 1, strategy: StrategyId(0), number: 1 },
            instrument: InstrumentId(0),
            received_at: Timestamp::EPOCH,
            correlation: CorrelationId(0),
            kind: OrderEventKind::Canceled { reason: CancelReason::Engine },
        };
        let mut cooldown = Cooldown::default();
        let mut told = Vec::new();
        for at in 0..100 {
            let now = Timestamp::from_secs(at);
            if at < 8 {
                cooldown.on_order(now, &canceled);
            }
            told.extend(cooldown.tell(now).map(|text| format!("{at}: {text}")));
        }
        let expected =
            "3: no orders for 8 s: 4 in a row came to nothing, the last canceled (engine)";
        assert_eq!(told, [expected], "a minute later it is nearly over");
    }
}
