//! The backtest's side, made for the comparison: the same machines over what the run recorded.

use std::sync::Arc;
use std::time::Duration;

use backtest::plan::Machines;
use backtest::run::{Run, RunError, WatchError, Watcher};
use backtest::source::{EventSource as _, SourceError, Span};
use kernel::cascade::{Cascade, CascadeOutput, CascadeParts, Unjournaled};
use kernel::orders::ExecutionPolicy;
use kernel::strategy::{StrategyEntry, StrategyHost};
use matching::{Fees, LocalVenueModels, MeasuredLatency};
use model::{Instrument, Instruments, OrderEventKind, Timestamp};

use super::Looked;
use super::orders::{OrderRecord, Orders};
use crate::cli::Failure;
use crate::config::{Config, Mode};
use crate::recorded::RecordedRun;
use crate::wiring::{BuiltMachines, build_machines, local_venue, model_names};

/// How long orders take in the backtest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Latency {
    /// As `[backtest]` says.
    Configured,
    /// As long as those of the run that were sent at the same time.
    Measured,
}

/// Why there is no backtest.
#[derive(Debug, thiserror::Error)]
pub enum RerunError {
    /// The machines of the run can't be built.
    #[error("{0}")]
    Build(String),
    /// The recording can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The loop ended early.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl From<Failure> for RerunError {
    fn from(failure: Failure) -> Self {
        Self::Build(failure.message)
    }
}

/// A backtest of a recorded span.
#[derive(Debug)]
pub struct Rerun {
    /// Its orders.
    pub orders: Vec<OrderRecord>,
    /// Its models, in words.
    pub models: Vec<String>,
}

/// Runs the strategies over what the run recorded, from the positions, open orders and balances
/// that the run began with. `run` is what became of the run's orders: for their latency.
///
/// # Errors
/// See [`RerunError`].
pub fn rerun(
    recorded: &RecordedRun,
    config: &Config,
    models: LocalVenueModels,
    run: &Looked,
    latency: Latency,
    kinds: &[StrategyEntry],
) -> Result<Rerun, RerunError> {
    let names = model_names(&models);
    let measured = match latency {
        Latency::Configured => None,
        Latency::Measured => measured(run),
    };
    let taken = match &measured {
        Some(_) => "as the run's orders took at the time".to_owned(),
        None => names.latency,
    };
    let machines = machines(recorded, config, models, measured, kinds)?;
    let strategies = recorded.foundation.ledger.strategies().to_vec();
    let instruments = Arc::clone(&recorded.foundation.instruments);
    let feed_lag = run.feed_lag;
    let notes = Notes { orders: Orders::default(), strategies, instruments, feed_lag };
    let mut run = Run::of(machines, recorded.from, recorded.bars(), notes);
    let mut source = Span::until(recorded.events()?, recorded.to);
    let mut batch = Vec::new();
    loop {
        batch.clear();
        source.read(&mut batch)?;
        if batch.is_empty() {
            break;
        }
        run.feed(&batch)?;
    }
    let models = vec![
        format!("latency: {taken}"),
        format!("queue: {}", names.queue),
        format!("fills: {}", names.fills),
    ];
    Ok(Rerun { orders: run.into_watcher().orders.into_records(), models })
}

/// How long the run's orders took, to the venue and back. The venue of a backtest goes by the
/// market as it was received: what happens there happens later by as long as the feed took. Of a
/// round trip each way is taken to be half.
fn measured(run: &Looked) -> Option<[MeasuredLatency; 2]> {
    let (mut to, mut from) = (Vec::new(), Vec::new());
    for order in &run.orders {
        let (Some(submitted), Some(answered)) = (order.submitted_at, order.answered_at) else {
            continue;
        };
        let half = answered.since(submitted) / 2;
        to.push((order.caused_at, submitted.since(order.caused_at) + half + run.feed_lag));
        from.push((submitted.after(half), half.saturating_sub(run.feed_lag)));
    }
    Some([MeasuredLatency::new(to)?, MeasuredLatency::new(from)?])
}

fn machines(
    recorded: &RecordedRun,
    config: &Config,
    models: LocalVenueModels,
    measured: Option<[MeasuredLatency; 2]>,
    kinds: &[StrategyEntry],
) -> Result<Machines, RerunError> {
    let foundation = &recorded.foundation;
    // A venue within the process: no order is ever on its way without its knowing.
    let mut config = config.clone();
    config.engine.mode = Mode::Paper;
    let BuiltMachines { feed: _, feed_setup: _, risk, execution, seats } =
        build_machines(&config, kinds, foundation, ExecutionPolicy::default())?;
    let mut hosts = Vec::new();
    for seat in seats {
        let machine = (seat.factory)(&foundation.instruments)
            .map_err(|error| RerunError::Build(error.to_string()))?;
        hosts.push(StrategyHost::new(machine, seat.setup));
    }
    let settings = &config.engine.backtest;
    let configured = |instrument: &Instrument| {
        let own = settings.symbols.iter().find(|own| own.symbol == instrument.symbol);
        let maker = own.and_then(|own| own.maker_fee).unwrap_or(settings.maker_fee);
        let taker = own.and_then(|own| own.taker_fee).unwrap_or(settings.taker_fee);
        Fees { maker, taker, policy: matching::FeePolicy::ReceivedAsset }
    };
    let fees = |instrument: &Instrument| {
        let recorded = foundation.fees.get(usize::from(instrument.id.0));
        recorded.copied().unwrap_or_else(|| configured(instrument))
    };
    let (instruments, ledger) = (&foundation.instruments, &foundation.ledger);
    let now = foundation.now.venue;
    let (venue, _, _) = local_venue(models, instruments, ledger, foundation.epoch, fees, now);
    let venue = match measured {
        Some([to, from]) => venue.with_measured_latency(to, from),
        None => venue,
    };
    Ok(Cascade::new(CascadeParts { hosts, risk, execution, venue, journal: Unjournaled }))
}

/// Notes the orders.
#[derive(Debug)]
struct Notes {
    orders: Orders,
    strategies: Vec<String>,
    instruments: Arc<Instruments>,
    feed_lag: Duration,
}

impl Watcher for Notes {
    fn output(&mut self, output: &CascadeOutput, _: &Machines) -> Result<(), WatchError> {
        match output {
            CascadeOutput::Intended(submitted) => {
                if let Some((new, _)) = submitted.intent.places() {
                    let order = submitted.intent.order();
                    let strategy = &self.strategies[usize::from(submitted.strategy.0)];
                    let caused_at = submitted.caused_at;
                    self.orders.want(order, strategy, &self.instruments, new, caused_at);
                }
            }
            CascadeOutput::Order { event, fee_in_quote, .. } => {
                let mut event = event.clone();
                if let OrderEventKind::Filled { fill, .. } = &mut event.kind {
                    // Back from when the market was received to when it was.
                    fill.event_at = fill.event_at.before(self.feed_lag);
                }
                self.orders.change(&event, &self.instruments, *fee_in_quote);
            }
            CascadeOutput::Note { .. }
            | CascadeOutput::StrategyFailed { .. }
            | CascadeOutput::StateChanged { .. }
            | CascadeOutput::RuleTripped { .. }
            | CascadeOutput::EquitySampled { .. }
            | CascadeOutput::FeeUnvalued { .. }
            | CascadeOutput::TradeClosed(_)
            | CascadeOutput::Reconciled { .. }
            | CascadeOutput::Detached { .. }
            | CascadeOutput::BalanceMoved { .. }
            | CascadeOutput::ExternalFilled { .. }
            | CascadeOutput::InstrumentHalted { .. } => {}
        }
        Ok(())
    }

    fn sample_at(&self) -> Option<Timestamp> {
        None
    }

    fn sample(&mut self, _: Timestamp, _: &Machines) -> Result<(), WatchError> {
        Ok(())
    }
}
