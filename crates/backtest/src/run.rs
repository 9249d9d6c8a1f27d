//! One run: machines that are fed with events.

mod history;
mod watch;

use kernel::cascade::CascadeOutput;
use kernel::journal::JournalError;
use kernel::strategy::{Requirements, StrategyHost, WarmUp};
use model::{Amount, InstrumentId, Interval, MarketEvent, StrategyId, Timestamp};
use report::run::Ending;

use history::History;
pub use history::WarmUpGap;
pub use watch::{Unwatched, WatchError, Watcher};

use crate::bars::{BarMaker, longest_part};
use crate::plan::{Machines, PlanError, RunPlan};
use crate::source::{EventSource, SourceError};
use crate::tally::Tally;

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It never began.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The loop's journal failed: with none there is none to fail.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What is noted of the run could not be.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// There are no more events, though there should be.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// A run under way.
#[derive(Debug)]
pub struct Run<W> {
    machines: Machines,
    bars: BarMaker,
    /// What came before is history.
    from: Timestamp,
    history: Option<Vec<History>>,
    gaps: Vec<WarmUpGap>,
    outputs: Vec<CascadeOutput>,
    tally: Tally,
    watcher: W,
    publishes: bool,
    events: u64,
    first_at: Option<Timestamp>,
}

impl<W: Watcher> Run<W> {
    /// A run that begins with the first event from `from` on. What comes before warms strategies
    /// up, as far as they asked for it. `given_bars` are the series of bars that the source has;
    /// others that strategies ask for are made of shorter ones, or built from its trades.
    ///
    /// # Errors
    /// When a strategy can't be built.
    pub fn new(
        plan: &RunPlan,
        from: Timestamp,
        given_bars: &[(InstrumentId, Interval)],
        watcher: W,
    ) -> Result<Self, RunError> {
        Ok(Self::of(plan.build()?, from, given_bars, watcher))
    }

    /// The same with machines that are built already, and may go on from somewhere.
    #[must_use]
    pub fn of(
        machines: Machines,
        from: Timestamp,
        given_bars: &[(InstrumentId, Interval)],
        watcher: W,
    ) -> Self {
        let mut built: Vec<(InstrumentId, Interval)> = Vec::new();
        let mut joined: Vec<(InstrumentId, Interval, Interval)> = Vec::new();
        let mut history = Vec::new();
        for host in machines.hosts() {
            let Requirements { bars, warm_up, .. } = host.requirements();
            for id in host.traded() {
                for interval in bars.iter().filter(|own| !given_bars.contains(&(*id, **own))) {
                    match longest_part(*id, *interval, given_bars) {
                        Some(part) => joined.push((*id, part, *interval)),
                        None => built.push((*id, *interval)),
                    }
                }
            }
            history.push(History::new(host.strategy(), host.traded().to_vec(), *warm_up));
        }
        built.sort_unstable();
        built.dedup();
        joined.sort_unstable();
        joined.dedup();
        Self {
            machines,
            bars: BarMaker::new(built, joined),
            from,
            history: Some(history),
            gaps: Vec::new(),
            outputs: Vec::new(),
            tally: Tally::default(),
            watcher,
            publishes: false,
            events: 0,
            first_at: None,
        }
    }

    /// Has the watcher told what strategies publish.
    #[must_use]
    pub fn publishing(mut self) -> Self {
        self.machines.hosts_mut().for_each(StrategyHost::watch_indicators);
        self.publishes = true;
        self
    }

    /// Warms strategies up with so many times as much as they ask for.
    #[must_use]
    pub fn keeping_past(mut self, times: u32) -> Self {
        for past in self.history.iter_mut().flatten() {
            past.warm_up = match past.warm_up {
                WarmUp::None => WarmUp::None,
                WarmUp::Trades(count) => WarmUp::Trades(count.saturating_mul(times)),
                WarmUp::Bars(interval, count) => {
                    WarmUp::Bars(interval, count.saturating_mul(times))
                }
            };
        }
        self
    }

    /// Whether what lies before the start matters: strategies are warmed up with it, or bars are
    /// built from it.
    #[must_use]
    pub fn wants_past(&self) -> bool {
        let histories = self.history.iter().flatten();
        !self.bars.is_idle() || histories.into_iter().any(|past| past.warm_up != WarmUp::None)
    }

    /// Lets a strategy in that the machines hold back, at an instant between the events taken so
    /// far and the next, after this history.
    ///
    /// # Errors
    /// See [`RunError`]: the run is over.
    pub fn admit(
        &mut self,
        strategy: StrategyId,
        at: Timestamp,
        history: &[MarketEvent],
    ) -> Result<(), RunError> {
        self.let_pass(at)?;
        for event in history {
            self.machines.warm_up(strategy, event.clone(), &mut self.outputs)?;
        }
        self.machines.admit(strategy, at, &mut self.outputs)?;
        self.note()
    }

    /// Takes everything that a source has, and ends.
    ///
    /// # Errors
    /// See [`RunError`]: the run is over.
    pub fn drive(&mut self, source: &mut impl EventSource) -> Result<(), RunError> {
        let mut batch = Vec::new();
        loop {
            batch.clear();
            source.read(&mut batch)?;
            if batch.is_empty() {
                return self.end();
            }
            self.feed(&batch)?;
        }
    }

    /// Takes the next events.
    ///
    /// # Errors
    /// See [`RunError`]: the run is over.
    pub fn feed(&mut self, batch: &[MarketEvent]) -> Result<(), RunError> {
        let builds_bars = !self.bars.is_idle();
        for event in batch {
            // Most of most histories. What is inlined here knows what it is, and need not ask.
            if matches!(event, MarketEvent::Trade(_)) && !builds_bars {
                self.take_at_once(event, 1)?;
                continue;
            }
            match event {
                MarketEvent::Bar(bar) if bar.has_only_opened() => self.take_opening(event)?,
                MarketEvent::Bar(_) => self.take_bar(event)?,
                MarketEvent::Trade(_)
                | MarketEvent::Quote(_)
                | MarketEvent::Book(_)
                | MarketEvent::Depth(_) => self.take_and_build(event)?,
            }
        }
        Ok(())
    }

    /// Takes an event, and the bars that are built of it after those that close before it.
    fn take_and_build(&mut self, event: &MarketEvent) -> Result<(), RunError> {
        if self.bars.is_idle() {
            return self.take(event, count(event));
        }
        let proved = self.close_bars(event)?;
        if proved.is_empty() {
            self.take(event, count(event))
        } else {
            self.take_with_bars(&proved, event)
        }
    }

    /// Takes the opening of a bar. It is the venue's alone, and no event of its own.
    fn take_opening(&mut self, event: &MarketEvent) -> Result<(), RunError> {
        if self.history.is_some() {
            return Ok(());
        }
        self.close_due(event.received_at())?;
        self.let_pass(event.received_at())?;
        self.machines.opening(event, &mut self.outputs)?;
        self.note()?;
        Ok(self.watcher.settled(&self.machines)?)
    }

    /// Takes a bar of a file, and the longer bars that end before it or with it.
    fn take_bar(&mut self, event: &MarketEvent) -> Result<(), RunError> {
        if self.bars.is_idle() {
            return self.take(event, 1);
        }
        let before = self.close_bars(event)?;
        before.iter().try_for_each(|bar| self.take(bar, 0))?;
        self.take(event, 1)?;
        let ended: Vec<MarketEvent> = self.bars.ended_by(event).collect();
        ended.iter().try_for_each(|bar| self.take(bar, 0))
    }

    /// Takes the bars whose timer is due before an event, and returns those that it proves closed.
    fn close_bars(&mut self, event: &MarketEvent) -> Result<Vec<MarketEvent>, RunError> {
        self.close_due(event.received_at())?;
        Ok(self.bars.proved_by(event).collect())
    }

    /// Takes the bars whose timer is due by an instant.
    fn close_due(&mut self, now: Timestamp) -> Result<(), RunError> {
        while let Some(bar) = self.bars.next_due(now) {
            self.take(&bar, 0)?;
        }
        Ok(())
    }

    /// Takes a trade together with the bars that it proves closed.
    fn take_with_bars(
        &mut self,
        proved: &[MarketEvent],
        trade: &MarketEvent,
    ) -> Result<(), RunError> {
        for event in proved.iter().chain([trade]) {
            // The bars come when their trade does: the run begins with all of them or with none.
            if self.history.is_some() {
                self.begin(event)?;
            }
        }
        if self.history.is_some() {
            return Ok(());
        }
        self.let_pass(trade.received_at())?;
        self.events += count(trade);
        self.machines.market_with_bars(proved, trade, &mut self.outputs)?;
        if self.publishes {
            self.note_indicators()?;
        }
        self.note()?;
        Ok(self.watcher.settled(&self.machines)?)
    }

    /// Lets timers fire that are due before something happens, each by itself: what is noted of
    /// one is noted before the next, however long nothing else happens.
    #[inline(always)]
    fn let_pass(&mut self, to: Timestamp) -> Result<(), RunError> {
        if self.machines.may_be_due(to) {
            self.wake_until(to)?;
        }
        self.sample_before(to)
    }

    #[inline(never)]
    fn wake_until(&mut self, to: Timestamp) -> Result<(), RunError> {
        while let Some(at) = self.machines.due_by(to) {
            self.wake(at)?;
        }
        Ok(())
    }

    fn wake(&mut self, at: Timestamp) -> Result<(), RunError> {
        self.sample_before(at)?;
        self.machines.advance(at, &mut self.outputs)?;
        self.note()?;
        Ok(self.watcher.settled(&self.machines)?)
    }

    #[inline(always)]
    fn sample_before(&mut self, at: Timestamp) -> Result<(), RunError> {
        if self.watcher.sample_at().is_some_and(|due| due <= at) {
            self.watcher.sample(at, &self.machines)?;
        }
        Ok(())
    }

    /// Takes one event, from a file or built, that counts as so many.
    fn take(&mut self, event: &MarketEvent, count: u64) -> Result<(), RunError> {
        self.take_at_once(event, count)
    }

    /// The same, inlined with all that most events meet on their way.
    #[inline(always)]
    fn take_at_once(&mut self, event: &MarketEvent, count: u64) -> Result<(), RunError> {
        if self.history.is_some() && !self.begin(event)? {
            return Ok(());
        }
        self.let_pass(event.received_at())?;
        self.events += count;
        self.machines.market(event, &mut self.outputs)?;
        if self.publishes {
            self.note_indicators()?;
        }
        if !self.outputs.is_empty() {
            self.note()?;
        }
        Ok(self.watcher.settled(&self.machines)?)
    }

    #[cold]
    fn note_indicators(&mut self) -> Result<(), RunError> {
        let mut published = Vec::new();
        for host in self.machines.hosts_mut() {
            let strategy = host.strategy();
            published.extend(host.take_indicators().map(|indicator| (strategy, indicator)));
        }
        for (strategy, indicator) in &published {
            self.watcher.indicator(*strategy, indicator, &self.machines)?;
        }
        Ok(())
    }

    /// Begins the run if its time has come; until then events are history.
    #[cold]
    fn begin(&mut self, event: &MarketEvent) -> Result<bool, RunError> {
        let now = event.received_at();
        if now < self.from {
            self.history.iter_mut().flatten().for_each(|history| history.keep(event));
            return Ok(false);
        }
        self.begin_at(now)?;
        Ok(true)
    }

    /// Begins the run, at the latest with its first event.
    ///
    /// # Errors
    /// See [`RunError`]: the run is over.
    pub fn begin_at(&mut self, now: Timestamp) -> Result<(), RunError> {
        for history in self.history.take().into_iter().flatten() {
            for (strategy, past) in history.release(now, &mut self.gaps) {
                self.machines.warm_up(strategy, past, &mut self.outputs)?;
            }
        }
        self.first_at = Some(now);
        self.machines.start(now, &mut self.outputs)?;
        if self.publishes {
            self.note_indicators()?;
        }
        self.note()
    }

    fn note(&mut self) -> Result<(), RunError> {
        for output in &self.outputs {
            self.tally.count(self.machines.now(), output, self.machines.risk().portfolio());
            self.watcher.output(output, &self.machines)?;
        }
        self.outputs.clear();
        Ok(())
    }

    /// Ends it.
    ///
    /// # Errors
    /// See [`RunError`].
    pub fn end(&mut self) -> Result<(), RunError> {
        if self.first_at.is_some() {
            self.watcher.ended(&self.machines)?;
        }
        Ok(())
    }

    /// Market events taken since the run began: one for each level change, quote, trade and bar
    /// of a file. A whole book counts as nothing, a bar that was built neither.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// When the first of them was received.
    #[must_use]
    pub const fn first_at(&self) -> Option<Timestamp> {
        self.first_at
    }

    /// What was wrong with the history that its strategies were warmed up with, or their bars were
    /// built from.
    #[must_use]
    pub fn warnings(&self, plan: &RunPlan) -> Vec<String> {
        let partial = self.bars.begun().iter().filter(|first| first.is_partial());
        let partial = partial.map(|first| {
            let symbol = plan.instruments.get(first.instrument).symbol;
            format!(
                "the first bar of {} of {symbol} is partial: the data begin at {}, {:.1} s after its \
                 opening",
                first.interval.name(),
                first.first_at,
                first.missing().as_secs_f64(),
            )
        });
        self.gaps.iter().map(|gap| gap.in_words(plan)).chain(partial).collect()
    }

    /// What is under way: at the end, what nobody will hear of.
    #[must_use]
    pub fn ending(&self) -> Ending {
        let in_flight = self.machines.venue().in_flight();
        Ending {
            commands_on_their_way: in_flight.commands as u64,
            answers_on_their_way: in_flight.answers as u64,
            fills_on_their_way: in_flight.fills as u64,
            open_orders: in_flight.open_orders as u64,
        }
    }

    /// What it has come to.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The machines as they stand.
    #[must_use]
    pub const fn machines(&self) -> &Machines {
        &self.machines
    }

    /// Profit so far, of what was sold and of what is held, at the last prices.
    #[must_use]
    pub fn profit(&self) -> Amount {
        let equity = self.machines.risk().portfolio().equity();
        (equity.equity() - equity.capital()).to_amount()
    }

    /// Who watched it, with what was noted.
    pub fn into_watcher(self) -> W {
        self.watcher
    }
}

fn count(event: &MarketEvent) -> u64 {
    match event {
        MarketEvent::Trade(_) | MarketEvent::Quote(_) | MarketEvent::Bar(_) => 1,
        MarketEvent::Depth(depth) if depth.is_snapshot => 0,
        MarketEvent::Depth(depth) => (depth.bids.len() + depth.asks.len()) as u64,
        MarketEvent::Book(_) => 0,
    }
}
