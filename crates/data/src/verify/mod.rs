//! What is wrong with history: gaps, doubles, disorder, silence and prices that stand alone.
//!
//! | defect | of | means |
//! |---|---|---|
//! | gap | klines | intervals without a bar between two that are there |
//! | gap | trades, aggregates, depth | ids that are missing between two that are there |
//! | duplicate | all | the same row once more; safe to remove |
//! | conflict | klines, trades, aggregates | another row for the same bar or id |
//! | disorder | all | rows after later ones; safe to sort |
//! | zero volume | klines | bars in which nothing was traded |
//! | outlier | klines, trades, aggregates | a price far from those around it: see [`outlier`] |
//! | misaligned | klines | bars that do not open where their interval does |
//! | crossed | quotes | a bid above the ask |
//!
//! A venue's outage is a gap like any other: nobody traded, and no file can have what was not
//! there. A zero volume is no error of the data either. They are named because a strategy that
//! was tested over them should have been told.

mod examine;
mod finding;
mod mend;
mod outlier;
mod picture;

use model::{Interval, Timestamp};
use serde::Serialize;
use store::catalog::{AggTrade, Kind, Kline, LevelChange, Quote, Series, SeriesKey, Trade};

use crate::merged::{Displaced, MergeError, Merged};
use crate::{Meter, parallel};
use examine::Examine;
pub use finding::{Defect, Finding, Findings};
pub use mend::{MendError, Mended, mend};
pub use picture::to_html;

/// Columns of a picture.
const BINS: usize = 480;

/// What was found in one series.
#[derive(Clone, Debug, Serialize)]
pub struct SeriesCheck {
    /// Which.
    #[serde(flatten)]
    pub key: SeriesKey,
    /// Files.
    pub segments: usize,
    /// Rows, doubles included.
    pub rows: u64,
    /// The first instant.
    pub first_at: Timestamp,
    /// The last one.
    pub last_at: Timestamp,
    /// What is wrong.
    #[serde(flatten)]
    pub findings: Findings,
    /// Rows and the last price of each part of the span, for a picture.
    #[serde(skip)]
    pub bins: Vec<Bin>,
    /// Why it could not be read to its end.
    pub error: Option<String>,
}

/// A part of a series' span.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Bin {
    /// Rows in it.
    pub rows: u64,
    /// The last price in it, where there is one.
    pub price: Option<f64>,
}

/// Checks series, `threads` at a time; results come in the order of `series`. `meter` counts rows.
#[must_use]
pub fn verify(series: &[Series], threads: usize, meter: &Meter) -> Vec<SeriesCheck> {
    meter.expect(series.iter().map(Series::rows).sum());
    parallel::map(series, threads, |one| verify_one(one, meter))
}

/// Checks one series.
#[must_use]
pub fn verify_one(series: &Series, meter: &Meter) -> SeriesCheck {
    let (first_at, last_at) = series.span().unwrap_or_default();
    let mut check = SeriesCheck {
        key: series.key.clone(),
        segments: series.segments.len(),
        rows: series.rows(),
        first_at,
        last_at,
        findings: Findings::default(),
        bins: vec![Bin::default(); BINS],
        error: None,
    };
    let result = match series.key.kind {
        Kind::Trades => check.run::<Trade>(series, meter),
        Kind::AggTrades => check.run::<AggTrade>(series, meter),
        Kind::Klines => check.run::<Kline>(series, meter),
        Kind::Quotes => check.run::<Quote>(series, meter),
        Kind::Depth => check.run::<LevelChange>(series, meter),
    };
    check.error = result.err().map(|error| error.to_string());
    check.findings.close();
    check
}

impl SeriesCheck {
    /// Whether nothing is wrong with the rows themselves: gaps of the venue, silence and outliers
    /// are facts of the market.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.error.is_none() && !self.findings.has_errors()
    }

    fn run<R: Examine>(&mut self, series: &Series, meter: &Meter) -> Result<(), MergeError> {
        let mut merged = Merged::<R>::open(series)?;
        let exponents = merged.exponents();
        let mut outliers = outlier::Hampel::new();
        let mut group = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let mut previous: Option<R> = None;
        while merged.next_group(&mut group)? {
            meter.advance(group.len() as u64);
            self.findings.tick();
            let doubles = remove_doubles(&mut group, &mut seen);
            let at = group[0].at();
            self.findings.add_to_run(Defect::Duplicate, at, doubles);
            if R::IS_ONE_OF_ITS_ID && group.len() > 1 {
                let extra = group.len() as u64 - 1;
                self.findings.add(Defect::Conflict, at, at, extra, "another row for the same");
            }
            for row in &group {
                row.examine(previous.as_ref(), self.key.interval, &mut self.findings);
                if let Some(price) = row.price(exponents) {
                    outliers.push(row.at(), price, &mut self.findings);
                    self.bin(row.at()).price = Some(price);
                }
                self.bin(row.at()).rows += 1;
                previous = Some(*row);
            }
        }
        outliers.finish(&mut self.findings);
        if let Some(Displaced { from, to, rows }) = merged.displaced() {
            self.findings.add(Defect::Disorder, from, to, rows, "rows after later ones");
        }
        if !series.is_ordered() && merged.displaced().is_none() {
            self.findings.add(Defect::Overlap, self.first_at, self.last_at, 1, "files overlap");
        }
        Ok(())
    }

    fn bin(&mut self, at: Timestamp) -> &mut Bin {
        let span = i128::from(self.last_at.nanos_since(self.first_at)) + 1;
        let place = i128::from(at.nanos_since(self.first_at)) * self.bins.len() as i128 / span;
        let last = self.bins.len() - 1;
        let place = usize::try_from(place).unwrap_or(0).min(last);
        &mut self.bins[place]
    }
}

/// Leaves the first of equal rows; how many were removed.
pub(crate) fn remove_doubles<R: store::catalog::Record>(
    group: &mut Vec<R>,
    seen: &mut std::collections::HashSet<R>,
) -> u64 {
    if group.len() < 2 {
        return 0;
    }
    seen.clear();
    let before = group.len();
    group.retain(|row| seen.insert(*row));
    (before - group.len()) as u64
}

/// The length of an interval, in nanoseconds.
pub(crate) fn nanos(interval: Interval) -> i64 {
    i64::try_from(interval.duration().as_nanos()).expect("at most a week")
}
