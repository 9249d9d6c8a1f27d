//! Orders: what the venue answers to placing, querying, canceling and replacing them.

use std::borrow::Cow;

use model::{Amount, Price, Quantity, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::field::{optional_instant, optional_text};
use super::{ApiError, CanceledReply, DecodeError, parse};
use crate::{OrderSide, OrderType, SelfTradePrevention, WireOrderStatus, WireTimeInForce};

/// An order as any answer tells it. How much is there depends on the question: ACK gives ids
/// and a time, RESULT the state, FULL the fills, a query the times, a cancel both client ids.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderReply<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// The venue's number.
    pub order_id: i64,
    /// The list that the order belongs to, -1 for none.
    #[serde(default = "no_list")]
    pub order_list_id: i64,
    /// The order's client id; in the answer to a cancel, the id of the cancel.
    #[serde(borrow)]
    pub client_order_id: Cow<'a, str>,
    /// In the answer to a cancel, the order's client id.
    #[serde(borrow, default, deserialize_with = "optional_text")]
    pub orig_client_order_id: Option<Cow<'a, str>>,
    /// When the request took effect.
    #[serde(default, deserialize_with = "optional_instant")]
    pub transact_time: Option<Timestamp>,
    /// Limit price; zero for market orders.
    pub price: Option<Price>,
    /// Quantity asked.
    pub orig_qty: Option<Quantity>,
    /// Quantity executed.
    pub executed_qty: Option<Quantity>,
    /// Quote amount asked, for market orders by amount.
    pub orig_quote_order_qty: Option<Amount>,
    /// Quote amount executed (the venue spells it so); negative when it does not know.
    pub cummulative_quote_qty: Option<Amount>,
    /// Where it is in its life.
    pub status: Option<WireOrderStatus>,
    /// How long it stays.
    pub time_in_force: Option<WireTimeInForce>,
    /// Its kind.
    #[serde(rename = "type")]
    pub order_type: Option<OrderType>,
    /// Its side.
    pub side: Option<OrderSide>,
    /// Trigger price.
    pub stop_price: Option<Price>,
    /// When it was placed.
    #[serde(default, deserialize_with = "optional_instant")]
    pub time: Option<Timestamp>,
    /// When it last changed.
    #[serde(default, deserialize_with = "optional_instant")]
    pub update_time: Option<Timestamp>,
    /// Whether it is on the book.
    pub is_working: Option<bool>,
    /// When it came onto the book in venue units; -1 while it waits for a trigger or its list.
    pub working_time: Option<i64>,
    /// What happens when it meets another order of the account.
    pub self_trade_prevention_mode: Option<SelfTradePrevention>,
    /// Why it ended before it was filled.
    #[serde(borrow, default, deserialize_with = "optional_text")]
    pub expiry_reason: Option<Cow<'a, str>>,
    /// The fills, with FULL.
    #[serde(borrow, default)]
    pub fills: Vec<ReplyFill<'a>>,
}

const fn no_list() -> i64 {
    -1
}

impl OrderReply<'_> {
    /// The client id that the order was placed with, whichever answer this is.
    #[must_use]
    pub fn own_client_order_id(&self) -> &str {
        self.orig_client_order_id.as_deref().unwrap_or(&self.client_order_id)
    }
}

/// A fill in the answer to an order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplyFill<'a> {
    /// Price.
    pub price: Price,
    /// Base quantity.
    pub qty: Quantity,
    /// Fee.
    pub commission: Amount,
    /// What the fee was paid in.
    #[serde(borrow)]
    pub commission_asset: Cow<'a, str>,
    /// The venue's trade; negative when it gave none.
    pub trade_id: i64,
}

/// The answer to cancelReplace. On failure it stands under `data` of the error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelReplaceReply<'a> {
    /// What became of the cancel.
    pub cancel: LegReply<CanceledReply<'a>>,
    /// What became of the new order.
    pub new_order: LegReply<OrderReply<'a>>,
}

/// What became of one half of a cancelReplace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegReply<R> {
    /// It was done.
    Done(Box<R>),
    /// It was refused.
    Refused(ApiError),
    /// It was not tried.
    NotAttempted,
}

impl<'a> CancelReplaceReply<'a> {
    /// Reads the object with the two results and responses.
    ///
    /// # Errors
    /// [`DecodeError`]; either half is then unknown.
    pub fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Halves<'a> {
            #[serde(borrow)]
            cancel_result: Cow<'a, str>,
            #[serde(borrow)]
            new_order_result: Cow<'a, str>,
            #[serde(borrow)]
            cancel_response: Option<&'a RawValue>,
            #[serde(borrow)]
            new_order_response: Option<&'a RawValue>,
        }
        let halves: Halves<'a> = parse("cancelReplace", bytes)?;
        Ok(Self {
            cancel: read_leg(&halves.cancel_result, halves.cancel_response)?,
            new_order: read_leg(&halves.new_order_result, halves.new_order_response)?,
        })
    }
}

fn read_leg<'a, R: Deserialize<'a>>(
    result: &str,
    response: Option<&'a RawValue>,
) -> Result<LegReply<R>, DecodeError> {
    let bytes = response.map_or(&b"null"[..], |response| response.get().as_bytes());
    match result {
        "SUCCESS" => Ok(LegReply::Done(parse("cancelReplace leg", bytes)?)),
        "FAILURE" => Ok(LegReply::Refused(parse("cancelReplace leg", bytes)?)),
        "NOT_ATTEMPTED" => Ok(LegReply::NotAttempted),
        other => Err(DecodeError::impossible("cancelReplace", "result", &other)),
    }
}
