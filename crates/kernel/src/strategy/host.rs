//! The host of one strategy: keeps what the strategy knows, delivers events, collects intents.
//!
//! Pure: a panic passes through it, and whoever runs it throws it away and builds another from
//! the ledger.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use model::{
    Amount, Bar, CorrelationId, Fill, InstrumentId, Instruments, MarketEvent, OrderEvent,
    OrderEventKind, OrderId, OrderStatus, StrategyId, Timestamp, Trade,
};

use super::{
    Context, HostEffect, OpenOrder, Requirements, Strategy, StrategyResult, StrategyView, WarmUp,
};
use crate::messages::{Cause, Intent, SubmitIntent};
use crate::portfolio::Position;

/// What a strategy host is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostInput {
    /// A past event, oldest first, before [`HostInput::Start`].
    WarmUp(MarketEvent),
    /// History is complete and reconcile is done: orders are possible from now on.
    Start,
    /// A live event, with its place in the feed's sequence.
    Market {
        /// Counts every event that the feed published.
        sequence: u64,
        /// The event.
        event: MarketEvent,
        /// The chain of events that begins with it.
        correlation: CorrelationId,
    },
    /// Something happened to one of its orders.
    Order {
        /// What.
        event: OrderEvent,
        /// What a fee in a third asset was worth in the quote asset; zero otherwise.
        fee_in_quote: Amount,
    },
    /// The instant of [`StrategyHost::wake_at`] has come.
    Wake,
    /// Orders are impossible until [`HostInput::Resume`]: the engine is not reconciled.
    Pause,
    /// Orders are possible again.
    Resume,
    /// The engine stops in good order.
    Stop,
}

impl HostInput {
    /// Stable lower-case name for logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::WarmUp(_) => "warm_up",
            Self::Start => "start",
            Self::Market { .. } => "market",
            Self::Order { .. } => "order",
            Self::Wake => "timer",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Stop => "stop",
        }
    }
}

/// What a host passes on after a step.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::large_enum_variant, reason = "drained at once, never stored")]
pub enum HostOutput {
    /// To the risk gate.
    Intent(SubmitIntent),
    /// To the log.
    Note(String),
}

/// What a host is built with.
#[derive(Clone, Debug)]
pub struct HostSetup {
    /// The strategy's number in the ledger.
    pub strategy: StrategyId,
    /// This boot.
    pub epoch: u32,
    /// The last order number used in this boot; greater than 0 for a host built after a failure.
    pub last_number: u32,
    /// Every instrument of the run.
    pub instruments: Arc<Instruments>,
    /// Those that it trades.
    pub traded: Vec<InstrumentId>,
    /// Its capital, in the engine's currency.
    pub capital: Amount,
    /// Its positions, from the ledger.
    pub positions: BTreeMap<InstrumentId, Position>,
    /// Its open orders, from the ledger.
    pub open_orders: Vec<OpenOrder>,
}

/// Whether and why orders are possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
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
    timers: BTreeMap<u32, Timestamp>,
    stage: Stage,
    /// Last trade delivered of each instrument: the splice between history and stream.
    last_trade: BTreeMap<InstrumentId, model::TradeId>,
    effects: Vec<HostEffect>,
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
        let view = StrategyView {
            positions: setup.positions.clone(),
            open_orders: setup.open_orders.iter().map(|o| (o.order, o.clone())).collect(),
            ..StrategyView::default()
        };
        let last_number_sent = setup.last_number;
        Self {
            last_number_sent,
            machine,
            requirements,
            setup,
            view,
            timers: BTreeMap::new(),
            stage: Stage::WarmingUp,
            last_trade: BTreeMap::new(),
            effects: Vec::new(),
        }
    }

    /// What a host that follows this one starts from: positions and open orders as the order
    /// events left them. Orders of a step that failed never existed; a cancel of such a step was
    /// never sent, so none counts as pending.
    #[must_use]
    pub fn into_setup(self) -> HostSetup {
        let sent = self.last_number_sent;
        let epoch = self.setup.epoch;
        let existed = |open: &OpenOrder| open.order.epoch != epoch || open.order.number <= sent;
        let open_orders = self.view.open_orders.into_values().filter(existed);
        let open_orders = open_orders.map(|open| OpenOrder { cancel_pending: false, ..open });
        HostSetup {
            positions: self.view.positions,
            open_orders: open_orders.collect(),
            ..self.setup
        }
    }

    /// What the strategy asked for.
    #[must_use]
    pub const fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    /// The last order number used, for a host that follows this one.
    #[must_use]
    pub const fn last_number(&self) -> u32 {
        self.setup.last_number
    }

    /// When the host wants [`HostInput::Wake`], by the venue's clock.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.timers.values().min().copied()
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
        self.view.positions.get(&instrument).copied().unwrap_or_default()
    }

    /// Its open orders.
    pub fn open_orders(&self) -> impl Iterator<Item = &OpenOrder> {
        self.view.open_orders.values()
    }

    /// Takes one input and appends what follows from it.
    ///
    /// # Errors
    /// The strategy's own error: this host is then to be thrown away. What it had already
    /// intended in the same step is dropped with it.
    pub fn step(
        &mut self,
        now: Timestamp,
        input: HostInput,
        outputs: &mut Vec<HostOutput>,
    ) -> StrategyResult {
        let (cause, correlation) = cause_of(&input);
        let result = self.deliver(now, input);
        let effects = std::mem::take(&mut self.effects);
        result?;
        self.last_number_sent = self.setup.last_number;
        for effect in effects {
            outputs.push(match effect {
                HostEffect::Note(text) => HostOutput::Note(text),
                HostEffect::Intend(intent) => {
                    HostOutput::Intent(self.submit_intent(now, intent, &cause, correlation))
                }
            });
        }
        Ok(())
    }

    fn submit_intent(
        &self,
        now: Timestamp,
        intent: Intent,
        cause: &Cause,
        correlation: Option<CorrelationId>,
    ) -> SubmitIntent {
        // A timer or a start begins a chain of its own, named after the order that it leads to.
        let own = || match intent {
            Intent::Submit { order, .. }
            | Intent::Cancel { order }
            | Intent::Replace { order, .. } => {
                let strategy = u64::from(order.strategy.0) << 32;
                CorrelationId(1 << 63 | strategy | u64::from(order.number))
            }
        };
        let correlation = correlation.unwrap_or_else(own);
        let caused_at = match cause {
            Cause::Market { event, .. } => event.received_at(),
            Cause::Order { .. } | Cause::Timer { .. } | Cause::Lifecycle | Cause::Engine => now,
        };
        SubmitIntent {
            strategy: self.setup.strategy,
            intent,
            cause: cause.clone(),
            correlation,
            caused_at,
            decided_at: now,
        }
    }

    fn deliver(&mut self, now: Timestamp, input: HostInput) -> StrategyResult {
        match input {
            HostInput::WarmUp(event) => {
                debug_assert_eq!(self.stage, Stage::WarmingUp, "history comes before the start");
                self.on_market(now, event)
            }
            HostInput::Start => {
                self.stage = Stage::Ready;
                self.call(now, |machine, context| machine.on_start(context))
            }
            HostInput::Market { event, .. } => self.on_market(now, event),
            HostInput::Order { event, fee_in_quote } => self.on_order(now, &event, fee_in_quote),
            HostInput::Wake => self.on_wake(now),
            HostInput::Pause => {
                if self.stage == Stage::Ready {
                    self.stage = Stage::Paused;
                }
                Ok(())
            }
            HostInput::Resume => {
                if self.stage == Stage::Paused {
                    self.stage = Stage::Ready;
                }
                Ok(())
            }
            HostInput::Stop => {
                self.stage = Stage::Stopped;
                self.call(now, |machine, context| machine.on_stop(context))
            }
        }
    }

    fn call(
        &mut self,
        now: Timestamp,
        deliver: impl FnOnce(&mut dyn Strategy, &mut Context<'_>) -> StrategyResult,
    ) -> StrategyResult {
        let mut context = Context {
            now,
            ready: self.stage == Stage::Ready,
            epoch: self.setup.epoch,
            strategy: self.setup.strategy,
            next_number: &mut self.setup.last_number,
            capital: self.setup.capital,
            traded: &self.setup.traded,
            instruments: &self.setup.instruments,
            view: &mut self.view,
            timers: &mut self.timers,
            effects: &mut self.effects,
        };
        deliver(self.machine.as_mut(), &mut context)
    }

    fn on_market(&mut self, now: Timestamp, event: MarketEvent) -> StrategyResult {
        match event {
            MarketEvent::Trade(trade) => self.on_trade(now, &trade),
            MarketEvent::Quote(quote) => {
                self.view.last_quote.insert(quote.instrument, quote);
                self.call(now, |machine, context| machine.on_quote(context, &quote))
            }
            MarketEvent::Bar(bar) => self.on_bar(now, &bar),
            MarketEvent::Book(book) => {
                self.view.last_book.insert(book.instrument, Arc::clone(&book));
                self.call(now, |machine, context| machine.on_book(context, &book))
            }
            MarketEvent::Depth(_) => Ok(()),
        }
    }

    /// History and stream overlap: what was delivered already is skipped by its id.
    fn on_trade(&mut self, now: Timestamp, trade: &Trade) -> StrategyResult {
        let last = self.last_trade.entry(trade.instrument).or_insert(model::TradeId(i64::MIN));
        if trade.id <= *last {
            return Ok(());
        }
        *last = trade.id;
        self.view.last_trade.insert(trade.instrument, *trade);
        self.call(now, |machine, context| machine.on_trade(context, trade))
    }

    /// The same for bars, by their opening time.
    fn on_bar(&mut self, now: Timestamp, bar: &Bar) -> StrategyResult {
        let kept = match self.requirements.warm_up {
            WarmUp::Bars(_, count) => usize::try_from(count).unwrap_or(usize::MAX).max(1),
            WarmUp::None | WarmUp::Trades(_) => 1,
        };
        let series: &mut VecDeque<Bar> =
            self.view.bars.entry((bar.instrument, bar.interval)).or_default();
        if series.back().is_some_and(|last| bar.open_at <= last.open_at) {
            return Ok(());
        }
        series.push_back(*bar);
        while series.len() > kept {
            series.pop_front();
        }
        self.call(now, |machine, context| machine.on_bar(context, bar))
    }

    fn on_wake(&mut self, now: Timestamp) -> StrategyResult {
        let due: Vec<u32> =
            self.timers.iter().filter(|(_, at)| **at <= now).map(|(timer, _)| *timer).collect();
        for timer in due {
            self.timers.remove(&timer);
            self.call(now, |machine, context| machine.on_timer(context, timer))?;
        }
        Ok(())
    }

    /// The view is brought up to date first, so that the strategy sees the world after the event.
    fn on_order(
        &mut self,
        now: Timestamp,
        event: &OrderEvent,
        fee_in_quote: Amount,
    ) -> StrategyResult {
        self.update_open_order(event);
        if let OrderEventKind::Filled { fill, .. } = &event.kind {
            self.book_fill(fill, fee_in_quote)?;
        }
        self.call(now, |machine, context| machine.on_order(context, event))
    }

    fn book_fill(&mut self, fill: &Fill, fee_in_quote: Amount) -> StrategyResult {
        let instrument = self.setup.instruments.get(fill.key.instrument);
        let position = self.view.positions.entry(fill.key.instrument).or_default();
        position
            .apply(fill, instrument.base, instrument.quote, fee_in_quote)
            .map_err(|error| super::StrategyError(format!("fill can't be booked: {error}")))
    }

    fn update_open_order(&mut self, event: &OrderEvent) {
        let id: OrderId = event.order;
        let Some(open) = self.view.open_orders.get_mut(&id) else { return };
        let mut gone = false;
        let mut denied_replacement_of = None;
        match &event.kind {
            OrderEventKind::Submitted { quantity, price } => {
                open.status = OrderStatus::Submitted;
                if let Some(quantity) = quantity {
                    open.new.quantity = model::OrderQuantity::Base(*quantity);
                }
                if let Some(price) = price {
                    open.new.kind = with_limit_price(open.new.kind, *price);
                }
            }
            OrderEventKind::Accepted { .. } => {
                if open.status != OrderStatus::PartiallyFilled {
                    open.status = OrderStatus::Accepted;
                }
            }
            OrderEventKind::Triggered => {}
            OrderEventKind::Filled { cumulative_quantity, complete, .. } => {
                open.filled_quantity = *cumulative_quantity;
                open.status = OrderStatus::PartiallyFilled;
                gone = *complete;
            }
            OrderEventKind::CancelRejected { .. } => open.cancel_pending = false,
            OrderEventKind::OutcomeUnknown => open.status = OrderStatus::Unknown,
            OrderEventKind::Denied { .. } => {
                gone = true;
                denied_replacement_of = open.replaces;
            }
            OrderEventKind::Completed
            | OrderEventKind::Canceled { .. }
            | OrderEventKind::Expired { .. }
            | OrderEventKind::Rejected { .. }
            | OrderEventKind::Absent => gone = true,
        }
        if gone {
            self.view.open_orders.remove(&id);
        }
        // The order that was to be replaced works on.
        if let Some(old) = denied_replacement_of.and_then(|old| self.view.open_orders.get_mut(&old))
        {
            old.cancel_pending = false;
        }
    }
}

fn with_limit_price(kind: model::OrderKind, price: model::Price) -> model::OrderKind {
    use model::OrderKind::{
        Limit, LimitMaker, Market, StopLoss, StopLossLimit, TakeProfit, TakeProfitLimit,
    };
    match kind {
        Limit { time_in_force, .. } => Limit { price, time_in_force },
        LimitMaker { .. } => LimitMaker { price },
        StopLossLimit { stop_price, time_in_force, .. } => {
            StopLossLimit { stop_price, price, time_in_force }
        }
        TakeProfitLimit { stop_price, time_in_force, .. } => {
            TakeProfitLimit { stop_price, price, time_in_force }
        }
        Market | StopLoss { .. } | TakeProfit { .. } => kind,
    }
}

fn cause_of(input: &HostInput) -> (Cause, Option<CorrelationId>) {
    match input {
        HostInput::Market { sequence, event, correlation } => {
            let cause = Cause::Market { sequence: *sequence, event: event.clone() };
            (cause, Some(*correlation))
        }
        HostInput::Order { event, .. } => {
            (Cause::Order { order: event.order }, Some(event.correlation))
        }
        HostInput::Wake => (Cause::Timer { timer: 0 }, None),
        HostInput::WarmUp(_)
        | HostInput::Start
        | HostInput::Stop
        | HostInput::Pause
        | HostInput::Resume => (Cause::Lifecycle, None),
    }
}
