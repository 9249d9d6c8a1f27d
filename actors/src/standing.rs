//! How execution stands with its venue, as an operator should see it: when both last agreed, and
//! what keeps us out. It decides nothing: orders and reads go by what the venue says of each.

use std::time::Duration;

use events::log_event;
use kernel::venue::{HeldBack, Impediment};
use kernel::wire::Moment;
use model::{RejectReason, Timestamp};

use crate::observe::{Alert, Severity};

/// A key that stays refused is logged again after so long.
const REFUSED_AGAIN: Duration = Duration::from_secs(600);

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// When orders, fills and balances were last compared with the venue's and found the same, or
    /// made so; nothing before the first time.
    pub reconciled_at: Option<Moment>,
    /// The venue's words, while it refuses the key.
    pub key_refused: Option<RejectReason>,
    /// Why there is no connection for orders, while there is none.
    pub connect_failed: Option<String>,
    /// Why the last read failed, since both last agreed.
    pub read_failed: Option<String>,
    /// What waits for a limit of the venue.
    pub held_back: Option<HeldBack>,
    /// When the log was last told that the key is refused.
    pub(crate) refused_told_at: Option<Timestamp>,
}

impl Standing {
    /// The venue keeps us out. Logged; gives what a person should know at once.
    pub(crate) fn impeded(&mut self, now: Moment, impediment: &Impediment) -> Option<Alert> {
        match impediment {
            Impediment::KeyRefused { reason } => self.key_refused(now, reason),
            Impediment::RateLimited { status, until, reason } => {
                let retry_after_ms = until.since(now.venue).as_millis() as u64;
                log_event!(
                    TRADING_RATE_LIMITED,
                    status = *status,
                    retry_after_ms,
                    until = %until,
                    reason = %reason
                );
                // Too many requests end by themselves; a ban is worth a look at who else asks.
                (*status == 418).then(|| Alert {
                    severity: Severity::Error,
                    subject: "the venue has banned this address for a while".to_owned(),
                    text: format!("nothing goes out until {until}, cancels neither: {reason}"),
                })
            }
            Impediment::ConnectFailed { reason, retry_in_ms } => {
                log_event!(
                    TRADING_CONNECT_FAILED,
                    reason = %reason,
                    retry_in_ms = *retry_in_ms
                );
                self.connect_failed = Some(reason.clone());
                None
            }
        }
    }

    fn key_refused(&mut self, now: Moment, reason: &RejectReason) -> Option<Alert> {
        let is_new = self.key_refused.replace(reason.clone()).is_none();
        let is_due = self.refused_told_at.is_none_or(|at| now.wall.since(at) >= REFUSED_AGAIN);
        if is_new || is_due {
            self.refused_told_at = Some(now.wall);
            let (code, words) = (reason.code, &reason.message);
            log_event!(TRADING_KEY_REFUSED, code, reason = %words);
        }
        is_new.then(|| Alert {
            severity: Severity::Error,
            subject: "the venue refuses the key".to_owned(),
            text: format!(
                "{} {}: nothing can be placed or taken back, and fills may go unseen. Look at the \
                 key at the venue: is it there, may it trade, from this address?",
                reason.code, reason.message
            ),
        })
    }

    /// Reports come.
    pub(crate) fn connected(&mut self) {
        self.connect_failed = None;
    }

    /// A question failed.
    pub(crate) fn read_failed(&mut self, reason: &str) {
        self.read_failed = Some(reason.to_owned());
    }

    /// The venue and we agree: so it takes the key.
    pub(crate) fn reconciled(&mut self, now: Moment) -> Option<Alert> {
        (self.reconciled_at, self.read_failed, self.refused_told_at) = (Some(now), None, None);
        self.key_refused.take().map(|_| {
            log_event!(TRADING_KEY_ACCEPTED);
            Alert {
                severity: Severity::Info,
                subject: "the venue takes the key again".to_owned(),
                text: "the venue and the journal were compared, and agree".to_owned(),
            }
        })
    }

    /// What an operator should see to, one a line; empty when all is well.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(RejectReason { code, message }) = &self.key_refused {
            problems.push(format!("the venue refuses the key: {code} {message}"));
        }
        if let Some(reason) = &self.connect_failed {
            problems.push(format!("no connection for orders: {reason}"));
        }
        if let Some(HeldBack { until: Some(until), .. }) = self.held_back {
            problems.push(format!("the venue wants no requests until {until}"));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Moment {
        Moment::same(Timestamp::from_secs(1_700_000_000 + secs))
    }

    #[test]
    fn a_refused_key_alerts_once_and_is_a_problem_until_both_agree_again() {
        let reason = RejectReason { code: -2015, message: "Invalid API-key.".to_owned() };
        let refused = Impediment::KeyRefused { reason };
        let mut standing = Standing::default();
        assert!(standing.reconciled(at(0)).is_none(), "nothing was wrong");
        let alert = standing.impeded(at(1), &refused).unwrap();
        assert_eq!(
            (alert.severity, alert.subject.as_str()),
            (Severity::Error, "the venue refuses the key")
        );
        assert!(alert.text.contains("-2015 Invalid API-key."), "{}", alert.text);
        for secs in 2..1_000 {
            assert!(standing.impeded(at(secs), &refused).is_none());
        }
        assert_eq!(standing.problems(), ["the venue refuses the key: -2015 Invalid API-key."]);
        standing.connected();
        assert_eq!(standing.problems().len(), 1, "a connection alone shows nothing");
        assert_eq!(standing.reconciled(at(1_000)).unwrap().severity, Severity::Info);
        assert_eq!(standing.problems(), [""; 0]);
        assert!(standing.impeded(at(1_001), &refused).is_some(), "it is news again");
    }

    #[test]
    fn a_ban_alerts_and_a_limit_does_not() {
        let of = |status| Impediment::RateLimited {
            status,
            until: at(30).venue,
            reason: "banned".to_owned(),
        };
        let mut standing = Standing::default();
        assert!(standing.impeded(at(0), &of(429)).is_none());
        assert!(standing.impeded(at(0), &of(418)).is_some());
        standing.held_back = Some(HeldBack { until: Some(at(30).venue), commands: 3 });
        assert_eq!(standing.problems().len(), 1);
        standing.held_back = Some(HeldBack { until: None, commands: 3 });
        assert_eq!(standing.problems(), [""; 0], "our own limit is no fault");
    }
}
