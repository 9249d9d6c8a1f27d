//! The table of endpoints: a row is a REST path, a WebSocket API method, or both.

use super::Request;
use super::auth::Security;
use super::error::ApiError;
use super::handlers::{account, amend, general, lists, market, rare, ticker, trade};
use super::params::Params;
use crate::machine::Exchange;

/// What a request weighs.
#[derive(Clone, Copy, Debug)]
pub enum Weight {
    /// Always the same.
    Fixed(u32),
    /// It depends on the parameters.
    By(fn(&Params) -> u32),
}

impl Weight {
    /// The weight of a request.
    #[must_use]
    pub fn of(self, params: &Params) -> u32 {
        match self {
            Self::Fixed(weight) => weight,
            Self::By(weigh) => weigh(params),
        }
    }
}

/// Carries out a request: the answer's JSON.
pub type Handler = fn(&mut Exchange, &Request<'_>) -> Result<String, ApiError>;

/// An endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// REST method and path, if it has one.
    pub rest: Option<(&'static str, &'static str)>,
    /// Name in the WebSocket API, if it has one.
    pub ws: Option<&'static str>,
    /// What a request weighs.
    pub weight: Weight,
    /// What it asks of its caller.
    pub security: Security,
    /// How many orders a request counts as.
    pub orders: u32,
    /// Whether a request that succeeds weighs nothing.
    pub is_free_on_success: bool,
    /// What carries it out.
    pub handler: Handler,
}

const fn row(
    method: &'static str,
    path: &'static str,
    ws: &'static str,
    weight: Weight,
    security: Security,
    handler: Handler,
) -> Endpoint {
    Endpoint {
        rest: Some((method, path)),
        ws: Some(ws),
        weight,
        security,
        orders: 0,
        is_free_on_success: false,
        handler,
    }
}

/// A public read.
const fn public(
    path: &'static str,
    ws: &'static str,
    weight: Weight,
    handler: Handler,
) -> Endpoint {
    row("GET", path, ws, weight, Security::None, handler)
}

/// A signed read.
const fn private(
    path: &'static str,
    ws: &'static str,
    weight: Weight,
    handler: Handler,
) -> Endpoint {
    row("GET", path, ws, weight, Security::UserData, handler)
}

/// A trading call: it counts as so many orders and weighs nothing if it succeeds.
const fn trading(
    method: &'static str,
    path: &'static str,
    ws: &'static str,
    orders: u32,
    handler: Handler,
) -> Endpoint {
    let row = row(method, path, ws, Fixed(1), Security::Trade, handler);
    Endpoint { orders, is_free_on_success: true, ..row }
}

use Weight::{By, Fixed};

/// Every endpoint.
pub const ENDPOINTS: &[Endpoint] = &[
    public("/api/v3/ping", "ping", Fixed(1), general::ping),
    public("/api/v3/time", "time", Fixed(1), general::time),
    public("/api/v3/exchangeInfo", "exchangeInfo", Fixed(20), general::exchange_info),
    public("/api/v3/depth", "depth", By(market::depth_weight), market::depth),
    public("/api/v3/trades", "trades.recent", Fixed(25), market::trades),
    public("/api/v3/historicalTrades", "trades.historical", Fixed(25), market::historical_trades),
    public("/api/v3/aggTrades", "trades.aggregate", Fixed(4), market::aggregate_trades),
    public("/api/v3/klines", "klines", Fixed(2), market::klines),
    public("/api/v3/uiKlines", "uiKlines", Fixed(2), market::klines),
    public("/api/v3/avgPrice", "avgPrice", Fixed(2), ticker::average_price),
    public("/api/v3/ticker/24hr", "ticker.24hr", By(ticker::day_weight), ticker::day),
    public("/api/v3/ticker/price", "ticker.price", By(ticker::list_weight), ticker::price),
    public("/api/v3/ticker/bookTicker", "ticker.book", By(ticker::list_weight), ticker::book),
    public("/api/v3/ticker", "ticker", By(ticker::windows_weight), ticker::window),
    public(
        "/api/v3/ticker/tradingDay",
        "ticker.tradingDay",
        By(ticker::windows_weight),
        ticker::trading_day,
    ),
    public(
        "/api/v3/executionRules",
        "executionRules",
        By(rare::execution_rules_weight),
        rare::execution_rules,
    ),
    public("/api/v3/referencePrice", "referencePrice", Fixed(2), rare::reference_price),
    public(
        "/api/v3/referencePrice/calculation",
        "referencePrice.calculation",
        Fixed(2),
        rare::reference_price_calculation,
    ),
    public(
        "/api/v3/historicalBlockTrades",
        "blockTrades.historical",
        Fixed(25),
        rare::none_of_symbol,
    ),
    private("/api/v3/myFilters", "myFilters", Fixed(40), rare::filters),
    private(
        "/api/v3/myPreventedMatches",
        "myPreventedMatches",
        By(rare::prevented_weight),
        rare::prevented_matches,
    ),
    private("/api/v3/myAllocations", "myAllocations", Fixed(20), rare::none_of_symbol),
    Endpoint {
        ws: None,
        ..private("/sapi/v1/account/apiRestrictions", "", Fixed(1), rare::key_rights)
    },
    trading("POST", "/api/v3/orderList/opo", "orderList.place.opo", 0, rare::opo),
    trading("POST", "/api/v3/orderList/opoco", "orderList.place.opoco", 0, rare::opo),
    trading("POST", "/api/v3/sor/order", "sor.order.place", 0, rare::unsupported),
    trading("POST", "/api/v3/sor/order/test", "sor.order.test", 0, rare::unsupported),
    private("/api/v3/account", "account.status", Fixed(20), account::status),
    private("/api/v3/account/commission", "account.commission", Fixed(20), account::commission),
    private(
        "/api/v3/rateLimit/order",
        "account.rateLimits.orders",
        Fixed(40),
        account::order_counts,
    ),
    private("/api/v3/myTrades", "myTrades", By(account::trades_weight), account::trades),
    private("/api/v3/order", "order.status", Fixed(4), trade::query),
    private("/api/v3/openOrders", "openOrders.status", By(trade::open_weight), trade::open),
    private("/api/v3/allOrders", "allOrders", Fixed(20), trade::all),
    trading("POST", "/api/v3/order", "order.place", 1, trade::place),
    row(
        "POST",
        "/api/v3/order/test",
        "order.test",
        By(trade::test_weight),
        Security::Trade,
        trade::test,
    ),
    trading("DELETE", "/api/v3/order", "order.cancel", 0, trade::cancel),
    trading("DELETE", "/api/v3/openOrders", "openOrders.cancelAll", 0, trade::cancel_all),
    trading("POST", "/api/v3/order/cancelReplace", "order.cancelReplace", 1, trade::replace),
    trading("POST", "/api/v3/orderList/oco", "orderList.place.oco", 2, lists::oco),
    trading("POST", "/api/v3/order/oco", "orderList.place", 2, lists::old_oco),
    trading("POST", "/api/v3/orderList/oto", "orderList.place.oto", 2, lists::oto),
    trading("POST", "/api/v3/orderList/otoco", "orderList.place.otoco", 3, lists::otoco),
    trading("DELETE", "/api/v3/orderList", "orderList.cancel", 0, lists::cancel),
    row(
        "PUT",
        "/api/v3/order/amend/keepPriority",
        "order.amend.keepPriority",
        Fixed(4),
        Security::Trade,
        amend::amend,
    ),
    private("/api/v3/order/amendments", "order.amendments", Fixed(4), amend::history),
    private("/api/v3/orderList", "orderList.status", Fixed(4), lists::query),
    private("/api/v3/openOrderList", "openOrderLists.status", Fixed(6), lists::open),
    private("/api/v3/allOrderList", "allOrderLists", Fixed(20), lists::all),
];

/// REST paths that are documented as gone: they answer 410 with -1125.
pub const GONE: [&str; 1] = ["/api/v3/userDataStream"];

/// What a REST path and method lead to.
#[derive(Clone, Copy, Debug)]
pub enum Route {
    /// An endpoint.
    Endpoint(&'static Endpoint),
    /// The path is known, the method is not.
    WrongMethod,
    /// The path was known once.
    Gone,
    /// Nothing.
    Unknown,
}

/// Finds a REST endpoint.
#[must_use]
pub fn route(method: &str, path: &str) -> Route {
    // A HEAD is a GET whose answer is not sent.
    let method = if method == "HEAD" { "GET" } else { method };
    let mut is_known = false;
    for endpoint in ENDPOINTS {
        if let Some((endpoint_method, endpoint_path)) = endpoint.rest
            && endpoint_path == path
        {
            if endpoint_method == method {
                return Route::Endpoint(endpoint);
            }
            is_known = true;
        }
    }
    if is_known {
        Route::WrongMethod
    } else if GONE.contains(&path) {
        Route::Gone
    } else {
        Route::Unknown
    }
}

/// Finds a method of the WebSocket API; the name may carry the version, `v3/`.
#[must_use]
pub fn method(name: &str) -> Option<&'static Endpoint> {
    let name = name.strip_prefix("v3/").unwrap_or(name);
    ENDPOINTS.iter().find(|endpoint| endpoint.ws == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_endpoint_is_listed_twice() {
        for (place, endpoint) in ENDPOINTS.iter().enumerate() {
            let later = &ENDPOINTS[place + 1..];
            assert!(later.iter().all(|other| other.rest != endpoint.rest), "{:?}", endpoint.rest);
            assert!(
                later.iter().all(|other| other.ws.is_none() || other.ws != endpoint.ws),
                "{:?}",
                endpoint.ws
            );
        }
    }

    #[test]
    fn routes_are_found() {
        assert!(matches!(route("GET", "/api/v3/ping"), Route::Endpoint(_)));
        assert!(matches!(route("HEAD", "/api/v3/ping"), Route::Endpoint(_)));
        assert!(matches!(route("POST", "/api/v3/ping"), Route::WrongMethod));
        assert!(matches!(route("POST", "/api/v3/userDataStream"), Route::Gone));
        assert!(matches!(route("GET", "/api/v1/ping"), Route::Unknown));
        assert!(method("v3/order.place").is_some());
        assert!(method("userDataStream.start").is_none());
    }
}
