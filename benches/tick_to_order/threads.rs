//! What the threads of this process did: on a core, and waiting for one.

use std::collections::BTreeMap;
use std::time::Duration;

/// By name of the thread.
#[derive(Clone, Debug, Default)]
pub struct ThreadTimes(BTreeMap<String, Times>);

/// Of threads with one name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// On a core.
    pub ran: Duration,
    /// Ready to run, while others had the cores.
    pub waited: Duration,
    /// How often it was put on a core.
    pub turns: u64,
}

impl ThreadTimes {
    /// From Linux's `/proc/self/task/*/schedstat`; nothing on other systems.
    pub fn read() -> Self {
        let mut threads = Self::default();
        for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            let read = |file: &str| std::fs::read_to_string(task.path().join(file)).ok();
            let (Some(name), Some(figures)) = (read("comm"), read("schedstat")) else { continue };
            let figures: Vec<u64> =
                figures.split_whitespace().filter_map(|figure| figure.parse().ok()).collect();
            let &[ran, waited, turns] = figures.as_slice() else { continue };
            let times = threads.0.entry(name.trim().to_owned()).or_default();
            times.ran += Duration::from_nanos(ran);
            times.waited += Duration::from_nanos(waited);
            times.turns += turns;
        }
        threads
    }

    /// What came since an earlier look.
    pub fn since(&self, earlier: &Self) -> Self {
        let since = self.0.iter().map(|(name, times)| {
            let before = earlier.0.get(name).copied().unwrap_or_default();
            let times = Times {
                ran: times.ran.saturating_sub(before.ran),
                waited: times.waited.saturating_sub(before.waited),
                turns: times.turns.saturating_sub(before.turns),
            };
            (name.clone(), times)
        });
        Self(since.collect())
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Times)> {
        self.0.iter().map(|(name, times)| (name.as_str(), *times))
    }
}
