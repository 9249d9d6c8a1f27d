//! What a strategy can see and do while it handles one event.

use model::{
    Amount, Bar, BookState, Instrument, InstrumentId, Interval, NewOrder, OrderId, OrderKind,
    Price, Quantity, Quote, Side, Timestamp, Trade,
};

use super::host::Stage;
use super::messages::HostSetup;
use super::timers::Timers;
use super::view::{OpenOrder, StrategyView};
use crate::messages::Intent;
use crate::portfolio::Position;

/// What a strategy wants done, as its host passes it on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum HostEffect {
    /// Send an intent to the risk gate.
    Intend(Intent),
    /// A line for the log, in the strategy's words.
    Note(String),
}

/// A value that a strategy goes by, as of one event.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Indicator {
    /// When.
    pub at: Timestamp,
    /// Of what.
    pub instrument: InstrumentId,
    /// The strategy's name for it.
    pub name: &'static str,
    /// The value.
    pub value: f64,
}

/// What a strategy asks for during one event, up to a bound: past it the host calls it a flood.
#[derive(Debug)]
pub(super) struct Effects {
    pub list: Vec<HostEffect>,
    pub limit: usize,
    pub is_flooded: bool,
    /// Values that were published; `None` while nobody wants any.
    pub indicators: Option<Vec<Indicator>>,
}

impl Effects {
    fn push(&mut self, effect: impl FnOnce() -> HostEffect) {
        if self.list.len() < self.limit {
            self.list.push(effect());
        } else {
            self.is_flooded = true;
        }
    }
}

/// A strategy's hands and eyes for the time of one call.
#[derive(Debug)]
pub struct Context<'a> {
    pub(super) now: Timestamp,
    pub(super) stage: Stage,
    pub(super) setup: &'a HostSetup,
    pub(super) next_number: &'a mut u32,
    pub(super) view: &'a mut StrategyView,
    pub(super) timers: &'a mut Timers,
    pub(super) effects: &'a mut Effects,
}

impl Context<'_> {
    /// The venue's time: of the event that is being handled.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether orders can be placed: false while warming up, while the engine is not reconciled
    /// and while stopping.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        matches!(self.stage, Stage::Ready)
    }

    const fn is_warming_up(&self) -> bool {
        matches!(self.stage, Stage::AwaitingHistory | Stage::WarmingUp)
    }

    /// The capital allocated to the strategy, in the engine's currency.
    #[must_use]
    pub const fn capital(&self) -> Amount {
        self.setup.capital
    }

    /// The instruments it trades, in the order of its file.
    #[must_use]
    pub const fn traded(&self) -> &[InstrumentId] {
        self.setup.traded.as_slice()
    }

    /// An instrument with its filters.
    #[must_use]
    pub fn instrument(&self, id: InstrumentId) -> &Instrument {
        self.setup.instruments.get(id)
    }

    /// The strategy's own position: its fills less fees, nobody else's.
    #[must_use]
    pub fn position(&self, id: InstrumentId) -> Position {
        self.view.position(id)
    }

    /// Whether nothing that could be sold is left at the last price. Dust counts as flat.
    #[must_use]
    #[inline]
    pub fn is_flat(&self, id: InstrumentId) -> bool {
        !self.is_enough(id, self.view.quantity(id))
    }

    /// What can be sold now: the position less what open sells may still execute, cut to the
    /// step. Zero when that is dust.
    #[must_use]
    #[inline]
    pub fn sellable(&self, id: InstrumentId) -> Quantity {
        let held = self.view.quantity(id);
        if held.is_positive() { self.sellable_of(id, held) } else { Quantity::ZERO }
    }

    fn sellable_of(&self, id: InstrumentId, held: Quantity) -> Quantity {
        let mut free = held;
        for open in self.open_orders_on(id, Side::Sell) {
            // Of a sell by quote amount only the venue knows how much it takes: all, for now.
            let Some(remaining) = open.remaining() else { return Quantity::ZERO };
            free = free.saturating_sub_to_zero(remaining);
        }
        let free = self.instrument(id).quantise_quantity(&OrderKind::Market, free);
        if self.is_enough(id, free) { free } else { Quantity::ZERO }
    }

    #[inline]
    fn is_enough(&self, id: InstrumentId, quantity: Quantity) -> bool {
        quantity.is_positive() && self.is_sellable_now(id, quantity)
    }

    fn is_sellable_now(&self, id: InstrumentId, quantity: Quantity) -> bool {
        let sells_at = |price| self.instrument(id).is_sellable(price, quantity);
        self.last_price(id).is_none_or(sells_at)
    }

    /// Its orders that are not final, oldest first.
    pub fn open_orders(&self, id: InstrumentId) -> impl Iterator<Item = &OpenOrder> {
        self.view.open_orders.iter().filter(move |open| open.new.instrument == id)
    }

    /// Its open orders of one side, oldest first.
    pub fn open_orders_on(&self, id: InstrumentId, side: Side) -> impl Iterator<Item = &OpenOrder> {
        self.open_orders(id).filter(move |open| open.new.side == side)
    }

    /// One of its orders, while it is not final.
    #[must_use]
    pub fn open_order(&self, order: OrderId) -> Option<&OpenOrder> {
        self.view.open_orders.get(order)
    }

    /// The latest trade seen, if the strategy asked for trades.
    #[must_use]
    pub fn last_trade(&self, id: InstrumentId) -> Option<&Trade> {
        self.view.market(id)?.last_trade.as_ref()
    }

    /// The latest best bid and ask, if the strategy asked for quotes.
    #[must_use]
    pub fn last_quote(&self, id: InstrumentId) -> Option<&Quote> {
        self.view.market(id)?.last_quote.as_ref()
    }

    /// The latest top of the book, if the strategy asked for it.
    #[must_use]
    pub fn last_book(&self, id: InstrumentId) -> Option<&BookState> {
        self.view.market(id)?.last_book.as_deref()
    }

    /// The latest price known by any means: a trade, else the middle of bid and ask, else a bar's
    /// close.
    #[must_use]
    pub fn last_price(&self, id: InstrumentId) -> Option<Price> {
        let market = self.view.market(id)?;
        let book_mid = || {
            let book = market.last_book.as_ref()?;
            let (bid, ask) = (book.bids.first()?.price.units(), book.asks.first()?.price.units());
            Some(Price::from_units(bid + (ask - bid) / 2))
        };
        let bar_close = || Some(market.series.first()?.bars.back()?.close);
        market
            .last_trade
            .map(|trade| trade.price)
            .or_else(|| market.last_quote.as_ref().map(Quote::mid))
            .or_else(book_mid)
            .or_else(bar_close)
    }

    /// The latest closed bars, oldest first: as many as the warm-up asked for, at least one.
    pub fn bars(&self, id: InstrumentId, interval: Interval) -> impl Iterator<Item = &Bar> {
        let series = self.view.market(id).and_then(|market| market.series(interval));
        series.into_iter().flat_map(|series| &series.bars)
    }

    /// Places an order. What becomes of it comes through [`super::Strategy::on_order`]; the first
    /// news may be that risk denied it. `None`, and nothing done, while not
    /// [ready](Self::is_ready).
    pub fn submit(&mut self, new: NewOrder) -> Option<OrderId> {
        let order = self.register(new, None)?;
        self.effects.push(|| HostEffect::Intend(Intent::Submit { order, new }));
        Some(order)
    }

    /// Takes one of its orders back. Does nothing for an order that is final or whose cancel is
    /// already on the way, nor while warming up, when the past is being told.
    pub fn cancel(&mut self, order: OrderId) {
        let is_warming_up = self.is_warming_up();
        if let Some(open) = self.view.open_orders.get_mut(order)
            && !open.cancel_pending
            && !is_warming_up
        {
            open.cancel_pending = true;
            self.effects.push(|| HostEffect::Intend(Intent::Cancel { order }));
        }
    }

    /// Takes every open order on an instrument back.
    pub fn cancel_all(&mut self, id: InstrumentId) {
        let orders: Vec<OrderId> = self.open_orders(id).map(|open| open.order).collect();
        for order in orders {
            self.cancel(order);
        }
    }

    /// Takes an order back and places another once it is known to be gone. If any of the old one
    /// fills meanwhile, the new one is dropped and [`super::Strategy::on_order`] says that it was
    /// canceled; if the new one is denied, the old one works on.
    /// `None`, and nothing done, while not ready or if the old order is final or already being
    /// cancelled.
    pub fn replace(&mut self, old: OrderId, new: NewOrder) -> Option<OrderId> {
        let replaceable = self.view.open_orders.get(old).is_some_and(|open| !open.cancel_pending);
        if !replaceable {
            return None;
        }
        let order = self.register(new, Some(old))?;
        if let Some(open) = self.view.open_orders.get_mut(old) {
            open.cancel_pending = true;
        }
        self.effects.push(|| HostEffect::Intend(Intent::Replace { old, order, new }));
        Some(order)
    }

    /// Has [`super::Strategy::on_timer`] called at an instant; replaces an earlier timer of the
    /// same name.
    pub fn set_timer(&mut self, timer: u32, at: Timestamp) {
        self.timers.set(timer, at);
    }

    /// Takes a timer back.
    pub fn clear_timer(&mut self, timer: u32) {
        self.timers.clear(timer);
    }

    /// Writes a line to the log, under the strategy's name.
    pub fn note(&mut self, text: impl Into<String>) {
        self.effects.push(|| HostEffect::Note(text.into()));
    }

    /// Shows a value that the strategy goes by, under a name, to whoever exports it. Passed over
    /// while it warms up, and in runs that nobody watches.
    #[inline]
    pub fn publish(&mut self, instrument: InstrumentId, name: &'static str, value: f64) {
        let is_warming_up = self.is_warming_up();
        if let Some(indicators) = &mut self.effects.indicators
            && !is_warming_up
        {
            indicators.push(Indicator { at: self.now, instrument, name, value });
        }
    }

    fn register(&mut self, new: NewOrder, replaces: Option<OrderId>) -> Option<OrderId> {
        if !self.is_ready() {
            return None;
        }
        *self.next_number += 1;
        let HostSetup { epoch, strategy, .. } = *self.setup;
        let order = OrderId { epoch, strategy, number: *self.next_number };
        self.view.open_orders.insert(OpenOrder::intended(order, new, replaces));
        Some(order)
    }
}
