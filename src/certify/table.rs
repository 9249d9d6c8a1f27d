//! Every check, in the order in which they run: what later ones need is shown by earlier ones.

use std::fmt;
use std::pin::Pin;

use super::checks::{access, account, limits, lists, market, orders, rejects, user_data};
use super::side::Side;
use super::verdict::Checked;

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Signatures, times, keys.
    Access,
    /// What everybody may see.
    Market,
    /// What the account has and pays.
    Account,
    /// Single orders.
    Orders,
    /// Orders that know of each other.
    Lists,
    /// Codes and words of refusals.
    Rejects,
    /// What the account is told.
    UserData,
    /// Limits and what is told of their use.
    Limits,
}

impl Group {
    /// As it stands in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Market => "market",
            Self::Account => "account",
            Self::Orders => "orders",
            Self::Lists => "lists",
            Self::Rejects => "rejects",
            Self::UserData => "user data",
            Self::Limits => "limits",
        }
    }
}

/// A check under way.
pub type Running<'a> = Pin<Box<dyn Future<Output = Checked> + 'a>>;

/// One check. Its number is its place in [`CHECKS`], from 1.
pub struct Check {
    /// What it is about.
    pub group: Group,
    /// What it checks, in a line.
    pub name: &'static str,
    /// Carries it out at one side.
    pub run: for<'a> fn(&'a mut Side) -> Running<'a>,
}

impl fmt::Debug for Check {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.group.as_str(), self.name)
    }
}

/// One row: group, name, function.
macro_rules! check {
    ($group:ident, $name:literal, $run:path) => {
        Check { group: Group::$group, name: $name, run: |side| Box::pin($run(side)) }
    };
}

/// Every check.
pub static CHECKS: &[Check] = &[
    check!(Access, "ping over REST and the WebSocket API", access::ping),
    check!(Access, "the clock: forward, compared by the halved round trip", access::clock),
    check!(Access, "a signed question over REST", access::signed_rest),
    check!(Access, "a signed question over the WebSocket API", access::signed_ws),
    check!(Access, "log on, and who is logged on", access::log_on),
    check!(Access, "refused: changed after it was signed (-1022)", access::wrong_signature),
    check!(Access, "refused: too late (-1021)", access::too_late),
    check!(Access, "refused: from the future (-1021)", access::too_early),
    check!(Access, "refused: unknown key (-2015)", access::unknown_key),
    check!(Access, "refused: malformed key (-2014)", access::malformed_key),
    check!(Access, "what is encoded, and what is signed", access::encoding),
    check!(Market, "exchangeInfo: filters and limits", market::exchange_info),
    check!(Market, "depth", market::depth),
    check!(Market, "klines", market::klines),
    check!(Market, "trades and tickers", market::trades_and_tickers),
    check!(Market, "times in microseconds", market::microseconds),
    check!(Market, "streams: bookTicker and depth", market::streams),
    check!(Account, "commission", account::commission),
    check!(Orders, "order.test", orders::test_order),
    check!(
        Orders,
        "LIMIT GTC over REST: placed, asked for, listed, canceled",
        orders::limit_over_rest
    ),
    check!(Orders, "LIMIT GTC over the WebSocket API", orders::limit_over_ws),
    check!(Orders, "selfTradePreventionMode as sent", orders::self_trade_prevention),
    check!(Orders, "LIMIT_MAKER", orders::limit_maker),
    check!(Orders, "LIMIT IOC that expires", orders::immediate_or_cancel),
    check!(Orders, "LIMIT FOK that expires", orders::fill_or_kill),
    check!(Orders, "MARKET by quantity, its fills and myTrades", orders::market_by_quantity),
    check!(Orders, "MARKET by quoteOrderQty", orders::market_by_amount),
    check!(Orders, "a partial fill", orders::partial_fill),
    check!(Orders, "STOP_LOSS", orders::stop_loss),
    check!(Orders, "STOP_LOSS_LIMIT", orders::stop_loss_limit),
    check!(Orders, "TAKE_PROFIT", orders::take_profit),
    check!(Orders, "TAKE_PROFIT_LIMIT", orders::take_profit_limit),
    check!(Orders, "a trailing stop", orders::trailing_stop),
    check!(Orders, "an iceberg", orders::iceberg),
    check!(Orders, "cancelReplace", orders::cancel_replace),
    check!(Orders, "cancelReplace whose cancel fails (-2022)", orders::cancel_replace_refused),
    check!(Orders, "amend keep priority", orders::amend),
    check!(Lists, "OCO", lists::one_cancels_the_other),
    check!(Lists, "OTO", lists::one_triggers_the_other),
    check!(Rejects, "LOT_SIZE (-1013)", rejects::lot_size),
    check!(Rejects, "PRICE_FILTER (-1013)", rejects::price_filter),
    check!(Rejects, "NOTIONAL (-1013)", rejects::notional),
    check!(Rejects, "too much precision (-1111)", rejects::precision),
    check!(Rejects, "insufficient balance (-2010)", rejects::balance),
    check!(Rejects, "post-only that would take (-2010)", rejects::would_take),
    check!(Rejects, "a stop that would trigger at once (-2010)", rejects::would_trigger),
    check!(Rejects, "a name that is in use (-2010)", rejects::duplicate),
    check!(Rejects, "cancel of an unknown order (-2011)", rejects::unknown_cancel),
    check!(Rejects, "query of an unknown order (-2013)", rejects::unknown_query),
    check!(Rejects, "unknown symbol (-1121)", rejects::unknown_symbol),
    check!(Rejects, "missing parameter (-1102)", rejects::missing_parameter),
    check!(UserData, "placed and canceled: reports and balances", user_data::placed_and_canceled),
    check!(UserData, "traded: reports agree with the answer", user_data::traded),
    check!(UserData, "a connection takes over from another", user_data::overlap),
    check!(UserData, "through a reconnect", user_data::reconnect),
    check!(
        UserData,
        "subscribing twice, and the end of a subscription",
        user_data::subscribing_twice
    ),
    check!(Limits, "used weight in every answer of REST", limits::weight),
    check!(Limits, "order counts", limits::order_count),
    check!(Limits, "rateLimits of the WebSocket API", limits::told_over_ws),
    check!(Limits, "unfilled order count", limits::unfilled),
    check!(Account, "orders and trades of the past", account::history),
];
