//! The host of one strategy: keeps what the strategy knows, delivers events, collects intents.
//!
//! Pure: a panic passes through it, and whoever runs it throws it away and builds another from
//! the ledger.

use std::sync::Arc;

use model::{
    Amount, Bar, CorrelationId, Fill, InstrumentId, Instruments, MarketEvent, OrderEvent,
    OrderEventKind, StrategyId, Timestamp, Trade,
};

use super::context::{Context, Effects, HostEffect, Indicator};
use super::messages::{HostError, HostInput, HostOutput, HostSetup};
use super::splice::{HistoryGap, Splice, is_newer, is_news};
use super::timers::Timers;
use super::view::{OpenOrder, StrategyView};
use super::{Requirements, Strategy, StrategyResult, WarmUp};
use crate::messages::{Cause, Intent, SubmitIntent};
use crate::portfolio::Position;
use crate::replay::Digest;

/// Whether and why orders are possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// History is awaited; live events are held back.
    AwaitingHistory,
    /// The start is awaited; events are delivered, orders impossible.
    WarmingUp,
    Ready,
    Paused,
    Stopped,
}

/// The host.
pub struct StrategyHost {
    machine: Box<dyn Strategy>,
    requirements: Requirements,
    setup: HostSetup,
    view: StrategyView,
    timers: Timers,
    stage: Stage,
    splice: Splice,
    effects: Effects,
    /// Of the current step; handed over only when all of it went well.
    outputs: Vec<HostOutput>,
    /// The last order number used.
    last_number: u32,
    /// The last order number whose intent was passed on.
    last_number_sent: u32,
}

impl std::fmt::Debug for StrategyHost {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("StrategyHost")
            .field("strategy", &self.setup.strategy)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

impl StrategyHost {
    /// A host for a strategy, with what the ledger knows of it.
    #[must_use]
    pub fn new(machine: Box<dyn Strategy>, setup: HostSetup) -> Self {
        let requirements = machine.requirements();
        let mut view = StrategyView::default();
        for (instrument, position) in &setup.positions {
            view.market_mut(*instrument).position = *position;
        }
        let own = setup.open_orders.iter().filter(|open| !open.order.is_engines());
        own.for_each(|open| view.open_orders.insert(open.clone()));
        let stage = match requirements.warm_up {
            WarmUp::None => Stage::WarmingUp,
            WarmUp::Trades(_) | WarmUp::Bars(_, _) => Stage::AwaitingHistory,
        };
        let limit = setup.effects_per_step;
        Self {
            last_number: setup.last_number,
            last_number_sent: setup.last_number,
            machine,
            requirements,
            setup,
            view,
            timers: Timers::default(),
            stage,
            splice: Splice::default(),
            effects: Effects { list: Vec::new(), limit, is_flooded: false, indicators: None },
            outputs: Vec::new(),
        }
    }

    /// What a host that follows this one starts from: positions and open orders as the order
    /// events left them. Orders of a step that failed never existed; a cancel of such a step was
    /// never sent, so none counts as pending.
    #[must_use]
    pub fn into_setup(self) -> HostSetup {
        let sent = self.last_number_sent;
        let epoch = self.setup.epoch;
        let positions = self.view.positions().collect();
        let existed = |open: &OpenOrder| open.order.epoch != epoch || open.order.number <= sent;
        let open_orders = self.view.open_orders.into_vec().into_iter().filter(existed);
        let open_orders = open_orders.map(|open| OpenOrder { cancel_pending: false, ..open });
        let (open_orders, last_number) = (open_orders.collect(), self.last_number);
        HostSetup { positions, open_orders, last_number, ..self.setup }
    }

    /// The run's instruments, as they were last refreshed.
    #[must_use]
    pub fn instruments(&self) -> &Instruments {
        &self.setup.instruments
    }

    /// What the strategy asked for.
    #[must_use]
    pub const fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    /// The strategy's number in the ledger.
    #[must_use]
    pub const fn strategy(&self) -> StrategyId {
        self.setup.strategy
    }

    /// The instruments that it trades.
    #[must_use]
    pub fn traded(&self) -> &[InstrumentId] {
        &self.setup.traded
    }

    /// Whether the strategy asked for an event like this one.
    #[must_use]
    #[inline(always)]
    pub fn wants(&self, event: &MarketEvent) -> bool {
        let requested = match event {
            MarketEvent::Trade(_) => self.requirements.trades,
            MarketEvent::Quote(_) => self.requirements.quotes,
            MarketEvent::Book(_) => self.requirements.book,
            MarketEvent::Bar(bar) => self.requirements.bars.contains(&bar.interval),
            MarketEvent::Depth(_) => false,
        };
        requested && self.setup.traded.contains(&event.instrument())
    }

    /// Keeps the values that the strategy publishes from now on.
    pub fn watch_indicators(&mut self) {
        self.effects.indicators.get_or_insert_default();
    }

    /// The values that were published since the last call; nothing unless they are watched.
    pub fn take_indicators(&mut self) -> impl Iterator<Item = Indicator> + '_ {
        self.effects.indicators.iter_mut().flat_map(|indicators| indicators.drain(..))
    }

    /// The last order number used, for a host that follows this one.
    #[must_use]
    pub const fn last_number(&self) -> u32 {
        self.last_number
    }

    /// When the host wants [`HostInput::Wake`], by the venue's clock.
    #[must_use]
    #[inline]
    pub fn wake_at(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Ready | Stage::Paused => self.timers.earliest(),
            Stage::AwaitingHistory | Stage::WarmingUp | Stage::Stopped => None,
        }
    }

    /// What is missing between the history delivered so far and the live events that wait for it.
    #[must_use]
    pub fn history_gap(&self) -> Option<HistoryGap> {
        self.splice.gap(&self.view)
    }

    /// Whether it waits for its history.
    #[must_use]
    pub fn awaits_history(&self) -> bool {
        self.stage == Stage::AwaitingHistory
    }

    /// Whether it was paused and not resumed.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.stage == Stage::Paused
    }

    /// The fingerprint of all that the host knows, and of the strategy's own snapshot. A strategy
    /// without one is known by what it does.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&(
            (&self.view, &self.timers, self.stage, &self.splice),
            (self.last_number, self.last_number_sent, self.machine.snapshot()),
        ))
    }

    /// The strategy's own snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Option<serde_json::Value> {
        self.machine.snapshot()
    }

    /// Hands an earlier snapshot to the strategy.
    ///
    /// # Errors
    /// When the strategy cannot use it.
    pub fn restore(&mut self, snapshot: serde_json::Value) -> StrategyResult {
        self.machine.restore(snapshot)
    }

    /// Its position in an instrument.
    #[must_use]
    pub fn position(&self, instrument: InstrumentId) -> Position {
        self.view.position(instrument)
    }

    /// Its open orders, oldest first.
    pub fn open_orders(&self) -> impl Iterator<Item = &OpenOrder> {
        self.view.open_orders.iter()
    }

    /// Takes one input and appends what follows from it.
    ///
    /// # Errors
    /// See [`HostError`]: this host is then to be thrown away, and so after a panic. What it had
    /// already intended in the same step is dropped with it.
    pub fn step(
        &mut self,
        now: Timestamp,
        input: HostInput,
        outputs: &mut Vec<HostOutput>,
    ) -> Result<(), HostError> {
        self.deliver(now, input)?;
        self.last_number_sent = self.last_number;
        outputs.append(&mut self.outputs);
        Ok(())
    }

    /// The same for a market event, which stays with the caller: it is copied only if the strategy
    /// acts on it, or if it must wait for the history.
    ///
    /// # Errors
    /// As [`Self::step`].
    #[inline(always)]
    pub fn step_market(
        &mut self,
        now: Timestamp,
        sequence: u64,
        event: &MarketEvent,
        correlation: CorrelationId,
        outputs: &mut Vec<HostOutput>,
    ) -> Result<(), HostError> {
        if self.stage == Stage::AwaitingHistory {
            self.splice.hold(event.clone());
            return Ok(());
        }
        self.on_market(now, event)?;
        if !self.effects.list.is_empty() {
            let received_at = event.received_at();
            let event = || Arc::new(event.clone());
            let cause = || (Cause::Market { sequence, event: event() }, received_at);
            self.collect(now, cause, Some(correlation));
            self.last_number_sent = self.last_number;
            outputs.append(&mut self.outputs);
        }
        Ok(())
    }

    /// [`HostInput::Order`], of an event that stays with the caller.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn step_order(
        &mut self,
        now: Timestamp,
        event: &OrderEvent,
        fee_in_quote: Amount,
        outputs: &mut Vec<HostOutput>,
    ) -> Result<(), HostError> {
        self.deliver_order(now, event, fee_in_quote)?;
        self.last_number_sent = self.last_number;
        outputs.append(&mut self.outputs);
        Ok(())
    }

    fn deliver_order(
        &mut self,
        now: Timestamp,
        event: &OrderEvent,
        fee_in_quote: Amount,
    ) -> Result<(), HostError> {
        self.on_order(now, event, fee_in_quote)?;
        let cause = || (Cause::Order { order: event.order }, now);
        self.collect(now, cause, Some(event.correlation));
        Ok(())
    }

    fn deliver(&mut self, now: Timestamp, input: HostInput) -> Result<(), HostError> {
        match input {
            HostInput::WarmUp(event) => {
                self.on_market(now, &event)?;
                self.collect(now, || (Cause::Lifecycle, now), None);
            }
            HostInput::HistoryComplete => self.release_held()?,
            HostInput::Start => {
                self.release_held()?;
                self.stage = Stage::Ready;
                self.call(now, |machine, context| machine.on_start(context))?;
                self.collect(now, || (Cause::Lifecycle, now), None);
            }
            HostInput::Market { event, .. } if self.stage == Stage::AwaitingHistory => {
                self.splice.hold(event);
            }
            HostInput::Market { sequence, event, correlation } => {
                self.on_market(now, &event)?;
                let received_at = event.received_at();
                let cause = || (Cause::Market { sequence, event: Arc::new(event) }, received_at);
                self.collect(now, cause, Some(correlation));
            }
            HostInput::Order { event, fee_in_quote } => {
                self.deliver_order(now, &event, fee_in_quote)?;
            }
            HostInput::Wake => self.on_wake(now)?,
            HostInput::Pause => {
                if self.stage == Stage::Ready {
                    self.stage = Stage::Paused;
                }
            }
            HostInput::Resume => {
                if self.stage == Stage::Paused {
                    self.stage = Stage::Ready;
                }
            }
            HostInput::InstrumentsRefreshed(instruments) => self.setup.instruments = instruments,
            HostInput::Stop => {
                self.stage = Stage::Stopped;
                self.call(now, |machine, context| machine.on_stop(context))?;
                self.collect(now, || (Cause::Lifecycle, now), None);
            }
        }
        Ok(())
    }

    /// Turns what the strategy just asked for into outputs. `cause` is only built when it did.
    fn collect(
        &mut self,
        now: Timestamp,
        cause: impl FnOnce() -> (Cause, Timestamp),
        correlation: Option<CorrelationId>,
    ) {
        if self.effects.list.is_empty() {
            return;
        }
        let (cause, caused_at) = cause();
        for effect in self.effects.list.drain(..) {
            self.outputs.push(match effect {
                HostEffect::Note(text) => HostOutput::Note(text),
                HostEffect::Intend(intent) => HostOutput::Intent(SubmitIntent {
                    strategy: self.setup.strategy,
                    correlation: correlation.unwrap_or_else(|| own_chain(&intent)),
                    intent,
                    cause: cause.clone(),
                    caused_at,
                    decided_at: now,
                }),
            });
        }
    }

    #[inline(always)]
    fn call(
        &mut self,
        now: Timestamp,
        deliver: impl FnOnce(&mut dyn Strategy, &mut Context<'_>) -> StrategyResult,
    ) -> Result<(), HostError> {
        let mut context = Context {
            now,
            stage: self.stage,
            setup: &self.setup,
            next_number: &mut self.last_number,
            view: &mut self.view,
            timers: &mut self.timers,
            effects: &mut self.effects,
        };
        deliver(self.machine.as_mut(), &mut context)?;
        if self.effects.is_flooded {
            return Err(HostError::Flooded { limit: self.effects.limit });
        }
        Ok(())
    }

    /// The live events that waited for the history, each at the time that it came.
    fn release_held(&mut self) -> Result<(), HostError> {
        if self.stage != Stage::AwaitingHistory {
            return Ok(());
        }
        self.stage = Stage::WarmingUp;
        for event in self.splice.release() {
            let received_at = event.received_at();
            self.on_market(received_at, &event)?;
            self.collect(received_at, || (Cause::Lifecycle, received_at), None);
        }
        Ok(())
    }

    #[inline(always)]
    fn on_market(&mut self, now: Timestamp, event: &MarketEvent) -> Result<(), HostError> {
        if let MarketEvent::Trade(trade) = event {
            return self.on_trade(now, trade);
        }
        self.on_news(now, event)
    }

    /// Any other event than a trade, if it is newer than what is known.
    fn on_news(&mut self, now: Timestamp, event: &MarketEvent) -> Result<(), HostError> {
        if !is_news(&self.view, event) {
            return Ok(());
        }
        match event {
            MarketEvent::Trade(trade) => self.on_trade(now, trade),
            MarketEvent::Quote(quote) => {
                self.view.market_mut(quote.instrument).last_quote = Some(*quote);
                self.call(now, |machine, context| machine.on_quote(context, quote))
            }
            MarketEvent::Bar(bar) => self.on_bar(now, bar),
            MarketEvent::Book(book) => {
                self.view.market_mut(book.instrument).last_book = Some(Arc::clone(book));
                self.call(now, |machine, context| machine.on_book(context, book))
            }
            MarketEvent::Depth(_) => Ok(()),
        }
    }

    #[inline(always)]
    fn on_trade(&mut self, now: Timestamp, trade: &Trade) -> Result<(), HostError> {
        let last = &mut self.view.market_mut(trade.instrument).last_trade;
        if !is_newer(trade, last.as_ref()) {
            return Ok(());
        }
        *last = Some(*trade);
        self.call(now, |machine, context| machine.on_trade(context, trade))
    }

    fn on_bar(&mut self, now: Timestamp, bar: &Bar) -> Result<(), HostError> {
        let kept = match self.requirements.warm_up {
            WarmUp::Bars(_, count) => usize::try_from(count).unwrap_or(usize::MAX).max(1),
            WarmUp::None | WarmUp::Trades(_) => 1,
        };
        self.view.market_mut(bar.instrument).add_bar(bar, kept);
        self.call(now, |machine, context| machine.on_bar(context, bar))
    }

    fn on_wake(&mut self, now: Timestamp) -> Result<(), HostError> {
        for timer in self.timers.due(now) {
            self.timers.clear(timer);
            self.call(now, |machine, context| machine.on_timer(context, timer))?;
            self.collect(now, || (Cause::Timer { timer }, now), None);
        }
        Ok(())
    }

    /// The view is brought up to date first, so that the strategy sees the world after the event.
    fn on_order(
        &mut self,
        now: Timestamp,
        event: &OrderEvent,
        fee_in_quote: Amount,
    ) -> Result<(), HostError> {
        self.view.follow_order(event);
        let is_fill = matches!(event.kind, OrderEventKind::Filled { .. });
        if event.order.is_engines() && !is_fill {
            // What the engine places for the strategy is not the strategy's to follow: it hears
            // of what changes its position.
            return Ok(());
        }
        if let OrderEventKind::Filled { fill, .. } = &event.kind {
            self.book_fill(fill, fee_in_quote)?;
        }
        self.call(now, |machine, context| machine.on_order(context, event))
    }

    fn book_fill(&mut self, fill: &Fill, fee_in_quote: Amount) -> Result<(), HostError> {
        let instrument = self.setup.instruments.get(fill.key.instrument);
        let position = &mut self.view.market_mut(fill.key.instrument).position;
        Ok(position.apply(fill, instrument.base, instrument.quote, fee_in_quote)?)
    }
}

/// A timer or a start begins a chain of its own, named after the order that it leads to.
fn own_chain(intent: &Intent) -> CorrelationId {
    match intent {
        Intent::Submit { order, .. } | Intent::Cancel { order } | Intent::Replace { order, .. } => {
            CorrelationId::own(*order)
        }
    }
}
