//! One run of many, and what is kept of it.

use std::time::Duration;

use kernel::cascade::CascadeOutput;
use model::{Amount, InstrumentId, Interval, Timestamp};
use report::metrics::SharpeSample;
use report::run::Halt;
use serde::{Deserialize, Serialize};

use super::windows::Span;
use crate::plan::{Machines, RunPlan};
use crate::run::{Run, RunError, WatchError, Watcher};
use crate::source::Span as Until;
use crate::tape::Tape;

/// Daily returns of a year, as everywhere.
const DAYS_OF_YEAR: f64 = 365.0;

/// Fewest returns that a ratio is given for.
const MIN_RETURNS: usize = 30;

/// How often equity is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sampling {
    /// Time from one look to the next, by the time of events.
    pub every: Duration,
}

impl Sampling {
    /// A day, an hour, a minute or a second: the longest that gives a span of time enough returns
    /// for a ratio.
    #[must_use]
    pub fn for_span(length: Duration) -> Self {
        let needed = u32::try_from(MIN_RETURNS).expect("a small number") + 1;
        let units = [86_400, 3_600, 60].map(Duration::from_secs);
        let every = units.into_iter().find(|every| length >= *every * needed);
        Self { every: every.unwrap_or(Duration::from_secs(1)) }
    }

    /// Whether it is daily: only then are figures annualised.
    #[must_use]
    pub const fn is_daily(self) -> bool {
        self.every.as_secs() == 86_400
    }

    /// Its name: `1d`, `1h`, `1m` or `1s`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.every.as_secs() {
            86_400 => "1d",
            3_600 => "1h",
            60 => "1m",
            _ => "1s",
        }
    }
}

/// What a run came to. Money is in the run's currency.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Market events of the span.
    pub events: u64,
    /// Orders sent to the venue.
    pub orders: u64,
    /// Orders denied by risk, which were not sent.
    pub denied: u64,
    /// Of those sent, refused by the venue.
    pub rejected: u64,
    /// Executions.
    pub fills: u64,
    /// Fees paid.
    pub fees: Amount,
    /// End equity less start equity.
    pub profit: Amount,
    /// The same as a fraction of start equity.
    pub total_return: f64,
    /// Deepest fall of the sampled equity below its peak, as a fraction of the peak.
    pub max_drawdown: f64,
    /// Mean over deviation of the sampled returns: of those from one daily UTC close to the next
    /// times √365, as the report's; of shorter ones as it is, for these carry no annual figure.
    /// `None` for fewer than thirty, or where they do not vary.
    pub sharpe: Option<f64>,
    /// The same, not annualised, with the moments that the deflated ratio needs.
    pub sample: Option<[f64; 3]>,
    /// Number of returns.
    pub returns: usize,
    /// What kept it from trading to its end: such a result is none for the whole span.
    pub halts: Vec<Halt>,
    /// What was wrong with the history that it was warmed up with.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
    /// Profit so far at each look, where it was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub curve: Vec<(Timestamp, Amount)>,
}

impl Outcome {
    /// Whether it traded from the first event to the last.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.halts.is_empty()
    }

    /// The sample of returns, for [`report::metrics::deflated_sharpe`].
    #[must_use]
    pub fn sharpe_sample(&self) -> Option<SharpeSample> {
        let [sharpe, skewness, kurtosis] = self.sample?;
        Some(SharpeSample { sharpe, skewness, kurtosis, count: self.returns })
    }
}

/// Notes the equity at every boundary of the sampling.
#[derive(Debug)]
struct Sampler {
    every: Duration,
    start: f64,
    next: Option<Timestamp>,
    equity: Vec<f64>,
    /// When profit was what, if somebody wants to know.
    curve: Option<Vec<(Timestamp, Amount)>>,
}

impl Sampler {
    fn equity_of(&self, profit: Amount) -> f64 {
        self.start + profit.to_f64()
    }

    /// Profit as it was until an instant.
    fn note(&mut self, at: Timestamp, profit: Amount) {
        if let Some(curve) = &mut self.curve {
            curve.push((at, profit));
        }
    }
}

fn profit_of(machines: &Machines) -> Amount {
    let account = machines.risk().portfolio().equity();
    (account.equity() - account.capital()).to_amount()
}

impl Watcher for Sampler {
    fn output(&mut self, _: &CascadeOutput, _: &Machines) -> Result<(), WatchError> {
        Ok(())
    }

    fn sample_at(&self) -> Option<Timestamp> {
        Some(self.next.unwrap_or(Timestamp::EPOCH))
    }

    /// Equity stays as it is until the next event: boundaries without one between them are as the
    /// first.
    fn sample(&mut self, now: Timestamp, machines: &Machines) -> Result<(), WatchError> {
        let boundary = now.floor_to(self.every);
        if let Some(next) = self.next {
            let profit = profit_of(machines);
            let equity = self.equity_of(profit);
            self.note(next, profit);
            let passed = boundary.since(next).as_nanos() / self.every.as_nanos() + 1;
            let passed = usize::try_from(passed).unwrap_or(0);
            self.equity.extend(std::iter::repeat_n(equity, passed));
        } else {
            self.equity.push(self.start);
            self.note(now, Amount::ZERO);
        }
        self.next = Some(boundary.after(self.every));
        Ok(())
    }

    fn ended(&mut self, machines: &Machines) -> Result<(), WatchError> {
        let profit = profit_of(machines);
        self.equity.push(self.equity_of(profit));
        self.note(machines.now(), profit);
        Ok(())
    }
}

/// Runs a plan over a part of a tape. What lies before the part is history, as far as the
/// strategies want any. With `wants_curve` profit is kept at each look, and not only its figures.
///
/// # Errors
/// See [`RunError`].
pub fn run_over(
    plan: &RunPlan,
    tape: &Tape,
    span: Span,
    given_bars: &[(InstrumentId, Interval)],
    sampling: Sampling,
    wants_curve: bool,
) -> Result<Outcome, RunError> {
    let start = plan.cash().to_f64();
    let (every, curve) = (sampling.every, wants_curve.then(Vec::new));
    let sampler = Sampler { every, start, next: None, equity: Vec::new(), curve };
    let mut run = Run::new(plan, span.from, given_bars, sampler)?;
    let reader = if run.wants_past() { tape.reader() } else { tape.reader_from(span.from) };
    let mut source = Until::until(reader, span.to);
    run.drive(&mut source)?;
    let (events, tally, profit) = (run.events(), run.tally().clone(), run.profit());
    let (halts, warnings) = (plan.halts(&tally.halts), run.warnings(plan));
    let Sampler { equity, curve, .. } = run.into_watcher();
    // The first sample is the start, which is no close of a day.
    let closes = &equity[usize::from(sampling.is_daily()).min(equity.len())..];
    let returns: Vec<f64> =
        closes.windows(2).map(|pair| pair[1] / pair[0] - 1.0).filter(|r| r.is_finite()).collect();
    let sample = SharpeSample::of(&returns).filter(|_| returns.len() >= MIN_RETURNS);
    let scale = if sampling.is_daily() { DAYS_OF_YEAR.sqrt() } else { 1.0 };
    let total_return = if start > 0.0 { profit.to_f64() / start } else { 0.0 };
    Ok(Outcome {
        events,
        orders: tally.orders,
        denied: tally.denied,
        rejected: tally.rejected,
        fills: tally.fills,
        fees: tally.fees,
        profit,
        total_return,
        max_drawdown: deepest_fall(&equity),
        sharpe: sample.map(|sample| sample.sharpe * scale),
        sample: sample.map(|sample| [sample.sharpe, sample.skewness, sample.kurtosis]),
        returns: returns.len(),
        halts,
        warnings,
        curve: curve.unwrap_or_default(),
    })
}

fn deepest_fall(equity: &[f64]) -> f64 {
    let (mut peak, mut deepest) = (f64::MIN_POSITIVE, 0.0_f64);
    for value in equity {
        peak = peak.max(*value);
        deepest = deepest.max(1.0 - value / peak);
    }
    deepest
}
