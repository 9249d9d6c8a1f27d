//! The same recording from files: imported into a catalog, and run through the backtest's loop.

use actors::lockstep::Happened;
use backtest::plan::{Machines, RunPlan, StrategyPlan};
use backtest::run::{Run, WatchError, Watcher};
use backtest::source::{EventSource, Merged, OrderNotes, Span, of_series};
use data::Meter;
use data::import::{ImportOptions, import};
use kernel::messages::SubmitIntent;
use kernel::strategy::StrategyEntry;
use matching::{LatencyModel, LocalVenueModels, RecordedModels, TakerVolume};
use model::{Amount, Instruments, OrderEvent, StrategyId, Timestamp};
use store::catalog::{Catalog, Kind};

use super::Setting;
use super::sockets::Facts;
use crate::cli::{Exit, Failure};
use crate::wiring::{engine_limits, strategy_limits, strategy_protection};

/// Notes what happens.
#[derive(Debug, Default)]
struct Notes(Vec<Happened>);

impl Watcher for Notes {
    fn intended(&mut self, wanted: &SubmitIntent, _: &Machines) -> Result<(), WatchError> {
        self.0.push(Happened::Intended(wanted.clone()));
        Ok(())
    }

    fn order_event(
        &mut self,
        strategy: StrategyId,
        event: &OrderEvent,
        fee_in_quote: Amount,
        _: &Machines,
    ) -> Result<(), WatchError> {
        self.0.push(Happened::Order { strategy, event: event.clone(), fee_in_quote });
        Ok(())
    }
}

/// Runs the backtest over the recording.
pub(super) fn run(
    setting: &Setting,
    facts: &Facts,
    kinds: &[StrategyEntry],
) -> Result<Vec<Happened>, Failure> {
    let storage = |error: &dyn std::fmt::Display| Failure::new(Exit::Storage, error);
    let directory = tempfile::tempdir().map_err(|error| storage(&error))?;
    let catalog = Catalog::new(directory.path());
    let options = ImportOptions::default();
    for report in import(&catalog, &setting.recordings, &options, 1, &Meter::default()) {
        if let Some(error) = &report.error {
            return Err(storage(&format!("{}: {error}", report.file.display())));
        }
    }
    let source = open(&catalog, &facts.instruments).map_err(|error| storage(&error))?;
    let mut source = Span::until(source, setting.until.unwrap_or(Timestamp::MAX));
    let plan = plan(setting, facts, kinds);
    let mut run = Run::new(&plan, Timestamp::EPOCH, &[], Notes::default())
        .map_err(|error| storage(&error))?;
    run.drive(&mut source).map_err(|error| storage(&error))?;
    Ok(run.into_watcher().0)
}

fn open(
    catalog: &Catalog,
    instruments: &Instruments,
) -> Result<Merged, store::catalog::CatalogError> {
    let mut sources: Vec<Box<dyn EventSource>> = Vec::new();
    for series in catalog.series()? {
        let Some(instrument) = instruments.by_symbol(series.key.symbol.as_str()) else { continue };
        match series.key.kind {
            Kind::Trades | Kind::Quotes | Kind::Depth => {
                sources.push(of_series(&series, instrument.id, &OrderNotes::default()));
            }
            // The engine builds its own.
            Kind::AggTrades | Kind::Klines => {}
        }
    }
    Ok(Merged::new(sources))
}

/// The exchange answers at once, at its own time: nothing takes any.
fn plan(setting: &Setting, facts: &Facts, kinds: &[StrategyEntry]) -> RunPlan {
    let config = &setting.config;
    let strategies = config.enabled().map(|strategy| {
        let entry = kinds.iter().find(|entry| entry.kind() == strategy.kind);
        let id = |symbol: &model::Symbol| {
            let found = facts.instruments.by_symbol(symbol.as_str());
            found.expect("the engine ran with the same symbols").id
        };
        StrategyPlan {
            name: strategy.id.clone(),
            entry: *entry.expect("checked with the configuration"),
            traded: strategy.symbols.iter().map(id).collect(),
            capital: strategy.capital,
            limits: strategy_limits(strategy),
            protection: strategy_protection(strategy),
            parameters: strategy.parameters.clone(),
        }
    });
    RunPlan {
        instruments: facts.instruments.clone(),
        strategies: strategies.collect(),
        currency: config.engine.risk.currency,
        limits: engine_limits(config),
        balances: facts.balances.clone(),
        models: LocalVenueModels {
            latency: LatencyModel::NONE,
            market: RecordedModels { takers: TakerVolume::All, ..RecordedModels::default() },
        },
        fees: facts.fees.clone(),
        effects_per_step: config.engine.supervision.effects_per_step,
    }
}
