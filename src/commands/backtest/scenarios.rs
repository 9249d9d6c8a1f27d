//! The same run under other costs and latencies, on a thread beside it.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use backtest::plan::RunPlan;
use backtest::run::{Run, RunError, Unwatched};
use matching::{Fees, LatencyModel};
use model::{Amount, InstrumentId, Interval, MarketEvent, Timestamp};
use report::metrics::Figure;
use report::run::{CostScenario, Halt};
use rust_decimal::Decimal;

/// Batches on their way, at most: the run waits then, so that memory stays bounded.
const QUEUED: usize = 8;

/// Runs under way.
pub struct Scenarios {
    batches: SyncSender<Arc<[MarketEvent]>>,
    thread: JoinHandle<Result<Outcomes, RunError>>,
}

/// Names, profits, and what stopped them.
#[derive(Debug, Default)]
pub struct Outcomes(Vec<(String, Amount, Vec<Halt>)>);

impl Scenarios {
    /// Begins the runs.
    ///
    /// # Errors
    /// As [`Run::new`].
    pub fn start(
        plan: &RunPlan,
        from: Timestamp,
        given: &[(InstrumentId, Interval)],
    ) -> Result<Self, RunError> {
        let mut runs = Vec::new();
        for factor in [2_u32, 3] {
            let costly = ("costs", with_costs(plan, factor));
            let slow = ("latency", with_latency(plan, factor));
            for (what, plan) in [costly, slow] {
                let run = Run::new(&plan, from, given, Unwatched)?;
                runs.push((format!("{what} × {factor}"), run));
            }
        }
        let plan = plan.clone();
        let (batches, received) = sync_channel::<Arc<[MarketEvent]>>(QUEUED);
        let thread = std::thread::spawn(move || {
            for batch in received {
                for (_, run) in &mut runs {
                    run.feed(&batch)?;
                }
            }
            let outcome = |(name, run): (String, Run<Unwatched>)| {
                (name, run.profit(), plan.halts(&run.tally().halts))
            };
            Ok(Outcomes(runs.into_iter().map(outcome).collect()))
        });
        Ok(Self { batches, thread })
    }

    /// Hands them the next events. A run that has failed takes none; [`Self::finish`] says why.
    pub fn feed(&self, batch: Arc<[MarketEvent]>) {
        let _ = self.batches.send(batch);
    }

    /// What they came to.
    ///
    /// # Errors
    /// Of the first that failed.
    ///
    /// # Panics
    /// When the thread did.
    pub fn finish(self) -> Result<Outcomes, RunError> {
        drop(self.batches);
        self.thread.join().expect("a run returns its errors")
    }
}

impl Outcomes {
    /// As the report shows them, beside what the account began with.
    pub fn compared(self, cash: Amount) -> Vec<CostScenario> {
        let compared = |(name, net_profit, halts): (String, Amount, Vec<Halt>)| CostScenario {
            name,
            net_profit,
            halts,
            total_return: Figure::finite(
                net_profit.to_f64() / cash.to_f64(),
                "the account began with nothing",
            ),
        };
        self.0.into_iter().map(compared).collect()
    }
}

/// Fees, spread and slippage so many times as high. A rebate stays as it is.
fn with_costs(plan: &RunPlan, factor: u32) -> RunPlan {
    let factor = Decimal::from(factor);
    let dearer = |rate: Decimal| rate.max(rate * factor);
    let mut plan = plan.clone();
    for fees in &mut plan.fees {
        *fees = Fees { maker: dearer(fees.maker), taker: dearer(fees.taker), ..*fees };
    }
    plan.models.market.half_spread_bps *= factor;
    plan.models.market.slippage_bps *= factor;
    plan
}

/// Each way takes so many times as long.
fn with_latency(plan: &RunPlan, factor: u32) -> RunPlan {
    let longer = |micros: u64| micros.saturating_mul(u64::from(factor));
    let mut plan = plan.clone();
    plan.models.latency = match plan.models.latency {
        LatencyModel::Constant { micros } => LatencyModel::Constant { micros: longer(micros) },
        LatencyModel::Uniform { min_micros, max_micros, seed } => LatencyModel::Uniform {
            min_micros: longer(min_micros),
            max_micros: longer(max_micros),
            seed,
        },
    };
    plan
}
