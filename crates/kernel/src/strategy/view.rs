//! What a strategy knows of the world: markets, positions and its own open orders.

use std::collections::VecDeque;
use std::sync::Arc;

use model::{
    Bar, BookState, InstrumentId, Interval, NewOrder, OrderEvent, OrderEventKind, OrderId,
    OrderKind, OrderQuantity, OrderStatus, Price, Quantity, Quote, Trade,
};

use super::open_orders::OpenOrders;
use crate::ledger::LedgerOrder;
use crate::portfolio::Position;

/// Orders that never arrived are remembered up to this many, newest first: the venue may know
/// better.
const MAX_ABSENT: usize = 64;

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

impl OpenOrder {
    /// An order that was just decided.
    pub(super) const fn intended(order: OrderId, new: NewOrder, replaces: Option<OrderId>) -> Self {
        Self {
            order,
            new,
            status: OrderStatus::Intended,
            filled_quantity: Quantity::ZERO,
            cancel_pending: false,
            replaces,
        }
    }

    /// An order that was found in the ledger.
    #[must_use]
    pub fn of_ledger(found: &LedgerOrder) -> Self {
        Self {
            order: found.intent.order,
            new: found.intent.new,
            status: found.status,
            filled_quantity: found.executed,
            cancel_pending: found.cancel.is_some(),
            replaces: found.intent.replaces,
        }
    }

    /// What may still execute; `None` for an order by quote amount, of which only the venue can
    /// tell.
    #[must_use]
    pub const fn remaining(&self) -> Option<Quantity> {
        match self.new.quantity {
            OrderQuantity::Base(quantity) => {
                Some(quantity.saturating_sub_to_zero(self.filled_quantity))
            }
            OrderQuantity::Quote(_) => None,
        }
    }

    /// Its limit price, if it has one.
    #[must_use]
    pub const fn price(&self) -> Option<Price> {
        self.new.kind.limit_price()
    }

    /// Whether the venue has it and nobody is taking it back: it can be replaced.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        !self.cancel_pending
            && matches!(
                self.status,
                OrderStatus::PendingNew | OrderStatus::Accepted | OrderStatus::PartiallyFilled
            )
    }

    /// Fills may come before the acceptance, so the status follows from all that is known.
    const fn status_on_venue(&self, triggered: bool) -> OrderStatus {
        if self.filled_quantity.is_positive() {
            OrderStatus::PartiallyFilled
        } else if self.new.kind.stop_price().is_some() && !triggered {
            OrderStatus::PendingNew
        } else {
            OrderStatus::Accepted
        }
    }
}

/// The closed bars of one interval, oldest first.
#[derive(Debug)]
pub(super) struct BarSeries {
    pub interval: Interval,
    pub bars: VecDeque<Bar>,
}

/// What is known of one instrument.
#[derive(Debug, Default)]
pub(super) struct MarketView {
    pub position: Position,
    pub last_trade: Option<Trade>,
    pub last_quote: Option<Quote>,
    pub last_book: Option<Arc<BookState>>,
    pub series: Vec<BarSeries>,
}

impl MarketView {
    pub fn series(&self, interval: Interval) -> Option<&BarSeries> {
        self.series.iter().find(|series| series.interval == interval)
    }

    /// Adds a bar and keeps the last `kept`.
    pub fn add_bar(&mut self, bar: &Bar, kept: usize) {
        let found = self.series.iter().position(|series| series.interval == bar.interval);
        let index = found.unwrap_or_else(|| {
            self.series.push(BarSeries { interval: bar.interval, bars: VecDeque::new() });
            self.series.len() - 1
        });
        let bars = &mut self.series[index].bars;
        bars.push_back(*bar);
        while bars.len() > kept {
            bars.pop_front();
        }
    }
}

/// What a strategy knows of the world: kept by its host from the events delivered to it, and
/// from nothing else.
#[derive(Debug, Default)]
pub(super) struct StrategyView {
    /// By the instrument's number: reading one is an index, not a search.
    markets: Vec<MarketView>,
    pub(super) open_orders: OpenOrders,
    /// Orders that never arrived, as far as we know; newest last.
    absent: VecDeque<OpenOrder>,
}

impl StrategyView {
    pub(super) fn market(&self, id: InstrumentId) -> Option<&MarketView> {
        self.markets.get(usize::from(id.0))
    }

    #[inline]
    pub(super) fn market_mut(&mut self, id: InstrumentId) -> &mut MarketView {
        let index = usize::from(id.0);
        if index >= self.markets.len() {
            self.markets.resize_with(index + 1, MarketView::default);
        }
        &mut self.markets[index]
    }

    pub(super) fn position(&self, id: InstrumentId) -> Position {
        self.market(id).map(|market| market.position).unwrap_or_default()
    }

    pub(super) fn quantity(&self, id: InstrumentId) -> Quantity {
        self.market(id).map_or(Quantity::ZERO, |market| market.position.quantity())
    }

    /// Every position that was ever touched.
    pub(super) fn positions(&self) -> impl Iterator<Item = (InstrumentId, Position)> {
        let numbered = (0..=u16::MAX).zip(&self.markets);
        let numbered = numbered.map(|(number, market)| (InstrumentId(number), market.position));
        numbered.filter(|(_, position)| *position != Position::default())
    }

    /// Follows one of the strategy's orders. Fills are booked to the position elsewhere.
    pub(super) fn follow_order(&mut self, event: &OrderEvent) {
        self.recall_absent(event);
        let Some(open) = self.open_orders.get_mut(event.order) else { return };
        match &event.kind {
            OrderEventKind::Submitted { quantity, price } => {
                if open.status == OrderStatus::Intended {
                    open.status = OrderStatus::Submitted;
                }
                if let Some(quantity) = quantity {
                    open.new.quantity = OrderQuantity::Base(*quantity);
                }
                if let Some(price) = price {
                    open.new.kind = with_limit_price(open.new.kind, *price);
                }
            }
            OrderEventKind::Accepted { .. } => open.status = open.status_on_venue(false),
            OrderEventKind::Triggered => open.status = open.status_on_venue(true),
            OrderEventKind::Filled { cumulative_quantity, complete: false, .. } => {
                open.filled_quantity = *cumulative_quantity;
                open.status = OrderStatus::PartiallyFilled;
            }
            OrderEventKind::CancelRejected { .. } => open.cancel_pending = false,
            OrderEventKind::OutcomeUnknown { .. } => open.status = OrderStatus::Unknown,
            OrderEventKind::Denied { .. } => {
                let replaced = open.replaces;
                self.open_orders.remove(event.order);
                // The order that was to be replaced works on.
                if let Some(old) = replaced.and_then(|old| self.open_orders.get_mut(old)) {
                    old.cancel_pending = false;
                }
            }
            OrderEventKind::Absent { .. } => self.bury(event.order),
            OrderEventKind::Filled { complete: true, .. }
            | OrderEventKind::Completed
            | OrderEventKind::Canceled { .. }
            | OrderEventKind::Expired { .. }
            | OrderEventKind::Rejected { .. } => {
                self.open_orders.remove(event.order);
            }
        }
    }

    fn bury(&mut self, order: OrderId) {
        if let Some(open) = self.open_orders.remove(order) {
            self.absent.push_back(open);
            if self.absent.len() > MAX_ABSENT {
                self.absent.pop_front();
            }
        }
    }

    /// An order that was believed to have never arrived speaks: it is open again, unless this
    /// is its end.
    fn recall_absent(&mut self, event: &OrderEvent) {
        if self.absent.is_empty() {
            return;
        }
        match &event.kind {
            OrderEventKind::Accepted { .. }
            | OrderEventKind::Triggered
            | OrderEventKind::Filled { .. }
            | OrderEventKind::Canceled { .. }
            | OrderEventKind::Completed
            | OrderEventKind::Expired { .. }
            | OrderEventKind::Rejected { .. } => {
                let found = self.absent.iter().position(|open| open.order == event.order);
                if let Some(open) = found.and_then(|index| self.absent.remove(index)) {
                    self.open_orders.insert(open);
                }
            }
            OrderEventKind::Denied { .. }
            | OrderEventKind::Submitted { .. }
            | OrderEventKind::CancelRejected { .. }
            | OrderEventKind::OutcomeUnknown { .. }
            | OrderEventKind::Absent { .. } => {}
        }
    }
}

const fn with_limit_price(kind: OrderKind, price: Price) -> OrderKind {
    match kind {
        OrderKind::Limit { time_in_force, .. } => OrderKind::Limit { price, time_in_force },
        OrderKind::LimitMaker { .. } => OrderKind::LimitMaker { price },
        OrderKind::StopLossLimit { stop_price, time_in_force, .. } => {
            OrderKind::StopLossLimit { stop_price, price, time_in_force }
        }
        OrderKind::TakeProfitLimit { stop_price, time_in_force, .. } => {
            OrderKind::TakeProfitLimit { stop_price, price, time_in_force }
        }
        OrderKind::Market | OrderKind::StopLoss { .. } | OrderKind::TakeProfit { .. } => kind,
    }
}
