//! Order lists, and what else can happen to several orders or to one that stays: cancels of all,
//! amendments, self-trade prevention, allocations, what an order would cost.

use std::borrow::Cow;

use model::{Amount, Price, Quantity, Timestamp};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::account::CommissionDiscount;
use super::field::{instant, optional_instant};
use super::order::OrderReply;
use crate::{
    ListOrderStatus, ListStatusType, OrderSide, OrderType, SelfTradePrevention, WireOrderStatus,
    WireTimeInForce,
};

/// An order list as any answer tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderListReply<'a> {
    /// The venue's number.
    pub order_list_id: i64,
    /// `OCO` or `OTO`; an OTOCO is an `OTO` as well.
    #[serde(borrow)]
    pub contingency_type: Cow<'a, str>,
    /// What the answer reports; not in the answer to an amendment.
    pub list_status_type: Option<ListStatusType>,
    /// Where the list is.
    pub list_order_status: ListOrderStatus,
    /// The list's client id.
    #[serde(borrow)]
    pub list_client_order_id: Cow<'a, str>,
    /// When it last changed; not in the answer to an amendment.
    #[serde(default, deserialize_with = "optional_instant")]
    pub transaction_time: Option<Timestamp>,
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// Its orders.
    #[serde(borrow)]
    pub orders: Vec<ListedOrder<'a>>,
    /// Its orders in full, when they were just placed or canceled.
    #[serde(borrow, default)]
    pub order_reports: Vec<OrderReply<'a>>,
}

/// An order of a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedOrder<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// The venue's number of the order.
    pub order_id: i64,
    /// Its client id.
    #[serde(borrow)]
    pub client_order_id: Cow<'a, str>,
}

/// One row of the answer to canceling everything on a symbol.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum CanceledReply<'a> {
    /// A list with its orders.
    List(#[serde(borrow)] Box<OrderListReply<'a>>),
    /// An order of its own.
    Order(#[serde(borrow)] Box<OrderReply<'a>>),
}

/// The answer to an amendment that keeps the order's place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AmendReply<'a> {
    /// When it took effect.
    #[serde(deserialize_with = "instant")]
    pub transact_time: Timestamp,
    /// Number of the report of it.
    pub execution_id: i64,
    /// The order as it is now.
    #[serde(borrow)]
    pub amended_order: AmendedOrder<'a>,
    /// Its list, if it has one.
    #[serde(borrow)]
    pub list_status: Option<OrderListReply<'a>>,
}

/// An order after an amendment; its fields have other names than elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AmendedOrder<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// The venue's number.
    pub order_id: i64,
    /// The list that the order belongs to, -1 for none.
    pub order_list_id: i64,
    /// The order's client id before.
    #[serde(borrow)]
    pub orig_client_order_id: Cow<'a, str>,
    /// The order's client id from now on.
    #[serde(borrow)]
    pub client_order_id: Cow<'a, str>,
    /// Limit price.
    pub price: Price,
    /// Quantity asked from now on.
    pub qty: Quantity,
    /// Quantity executed.
    pub executed_qty: Quantity,
    /// Quantity that self-trade prevention took.
    pub prevented_qty: Quantity,
    /// Quote amount executed (spelt rightly here).
    pub cumulative_quote_qty: Amount,
    /// Where it is in its life.
    pub status: WireOrderStatus,
    /// How long it stays.
    pub time_in_force: WireTimeInForce,
    /// Its kind.
    #[serde(rename = "type")]
    pub order_type: OrderType,
    /// Its side.
    pub side: OrderSide,
    /// When it came onto the book.
    #[serde(default, deserialize_with = "optional_instant")]
    pub working_time: Option<Timestamp>,
    /// What happens when it meets another order of the account.
    pub self_trade_prevention_mode: SelfTradePrevention,
}

/// One row of `/order/amendments`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Amendment<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// The venue's number of the order.
    pub order_id: i64,
    /// Number of the report of it.
    pub execution_id: i64,
    /// The order's client id before.
    #[serde(borrow)]
    pub orig_client_order_id: Cow<'a, str>,
    /// The order's client id after.
    #[serde(borrow)]
    pub new_client_order_id: Cow<'a, str>,
    /// Quantity before.
    pub orig_qty: Quantity,
    /// Quantity after.
    pub new_qty: Quantity,
    /// When.
    #[serde(deserialize_with = "instant")]
    pub time: Timestamp,
}

/// One row of `/myPreventedMatches`: a trade with ourselves that did not happen.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreventedMatch<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// Number.
    pub prevented_match_id: i64,
    /// The order that would have taken.
    pub taker_order_id: i64,
    /// The order that would have rested.
    pub maker_order_id: i64,
    /// The group of accounts that do not trade with each other.
    pub trade_group_id: i64,
    /// What was done instead.
    pub self_trade_prevention_mode: SelfTradePrevention,
    /// At which price.
    pub price: Price,
    /// What the taker lost.
    pub taker_prevented_quantity: Option<Quantity>,
    /// What the maker lost.
    pub maker_prevented_quantity: Option<Quantity>,
    /// When.
    #[serde(deserialize_with = "instant")]
    pub transact_time: Timestamp,
}

/// One row of `/myAllocations`: a fill that smart order routing gave us.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Allocation<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// Number.
    pub allocation_id: i64,
    /// `SOR`.
    #[serde(borrow)]
    pub allocation_type: Cow<'a, str>,
    /// The venue's number of the order.
    pub order_id: i64,
    /// Price.
    pub price: Price,
    /// Base quantity.
    pub qty: Quantity,
    /// Fee.
    pub commission: Amount,
    /// What the fee was paid in.
    #[serde(borrow)]
    pub commission_asset: Cow<'a, str>,
    /// When.
    #[serde(deserialize_with = "instant")]
    pub time: Timestamp,
    /// Whether we bought.
    pub is_buyer: bool,
}

/// `/order/test` with `computeCommissionRates`: what the order would pay.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCommissions<'a> {
    /// The part that a discount applies to.
    pub standard_commission_for_order: OrderRates,
    /// Special part.
    pub special_commission_for_order: Option<OrderRates>,
    /// Tax.
    pub tax_commission_for_order: OrderRates,
    /// Discount for paying in another asset.
    #[serde(borrow)]
    pub discount: CommissionDiscount<'a>,
}

/// Fee rates of one order, as fractions of what is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct OrderRates {
    /// For resting.
    pub maker: Decimal,
    /// For taking.
    pub taker: Decimal,
}
