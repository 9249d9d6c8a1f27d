//! What a report is made of, taken down while a run goes on.

use std::time::Duration;

use kernel::cascade::CascadeOutput;
use model::{Amount, Fill, Instruments, OrderEvent, OrderEventKind, StrategyId, Timestamp};
use report::metrics::{SampleRule, TradeMethod};
use report::run::{
    CostScenario, FillValue, ReportError, RunIdentity, RunReport, RunReportBuilder, StrategySetup,
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
        };
        Self {
            identity,
            strategies: plan.strategies.iter().map(setup).collect(),
            start_equity: plan.balances.iter().map(|(_, amount)| *amount).sum(),
            plan: plan.clone(),
            builder: None,
            sample_at: Timestamp::EPOCH,
        }
    }

    /// The report of the run, which has processed so many events; `None` if it never began.
    #[must_use]
    pub fn finish(self, events: u64, scenarios: Vec<CostScenario>) -> Option<RunReport> {
        let mut builder = self.builder?;
        builder.count_events(events);
        for scenario in scenarios {
            builder.add_cost_scenario(scenario);
        }
        Some(builder.finish(SampleRule::Enforced))
    }

    fn begin(&mut self, now: Timestamp) {
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
        let Some(builder) = &mut self.builder else { return Ok(()) };
        let OrderEventKind::Filled { fill, complete, .. } = &event.kind else {
            return builder.push_order_event(strategy, event);
        };
        let value = value_of(fill, third, machines)?;
        builder.push_fill(strategy, event.order, fill, value, *complete)
    }

    fn push_sample(&mut self, now: Timestamp, machines: &Machines) -> Result<(), ReportError> {
        let Some(builder) = &mut self.builder else { return Ok(()) };
        let portfolio = machines.risk().portfolio();
        let account = portfolio.equity();
        let profit = (account.equity() - account.capital()).to_amount();
        builder.push_equity(now, self.start_equity + profit);
        builder.push_exposure(now, account.holdings().to_amount());
        for (strategy, track) in portfolio.equities() {
            builder.push_strategy_equity(strategy, now, track.equity().to_amount())?;
        }
        for instrument in self.plan.instruments.iter() {
            if let Some(price) = portfolio.marks().mark(instrument.id) {
                builder.push_price(instrument.id, now, price)?;
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
        let warning = match output {
            CascadeOutput::Order { strategy, event, fee_in_quote } => {
                return Ok(self.push_order(*strategy, event, *fee_in_quote, machines)?);
            }
            CascadeOutput::StrategyFailed { strategy, error } => {
                let name = &self.plan.strategies[usize::from(strategy.0)].name;
                format!("strategy {name} failed at {}: {error}", machines.now())
            }
            CascadeOutput::StateChanged { to, rule, reason, .. } => {
                format!("trading is {to:?} from {} on, by {rule}: {reason}", machines.now())
            }
            CascadeOutput::FeeUnvalued { asset, .. } => {
                format!("fees in {asset} have no price and count as nothing")
            }
            CascadeOutput::InstrumentHalted { reason, .. } => reason.clone(),
            CascadeOutput::Intended(_)
            | CascadeOutput::Note { .. }
            | CascadeOutput::RuleTripped { .. }
            | CascadeOutput::EquitySampled { .. }
            | CascadeOutput::TradeClosed(_)
            | CascadeOutput::Reconciled { .. }
            | CascadeOutput::Detached { .. }
            | CascadeOutput::BalanceMoved { .. }
            | CascadeOutput::ExternalFilled { .. } => return Ok(()),
        };
        match &mut self.builder {
            Some(builder) => builder.warn(&warning),
            None => self.identity.warnings.push(warning),
        }
        Ok(())
    }

    fn sample_at(&self) -> Option<Timestamp> {
        Some(self.sample_at)
    }

    fn sample(&mut self, now: Timestamp, machines: &Machines) -> Result<(), WatchError> {
        self.sample_at = now.floor_to(SAMPLE_EVERY).after(SAMPLE_EVERY);
        if self.builder.is_none() {
            self.begin(now);
        }
        Ok(self.push_sample(now, machines)?)
    }
}
