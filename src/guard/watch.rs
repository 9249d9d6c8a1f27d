//! Whether the heartbeat is old: a pure machine.
//!
//! It is not the time that a heartbeat bears which counts, but when it was last seen to change, by
//! the guard's own clock: so a clock that differs between two hosts, or jumps, means nothing.

use std::time::Duration;

use model::Timestamp;

use super::heartbeat::Beat;

/// What a look came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The engine lives.
    Fresh,
    /// The heartbeat is older than the limit, for the first time.
    Stopped(Duration),
    /// It still is.
    Silent(Duration),
    /// It has come back after so long.
    Back(Duration),
    /// The engine has ended in good order.
    Ended,
    /// It has, and has not begun anew.
    AtRest,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Watch {
    limit: Duration,
    last: Option<Beat>,
    changed_at: Timestamp,
    is_silent: bool,
}

impl Watch {
    /// Nothing was heard yet: the limit counts from now.
    #[must_use]
    pub const fn new(limit: Duration, now: Timestamp) -> Self {
        Self { limit, last: None, changed_at: now, is_silent: false }
    }

    /// Whether the heartbeat was old at the last look.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// Takes what was heard; no answer counts as the one before.
    pub fn look(&mut self, now: Timestamp, heard: Option<&Beat>) -> Verdict {
        let was_at_rest = self.last.as_ref().is_some_and(|last| last.ended);
        match heard {
            Some(beat) if beat.ended => {
                self.last = Some(beat.clone());
                (self.changed_at, self.is_silent) = (now, false);
                return if was_at_rest { Verdict::AtRest } else { Verdict::Ended };
            }
            // With its process its API is gone.
            None if was_at_rest => return Verdict::AtRest,
            Some(_) | None => {}
        }
        let age = now.since(self.changed_at);
        if let Some(beat) = heard.filter(|beat| Some(*beat) != self.last.as_ref()) {
            // The first may be what a dead engine has left: it only starts the count.
            let is_change = self.last.is_some();
            self.last = Some(beat.clone());
            if is_change {
                self.changed_at = now;
                return if std::mem::take(&mut self.is_silent) {
                    Verdict::Back(age)
                } else {
                    Verdict::Fresh
                };
            }
        }
        match (age > self.limit, std::mem::replace(&mut self.is_silent, age > self.limit)) {
            (false, _) => Verdict::Fresh,
            (true, false) => Verdict::Stopped(age),
            (true, true) => Verdict::Silent(age),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_as_old_as_its_last_change() {
        use Verdict::{AtRest, Back, Ended, Fresh, Silent, Stopped};
        /// Looks at seconds, each with the count heard, and what they come to.
        #[track_caller]
        fn check(looks: &[(i64, Option<u64>, Verdict)]) {
            let mut watch = Watch::new(Duration::from_secs(10), Timestamp::from_secs(100));
            for (at, heard, expected) in looks {
                let beat = heard.map(|beats| Beat {
                    instance: "4f9k2a".parse().unwrap(),
                    process: 1,
                    beats,
                    ended: beats == 0,
                });
                let verdict = watch.look(Timestamp::from_secs(100 + at), beat.as_ref());
                assert_eq!(verdict, *expected, "at {at}");
            }
        }
        let secs = Duration::from_secs;
        check(&[
            (1, Some(1), Fresh),
            (9, Some(2), Fresh),
            (19, None, Fresh),
            (20, None, Stopped(secs(11))),
        ]);
        check(&[(10, None, Fresh), (11, None, Stopped(secs(11))), (12, None, Silent(secs(12)))]);
        // What a dead engine left is no sign of life, however often it is read.
        check(&[
            (1, Some(7), Fresh),
            (11, Some(7), Stopped(secs(11))),
            (12, Some(7), Silent(secs(12))),
        ]);
        // One that has ended in good order leaves nothing to guard, until it begins anew.
        check(&[
            (1, Some(5), Fresh),
            (2, Some(6), Fresh),
            (3, Some(0), Ended),
            (60, Some(0), AtRest),
            (60, None, AtRest),
            (61, Some(1), Fresh),
            (73, Some(1), Stopped(secs(12))),
        ]);
        check(&[
            (11, None, Stopped(secs(11))),
            (20, Some(1), Silent(secs(20))),
            (21, Some(2), Back(secs(21))),
            (30, Some(2), Fresh),
        ]);
        check(&[
            (1, Some(5), Fresh),
            (2, Some(6), Fresh),
            (13, Some(6), Stopped(secs(11))),
            (14, Some(1), Back(secs(12))),
        ]);
    }
}
