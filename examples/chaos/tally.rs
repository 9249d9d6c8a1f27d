//! What was counted, and the table of it.

use std::fmt;
use std::time::Duration;

/// What the engine was doing, by its own log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Before it connected: configuration, journal, venue's rules.
    Starting,
    /// Comparing itself with the venue.
    Reconciling,
    /// Compared; its strategies wait for history.
    WarmingUp,
    /// Live.
    Trading,
    /// Lost the venue and has not compared itself since.
    Repairing,
    /// Told to stop.
    Stopping,
    /// On a disk that was full.
    FullDisk,
}

impl Phase {
    /// All, in order.
    pub const ALL: [Self; 7] = [
        Self::Starting,
        Self::Reconciling,
        Self::WarmingUp,
        Self::Trading,
        Self::Repairing,
        Self::Stopping,
        Self::FullDisk,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Reconciling => "reconciling",
            Self::WarmingUp => "warming up",
            Self::Trading => "trading",
            Self::Repairing => "repairing",
            Self::Stopping => "stopping",
            Self::FullDisk => "full disk",
        }
    }
}

/// Counts of one phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Orders sent.
    pub orders: u64,
    /// Fills told.
    pub fills: u64,
    /// Kills.
    pub kills: u64,
}

/// Everything that was counted.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: [Counts; Phase::ALL.len()],
    /// Kills while a stop and its target were on their way, by the engine's log.
    pub kills_in_pairs: u64,
    /// Process start to live, where nothing of ours was in the way.
    pub quiet: Vec<Duration>,
    /// The same through cut, stalled and garbled connections.
    pub disturbed: Vec<Duration>,
    /// Processes that ended by themselves, by exit code.
    pub exits: std::collections::BTreeMap<i32, u64>,
    /// Stops for a comparison that caught a protective order on its way, and were tried again.
    pub caught: u64,
}

impl Tally {
    /// The counts of a phase.
    pub fn of(&mut self, phase: Phase) -> &mut Counts {
        &mut self.counts[phase as usize]
    }

    /// Kills so far.
    pub fn kills(&self) -> u64 {
        self.counts.iter().map(|counts| counts.kills).sum()
    }
}

/// Half of them are faster.
pub fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:<12} {:>8} {:>8} {:>6}", "phase", "orders", "fills", "kills")?;
        for phase in Phase::ALL {
            let Counts { orders, fills, kills } = self.counts[phase as usize];
            writeln!(out, "{:<12} {orders:>8} {fills:>8} {kills:>6}", phase.name())?;
        }
        for (name, times) in [("undisturbed", &self.quiet), ("disturbed", &self.disturbed)] {
            let slowest = times.iter().max().copied().unwrap_or_default();
            writeln!(
                out,
                "live again, {name}: {} restarts, p50 {} ms, max {} ms",
                times.len(),
                median(times).as_millis(),
                slowest.as_millis()
            )?;
        }
        for (code, count) in &self.exits {
            writeln!(out, "ended by itself with code {code}: {count}")?;
        }
        if self.caught > 0 {
            writeln!(
                out,
                "stops for a comparison that caught a protective order: {}",
                self.caught
            )?;
        }
        Ok(())
    }
}
