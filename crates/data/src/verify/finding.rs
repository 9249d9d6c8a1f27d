//! What is told about a defect.

use std::collections::BTreeMap;

use model::Timestamp;
use serde::Serialize;

/// Findings of one kind that are listed one by one; all are counted.
const MAX_LISTED: usize = 500;

/// A kind of defect.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Defect {
    /// Something is missing between what is there.
    Gap,
    /// The same row once more.
    Duplicate,
    /// Another row for the same bar or id.
    Conflict,
    /// Rows after later ones.
    Disorder,
    /// Files that span the same time.
    Overlap,
    /// Bars without volume.
    ZeroVolume,
    /// A price far from those around it.
    Outlier,
    /// Bars that do not open where their interval does.
    Misaligned,
    /// Bids above asks.
    Crossed,
}

impl Defect {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Gap,
        Self::Duplicate,
        Self::Conflict,
        Self::Disorder,
        Self::Overlap,
        Self::ZeroVolume,
        Self::Outlier,
        Self::Misaligned,
        Self::Crossed,
    ];

    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Disorder => "disorder",
            Self::Overlap => "overlap",
            Self::ZeroVolume => "zero volume",
            Self::Outlier => "outlier",
            Self::Misaligned => "misaligned",
            Self::Crossed => "crossed",
        }
    }

    /// Whether it is an error of the data, and not something that markets do.
    #[must_use]
    pub const fn is_error(self) -> bool {
        match self {
            Self::Duplicate
            | Self::Conflict
            | Self::Disorder
            | Self::Overlap
            | Self::Misaligned
            | Self::Crossed => true,
            Self::Gap | Self::ZeroVolume | Self::Outlier => false,
        }
    }

    /// Whether `--mend` removes it.
    #[must_use]
    pub const fn is_mended(self) -> bool {
        match self {
            Self::Duplicate | Self::Disorder | Self::Overlap => true,
            Self::Conflict
            | Self::Gap
            | Self::ZeroVolume
            | Self::Outlier
            | Self::Misaligned
            | Self::Crossed => false,
        }
    }
}

/// A stretch of one defect.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// What.
    pub defect: Defect,
    /// From when on: of a gap the first that is missing.
    pub from: Timestamp,
    /// Until when: of a gap the first that is there again.
    pub to: Timestamp,
    /// How many rows, missing or there.
    pub count: u64,
    /// What else can be said.
    pub detail: String,
}

/// All that is wrong with one series.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Findings {
    /// How many rows each defect concerns.
    pub counts: BTreeMap<Defect, u64>,
    /// How many stretches of each there are.
    pub stretches: BTreeMap<Defect, u64>,
    /// The largest stretches of each, in the order of time.
    pub findings: Vec<Finding>,
    /// Being lengthened, by defect.
    #[serde(skip)]
    open: BTreeMap<Defect, (Finding, u64)>,
    /// Groups of rows passed, to tell whether stretches touch.
    #[serde(skip)]
    ticks: u64,
}

impl Findings {
    /// Adds `count` rows between two instants; nothing for none.
    pub(super) fn add(
        &mut self,
        defect: Defect,
        from: Timestamp,
        to: Timestamp,
        count: u64,
        detail: &str,
    ) {
        if count == 0 {
            return;
        }
        *self.counts.entry(defect).or_default() += count;
        *self.stretches.entry(defect).or_default() += 1;
        let detail = detail.to_owned();
        self.list(Finding { defect, from, to, count, detail });
    }

    /// Adds rows of one instant to a stretch of instants that follow each other.
    pub(super) fn add_to_run(&mut self, defect: Defect, at: Timestamp, count: u64) {
        if count == 0 {
            return;
        }
        *self.counts.entry(defect).or_default() += count;
        let ticks = self.ticks;
        match self.open.get_mut(&defect) {
            Some((run, last)) if *last + 1 >= ticks => {
                (run.to, run.count, *last) = (at, run.count + count, ticks);
            }
            Some(_) | None => {
                let run = Finding { defect, from: at, to: at, count, detail: String::new() };
                let ended = self.open.insert(defect, (run, ticks));
                *self.stretches.entry(defect).or_default() += 1;
                if let Some((ended, _)) = ended {
                    self.list(ended);
                }
            }
        }
    }

    /// One group of rows was passed.
    pub(super) fn tick(&mut self) {
        self.ticks += 1;
    }

    /// Ends all runs and puts everything in the order of time.
    pub(super) fn close(&mut self) {
        for (ended, _) in std::mem::take(&mut self.open).into_values() {
            self.list(ended);
        }
        self.findings.sort_by_key(|finding| (finding.from, finding.defect));
    }

    /// Keeps the largest.
    fn list(&mut self, finding: Finding) {
        let same = |other: &&Finding| other.defect == finding.defect;
        if self.findings.iter().filter(same).count() < MAX_LISTED {
            self.findings.push(finding);
            return;
        }
        let others = self.findings.iter_mut().filter(|other| other.defect == finding.defect);
        if let Some(smallest) = others.min_by_key(|other| other.count)
            && smallest.count < finding.count
        {
            *smallest = finding;
        }
    }

    /// Rows that a defect concerns.
    #[must_use]
    pub fn count(&self, defect: Defect) -> u64 {
        self.counts.get(&defect).copied().unwrap_or(0)
    }

    /// Whether anything is an error of the data.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.counts.keys().any(|defect| defect.is_error())
    }

    /// Whether anything can be mended.
    #[must_use]
    pub fn can_be_mended(&self) -> bool {
        self.counts.keys().any(|defect| defect.is_mended())
    }
}
