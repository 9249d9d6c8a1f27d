//! The venue's errors: HTTP status, code and the exact words that clients match on.
//!
//! One constructor an error, so that no message text is written twice; those that always say the
//! same are a table. The texts are facts of the documented protocol (errors.md) and must not be
//! "improved": ccxt and others tell -2010 rejects apart by these words alone.

use std::fmt;

use serde::Serialize;

/// An error answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiError {
    /// HTTP status on REST, `status` on the WebSocket API.
    pub status: u16,
    /// The venue's code.
    pub code: i32,
    /// The venue's words.
    pub msg: String,
    /// Seconds until a limit opens again: the `Retry-After` header.
    pub retry_after_secs: Option<u64>,
    /// The nested answers of a cancel-and-replace, as JSON.
    pub data: Option<String>,
    /// Whether the request counts as the orders that it did not place.
    pub counts_as_orders: bool,
}

/// The JSON body `{"code":…,"msg":…}`.
#[derive(Serialize)]
struct Body<'a> {
    code: i32,
    msg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a serde_json::value::RawValue>,
}

impl ApiError {
    fn with_status(status: u16, code: i32, msg: impl Into<String>) -> Self {
        let msg = msg.into();
        Self { status, code, msg, retry_after_secs: None, data: None, counts_as_orders: false }
    }

    fn bad_request(code: i32, msg: impl Into<String>) -> Self {
        Self::with_status(400, code, msg)
    }

    fn limited(status: u16, code: i32, msg: String, retry_after_secs: u64) -> Self {
        Self { retry_after_secs: Some(retry_after_secs), ..Self::with_status(status, code, msg) }
    }

    /// The error as the venue's JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let data = self.data.as_deref().map(|data| {
            serde_json::from_str(data).expect("nested answers are JSON that we produced")
        });
        serde_json::to_string(&Body { code: self.code, msg: &self.msg, data })
            .expect("plain strings and numbers always serialise")
    }

    /// -1003 with 429: too much weight in the current window.
    #[must_use]
    pub fn too_much_weight(limit: u32, window: &str, retry_after_secs: u64) -> Self {
        let msg = format!(
            "Too much request weight used; current limit is {limit} request weight per {window}. \
             Please use WebSocket Streams for live updates to avoid polling the API."
        );
        Self::limited(429, -1003, msg, retry_after_secs)
    }

    /// -1003 with 429: too many requests, whatever they weigh.
    #[must_use]
    pub fn too_many_requests(limit: u32, retry_after_secs: u64) -> Self {
        let msg = format!(
            "Too many requests; current limit is {limit} requests per 5 MINUTE. Please use \
             WebSocket Streams for live updates to avoid polling the API."
        );
        Self::limited(429, -1003, msg, retry_after_secs)
    }

    /// -1003: more websockets opened than an address may.
    #[must_use]
    pub fn too_many_connections(limit: u32, retry_after_secs: u64) -> Self {
        let msg = format!(
            "Too many connection attempts; current limit is {limit} connection attempts per 5 \
             MINUTE."
        );
        Self::limited(429, -1003, msg, retry_after_secs)
    }

    /// -1003 with 418: banned for not obeying 429.
    #[must_use]
    pub fn banned(until_ms: i64, retry_after_secs: u64) -> Self {
        let msg = format!(
            "Way too much request weight used; IP banned until {until_ms}. Please use WebSocket \
             Streams for live updates to avoid bans."
        );
        Self::limited(418, -1003, msg, retry_after_secs)
    }

    /// -1013 for a filter by name.
    #[must_use]
    pub fn filter(name: &str) -> Self {
        Self::bad_request(-1013, format!("Filter failure: {name}"))
    }

    /// -1013 with other words.
    #[must_use]
    pub fn invalid_message(msg: &str) -> Self {
        Self::bad_request(-1013, msg)
    }

    /// -1015: too many unfilled orders.
    #[must_use]
    pub fn too_many_orders(limit: u32, window: &str, retry_after_secs: u64) -> Self {
        let msg = format!("Too many new orders; current limit is {limit} orders per {window}.");
        Self::limited(429, -1015, msg, retry_after_secs)
    }

    /// -1021: too old by the time it would have reached the matching engine.
    #[must_use]
    pub fn outside_recv_window_at_engine() -> Self {
        Self { counts_as_orders: true, ..Self::outside_recv_window() }
    }

    /// -1099 stands for nothing here; unknown paths answer 404 with this body.
    #[must_use]
    pub fn path_not_found(path: &str) -> Self {
        Self::with_status(
            404,
            -1099,
            format!("Not found, unauthenticated, or unauthorized: {path}"),
        )
    }

    /// -1100.
    #[must_use]
    pub fn illegal_characters(name: &str, legal: &str) -> Self {
        Self::bad_request(
            -1100,
            format!("Illegal characters found in parameter '{name}'; legal range is '{legal}'."),
        )
    }

    /// -1101: parameters that the endpoint does not have.
    #[must_use]
    pub fn too_many_parameters(expected: usize, received: usize) -> Self {
        Self::bad_request(
            -1101,
            format!("Too many parameters; expected '{expected}' and received '{received}'."),
        )
    }

    /// -1102.
    #[must_use]
    pub fn mandatory(name: &str) -> Self {
        Self::bad_request(
            -1102,
            format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."),
        )
    }

    /// -1102 for a pair of which one is needed.
    #[must_use]
    pub fn either(first: &str, second: &str) -> Self {
        Self::bad_request(
            -1102,
            format!("Param '{first}' or '{second}' must be sent, but both were empty/null!"),
        )
    }

    /// -1104.
    #[must_use]
    pub fn unread_parameters(read: usize, sent: usize) -> Self {
        Self::bad_request(
            -1104,
            format!(
                "Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
            ),
        )
    }

    /// -1105.
    #[must_use]
    pub fn empty(name: &str) -> Self {
        Self::bad_request(-1105, format!("Parameter '{name}' was empty."))
    }

    /// -1106.
    #[must_use]
    pub fn not_required(name: &str) -> Self {
        Self::bad_request(-1106, format!("Parameter '{name}' sent when not required."))
    }

    /// -1108.
    #[must_use]
    pub fn overflow(name: &str) -> Self {
        Self::bad_request(-1108, format!("Parameter '{name}' overflowed."))
    }

    /// -1111.
    #[must_use]
    pub fn too_precise(name: &str) -> Self {
        Self::bad_request(-1111, format!("Parameter '{name}' has too much precision."))
    }

    /// -1127.
    #[must_use]
    pub fn more_than_hours(hours: u32) -> Self {
        Self::bad_request(-1127, format!("More than {hours} hours between startTime and endTime."))
    }

    /// -1130.
    #[must_use]
    pub fn invalid_parameter(name: &str) -> Self {
        Self::bad_request(-1130, format!("Data sent for parameter '{name}' is not valid."))
    }

    /// -2010 with the matching engine's words.
    #[must_use]
    pub fn order_rejected(msg: &str) -> Self {
        Self::bad_request(-2010, msg)
    }

    /// -2011 with the matching engine's words.
    #[must_use]
    pub fn cancel_rejected(msg: &str) -> Self {
        Self::bad_request(-2011, msg)
    }

    /// -1128 with the parameter that is missing.
    #[must_use]
    pub fn recommended_combination(name: &str) -> Self {
        Self::bad_request(
            -1128,
            format!(
                "Combination of optional parameters invalid. Recommendation: '{name}' should also be sent."
            ),
        )
    }

    /// -2021: one half of a cancel-and-replace failed; `data` holds both answers.
    #[must_use]
    pub fn replace_half_failed(data: String) -> Self {
        let error = Self::with_status(409, -2021, "Order cancel-replace partially failed.");
        Self { data: Some(data), ..error }
    }

    /// -2022: both halves of a cancel-and-replace failed; `data` holds both answers.
    #[must_use]
    pub fn replace_failed(data: String) -> Self {
        Self { data: Some(data), ..Self::bad_request(-2022, "Order cancel-replace failed.") }
    }

    /// -1160: a part that shows of a leg that would not rest.
    #[must_use]
    pub fn iceberg_not_resting(iceberg: &str, time_in_force: &str) -> Self {
        Self::bad_request(
            -1160,
            format!("Parameter '{iceberg}' is not supported if '{time_in_force}' is not GTC."),
        )
    }

    /// -4056: sessions are logged on with Ed25519 keys alone. Not in the documents, which only say
    /// that it can't be done.
    #[must_use]
    pub fn key_kind_not_supported(kind: &str) -> Self {
        Self::bad_request(-4056, format!("{kind} API key is not supported."))
    }

    /// Whether the matching engine refused an order, and not what stands in front of it.
    #[must_use]
    pub const fn is_of_engine(&self) -> bool {
        self.code == -2010
    }

    /// The one word that the user data stream has for a refused order.
    #[must_use]
    pub fn reject_reason(&self) -> &'static str {
        let reasons = [
            (Self::insufficient_balance(), "INSUFFICIENT_BALANCES"),
            (Self::would_trigger(), "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY"),
            (Self::would_take(), "WOULD_MATCH_IMMEDIATELY"),
            (Self::bad_price_relation(), "OCO_BAD_PRICES"),
        ];
        let known = reasons.into_iter().find(|(error, _)| error == self);
        known.map_or("NONE", |(_, reason)| reason)
    }

    /// A pair of kinds that no list has: -1158, -1165 to -1168, -1196 to -1199.
    #[must_use]
    pub fn bad_pair(code: i32) -> Self {
        let msg = match code {
            -1158 => "Order type not supported in OCO.",
            -1165 => "A limit order in a buy OCO must be below.",
            -1166 => "A limit order in a sell OCO must be above.",
            -1168 => "At least one OCO order must be contingent.",
            -1196 => "A stop loss order in a buy OCO must be above.",
            -1197 => "A stop loss order in a sell OCO must be below.",
            -1198 => "A take profit order in a buy OCO must be below.",
            _ => "A take profit order in a sell OCO must be above.",
        };
        Self::bad_request(code, msg)
    }

    /// -2038 with the matching engine's words.
    #[must_use]
    pub fn amend_rejected(msg: &str) -> Self {
        Self::bad_request(-2038, msg)
    }
}

/// The errors that always say the same: status, code, words.
macro_rules! errors {
    ($($(#[$meaning:meta])* $name:ident: $status:literal, $code:literal, $words:literal;)+) => {
        impl ApiError {
            $(
                $(#[$meaning])*
                #[must_use]
                pub fn $name() -> Self {
                    Self::with_status($status, $code, $words)
                }
            )+
        }
    };
}

errors! {
    /// Used where the real venue would fail without a reason.
    unknown: 500, -1000, "An unknown error occurred while processing the request.";
    /// The outcome is unknown.
    backend_timeout: 504, -1007,
        "Timeout waiting for response from backend server. Send status unknown; execution status unknown.";
    /// Too much is going on; nothing was done.
    overloaded: 503, -1008,
        "Server is currently overloaded with other requests. Please try again in a few minutes.";
    /// What this exchange leaves out.
    unsupported: 400, -1020, "This operation is not supported.";
    /// Too old, or by more than recvWindow.
    outside_recv_window: 400, -1021, "Timestamp for this request is outside of the recvWindow.";
    /// In the future.
    ahead_of_server: 400, -1021,
        "Timestamp for this request was 1000ms ahead of the server's time.";
    /// A signature that does not fit.
    bad_signature: 400, -1022, "Signature for this request is not valid.";
    /// The same parameter twice.
    duplicate_parameter: 400, -1101, "Duplicate values for a parameter detected.";
    /// A time in force for what has none.
    time_in_force_not_required: 400, -1114, "TimeInForce parameter sent when not required.";
    /// No time in force.
    bad_time_in_force: 400, -1115, "Invalid timeInForce.";
    /// No kind of order.
    bad_order_type: 400, -1116, "Invalid orderType.";
    /// Neither BUY nor SELL.
    bad_side: 400, -1117, "Invalid side.";
    /// No interval of klines.
    bad_interval: 400, -1120, "Invalid interval.";
    /// No symbol of this venue.
    bad_symbol: 400, -1121, "Invalid symbol.";
    /// No status of symbols.
    bad_symbol_status: 400, -1122, "Invalid symbolStatus.";
    /// Listen keys are gone.
    no_listen_key: 410, -1125, "This listenKey does not exist.";
    /// Parameters that do not go together.
    bad_combination: 400, -1128, "Combination of optional parameters invalid.";
    /// More than a minute.
    recv_window_too_large: 400, -1131, "recvWindow must be less than 60000.";
    /// A type that is kept for the venue.
    strategy_type_too_small: 400, -1134, "strategyType was less than 1000000.";
    /// A frame that is no request.
    invalid_json: 400, -1135, "Invalid JSON Request";
    /// Neither FULL nor MINI.
    bad_ticker_type: 400, -1139, "Invalid ticker type.";
    /// No restriction of cancels.
    bad_cancel_restrictions: 400, -1145, "Invalid cancelRestrictions";
    /// A symbol twice.
    duplicate_symbols: 400, -1151, "Symbol is present multiple times in the list.";
    /// No unit of times.
    bad_time_unit: 400, -1194,
        "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.";
    /// The symbol is in another status.
    other_symbol_status: 400, -1220,
        "The symbol's status does not match the requested symbolStatus.";
    /// Balance.
    insufficient_balance: 400, -2010, "Account has insufficient balance for requested action.";
    /// Duplicate client order id among open orders.
    duplicate_order: 400, -2010, "Duplicate order sent.";
    /// Post-only order that would take.
    would_take: 400, -2010, "Order would immediately match and take.";
    /// Stop on the wrong side of the market.
    would_trigger: 400, -2010, "Order would trigger immediately.";
    /// Symbol not trading.
    market_closed: 400, -1013, "Market is closed.";
    /// Kind and options that do not go together.
    unsupported_combination: 400, -2010, "Unsupported order combination";
    /// The prices of a pair are on the wrong sides of the last price.
    bad_price_relation: 400, -2010, "The relationship of the prices for the orders is not correct.";
    /// No such open order.
    unknown_order: 400, -2011, "Unknown order sent.";
    /// CancelRestrictions not met.
    cancel_restricted: 400, -2011, "Order was not canceled due to cancel restrictions.";
    /// A query without an order.
    no_such_order: 400, -2013, "Order does not exist.";
    /// A name that no key has.
    bad_key_format: 401, -2014, "API-key format invalid.";
    /// A key that is not known here, or may not.
    key_rejected: 401, -2015, "Invalid API-key, IP, or permissions for action.";
    /// No such list.
    no_such_list: 400, -2018, "Order list does not exist.";
    /// Too old to be told of.
    archived: 400, -2026,
        "Order was canceled or expired with no executed qty over 90 days ago and has been archived.";
    /// Subscribed already.
    subscription_active: 400, -2035, "User Data Stream subscription already active.";
    /// Not subscribed.
    subscription_inactive: 400, -2036, "User Data Stream subscription not active.";
    /// Two ids of different orders.
    id_pair_mismatch: 400, -2039, "Client order ID is not correct for this order ID.";
    /// Numbers of subscriptions are used up.
    too_many_subscriptions: 400, -2042, "Maximum subscription ID reached for this connection.";
    /// A symbol that never had one.
    no_reference_price: 400, -2043, "This symbol doesn't have a reference price.";
}

impl fmt::Display for ApiError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.msg)
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_the_venues_json() {
        assert_eq!(ApiError::bad_symbol().to_json(), r#"{"code":-1121,"msg":"Invalid symbol."}"#);
        let mut nested = ApiError::unknown_order();
        nested.data = Some(r#"{"cancelResult":"FAILURE"}"#.to_owned());
        assert_eq!(
            nested.to_json(),
            r#"{"code":-2011,"msg":"Unknown order sent.","data":{"cancelResult":"FAILURE"}}"#
        );
    }
}
