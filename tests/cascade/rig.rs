//! The machines of a run, put together.

use std::collections::BTreeMap;
use std::sync::Arc;

use kernel::cascade::{Cascade, CascadeParts, Unjournaled};
use kernel::orders::{ExecutionIdentity, ExecutionMachine, ExecutionPolicy, RestoredExecution};
use kernel::parameters::Parameters;
use kernel::risk::{RestoredRisk, RiskConfig, RiskLimits, RiskMachine, StrategyRisk};
use kernel::strategy::{HostSetup, StrategyEntry, StrategyHost, StrategySetup};
use matching::LocalVenue;
use model::*;
use tickwright::STRATEGIES;

/// A strategy to run.
pub struct Run {
    pub kind: String,
    pub instrument: InstrumentId,
    pub capital: Amount,
    pub parameters: Parameters,
}

/// Checked parameters of a kind.
pub fn parameters(kind: &str, given: &[(&str, &str)]) -> Parameters {
    let given = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let parameters = Parameters::new(entry(kind).parameters.keys, &given.collect()).unwrap();
    (entry(kind).parameters.check)(&parameters).unwrap();
    parameters
}

fn entry(kind: &str) -> &'static StrategyEntry {
    STRATEGIES.iter().find(|entry| entry.kind() == kind).unwrap()
}

/// An instrument without filters; those that a test wants, it sets.
pub fn instrument(symbol: &str, base: &str, quote: &str) -> Instrument {
    Instrument {
        id: InstrumentId(0),
        venue: VenueId::new("local:test").unwrap(),
        symbol: symbol.parse().unwrap(),
        base: base.parse().unwrap(),
        quote: quote.parse().unwrap(),
        base_decimals: 8,
        quote_decimals: 8,
        contract: Contract::Spot,
        features: model::Features::ALL,
        status: InstrumentStatus::Trading,
        filters: Filters::default(),
    }
}

/// A cascade of these strategies, in this order, limited by their capital alone.
pub fn cascade(
    runs: &[Run],
    instruments: &Arc<Instruments>,
    venue: LocalVenue,
    currency: &str,
) -> Cascade<LocalVenue, Unjournaled> {
    let mut config = RiskConfig::new(currency.parse().unwrap());
    let mut hosts = Vec::new();
    for (number, run) in (0..).zip(runs) {
        let (strategy, traded) = (StrategyId(number), vec![run.instrument]);
        let (capital, limits) = (run.capital, RiskLimits::default());
        config.strategies.insert(strategy, StrategyRisk { capital, limits, protection: None });
        let setup =
            StrategySetup { instruments, traded: &traded, capital, parameters: &run.parameters };
        let machine = (entry(&run.kind).build)(&setup).unwrap();
        hosts.push(StrategyHost::new(
            machine,
            HostSetup {
                strategy,
                epoch: 1,
                last_number: 0,
                instruments: Arc::clone(instruments),
                traded,
                capital,
                positions: BTreeMap::new(),
                open_orders: Vec::new(),
                effects_per_step: 200,
            },
        ));
    }
    let instance = InstanceId::new("abcdef").unwrap();
    let identity = ExecutionIdentity { instance, opened_at: Timestamp::EPOCH };
    let (policy, now) = (ExecutionPolicy::default(), Timestamp::EPOCH);
    let orders = Arc::clone(instruments);
    Cascade::new(CascadeParts {
        hosts,
        risk: RiskMachine::new(config, Arc::clone(instruments), RestoredRisk::default()),
        execution: ExecutionMachine::new(
            identity,
            policy,
            orders,
            RestoredExecution::default(),
            now,
        ),
        venue,
        journal: Unjournaled,
    })
}
