//! Orders of clients, as the venue keeps them.

use std::collections::BTreeMap;

pub use matching::SelfTradePrevention;
use model::{
    Amount, Asset, ClientOrderId, InstrumentId, OrderKind, Price, Quantity, Side, TimeInForce,
    Timestamp, TradeId,
};
use serde::{Deserialize, Serialize};

use crate::lists::OrderList;

/// Closed orders kept in memory and in the state directory. Older ones are archived, which here
/// means forgotten.
const CLOSED_KEPT: usize = 20_000;
/// Order lists of an account kept.
const LISTS_KEPT: usize = 5_000;
/// Prevented matches of an account kept.
const PREVENTED_KEPT: usize = 10_000;
/// Trades of an account kept.
const TRADES_KEPT: usize = 50_000;

/// The venue's order states.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// A leg of a list that waits for another order.
    PendingNew,
    /// On the book, or waiting for its stop.
    New,
    /// Part executed, the rest works.
    PartiallyFilled,
    /// All executed.
    Filled,
    /// Taken back.
    Canceled,
    /// Ended by its time in force or by the venue.
    Expired,
    /// Ended by self-trade prevention.
    ExpiredInMatch,
}

impl Status {
    /// Whether the order is open.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::PendingNew | Self::New | Self::PartiallyFilled => true,
            Self::Filled | Self::Canceled | Self::Expired | Self::ExpiredInMatch => false,
        }
    }

    /// The venue's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PendingNew => "PENDING_NEW",
            Self::New => "NEW",
            Self::PartiallyFilled => "PARTIALLY_FILLED",
            Self::Filled => "FILLED",
            Self::Canceled => "CANCELED",
            Self::Expired => "EXPIRED",
            Self::ExpiredInMatch => "EXPIRED_IN_MATCH",
        }
    }
}

/// An order of a client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The venue's number.
    pub id: i64,
    /// Whose.
    pub account: u32,
    /// What is traded. Not stored by number: symbols may change between runs.
    #[serde(skip)]
    pub instrument: InstrumentId,
    /// The symbol's name, which is what is stored.
    pub symbol: model::Symbol,
    /// The client's name for it.
    pub client_id: ClientOrderId,
    /// Buy or sell.
    pub side: Side,
    /// Kind, with its prices.
    pub kind: OrderKind,
    /// Base quantity wanted; for an order by quote amount, what that bought.
    pub quantity: Quantity,
    /// Quote amount wanted; zero for an order by base quantity.
    pub quote_wanted: Amount,
    /// Executed base quantity.
    pub executed: Quantity,
    /// Executed quote amount.
    pub quote_executed: Amount,
    /// Where it is.
    pub status: Status,
    /// When it came in.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it began to work; `None` while it waits for its stop.
    pub working_at: Option<Timestamp>,
    /// Self-trade prevention asked for.
    pub prevention: SelfTradePrevention,
    /// The client's numbers for the strategy.
    pub strategy_id: Option<i64>,
    /// The client's kind of strategy.
    pub strategy_type: Option<i64>,
    /// Why it expired, if it did.
    pub expiry_reason: Option<String>,
    /// Quote (buy) or base (sell) still locked for it. Two orders of which one cancels the
    /// other share what the greater one needs.
    pub locked: Amount,
    /// Last price when it came, for a trailing order without a stop, which has no other.
    #[serde(default)]
    pub lock_price: Option<Price>,
    /// The part of it that shows.
    #[serde(default)]
    pub iceberg: Option<Quantity>,
    /// How far the market must come back to set off a trailing order, in hundredths of a percent.
    #[serde(default)]
    pub trailing_delta: Option<u32>,
    /// When a trailing order began to follow the market.
    #[serde(default)]
    pub trailing_at: Option<Timestamp>,
    /// Lost to self-trade prevention.
    #[serde(default)]
    pub prevented: Quantity,
    /// The latest match that was prevented.
    #[serde(default)]
    pub prevented_match: Option<i64>,
    /// The list that it is a leg of.
    #[serde(default)]
    pub list_id: Option<i64>,
    /// How it was made smaller, oldest first.
    #[serde(default)]
    pub amendments: Vec<Amendment>,
}

/// How an order was made smaller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Amendment {
    /// Number of the report of it.
    pub execution_id: i64,
    /// The order's name before.
    pub from_id: ClientOrderId,
    /// The order's name after.
    pub to_id: ClientOrderId,
    /// The order's quantity before.
    pub from: Quantity,
    /// The order's quantity after.
    pub to: Quantity,
    /// When.
    pub at: Timestamp,
}

impl Order {
    /// What can still be executed.
    #[must_use]
    pub fn remaining(&self) -> Quantity {
        self.quantity.saturating_sub_to_zero(self.executed + self.prevented)
    }

    /// The stop, if there is one: a trailing order may do without.
    #[must_use]
    pub fn stop_price(&self) -> Option<Price> {
        self.kind.stop_price().filter(|stop| !stop.is_zero())
    }

    /// The venue's name of the kind.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        type_name(&self.kind)
    }

    /// The venue's name of the time in force; what has none counts as good till canceled.
    #[must_use]
    pub fn time_in_force_name(&self) -> &'static str {
        time_in_force_name(self.kind.time_in_force().unwrap_or(TimeInForce::GoodTilCanceled))
    }

    /// Limit price, zero for kinds without one.
    #[must_use]
    pub fn price(&self) -> Price {
        self.kind.limit_price().unwrap_or(Price::ZERO)
    }

    /// Whether it waits for its stop, or did before it ended.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        self.working_at.is_none()
    }

    /// The number of its list; -1 without one.
    #[must_use]
    pub fn list_number(&self) -> i64 {
        self.list_id.unwrap_or(-1)
    }
}

/// The venue's name of an order's kind.
#[must_use]
pub const fn type_name(kind: &OrderKind) -> &'static str {
    match kind {
        OrderKind::Market => "MARKET",
        OrderKind::Limit { .. } => "LIMIT",
        OrderKind::LimitMaker { .. } => "LIMIT_MAKER",
        OrderKind::StopLoss { .. } => "STOP_LOSS",
        OrderKind::StopLossLimit { .. } => "STOP_LOSS_LIMIT",
        OrderKind::TakeProfit { .. } => "TAKE_PROFIT",
        OrderKind::TakeProfitLimit { .. } => "TAKE_PROFIT_LIMIT",
    }
}

/// The venue's name of a time in force.
#[must_use]
pub const fn time_in_force_name(time_in_force: TimeInForce) -> &'static str {
    match time_in_force {
        TimeInForce::GoodTilCanceled => "GTC",
        TimeInForce::ImmediateOrCancel => "IOC",
        TimeInForce::FillOrKill => "FOK",
    }
}

/// The venue's name of a side.
#[must_use]
pub const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// An execution of a client's order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MyTrade {
    /// Whose.
    pub account: u32,
    /// The symbol.
    pub symbol: model::Symbol,
    /// The trade's number within the symbol.
    pub id: TradeId,
    /// The order.
    pub order: i64,
    /// The order's side.
    pub side: Side,
    /// Price.
    pub price: Price,
    /// Base quantity.
    pub quantity: Quantity,
    /// Quote amount.
    pub quote: Amount,
    /// Fee.
    pub fee: Amount,
    /// What the fee was paid in.
    pub fee_asset: Asset,
    /// Whether the order rested.
    pub is_maker: bool,
    /// When.
    pub at: Timestamp,
}

/// A match of two orders of an account that self-trade prevention prevented.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PreventedMatch {
    /// Counts up.
    pub id: i64,
    /// Whose.
    pub account: u32,
    /// The symbol.
    pub symbol: model::Symbol,
    /// The order that would have taken.
    pub taker: i64,
    /// The order that would have been taken.
    pub maker: i64,
    /// The taker's mode.
    pub mode: SelfTradePrevention,
    /// The maker's price.
    pub price: Price,
    /// What would have been executed.
    pub quantity: Quantity,
    /// What the taker lost.
    pub taker_quantity: Quantity,
    /// What the maker lost.
    pub maker_quantity: Quantity,
    /// When.
    pub at: Timestamp,
}

/// All orders and trades of an account.
#[derive(Clone, Debug, Default)]
pub struct OrderBook {
    open: BTreeMap<i64, Order>,
    closed: BTreeMap<i64, Order>,
    lists: BTreeMap<i64, OrderList>,
    /// The latest order with a client id.
    by_client_id: BTreeMap<(model::Symbol, ClientOrderId), i64>,
    trades: BTreeMap<(model::Symbol, TradeId, i64), MyTrade>,
    prevented: BTreeMap<i64, PreventedMatch>,
    /// Trades in order of arrival, for forgetting the oldest.
    arrivals: std::collections::VecDeque<(model::Symbol, TradeId, i64)>,
}

impl OrderBook {
    /// Adds an order, or puts a stored one back.
    pub fn insert(&mut self, order: Order) {
        self.by_client_id.insert((order.symbol, order.client_id), order.id);
        if order.status.is_open() {
            self.open.insert(order.id, order);
        } else {
            self.open.remove(&order.id);
            self.closed.insert(order.id, order);
            while self.closed.len() > CLOSED_KEPT {
                if let Some((id, old)) = self.closed.pop_first() {
                    let key = (old.symbol, old.client_id);
                    if self.by_client_id.get(&key) == Some(&id) {
                        self.by_client_id.remove(&key);
                    }
                }
            }
        }
    }

    /// Changes an open order; a change that ends it moves it to the closed ones.
    pub fn update<R>(&mut self, id: i64, change: impl FnOnce(&mut Order) -> R) -> Option<R> {
        let order = self.open.get_mut(&id)?;
        let result = change(order);
        if !order.status.is_open() {
            let order = order.clone();
            self.insert(order);
        }
        Some(result)
    }

    /// Gives an open order another name.
    pub fn rename(&mut self, id: i64, name: ClientOrderId) {
        if let Some(order) = self.open.get_mut(&id) {
            self.by_client_id.remove(&(order.symbol, order.client_id));
            order.client_id = name;
            self.by_client_id.insert((order.symbol, name), id);
        }
    }

    /// Takes out an order that was never accepted.
    pub fn forget(&mut self, id: i64) {
        if let Some(order) = self.open.remove(&id) {
            let key = (order.symbol, order.client_id);
            let earlier = self
                .closed
                .values()
                .rev()
                .find(|closed| (closed.symbol, closed.client_id) == key)
                .map(|closed| closed.id);
            match earlier {
                Some(earlier) => self.by_client_id.insert(key, earlier),
                None => self.by_client_id.remove(&key),
            };
        }
    }

    /// An order by number.
    #[must_use]
    pub fn get(&self, id: i64) -> Option<&Order> {
        self.open.get(&id).or_else(|| self.closed.get(&id))
    }

    /// The latest order with a client id.
    #[must_use]
    pub fn by_client_id(&self, symbol: model::Symbol, id: &ClientOrderId) -> Option<&Order> {
        self.by_client_id.get(&(symbol, *id)).and_then(|id| self.get(*id))
    }

    /// Open orders, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Order> {
        self.open.values()
    }

    /// All orders of a symbol from a number on, oldest first.
    pub fn all_from(
        &self,
        symbol: model::Symbol,
        id: i64,
    ) -> impl DoubleEndedIterator<Item = &Order> {
        let mut all: Vec<&Order> = self
            .open
            .range(id..)
            .chain(self.closed.range(id..))
            .map(|(_, order)| order)
            .filter(|order| order.symbol == symbol)
            .collect();
        all.sort_by_key(|order| order.id);
        all.into_iter()
    }

    /// Adds a list, or changes it.
    pub fn insert_list(&mut self, list: OrderList) {
        self.lists.insert(list.id, list);
        while self.lists.len() > LISTS_KEPT {
            self.lists.pop_first();
        }
    }

    /// A list by number.
    #[must_use]
    pub fn list(&self, id: i64) -> Option<&OrderList> {
        self.lists.get(&id)
    }

    /// The list that a client names by number, by its own name, or both.
    #[must_use]
    pub fn find_list(
        &self,
        id: Option<i64>,
        client_id: Option<ClientOrderId>,
    ) -> Option<&OrderList> {
        match (id, client_id) {
            (Some(id), client_id) => self
                .list(id)
                .filter(|list| client_id.is_none_or(|client_id| client_id == list.client_id)),
            (None, Some(client_id)) => {
                self.lists_from(i64::MIN).rev().find(|list| list.client_id == client_id)
            }
            (None, None) => None,
        }
    }

    /// Lists from a number on, oldest first.
    pub fn lists_from(&self, id: i64) -> impl DoubleEndedIterator<Item = &OrderList> + Clone {
        self.lists.range(id..).map(|(_, list)| list)
    }

    /// Every order, for storing.
    pub fn everything(&self) -> impl Iterator<Item = &Order> {
        self.closed.values().chain(self.open.values())
    }

    /// Records a trade.
    pub fn record(&mut self, trade: MyTrade) {
        let key = (trade.symbol, trade.id, trade.order);
        if self.trades.insert(key, trade).is_none() {
            self.arrivals.push_back(key);
        }
        while self.arrivals.len() > TRADES_KEPT {
            if let Some(key) = self.arrivals.pop_front() {
                self.trades.remove(&key);
            }
        }
    }

    /// Trades of a symbol from a number on, oldest first.
    pub fn trades_from(
        &self,
        symbol: model::Symbol,
        id: TradeId,
    ) -> impl DoubleEndedIterator<Item = &MyTrade> {
        self.trades
            .range((symbol, id, i64::MIN)..=(symbol, TradeId(i64::MAX), i64::MAX))
            .map(|(_, trade)| trade)
    }

    /// Trades of an order, oldest first.
    pub fn trades_of(&self, order: &Order) -> impl Iterator<Item = &MyTrade> {
        let id = order.id;
        self.trades_from(order.symbol, TradeId(i64::MIN)).filter(move |trade| trade.order == id)
    }

    /// Records a prevented match.
    pub fn record_prevented(&mut self, prevented: PreventedMatch) {
        self.prevented.insert(prevented.id, prevented);
        while self.prevented.len() > PREVENTED_KEPT {
            self.prevented.pop_first();
        }
    }

    /// Prevented matches from a number on, oldest first.
    pub fn prevented_from(&self, id: i64) -> impl Iterator<Item = &PreventedMatch> {
        self.prevented.range(id..).map(|(_, prevented)| prevented)
    }

    /// Every trade, for storing.
    pub fn all_trades(&self) -> impl Iterator<Item = &MyTrade> {
        self.arrivals.iter().filter_map(|key| self.trades.get(key))
    }
}
