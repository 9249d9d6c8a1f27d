//! What has to hold from one row to the next, kind by kind.

use model::Interval;
use store::catalog::{AggTrade, Exponents, Kline, LevelChange, Quote, Record, Trade};

use super::finding::{Defect, Findings};
use super::nanos;
use crate::float::float;

/// A record that can be checked against the one before it.
pub trait Examine: Record {
    /// Whether there is one row for an instant and id.
    const IS_ONE_OF_ITS_ID: bool;

    /// Compares with the row before it.
    fn examine(&self, previous: Option<&Self>, interval: Option<Interval>, findings: &mut Findings);

    /// A price to compare with those around it.
    fn price(&self, exponents: Exponents) -> Option<f64>;
}

/// Ids that are missing between two.
fn missing(previous: i64, next: i64) -> u64 {
    u64::try_from(next.saturating_sub(previous).saturating_sub(1)).unwrap_or(0)
}

impl Examine for Kline {
    const IS_ONE_OF_ITS_ID: bool = true;

    fn examine(
        &self,
        previous: Option<&Self>,
        interval: Option<Interval>,
        findings: &mut Findings,
    ) {
        let Some(interval) = interval else { return };
        if interval.open_of(self.open_at) != self.open_at {
            findings.add_to_run(Defect::Misaligned, self.open_at, 1);
        }
        if self.volume == 0 {
            findings.add_to_run(Defect::ZeroVolume, self.open_at, 1);
        }
        let Some(previous) = previous else { return };
        let distance = self.open_at.nanos_since(previous.open_at);
        let missing = (distance - 1).max(0) / nanos(interval);
        if missing > 0 {
            let from = previous.open_at.after(interval.duration());
            let count = u64::try_from(missing).unwrap_or(0);
            findings.add(Defect::Gap, from, self.open_at, count, "bars missing");
        }
    }

    fn price(&self, exponents: Exponents) -> Option<f64> {
        // The end of the longer wick: where a wrong price would show.
        let (up, down) =
            (self.high - self.open.max(self.close), self.open.min(self.close) - self.low);
        Some(float(if up >= down { self.high } else { self.low }, exponents.price))
    }
}

impl Examine for Trade {
    const IS_ONE_OF_ITS_ID: bool = true;

    fn examine(&self, previous: Option<&Self>, _: Option<Interval>, findings: &mut Findings) {
        let Some(previous) = previous else { return };
        let (from, to) = (previous.received_at, self.received_at);
        findings.add(Defect::Gap, from, to, missing(previous.id, self.id), "trade ids missing");
        if self.id < previous.id {
            findings.add(Defect::Disorder, to, to, 1, "trade id runs backwards");
        }
    }

    fn price(&self, exponents: Exponents) -> Option<f64> {
        Some(float(self.price, exponents.price))
    }
}

impl Examine for AggTrade {
    const IS_ONE_OF_ITS_ID: bool = true;

    fn examine(&self, previous: Option<&Self>, _: Option<Interval>, findings: &mut Findings) {
        let Some(previous) = previous else { return };
        let (from, to) = (previous.received_at, self.received_at);
        let aggregates = missing(previous.id, self.id);
        findings.add(Defect::Gap, from, to, aggregates, "aggregate ids missing");
        if aggregates == 0 {
            let trades = missing(previous.last_trade_id, self.first_trade_id);
            findings.add(Defect::Gap, from, to, trades, "trade ids missing");
        }
        if self.id < previous.id {
            findings.add(Defect::Disorder, to, to, 1, "aggregate id runs backwards");
        }
    }

    fn price(&self, exponents: Exponents) -> Option<f64> {
        Some(float(self.price, exponents.price))
    }
}

impl Examine for Quote {
    const IS_ONE_OF_ITS_ID: bool = false;

    fn examine(&self, previous: Option<&Self>, _: Option<Interval>, findings: &mut Findings) {
        if self.bid > 0 && self.ask > 0 && self.bid >= self.ask {
            findings.add_to_run(Defect::Crossed, self.received_at, 1);
        }
        if previous.is_some_and(|previous| self.update_id < previous.update_id) {
            findings.add_to_run(Defect::Disorder, self.received_at, 1);
        }
    }

    fn price(&self, _: Exponents) -> Option<f64> {
        None
    }
}

impl Examine for LevelChange {
    const IS_ONE_OF_ITS_ID: bool = false;

    fn examine(&self, previous: Option<&Self>, _: Option<Interval>, findings: &mut Findings) {
        let Some(previous) = previous else { return };
        let is_same = previous.last_update_id == self.last_update_id;
        // A snapshot begins anew, and is often older or newer than the updates around it.
        if is_same || self.flags.is_snapshot() || previous.flags.is_snapshot() {
            return;
        }
        let (from, to) = (previous.received_at, self.received_at);
        let updates = missing(previous.last_update_id, self.first_update_id);
        findings.add(Defect::Gap, from, to, updates, "update ids missing");
        if self.last_update_id < previous.last_update_id {
            findings.add(Defect::Disorder, to, to, 1, "update id runs backwards");
        }
    }

    fn price(&self, _: Exponents) -> Option<f64> {
        None
    }
}
