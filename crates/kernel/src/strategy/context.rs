//! What a strategy can see and do while it handles one event.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use model::{
    Amount, Bar, BookState, Instrument, InstrumentId, Instruments, Interval, NewOrder, OrderId,
    OrderStatus, Price, Quantity, Quote, Side, StrategyId, Timestamp, Trade,
};

use crate::messages::Intent;
use crate::portfolio::Position;

/// One of the strategy's orders that is not final.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenOrder {
    /// Identity.
    pub order: OrderId,
    /// What was asked, with the rounding that was applied once it is known.
    pub new: NewOrder,
    /// Where it is.
    pub status: OrderStatus,
    /// Executed so far.
    pub filled_quantity: Quantity,
    /// Whether its cancel is on the way.
    pub cancel_pending: bool,
    /// The order that it is to replace.
    pub replaces: Option<OrderId>,
}

/// What a strategy knows of the world: kept by its host from the events delivered to it, and
/// from nothing else.
#[derive(Debug, Default)]
pub struct StrategyView {
    pub(super) positions: BTreeMap<InstrumentId, Position>,
    pub(super) open_orders: BTreeMap<OrderId, OpenOrder>,
    pub(super) last_trade: BTreeMap<InstrumentId, Trade>,
    pub(super) last_quote: BTreeMap<InstrumentId, Quote>,
    pub(super) last_book: BTreeMap<InstrumentId, Arc<BookState>>,
    pub(super) bars: BTreeMap<(InstrumentId, Interval), VecDeque<Bar>>,
}

/// What a strategy wants done, as its host passes it on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostEffect {
    /// Send an intent to the risk gate.
    Intend(Intent),
    /// A line for the log, in the strategy's words.
    Note(String),
}

/// A strategy's hands and eyes for the time of one call.
#[derive(Debug)]
pub struct Context<'a> {
    pub(super) now: Timestamp,
    pub(super) ready: bool,
    pub(super) epoch: u32,
    pub(super) strategy: StrategyId,
    pub(super) next_number: &'a mut u32,
    pub(super) capital: Amount,
    pub(super) traded: &'a [InstrumentId],
    pub(super) instruments: &'a Instruments,
    pub(super) view: &'a mut StrategyView,
    pub(super) timers: &'a mut BTreeMap<u32, Timestamp>,
    pub(super) effects: &'a mut Vec<HostEffect>,
}

impl Context<'_> {
    /// The venue's time: of the event that is being handled.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether orders can be placed: false while warming up and while stopping.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.ready
    }

    /// The capital allocated to the strategy, in the engine's currency.
    #[must_use]
    pub const fn capital(&self) -> Amount {
        self.capital
    }

    /// The instruments it trades, in the order of its file.
    #[must_use]
    pub const fn traded(&self) -> &[InstrumentId] {
        self.traded
    }

    /// An instrument with its filters.
    #[must_use]
    pub fn instrument(&self, id: InstrumentId) -> &Instrument {
        self.instruments.get(id)
    }

    /// The strategy's own position: its fills less fees, nobody else's.
    #[must_use]
    pub fn position(&self, id: InstrumentId) -> Position {
        self.view.positions.get(&id).copied().unwrap_or_default()
    }

    /// Whether nothing that could be sold is left at the last price. Dust counts as flat.
    #[must_use]
    pub fn is_flat(&self, id: InstrumentId) -> bool {
        let quantity = self.position(id).quantity();
        match self.last_price(id) {
            Some(price) => quantity < self.instrument(id).smallest_sellable(price),
            None => !quantity.is_positive(),
        }
    }

    /// Its orders that are not final, oldest first.
    pub fn open_orders(&self, id: InstrumentId) -> impl Iterator<Item = &OpenOrder> {
        self.view.open_orders.values().filter(move |open| open.new.instrument == id)
    }

    /// Its open orders of one side, oldest first.
    pub fn open_orders_on(&self, id: InstrumentId, side: Side) -> impl Iterator<Item = &OpenOrder> {
        self.open_orders(id).filter(move |open| open.new.side == side)
    }

    /// One of its orders, while it is not final.
    #[must_use]
    pub fn open_order(&self, order: OrderId) -> Option<&OpenOrder> {
        self.view.open_orders.get(&order)
    }

    /// The latest trade seen, if the strategy asked for trades.
    #[must_use]
    pub fn last_trade(&self, id: InstrumentId) -> Option<&Trade> {
        self.view.last_trade.get(&id)
    }

    /// The latest best bid and ask, if the strategy asked for quotes.
    #[must_use]
    pub fn last_quote(&self, id: InstrumentId) -> Option<&Quote> {
        self.view.last_quote.get(&id)
    }

    /// The latest top of the book, if the strategy asked for it.
    #[must_use]
    pub fn last_book(&self, id: InstrumentId) -> Option<&BookState> {
        self.view.last_book.get(&id).map(Arc::as_ref)
    }

    /// The latest price known by any means: a trade, else a mid, else a bar's close.
    #[must_use]
    pub fn last_price(&self, id: InstrumentId) -> Option<Price> {
        let bar_close = || {
            let series = self.view.bars.iter().find(|((owner, _), _)| *owner == id);
            series.and_then(|(_, bars)| bars.back()).map(|bar| bar.close)
        };
        self.last_trade(id)
            .map(|trade| trade.price)
            .or_else(|| self.last_quote(id).map(Quote::mid))
            .or_else(bar_close)
    }

    /// The latest closed bars, oldest first: as many as the warm-up asked for, at least one.
    pub fn bars(&self, id: InstrumentId, interval: Interval) -> impl Iterator<Item = &Bar> {
        self.view.bars.get(&(id, interval)).into_iter().flatten()
    }

    /// Places an order. What becomes of it comes through [`super::Strategy::on_order`]; the first
    /// news may be that risk denied it. `None`, and nothing done, while not
    /// [ready](Self::is_ready).
    pub fn submit(&mut self, new: NewOrder) -> Option<OrderId> {
        let order = self.register(new, None)?;
        self.effects.push(HostEffect::Intend(Intent::Submit { order, new }));
        Some(order)
    }

    /// Takes one of its orders back. Does nothing for an order that is final or whose cancel is
    /// already on the way.
    pub fn cancel(&mut self, order: OrderId) {
        if let Some(open) = self.view.open_orders.get_mut(&order)
            && !open.cancel_pending
        {
            open.cancel_pending = true;
            self.effects.push(HostEffect::Intend(Intent::Cancel { order }));
        }
    }

    /// Takes every open order on an instrument back.
    pub fn cancel_all(&mut self, id: InstrumentId) {
        let orders: Vec<OrderId> = self.open_orders(id).map(|open| open.order).collect();
        for order in orders {
            self.cancel(order);
        }
    }

    /// Takes an order back and places another once it is known to be gone. If the old one fills
    /// first, the new one is dropped and [`super::Strategy::on_order`] says that it was canceled.
    /// `None`, and nothing done, while not ready or if the old order is final or already being
    /// cancelled.
    pub fn replace(&mut self, old: OrderId, new: NewOrder) -> Option<OrderId> {
        let replaceable = self.view.open_orders.get(&old).is_some_and(|open| !open.cancel_pending);
        if !replaceable {
            return None;
        }
        let order = self.register(new, Some(old))?;
        if let Some(open) = self.view.open_orders.get_mut(&old) {
            open.cancel_pending = true;
        }
        self.effects.push(HostEffect::Intend(Intent::Replace { old, order, new }));
        Some(order)
    }

    /// Has [`super::Strategy::on_timer`] called at an instant; replaces an earlier timer of the
    /// same name.
    pub fn set_timer(&mut self, timer: u32, at: Timestamp) {
        self.timers.insert(timer, at);
    }

    /// Takes a timer back.
    pub fn clear_timer(&mut self, timer: u32) {
        self.timers.remove(&timer);
    }

    /// Writes a line to the log, under the strategy's name.
    pub fn note(&mut self, text: impl Into<String>) {
        self.effects.push(HostEffect::Note(text.into()));
    }

    fn register(&mut self, new: NewOrder, replaces: Option<OrderId>) -> Option<OrderId> {
        if !self.ready {
            return None;
        }
        *self.next_number += 1;
        let order =
            OrderId { epoch: self.epoch, strategy: self.strategy, number: *self.next_number };
        let open = OpenOrder {
            order,
            new,
            status: OrderStatus::Intended,
            filled_quantity: Quantity::ZERO,
            cancel_pending: false,
            replaces,
        };
        self.view.open_orders.insert(order, open);
        Some(order)
    }
}
