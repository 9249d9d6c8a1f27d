//! The timers that a strategy has set.

use std::collections::BTreeMap;

use model::Timestamp;

/// By name, with the earliest at hand: it is asked for before every event.
#[derive(Debug, Default)]
pub(super) struct Timers {
    set: BTreeMap<u32, Timestamp>,
    earliest: Option<Timestamp>,
}

impl Timers {
    pub const fn earliest(&self) -> Option<Timestamp> {
        self.earliest
    }

    pub fn set(&mut self, timer: u32, at: Timestamp) {
        self.set.insert(timer, at);
        self.note_earliest();
    }

    pub fn clear(&mut self, timer: u32) {
        if self.set.remove(&timer).is_some() {
            self.note_earliest();
        }
    }

    /// Those whose time has come, in the order of their names.
    pub fn due(&self, now: Timestamp) -> Vec<u32> {
        self.set.iter().filter(|(_, at)| **at <= now).map(|(timer, _)| *timer).collect()
    }

    fn note_earliest(&mut self) {
        self.earliest = self.set.values().min().copied();
    }
}
