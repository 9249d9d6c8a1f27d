//! Does a decision depend on what came after it, or on how much came before?
//!
//! A strategy is handed events one by one and can't reach beyond the current one; but it is code,
//! and may know more than it was handed: from shared state, from a file, from numbers that were
//! fitted to the whole. So the history is cut short at many instants: whatever was decided before a
//! cut must be decided again without what lies behind it.

use model::{InstrumentId, Interval, MarketEvent, NewOrder, OrderId, StrategyId, Timestamp};

use kernel::messages::{Intent, SubmitIntent};

use crate::plan::{Machines, RunPlan};
use crate::run::{Run, RunError, WatchError, Watcher};
use crate::source::{EventSource as _, Span as Until};
use crate::sweep::Span;
use crate::tape::Tape;

/// What a strategy wanted, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// By the time of events.
    pub at: Timestamp,
    /// Whose.
    pub strategy: StrategyId,
    /// The order that is placed, or taken back.
    pub order: OrderId,
    /// What is placed; `None` for an order that is taken back.
    pub new: Option<NewOrder>,
}

impl Decision {
    /// Whether both want the same at the same instant; orders may be numbered otherwise.
    fn is_like(&self, other: &Self) -> bool {
        (self.at, self.strategy, self.new) == (other.at, other.strategy, other.new)
    }
}

/// What was decided in a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Decisions {
    /// In the order in which they were made.
    pub made: Vec<Decision>,
    /// When the last event was received: later timers never had their turn.
    pub until: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Listener(Vec<Decision>);

impl Watcher for Listener {
    fn intended(&mut self, wanted: &SubmitIntent, _: &Machines) -> Result<(), WatchError> {
        let new = match wanted.intent {
            Intent::Submit { new, .. } | Intent::Replace { new, .. } => Some(new),
            Intent::Cancel { .. } => None,
        };
        let (at, strategy) = (wanted.decided_at, wanted.strategy);
        self.0.push(Decision { at, strategy, order: wanted.intent.order(), new });
        Ok(())
    }
}

/// Runs a plan over a part of a tape and lists what it decided. `past` times as much history as
/// the strategies ask for warms them up.
///
/// # Errors
/// See [`RunError`].
pub fn decisions(
    plan: &RunPlan,
    tape: &Tape,
    span: Span,
    given_bars: &[(InstrumentId, Interval)],
    past: u32,
) -> Result<Decisions, RunError> {
    let mut run = Run::new(plan, span.from, given_bars, Listener::default())?.keeping_past(past);
    let mut source = Until::until(tape.reader(), span.to);
    let (mut batch, mut until) = (Vec::new(), None);
    loop {
        batch.clear();
        source.read(&mut batch)?;
        if batch.is_empty() {
            return Ok(Decisions { made: run.into_watcher().0, until });
        }
        until = batch.iter().map(MarketEvent::received_at).chain(until).max();
        run.feed(&batch)?;
    }
}

/// A decision that was made otherwise once the history behind it was gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LookAhead {
    /// Where the history was cut: nothing from this instant on was known.
    pub cut: Timestamp,
    /// What was decided with all of the history; `None` for nothing.
    pub whole: Option<Decision>,
    /// What was decided in its place with the part; `None` for nothing.
    pub part: Option<Decision>,
}

/// Where to cut: so many instants spread evenly over the span, and as many right behind decisions.
#[must_use]
pub fn cuts(span: Span, whole: &Decisions, count: u32) -> Vec<Timestamp> {
    let nanos = span.to.nanos_since(span.from).max(1);
    let count = i64::from(count.max(1));
    let even = (1..=count).map(|part| {
        let offset = i128::from(nanos) * i128::from(part) / i128::from(count + 1);
        let offset = i64::try_from(offset).expect("a part of the span");
        Timestamp::from_nanos(span.from.as_nanos() + offset)
    });
    let last = whole.made.len();
    let chosen = usize::try_from(count).unwrap_or(usize::MAX).min(last);
    let behind = (0..chosen).map(|part| {
        let decision = whole.made[part * last / chosen];
        Timestamp::from_nanos(decision.at.as_nanos() + 1)
    });
    let mut cuts: Vec<Timestamp> = even.chain(behind).collect();
    cuts.retain(|cut| *cut > span.from && *cut < span.to);
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

/// The first decision of the part that the whole has otherwise, or the other way round.
#[must_use]
pub fn compare(cut: Timestamp, whole: &Decisions, part: &Decisions) -> Option<LookAhead> {
    let until = part.until?;
    let of_whole = whole.made.iter().filter(|decision| decision.at <= until);
    let of_part = part.made.iter().filter(|decision| decision.at <= until);
    let (mut of_whole, mut of_part) = (of_whole.copied(), of_part.copied());
    loop {
        match (of_whole.next(), of_part.next()) {
            (None, None) => return None,
            (one, other) if one == other => {}
            (whole, part) => return Some(LookAhead { cut, whole, part }),
        }
    }
}

/// How many decisions of each side the other does not have.
#[must_use]
pub fn difference(one: &Decisions, other: &Decisions) -> (usize, usize) {
    (missing(&one.made, &other.made), missing(&other.made, &one.made))
}

/// How many of these are not among those; both in the order of time.
fn missing(these: &[Decision], those: &[Decision]) -> usize {
    let (mut count, mut start) = (0, 0);
    for decision in these {
        while those.get(start).is_some_and(|other| other.at < decision.at) {
            start += 1;
        }
        let mut at_once = those[start..].iter().take_while(|other| other.at == decision.at);
        count += usize::from(!at_once.any(|other| decision.is_like(other)));
    }
    count
}

/// An event that is told before it happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EarlyEvent {
    /// When the data say it was known.
    pub received_at: Timestamp,
    /// When they say it happened: for a bar, when it closed.
    pub event_at: Timestamp,
}

/// Events of the data that are known before they happened: how many, and the one that is earliest
/// by most. Clocks that differ by milliseconds make some; anything beyond is a look ahead in the
/// data.
///
/// # Errors
/// See [`crate::source::SourceError`].
pub fn early_events(tape: &Tape) -> Result<(u64, Option<EarlyEvent>), crate::source::SourceError> {
    let mut reader = tape.reader();
    let (mut batch, mut count, mut worst) = (Vec::new(), 0, None::<EarlyEvent>);
    loop {
        batch.clear();
        reader.read(&mut batch)?;
        if batch.is_empty() {
            return Ok((count, worst));
        }
        for event in &batch {
            let event_at = match event {
                MarketEvent::Trade(trade) => trade.event_at,
                // The venue's alone.
                MarketEvent::Bar(bar) if bar.has_only_opened() => continue,
                MarketEvent::Bar(bar) => bar.close_at(),
                MarketEvent::Depth(depth) => depth.event_at,
                MarketEvent::Book(book) => book.event_at,
                // The venue gives no time with it.
                MarketEvent::Quote(_) => continue,
            };
            let early = EarlyEvent { received_at: event.received_at(), event_at };
            let by = |early: &EarlyEvent| early.event_at.nanos_since(early.received_at);
            if by(&early) > 0 {
                count += 1;
                if worst.is_none_or(|worst| by(&early) > by(&worst)) {
                    worst = Some(early);
                }
            }
        }
    }
}
