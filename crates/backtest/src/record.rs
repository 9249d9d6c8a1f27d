//! What a report is made of, taken down while a run goes on.

use std::time::Duration;

use kernel::cascade::CascadeOutput;
use kernel::portfolio::Value;
use model::{Amount, Fill, Instruments, OrderEvent, OrderEventKind, StrategyId, Timestamp};
use report::metrics::{SampleRule, TradeMethod};
use report::run::{
    CostScenario, Ending, FillValue, Halt, ReportError, RunIdentity, RunReport, RunReportBuilder,
    StrategySetup,
};

use crate::plan::{Machines, RunPlan};
use crate::run::{WatchError, Watcher};
use crate::tally::{fee_in_quote, in_currency};

/// How often equity, exposure and prices are noted, by the time of events.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// Takes down fills, orders, equity and prices for a report.
#[derive(Debug)]
pub struct Recorder {
    identity: RunIdentity,
    strategies: Vec<StrategySetup>,
    start_equity: Amount,
    plan: RunPlan,
    /// Made with the first sample, which says when the run began.
    builder: Option<RunReportBuilder>,
    sample_at: Timestamp,
    account: Mark,
    /// In the order of the portfolio's.
    marks: Vec<Mark>,
    /// When the last event was over.
    settled_at: Timestamp,
}

/// What is known of a run when it is over.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RunOutcome {
    /// Events that it has processed.
    pub events: u64,
    /// Why the result should not be taken at face value.
    pub warnings: Vec<String>,
    /// What kept it from trading to its end.
    pub halts: Vec<Halt>,
    /// What was under way at its end.
    pub ending: Ending,
    /// The result under other assumptions.
    pub scenarios: Vec<CostScenario>,
}

/// Equity between two samples, and how far it has been noted: only what leaves the fall that is
/// known changes any figure.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    equity: Value,
    peak: Value,
    /// The lowest since the peak.
    trough: Value,
}

impl Mark {
    const fn at(equity: Value) -> Self {
        Self { equity, peak: equity, trough: equity }
    }

    /// Takes the equity of now. The one before it, if both are to be noted: the last instant at a
    /// peak is the one before it is left.
    fn moves_to(&mut self, equity: Value) -> Option<Value> {
        if equity == self.equity {
            return None;
        }
        let before = std::mem::replace(&mut self.equity, equity);
        if self.trough <= equity && equity < self.peak {
            return None;
        }
        self.peak = self.peak.max(equity);
        self.trough = equity;
        Some(before)
    }
}

impl Recorder {
    /// For a run of this plan.
    #[must_use]
    pub fn new(plan: &RunPlan, identity: RunIdentity) -> Self {
        let setup = |strategy: &crate::plan::StrategyPlan| StrategySetup {
            name: strategy.name.clone(),
            kind: strategy.entry.kind().to_owned(),
            capital: strategy.capital,
            trade_method: method(strategy.entry.kind()),
            parameters: strategy.parameters.in_words(),
        };
        Self {
            identity,
            strategies: plan.strategies.iter().map(setup).collect(),
            start_equity: plan.cash(),
            plan: plan.clone(),
            builder: None,
            sample_at: Timestamp::EPOCH,
            account: Mark::default(),
            marks: Vec::new(),
            settled_at: Timestamp::EPOCH,
        }
    }

    /// Adds a warning that the report shows first.
    pub fn warn(&mut self, text: &str) {
        match &mut self.builder {
            Some(builder) => builder.warn(text),
            None => self.identity.warnings.push(text.to_owned()),
        }
    }

    /// The report of the run; `None` if it never began.
    #[must_use]
    pub fn finish(mut self, outcome: RunOutcome, rule: SampleRule) -> Option<RunReport> {
        outcome.warnings.iter().for_each(|warning| self.warn(warning));
        let mut builder = self.builder?;
        builder.count_events(outcome.events);
        builder.ended_with(outcome.ending);
        outcome.halts.into_iter().for_each(|halt| builder.add_halt(halt));
        outcome.scenarios.into_iter().for_each(|scenario| builder.add_cost_scenario(scenario));
        Some(builder.finish(rule))
    }

    fn begin(&mut self, machines: &Machines) {
        let now = machines.now();
        let portfolio = machines.risk().portfolio();
        self.account = Mark::at(portfolio.equity().equity());
        self.marks = portfolio.equities().map(|(_, track)| Mark::at(track.equity())).collect();
        self.settled_at = now;
        let instruments: Instruments = (*self.plan.instruments).clone();
        let (identity, currency) = (self.identity.clone(), self.plan.currency);
        let mut builder =
            RunReportBuilder::new(identity, currency, instruments, now, self.start_equity);
        for strategy in self.strategies.drain(..) {
            builder.add_strategy(strategy);
        }
        self.builder = Some(builder);
    }

    fn push_order(
        &mut self,
        strategy: StrategyId,
        event: &OrderEvent,
        third: Amount,
        machines: &Machines,
    ) -> Result<(), ReportError> {
        // What a strategy does as it starts comes before the first event.
        if self.builder.is_none() {
            self.begin(machines);
        }
        let Some(builder) = &mut self.builder else { return Ok(()) };
        let OrderEventKind::Filled { fill, complete, .. } = &event.kind else {
            return builder.push_order_event(strategy, event);
        };
        let value = value_of(fill, third, machines)?;
        // What is at stake is another amount from here on.
        self.sample_at = Timestamp::EPOCH;
        builder.push_fill(strategy, event.order, fill, value, *complete)
    }

    /// Everything as it stands since the last instant at which something happened.
    fn push_sample(&mut self, machines: &Machines) -> Result<(), ReportError> {
        let Some(builder) = &mut self.builder else { return Ok(()) };
        let (portfolio, at) = (machines.risk().portfolio(), machines.now());
        let account = portfolio.equity();
        let profit = (account.equity() - account.capital()).to_amount();
        builder.push_equity(at, self.start_equity + profit);
        builder.push_exposure(at, account.holdings().to_amount());
        for (strategy, track) in portfolio.equities() {
            builder.push_strategy_equity(strategy, at, track.equity().to_amount())?;
        }
        for instrument in self.plan.instruments.iter() {
            if let Some(price) = portfolio.marks().mark(instrument.id) {
                builder.push_price(instrument.id, at, price)?;
            }
        }
        Ok(())
    }

    /// Equity moved: what that changes of peaks and falls.
    fn push_marks(&mut self, machines: &Machines) -> Result<(), ReportError> {
        let Some(builder) = &mut self.builder else { return Ok(()) };
        let portfolio = machines.risk().portfolio();
        let at = [self.settled_at, machines.now()];
        let account = portfolio.equity();
        if let Some(before) = self.account.moves_to(account.equity()) {
            for (at, equity) in at.into_iter().zip([before, account.equity()]) {
                let profit = (equity - account.capital()).to_amount();
                builder.push_equity(at, self.start_equity + profit);
            }
        }
        for ((strategy, track), mark) in portfolio.equities().zip(&mut self.marks) {
            if let Some(before) = mark.moves_to(track.equity()) {
                for (at, equity) in at.into_iter().zip([before, track.equity()]) {
                    builder.push_strategy_equity(strategy, at, equity.to_amount())?;
                }
            }
        }
        Ok(())
    }
}

/// Grids and market makers are rarely flat: what they close is counted lot by lot.
fn method(kind: &str) -> TradeMethod {
    match kind {
        "grid" | "market_maker" => TradeMethod::FifoLots,
        _ => TradeMethod::FlatToFlat,
    }
}

fn value_of(fill: &Fill, third: Amount, machines: &Machines) -> Result<FillValue, ReportError> {
    let portfolio = machines.risk().portfolio();
    let instrument = portfolio.instruments().get(fill.key.instrument);
    let notional = Amount::notional(fill.price, fill.quantity)?;
    let fee = fee_in_quote(fill, instrument, third);
    let valued = |amount| in_currency(amount, instrument.quote, portfolio);
    Ok(FillValue { notional: valued(notional), fee: valued(fee) })
}

impl Watcher for Recorder {
    fn output(&mut self, output: &CascadeOutput, machines: &Machines) -> Result<(), WatchError> {
        match output {
            CascadeOutput::Order { strategy, event, fee_in_quote } => {
                Ok(self.push_order(*strategy, event, *fee_in_quote, machines)?)
            }
            // The run's tally has what stops it.
            CascadeOutput::StrategyFailed { .. }
            | CascadeOutput::StateChanged { .. }
            | CascadeOutput::FeeUnvalued { .. }
            | CascadeOutput::InstrumentHalted { .. }
            | CascadeOutput::Intended(_)
            | CascadeOutput::Note { .. }
            | CascadeOutput::RuleTripped { .. }
            | CascadeOutput::EquitySampled { .. }
            | CascadeOutput::TradeClosed(_)
            | CascadeOutput::Reconciled { .. }
            | CascadeOutput::Detached { .. }
            | CascadeOutput::BalanceMoved { .. }
            | CascadeOutput::ExternalFilled { .. } => Ok(()),
        }
    }

    fn sample_at(&self) -> Option<Timestamp> {
        Some(self.sample_at)
    }

    fn sample(&mut self, now: Timestamp, machines: &Machines) -> Result<(), WatchError> {
        if now < self.sample_at {
            return Ok(());
        }
        self.sample_at = now.floor_to(SAMPLE_EVERY).after(SAMPLE_EVERY);
        if self.builder.is_none() {
            self.begin(machines);
        }
        Ok(self.push_sample(machines)?)
    }

    #[inline]
    fn settled(&mut self, machines: &Machines) -> Result<(), WatchError> {
        let has_moved = machines.risk().portfolio().equity().equity() != self.account.equity;
        if has_moved {
            self.push_marks(machines)?;
        }
        self.settled_at = machines.now();
        Ok(())
    }

    fn ended(&mut self, machines: &Machines) -> Result<(), WatchError> {
        Ok(self.push_sample(machines)?)
    }
}
