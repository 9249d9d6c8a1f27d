//! The backtest's side, made for the comparison: the same machines over what the run recorded.

use std::sync::Arc;
use std::time::Duration;

use backtest::plan::Machines;
use backtest::run::{Run, RunError, WatchError, Watcher};
use backtest::source::{SourceError, Span};
use kernel::cascade::{Cascade, CascadeParts, Unjournaled};
use kernel::messages::SubmitIntent;
use kernel::orders::ExecutionPolicy;
use kernel::strategy::{StrategyEntry, StrategyHost};
use matching::{Fees, LocalVenueModels, MeasuredLatency, RecordedOwn};
use model::{
    Amount, Instrument, Instruments, Liquidity, OrderEvent, OrderEventKind, Quantity, StrategyId,
    Timestamp,
};

use super::Looked;
use super::orders::{OrderRecord, Orders, Outcome};
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
    /// It ended early.
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
    // Paper orders were never on the market.
    let is_on_market = config.engine.mode != Mode::Paper;
    let own = if is_on_market { run.orders.as_slice() } else { &[] };
    let machines = machines(recorded, config, models, measured, own, kinds)?;
    let strategies = recorded.foundation.ledger.strategies().to_vec();
    let instruments = Arc::clone(&recorded.foundation.instruments);
    let feed_lag = run.feed_lag;
    let notes = Notes { orders: Orders::default(), strategies, instruments, feed_lag };
    let mut run = Run::of(machines, recorded.from, recorded.bars(), notes);
    let mut source = Span::until(recorded.events()?, recorded.to);
    run.drive(&mut source)?;
    let models = vec![
        format!("latency: {taken}"),
        format!("queue: {}", names.queue),
        format!("fills: {}", names.fills),
    ];
    Ok(Rerun { orders: run.into_watcher().orders.into_records(), models })
}

/// How long the run's orders and cancels took, to the venue and back. The venue of a backtest goes
/// by the market as it was received: what happens there happens later by as long as the feed took.
/// Of a round trip each way is taken to be half.
fn measured(run: &Looked) -> Option<[MeasuredLatency; 2]> {
    let (mut to, mut from) = (Vec::new(), Vec::new());
    let mut note = |decided: Timestamp, sent: Timestamp, answered: Timestamp| {
        let half = answered.since(sent) / 2;
        to.push((decided, sent.since(decided) + half + run.feed_lag));
        from.push((sent.after(half), half.saturating_sub(run.feed_lag)));
    };
    for order in &run.orders {
        if let (Some(submitted), Some(answered)) = (order.submitted_at, order.answered_at) {
            // A replacement waited for the cancel, and does so again.
            let decided = if order.is_replacement { submitted } else { order.caused_at };
            note(decided, submitted, answered);
        }
        if let (Some(cancel_at), Some(ended_at), Outcome::Canceled(_)) =
            (order.cancel_at, order.ended_at, &order.outcome)
        {
            note(cancel_at, cancel_at, ended_at);
        }
    }
    Some([MeasuredLatency::new(to)?, MeasuredLatency::new(from)?])
}

fn machines(
    recorded: &RecordedRun,
    config: &Config,
    models: LocalVenueModels,
    measured: Option<[MeasuredLatency; 2]>,
    own: &[OrderRecord],
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
    let venue = instruments.iter().fold(venue, |venue, instrument| {
        let orders = own.iter().filter(|order| order.instrument == instrument.id);
        venue.recorded_with(instrument.id, orders.filter_map(recorded_own).collect())
    });
    let venue = match measured {
        Some([to, from]) => venue.with_measured_latency(to, from),
        None => venue,
    };
    Ok(Cascade::new(CascadeParts { hosts, risk, execution, venue, journal: Unjournaled }))
}

/// What the recording shows of an order; nothing of one that never reached the venue.
fn recorded_own(order: &OrderRecord) -> Option<RecordedOwn> {
    let of = |liquidity: Liquidity| {
        let own = order.fills.iter().filter(move |fill| fill.liquidity == liquidity);
        own.filter_map(|fill| Some((fill.trade?, fill.quantity)))
    };
    let taken: Quantity =
        of(Liquidity::Taker).fold(Quantity::ZERO, |sum, (_, quantity)| sum + quantity);
    let refused = matches!(order.outcome, Outcome::Rejected(_) | Outcome::Absent);
    order.submitted_at.filter(|_| !refused)?;
    Some(RecordedOwn {
        side: order.side,
        // A trigger that waits is not on the book.
        price: order.price.filter(|_| order.stop_price.is_none()),
        quantity: order.quantity.map_or(Quantity::ZERO, |quantity| quantity - taken),
        caused_at: order.caused_at,
        answered_at: order.answered_at,
        ended_at: order.ended_at,
        made: of(Liquidity::Maker).collect(),
        taken: of(Liquidity::Taker).map(|(trade, _)| trade).collect(),
    })
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
    fn intended(&mut self, wanted: &SubmitIntent, _: &Machines) -> Result<(), WatchError> {
        let (order, caused_at) = (wanted.intent.order(), wanted.caused_at);
        let strategy = &self.strategies[usize::from(wanted.strategy.0)];
        let (orders, instruments) = (&mut self.orders, &self.instruments);
        match wanted.intent.places() {
            Some((new, replaces)) => {
                orders.want(order, strategy, instruments, new, replaces, caused_at);
            }
            None => orders.cancel(order, caused_at),
        }
        Ok(())
    }

    fn order_event(
        &mut self,
        _: StrategyId,
        event: &OrderEvent,
        fee_in_quote: Amount,
        _: &Machines,
    ) -> Result<(), WatchError> {
        let mut event = event.clone();
        if let OrderEventKind::Filled { fill, .. } = &mut event.kind {
            // Back from when the market was received to when it was.
            fill.event_at = fill.event_at.before(self.feed_lag);
        }
        self.orders.change(&event, &self.instruments, fee_in_quote);
        Ok(())
    }
}
