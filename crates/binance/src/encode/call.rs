//! The operations of the venue that the engine uses, with path, method, weight and security.

use kernel::wire::Method;
use model::{Interval, Timestamp};

use super::params::Params;

/// An operation of the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// The venue's clock.
    Time,
    /// Symbols, filters and limits.
    ExchangeInfo,
    /// A snapshot of a book.
    Depth,
    /// Recent public trades.
    Trades,
    /// Older public trades.
    HistoricalTrades,
    /// Aggregate public trades.
    AggTrades,
    /// Bars.
    Klines,
    /// Last prices.
    TickerPrice,
    /// Best bids and asks.
    TickerBook,
    /// Balances.
    Account,
    /// Fee rates of a symbol.
    Commission,
    /// Place an order.
    PlaceOrder,
    /// Take an order back.
    CancelOrder,
    /// Take every order of a symbol back.
    CancelOpenOrders,
    /// The state of an order.
    QueryOrder,
    /// Open orders.
    OpenOrders,
    /// Orders, ended ones included. Read from the database, which may lag.
    AllOrders,
    /// The account's trades.
    MyTrades,
    /// Unfilled orders counted against the limits.
    OrderCount,
    /// What the key may do. REST of the live environment only.
    KeyRestrictions,
    /// Log a connection on. WebSocket API only, Ed25519 only.
    SessionLogon,
    /// Subscribe to user data on a connection that is logged on. WebSocket API only.
    SubscribeUserData,
    /// Subscribe to user data by signature. WebSocket API only.
    SubscribeUserDataSigned,
    /// End a subscription to user data. WebSocket API only.
    UnsubscribeUserData,
    /// Who a connection is logged on as. WebSocket API only.
    SessionStatus,
    /// Nothing: does anybody answer?
    Ping,
    /// Check an order and do not place it.
    TestOrder,
    /// Cancel an order and place another one.
    CancelReplace,
    /// Make an order smaller where it stands in its queue.
    AmendOrder,
    /// Two orders of which the first to trade cancels the other.
    PlaceOco,
    /// An order, and one that is placed once it is filled.
    PlaceOto,
    /// Cancel an order list.
    CancelList,
    /// The state of an order list. Read from the database, which may lag.
    QueryList,
}

/// What an operation demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// Nothing.
    Public,
    /// Key, time and signature.
    Signed,
    /// A connection that is logged on.
    Session,
}

impl Operation {
    /// Method and path on REST.
    pub(super) const fn rest(self) -> Option<(Method, &'static str)> {
        Some(match self {
            Self::Time => (Method::Get, "/api/v3/time"),
            Self::ExchangeInfo => (Method::Get, "/api/v3/exchangeInfo"),
            Self::Depth => (Method::Get, "/api/v3/depth"),
            Self::Trades => (Method::Get, "/api/v3/trades"),
            Self::HistoricalTrades => (Method::Get, "/api/v3/historicalTrades"),
            Self::AggTrades => (Method::Get, "/api/v3/aggTrades"),
            Self::Klines => (Method::Get, "/api/v3/klines"),
            Self::TickerPrice => (Method::Get, "/api/v3/ticker/price"),
            Self::TickerBook => (Method::Get, "/api/v3/ticker/bookTicker"),
            Self::Account => (Method::Get, "/api/v3/account"),
            Self::Commission => (Method::Get, "/api/v3/account/commission"),
            Self::PlaceOrder => (Method::Post, "/api/v3/order"),
            Self::CancelOrder => (Method::Delete, "/api/v3/order"),
            Self::CancelOpenOrders => (Method::Delete, "/api/v3/openOrders"),
            Self::QueryOrder => (Method::Get, "/api/v3/order"),
            Self::OpenOrders => (Method::Get, "/api/v3/openOrders"),
            Self::AllOrders => (Method::Get, "/api/v3/allOrders"),
            Self::MyTrades => (Method::Get, "/api/v3/myTrades"),
            Self::OrderCount => (Method::Get, "/api/v3/rateLimit/order"),
            Self::KeyRestrictions => (Method::Get, "/sapi/v1/account/apiRestrictions"),
            Self::Ping => (Method::Get, "/api/v3/ping"),
            Self::TestOrder => (Method::Post, "/api/v3/order/test"),
            Self::CancelReplace => (Method::Post, "/api/v3/order/cancelReplace"),
            Self::AmendOrder => (Method::Put, "/api/v3/order/amend/keepPriority"),
            Self::PlaceOco => (Method::Post, "/api/v3/orderList/oco"),
            Self::PlaceOto => (Method::Post, "/api/v3/orderList/oto"),
            Self::CancelList => (Method::Delete, "/api/v3/orderList"),
            Self::QueryList => (Method::Get, "/api/v3/orderList"),
            Self::SessionLogon
            | Self::SessionStatus
            | Self::SubscribeUserData
            | Self::SubscribeUserDataSigned
            | Self::UnsubscribeUserData => return None,
        })
    }

    /// Its name: that of the WebSocket API, or its path where it has none there.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match (self.ws_api(), self.rest()) {
            (Some(method), _) => method,
            (None, Some((_, path))) => path,
            (None, None) => unreachable!(),
        }
    }

    /// Method on the WebSocket API.
    pub(super) const fn ws_api(self) -> Option<&'static str> {
        Some(match self {
            Self::Time => "time",
            Self::ExchangeInfo => "exchangeInfo",
            Self::Depth => "depth",
            Self::Trades => "trades.recent",
            Self::HistoricalTrades => "trades.historical",
            Self::AggTrades => "trades.aggregate",
            Self::Klines => "klines",
            Self::TickerPrice => "ticker.price",
            Self::TickerBook => "ticker.book",
            Self::Account => "account.status",
            Self::Commission => "account.commission",
            Self::PlaceOrder => "order.place",
            Self::CancelOrder => "order.cancel",
            Self::CancelOpenOrders => "openOrders.cancelAll",
            Self::QueryOrder => "order.status",
            Self::OpenOrders => "openOrders.status",
            Self::AllOrders => "allOrders",
            Self::MyTrades => "myTrades",
            Self::OrderCount => "account.rateLimits.orders",
            Self::SessionLogon => "session.logon",
            Self::SubscribeUserData => "userDataStream.subscribe",
            Self::SubscribeUserDataSigned => "userDataStream.subscribe.signature",
            Self::UnsubscribeUserData => "userDataStream.unsubscribe",
            Self::SessionStatus => "session.status",
            Self::Ping => "ping",
            Self::TestOrder => "order.test",
            Self::CancelReplace => "order.cancelReplace",
            Self::AmendOrder => "order.amend.keepPriority",
            Self::PlaceOco => "orderList.place.oco",
            Self::PlaceOto => "orderList.place.oto",
            Self::CancelList => "orderList.cancel",
            Self::QueryList => "orderList.status",
            Self::KeyRestrictions => return None,
        })
    }

    pub(super) const fn security(self) -> Security {
        match self {
            Self::Time
            | Self::ExchangeInfo
            | Self::Depth
            | Self::Trades
            | Self::HistoricalTrades
            | Self::AggTrades
            | Self::Klines
            | Self::TickerPrice
            | Self::TickerBook
            | Self::Ping
            | Self::SessionStatus
            | Self::UnsubscribeUserData => Security::Public,
            Self::Account
            | Self::Commission
            | Self::PlaceOrder
            | Self::CancelOrder
            | Self::CancelOpenOrders
            | Self::QueryOrder
            | Self::OpenOrders
            | Self::AllOrders
            | Self::MyTrades
            | Self::OrderCount
            | Self::KeyRestrictions
            | Self::SessionLogon
            | Self::SubscribeUserDataSigned
            | Self::TestOrder
            | Self::CancelReplace
            | Self::AmendOrder
            | Self::PlaceOco
            | Self::PlaceOto
            | Self::CancelList
            | Self::QueryList => Security::Signed,
            Self::SubscribeUserData => Security::Session,
        }
    }
}

/// How an order is named in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderName<'a> {
    /// By the client id that it was placed with.
    Client(&'a str),
    /// By the venue's number.
    Venue(i64),
}

impl OrderName<'_> {
    fn add_to(self, params: Params) -> Params {
        match self {
            Self::Client(id) => params.text("origClientOrderId", id),
            Self::Venue(id) => params.integer("orderId", id),
        }
    }
}

/// One operation with its parameters, before time and signature are added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which operation.
    pub operation: Operation,
    /// Its parameters.
    pub params: Params,
    /// What it costs of the request weight.
    pub weight: u32,
}

impl Call {
    /// Any operation with any parameters: for what the engine itself does not ask for.
    #[must_use]
    pub const fn new(operation: Operation, weight: u32, params: Params) -> Self {
        Self { operation, params, weight }
    }

    /// The venue's clock.
    #[must_use]
    pub const fn time() -> Self {
        Self::new(Operation::Time, 1, Params::new())
    }

    /// Symbols, filters and limits: of these symbols, or of all for an empty list.
    #[must_use]
    pub fn exchange_info(symbols: &[&str]) -> Self {
        let params = match symbols {
            [] => Params::new(),
            [symbol] => Params::new().text("symbol", *symbol),
            _ => Params::new().list("symbols", symbols),
        };
        Self::new(Operation::ExchangeInfo, 20, params)
    }

    /// A snapshot of a book with up to `limit` levels a side (at most 5,000).
    #[must_use]
    pub fn depth(symbol: &str, limit: u32) -> Self {
        let weight = match limit {
            0..=100 => 5,
            101..=500 => 25,
            501..=1_000 => 50,
            _ => 250,
        };
        let params = Params::new().text("symbol", symbol).integer("limit", i64::from(limit));
        Self::new(Operation::Depth, weight, params)
    }

    /// The latest `limit` public trades (at most 1,000).
    #[must_use]
    pub fn trades(symbol: &str, limit: u32) -> Self {
        let params = Params::new().text("symbol", symbol).integer("limit", i64::from(limit));
        Self::new(Operation::Trades, 25, params)
    }

    /// `limit` public trades (at most 1,000) from a trade id on.
    #[must_use]
    pub fn historical_trades(symbol: &str, from_id: i64, limit: u32) -> Self {
        let params = Params::new()
            .text("symbol", symbol)
            .integer("fromId", from_id)
            .integer("limit", i64::from(limit));
        Self::new(Operation::HistoricalTrades, 25, params)
    }

    /// `limit` aggregate trades (at most 1,000) from an aggregate id on; the latest without one.
    #[must_use]
    pub fn agg_trades(symbol: &str, from_id: Option<i64>, limit: u32) -> Self {
        let mut params = Params::new().text("symbol", symbol).integer("limit", i64::from(limit));
        if let Some(from_id) = from_id {
            params = params.integer("fromId", from_id);
        }
        Self::new(Operation::AggTrades, 4, params)
    }

    /// `limit` bars (at most 1,000): the latest that open not after `until`, or the oldest that
    /// open not before `from`.
    #[must_use]
    pub fn klines(
        symbol: &str,
        interval: Interval,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
        limit: u32,
    ) -> Self {
        let mut params = Params::new()
            .text("symbol", symbol)
            .text("interval", interval.name())
            .integer("limit", i64::from(limit));
        if let Some(from) = from {
            params = params.integer("startTime", from.as_millis());
        }
        if let Some(until) = until {
            params = params.integer("endTime", until.as_millis());
        }
        Self::new(Operation::Klines, 2, params)
    }

    /// The last price of a symbol.
    #[must_use]
    pub fn ticker_price(symbol: &str) -> Self {
        Self::new(Operation::TickerPrice, 2, Params::new().text("symbol", symbol))
    }

    /// The last prices of several symbols in one answer. A single one that the venue does not list
    /// has it refuse all: see [`split`](super::split).
    #[must_use]
    pub fn ticker_prices(symbols: &[&str]) -> Self {
        Self::new(Operation::TickerPrice, 4, Params::new().list("symbols", symbols))
    }

    /// The best bid and ask of a symbol.
    #[must_use]
    pub fn ticker_book(symbol: &str) -> Self {
        Self::new(Operation::TickerBook, 2, Params::new().text("symbol", symbol))
    }

    /// The best bids and asks of several symbols in one answer, or a refusal as of
    /// [`Self::ticker_prices`].
    #[must_use]
    pub fn ticker_books(symbols: &[&str]) -> Self {
        Self::new(Operation::TickerBook, 4, Params::new().list("symbols", symbols))
    }

    /// Balances that are not zero.
    #[must_use]
    pub fn account() -> Self {
        Self::new(Operation::Account, 20, Params::new().flag("omitZeroBalances", true))
    }

    /// Fee rates of a symbol.
    #[must_use]
    pub fn commission(symbol: &str) -> Self {
        Self::new(Operation::Commission, 20, Params::new().text("symbol", symbol))
    }

    /// Takes an order back.
    #[must_use]
    pub fn cancel(symbol: &str, order: OrderName<'_>) -> Self {
        let params = order.add_to(Params::new().text("symbol", symbol));
        Self::new(Operation::CancelOrder, 1, params)
    }

    /// Takes every open order of a symbol back, those of others included.
    #[must_use]
    pub fn cancel_open_orders(symbol: &str) -> Self {
        Self::new(Operation::CancelOpenOrders, 1, Params::new().text("symbol", symbol))
    }

    /// The state of an order.
    #[must_use]
    pub fn query_order(symbol: &str, order: OrderName<'_>) -> Self {
        let params = order.add_to(Params::new().text("symbol", symbol));
        Self::new(Operation::QueryOrder, 4, params)
    }

    /// The open orders of a symbol, or of the whole account.
    #[must_use]
    pub fn open_orders(symbol: Option<&str>) -> Self {
        match symbol {
            Some(symbol) => {
                Self::new(Operation::OpenOrders, 6, Params::new().text("symbol", symbol))
            }
            None => Self::new(Operation::OpenOrders, 80, Params::new()),
        }
    }

    /// `limit` orders of a symbol (at most 1,000), ended ones included, from an order id on; the
    /// latest without one.
    #[must_use]
    pub fn all_orders(symbol: &str, from_id: Option<i64>, limit: u32) -> Self {
        let mut params = Params::new().text("symbol", symbol).integer("limit", i64::from(limit));
        if let Some(from_id) = from_id {
            params = params.integer("orderId", from_id);
        }
        Self::new(Operation::AllOrders, 20, params)
    }

    /// `limit` of the account's trades of a symbol (at most 1,000) from a trade id on; the latest
    /// without one.
    #[must_use]
    pub fn my_trades(symbol: &str, from_id: Option<i64>, limit: u32) -> Self {
        let mut params = Params::new().text("symbol", symbol).integer("limit", i64::from(limit));
        if let Some(from_id) = from_id {
            params = params.integer("fromId", from_id);
        }
        Self::new(Operation::MyTrades, 20, params)
    }

    /// `limit` of the account's trades of one order (at most 1,000), oldest first, from a trade id
    /// on. Without an id the venue would give the most recent ones.
    #[must_use]
    pub fn order_trades(symbol: &str, venue_order: i64, from_id: i64, limit: u32) -> Self {
        let params = Params::new()
            .text("symbol", symbol)
            .integer("orderId", venue_order)
            .integer("fromId", from_id)
            .integer("limit", i64::from(limit));
        Self::new(Operation::MyTrades, 5, params)
    }

    /// Unfilled orders counted against the limits.
    #[must_use]
    pub const fn order_count() -> Self {
        Self::new(Operation::OrderCount, 40, Params::new())
    }

    /// What the key may do.
    #[must_use]
    pub const fn key_restrictions() -> Self {
        Self::new(Operation::KeyRestrictions, 1, Params::new())
    }

    /// Logs a connection on.
    #[must_use]
    pub const fn session_logon() -> Self {
        Self::new(Operation::SessionLogon, 2, Params::new())
    }

    /// Subscribes to user data on a connection that is logged on.
    #[must_use]
    pub const fn subscribe_user_data() -> Self {
        Self::new(Operation::SubscribeUserData, 2, Params::new())
    }

    /// Subscribes to user data by signature.
    #[must_use]
    pub const fn subscribe_user_data_signed() -> Self {
        Self::new(Operation::SubscribeUserDataSigned, 2, Params::new())
    }

    /// Whether the call places an order, which must never be sent twice.
    #[must_use]
    pub const fn places_order(&self) -> bool {
        self.orders_placed() > 0
    }

    /// How many orders it counts as.
    #[must_use]
    pub const fn orders_placed(&self) -> u32 {
        if matches!(self.operation, Operation::PlaceOco | Operation::PlaceOto) {
            return 2;
        }
        matches!(self.operation, Operation::PlaceOrder | Operation::CancelReplace) as u32
    }
}
