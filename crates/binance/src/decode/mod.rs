//! Reading what the venue sends.
//!
//! Every decoder takes the bytes of one frame or body and gives borrowed, typed fields or a
//! [`DecodeError`]: no input makes it panic. What the fields mean for the engine is said by the
//! `to_…` methods, which give the values of `model`.

mod account;
mod book_ticker;
mod depth;
mod exchange_info;
mod field;
mod kline;
mod order;
mod order_list;
mod rest;
mod rules;
mod scan;
mod stream;
mod ticker;
mod trade;
mod user_data;
mod ws_api;

#[cfg(test)]
mod oracle;

use std::fmt;

use serde::Deserialize;

pub use account::{
    Account, AccountRestrictions, Balance, CommissionDiscount, CommissionRates, Commissions,
    MyTrade,
};
pub use book_ticker::BookTicker;
pub use depth::{DepthSnapshot, DepthUpdateEvent};
pub use exchange_info::{ExchangeInfo, RateLimit, SkippedSymbol, SymbolInfo};
pub use field::{ApiError, RequestId, venue_instant};
pub use kline::{KlineEvent, KlineRow};
pub use order::{CancelReplaceReply, LegReply, OrderReply, ReplyFill};
pub use order_list::{
    Allocation, AmendReply, AmendedOrder, Amendment, CanceledReply, ListedOrder, OrderCommissions,
    OrderListReply, OrderRates, PreventedMatch,
};
pub use rest::{BookTickerRow, PriceRow, PublicTrade, ServerTime};
pub use rules::{
    AccountFilter, AccountFilters, ExecutionRule, ExecutionRules, SmartOrderRoute, SymbolRules,
};
pub use stream::{ControlResult, StreamEvent, StreamFrame, decode_stream};
pub use ticker::{
    AveragePrice, AveragePriceEvent, BlockTrade, ReferencePrice, ReferencePriceCalculation,
    ReferencePriceEvent, Ticker, TickerEvent,
};
pub use trade::{AggTrade, AggTradeRow, TradeEvent};
pub use user_data::{
    AccountPosition, BalanceUpdate, ExecutionReport, ListOrder, ListStatus, PositionBalance,
    UserEvent,
};
pub use ws_api::{WsApiEvent, WsApiFrame, WsApiResponse, WsLogon, WsSubscription, decode_ws_api};

/// Why bytes from the venue could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No JSON, or not of the expected shape.
    #[error("malformed {what}: {detail}")]
    Malformed {
        /// What was expected.
        what: &'static str,
        /// What is wrong and where.
        detail: String,
    },
    /// Well-formed, but a value that can't be.
    #[error("impossible {field} in {what}: {value}")]
    Impossible {
        /// What was being read.
        what: &'static str,
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
    },
}

impl DecodeError {
    pub(crate) fn impossible(
        what: &'static str,
        field: &'static str,
        value: &dyn fmt::Display,
    ) -> Self {
        Self::Impossible { what, field, value: brief(&value.to_string()) }
    }
}

/// The beginning of a text from outside, which may be of any length, for an error.
pub(crate) fn brief(text: &str) -> String {
    const MOST: usize = 160;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Reads one JSON document, such as the body of a REST answer.
///
/// # Errors
/// [`DecodeError::Malformed`], which names `what` was expected.
pub fn parse<'a, T: Deserialize<'a>>(
    what: &'static str,
    bytes: &'a [u8],
) -> Result<T, DecodeError> {
    serde_json::from_slice(bytes)
        .map_err(|error| DecodeError::Malformed { what, detail: brief(&error.to_string()) })
}
