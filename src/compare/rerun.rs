//! The backtest's side, made for the comparison: the same machines over what the run recorded.

use std::sync::Arc;
use std::time::Duration;

use backtest::plan::Machines;
use backtest::run::{Run, RunError, WatchError, Watcher};
use backtest::source::{EventSource, SourceError, Span};
use kernel::cascade::{Cascade, CascadeParts, Unjournaled};
use kernel::messages::SubmitIntent;
use kernel::orders::ExecutionPolicy;
use kernel::strategy::{StrategyEntry, StrategyHost};
use kernel::wire::Moment;
use matching::{LocalVenueModels, MeasuredLatency, RecordedOwn};
use model::{
    Amount, Instrument, Instruments, Liquidity, OrderEvent, OrderEventKind, Quantity, StrategyId,
    Timestamp,
};

use super::Looked;
use super::orders::{OrderRecord, Orders, Outcome};
use crate::cli::Failure;
use crate::config::{Config, Mode};
use crate::recorded::RecordedRun;
use crate::wiring::{BuiltMachines, Foundation, build_machines, local_venue, model_names};

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
    let foundation = begun_early(&recorded.foundation);
    let machines = machines(recorded, &foundation, config, models, measured, own, kinds)?;
    let strategies = recorded.foundation.ledger.strategies().to_vec();
    let instruments = Arc::clone(&recorded.foundation.instruments);
    let feed_lag = run.feed_lag;
    let notes = Notes { orders: Orders::default(), strategies, instruments, feed_lag };
    // From the first event on, so that the venue has the book and risk the prices when strategies
    // start.
    let mut run = Run::of(machines, Timestamp::EPOCH, recorded.bars(), notes);
    run.begin_at(foundation.now.venue)?;
    drive(&mut run, recorded)?;
    let models = vec![
        format!("latency: {taken}"),
        format!("queue: {}", names.queue),
        format!("fills: {}", names.fills),
    ];
    Ok(Rerun { orders: run.into_watcher().orders.into_records(), models })
}

/// Feeds what was received, and lets each strategy in when it began in the run.
fn drive(run: &mut Run<Notes>, recorded: &RecordedRun) -> Result<(), RerunError> {
    let mut source = Span::until(recorded.received()?, recorded.to);
    let mut waiting = recorded.seats.iter().peekable();
    let mut batch = Vec::new();
    loop {
        batch.clear();
        source.read(&mut batch)?;
        if batch.is_empty() {
            return Ok(run.end()?);
        }
        let mut rest = batch.as_slice();
        while let Some(seat) = waiting.peek()
            && let Some(next) = rest.iter().position(|it| it.received_at() >= seat.started_at)
        {
            let (before, after) = rest.split_at(next);
            run.feed(before)?;
            run.admit(seat.strategy, seat.started_at, &seat.warm_up)?;
            (rest, _) = (after, waiting.next());
        }
        run.feed(rest)?;
    }
}

/// How long the run's orders and cancels took, to the venue and back. The venue of a backtest goes
/// by the market as it was received: what happens there happens later by as long as the feed took.
/// Of a round trip each way is taken to be half. A fill is heard of as long after its trade as in
/// the run: best prices that the same taker left may have come before.
fn measured(run: &Looked) -> Option<[MeasuredLatency; 2]> {
    let (mut to, mut from) = (Vec::new(), run.heard.clone());
    let mut note = |decided: Timestamp, sent: Timestamp, answered: Timestamp| {
        let half = answered.since(sent) / 2;
        to.push((decided, sent.since(decided) + half + run.feed_lag));
        from.push((sent.after(half), half.saturating_sub(run.feed_lag)));
    };
    for order in &run.orders {
        // How long it took to find out about a lost answer says nothing of the way, and all that
        // came later would queue behind it.
        if order.was_unknown {
            continue;
        }
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

/// The run had reconciled with its venue when its strategies started. The venue within answers
/// after a latency: so it is asked earlier.
fn begun_early(foundation: &Foundation) -> Foundation {
    const BEFORE: Duration = Duration::from_secs(2);
    let Moment { venue, wall } = foundation.now;
    let now = Moment { venue: venue.before(BEFORE), wall: wall.before(BEFORE) };
    Foundation { now, ..foundation.clone() }
}

fn machines(
    recorded: &RecordedRun,
    foundation: &Foundation,
    config: &Config,
    models: LocalVenueModels,
    measured: Option<[MeasuredLatency; 2]>,
    own: &[OrderRecord],
    kinds: &[StrategyEntry],
) -> Result<Machines, RerunError> {
    // A venue within the process: no order is ever on its way without its knowing.
    let mut config = config.clone();
    config.engine.mode = Mode::Paper;
    let BuiltMachines { feed: _, feed_setup: _, risk, execution, seats } =
        build_machines(&config, kinds, foundation, ExecutionPolicy::default())?;
    let mut hosts = Vec::new();
    for seat in seats {
        let machine = (seat.factory)(&foundation.instruments)
            .map_err(|error| RerunError::Build(error.to_string()))?;
        let mut host = StrategyHost::new(machine, seat.setup);
        let recorded = recorded.seats.iter().find(|recorded| recorded.strategy == host.strategy());
        if let Some(snapshot) = recorded.and_then(|recorded| recorded.snapshot.clone()) {
            // A strategy that can't use it goes on without, as it did in the run.
            let _ = host.restore(snapshot);
        }
        hosts.push(host);
    }
    // One for each instrument, as was seen to when the recording was opened.
    let fees = |instrument: &Instrument| foundation.fees[usize::from(instrument.id.0)];
    let (instruments, ledger) = (&foundation.instruments, &foundation.ledger);
    let now = foundation.now.venue;
    let (venue, _) = local_venue(models, instruments, ledger, foundation.epoch, fees, now);
    let venue = instruments.iter().fold(venue, |venue, instrument| {
        let orders = own.iter().filter(|order| order.instrument == instrument.id);
        venue.recorded_with(instrument.id, orders.filter_map(recorded_own).collect())
    });
    let venue = match measured {
        Some([to, from]) => venue.with_measured_latency(to, from),
        None => venue,
    };
    let parts = CascadeParts { hosts, risk, execution, venue, journal: Unjournaled };
    let mut machines = Cascade::new(parts);
    machines.hold_strategies();
    Ok(machines)
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

#[cfg(test)]
mod tests {
    use model::{InstrumentId, NewOrder, Side, Symbol};

    use super::*;

    fn ms(at: i64) -> Timestamp {
        Timestamp::from_millis(at)
    }

    /// An order that was decided, sent a millisecond later, and answered after so long.
    fn order(at: i64, answered_after: i64, was_unknown: bool) -> OrderRecord {
        let new = NewOrder::market(InstrumentId(0), Side::Buy, Quantity::ONE);
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let wanted = OrderRecord::wanted(at.to_string(), "a", symbol, &new, ms(at));
        let (submitted_at, answered_at) = (Some(ms(at + 1)), Some(ms(at + 1 + answered_after)));
        OrderRecord { submitted_at, answered_at, was_unknown, ..wanted }
    }

    #[test]
    fn a_lost_answer_does_not_tell_how_long_the_way_is() {
        let way = |orders: Vec<OrderRecord>| {
            let heard = vec![(ms(12_500), Duration::from_millis(7))];
            let (sights, feed_lag) = (Vec::new(), Duration::ZERO);
            let looked = Looked { orders, sights, feed_lag, heard };
            measured(&looked).map(|[to, from]| {
                [to.at(ms(2_000)), from.at(ms(11_500)), from.at(ms(12_400))]
                    .map(|way| way.as_millis())
            })
        };
        let slow = order(2_000, 20_000, false);
        assert_eq!(way(vec![order(1_000, 10, false), slow]), Some([10_001, 10_000, 7]));
        let lost = order(2_000, 20_000, true);
        assert_eq!(way(vec![order(1_000, 10, false), lost.clone()]), Some([6, 7, 7]));
        assert_eq!(way(vec![lost]), None);
    }
}
