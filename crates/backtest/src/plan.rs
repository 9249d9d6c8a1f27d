//! What a run is made of, and the machines that are made of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kernel::cascade::{Cascade, CascadeParts, Unjournaled};
use kernel::orders::{ExecutionIdentity, ExecutionMachine, ExecutionPolicy, RestoredExecution};
use kernel::parameters::Parameters;
use kernel::protection::ProtectionPolicy;
use kernel::risk::{RestoredRisk, RiskConfig, RiskLimits, RiskMachine, StrategyRisk};
use kernel::strategy::{HostSetup, SetupError, StrategyEntry, StrategyHost, StrategySetup};
use matching::{Fees, LocalVenue, LocalVenueModels};
use model::{Amount, Asset, InstanceId, InstrumentId, Instruments, StrategyId, Timestamp};
use report::run::Halt;
use rust_decimal::Decimal;

use crate::tally::Halted;

/// The machines of a backtest: nothing is written down, since nobody restarts one.
pub type Machines = Cascade<LocalVenue, Unjournaled>;

/// One strategy of a run.
#[derive(Clone, Debug)]
pub struct StrategyPlan {
    /// Its configured id.
    pub name: String,
    /// Its kind.
    pub entry: StrategyEntry,
    /// What it trades, in the order of its file.
    pub traded: Vec<InstrumentId>,
    /// Capital allocated to it, in the run's currency.
    pub capital: Amount,
    /// Its own limits.
    pub limits: RiskLimits,
    /// How its positions are protected.
    pub protection: Option<ProtectionPolicy>,
    /// Its parameters, checked.
    pub parameters: Parameters,
}

/// Everything that a run is made of, but for its events.
#[derive(Clone, Debug)]
pub struct RunPlan {
    /// What can be traded.
    pub instruments: Arc<Instruments>,
    /// The strategies, in config order.
    pub strategies: Vec<StrategyPlan>,
    /// The currency of capital, limits and profit.
    pub currency: Asset,
    /// Limits of the whole account.
    pub limits: RiskLimits,
    /// What the account holds at the start.
    pub balances: Vec<(Asset, Amount)>,
    /// Latency, queue, spread, slippage, participation.
    pub models: LocalVenueModels,
    /// Fees of each instrument, by its number.
    pub fees: Vec<Fees>,
    /// How many things a strategy may ask for at one event.
    pub effects_per_step: usize,
}

/// A strategy could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("strategy {strategy}: {reason}")]
pub struct PlanError {
    /// Its configured id.
    pub strategy: String,
    /// Why.
    #[source]
    pub reason: SetupError,
}

/// How often the gate notes the equity curves. Nobody reads these points here, and each is an
/// instant at which the loop stops: the day's own is enough, or empty years would cost as much as
/// busy ones.
const EQUITY_EVERY: Duration = Duration::from_secs(86_400);

/// A local venue answers everything and contradicts nothing: little must be remembered for late
/// news, and a look a day at what it has is plenty.
fn policy() -> ExecutionPolicy {
    ExecutionPolicy {
        is_journaled: false,
        final_orders_kept: 64,
        reconcile_every: Duration::from_secs(86_400),
        ..ExecutionPolicy::default()
    }
}

impl RunPlan {
    /// What the account begins with of its currency: other assets are outside of equity.
    #[must_use]
    pub fn cash(&self) -> Amount {
        let of_currency = self.balances.iter().filter(|(asset, _)| *asset == self.currency);
        of_currency.map(|(_, amount)| *amount).sum()
    }

    /// What stopped a run of this plan, as a report names it.
    #[must_use]
    pub fn halts(&self, halts: &[Halted]) -> Vec<Halt> {
        let name = |id: StrategyId| self.strategies[usize::from(id.0)].name.clone();
        let named = |halted: &Halted| Halt {
            at: halted.at,
            state: halted.state,
            strategy: halted.strategy.map(name),
            symbol: halted.instrument.map(|id| self.instruments.get(id).symbol),
            rule: halted.rule.clone(),
            reason: halted.reason.clone(),
        };
        halts.iter().map(named).collect()
    }

    /// The machines, before anything has happened.
    ///
    /// # Errors
    /// When a strategy can't be built.
    ///
    /// # Panics
    /// When there are not as many fees as instruments.
    pub fn build(&self) -> Result<Machines, PlanError> {
        assert_eq!(self.fees.len(), self.instruments.len(), "one line of fees an instrument");
        let instance = InstanceId::new("backt0").expect("six letters and digits");
        let identity = ExecutionIdentity { instance, opened_at: Timestamp::EPOCH };
        let instruments = Arc::clone(&self.instruments);
        Ok(Cascade::new(CascadeParts {
            hosts: self.hosts()?,
            risk: RiskMachine::new(
                self.risk_config(),
                Arc::clone(&instruments),
                RestoredRisk::default(),
            ),
            execution: ExecutionMachine::new(
                identity,
                policy(),
                instruments,
                RestoredExecution::default(),
                Timestamp::EPOCH,
            ),
            venue: self.venue(),
            journal: Unjournaled,
        }))
    }

    fn hosts(&self) -> Result<Vec<StrategyHost>, PlanError> {
        let host = |(number, plan): (u16, &StrategyPlan)| {
            let setup = StrategySetup {
                instruments: &self.instruments,
                traded: &plan.traded,
                capital: plan.capital,
                parameters: &plan.parameters,
            };
            let machine = (plan.entry.build)(&setup)
                .map_err(|reason| PlanError { strategy: plan.name.clone(), reason })?;
            Ok(StrategyHost::new(
                machine,
                HostSetup {
                    strategy: StrategyId(number),
                    epoch: 1,
                    last_number: 0,
                    instruments: Arc::clone(&self.instruments),
                    traded: plan.traded.clone(),
                    capital: plan.capital,
                    positions: BTreeMap::new(),
                    open_orders: Vec::new(),
                    effects_per_step: self.effects_per_step,
                },
            ))
        };
        (0..).zip(&self.strategies).map(host).collect()
    }

    fn risk_config(&self) -> RiskConfig {
        let strategies = (0..).zip(&self.strategies).map(|(number, plan)| {
            let (capital, limits) = (plan.capital, plan.limits.clone());
            (StrategyId(number), StrategyRisk { capital, limits, protection: plan.protection })
        });
        let dearest = self.fees.iter().map(|fees| fees.maker.max(fees.taker)).max();
        RiskConfig {
            explains_approvals: false,
            limits: self.limits.clone(),
            strategies: strategies.collect(),
            fee_rate: dearest.unwrap_or_default().max(Decimal::ZERO),
            sample_every: EQUITY_EVERY,
            ..RiskConfig::new(self.currency)
        }
    }

    fn venue(&self) -> LocalVenue {
        let instruments = Arc::clone(&self.instruments);
        let venue = LocalVenue::new(instruments, self.models, Fees::NONE, &self.balances);
        let fees = self.instruments.iter().zip(&self.fees);
        fees.fold(venue, |venue, (instrument, fees)| venue.with_fees(instrument.id, *fees))
    }
}
