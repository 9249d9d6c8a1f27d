//! What is told once for each order, and then rarely.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{ClientOrderId, Timestamp};

/// Between two lines about the same order.
const EVERY: Duration = Duration::from_secs(600);

/// Orders that are remembered; past it the oldest line may be repeated early.
const REMEMBERED: usize = 256;

/// When something was last told of an order.
#[derive(Debug, Default)]
pub struct Seldom {
    told: BTreeMap<ClientOrderId, Timestamp>,
}

impl Seldom {
    /// Whether it is time to tell it, now or again; it counts as told then.
    pub fn is_due(&mut self, order: ClientOrderId, now: Timestamp) -> bool {
        if self.told.get(&order).is_some_and(|at| now.since(*at) < EVERY) {
            return false;
        }
        if self.told.len() >= REMEMBERED {
            let oldest = self.told.iter().min_by_key(|(_, at)| **at).map(|(order, _)| *order);
            oldest.and_then(|oldest| self.told.remove(&oldest));
        }
        self.told.insert(order, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_and_then_rarely() {
        let (one, other) = ("one".parse().unwrap(), "other".parse().unwrap());
        let mut seldom = Seldom::default();
        let start = Timestamp::from_secs(1_700_000_000);
        let later = |secs| start.after(Duration::from_secs(secs));
        assert!(seldom.is_due(one, start));
        assert!(!seldom.is_due(one, later(1)));
        assert!(seldom.is_due(other, later(1)), "each for itself");
        assert!(!seldom.is_due(one, later(599)));
        assert!(seldom.is_due(one, later(600)));
        assert!(!seldom.is_due(one, later(601)));
        for number in 0..1_000 {
            assert!(seldom.is_due(format!("n{number}").parse().unwrap(), later(700)));
        }
        assert!(seldom.told.len() <= REMEMBERED);
    }
}
