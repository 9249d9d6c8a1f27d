//! How many questions about single orders may go out: many orders in doubt at once must not use
//! up the venue's request weight, nor get us banned.

use std::time::Duration;

use model::Timestamp;

/// So many questions in a window of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Budget {
    window_at: Timestamp,
    used: u32,
}

impl Budget {
    /// Takes one question from the budget; `Err` tells when there is one again.
    pub fn take(&mut self, now: Timestamp, window: Duration, most: u32) -> Result<(), Timestamp> {
        let window = window.max(Duration::from_millis(1));
        let ends_at = self.window_at.after(window);
        if now >= ends_at || now < self.window_at {
            *self = Self { window_at: now, used: 0 };
        } else if self.used >= most.max(1) {
            return Err(ends_at);
        }
        self.used += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_gives_so_many_and_then_says_when() {
        let at = Timestamp::from_millis;
        let mut budget = Budget::default();
        let mut take = |ms| budget.take(at(ms), Duration::from_secs(1), 2);
        assert_eq!(take(5_000), Ok(()));
        assert_eq!(take(5_999), Ok(()));
        assert_eq!(take(5_999), Err(at(6_000)));
        assert_eq!(take(6_000), Ok(()));
        assert_eq!(take(6_000), Ok(()));
        assert_eq!(take(6_000), Err(at(7_000)));
        // A clock that goes back gives no endless wait.
        assert_eq!(take(1_000), Ok(()));
    }
}
